/* A member that needs a snapshot gets that of a follower, while the leader's log is cut again and
 * again: it must not be cut behind what the member will need next (I-203). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/state.h"

enum {
    FIRST_SEED = 9, /* From 1 on, half of the runs end as check_return() allows. */
    SEEDS = SEEDS_OF(12),
    AWAY_S = 20,
    HOLDER_WITHIN_S = 60,
    BACK_WITHIN_S = 60,
    BYTES_A_SECOND = 20000
};

static const struct user_options users = {.key_count = 40,
                                          .pipeline_max = 1,
                                          .backlog_max = 1,
                                          .value_bytes_max = 4000,
                                          .think_ns = 50 * SIM_MS,
                                          .patience_ns = 30 * SIM_S};

static void cut_often(struct server_config *config)
{
    config->segment_bytes = 16 * 1024;
    config->snapshot_after_bytes = 1024 * 1024;
    config->snapshot_after_entries = 1 << 20;
    config->log_tail_bytes = 512 * 1024;
}

static bool is_back(struct cluster *c, const struct node *n)
{
    const struct node *leader = cluster_leader(c);

    return n->phase == NODE_UP && leader != NULL && n->server->replica->install.count > 0 &&
           raft_last_index(replica_raft(n->server->replica)) >=
               raft_commit_index(replica_raft(leader->server->replica));
}

/* Fetching a snapshot from a follower takes so long that the leader makes several. */
static void slow_down(struct cluster *c, const struct node *away)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];

        if (n != away && n != cluster_leader(c)) {
            sim_narrow(n->machine, away->machine, BYTES_A_SECOND);
        }
    }
}

/* The other follower has a snapshot that the leader would name. */
static bool has_holder(struct cluster *c)
{
    return cluster_leader(c)->server->replica->other_index != 0;
}

/* Whether a follower has sent it. */
static bool check_return(struct cluster *c)
{
    struct node *away = calm_cluster_follower(c);

    calm_cluster_start_users(c, &users);
    slow_down(c, away);
    away->stays_down = true;
    cluster_kill(away, SIM_KILLED);
    calm_cluster_run_for(c, AWAY_S * SIM_S);
    for (int i = 0; i < HOLDER_WITHIN_S && !has_holder(c); i++) {
        calm_cluster_run_for(c, SIM_S);
    }
    assert_true(has_holder(c));
    away->stays_down = false;
    cluster_start_later(away, 0);
    for (int i = 0; i < BACK_WITHIN_S && !is_back(c, away); i++) {
        calm_cluster_run_for(c, SIM_S);
    }
    assert_true(is_back(c, away));
    assert_int_equal(away->server->replica->install.count, 1);
    /* The follower may have replaced the snapshot before the first part was asked for. */
    if (away->server->replica->fetching.is_from_leader) {
        return false;
    }
    assert_int_equal(c->sometimes.counts[SOMETIMES_SNAPSHOT_OF_FOLLOWER], 1);
    return true;
}

static void test_holders__send_one_snapshot_and_the_leader_the_rest(void **state)
{
    uint32_t count = 0;

    (void)state;
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, cut_often);

        count += check_return(c);
        cluster_free(c);
    }
    assert_true(2 * count > SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holders__send_one_snapshot_and_the_leader_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
