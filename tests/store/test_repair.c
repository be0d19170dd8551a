/* Damage that other members can mend (I-173): the start keeps the intact beginning of the log and
 * the damaged files, and says what is missing, at each start again until it is there. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spoil.h"
#include "store/repair.h"
#include "store/store.h"

static const char first_segment[] = "log-0000000000000001.seg";
static const char second_segment[] = "log-0000000000000002.seg";
static const char snapshot_at_15[] = "snapshot-000000000000000f.snap";

static bool has_evidence(const struct fixture *f, const char *name)
{
    char path[400];

    snprintf(path, sizeof path, "damaged/%s", name);
    return fixture_has_file(f, path);
}

/* A start that repairs: it has entries up to `last`, and knows (or not) how the log had ended. */
static void check_repairs(struct fixture *f, uint64_t last, uint64_t lost_last)
{
    f->has_peers = true;
    fixture_open(f);
    assert_true(f->recovered.lacks_entries);
    assert_int_equal(f->recovered.lost_first_index, last + 1);
    assert_int_equal(f->recovered.lost_last_index, lost_last);
    assert_int_equal(f->recovered.lost_last_term, lost_last == 0 ? 0 : TERM);
    assert_int_equal(f->recovered.last_index, last);
    fixture_check_log(f, last);
    f->commit_index = f->recovered.commit_index;
}

/* It goes on from there, and the next starts find nothing wrong, but still know. */
static void check_goes_on(struct fixture *f, uint64_t last, uint64_t lost_last)
{
    f->last_index = last;
    for (uint64_t i = 1; i <= 10; i++) {
        fixture_append_durable(f, 1, 100);
    }
    fixture_crash(f);
    f->has_peers = false; /* It needs no repair any more. */
    fixture_open(f);
    assert_true(f->recovered.lacks_entries);
    assert_int_equal(f->recovered.lost_first_index, last + 1);
    assert_int_equal(f->recovered.lost_last_index, lost_last);
    fixture_check_log(f, last + 10);
    store_end_repair(f->store);
    fixture_run_ms(f, 20);
    fixture_close(f);
    fixture_open(f);
    assert_false(f->recovered.lacks_entries);
    assert_string_equal(f->recovered.log_case, "log-whole");
    fixture_check_log(f, last + 10);
}

/* --- the log ----------------------------------------------------------------------------- */

static void test_repair__of_a_record_keeps_what_comes_before(void **state)
{
    struct fixture *f = *state;
    struct image damaged;
    struct image kept;

    make_log(f, 4);
    fixture_crash(f);
    flip_bit(f, first_segment, 4 * SECTOR_BYTES + 50); /* The record of batch 2. */
    damaged = image_read(f, first_segment);
    check_repairs(f, 1, 4);
    assert_string_equal(f->recovered.log_case, "later-batch");
    kept = image_read(f, "damaged/log-0000000000000001.seg");
    assert_int_equal(kept.size, damaged.size);
    assert_memory_equal(kept.data, damaged.data, kept.size);
    image_free(&kept);
    image_free(&damaged);
    check_goes_on(f, 1, 4);
}

/* Without the identities of batch 2, those of later batches show how the log had ended. */
static void test_repair__of_a_head_knows_the_end_by_later_heads(void **state)
{
    struct fixture *f = *state;

    make_log(f, 5);
    fixture_crash(f);
    flip_bit(f, first_segment, 3 * SECTOR_BYTES + 50);
    check_repairs(f, 1, 5);
    check_goes_on(f, 1, 5);
}

/* The vote knows of a batch of which no head is left. */
static void test_repair__of_the_end_knows_no_end(void **state)
{
    struct fixture *f = *state;

    make_log(f, 3);
    fixture_close(f);
    flip_bit(f, first_segment, 5 * SECTOR_BYTES + 50);
    check_repairs(f, 2, 0);
    assert_string_equal(f->recovered.log_case, "vote-ahead");
    check_goes_on(f, 2, 0);
}

static void test_repair__of_a_segment_keeps_those_before(void **state)
{
    struct fixture *f = *state;

    make_log(f, 17); /* Seven batches each. */
    fixture_crash(f);
    flip_bit(f, second_segment, 40);
    check_repairs(f, 7, 0);
    assert_string_equal(f->recovered.log_case, "segment-head-damaged");
    assert_false(has_evidence(f, first_segment));
    assert_true(has_evidence(f, second_segment));
    assert_true(has_evidence(f, "log-0000000000000003.seg"));
    check_goes_on(f, 7, 0);
}

/* No vote names it, so it never held anything that was acknowledged: nothing is missing. */
static void test_repair__of_an_empty_segment_misses_nothing(void **state)
{
    struct fixture *f = *state;

    make_log(f, 2);
    fixture_run_ms(f, 20);
    fixture_crash(f);
    flip_bit(f, second_segment, 40);
    check_repairs(f, 2, 2);
    assert_true(has_evidence(f, second_segment));
    check_goes_on(f, 2, 2);
}

static void test_repair__of_a_gap_keeps_what_comes_before(void **state)
{
    struct fixture *f = *state;

    make_log(f, 17);
    fixture_crash(f);
    remove_file(f, second_segment);
    check_repairs(f, 7, 0);
    assert_true(has_evidence(f, "log-0000000000000003.seg"));
    check_goes_on(f, 7, 0);
}

static void test_repair__of_the_first_segment_begins_anew(void **state)
{
    struct fixture *f = *state;

    make_log(f, 10);
    fixture_crash(f);
    flip_bit(f, first_segment, 40);
    check_repairs(f, 0, 0);
    assert_true(has_evidence(f, first_segment));
    assert_true(has_evidence(f, second_segment));
    check_goes_on(f, 0, 0);
}

static void test_repair__of_the_first_batch_begins_anew(void **state)
{
    struct fixture *f = *state;

    make_log(f, 3);
    fixture_crash(f);
    flip_bit(f, first_segment, 2 * SECTOR_BYTES + 50);
    check_repairs(f, 0, 3);
    check_goes_on(f, 0, 3);
}

/* --- origin and snapshots ------------------------------------------------------------------ */

static void test_repair__of_the_origin_goes_on_from_the_snapshot(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    flip_bit(f, "origin", 40);
    check_repairs(f, 15, 0);
    assert_true(has_evidence(f, "origin"));
    assert_int_equal(f->recovered.snapshot.index, 15);
    assert_int_equal(f->recovered.origin.index, 15);
    check_goes_on(f, 15, 0);
}

static void test_repair__of_what_follows_the_origin_keeps_the_snapshot(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_log(f, 21);
    fixture_move_origin(f, 21);
    fixture_crash(f);
    image = image_read(f, "log-0000000000000003.seg");
    memset(image.data + SECTOR_BYTES, 0, 15 * SECTOR_BYTES);
    image_write(f, "log-0000000000000003.seg", &image);
    image_free(&image);
    check_repairs(f, 21, 0);
    assert_string_equal(f->recovered.log_case, "origin-ahead");
    check_goes_on(f, 21, 0);
}

static void check_nothing_left(struct fixture *f, bool has_snapshot)
{
    check_repairs(f, 0, 20);
    assert_int_equal(has_evidence(f, snapshot_at_15), has_snapshot);
    assert_int_equal(snapshot_newest(f->store).index, 0);
    assert_int_equal(f->recovered.origin.index, 0);
    check_goes_on(f, 0, 20);
}

/* The log after it is of no use without the state, but shows how it had ended. */
static void test_repair__of_the_only_snapshot_begins_with_nothing(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    flip_bit(f, snapshot_at_15, 100);
    check_nothing_left(f, true);
}

static void test_repair__of_a_missing_snapshot_begins_with_nothing(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    remove_file(f, snapshot_at_15);
    check_nothing_left(f, false);
}

static void test_repair__begins_with_an_older_snapshot_if_there_is_one(void **state)
{
    struct fixture *f = *state;

    make_log(f, 20);
    fixture_make_snapshot(f, 12, TERM);
    fixture_move_origin(f, 15);
    fixture_make_snapshot(f, 12, TERM);
    fixture_close(f);
    remove_file(f, snapshot_at_15);
    check_repairs(f, 12, 20);
    assert_int_equal(snapshot_newest(f->store).index, 12);
    check_goes_on(f, 12, 20);
}

/* --- more than once ------------------------------------------------------------------------ */

/* What was missing before may not be there yet. */
static void test_repair__of_another_damage_forgets_no_earlier_one(void **state)
{
    struct fixture *f = *state;

    make_log(f, 6);
    fixture_crash(f);
    flip_bit(f, first_segment, 8 * SECTOR_BYTES + 50); /* The record of batch 4. */
    check_repairs(f, 3, 6);
    f->last_index = 3;
    fixture_close(f);
    flip_bit(f, first_segment, 4 * SECTOR_BYTES + 50); /* The record of batch 2. */
    check_repairs(f, 1, 6);
    f->last_index = 1;
    fixture_close(f);
    flip_bit(f, "repair", 40); /* It says still that something is missing. */
    f->has_peers = false;
    fixture_open(f);
    assert_true(f->recovered.lacks_entries);
    assert_int_equal(f->recovered.lost_last_index, 0);
}

/* What is kept is bounded: the files of the last damage. */
static void test_repair__drops_the_evidence_of_what_was_mended(void **state)
{
    struct fixture *f = *state;
    struct image old = {.data = (char[]){"old"}, .size = 3};

    make_log(f, 6);
    fixture_crash(f);
    flip_bit(f, first_segment, 8 * SECTOR_BYTES + 50);
    check_repairs(f, 3, 6);
    f->last_index = 3;
    fixture_close(f);
    for (char name[] = "damaged/0"; name[8] < '8'; name[8]++) {
        image_write(f, name, &old);
    }
    flip_bit(f, first_segment, 6 * SECTOR_BYTES + 50);
    check_repairs(f, 2, 6);
    f->last_index = 2;
    assert_true(has_evidence(f, "0")); /* What was damaged first is not mended yet. */
    store_end_repair(f->store);
    fixture_run_ms(f, 20);
    fixture_close(f);
    assert_true(has_evidence(f, "0"));
    flip_bit(f, first_segment, 4 * SECTOR_BYTES + 50);
    check_repairs(f, 1, 2);
    assert_false(has_evidence(f, "0"));
    assert_true(has_evidence(f, first_segment));
}

/* A snapshot may be damaged where a start does not look until it loads it. */
static void test_repair__of_a_snapshot_that_is_being_loaded(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    f->has_peers = true;
    fixture_open(f);
    assert_true(store_give_up_snapshot(f->store, 15));
    fixture_close(f);
    check_nothing_left(f, true);
}

static void test_repair__of_a_snapshot_needs_other_members(void **state)
{
    struct fixture *f = *state;

    make_short_log(f);
    fixture_open(f);
    assert_false(store_give_up_snapshot(f->store, 15));
    assert_true(fixture_has_file(f, snapshot_at_15));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_repair__of_a_record_keeps_what_comes_before),
        TEST(test_repair__of_a_head_knows_the_end_by_later_heads),
        TEST(test_repair__of_the_end_knows_no_end),
        TEST(test_repair__of_a_segment_keeps_those_before),
        TEST(test_repair__of_an_empty_segment_misses_nothing),
        TEST(test_repair__of_a_gap_keeps_what_comes_before),
        TEST(test_repair__of_the_first_segment_begins_anew),
        TEST(test_repair__of_the_first_batch_begins_anew),
        TEST(test_repair__of_the_origin_goes_on_from_the_snapshot),
        TEST(test_repair__of_what_follows_the_origin_keeps_the_snapshot),
        TEST(test_repair__of_the_only_snapshot_begins_with_nothing),
        TEST(test_repair__of_a_missing_snapshot_begins_with_nothing),
        TEST(test_repair__begins_with_an_older_snapshot_if_there_is_one),
        TEST(test_repair__of_another_damage_forgets_no_earlier_one),
        TEST(test_repair__drops_the_evidence_of_what_was_mended),
        TEST(test_repair__of_a_snapshot_that_is_being_loaded),
        TEST(test_repair__of_a_snapshot_needs_other_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
