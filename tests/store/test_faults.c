/* System calls that fail: after a failed write or sync the store stops for good; a full disk
 * refuses more, and the store recovers by itself. docs/SCENARIOS.md: 44, 45. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "tap.h"

/* --- failures that are final --- */

/* After a failure: reported once, nothing acknowledged, nothing tried again. */
static void check_ended(struct fixture *f, const char *name, uint64_t acknowledged)
{
    struct tap_counts before;
    struct tap_counts after;

    fixture_run_ms(f, 30); /* Lets another worker finish what it was doing. */
    before = tap_count(name);
    assert_int_equal(f->failed_count, 1);
    assert_int_equal(f->failed_error, -EIO);
    assert_int_equal(f->durable_seq, acknowledged);
    fixture_append(f, 1, 10);
    fixture_vote(f, 99, 9);
    fixture_run_ms(f, 30);
    assert_int_equal(f->failed_count, 1);
    assert_int_equal(f->durable_seq, acknowledged);
    fixture_close(f);
    after = tap_count(name);
    assert_int_equal(after.syncs, before.syncs);
    assert_int_equal(after.writes, before.writes);
    tap_reset();
}

static void test_faults__failed_sync_of_the_log_is_final(void **state)
{
    struct fixture *f = *state;

    tap_reset();
    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    tap_fail(TAP_SYNC, "01.seg", -EIO, false);
    fixture_append(f, 2, 100);
    fixture_append(f, 2, 100);
    fixture_await(f);
    check_ended(f, "/", f->seq - 2);
}

static void test_faults__failed_write_of_the_log_is_final(void **state)
{
    struct fixture *f = *state;

    tap_reset();
    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    tap_fail(TAP_WRITE, "01.seg", -EIO, false);
    fixture_append(f, 2, 100);
    fixture_await(f);
    check_ended(f, "/", f->seq - 1);
}

static void test_faults__failed_sync_of_the_vote_is_final(void **state)
{
    static const char *const names[] = {"vote-a", "vote-b"};
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        tap_reset();
        f->failed_count = 0;
        fixture_open(f);
        fixture_vote(f, 20 + 10 * (uint64_t)i, 1);
        fixture_await(f);
        fixture_run_ms(f, 30);
        tap_fail(TAP_SYNC, names[i], -EIO, false);
        fixture_vote(f, 21 + 10 * (uint64_t)i, 3);
        fixture_await(f);
        check_ended(f, "/", f->seq - 1);
        fixture_open(f); /* After a restart it has one of the two. */
        assert_true(f->recovered.current_term / 10 == 2 + (uint64_t)i);
        fixture_close(f);
    }
}

static void test_faults__failed_making_of_a_segment_is_final(void **state)
{
    struct fixture *f = *state;

    tap_reset();
    tap_fail(TAP_SYNC, ".seg.tmp", -EIO, false);
    fixture_open(f);
    fixture_append(f, 2, 100);
    fixture_await(f);
    check_ended(f, "/", 0);
}

static void test_faults__no_room_inside_a_segment_is_final_too(void **state)
{
    struct fixture *f = *state;

    tap_reset();
    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    tap_fail(TAP_WRITE, "01.seg", -ENOSPC, false);
    fixture_append(f, 2, 100);
    fixture_await(f);
    assert_int_equal(f->failed_count, 1);
    assert_int_equal(f->failed_error, -ENOSPC);
    fixture_close(f);
    tap_reset();
}

static void test_faults__after_a_failed_sync_the_next_start_writes_the_end_again(void **state)
{
    struct fixture *f = *state;
    struct tap_counts before;
    struct tap_counts after;

    tap_reset();
    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_run_ms(f, 30);
    tap_fail(TAP_SYNC, "01.seg", -EIO, false);
    fixture_append(f, 2, 100);
    fixture_await(f);
    fixture_close(f);
    tap_reset();
    before = tap_count("01.seg");
    fixture_open(f);
    after = tap_count("01.seg");
    fixture_check_log(f, 5); /* It was in the cache; now it is on the disk. */
    assert_int_equal(after.writes - before.writes, 1);
    assert_int_equal(after.syncs - before.syncs, 1);
    tap_reset();
}

static void test_faults__failures_at_start_are_refused_with_a_message(void **state)
{
    static const enum tap_call calls[] = {TAP_OPEN, TAP_WRITE, TAP_SYNC, TAP_DIR_SYNC};
    static const char *const names[] = {"identity", "vote-", "01.seg", "data"};
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_close(f);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        tap_reset();
        tap_fail(calls[i], names[i], -EIO, false);
        assert_int_equal(fixture_try_open(f), STORE_EIO);
        assert_true(f->text[0] != '\0');
        f->store = NULL;
    }
    tap_reset();
    fixture_open(f);
    fixture_check_log(f, 3);
}

/* --- a full disk --- */

static void test_faults__full_disk_refuses_then_recovers(void **state)
{
    struct fixture *f = *state;
    struct store_stats stats;
    uint32_t written = 0;

    tap_reset();
    f->segment_bytes = 16384;
    tap_set_room(2 * 16384 + 8192 + 2048); /* Two segments, but not a third. */
    fixture_open(f);
    while (store_has_room(f->store, STORE_FOR_CLIENTS, 500)) {
        fixture_append_durable(f, 1, 500);
        fixture_run_ms(f, 2);
        assert_true(++written < 100);
    }
    store_get_stats(f->store, &stats);
    assert_true(stats.is_full);
    assert_true(written >= 12); /* It was used almost completely. */
    assert_int_equal(f->failed_count, 0);
    assert_int_equal(f->room_count, 0);

    /* Entries that another leader had room for, and those that elections need, are still
     * accepted. */
    assert_true(store_has_room(f->store, STORE_FOR_FOLLOWERS, 100));
    fixture_append_durable(f, 1, 100);
    fixture_vote(f, 5, 2);
    for (written = 0; store_has_room(f->store, STORE_FOR_ELECTIONS, 0); written++) {
        fixture_append_durable(f, 1, 0);
    }
    assert_true(written >= 1);
    assert_false(store_has_room(f->store, STORE_FOR_FOLLOWERS, 0));

    tap_set_room(0);
    while (f->room_count == 0) {
        io_uv_run(f->io);
    }
    assert_true(store_has_room(f->store, STORE_FOR_CLIENTS, 500));
    store_get_stats(f->store, &stats);
    assert_false(stats.is_full);
    fixture_append_durable(f, 30, 500);
    assert_int_equal(f->room_count, 1);
    fixture_close(f);
    fixture_open(f);
    fixture_check_log(f, f->last_index);
    tap_reset();
}

static void test_faults__writes_beyond_a_full_disk_wait_for_room(void **state)
{
    struct fixture *f = *state;

    tap_reset();
    f->segment_bytes = 16384;
    tap_set_room(2 * 16384 + 8192);
    fixture_open(f);
    fixture_append(f, 60, 1000); /* No room was reserved for it. */
    fixture_append(f, 1, 100 * 1000);
    fixture_append(f, 10, 100);
    fixture_run_ms(f, 100);
    assert_int_equal(f->durable_seq, 0);
    assert_int_equal(f->failed_count, 0);
    assert_false(store_has_room(f->store, STORE_FOR_CLIENTS, 1));
    tap_set_room(0);
    fixture_await(f);
    while (f->durable_seq < f->seq) {
        fixture_await(f);
    }
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 71);
    tap_reset();
}

static void test_faults__entry_beyond_a_full_disk_waits_for_room(void **state)
{
    struct fixture *f = *state;

    tap_reset();
    f->segment_bytes = 16384;
    fixture_open(f);
    fixture_append_durable(f, 1, 100);
    fixture_run_ms(f, 30);
    tap_set_room(60 * 1000);
    fixture_append(f, 1, 100 * 1000);
    fixture_append(f, 1, 10);
    fixture_run_ms(f, 50);
    assert_int_equal(f->durable_seq, 1);
    assert_int_equal(f->failed_count, 0);
    tap_set_room(0);
    while (f->durable_seq < f->seq) {
        fixture_await(f);
    }
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 3);
    tap_reset();
}

static void test_faults__starts_on_a_full_disk(void **state)
{
    struct fixture *f = *state;
    char path[400];

    tap_reset();
    fixture_open(f);
    fixture_append_durable(f, 5, 100);
    fixture_crash(f);
    tap_set_room(1);
    snprintf(path, sizeof path, "%s/log-0000000000000002.seg", f->dir);
    unlink(path); /* If it was made in time. */
    fixture_open(f);
    fixture_check_log(f, 5);
    fixture_append_durable(f, 1, 100);
    assert_int_equal(f->failed_count, 0);
    tap_reset();
}

/* The same on a file system that is really full. */
static void test_faults__small_file_system_refuses_then_recovers(void **state)
{
    struct fixture *f = *state;
    char ballast[400];
    uint32_t written = 0;
    struct image image = {.data = NULL};

    tap_reset();
    assert_int_equal(mkdir(f->dir, 0700), 0);
    if (mount("none", f->dir, "tmpfs", 0, "size=192k") != 0) {
        print_message("cannot mount a small file system here: skipped\n");
        skip();
    }
    f->segment_bytes = 16384;
    snprintf(ballast, sizeof ballast, "%s/ballast", f->dir);
    image.data = ballast;
    image.size = 300;
    image_write(f, "ballast", &image);
    fixture_open(f);
    while (store_has_room(f->store, STORE_FOR_CLIENTS, 500) && f->failed_count == 0) {
        fixture_append_durable(f, 1, 500);
        fixture_run_ms(f, 1);
        if (++written >= 1000) {
            break;
        }
    }
    assert_int_equal(f->failed_count, 0);
    assert_true(written < 1000 && written > 40);
    assert_int_equal(mount("none", f->dir, "tmpfs", MS_REMOUNT, "size=2m"), 0);
    while (f->room_count == 0) {
        io_uv_run(f->io);
    }
    fixture_append_durable(f, 100, 500);
    fixture_close(f);
    fixture_open(f);
    fixture_check_log(f, f->last_index);
    fixture_close(f);
    assert_int_equal(umount(f->dir), 0);
}

/* What the next snapshot takes, and two segments, are not for clients. */
static void test_faults__limit_on_the_directory_is_judged_like_a_full_disk(void **state)
{
    enum { LARGE = 100000 };
    struct fixture *f = *state;

    tap_reset();
    f->segment_bytes = 16384;
    fixture_open(f);
    fixture_append_durable(f, 1, 500);
    store_limit_bytes(f->store, 1 << 20);
    assert_true(store_has_room(f->store, STORE_FOR_CLIENTS, 500));
    assert_true(store_growth_bytes(f->store) > 3 * LARGE);
    assert_true(store_has_room(f->store, STORE_FOR_FOLLOWERS, LARGE));
    assert_false(store_is_pressed(f->store));
    store_set_state_bytes(f->store, 920 * 1024);
    assert_true(store_is_pressed(f->store));
    assert_true(store_has_room(f->store, STORE_FOR_FOLLOWERS, LARGE));
    store_limit_bytes(f->store, LARGE);
    assert_false(store_has_room(f->store, STORE_FOR_FOLLOWERS, LARGE));
    store_limit_bytes(f->store, 1 << 20);
    assert_int_equal(f->room_count, 1);
    store_set_state_bytes(f->store, 960 * 1024);
    assert_true(store_is_full(f->store));
    assert_int_equal(store_growth_bytes(f->store), 0);
    assert_false(store_has_room(f->store, STORE_FOR_CLIENTS, 1));
    assert_true(store_has_room(f->store, STORE_FOR_RELIEF, 1));
    assert_true(store_has_room(f->store, STORE_FOR_FOLLOWERS, 1));
    assert_int_equal(f->room_count, 1);
    store_set_state_bytes(f->store, 800 * 1024); /* Much was deleted. */
    assert_int_equal(f->room_count, 2);
    assert_true(store_has_room(f->store, STORE_FOR_CLIENTS, 500));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static int count_spares(const struct fixture *f)
{
    DIR *dir = opendir(f->dir);
    struct dirent *item;
    int count = 0;

    assert_non_null(dir);
    while ((item = readdir(dir)) != NULL) {
        count += strstr(item->d_name, ".seg.tmp") != NULL;
    }
    closedir(dir);
    return count;
}

static int move_error;

static void moved(struct store_move *move, int error)
{
    move_error = error;
}

/* The origin takes a sector. What is kept for reuse must not be in its way (I-204). */
static void test_faults__full_disk_releases_spares_for_the_origin(void **state)
{
    struct fixture *f = *state;
    struct store_move move = {.origin = {.index = 18}, .done = moved};

    tap_reset();
    f->segment_bytes = 8192;
    fixture_open(f);
    for (int i = 0; i < 20; i++) {
        fixture_append_durable(f, 1, 100);
        fixture_run_ms(f, i % 7 == 6 ? 20 : 0);
    }
    fixture_move_origin(f, 15);
    assert_true(count_spares(f) > 0);
    fixture_make_snapshot(f, 18, f->terms[18]);
    move.origin = fixture_origin(f, 18);
    move_error = 0;
    tap_fail(TAP_OPEN, "origin.tmp", -ENOSPC, false);
    store_move_origin(f->store, &move);
    fixture_run_ms(f, 50);
    assert_int_equal(move_error, -ENOSPC);
    assert_int_equal(count_spares(f), 0);
    assert_int_equal(store_origin_index(f->store), 15);
    tap_reset();
    store_move_origin(f->store, &move);
    fixture_run_ms(f, 50);
    assert_int_equal(move_error, 0);
    assert_int_equal(store_origin_index(f->store), 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_faults__failed_sync_of_the_log_is_final),
        TEST(test_faults__limit_on_the_directory_is_judged_like_a_full_disk),
        TEST(test_faults__failed_write_of_the_log_is_final),
        TEST(test_faults__failed_sync_of_the_vote_is_final),
        TEST(test_faults__failed_making_of_a_segment_is_final),
        TEST(test_faults__no_room_inside_a_segment_is_final_too),
        TEST(test_faults__after_a_failed_sync_the_next_start_writes_the_end_again),
        TEST(test_faults__failures_at_start_are_refused_with_a_message),
        TEST(test_faults__full_disk_refuses_then_recovers),
        TEST(test_faults__writes_beyond_a_full_disk_wait_for_room),
        TEST(test_faults__entry_beyond_a_full_disk_waits_for_room),
        TEST(test_faults__starts_on_a_full_disk),
        TEST(test_faults__small_file_system_refuses_then_recovers),
        TEST(test_faults__full_disk_releases_spares_for_the_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
