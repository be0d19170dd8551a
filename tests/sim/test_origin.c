/* A directory whose log begins after an origin, without a snapshot of what comes before: the node
 * begins with nothing, and gets all from other members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/replica.h"
#include "store/store.h"

struct moving {
    struct store_move move;
    bool is_done;
};

static void on_moved(struct store_move *move, int error)
{
    assert_int_equal(error, 0);
    container_of(move, struct moving, move)->is_done = true;
}

static void on_durable(void *context, uint64_t seq)
{
    (void)context;
    (void)seq;
}

static void on_failed(void *context, int error, const char *text)
{
    (void)context;
    fail_msg("the store failed: %d %s", error, text);
}

static void on_room(void *context)
{
    (void)context;
}

/* As compaction would do. */
static void move_origin(struct node *n)
{
    struct store_options options = {.dir = n->config.data_dir,
                                    .segment_bytes = n->config.segment_bytes,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room};
    struct moving m = {.move = {.done = on_moved}};
    struct store_recovered recovered;
    struct io *io = sim_boot(n->machine);
    struct store *store;
    char text[512] = "";

    assert_int_equal(store_open(io, &options, 1, &store, &recovered, text, sizeof text), STORE_OK);
    assert_int_equal(recovered.origin.index, 0);
    assert_true(recovered.commit_index > 0);
    m.move.origin = (struct store_origin){
        .index = recovered.commit_index, .term = recovered.current_term, .time_us = 1};
    store_move_origin(store, &m.move);
    calm_cluster_run_for(n->cluster, SIM_S);
    assert_true(m.is_done);
    store_close(store);
    sim_die(io, SIM_EXITED);
    sim_bury(io);
}

static void test_origin__without_a_snapshot_is_given_up(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *n = calm_cluster_follower(c);

    (void)state;
    calm_cluster_run_for(c, SIM_S);
    cluster_kill(n, SIM_KILLED);
    move_origin(n);
    n->has_disk_trouble = true;
    cluster_start(n);
    assert_true(replica_lacks_entries(n->server->replica));
    assert_int_equal(replica_applied_index(n->server->replica), 0);
    calm_cluster_run_for(c, 3 * SIM_S);
    assert_false(replica_lacks_entries(n->server->replica));
    assert_int_equal(replica_applied_index(n->server->replica),
                     replica_applied_index(cluster_leader(c)->server->replica));
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origin__without_a_snapshot_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
