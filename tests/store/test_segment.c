/* What is a batch, and of this place: nothing else is believed, whatever its checksum. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "fixture.h"
#include "store/log_reader.h"
#include "store/segment.h"

enum { PAYLOAD_BYTES = 100, WINDOW_BYTES = 1024 };

struct sample {
    struct batch_place place;
    struct batch_head head;
    struct entry_identity identity; /* Of its only entry. */
    char data[2048];
};

static void sample_make(struct sample *s)
{
    struct entry *e = entry_new(2, PAYLOAD_BYTES);

    memset(s, 0, sizeof *s);
    s->place = (struct batch_place){
        .identity = {.node_id = FIXTURE_NODE, .cluster_id = FIXTURE_CLUSTER},
        .segment = 3,
        .salt = 5,
        .offset = 1024,
    };
    s->head.number = 8;
    s->head.first_index = 7;
    s->head.entry_count = 1;
    e->index = 7;
    e->term = 2;
    memset(e->data, 'x', PAYLOAD_BYTES);
    batch_encode(s->data, &s->head, &s->place, &e, false);
    batch_identity_at(s->data, &s->head, 0, &s->identity);
    entry_release(e);
}

static void test_batch__is_recognised_by_its_head(void **state)
{
    struct sample s;
    uint32_t too_many = BATCH_ENTRIES_MAX + 1;
    uint32_t bytes = BATCH_HEAD_BYTES + BATCH_IDENTITY_BYTES * too_many;

    (void)state;
    sample_make(&s);
    assert_int_equal(batch_head_expect(s.data), BATCH_HEAD_BYTES + BATCH_IDENTITY_BYTES);
    put_u32(s.data + 16, bytes);
    assert_int_equal(batch_head_expect(s.data), 0); /* So long a table has more entries. */
    put_u32(s.data + 20, too_many);
    assert_int_equal(batch_head_expect(s.data), 0); /* A batch never has so many. */
    sample_make(&s);
    s.data[0] ^= 1;
    assert_int_equal(batch_head_expect(s.data), 0);
    assert_false(batch_head_decode(s.data, &s.place, &s.head));
}

static void test_batch__of_another_place_is_not_believed(void **state)
{
    struct sample s;
    struct batch_head head;
    struct batch_place places[5];

    (void)state;
    sample_make(&s);
    for (int i = 0; i < 5; i++) {
        places[i] = s.place;
    }
    places[0].identity.cluster_id++;
    places[1].identity.node_id++;
    places[2].segment++;
    places[3].offset += 512;
    places[4].salt++;
    for (int i = 0; i < 5; i++) {
        assert_false(batch_head_decode(s.data, &places[i], &head));
    }
    assert_true(batch_head_decode(s.data, &s.place, &head));
    assert_int_equal(head.number, s.head.number);
}

static void assert_no_payload(const struct sample *s)
{
    assert_null(batch_payload(s->data, &s->head, &s->place, &s->identity).data);
}

static void test_payload__is_within_its_batch_and_as_it_was_written(void **state)
{
    struct sample s;
    struct slice payload;

    (void)state;
    sample_make(&s);
    payload = batch_payload(s.data, &s.head, &s.place, &s.identity);
    assert_int_equal(payload.size, PAYLOAD_BYTES);
    assert_int_equal(payload.data[PAYLOAD_BYTES - 1], 'x');

    s.identity.size = ENTRY_BYTES_MAX + 1;
    assert_no_payload(&s);
    sample_make(&s);
    s.identity.offset = (uint32_t)s.head.batch_bytes;
    assert_no_payload(&s);
    sample_make(&s);
    s.data[s.identity.offset] ^= 1; /* Its head. */
    assert_no_payload(&s);
    sample_make(&s);
    s.data[s.identity.offset + RECORD_HEAD_BYTES] ^= 1;
    assert_no_payload(&s);
}

/* The window is moved forward and back, and is shorter than the file. */
static void test_reader__shows_what_the_file_has(void **state)
{
    static const uint64_t offsets[] = {0, 512, 4096, 4608, 512, 0, 60000};
    struct fixture *f = *state;
    struct store_identity identity;
    struct log_reader reader;
    struct image image;

    fixture_open(f);
    fixture_append_durable(f, 3, 3000);
    fixture_close(f);
    identity = f->recovered.identity;
    identity.cluster_id = FIXTURE_CLUSTER;
    image = image_read(f, "log-0000000000000001.seg");
    assert_int_equal(log_reader_open(&reader, f->io, f->dir, &identity, 1, WINDOW_BYTES),
                     FILE_GOOD);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        const char *data = log_reader_view(&reader, offsets[i], 512);

        assert_non_null(data);
        assert_memory_equal(data, image.data + offsets[i], 512);
    }
    assert_null(log_reader_view(&reader, reader.file_bytes + 1, 0));
    assert_null(log_reader_view(&reader, 512, reader.file_bytes));
    assert_int_equal(reader.error, 0);

    image.size = 30000; /* Somebody shortens it meanwhile. */
    image_write(f, "log-0000000000000001.seg", &image);
    assert_null(log_reader_view(&reader, 50000, 512));
    assert_int_equal(reader.error, 0);
    log_reader_close(&reader);
    image_free(&image);
}

/* --- the window of a reader ---------------------------------------------------------------- */

enum { FILE_BYTES = 9 * 1024 * 1024 };

static char byte_at(uint64_t offset)
{
    return (char)(offset * 7 + offset / 251);
}

/* A reader of a file with those bytes, which its head would say is a KB longer. */
static void window_open(struct log_reader *reader, struct fixture *f)
{
    char path[320];
    char *bytes = memory_take(FILE_BYTES);

    snprintf(path, sizeof path, "%s/window", f->root);
    for (uint64_t i = 0; i < FILE_BYTES; i++) {
        bytes[i] = byte_at(i);
    }
    *reader = (struct log_reader){.file_bytes = FILE_BYTES + 1024, .window_bytes = WINDOW_BYTES};
    assert_int_equal(io_file_open(f->io, path, IO_CREATE, &reader->file), 0);
    assert_int_equal(io_file_write(reader->file, 0, bytes, FILE_BYTES), 0);
    free(bytes);
}

static void check_view(struct log_reader *reader, uint64_t offset, uint64_t size)
{
    const char *view = log_reader_view(reader, offset, size);

    assert_non_null(view);
    for (uint64_t i = 0; i < size; i++) {
        assert_int_equal(view[i], byte_at(offset + i));
    }
}

static void test_window__shows_any_part_after_any_other(void **state)
{
    const struct {
        uint64_t offset;
        uint64_t size;
    } views[] = {
        {0, 100},
        {50, 50},              /* In the window. */
        {900, 200},            /* Its end is kept. */
        {1500, 4000},          /* It grows, and keeps some. */
        {1000, 600},           /* Back, before what is there. */
        {FILE_BYTES - 10, 10}, /* Far behind it. */
        {0, 8 * 1024 * 1024 + 5},
        {8 * 1024 * 1024, 100}, /* In the window, which stays large; */
        {100, 100},
        {8 * 1024 * 1024 + 10, 1000}, /* then it shrinks, from its own end. */
        {10, 20},
    };
    struct log_reader reader;

    window_open(&reader, *state);
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        check_view(&reader, views[i].offset, views[i].size);
    }
    log_reader_close(&reader);
}

static void test_window__shows_nothing_that_is_not_there(void **state)
{
    struct log_reader reader;

    window_open(&reader, *state);
    assert_null(log_reader_view(&reader, FILE_BYTES, 1)); /* The file is too short. */
    assert_null(log_reader_view(&reader, FILE_BYTES + 1025, 0));
    assert_null(log_reader_view(&reader, 0, FILE_BYTES + 1025));
    assert_null(log_reader_view(&reader, 1, UINT64_MAX));
    assert_null(log_reader_view(&reader, UINT64_MAX, 1));
    assert_int_equal(reader.error, 0);
    check_view(&reader, 0, 10);
    log_reader_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch__is_recognised_by_its_head),
        cmocka_unit_test(test_batch__of_another_place_is_not_believed),
        cmocka_unit_test(test_payload__is_within_its_batch_and_as_it_was_written),
        cmocka_unit_test_setup_teardown(test_reader__shows_what_the_file_has, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_window__shows_any_part_after_any_other, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_window__shows_nothing_that_is_not_there, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
