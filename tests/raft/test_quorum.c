/* test_quorum.c - majorities, also joint ones (§5.3, §6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raft/quorum.h"
#include "solo.h"

static void test_quorum__an_odd_and_an_even_number_need_more_than_half(void **state)
{
    const struct raft_configuration three = solo_voters(3);
    const struct raft_configuration four = solo_voters(4);

    (void)state;
    assert_int_equal(quorum_value(&three, (uint64_t[]){9, 7, 5}), 7);
    assert_int_equal(quorum_value(&three, (uint64_t[]){5, 9, 9}), 9);
    assert_int_equal(quorum_value(&four, (uint64_t[]){9, 7, 5, 3}), 5); /* Three of four. */
    assert_true(quorum_has(&three, 0x5));
    assert_false(quorum_has(&three, 0x4));
    assert_false(quorum_has(&four, 0x3)); /* Half is not a majority. */
    assert_true(quorum_has(&four, 0xd));
}

static void test_quorum__one_voter_is_a_majority_of_itself(void **state)
{
    const struct raft_configuration one = solo_voters(1);

    (void)state;
    assert_int_equal(quorum_value(&one, (uint64_t[]){4}), 4);
    assert_true(quorum_has(&one, 1));
    assert_false(quorum_has(&one, 0));
}

static void test_quorum__nobody_agrees_on_anything(void **state)
{
    const struct raft_configuration nobody = {0};

    (void)state;
    assert_int_equal(quorum_value(&nobody, NULL), 0);
    assert_false(quorum_has(&nobody, UINT32_MAX));
}

static void test_quorum__learners_do_not_count(void **state)
{
    struct raft_configuration c = solo_voters(4);

    (void)state;
    c.members[0].incoming = false;
    assert_int_equal(quorum_value(&c, (uint64_t[]){100, 1, 2, 3}), 2);
    assert_false(quorum_has(&c, 0x3)); /* A learner and one of three voters. */
    assert_true(quorum_has(&c, 0x6));
}

/* §6: agreement needs separate majorities of the old and the new configuration. */
static void test_quorum__the_joint_state_takes_both_majorities(void **state)
{
    struct raft_configuration c = solo_voters(5); /* C_old {1,2,3}, C_new {3,4,5}. */

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        c.members[i].outgoing = i < 3;
        c.members[i].incoming = i >= 2;
    }
    assert_false(quorum_has(&c, 0x07)); /* All of C_old, one of C_new. */
    assert_false(quorum_has(&c, 0x1c)); /* The other way round. */
    assert_false(quorum_has(&c, 0x1a)); /* Three of five, which does not help. */
    assert_true(quorum_has(&c, 0x0e));
    assert_int_equal(quorum_value(&c, (uint64_t[]){9, 9, 9, 2, 3}), 3);
    assert_int_equal(quorum_value(&c, (uint64_t[]){1, 2, 9, 9, 9}), 2);
}

static void test_quorum__is_the_same_in_any_order(void **state)
{
    const struct raft_configuration five = solo_voters(5);
    uint64_t values[5] = {0};

    (void)state;
    for (uint32_t code = 0; code < 3125; code++) {
        uint32_t rest = code;
        uint32_t at_least[5] = {0};

        for (int i = 0; i < 5; i++) {
            values[i] = rest % 5;
            rest /= 5;
            for (uint64_t v = 0; v <= values[i]; v++) {
                at_least[v]++;
            }
        }
        uint64_t expected = 0;

        for (uint64_t v = 1; v < 5; v++) {
            expected = at_least[v] >= 3 ? v : expected;
        }
        assert_int_equal(quorum_value(&five, values), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quorum__an_odd_and_an_even_number_need_more_than_half),
        cmocka_unit_test(test_quorum__one_voter_is_a_majority_of_itself),
        cmocka_unit_test(test_quorum__nobody_agrees_on_anything),
        cmocka_unit_test(test_quorum__learners_do_not_count),
        cmocka_unit_test(test_quorum__the_joint_state_takes_both_majorities),
        cmocka_unit_test(test_quorum__is_the_same_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
