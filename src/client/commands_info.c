/* commands_info.c - INFO: this node in sections of "field:value" lines. Fields that Redis has
 * mean the same here; the section raft is Rakit's own. */
#include <stdio.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/topology.h"
#include "cluster/members.h"
#include "kv/keyspace.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "store/store.h"
#include "users/denials.h"

typedef unsigned long long ull;

#define S 1000000000ull

static const char *describe_bytes(uint64_t bytes, char *text, size_t size)
{
    static const char units[] = "BKMGTP";
    double value = (double)bytes;
    int unit = 0;

    while (value >= 1024 && units[unit + 1] != '\0') {
        value /= 1024;
        unit++;
    }
    if (unit == 0) {
        snprintf(text, size, "%lluB", (ull)bytes);
    } else {
        snprintf(text, size, "%.2f%c", value, units[unit]);
    }
    return text;
}

static void put_server(const struct clients *clients, struct buffer *out)
{
    uint64_t uptime_s = (io_now_ns(clients->io) - clients->options.started_ns) / S;

    buffer_printf(out,
                  "redis_version:" REDIS_VERSION "\r\n"
                  "rakit_version:" RAKIT_VERSION "\r\n"
                  "redis_mode:%s\r\n"
                  "arch_bits:64\r\n"
                  "multiplexing_api:libuv\r\n"
                  "run_id:%s\r\n"
                  "tcp_port:%u\r\n"
                  "peer_port:%u\r\n"
                  "server_time_usec:%llu\r\n"
                  "uptime_in_seconds:%llu\r\n"
                  "uptime_in_days:%llu\r\n",
                  topology_mode_name(clients), clients->options.run_id,
                  clients->options.address.port, clients->options.peer_port,
                  (ull)(io_wall_ns(clients->io) / 1000), (ull)uptime_s, (ull)(uptime_s / 86400));
}

static void put_clients(const struct clients *clients, struct buffer *out)
{
    struct clients_stats stats;

    clients_get_stats(clients, &stats);
    buffer_printf(out,
                  "connected_clients:%llu\r\n"
                  "maxclients:%u\r\n"
                  "blocked_clients:%u\r\n"
                  "closed_slow_clients:%llu\r\n"
                  "unread_output_bytes:%llu\r\n"
                  "unread_output_bytes_max:%llu\r\n",
                  (ull)stats.connected_count, clients->options.clients_max, clients->wait_count,
                  (ull)stats.closed_slow_count, (ull)stats.unread_bytes,
                  (ull)clients->options.output_memory_bytes);
}

static uint64_t client_buffer_bytes(const struct clients *clients)
{
    uint64_t bytes = 0;

    list_for_each(node, &clients->all)
    {
        const struct client *c = container_of(node, struct client, link);

        bytes += sizeof *c + c->input.capacity + c->out.capacity + c->sending.capacity +
                 c->held_bytes + c->slot_count * sizeof(struct reply_slot);
    }
    return bytes;
}

static void put_memory(const struct clients *clients, struct buffer *out)
{
    uint64_t dataset_bytes = keyspace_memory_bytes(replica_keyspace(clients->replica));
    uint64_t client_bytes = client_buffer_bytes(clients);
    uint64_t used_bytes = replica_memory_bytes(clients->replica);
    uint64_t max_bytes = replica_memory_max(clients->replica);
    struct replica_stats stats;
    char used_text[32];
    char max_text[32];

    replica_get_stats(clients->replica, &stats);

    buffer_printf(out,
                  "used_memory:%llu\r\n"
                  "used_memory_human:%s\r\n"
                  "used_memory_dataset:%llu\r\n"
                  "used_memory_clients:%llu\r\n"
                  "maxmemory:%llu\r\n"
                  "maxmemory_human:%s\r\n"
                  "maxmemory_policy:noeviction\r\n"
                  "commands_refused_for_memory:%llu\r\n",
                  (ull)used_bytes, describe_bytes(used_bytes, used_text, sizeof used_text),
                  (ull)dataset_bytes, (ull)client_bytes, (ull)max_bytes,
                  describe_bytes(max_bytes, max_text, sizeof max_text), (ull)stats.no_memory_count);
}

static void put_loading(const struct clients *clients, struct buffer *out)
{
    struct replica_progress p;

    if (!replica_is_loading(clients->replica, &p)) {
        buffer_printf(out, "loading:0\r\n");
        return;
    }
    buffer_printf(out,
                  "loading:1\r\n"
                  "loading_total_bytes:%llu\r\n"
                  "loading_loaded_bytes:%llu\r\n"
                  "loading_loaded_perc:%u\r\n"
                  "loading_eta_seconds:%lld\r\n",
                  (ull)p.total_bytes, (ull)p.bytes, p.percent,
                  p.left_ns == UINT64_MAX ? -1ll : (long long)(p.left_ns / 1000000000));
}

/* By the log time of its last entry; -1: there is none. */
static long long snapshot_age_s(const struct clients *clients, const struct store_snapshot *s)
{
    return s->index == 0
               ? -1
               : ((long long)(io_wall_ns(clients->io) / 1000) - (long long)s->time_us) / 1000000;
}

static void put_snapshots(const struct clients *clients, struct buffer *out)
{
    struct replica_snapshot_stats s;
    uint64_t left_bytes;

    replica_get_snapshot_stats(clients->replica, &s);
    left_bytes = s.fetch_bytes - s.fetched_bytes;
    buffer_printf(out,
                  "log_first_index:%llu\r\n"
                  "snapshot_index:%llu\r\n"
                  "snapshot_bytes:%llu\r\n"
                  "snapshot_age_seconds:%lld\r\n"
                  "snapshot_in_progress:%d\r\n"
                  "snapshot_progress_perc:%.1f\r\n"
                  "snapshot_last_duration_ms:%llu\r\n"
                  "snapshots_made:%llu\r\n"
                  "snapshots_failed:%llu\r\n"
                  "snapshots_installed:%llu\r\n",
                  (ull)s.first_index, (ull)s.newest.index, (ull)s.newest.bytes,
                  snapshot_age_s(clients, &s.newest), s.is_making, s.made_permille / 10.0,
                  (ull)(s.last_ns / 1000000), (ull)s.made_count, (ull)s.failed_count,
                  (ull)s.installed_count);
    if (s.fetch_bytes > 0) {
        buffer_printf(out,
                      "snapshot_fetch_bytes:%llu\r\n"
                      "snapshot_fetch_total_bytes:%llu\r\n"
                      "snapshot_fetch_bytes_per_sec:%llu\r\n"
                      "snapshot_fetch_eta_seconds:%lld\r\n",
                      (ull)s.fetched_bytes, (ull)s.fetch_bytes, (ull)s.fetch_rate,
                      s.fetch_rate == 0 ? -1ll : (long long)(left_bytes / s.fetch_rate));
    }
}

/* In Redis's words: snapshots are its RDB files, the log is its AOF. */
static void put_saves(const struct clients *clients, struct buffer *out)
{
    struct replica_snapshot_stats s;

    replica_get_snapshot_stats(clients->replica, &s);
    buffer_printf(out,
                  "rdb_changes_since_last_save:%llu\r\n"
                  "rdb_bgsave_in_progress:%d\r\n"
                  "rdb_last_save_time:%llu\r\n"
                  "rdb_last_bgsave_status:%s\r\n"
                  "aof_enabled:1\r\n"
                  "aof_rewrite_in_progress:0\r\n"
                  "aof_last_write_status:ok\r\n",
                  (ull)(raft_last_index(replica_raft(clients->replica)) - s.newest.index),
                  s.is_making ? 1 : 0, (ull)(s.newest.time_us / 1000000),
                  s.failed_count > 0 && s.made_count == 0 ? "err" : "ok");
}

static void put_scrub(const struct clients *clients, struct buffer *out)
{
    struct replica_scrub_stats s;

    replica_get_scrub_stats(clients->replica, &s);
    buffer_printf(out,
                  "scrub_in_progress:%d\r\n"
                  "scrub_progress_bytes:%llu\r\n"
                  "scrubs_done:%llu\r\n"
                  "scrub_last_time:%llu\r\n"
                  "scrub_last_bytes:%llu\r\n"
                  "scrub_last_duration_ms:%llu\r\n"
                  "scrub_damage_found:%llu\r\n"
                  "repair_in_progress:%d\r\n",
                  s.is_running, (ull)s.running_bytes, (ull)s.pass_count,
                  (ull)(s.last_wall_ns / 1000000000), (ull)s.last_bytes, (ull)(s.last_ns / 1000000),
                  (ull)s.damage_count, s.lacks_entries);
    if (s.lacks_entries) {
        buffer_printf(out,
                      "repair_first_index:%llu\r\n"
                      "repair_last_index:%llu\r\n",
                      (ull)s.lost_first_index, (ull)s.lost_last_index);
    }
}

static void put_persistence(const struct clients *clients, struct buffer *out)
{
    struct store_stats stats;
    struct figures figures;

    store_get_stats(replica_store(clients->replica), &stats);
    replica_get_figures(clients->replica, &figures);
    put_loading(clients, out);
    buffer_printf(out,
                  "log_bytes:%llu\r\n"
                  "log_segments:%llu\r\n"
                  "log_syncs:%llu\r\n"
                  "log_sync_p50_usec:%llu\r\n"
                  "log_sync_p99_usec:%llu\r\n"
                  "log_sync_max_usec:%llu\r\n"
                  "log_sync_pending_usec:%llu\r\n"
                  "log_sync_margin_ms:%lld\r\n"
                  "log_written_bytes:%llu\r\n"
                  "disk_full:%d\r\n"
                  "disk_used:%llu\r\n"
                  "disk_free:%llu\r\n"
                  "maxdisk:%llu\r\n",
                  (ull)stats.log_bytes, (ull)stats.segment_count, (ull)stats.sync_count,
                  (ull)(stats.sync_p50_ns / 1000), (ull)(stats.sync_p99_ns / 1000),
                  (ull)(stats.sync_max_ns / 1000), (ull)(stats.sync_pending_ns / 1000),
                  (long long)figures.election_timeout_ms - figures.sync_p99_us / 1000,
                  (ull)stats.written_bytes, stats.is_full ? 1 : 0, (ull)stats.used_bytes,
                  (ull)stats.free_bytes, (ull)stats.bytes_max);
    put_saves(clients, out);
    put_snapshots(clients, out);
    put_scrub(clients, out);
}

static uint64_t count_trackers(const struct clients *clients)
{
    const struct topic *trackers = topics_find(&clients->topics, TOPIC_TRACKERS, slice_str(""));

    return trackers == NULL ? 0 : trackers->count;
}

static ull denied(const struct clients *clients, enum denial_reason reason)
{
    return clients->options.denials == NULL ? 0 : denials_count(clients->options.denials, reason);
}

static void put_stats(const struct clients *clients, struct buffer *out)
{
    struct clients_stats stats;
    struct replica_stats replica;
    struct figures figures;

    clients_get_stats(clients, &stats);
    replica_get_stats(clients->replica, &replica);
    replica_get_figures(clients->replica, &figures);
    buffer_printf(
        out,
        "total_connections_received:%llu\r\n"
        "total_commands_processed:%llu\r\n"
        "total_error_replies:%llu\r\n"
        "instantaneous_ops_per_sec:%llu\r\n"
        "total_net_input_bytes:%llu\r\n"
        "total_net_output_bytes:%llu\r\n"
        "rejected_connections:%llu\r\n"
        "commands_proposed:%llu\r\n"
        "commands_forwarded:%llu\r\n"
        "commands_in_doubt:%llu\r\n"
        "commands_under_way:%llu\r\n"
        "commands_waiting:%u\r\n"
        "commands_in_log:%u\r\n"
        "commands_at_leader:%u\r\n"
        "peer_output_bytes:%llu\r\n"
        "reads_served:%llu\r\n"
        "read_rounds:%llu\r\n"
        "entries_applied:%llu\r\n"
        "expired_keys:%llu\r\n"
        "expired_subkeys:%llu\r\n"
        "pubsub_channels:%llu\r\n"
        "pubsub_patterns:%llu\r\n"
        "pubsubshard_channels:%llu\r\n"
        "tracking_clients:%llu\r\n"
        "tracking_total_keys:%llu\r\n"
        "tracking_total_items:%llu\r\n"
        "tracking_total_prefixes:%llu\r\n"
        "acl_access_denied_auth:%llu\r\n"
        "acl_access_denied_cmd:%llu\r\n"
        "acl_access_denied_key:%llu\r\n"
        "acl_access_denied_channel:%llu\r\n",
        (ull)stats.accepted_count, (ull)stats.commands_count, (ull)clients->call_counts.error_count,
        (ull)clients->commands_a_second, (ull)stats.input_bytes, (ull)stats.output_bytes,
        (ull)stats.refused_count, (ull)replica.proposed_count, (ull)replica.forwarded_count,
        (ull)replica.in_doubt_count, (ull)replica.pending_count, figures.waiting, figures.proposed,
        figures.forwarded, (ull)figures.outgoing_bytes, (ull)replica.read_count,
        (ull)replica.read_round_count, (ull)replica.applied_count, (ull)replica.expired_count,
        (ull)replica.expired_field_count, (ull)clients->topics.count[TOPIC_CHANNEL],
        (ull)clients->topics.count[TOPIC_PATTERN], (ull)clients->topics.count[TOPIC_SHARD],
        (ull)count_trackers(clients), (ull)clients->tracking.by_key.count,
        (ull)clients->tracking.id_count, (ull)clients->topics.count[TOPIC_PREFIX],
        denied(clients, DENIAL_LOGIN), denied(clients, DENIAL_COMMAND), denied(clients, DENIAL_KEY),
        denied(clients, DENIAL_CHANNEL));
}

/* Those that WAIT counts, numbered as clients expect. */
static void put_followers(const struct replica *replica, struct buffer *out)
{
    raft_index last = raft_last_index(replica_raft(replica));
    struct follower list[RAFT_MEMBERS_MAX];
    uint32_t count = followers_list(replica, list);

    buffer_printf(out, "connected_slaves:%u\r\n", count);
    for (uint32_t i = 0; i < count; i++) {
        buffer_printf(out, "slave%u:ip=%s,port=%u,state=online,offset=%llu,lag=%llu\r\n", i,
                      list[i].address->client.host, list[i].address->client.port,
                      (ull)list[i].match_index, (ull)(last - list[i].match_index));
    }
}

static void put_master_link(const struct replica *replica, struct buffer *out)
{
    struct io_address leader = {.port = 0};
    bool has_leader = replica_is_serving(replica) && replica_leader_address(replica, &leader);

    buffer_printf(out,
                  "master_host:%s\r\n"
                  "master_port:%u\r\n"
                  "master_link_status:%s\r\n"
                  "master_last_io_seconds_ago:%d\r\n"
                  "master_sync_in_progress:0\r\n"
                  "slave_repl_offset:%llu\r\n"
                  "slave_priority:100\r\n"
                  "slave_read_only:0\r\n",
                  has_leader ? leader.host : "", has_leader ? (unsigned)leader.port : 0,
                  has_leader ? "up" : "down", has_leader ? 0 : -1,
                  (ull)replica_applied_index(replica));
}

static void put_replication(const struct clients *clients, struct buffer *out)
{
    const struct replica *replica = clients->replica;
    const struct raft *raft = replica_raft(replica);
    bool is_master = topology_is_master(clients);

    buffer_printf(out, "role:%s\r\n", is_master ? "master" : "slave");
    if (!is_master) {
        put_master_link(replica, out);
    }
    put_followers(replica, out);
    buffer_printf(out,
                  "master_failover_state:no-failover\r\n"
                  "master_replid:%016llx\r\n"
                  "master_repl_offset:%llu\r\n",
                  (ull)replica_cluster_id(replica), (ull)raft_commit_index(raft));
}

static void put_cluster(const struct clients *clients, struct buffer *out)
{
    /* This field means Redis Cluster's slots. */
    buffer_printf(out, "cluster_enabled:%d\r\n",
                  clients->options.cluster_mode == CLUSTER_OFF ? 0 : 1);
}

static void put_keyspace(const struct clients *clients, struct buffer *out)
{
    const struct keyspace *keyspace = replica_keyspace(clients->replica);

    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        uint64_t count = keyspace_count(keyspace, i);

        if (count > 0) {
            buffer_printf(out, "db%u:keys=%llu,expires=%llu,avg_ttl=0\r\n", (unsigned)i, (ull)count,
                          (ull)keyspace_expiring_count(keyspace, i));
        }
    }
}

static void put_raft(const struct clients *clients, struct buffer *out)
{
    const struct replica *replica = clients->replica;
    const struct raft *raft = replica_raft(replica);
    const struct raft_configuration *configuration = raft_configuration(raft);
    const struct raft_member *self = raft_configuration_find(configuration, raft_self(raft));
    const struct member_address *address =
        membership_address(replica_membership(replica), raft_self(raft));
    struct replica_stats stats;
    struct figures figures;
    const char *membership = "none";
    char leader[20] = "none";
    char leader_address[sizeof(struct io_address) + 8] = "none";
    struct io_address at;

    if (replica_leader_address(replica, &at)) {
        snprintf(leader_address, sizeof leader_address, "%s:%u", at.host, (unsigned)at.port);
    }
    if (raft_leader(raft) != 0) {
        snprintf(leader, sizeof leader, "%016llx", (ull)raft_leader(raft));
    }
    replica_get_stats(replica, &stats);
    replica_get_figures(replica, &figures);
    if (replica_is_removed(replica)) {
        membership = "removed";
    } else if (self != NULL) {
        membership = self->incoming || self->outgoing ? "voter" : "learner";
    }
    buffer_printf(
        out,
        "cluster_id:%016llx\r\n"
        "cluster_epoch:%016llx\r\n"
        "node_id:%016llx\r\n"
        "node_name:%s\r\n"
        "raft_role:%s\r\n"
        "raft_membership:%s\r\n"
        "raft_priority:%u\r\n"
        "raft_members:%u\r\n"
        "raft_term:%llu\r\n"
        "raft_leader:%s\r\n"
        "raft_leader_address:%s\r\n"
        "raft_last_index:%llu\r\n"
        "raft_commit_index:%llu\r\n"
        "raft_applied_index:%llu\r\n"
        "raft_state_digest:%016llx\r\n"
        "raft_elections_begun:%llu\r\n"
        "raft_feature_level:%u\r\n"
        "last_trouble_time:%llu\r\n"
        "last_trouble:%s\r\n",
        (ull)replica_cluster_id(replica), (ull)replica_epoch(replica),
        (ull)replica_node_id(replica), address == NULL ? "" : address->name,
        raft_role_name(raft_role(raft)), membership,
        self == NULL ? MEMBER_PRIORITY_DEFAULT : member_priority(self), configuration->member_count,
        (ull)raft_current_term(raft), leader, leader_address, (ull)raft_last_index(raft),
        (ull)raft_commit_index(raft), (ull)replica_applied_index(replica),
        (ull)keyspace_digest(replica_keyspace(replica)), (ull)stats.election_count,
        (unsigned)replica_level(replica), (ull)(figures.trouble_ms / 1000), figures.trouble);
}

static void put_digests(const struct clients *clients, struct buffer *out)
{
    struct replica_digest_stats stats;

    replica_get_digest_stats(clients->replica, &stats);
    buffer_printf(out,
                  "digest_interval_entries:%llu\r\n"
                  "digest_compared_index:%llu\r\n"
                  "digest_compared_seconds_ago:%llu\r\n"
                  "digest_result:%s\r\n"
                  "memory_checked_seconds_ago:%llu\r\n"
                  "quarantine:%s\r\n"
                  "quarantine_reason:%s\r\n"
                  "quarantine_seconds:%llu\r\n"
                  "quarantine_count:%llu\r\n",
                  (ull)stats.interval, (ull)stats.index, (ull)(stats.age_ns / 1000000000),
                  stats.outcome, (ull)(stats.checked_ns / 1000000000), stats.quarantine,
                  stats.reason, (ull)(stats.isolated_ns / 1000000000), (ull)stats.isolated_count);
}

static void put_tls(const struct clients *clients, struct buffer *out)
{
    if (clients->options.put_tls != NULL) {
        clients->options.put_tls(clients->options.context, out);
    }
}

static void put_nothing(const struct clients *clients, struct buffer *out)
{
}

enum {
    AT_PLAIN = 1,
    AT_SENTINEL = 2, /* Shown at that door. */
    ON_REQUEST = 4,  /* Only by its name, ALL or EVERYTHING. */
};

static const struct section {
    const char *name;
    void (*put)(const struct clients *clients, struct buffer *out);
    int doors;
} sections[] = {
    {"Server", put_server, AT_PLAIN | AT_SENTINEL},
    {"Clients", put_clients, AT_PLAIN | AT_SENTINEL},
    {"Memory", put_memory, AT_PLAIN},
    {"Persistence", put_persistence, AT_PLAIN},
    {"Stats", put_stats, AT_PLAIN | AT_SENTINEL},
    {"Replication", put_replication, AT_PLAIN},
    {"Cluster", put_cluster, AT_PLAIN},
    {"Tls", put_tls, AT_PLAIN},
    {"Raft", put_raft, AT_PLAIN},
    {"Digests", put_digests, AT_PLAIN},
    {"Sentinel", sentinel_put_info, AT_SENTINEL},
    {"Modules", put_nothing, AT_PLAIN | ON_REQUEST},
    {"Commandstats", call_info_put_commands, AT_PLAIN | ON_REQUEST},
    {"Errorstats", call_info_put_errors, AT_PLAIN | ON_REQUEST},
    {"Latencystats", call_info_put_latencies, AT_PLAIN | ON_REQUEST},
    {"Keyspace", put_keyspace, AT_PLAIN},
};

static bool is_asked_for(const struct command_call *call, const struct section *section)
{
    int door = call_clients(call)->options.is_sentinel ? AT_SENTINEL : AT_PLAIN;
    bool is_usual = (section->doors & ON_REQUEST) == 0;
    bool is_named = call->argument_count == 1 && is_usual;

    for (uint32_t i = 1; i < call->argument_count; i++) {
        struct slice name = call->arguments[i];

        is_named |= slice_is(name, section->name) || slice_is(name, "ALL") ||
                    (slice_is(name, "DEFAULT") && is_usual) || slice_is(name, "EVERYTHING");
    }
    return is_named && (section->doors & door) != 0;
}

static void info_command(struct command_call *call)
{
    struct buffer text = {0};

    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (!is_asked_for(call, &sections[i])) {
            continue;
        }
        buffer_printf(&text, "%s# %s\r\n", buffer_size(&text) > 0 ? "\r\n" : "", sections[i].name);
        sections[i].put(call_clients(call), &text);
    }
    resp_verbatim(call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command info_commands[] = {
    {.name = "INFO", .arity = -1, .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_IN_RESERVE |
              COMMAND_QUEUED,
     .handler = info_command, .group = "server", .arguments = "[section [section ...]]",
     .since = "1.0.0",
     .summary = "Shows figures of this node."},
    {.name = NULL},
};
/* clang-format on */
