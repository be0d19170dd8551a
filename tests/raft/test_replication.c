/* test_replication.c - replicating the log (§5.3): the follower's and the leader's
 * side of AppendEntries, message by message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

static const struct raft_append_entries_reply *reply_of(const struct solo *s)
{
    const struct raft_outbound *o = solo_sent(s, RAFT_APPEND_ENTRIES_REPLY, 0);

    assert_non_null(o);
    return &o->message.append_entries_reply;
}

/* Leader of {1,2,3} in term 2: configuration at 1, no-op at 2, all durable; 2 and 3 have entries
 * up to `match`, and are being replicated to. */
static void lead(struct solo *s, raft_index match)
{
    solo_restore(s, 3, NULL, 0);
    solo_become_leader(s);
    solo_settle(s);
    for (raft_id id = 2; match > 0 && id <= 3; id++) {
        assert_int_equal(solo_receive(s, solo_accept(id, 2, match)), RAFT_OK);
    }
}

static struct raft_progress progress(const struct solo *s, raft_id id)
{
    struct raft_progress progress = {0};

    assert_true(raft_progress_of(s->raft, id, &progress));
    return progress;
}

static int propose(struct solo *s, uint32_t count)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = count});
}

/* --- the follower ----------------------------------------------------------------- */

/* Figure 2, receiver rule 1. */
static void test_replication__refuses_an_old_leader_and_says_its_term(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){5}, 1);
    assert_int_equal(solo_receive(&s, solo_append(2, 4, 1, 1, NULL, 0, 1)), RAFT_OK);
    assert_false(reply_of(&s)->success);
    assert_int_equal(solo_sent(&s, RAFT_APPEND_ENTRIES_REPLY, 2)->message.term, 5);
    assert_int_equal(raft_leader(s.raft), 0);
    assert_int_equal(raft_commit_index(s.raft), 0);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 4, 1)), RAFT_OK);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT_REPLY, 2)->message.term, 5);
    assert_int_equal(raft_commit_index(s.raft), 0);
    solo_deinit(&s);
}

/* Receiver rule 2, and a hint where the logs may agree. */
static void test_replication__rejects_what_does_not_follow_and_says_why(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 3, 3, 3}, 4); /* 1 1 3 3 3 */
    assert_int_equal(solo_receive(&s, solo_append(2, 6, 9, 6, NULL, 0, 9)), RAFT_OK);
    assert_false(reply_of(&s)->success);
    assert_int_equal(reply_of(&s)->match_index, 9);
    assert_int_equal(reply_of(&s)->conflict_term, 0);
    assert_int_equal(reply_of(&s)->conflict_index, 6);

    assert_int_equal(solo_receive(&s, solo_append(2, 6, 5, 6, NULL, 0, 9)), RAFT_OK);
    assert_false(reply_of(&s)->success);
    assert_int_equal(reply_of(&s)->conflict_term, 3);
    assert_int_equal(reply_of(&s)->conflict_index, 3);
    assert_int_equal(raft_last_index(s.raft), 5); /* Nothing is dropped because of that. */
    assert_int_equal(raft_commit_index(s.raft), 0);
    assert_int_equal(raft_leader(s.raft), 2);
    solo_deinit(&s);
}

/* Receiver rules 3 and 4; what is written is in the effects. */
static void test_replication__replaces_what_conflicts_and_appends_the_rest(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 3, 3, 3}, 4);
    assert_int_equal(solo_receive(&s, solo_append(2, 6, 1, 1, (raft_term[]){1, 3, 5, 6}, 4, 0)),
                     RAFT_OK);
    assert_int_equal(s.effects.truncate_from, 4);
    assert_int_equal(s.effects.append_first, 4);
    assert_int_equal(s.effects.append_count, 2); /* The first two were there already. */
    assert_int_equal(s.effects.append_own, 0);
    assert_int_equal(raft_last_index(s.raft), 5);
    assert_int_equal(raft_term_at(s.raft, 4), 5);
    assert_int_equal(raft_term_at(s.raft, 5), 6);
    assert_true(reply_of(&s)->success);
    assert_int_equal(reply_of(&s)->match_index, 5);
    solo_deinit(&s);
}

/* The term is written before entries of that term: in the same write, first. */
static void test_replication__a_new_term_is_written_with_its_entries(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, solo_append(2, 6, 1, 1, (raft_term[]){6}, 1, 0)), RAFT_OK);
    assert_true(s.effects.write_vote);
    assert_int_equal(s.effects.current_term, 6);
    assert_int_equal(s.effects.voted_for, 0);
    assert_int_equal(s.effects.append_count, 1);
    solo_deinit(&s);
}

/* A shorter, older message must not cut what a newer one has brought. */
static void test_replication__a_late_message_drops_nothing(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 1, 1, (raft_term[]){2, 2, 2}, 3, 0)),
                     RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 1, 1, (raft_term[]){2}, 1, 0)), RAFT_OK);
    assert_int_equal(raft_last_index(s.raft), 4);
    assert_int_equal(s.effects.write_seq, 0);
    assert_int_equal(s.effects.truncate_from, 0);
    solo_deinit(&s);
}

/* CCF #6016: success covers what the message covered, not everything in the log. */
static void test_replication__acknowledges_no_further_than_the_message(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1, 1}, 3);
    assert_int_equal(solo_receive(&s, solo_append(2, 5, 1, 1, (raft_term[]){1}, 1, 0)), RAFT_OK);
    assert_int_equal(reply_of(&s)->match_index, 2);
    assert_int_equal(solo_receive(&s, solo_append(2, 5, 1, 1, NULL, 0, 0)), RAFT_OK);
    assert_int_equal(reply_of(&s)->match_index, 1);
    solo_deinit(&s);
}

/* Scenario 10: no acknowledgement before the disk has it. */
static void test_replication__success_waits_for_the_write(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 1, 1, (raft_term[]){2}, 1, 0)), RAFT_OK);
    raft_seq seq = s.effects.write_seq;

    assert_true(seq != 0);
    assert_int_equal(solo_sent(&s, RAFT_APPEND_ENTRIES_REPLY, 2)->after, seq);

    /* A duplicate: there is nothing to write, but the answer depends on the first one's write. */
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 1, 1, (raft_term[]){2}, 1, 0)), RAFT_OK);
    assert_int_equal(s.effects.write_seq, 0);
    assert_int_equal(solo_sent(&s, RAFT_APPEND_ENTRIES_REPLY, 2)->after, seq);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 1, 1, (raft_term[]){2}, 1, 0)), RAFT_OK);
    assert_int_equal(solo_sent(&s, RAFT_APPEND_ENTRIES_REPLY, 2)->after, 0);
    solo_deinit(&s);
}

/* §5.2: there can't be two leaders in one term, so a message that claims that is not believed. */
static void test_replication__a_second_leader_of_a_term_is_refused(void **state)
{
    struct solo s;
    struct solo leader;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 2, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_heartbeat(3, 2, 0)), RAFT_ELOG);
    assert_int_equal(solo_receive(&s, solo_append(3, 2, 1, 1, NULL, 0, 0)), RAFT_ELOG);
    assert_int_equal(raft_leader(s.raft), 2);
    lead(&leader, 2);
    assert_int_equal(solo_receive(&leader, solo_append(3, 2, 1, 1, NULL, 0, 0)), RAFT_ELOG);
    assert_int_equal(raft_role(leader.raft), RAFT_LEADER);
    solo_deinit(&leader);
    solo_deinit(&s);
}

/* Messages may be wrong in any way. They are refused completely, and the refusal changes
 * nothing, neither the term nor the effects. */
static void test_replication__refuses_nonsense_unchanged(void **state)
{
    const struct raft_configuration empty = {0};
    const struct raft_configuration too_many = {.member_count = RAFT_MEMBERS_MAX + 1};
    const struct raft_configuration unordered = {
        .member_count = 2,
        .members = {{.id = 3, .incoming = true, .outgoing = false},
                    {.id = 2, .incoming = true, .outgoing = false}}};
    const struct raft_configuration nobodys = {
        .member_count = 1, .members = {{.id = 0, .incoming = true, .outgoing = false}}};
    struct raft_entry bad[] = {
        {.term = 6, .kind = RAFT_CONFIGURATION, .configuration = &too_many},
        {.term = 6, .kind = RAFT_CONFIGURATION, .configuration = &unordered},
        {.term = 6, .kind = RAFT_CONFIGURATION, .configuration = &nobodys},
        {.term = 7, .kind = RAFT_COMMAND}, /* Greater than m.term. */
        {.term = 1, .kind = RAFT_COMMAND}, /* Falls. */
        /* Without a configuration. */
        {.term = 6, .kind = RAFT_CONFIGURATION},
        {.term = 6, .kind = RAFT_CONFIGURATION, .configuration = &empty}, /* Without members. */
    };
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){3}, 1);
    struct raft_effects before = s.effects;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct raft_message m = solo_append(2, 6, 2, 3, NULL, 0, 0);

        m.append_entries.entry_count = 1;
        m.append_entries.entries = &bad[i];
        assert_int_equal(solo_receive(&s, m), RAFT_ELOG);
        assert_int_equal(raft_current_term(s.raft), 3);
        assert_int_equal(raft_leader(s.raft), 0);
        assert_memory_equal(&before, &s.effects, sizeof(before));
    }
    struct raft_message m = solo_heartbeat(2, 6, 0);

    m.from = 1;
    assert_int_equal(solo_receive(&s, m), RAFT_EMEMBER);
    m.from = 0;
    assert_int_equal(solo_receive(&s, m), RAFT_EMEMBER);
    m = solo_heartbeat(2, 6, 0);
    m.kind = (enum raft_message_kind)77;
    assert_int_equal(solo_receive(&s, m), RAFT_ELOG);
    solo_deinit(&s);
}

static void test_replication__refuses_terms_it_has_no_room_for(void **state)
{
    struct solo s;

    (void)state;
    solo_init(&s, 3);
    assert_int_equal(solo_receive(&s, solo_append(2, 9, 0, 0, (raft_term[]){1, 1, 2, 3}, 4, 0)),
                     RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_append(2, 9, 4, 3, (raft_term[]){3, 4}, 2, 0)),
                     RAFT_EFULL);
    assert_int_equal(raft_last_index(s.raft), 4);
    assert_int_equal(solo_receive(&s, solo_append(2, 9, 4, 3, (raft_term[]){3, 3}, 2, 0)), RAFT_OK);
    /* Cutting entries makes room. */
    assert_int_equal(solo_receive(&s, solo_append(2, 9, 3, 2, (raft_term[]){4}, 1, 0)), RAFT_OK);
    assert_int_equal(raft_last_index(s.raft), 4);
    solo_deinit(&s);
}

/* A joining node knows no members, and takes the log from any leader. */
static void test_replication__a_node_without_a_log_accepts_one(void **state)
{
    struct solo s;

    (void)state;
    solo_init(&s, 8);
    assert_int_equal(solo_receive(&s, solo_append(7, 3, 5, 3, NULL, 0, 5)), RAFT_OK);
    assert_int_equal(reply_of(&s)->conflict_index, 1);
    assert_int_equal(solo_receive(&s, solo_append(7, 3, 0, 0, (raft_term[]){1, 2, 3}, 3, 2)),
                     RAFT_OK);
    assert_int_equal(raft_last_index(s.raft), 3);
    assert_int_equal(raft_commit_index(s.raft), 2);
    solo_deinit(&s);
}

/* --- the leader ------------------------------------------------------------------- */

/* §10.2.1 of the dissertation: the leader writes in parallel with its followers. */
static void test_replication__a_proposal_goes_to_all_at_once(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_int_equal(propose(&s, 3), RAFT_OK);
    assert_int_equal(s.effects.append_first, 3);
    assert_int_equal(s.effects.append_count, 3);
    assert_int_equal(s.effects.append_own, 0);
    for (raft_id id = 2; id <= 3; id++) {
        const struct raft_outbound *o = solo_sent(&s, RAFT_APPEND_ENTRIES, id);

        assert_int_equal(o->message.append_entries.prev_log_index, 2);
        assert_int_equal(o->message.append_entries.prev_log_term, 2);
        assert_int_equal(o->message.append_entries.entry_count, 3);
        assert_int_equal(o->message.append_entries.leader_commit, 2);
        assert_int_equal(o->after, 0);
        assert_int_equal(progress(&s, id).next_index, 6);
    }
    assert_int_equal(propose(&s, 1), RAFT_OK); /* Pipelined: it waits for no answer. */
    assert_int_equal(solo_sent_entries(&s, 2)->prev_log_index, 5);
    solo_deinit(&s);
}

static void test_replication__only_the_leader_takes_proposals(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    struct raft_effects before = s.effects;

    assert_int_equal(propose(&s, 1), RAFT_ENOTLEADER);
    assert_memory_equal(&before, &s.effects, sizeof(before));
    solo_deinit(&s);
}

static void test_replication__no_more_is_under_way_than_the_window(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_int_equal(propose(&s, RAFT_WINDOW_ENTRIES - 10), RAFT_OK);
    assert_int_equal(propose(&s, 100), RAFT_OK);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 10);
    assert_int_equal(propose(&s, 7), RAFT_OK);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2 + 50)), RAFT_OK);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 50);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2 + 200)), RAFT_OK);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 47);
    assert_int_equal(progress(&s, 2).next_index, raft_last_index(s.raft) + 1);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 3));
    solo_deinit(&s);
}

/* Scenario 8: replies may be duplicated, late, or in any order. */
static void test_replication__late_replies_lower_nothing(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_int_equal(propose(&s, 10), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 9)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 9)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 5)), RAFT_OK);
    assert_int_equal(progress(&s, 2).match_index, 9);

    /* A rejection at or below what is known to match is old. */
    assert_int_equal(solo_receive(&s, solo_reject(2, 2, 9, 3, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_reject(2, 2, 4, 1, 0)), RAFT_OK);
    assert_int_equal(progress(&s, 2).match_index, 9);
    assert_int_equal(progress(&s, 2).next_index, 13);
    assert_false(progress(&s, 2).is_probing);

    /* One above that goes back to what matches, at most. */
    assert_int_equal(solo_receive(&s, solo_reject(2, 2, 12, 1, 0)), RAFT_OK);
    assert_int_equal(progress(&s, 2).match_index, 9);
    assert_int_equal(progress(&s, 2).next_index, 10);
    assert_true(progress(&s, 2).is_probing);
    solo_deinit(&s);
}

static void test_replication__replies_of_another_term_or_node_do_not_count(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_int_equal(propose(&s, 10), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 1, 9)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(9, 2, 9)), RAFT_OK);
    assert_int_equal(progress(&s, 2).match_index, 2);
    assert_int_equal(raft_commit_index(s.raft), 2);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 13)), RAFT_ELOG); /* Never sent. */
    assert_int_equal(progress(&s, 2).match_index, 2);

    struct solo follower; /* Nor do replies to a node that does not lead. */

    solo_restore(&follower, 3, NULL, 0);
    assert_int_equal(solo_receive(&follower, solo_accept(2, 1, 1)), RAFT_OK);
    assert_int_equal(solo_receive(&follower, solo_pulse(2, 1, 0)), RAFT_OK);
    assert_int_equal(follower.effects.outbound_count, 0);
    solo_deinit(&follower);
    solo_deinit(&s);
}

/* One probe at a time, repeated with the heartbeats. */
static void test_replication__probes_one_at_a_time(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 0); /* No follower has answered, so all are probed. */
    assert_true(progress(&s, 2).is_probing);
    assert_int_equal(propose(&s, 5), RAFT_OK);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
    assert_int_equal(propose(&s, 5), RAFT_OK);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
    solo_timeout(&s);
    assert_int_equal(solo_sent_entries(&s, 2)->prev_log_index, 1);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 1);

    /* The logs agree from here. */
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_false(progress(&s, 2).is_probing);
    assert_int_equal(solo_sent_entries(&s, 2)->prev_log_index, 2);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 10);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 3));
    solo_deinit(&s);
}

static void test_replication__a_doubled_rejection_counts_once(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 2, 2, 3, 3, 3}, 6); /* 1 1 2 2 3 3 3, no-op at 8. */
    solo_become_leader(&s);
    assert_int_equal(solo_receive(&s, solo_reject(2, 4, 7, 5, 2)), RAFT_OK);
    assert_int_equal(progress(&s, 2).next_index, 5);
    assert_non_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
    assert_int_equal(solo_receive(&s, solo_reject(2, 4, 7, 5, 2)), RAFT_OK);
    assert_int_equal(progress(&s, 2).next_index, 5);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
    solo_deinit(&s);
}

/* §5.3, end: one round trip for each conflicting term, not for each entry. */
static void test_replication__backs_up_a_term_at_a_time(void **state)
{
    static const struct {
        raft_index conflict_index;
        raft_term conflict_term;
        raft_index next;
    } cases[] = {
        {3, 0, 3},   /* Its log ends at 2. */
        {1, 0, 1},   /* Its log is empty. */
        {3, 2, 5},   /* It has term 2 too, from 3 on; ours ends at 4. */
        {7, 2, 5},   /* It has term 2, but only after our last entry of it: goes below both. */
        {6, 4, 6},   /* A term that we never had: goes before its first entry. */
        {2, 6, 2},   /* The same with a long one. */
        {8, 5, 10},  /* Both have term 5, from 8 on: its last entry here. */
        {0, 0, 1},   /* Nonsense: starts from the beginning. */
        {99, 0, 10}, /* Nonsense: goes back by at least one. */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct solo s;

        /* 1 1 2 2 3 3 3 5 5 7, no-op at 11 in term 8. */
        solo_restore(&s, 3, (raft_term[]){1, 2, 2, 3, 3, 3, 5, 5, 7}, 9);
        solo_become_leader(&s);
        assert_int_equal(solo_receive(&s, solo_reject(2, 8, 10, cases[i].conflict_index,
                                                      cases[i].conflict_term)),
                         RAFT_OK);
        assert_int_equal(progress(&s, 2).next_index, cases[i].next);
        assert_int_equal(solo_sent_entries(&s, 2)->prev_log_index, cases[i].next - 1);
        assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 0);
        solo_deinit(&s);
    }
}

/* Scenario 9: a long conflicting tail with few terms costs few probes. */
static void test_replication__a_long_conflict_takes_few_probes(void **state)
{
    struct cluster *c = cluster_new(1);
    raft_term mine[999];
    raft_term theirs[999];
    uint32_t probe_count = 0;

    (void)state;
    for (uint32_t i = 0; i < 999; i++) {
        mine[i] = i < 10 ? 1 : 9;
        theirs[i] = i < 10 ? 1 : 2 + i / 200;
    }
    cluster_add_voters(c, 3);
    cluster_preload(c, 1, mine, 999);
    cluster_preload(c, 2, theirs, 999);
    cluster_start_all(c);
    cluster_tick_due(c, 1);
    while (c->packet_count > 0 || cluster_node(c, 1)->write_count > 0 ||
           cluster_node(c, 2)->write_count > 0) {
        probe_count += cluster_find(c, RAFT_APPEND_ENTRIES, 1, 2) == 0;
        for (raft_id id = 1; id <= 3; id++) {
            cluster_durable_all(c, id);
        }
        if (c->packet_count > 0) {
            cluster_deliver(c, 0);
        }
    }
    assert_int_equal(raft_last_index(cluster_raft(c, 2)), 1001);
    assert_int_equal(raft_term_at(cluster_raft(c, 2), 500), 9);
    assert_true(probe_count <= 8);
    cluster_free(c);
}

/* A broken connection loses what is under way. */
static void test_replication__probes_again_after_a_broken_connection(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_int_equal(propose(&s, 10), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 5)), RAFT_OK);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = 2}),
                     RAFT_OK);
    assert_true(progress(&s, 2).is_probing);
    assert_false(progress(&s, 3).is_probing);
    assert_int_equal(progress(&s, 2).next_index, 6);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
    solo_timeout(&s);
    assert_int_equal(solo_sent_entries(&s, 2)->prev_log_index, 5);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 0);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 5)), RAFT_OK);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 7);
    solo_deinit(&s);
}

/* ... and the search for the last common entry continues where it was. */
static void test_replication__a_broken_connection_does_not_restart_a_search(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 2, 2, 3, 3, 3}, 6);
    solo_become_leader(&s);
    assert_int_equal(solo_receive(&s, solo_reject(2, 4, 7, 6, 0)), RAFT_OK);
    assert_int_equal(progress(&s, 2).next_index, 6);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = 2}),
                     RAFT_OK);
    assert_int_equal(progress(&s, 2).next_index, 6);
    solo_deinit(&s);
}

/* Heartbeats pass, and 2 reports nothing about entries, until it is asked; returns how many. */
static int heartbeats_until_asked(struct solo *s)
{
    int heartbeats = 1;

    for (;; heartbeats++) {
        solo_timeout(s);
        if (solo_sent(s, RAFT_APPEND_ENTRIES, 2) != NULL) {
            return heartbeats;
        }
        assert_in_range(heartbeats, 1, 100);
        assert_int_equal(solo_receive(s, solo_pulse(2, 2, 0)), RAFT_OK);
        assert_int_equal(solo_receive(s, solo_accept(3, 2, 3)), RAFT_OK);
    }
}

/* Entries are lost without a trace, and nothing follows that would be rejected: then an empty
 * message does that. */
static void test_replication__asks_after_a_silence_about_what_was_sent(void **state)
{
    const struct raft_message *asked;
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_int_equal(propose(&s, 1), RAFT_OK);
    assert_in_range(heartbeats_until_asked(&s), 3, 5);
    asked = &solo_sent(&s, RAFT_APPEND_ENTRIES, 2)->message;
    assert_int_equal(asked->append_entries.prev_log_index, 3);
    assert_int_equal(asked->append_entries.entry_count, 0);
    /* It has everything, so there is nothing to ask. */
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 3));

    /* Still nothing: twice the patience, since it may just be slow. On a slow path, what was
     * sent is still under way, so nothing is sent again. */
    assert_in_range(heartbeats_until_asked(&s), 3, 4);
    assert_in_range(heartbeats_until_asked(&s), 6, 7);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 0);
    assert_int_equal(progress(&s, 2).next_index, 4);

    /* It was lost: sent again from there. */
    assert_int_equal(solo_receive(&s, solo_reject(2, 2, 3, 3, 0)), RAFT_OK);
    assert_true(progress(&s, 2).is_probing);
    assert_int_equal(progress(&s, 2).next_index, 3);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(solo_sent_entries(&s, 2)->prev_log_index, 2);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 1);
    solo_deinit(&s);
}

/* ... and if it was only slow, the answer to what was sent comes first. */
static void test_replication__does_not_ask_if_nothing_is_missing(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_int_equal(propose(&s, 1), RAFT_OK);
    heartbeats_until_asked(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    for (int heartbeats = 0; heartbeats < 20; heartbeats++) {
        solo_timeout(&s);
        assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
        assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
        assert_int_equal(solo_receive(&s, solo_pulse(3, 2, 0)), RAFT_OK);
    }
    solo_deinit(&s);
}

/* §5.2: heartbeats to all, including learners, well within the election timeout. */
static void test_replication__heartbeats_go_to_all(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_true(s.effects.deadline_ns <= s.now_ns + SOLO_HEARTBEAT);
    solo_timeout(&s);
    assert_int_equal(solo_sent_count(&s, RAFT_HEARTBEAT), 2);
    assert_int_equal(s.effects.deadline_ns, s.now_ns + SOLO_HEARTBEAT);
    solo_deinit(&s);
}

static void test_replication__progress_is_known_to_the_leader_only(void **state)
{
    struct raft_progress progress;
    struct solo s;

    (void)state;
    lead(&s, 2);
    assert_false(raft_progress_of(s.raft, 9, &progress));
    assert_true(raft_progress_of(s.raft, 1, &progress));
    assert_int_equal(progress.match_index, 2);
    assert_true(raft_progress_of(s.raft, 2, &progress));
    assert_true(progress.is_active);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_receive(&s, solo_pulse(3, 2, 0)), RAFT_OK);
    assert_true(raft_progress_of(s.raft, 2, &progress));
    assert_false(progress.is_active);
    assert_int_equal(solo_receive(&s, solo_heartbeat(3, 3, 0)), RAFT_OK);
    assert_false(raft_progress_of(s.raft, 2, &progress));
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replication__refuses_an_old_leader_and_says_its_term),
        cmocka_unit_test(test_replication__rejects_what_does_not_follow_and_says_why),
        cmocka_unit_test(test_replication__replaces_what_conflicts_and_appends_the_rest),
        cmocka_unit_test(test_replication__a_new_term_is_written_with_its_entries),
        cmocka_unit_test(test_replication__a_late_message_drops_nothing),
        cmocka_unit_test(test_replication__acknowledges_no_further_than_the_message),
        cmocka_unit_test(test_replication__success_waits_for_the_write),
        cmocka_unit_test(test_replication__a_second_leader_of_a_term_is_refused),
        cmocka_unit_test(test_replication__refuses_nonsense_unchanged),
        cmocka_unit_test(test_replication__refuses_terms_it_has_no_room_for),
        cmocka_unit_test(test_replication__a_node_without_a_log_accepts_one),
        cmocka_unit_test(test_replication__a_proposal_goes_to_all_at_once),
        cmocka_unit_test(test_replication__only_the_leader_takes_proposals),
        cmocka_unit_test(test_replication__no_more_is_under_way_than_the_window),
        cmocka_unit_test(test_replication__late_replies_lower_nothing),
        cmocka_unit_test(test_replication__replies_of_another_term_or_node_do_not_count),
        cmocka_unit_test(test_replication__probes_one_at_a_time),
        cmocka_unit_test(test_replication__a_doubled_rejection_counts_once),
        cmocka_unit_test(test_replication__backs_up_a_term_at_a_time),
        cmocka_unit_test(test_replication__a_long_conflict_takes_few_probes),
        cmocka_unit_test(test_replication__probes_again_after_a_broken_connection),
        cmocka_unit_test(test_replication__a_broken_connection_does_not_restart_a_search),
        cmocka_unit_test(test_replication__asks_after_a_silence_about_what_was_sent),
        cmocka_unit_test(test_replication__does_not_ask_if_nothing_is_missing),
        cmocka_unit_test(test_replication__heartbeats_go_to_all),
        cmocka_unit_test(test_replication__progress_is_known_to_the_leader_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
