#include "crash_situations.h"

#include <string.h>

#include "kv/kv.h"
#include "replica/state.h"

/* --- installing a snapshot, because the logs of the others begin later than its own ends --- */

static void cut_logs(struct server_config *config)
{
    config->log_tail_bytes = 0;
    config->log_memory_bytes = 1024;
    config->snapshot_after_bytes = 1ull << 40;
    config->snapshot_after_entries = 4;
}

static void end_node(struct node *n)
{
    n->stays_down = true;
    cluster_kill(n, SIM_KILLED);
}

static bool is_cut_off(const struct node *n)
{
    const struct cluster *c = n->cluster;
    uint64_t held = checker_disk_of(c->checker, n->id)->log.last;
    bool has_leader = false;

    for (uint32_t i = 0; i < c->node_count; i++) {
        struct replica *r = &c->nodes[i] == n ? NULL : c->nodes[i].server->replica;

        if (r != NULL && raft_role(r->raft) == RAFT_LEADER) {
            snapshotter_want(&r->snapshotter, held + 1);
            /* As if the one that was fetched when the cluster grew had been so long ago. */
            memset(r->serving.asked_ns, 0, sizeof r->serving.asked_ns);
            has_leader = raft_origin(r->raft) > held;
        }
    }
    return has_leader;
}

static void start_node(struct node *n)
{
    n->stays_down = false;
    cluster_start_later(n, SIM_MS);
}

static bool has_installed(const struct node *n)
{
    return n->server->replica->install.count > 0;
}

/* --- isolation: evidence, fetching, a restart ----------------------------------------- */

static void compare_each_entry(struct server_config *config)
{
    config->digest_interval = 1;
    config->snapshot_after_bytes = 1ull << 40;
    config->snapshot_after_entries = 1ull << 40;
}

/* As by a bug. */
static void set_ghost(struct node *n)
{
    struct keyspace *k = n->server->replica->keyspace;

    kv_set(keyspace_database(k, 15), slice_str("ghost"), slice_str("of a bug"));
    n->has_flipped = true;
    n->was_flipped = true;
    checker_doubt_state(n->checker, true);
}

static bool was_isolated(const struct node *n)
{
    return n->server->replica->quarantine.count > 0;
}

const struct situation situations[SITUATIONS] = {
    {"install", cut_logs, end_node, is_cut_off, start_node, has_installed},
    {"quarantine", compare_each_entry, set_ghost, NULL, NULL, was_isolated},
};

const struct situation *situation_named(const char *name)
{
    for (int i = 0; name != NULL && i < SITUATIONS; i++) {
        if (strcmp(situations[i].name, name) == 0) {
            return &situations[i];
        }
    }
    return NULL;
}
