/* test_snapshot.c - snapshots between nodes (§7): when a leader offers one, which nodes need it,
 * and how a log continues from it. The core sees no file: it reports what to fetch, and is
 * notified of what was installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

static const struct raft_configuration five = {.member_count = 5,
                                               .members = {{.id = 1, .incoming = true},
                                                           {.id = 2, .incoming = true},
                                                           {.id = 3, .incoming = true},
                                                           {.id = 4, .incoming = true},
                                                           {.id = 5, .incoming = true}}};

/* One of three; follows node 2 in term 7. Its log: 1 to 3 are of term 1, 4 to 6 of term 4; it
 * knows that 3 is committed. */
static void follow(struct solo *s)
{
    solo_restore(s, 3, (raft_term[]){1, 1, 4, 4, 4}, 5);
    assert_int_equal(solo_receive(s, solo_append(2, 7, 3, 1, NULL, 0, 3)), RAFT_OK);
    solo_settle(s);
}

static struct raft_message offer_of(raft_id from, raft_term term, raft_index index,
                                    raft_term index_term)
{
    return (struct raft_message){.kind = RAFT_INSTALL_SNAPSHOT,
                                 .from = from,
                                 .term = term,
                                 .install_snapshot = {.last_included_index = index,
                                                      .last_included_term = index_term,
                                                      .bytes = 1234,
                                                      .checksum = 5678,
                                                      .holder = 3}};
}

static int offer(struct solo *s, raft_id from, raft_term term, raft_index index,
                 raft_term index_term)
{
    return solo_receive(s, offer_of(from, term, index, index_term));
}

static int installed(struct solo *s, raft_index index, raft_term term,
                     const struct raft_configuration *c, raft_index configured_at)
{
    const struct raft_installed i = {.last_included_index = index,
                                     .last_included_term = term,
                                     .configuration = c,
                                     .configuration_index = configured_at};

    return solo_step(s, (struct raft_event){.kind = RAFT_INSTALLED, .installed = &i});
}

/* Up to where it has acknowledged that its log equals the leader's; 0: not at all. */
static raft_index accepted(const struct solo *s, raft_id to)
{
    const struct raft_outbound *o = solo_sent(s, RAFT_APPEND_ENTRIES_REPLY, to);

    if (o == NULL) {
        return 0;
    }
    assert_true(o->message.append_entries_reply.success);
    return o->message.append_entries_reply.match_index;
}

/* --- what is offered ------------------------------------------------------------------- */

static void test_snapshot__of_what_a_node_lacks_is_to_be_fetched(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    for (int i = 0; i < 2; i++) { /* It is offered again as long as the node needs it. */
        solo_pass(&s, SOLO_HEARTBEAT);
        assert_int_equal(offer(&s, 2, 7, 100, 6), RAFT_OK);
        assert_int_equal(s.effects.install.last_included_index, 100);
        assert_int_equal(s.effects.install.last_included_term, 6);
        assert_int_equal(s.effects.install.bytes, 1234);
        assert_int_equal(s.effects.install.checksum, 5678);
        assert_int_equal(s.effects.install.holder, 3);
        assert_int_equal(s.effects.outbound_count, 0);
        assert_int_equal(raft_leader_heard_ns(s.raft), s.now_ns);
        assert_int_equal(raft_last_index(s.raft), 6);
        assert_true(raft_wants_snapshot(s.raft, 100));
        assert_int_equal(solo_tick(&s), RAFT_OK);
        assert_int_equal(s.effects.install.last_included_index, 0);
    }
    solo_deinit(&s);
}

/* Also if the log is longer, but differs. */
static void test_snapshot__of_another_log_is_to_be_fetched(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(offer(&s, 2, 7, 5, 5), RAFT_OK);
    assert_int_equal(s.effects.install.last_included_index, 5);
    solo_deinit(&s);
}

static void test_snapshot__of_what_a_node_has_is_not_needed(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(offer(&s, 2, 7, 5, 4), RAFT_OK);
    assert_int_equal(s.effects.install.last_included_index, 0);
    assert_int_equal(accepted(&s, 2), 5);
    assert_int_equal(raft_commit_index(s.raft), 5); /* Snapshots contain what is committed. */
    assert_false(raft_wants_snapshot(s.raft, 5));

    assert_int_equal(offer(&s, 2, 7, 2, 1), RAFT_OK); /* A late offer lowers nothing. */
    assert_int_equal(accepted(&s, 2), 2);
    assert_int_equal(raft_commit_index(s.raft), 5);

    raft_compact(s.raft, 5);
    assert_int_equal(offer(&s, 2, 7, 2, 1), RAFT_OK);
    assert_int_equal(accepted(&s, 2), 2);
    assert_int_equal(raft_origin(s.raft), 5);
    solo_deinit(&s);
}

/* I-3: what it has may not be on its disk yet. */
static void test_snapshot__is_not_needed_only_once_the_log_is_durable(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 6, 4, (raft_term[]){7}, 1, 3)), RAFT_OK);
    assert_int_equal(offer(&s, 2, 7, 7, 7), RAFT_OK);
    assert_int_equal(accepted(&s, 2), 7);
    assert_int_equal(solo_sent(&s, RAFT_APPEND_ENTRIES_REPLY, 2)->after, s.written_seq);
    solo_deinit(&s);
}

static void test_snapshot__of_an_old_leader_is_ignored(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(offer(&s, 3, 6, 100, 6), RAFT_OK);
    assert_int_equal(s.effects.install.last_included_index, 0);
    assert_int_equal(raft_leader(s.raft), 2);
    /* The sender learns that it does not lead any more. */
    assert_int_equal(s.effects.outbound[0].message.term, 7);
    solo_deinit(&s);
}

static void test_snapshot__of_a_new_leader_makes_a_follower(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 1, 4}, 3);
    solo_become_leader(&s);
    assert_int_equal(offer(&s, 3, 9, 100, 6), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(raft_leader(s.raft), 3);
    assert_int_equal(raft_current_term(s.raft), 9);
    assert_int_equal(s.effects.install.last_included_index, 100);
    solo_deinit(&s);
}

static void test_snapshot__that_can_not_be_is_refused(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(offer(&s, 2, 7, 3, 2), RAFT_ELOG);   /* Another entry is committed there. */
    assert_int_equal(offer(&s, 2, 7, 100, 8), RAFT_ELOG); /* Of a later term than its leader's. */
    assert_int_equal(offer(&s, 2, 7, 0, 6), RAFT_ELOG);
    assert_int_equal(offer(&s, 2, 7, 100, 0), RAFT_ELOG);
    assert_int_equal(offer(&s, 3, 7, 100, 6), RAFT_ELOG); /* Of a second leader. */
    solo_deinit(&s);
}

/* --- what is installed ------------------------------------------------------------------ */

static void test_snapshot__replaces_a_log_that_ends_before(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(installed(&s, 100, 6, &five, 80), RAFT_OK);
    assert_int_equal(raft_origin(s.raft), 100);
    assert_int_equal(raft_last_index(s.raft), 100);
    assert_int_equal(raft_commit_index(s.raft), 100);
    assert_int_equal(raft_durable_index(s.raft), 100);
    assert_int_equal(raft_term_at(s.raft, 100), 6);
    assert_int_equal(raft_configuration(s.raft)->member_count, 5);
    assert_int_equal(raft_configuration_index(s.raft), 80);
    assert_true(s.effects.configuration_changed);
    assert_int_equal(s.effects.commit_index, 100);
    assert_int_equal(s.effects.write_seq, 0); /* Everything is on the disk already. */
    assert_int_equal(accepted(&s, 2), 100);
    assert_int_equal(solo_sent(&s, RAFT_APPEND_ENTRIES_REPLY, 2)->after, 0);

    /* And the log continues from there. */
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 100, 6, (raft_term[]){7, 7}, 2, 101)),
                     RAFT_OK);
    assert_int_equal(s.effects.append_first, 101);
    assert_int_equal(raft_commit_index(s.raft), 101);
    solo_deinit(&s);
}

/* The last entry has another term, so the log is useless. */
static void test_snapshot__replaces_another_log_though_that_is_longer(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(installed(&s, 5, 5, &five, 2), RAFT_OK);
    assert_int_equal(raft_last_index(s.raft), 5);
    assert_int_equal(raft_term_at(s.raft, 5), 5);
    assert_int_equal(raft_configuration(s.raft)->member_count, 5);
    solo_deinit(&s);
}

/* §7, InstallSnapshot, rule 6: entries after it may have been acknowledged. */
static void test_snapshot__keeps_what_follows_its_last_entry(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(installed(&s, 5, 4, &five, 2), RAFT_OK);
    assert_int_equal(raft_origin(s.raft), 5);
    assert_int_equal(raft_last_index(s.raft), 6);
    assert_int_equal(raft_durable_index(s.raft), 6);
    assert_int_equal(raft_commit_index(s.raft), 5);
    assert_int_equal(raft_configuration(s.raft)->member_count, 3); /* From the log, as before. */
    assert_int_equal(raft_configuration_index(s.raft), 1);
    assert_int_equal(accepted(&s, 2), 5);
    solo_deinit(&s);
}

/* Nor the terms in it: its leader may have gone on since. */
static void test_snapshot__never_lowers_anything(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(installed(&s, 100, 6, &five, 80), RAFT_OK);
    for (raft_index index = 1; index <= 100; index += 33) {
        assert_int_equal(installed(&s, index, index == 100 ? 6 : 1, &five, 1), RAFT_OK);
        assert_int_equal(raft_origin(s.raft), 100);
        assert_int_equal(raft_commit_index(s.raft), 100);
        assert_int_equal(raft_current_term(s.raft), 7);
        assert_int_equal(raft_configuration_index(s.raft), 80);
        assert_int_equal(s.effects.outbound_count, 0);
    }
    assert_int_equal(solo_receive(&s, solo_append(2, 7, 100, 6, (raft_term[]){7, 7, 7}, 3, 103)),
                     RAFT_OK);
    solo_settle(&s);
    assert_int_equal(installed(&s, 102, 7, &five, 80), RAFT_OK); /* As after compaction. */
    assert_int_equal(raft_origin(s.raft), 102);
    assert_int_equal(raft_last_index(s.raft), 103);
    assert_int_equal(raft_commit_index(s.raft), 103);
    solo_deinit(&s);
}

static void test_snapshot__that_contradicts_what_is_known_is_refused(void **state)
{
    const struct raft_configuration nobody = {0};
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(installed(&s, 3, 2, &five, 1), RAFT_ELOG);
    /* Of a term that was never seen. */
    assert_int_equal(installed(&s, 100, 8, &five, 80), RAFT_ELOG);
    assert_int_equal(installed(&s, 100, 6, &nobody, 80), RAFT_ELOG);
    assert_int_equal(installed(&s, 100, 6, &five, 0), RAFT_ELOG);
    assert_int_equal(installed(&s, 100, 6, &five, 101), RAFT_ELOG);
    assert_int_equal(raft_last_index(s.raft), 6);
    assert_int_equal(raft_origin(s.raft), 0);
    solo_deinit(&s);
}

/* Each snapshot has it, whatever is left in the log. */
static void test_snapshot__of_each_generation_has_the_configuration(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    assert_int_equal(installed(&s, 100, 6, &five, 80), RAFT_OK);
    for (raft_index index = 101; index < 110; index++) {
        assert_int_equal(solo_receive(&s, solo_append(2, 7, index - 1, index == 101 ? 6 : 7,
                                                      (raft_term[]){7}, 1, index)),
                         RAFT_OK);
        solo_settle(&s);
        raft_compact(s.raft, index);
        assert_int_equal(raft_configuration(s.raft)->member_count, 5);
        assert_int_equal(raft_configuration_index(s.raft), 80);
    }
    assert_int_equal(installed(&s, 200, 7, raft_configuration(s.raft), 80), RAFT_OK);
    assert_int_equal(raft_configuration(s.raft)->member_count, 5);
    solo_deinit(&s);
}

/* Its campaign was for another log and another configuration. */
static void test_snapshot__ends_a_campaign(void **state)
{
    const struct raft_configuration others = {
        .member_count = 2, .members = {{.id = 2, .incoming = true}, {.id = 3, .incoming = true}}};
    struct solo s;

    (void)state;
    follow(&s);
    solo_timeout(&s);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    assert_int_equal(installed(&s, 100, 6, &others, 80), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(raft_role_reason(s.raft), RAFT_BECAUSE_INSTALLED);
    assert_int_equal(s.effects.outbound_count, 0); /* The leader is unknown. */
    assert_int_equal(offer(&s, 2, 7, 100, 6), RAFT_OK);
    assert_int_equal(accepted(&s, 2), 100);
    solo_deinit(&s);
}

/* It was being fetched when this node was elected without it. */
static void test_snapshot__is_not_wanted_by_a_leader(void **state)
{
    struct solo s;

    (void)state;
    follow(&s);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_false(raft_wants_snapshot(s.raft, 100));
    raft_index last = raft_last_index(s.raft);

    assert_int_equal(installed(&s, 3, 1, &five, 2), RAFT_OK);
    assert_int_equal(raft_origin(s.raft), 3);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    assert_int_equal(raft_last_index(s.raft), last);
    solo_deinit(&s);
}

/* --- leading ---------------------------------------------------------------------------- */

/* Leads term 8, whose no-op has index 7. Its log begins after 4; node 3 has only entry 1. */
static void lead(struct solo *s)
{
    follow(s);
    solo_become_leader(s);
    solo_settle(s);
    assert_int_equal(solo_receive(s, solo_accept(2, 8, 7)), RAFT_OK);
    raft_compact(s->raft, 4);
    assert_int_equal(solo_receive(s, solo_reject(3, 8, 6, 2, 0)), RAFT_OK);
}

static void beat(struct solo *s)
{
    solo_pass(s, SOLO_HEARTBEAT);
    assert_int_equal(solo_receive(s, solo_accept(2, 8, 7)), RAFT_OK);
    assert_null(solo_sent(s, RAFT_INSTALL_SNAPSHOT, 0));
    assert_int_equal(solo_tick(s), RAFT_OK);
}

static void test_snapshot__is_offered_with_each_heartbeat_to_who_needs_it(void **state)
{
    struct raft_snapshot own = {
        .last_included_index = 5, .last_included_term = 4, .bytes = 10, .checksum = 20};
    struct solo s;

    (void)state;
    lead(&s);
    beat(&s);
    assert_null(solo_sent(&s, RAFT_INSTALL_SNAPSHOT, 0)); /* There is none. */
    raft_set_snapshot(s.raft, &own);
    for (int i = 0; i < 3; i++) {
        beat(&s);
        assert_int_equal(solo_sent_count(&s, RAFT_INSTALL_SNAPSHOT), 1);
        const struct raft_message *m = &solo_sent(&s, RAFT_INSTALL_SNAPSHOT, 3)->message;

        assert_int_equal(m->term, 8);
        assert_int_equal(m->install_snapshot.last_included_index, own.last_included_index);
        assert_int_equal(m->install_snapshot.last_included_term, own.last_included_term);
        assert_int_equal(m->install_snapshot.bytes, 10);
        assert_int_equal(m->install_snapshot.checksum, 20);
        assert_int_equal(m->install_snapshot.holder, 1); /* This node, unless another one has it. */
        own.last_included_index = 7;                     /* A newer one. */
        own.last_included_term = 8;
        raft_set_snapshot(s.raft, &own);
    }
    solo_deinit(&s);
}

static void test_snapshot__of_another_holder_may_be_offered(void **state)
{
    const struct raft_snapshot other = {
        .last_included_index = 5, .last_included_term = 4, .holder = 2};
    struct solo s;

    (void)state;
    lead(&s);
    raft_set_snapshot(s.raft, &other);
    beat(&s);
    assert_int_equal(solo_sent(&s, RAFT_INSTALL_SNAPSHOT, 3)->message.install_snapshot.holder, 2);
    solo_deinit(&s);
}

/* A follower's is named first, as long as the log goes on from it here. */
static void test_snapshot__of_a_follower_is_offered_before_the_own(void **state)
{
    const struct raft_snapshot own = {.last_included_index = 5, .last_included_term = 4};
    struct raft_snapshot other = {
        .last_included_index = 7, .last_included_term = 8, .bytes = 9, .holder = 2};
    struct solo s;

    (void)state;
    lead(&s);
    raft_set_snapshot(s.raft, &own);
    raft_set_other_snapshot(s.raft, &other);
    beat(&s);
    assert_int_equal(solo_sent_count(&s, RAFT_INSTALL_SNAPSHOT), 2);
    const struct raft_message *m = &solo_sent(&s, RAFT_INSTALL_SNAPSHOT, 3)->message;

    assert_int_equal(m->install_snapshot.holder, 2);
    assert_int_equal(m->install_snapshot.last_included_index, 7);
    other.holder = 3; /* The one that needs it. */
    raft_set_other_snapshot(s.raft, &other);
    beat(&s);
    assert_int_equal(solo_sent_count(&s, RAFT_INSTALL_SNAPSHOT), 1);
    other = (struct raft_snapshot){.last_included_index = 3, .last_included_term = 1, .holder = 2};
    raft_set_other_snapshot(s.raft, &other); /* Entry 4 is gone. */
    beat(&s);
    assert_int_equal(solo_sent_count(&s, RAFT_INSTALL_SNAPSHOT), 1);
    solo_deinit(&s);
}

static void test_snapshot__once_installed_the_log_is_sent_from_there(void **state)
{
    const struct raft_snapshot own = {.last_included_index = 5, .last_included_term = 4};
    struct solo s;

    (void)state;
    lead(&s);
    raft_set_snapshot(s.raft, &own);
    beat(&s);
    assert_int_equal(solo_receive(&s, solo_accept(3, 8, 5)), RAFT_OK);
    const struct raft_outbound *o = solo_sent(&s, RAFT_APPEND_ENTRIES, 3);

    assert_non_null(o);
    assert_int_equal(o->message.append_entries.prev_log_index, 5);
    assert_int_equal(o->message.append_entries.entry_count, 2);
    beat(&s);
    assert_null(solo_sent(&s, RAFT_INSTALL_SNAPSHOT, 0));
    solo_deinit(&s);
}

/* --- a cluster ---------------------------------------------------------------------------- */

static bool is_up_to_date(struct cluster *c, raft_id id)
{
    return raft_commit_index(cluster_raft(c, id)) ==
           raft_last_index(cluster_raft(c, cluster_leader(c)));
}

static void write_and_compact(struct cluster *c, raft_id leader, uint32_t count)
{
    assert_int_equal(cluster_propose(c, leader, count), RAFT_OK);
    cluster_run(c, 500 * CLUSTER_MS);
    cluster_compact(c, leader, raft_commit_index(cluster_raft(c, leader)),
                    raft_commit_index(cluster_raft(c, leader)) - 2);
}

/* While it fetches the first snapshot, the leader makes a newer one, and another leader a third. */
static void test_snapshot__brings_back_who_was_away(void **state)
{
    struct cluster *c = cluster_new(1);

    (void)state;
    cluster_add_voters(c, 3);
    cluster_start_all(c);
    cluster_elect(c, 1);
    cluster_isolate(c, 3, true);
    cluster_lost(c, 1, 3);
    write_and_compact(c, 1, 20);
    cluster_isolate(c, 3, false);
    cluster_run(c, 200 * CLUSTER_MS);
    assert_int_equal(cluster_node(c, 3)->offer.last_included_index, 22);
    assert_false(is_up_to_date(c, 3));

    struct raft_snapshot first = cluster_node(c, 3)->offer;

    write_and_compact(c, 1, 5);
    cluster_compact(c, 2, 22, 22);
    cluster_transfer(c, 1, 2);
    cluster_run(c, 500 * CLUSTER_MS);
    assert_int_equal(cluster_leader(c), 2);
    cluster_node(c, 3)->offer = first; /* As it was when fetching began. */
    cluster_fetch(c, 3);
    cluster_run(c, 500 * CLUSTER_MS);
    assert_int_equal(raft_origin(cluster_raft(c, 3)), 22);
    assert_true(is_up_to_date(c, 3)); /* Node 2 has the log from there on. */
    cluster_check(c);
    cluster_free(c);
}

/* A node without anything, not even members; and each restart finds what it has installed. */
static void test_snapshot__lets_a_node_join(void **state)
{
    struct cluster *c = cluster_new(1);

    (void)state;
    cluster_add_voters(c, 2);
    cluster_start_all(c);
    cluster_elect(c, 1);
    write_and_compact(c, 1, 20);
    cluster_start(c, cluster_add_empty(c)->id);
    assert_int_equal(cluster_change(c, 1, RAFT_ADD_LEARNER, 3), RAFT_OK);
    cluster_run(c, 200 * CLUSTER_MS);
    cluster_fetch(c, 3);
    assert_int_equal(raft_configuration(cluster_raft(c, 3))->member_count, 2);
    cluster_crash(c, 3);
    cluster_start(c, 3);
    assert_int_equal(raft_configuration(cluster_raft(c, 3))->member_count, 2);
    cluster_run(c, 500 * CLUSTER_MS);
    assert_true(is_up_to_date(c, 3));
    assert_int_equal(raft_configuration(cluster_raft(c, 3))->member_count, 3);
    assert_true(raft_configuration(cluster_raft(c, 1))->members[2].incoming);
    cluster_check(c);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot__of_what_a_node_lacks_is_to_be_fetched),
        cmocka_unit_test(test_snapshot__of_another_log_is_to_be_fetched),
        cmocka_unit_test(test_snapshot__of_what_a_node_has_is_not_needed),
        cmocka_unit_test(test_snapshot__is_not_needed_only_once_the_log_is_durable),
        cmocka_unit_test(test_snapshot__of_an_old_leader_is_ignored),
        cmocka_unit_test(test_snapshot__of_a_new_leader_makes_a_follower),
        cmocka_unit_test(test_snapshot__that_can_not_be_is_refused),
        cmocka_unit_test(test_snapshot__replaces_a_log_that_ends_before),
        cmocka_unit_test(test_snapshot__replaces_another_log_though_that_is_longer),
        cmocka_unit_test(test_snapshot__keeps_what_follows_its_last_entry),
        cmocka_unit_test(test_snapshot__never_lowers_anything),
        cmocka_unit_test(test_snapshot__that_contradicts_what_is_known_is_refused),
        cmocka_unit_test(test_snapshot__of_each_generation_has_the_configuration),
        cmocka_unit_test(test_snapshot__ends_a_campaign),
        cmocka_unit_test(test_snapshot__is_not_wanted_by_a_leader),
        cmocka_unit_test(test_snapshot__is_offered_with_each_heartbeat_to_who_needs_it),
        cmocka_unit_test(test_snapshot__of_another_holder_may_be_offered),
        cmocka_unit_test(test_snapshot__of_a_follower_is_offered_before_the_own),
        cmocka_unit_test(test_snapshot__once_installed_the_log_is_sent_from_there),
        cmocka_unit_test(test_snapshot__brings_back_who_was_away),
        cmocka_unit_test(test_snapshot__lets_a_node_join),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
