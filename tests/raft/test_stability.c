/* test_stability.c - a leader leads as long as it can, and no longer: pre-votes and stickiness
 * (dissertation §9.6, §4.2.3), CheckQuorum (§6.2), and the effects of a broken connection to the
 * leader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

/* As a follower of 2, heard just now, in `term`. */
static void follow_2(struct solo *s, raft_term term)
{
    assert_int_equal(solo_receive(s, solo_heartbeat(2, term, 0)), RAFT_OK);
    assert_int_equal(raft_leader(s->raft), 2);
    solo_settle(s);
}

/* Dissertation §9.6: a pre-vote raises no term, neither here nor there. */
static void test_stability__a_pre_vote_changes_no_term_anywhere(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    for (int i = 0; i < 50; i++) { /* Cut off for long: terms do not rise. */
        solo_timeout(&s);
    }
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    assert_int_equal(raft_current_term(s.raft), 1);
    assert_int_equal(s.written_seq, 0);
    assert_int_equal(solo_sent(&s, RAFT_PRE_VOTE, 2)->message.term, 2);

    solo_pass(&s, 1);
    assert_int_equal(solo_receive(&s, solo_pre_vote_request(3, 99, 5, 9)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    assert_int_equal(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.term, 99);
    assert_int_equal(raft_current_term(s.raft), 1);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    assert_int_equal(s.effects.write_seq, 0);
    solo_deinit(&s);
}

/* Dissertation §4.2.3, §9.6: a node that hears a leader stays with it. */
static void test_stability__a_node_that_hears_a_leader_refuses_others(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    follow_2(&s, 4);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT - 1);
    assert_int_equal(solo_receive(&s, solo_pre_vote_request(3, 5, 9, 4)), RAFT_OK);
    assert_false(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);

    /* A vote request does not even raise the term, and is not answered. */
    assert_int_equal(solo_receive(&s, solo_vote_request(3, 99, 9, 4)), RAFT_OK);
    assert_int_equal(raft_current_term(s.raft), 4);
    assert_int_equal(raft_leader(s.raft), 2);
    assert_int_equal(s.effects.outbound_count, 0);

    solo_pass(&s, 1);
    assert_int_equal(solo_receive(&s, solo_pre_vote_request(3, 5, 9, 4)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    assert_int_equal(solo_receive(&s, solo_vote_request(3, 5, 9, 4)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    solo_deinit(&s);
}

/* Dissertation §3.10: the leader itself asked for this election. */
static void test_stability__a_transfer_waives_stickiness(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    follow_2(&s, 4);
    struct raft_message m = solo_vote_request(3, 5, 9, 4);

    m.request_vote.is_transfer = true;
    assert_int_equal(solo_receive(&s, m), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    assert_int_equal(raft_role_reason(s.raft), RAFT_BECAUSE_TRANSFER);
    solo_deinit(&s);
}

static void test_stability__a_leader_with_a_quorum_refuses_others(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT / 2);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT - 1);
    assert_int_equal(solo_receive(&s, solo_pre_vote_request(3, 3, 9, 2)), RAFT_OK);
    assert_false(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    assert_int_equal(solo_receive(&s, solo_vote_request(3, 99, 9, 4)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);

    solo_pass(&s, 1); /* No majority was heard for an election timeout. */
    assert_int_equal(solo_receive(&s, solo_pre_vote_request(3, 3, 9, 2)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    solo_deinit(&s);
}

/* A killed leader is noticed by its connection, not by a timeout. The voters take turns, so that
 * they do not split the vote. */
static void test_stability__a_broken_connection_to_the_leader_starts_turns(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    follow_2(&s, 4);
    struct raft_event lost = {.kind = RAFT_PEER_LOST, .peer = 3};

    assert_int_equal(solo_step(&s, lost), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER); /* It was not the leader. */
    assert_false(s.effects.role_changed);
    lost.peer = 2;
    assert_int_equal(solo_step(&s, lost), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE); /* The lowest id goes first. */
    assert_int_equal(raft_role_reason(s.raft), RAFT_BECAUSE_LEADER_LOST);
    assert_int_equal(raft_leader(s.raft), 0);
    assert_non_null(solo_sent(&s, RAFT_PRE_VOTE, 3));
    assert_true(s.effects.deadline_ns < s.now_ns + 2 * SOLO_HEARTBEAT);
    solo_deinit(&s);
}

static void test_stability__the_next_voter_waits_a_fraction_of_a_heartbeat(void **state)
{
    struct cluster *c = cluster_new(3);

    (void)state;
    cluster_add_voters(c, 4);
    cluster_start_all(c);
    cluster_elect(c, 1);
    cluster_crash(c, 1);
    for (raft_id id = 2; id <= 4; id++) {
        assert_int_equal(cluster_lost(c, id, 1), RAFT_OK);
    }
    assert_int_equal(raft_role(cluster_raft(c, 2)), RAFT_PRE_CANDIDATE);
    assert_int_equal(cluster_node(c, 3)->effects.deadline_ns, c->now_ns + 15 * CLUSTER_MS);
    assert_int_equal(cluster_node(c, 4)->effects.deadline_ns, c->now_ns + 30 * CLUSTER_MS);
    cluster_settle(c); /* No time passes at all. */
    assert_int_equal(cluster_leader(c), 2);
    cluster_free(c);
}

/* After the connection to the leader broke, the leader does not make a node refuse others. */
static void test_stability__a_lost_leader_is_no_reason_to_refuse(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    follow_2(&s, 4);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = 2}),
                     RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pre_vote_request(3, 5, 9, 4)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    solo_deinit(&s);
}

/* A stale node in a higher term must not block the others for good: its refusal carries its
 * term, and the node that asked catches up. */
static void test_stability__a_node_that_is_terms_behind_catches_up_and_wins(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){5}, 1);
    solo_timeout(&s);
    assert_int_equal(solo_receive(&s, solo_pre_vote(3, 10, false)), RAFT_OK);
    assert_int_equal(raft_current_term(s.raft), 10);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_true(s.effects.deadline_ns <= s.now_ns + SOLO_HEARTBEAT);
    solo_settle(&s);
    solo_timeout(&s);
    assert_int_equal(solo_sent(&s, RAFT_PRE_VOTE, 3)->message.term, 11);
    solo_deinit(&s);
}

static void test_stability__a_refusal_has_the_refusers_term(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){7}, 1);
    assert_int_equal(solo_receive(&s, solo_pre_vote_request(3, 5, 9, 9)), RAFT_OK);
    assert_false(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    assert_int_equal(solo_sent(&s, RAFT_PRE_VOTE_REPLY, 3)->message.term, 7);
    assert_int_equal(solo_receive(&s, solo_vote_request(3, 5, 9, 9)), RAFT_OK);
    assert_int_equal(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 3)->message.term, 7);
    solo_deinit(&s);
}

/* CheckQuorum (dissertation §6.2). */
static void test_stability__a_leader_that_no_majority_answers_steps_down(void **state)
{
    struct solo s;
    uint64_t heard_ns;

    (void)state;
    solo_restore(&s, 5, NULL, 0);
    solo_become_leader(&s);
    for (int i = 0; i < 20; i++) { /* Two answer: a majority with itself. */
        solo_timeout(&s);
        assert_int_equal(raft_role(s.raft), RAFT_LEADER);
        assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
        assert_int_equal(solo_receive(&s, solo_pulse(3, 2, 0)), RAFT_OK);
    }
    heard_ns = s.now_ns;
    while (raft_role(s.raft) == RAFT_LEADER) { /* Then only one answers. */
        solo_timeout(&s);
        assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
    }
    assert_true(s.now_ns >= heard_ns + SOLO_ELECTION_TIMEOUT);
    assert_true(s.now_ns <= heard_ns + SOLO_ELECTION_TIMEOUT + SOLO_HEARTBEAT);
    assert_int_equal(raft_role_reason(s.raft), RAFT_BECAUSE_NO_QUORUM);
    assert_int_equal(raft_current_term(s.raft), 2);
    solo_deinit(&s);
}

static void test_stability__lost_connections_alone_do_not_depose(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    for (raft_id id = 2; id <= 3; id++) {
        assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = id}),
                         RAFT_OK);
        assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    }
    solo_deinit(&s);
}

/* Scenario 1: the leader is killed over and over. */
static void test_stability__a_killed_leader_is_replaced_without_a_timeout(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct cluster *c = cluster_new(seed);

        cluster_add_voters(c, 3);
        cluster_start_all(c);
        cluster_run(c, 1500 * CLUSTER_MS);
        for (int i = 0; i < 5; i++) {
            raft_id leader = cluster_leader(c);

            assert_true(leader != 0);
            cluster_crash(c, leader);
            for (raft_id id = 1; id <= 3; id++) {
                if (id != leader) {
                    cluster_lost(c, id, leader);
                    cluster_settle(c);
                }
            }
            cluster_run(c, 150 * CLUSTER_MS);
            assert_true(cluster_leader(c) != 0);
            cluster_start(c, leader);
            cluster_run(c, 200 * CLUSTER_MS);
        }
        cluster_free(c);
    }
}

/* Scenario 3: a node that was cut off returns without raising the term. */
static void test_stability__an_isolated_node_returns_quietly(void **state)
{
    struct cluster *c = cluster_new(5);

    (void)state;
    cluster_add_voters(c, 3);
    cluster_start_all(c);
    cluster_elect(c, 1);
    cluster_isolate(c, 3, true);
    cluster_run(c, 5000 * CLUSTER_MS);
    cluster_isolate(c, 3, false);
    cluster_run(c, 1000 * CLUSTER_MS);
    assert_int_equal(cluster_leader(c), 1);
    assert_int_equal(raft_current_term(cluster_raft(c, 1)), 2);
    assert_int_equal(raft_leader(cluster_raft(c, 3)), 1);
    cluster_free(c);
}

/* Scenario 55: a leader that can send but not hear is replaced. */
static void test_stability__a_deaf_leader_is_replaced(void **state)
{
    struct cluster *c = cluster_new(6);

    (void)state;
    cluster_add_voters(c, 3);
    cluster_start_all(c);
    cluster_elect(c, 1);
    cluster_cut(c, 2, 1, true);
    cluster_cut(c, 3, 1, true);
    cluster_run(c, 1300 * CLUSTER_MS);
    assert_true(cluster_leader(c) >= 2);
    assert_true(raft_role(cluster_raft(c, 1)) != RAFT_LEADER);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stability__a_pre_vote_changes_no_term_anywhere),
        cmocka_unit_test(test_stability__a_node_that_hears_a_leader_refuses_others),
        cmocka_unit_test(test_stability__a_transfer_waives_stickiness),
        cmocka_unit_test(test_stability__a_leader_with_a_quorum_refuses_others),
        cmocka_unit_test(test_stability__a_broken_connection_to_the_leader_starts_turns),
        cmocka_unit_test(test_stability__the_next_voter_waits_a_fraction_of_a_heartbeat),
        cmocka_unit_test(test_stability__a_lost_leader_is_no_reason_to_refuse),
        cmocka_unit_test(test_stability__a_node_that_is_terms_behind_catches_up_and_wins),
        cmocka_unit_test(test_stability__a_refusal_has_the_refusers_term),
        cmocka_unit_test(test_stability__a_leader_that_no_majority_answers_steps_down),
        cmocka_unit_test(test_stability__lost_connections_alone_do_not_depose),
        cmocka_unit_test(test_stability__a_killed_leader_is_replaced_without_a_timeout),
        cmocka_unit_test(test_stability__an_isolated_node_returns_quietly),
        cmocka_unit_test(test_stability__a_deaf_leader_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
