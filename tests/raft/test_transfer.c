/* test_transfer.c - leadership transfer (dissertation §3.10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

static int transfer(struct solo *s, raft_id target)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_TRANSFER, .peer = target});
}

static int propose(struct solo *s)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 1});
}

/* Leader of {1,2,3} in term 2; all know its no-op (index 2). */
static void lead(struct solo *s)
{
    solo_restore(s, 3, NULL, 0);
    solo_become_leader(s);
    solo_settle(s);
    assert_int_equal(solo_receive(s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(solo_receive(s, solo_accept(3, 2, 2)), RAFT_OK);
}

static void test_transfer__a_target_that_has_everything_is_asked_at_once(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(transfer(&s, 3), RAFT_OK);
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 3));
    assert_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 2));
    assert_true(raft_is_transferring(s.raft));
    assert_int_equal(raft_role(s.raft), RAFT_LEADER); /* Until another node leads. */
    solo_deinit(&s);
}

static void test_transfer__waits_until_the_target_has_caught_up(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(propose(&s), RAFT_OK);
    assert_int_equal(transfer(&s, 3), RAFT_OK);
    assert_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 3));
    assert_int_equal(propose(&s), RAFT_EBUSY); /* Otherwise it might never catch up. */
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 0));
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 3)), RAFT_OK);
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 3));
    solo_timeout(&s); /* It may be lost, so it is repeated with the heartbeats. */
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 3));
    solo_deinit(&s);
}

/* What the target has may not be committed yet, and would be in doubt. */
static void test_transfer__waits_until_all_is_committed(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(propose(&s), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 3)), RAFT_OK);
    assert_int_equal(transfer(&s, 3), RAFT_OK);
    assert_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 3));
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 3));
    solo_deinit(&s);
}

/* Otherwise a leader with a stalled disk could not leave. */
static void test_transfer__waits_no_longer_than_half_its_time_for_commits(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(propose(&s), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 3)), RAFT_OK);
    assert_int_equal(transfer(&s, 3), RAFT_OK);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT / 2);
    assert_int_equal(solo_receive(&s, solo_pulse(3, 2, 0)), RAFT_OK);
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 3));
    solo_deinit(&s);
}

/* Scenario 7: writes are refused for at most one election timeout. */
static void test_transfer__gives_up_after_an_election_timeout(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(propose(&s), RAFT_OK);
    assert_int_equal(transfer(&s, 3), RAFT_OK);
    uint64_t begin_ns = s.now_ns;

    while (raft_is_transferring(s.raft)) {
        solo_timeout(&s);
        assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
    }
    assert_int_equal(s.now_ns, begin_ns + SOLO_ELECTION_TIMEOUT);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    assert_int_equal(propose(&s), RAFT_OK);
    solo_deinit(&s);
}

static void test_transfer__refuses_what_cannot_lead(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(transfer(&s, 1), RAFT_EMEMBER);
    assert_int_equal(transfer(&s, 9), RAFT_EMEMBER);
    assert_int_equal(
        solo_step(&s, (struct raft_event){.kind = RAFT_CHANGE,
                                          .change = {.kind = RAFT_ADD_LEARNER, .id = 9}}),
        RAFT_OK);
    assert_int_equal(transfer(&s, 9), RAFT_EMEMBER);
    assert_int_equal(transfer(&s, 2), RAFT_OK);
    assert_int_equal(transfer(&s, 3), RAFT_EBUSY);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_CHANGE,
                                                       .change = {.kind = RAFT_REMOVE, .id = 3}}),
                     RAFT_EBUSY);
    solo_deinit(&s);

    solo_restore(&s, 1, NULL, 0);
    assert_int_equal(transfer(&s, 0), RAFT_ENOTLEADER);
    solo_become_leader(&s);
    assert_int_equal(transfer(&s, 0), RAFT_EMEMBER); /* There is no other node. */
    solo_deinit(&s);
}

static void test_transfer__chooses_the_reachable_node_that_has_most(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(propose(&s), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 3)), RAFT_OK);
    assert_int_equal(transfer(&s, 0), RAFT_OK);
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 3));
    solo_deinit(&s);

    lead(&s);
    assert_int_equal(propose(&s), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 3)), RAFT_OK);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT); /* 3 has the most entries, but is silent. */
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
    assert_int_equal(transfer(&s, 0), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 2));
    solo_deinit(&s);
}

/* The target campaigns without a pre-vote, and without waiting for anything. */
static void test_transfer__the_target_campaigns_at_once(void **state)
{
    struct raft_message now = {.kind = RAFT_TIMEOUT_NOW, .from = 2, .term = 4};
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){4}, 1);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 4, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, now), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_int_equal(raft_role_reason(s.raft), RAFT_BECAUSE_TRANSFER);
    assert_int_equal(raft_current_term(s.raft), 5);
    assert_true(solo_sent(&s, RAFT_REQUEST_VOTE, 3)->message.request_vote.is_transfer);
    assert_true(solo_sent(&s, RAFT_REQUEST_VOTE, 2)->after != 0);

    assert_int_equal(solo_receive(&s, now), RAFT_OK); /* A duplicate, of an old term by now. */
    assert_int_equal(raft_current_term(s.raft), 5);
    solo_deinit(&s);
}

/* The target may not know the leader's term yet. */
static void test_transfer__the_target_takes_the_leaders_term_first(void **state)
{
    struct raft_message now = {.kind = RAFT_TIMEOUT_NOW, .from = 2, .term = 7};
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){4}, 1);
    assert_int_equal(solo_receive(&s, now), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_int_equal(raft_current_term(s.raft), 8);
    solo_deinit(&s);
}

/* A change that is under way may end meanwhile: here the joint state is left. */
static void test_transfer__goes_on_while_a_change_ends(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_CHANGE,
                                                       .change = {.kind = RAFT_REMOVE, .id = 3}}),
                     RAFT_OK);
    assert_int_equal(transfer(&s, 3), RAFT_EMEMBER); /* It is about to leave. */
    assert_int_equal(transfer(&s, 2), RAFT_OK);
    assert_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 2));
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_false(raft_configuration_is_joint(raft_configuration(s.raft)));
    assert_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 2)); /* One more entry to wait for. */
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 4)), RAFT_OK);
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 2));
    solo_deinit(&s);
}

static void test_transfer__leadership_moves_without_a_pause(void **state)
{
    struct cluster *c = cluster_new(4);

    (void)state;
    cluster_add_voters(c, 3);
    cluster_start_all(c);
    cluster_elect(c, 1);
    assert_int_equal(cluster_propose(c, 1, 3), RAFT_OK);
    assert_int_equal(cluster_transfer(c, 1, 3), RAFT_OK);
    cluster_settle(c); /* No time passes at all. */
    assert_int_equal(cluster_leader(c), 3);
    assert_int_equal(raft_role(cluster_raft(c, 1)), RAFT_FOLLOWER);
    assert_true(raft_is_ready(cluster_raft(c, 3)));
    assert_int_equal(cluster_propose(c, 3, 1), RAFT_OK);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer__a_target_that_has_everything_is_asked_at_once),
        cmocka_unit_test(test_transfer__waits_until_the_target_has_caught_up),
        cmocka_unit_test(test_transfer__waits_until_all_is_committed),
        cmocka_unit_test(test_transfer__waits_no_longer_than_half_its_time_for_commits),
        cmocka_unit_test(test_transfer__gives_up_after_an_election_timeout),
        cmocka_unit_test(test_transfer__refuses_what_cannot_lead),
        cmocka_unit_test(test_transfer__chooses_the_reachable_node_that_has_most),
        cmocka_unit_test(test_transfer__the_target_campaigns_at_once),
        cmocka_unit_test(test_transfer__the_target_takes_the_leaders_term_first),
        cmocka_unit_test(test_transfer__goes_on_while_a_change_ends),
        cmocka_unit_test(test_transfer__leadership_moves_without_a_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
