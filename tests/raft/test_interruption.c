/* test_interruption.c - what happens to work under way when a disk stalls, a target dies, or a
 * node crashes: for example, at each step of a change of membership. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"

#define ELECTION_TIMEOUT (300 * CLUSTER_MS)

static struct cluster *led_by_1(uint32_t node_count)
{
    struct cluster *c = cluster_new(7);

    cluster_add_voters(c, node_count);
    cluster_start_all(c);
    cluster_elect(c, 1);
    return c;
}

/* --- stalled disks ---------------------------------------------------------------- */

/* Like cluster_settle(), but the disk of `stalled` does nothing. */
static void settle_but(struct cluster *c, raft_id stalled)
{
    bool is_busy = true;

    while (is_busy) {
        is_busy = c->packet_count > 0;
        for (raft_id id = 1; id <= c->node_count; id++) {
            if (id != stalled) {
                is_busy = is_busy || cluster_node(c, id)->write_count > 0;
                cluster_durable_all(c, id);
            }
        }
        cluster_deliver_round(c);
    }
}

/* The time of a heartbeat passes, and all nodes do what is due. */
static void pass_heartbeat(struct cluster *c, raft_id stalled)
{
    for (int i = 0; i < 60; i++) {
        c->now_ns += CLUSTER_MS;
        for (raft_id id = 1; id <= c->node_count; id++) {
            if (cluster_node(c, id)->effects.deadline_ns <= c->now_ns) {
                cluster_tick(c, id);
                settle_but(c, stalled);
            }
        }
    }
}

/* Scenario 6: heartbeats do not wait for the leader's disk. The others are a majority without
 * it, and commit what it proposes. */
static void test_stall__of_the_leaders_disk_stops_neither_heartbeats_nor_commits(void **state)
{
    struct cluster *c = led_by_1(3);

    (void)state;
    for (int i = 0; i < 100; i++) { /* Six seconds. */
        assert_int_equal(cluster_propose(c, 1, 1), RAFT_OK);
        pass_heartbeat(c, 1);
        assert_int_equal(cluster_leader(c), 1);
        assert_int_equal(raft_commit_index(cluster_raft(c, 1)),
                         raft_last_index(cluster_raft(c, 1)));
    }
    assert_int_equal(raft_current_term(cluster_raft(c, 1)), 2);
    assert_int_equal(cluster_node(c, 1)->write_count, 100);
    cluster_settle(c);
    assert_int_equal(cluster_node(c, 1)->durable_log.count, raft_last_index(cluster_raft(c, 1)));
    cluster_free(c);
}

/* If its disk is needed, nothing is committed meanwhile, but no election begins. */
static void test_stall__of_a_needed_disk_commits_nothing_and_deposes_nobody(void **state)
{
    struct cluster *c = led_by_1(2);
    raft_index before = raft_commit_index(cluster_raft(c, 1));

    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(cluster_propose(c, 1, 1), RAFT_OK);
        pass_heartbeat(c, 1);
        assert_int_equal(cluster_leader(c), 1);
        assert_int_equal(raft_commit_index(cluster_raft(c, 1)), before);
    }
    cluster_settle(c);
    assert_int_equal(raft_commit_index(cluster_raft(c, 1)), before + 50);
    assert_int_equal(raft_current_term(cluster_raft(c, 1)), 2);
    cluster_free(c);
}

/* --- the target of a transfer does not answer -------------------------------------- */

/* Scenario 7: the target dies; after one election timeout writes are accepted again. */
static void test_transfer__to_a_dead_target_costs_one_timeout(void **state)
{
    struct cluster *c = led_by_1(3);

    (void)state;
    cluster_crash(c, 3);
    assert_int_equal(cluster_transfer(c, 1, 3), RAFT_OK);
    assert_int_equal(cluster_propose(c, 1, 1), RAFT_EBUSY);
    cluster_run(c, ELECTION_TIMEOUT);
    assert_int_equal(cluster_propose(c, 1, 1), RAFT_OK);
    cluster_run(c, 10 * ELECTION_TIMEOUT);
    assert_int_equal(cluster_leader(c), 1);
    assert_int_equal(raft_current_term(cluster_raft(c, 1)), 2);
    assert_int_equal(raft_commit_index(cluster_raft(c, 1)), raft_last_index(cluster_raft(c, 1)));
    cluster_free(c);
}

/* --- long searches ------------------------------------------------------------------ */

/* Scenario 9, the worst case: each of 499 entries has a term of its own, and none is in both
 * logs. At most one probe per term, one at a time, and none with entries. */
static void test_repair__of_a_log_of_one_entry_terms_is_bounded(void **state)
{
    enum { ENTRIES = 499 };
    struct cluster *c = cluster_new(1);
    raft_term mine[ENTRIES];
    raft_term theirs[ENTRIES];
    uint32_t probe_count = 0;

    (void)state;
    c->runs_max = 2048;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        theirs[i] = 2 + 2 * i;
        mine[i] = 3 + 2 * i;
    }
    cluster_add_voters(c, 3);
    cluster_preload(c, 1, mine, ENTRIES);
    cluster_preload(c, 2, theirs, ENTRIES);
    cluster_start_all(c);
    cluster_tick_due(c, 1);
    while (raft_last_index(cluster_raft(c, 2)) != ENTRIES + 2) {
        for (raft_id id = 1; id <= 3; id++) {
            cluster_durable_all(c, id);
        }
        assert_true(c->packet_count > 0);
        probe_count += cluster_find(c, RAFT_APPEND_ENTRIES, 1, 2) == 0;
        cluster_deliver(c, 0);
    }
    assert_in_range(probe_count, 10, ENTRIES + 2);
    assert_int_equal(raft_term_at(cluster_raft(c, 2), ENTRIES), mine[ENTRIES - 2]);
    cluster_free(c);
}

/* --- changes of membership ---------------------------------------------------------- */

/* One thing happens: the next write becomes durable, or otherwise a message arrives. */
static bool take_step(struct cluster *c)
{
    for (raft_id id = 1; id <= c->node_count; id++) {
        if (cluster_node(c, id)->is_up && cluster_node(c, id)->write_count > 0) {
            cluster_durable(c, id, 1);
            return true;
        }
    }
    if (c->packet_count > 0) {
        cluster_deliver(c, 0);
        return true;
    }
    return false;
}

/* A node uses the newest configuration in its log, committed or not; after a start, the one on
 * its disk (its commit index is 0 then). */
static void assert_newest_in_force(struct cluster *c, raft_id id)
{
    const struct cluster_log *log = &cluster_node(c, id)->log;
    const struct raft_configuration *newest = NULL;
    raft_index at = 0;

    for (uint32_t i = 0; i < log->count; i++) {
        if (log->entries[i].kind == RAFT_CONFIGURATION) {
            newest = log->entries[i].configuration;
            at = i + 1;
        }
    }
    assert_int_equal(raft_configuration_index(cluster_raft(c, id)), at);
    if (newest != NULL) {
        assert_memory_equal(raft_configuration(cluster_raft(c, id)), newest, sizeof(*newest));
    }
}

struct interruption {
    struct raft_change change;
    raft_id victim;
    bool loses_packets; /* What was under way at the crash is lost as well. */
};

/* Whether this configuration is the one before the change, or the one after it. */
static bool is_either(const struct raft_configuration *c, const struct interruption *how)
{
    bool has_whom = raft_configuration_find(c, how->change.id) != NULL;
    bool has_replaced = raft_configuration_find(c, how->change.replaces) != NULL;
    uint32_t others = how->change.kind == RAFT_ADD_LEARNER ? 3 : 2;

    if (how->change.replaces != 0) {
        return c->member_count == 3 && has_whom != has_replaced;
    }
    return !raft_configuration_is_joint(c) && c->member_count == others + (has_whom ? 1 : 0);
}

/* The change is interrupted after `steps` steps. False: it was complete before that. */
static bool interrupt(const struct interruption *how, uint32_t steps)
{
    struct cluster *c = led_by_1(3);
    struct raft_event event = {.kind = RAFT_CHANGE, .change = how->change};
    bool goes_on = true;

    if (how->change.kind == RAFT_ADD_LEARNER) {
        cluster_start(c, cluster_add_empty(c)->id);
    }
    assert_int_equal(cluster_step(c, 1, &event, NULL), RAFT_OK);
    for (uint32_t i = 0; i < steps && goes_on; i++) {
        goes_on = take_step(c);
    }
    cluster_crash(c, how->victim);
    while (how->loses_packets && c->packet_count > 0) {
        cluster_drop(c, 0);
    }
    for (raft_id id = 1; id <= c->node_count; id++) {
        if (id != how->victim) {
            assert_newest_in_force(c, id);
            assert_int_equal(cluster_lost(c, id, how->victim), RAFT_OK);
        }
    }
    cluster_run(c, steps % 2 == 0 ? 0 : 3 * ELECTION_TIMEOUT);
    cluster_start(c, how->victim);
    assert_newest_in_force(c, how->victim);
    cluster_run(c, 20 * ELECTION_TIMEOUT);

    raft_id leader = cluster_leader(c);

    assert_true(leader != 0);
    const struct raft_configuration *in_force = raft_configuration(cluster_raft(c, leader));

    assert_true(is_either(in_force, how));
    for (uint32_t i = 0; i < in_force->member_count; i++) {
        raft_id id = in_force->members[i].id;

        assert_true(in_force->members[i].incoming || in_force->members[i].stays_learner);
        assert_memory_equal(raft_configuration(cluster_raft(c, id)), in_force, sizeof(*in_force));
        assert_int_equal(raft_commit_index(cluster_raft(c, id)),
                         raft_last_index(cluster_raft(c, leader)));
    }
    cluster_free(c);
    return goes_on;
}

/* Scenario 18: whichever node crashes, and at whatever step of a change: each node uses the
 * newest configuration in its log, and in the end all have the same, complete one. */
static void test_change__may_be_interrupted_at_each_step(void **state)
{
    static const struct raft_change changes[] = {
        {.kind = RAFT_REMOVE, .id = 3},
        {.kind = RAFT_REMOVE, .id = 1},
        {.kind = RAFT_ADD_LEARNER, .id = 4},
        {.kind = RAFT_ADD_LEARNER, .id = 4, .replaces = 3},
        {.kind = RAFT_ADD_LEARNER, .id = 4, .replaces = 1},
        {.kind = RAFT_DEMOTE, .id = 3},
        {.kind = RAFT_DEMOTE, .id = 1},
    };
    uint32_t case_count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        for (raft_id victim = 1; victim <= 3; victim++) {
            for (int loses = 0; loses < 2; loses++) {
                const struct interruption how = {changes[i], victim, loses == 1};
                uint32_t steps = 0;

                while (interrupt(&how, steps)) {
                    steps++;
                }
                assert_true(steps > 10);
                case_count += steps;
            }
        }
    }
    assert_true(case_count > 200);
}

/* Scenario 14, the sequence of 2015: a leader logs a change that no other node has, and another
 * leader is elected. That one may begin no change before it has committed in its term, so that
 * no two configurations are ever in force whose majorities do not overlap. */
static void test_change__of_a_new_leader_waits_for_its_first_commit(void **state)
{
    struct cluster *c = led_by_1(4);

    (void)state;
    cluster_isolate(c, 1, true);
    assert_int_equal(cluster_change(c, 1, RAFT_REMOVE, 4), RAFT_OK);
    cluster_durable_all(c, 1);
    assert_true(raft_configuration_is_joint(raft_configuration(cluster_raft(c, 1))));
    c->now_ns += 3 * ELECTION_TIMEOUT;
    cluster_tick(c, 2);
    while (raft_role(cluster_raft(c, 2)) != RAFT_LEADER) {
        assert_true(take_step(c));
    }
    assert_false(raft_is_ready(cluster_raft(c, 2)));
    assert_int_equal(cluster_change(c, 2, RAFT_REMOVE, 1), RAFT_EBUSY);
    while (!raft_is_ready(cluster_raft(c, 2))) {
        assert_true(take_step(c));
    }
    assert_int_equal(cluster_change(c, 2, RAFT_REMOVE, 3), RAFT_OK);
    assert_int_equal(cluster_change(c, 2, RAFT_REMOVE, 1), RAFT_EBUSY); /* One at a time. */
    cluster_isolate(c, 1, false);
    cluster_run(c, 10 * ELECTION_TIMEOUT);
    assert_int_equal(raft_configuration(cluster_raft(c, 1))->member_count, 3);
    assert_non_null(raft_configuration_find(raft_configuration(cluster_raft(c, 1)), 4));
    assert_null(raft_configuration_find(raft_configuration(cluster_raft(c, 1)), 3));
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stall__of_the_leaders_disk_stops_neither_heartbeats_nor_commits),
        cmocka_unit_test(test_stall__of_a_needed_disk_commits_nothing_and_deposes_nobody),
        cmocka_unit_test(test_transfer__to_a_dead_target_costs_one_timeout),
        cmocka_unit_test(test_repair__of_a_log_of_one_entry_terms_is_bounded),
        cmocka_unit_test(test_change__may_be_interrupted_at_each_step),
        cmocka_unit_test(test_change__of_a_new_leader_waits_for_its_first_commit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
