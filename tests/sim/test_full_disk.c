/* Disks that are full, and stay so for a while: what clients are told, and who leads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "server/replica.h"
#include "store/store.h"

enum { SEEDS = 5, SEGMENT_BYTES = 512 * 1024 };

static const struct user_options writers = {.key_count = 20,
                                            .pipeline_max = 8,
                                            .backlog_max = 16,
                                            .read_percent = 20,
                                            .value_bytes_max = 4000,
                                            .think_ns = SIM_MS,
                                            .patience_ns = 30 * SIM_S};

static const struct user_options readers = {.key_count = 20,
                                            .pipeline_max = 4,
                                            .backlog_max = 16,
                                            .read_percent = 100,
                                            .value_bytes_max = 100,
                                            .think_ns = SIM_MS,
                                            .patience_ns = 30 * SIM_S};

static void make_small(struct server_config *config)
{
    config->segment_bytes = SEGMENT_BYTES;
    config->in_flight_bytes_max = 1024 * 1024; /* Not what is refused here. */
}

static void set_capacity(struct node *n, uint64_t bytes)
{
    struct sim_disk_profile profile = n->cluster->disk;

    profile.capacity_bytes = bytes;
    sim_set_disk(n->machine, &profile);
}

static void fill(struct node *n)
{
    set_capacity(n, sim_disk_bytes(n->machine));
}

static void fill_all(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        fill(&c->nodes[i]);
    }
}

static struct store *store_of(const struct node *n)
{
    return replica_store(n->server->replica);
}

static const struct raft *raft_of(const struct node *n)
{
    return replica_raft(n->server->replica);
}

/* Until the leader takes no write of any size. */
static void run_until_spent(struct cluster *c)
{
    bool is_spent = false;

    for (int i = 0; i < 600 && !is_spent; i++) {
        calm_cluster_run_for(c, 100 * SIM_MS);
        is_spent = !store_has_room(store_of(cluster_leader(c)), STORE_FOR_CLIENTS, 1);
    }
    assert_true(is_spent);
}

static void check_reads_are_served(struct cluster *c)
{
    calm_cluster_start_users(c, &readers);
    calm_cluster_run_for(c, SIM_S);
    for (uint32_t i = 0; i < c->user_count; i++) {
        assert_true(user_take_success_count(c->users[i]) > 10);
    }
}

static void test_full_disks__leave_room_for_many_elections(void **state)
{
    enum { TRANSFERS = 30 };

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, make_small);
        uint64_t term;

        calm_cluster_start_users(c, &writers);
        fill_all(c);
        run_until_spent(c);
        term = raft_current_term(raft_of(cluster_leader(c)));
        for (int i = 0; i < TRANSFERS; i++) {
            operator_command_to(&c->operator, cluster_leader(c), "RAFT", "TRANSFER", NULL);
            calm_cluster_run_for(c, SIM_S);
            assert_non_null(cluster_leader(c));
        }
        assert_true(raft_current_term(raft_of(cluster_leader(c))) >= term + TRANSFERS);
        assert_true(raft_is_ready(raft_of(cluster_leader(c))));
        check_reads_are_served(c);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disks__leave_room_for_many_elections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
