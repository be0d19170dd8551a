/* Logins that fail again and again wait, and those from elsewhere do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "users/attempts.h"

static const uint64_t S = 1000000000;

static void test_attempts__beyond_some_are_slowed_down(void **state)
{
    struct attempts a = {0};
    uint64_t now = 1000 * S;

    (void)state;
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++) {
        assert_int_equal(attempts_wait_ns(&a, 7, now), 0);
        attempts_begin(&a, 7, now);
    }
    assert_int_equal(attempts_wait_ns(&a, 7, now), 0);
    attempts_begin(&a, 7, now);
    assert_int_equal(attempts_wait_ns(&a, 7, now), S / ATTEMPTS_A_SECOND);
    assert_int_equal(attempts_wait_ns(&a, 8, now), 0);
    attempts_succeed(&a, 7);
    assert_int_equal(attempts_wait_ns(&a, 7, now), 0);
    attempts_begin(&a, 7, now);
    now += S / ATTEMPTS_A_SECOND;
    assert_int_equal(attempts_wait_ns(&a, 7, now), 0);
}

static void test_attempts__from_many_addresses_take_no_more_room(void **state)
{
    struct attempts a = {0};
    uint64_t last = 2 * ATTEMPTS_ORIGINS - 1;

    (void)state;
    for (unsigned i = 0; i < 2 * ATTEMPTS_ORIGINS; i++) {
        attempts_begin(&a, i, S + i);
    }
    for (int i = 0; i <= ATTEMPTS_AT_ONCE; i++) {
        attempts_begin(&a, last, 2 * S);
    }
    assert_true(attempts_wait_ns(&a, last, 2 * S) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts__beyond_some_are_slowed_down),
        cmocka_unit_test(test_attempts__from_many_addresses_take_no_more_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
