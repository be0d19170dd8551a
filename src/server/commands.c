/* commands.c - assembles the table of all commands, and has the one about the server's own
 * settings: CONFIG. */
#include "server/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/clients.h"
#include "client/commands.h"
#include "command/table.h"
#include "command/transaction.h"
#include "kv/commands.h"
#include "kv/glob.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/subcommand.h"
#include "replica/replica.h"
#include "resp/errors.h"
#include "script/commands.h"
#include "server/door_options.h"
#include "server/memory_size.h"
#include "server/server.h"

#define MS 1000000ull
#define S  1000000000ull

enum { PARAMETERS_MAX = 66 };

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

static const struct server_config *call_config(const struct command_call *call)
{
    const struct server *server = call_context(call);

    return &server->config;
}

/* What Redis's clients ask for, then Rakit's own parameters. */
static void list_parameters(const struct command_call *call, struct parameters *p)
{
    const struct server_config *config = call_config(call);
    char notified[NOTIFY_TEXT_BYTES];

    notify_write(clients_notified(call_clients(call)), notified);
    p->count = 0;
    put(p, "appendfsync", "always");
    put(p, "appendonly", "yes"); /* The replicated log is always on. */
    put(p, "bind", "%s", config->address.host);
    put(p, "cluster-enabled", "%s", config->cluster_mode == CLUSTER_OFF ? "no" : "yes");
    put(p, "cluster-mode", "%s", door_cluster_mode_name(config->cluster_mode));
    put(p, "sentinel-port", "%u", config->sentinel_port);
    put(p, "sentinel-name", "%s", config->sentinel_name == NULL ? "" : config->sentinel_name);
    put(p, "follower-role", "%s", config->followers_are_replicas ? "replica" : "master");
    put(p, "databases", "%d", KEYSPACE_DATABASES);
    put(p, "dir", "%s", config->data_dir == NULL ? "" : config->data_dir);
    put(p, "maxclients", "%u", config->clients_max);
    put(p, "maxdisk", "%llu", (unsigned long long)config->disk_bytes_max);
    put(p, "maxmemory", "%llu", (unsigned long long)config->memory_bytes_max);
    put(p, "maxmemory-policy", "noeviction");
    put(p, "notify-keyspace-events", "%s", notified);
    put(p, "port", "%u", config->address.port);
    put(p, "proto-max-bulk-len", "%d", KV_VALUE_BYTES_MAX);
    put(p, "protected-mode", "%s", config->protected_mode ? "yes" : "no");
    put(p, "replica-read-only", "no"); /* Followers forward writes. */
    put(p, "requirepass", "%s", "");
    put(p, "save", "%s", "");
    put(p, "slave-read-only", "no");
    put(p, "tcp-keepalive", "5");
    put(p, "timeout", "%llu", (unsigned long long)(config->client_idle_ns / S));
    put(p, "peer-port", "%u", config->peer_port);
    put(p, "feature-level", "%u", (unsigned)config->feature_level);
    put(p, "election-timeout-ms", "%llu", (unsigned long long)(config->election_timeout_ns / MS));
    put(p, "heartbeat-ms", "%llu", (unsigned long long)(config->heartbeat_interval_ns / MS));
    put(p, "request-timeout-ms", "%llu", (unsigned long long)(config->request_timeout_ns / MS));
    put(p, "max-input-memory-mb", "%llu", (unsigned long long)(config->input_memory_bytes >> 20));
    put(p, "max-output-memory-mb", "%llu", (unsigned long long)(config->output_memory_bytes >> 20));
    put(p, "log-segment-bytes", "%llu", (unsigned long long)config->segment_bytes);
    put(p, "feed-mb", "%llu", (unsigned long long)(config->feed_bytes >> 20));
    put(p, "snapshot-log-mb", "%llu", (unsigned long long)(config->snapshot_after_bytes >> 20));
    put(p, "snapshot-rate-mb", "%llu", (unsigned long long)(config->snapshot_rate_bytes >> 20));
    put(p, "scrub-period-hours", "%llu",
        (unsigned long long)(config->scrub_period_ns / (3600 * S)));
    put(p, "log-tail-mb", "%llu", (unsigned long long)(config->log_tail_bytes >> 20));
    put(p, "log-memory-bytes", "%llu", (unsigned long long)config->log_memory_bytes);
    put(p, "in-flight-bytes-max", "%llu", (unsigned long long)config->in_flight_bytes_max);
    put(p, "client-input-bytes-max", "%llu", (unsigned long long)config->client_input_bytes_max);
    put(p, "client-output-bytes-max", "%llu", (unsigned long long)config->client_output_bytes_max);
}

/* Whether a pattern of CONFIG GET matches this name. */
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

    list_parameters(call, &p);
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

static bool is_disk_limit(const struct parameter *parameter)
{
    return strcmp(parameter->name, "maxdisk") == 0;
}

static bool is_notify(const struct parameter *parameter)
{
    return strcmp(parameter->name, "notify-keyspace-events") == 0;
}

static bool is_changeable(const struct parameter *parameter)
{
    return strcmp(parameter->name, "maxmemory") == 0 || is_disk_limit(parameter) ||
           is_notify(parameter);
}

static void refuse_setting(struct command_call *call, const struct parameter *parameter)
{
    const char *error =
        is_changeable(parameter) ? ERROR_SETTING_IS_NO_SIZE : ERROR_SETTING_IS_FIXED;

    if (is_notify(parameter)) {
        resp_error(call->reply, ERROR_NOTIFY_LETTER);
    } else {
        resp_errorf(call->reply, error, parameter->name);
    }
}

/* The new values of those that may change. */
struct limits {
    uint64_t memory_bytes;
    uint64_t disk_bytes;
    notify_set notify;
};

/* Reads the new value of a setting; false: it is malformed, or the setting is fixed. */
static bool read_setting(const struct server_config *config, const struct parameter *parameter,
                         struct slice text, struct limits *limits)
{
    struct server_config changed = *config;
    struct memory_size size;
    bool is_disk = is_disk_limit(parameter);
    uint64_t whole = is_disk ? config->machine_disk_bytes : config->machine_memory_bytes;

    if (is_notify(parameter)) {
        return notify_read(text, &limits->notify);
    }
    if (!is_changeable(parameter) || !memory_size_read(text, &size) ||
        (size.percent > 0 && whole == 0)) {
        return false;
    }
    *(is_disk ? &limits->disk_bytes : &limits->memory_bytes) = memory_size_bytes(&size, whole);
    changed.disk_bytes_max = limits->disk_bytes;
    return server_config_check(&changed) == NULL;
}

static void limit_disk(const struct command_call *call, uint64_t bytes)
{
    struct server *server = call_context(call);

    server->config.disk_bytes_max = bytes;
    replica_limit_disk(server->replica, bytes);
    log_write(server->log, LOG_INFO, "the limit on the data directory was changed", "maxdisk=%llu",
              (unsigned long long)bytes);
}

static void limit_memory(const struct command_call *call, uint64_t bytes)
{
    struct server *server = call_context(call);

    server->config.memory_bytes_max = bytes;
    replica_limit_memory(server->replica, bytes);
    log_write(server->log, LOG_INFO, "the limit on memory was changed", "maxmemory=%llu",
              (unsigned long long)bytes);
}

/* Most settings are fixed at the start. Setting the present value again succeeds nevertheless,
 * because libraries make sure of settings that they need. Errors are Redis's. */
static void config_set(struct command_call *call)
{
    struct parameters p;
    struct limits limits = {.memory_bytes = call_config(call)->memory_bytes_max,
                            .disk_bytes = call_config(call)->disk_bytes_max,
                            .notify = clients_notified(call_clients(call))};

    if (call->argument_count % 2 != 0) {
        resp_error(call->reply, ERROR_SYNTAX);
        return;
    }
    list_parameters(call, &p);
    for (uint32_t i = 2; i < call->argument_count; i += 2) {
        struct slice name = call->arguments[i];
        const struct parameter *parameter = find_parameter(&p, name);
        int shown = (int)(name.size < 64 ? name.size : 64);

        if (parameter == NULL) {
            resp_errorf(call->reply, ERROR_UNKNOWN_SETTING, shown, name.size == 0 ? "" : name.data);
            return;
        }
        if (slice_equal(call->arguments[i + 1], slice_str(parameter->value))) {
            continue;
        }
        if (!read_setting(call_config(call), parameter, call->arguments[i + 1], &limits)) {
            refuse_setting(call, parameter);
            return;
        }
    }
    if (limits.memory_bytes != call_config(call)->memory_bytes_max) {
        limit_memory(call, limits.memory_bytes);
    }
    if (limits.disk_bytes != call_config(call)->disk_bytes_max) {
        limit_disk(call, limits.disk_bytes);
    }
    if (limits.notify != clients_notified(call_clients(call))) {
        clients_notify(call_clients(call), limits.notify);
    }
    resp_ok(call->reply);
}

static void config_resetstat(struct command_call *call)
{
    clients_reset_stats(call_clients(call));
    resp_ok(call->reply);
}

static void config_rewrite(struct command_call *call)
{
    resp_error(call->reply, ERROR_NO_CONFIG_FILE);
}

static const struct subcommand config_subcommands[] = {
    {"GET", -3, config_get, "pattern [pattern ...]", "Shows settings."},
    {"RESETSTAT", 2, config_resetstat, "", "Begins the counts of INFO anew."},
    {"REWRITE", 2, config_rewrite, "", "Refused: there is no file of settings."},
    {"SET", -4, config_set, "setting value [setting value ...]",
     "Changes maxmemory, maxdisk or notify-keyspace-events, on this node. Any other setting is "
     "fixed at the start."},
    {NULL, 0, NULL, NULL, NULL},
};

static void config_command(struct command_call *call)
{
    subcommand_run(call);
}

/* --- SHUTDOWN ---------------------------------------------------------------------------- */

static bool is_shutdown_option(struct slice word)
{
    return slice_is(word, "NOSAVE") || slice_is(word, "SAVE") || slice_is(word, "NOW") ||
           slice_is(word, "FORCE");
}

/* As SIGTERM does; the options change nothing, since all that was acknowledged is on the disk.
 * There is no reply, as in Redis: the connection ends. */
static void shutdown_command(struct command_call *call)
{
    struct server *server = call_context(call);

    if (call->argument_count == 2 && slice_is(call->arguments[1], "ABORT")) {
        resp_error(call->reply, server->is_stopping ? ERROR_NO_SHUTDOWN_ABORT : ERROR_NO_SHUTDOWN);
        return;
    }
    for (uint32_t i = 1; i < call->argument_count; i++) {
        if (!is_shutdown_option(call->arguments[i])) {
            resp_error(call->reply, ERROR_SYNTAX);
            return;
        }
    }
    call_end_connection(call);
    server->stop(server);
}

/* --- the table of all commands --------------------------------------------------------- */

static const struct command server_commands[] = {
    {.name = "CONFIG",
     .arity = -2,
     .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_QUEUED,
     .handler = config_command,
     .group = "server",
     .arguments = "GET pattern [pattern ...] | RESETSTAT | SET ...",
     .summary = "Shows settings, and changes a few of them.",
     .since = "2.0.0",
     .subcommands = config_subcommands},
    {.name = "SHUTDOWN",
     .arity = -1,
     .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_LOADING,
     .handler = shutdown_command,
     .group = "server",
     .arguments = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
     .summary = "Stops this node in order, as SIGTERM does: it hands leadership over first.",
     .since = "1.0.0"},
    {.name = NULL},
};

static void add_tables(struct command_table *t, const struct command *const *tables)
{
    for (; *tables != NULL; tables++) {
        command_table_add(t, *tables);
    }
}

void commands_add_all(struct command_table *t)
{
    add_tables(t, kv_command_tables);
    add_tables(t, client_command_tables);
    command_table_add(t, script_commands);
    command_table_add(t, server_commands);
    command_table_add(t, transaction_commands);
}
