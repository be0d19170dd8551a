/* test_replace.c - a voter is replaced by a node in one joint step (§6; dissertation §4.3). Node 4
 * is the new one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

/* Leader of three voters in term 2, whose no-op (index 2) is committed; then node 4 is added as a
 * learner that is to replace `old` (index 3). */
static void begin(struct solo *s, raft_id old)
{
    struct raft_event add = {.kind = RAFT_CHANGE,
                             .change = {.kind = RAFT_ADD_LEARNER, .id = 4, .replaces = old}};

    solo_restore(s, 3, NULL, 0);
    solo_become_leader(s);
    solo_settle(s);
    assert_int_equal(solo_receive(s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(solo_receive(s, solo_accept(3, 2, 2)), RAFT_OK);
    assert_int_equal(solo_step(s, add), RAFT_OK);
    solo_settle(s);
    assert_int_equal(solo_receive(s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s->raft), 3);
}

static const struct raft_member *member(const struct solo *s, raft_id id)
{
    return raft_configuration_find(raft_configuration(s->raft), id);
}

static bool is_joint(const struct solo *s)
{
    return raft_configuration_is_joint(raft_configuration(s->raft));
}

static int change(struct solo *s, struct raft_change what)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_CHANGE, .change = what});
}

static void test_replace__in_one_step_once_the_new_node_has_caught_up(void **state)
{
    struct solo s;

    (void)state;
    begin(&s, 3); /* Node 3 is dead. */
    assert_int_equal(solo_receive(&s, solo_reject(4, 2, 2, 1, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(4, 2, 0)), RAFT_OK);
    assert_false(is_joint(&s));
    assert_int_equal(member(&s, 4)->replaces, 3);

    assert_int_equal(solo_receive(&s, solo_accept(4, 2, 3)), RAFT_OK);
    assert_true(is_joint(&s));
    assert_true(member(&s, 4)->incoming);
    assert_false(member(&s, 4)->outgoing);
    assert_false(member(&s, 3)->incoming);
    assert_true(member(&s, 3)->outgoing);
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 4); /* 1 and 2 of each half. */

    assert_false(is_joint(&s));
    assert_null(member(&s, 3));
    assert_true(member(&s, 4)->incoming);
    assert_int_equal(member(&s, 4)->replaces, 0);
    solo_deinit(&s);
}

/* Commands that are under way at the leader end before its successor replaces it. */
static void test_replace__a_leader_hands_over_first(void **state)
{
    struct solo s;

    (void)state;
    begin(&s, 1);
    assert_int_equal(solo_receive(&s, solo_accept(4, 2, 3)), RAFT_OK);
    assert_false(is_joint(&s));
    assert_true(raft_is_transferring(s.raft));
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 2));

    /* That one does not take over, so this leader is replaced in office. */
    for (int i = 0; i < 7; i++) {
        solo_pass(&s, SOLO_HEARTBEAT);
        assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
        assert_int_equal(solo_receive(&s, solo_pulse(4, 2, 0)), RAFT_OK);
        assert_int_equal(solo_tick(&s), RAFT_OK);
    }
    assert_true(is_joint(&s));
    assert_false(member(&s, 1)->incoming);
    solo_deinit(&s);
}

/* The one that leadership goes to must not be replaced meanwhile. */
static void test_replace__of_others_waits_while_the_leader_hands_over(void **state)
{
    const struct raft_change add = {.kind = RAFT_ADD_LEARNER, .id = 5, .replaces = 2};
    struct solo s;

    (void)state;
    begin(&s, 1);
    assert_int_equal(change(&s, add), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(4, 2, 4)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(5, 2, 4)), RAFT_OK);
    assert_false(raft_is_transferring(s.raft)); /* That 5 was added is not committed. */
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 4)), RAFT_OK);
    assert_true(raft_is_transferring(s.raft));
    assert_false(is_joint(&s));
    solo_deinit(&s);
}

/* Until the joint step the operator can take it back: the new node goes, or stays a learner. */
static void test_replace__can_be_undone(void **state)
{
    struct solo s;

    (void)state;
    begin(&s, 3);
    assert_int_equal(change(&s, (struct raft_change){.kind = RAFT_REMOVE, .id = 4}), RAFT_OK);
    assert_null(member(&s, 4));
    assert_true(member(&s, 3)->incoming);
    solo_deinit(&s);

    begin(&s, 3);
    assert_int_equal(change(&s, (struct raft_change){.kind = RAFT_DEMOTE, .id = 4}), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 4)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(4, 2, 4)), RAFT_OK);
    assert_false(is_joint(&s));
    assert_int_equal(member(&s, 4)->replaces, 0);
    assert_true(member(&s, 3)->incoming);
    solo_deinit(&s);
}

/* If the old one goes before, nothing is left to replace, and the new one becomes a voter. */
static void test_replace__of_a_removed_node_adds_the_new_one(void **state)
{
    struct solo s;

    (void)state;
    begin(&s, 3);
    assert_int_equal(change(&s, (struct raft_change){.kind = RAFT_REMOVE, .id = 3}), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 4)), RAFT_OK);
    assert_null(member(&s, 3));
    assert_int_equal(member(&s, 4)->replaces, 0);
    assert_false(member(&s, 4)->incoming);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 5)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(4, 2, 5)), RAFT_OK);
    assert_true(is_joint(&s));
    assert_true(member(&s, 4)->incoming);
    solo_deinit(&s);
}

static void test_replace__refuses_what_makes_no_sense(void **state)
{
    const struct raft_change wrong[] = {
        {.kind = RAFT_ADD_LEARNER, .id = 5, .replaces = 3}, /* 4 does already. */
        {.kind = RAFT_ADD_LEARNER, .id = 5, .replaces = 4}, /* A learner. */
        {.kind = RAFT_ADD_LEARNER, .id = 5, .replaces = 9}, /* A stranger. */
        {.kind = RAFT_ADD_LEARNER, .id = 5, .replaces = 5}, /* Itself. */
        {.kind = RAFT_REPLACE, .id = 2, .replaces = 3},     /* 2 votes already. */
        {.kind = RAFT_REPLACE, .id = 9, .replaces = 2},
    };
    struct solo s;

    (void)state;
    begin(&s, 3);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(change(&s, wrong[i]), RAFT_EMEMBER);
    }
    assert_int_equal(change(&s, (struct raft_change){.kind = RAFT_REPLACE, .id = 4, .replaces = 2}),
                     RAFT_OK);
    assert_int_equal(member(&s, 4)->replaces, 2);
    solo_deinit(&s);
}

/* The only voter can be replaced. */
static void test_replace__of_the_only_voter(void **state)
{
    struct cluster *c = cluster_new(1);
    struct raft_event add = {.kind = RAFT_CHANGE,
                             .change = {.kind = RAFT_ADD_LEARNER, .id = 2, .replaces = 1}};

    (void)state;
    cluster_add_voters(c, 1);
    cluster_start_all(c);
    cluster_elect(c, 1);
    cluster_start(c, cluster_add_empty(c)->id);
    assert_int_equal(cluster_step(c, 1, &add, NULL), RAFT_OK);
    cluster_run(c, 5 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(cluster_leader(c), 2);
    assert_int_equal(raft_configuration(cluster_raft(c, 2))->member_count, 1);
    cluster_free(c);
}

/* A node that never leads can't take the place of the only one that may. */
static void test_replace__leaves_somebody_who_may_lead(void **state)
{
    const struct raft_change add = {
        .kind = RAFT_ADD_LEARNER, .id = 4, .replaces = 3, .never_leads = true};
    const struct raft_change never[] = {{.kind = RAFT_PRIORITIZE, .id = 1, .never_leads = true},
                                        {.kind = RAFT_PRIORITIZE, .id = 2, .never_leads = true}};
    struct raft_configuration c = {.member_count = 3,
                                   .members = {{.id = 1, .incoming = true},
                                               {.id = 2, .incoming = true},
                                               {.id = 3, .incoming = true}}};

    (void)state;
    assert_int_equal(raft_configuration_after(&c, &never[0], &c), RAFT_OK);
    assert_int_equal(raft_configuration_after(&c, &add, &c), RAFT_OK);
    assert_int_equal(raft_configuration_after(&c, &never[1], &c), RAFT_EMEMBER);
    c.members[3].never_leads = false;
    assert_int_equal(raft_configuration_after(&c, &never[1], &c), RAFT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace__in_one_step_once_the_new_node_has_caught_up),
        cmocka_unit_test(test_replace__a_leader_hands_over_first),
        cmocka_unit_test(test_replace__of_others_waits_while_the_leader_hands_over),
        cmocka_unit_test(test_replace__can_be_undone),
        cmocka_unit_test(test_replace__of_a_removed_node_adds_the_new_one),
        cmocka_unit_test(test_replace__refuses_what_makes_no_sense),
        cmocka_unit_test(test_replace__of_the_only_voter),
        cmocka_unit_test(test_replace__leaves_somebody_who_may_lead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
