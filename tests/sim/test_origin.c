/* A directory whose log begins after an origin: until there are snapshots, a node refuses to
 * start with it, because it would serve without the state before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
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

static void on_stopped(struct server *server, int exit_status)
{
    (void)server;
    (void)exit_status;
}

static void test_origin__is_no_place_to_start_from_without_a_snapshot(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *n = &c->nodes[cluster_leader(c) == &c->nodes[0] ? 1 : 0];
    char text[512] = "";

    (void)state;
    calm_cluster_run_for(c, SIM_S);
    cluster_kill(n, SIM_KILLED);
    move_origin(n);

    struct io *io = sim_boot(n->machine);

    assert_null(server_start(io, &n->config, NULL, NULL, on_stopped, NULL, text, sizeof text));
    assert_non_null(strstr(text, "begins behind entry"));
    sim_die(io, SIM_EXITED);
    sim_bury(io);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origin__is_no_place_to_start_from_without_a_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
