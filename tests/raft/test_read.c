/* test_read.c - reads without the log (§8; dissertation §6.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

static int ask(struct solo *s)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_READ});
}

/* Leader of that many voters in term 2 with nothing but its no-op (index 2). */
static void lead(struct solo *s, uint32_t voter_count, bool is_ready)
{
    solo_restore(s, voter_count, NULL, 0);
    solo_become_leader(s);
    solo_settle(s);
    for (raft_id id = 2; is_ready && id <= voter_count; id++) {
        assert_int_equal(solo_receive(s, solo_accept(id, 2, 2)), RAFT_OK);
    }
    assert_int_equal(raft_is_ready(s->raft), is_ready);
}

static void test_read__only_a_leader_takes_them(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(ask(&s), RAFT_ENOTLEADER);
    solo_deinit(&s);
}

static void test_read__is_confirmed_by_a_majority_asked_after_it(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 5, true);
    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t ticket = s.effects.read_ticket;

    assert_int_equal(solo_sent_count(&s, RAFT_HEARTBEAT), 4);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 3)->message.heartbeat.read_round, ticket);
    assert_int_equal(s.effects.read_count, 0);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, ticket)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, ticket)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(3, 2, ticket - 1)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(9, 2, ticket)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(4, 1, ticket)), RAFT_OK);
    /* It was not asked. */
    assert_int_equal(solo_receive(&s, solo_pulse(4, 2, ticket + 1)), RAFT_ELOG);
    assert_int_equal(s.effects.read_count, 0);
    assert_int_equal(solo_receive(&s, solo_pulse(3, 2, ticket)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 1);
    assert_int_equal(s.effects.reads[0].ticket, ticket);
    assert_int_equal(s.effects.reads[0].index, 2);
    assert_int_equal(solo_receive(&s, solo_pulse(4, 2, ticket)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 0); /* Only once. */
    solo_deinit(&s);
}

/* Antithesis on etcd: if a round number is reused, late answers confirm the wrong round. */
static void test_read__each_has_a_number_of_its_own(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3, true);
    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t first = s.effects.read_ticket;

    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t second = s.effects.read_ticket;

    assert_true(second > first);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, first)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 1);
    assert_int_equal(s.effects.reads[0].ticket, first);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, second)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 1);
    assert_int_equal(s.effects.reads[0].ticket, second);

    /* The numbers do not start again, not even in the next term. */
    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t third = s.effects.read_ticket;

    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 0)), RAFT_OK);
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT);
    solo_become_leader(&s);
    assert_int_equal(ask(&s), RAFT_OK);
    assert_true(s.effects.read_ticket > third);
    solo_deinit(&s);
}

/* Any AppendEntries may carry a round. */
static void test_read__entries_carry_the_round_as_well(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3, true);
    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t ticket = s.effects.read_ticket;

    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 1}),
                     RAFT_OK);
    assert_int_equal(solo_sent_entries(&s, 2)->read_round, ticket);
    struct raft_message m = solo_accept(2, 2, 2);

    m.append_entries_reply.read_round = ticket;
    assert_int_equal(solo_receive(&s, m), RAFT_OK);
    assert_int_equal(s.effects.read_count, 1);

    struct solo follower; /* It echoes the round, whatever it answers. */

    solo_restore(&follower, 3, NULL, 0);
    m = solo_append(2, 2, 1, 1, NULL, 0, 0);
    m.append_entries.read_round = 77;
    assert_int_equal(solo_receive(&follower, m), RAFT_OK);
    assert_int_equal(
        solo_sent(&follower, RAFT_APPEND_ENTRIES_REPLY, 2)->message.append_entries_reply.read_round,
        77);
    m = solo_append(2, 2, 9, 1, NULL, 0, 0);
    m.append_entries.read_round = 78;
    assert_int_equal(solo_receive(&follower, m), RAFT_OK);
    assert_int_equal(
        solo_sent(&follower, RAFT_APPEND_ENTRIES_REPLY, 2)->message.append_entries_reply.read_round,
        78);
    solo_deinit(&follower);
    solo_deinit(&s);
}

/* §8: before its no-op is committed, a leader does not know what is committed. */
static void test_read__waits_until_the_leader_has_committed_in_its_term(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3, false);
    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t ticket = s.effects.read_ticket;

    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, ticket)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(3, 2, ticket)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 0);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 1);
    assert_int_equal(s.effects.reads[0].index, 2);
    solo_deinit(&s);
}

/* Its index is the commit index when it was asked; later commits do not delay it. */
static void test_read__its_index_is_the_commit_index_when_it_was_asked(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3, true);
    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t ticket = s.effects.read_ticket;

    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 5}),
                     RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 7)), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 7);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, ticket)), RAFT_OK);
    assert_int_equal(s.effects.reads[0].index, 2);
    solo_deinit(&s);
}

static void test_read__a_lone_voter_confirms_in_the_same_step(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1, true);
    assert_int_equal(ask(&s), RAFT_OK);
    assert_int_equal(s.effects.read_count, 1);
    assert_int_equal(s.effects.reads[0].ticket, s.effects.read_ticket);
    solo_deinit(&s);
}

static void test_read__the_number_under_way_is_bounded(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3, true);
    for (int i = 0; i < RAFT_READS_MAX; i++) {
        assert_int_equal(ask(&s), RAFT_OK);
    }
    uint64_t newest = s.effects.read_ticket;

    assert_int_equal(ask(&s), RAFT_EFULL);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, newest)), RAFT_OK);
    assert_int_equal(s.effects.read_count, RAFT_READS_MAX);
    assert_int_equal(ask(&s), RAFT_OK);
    solo_deinit(&s);
}

/* Scenario 27. */
static void test_read__a_deposed_leader_forgets_them(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3, true);
    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t ticket = s.effects.read_ticket;

    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(3, 2, ticket)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 0);
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 4, raft_last_index(s.raft))), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 4, ticket)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 0);
    solo_deinit(&s);
}

/* §6: reads need both majorities too; a learner's echo does not count. */
static void test_read__takes_both_majorities_in_the_joint_state(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 4, true);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_CHANGE,
                                                       .change = {.kind = RAFT_REMOVE, .id = 4}}),
                     RAFT_OK); /* C_old {1,2,3,4}: three; C_new {1,2,3}: two. */
    assert_int_equal(ask(&s), RAFT_OK);
    uint64_t ticket = s.effects.read_ticket;

    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, ticket)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 0);
    assert_int_equal(solo_receive(&s, solo_pulse(4, 2, ticket)), RAFT_OK);
    assert_int_equal(s.effects.read_count, 1);
    solo_deinit(&s);
}

/* The asker followed this leader after its reads had arrived, so its question is its echo. */
static void test_read__of_a_node_that_is_a_majority_with_the_leader_needs_no_round(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3, false);
    assert_int_equal(raft_read_index_for(s.raft, 2), 0); /* Not before its term has committed. */
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(raft_read_index_for(s.raft, 2), 2);
    assert_int_equal(raft_read_index_for(s.raft, 3), 2);
    assert_int_equal(raft_read_index_for(s.raft, 9), 0); /* Not a member. */
    assert_int_equal(
        solo_step(&s, (struct raft_event){.kind = RAFT_CHANGE,
                                          .change = {.kind = RAFT_ADD_LEARNER, .id = 4}}),
        RAFT_OK);
    assert_int_equal(raft_read_index_for(s.raft, 3), 2);
    assert_int_equal(raft_read_index_for(s.raft, 4), 0); /* A learner. */
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 0)), RAFT_OK);
    assert_int_equal(raft_read_index_for(s.raft, 3), 0); /* It does not lead any more. */
    solo_deinit(&s);

    lead(&s, 4, true);
    assert_int_equal(raft_read_index_for(s.raft, 2), 0); /* Two of four. */
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_CHANGE,
                                                       .change = {.kind = RAFT_REMOVE, .id = 4}}),
                     RAFT_OK);
    assert_int_equal(raft_read_index_for(s.raft, 2), 0); /* Two of three, but also of four. */
    solo_deinit(&s);

    lead(&s, 1, true);
    assert_int_equal(raft_read_index_for(s.raft, 9), 2); /* The leader alone is a majority. */
    solo_deinit(&s);
}

/* The answer to a question names an entry that is committed. */
static void test_read__a_follower_commits_what_an_answer_names_if_it_has_it(void **state)
{
    const raft_term terms[] = {1, 1, 3};
    struct solo s;
    struct raft_event event = {.kind = RAFT_COMMITTED, .committed_index = 3, .committed_term = 2};

    (void)state;
    solo_restore(&s, 3, terms, 3); /* Entries 2 to 4. */
    assert_int_equal(solo_step(&s, event), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 0); /* Another entry. */
    event.committed_term = 1;
    assert_int_equal(solo_step(&s, event), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    event.committed_index = 2;
    assert_int_equal(solo_step(&s, event), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    event.committed_index = 9;
    assert_int_equal(solo_step(&s, event), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    solo_deinit(&s);
}

/* Scenario 52: a long pause can't cause a stale read. */
static void test_read__a_pause_confirms_nothing(void **state)
{
    struct cluster *c = cluster_new(2);

    (void)state;
    cluster_add_voters(c, 3);
    cluster_start_all(c);
    cluster_elect(c, 1);
    cluster_isolate(c, 1, true); /* Frozen: it neither hears nor ticks. */
    c->now_ns += 10000 * CLUSTER_MS;
    cluster_tick(c, 2);
    cluster_settle(c);
    assert_int_equal(cluster_leader(c), 2);
    assert_int_equal(cluster_propose(c, 2, 1), RAFT_OK);
    cluster_settle(c);
    assert_int_equal(cluster_read(c, 1), RAFT_OK);
    cluster_isolate(c, 1, false);
    cluster_settle(c);
    assert_int_equal(cluster_node(c, 1)->confirmed_count, 0);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read__only_a_leader_takes_them),
        cmocka_unit_test(test_read__is_confirmed_by_a_majority_asked_after_it),
        cmocka_unit_test(test_read__each_has_a_number_of_its_own),
        cmocka_unit_test(test_read__entries_carry_the_round_as_well),
        cmocka_unit_test(test_read__waits_until_the_leader_has_committed_in_its_term),
        cmocka_unit_test(test_read__its_index_is_the_commit_index_when_it_was_asked),
        cmocka_unit_test(test_read__a_lone_voter_confirms_in_the_same_step),
        cmocka_unit_test(test_read__the_number_under_way_is_bounded),
        cmocka_unit_test(test_read__a_deposed_leader_forgets_them),
        cmocka_unit_test(test_read__takes_both_majorities_in_the_joint_state),
        cmocka_unit_test(test_read__of_a_node_that_is_a_majority_with_the_leader_needs_no_round),
        cmocka_unit_test(test_read__a_follower_commits_what_an_answer_names_if_it_has_it),
        cmocka_unit_test(test_read__a_pause_confirms_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
