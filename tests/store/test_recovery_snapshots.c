/* The rows of the table that are about snapshots (I-128), tested as in test_recovery.c. */
#include <errno.h>
#include <string.h>

#include "spoil.h"
#include "store/recovery.h"
#include "store/snapshot_format.h"

/* The same for a snapshot, in which each chunk contains the checksum of the one before it. */
static void forge_snapshot(const struct fixture *f, const char *name, size_t at)
{
    struct image image = image_read(f, name);
    struct store_snapshot snapshot;
    struct chunk_head head;
    uint64_t previous;

    image.data[at] ^= 1;
    head_seal(image.data);
    previous = snapshot_head_decode(image.data, &snapshot);
    for (size_t i = SECTOR_BYTES; i < image.size; i += chunk_bytes(head.stored_bytes)) {
        assert_true(chunk_head_decode(image.data + i, &head));
        head.previous = previous;
        chunk_encode(image.data + i, &head);
        previous = head.checksum;
    }
    image_write(f, name, &image);
    image_free(&image);
}

static const char snapshot_at_12[] = "snapshot-000000000000000c.snap";
static const char snapshot_at_15[] = "snapshot-000000000000000f.snap";

enum { INDEX_AT = 32 }; /* In the first sector of `origin`. */

static void check_starts_with(struct fixture *f, const char *snapshot_case, uint64_t snapshot,
                              uint64_t last_index)
{
    fixture_open(f);
    assert_string_equal(f->recovered.snapshot_case, snapshot_case);
    assert_int_equal(f->recovered.snapshot.index, snapshot);
    assert_int_equal(snapshot_newest(f->store).index, snapshot);
    assert_true(f->recovered.commit_index >= snapshot);
    fixture_check_log(f, last_index);
}

static void test_recovery__snapshot_version(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    forge_first_sector(f, snapshot_at_15, VERSION_AT);
    check_refused(f, STORE_EFORMAT, "snapshot-version");
    assert_non_null(strstr(f->text, "format version 2"));
    assert_non_null(strstr(f->text, "an older version"));
}

static void test_recovery__snapshot_foreign(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_short_log(f);
    forge_first_sector(f, snapshot_at_15, GROUP_AT);
    check_refused(f, STORE_EDAMAGED, "snapshot-foreign");
    assert_non_null(strstr(f->text, snapshot_at_15));
    forge_first_sector(f, snapshot_at_15, GROUP_AT);
    forge_first_sector(f, snapshot_at_15, CLUSTER_AT);
    check_refused(f, STORE_EDAMAGED, "snapshot-foreign");
    forge_first_sector(f, snapshot_at_15, CLUSTER_AT);
    image = image_read(f, snapshot_at_15); /* With another one's name. */
    image_write(f, "snapshot-0000000000000010.snap", &image);
    image_free(&image);
    check_refused(f, STORE_EDAMAGED, "snapshot-foreign");
    assert_non_null(strstr(f->text, "snapshot-0000000000000010.snap"));
    remove_file(f, "snapshot-0000000000000010.snap");
    forge_snapshot(f, snapshot_at_15, NODE_AT); /* Another node may have made it. */
    check_starts_with(f, "snapshot-good", 15, 20);
}

static void test_recovery__snapshot_contradicts_origin(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    forge_first_sector(f, "origin", INDEX_AT + 8);
    check_refused(f, STORE_EDAMAGED, "snapshot-contradicts-origin");
    assert_non_null(strstr(f->text, "entry 15"));
}

/* The snapshot at `index` and `term` has replaced the log: the log is empty, and continues after
 * it. */
static void check_replaced(struct fixture *f, uint64_t index, uint64_t term)
{
    f->last_index = index;
    f->current_term = term;
    f->terms[index] = term;
    check_starts_with(f, "snapshot-beyond-log", index, index);
    assert_int_equal(f->recovered.origin.index, index);
    assert_int_equal(f->recovered.origin.term, term);
    assert_true(f->recovered.current_term >= term);
    fixture_close(f);
    check_starts_with(f, "snapshot-good", index, index);
    for (int i = 0; i < 10; i++) {
        fixture_append_durable(f, 1, 100);
    }
    fixture_crash(f);
    check_starts_with(f, "snapshot-good", index, index + 10);
    assert_int_equal(f->recovered.origin.index, index);
}

static void test_recovery__snapshot_beyond_log(void **state)
{
    struct fixture *f = *state;

    make_log(f, 20);
    fixture_make_snapshot(f, 23, 5); /* The origin has not been moved to it yet. */
    fixture_crash(f);
    check_replaced(f, 23, 5);
    assert_int_equal(f->recovered.voted_for, 0);
    fixture_make_snapshot(f, 28, 6); /* The log has an entry of term 5 there, and further ones. */
    fixture_crash(f);
    check_replaced(f, 28, 6);
    fixture_move_origin(f, 30);
    fixture_crash(f);
    check_starts_with(f, "snapshot-good", 30, 38);
    fixture_make_snapshot(f, 50, 7);
    fixture_close(f);
    flip_bit(f, "snapshot-0000000000000032.snap", SECTOR_BYTES + 100); /* Not for this one. */
    check_starts_with(f, "snapshot-newer-lost", 30, 38);
}

/* The log is dropped before its first entry is written. */
static void test_recovery__snapshot_before_any_log(void **state)
{
    struct fixture *f = *state;

    make_log(f, 0);
    fixture_make_snapshot(f, 23, 5);
    fixture_crash(f);
    check_replaced(f, 23, 5);
}

static void test_recovery__snapshot_newer_lost(void **state)
{
    struct fixture *f = *state;

    make_log(f, 20);
    fixture_move_origin(f, 12);
    fixture_make_snapshot(f, 15, TERM);
    fixture_close(f);
    flip_bit(f, snapshot_at_15, 100);
    check_starts_with(f, "snapshot-newer-lost", 12, 20);
    assert_non_null(strstr(f->logged, "a snapshot is damaged"));
}

static void test_recovery__snapshot_good(void **state)
{
    struct fixture *f = *state;

    make_log(f, 20);
    fixture_make_snapshot(f, 5, TERM);
    fixture_crash(f);
    check_starts_with(f, "snapshot-good", 5, 20);
    fixture_make_snapshot(f, 20, TERM);
    fixture_move_origin(f, 15);
    fixture_crash(f);
    check_starts_with(f, "snapshot-good", 20, 20);
    assert_int_equal(f->recovered.origin.index, 15);
}

static void test_recovery__snapshot_not_needed(void **state)
{
    struct fixture *f = *state;

    make_log(f, 20);
    fixture_crash(f);
    check_starts_with(f, "snapshot-not-needed", 0, 20);
    fixture_make_snapshot(f, 12, TERM);
    fixture_close(f);
    flip_bit(f, snapshot_at_12, 100);
    check_starts_with(f, "snapshot-not-needed", 0, 20);
    assert_non_null(strstr(f->logged, "a snapshot is damaged"));
}

/* No test can make a real disk do that. */
static void test_recovery__snapshot_bad_sectors(void **state)
{
    struct recovery_facts f = {
        .dir = "dir",
        .origin = {.entry = {.index = 15}, .first_segment = 3},
        .snapshots = {.bad_index = 15, .bad_state = FILE_UNREADABLE, .error = -EIO}};

    (void)state;
    assert_string_equal(recovery_decide(&f, RECOVERY_SNAPSHOTS)->id, "snapshot-bad-sectors");
}

static void test_recovery__snapshot_unreadable(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    put_directory(f, snapshot_at_15);
    check_refused_unseen(f, "snapshot-unreadable");
    assert_non_null(strstr(f->text, snapshot_at_15));
}

static void test_recovery__snapshot_damaged(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_short_log(f);
    flip_bit(f, snapshot_at_15, 100);
    check_refused(f, STORE_EDAMAGED, "snapshot-damaged");
    assert_non_null(strstr(f->text, "the log begins behind entry 15"));
    flip_bit(f, snapshot_at_15, 100);
    image = image_read(f, snapshot_at_15);
    flip_bit(f, snapshot_at_15, image.size - SECTOR_BYTES + 70);
    check_refused(f, STORE_EDAMAGED, "snapshot-damaged");
    image.size -= SECTOR_BYTES;
    image_write(f, snapshot_at_15, &image);
    image_free(&image);
    check_refused(f, STORE_EDAMAGED, "snapshot-damaged");
}

static void test_recovery__snapshot_too_old(void **state)
{
    struct fixture *f = *state;

    make_log(f, 20);
    fixture_make_snapshot(f, 12, TERM);
    fixture_move_origin(f, 15);
    fixture_make_snapshot(f, 12, TERM);
    fixture_close(f);
    remove_file(f, snapshot_at_15);
    check_refused(f, STORE_EDAMAGED, "snapshot-too-old");
    assert_non_null(strstr(f->text, "ends with entry 12"));
}

static void test_recovery__snapshot_missing(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    remove_file(f, snapshot_at_15);
    check_refused(f, STORE_EDAMAGED, "snapshot-missing");
    assert_non_null(strstr(f->text, "behind entry 15"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static const struct CMUnitTest row_tests[] = {
    TEST(test_recovery__snapshot_version),
    TEST(test_recovery__snapshot_foreign),
    TEST(test_recovery__snapshot_contradicts_origin),
    TEST(test_recovery__snapshot_beyond_log),
    TEST(test_recovery__snapshot_newer_lost),
    TEST(test_recovery__snapshot_good),
    TEST(test_recovery__snapshot_not_needed),
    TEST(test_recovery__snapshot_bad_sectors),
    TEST(test_recovery__snapshot_unreadable),
    TEST(test_recovery__snapshot_damaged),
    TEST(test_recovery__snapshot_too_old),
    TEST(test_recovery__snapshot_missing),
};

static void test_table__has_one_test_for_each_row(void **state)
{
    (void)state;
    check_row_tests(RECOVERY_SNAPSHOTS, row_tests, sizeof row_tests / sizeof row_tests[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_recovery__snapshot_before_any_log),
        TEST(test_table__has_one_test_for_each_row),
    };
    int failed = cmocka_run_group_tests(row_tests, NULL, NULL);

    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
