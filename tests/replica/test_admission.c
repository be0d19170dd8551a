/* How much a leader admits to its log, over simulated paths with a given bandwidth and delay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/admission.h"

#define MS 1000000ull
#define S  (1000 * MS)

enum { ENTRY_BYTES = 2000, BATCHES_MAX = 10000 };

/* A path with a round trip of `round_ns` and `bytes_a_second`, and users who always want more. */
struct path {
    struct admission admission;
    uint64_t round_ns;
    uint64_t bytes_a_second;
    uint64_t now_ns;
    uint64_t under_way_bytes;
    uint64_t carried_ns; /* When everything under way will have been carried. */
    uint64_t last_index;
    uint64_t commit_index;
    struct {
        uint64_t last_index;
        uint64_t bytes;
        uint64_t at_ns; /* When it will be committed. */
    } batches[BATCHES_MAX];
    uint64_t first_batch;
    uint64_t batch_count;
    uint64_t committed_bytes;
    uint64_t latest_ns; /* From proposal to commit. */
};

static struct path path_of(uint64_t round_ns, uint64_t bytes_a_second)
{
    struct path p = {.round_ns = round_ns, .bytes_a_second = bytes_a_second};

    admission_init(&p.admission, 500 * MS, 256 * 1024 * 1024);
    return p;
}

static void commit_due(struct path *p)
{
    while (p->first_batch < p->batch_count &&
           p->batches[p->first_batch % BATCHES_MAX].at_ns <= p->now_ns) {
        p->under_way_bytes -= p->batches[p->first_batch % BATCHES_MAX].bytes;
        p->committed_bytes += p->batches[p->first_batch % BATCHES_MAX].bytes;
        p->commit_index = p->batches[p->first_batch % BATCHES_MAX].last_index;
        p->first_batch++;
    }
}

/* Proposes as much of `wanted_bytes` as there is room for. */
static void propose(struct path *p, uint64_t wanted_bytes)
{
    uint64_t room = admission_room(&p->admission, p->under_way_bytes);
    uint64_t bytes = 0;

    while (bytes < wanted_bytes &&
           (bytes + ENTRY_BYTES <= room || (bytes == 0 && p->under_way_bytes == 0))) {
        bytes += ENTRY_BYTES;
    }
    admission_hold(&p->admission, bytes < wanted_bytes, p->now_ns);
    if (bytes == 0) {
        return;
    }
    p->last_index += bytes / ENTRY_BYTES;
    admission_proposed(&p->admission, p->last_index, bytes, p->under_way_bytes, p->now_ns);
    p->carried_ns =
        (p->carried_ns > p->now_ns ? p->carried_ns : p->now_ns) + bytes * S / p->bytes_a_second;
    assert_true(p->batch_count - p->first_batch < BATCHES_MAX);
    p->batches[p->batch_count % BATCHES_MAX].last_index = p->last_index;
    p->batches[p->batch_count % BATCHES_MAX].bytes = bytes;
    p->batches[p->batch_count % BATCHES_MAX].at_ns = p->carried_ns + p->round_ns;
    if (p->carried_ns + p->round_ns - p->now_ns > p->latest_ns) {
        p->latest_ns = p->carried_ns + p->round_ns - p->now_ns;
    }
    p->under_way_bytes += bytes;
    p->batch_count++;
}

/* For that time, `wanted_bytes` are waiting at each moment. */
static void run(struct path *p, uint64_t for_ns, uint64_t wanted_bytes)
{
    uint64_t end_ns = p->now_ns + for_ns;

    p->committed_bytes = 0;
    p->latest_ns = 0;
    while (p->now_ns < end_ns) {
        p->now_ns += MS;
        commit_due(p);
        admission_look(&p->admission, p->commit_index, p->now_ns);
        propose(p, wanted_bytes);
    }
}

/* Every path is used fully, whatever its bandwidth, and nothing waits in the log for long. */
static void test_admission__adapts_to_each_path(void **state)
{
    static const uint64_t rates[] = {20000, 50000, 100000, 200000, 1000000, 10000000};

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct path p = path_of(2 * MS, rates[i]);

        run(&p, 15 * S, 4 * 1024 * 1024);
        run(&p, 20 * S, 4 * 1024 * 1024);
        assert_true(p.committed_bytes > 20 * rates[i] * 9 / 10);
        assert_in_range(p.latest_ns, 0, 1700 * MS);
    }
}

/* A long round trip, or a slow disk, is not a queue: it may be filled. */
static void test_admission__does_not_take_a_long_round_for_a_queue(void **state)
{
    static const uint64_t rounds[] = {100 * MS, 300 * MS, 600 * MS, 900 * MS};

    (void)state;
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        struct path p = path_of(rounds[i], 100 * 1000 * 1000);

        run(&p, 20 * S, ENTRY_BYTES); /* Light use first, which shows the round trip. */
        run(&p, 20 * S, 1024 * 1024);
        run(&p, 10 * S, 1024 * 1024);
        assert_true(p.committed_bytes > 9 * 100 * 1000 * 1000);
        /* Twice the round trip, but no more than half a second more than once; and the target. */
        assert_in_range(p.latest_ns, 0,
                        rounds[i] + (rounds[i] < 500 * MS ? rounds[i] : 500 * MS) + 800 * MS);
    }
}

/* A longer round trip is learned under load, too, from a window that has shrunk to nothing. */
static void test_admission__recovers_if_the_round_became_longer(void **state)
{
    struct path p = path_of(2 * MS, 100 * 1000 * 1000);

    (void)state;
    run(&p, 5 * S, 1024 * 1024);
    p.round_ns = 600 * MS;
    run(&p, 60 * S, 1024 * 1024);
    run(&p, 10 * S, 1024 * 1024);
    assert_true(p.committed_bytes > 9 * 100 * 1000 * 1000);
}

static void test_admission__shrinks_before_what_is_late_is_committed(void **state)
{
    struct path p = path_of(2 * MS, 20 * 1000);

    (void)state;
    run(&p, 3 * S, 4 * 1024 * 1024);
    assert_int_equal(p.admission.followed_late, 5); /* 128 kB take 6.5 s. */
    assert_int_equal(p.admission.window_bytes, ADMISSION_BYTES_MIN);
}

static void test_admission__grows_only_if_it_is_used(void **state)
{
    struct path p = path_of(2 * MS, 100 * 1000 * 1000);

    (void)state;
    run(&p, 10 * S, 10 * ENTRY_BYTES); /* Never short of room. */
    assert_int_equal(p.admission.window_bytes, ADMISSION_BYTES_FIRST);
    assert_false(p.admission.is_holding);
    run(&p, 10 * S, 64 * 1024 * 1024);
    assert_true(p.admission.window_bytes > 8 * 1024 * 1024);
    assert_true(p.admission.is_holding);
    admission_reset(&p.admission);
    assert_int_equal(p.admission.window_bytes, ADMISSION_BYTES_FIRST);
    assert_int_equal(p.admission.followed, 0);
    assert_int_equal(p.admission.base_ns, 0);
}

static void test_admission__lets_one_entry_of_any_size_into_an_empty_log(void **state)
{
    struct admission a;

    (void)state;
    admission_init(&a, 500 * MS, 1);
    assert_int_equal(a.window_bytes, ADMISSION_BYTES_MIN);
    assert_int_equal(admission_room(&a, 0), ADMISSION_BYTES_MIN);
    assert_int_equal(admission_room(&a, ADMISSION_BYTES_MIN + 1), 0);
}

/* A backlog that shrinks is not an overload; nor is one if there is a moment in which everything
 * fits. */
static void test_admission__distinguishes_an_overload_from_a_passing_backlog(void **state)
{
    struct admission a;

    (void)state;
    admission_init(&a, 500 * MS, 1024 * 1024);
    admission_hold(&a, true, 10 * S);
    assert_int_equal(admission_needed_ns(&a, 10 * S + 499 * MS), 0);
    admission_hold(&a, true, 10 * S + 499 * MS);
    assert_int_equal(admission_needed_ns(&a, 10 * S + 500 * MS), 1000 * MS);
    a.base_ns = 400 * MS; /* 0.4 s, as much again for a sync, and the target. */
    assert_int_equal(admission_needed_ns(&a, 10 * S + 500 * MS), 1300 * MS);
    a.base_ns = 900 * MS;
    assert_int_equal(admission_needed_ns(&a, 10 * S + 500 * MS), 1500 * MS);
    admission_hold(&a, false, 11 * S);
    assert_int_equal(admission_needed_ns(&a, 11 * S), 0);
    admission_hold(&a, true, 11 * S);
    assert_int_equal(admission_needed_ns(&a, 11 * S + 499 * MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admission__adapts_to_each_path),
        cmocka_unit_test(test_admission__does_not_take_a_long_round_for_a_queue),
        cmocka_unit_test(test_admission__recovers_if_the_round_became_longer),
        cmocka_unit_test(test_admission__shrinks_before_what_is_late_is_committed),
        cmocka_unit_test(test_admission__grows_only_if_it_is_used),
        cmocka_unit_test(test_admission__lets_one_entry_of_any_size_into_an_empty_log),
        cmocka_unit_test(test_admission__distinguishes_an_overload_from_a_passing_backlog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
