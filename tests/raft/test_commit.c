/* test_commit.c - when an entry is committed (§5.3, §5.4.2), and that committed entries stay
 * (§5.4.3). Durability is reported by write numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "solo.h"

static int propose(struct solo *s, uint32_t count)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = count});
}

/* --- the leader ------------------------------------------------------------------- */

/* §5.4.2, Figure 8: an entry of an old term is not committed just because a majority has it. */
static void test_commit__entries_of_old_terms_do_not_commit_by_counting(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 5, (raft_term[]){2, 3}, 2); /* 1 2 3, and the no-op at 4 in term 4. */
    solo_become_leader(&s);
    solo_settle(&s);
    for (raft_id id = 2; id <= 5; id++) {
        assert_int_equal(solo_receive(&s, solo_accept(id, 4, 3)), RAFT_OK);
        assert_int_equal(raft_commit_index(s.raft), 0);
        assert_false(raft_is_ready(s.raft));
    }
    assert_int_equal(solo_receive(&s, solo_accept(2, 4, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 0);
    assert_int_equal(solo_receive(&s, solo_accept(3, 4, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 4); /* And with it everything before. */
    assert_true(raft_is_ready(s.raft));
    solo_deinit(&s);
}

/* Scenario 61: a write of its own that is under way does not count. */
static void test_commit__the_leader_counts_itself_only_when_durable(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 0);
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 2);
    assert_int_equal(s.effects.commit_index, 2);

    /* Two followers are a majority without the leader's disk. */
    assert_int_equal(propose(&s, 4), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 6)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 2);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 5)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 5);
    solo_deinit(&s);
}

static void test_commit__a_lone_voter_commits_when_its_disk_is_done(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 1, NULL, 0);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 2);
    assert_int_equal(propose(&s, 1), RAFT_OK);
    raft_seq first = s.effects.write_seq;

    assert_int_equal(propose(&s, 5), RAFT_OK);
    raft_seq second = s.effects.write_seq;

    assert_int_equal(raft_commit_index(s.raft), 2);
    assert_int_equal(solo_durable(&s, first), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_int_equal(solo_durable(&s, second), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 8);
    assert_int_equal(solo_durable(&s, first), RAFT_OK); /* Reported again, without effect. */
    assert_int_equal(raft_commit_index(s.raft), 8);
    solo_deinit(&s);
}

/* The pitfall of acknowledging indexes: 5..6 are written and replaced, and the late
 * acknowledgement of the first write must not count for what replaced them. */
static void test_commit__a_write_does_not_count_for_what_replaced_it(void **state)
{
    struct raft_progress self;
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1, 1}, 3);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 4, 1, (raft_term[]){2, 2}, 2, 0)), RAFT_OK);
    raft_seq replaced = s.effects.write_seq;

    assert_int_equal(solo_receive(&s, solo_append(3, 3, 3, 1, (raft_term[]){3, 3, 3}, 3, 0)),
                     RAFT_OK);
    assert_int_equal(s.effects.truncate_from, 4);
    assert_int_equal(solo_sent(&s, RAFT_APPEND_ENTRIES_REPLY, 3)->after, s.effects.write_seq);
    assert_int_equal(raft_durable_index(s.raft), 3); /* 4 was durable, and is cut. */
    assert_int_equal(solo_durable(&s, replaced), RAFT_OK);
    assert_int_equal(raft_durable_index(s.raft), 3);
    assert_false(raft_is_durable(s.raft));

    /* It becomes leader, and still may claim only 1..3. */
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 4, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote(2, 4, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote(3, 4, true)), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    assert_true(raft_progress_of(s.raft, 1, &self));
    assert_int_equal(self.match_index, 3);
    assert_int_equal(solo_receive(&s, solo_accept(2, 4, 7)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 0);
    solo_settle(&s);
    assert_int_equal(raft_commit_index(s.raft), 7);
    assert_int_equal(raft_durable_index(s.raft), 7);
    assert_true(raft_is_durable(s.raft));
    solo_deinit(&s);
}

/* An index that was durable is not durable any more once its entry is replaced. */
static void test_commit__what_replaces_durable_entries_is_not_durable(void **state)
{
    struct raft_progress self;
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1, 1}, 3); /* Durable from the start. */
    assert_int_equal(solo_receive(&s, solo_append(3, 3, 2, 1, (raft_term[]){3, 3}, 2, 0)), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_APPEND_ENTRIES_REPLY, 3)->after != 0);
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pre_vote(2, 4, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote(2, 4, true)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_vote(3, 4, true)), RAFT_OK);
    assert_true(raft_progress_of(s.raft, 1, &self));
    assert_int_equal(self.match_index, 2);
    solo_deinit(&s);
}

/* More writes under way than are distinguished: credit comes later, never too early. */
static void test_commit__many_writes_under_way_are_credited_in_time(void **state)
{
    enum { WRITES = 200 };
    raft_seq seqs[WRITES];
    struct solo s;

    (void)state;
    solo_restore(&s, 1, NULL, 0);
    solo_become_leader(&s);
    solo_settle(&s);
    for (int i = 0; i < WRITES; i++) {
        assert_int_equal(propose(&s, 1), RAFT_OK);
        seqs[i] = s.effects.write_seq;
    }
    for (int i = 0; i < WRITES; i++) {
        assert_int_equal(solo_durable(&s, seqs[i]), RAFT_OK);
        assert_true(raft_commit_index(s.raft) <= 2 + (raft_index)i + 1);
        assert_true(i > 40 || raft_commit_index(s.raft) == 2 + (raft_index)i + 1);
    }
    assert_int_equal(raft_commit_index(s.raft), 2 + WRITES);
    solo_deinit(&s);
}

/* --- the follower ----------------------------------------------------------------- */

/* Figure 2, rule 5, read strictly: the end of its own log may not be from the leader, so only
 * what the message covers is known to be committed. */
static void test_commit__a_follower_commits_only_what_the_message_covers(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1, 1, 1}, 4); /* 2..5 may belong to a dead branch. */
    assert_int_equal(solo_receive(&s, solo_append(2, 3, 2, 1, NULL, 0, 5)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 2);
    assert_int_equal(solo_receive(&s, solo_append(2, 3, 2, 1, (raft_term[]){1}, 1, 5)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_int_equal(solo_receive(&s, solo_append(2, 3, 3, 1, (raft_term[]){3}, 1, 5)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 4);
    assert_int_equal(raft_last_index(s.raft), 4);
    solo_deinit(&s);
}

/* Pitfall 1: late messages with an old commit index. */
static void test_commit__never_falls(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1, 1, 1}, 4);
    assert_int_equal(solo_receive(&s, solo_append(2, 1, 5, 1, NULL, 0, 4)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 4);
    assert_int_equal(solo_receive(&s, solo_append(2, 1, 1, 1, NULL, 0, 2)), RAFT_OK);
    assert_int_equal(s.effects.commit_index, 4);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 1, 1)), RAFT_OK);
    assert_int_equal(s.effects.commit_index, 4);
    solo_deinit(&s);
}

/* §5.4.3: a node that asks for this is not of this cluster, or has a bug. */
static void test_commit__what_is_committed_is_never_cut(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1, 1, 1}, 4);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 5, 1, NULL, 0, 4)), RAFT_OK);
    struct raft_effects before = s.effects;

    assert_int_equal(solo_receive(&s, solo_append(2, 2, 3, 1, (raft_term[]){2}, 1, 4)), RAFT_ELOG);
    assert_int_equal(solo_receive(&s, solo_append(3, 9, 1, 1, (raft_term[]){9}, 1, 0)), RAFT_ELOG);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 4, 2, NULL, 0, 4)), RAFT_ELOG);
    assert_int_equal(raft_last_index(s.raft), 5);
    assert_int_equal(raft_current_term(s.raft), 2);
    assert_memory_equal(&before, &s.effects, sizeof(before));

    /* Above it, entries may be cut. */
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 4, 1, (raft_term[]){2}, 1, 4)), RAFT_OK);
    assert_int_equal(raft_term_at(s.raft, 5), 2);
    solo_deinit(&s);
}

/* A heartbeat commits no more than what its receiver has acknowledged in this term: beyond that,
 * logs may differ. */
static void test_commit__a_heartbeat_commits_only_what_was_acknowledged(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 2);
    solo_timeout(&s);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 2)->message.heartbeat.leader_commit, 2);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 3)->message.heartbeat.leader_commit, 0);
    solo_deinit(&s);
}

static void assert_named(const struct solo *s, raft_index index, raft_term term)
{
    const struct raft_heartbeat *h = &solo_sent(s, RAFT_HEARTBEAT, 2)->message.heartbeat;

    assert_int_equal(h->leader_commit, index);
    assert_int_equal(h->leader_commit_term, term);
}

/* An entry of an older term is named as well, with its term: by it the receiver sees whether it
 * still has what it acknowledged. */
static void test_commit__a_heartbeat_names_the_term_of_its_entry(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1}, 2);
    assert_int_equal(solo_receive(&s, solo_append(2, 1, 3, 1, NULL, 0, 3)), RAFT_OK);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, raft_current_term(s.raft), 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    solo_timeout(&s);
    assert_named(&s, 3, 1);
    assert_int_equal(solo_receive(&s, solo_accept(2, raft_current_term(s.raft), 4)), RAFT_OK);
    solo_timeout(&s);
    assert_named(&s, 4, raft_current_term(s.raft));
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit__entries_of_old_terms_do_not_commit_by_counting),
        cmocka_unit_test(test_commit__the_leader_counts_itself_only_when_durable),
        cmocka_unit_test(test_commit__a_lone_voter_commits_when_its_disk_is_done),
        cmocka_unit_test(test_commit__a_write_does_not_count_for_what_replaced_it),
        cmocka_unit_test(test_commit__what_replaces_durable_entries_is_not_durable),
        cmocka_unit_test(test_commit__many_writes_under_way_are_credited_in_time),
        cmocka_unit_test(test_commit__a_follower_commits_only_what_the_message_covers),
        cmocka_unit_test(test_commit__never_falls),
        cmocka_unit_test(test_commit__what_is_committed_is_never_cut),
        cmocka_unit_test(test_commit__a_heartbeat_commits_only_what_was_acknowledged),
        cmocka_unit_test(test_commit__a_heartbeat_names_the_term_of_its_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
