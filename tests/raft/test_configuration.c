/* test_configuration.c - membership by joint consensus (§6; dissertation §4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

static int change(struct solo *s, enum raft_change_kind kind, raft_id id)
{
    return solo_step(s,
                     (struct raft_event){.kind = RAFT_CHANGE, .change = {.kind = kind, .id = id}});
}

/* Leader of that many voters in term 2; its no-op (index 2) is committed, and the followers know
 * it. */
static void lead(struct solo *s, uint32_t voter_count)
{
    solo_restore(s, voter_count, NULL, 0);
    solo_become_leader(s);
    solo_settle(s);
    for (raft_id id = 2; id <= voter_count; id++) {
        assert_int_equal(solo_receive(s, solo_accept(id, 2, 2)), RAFT_OK);
    }
    assert_true(raft_is_ready(s->raft));
}

/* "1,2,3->2,3+4": C_old, C_new and learners. */
static void assert_members(const struct raft *r, const char *expected)
{
    const struct raft_configuration *c = raft_configuration(r);
    char text[128];
    int at = 0;
    const char *separator = "";

    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].outgoing) {
            at += sprintf(text + at, "%s%d", separator, (int)c->members[i].id);
            separator = ",";
        }
    }
    separator = at > 0 ? "->" : "";
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].incoming) {
            at += sprintf(text + at, "%s%d", separator, (int)c->members[i].id);
            separator = ",";
        }
    }
    separator = "+";
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (!c->members[i].incoming && !c->members[i].outgoing) {
            at += sprintf(text + at, "%s%d", separator, (int)c->members[i].id);
            separator = ",";
        }
    }
    text[at] = '\0';
    assert_string_equal(text, expected);
}

static struct raft_message append_configuration(raft_term term, raft_index prev,
                                                raft_term prev_term, struct raft_entry *entry,
                                                const struct raft_configuration *c)
{
    struct raft_message m = solo_append(2, term, prev, prev_term, NULL, 0, 0);

    *entry = (struct raft_entry){.term = term, .kind = RAFT_CONFIGURATION, .configuration = c};
    m.append_entries.entry_count = 1;
    m.append_entries.entries = entry;
    return m;
}

/* --- asking ----------------------------------------------------------------------- */

static void test_configuration__only_a_leader_changes_it(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(change(&s, RAFT_REMOVE, 2), RAFT_ENOTLEADER);
    solo_deinit(&s);
}

/* Ongaro's correction of 2015: not before an entry of its own term is committed. */
static void test_configuration__no_change_before_the_leader_has_committed(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_int_equal(change(&s, RAFT_REMOVE, 2), RAFT_EBUSY);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 9), RAFT_EBUSY);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 9), RAFT_OK);
    solo_deinit(&s);
}

/* Scenario 14: one at a time. */
/* ... not even if everything that it inherited is known to be committed; nor does it leave a
 * joint state before. */
static void test_configuration__inherited_committed_entries_are_not_enough(void **state)
{
    struct raft_configuration joint = solo_voters(3);
    struct raft_entry entry;
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, solo_append(2, 1, 1, 1, NULL, 0, 1)), RAFT_OK);
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), raft_configuration_index(s.raft));
    assert_int_equal(change(&s, RAFT_REMOVE, 2), RAFT_EBUSY);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(change(&s, RAFT_REMOVE, 2), RAFT_OK);
    solo_deinit(&s);

    joint.members[0].outgoing = joint.members[1].outgoing = joint.members[2].outgoing = true;
    joint.members[2].incoming = false;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, append_configuration(2, 1, 1, &entry, &joint)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 2, 2, NULL, 0, 2)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 2);
    solo_settle(&s);
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_members(s.raft, "1,2,3->1,2");
    assert_int_equal(change(&s, RAFT_REMOVE, 2), RAFT_EBUSY);
    assert_int_equal(solo_receive(&s, solo_accept(2, 3, 3)), RAFT_OK);
    assert_members(s.raft, "1,2");
    solo_deinit(&s);
}

static void test_configuration__no_change_while_another_is_under_way(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3);
    assert_int_equal(change(&s, RAFT_REMOVE, 2), RAFT_OK);
    assert_int_equal(change(&s, RAFT_REMOVE, 3), RAFT_EBUSY);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 9), RAFT_EBUSY);
    assert_int_equal(change(&s, RAFT_READDRESS, 1), RAFT_EBUSY);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 3)), RAFT_OK); /* C_old,new committed. */
    assert_members(s.raft, "1,3");
    assert_int_equal(change(&s, RAFT_READDRESS, 1), RAFT_EBUSY); /* C_new is not committed yet. */
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 4)), RAFT_OK);
    assert_int_equal(change(&s, RAFT_READDRESS, 1), RAFT_OK);
    solo_deinit(&s);
}

static void test_configuration__refuses_what_makes_no_sense(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 2), RAFT_EMEMBER);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 0), RAFT_EMEMBER);
    assert_int_equal(change(&s, RAFT_REMOVE, 9), RAFT_EMEMBER);
    assert_int_equal(change(&s, RAFT_READDRESS, 9), RAFT_EMEMBER);
    assert_int_equal(change(&s, (enum raft_change_kind)9, 2), RAFT_EMEMBER);
    assert_int_equal(raft_last_index(s.raft), 2);
    solo_deinit(&s);
    lead(&s, 1);
    assert_int_equal(change(&s, RAFT_REMOVE, 1), RAFT_EMEMBER); /* The last voter. */
    solo_deinit(&s);
    lead(&s, RAFT_MEMBERS_MAX);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 99), RAFT_EFULL);
    solo_deinit(&s);
}

/* --- joining ---------------------------------------------------------------------- */

/* Dissertation §4.2.1. */
static void test_configuration__a_new_member_is_a_learner_first(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 2), RAFT_OK);
    assert_int_equal(s.effects.append_own, RAFT_CONFIGURATION);
    assert_true(s.effects.configuration_changed);
    assert_members(s.raft, "1+2");
    assert_int_equal(s.effects.append_configuration.member_count, 2);
    assert_non_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 3); /* A learner's disk does not count. */
    solo_deinit(&s);
}

static void test_configuration__a_learner_that_caught_up_is_promoted(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 2), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_reject(2, 2, 2, 1, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 0)), RAFT_OK);
    assert_members(s.raft, "1+2");
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_members(s.raft, "1->1,2");
    assert_int_equal(s.effects.append_own, RAFT_CONFIGURATION);
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 3); /* C_new needs both. */
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 4);
    assert_members(s.raft, "1,2"); /* The leader leaves the joint state by itself. */
    solo_deinit(&s);
}

/* Scenario 17: in a round that takes longer than an election timeout, a learner has not caught
 * up; it may have in the next, shorter one. */
static void test_configuration__a_slow_learner_has_to_wait(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 2), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_reject(2, 2, 2, 1, 0)), RAFT_OK);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 9}),
                     RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_members(s.raft, "1+2");
    solo_pass(&s, SOLO_ELECTION_TIMEOUT / 2);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 12)), RAFT_OK);
    assert_members(s.raft, "1->1,2");
    solo_deinit(&s);
}

/* A slow round ends in an idle cluster: answers to heartbeats end the next round. */
static void test_configuration__an_idle_cluster_promotes_as_well(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 2), RAFT_OK);
    solo_settle(&s);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_members(s.raft, "1+2");
    solo_pass(&s, SOLO_HEARTBEAT);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
    assert_members(s.raft, "1->1,2");
    solo_deinit(&s);
}

/* It caught up while another change was under way, and has gone by now. */
static void test_configuration__a_silent_learner_is_not_promoted(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 9), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(9, 2, 3)), RAFT_OK);
    assert_members(s.raft, "1,2,3+9");
    solo_pass(&s, SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_members(s.raft, "1,2,3+9");
    solo_pass(&s, SOLO_HEARTBEAT);
    assert_int_equal(solo_receive(&s, solo_pulse(9, 2, 0)), RAFT_OK);
    solo_pass(&s, SOLO_HEARTBEAT);
    assert_int_equal(solo_receive(&s, solo_pulse(9, 2, 0)), RAFT_OK);
    assert_members(s.raft, "1,2,3->1,2,3,9");
    solo_deinit(&s);
}

/* --- leaving ---------------------------------------------------------------------- */

static void test_configuration__a_voter_leaves_through_the_joint_state(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 4);
    assert_int_equal(change(&s, RAFT_REMOVE, 4), RAFT_OK);
    assert_members(s.raft, "1,2,3,4->1,2,3");
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 2); /* Two of three, but two of four. */
    assert_int_equal(solo_receive(&s, solo_accept(4, 2, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_members(s.raft, "1,2,3");
    /* It is served until that is settled. */
    assert_non_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 4));
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(4, 2, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3); /* Although it does not count any more. */
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 4);

    solo_timeout(&s); /* It hears of that as well, and is then dropped. */
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 4)->message.heartbeat.leader_commit, 4);
    for (int i = 0; i < 8; i++) {
        solo_timeout(&s);
        assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
        assert_int_equal(solo_receive(&s, solo_pulse(3, 2, 0)), RAFT_OK);
    }
    solo_timeout(&s);
    assert_null(solo_sent(&s, RAFT_HEARTBEAT, 4));
    solo_deinit(&s);
}

static void test_configuration__a_node_that_leaves_a_full_cluster_is_still_served(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, RAFT_MEMBERS_MAX);
    assert_int_equal(change(&s, RAFT_REMOVE, RAFT_MEMBERS_MAX), RAFT_OK);
    solo_settle(&s);
    for (raft_id id = 2; id <= RAFT_MEMBERS_MAX; id++) {
        assert_int_equal(solo_receive(&s, solo_accept(id, 2, 3)), RAFT_OK);
        if (s.effects.append_count > 0) {
            assert_non_null(solo_sent(&s, RAFT_APPEND_ENTRIES, RAFT_MEMBERS_MAX));
        }
    }
    assert_int_equal(raft_configuration(s.raft)->member_count, RAFT_MEMBERS_MAX - 1);
    solo_deinit(&s);
}

static void test_configuration__a_learner_leaves_at_once(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1);
    assert_int_equal(change(&s, RAFT_ADD_LEARNER, 2), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(change(&s, RAFT_REMOVE, 2), RAFT_OK); /* Also one that never answered. */
    assert_members(s.raft, "1");
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 4);
    solo_deinit(&s);
}

/* Dissertation §4.2.2: a leader that is leaving does not count itself. */
static void test_configuration__a_leaving_leader_does_not_count_itself(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3);
    assert_int_equal(change(&s, RAFT_REMOVE, 1), RAFT_OK);
    assert_members(s.raft, "1,2,3->2,3");
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 2); /* 1 and 2 of {1,2,3}; only 2 of {2,3}. */
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_members(s.raft, "2,3");
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 4);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(raft_role_reason(s.raft), RAFT_BECAUSE_REMOVED);
    assert_int_equal(solo_sent_count(&s, RAFT_TIMEOUT_NOW), 1); /* A successor takes over. */
    /* And the removed leader never campaigns. */
    assert_int_equal(s.effects.deadline_ns, UINT64_MAX);
    solo_pass(&s, 100 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    solo_deinit(&s);
}

/* The leader of two is removed: C_new is only the other one. */
static void test_configuration__two_become_one(void **state)
{
    struct cluster *c = cluster_new(1);

    (void)state;
    cluster_add_voters(c, 2);
    cluster_start_all(c);
    cluster_elect(c, 1);
    assert_int_equal(cluster_change(c, 1, RAFT_REMOVE, 1), RAFT_OK);
    cluster_settle(c);
    assert_int_equal(cluster_leader(c), 2);
    assert_members(cluster_raft(c, 2), "2");
    assert_int_equal(cluster_propose(c, 2, 1), RAFT_OK);
    cluster_settle(c);
    assert_int_equal(raft_commit_index(cluster_raft(c, 2)), raft_last_index(cluster_raft(c, 2)));
    cluster_free(c);
}

static void test_configuration__an_address_may_change(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3);
    assert_int_equal(change(&s, RAFT_READDRESS, 2), RAFT_OK);
    assert_int_equal(s.effects.append_own, RAFT_CONFIGURATION);
    assert_members(s.raft, "1,2,3");
    solo_deinit(&s);
}

/* --- in force, and rolled back ---------------------------------------------------- */

/* §6: a server uses the latest configuration in its log, committed or not; also
 * after a restart. */
static void test_configuration__the_newest_in_the_log_is_in_force(void **state)
{
    struct raft_configuration joint = solo_voters(3);
    struct raft_entry entry;
    struct solo s;

    (void)state;
    joint.members[0].outgoing = joint.members[1].outgoing = joint.members[2].outgoing = true;
    joint.members[2].incoming = false;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, append_configuration(2, 1, 1, &entry, &joint)), RAFT_OK);
    assert_members(s.raft, "1,2,3->1,2");
    assert_true(s.effects.configuration_changed);
    assert_int_equal(raft_configuration_index(s.raft), 2);
    assert_int_equal(raft_commit_index(s.raft), 0);
    solo_deinit(&s);

    solo_init(&s, 8);
    const struct raft_configuration three = solo_voters(3);

    entry = (struct raft_entry){.term = 1, .kind = RAFT_CONFIGURATION, .configuration = &three};
    raft_restore_vote(s.raft, 2, 0);
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_OK);
    entry.configuration = &joint;
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_OK);
    raft_restore_commit(s.raft, 1);
    assert_members(s.raft, "1,2,3->1,2");
    solo_deinit(&s);
}

/* Scenario 19, Scylla #30936: exactly as far back as the log is cut. */
static void test_configuration__truncation_rolls_back_exactly(void **state)
{
    struct raft_configuration four = solo_voters(4);
    struct raft_configuration five = solo_voters(5);
    struct raft_entry entry;
    struct solo s;

    (void)state;
    four.members[3].incoming = five.members[3].incoming = five.members[4].incoming = false;
    solo_restore(&s, 3, (raft_term[]){1}, 1);
    assert_int_equal(solo_receive(&s, append_configuration(2, 2, 1, &entry, &four)), RAFT_OK);
    assert_int_equal(solo_receive(&s, append_configuration(2, 3, 2, &entry, &five)), RAFT_OK);
    assert_members(s.raft, "1,2,3+4,5");
    assert_int_equal(solo_receive(&s, solo_append(2, 3, 3, 2, (raft_term[]){3}, 1, 0)), RAFT_OK);
    assert_members(s.raft, "1,2,3+4"); /* One change is undone. */
    assert_int_equal(raft_configuration_index(s.raft), 3);
    assert_int_equal(solo_receive(&s, append_configuration(4, 4, 3, &entry, &five)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_append(3, 5, 2, 1, (raft_term[]){5}, 1, 0)), RAFT_OK);
    assert_members(s.raft, "1,2,3"); /* Two changes are undone. */
    assert_true(s.effects.configuration_changed);
    assert_int_equal(raft_configuration_index(s.raft), 1);
    assert_int_equal(solo_receive(&s, solo_append(3, 6, 0, 0, (raft_term[]){6}, 1, 0)), RAFT_OK);
    /* Back to before the first configuration. */
    assert_int_equal(raft_configuration(s.raft)->member_count, 0);
    assert_int_equal(raft_configuration_index(s.raft), 0);
    solo_deinit(&s);
}

/* A log of this cluster has at most one uncommitted configuration, so a request to go back
 * further than the remembered ones is wrong. */
static void test_configuration__rolls_back_no_further_than_it_remembers(void **state)
{
    struct raft_configuration three = solo_voters(3);
    struct raft_entry entry;
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    for (raft_index prev = 1; prev <= 6; prev++) {
        assert_int_equal(solo_receive(&s, append_configuration(1, prev, 1, &entry, &three)),
                         RAFT_OK);
    }
    assert_int_equal(solo_receive(&s, solo_append(3, 2, 1, 1, (raft_term[]){2}, 1, 0)), RAFT_ELOG);
    assert_int_equal(raft_last_index(s.raft), 7);
    assert_int_equal(solo_receive(&s, solo_append(3, 2, 4, 1, (raft_term[]){2}, 1, 0)), RAFT_OK);
    assert_int_equal(raft_configuration_index(s.raft), 4);
    solo_deinit(&s);
}

/* Scenario 18: whichever node leads in the joint state completes it. */
static void test_configuration__a_new_leader_leaves_the_joint_state(void **state)
{
    struct raft_configuration joint = solo_voters(3);
    struct raft_entry entry;
    struct solo s;

    (void)state;
    joint.members[0].outgoing = joint.members[1].outgoing = joint.members[2].outgoing = true;
    joint.members[2].incoming = false;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, append_configuration(2, 1, 1, &entry, &joint)), RAFT_OK);
    solo_settle(&s);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_members(s.raft, "1,2,3->1,2");
    assert_int_equal(solo_receive(&s, solo_accept(3, 3, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 0); /* 1 and 3 of C_old, but only 1 of C_new. */
    assert_int_equal(solo_receive(&s, solo_accept(2, 3, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_members(s.raft, "1,2");
    solo_deinit(&s);
}

/* §6: votes also need both majorities. */
static void test_configuration__an_election_in_the_joint_state_takes_both(void **state)
{
    struct raft_configuration joint = solo_voters(3);
    struct raft_entry entry;
    struct solo s;

    (void)state;
    joint.members[0].outgoing = joint.members[1].outgoing = joint.members[2].outgoing = true;
    joint.members[2].incoming = false;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, append_configuration(2, 1, 1, &entry, &joint)), RAFT_OK);
    solo_settle(&s);
    solo_timeout(&s);
    assert_int_equal(solo_receive(&s, solo_pre_vote(3, 3, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 3, true)), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_vote(3, 3, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_CANDIDATE);
    assert_int_equal(solo_receive(&s, solo_vote(2, 3, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    solo_deinit(&s);
}

/* Dissertation §4.2.2: its log may be the only one that can win. Found by a random
 * run: two nodes, one removed, the leader crashed after logging C_new alone. */
static void test_configuration__a_node_left_out_by_an_uncommitted_one_still_campaigns(void **state)
{
    struct cluster *c = cluster_new(1);

    (void)state;
    cluster_add_voters(c, 2);
    cluster_start_all(c);
    cluster_elect(c, 1);
    assert_int_equal(cluster_change(c, 1, RAFT_REMOVE, 1), RAFT_OK);
    while (raft_configuration_is_joint(raft_configuration(cluster_raft(c, 1)))) {
        cluster_durable_all(c, 1);
        cluster_durable_all(c, 2);
        cluster_deliver_round(c);
    }
    cluster_durable_all(c, 1);
    assert_members(cluster_raft(c, 1), "2"); /* Only here; 2 is in the joint state. */
    cluster_crash(c, 1);
    while (c->packet_count > 0) {
        cluster_drop(c, 0);
    }
    cluster_start(c, 1);
    cluster_run(c, 3000 * CLUSTER_MS);
    assert_int_equal(cluster_leader(c), 2);
    assert_members(cluster_raft(c, 2), "2");
    cluster_free(c);
}

/* A removed node does not disturb the others, whatever it believes. */
static void test_configuration__a_removed_node_disturbs_nobody(void **state)
{
    struct cluster *c = cluster_new(9);

    (void)state;
    cluster_add_voters(c, 4);
    cluster_start_all(c);
    cluster_elect(c, 1);
    cluster_isolate(c, 4, true);
    assert_int_equal(cluster_change(c, 1, RAFT_REMOVE, 4), RAFT_OK);
    cluster_run(c, 2000 * CLUSTER_MS);
    assert_members(cluster_raft(c, 1), "1,2,3");
    cluster_isolate(c, 4, false);
    cluster_run(c, 3000 * CLUSTER_MS);
    assert_int_equal(cluster_leader(c), 1);
    assert_int_equal(raft_current_term(cluster_raft(c, 1)), 2);
    cluster_free(c);
}

/* Ids are random, so a new member may be anywhere among the others. */
static void test_configuration__members_stay_in_order(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1);
    for (raft_id id = 9; id >= 7; id--) {
        assert_int_equal(change(&s, RAFT_ADD_LEARNER, id), RAFT_OK);
        solo_settle(&s);
    }
    assert_members(s.raft, "1+7,8,9");
    assert_int_equal(change(&s, RAFT_REMOVE, 8), RAFT_OK);
    assert_members(s.raft, "1+7,9");
    solo_deinit(&s);
}

/* From one node to seven and back to one, the leader included. */
static void test_configuration__a_cluster_grows_and_shrinks(void **state)
{
    struct cluster *c = cluster_new(12);

    (void)state;
    cluster_add_voters(c, 1);
    cluster_start_all(c);
    cluster_run(c, 10 * CLUSTER_MS);
    for (raft_id id = 2; id <= 7; id++) {
        cluster_start(c, cluster_add_empty(c)->id);
        assert_int_equal(cluster_change(c, cluster_leader(c), RAFT_ADD_LEARNER, id), RAFT_OK);
        cluster_run(c, 200 * CLUSTER_MS);
        assert_true(raft_configuration_find(raft_configuration(cluster_raft(c, id)), id)->incoming);
    }
    assert_members(cluster_raft(c, 7), "1,2,3,4,5,6,7");
    for (int left = 7; left > 1; left--) {
        raft_id leader = cluster_leader(c);

        assert_int_equal(cluster_propose(c, leader, 3), RAFT_OK);
        assert_int_equal(cluster_change(c, leader, RAFT_REMOVE, leader), RAFT_OK);
        cluster_run(c, 200 * CLUSTER_MS);
        assert_true(cluster_leader(c) != 0);
        assert_true(cluster_leader(c) != leader);
        assert_int_equal(raft_role(cluster_raft(c, leader)), RAFT_FOLLOWER);
    }
    assert_int_equal(raft_configuration(cluster_raft(c, cluster_leader(c)))->member_count, 1);
    cluster_free(c);
}

/* After the majority was lost, one member goes on alone, whatever the membership was. */
static void test_configuration__a_later_epoch_begins_with_one_voter(void **state)
{
    struct raft_configuration before = solo_voters(5);
    struct raft_configuration alone = solo_voters(1);
    struct raft_configuration two = solo_voters(2);

    assert_false(raft_configuration_may_follow(&before, &alone));
    alone.epoch = two.epoch = 1;
    assert_true(raft_configuration_may_follow(&before, &alone));
    assert_false(raft_configuration_may_follow(&before, &two));
    assert_false(raft_configuration_may_follow(&alone, &before)); /* No way back. */
    before.members[0].outgoing = before.members[1].outgoing = true;
    assert_true(raft_configuration_may_follow(&before, &alone)); /* Out of a joint state. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configuration__only_a_leader_changes_it),
        cmocka_unit_test(test_configuration__no_change_before_the_leader_has_committed),
        cmocka_unit_test(test_configuration__inherited_committed_entries_are_not_enough),
        cmocka_unit_test(test_configuration__no_change_while_another_is_under_way),
        cmocka_unit_test(test_configuration__refuses_what_makes_no_sense),
        cmocka_unit_test(test_configuration__a_new_member_is_a_learner_first),
        cmocka_unit_test(test_configuration__a_learner_that_caught_up_is_promoted),
        cmocka_unit_test(test_configuration__a_slow_learner_has_to_wait),
        cmocka_unit_test(test_configuration__an_idle_cluster_promotes_as_well),
        cmocka_unit_test(test_configuration__a_silent_learner_is_not_promoted),
        cmocka_unit_test(test_configuration__a_voter_leaves_through_the_joint_state),
        cmocka_unit_test(test_configuration__a_node_that_leaves_a_full_cluster_is_still_served),
        cmocka_unit_test(test_configuration__a_learner_leaves_at_once),
        cmocka_unit_test(test_configuration__a_leaving_leader_does_not_count_itself),
        cmocka_unit_test(test_configuration__two_become_one),
        cmocka_unit_test(test_configuration__an_address_may_change),
        cmocka_unit_test(test_configuration__the_newest_in_the_log_is_in_force),
        cmocka_unit_test(test_configuration__truncation_rolls_back_exactly),
        cmocka_unit_test(test_configuration__rolls_back_no_further_than_it_remembers),
        cmocka_unit_test(test_configuration__a_new_leader_leaves_the_joint_state),
        cmocka_unit_test(test_configuration__an_election_in_the_joint_state_takes_both),
        cmocka_unit_test(test_configuration__a_node_left_out_by_an_uncommitted_one_still_campaigns),
        cmocka_unit_test(test_configuration__a_removed_node_disturbs_nobody),
        cmocka_unit_test(test_configuration__members_stay_in_order),
        cmocka_unit_test(test_configuration__a_cluster_grows_and_shrinks),
        cmocka_unit_test(test_configuration__a_later_epoch_begins_with_one_voter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
