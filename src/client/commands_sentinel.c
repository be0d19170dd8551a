/* commands_sentinel.c - SENTINEL, at the door of that name only: the cluster as a Sentinel would
 * show it. The master is that of topology.h, the other members are its replicas, and each member is
 * a Sentinel, too, whose door is as far from its clients' port as this node's is. */
#include <stdio.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/topology.h"
#include "command/table.h"
#include "kv/subcommand.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/errors.h"

enum { PORT_MAX = 65535 };

/* Commands of the plain door that are served here as well. */
static const char *const shared[] = {
    "AUTH",   "CLIENT",       "COMMAND", "ECHO",  "HELLO", "INFO",      "PING", "PSUBSCRIBE",
    "PUBSUB", "PUNSUBSCRIBE", "QUIT",    "RESET", "ROLE",  "SUBSCRIBE", "TIME", "UNSUBSCRIBE"};

void commands_add_sentinel(struct command_table *door, const struct command_table *all)
{
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        command_table_share(door, all, shared[i]);
    }
    command_table_add(door, sentinel_commands);
}

/* --- names ------------------------------------------------------------------------------- */

const char *sentinel_name(const struct clients *c)
{
    return c->options.sentinel_name == NULL ? "mymaster" : c->options.sentinel_name;
}

static bool is_name(const struct command_call *call)
{
    const char *name = call_clients(call)->options.sentinel_name;

    return name == NULL || slice_equal(call->arguments[2], slice_str(name));
}

/* False: there is no such name, and an error was replied. */
static bool check_name(struct command_call *call)
{
    if (!is_name(call)) {
        resp_error(call->reply, ERROR_NO_SUCH_MASTER);
        return false;
    }
    return true;
}

/* --- the fields of a node -------------------------------------------------------------------- */

static void put_text(struct resp_writer *w, const char *key, const char *value)
{
    resp_bulk_text(w, key);
    resp_bulk_text(w, value);
}

/* As text: a Sentinel sends all values so. */
static void put_number(struct resp_writer *w, const char *key, uint64_t value)
{
    resp_bulk_text(w, key);
    resp_bulkf(w, "%llu", (unsigned long long)value);
}

enum { COMMON_FIELDS = 11 };

static uint64_t silence_ms(const struct clients *c)
{
    struct figures figures;

    replica_get_figures(c->replica, &figures);
    return figures.election_timeout_ms;
}

/* Clients read the flags, the addresses, and few of the others, all of which must be there. */
static void put_common(struct resp_writer *w, const struct clients *c, const char *name,
                       const struct member_address *address, uint16_t port, const char *flags)
{
    char id[TOPOLOGY_ID_DIGITS + 1];

    topology_write_id(c, address->id, id);
    put_text(w, "name", name);
    put_text(w, "ip", address->client.host);
    put_number(w, "port", port);
    put_text(w, "runid", id);
    put_text(w, "flags", flags);
    put_number(w, "link-pending-commands", 0);
    put_number(w, "link-refcount", 1);
    put_number(w, "last-ping-sent", 0);
    put_number(w, "last-ok-ping-reply", 0);
    put_number(w, "last-ping-reply", 0);
    put_number(w, "down-after-milliseconds", silence_ms(c));
}

static uint32_t reached_others(const struct topology *t)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        count += t->nodes[i].is_reached && !t->nodes[i].is_self ? 1 : 0;
    }
    return count;
}

static uint32_t quorum(const struct clients *c)
{
    const struct raft_configuration *configuration = raft_configuration(replica_raft(c->replica));
    uint32_t voter_count = 0;

    for (uint32_t i = 0; i < configuration->member_count; i++) {
        voter_count += configuration->members[i].incoming ? 1 : 0;
    }
    return voter_count / 2 + 1;
}

/* If no master is known, that of another node, with flags that keep clients away from it. */
static void reply_master(struct command_call *call, const struct topology *t, const char *name)
{
    const struct clients *c = call_clients(call);
    const struct member_address *address = t->nodes[0].address;
    struct resp_writer *w = call->reply;

    resp_map(w, COMMON_FIELDS + 9);
    put_common(w, c, name, address, address->client.port,
               t->has_master ? "master" : "master,s_down,o_down");
    put_number(w, "info-refresh", 0);
    put_text(w, "role-reported", "master");
    put_number(w, "role-reported-time", 0);
    put_number(w, "config-epoch", raft_current_term(replica_raft(c->replica)));
    put_number(w, "num-slaves", t->count - 1);
    put_number(w, "num-other-sentinels", reached_others(t));
    put_number(w, "quorum", quorum(c));
    put_number(w, "failover-timeout", silence_ms(c));
    put_number(w, "parallel-syncs", 1);
}

static void reply_replica(struct command_call *call, const struct topology *t, uint32_t i)
{
    const struct clients *c = call_clients(call);
    const struct topology_node *node = &t->nodes[i];
    const struct io_address *master = t->has_master ? &t->nodes[0].address->client : NULL;
    struct resp_writer *w = call->reply;
    char name[sizeof node->address->client.host + 8];

    snprintf(name, sizeof name, "%s:%u", node->address->client.host,
             (unsigned)node->address->client.port);
    resp_map(w, COMMON_FIELDS + 10);
    put_common(w, c, name, node->address, node->address->client.port,
               node->is_reached ? "slave" : "s_down,slave,disconnected");
    put_number(w, "info-refresh", 0);
    put_text(w, "role-reported", "slave");
    put_number(w, "role-reported-time", 0);
    put_number(w, "master-link-down-time", 0);
    put_text(w, "master-link-status", node->is_reached ? "ok" : "err");
    put_text(w, "master-host", master == NULL ? "?" : master->host);
    put_number(w, "master-port", master == NULL ? 0 : master->port);
    put_number(w, "slave-priority", 100);
    put_number(w, "slave-repl-offset", node->offset);
    put_number(w, "replica-announced", 1);
}

/* 0: that port can't exist. */
static uint16_t door_port(const struct clients *c, const struct member_address *address)
{
    int32_t port = (int32_t)address->client.port + c->options.sentinel_distance;

    return port > 0 && port <= PORT_MAX ? (uint16_t)port : 0;
}

static void reply_sentinel(struct command_call *call, const struct topology_node *node)
{
    const struct clients *c = call_clients(call);
    struct resp_writer *w = call->reply;
    char id[TOPOLOGY_ID_DIGITS + 1];

    topology_write_id(c, node->address->id, id);
    resp_map(w, COMMON_FIELDS + 3);
    put_common(w, c, id, node->address, door_port(c, node->address),
               node->is_reached ? "sentinel" : "s_down,sentinel,disconnected");
    put_number(w, "last-hello-message", 0);
    put_text(w, "voted-leader", "?");
    put_number(w, "voted-leader-epoch", 0);
}

/* --- subcommands ----------------------------------------------------------------------------- */

/* Null makes clients ask another Sentinel. */
static void get_master_addr_by_name(struct command_call *call)
{
    const struct member_address *master = topology_master(call_clients(call));

    if (master == NULL || !is_name(call)) {
        resp_null_array(call->reply);
        return;
    }
    resp_array(call->reply, 2);
    resp_bulk_text(call->reply, master->client.host);
    resp_bulkf(call->reply, "%u", (unsigned)master->client.port);
}

/* A node that serves nothing, because it was removed for example, shows nothing. */
static void masters(struct command_call *call)
{
    struct topology t;

    topology_get(call_clients(call), &t);
    resp_array(call->reply, t.count > 0 ? 1 : 0);
    if (t.count > 0) {
        reply_master(call, &t, sentinel_name(call_clients(call)));
    }
}

static void master(struct command_call *call)
{
    struct slice asked = call->arguments[2];
    struct topology t;
    char name[64];

    topology_get(call_clients(call), &t);
    if (t.count == 0 || !is_name(call)) {
        resp_error(call->reply, ERROR_NO_SUCH_MASTER);
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)(asked.size < 63 ? asked.size : 63),
             asked.size == 0 ? "" : asked.data);
    reply_master(call, &t, name);
}

static void replicas(struct command_call *call)
{
    struct topology t;

    if (!check_name(call)) {
        return;
    }
    topology_get(call_clients(call), &t);

    uint32_t first = t.has_master ? 1 : 0;

    resp_array(call->reply, t.count - first);
    for (uint32_t i = first; i < t.count; i++) {
        reply_replica(call, &t, i);
    }
}

static void sentinels(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    struct topology t;
    uint64_t count = 0;

    if (!check_name(call)) {
        return;
    }
    topology_get(c, &t);
    for (uint32_t i = 0; i < t.count; i++) {
        count += !t.nodes[i].is_self && door_port(c, t.nodes[i].address) != 0 ? 1 : 0;
    }
    resp_array(call->reply, count);
    for (uint32_t i = 0; i < t.count; i++) {
        if (!t.nodes[i].is_self && door_port(c, t.nodes[i].address) != 0) {
            reply_sentinel(call, &t.nodes[i]);
        }
    }
}

static void ckquorum(struct command_call *call)
{
    char text[128];
    struct topology t;

    if (!check_name(call)) {
        return;
    }
    topology_get(call_clients(call), &t);

    uint32_t usable = t.count == 0 ? 0 : reached_others(&t) + 1;

    if (t.has_master && usable >= quorum(call_clients(call))) {
        snprintf(text, sizeof text,
                 "OK %u usable Sentinels. Quorum and failover authorization can be reached",
                 usable);
        resp_simple(call->reply, text);
    } else {
        resp_errorf(call->reply, ERROR_NO_QUORUM, usable);
    }
}

static void myid(struct command_call *call)
{
    char id[TOPOLOGY_ID_DIGITS + 1];

    topology_write_id(call_clients(call), replica_node_id(call_clients(call)->replica), id);
    resp_bulk_text(call->reply, id);
}

static void is_master_down_by_addr(struct command_call *call)
{
    resp_array(call->reply, 3);
    resp_integer(call->reply, topology_master(call_clients(call)) == NULL ? 1 : 0);
    resp_bulk_text(call->reply, "*"); /* Nobody votes here: the voters elect a leader. */
    resp_integer(call->reply, 0);
}

static void pending_scripts(struct command_call *call)
{
    resp_array(call->reply, 0);
}

static void refuse(struct command_call *call)
{
    struct slice name = call->arguments[1];

    resp_errorf(call->reply, ERROR_NO_SUCH_SENTINEL_COMMAND, (int)(name.size < 32 ? name.size : 32),
                name.size == 0 ? "" : name.data);
}

#define REFUSED "Refused: the nodes elect their leader, and there is nothing to set."

static const struct subcommand sentinel_subcommands[] = {
    {"CKQUORUM", 3, ckquorum, "master-name", "Whether a majority of the nodes is in reach."},
    {"CONFIG", -2, refuse, "", REFUSED},
    {"FAILOVER", -2, refuse, "", REFUSED},
    {"FLUSHCONFIG", -2, refuse, "", REFUSED},
    {"GET-MASTER-ADDR-BY-NAME", 3, get_master_addr_by_name, "master-name",
     "The address of the leader."},
    {"IS-MASTER-DOWN-BY-ADDR", 6, is_master_down_by_addr, "ip port current-epoch runid",
     "Whether this node knows no leader."},
    {"MASTER", 3, master, "master-name", "Describes the leader."},
    {"MASTERS", 2, masters, "", "The same, in a list."},
    {"MONITOR", -2, refuse, "", REFUSED},
    {"MYID", 2, myid, "", "The id of this node."},
    {"PENDING-SCRIPTS", 2, pending_scripts, "", "Always empty."},
    {"REMOVE", -2, refuse, "", REFUSED},
    {"REPLICAS", 3, replicas, "master-name", "Describes the other nodes."},
    {"RESET", -2, refuse, "", REFUSED},
    {"SENTINELS", 3, sentinels, "master-name", "The doors of the other nodes."},
    {"SET", -2, refuse, "", REFUSED},
    {"SIMULATE-FAILURE", -2, refuse, "", REFUSED},
    {"SLAVES", 3, replicas, "master-name", "Describes the other nodes."},
    {NULL, 0, NULL, NULL, NULL},
};

static void sentinel_command(struct command_call *call)
{
    subcommand_run(call);
}

/* --- INFO ------------------------------------------------------------------------------------ */

void sentinel_put_info(const struct clients *c, struct buffer *out)
{
    struct topology t;

    topology_get(c, &t);
    buffer_printf(out, "sentinel_masters:1\r\n"
                       "sentinel_tilt:0\r\n"
                       "sentinel_tilt_since_seconds:-1\r\n"
                       "sentinel_running_scripts:0\r\n"
                       "sentinel_scripts_queue_length:0\r\n"
                       "sentinel_simulate_failure_flags:0\r\n");
    if (t.count > 0) {
        buffer_printf(out, "master0:name=%s,status=%s,address=%s:%u,slaves=%u,sentinels=%u\r\n",
                      sentinel_name(c), t.has_master ? "ok" : "odown",
                      t.nodes[0].address->client.host, (unsigned)t.nodes[0].address->client.port,
                      t.count - 1, reached_others(&t) + 1);
    }
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command sentinel_commands[] = {
    {.name = "SENTINEL", .arity = -2, .flags = COMMAND_LOCAL, .handler = sentinel_command,
     .subcommands = sentinel_subcommands, .group = "sentinel", .since = "2.8.4",
     .integers = "port current-epoch",
     .arguments = "GET-MASTER-ADDR-BY-NAME name | MASTERS | MASTER name | REPLICAS name "
                  "| SENTINELS name | CKQUORUM name | MYID | HELP",
     .summary = "Shows the leader to clients of Redis Sentinel."},
    {.name = NULL},
};
/* clang-format on */
