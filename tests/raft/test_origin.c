/* test_origin.c - logs that do not begin with entry 1, but after one that a snapshot includes
 * (§7): what such a node sends and accepts, and what it can't send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

enum { ORIGIN = 100, ORIGIN_TERM = 4 };

/* One of three: its log has entries 101 (term 4), 102 and 103 (term 6). */
static void follow(struct solo *s)
{
    solo_restore_behind(s, 3, ORIGIN, ORIGIN_TERM, (raft_term[]){4, 6, 6}, 3);
}

/* The same, as leader of term 7, whose no-op has index 104. */
static void lead(struct solo *s)
{
    follow(s);
    solo_become_leader(s);
    solo_settle(s);
}

static const struct raft_append_entries_reply *reply_of(const struct solo *s)
{
    const struct raft_outbound *o = solo_sent(s, RAFT_APPEND_ENTRIES_REPLY, 0);

    assert_non_null(o);
    return &o->message.append_entries_reply;
}

static struct raft_progress progress_of(const struct solo *s, raft_id id)
{
    struct raft_progress progress;

    assert_true(raft_progress_of(s->raft, id, &progress));
    return progress;
}

/* --- starting --------------------------------------------------------------------- */

static void test_origin__is_committed_durable_and_configured(void **state)
{
    struct solo s;

    (void)state;
    solo_restore_behind(&s, 3, ORIGIN, ORIGIN_TERM, NULL, 0);
    assert_int_equal(raft_origin(s.raft), ORIGIN);
    assert_int_equal(raft_first_index(s.raft), ORIGIN + 1);
    assert_int_equal(raft_last_index(s.raft), ORIGIN);
    assert_int_equal(raft_commit_index(s.raft), ORIGIN);
    assert_int_equal(raft_durable_index(s.raft), ORIGIN);
    assert_int_equal(raft_term_at(s.raft, ORIGIN), ORIGIN_TERM);
    assert_int_equal(raft_configuration(s.raft)->member_count, 3);
    assert_int_equal(raft_configuration_index(s.raft), ORIGIN);
    solo_deinit(&s);
}

static void test_origin__without_one_the_log_begins_with_the_first_entry(void **state)
{
    struct solo s;

    (void)state;
    solo_init(&s, 8);
    assert_int_equal(raft_restore_origin(s.raft, 0, 0, NULL, 0), RAFT_OK);
    assert_int_equal(raft_origin(s.raft), 0);
    assert_int_equal(raft_first_index(s.raft), 1);
    assert_int_equal(raft_last_index(s.raft), 0);
    solo_deinit(&s);
}

static void test_origin__that_can_not_be_is_refused(void **state)
{
    const struct raft_configuration voters = solo_voters(3);
    const struct raft_configuration nobody = {0};
    struct solo s;

    (void)state;
    solo_init(&s, 8);
    raft_restore_vote(s.raft, 5, 0);
    assert_int_equal(raft_restore_origin(s.raft, 0, 1, &voters, 0), RAFT_ELOG);
    assert_int_equal(raft_restore_origin(s.raft, ORIGIN, 0, &voters, ORIGIN), RAFT_ELOG);
    assert_int_equal(raft_restore_origin(s.raft, ORIGIN, 6, &voters, ORIGIN), RAFT_ELOG);
    assert_int_equal(raft_restore_origin(s.raft, ORIGIN, 5, &nobody, ORIGIN), RAFT_ELOG);
    assert_int_equal(raft_restore_origin(s.raft, ORIGIN, 5, NULL, ORIGIN), RAFT_ELOG);
    assert_int_equal(raft_restore_origin(s.raft, ORIGIN, 5, &voters, ORIGIN), RAFT_OK);
    assert_int_equal(raft_restore_entry(s.raft, &(struct raft_entry){.term = 4}), RAFT_ELOG);
    solo_deinit(&s);
}

/* --- following -------------------------------------------------------------------- */

/* Like committed entries: those after the origin are taken, the rest is skipped. */
static void test_origin__of_entries_from_before_it_the_rest_is_taken(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    /* 99 .. 104: two up to the origin, three that are there, and a new one. */
    assert_int_equal(
        solo_receive(&s, solo_append(2, 7, 98, 3, (raft_term[]){4, 4, 4, 6, 6, 7}, 6, 104)),
        RAFT_OK);
    assert_int_equal(s.effects.truncate_from, 0);
    assert_int_equal(s.effects.append_first, 104);
    assert_int_equal(s.effects.append_count, 1);
    assert_int_equal(raft_commit_index(s.raft), 104);
    assert_true(reply_of(&s)->success);
    assert_int_equal(reply_of(&s)->match_index, 104);

    /* 101 is not replaced: entries before the origin prove nothing about those after it. */
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 50, 1, (raft_term[]){1, 2}, 2, 0)),
                     RAFT_OK);
    assert_int_equal(s.effects.append_count, 0);
    assert_true(reply_of(&s)->success);
    assert_int_equal(reply_of(&s)->match_index, 52);
    assert_int_equal(raft_commit_index(s.raft), 104);
    solo_deinit(&s);
}

static void test_origin__can_not_be_contradicted_by_a_leader(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    /* Another entry at the origin; a term before it that is above its own; and the same for
     * messages with entries. */
    assert_int_equal(solo_receive(&s, solo_append(2, 7, ORIGIN, 3, NULL, 0, 0)), RAFT_ELOG);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 50, 5, NULL, 0, 0)), RAFT_ELOG);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 98, 3, (raft_term[]){3, 3}, 2, 0)),
                     RAFT_ELOG);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 97, 3, (raft_term[]){3, 5}, 2, 0)),
                     RAFT_ELOG);
    assert_int_equal(raft_last_index(s.raft), 103);
    solo_deinit(&s);
}

static void test_origin__a_rejection_points_after_it(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    /* Of the origin's own term, which may have begun long before: this may be a committed entry. */
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 101, 3, NULL, 0, 0)), RAFT_OK);
    assert_false(reply_of(&s)->success);
    assert_int_equal(reply_of(&s)->conflict_term, 4);
    assert_int_equal(reply_of(&s)->conflict_index, 101);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 103, 5, NULL, 0, 0)), RAFT_OK);
    assert_int_equal(reply_of(&s)->conflict_index, 102);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 200, 7, NULL, 0, 0)), RAFT_OK);
    assert_int_equal(reply_of(&s)->conflict_index, 104);
    /* An old leader is answered, whatever it asks about. */
    assert_int_equal(solo_receive(&s, solo_append(3, 2, 50, 2, NULL, 0, 0)), RAFT_OK);
    assert_false(reply_of(&s)->success);
    solo_deinit(&s);
}

/* Nothing was compared, so it does not prove that this log agrees with the leader's. */
static void test_origin__entries_that_end_before_it_prove_no_agreement(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 50, 1, (raft_term[]){1}, 1, 0)), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), 0);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 50, 1, NULL, 0, 0)), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), 0);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, ORIGIN, 4, NULL, 0, 0)), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), s.now_ns);
    solo_deinit(&s);
}

/* Late heartbeats, from a time when the log began earlier. */
static void test_origin__a_heartbeat_may_name_an_entry_before_it(void **state)
{
    struct solo s;

    (void)state;
    solo_restore_behind(&s, 3, ORIGIN, ORIGIN_TERM, (raft_term[]){4}, 1);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 4, 99)), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), 0);
    assert_int_equal(raft_commit_index(s.raft), ORIGIN);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 4, ORIGIN)), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), s.now_ns);
    /* Entries before the origin have at most its term. */
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 5, 99)), RAFT_ELOST);
    solo_deinit(&s);
}

/* --- leading ---------------------------------------------------------------------- */

/* The peer's log ends before ours begins. It must not be asked the same as fast as it can
 * answer, and must still be heard all the time. */
static void test_origin__a_peer_that_needs_earlier_entries_gets_heartbeats(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_false(progress_of(&s, 2).needs_snapshot);
    assert_int_equal(solo_receive(&s, solo_reject(2, 7, 103, 51, 0)), RAFT_OK);
    assert_true(progress_of(&s, 2).needs_snapshot);
    assert_int_equal(progress_of(&s, 2).next_index, ORIGIN + 1);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));

    for (int i = 0; i < 5; i++) {
        solo_pass(&s, SOLO_HEARTBEAT);
        assert_int_equal(solo_receive(&s, solo_accept(3, 7, 104)), RAFT_OK);
        assert_int_equal(solo_tick(&s), RAFT_OK);
        assert_non_null(solo_sent(&s, RAFT_HEARTBEAT, 2));

        const struct raft_outbound *o = solo_sent(&s, RAFT_APPEND_ENTRIES, 2);

        assert_non_null(o);
        assert_int_equal(o->message.append_entries.prev_log_index, ORIGIN);
        assert_int_equal(o->message.append_entries.entry_count, 0);
        assert_int_equal(solo_receive(&s, solo_reject(2, 7, ORIGIN, 51, 0)), RAFT_OK);
        assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
        assert_true(progress_of(&s, 2).needs_snapshot);
    }
    solo_deinit(&s);
}

/* It differs in a term that began before our log. */
static void test_origin__a_peer_that_differs_before_it_needs_a_snapshot(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(solo_receive(&s, solo_reject(2, 7, 103, 40, 3)), RAFT_OK);
    assert_true(progress_of(&s, 2).needs_snapshot);
    assert_int_equal(progress_of(&s, 2).next_index, ORIGIN + 1);
    /* The answer to a probe that was never sent, or sent long ago. */
    assert_int_equal(solo_receive(&s, solo_reject(3, 7, 50, 40, 3)), RAFT_OK);
    assert_false(progress_of(&s, 3).needs_snapshot);
    solo_deinit(&s);
}

static void test_origin__a_peer_that_has_that_entry_gets_what_follows(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(solo_receive(&s, solo_reject(2, 7, 103, ORIGIN + 1, 0)), RAFT_OK);
    assert_false(progress_of(&s, 2).needs_snapshot);

    const struct raft_outbound *o = solo_sent(&s, RAFT_APPEND_ENTRIES, 2);

    assert_non_null(o);
    assert_int_equal(o->message.append_entries.prev_log_index, ORIGIN);
    assert_int_equal(o->message.append_entries.prev_log_term, ORIGIN_TERM);
    assert_int_equal(solo_receive(&s, solo_accept(2, 7, ORIGIN)), RAFT_OK);
    o = solo_sent(&s, RAFT_APPEND_ENTRIES, 2);
    assert_non_null(o);
    assert_int_equal(o->message.append_entries.prev_log_index, ORIGIN);
    assert_int_equal(o->message.append_entries.entry_count, 4);
    solo_deinit(&s);
}

static void test_origin__a_snapshot_ends_the_need(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    assert_int_equal(solo_receive(&s, solo_reject(2, 7, 103, 51, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, 7, 60)), RAFT_OK); /* Not far enough. */
    assert_true(progress_of(&s, 2).needs_snapshot);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 2));
    assert_int_equal(solo_receive(&s, solo_accept(2, 7, ORIGIN)), RAFT_OK);
    assert_false(progress_of(&s, 2).needs_snapshot);
    assert_int_equal(solo_sent_entries(&s, 2)->entry_count, 4);
    solo_deinit(&s);
}

/* Two of three go on; the third, which was away while their logs were compacted, does not change
 * until it gets a snapshot, and then catches up. */
static void test_origin__a_node_behind_it_stops_nobody(void **state)
{
    struct cluster *c = cluster_new(1);
    struct raft_progress progress;

    (void)state;
    cluster_add_voters(c, 3);
    cluster_start(c, 1);
    cluster_start(c, 2);
    cluster_elect(c, 1);
    assert_int_equal(cluster_propose(c, 1, 20), RAFT_OK);
    cluster_settle(c);
    for (raft_id id = 1; id <= 2; id++) {
        cluster_crash(c, id);
        cluster_install(c, id, 15);
        cluster_start(c, id);
    }
    cluster_start(c, 3);
    cluster_elect(c, 1);
    assert_int_equal(cluster_propose(c, 1, 5), RAFT_OK);
    cluster_run(c, 2000 * CLUSTER_MS);
    assert_int_equal(cluster_leader(c), 1);
    assert_int_equal(raft_commit_index(cluster_raft(c, 1)), raft_last_index(cluster_raft(c, 1)));
    assert_true(raft_progress_of(cluster_raft(c, 1), 3, &progress));
    assert_true(progress.needs_snapshot);
    assert_true(progress.is_active);
    assert_int_equal(raft_last_index(cluster_raft(c, 3)), 1);

    cluster_crash(c, 3);
    cluster_install(c, 3, 18);
    cluster_start(c, 3);
    cluster_run(c, 1000 * CLUSTER_MS);
    assert_int_equal(cluster_leader(c), 1);
    assert_int_equal(raft_commit_index(cluster_raft(c, 3)), raft_last_index(cluster_raft(c, 1)));
    cluster_check(c);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origin__is_committed_durable_and_configured),
        cmocka_unit_test(test_origin__without_one_the_log_begins_with_the_first_entry),
        cmocka_unit_test(test_origin__that_can_not_be_is_refused),
        cmocka_unit_test(test_origin__of_entries_from_before_it_the_rest_is_taken),
        cmocka_unit_test(test_origin__can_not_be_contradicted_by_a_leader),
        cmocka_unit_test(test_origin__a_rejection_points_after_it),
        cmocka_unit_test(test_origin__entries_that_end_before_it_prove_no_agreement),
        cmocka_unit_test(test_origin__a_heartbeat_may_name_an_entry_before_it),
        cmocka_unit_test(test_origin__a_peer_that_needs_earlier_entries_gets_heartbeats),
        cmocka_unit_test(test_origin__a_peer_that_differs_before_it_needs_a_snapshot),
        cmocka_unit_test(test_origin__a_peer_that_has_that_entry_gets_what_follows),
        cmocka_unit_test(test_origin__a_snapshot_ends_the_need),
        cmocka_unit_test(test_origin__a_node_behind_it_stops_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
