/* config.c - the settings of a server: defaults, and checks of combinations that make no sense. */
#include "server/config.h"

#include <string.h>

#include <stddef.h>

#include "cluster/address.h"
#include "cluster/level.h"
#include "kv/kv.h"
#include "peer/wire.h"

#define MS   1000000ull
#define MB   (1024ull * 1024)
#define HOUR (3600 * 1000 * MS)

enum {
    SEGMENT_BYTES_STEP = 4096,
    /* An election timeout must span this many heartbeats, so that a few may be lost. */
    HEARTBEATS_IN_TIMEOUT_MIN = 3,
    /* The newest log entries may take one of so many parts of the limit on memory. */
    LOG_PARTS = 16,
    /* A segment of the log, its growth before a snapshot, and its tail may take one of so many
     * parts of the disk. */
    SEGMENT_PARTS = 32,
    GROWTH_PARTS = 8,
    TAIL_PARTS = 16,
    DISK_MB_MIN = 16,
    /* Commands under way, requests that clients send, and unread replies may each take one of so
     * many parts of it. */
    BUFFER_PARTS = 8,
};

void server_config_defaults(struct server_config *c)
{
    *c = (struct server_config){
        .peer_protocol = WIRE_VERSION,
        .feature_level = LEVEL_NEWEST,
        .election_timeout_ns = 300 * MS,
        .heartbeat_interval_ns = 50 * MS,
        .request_timeout_ns = 2000 * MS,
        .segment_bytes = 64 * MB,
        .log_memory_bytes = 64 * MB,
        .log_tail_bytes = 16 * MB,
        .snapshot_after_bytes = 64 * MB,
        .snapshot_rate_bytes = 100 * MB,
        .scrub_period_ns = 7 * 24 * HOUR,
        .scrub_rate_bytes = 32 * MB,
        .feed_bytes = 16 * MB,
        .snapshot_after_entries = 4 * 1000 * 1000,
        .in_flight_bytes_max = 256 * MB,
        .clients_max = 10000,
        .client_input_bytes_max = KV_VALUE_BYTES_MAX + MB, /* A value and its command. */
        .client_output_bytes_max = 256 * MB,
        .input_memory_bytes = 1024 * MB,
        .output_memory_bytes = 1024 * MB,
        .client_idle_ns = 0,
        .protected_mode = true,
        .tls = {.clients = IO_TLS_AUTHORITIES},
    };
}

static uint64_t share_of(uint64_t bytes, uint64_t memory_bytes, uint64_t parts)
{
    uint64_t share = memory_bytes / parts > MB ? memory_bytes / parts : MB;

    return bytes < share ? bytes : share;
}

void server_config_fit_memory(struct server_config *c)
{
    uint64_t bytes = c->memory_bytes_max;

    if (bytes > 0) {
        c->log_memory_bytes = share_of(c->log_memory_bytes, bytes, LOG_PARTS);
        c->in_flight_bytes_max = share_of(c->in_flight_bytes_max, bytes, BUFFER_PARTS);
        c->input_memory_bytes = share_of(c->input_memory_bytes, bytes, BUFFER_PARTS);
        c->output_memory_bytes = share_of(c->output_memory_bytes, bytes, BUFFER_PARTS);
    }
}

void server_config_fit_disk(struct server_config *c)
{
    uint64_t bytes = c->disk_bytes_max;

    if (bytes == 0 || (c->machine_disk_bytes > 0 && c->machine_disk_bytes < bytes)) {
        bytes = c->machine_disk_bytes;
    }
    if (bytes > 0) {
        c->segment_bytes = share_of(c->segment_bytes, bytes, SEGMENT_PARTS);
        c->segment_bytes -= c->segment_bytes % SEGMENT_BYTES_STEP;
        c->snapshot_after_bytes = share_of(c->snapshot_after_bytes, bytes, GROWTH_PARTS);
        c->log_tail_bytes = share_of(c->log_tail_bytes, bytes, TAIL_PARTS);
    }
}

static const char *check_times(const struct server_config *c)
{
    if (c->heartbeat_interval_ns < MS) {
        return "the heartbeat interval must be at least 1 ms";
    }
    if (c->election_timeout_ns < HEARTBEATS_IN_TIMEOUT_MIN * c->heartbeat_interval_ns) {
        return "the election timeout must be at least 3 times the heartbeat interval, or one "
               "late heartbeat costs the leader its place";
    }
    if (c->request_timeout_ns < c->election_timeout_ns) {
        return "the request timeout must not be below the election timeout, or no command "
               "outlives a change of leader";
    }
    return NULL;
}

static const char *check_sizes(const struct server_config *c)
{
    if (c->disk_bytes_max > 0 && c->disk_bytes_max < DISK_MB_MIN * MB) {
        return "a node needs at least 16 MB of disk (--maxdisk)";
    }
    if (c->segment_bytes < MB || c->segment_bytes % SEGMENT_BYTES_STEP != 0) {
        return "a log segment must have at least 1 MB, in whole pages of 4096 bytes";
    }
    if (c->log_memory_bytes < MB || c->in_flight_bytes_max < MB) {
        return "the log needs at least 1 MB of memory, and so do commands under way";
    }
    if (c->log_tail_bytes > c->log_memory_bytes) {
        return "the tail of the log that stays when it is cut (--log-tail) is kept in memory: it "
               "can't be more than 64 MB";
    }
    if (c->client_input_bytes_max < 64 * 1024 || c->client_output_bytes_max < 64 * 1024) {
        return "a client needs at least 64 kB of input and of output";
    }
    if (c->output_memory_bytes < MB) {
        return "replies that clients have not read need at least 1 MB of memory";
    }
    if (c->clients_max == 0) {
        return "a server must take at least one client";
    }
    return NULL;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

bool server_config_serves_few(const struct server_config *c)
{
    bool serves_proven = c->tls.port != 0 && c->tls.clients == IO_TLS_AUTHORITIES;

    return c->protected_mode && !serves_proven && !c->has_password && !is_loopback(c->address.host);
}

/* Excludes names, which may mean loopback, and addresses that begin with 0, which may mean
 * loopback or all addresses. */
static bool is_of_a_network(const char *host)
{
    bool is_ipv4 = strchr(host, '.') != NULL && strspn(host, "0123456789.") == strlen(host);
    bool is_ipv6 = strchr(host, ':') != NULL && strchr("23fF", host[0]) != NULL;

    return is_ipv6 || (is_ipv4 && host[0] != '0');
}

bool server_config_serves_nobody(const struct server_config *c)
{
    return server_config_serves_few(c) && is_of_a_network(c->address.host);
}

struct io_address server_config_announced(const struct server_config *c)
{
    struct io_address address = c->address;

    if (c->announce_host[0] != 0) {
        address_set_host(&address, slice_str(c->announce_host));
    }
    return address;
}

const char *server_config_check(const struct server_config *c)
{
    struct io_address announced = server_config_announced(c);
    const char *host_fault = address_host_fault(slice_str(announced.host));

    if (c->address.host[0] == '\0') {
        return "a server needs a host to listen on";
    }
    if (host_fault != NULL) {
        return host_fault;
    }
    if (c->data_dir == NULL || c->data_dir[0] == '\0') {
        return "a server needs a data directory";
    }
    if (c->peer_port != 0 && c->peer_port == c->address.port) {
        return "clients and peers need two different ports";
    }
    if (c->sentinel_port != 0 &&
        (c->sentinel_port == c->address.port || c->sentinel_port == c->peer_port)) {
        return "the port for Sentinel's clients (--sentinel-port) must be another one than those "
               "for clients and peers";
    }
    if (c->http_port != 0 && (c->http_port == c->address.port || c->http_port == c->peer_port ||
                              c->http_port == c->sentinel_port)) {
        return "the port for HTTP (--http) must be another one than those for clients and peers";
    }
    if (c->has_contact && (c->contact.host[0] == '\0' || c->contact.port == 0)) {
        return "the contact needs a host and a port";
    }

    const char *fault = check_times(c);

    fault = fault != NULL ? fault : check_sizes(c);
    return fault != NULL ? fault : tls_config_check(c);
}
