/* A snapshot arrives from another node as raw bytes, continues where it was interrupted, and is
 * verified before it is accepted (I-127). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "snapshot_sample.h"
#include "store/snapshot_format.h"

enum { CHUNKS = 8, INDEX = 7, PART_BYTES = 4096 };

struct receiver {
    struct snapshot_receiving receiving;
    struct fixture *f;
    uint32_t called;
    int error;
};

static void note(struct snapshot_receiving *receiving, int error)
{
    struct receiver *r = (struct receiver *)(void *)receiving;

    r->called++;
    r->error = error;
    io_uv_stop(r->f->io);
}

static int await(struct receiver *r, uint32_t calls)
{
    while (r->called < calls) {
        io_uv_run(r->f->io);
    }
    assert_int_equal(r->called, calls);
    r->called = 0;
    return r->error;
}

static void begin(struct receiver *r, struct fixture *f, const struct store_snapshot *snapshot)
{
    *r = (struct receiver){
        .receiving = {.snapshot = *snapshot, .opened = note, .appended = note, .ended = note},
        .f = f,
    };
    snapshot_receive(f->store, &r->receiving);
    assert_int_equal(await(r, 1), 0);
}

static void append_async(struct receiver *r, const struct image *image, uint64_t size)
{
    struct buffer bytes = {0};
    uint64_t at = r->receiving.held_bytes + r->receiving.unwritten_bytes;

    size = size < image->size - at ? size : image->size - at;
    buffer_append(&bytes, image->data + at, size);
    snapshot_append(&r->receiving, at, &bytes);
    assert_int_equal(buffer_size(&bytes), 0);
}

/* Appends up to that offset, part by part. */
static void append_to(struct receiver *r, const struct image *image, uint64_t end)
{
    while (r->receiving.held_bytes < end) {
        append_async(r, image, PART_BYTES);
        assert_int_equal(await(r, 1), 0);
    }
}

static int end(struct receiver *r, enum snapshot_end how)
{
    snapshot_receive_end(&r->receiving, how);
    return await(r, 1);
}

/* The file of a snapshot that another node has; it is removed here. */
static struct image make_elsewhere(struct fixture *f, uint64_t index,
                                   struct store_snapshot *ret_snapshot)
{
    struct image image;
    char name[NAME_BYTES_MAX];
    char path[PATH_BYTES_MAX];

    *ret_snapshot = sample_make(f, index, CHUNKS);
    sample_name(name, index, "snap");
    image = image_read(f, name);
    snapshot_path(f->dir, index, path);
    assert_int_equal(unlink(path), 0);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(snapshot_newest(f->store).index, 0);
    return image;
}

static bool has_part(const struct fixture *f, const struct store_snapshot *snapshot)
{
    char path[PATH_BYTES_MAX];

    snapshot_part_path(f->dir, snapshot, path);
    return access(path, F_OK) == 0;
}

/* Changes a byte of what was received. */
static void spoil_part(const struct fixture *f, const struct store_snapshot *snapshot, size_t at)
{
    char path[PATH_BYTES_MAX];
    const char *name = path + strlen(f->dir) + 1;

    snapshot_part_path(f->dir, snapshot, path);

    struct image image = image_read(f, name);

    image.data[at] ^= 1;
    image_write(f, name, &image);
    image_free(&image);
}

/* Where chunk `number` begins. */
static size_t chunk_at(const struct image *image, uint64_t number)
{
    size_t at = SECTOR_BYTES;
    struct chunk_head head;

    for (uint64_t i = 1; i < number; i++) {
        assert_true(chunk_head_decode(image->data + at, &head));
        at += chunk_bytes(head.stored_bytes);
    }
    return at;
}

/* --- tests --- */

static void test_receive__gives_the_same_snapshot(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &snapshot);

    begin(&r, f, &snapshot);
    assert_int_equal(r.receiving.held_bytes, 0);
    append_to(&r, &image, image.size);
    assert_true(has_part(f, &snapshot));
    assert_int_equal(snapshot_newest(f->store).index, 0);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), 0);
    assert_false(has_part(f, &snapshot));

    struct store_snapshot newest = snapshot_newest(f->store);

    assert_memory_equal(&newest, &snapshot, sizeof snapshot);
    sample_check(f, &snapshot, CHUNKS);
    fixture_crash(f);
    fixture_open(f);
    newest = snapshot_newest(f->store);
    assert_memory_equal(&newest, &snapshot, sizeof snapshot);
    image_free(&image);
}

static void test_receive__takes_many_parts_at_once(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;
    uint32_t parts = 0;

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &snapshot);

    begin(&r, f, &snapshot);
    while (r.receiving.held_bytes + r.receiving.unwritten_bytes < image.size) {
        append_async(&r, &image, 100000); /* Aligned to nothing. */
        parts++;
    }
    assert_int_equal(await(&r, parts), 0);
    assert_int_equal(r.receiving.held_bytes, image.size);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), 0);
    sample_check(f, &snapshot, CHUNKS);
    image_free(&image);
}

static void test_receive__goes_on_after_each_chunk(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct store_snapshot part;
    struct receiver r;

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &snapshot);

    for (uint64_t number = 1; number <= CHUNKS + 1; number++) {
        size_t whole = chunk_at(&image, number);

        begin(&r, f, &snapshot);
        /* The chunk before it, and a piece of it. */
        while (r.receiving.held_bytes < whole + 100) {
            append_async(&r, &image, whole + 100 - r.receiving.held_bytes);
            assert_int_equal(await(&r, 1), 0);
        }
        if (number % 2 == 0) {
            assert_int_equal(end(&r, SNAPSHOT_SUSPEND), 0);
        }
        fixture_crash(f);
        fixture_open(f);
        part = snapshot_part(f->store);
        assert_memory_equal(&part, &snapshot, sizeof snapshot);
        begin(&r, f, &snapshot);
        assert_int_equal(r.receiving.held_bytes, whole);
        assert_int_equal(end(&r, SNAPSHOT_SUSPEND), 0);
    }
    begin(&r, f, &snapshot);
    append_to(&r, &image, image.size);
    assert_int_equal(end(&r, SNAPSHOT_SUSPEND), 0);
    begin(&r, f, &snapshot);
    assert_int_equal(r.receiving.held_bytes, image.size);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), 0);
    sample_check(f, &snapshot, CHUNKS);
    image_free(&image);
}

static void test_receive__drops_what_is_damaged(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &snapshot);
    size_t fourth = chunk_at(&image, 4);

    begin(&r, f, &snapshot);
    append_to(&r, &image, image.size);
    spoil_part(f, &snapshot, fourth + CHUNK_HEAD_BYTES);

    struct sample_loading loading = sample_load(f, &snapshot);

    assert_int_equal(loading.error, -EBADMSG);
    assert_int_equal(loading.load.loaded_bytes, fourth);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), -EBADMSG);
    assert_int_equal(snapshot_newest(f->store).index, 0);
    begin(&r, f, &snapshot);
    assert_int_equal(r.receiving.held_bytes, fourth);
    append_to(&r, &image, image.size);
    loading = sample_load(f, &snapshot);
    assert_int_equal(loading.error, 0);
    assert_int_equal(loading.look.count, CHUNKS);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), 0);
    sample_check(f, &snapshot, CHUNKS);
    image_free(&image);
}

static void test_receive__is_for_one_snapshot_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot first;
    struct store_snapshot second;
    struct receiver r;

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &first);
    struct image other = make_elsewhere(f, INDEX + 1, &second);

    begin(&r, f, &first);
    append_to(&r, &image, 2 * PART_BYTES);
    assert_int_equal(end(&r, SNAPSHOT_SUSPEND), 0);
    begin(&r, f, &second);
    assert_int_equal(r.receiving.held_bytes, 0);
    assert_false(has_part(f, &first));
    append_to(&r, &other, 2 * PART_BYTES);
    assert_int_equal(end(&r, SNAPSHOT_REJECT), 0);
    assert_false(has_part(f, &second));
    assert_int_equal(snapshot_part(f->store).index, 0);
    image_free(&image);
    image_free(&other);
}

/* Its name identifies it, but its content may be anything. */
static void test_receive__is_not_fooled_by_another_file(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot first;
    struct store_snapshot second;
    struct receiver r;

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &first);

    second = first;
    second.checksum++;
    begin(&r, f, &second);
    append_to(&r, &image, image.size);
    assert_int_equal(sample_load(f, &second).error, -EBADMSG);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), -EBADMSG);
    begin(&r, f, &second);
    assert_int_equal(r.receiving.held_bytes, 0);
    assert_int_equal(end(&r, SNAPSHOT_REJECT), 0);
    image_free(&image);
}

/* Puts the file of another snapshot where a part of this one would be. */
static void put_part(const struct fixture *f, const struct store_snapshot *snapshot,
                     const struct image *image)
{
    char path[PATH_BYTES_MAX];

    snapshot_part_path(f->dir, snapshot, path);
    image_write(f, path + strlen(f->dir) + 1, image);
}

static void check_begins_anew(struct fixture *f, const struct store_snapshot *snapshot)
{
    struct receiver r;

    begin(&r, f, snapshot);
    assert_int_equal(r.receiving.held_bytes, 0);
    assert_int_equal(end(&r, SNAPSHOT_REJECT), 0);
    assert_false(has_part(f, snapshot));
}

static void test_receive__does_not_continue_another_snapshot(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot first;
    struct store_snapshot second;

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &first);

    second = first;
    second.term++;
    put_part(f, &second, &image);
    check_begins_anew(f, &second);
    second = first;
    second.bytes -= SECTOR_BYTES;
    put_part(f, &second, &image);
    check_begins_anew(f, &second);
    second = first;
    second.index++;
    put_part(f, &second, &image);
    fixture_close(f);
    fixture_open(f); /* The start does not take it for a part either. */
    assert_int_equal(snapshot_part(f->store).index, 0);
    check_begins_anew(f, &second);
    image_free(&image);
}

/* The end is the only callback that still comes. */
static void test_receive__may_end_before_it_has_begun(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r = {.f = f};

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &snapshot);

    r.receiving = (struct snapshot_receiving){
        .snapshot = snapshot, .opened = note, .appended = note, .ended = note};
    snapshot_receive(f->store, &r.receiving);
    append_async(&r, &image, image.size);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), 0);
    assert_int_equal(r.receiving.held_bytes, image.size);
    sample_check(f, &snapshot, CHUNKS);
    image_free(&image);
}

static void test_receive__rejects_what_is_gone_already(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;
    char path[PATH_BYTES_MAX];

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &snapshot);

    begin(&r, f, &snapshot);
    append_to(&r, &image, PART_BYTES);
    snapshot_part_path(f->dir, &snapshot, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(end(&r, SNAPSHOT_REJECT), 0);
    assert_int_equal(snapshot_part(f->store).index, 0);
    image_free(&image);
}

struct loading {
    struct snapshot_load load;
    struct fixture *f;
    uint32_t chunks;
    bool is_done;
    int error;
};

static int count_chunk(struct snapshot_load *load, const struct snapshot_chunk *chunk)
{
    struct loading *loading = (struct loading *)(void *)load;

    (void)chunk;
    loading->chunks++;
    return 0;
}

static void on_loaded(struct snapshot_load *load, int error)
{
    struct loading *loading = (struct loading *)(void *)load;

    loading->is_done = true;
    loading->error = error;
    io_uv_stop(loading->f->io);
}

/* That one snapshot was loaded says nothing about another one, which is received meanwhile. */
static void test_receive__is_not_verified_by_loading_another(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot first;
    struct store_snapshot second;
    struct receiver r;
    struct loading loading = {.f = f};

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &first);

    second = first;
    second.index++;
    begin(&r, f, &first);
    append_to(&r, &image, image.size);
    assert_int_equal(end(&r, SNAPSHOT_SUSPEND), 0);
    loading.load =
        (struct snapshot_load){.snapshot = first, .each = count_chunk, .done = on_loaded};
    snapshot_load(f->store, &loading.load);
    begin(&r, f, &second);
    while (!loading.is_done) {
        io_uv_run(f->io);
    }
    assert_int_equal(loading.error, 0);
    assert_int_equal(loading.chunks, CHUNKS);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), -EBADMSG);
    assert_int_equal(snapshot_newest(f->store).index, 0);
    image_free(&image);
}

static int refuse_finished(struct snapshot_load *load, const struct store_snapshot *snapshot)
{
    assert_true(snapshot_is_same(snapshot, &load->snapshot));
    return -ERANGE;
}

/* All chunks are good, but the state that they make is not: loading fails, and does not replace
 * the verification. */
static void test_receive__is_not_verified_by_a_load_that_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;
    struct loading loading = {.f = f};

    fixture_open(f);

    struct image image = make_elsewhere(f, INDEX, &snapshot);

    begin(&r, f, &snapshot);
    append_to(&r, &image, image.size);
    loading.load = (struct snapshot_load){
        .snapshot = snapshot, .each = count_chunk, .finish = refuse_finished, .done = on_loaded};
    snapshot_load(f->store, &loading.load);
    while (!loading.is_done) {
        io_uv_run(f->io);
    }
    assert_int_equal(loading.error, -ERANGE);
    assert_int_equal(loading.chunks, CHUNKS);
    spoil_part(f, &snapshot, chunk_at(&image, 4) + CHUNK_HEAD_BYTES);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), -EBADMSG);
    assert_int_equal(snapshot_newest(f->store).index, 0);
    image_free(&image);
}

static void test_receive__of_what_cannot_be_is_known_by_its_numbers(void **state)
{
    struct store_snapshot good = {.index = 1, .term = 1, .bytes = 1024};
    struct store_snapshot bad = good;

    (void)state;
    assert_true(snapshot_is_possible(&good));
    bad.index = 0;
    assert_false(snapshot_is_possible(&bad));
    bad = good;
    bad.term = 0;
    assert_false(snapshot_is_possible(&bad));
    for (uint64_t bytes = 0; bytes < 1024; bytes += 512) {
        bad = good;
        bad.bytes = bytes;
        assert_false(snapshot_is_possible(&bad));
    }
    bad.bytes = 1025;
    assert_false(snapshot_is_possible(&bad));
    bad.bytes = 1ull << 48;
    assert_false(snapshot_is_possible(&bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_receive__gives_the_same_snapshot, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__takes_many_parts_at_once, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__goes_on_after_each_chunk, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__drops_what_is_damaged, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__is_for_one_snapshot_at_a_time, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__is_not_fooled_by_another_file, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__does_not_continue_another_snapshot,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__may_end_before_it_has_begun, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__rejects_what_is_gone_already, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__is_not_verified_by_loading_another,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_receive__is_not_verified_by_a_load_that_is_refused,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test(test_receive__of_what_cannot_be_is_known_by_its_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
