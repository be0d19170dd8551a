/* System calls that fail for a snapshot cost the snapshot, and not the node; only a name that may
 * or may not be durable ends the store (I-36). */
#include <errno.h>
#include <string.h>

#include "snapshot_sample.h"
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
        TEST(test_faults__without_room_nothing_is_kept_for_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
