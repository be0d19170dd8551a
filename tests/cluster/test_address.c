/* Which hosts can be addresses of nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/address.h"

static void test_address__names_and_addresses_are_hosts(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1",    "::1",
                                        "10.0.0.0",  "fe80::1%eth0", "node-0.x",
                                        "::ffff:1",  "b\xc3\xbc",    "x0"};

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_null(address_host_fault(slice_str(hosts[i])));
    }
}

static void test_address__blanks_and_control_characters_are_refused(void **state)
{
    static const char *const hosts[] = {"h\r", "h\n", "a b", "\x1b[31mh", "h\x7f", "\t"};
    char longest[257];

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_non_null(address_host_fault(slice_str(hosts[i])));
    }
    assert_non_null(address_host_fault(slice_of("a\0b", 3)));
    assert_non_null(address_host_fault(slice_str("")));
    memset(longest, 'h', sizeof longest);
    assert_null(address_host_fault(slice_of(longest, 255)));
    assert_non_null(address_host_fault(slice_of(longest, 256)));
}

static void test_address__a_wildcard_is_refused(void **state)
{
    static const char *const hosts[] = {
        "0.0.0.0",        "::", "*", "0", "::0", "0.0", "0x0", "::ffff:0.0.0.0", "::FFFF:0:0",
        "0:0:0:0:0:0:0:0"};

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_true(address_is_wildcard(slice_str(hosts[i])));
        assert_non_null(address_host_fault(slice_str(hosts[i])));
    }
    assert_false(address_is_wildcard(slice_str("::1")));
    assert_false(address_is_wildcard(slice_of("0\0", 2)));
    assert_false(address_is_wildcard(slice_str("::ffff:127.0.0.1")));
}

static void test_address__brackets_are_taken_off(void **state)
{
    struct io_address a = {0};

    address_set_host(&a, slice_str("[::1]"));
    assert_string_equal(a.host, "::1");
    address_set_host(&a, slice_str("::1"));
    assert_string_equal(a.host, "::1");
    address_set_host(&a, slice_str("[]"));
    assert_string_equal(a.host, "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address__names_and_addresses_are_hosts),
        cmocka_unit_test(test_address__blanks_and_control_characters_are_refused),
        cmocka_unit_test(test_address__a_wildcard_is_refused),
        cmocka_unit_test(test_address__brackets_are_taken_off),
    };

    return cmocka_run_group_tests_name("server/address", tests, NULL, NULL);
}
