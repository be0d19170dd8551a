/* Logins that fail again and again wait, and those from elsewhere do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "users/attempts.h"

static const uint64_t S = 1000000000;

static void test_attempts__beyond_some_are_slowed_down(void **state)
{
    struct attempts a = {0};
    uint64_t now = 1000 * S;

    (void)state;
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++) {
        assert_int_equal(attempts_wait_ns(&a, slice_str("1.2.3.4"), now), 0);
        attempts_begin(&a, slice_str("1.2.3.4"), now);
    }
    assert_int_equal(attempts_wait_ns(&a, slice_str("1.2.3.4"), now), 0);
    attempts_begin(&a, slice_str("1.2.3.4"), now);
    assert_int_equal(attempts_wait_ns(&a, slice_str("1.2.3.4"), now), S / ATTEMPTS_A_SECOND);
    assert_int_equal(attempts_wait_ns(&a, slice_str("1.2.3.5"), now), 0);
    attempts_succeed(&a, slice_str("1.2.3.4"));
    assert_int_equal(attempts_wait_ns(&a, slice_str("1.2.3.4"), now), 0);
    attempts_begin(&a, slice_str("1.2.3.4"), now);
    now += S / ATTEMPTS_A_SECOND;
    assert_int_equal(attempts_wait_ns(&a, slice_str("1.2.3.4"), now), 0);
}

/* Whoever has one address of IPv6 has a whole network of them. */
static void test_attempts__from_a_network_of_ipv6_count_together(void **state)
{
    struct attempts a = {0};
    uint64_t now = 1000 * S;
    char address[32];

    (void)state;
    for (int i = 0; i <= ATTEMPTS_AT_ONCE; i++) {
        snprintf(address, sizeof address, "[2001:db8::%x]", i + 1);
        attempts_begin(&a, slice_str(address), now);
    }
    assert_true(attempts_wait_ns(&a, slice_str("[2001:db8::ffff:1]"), now) > 0);
    assert_int_equal(attempts_wait_ns(&a, slice_str("[2001:db8:0:1::1]"), now), 0);
    for (int i = 0; i <= ATTEMPTS_AT_ONCE; i++) {
        snprintf(address, sizeof address, "[::ffff:1.2.3.%d]", i + 1);
        attempts_begin(&a, slice_str(address), now);
    }
    assert_int_equal(attempts_wait_ns(&a, slice_str("[::ffff:1.2.3.1]"), now), 0);
}

static void test_attempts__from_many_addresses_take_no_more_room(void **state)
{
    struct attempts a = {0};
    char address[32];

    (void)state;
    for (int i = 0; i < 2 * ATTEMPTS_ADDRESSES; i++) {
        snprintf(address, sizeof address, "10.0.%d.%d", i / 256, i % 256);
        attempts_begin(&a, slice_str(address), S + (unsigned)i);
    }
    for (int i = 0; i <= ATTEMPTS_AT_ONCE; i++) {
        attempts_begin(&a, slice_str(address), 2 * S);
    }
    assert_true(attempts_wait_ns(&a, slice_str(address), 2 * S) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts__beyond_some_are_slowed_down),
        cmocka_unit_test(test_attempts__from_a_network_of_ipv6_count_together),
        cmocka_unit_test(test_attempts__from_many_addresses_take_no_more_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
