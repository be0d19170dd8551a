/* System calls that fail for a snapshot cost the snapshot, and not the node; only a name that may
 * or may not be durable ends the store (I-36). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "snapshot_sample.h"
#include "store/snapshot_format.h"
#include "tap.h"

enum { INDEX = 7 };

/* Whatever its calls reported, an abandoned one ends. */
static int make(struct fixture *f, struct sample *sample)
{
    sample_begin(sample, f, INDEX);
    for (uint64_t n = 4; n < 8; n++) {
        sample_put(sample, n);
    }
    snapshot_finish(&sample->making);
    while (!sample->is_done && f->failed_count == 0) {
        io_uv_run(f->io);
    }
    return sample->error;
}

/* The store goes on, and nothing of the snapshot is left. */
static void check_goes_on(struct fixture *f)
{
    tap_reset();
    assert_int_equal(f->failed_count, 0);
    assert_int_equal(snapshot_newest(f->store).index, 0);
    assert_false(sample_has_file(f, INDEX, "tmp"));
    assert_false(sample_has_file(f, INDEX, "snap"));
    fixture_append_durable(f, 1, 100);
    sample_make(f, INDEX, 3);
    fixture_crash(f);
    fixture_open(f);
    assert_int_equal(snapshot_newest(f->store).index, INDEX);
}

static void test_faults__of_a_write_cost_the_snapshot(void **state)
{
    struct fixture *f = *state;
    struct sample sample;

    fixture_open(f);
    tap_reset();
    tap_fail(TAP_WRITE, "snapshot-", -ENOSPC, true);
    assert_int_equal(make(f, &sample), -ENOSPC);
    check_goes_on(f);
}

static void test_faults__of_a_sync_cost_the_snapshot(void **state)
{
    struct fixture *f = *state;
    struct sample sample;

    fixture_open(f);
    tap_reset();
    tap_fail(TAP_SYNC, "snapshot-", -EIO, false);
    assert_int_equal(make(f, &sample), -EIO);
    check_goes_on(f);
}

static void test_faults__of_opening_and_naming_cost_the_snapshot(void **state)
{
    struct fixture *f = *state;
    struct sample sample;

    fixture_open(f);
    tap_reset();
    tap_fail(TAP_OPEN, "snapshot-", -EMFILE, false);
    assert_int_equal(make(f, &sample), -EMFILE);
    tap_reset();
    tap_fail(TAP_RENAME, "snapshot-", -EIO, false);
    assert_int_equal(make(f, &sample), -EIO);
    check_goes_on(f);
}

static void test_faults__are_told_while_chunks_come(void **state)
{
    struct fixture *f = *state;
    struct sample sample;

    fixture_open(f);
    tap_reset();
    tap_fail(TAP_WRITE, "snapshot-", -ENOSPC, true);
    sample_begin(&sample, f, INDEX);
    while (sample.wrote_error == 0) {
        sample_put(&sample, 7);
        io_uv_run(f->io);
    }
    assert_int_equal(sample.wrote_error, -ENOSPC);
    snapshot_abandon(&sample.making);
    sample_await(&sample);
    assert_int_equal(sample.error, -ENOSPC);
    check_goes_on(f);
}

static void test_faults__of_the_directory_are_final(void **state)
{
    struct fixture *f = *state;
    struct sample sample;

    fixture_open(f);
    fixture_append_durable(f, 1, 100);
    fixture_run_ms(f, 30); /* Nothing else syncs the directory now. */
    tap_reset();
    tap_fail(TAP_DIR_SYNC, "", -EIO, false);
    make(f, &sample);
    assert_false(sample.is_done);
    assert_int_equal(f->failed_count, 1);
    assert_int_equal(f->failed_error, -EIO);
    tap_reset();
}

/* --- receiving --- */

struct receiver {
    struct snapshot_receiving receiving;
    struct fixture *f;
    bool is_called;
    int error;
};

static void note(struct snapshot_receiving *receiving, int error)
{
    struct receiver *r = (struct receiver *)(void *)receiving;

    r->is_called = true;
    r->error = error;
    io_uv_stop(r->f->io);
}

static int await(struct receiver *r)
{
    while (!r->is_called) {
        io_uv_run(r->f->io);
    }
    r->is_called = false;
    return r->error;
}

static int begin(struct receiver *r, struct fixture *f, const struct store_snapshot *snapshot)
{
    *r = (struct receiver){
        .receiving = {.snapshot = *snapshot, .opened = note, .appended = note, .ended = note},
        .f = f,
    };
    snapshot_receive(f->store, &r->receiving);
    return await(r);
}

static int append(struct receiver *r, const struct image *image, uint64_t size)
{
    struct buffer bytes = {0};
    uint64_t at = r->receiving.held_bytes;

    buffer_append(&bytes, image->data + at, size);
    snapshot_append(&r->receiving, at, &bytes);
    return await(r);
}

static int end(struct receiver *r, enum snapshot_end how)
{
    snapshot_receive_end(&r->receiving, how);
    return await(r);
}

/* A full disk interrupts it; what had come is there when it goes on. */
static void test_faults__interrupt_receiving(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;
    char name[NAME_BYTES_MAX];

    fixture_open(f);
    sample_make(f, INDEX + 1, 8);
    snapshot = snapshot_newest(f->store);
    sample_name(name, INDEX + 1, "snap");

    struct image image = image_read(f, name);

    sample_make(f, INDEX + 2, 1);
    snapshot_remove(f->store, INDEX + 1);
    assert_int_equal(begin(&r, f, &snapshot), 0);
    assert_int_equal(append(&r, &image, 4096), 0);
    tap_reset();
    tap_fail(TAP_WRITE, ".part", -ENOSPC, true);
    assert_int_equal(append(&r, &image, 4096), -ENOSPC);
    assert_int_equal(r.receiving.held_bytes, 4096);
    assert_int_equal(end(&r, SNAPSHOT_SUSPEND), -ENOSPC);
    tap_reset();
    assert_int_equal(f->failed_count, 0);
    assert_int_equal(begin(&r, f, &snapshot), 0);
    assert_true(r.receiving.held_bytes > 0 && r.receiving.held_bytes <= 4096);
    assert_int_equal(append(&r, &image, image.size - r.receiving.held_bytes), 0);
    tap_fail(TAP_RENAME, ".part", -EIO, false);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), -EIO);
    assert_int_equal(f->failed_count, 0);
    assert_int_equal(begin(&r, f, &snapshot), 0);
    assert_int_equal(r.receiving.held_bytes, image.size);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), 0);
    sample_check(f, &snapshot, 8);
    image_free(&image);
}

/* The file of a snapshot that this node does not have (any more). */
static struct image make_elsewhere(struct fixture *f, struct store_snapshot *ret_snapshot)
{
    char name[NAME_BYTES_MAX];

    fixture_open(f);
    *ret_snapshot = sample_make(f, INDEX, 8);
    sample_name(name, INDEX, "snap");

    struct image image = image_read(f, name);

    sample_make(f, INDEX + 1, 1);
    snapshot_remove(f->store, INDEX);
    fixture_run_ms(f, 30); /* No other call is made now. */
    tap_reset();
    return image;
}

/* Whatever went wrong, the next attempt succeeds. */
static void check_receives(struct fixture *f, const struct store_snapshot *snapshot,
                           const struct image *image)
{
    struct receiver r;

    tap_reset();
    assert_int_equal(f->failed_count, 0);
    assert_int_equal(begin(&r, f, snapshot), 0);
    if (r.receiving.held_bytes < image->size) {
        assert_int_equal(append(&r, image, image->size - r.receiving.held_bytes), 0);
    }
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), 0);
    sample_check(f, snapshot, 8);
}

static void test_faults__of_opening_a_part_are_reported(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;
    struct image image = make_elsewhere(f, &snapshot);

    tap_fail(TAP_OPEN, ".part", -EMFILE, false); /* To verify it. */
    assert_int_equal(begin(&r, f, &snapshot), -EMFILE);
    assert_int_equal(end(&r, SNAPSHOT_SUSPEND), -EMFILE);
    tap_fail_nth(2, -ENFILE); /* To write it. */
    assert_int_equal(begin(&r, f, &snapshot), -ENFILE);
    assert_int_equal(end(&r, SNAPSHOT_ACCEPT), -ENFILE);
    assert_int_equal(snapshot_newest(f->store).index, INDEX + 1);
    check_receives(f, &snapshot, &image);
    image_free(&image);
}

/* Otherwise there would be a hole. */
static void test_faults__of_one_part_stop_the_next_ones(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;
    struct image image = make_elsewhere(f, &snapshot);

    assert_int_equal(begin(&r, f, &snapshot), 0);
    tap_fail(TAP_WRITE, ".part", -EIO, false);
    for (uint64_t at = 0; at < 8192; at += 4096) {
        struct buffer bytes = {0};

        buffer_append(&bytes, image.data + at, 4096);
        snapshot_append(&r.receiving, at, &bytes);
    }
    while (r.receiving.unwritten_bytes > 0) {
        assert_int_equal(await(&r), -EIO);
    }
    assert_int_equal(r.receiving.held_bytes, 0);
    assert_int_equal(tap_count(".part").writes, 1);
    assert_int_equal(end(&r, SNAPSHOT_SUSPEND), -EIO);
    check_receives(f, &snapshot, &image);
    image_free(&image);
}

static void test_faults__of_removing_a_part_are_reported(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;
    struct image image = make_elsewhere(f, &snapshot);

    assert_int_equal(begin(&r, f, &snapshot), 0);
    assert_int_equal(append(&r, &image, 4096), 0);
    tap_fail(TAP_OTHER, ".part", -EIO, false);
    assert_int_equal(end(&r, SNAPSHOT_REJECT), -EIO);
    assert_int_equal(snapshot_part(f->store).index, 0);
    check_receives(f, &snapshot, &image);
    image_free(&image);
}

static void test_faults__of_the_directory_are_final_when_receiving(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct receiver r;
    struct image image = make_elsewhere(f, &snapshot);

    assert_int_equal(begin(&r, f, &snapshot), 0);
    assert_int_equal(append(&r, &image, image.size), 0);
    tap_fail(TAP_DIR_SYNC, "", -EIO, false);
    snapshot_receive_end(&r.receiving, SNAPSHOT_ACCEPT);
    while (f->failed_count == 0) {
        io_uv_run(f->io);
    }
    assert_int_equal(f->failed_error, -EIO);
    assert_false(r.is_called);
    assert_int_equal(snapshot_newest(f->store).index, INDEX + 1);
    tap_reset();
    image_free(&image);
}

/* --- loading and starting --- */

static void test_faults__of_loading_are_reported(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    char path[PATH_BYTES_MAX];

    fixture_open(f);
    snapshot = sample_make(f, INDEX, 8);
    fixture_run_ms(f, 30);
    tap_reset();
    tap_fail(TAP_OPEN, "snapshot-", -EMFILE, false);
    assert_int_equal(sample_load(f, &snapshot).error, -EMFILE);
    tap_fail_nth(2, -EIO); /* Its first sector. */
    assert_int_equal(sample_load(f, &snapshot).error, -EIO);
    tap_reset();
    assert_int_equal(sample_load(f, &snapshot).error, 0);
    snapshot_path(f->dir, INDEX, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sample_load(f, &snapshot).error, -ENOENT);
    assert_int_equal(f->failed_count, 0);
}

/* Starts with the `n`th call failing. Returns whether there was such a call. */
static bool try_start(struct fixture *f, uint32_t n, uint64_t newest)
{
    tap_reset();
    tap_fail_nth(n, -EIO);

    int rv = fixture_try_open(f);
    bool has_failed = tap_has_failed();

    tap_reset();
    if (rv == 0) {
        assert_true(f->recovered.snapshot.index == newest || has_failed);
        fixture_close(f);
    } else {
        assert_true(has_failed);
        assert_int_not_equal(f->text[0], '\0');
    }
    return has_failed;
}

/* The newest one is compared with the entry that the log has at its index. Until a start
 * succeeds nothing is lost. */
static void test_faults__of_a_start_cost_no_snapshot(void **state)
{
    struct fixture *f = *state;
    uint32_t n = 1;

    fixture_open(f);
    fixture_append_durable(f, 20, 100);
    fixture_make_snapshot(f, 12, fixture_origin(f, 12).term);
    fixture_close(f);
    while (try_start(f, n, 12)) {
        n++;
    }
    assert_true(n > 20);
    fixture_open(f);
    assert_int_equal(f->recovered.snapshot.index, 12);
    fixture_check_log(f, 20);
}

/* The same for one that is ahead of the log, which is read completely. If it can't be read, the
 * start is refused or takes the older one; nobody removes it. */
static void test_faults__of_a_start_cost_no_snapshot_beyond_the_log(void **state)
{
    struct fixture *f = *state;
    uint32_t n = 1;
    bool has_failed = true;

    while (has_failed) {
        char name[40];

        snprintf(name, sizeof name, "start-%u", n);
        fixture_enter(f, name);
        f->last_index = 0;
        f->commit_index = 0;
        f->current_term = 0;
        fixture_open(f);
        fixture_append_durable(f, 20, 100);
        fixture_make_snapshot(f, 23, 5);
        fixture_close(f);
        has_failed = try_start(f, n, 23);
        fixture_open(f);
        assert_int_equal(f->recovered.snapshot.index, 23);
        fixture_close(f);
        n++;
    }
    assert_true(n > 20);
    fixture_open(f);
}

static void test_faults__of_two_snapshots_name_the_newer_one(void **state)
{
    struct fixture *f = *state;
    char name[NAME_BYTES_MAX];

    fixture_open(f);
    fixture_append_durable(f, 5, 100);
    for (uint64_t index = 23; index <= 24; index++) {
        sample_make(f, index, 6);
        sample_name(name, index, "snap");

        struct image image = image_read(f, name);

        image.data[image.size / 2] ^= 1; /* Neither the first nor the last sector. */
        image_write(f, name, &image);
        image_free(&image);
    }
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(f->recovered.snapshot.index, 0);
    assert_non_null(strstr(f->logged, "index=24"));
    assert_true(sample_has_file(f, 23, "snap") && sample_has_file(f, 24, "snap"));
    fixture_check_log(f, 5);
}

/* --- spares --- */

/* Segments that are kept to be used again give way to what finds no room. */
static void test_faults__without_room_nothing_is_kept_for_later(void **state)
{
    struct fixture *f = *state;
    struct sample sample;

    f->segment_bytes = 8192;
    fixture_open(f);
    for (int i = 0; i < 30; i++) {
        fixture_append_durable(f, 1, 100);
    }
    fixture_move_origin(f, 29);
    assert_true(fixture_has_file(f, "log-0000000000000004.seg.tmp"));
    assert_true(fixture_has_file(f, "log-0000000000000003.seg.tmp"));
    tap_reset();
    tap_fail(TAP_WRITE, "snapshot-", -ENOSPC, true);
    assert_int_equal(make(f, &sample), -ENOSPC);
    fixture_run_ms(f, 30);
    assert_false(fixture_has_file(f, "log-0000000000000004.seg.tmp"));
    assert_false(fixture_has_file(f, "log-0000000000000003.seg.tmp"));
    tap_reset();
    for (int i = 0; i < 30; i++) {
        fixture_append_durable(f, 1, 100);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_faults__of_a_write_cost_the_snapshot),
        TEST(test_faults__of_a_sync_cost_the_snapshot),
        TEST(test_faults__of_opening_and_naming_cost_the_snapshot),
        TEST(test_faults__are_told_while_chunks_come),
        TEST(test_faults__of_the_directory_are_final),
        TEST(test_faults__interrupt_receiving),
        TEST(test_faults__of_opening_a_part_are_reported),
        TEST(test_faults__of_one_part_stop_the_next_ones),
        TEST(test_faults__of_removing_a_part_are_reported),
        TEST(test_faults__of_the_directory_are_final_when_receiving),
        TEST(test_faults__of_loading_are_reported),
        TEST(test_faults__of_a_start_cost_no_snapshot),
        TEST(test_faults__of_a_start_cost_no_snapshot_beyond_the_log),
        TEST(test_faults__of_two_snapshots_name_the_newer_one),
        TEST(test_faults__without_room_nothing_is_kept_for_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
