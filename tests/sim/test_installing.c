/* Disks that are full just when the log is to be cut, or a snapshot to be installed; and a part of
 * a snapshot that nobody needs any more (I-204). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "calm_cluster.h"
#include "replica/state.h"

enum { SEEDS = SEEDS_OF(4), STEPS_MAX = 2000 * 1000, AWAY_S = 30, ROOM_BYTES = 256 * 1024 };

static const struct user_options users = {.key_count = 40,
                                          .pipeline_max = 1,
                                          .backlog_max = 1,
                                          .value_bytes_max = 4000,
                                          .think_ns = 50 * SIM_MS,
                                          .patience_ns = 30 * SIM_S};

static void cut_often(struct server_config *config)
{
    config->segment_bytes = 16 * 1024;
    config->snapshot_after_bytes = 512 * 1024;
    config->snapshot_after_entries = 1 << 20;
    config->log_tail_bytes = 0;
}

static struct replica *replica_of(const struct node *n)
{
    return n->server->replica;
}

static void set_capacity(struct node *n, uint64_t bytes)
{
    struct sim_disk_profile profile = n->cluster->disk;

    profile.capacity_bytes = bytes;
    sim_set_disk(n->machine, &profile);
}

static bool is_cutting(const struct node *n)
{
    return replica_of(n)->compaction.is_moving;
}

static bool is_installing(const struct node *n)
{
    return n->phase == NODE_UP && replica_of(n)->is_installing;
}

static bool is_loaded(const struct node *n)
{
    return replica_of(n)->is_running;
}

static void await(struct cluster *c, const struct node *n, bool (*is_so)(const struct node *n))
{
    for (int i = 0; i < STEPS_MAX && !is_so(n); i++) {
        assert_true(sim_step(c->sim, UINT64_MAX));
        assert_false(c->verdict.is_guilty);
    }
    assert_true(is_so(n));
}

/* No room for a sector. */
static void test_full_disk__does_not_wait_for_another_snapshot_to_cut_the_log(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, cut_often);
        struct node *n = calm_cluster_follower(c);
        raft_index newest;

        calm_cluster_start_users(c, &users);
        await(c, n, is_cutting);
        newest = replica_of(n)->snapshotter.newest.index;
        set_capacity(n, 0);
        calm_cluster_run_for(c, SIM_S / 2);
        assert_true(store_origin_index(replica_of(n)->store) < newest);
        sim_set_disk(n->machine, &c->disk);
        calm_cluster_run_for(c, SIM_S);
        assert_int_equal(replica_of(n)->snapshotter.newest.index, newest);
        assert_true(store_origin_index(replica_of(n)->store) >= newest);
        cluster_free(c);
    }
}

/* A snapshot of its own, which it does not need any more, goes. */
static void test_full_disk__makes_room_for_a_snapshot_that_is_installed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, cut_often);
        struct node *n = calm_cluster_follower(c);
        raft_index own;

        calm_cluster_start_users(c, &users);
        calm_cluster_run_for(c, AWAY_S * SIM_S);
        n->stays_down = true;
        cluster_kill(n, SIM_KILLED);
        calm_cluster_run_for(c, AWAY_S * SIM_S);
        n->stays_down = false;
        cluster_start(n);
        await(c, n, is_loaded);
        own = replica_of(n)->snapshotter.newest.index;
        assert_true(own > 0);
        await(c, n, is_installing);
        set_capacity(n, 0);
        calm_cluster_run_for(c, SIM_S / 2);
        assert_true(is_installing(n));
        set_capacity(n, sim_disk_bytes(n->machine) + ROOM_BYTES);
        calm_cluster_run_for(c, 3 * SIM_S);
        assert_false(is_installing(n));
        assert_true(replica_of(n)->install.count > 0);
        assert_null(snapshot_find(replica_of(n)->store, own));
        cluster_free(c);
    }
}

/* --- a part that stays -------------------------------------------------------------------- */

static void opened(struct snapshot_receiving *receiving, int error)
{
    (void)receiving;
    assert_int_equal(error, 0);
}

static void ended(struct snapshot_receiving *receiving, int error)
{
    (void)receiving;
    assert_int_equal(error, 0);
}

static void count_parts(void *context, const char *name)
{
    *(uint32_t *)context += strstr(name, ".part") != NULL;
}

static uint32_t part_count(const struct node *n)
{
    uint32_t count = 0;

    assert_int_equal(io_dir_list(n->io, n->config.data_dir, count_parts, &count), 0);
    return count;
}

static void test_part__that_is_not_needed_any_more_is_removed(void **state)
{
    struct cluster *c = calm_cluster_start(1, cut_often);
    struct node *n = calm_cluster_follower(c);
    struct snapshot_receiving receiving = {
        .snapshot = {.index = raft_commit_index(replica_raft(replica_of(n))) + 20,
                     .term = 1,
                     .bytes = 102400,
                     .checksum = 77},
        .opened = opened,
        .ended = ended};

    (void)state;
    snapshot_receive(replica_of(n)->store, &receiving);
    calm_cluster_run_for(c, SIM_S);
    snapshot_receive_end(&receiving, SNAPSHOT_SUSPEND);
    calm_cluster_run_for(c, SIM_S);
    assert_int_equal(part_count(n), 1); /* It may go on. */
    calm_cluster_start_users(c, &users);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_int_equal(part_count(n), 0);
    assert_int_equal(snapshot_part(replica_of(n)->store).index, 0);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk__does_not_wait_for_another_snapshot_to_cut_the_log),
        cmocka_unit_test(test_full_disk__makes_room_for_a_snapshot_that_is_installed),
        cmocka_unit_test(test_part__that_is_not_needed_any_more_is_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
