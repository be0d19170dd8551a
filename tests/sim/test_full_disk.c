/* Disks that are full for a while: what clients are answered, and who leads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"
#include "store/store.h"

enum { SEEDS = SEEDS_OF(5), SEGMENT_BYTES = 512 * 1024 };

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

/* Uses the usual request timeout, whatever the seed has drawn: with one as short as an election
 * timeout, commands under way on slow disks at a change of leader may end in doubt. */
static void make_small(struct server_config *config)
{
    config->segment_bytes = SEGMENT_BYTES;
    config->in_flight_bytes_max = 1024 * 1024; /* More than what is refused here. */
    config->request_timeout_ns = 2 * SIM_S;
}

static void make_small_and_hasty(struct server_config *config)
{
    make_small(config);
    config->request_timeout_ns = config->election_timeout_ns;
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

static bool is_spent(const struct node *n)
{
    return !store_has_room(store_of(n), STORE_FOR_CLIENTS, 1);
}

/* Runs until no write of any size is accepted: by the leader, or by a majority. */
static void run_until_spent(struct cluster *c)
{
    bool is_over = false;

    for (int i = 0; i < 600 && !is_over; i++) {
        uint32_t spent_count = 0;

        calm_cluster_run_for(c, 100 * SIM_MS);
        for (uint32_t k = 0; k < c->node_count; k++) {
            spent_count += is_spent(&c->nodes[k]);
        }
        is_over = spent_count >= 2 || (cluster_leader(c) != NULL && is_spent(cluster_leader(c)));
    }
    assert_true(is_over);
}

/* From now on each user must be answered, again and again. */
static void check_all_are_served(struct cluster *c, uint64_t for_ns)
{
    for (uint32_t i = 0; i < c->user_count; i++) {
        (void)user_take_success_count(c->users[i]);
    }
    calm_cluster_run_for(c, for_ns);
    for (uint32_t i = 0; i < c->user_count; i++) {
        assert_true(user_take_success_count(c->users[i]) > 10);
    }
}

static void check_reads_are_served(struct cluster *c)
{
    calm_cluster_start_users(c, &readers);
    check_all_are_served(c, SIM_S);
}

static raft_term term_of_leader(struct cluster *c)
{
    return raft_current_term(raft_of(cluster_leader(c)));
}

static void test_full_disks__leave_room_for_many_elections(void **state)
{
    enum { TRANSFERS = 30, TRIES = 40 }; /* A node that lags behind may not take over at once. */

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, make_small);
        uint64_t term;

        calm_cluster_start_users(c, &writers);
        fill_all(c);
        run_until_spent(c);
        term = term_of_leader(c);
        for (int i = 0; i < TRIES && term_of_leader(c) < term + TRANSFERS; i++) {
            operator_command_to(&c->operator, cluster_leader(c), "RAFT", "TRANSFER", NULL);
            calm_cluster_run_for(c, SIM_S);
            assert_non_null(cluster_leader(c));
        }
        assert_true(term_of_leader(c) >= term + TRANSFERS);
        assert_true(raft_is_ready(raft_of(cluster_leader(c))));
        check_reads_are_served(c);
        cluster_free(c);
    }
}

/* --- only some nodes have room ----------------------------------------------------------- */

static struct node *await_other_leader(struct cluster *c, const struct node *former)
{
    struct node *leader = former == NULL ? NULL : cluster_leader(c);

    for (int i = 0; i < 100 && (leader == NULL || leader == former); i++) {
        calm_cluster_run_for(c, 100 * SIM_MS);
        leader = cluster_leader(c);
    }
    assert_true(leader != NULL && leader != former);
    calm_cluster_run_for(c, 500 * SIM_MS);
    return leader;
}

static uint64_t refused_count(const struct cluster *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        struct replica_stats stats;

        replica_get_stats(c->nodes[i].server->replica, &stats);
        sum += stats.no_room_count;
    }
    return sum;
}

/* A majority has room: once it has a leader, users notice nothing. */
static void test_full_disk__of_the_leader_costs_no_write(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, make_small);
        struct node *full = cluster_leader(c);
        struct node *leader;
        uint64_t refused;
        raft_term term;

        calm_cluster_start_users(c, &writers);
        fill(full);
        leader = await_other_leader(c, full);
        refused = refused_count(c);
        term = raft_current_term(raft_of(leader));
        check_all_are_served(c, 20 * SIM_S);
        assert_true(store_is_full(store_of(full)));
        assert_ptr_equal(cluster_leader(c), leader); /* And it remains the leader. */
        assert_int_equal(raft_current_term(raft_of(leader)), term);
        assert_int_equal(refused_count(c), refused);
        assert_int_equal(calm_cluster_count_in_doubt(c), 0);
        cluster_free(c);
    }
}

/* The leader learns of it in time: what it accepts has room, and the rest is refused. */
static void check_full_majority(uint64_t seed, void (*adjust)(struct server_config *config))
{
    struct cluster *c = calm_cluster_start(seed, adjust);
    struct node *leader = cluster_leader(c);

    calm_cluster_start_users(c, &writers);
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (&c->nodes[i] != leader) {
            fill(&c->nodes[i]);
        }
    }
    run_until_spent(c);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_ptr_equal(cluster_leader(c), leader);
    assert_false(store_is_full(store_of(leader)));
    assert_true(refused_count(c) > 0);
    assert_int_equal(calm_cluster_count_in_doubt(c), 0);

    for (uint32_t i = 0; i < c->node_count; i++) {
        set_capacity(&c->nodes[i], 1 << 30);
    }
    calm_cluster_run_for(c, 3 * SIM_S);
    uint64_t refused = refused_count(c);

    check_all_are_served(c, 3 * SIM_S);
    assert_int_equal(refused_count(c), refused);
    cluster_free(c);
}

static void test_full_disks__of_a_majority_leave_nothing_in_doubt(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        check_full_majority(seed, make_small);
    }
}

/* Commands that wait for the last room on the disks are refused while that is certain, like
 * commands that wait for room in the log. */
static void test_full_disks__refuse_in_time_what_waits_for_their_room(void **state)
{
    static const uint64_t slow_disks = 24; /* A seed with slow disks. */

    (void)state;
    check_full_majority(slow_disks, make_small_and_hasty);
}

/* A node with room leads again within seconds, though the full one may have to lead for a while:
 * its log may be the only one that can win. */
static void test_full_disk__campaigns_last_if_a_leader_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, make_small);
        struct node *full = cluster_leader(c);
        struct node *lost;

        calm_cluster_start_users(c, &writers);
        fill(full);
        lost = await_other_leader(c, full);
        lost->stays_down = true;
        cluster_kill(lost, SIM_KILLED);
        calm_cluster_run_for(c, 5 * SIM_S);
        assert_non_null(cluster_leader(c));
        assert_ptr_not_equal(cluster_leader(c), full);

        set_capacity(full, 1 << 30);
        for (uint32_t i = 0; i < c->user_count; i++) {
            user_rest(c->users[i]); /* Over a slow network it would lag behind for ever. */
        }
        for (int i = 0; i < 10 && cluster_leader(c) != full; i++) { /* It has to catch up. */
            operator_command_to(&c->operator, cluster_leader(c), "RAFT", "TRANSFER", NULL);
            calm_cluster_run_for(c, 2 * SIM_S);
        }
        assert_ptr_equal(cluster_leader(c), full);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disks__leave_room_for_many_elections),
        cmocka_unit_test(test_full_disk__of_the_leader_costs_no_write),
        cmocka_unit_test(test_full_disks__of_a_majority_leave_nothing_in_doubt),
        cmocka_unit_test(test_full_disks__refuse_in_time_what_waits_for_their_room),
        cmocka_unit_test(test_full_disk__campaigns_last_if_a_leader_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
