/* The end in order: when a leader transfers leadership, and when a node may end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/stopping.h"

#define MS 1000000ull
#define S  (1000 * MS)

static const uint64_t BEGIN_NS = 100 * S;
static const uint64_t MOMENT_NS = 4 * 50 * MS;

static const struct stopping_view leads = {.leads_others = true};
static const struct stopping_view leads_ready = {.leads_others = true, .others_are_ready = true};
static const struct stopping_view hands_over = {
    .leads_others = true, .others_are_ready = true, .is_transferring = true};
static const struct stopping_view follows = {.leads_others = false};
static const struct stopping_view follows_busy = {.request_count = 1};

static void begin(struct stopping *s)
{
    stopping_init(s, 50 * MS);
    assert_false(stopping_progress(s, &leads_ready, BEGIN_NS)); /* No stop was requested. */
    stopping_begin(s, 7, BEGIN_NS);
}

static void test_stopping__a_follower_goes_once_its_requests_are_answered(void **state)
{
    struct stopping s;

    begin(&s);
    assert_false(stopping_is_over(&s, 0, true, BEGIN_NS)); /* It still accepts commands. */
    assert_false(stopping_progress(&s, &follows_busy, BEGIN_NS));
    assert_true(s.is_handed_over);
    assert_false(stopping_is_over(&s, 1, true, BEGIN_NS));
    assert_true(stopping_is_over(&s, 0, true, BEGIN_NS));
}

static void test_stopping__a_leader_hands_over_once_others_are_ready(void **state)
{
    struct stopping s;

    begin(&s);
    assert_false(stopping_progress(&s, &leads, BEGIN_NS));
    assert_true(stopping_progress(&s, &leads_ready, BEGIN_NS + 1));
    assert_false(stopping_progress(&s, &hands_over, BEGIN_NS + 2));
    assert_true(stopping_progress(&s, &leads_ready, BEGIN_NS + 3)); /* That has failed. */
    assert_false(s.is_handed_over);
}

static void test_stopping__a_leader_does_not_wait_for_others_for_long(void **state)
{
    struct stopping s;

    begin(&s);
    assert_false(stopping_progress(&s, &leads, BEGIN_NS + 2 * S - 1));
    assert_true(stopping_progress(&s, &leads, BEGIN_NS + 2 * S));
}

/* Forwarded commands are refused for certain meanwhile. */
static void test_stopping__a_node_that_has_led_stays_for_a_moment(void **state)
{
    struct stopping s;

    begin(&s);
    assert_true(stopping_progress(&s, &leads_ready, BEGIN_NS));
    assert_false(stopping_progress(&s, &follows, BEGIN_NS));
    assert_int_equal(stopping_due_ns(&s, BEGIN_NS), BEGIN_NS + MOMENT_NS);
    assert_false(stopping_is_over(&s, 0, true, BEGIN_NS + MOMENT_NS - 1));
    assert_true(stopping_is_over(&s, 0, true, BEGIN_NS + MOMENT_NS));
}

static void test_stopping__waits_for_a_slow_disk_only_for_a_moment(void **state)
{
    struct stopping s;

    begin(&s);
    assert_false(stopping_progress(&s, &follows_busy, BEGIN_NS));
    assert_int_equal(stopping_due_ns(&s, BEGIN_NS), UINT64_MAX);
    /* All commands are answered by then. */
    assert_false(stopping_progress(&s, &follows, BEGIN_NS + S));
    assert_int_equal(stopping_due_ns(&s, BEGIN_NS + S), BEGIN_NS + S + MOMENT_NS);
    assert_false(stopping_progress(&s, &follows, BEGIN_NS + S + 1)); /* No longer than that. */
    assert_false(stopping_is_over(&s, 0, false, BEGIN_NS + S + MOMENT_NS - 1));
    assert_true(stopping_is_over(&s, 0, false, BEGIN_NS + S + MOMENT_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopping__a_follower_goes_once_its_requests_are_answered),
        cmocka_unit_test(test_stopping__a_leader_hands_over_once_others_are_ready),
        cmocka_unit_test(test_stopping__a_leader_does_not_wait_for_others_for_long),
        cmocka_unit_test(test_stopping__a_node_that_has_led_stays_for_a_moment),
        cmocka_unit_test(test_stopping__waits_for_a_slow_disk_only_for_a_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
