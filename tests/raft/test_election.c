/* test_election.c - electing a leader (§5.2, §5.4.1): which node campaigns when, which votes are
 * given, and that votes are durable (Figure 2). */
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

/* §5.2: servers start up as followers. */
static void test_election__a_node_starts_as_a_follower_of_nobody(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(raft_leader(s.raft), 0);
    assert_int_equal(s.effects.outbound_count, 0);
    solo_deinit(&s);
}

/* §9.3: timeouts are spread over [T, 2T). */
static void test_election__timeouts_are_random_within_bounds(void **state)
{
    struct solo s;
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    for (int i = 0; i < 1000; i++) {
        follow_2(&s, 1);
        uint64_t timeout_ns = s.effects.deadline_ns - s.now_ns;

        assert_true(timeout_ns >= SOLO_ELECTION_TIMEOUT);
        assert_true(timeout_ns < 2 * SOLO_ELECTION_TIMEOUT);
        least = timeout_ns < least ? timeout_ns : least;
        most = timeout_ns > most ? timeout_ns : most;
    }
    assert_true(most - least > SOLO_ELECTION_TIMEOUT * 9 / 10);
    solo_deinit(&s);
}

/* Figure 2: currentTerm and votedFor are stored before responding to RPCs. */
static void test_election__a_vote_waits_for_its_write(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, solo_vote_request(2, 5, 1, 1)), RAFT_OK);
    const struct raft_outbound *reply = solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 2);

    assert_true(reply->message.request_vote_reply.vote_granted);
    assert_true(s.effects.write_vote);
    assert_int_equal(s.effects.current_term, 5);
    assert_int_equal(s.effects.voted_for, 2);
    assert_true(s.effects.write_seq != 0);
    assert_int_equal(reply->after, s.effects.write_seq);

    /* Asked again before the disk is done: the same answer waits for the same write. */
    raft_seq seq = s.effects.write_seq;

    assert_int_equal(solo_receive(&s, solo_vote_request(2, 5, 1, 1)), RAFT_OK);
    assert_int_equal(s.effects.write_seq, 0);
    assert_int_equal(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 2)->after, seq);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_vote_request(2, 5, 1, 1)), RAFT_OK);
    assert_int_equal(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 2)->after, 0);
    solo_deinit(&s);
}

/* Every message claims its sender's term, so none is sent before that is durable. */
static void test_election__a_refusal_waits_for_the_term_it_names(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1}, 2);
    assert_int_equal(solo_receive(&s, solo_vote_request(2, 5, 1, 1)), RAFT_OK);
    const struct raft_outbound *reply = solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 2);

    assert_false(reply->message.request_vote_reply.vote_granted);
    assert_int_equal(reply->message.term, 5);
    assert_int_equal(reply->after, s.effects.write_seq);
    assert_true(reply->after != 0);
    solo_deinit(&s);
}

/* §5.2: at most one vote a term, first come, first served. */
static void test_election__votes_once_per_term(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, solo_vote_request(2, 5, 1, 1)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote_request(3, 5, 1, 1)), RAFT_OK);
    assert_false(
        solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    assert_int_equal(raft_voted_for(s.raft), 2);
    assert_int_equal(solo_receive(&s, solo_vote_request(3, 6, 1, 1)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    solo_deinit(&s);
}

static void test_election__remembers_its_vote_after_a_restart(void **state)
{
    struct solo s;

    (void)state;
    solo_init(&s, 8);
    raft_restore_vote(s.raft, 5, 2);
    assert_int_equal(solo_receive(&s, solo_vote_request(3, 5, 9, 4)), RAFT_OK);
    assert_false(
        solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    assert_int_equal(solo_receive(&s, solo_vote_request(2, 5, 9, 4)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 2)->message.request_vote_reply.vote_granted);
    solo_deinit(&s);
}

/* §5.4.1: the later last term wins, then the longer log. */
static void test_election__votes_only_for_logs_that_are_up_to_date(void **state)
{
    static const struct {
        raft_index last;
        raft_term last_term;
        bool granted;
    } cases[] = {
        {3, 3, true}, {4, 3, true}, {1, 4, true}, {2, 3, false}, {9, 2, false}, {0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct solo s;

        solo_restore(&s, 3, (raft_term[]){2, 3}, 2);
        assert_int_equal(
            solo_receive(&s, solo_pre_vote_request(2, 9, cases[i].last, cases[i].last_term)),
            RAFT_OK);
        assert_int_equal(
            solo_sent(&s, RAFT_PRE_VOTE_REPLY, 2)->message.request_vote_reply.vote_granted,
            cases[i].granted);
        assert_int_equal(
            solo_receive(&s, solo_vote_request(2, 9, cases[i].last, cases[i].last_term)), RAFT_OK);
        assert_int_equal(
            solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 2)->message.request_vote_reply.vote_granted,
            cases[i].granted);
        solo_deinit(&s);
    }
}

/* A candidate's own vote is like any other: it counts once it is durable. */
static void test_election__the_own_vote_counts_only_when_durable(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_timeout(&s);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 2, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_int_equal(s.effects.voted_for, 1);
    assert_int_equal(solo_sent(&s, RAFT_REQUEST_VOTE, 2)->after, s.effects.write_seq);
    assert_int_equal(solo_receive(&s, solo_vote(2, 2, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    solo_settle(&s);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    solo_deinit(&s);
}

static void test_election__a_repeated_vote_counts_once(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 5, NULL, 0);
    solo_timeout(&s);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 2, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 2, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    assert_int_equal(solo_receive(&s, solo_pre_vote(3, 2, true)), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_vote(4, 2, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote(4, 2, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_int_equal(solo_receive(&s, solo_vote(5, 2, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    solo_deinit(&s);
}

/* Late answers to a pre-vote are not votes, nor are answers of strangers, of learners, or of
 * another term. */
static void test_election__counts_only_valid_votes(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_timeout(&s);
    assert_int_equal(solo_receive(&s, solo_vote(2, 1, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pre_vote(9, 2, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 1, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 2, true)), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_int_equal(solo_receive(&s, solo_pre_vote(3, 2, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pre_vote(3, 3, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote(9, 2, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote(3, 1, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote(3, 2, false)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    solo_deinit(&s);
}

/* §5.2: a candidate that hears of a leader of its term follows it. */
static void test_election__a_candidate_gives_way_to_the_leader_of_its_term(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_timeout(&s);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 2, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_heartbeat(3, 1, 0)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE); /* Of an old term. */
    assert_int_equal(solo_receive(&s, solo_heartbeat(3, 2, 0)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(raft_leader(s.raft), 3);
    assert_int_equal(raft_voted_for(s.raft), 1);
    solo_deinit(&s);
}

/* §8: a new leader logs an entry of its own term, at once. */
static void test_election__a_leader_begins_with_a_noop(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 2}, 2);
    solo_become_leader(&s);
    assert_int_equal(s.effects.append_own, RAFT_NOOP);
    assert_int_equal(s.effects.append_first, 4);
    assert_int_equal(s.effects.append_count, 1);
    assert_true(s.effects.role_changed);
    assert_int_equal(raft_term_at(s.raft, 4), 3);
    const struct raft_outbound *append = solo_sent(&s, RAFT_APPEND_ENTRIES, 3);

    assert_int_equal(append->message.append_entries.prev_log_index, 3);
    assert_int_equal(append->message.append_entries.prev_log_term, 2);
    assert_int_equal(append->message.append_entries.entry_count, 1);
    assert_int_equal(append->after, 0); /* It does not wait for the leader's own disk. */
    solo_deinit(&s);
}

/* §5.1: a leader that hears of a higher term steps down. */
static void test_election__a_leader_gives_way_to_a_higher_term(void **state)
{
    const enum raft_message_kind kinds[] = {RAFT_APPEND_ENTRIES_REPLY, RAFT_HEARTBEAT_REPLY,
                                            RAFT_REQUEST_VOTE_REPLY};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct solo s;

        solo_restore(&s, 3, NULL, 0);
        solo_become_leader(&s);
        assert_int_equal(
            solo_receive(&s, (struct raft_message){.kind = kinds[i], .from = 2, .term = 9}),
            RAFT_OK);
        assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
        assert_int_equal(raft_current_term(s.raft), 9);
        assert_int_equal(raft_role_reason(s.raft), RAFT_BECAUSE_HIGHER_TERM);
        assert_true(s.effects.write_vote);
        solo_deinit(&s);
    }
}

/* A single voter has nobody to wait for. */
static void test_election__a_lone_voter_elects_itself_at_once(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 1, NULL, 0); /* Ticks once. */
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_int_equal(s.effects.current_term, 2);
    assert_int_equal(s.effects.outbound_count, 0);
    assert_int_equal(solo_durable(&s, s.written_seq), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    solo_settle(&s);
    assert_true(raft_is_ready(s.raft));
    for (int i = 0; i < 20; i++) {
        solo_timeout(&s);
    }
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    solo_deinit(&s);
}

/* A stalled disk must not make it run through terms. */
static void test_election__waits_for_its_disk_instead_of_raising_terms(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 1, NULL, 0);
    for (int i = 0; i < 20; i++) {
        solo_timeout(&s);
    }
    assert_int_equal(raft_current_term(s.raft), 2);
    solo_settle(&s);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    solo_deinit(&s);
}

static void test_election__a_node_without_a_configuration_never_campaigns(void **state)
{
    struct solo s;

    (void)state;
    solo_init(&s, 8);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(s.effects.deadline_ns, UINT64_MAX);
    solo_pass(&s, 100 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(s.effects.outbound_count, 0);
    solo_deinit(&s);
}

static void test_election__learners_vote_if_asked_but_never_campaign(void **state)
{
    struct raft_configuration c = solo_voters(3);
    struct solo s;

    (void)state;
    c.members[0].incoming = false;
    solo_init(&s, 8);
    raft_restore_vote(s.raft, 1, 0);
    assert_int_equal(raft_restore_entry(s.raft, &(struct raft_entry){.term = 1,
                                                                     .kind = RAFT_CONFIGURATION,
                                                                     .configuration = &c}),
                     RAFT_OK);
    solo_pass(&s, 100 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    follow_2(&s, 2);
    assert_int_equal(s.effects.deadline_ns, UINT64_MAX);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = 2}),
                     RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(
        solo_receive(&s, (struct raft_message){.kind = RAFT_TIMEOUT_NOW, .from = 2, .term = 2}),
        RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);

    /* The voter may have been promoted without knowing it yet (dissertation §4.2.1). */
    assert_int_equal(solo_receive(&s, solo_vote_request(3, 9, 9, 2)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    solo_deinit(&s);
}

/* Others can win within two election timeouts, or at once if the leader is lost. But they may be
 * unable to, and then it has to campaign. */
static void test_election__a_reluctant_node_campaigns_after_all_others(void **state)
{
    struct raft_event reluctant = {.kind = RAFT_RELUCTANT, .is_reluctant = true};
    struct raft_event lost = {.kind = RAFT_PEER_LOST, .peer = 2};
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_step(&s, reluctant), RAFT_OK);
    follow_2(&s, 2);
    assert_true(s.effects.deadline_ns - s.now_ns >= 3 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_step(&s, lost), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_true(s.effects.deadline_ns - s.now_ns >= SOLO_ELECTION_TIMEOUT);
    solo_timeout(&s);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);

    follow_2(&s, 3);
    reluctant.is_reluctant = false;
    assert_int_equal(solo_step(&s, reluctant), RAFT_OK);
    assert_int_equal(solo_step(&s, lost), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    solo_deinit(&s);
}

static void test_election__does_not_campaign_without_room_for_another_term(void **state)
{
    struct raft_configuration c = solo_voters(3);
    struct raft_entry entry = {.term = 1, .kind = RAFT_CONFIGURATION, .configuration = &c};
    struct solo s;

    (void)state;
    solo_init(&s, 2);
    raft_restore_vote(s.raft, 2, 0);
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_OK);
    entry = (struct raft_entry){.term = 2, .kind = RAFT_NOOP};
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_OK);
    solo_pass(&s, 100 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(s.effects.deadline_ns, UINT64_MAX);
    solo_deinit(&s);
}

/* §5.2: if all nodes answer, a split vote is over within a few timeouts. */
static void test_election__a_split_vote_is_resolved_soon(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct cluster *c = cluster_new(seed);

        cluster_add_voters(c, 4);
        cluster_start_all(c);
        cluster_elect(c, 4);
        cluster_crash(c, 4);
        for (raft_id id = 1; id <= 3; id++) { /* All at once, despite the turns. */
            assert_int_equal(cluster_lost(c, id, 4), RAFT_OK);
        }
        c->now_ns += 40 * CLUSTER_MS;
        cluster_tick(c, 2);
        cluster_tick(c, 3);
        for (int i = 0; i < 3; i++) {
            cluster_deliver_round(c);
        }
        cluster_run(c, 600 * CLUSTER_MS);
        assert_true(cluster_leader(c) != 0);
        assert_true(raft_current_term(cluster_raft(c, cluster_leader(c))) <= 6);
        cluster_free(c);
    }
}

/* §9.3: a candidate that was refused asks again soon, at a random time. */
static void test_election__a_refused_candidate_asks_again_soon(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_timeout(&s);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, raft_current_term(s.raft) + 1, true)),
                     RAFT_OK);
    solo_settle(&s);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_int_equal(solo_receive(&s, solo_vote(2, raft_current_term(s.raft), false)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_true(s.effects.deadline_ns - s.now_ns < 2 * SOLO_HEARTBEAT);
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_election__a_node_starts_as_a_follower_of_nobody),
        cmocka_unit_test(test_election__timeouts_are_random_within_bounds),
        cmocka_unit_test(test_election__a_vote_waits_for_its_write),
        cmocka_unit_test(test_election__a_refusal_waits_for_the_term_it_names),
        cmocka_unit_test(test_election__votes_once_per_term),
        cmocka_unit_test(test_election__remembers_its_vote_after_a_restart),
        cmocka_unit_test(test_election__votes_only_for_logs_that_are_up_to_date),
        cmocka_unit_test(test_election__the_own_vote_counts_only_when_durable),
        cmocka_unit_test(test_election__a_repeated_vote_counts_once),
        cmocka_unit_test(test_election__counts_only_valid_votes),
        cmocka_unit_test(test_election__a_candidate_gives_way_to_the_leader_of_its_term),
        cmocka_unit_test(test_election__a_leader_begins_with_a_noop),
        cmocka_unit_test(test_election__a_leader_gives_way_to_a_higher_term),
        cmocka_unit_test(test_election__a_lone_voter_elects_itself_at_once),
        cmocka_unit_test(test_election__waits_for_its_disk_instead_of_raising_terms),
        cmocka_unit_test(test_election__a_node_without_a_configuration_never_campaigns),
        cmocka_unit_test(test_election__learners_vote_if_asked_but_never_campaign),
        cmocka_unit_test(test_election__a_reluctant_node_campaigns_after_all_others),
        cmocka_unit_test(test_election__does_not_campaign_without_room_for_another_term),
        cmocka_unit_test(test_election__a_split_vote_is_resolved_soon),
        cmocka_unit_test(test_election__a_refused_candidate_asks_again_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
