/* Snapshots are made, found again, loaded, read raw and removed. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "snapshot_sample.h"
#include "store/snapshot_format.h"
#include "store/snapshot_replay.h"

/* --- tests --- */

enum { CHUNKS = 16 };

static void test_snapshot__is_read_back_as_it_was_put(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    assert_int_equal(snapshot_newest(f->store).index, 0);

    struct store_snapshot snapshot = sample_make(f, 7, CHUNKS);
    struct sample_loading loading = sample_load(f, &snapshot);

    assert_int_equal(loading.error, 0);
    assert_int_equal(loading.look.count, CHUNKS);
    assert_int_equal(loading.load.loaded_bytes, snapshot.bytes);
    assert_int_equal(snapshot.term, 3);
    assert_int_equal(snapshot.time_us, 70);
    sample_check(f, &snapshot, CHUNKS);
    assert_true(sample_has_file(f, 7, "snap"));
    assert_false(sample_has_file(f, 7, "tmp"));
}

static void test_snapshot__is_found_by_the_next_start(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);

    struct store_snapshot first = sample_make(f, 7, 2);
    struct store_snapshot second = sample_make(f, 9, CHUNKS);

    fixture_crash(f);
    fixture_open(f);

    const struct store_snapshot *list;
    struct store_snapshot newest = snapshot_newest(f->store);

    assert_int_equal(snapshot_list(f->store, &list), 2);
    assert_memory_equal(&list[0], &first, sizeof first);
    assert_memory_equal(&newest, &second, sizeof second);
    sample_check(f, &newest, CHUNKS);
}

static void test_snapshot__is_the_same_by_the_same_bytes(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);

    struct store_snapshot first = sample_make(f, 7, 3);
    struct store_snapshot same = sample_make(f, 7, 3);
    struct store_snapshot longer = sample_make(f, 7, 4);

    assert_memory_equal(&first, &same, sizeof first);
    assert_true(longer.checksum != first.checksum);
    assert_int_equal(sample_load(f, &first).error, -ENOENT);
    assert_int_equal(sample_load(f, &longer).error, 0);
}

static void test_snapshot__that_is_abandoned_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct sample sample;

    fixture_open(f);
    sample_begin(&sample, f, 7);
    sample_put(&sample, 5);
    while (sample.wrote_count == 0) {
        io_uv_run(f->io);
    }
    assert_int_equal(sample.wrote_error, 0);
    assert_int_equal(sample.making.unwritten_bytes, 0);
    assert_true(sample_has_file(f, 7, "tmp"));
    sample_put(&sample, 6);
    assert_int_equal(sample.making.unwritten_bytes, sample_size(6));
    snapshot_abandon(&sample.making);
    sample_await(&sample);
    assert_int_equal(sample.error, -ECANCELED);
    assert_int_equal(snapshot_newest(f->store).index, 0);
    assert_false(sample_has_file(f, 7, "tmp"));
    sample_make(f, 8, 2);
}

static void test_snapshot__in_the_making_is_gone_after_an_end(void **state)
{
    struct fixture *f = *state;
    struct sample sample;

    fixture_open(f);
    sample_begin(&sample, f, 7);
    sample_put(&sample, 5);
    sample_put(&sample, 7);
    fixture_close(f);
    fixture_open(f);
    assert_false(sample.is_done);
    assert_false(sample_has_file(f, 7, "tmp"));
    assert_int_equal(snapshot_newest(f->store).index, 0);
}

static void test_snapshot__gives_its_bytes_until_it_is_removed(void **state)
{
    struct fixture *f = *state;
    struct buffer bytes;
    char name[NAME_BYTES_MAX];

    fixture_open(f);

    struct store_snapshot first = sample_make(f, 7, CHUNKS);
    struct image image;

    sample_make(f, 8, 1);
    sample_name(name, 7, "snap");
    image = image_read(f, name);
    assert_int_equal(image.size, first.bytes);
    assert_int_equal(sample_read(f, &first, 100, 70000, &bytes), 0);
    assert_true(slice_equal(buffer_slice(&bytes), slice_of(image.data + 100, 70000)));
    buffer_deinit(&bytes);
    assert_int_equal(sample_read(f, &first, first.bytes - 10, 100, &bytes), 0);
    assert_true(slice_equal(buffer_slice(&bytes), slice_of(image.data + image.size - 10, 10)));
    buffer_deinit(&bytes);
    image_free(&image);

    snapshot_remove(f->store, 7);
    assert_int_equal(sample_read(f, &first, 0, 100, &bytes), -ENOENT);
    assert_false(sample_has_file(f, 7, "snap"));
    assert_int_equal(snapshot_newest(f->store).index, 8);
}

static void test_snapshot__with_a_section_that_is_unknown_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sample_look look = {.stop_at = 2};

    fixture_open(f);

    struct store_snapshot snapshot = sample_make(f, 7, 4);

    assert_int_equal(
        snapshot_load_now(f->store, &snapshot, sample_check_chunk, &look, f->text, sizeof f->text),
        STORE_EFORMAT);
    assert_int_equal(look.count, 2);
    assert_non_null(strstr(f->text, "section"));
}

static int refuse_chunk(void *context, const struct snapshot_chunk *chunk)
{
    (void)context;
    (void)chunk;
    return STORE_EIO;
}

/* A refusal of another kind is returned as it is. */
static void test_snapshot__that_its_reader_refuses_stops_there(void **state)
{
    struct fixture *f = *state;
    struct snapshot_replay replay;

    fixture_open(f);

    struct store_snapshot snapshot = sample_make(f, 7, 4);

    assert_int_equal(
        snapshot_load_now(f->store, &snapshot, refuse_chunk, NULL, f->text, sizeof f->text),
        STORE_EIO);
    assert_string_equal(f->text, "");
    assert_int_equal(snapshot_load_now(f->store, &snapshot, refuse_chunk, NULL, NULL, 0),
                     STORE_EIO); /* Without room for a sentence. */
    snapshot_replay_begin(&replay, f->store, &snapshot);
    snapshot_replay_end(&replay); /* Before its first step. */
    assert_null(replay.reader);
    sample_check(f, &snapshot, 4);
}

/* --- what ends early --- */

struct ended {
    struct snapshot_load load;
    struct snapshot_read read;
    struct fixture *f;
    uint32_t chunks;
    int answer; /* To each chunk. */
    bool is_done;
    int error;
};

static int count_chunk(struct snapshot_load *load, const struct snapshot_chunk *chunk)
{
    struct ended *e = container_of(load, struct ended, load);

    (void)chunk;
    e->chunks++;
    return e->answer;
}

static void on_load_ended(struct snapshot_load *load, int error)
{
    struct ended *e = container_of(load, struct ended, load);

    e->is_done = true;
    e->error = error;
    io_uv_stop(e->f->io);
}

static void on_read_ended(struct snapshot_read *read, int error, struct slice bytes)
{
    (void)error;
    (void)bytes;
    container_of(read, struct ended, read)->is_done = true;
}

static void begin_load(struct fixture *f, struct ended *e, const struct store_snapshot *snapshot)
{
    e->f = f;
    e->load =
        (struct snapshot_load){.snapshot = *snapshot, .each = count_chunk, .done = on_load_ended};
    snapshot_load(f->store, &e->load);
}

static int await_load(struct ended *e)
{
    while (!e->is_done) {
        io_uv_run(e->f->io);
    }
    return e->error;
}

/* Of which one job loads only a part. */
static struct store_snapshot make_large(struct fixture *f)
{
    struct sample sample;

    sample_begin(&sample, f, 7);
    for (int i = 0; i < 12; i++) {
        struct buffer content = sample_content(2, 1000000); /* Incompressible. */

        snapshot_put(&sample.making, "items", 0, &content);
    }
    snapshot_finish(&sample.making);
    sample_await(&sample);
    assert_int_equal(sample.error, 0);
    return sample.making.snapshot;
}

static void test_load__ends_when_it_is_canceled(void **state)
{
    struct fixture *f = *state;
    struct ended e = {.answer = 0};

    fixture_open(f);

    struct store_snapshot snapshot = make_large(f);

    begin_load(f, &e, &snapshot);
    snapshot_load_cancel(&e.load);
    assert_int_equal(await_load(&e), -ECANCELED);
    assert_true(e.chunks < 12);
    e.is_done = false;
    begin_load(f, &e, &snapshot);
    assert_int_equal(await_load(&e), 0);
    assert_int_equal(e.load.loaded_bytes, snapshot.bytes);
}

static void test_load__ends_with_the_answer_to_a_chunk(void **state)
{
    struct fixture *f = *state;
    struct ended e = {.answer = STORE_EFORMAT};

    fixture_open(f);

    struct store_snapshot snapshot = sample_make(f, 7, 4);

    begin_load(f, &e, &snapshot);
    assert_int_equal(await_load(&e), STORE_EFORMAT);
    assert_int_equal(e.chunks, 1);
}

static void test_load__of_a_file_that_is_gone(void **state)
{
    struct fixture *f = *state;
    struct sample_look look = {0};
    char path[PATH_BYTES_MAX];

    fixture_open(f);

    struct store_snapshot snapshot = sample_make(f, 7, 4);

    snapshot_path(f->dir, 7, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(
        snapshot_load_now(f->store, &snapshot, sample_check_chunk, &look, f->text, sizeof f->text),
        STORE_EIO);
    assert_non_null(strstr(f->text, "cannot read the snapshot"));
    assert_int_equal(sample_load(f, &snapshot).error, -ENOENT);
}

/* No callback comes any more, and all memory is given back (sanitizers see that). */
static void test_snapshot__work_under_way_ends_with_the_store(void **state)
{
    struct fixture *f = *state;
    struct sample sample;
    struct snapshot_receiving receiving = {.snapshot = {.index = 9, .term = 1, .bytes = 1024}};
    struct ended e = {.answer = 0};
    struct buffer bytes = sample_content(1, 512);

    fixture_open(f);

    struct store_snapshot snapshot = make_large(f);

    sample_make(f, 8, 1);
    receiving.opened = NULL; /* None of these is called. */
    snapshot_receive(f->store, &receiving);
    snapshot_append(&receiving, 0, &bytes);
    begin_load(f, &e, &snapshot);
    e.read = (struct snapshot_read){.snapshot = snapshot, .size = 100, .done = on_read_ended};
    snapshot_read(f->store, &e.read);
    sample_begin(&sample, f, 10);
    sample_put(&sample, 5);
    snapshot_remove(f->store, 7);
    fixture_close(f);
    fixture_open(f);
    assert_false(e.is_done);
    assert_false(sample.is_done);
    assert_int_equal(snapshot_newest(f->store).index, 8);
    assert_false(sample_has_file(f, 7, "snap"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_snapshot__is_read_back_as_it_was_put, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__is_found_by_the_next_start, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__is_the_same_by_the_same_bytes, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__that_is_abandoned_leaves_nothing,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__in_the_making_is_gone_after_an_end,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__gives_its_bytes_until_it_is_removed,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__with_a_section_that_is_unknown_is_refused,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__that_its_reader_refuses_stops_there,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_load__ends_when_it_is_canceled, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_load__ends_with_the_answer_to_a_chunk, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_load__of_a_file_that_is_gone, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__work_under_way_ends_with_the_store,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
