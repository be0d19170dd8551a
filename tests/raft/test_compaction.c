/* test_compaction.c - dropping from the log what a snapshot replaces, while the node runs and
 * when it starts again (§7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

/* Entry 1 is the configuration of three; 2 and 3 are of term 1, 4 and 5 of term 3. All are
 * committed, according to leader 2 of term 3. */
static void follow(struct solo *s)
{
    solo_restore(s, 3, (raft_term[]){1, 1, 3, 3}, 4);
    assert_int_equal(solo_receive(s, solo_append(2, 3, 5, 3, NULL, 0, 5)), RAFT_OK);
    assert_int_equal(raft_commit_index(s->raft), 5);
}

/* The same log; its node leads term 4, whose no-op has index 6. */
static void lead(struct solo *s)
{
    solo_restore(s, 3, (raft_term[]){1, 1, 3, 3}, 4);
    solo_become_leader(s);
    solo_settle(s);
    assert_int_equal(raft_last_index(s->raft), 6);
}

static void accept_from(struct solo *s, raft_id id, raft_index match_index)
{
    assert_int_equal(solo_receive(s, solo_accept(id, 4, match_index)), RAFT_OK);
}

static struct raft_progress progress_of(const struct solo *s, raft_id id)
{
    struct raft_progress progress;

    assert_true(raft_progress_of(s->raft, id, &progress));
    return progress;
}

/* As the host does; checks the invariants as well. */
static void compact(struct solo *s, raft_index index)
{
    struct raft_observation before;

    raft_observe(s->raft, &before);
    raft_compact(s->raft, index);
    raft_check_invariants(s->raft, &before);
}

/* --- the log ------------------------------------------------------------------------ */

static void test_compaction__the_log_begins_later_and_is_the_same_behind_that(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    for (raft_index index = 1; index <= 5; index++) {
        compact(&s, index);
        assert_int_equal(raft_origin(s.raft), index);
        assert_int_equal(raft_first_index(s.raft), index + 1);
        assert_int_equal(raft_last_index(s.raft), 5);
        assert_int_equal(raft_commit_index(s.raft), 5);
        assert_int_equal(raft_durable_index(s.raft), 5);
        assert_int_equal(raft_term_at(s.raft, index), index < 4 ? 1 : 3);
        assert_int_equal(raft_term_at(s.raft, 5), 3);
        assert_true(raft_has_entry(s.raft, index, index < 4 ? 1 : 3));
        assert_false(raft_has_entry(s.raft, index - 1, 1));
        assert_false(raft_has_entry(s.raft, 6, 3));
    }
    compact(&s, 3); /* Late: the log begins later already. */
    assert_int_equal(raft_origin(s.raft), 5);
    solo_deinit(&s);
}

/* An off-by-one error here has made followers in other systems refuse their leader for good. */
static void test_compaction__the_next_entry_still_follows_the_last(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    compact(&s, 5);
    assert_int_equal(solo_receive(&s, solo_append(2, 3, 5, 3, (raft_term[]){3}, 1, 5)), RAFT_OK);
    assert_int_equal(s.effects.append_first, 6);
    assert_int_equal(s.effects.append_count, 1);
    assert_int_equal(raft_last_index(s.raft), 6);
    solo_deinit(&s);
}

static void test_compaction__makes_room_for_terms(void **state)
{
    raft_term terms[60];
    struct solo s;

    (void)state;
    for (raft_term i = 0; i < 60; i++) {
        terms[i] = i + 2;
    }
    solo_restore(&s, 3, terms, 60);
    assert_int_equal(solo_receive(&s, solo_append(2, 61, 61, 61, NULL, 0, 61)), RAFT_OK);
    uint32_t left = raft_terms_left(s.raft);

    compact(&s, 51);
    assert_int_equal(raft_terms_left(s.raft), left + 51);
    assert_int_equal(raft_term_at(s.raft, 51), 51);
    assert_int_equal(raft_term_at(s.raft, 52), 52);
    solo_deinit(&s);
}

/* --- configurations ------------------------------------------------------------------- */

static void append_learner(struct solo *s, raft_index prev, raft_term prev_term, raft_id id)
{
    struct raft_configuration c = *raft_configuration(s->raft);
    const struct raft_entry entry = {.term = 3, .kind = RAFT_CONFIGURATION, .configuration = &c};
    struct raft_message m = solo_append(2, 3, prev, prev_term, NULL, 0, 0);

    c.members[c.member_count++] = (struct raft_member){.id = id};
    m.append_entries.entry_count = 1;
    m.append_entries.entries = &entry;
    assert_int_equal(solo_receive(s, m), RAFT_OK);
    solo_settle(s);
}

/* dqlite lost the members when their entry was dropped from the log. */
static void test_compaction__the_configuration_of_an_entry_left_out_stays_in_force(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    compact(&s, 4);
    assert_int_equal(raft_configuration(s.raft)->member_count, 3);
    assert_int_equal(raft_configuration_index(s.raft), 1);
    append_learner(&s, 5, 3, 4);
    assert_int_equal(raft_configuration(s.raft)->member_count, 4);
    assert_int_equal(raft_configuration_index(s.raft), 6);

    /* And it is restored if the newer one is cut. */
    assert_int_equal(solo_receive(&s, solo_append(3, 4, 5, 3, (raft_term[]){4}, 1, 0)), RAFT_OK);
    assert_int_equal(s.effects.truncate_from, 6);
    assert_int_equal(raft_configuration(s.raft)->member_count, 3);
    assert_int_equal(raft_configuration_index(s.raft), 1);
    solo_deinit(&s);
}

/* Several are dropped, one after the other; the last of them counts, and one after it. */
static void
test_compaction__the_newest_configuration_left_out_is_in_force_at_the_origin(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    append_learner(&s, 5, 3, 4);
    append_learner(&s, 6, 3, 5);
    assert_int_equal(solo_receive(&s, solo_append(2, 3, 7, 3, NULL, 0, 6)), RAFT_OK);
    compact(&s, 6);
    assert_int_equal(raft_configuration_index(s.raft), 7);
    assert_int_equal(solo_receive(&s, solo_append(3, 4, 6, 3, (raft_term[]){4}, 1, 0)), RAFT_OK);
    assert_int_equal(raft_configuration(s.raft)->member_count, 4);
    assert_int_equal(raft_configuration_index(s.raft), 6);
    solo_deinit(&s);
}

static void restore(struct solo *s, const struct raft_configuration *at_snapshot,
                    raft_index configured_at)
{
    const struct raft_configuration replayed = solo_voters(3);

    solo_init(s, 8);
    raft_restore_vote(s->raft, 6, 0);
    assert_int_equal(raft_restore_origin(s->raft, 100, 4, at_snapshot, configured_at), RAFT_OK);
    for (raft_index index = 101; index <= 106; index++) {
        struct raft_entry entry = {.term = 5, .kind = RAFT_COMMAND};

        if (index == 103) {
            entry.kind = RAFT_CONFIGURATION;
            entry.configuration = &replayed;
        }
        assert_int_equal(raft_restore_entry(s->raft, &entry), RAFT_OK);
    }
    raft_restore_commit(s->raft, 104);
    assert_int_equal(solo_tick(s), RAFT_OK);
}

/* The snapshot ends at 104, the log begins after 100: entry 103 in it is outdated. */
static void test_compaction__a_restart_goes_by_the_configuration_of_the_snapshot(void **state)
{
    struct raft_configuration c = solo_voters(3);
    struct solo s;

    (void)state;
    c.members[c.member_count++] = (struct raft_member){.id = 4};
    restore(&s, &c, 104);
    assert_int_equal(raft_configuration(s.raft)->member_count, 4);
    assert_int_equal(raft_configuration_index(s.raft), 104);
    assert_int_equal(raft_commit_index(s.raft), 104);
    solo_deinit(&s);

    restore(&s, &c, 60); /* A configuration after the snapshot's counts. */
    assert_int_equal(raft_configuration(s.raft)->member_count, 3);
    assert_int_equal(raft_configuration_index(s.raft), 103);
    solo_deinit(&s);
}

/* There is a snapshot, and the log still begins with entry 1. */
static void
test_compaction__a_configuration_of_a_snapshot_counts_before_the_log_is_cut(void **state)
{
    const struct raft_configuration replayed = solo_voters(3);
    struct raft_configuration c = solo_voters(3);
    struct solo s;

    (void)state;
    c.members[c.member_count++] = (struct raft_member){.id = 4};
    solo_init(&s, 8);
    raft_restore_vote(s.raft, 6, 0);
    assert_int_equal(raft_restore_origin(s.raft, 0, 0, &c, 2), RAFT_OK);
    assert_int_equal(raft_configuration_index(s.raft), 2);
    assert_int_equal(raft_commit_index(s.raft), 0);
    for (uint32_t i = 0; i < 3; i++) {
        struct raft_entry entry = {.term = 5, .kind = RAFT_COMMAND};

        if (i == 0) {
            entry.kind = RAFT_CONFIGURATION;
            entry.configuration = &replayed;
        }
        assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_OK);
        assert_int_equal(raft_configuration_index(s.raft), 2);
    }
    raft_restore_commit(s.raft, 3);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_configuration(s.raft)->member_count, 4);
    assert_int_equal(raft_last_index(s.raft), 3);
    solo_deinit(&s);
}

/* --- leading ------------------------------------------------------------------------ */

static void test_compaction__a_leader_serves_from_its_new_origin(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    accept_from(&s, 2, 6);
    compact(&s, 6);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 2}),
                     RAFT_OK);
    const struct raft_outbound *o = solo_sent(&s, RAFT_APPEND_ENTRIES, 2);

    assert_non_null(o);
    assert_int_equal(o->message.append_entries.prev_log_index, 6);
    assert_int_equal(o->message.append_entries.prev_log_term, 4);
    assert_int_equal(o->message.append_entries.entry_count, 2);
    solo_deinit(&s);
}

/* Node 3 is being asked whether the logs agree at 2, when 3 becomes the first index that can be
 * sent. It does not know of 4 entries then, and they are not there to be sent. */
static void test_compaction__what_a_peer_was_to_get_next_may_be_gone(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    accept_from(&s, 2, 6);
    assert_int_equal(solo_receive(&s, solo_reject(3, 4, 5, 3, 0)), RAFT_OK);
    assert_int_equal(progress_of(&s, 3).next_index, 3);
    compact(&s, 4);
    assert_int_equal(progress_of(&s, 3).next_index, 5);
    assert_false(progress_of(&s, 3).needs_snapshot); /* That is not known. */

    /* A late answer changes nothing; the question is asked again, at the origin. */
    accept_from(&s, 3, 2);
    assert_int_equal(progress_of(&s, 3).match_index, 2);
    const struct raft_outbound *o = solo_sent(&s, RAFT_APPEND_ENTRIES, 3);

    assert_non_null(o);
    assert_int_equal(o->message.append_entries.prev_log_index, 4);
    assert_int_equal(o->message.append_entries.entry_count, 0);
    assert_int_equal(solo_receive(&s, solo_reject(3, 4, 4, 3, 0)), RAFT_OK);
    assert_true(progress_of(&s, 3).needs_snapshot);

    /* Further compaction neither ends that need, nor makes the leader ask more often. */
    compact(&s, 5);
    assert_true(progress_of(&s, 3).needs_snapshot);
    accept_from(&s, 2, 6);
    assert_null(solo_sent(&s, RAFT_APPEND_ENTRIES, 3));
    solo_deinit(&s);
}

/* Scenario 26: entries are under way to a peer when they leave the log. They may have arrived. */
static void test_compaction__entries_on_their_way_may_arrive(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    accept_from(&s, 2, 6);
    accept_from(&s, 3, 6);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 4}),
                     RAFT_OK);
    solo_settle(&s);
    accept_from(&s, 2, 10);
    assert_int_equal(raft_commit_index(s.raft), 10);
    compact(&s, 9);
    assert_int_equal(progress_of(&s, 3).match_index, 6);
    assert_false(progress_of(&s, 3).is_probing);
    accept_from(&s, 3, 8);
    assert_int_equal(progress_of(&s, 3).match_index, 8);
    accept_from(&s, 3, 10);
    assert_int_equal(progress_of(&s, 3).match_index, 10);
    solo_deinit(&s);
}

/* The connection breaks, so nobody knows. The member is asked at the origin. */
static void test_compaction__entries_on_their_way_may_be_either(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    accept_from(&s, 2, 6);
    accept_from(&s, 3, 6);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 4}),
                     RAFT_OK);
    solo_settle(&s);
    accept_from(&s, 2, 10);
    compact(&s, 9);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = 3}),
                     RAFT_OK);
    assert_int_equal(progress_of(&s, 3).next_index, 10);
    assert_false(progress_of(&s, 3).needs_snapshot);
    accept_from(&s, 3, 9);
    assert_int_equal(solo_sent_entries(&s, 3)->prev_log_index, 9);
    assert_int_equal(solo_sent_entries(&s, 3)->entry_count, 1);
    solo_deinit(&s);
}

/* If they were lost, the peer reports that, and is found to need a snapshot. */
static void test_compaction__entries_on_their_way_may_be_lost(void **state)
{
    struct solo s;

    (void)state;
    lead(&s);
    accept_from(&s, 2, 6);
    accept_from(&s, 3, 6);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 4}),
                     RAFT_OK);
    solo_settle(&s);
    accept_from(&s, 2, 10);
    compact(&s, 9);
    assert_int_equal(solo_receive(&s, solo_reject(3, 4, 10, 7, 0)), RAFT_OK);
    assert_true(progress_of(&s, 3).needs_snapshot);
    assert_int_equal(progress_of(&s, 3).next_index, 10);
    solo_deinit(&s);
}

/* --- a cluster ---------------------------------------------------------------------- */

/* Each node drops a different part of its log, and whichever one leads then, they agree. */
static void test_compaction__nodes_need_not_do_it_alike(void **state)
{
    struct cluster *c = cluster_new(1);

    (void)state;
    cluster_add_voters(c, 3);
    cluster_start_all(c);
    cluster_elect(c, 1);
    assert_int_equal(cluster_propose(c, 1, 20), RAFT_OK);
    cluster_run(c, 500 * CLUSTER_MS);
    cluster_compact(c, 1, 20, 5);
    cluster_compact(c, 2, 20, 20);
    cluster_compact(c, 3, 12, 1);
    for (raft_id id = 1; id <= 3; id++) {
        cluster_transfer(c, cluster_leader(c), id);
        cluster_run(c, 500 * CLUSTER_MS);
        assert_int_equal(cluster_leader(c), id);
        cluster_crash(c, id % 3 + 1);
        cluster_start(c, id % 3 + 1);
        assert_int_equal(cluster_propose(c, id, 3), RAFT_OK);
        cluster_run(c, 500 * CLUSTER_MS);
        cluster_check(c);
        for (raft_id other = 1; other <= 3; other++) {
            assert_int_equal(raft_commit_index(cluster_raft(c, other)),
                             raft_last_index(cluster_raft(c, id)));
        }
    }
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compaction__the_log_begins_later_and_is_the_same_behind_that),
        cmocka_unit_test(test_compaction__the_next_entry_still_follows_the_last),
        cmocka_unit_test(test_compaction__makes_room_for_terms),
        cmocka_unit_test(test_compaction__the_configuration_of_an_entry_left_out_stays_in_force),
        cmocka_unit_test(
            test_compaction__the_newest_configuration_left_out_is_in_force_at_the_origin),
        cmocka_unit_test(test_compaction__a_restart_goes_by_the_configuration_of_the_snapshot),
        cmocka_unit_test(
            test_compaction__a_configuration_of_a_snapshot_counts_before_the_log_is_cut),
        cmocka_unit_test(test_compaction__a_leader_serves_from_its_new_origin),
        cmocka_unit_test(test_compaction__what_a_peer_was_to_get_next_may_be_gone),
        cmocka_unit_test(test_compaction__entries_on_their_way_may_arrive),
        cmocka_unit_test(test_compaction__entries_on_their_way_may_be_either),
        cmocka_unit_test(test_compaction__entries_on_their_way_may_be_lost),
        cmocka_unit_test(test_compaction__nodes_need_not_do_it_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
