/* When bytes arrived that are taken later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/arrivals.h"

enum { STEP = 100 };

static void test_arrivals__know_when_the_last_byte_arrived(void **state)
{
    struct arrivals a = {0};

    (void)state;
    arrivals_note(&a, 10, 0, 1000, STEP);
    assert_int_equal(arrivals_of(&a, 4, 10), 1000);
    arrivals_note(&a, 10, 6, 2000, STEP); /* Its first bytes complete what was waiting. */
    assert_int_equal(arrivals_of(&a, 6, 16), 1000);
    assert_int_equal(arrivals_of(&a, 7, 16), 2000);
    assert_int_equal(arrivals_of(&a, 9, 9), 2000);
    /* Nothing was waiting, so it does not belong to what was taken before. */
    arrivals_note(&a, 1, 0, 2001, STEP);
    assert_int_equal(arrivals_of(&a, 1, 1), 2001);
}

static void test_arrivals__close_to_each_other_count_as_one(void **state)
{
    struct arrivals a = {0};

    (void)state;
    arrivals_note(&a, 1, 0, 1000, STEP);
    for (uint64_t i = 1; i < STEP; i++) {
        arrivals_note(&a, 1, i, 1000 + i, STEP);
    }
    arrivals_note(&a, 1, STEP, 1000 + STEP, STEP); /* The time of the first, not of the last. */
    assert_int_equal(a.count, 2);
    assert_int_equal(arrivals_of(&a, STEP, STEP + 1), 1000);
    assert_int_equal(arrivals_of(&a, STEP + 1, STEP + 1), 1000 + STEP);
}

/* Of what arrived long ago, the exact time does not matter. */
static void test_arrivals__remember_only_the_newest_exactly(void **state)
{
    struct arrivals a = {0};
    enum { READS = 3 * ARRIVALS_MAX };

    (void)state;
    for (uint64_t i = 0; i < READS; i++) {
        arrivals_note(&a, 1, i, i * STEP, STEP);
    }
    assert_int_equal(arrivals_of(&a, 1, READS), (READS - ARRIVALS_MAX) * STEP);
    for (uint64_t i = READS - ARRIVALS_MAX; i < READS; i++) {
        assert_int_equal(arrivals_of(&a, i + 1, READS), i * STEP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrivals__know_when_the_last_byte_arrived),
        cmocka_unit_test(test_arrivals__close_to_each_other_count_as_one),
        cmocka_unit_test(test_arrivals__remember_only_the_newest_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
