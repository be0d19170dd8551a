/* commands_cluster.c - CLUSTER: one shard with all slots, whose master is the leader. Served only
 * with --cluster-mode: some libraries behave differently as soon as CLUSTER answers. */
#include <stdio.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/topology.h"
#include "cluster/slot.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/subcommand.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"

typedef unsigned long long ull;

enum { SLOT_WALK_MAX = 100 * 1000 }; /* While it walks over the keys, nothing else runs. */

/* False: there is no master to show, and an error was replied. */
static bool get_topology(struct command_call *call, struct topology *ret_topology)
{
    topology_get(call_clients(call), ret_topology);
    if (!ret_topology->has_master) {
        resp_error(call->reply, ERROR_NO_LEADER);
    }
    return ret_topology->has_master;
}

static void reply_id(struct command_call *call, raft_id id)
{
    char text[TOPOLOGY_ID_DIGITS + 1];

    topology_write_id(call_clients(call), id, text);
    resp_bulk_text(call->reply, text);
}

/* --- SLOTS, SHARDS ------------------------------------------------------------------------ */

/* Replicas that are out of reach are left out, as Redis does. */
static bool is_offered(const struct topology *t, uint32_t i)
{
    return i == 0 || t->nodes[i].is_reached;
}

static void cluster_slots(struct command_call *call)
{
    struct topology t;
    uint32_t count = 0;

    if (!get_topology(call, &t)) {
        return;
    }
    for (uint32_t i = 0; i < t.count; i++) {
        count += is_offered(&t, i) ? 1 : 0;
    }
    resp_array(call->reply, 1);
    resp_array(call->reply, 2 + (uint64_t)count);
    resp_integer(call->reply, 0);
    resp_integer(call->reply, SLOT_COUNT - 1);
    for (uint32_t i = 0; i < t.count; i++) {
        if (is_offered(&t, i)) {
            resp_array(call->reply, 4);
            resp_bulk_text(call->reply, t.nodes[i].address->client.host);
            resp_integer(call->reply,
                         topology_port(call_client(call), t.nodes[i].address->client.port));
            reply_id(call, t.nodes[i].address->id);
            resp_map(call->reply, 0); /* No other names of it. */
        }
    }
}

static void reply_shard_node(struct command_call *call, const struct topology_node *node,
                             bool is_master)
{
    struct resp_writer *w = call->reply;

    resp_map(w, 7);
    resp_bulk_text(w, "id");
    reply_id(call, node->address->id);
    resp_bulk_text(w, "port");
    resp_integer(w, topology_port(call_client(call), node->address->client.port));
    resp_bulk_text(w, "ip");
    resp_bulk_text(w, node->address->client.host);
    resp_bulk_text(w, "endpoint");
    resp_bulk_text(w, node->address->client.host);
    resp_bulk_text(w, "role");
    resp_bulk_text(w, is_master ? "master" : "replica");
    resp_bulk_text(w, "replication-offset");
    resp_integer(w, (int64_t)node->offset);
    resp_bulk_text(w, "health");
    resp_bulk_text(w, node->is_reached ? "online" : "failed");
}

static void cluster_shards(struct command_call *call)
{
    struct topology t;

    if (!get_topology(call, &t)) {
        return;
    }
    resp_array(call->reply, 1);
    resp_map(call->reply, 2);
    resp_bulk_text(call->reply, "slots");
    resp_array(call->reply, 2);
    resp_integer(call->reply, 0);
    resp_integer(call->reply, SLOT_COUNT - 1);
    resp_bulk_text(call->reply, "nodes");
    resp_array(call->reply, t.count);
    for (uint32_t i = 0; i < t.count; i++) {
        reply_shard_node(call, &t.nodes[i], i == 0);
    }
}

/* --- NODES, REPLICAS ------------------------------------------------------------------------- */

/* Terms rise with each election, as epochs do in Redis. */
static void describe_node(const struct client *client, const struct topology *t, uint32_t i,
                          struct buffer *out)
{
    const struct clients *c = client->clients;
    const struct topology_node *node = &t->nodes[i];
    const struct member_address *address = node->address;
    char id[TOPOLOGY_ID_DIGITS + 1];
    char master[TOPOLOGY_ID_DIGITS + 1] = "-";

    topology_write_id(c, address->id, id);
    if (i > 0) {
        topology_write_id(c, t->nodes[0].address->id, master);
    }
    buffer_printf(out, "%s %s:%u@%u %s%s%s %s 0 0 %llu %s%s", id, address->client.host,
                  (unsigned)topology_port(client, address->client.port),
                  (unsigned)address->peer_port, node->is_self ? "myself," : "",
                  i == 0 ? "master" : "slave", node->is_reached ? "" : ",fail", master,
                  (ull)raft_current_term(replica_raft(c->replica)),
                  node->is_reached ? "connected" : "disconnected", i == 0 ? " 0-16383" : "");
}

_Static_assert(SLOT_COUNT == 16384, "a text says so");

static void cluster_nodes(struct command_call *call)
{
    struct topology t;
    struct buffer text = {0};

    if (!get_topology(call, &t)) {
        return;
    }
    for (uint32_t i = 0; i < t.count; i++) {
        describe_node(call_client(call), &t, i, &text);
        buffer_append(&text, "\n", 1);
    }
    resp_verbatim(call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}

/* Whether the argument is the id of that node. */
static bool is_named(const struct command_call *call, raft_id id)
{
    char text[TOPOLOGY_ID_DIGITS + 1];

    topology_write_id(call_clients(call), id, text);
    return slice_is(call->arguments[2], text);
}

/* The place of the node that the argument names. False: an error was replied. */
static bool find_named(struct command_call *call, const struct topology *t, uint32_t *ret_place)
{
    struct slice name = call->arguments[2];

    for (uint32_t i = 0; i < t->count; i++) {
        if (is_named(call, t->nodes[i].address->id)) {
            *ret_place = i;
            return true;
        }
    }
    resp_errorf(call->reply, ERROR_UNKNOWN_NODE, (int)(name.size < 64 ? name.size : 64),
                name.size == 0 ? "" : name.data);
    return false;
}

static void cluster_replicas(struct command_call *call)
{
    struct topology t;
    struct buffer line = {0};
    uint32_t place = 0;

    if (!get_topology(call, &t) || !find_named(call, &t, &place)) {
        return;
    }
    if (place != 0) {
        resp_error(call->reply, ERROR_NODE_IS_NO_MASTER);
        return;
    }
    resp_array(call->reply, t.count - 1);
    for (uint32_t i = 1; i < t.count; i++) {
        buffer_clear(&line);
        describe_node(call_client(call), &t, i, &line);
        resp_bulk(call->reply, buffer_slice(&line));
    }
    buffer_deinit(&line);
}

static void cluster_failure_reports(struct command_call *call)
{
    struct topology t;
    uint32_t place = 0;

    if (get_topology(call, &t) && find_named(call, &t, &place)) {
        resp_integer(call->reply, 0); /* No node reports another one. */
    }
}

/* --- INFO, ids -------------------------------------------------------------------------- */

static void cluster_info(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    ull term = (ull)raft_current_term(replica_raft(c->replica));
    struct buffer text = {0};
    struct topology t;

    topology_get(c, &t);
    buffer_printf(&text,
                  "cluster_state:%s\r\n"
                  "cluster_slots_assigned:%d\r\n"
                  "cluster_slots_ok:%d\r\n"
                  "cluster_slots_pfail:0\r\n"
                  "cluster_slots_fail:%d\r\n"
                  "cluster_known_nodes:%u\r\n"
                  "cluster_size:1\r\n"
                  "cluster_current_epoch:%llu\r\n"
                  "cluster_my_epoch:%llu\r\n"
                  "cluster_stats_messages_sent:0\r\n"
                  "cluster_stats_messages_received:0\r\n"
                  "total_cluster_links_buffer_limit_exceeded:0\r\n",
                  t.has_master ? "ok" : "fail", SLOT_COUNT, t.has_master ? SLOT_COUNT : 0,
                  t.has_master ? 0 : SLOT_COUNT, t.count, term, term);
    resp_verbatim(call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}

static void cluster_myid(struct command_call *call)
{
    reply_id(call, replica_node_id(call_clients(call)->replica));
}

/* The one shard: named by the cluster alone. */
static void cluster_myshardid(struct command_call *call)
{
    reply_id(call, 0);
}

/* --- keys and slots ----------------------------------------------------------------------- */

static void cluster_keyslot(struct command_call *call)
{
    resp_integer(call->reply, slot_of_key(call->arguments[2]));
}

struct slot_walk {
    uint32_t slot;
    uint64_t count; /* Of its keys. */
    uint64_t count_max;
    struct resp_writer *keys; /* NULL: they are only counted. */
};

static void walk_key(void *context, struct slice key, const struct kv_value *value)
{
    struct slot_walk *walk = context;

    if (walk->count < walk->count_max && slot_of_key(key) == walk->slot) {
        walk->count++;
        if (walk->keys != NULL) {
            resp_bulk(walk->keys, key);
        }
    }
}

/* In this node's state, which may lag. False: an error was replied. */
static bool walk_slot(struct command_call *call, struct slot_walk *walk)
{
    const struct clients *c = call_clients(call);
    const struct kv *kv =
        keyspace_database(replica_keyspace(c->replica), call_client(call)->database);

    if (kv_count(kv) > SLOT_WALK_MAX) {
        resp_errorf(call->reply, ERROR_MANY_KEYS_IN_SLOTS, SLOT_WALK_MAX);
        return false;
    }
    kv_scan(kv, 0, UINT64_MAX, walk_key, walk);
    return true;
}

/* Reads argument 2 as a slot. False: an error was replied, which for a slot that does not exist is
 * `error`. */
static bool read_slot(struct command_call *call, const char *error, uint32_t *ret_slot)
{
    int64_t slot = 0;

    if (!decimal_read(call->arguments[2], &slot)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else if (slot < 0 || slot >= SLOT_COUNT) {
        resp_error(call->reply, error);
    } else {
        *ret_slot = (uint32_t)slot;
        return true;
    }
    return false;
}

static void cluster_countkeysinslot(struct command_call *call)
{
    struct slot_walk walk = {.count_max = UINT64_MAX};

    if (read_slot(call, ERROR_SLOT, &walk.slot) && walk_slot(call, &walk)) {
        resp_integer(call->reply, (int64_t)walk.count);
    }
}

static void cluster_getkeysinslot(struct command_call *call)
{
    struct buffer keys = {0};
    struct resp_writer w = {.out = &keys, .version = call->reply->version};
    struct slot_walk walk = {.keys = &w};
    int64_t count_max = 0;

    if (!read_slot(call, ERROR_SLOT_OR_COUNT, &walk.slot)) {
        return;
    }
    if (!decimal_read(call->arguments[3], &count_max)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
        return;
    }
    if (count_max < 0) {
        resp_error(call->reply, ERROR_SLOT_OR_COUNT);
        return;
    }
    walk.count_max = (uint64_t)count_max;
    if (walk_slot(call, &walk)) {
        resp_array(call->reply, walk.count);
        buffer_append_slice(call->reply->out, buffer_slice(&keys));
    }
    buffer_deinit(&keys);
}

/* --- what there is not ------------------------------------------------------------------- */

static void refuse(struct command_call *call)
{
    struct slice name = call->arguments[1];

    resp_errorf(call->reply, ERROR_NO_SUCH_CLUSTER_COMMAND, (int)(name.size < 32 ? name.size : 32),
                name.size == 0 ? "" : name.data);
}

#define REFUSED "Refused: one leader has all slots, and RAFT changes the members."

static const struct subcommand cluster_subcommands[] = {
    {"ADDSLOTS", -2, refuse, "", REFUSED},
    {"ADDSLOTSRANGE", -2, refuse, "", REFUSED},
    {"BUMPEPOCH", -2, refuse, "", REFUSED},
    {"COUNT-FAILURE-REPORTS", 3, cluster_failure_reports, "node-id", "Always 0."},
    {"COUNTKEYSINSLOT", 3, cluster_countkeysinslot, "slot",
     "Counts this node's keys of a hash slot, if there are no more than 100000 in all."},
    {"DELSLOTS", -2, refuse, "", REFUSED},
    {"DELSLOTSRANGE", -2, refuse, "", REFUSED},
    {"FAILOVER", -2, refuse, "", REFUSED},
    {"FLUSHSLOTS", -2, refuse, "", REFUSED},
    {"FORGET", -2, refuse, "", REFUSED},
    {"GETKEYSINSLOT", 4, cluster_getkeysinslot, "slot count",
     "This node's keys of a hash slot, if there are no more than 100000 in all."},
    {"INFO", 2, cluster_info, "", "The state of the cluster in Redis Cluster's words."},
    {"KEYSLOT", 3, cluster_keyslot, "key", "The hash slot of a key."},
    {"LINKS", -2, refuse, "", "Refused: RAFT STATUS shows the connections between nodes."},
    {"MEET", -2, refuse, "", REFUSED},
    {"MYID", 2, cluster_myid, "", "The id of this node."},
    {"MYSHARDID", 2, cluster_myshardid, "", "The id of the one shard."},
    {"NODES", 2, cluster_nodes, "", "All members: the leader is the master, with all slots."},
    {"REPLICAS", 3, cluster_replicas, "node-id", "The members besides the master."},
    {"REPLICATE", -2, refuse, "", REFUSED},
    {"RESET", -2, refuse, "", REFUSED},
    {"SAVECONFIG", -2, refuse, "", REFUSED},
    {"SET-CONFIG-EPOCH", -2, refuse, "", REFUSED},
    {"SETSLOT", -2, refuse, "", REFUSED},
    {"SHARDS", 2, cluster_shards, "", "The one shard: all slots, and the nodes."},
    {"SLAVES", 3, cluster_replicas, "node-id", "The members besides the master."},
    {"SLOTS", 2, cluster_slots, "", "All slots at the leader, with the others as replicas."},
    {NULL, 0, NULL, NULL, NULL},
};

static void cluster_command(struct command_call *call)
{
    if (call_clients(call)->options.cluster_mode == CLUSTER_OFF) {
        resp_error(call->reply, ERROR_CLUSTER_OFF);
    } else {
        subcommand_run(call);
    }
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command cluster_commands[] = {
    {.name = "CLUSTER", .arity = -2,
     .flags = COMMAND_LOCAL | COMMAND_QUEUED, .handler = cluster_command,
     .subcommands = cluster_subcommands, .group = "cluster", .since = "3.0.0",
     .integers = "slot count",
     .arguments = "SLOTS | SHARDS | NODES | INFO | MYID | MYSHARDID | KEYSLOT key "
                  "| COUNTKEYSINSLOT slot | GETKEYSINSLOT slot count | REPLICAS node-id | HELP",
     .summary = "Shows the cluster to clients of Redis Cluster, with --cluster-mode."},
    {.name = NULL},
};
/* clang-format on */
