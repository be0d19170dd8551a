/* When entries passed which stage (I-207), with times that a test chooses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "replica/stages.h"

enum { LEADER = 11, FAST = 12, SLOW = 13 };

static int up(void **state)
{
    *state = calloc(1, sizeof(struct stages));
    return *state == NULL;
}

static int down(void **state)
{
    free(*state);
    return 0;
}

static void propose(struct stages *s, raft_term term, raft_index first, uint32_t count,
                    uint64_t received_ns, uint64_t now_ns)
{
    const struct stage_batch batch = {
        .term = term, .first = first, .count = count, .received_ns = received_ns};

    stages_proposed(s, &batch, now_ns);
}

static uint64_t stored_ns(const struct stages *s, raft_index index, raft_id id)
{
    return stages_find(s, index)->stored_ns[stages_place(s, id)];
}

static raft_id last_of(const struct stages *s, raft_index index)
{
    return s->nodes[stages_find(s, index)->last_place].id;
}

static void test_stages__of_an_entry_are_known_from_its_arrival_to_its_answer(void **state)
{
    struct stages *s = *state;

    propose(s, 1, 5, 3, 90, 100);
    assert_int_equal(stages_find(s, 6)->received_ns, 90);
    assert_int_equal(stages_find(s, 6)->proposed_ns, 100);
    stages_stored(s, FAST, 7, 30, 150);
    stages_committed(s, FAST, 4, 150); /* Alone it is no majority. */
    assert_int_equal(stages_find(s, 6)->committed_ns, 0);
    stages_stored(s, LEADER, 7, 60, 170);
    stages_committed(s, LEADER, 7, 170);
    assert_true(stages_await_applied(s, 7));
    stages_applied(s, 7, 180);
    assert_false(stages_await_applied(s, 7));
    assert_true(stages_await_answered(s));
    stages_answered(s, 190);
    assert_false(stages_await_answered(s));
    stages_stored(s, SLOW, 7, 900, 1000);

    const struct stage_record *record = stages_find(s, 7);

    assert_ptr_equal(record, stages_find(s, 5));
    assert_int_equal(record->committed_ns, 170);
    assert_int_equal(record->applied_ns, 180);
    assert_int_equal(record->answered_ns, 190);
    assert_int_equal(stored_ns(s, 6, FAST), 150);
    assert_int_equal(stored_ns(s, 6, LEADER), 170);
    assert_int_equal(stored_ns(s, 6, SLOW), 1000);
    assert_int_equal(record->disk_us[stages_place(s, SLOW)], 900);
    assert_int_equal(stage_record_ns(record), 100);
    assert_null(stages_find(s, 4));
    assert_null(stages_find(s, 8));
}

static void test_stages__name_the_node_that_has_completed_the_majority(void **state)
{
    struct stages *s = *state;

    for (raft_index i = 1; i <= 10; i++) {
        raft_id last = i <= 7 ? LEADER : FAST;

        propose(s, 1, i, 1, 0, 100 * i);
        stages_stored(s, i <= 7 ? FAST : LEADER, i, 0, 100 * i + 10);
        stages_stored(s, last, i, 0, 100 * i + 20);
        stages_committed(s, last, i, 100 * i + 20);
        stages_stored(s, SLOW, i - 1, 0, 100 * i + 30); /* Always one behind. */
        assert_int_equal(last_of(s, i), last);
    }
    assert_int_equal(s->nodes[stages_place(s, LEADER)].last_count, 7);
    assert_int_equal(s->nodes[stages_place(s, FAST)].last_count, 3);
    assert_int_equal(s->nodes[stages_place(s, SLOW)].last_count, 0);
    assert_int_equal(s->nodes[stages_place(s, LEADER)].late_count, 0);
    /* It was not known before the first was committed. */
    assert_int_equal(s->nodes[stages_place(s, SLOW)].late_count, 9);
    assert_int_equal(histogram_percentile(&s->nodes[stages_place(s, SLOW)].times, 50), 130);
}

static void test_stages__one_acknowledgement_may_be_for_many(void **state)
{
    struct stages *s = *state;

    propose(s, 1, 1, 10, 0, 100);
    propose(s, 1, 11, 10, 0, 110);
    propose(s, 1, 21, 10, 0, 120);
    stages_stored(s, FAST, 25, 0, 200); /* A part of the third. */
    assert_int_equal(stored_ns(s, 1, FAST), 200);
    assert_int_equal(stored_ns(s, 20, FAST), 200);
    assert_int_equal(stored_ns(s, 21, FAST), 0);
    stages_stored(s, FAST, 12, 0, 210); /* An old one changes nothing. */
    assert_int_equal(stored_ns(s, 20, FAST), 200);
    stages_stored(s, FAST, 30, 0, 220);
    assert_int_equal(stored_ns(s, 21, FAST), 220);
}

static void test_stages__are_of_this_term_only(void **state)
{
    struct stages *s = *state;

    propose(s, 1, 1, 1, 0, 100);
    stages_stored(s, FAST, 1, 0, 110);
    propose(s, 3, 2, 1, 0, 200);
    assert_null(stages_find(s, 1));
    assert_int_equal(stages_place(s, FAST), STAGES_NODES);
    assert_int_equal(stages_find(s, 2)->proposed_ns, 200);
}

static void test_stages__times_of_all_records_outlive_a_term(void **state)
{
    struct stages *s = *state;

    propose(s, 1, 5, 3, 90, 100);
    stages_stored(s, FAST, 7, 0, 150);
    stages_stored(s, LEADER, 7, 0, 170);
    stages_committed(s, LEADER, 7, 170);
    stages_applied(s, 7, 185);
    stages_answered(s, 200);
    propose(s, 2, 8, 1, 300, 300);
    assert_int_equal(durations_within(&s->times.commit, DURATIONS_BOUNDS), 1);
    assert_int_equal(s->times.commit.total_ns, 70);
    assert_int_equal(s->times.apply.total_ns, 15);
    assert_int_equal(s->times.write.total_ns, 110);
}

static void test_stages__round_trips_are_without_the_disk(void **state)
{
    struct stages *s = *state;

    propose(s, 1, 5, 1, 0, 100 * 1000);
    stages_stored(s, FAST, 5, 30, 150 * 1000);
    stages_stored(s, SLOW, 5, 900, 200 * 1000); /* Its clock counts otherwise. */
    assert_int_equal(s->nodes[stages_place(s, FAST)].round_trips.total_ns, 20 * 1000);
    assert_int_equal(s->nodes[stages_place(s, SLOW)].round_trips.total_ns, 0);
}

static void test_stages__keep_the_newest(void **state)
{
    struct stages *s = *state;

    for (raft_index i = 1; i <= 3 * STAGES_RECORDS; i++) {
        propose(s, 1, i, 1, 0, i);
    }
    assert_null(stages_find(s, 2 * STAGES_RECORDS));
    for (raft_index i = 2 * STAGES_RECORDS + 1; i <= 3 * STAGES_RECORDS; i++) {
        assert_int_equal(stages_find(s, i)->proposed_ns, i);
    }
    /* Nodes that are far behind do not write to what has taken the place of older ones. */
    stages_stored(s, SLOW, 10, 0, 10000);
    stages_committed(s, SLOW, 10, 10000);
    stages_applied(s, 10, 10000);
    stages_answered(s, 10000);
    assert_int_equal(stored_ns(s, 2 * STAGES_RECORDS + 1, SLOW), 0);
    assert_int_equal(stages_find(s, 2 * STAGES_RECORDS + 1)->committed_ns, 0);
    stages_stored(s, SLOW, 2 * STAGES_RECORDS + 1, 0, 10001);
    assert_int_equal(stored_ns(s, 2 * STAGES_RECORDS + 1, SLOW), 10001);
    assert_int_equal(stored_ns(s, 2 * STAGES_RECORDS + 2, SLOW), 0);
}

static void commit(struct stages *s, raft_index index, uint64_t from_ns, uint64_t took_ns)
{
    propose(s, 1, index, 1, 0, from_ns);
    stages_stored(s, LEADER, index, 0, from_ns + took_ns);
    stages_committed(s, LEADER, index, from_ns + took_ns);
    stages_applied(s, index, from_ns + took_ns);
    stages_answered(s, from_ns + took_ns);
}

static bool has_slow(const struct stages *s, raft_index index)
{
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t j = 0; j < s->slowest[i].count; j++) {
            if (s->slowest[i].records[j].first == index) {
                return true;
            }
        }
    }
    return false;
}

static void test_stages__remember_the_slowest_for_minutes(void **state)
{
    const uint64_t minute_ns = 60 * 1000 * 1000 * 1000ull;
    struct stages *s = *state;
    raft_index index = 0;

    commit(s, ++index, minute_ns, 5000);
    for (; index < 1000; index++) {
        commit(s, index + 1, minute_ns + 10000 + 1000 * index, 10 + index % 10);
    }
    assert_null(stages_find(s, 1)); /* Its record was overwritten, */
    assert_true(has_slow(s, 1));    /* but not forgotten. */
    commit(s, ++index, 2 * minute_ns + 3000000, 20);
    assert_true(has_slow(s, 1));
    commit(s, ++index, 3 * minute_ns + 6000000, 20);
    assert_false(has_slow(s, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stages__of_an_entry_are_known_from_its_arrival_to_its_answer),
        TEST(test_stages__name_the_node_that_has_completed_the_majority),
        TEST(test_stages__one_acknowledgement_may_be_for_many),
        TEST(test_stages__are_of_this_term_only),
        TEST(test_stages__times_of_all_records_outlive_a_term),
        TEST(test_stages__round_trips_are_without_the_disk),
        TEST(test_stages__keep_the_newest),
        TEST(test_stages__remember_the_slowest_for_minutes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
