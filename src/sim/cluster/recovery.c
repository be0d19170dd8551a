/* recovery.c - an operator recovers a cluster from one node (server/recover.h), with the server's
 * own code, and the checkers go on with what that node has. */
#include "sim/cluster/cluster.h"

#include "base/check.h"
#include "server/recover.h"

struct reading {
    struct checker *checker;
    const struct checker *before;
};

static bool begin_epoch(struct node *n)
{
    struct recover_options options = {
        .io = n->io,
        .log = &n->log,
        .data_dir = n->config.data_dir,
        .segment_bytes = n->config.segment_bytes,
        .announced = n->config.address,
        .peer_port = n->config.peer_port,
    };
    char text[1024];
    struct recover *r = recover_open(&options, text, sizeof text);
    bool is_done = r != NULL && recover_execute(r, text, sizeof text);

    if (!is_done) {
        sim_trace(n->cluster->sim, n->name, "is not recovered: %s", text);
    }
    if (r != NULL) {
        recover_close(r);
    }
    return is_done;
}

/* --- the checkers ------------------------------------------------------------------------- */

static void on_durable(void *context, uint64_t seq)
{
}

static void on_failed(void *context, int error, const char *text)
{
}

static void on_room(void *context)
{
}

static int note_entry(void *context, struct entry *e)
{
    struct reading *reading = context;

    checker_epoch_entry(reading->checker, reading->before, e);
    return 0;
}

/* The log as it is on the disk now. */
static void read_log(struct node *n)
{
    struct cluster *c = n->cluster;
    struct store_options options = {.dir = n->config.data_dir,
                                    .segment_bytes = n->config.segment_bytes,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room};
    struct reading reading = {.before = c->checker};
    struct store_recovered found;
    struct store *store;
    char text[512];

    CHECK(store_open(n->io, &options, 1, &store, &found, text, sizeof text) == STORE_OK);
    reading.checker = checker_new_epoch(c->checker, found.origin.index);
    CHECK(store_replay(store, note_entry, &reading) == 0);
    checker_epoch_vote(reading.checker, found.identity.node_id, found.current_term,
                       found.voted_for);
    store_close(store);
    c->former = c->checker;
    c->checker = reading.checker;
}

bool cluster_recover(struct node *n)
{
    struct cluster *c = n->cluster;
    bool is_done;

    CHECK(cluster_up_count(c) == 0 && c->former == NULL);
    n->io = sim_boot(n->machine);
    is_done = begin_epoch(n);
    if (is_done) {
        read_log(n);
        for (uint32_t i = 0; i < c->node_count; i++) {
            c->nodes[i].is_former = &c->nodes[i] != n;
        }
    }
    sim_die(n->io, SIM_EXITED);
    sim_bury(n->io);
    n->io = NULL;
    return is_done;
}
