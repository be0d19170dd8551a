/* What the machine's own settings mean for the ports of a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/machine.h"

static void test_machine__a_port_is_ephemeral_within_the_range(void **state)
{
    assert_false(machine_port_is_ephemeral(32767, "32768\t60999\n", ""));
    assert_true(machine_port_is_ephemeral(32768, "32768\t60999\n", ""));
    assert_true(machine_port_is_ephemeral(60999, "32768\t60999\n", "\n"));
    assert_false(machine_port_is_ephemeral(61000, "32768\t60999\n", ""));
}

static void test_machine__a_reserved_port_is_not_ephemeral(void **state)
{
    const char *reserved = "8080,40000,41000-41002\n";

    assert_false(machine_port_is_ephemeral(40000, "32768\t60999\n", reserved));
    assert_true(machine_port_is_ephemeral(40001, "32768\t60999\n", reserved));
    assert_true(machine_port_is_ephemeral(40999, "32768\t60999\n", reserved));
    assert_false(machine_port_is_ephemeral(41000, "32768\t60999\n", reserved));
    assert_false(machine_port_is_ephemeral(41002, "32768\t60999\n", reserved));
    assert_true(machine_port_is_ephemeral(41003, "32768\t60999\n", reserved));
}

static void test_machine__what_is_not_understood_is_empty(void **state)
{
    assert_false(machine_port_is_ephemeral(40000, "", ""));
    assert_false(machine_port_is_ephemeral(40000, "all of them", ""));
    assert_true(machine_port_is_ephemeral(40000, "32768\t60999\n", "none, 40000"));
    assert_true(machine_port_is_ephemeral(40000, "32768\t60999\n", "39000-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine__a_port_is_ephemeral_within_the_range),
        cmocka_unit_test(test_machine__a_reserved_port_is_not_ephemeral),
        cmocka_unit_test(test_machine__what_is_not_understood_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
