/* The log itself: truncation, new segments, large entries, group commit, and the map from
 * entries to their places. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/prng.h"
#include "fixture.h"
#include "store/log_index.h"
#include "tap.h"

/* --- truncation --- */

static void test_log__truncation_drops_the_tail(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 10, 100);
    fixture_vote(f, 2, 5);
    fixture_truncate(f, 6, 0, 0);
    fixture_await(f);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 5);
}

static void test_log__truncation_and_new_entries_in_one_write(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 10, 100);
    fixture_vote(f, 2, 5);
    fixture_truncate(f, 4, 3, 50);
    fixture_await(f);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 6);
}

static void test_log__truncations_gathered_in_one_job_keep_their_order(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append(f, 10, 100); /* Waits for the first segment, as does everything below. */
    fixture_vote(f, 2, 5);
    fixture_truncate(f, 8, 4, 50);
    fixture_append(f, 2, 30);
    fixture_vote(f, 3, 6);
    fixture_truncate(f, 9, 0, 0);
    fixture_truncate(f, 3, 1, 70);
    fixture_append(f, 5, 20);
    fixture_await(f);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 8);
    assert_int_equal(f->recovered.current_term, 3);
}

static void test_log__truncation_to_nothing(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_vote(f, 2, 5);
    fixture_truncate(f, 1, 0, 0);
    fixture_await(f);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 0);
    fixture_append_durable(f, 3, 10);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 3);
}

/* --- segments --- */

static void test_log__goes_on_over_many_small_segments(void **state)
{
    struct fixture *f = *state;
    struct store_stats stats;

    f->segment_bytes = 8192;
    fixture_open(f);
    for (int i = 0; i < 60; i++) {
        fixture_append_durable(f, 1 + (uint32_t)i % 4, (uint32_t)i * 37 % 1500);
    }
    store_get_stats(f->store, &stats);
    assert_true(stats.segment_count > 10);
    assert_int_equal(stats.last_index, f->last_index);
    assert_int_equal(stats.first_index, 1);
    assert_true(stats.sync_count >= 60);
    assert_true(stats.sync_p50_ns <= stats.sync_p99_ns);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, f->last_index);
    fixture_append_durable(f, 10, 700);
    fixture_close(f);
    fixture_open(f);
    fixture_check_log(f, f->last_index);
}

static void test_log__one_write_may_be_larger_than_a_segment(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = 8192;
    fixture_open(f);
    fixture_append_durable(f, 100, 500);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 100);
}

static void test_log__more_entries_than_a_batch_holds(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = 4 * 1024 * 1024;
    fixture_open(f);
    fixture_append(f, 5000, 10);
    fixture_append(f, 1000, 0);
    fixture_await(f);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 6000);
}

static void test_log__entry_larger_than_a_segment(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = 16384;
    fixture_open(f);
    fixture_append_durable(f, 2, 100);
    fixture_append_durable(f, 1, 100 * 1000);
    fixture_append_durable(f, 2, 100);
    fixture_append(f, 1, 3 * 1000 * 1000);
    fixture_append(f, 1, 3 * 1000 * 1000);
    fixture_append(f, 2, 100);
    fixture_await(f);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 9);
    fixture_append_durable(f, 1, 50 * 1000);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 10);
}

static void test_log__large_entries_within_a_segment(void **state)
{
    struct fixture *f = *state;

    f->segment_bytes = 4 * 1024 * 1024;
    fixture_open(f);
    fixture_append(f, 1, 10);
    fixture_append(f, 3, 1200 * 1000);
    fixture_append(f, 1, 1024 * 1024);
    fixture_append(f, 1, 10);
    fixture_await(f);
    fixture_crash(f);
    fixture_open(f);
    fixture_check_log(f, 6);
}

/* --- group commit --- */

static void test_log__many_writes_share_few_syncs(void **state)
{
    struct fixture *f = *state;
    struct tap_counts before;
    struct tap_counts after;

    f->segment_bytes = 1024 * 1024;
    tap_reset();
    fixture_open(f);
    fixture_append_durable(f, 1, 100);
    fixture_run_ms(f, 50); /* The next segment is being made. */
    before = tap_count(".seg");
    for (int i = 0; i < 1000; i++) {
        fixture_append(f, 1, 100);
    }
    fixture_await(f);
    after = tap_count(".seg");
    /* The first went at once; the others collected meanwhile. */
    assert_int_equal(after.syncs - before.syncs, 2);
    assert_int_equal(after.writes - before.writes, 2);
    tap_reset();
}

static void test_log__one_write_costs_one_write_and_one_sync(void **state)
{
    struct fixture *f = *state;
    struct tap_counts before;
    struct tap_counts after;

    f->segment_bytes = 1024 * 1024;
    tap_reset();
    fixture_open(f);
    fixture_append_durable(f, 1, 100);
    fixture_run_ms(f, 50);
    before = tap_count("/");
    for (int i = 0; i < 10; i++) {
        fixture_append_durable(f, 3, 100);
    }
    after = tap_count("/");
    assert_int_equal(after.syncs - before.syncs, 10);
    assert_int_equal(after.writes - before.writes, 10);
    tap_reset();
}

/* --- the index --- */

static void test_log__index_agrees_with_a_plain_list(void **state)
{
    enum { MAX = 4000 };

    struct log_index index = {0};
    struct prng p = {.state = 3};
    uint64_t *offsets = memory_take_zeroed(MAX + 1, sizeof *offsets); /* Of entry i's batch. */
    uint64_t last = 0;
    uint64_t at = 512;

    (void)state;
    for (int step = 0; step < 3000; step++) {
        uint64_t count = prng_between(&p, 1, 9);
        uint64_t bytes = 512 * prng_between(&p, 2, 60);

        if (last > 0 && prng_chance(&p, 1, 10)) {
            uint64_t from = prng_between(&p, last > 30 ? last - 30 : 1, last);

            log_index_truncate(&index, from);
            last = from - 1;
            at += prng_below(&p, 2) * 512; /* A batch without entries, maybe. */
        }
        if (last + count > MAX) {
            break;
        }
        log_index_append(&index, 1, at, bytes, last + 1, (uint32_t)count);
        for (uint64_t i = 0; i < count; i++) {
            offsets[++last] = at;
        }
        at += bytes;
        assert_int_equal(log_index_last(&index), last);
    }
    for (uint64_t i = 1; i <= last; i++) {
        const struct log_run *run = log_index_find(&index, i);

        assert_non_null(run);
        assert_true(run->first_index <= i && i < run->first_index + run->count);
        assert_true(run->offset <= offsets[i] && offsets[i] < run->end);
    }
    assert_null(log_index_find(&index, 0));
    assert_null(log_index_find(&index, last + 1));
    assert_true(index.count < last);
    log_index_deinit(&index);
    free(offsets);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_log__truncation_drops_the_tail),
        TEST(test_log__truncation_and_new_entries_in_one_write),
        TEST(test_log__truncations_gathered_in_one_job_keep_their_order),
        TEST(test_log__truncation_to_nothing),
        TEST(test_log__goes_on_over_many_small_segments),
        TEST(test_log__one_write_may_be_larger_than_a_segment),
        TEST(test_log__more_entries_than_a_batch_holds),
        TEST(test_log__entry_larger_than_a_segment),
        TEST(test_log__large_entries_within_a_segment),
        TEST(test_log__many_writes_share_few_syncs),
        TEST(test_log__one_write_costs_one_write_and_one_sync),
        cmocka_unit_test(test_log__index_agrees_with_a_plain_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
