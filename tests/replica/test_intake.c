/* How many bytes of commands a replica accepts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/intake.h"

static const struct intake intake = {.bytes_max = 1000, .log_bytes_max = 5000};

static void test_intake__clients_and_other_nodes_have_half_of_the_room_each(void **state)
{
    struct requests q = {.own_bytes = 500, .forwarded_bytes = 500};

    assert_false(intake_is_full(&intake, &q, true, 0));
    assert_false(intake_is_full_for_others(&intake, &q, true, 0));
    q.forwarded_bytes++;
    assert_false(intake_is_full(&intake, &q, true, 0));
    assert_true(intake_is_full_for_others(&intake, &q, true, 0));
    q.own_bytes++;
    assert_true(intake_is_full(&intake, &q, true, 0));
}

/* Otherwise it would be full again after one command, and each command would cost a wake-up. */
static void test_intake__has_room_again_only_when_half_of_that_is_free(void **state)
{
    struct requests q = {.own_bytes = 251};

    assert_false(intake_has_room_again(&intake, &q, false, 0));
    q.own_bytes = 250;
    assert_true(intake_has_room_again(&intake, &q, false, 0));
}

static void test_intake__is_full_when_the_log_of_a_leader_is_long(void **state)
{
    struct requests q = {.own_bytes = 0};

    assert_false(intake_is_full(&intake, &q, true, 6000));
    assert_true(intake_is_full(&intake, &q, true, 6001));
    assert_true(intake_is_full_for_others(&intake, &q, true, 6001));
    assert_false(intake_is_full(&intake, &q, false, 6001));
    assert_false(intake_has_room_again(&intake, &q, true, 5501));
    assert_true(intake_has_room_again(&intake, &q, true, 5500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intake__clients_and_other_nodes_have_half_of_the_room_each),
        cmocka_unit_test(test_intake__has_room_again_only_when_half_of_that_is_free),
        cmocka_unit_test(test_intake__is_full_when_the_log_of_a_leader_is_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
