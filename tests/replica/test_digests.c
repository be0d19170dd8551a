/* Digests of states: which are kept, and who is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/digests.h"

enum { A = 1, B, C, D, E };

enum { RIGHT = 100, WRONG = 200, OTHER = 300, INDEX = 8 };

static const struct raft_configuration three = {
    .member_count = 3,
    .members = {{.id = A, .incoming = true, .outgoing = false},
                {.id = B, .incoming = true, .outgoing = false},
                {.id = C, .incoming = true, .outgoing = false}}};

/* The digest of A is its own. */
static struct digest_verdict compare(struct digests *d, const struct raft_configuration *c)
{
    return digests_compare(d, c, A, INDEX, 77);
}

static void begin(struct digests *d, uint64_t own)
{
    digests_init(d, 8);
    digests_note_own(d, INDEX, own);
}

static void test_digests__are_due_at_the_same_entries_everywhere(void **state)
{
    struct digests d;

    digests_init(&d, 0);
    assert_true(digests_are_due(&d, DIGESTS_INTERVAL));
    assert_true(digests_are_due(&d, 7 * DIGESTS_INTERVAL));
    assert_false(digests_are_due(&d, DIGESTS_INTERVAL - 1));
    assert_false(digests_are_due(&d, DIGESTS_INTERVAL + 1));
}

static void test_digests__of_a_majority_are_right(void **state)
{
    struct digests d;

    begin(&d, RIGHT);
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_UNKNOWN);
    digests_note(&d, &three, B, INDEX, RIGHT, false);
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_EQUAL);
    assert_int_equal(d.last.index, INDEX);
    assert_int_equal(d.last_ns, 77);
    digests_note(&d, &three, C, INDEX, WRONG, false);
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_OTHER_WRONG);
    assert_int_equal(compare(&d, &three).other, C);
}

static void test_digests__that_differ_from_a_majority_are_wrong(void **state)
{
    struct digests d;
    struct digest_verdict v;

    begin(&d, WRONG);
    digests_note(&d, &three, B, INDEX, RIGHT, false);
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_DISPUTED); /* One against one. */
    digests_note(&d, &three, C, INDEX, RIGHT, false);
    v = compare(&d, &three);
    assert_int_equal(v.outcome, DIGESTS_OWN_WRONG);
    assert_int_equal(v.right, RIGHT);
    assert_int_equal(v.own, WRONG);
    assert_true(digests_has(&d, B, INDEX, RIGHT));
    assert_false(digests_has(&d, B, INDEX, WRONG));
}

static void test_digests__that_all_differ_make_nobody_wrong(void **state)
{
    struct digests d;

    begin(&d, WRONG);
    digests_note(&d, &three, B, INDEX, RIGHT, false);
    digests_note(&d, &three, C, INDEX, OTHER, false);
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_DISPUTED);
}

static void test_digests__of_two_nodes_make_nobody_wrong(void **state)
{
    const struct raft_configuration two = {
        .member_count = 2,
        .members = {{.id = A, .incoming = true, .outgoing = false},
                    {.id = B, .incoming = true, .outgoing = false}}};
    struct digests d;

    begin(&d, WRONG);
    digests_note(&d, &two, B, INDEX, RIGHT, false);
    assert_int_equal(compare(&d, &two).outcome, DIGESTS_DISPUTED);
}

static void test_digests__of_learners_do_not_count(void **state)
{
    const struct raft_configuration c = {
        .member_count = 4,
        .members = {{.id = A, .incoming = true, .outgoing = false},
                    {.id = B, .incoming = true, .outgoing = false},
                    {.id = C, .incoming = false, .outgoing = false},
                    {.id = D, .incoming = false, .outgoing = false}}};
    struct digests d;

    begin(&d, RIGHT);
    digests_note(&d, &c, C, INDEX, WRONG, false);
    digests_note(&d, &c, D, INDEX, WRONG, false);
    assert_int_equal(compare(&d, &c).outcome, DIGESTS_DISPUTED);
    digests_note(&d, &c, B, INDEX, RIGHT, false);
    assert_int_equal(compare(&d, &c).outcome, DIGESTS_OTHER_WRONG);
    digests_note(&d, &c, A, INDEX, RIGHT, false);
    digests_note_own(&d, INDEX, WRONG);
    assert_int_equal(digests_compare(&d, &c, C, INDEX, 0).outcome, DIGESTS_OWN_WRONG);
}

/* For a node that needs a right state: its own digests do not count. */
static void test_digests__of_members_show_who_agrees_with_a_majority(void **state)
{
    struct digests d;

    begin(&d, WRONG);
    assert_false(digests_has_majority(&d, &three, A, B));
    digests_note(&d, &three, B, INDEX, RIGHT, false);
    assert_false(digests_has_majority(&d, &three, A, B));
    digests_note(&d, &three, C, 2 * INDEX, RIGHT, false);
    assert_false(digests_has_majority(&d, &three, A, B)); /* At another index. */
    digests_note(&d, &three, C, INDEX, OTHER, false);
    assert_false(digests_has_majority(&d, &three, A, B));
    digests_note(&d, &three, B, 2 * INDEX, RIGHT, false);
    assert_true(digests_has_majority(&d, &three, A, B));
    assert_true(digests_has_majority(&d, &three, A, C));
    assert_false(digests_has_majority(&d, &three, A, A));
    assert_false(digests_has_majority(&d, &three, A, D));
    digests_note(&d, &three, C, 0, 0, true); /* It isolates itself. */
    assert_false(digests_has_majority(&d, &three, A, B));
    assert_false(digests_has_majority(&d, &three, A, C));
}

/* Either of them may be the one that is wrong. */
static void test_digests__of_the_only_voter_prove_nothing_to_a_learner(void **state)
{
    const struct raft_configuration c = {
        .member_count = 2,
        .members = {{.id = A, .incoming = true, .outgoing = false},
                    {.id = B, .incoming = false, .outgoing = false}}};
    struct digests d;

    begin(&d, RIGHT);
    digests_note(&d, &c, A, INDEX, WRONG, false);
    assert_int_equal(digests_compare(&d, &c, B, INDEX, 0).outcome, DIGESTS_DISPUTED);
    assert_int_equal(compare(&d, &c).outcome, DIGESTS_UNKNOWN);
    digests_note(&d, &c, B, INDEX, WRONG, false);
    assert_int_equal(compare(&d, &c).outcome, DIGESTS_DISPUTED);
}

static void test_digests__need_both_majorities_of_a_joint_membership(void **state)
{
    const struct raft_configuration joint = {
        .member_count = 5,
        .members = {{.id = A, .incoming = true, .outgoing = true},
                    {.id = B, .incoming = true, .outgoing = false},
                    {.id = C, .incoming = true, .outgoing = false},
                    {.id = D, .incoming = false, .outgoing = true},
                    {.id = E, .incoming = false, .outgoing = true}}};
    struct digests d;

    begin(&d, WRONG);
    digests_note(&d, &joint, B, INDEX, RIGHT, false);
    digests_note(&d, &joint, C, INDEX, RIGHT, false);
    assert_int_equal(compare(&d, &joint).outcome, DIGESTS_DISPUTED);
    digests_note(&d, &joint, D, INDEX, RIGHT, false);
    assert_int_equal(compare(&d, &joint).outcome, DIGESTS_DISPUTED);
    digests_note(&d, &joint, E, INDEX, RIGHT, false);
    assert_int_equal(compare(&d, &joint).outcome, DIGESTS_OWN_WRONG);
}

static void test_digests__of_different_entries_are_not_compared(void **state)
{
    struct digests d;

    begin(&d, RIGHT);
    digests_note(&d, &three, B, INDEX + 8, OTHER, false);
    digests_note(&d, &three, C, INDEX + 8, OTHER, false);
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_UNKNOWN);
    digests_note(&d, &three, B, INDEX + 8 * DIGESTS_KEPT, OTHER, false); /* In the same place. */
    digests_note(&d, &three, C, INDEX + 8 * DIGESTS_KEPT, OTHER, false);
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_UNKNOWN);
}

static void test_digests__of_strangers_and_isolated_nodes_do_not_count(void **state)
{
    struct digests d;

    begin(&d, RIGHT);
    digests_note(&d, &three, E, INDEX, WRONG, false);
    digests_note(&d, &three, B, INDEX, WRONG, false);
    digests_note(&d, &three, C, INDEX, WRONG, false);
    digests_note(&d, &three, C, 0, 0, true); /* It knows that by now. */
    assert_true(digests_is_isolated(&d, C));
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_DISPUTED);
    digests_note(&d, &three, C, INDEX, WRONG, true);
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_DISPUTED);
    digests_note(&d, &three, C, INDEX, RIGHT, false); /* It was rebuilt. */
    assert_int_equal(compare(&d, &three).outcome, DIGESTS_OTHER_WRONG);
}

static void test_digests__are_found_by_nodes_that_are_late(void **state)
{
    struct digests d;
    uint64_t digest;

    digests_init(&d, 8);
    for (raft_index i = 8; i <= 8 * DIGESTS_KEPT * DIGESTS_KEPT; i += 8) {
        digests_note_own(&d, i, i);
    }
    assert_true(digests_find_own(&d, 8 * DIGESTS_KEPT, &digest));
    assert_int_equal(digest, 8 * DIGESTS_KEPT);
    assert_true(digests_find_own(&d, 8 * (DIGESTS_KEPT * DIGESTS_KEPT - 5), &digest));
    assert_false(digests_find_own(&d, 8 * (DIGESTS_KEPT + 1), &digest));
    digests_forget_own(&d);
    assert_false(digests_find_own(&d, 8 * DIGESTS_KEPT, &digest));
}

static void test_digests__of_former_members_make_room(void **state)
{
    struct raft_configuration c = {.member_count = RAFT_MEMBERS_MAX};
    struct digests d;

    digests_init(&d, 8);
    for (raft_id first = 1; first < 100; first += 5) {
        for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
            c.members[i] = (struct raft_member){.id = first + i, .incoming = true};
        }
        for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
            digests_note(&d, &c, first + i, INDEX, first, false);
            assert_true(digests_has(&d, first + i, INDEX, first));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests__are_due_at_the_same_entries_everywhere),
        cmocka_unit_test(test_digests__of_a_majority_are_right),
        cmocka_unit_test(test_digests__that_differ_from_a_majority_are_wrong),
        cmocka_unit_test(test_digests__that_all_differ_make_nobody_wrong),
        cmocka_unit_test(test_digests__of_two_nodes_make_nobody_wrong),
        cmocka_unit_test(test_digests__of_learners_do_not_count),
        cmocka_unit_test(test_digests__of_the_only_voter_prove_nothing_to_a_learner),
        cmocka_unit_test(test_digests__of_members_show_who_agrees_with_a_majority),
        cmocka_unit_test(test_digests__need_both_majorities_of_a_joint_membership),
        cmocka_unit_test(test_digests__of_different_entries_are_not_compared),
        cmocka_unit_test(test_digests__of_strangers_and_isolated_nodes_do_not_count),
        cmocka_unit_test(test_digests__are_found_by_nodes_that_are_late),
        cmocka_unit_test(test_digests__of_former_members_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
