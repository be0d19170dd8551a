/* A start with much to load works in turns: until everything is loaded the node takes no part in
 * the cluster, ends at once on request, and may die at any time. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/state.h"

enum { PARTS_MIN = 8 };

static void adjust(struct server_config *config)
{
    config->segment_bytes = 16 * 1024; /* A part is at most as large as a segment. */
    config->load_turn_ns = 1;          /* Each part is loaded in a turn of its own. */
}

static bool is_loading(const struct node *n)
{
    struct replica_progress progress;

    return replica_is_loading(n->server->replica, &progress);
}

static void adjust_for_snapshots(struct server_config *config)
{
    adjust(config);
    config->snapshot_after_bytes = 64 * 1024;
    /* The log stays: nobody needs another one's snapshot. */
    config->log_memory_bytes = 1ull << 30;
    config->log_tail_bytes = 1ull << 30;
}

static const struct user_options users = {
    .key_count = 50,
    .pipeline_max = 5,
    .backlog_max = 20,
    .value_bytes_max = 2000,
    .think_ns = 20 * SIM_MS,
    .patience_ns = 2 * SIM_S,
};

/* A follower that was killed while its log had many parts. */
static struct node *victim_of(struct cluster *c)
{
    struct node *n = &c->nodes[0];
    char leader[17];

    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 2 * SIM_S);
    /* So that the newest configuration is not at the beginning of the log. */
    snprintf(leader, sizeof leader, "%016" PRIx64, cluster_leader(c)->id);
    operator_command_words(&c->operator, cluster_leader(c),
                           (const char *[]){"RAFT", "PRIORITY", leader, "9", NULL});
    calm_cluster_run_for(c, 3 * SIM_S);
    if (n == cluster_leader(c)) {
        n = &c->nodes[1];
    }
    cluster_kill(n, SIM_KILLED);
    return n;
}

/* Runs until so many parts are loaded. */
static void load_parts(struct cluster *c, const struct node *n, size_t count)
{
    while (is_loading(n) && n->server->replica->replay.run < count) {
        assert_true(sim_step(c->sim, UINT64_MAX));
        assert_false(c->verdict.is_guilty);
    }
}

static void test_loading__goes_on_in_turns_and_takes_no_part(void **state)
{
    struct cluster *c = calm_cluster_start(1, adjust);
    struct node *n = victim_of(c);
    struct replica_progress before;
    struct replica_progress after;
    raft_index applied_index;
    struct figures figures;

    (void)state;
    cluster_start(n);
    assert_true(replica_is_loading(n->server->replica, &before));
    load_parts(c, n, PARTS_MIN / 2);
    assert_true(replica_is_loading(n->server->replica, &after));
    assert_true(after.bytes > before.bytes);
    assert_true(after.bytes < after.total_bytes);
    assert_false(n->server->replica->is_running);
    assert_false(replica_is_serving(n->server->replica));
    applied_index = replica_applied_index(cluster_leader(c)->server->replica);
    replica_get_figures(n->server->replica, &figures); /* As INFO does. */
    assert_int_equal(figures.outgoing_bytes, 0);
    calm_cluster_run_for(c, 3 * SIM_S);
    assert_false(is_loading(n));
    assert_true(n->server->replica->is_running);
    assert_true(replica_applied_index(n->server->replica) > applied_index);
    cluster_free(c);
}

static void test_loading__ends_at_once_if_told_to(void **state)
{
    struct cluster *c = calm_cluster_start(2, adjust);
    struct node *n = victim_of(c);
    uint64_t now_ns;

    (void)state;
    cluster_start(n);
    load_parts(c, n, PARTS_MIN / 2);
    assert_true(is_loading(n));
    now_ns = sim_now_ns(c->sim);
    server_stop(n->server);
    assert_int_equal(n->phase, NODE_ENDED);
    assert_int_equal(sim_now_ns(c->sim), now_ns);
    cluster_start_later(n, SIM_S);
    calm_cluster_run_for(c, 3 * SIM_S);
    assert_true(n->server->replica->is_running);
    cluster_free(c);
}

static void test_loading__may_die_at_any_time(void **state)
{
    struct cluster *c = calm_cluster_start(3, adjust);
    struct node *n = victim_of(c);

    (void)state;
    for (size_t parts = 0; parts < PARTS_MIN; parts++) {
        cluster_start(n);
        load_parts(c, n, parts);
        cluster_kill(n, parts % 2 == 0 ? SIM_KILLED : SIM_POWER);
        calm_cluster_run_for(c, 10 * SIM_MS);
    }
    cluster_start(n);
    calm_cluster_run_for(c, 3 * SIM_S);
    assert_true(n->server->replica->is_running);
    cluster_free(c);
}

static void test_loading__begins_with_a_snapshot(void **state)
{
    struct cluster *c = calm_cluster_start(4, adjust_for_snapshots);
    struct node *n = victim_of(c);
    uint32_t turns = 0;

    (void)state;
    for (int i = 0; i < PARTS_MIN; i++) {
        cluster_start(n);
        assert_true(n->server->replica->is_loading_snapshot);
        for (int step = 0; step < i && is_loading(n); step++) {
            assert_true(sim_step(c->sim, UINT64_MAX));
        }
        cluster_kill(n, i % 2 == 0 ? SIM_KILLED : SIM_POWER);
    }
    cluster_start(n);
    while (is_loading(n)) {
        assert_int_equal(replica_is_serving(n->server->replica), false);
        assert_true(sim_step(c->sim, UINT64_MAX));
        assert_false(c->verdict.is_guilty);
        turns += n->server->replica->is_loading_snapshot;
        /* The log begins with entry 1, and the members of the snapshot are known once that is
         * loaded: clients may ask for them at any time (seed 4216). */
        assert_int_equal(replica_membership(n->server->replica) == NULL,
                         n->server->replica->is_loading_snapshot);
    }
    assert_true(turns > 2);
    assert_true(n->server->replica->applied_index > 0);
    calm_cluster_run_for(c, 3 * SIM_S);
    assert_true(n->server->replica->is_running);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loading__goes_on_in_turns_and_takes_no_part),
        cmocka_unit_test(test_loading__ends_at_once_if_told_to),
        cmocka_unit_test(test_loading__may_die_at_any_time),
        cmocka_unit_test(test_loading__begins_with_a_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
