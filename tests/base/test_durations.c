/* Counts of times for Prometheus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/durations.h"

#define MS 1000000ull

static void test_durations__count_each_time_up_to_the_first_bound_that_holds_it(void **state)
{
    struct durations d = {.total_ns = 0};

    durations_add(&d, 1 * MS);
    durations_add(&d, 1 * MS + 1);
    durations_add(&d, 0);
    assert_int_equal(d.counts[4], 1);
    assert_int_equal(durations_bound_ns(4), 1 * MS);
    assert_int_equal(d.counts[5], 1);
    assert_int_equal(d.counts[0], 1);
    assert_int_equal(d.total_ns, 2 * MS + 1);
}

static void test_durations__buckets_are_cumulative(void **state)
{
    struct durations d = {.total_ns = 0};

    durations_add(&d, 3 * MS);
    durations_add(&d, 30 * MS);
    durations_add(&d, 3600 * 1000 * MS);
    assert_int_equal(durations_within(&d, 4), 0);
    assert_int_equal(durations_within(&d, 6), 1);
    assert_int_equal(durations_within(&d, DURATIONS_BOUNDS - 1), 2);
    assert_int_equal(durations_within(&d, DURATIONS_BOUNDS), 3);
}

static void test_durations__bounds_rise(void **state)
{
    for (uint32_t i = 1; i < DURATIONS_BOUNDS; i++) {
        assert_true(durations_bound_ns(i) > durations_bound_ns(i - 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations__count_each_time_up_to_the_first_bound_that_holds_it),
        cmocka_unit_test(test_durations__buckets_are_cumulative),
        cmocka_unit_test(test_durations__bounds_rise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
