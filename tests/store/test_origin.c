/* A log that begins after an origin (I-86): what is kept, what is removed, and that each start
 * finds the same. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/prng.h"
#include "fixture.h"
#include "store/files.h"
#include "store/log_segments.h"

enum {
    SEGMENT_BYTES = 8192, /* Sixteen sectors: seven batches of two. */
    TERM = 1,
};

static bool has_segment(const struct fixture *f, uint64_t number)
{
    char name[NAME_BYTES_MAX];

    segment_name(name, number);
    return fixture_has_file(f, name);
}

static uint64_t first_segment(const struct fixture *f)
{
    uint64_t number = 1;

    while (!has_segment(f, number)) {
        number++;
        assert_true(number < 1000);
    }
    return number;
}

static void check_open(struct fixture *f, uint64_t origin)
{
    struct store_origin expected = fixture_origin(f, origin);

    fixture_open(f);
    assert_int_equal(f->recovered.origin.index, origin);
    if (origin > 0) {
        assert_int_equal(f->recovered.origin.term, expected.term);
        assert_int_equal(f->recovered.origin.time_us, expected.time_us);
        assert_true(f->recovered.commit_index >= origin);
    }
    fixture_check_log(f, f->last_index);
}

/* Batches of one entry each, seven per segment. */
static void make_log(struct fixture *f, int batches)
{
    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    for (int i = 0; i < batches; i++) {
        fixture_append_durable(f, 1, 100);
    }
}

static void test_origin__drops_segments_wholly_below_it(void **state)
{
    struct fixture *f = *state;
    struct store_stats before;
    struct store_stats after;

    make_log(f, 30);       /* 1 to 7, 8 to 14, 15 to 21, 22 to 28, 29 and 30. */
    fixture_run_ms(f, 20); /* The next segment is made. */
    store_get_stats(f->store, &before);
    fixture_move_origin(f, 17);
    store_get_stats(f->store, &after);
    assert_int_equal(first_segment(f), 3);
    assert_int_equal(after.first_index, 18);
    assert_int_equal(after.last_index, 30);
    assert_int_equal(after.segment_count, before.segment_count - 2);
    assert_int_equal(after.log_bytes, before.log_bytes - 14 * 2 * SECTOR_BYTES);
    fixture_append_durable(f, 3, 100);
    fixture_close(f);
    check_open(f, 17);
    store_get_stats(f->store, &before);
    assert_int_equal(before.first_index, 18);
    assert_int_equal(before.log_bytes, after.log_bytes + 2 * SECTOR_BYTES);
    fixture_crash(f);
    check_open(f, 17);
}

static void test_origin__may_be_at_each_entry(void **state)
{
    struct fixture *f = *state;

    make_log(f, 22);
    for (uint64_t index = 1; index <= 22; index++) {
        fixture_move_origin(f, index);
        assert_int_equal(first_segment(f), 1 + (index < 21 ? index / 7 : 3));
        fixture_crash(f);
        check_open(f, index);
    }
    fixture_append_durable(f, 20, 100);
    fixture_crash(f);
    check_open(f, 22);
}

static void test_origin__moves_on_after_a_start(void **state)
{
    struct fixture *f = *state;

    make_log(f, 20);
    fixture_move_origin(f, 10);
    fixture_close(f);
    check_open(f, 10);
    fixture_append_durable(f, 1, 9000); /* In a segment of its own. */
    for (int i = 0; i < 10; i++) {
        fixture_append_durable(f, 1, 100);
    }
    fixture_move_origin(f, 20);
    fixture_move_origin(f, 25);
    fixture_crash(f);
    check_open(f, 25);
}

/* The log ended after the origin when the third segment was begun, and those entries have been
 * dropped since. The second segment is still needed: without it there would be a gap. */
static void test_origin__keeps_what_leads_to_entries_dropped_since(void **state)
{
    struct fixture *f = *state;

    make_log(f, 18);
    fixture_truncate(f, 12, 1, 100);
    fixture_await(f);
    fixture_move_origin(f, 11);
    assert_int_equal(first_segment(f), 2);
    fixture_crash(f);
    check_open(f, 11);
}

static void test_origin__may_be_beyond_the_end(void **state)
{
    struct fixture *f = *state;

    make_log(f, 10);
    fixture_truncate(f, 9, 0, 0); /* Entries of another leader. */
    fixture_await(f);
    fixture_move_origin(f, 100);
    assert_int_equal(first_segment(f), 2);
    fixture_crash(f);
    check_open(f, 100);
    assert_int_equal(f->recovered.last_index, 100);
    fixture_append_durable(f, 2, 100);
    fixture_crash(f);
    check_open(f, 100);
    for (int i = 0; i < 10; i++) {
        fixture_append_durable(f, 1, 100);
    }
    fixture_move_origin(f, 101);
    fixture_truncate(f, 105, 2, 50);
    fixture_await(f);
    fixture_crash(f);
    check_open(f, 101);
}

/* A snapshot of another node, with another entry where the log has one. */
static void test_origin__may_replace_a_longer_log(void **state)
{
    struct fixture *f = *state;

    make_log(f, 20);
    fixture_move_origin(f, 3);
    fixture_vote(f, 2, FIXTURE_NODE);
    fixture_await(f);
    fixture_replace_log(f, 10, 2);
    assert_int_equal(first_segment(f), 3); /* The chain goes on from the last one. */
    fixture_crash(f);
    check_open(f, 10);
    assert_int_equal(f->recovered.last_index, 10);
    for (int i = 0; i < 10; i++) {
        fixture_append_durable(f, 1, 100);
        fixture_crash(f);
        check_open(f, 10);
    }
    fixture_truncate(f, 15, 2, 50);
    fixture_await(f);
    fixture_move_origin(f, 12); /* In the segment with entries of the dropped log. */
    fixture_crash(f);
    check_open(f, 12);
    fixture_replace_log(f, 14, 2);
    fixture_close(f);
    check_open(f, 14);
    assert_int_equal(f->recovered.last_index, 14);
}

static void test_origin__may_be_set_before_the_first_entry(void **state)
{
    struct fixture *f = *state;

    make_log(f, 0);
    fixture_vote(f, TERM, FIXTURE_NODE);
    fixture_await(f);
    fixture_move_origin(f, 50);
    fixture_crash(f);
    check_open(f, 50);
    fixture_move_origin(f, 60);
    fixture_append_durable(f, 2, 100);
    fixture_crash(f);
    check_open(f, 60);
    fixture_move_origin(f, 62);
    fixture_crash(f);
    check_open(f, 62);
}

static void copy_file(struct fixture *f, const char *name, const struct image *kept)
{
    if (!fixture_has_file(f, name)) {
        image_write(f, name, kept);
    }
}

/* The process ended between the two. */
static void test_origin__segments_that_a_crash_has_left_are_removed(void **state)
{
    struct fixture *f = *state;
    struct image kept;
    struct image rubbish = {.data = memory_copy("rubbish", 7), .size = 7};

    make_log(f, 20);
    kept = image_read(f, "log-0000000000000001.seg");
    fixture_move_origin(f, 15);
    fixture_close(f);
    copy_file(f, "log-0000000000000001.seg", &kept);
    image_write(f, "origin.tmp", &rubbish);
    check_open(f, 15);
    assert_int_equal(first_segment(f), 3);
    assert_false(fixture_has_file(f, "origin.tmp"));
    image_free(&kept);
    image_free(&rubbish);
}

static void test_origin__must_not_vanish(void **state)
{
    struct fixture *f = *state;
    char path[400];

    make_log(f, 20);
    fixture_move_origin(f, 15);
    snprintf(path, sizeof path, "%s/origin", f->dir);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 100 && f->failed_count == 0; i++) {
        fixture_run_ms(f, 100);
    }
    assert_int_equal(f->failed_count, 1);
    fixture_close(f);
    fixture_check_refused(f, STORE_EDAMAGED, "segment-gap");
}

/* Writes, cuts, moves and starts in any order. */
static void test_origin__any_history_is_found_again(void **state)
{
    struct fixture *f = *state;
    struct prng p = {.state = 86};
    uint64_t origin = 0;

    make_log(f, 5);
    for (int step = 0; step < 400; step++) {
        uint64_t floor = f->commit_index > origin ? f->commit_index : origin;

        switch (prng_below(&p, 8)) {
        case 0:
            if (f->last_index > floor) {
                fixture_truncate(f, prng_between(&p, floor + 1, f->last_index),
                                 (uint32_t)prng_below(&p, 4), (uint32_t)prng_below(&p, 3000));
                fixture_await(f);
            }
            break;
        case 1:
            if (f->last_index > origin) {
                origin = prng_between(&p, origin + 1, f->last_index);
                fixture_move_origin(f, origin);
            }
            break;
        case 2:
            fixture_crash(f);
            check_open(f, origin);
            break;
        case 3:
            fixture_close(f);
            check_open(f, origin);
            break;
        case 4:
            if (prng_chance(&p, 1, 4)) {
                origin = f->last_index + prng_between(&p, 1, 3);
                fixture_move_origin(f, origin);
            }
            break;
        default:
            fixture_append_durable(f, (uint32_t)prng_between(&p, 1, 3),
                                   (uint32_t)prng_below(&p, prng_chance(&p, 1, 9) ? 9000 : 900));
        }
    }
    assert_true(first_segment(f) > 10);
}

/* --- which segments are needed ------------------------------------------------------------- */

static void test_segments__needed_are_those_from_the_last_that_begins_early_enough(void **state)
{
    struct log_segments segments = {0};
    /* The entries at which the second one began were dropped, and the third one begins with
     * that. */
    static const uint64_t first_index[] = {1, 11, 8, 12};

    (void)state;
    assert_null(log_segments_needed(&segments, 5));
    for (uint64_t i = 0; i < 4; i++) {
        log_segments_add(&segments,
                         &(struct log_segment){.number = i + 1, .first_index = first_index[i]});
        log_segments_grow(&segments, 100 + i);
    }
    assert_int_equal(log_segments_needed(&segments, 1)->number, 1);
    assert_int_equal(log_segments_needed(&segments, 6)->number, 1);
    assert_int_equal(log_segments_needed(&segments, 7)->number, 3);
    assert_int_equal(log_segments_needed(&segments, 10)->number, 3);
    assert_int_equal(log_segments_needed(&segments, 11)->number, 4);
    assert_int_equal(log_segments_drop(&segments, 3), 201);
    assert_int_equal(segments.count, 2);
    assert_int_equal(log_segments_drop(&segments, 3), 0);
    log_segments_deinit(&segments);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_origin__drops_segments_wholly_below_it),
        TEST(test_origin__may_be_at_each_entry),
        TEST(test_origin__moves_on_after_a_start),
        TEST(test_origin__keeps_what_leads_to_entries_dropped_since),
        TEST(test_origin__may_be_beyond_the_end),
        TEST(test_origin__may_replace_a_longer_log),
        TEST(test_origin__may_be_set_before_the_first_entry),
        TEST(test_origin__segments_that_a_crash_has_left_are_removed),
        TEST(test_origin__must_not_vanish),
        TEST(test_origin__any_history_is_found_again),
        cmocka_unit_test(test_segments__needed_are_those_from_the_last_that_begins_early_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
