/* commands_server.c - CONFIG, TIME, ROLE and WAIT: about this node. */
#include <stdarg.h>
#include <stdio.h>

#include "client/client.h"
#include "client/commands.h"
#include "cluster/members.h"
#include "command/subcommand.h"
#include "kv/glob.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/decimal.h"

#define MS 1000000ull
#define S  1000000000ull

/* --- CONFIG ---------------------------------------------------------------------------- */

enum { PARAMETERS_MAX = 40 };

struct parameter {
    const char *name;
    char value[256];
};

struct parameters {
    uint32_t count;
    struct parameter all[PARAMETERS_MAX];
};

static void __attribute__((format(printf, 3, 4)))
put(struct parameters *p, const char *name, const char *format, ...)
{
    va_list arguments;

    if (p->count == PARAMETERS_MAX) {
        return;
    }
    p->all[p->count].name = name;
    va_start(arguments, format);
    vsnprintf(p->all[p->count].value, sizeof p->all[p->count].value, format, arguments);
    va_end(arguments);
    p->count++;
}

/* What Redis's clients ask for, then what is Rakit's own. */
static void list_parameters(const struct server_config *config, struct parameters *p)
{
    p->count = 0;
    put(p, "appendfsync", "always");
    put(p, "appendonly", "yes"); /* The replicated log. */
    put(p, "bind", "%s", config->address.host);
    put(p, "cluster-enabled", "no");
    put(p, "databases", "%d", KEYSPACE_DATABASES);
    put(p, "dir", "%s", config->data_dir == NULL ? "" : config->data_dir);
    put(p, "maxclients", "%u", config->clients_max);
    put(p, "maxmemory", "0");
    put(p, "maxmemory-policy", "noeviction");
    put(p, "notify-keyspace-events", "%s", "");
    put(p, "port", "%u", config->address.port);
    put(p, "proto-max-bulk-len", "%d", KV_VALUE_BYTES_MAX);
    put(p, "protected-mode", "%s", config->protected_mode ? "yes" : "no");
    put(p, "replica-read-only", "no"); /* Followers forward. */
    put(p, "requirepass", "%s", "");
    put(p, "save", "%s", "");
    put(p, "slave-read-only", "no");
    put(p, "tcp-keepalive", "5");
    put(p, "timeout", "%llu", (unsigned long long)(config->client_idle_ns / S));
    put(p, "peer-port", "%u", config->peer_port);
    put(p, "peer-protocol", "%u", (unsigned)config->peer_protocol);
    put(p, "election-timeout-ms", "%llu", (unsigned long long)(config->election_timeout_ns / MS));
    put(p, "heartbeat-ms", "%llu", (unsigned long long)(config->heartbeat_interval_ns / MS));
    put(p, "request-timeout-ms", "%llu", (unsigned long long)(config->request_timeout_ns / MS));
    put(p, "max-output-memory-mb", "%llu", (unsigned long long)(config->output_memory_bytes >> 20));
    put(p, "log-segment-bytes", "%llu", (unsigned long long)config->segment_bytes);
    put(p, "log-memory-bytes", "%llu", (unsigned long long)config->log_memory_bytes);
    put(p, "in-flight-bytes-max", "%llu", (unsigned long long)config->in_flight_bytes_max);
    put(p, "client-input-bytes-max", "%llu", (unsigned long long)config->client_input_bytes_max);
    put(p, "client-output-bytes-max", "%llu", (unsigned long long)config->client_output_bytes_max);
}

/* Whether one of the patterns of CONFIG GET means this name. */
static bool is_asked_for(const struct command_call *call, const char *name)
{
    for (uint32_t i = 2; i < call->argument_count; i++) {
        char pattern[64];
        size_t size = call->arguments[i].size;

        if (size > sizeof pattern) {
            continue;
        }
        for (size_t j = 0; j < size; j++) {
            char letter = call->arguments[i].data[j];

            pattern[j] = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
        }
        if (glob_matches(slice_of(pattern, size), slice_str(name))) {
            return true;
        }
    }
    return false;
}

static void config_get(struct command_call *call)
{
    struct parameters p;
    bool asked[PARAMETERS_MAX];
    uint32_t count = 0;

    list_parameters(&call_server(call)->config, &p);
    for (uint32_t i = 0; i < p.count; i++) {
        asked[i] = is_asked_for(call, p.all[i].name);
        count += asked[i] ? 1 : 0;
    }
    resp_map(call->reply, count);
    for (uint32_t i = 0; i < p.count; i++) {
        if (asked[i]) {
            resp_bulk_text(call->reply, p.all[i].name);
            resp_bulk_text(call->reply, p.all[i].value);
        }
    }
}

static const struct parameter *find_parameter(const struct parameters *p, struct slice name)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (slice_is(name, p->all[i].name)) {
            return &p->all[i];
        }
    }
    return NULL;
}

/* All is fixed at the start. What says nothing new is granted all the same: libraries
 * make sure of settings that they need. Errors are Redis's. */
static void config_set(struct command_call *call)
{
    struct parameters p;

    if (call->argument_count % 2 != 0) {
        resp_error(call->reply, "ERR syntax error");
        return;
    }
    list_parameters(&call_server(call)->config, &p);
    for (uint32_t i = 2; i < call->argument_count; i += 2) {
        struct slice name = call->arguments[i];
        const struct parameter *parameter = find_parameter(&p, name);
        int shown = (int)(name.size < 64 ? name.size : 64);

        if (parameter == NULL) {
            resp_errorf(call->reply,
                        "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'", shown,
                        name.size == 0 ? "" : name.data);
            return;
        }
        if (!slice_equal(call->arguments[i + 1], slice_str(parameter->value))) {
            resp_errorf(call->reply,
                        "ERR CONFIG SET failed (possibly related to argument '%s') - can't set "
                        "immutable config: settings are fixed at the start",
                        parameter->name);
            return;
        }
    }
    resp_ok(call->reply);
}

static void config_resetstat(struct command_call *call)
{
    clients_reset_stats(call_client(call)->clients);
    resp_ok(call->reply);
}

const struct subcommand config_subcommands[] = {
    {"GET", -3, config_get, "pattern [pattern ...]", "Shows settings."},
    {"RESETSTAT", 2, config_resetstat, "", "Begins the counts of INFO anew."},
    {"SET", -4, config_set, "setting value [setting value ...]",
     "Refused where it would change anything: settings are fixed at the start."},
    {NULL, 0, NULL, NULL, NULL},
};

void config_command(struct command_call *call)
{
    subcommand_run(call);
}

/* --- TIME ------------------------------------------------------------------------------ */

void time_command(struct command_call *call)
{
    uint64_t wall_ns = io_wall_ns(call_server(call)->io);

    resp_array(call->reply, 2);
    resp_bulkf(call->reply, "%llu", (unsigned long long)(wall_ns / S));
    resp_bulkf(call->reply, "%llu", (unsigned long long)(wall_ns % S / 1000));
}

/* --- ROLE and WAIT ----------------------------------------------------------------------- */

static void reply_followers(const struct replica *replica, struct resp_writer *w)
{
    const struct raft *raft = replica_raft(replica);
    const struct membership *m = replica_membership(replica);
    uint32_t member_count = m == NULL ? 0 : m->configuration.member_count;
    struct raft_progress progress;
    uint64_t count = 0;

    for (uint32_t i = 0; i < member_count; i++) {
        count += m->addresses[i].id != raft_self(raft) &&
                         raft_progress_of(raft, m->addresses[i].id, &progress)
                     ? 1
                     : 0;
    }
    resp_array(w, count);
    for (uint32_t i = 0; i < member_count; i++) {
        const struct member_address *address = &m->addresses[i];

        if (address->id != raft_self(raft) && raft_progress_of(raft, address->id, &progress)) {
            resp_array(w, 3);
            resp_bulk_text(w, address->client.host);
            resp_bulkf(w, "%u", address->client.port);
            resp_bulkf(w, "%llu", (unsigned long long)progress.match_index);
        }
    }
}

void role_command(struct command_call *call)
{
    const struct server *server = call_server(call);
    const struct replica *replica = server->replica;
    struct resp_writer *w = call->reply;

    if (server_is_serving(server)) {
        resp_array(w, 3);
        resp_bulk_text(w, "master");
        resp_integer(w, (int64_t)raft_commit_index(replica_raft(replica)));
        reply_followers(replica, w);
        return;
    }
    resp_array(w, 5);
    resp_bulk_text(w, "slave");
    resp_bulk_text(w, "");
    resp_integer(w, 0);
    resp_bulk_text(w, replica_is_removed(replica) ? "removed" : "connect");
    resp_integer(w, (int64_t)replica_applied_index(replica));
}

/* How many other voters surely hold what this connection was told is written: all but
 * one of a majority. The leader may know of more, but of nothing that is under way yet. */
static int64_t replicas_that_have_it(const struct replica *replica, bool has_writes_under_way)
{
    const struct raft *raft = replica_raft(replica);
    const struct raft_configuration *configuration = raft_configuration(raft);
    bool knows_more = raft_role(raft) == RAFT_LEADER && !has_writes_under_way;
    int64_t voter_count = 0;
    int64_t matching_count = 0;

    for (uint32_t i = 0; i < configuration->member_count; i++) {
        const struct raft_member *m = &configuration->members[i];
        struct raft_progress progress;

        if (!m->incoming) {
            continue;
        }
        voter_count++;
        if (knows_more && m->id != raft_self(raft) && raft_progress_of(raft, m->id, &progress) &&
            progress.match_index >= raft_last_index(raft)) {
            matching_count++;
        }
    }
    int64_t sure_count = voter_count / 2;

    return matching_count > sure_count ? matching_count : sure_count;
}

/* Answers at once: what was acknowledged is on a majority, and no waiting is promised
 * for more. */
void wait_command(struct command_call *call)
{
    int64_t wanted = 0;
    int64_t timeout_ms = 0;

    if (!decimal_read(call->arguments[1], &wanted) || wanted < 0) {
        resp_error(call->reply, "ERR value is not an integer or out of range");
    } else if (!decimal_read(call->arguments[2], &timeout_ms)) {
        resp_error(call->reply, "ERR timeout is not an integer or out of range");
    } else if (timeout_ms < 0) {
        resp_error(call->reply, "ERR timeout is negative");
    } else {
        resp_integer(call->reply, replicas_that_have_it(call_server(call)->replica,
                                                        call_client(call)->write_count > 0));
    }
}
