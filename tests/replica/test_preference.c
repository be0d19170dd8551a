/* When a leader hands over to a voter with a higher priority. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/preference.h"

#define MS      1000000ull
#define TIMEOUT (300 * MS)
#define FIRST   (1000 * MS)

enum { SELF = 1 };

/* Node 3 is preferred; node 2 is like this one, and node 4 never leads. */
static const struct raft_configuration members = {
    .member_count = 4,
    .members = {{.id = 1, .incoming = true},
                {.id = 2, .incoming = true},
                {.id = 3, .incoming = true, .precedence = 5},
                {.id = 4, .incoming = true, .precedence = 9, .never_leads = true}},
};
static const bool all_fit[] = {true, true, true, true};
static const bool behind[] = {true, true, false, true};

/* Looks each 50 ms; returns after how many milliseconds it hands over, or -1. */
static int64_t run(struct preference *p, const bool *is_fit, uint64_t from_ns, uint64_t for_ns)
{
    for (uint64_t ns = 0; ns < for_ns; ns += 50 * MS) {
        raft_id id = preference_look(p, &members, is_fit, SELF, from_ns + ns);

        if (id != 0) {
            assert_int_equal(id, 3);
            return (int64_t)(ns / MS);
        }
    }
    return -1;
}

static void test_preference__of_a_voter_that_has_been_fit_for_a_while(void **state)
{
    struct preference p;

    (void)state;
    preference_init(&p, TIMEOUT);
    assert_int_equal(run(&p, behind, FIRST, 100000 * MS), -1);
    assert_int_equal(run(&p, all_fit, FIRST, 100000 * MS), 3000);
}

static void test_preference__begins_anew_if_the_voter_falls_behind(void **state)
{
    struct preference p;

    (void)state;
    preference_init(&p, TIMEOUT);
    assert_int_equal(run(&p, all_fit, FIRST, 2900 * MS), -1);
    assert_int_equal(run(&p, behind, FIRST + 2900 * MS, 50 * MS), -1);
    assert_int_equal(run(&p, all_fit, FIRST + 2950 * MS, 100000 * MS), 3000);
    preference_init(&p, TIMEOUT);
    assert_int_equal(run(&p, all_fit, FIRST, 2900 * MS), -1);
    preference_forget(&p); /* Another node led meanwhile. */
    assert_int_equal(run(&p, all_fit, FIRST + 2900 * MS, 100000 * MS), 3000);
}

/* It takes over, and this node leads again soon after, each time. */
static void test_preference__does_not_go_to_and_fro(void **state)
{
    struct preference p;
    uint64_t now_ns = FIRST;
    uint32_t count = 0;

    (void)state;
    preference_init(&p, TIMEOUT);
    while (now_ns < FIRST + 3600 * 1000 * MS) {
        int64_t ms = run(&p, all_fit, now_ns, 3600 * 1000 * MS);

        assert_true(ms >= 0);
        count++;
        now_ns += ((uint64_t)ms + 1000) * MS;
    }
    assert_in_range(count, 5, 15); /* In an hour. */
}

/* After a long calm, the next attempt need not wait. */
static void test_preference__forgives(void **state)
{
    struct preference p;

    (void)state;
    preference_init(&p, TIMEOUT);
    assert_int_equal(run(&p, all_fit, FIRST, 100000 * MS), 3000);
    assert_int_equal(run(&p, all_fit, FIRST + 3600 * 1000 * MS, 100000 * MS), 3000);
    assert_int_equal(p.backoff.pause_ns, 50 * TIMEOUT);
}

static void test_preference__of_nobody_better(void **state)
{
    const struct raft_configuration equal = {
        .member_count = 2,
        .members = {{.id = 1, .incoming = true, .precedence = 5},
                    {.id = 2, .incoming = true, .precedence = 5}}};
    struct preference p;

    (void)state;
    preference_init(&p, TIMEOUT);
    for (uint64_t ns = 0; ns < 60000 * MS; ns += 50 * MS) {
        assert_int_equal(preference_look(&p, &equal, all_fit, SELF, FIRST + ns), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preference__of_a_voter_that_has_been_fit_for_a_while),
        cmocka_unit_test(test_preference__begins_anew_if_the_voter_falls_behind),
        cmocka_unit_test(test_preference__does_not_go_to_and_fro),
        cmocka_unit_test(test_preference__forgives),
        cmocka_unit_test(test_preference__of_nobody_better),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
