/* A replica starts again from its directory while its process, both of its ports and its clients'
 * connections stay. To other nodes, that is a new process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/state.h"

static const struct user_options users = {
    .key_count = 50,
    .pipeline_max = 5,
    .backlog_max = 20,
    .value_bytes_max = 500,
    .think_ns = 20 * SIM_MS,
    .patience_ns = 2 * SIM_S,
};

static void load_slowly(struct server_config *config)
{
    config->segment_bytes = 16 * 1024;
    config->load_turn_ns = 1; /* Each part is loaded in a turn of its own. */
}

static void assert_equal_states(struct cluster *c)
{
    const struct replica *leader;

    assert_non_null(cluster_leader(c));
    leader = cluster_leader(c)->server->replica;
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct replica *r = c->nodes[i].server->replica;

        assert_true(r->is_running);
        assert_int_equal(replica_applied_index(r), raft_last_index(replica_raft(leader)));
        assert_true(keyspace_digest(replica_keyspace(r)) ==
                    keyspace_digest(replica_keyspace(leader)));
    }
}

static void rest(struct cluster *c)
{
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    calm_cluster_run_for(c, 5 * SIM_S);
}

static void test_restart__comes_back_with_all_that_it_had(void **state)
{
    struct cluster *c = calm_cluster_start(1, load_slowly);
    struct node *n = calm_cluster_follower(c);
    uint64_t incarnation = n->server->peers.incarnation;
    struct replica_progress progress;

    (void)state;
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 5 * SIM_S);
    replica_ask_restart(n->server->replica, "a test");
    assert_false(n->server->replica->is_running);
    while (!n->server->is_loading) {
        assert_true(sim_step(c->sim, UINT64_MAX));
    }
    assert_true(replica_is_loading(n->server->replica, &progress));
    assert_true(n->server->peers.incarnation != incarnation);
    assert_false(peers_is_connected(&n->server->peers, cluster_leader(c)->id));
    assert_int_equal(n->server->peers.cluster_id, 0); /* Nobody is welcome yet. */
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_true(c->sometimes.counts[SOMETIMES_RESTARTED] == 1);
    rest(c);
    assert_equal_states(c);
    cluster_free(c);
}

/* Whichever node it is, and whatever is under way. */
static void test_restart__of_any_node_at_any_time_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_OF(8); seed++) {
        struct cluster *c = calm_cluster_start(seed, seed % 2 == 0 ? load_slowly : NULL);

        calm_cluster_start_users(c, &users);
        for (int i = 0; i < 6; i++) {
            struct node *leader = cluster_leader(c);

            calm_cluster_run_for(c, 500 * SIM_MS + seed * 7 * SIM_MS);
            if (i % 2 == 0 && leader != NULL) {
                replica_ask_restart(leader->server->replica, "it leads");
            } else {
                replica_ask_restart(c->nodes[(seed + (uint64_t)i) % 3].server->replica, "a test");
            }
        }
        calm_cluster_run_for(c, 5 * SIM_S);
        rest(c);
        assert_true(c->sometimes.counts[SOMETIMES_RESTARTED] >= 4);
        assert_equal_states(c);
        cluster_free(c);
    }
}

/* Its directory can't be opened again: the node ends, and says why. */
static void test_restart__that_fails_ends_the_node(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *n = calm_cluster_follower(c);

    (void)state;
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, SIM_S);
    n->has_disk_trouble = true;
    n->stays_down = true;
    sim_limit_file_operations(n->io, 0);
    replica_ask_restart(n->server->replica, "a test");
    calm_cluster_run_for(c, SIM_S);
    assert_int_equal(n->phase, NODE_DOWN);
    assert_int_equal(n->exit_status, 1);
    cluster_free(c);
}

static void test_restart__of_a_node_that_is_stopping_ends_it(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *n = calm_cluster_follower(c);

    (void)state;
    calm_cluster_run_for(c, SIM_S);
    server_stop(n->server);
    replica_ask_restart(n->server->replica, "a test");
    n->is_retired = true;
    calm_cluster_run_for(c, SIM_S);
    assert_int_equal(n->phase, NODE_DOWN);
    assert_int_equal(n->exit_status, 0);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart__comes_back_with_all_that_it_had),
        cmocka_unit_test(test_restart__of_any_node_at_any_time_loses_nothing),
        cmocka_unit_test(test_restart__that_fails_ends_the_node),
        cmocka_unit_test(test_restart__of_a_node_that_is_stopping_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
