/* settings.c - see settings.h. */
#include "server/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "client/clients.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "server/config.h"
#include "server/door_options.h"
#include "server/memory_size.h"
#include "users/denials.h"

#define MS 1000000ull
#define S  1000000000ull

enum { IDLE_S_MAX = 3600 * 1000 };

/* --- showing ----------------------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
put(struct settings *p, const char *name, const char *format, ...)
{
    va_list arguments;

    if (p->count == SETTINGS_MAX) {
        return;
    }
    p->all[p->count].name = name;
    va_start(arguments, format);
    vsnprintf(p->all[p->count].value, sizeof p->all[p->count].value, format, arguments);
    va_end(arguments);
    p->count++;
}

static void list_tls(const struct tls_config *tls, struct settings *p)
{
    const struct io_tls_files *files = &tls->files;

    put(p, "tls-port", "%u", tls->port);
    put(p, "tls-cert-file", "%s", files->certificate == NULL ? "" : files->certificate);
    put(p, "tls-key-file", "%s", files->key == NULL ? "" : files->key);
    put(p, "tls-ca-cert-file", "%s", files->authorities == NULL ? "" : files->authorities);
    put(p, "tls-crl-file", "%s", files->revocations == NULL ? "" : files->revocations);
    put(p, "tls-auth-clients", "%s", tls_config_trust_name(tls->clients));
    put(p, "tls-cluster", "%s", tls->cluster ? "yes" : "no");
    put(p, "tls-http", "%s", tls->is_http_chosen ? (tls->http ? "yes" : "no") : "default");
    put(p, "tls-node-name", "%s", tls->name == NULL ? "" : tls->name);
}

static uint32_t denials_max_of(const struct settings_target *target)
{
    return target->denials == NULL ? DENIALS_MAX : denials_max(target->denials);
}

void settings_list(const struct settings_target *target, struct settings *ret_settings)
{
    const struct server_config *config = target->config;
    struct settings *p = ret_settings;
    char notified[NOTIFY_TEXT_BYTES];

    notify_write(clients_notified(target->clients), notified);
    p->count = 0;
    put(p, "acllog-max-len", "%u", denials_max_of(target));
    put(p, "appendfsync", "always");
    put(p, "appendonly", "yes"); /* The replicated log is always on. */
    put(p, "bind", "%s", config->address.host);
    put(p, "cluster-enabled", "%s", config->cluster_mode == CLUSTER_OFF ? "no" : "yes");
    put(p, "cluster-mode", "%s", door_cluster_mode_name(config->cluster_mode));
    put(p, "sentinel-port", "%u", config->sentinel_port);
    put(p, "http-port", "%u", config->http_port);
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
    list_tls(&config->tls, p);
}

const struct setting *settings_find(const struct settings *settings, struct slice name)
{
    for (uint32_t i = 0; i < settings->count; i++) {
        if (slice_is(name, settings->all[i].name)) {
            return &settings->all[i];
        }
    }
    return NULL;
}

/* --- changing ---------------------------------------------------------------------------- */

void settings_get(const struct settings_target *target, struct changeable_settings *ret_settings)
{
    const struct server_config *config = target->config;

    *ret_settings = (struct changeable_settings){
        .memory_bytes_max = config->memory_bytes_max,
        .disk_bytes_max = config->disk_bytes_max,
        .client_idle_ns = config->client_idle_ns,
        .clients_max = config->clients_max,
        .denials_max = denials_max_of(target),
        .notify = clients_notified(target->clients),
    };
}

static const char *read_memory(const struct settings_target *target, struct slice text,
                               struct changeable_settings *settings)
{
    uint64_t whole = target->config->machine_memory_bytes;
    struct memory_size size;

    if (!memory_size_read(text, &size) || (size.percent > 0 && whole == 0)) {
        return ERROR_SETTING_IS_NO_SIZE;
    }
    settings->memory_bytes_max = memory_size_bytes(&size, whole);
    return NULL;
}

static const char *read_disk(const struct settings_target *target, struct slice text,
                             struct changeable_settings *settings)
{
    struct server_config changed = *target->config;
    struct memory_size size;

    if (!memory_size_read(text, &size) || (size.percent > 0 && changed.machine_disk_bytes == 0)) {
        return ERROR_SETTING_IS_NO_SIZE;
    }
    changed.disk_bytes_max = memory_size_bytes(&size, changed.machine_disk_bytes);
    settings->disk_bytes_max = changed.disk_bytes_max;
    return server_config_check(&changed) == NULL ? NULL : ERROR_SETTING_IS_NO_SIZE;
}

static bool read_number(struct slice text, int64_t min, int64_t max, int64_t *ret_number)
{
    return decimal_read(text, ret_number) && *ret_number >= min && *ret_number <= max;
}

static const char *read_clients(const struct settings_target *target, struct slice text,
                                struct changeable_settings *settings)
{
    int64_t count;

    if (!read_number(text, 1, target->config->clients_max_possible, &count)) {
        return ERROR_SETTING_IS_TOO_MANY;
    }
    settings->clients_max = (uint32_t)count;
    return NULL;
}

static const char *read_denials(struct slice text, struct changeable_settings *settings)
{
    int64_t count;

    if (!read_number(text, 0, DENIALS_LIMIT, &count)) {
        return ERROR_SETTING_IS_TOO_MANY_DENIALS;
    }
    settings->denials_max = (uint32_t)count;
    return NULL;
}

static const char *read_idle(struct slice text, struct changeable_settings *settings)
{
    int64_t seconds;

    if (!read_number(text, 0, IDLE_S_MAX, &seconds)) {
        return ERROR_SETTING_IS_NO_TIME;
    }
    settings->client_idle_ns = (uint64_t)seconds * S;
    return NULL;
}

const char *settings_read(const struct settings_target *target, const char *name, struct slice text,
                          struct changeable_settings *settings)
{
    if (strcmp(name, "maxmemory") == 0) {
        return read_memory(target, text, settings);
    }
    if (strcmp(name, "maxdisk") == 0) {
        return read_disk(target, text, settings);
    }
    if (strcmp(name, "maxclients") == 0) {
        return read_clients(target, text, settings);
    }
    if (strcmp(name, "timeout") == 0) {
        return read_idle(text, settings);
    }
    if (strcmp(name, "acllog-max-len") == 0) {
        return read_denials(text, settings);
    }
    if (strcmp(name, "notify-keyspace-events") == 0) {
        return notify_read(text, &settings->notify) ? NULL : ERROR_NOTIFY_LETTER;
    }
    return ERROR_SETTING_IS_FIXED;
}

static void report_change(const struct settings_target *target, const char *name, uint64_t value)
{
    log_write(target->log, LOG_INFO, "a setting was changed", "%s=%llu", name,
              (unsigned long long)value);
}

static void limit_clients(const struct settings_target *target)
{
    const struct server_config *config = target->config;

    clients_limit(target->clients, config->clients_max, config->client_idle_ns);
    if (target->sentinel_clients != NULL) {
        clients_limit(target->sentinel_clients, config->clients_max, config->client_idle_ns);
    }
}

void settings_set(const struct settings_target *target, const struct changeable_settings *settings)
{
    struct server_config *config = target->config;

    if (settings->memory_bytes_max != config->memory_bytes_max) {
        config->memory_bytes_max = settings->memory_bytes_max;
        replica_limit_memory(target->replica, config->memory_bytes_max);
        report_change(target, "maxmemory", config->memory_bytes_max);
    }
    if (settings->disk_bytes_max != config->disk_bytes_max) {
        config->disk_bytes_max = settings->disk_bytes_max;
        replica_limit_disk(target->replica, config->disk_bytes_max);
        report_change(target, "maxdisk", config->disk_bytes_max);
    }
    if (settings->clients_max != config->clients_max ||
        settings->client_idle_ns != config->client_idle_ns) {
        config->clients_max = settings->clients_max;
        config->client_idle_ns = settings->client_idle_ns;
        limit_clients(target);
        report_change(target, "maxclients", config->clients_max);
        report_change(target, "timeout", config->client_idle_ns / S);
    }
    if (target->denials != NULL) {
        denials_limit(target->denials, settings->denials_max);
    }
    if (settings->notify != clients_notified(target->clients)) {
        clients_notify(target->clients, settings->notify);
    }
}
