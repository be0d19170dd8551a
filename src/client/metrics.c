/* metrics.c - RAFT METRICS: this node's figures in the text format of Prometheus. Metrics of one
 * number are rows of metrics.def; the others are written here. Prometheus wants all lines of one
 * metric together, and a histogram's buckets cumulative. */
#include <inttypes.h>
#include <string.h>

#include "base/durations.h"
#include "client/client.h"
#include "client/commands.h"
#include "cluster/members.h"
#include "command/table.h"
#include "kv/keyspace.h"
#include "raft/raft.h"
#include "replica/feed.h"
#include "replica/replica.h"
#include "replica/stages.h"
#include "store/store.h"

typedef unsigned long long ull;

/* Everything that rows may show. */
struct metrics_view {
    const struct clients *c;
    const struct replica *r;
    const struct raft *raft;
    const struct feed *feed;
    struct clients_stats clients;
    struct replica_stats replica;
    struct replica_snapshot_stats snapshots;
    struct replica_scrub_stats scrub;
    struct replica_digest_stats digests;
    struct store_stats store;
    struct figures figures;
};

static void view(struct metrics_view *v, const struct clients *c)
{
    *v = (struct metrics_view){.c = c,
                               .r = c->replica,
                               .raft = replica_raft(c->replica),
                               .feed = replica_feed(c->replica)};
    clients_get_stats(c, &v->clients);
    replica_get_stats(v->r, &v->replica);
    replica_get_snapshot_stats(v->r, &v->snapshots);
    replica_get_scrub_stats(v->r, &v->scrub);
    replica_get_digest_stats(v->r, &v->digests);
    store_get_stats(replica_store(v->r), &v->store);
    replica_get_figures(v->r, &v->figures);
}

/* --- one number -------------------------------------------------------------------------- */

static void put_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP rakit_%s %s.\n# TYPE rakit_%s %s\n", name, help, name, type);
}

static void put_number(struct buffer *out, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    put_head(out, name, type, help);
    buffer_printf(out, "rakit_%s %" PRIu64 "\n", name, value);
}

static void put_seconds(struct buffer *out, const char *name, const char *help, uint64_t ns)
{
    put_head(out, name, "gauge", help);
    buffer_printf(out, "rakit_%s %.6f\n", name, (double)ns / 1e9);
}

static void put_rows(const struct metrics_view *v, struct buffer *out)
{
#define GAUGE(name, help, value)   put_number(out, #name, "gauge", help, (uint64_t)(value));
#define COUNTER(name, help, value) put_number(out, #name, "counter", help, (uint64_t)(value));
#define SECONDS(name, help, ns)    put_seconds(out, #name, help, (ns));
#include "client/metrics.def" /* NOLINT(bugprone-suspicious-include) */
#undef GAUGE
#undef COUNTER
#undef SECONDS
}

/* --- labels ------------------------------------------------------------------------------ */

static void put_label(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            buffer_append(out, "\\", 1);
        }
        buffer_append(out, text, 1);
    }
}

static const struct member_address *address_of(const struct metrics_view *v, raft_id id)
{
    return membership_address(replica_membership(v->r), id);
}

static void put_info(const struct metrics_view *v, struct buffer *out)
{
    const struct member_address *self = address_of(v, raft_self(v->raft));

    put_head(out, "node_info", "gauge", "Always 1; the labels say which node and program it is");
    buffer_printf(out,
                  "rakit_node_info{version=\"" RAKIT_VERSION "\",cluster=\"%016llx\","
                  "node=\"%016llx\",name=\"",
                  (ull)replica_cluster_id(v->r), (ull)replica_node_id(v->r));
    put_label(out, self == NULL ? "" : self->name);
    buffer_printf(out, "\"} 1\n");
}

static const char *role_name(const struct metrics_view *v)
{
    const struct raft_member *self =
        raft_configuration_find(raft_configuration(v->raft), raft_self(v->raft));

    if (replica_is_removed(v->r)) {
        return "removed";
    }
    return self != NULL && !self->incoming && !self->outgoing ? "learner"
                                                              : raft_role_name(raft_role(v->raft));
}

static void put_role(const struct metrics_view *v, struct buffer *out)
{
    static const char *const roles[] = {"leader", "follower", "candidate", "learner", "removed"};
    const char *role = role_name(v);
    bool is_listed = false;

    put_head(out, "role", "gauge", "1 for the role that this node has, 0 for the others");
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        is_listed |= strcmp(roles[i], role) == 0;
        buffer_printf(out, "rakit_role{role=\"%s\"} %d\n", roles[i], strcmp(roles[i], role) == 0);
    }
    if (!is_listed) {
        buffer_printf(out, "rakit_role{role=\"%s\"} 1\n", role);
    }
}

static void put_loading(struct buffer *out)
{
    put_head(out, "loading", "gauge", "Whether this node is still loading what it has stored");
    buffer_printf(out, "rakit_loading 0\n"); /* Otherwise RAFT METRICS is answered LOADING. */
}

static void put_keys(const struct metrics_view *v, struct buffer *out)
{
    const struct keyspace *keyspace = replica_keyspace(v->r);

    put_head(out, "keys", "gauge", "Keys by database");
    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        buffer_printf(out, "rakit_keys{db=\"%u\"} %llu\n", (unsigned)i,
                      (ull)keyspace_count(keyspace, i));
    }
    put_head(out, "keys_expiring", "gauge", "Of these, the keys that expire");
    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        buffer_printf(out, "rakit_keys_expiring{db=\"%u\"} %llu\n", (unsigned)i,
                      (ull)keyspace_expiring_count(keyspace, i));
    }
}

static void put_calls(const struct metrics_view *v, struct buffer *out)
{
    const struct command_table *table = v->c->options.commands;

    put_head(out, "command_calls_total", "counter",
             "Calls by command; those that were never called are missing");
    for (uint32_t i = 0; i < table->count; i++) {
        uint64_t count = call_counts_of(&v->c->call_counts, table->rows[i]);

        if (count > 0) {
            buffer_printf(out, "rakit_command_calls_total{command=\"%s\"} %llu\n",
                          table->rows[i]->name, (ull)count);
        }
    }
}

/* --- other nodes ------------------------------------------------------------------------- */

/* By its name, or by its address if it has none. */
static void put_peer_label(struct buffer *out, const struct member_address *address)
{
    buffer_printf(out, "peer=\"");
    put_label(out, address->name);
    if (address->name[0] == '\0') {
        put_label(out, address->client.host);
        buffer_printf(out, ":%u", (unsigned)address->client.port);
    }
    buffer_printf(out, "\"");
}

static void put_peer(struct buffer *out, const char *name, const struct member_address *address,
                     uint64_t value)
{
    buffer_printf(out, "rakit_%s{", name);
    put_peer_label(out, address);
    buffer_printf(out, "} %llu\n", (ull)value);
}

typedef void peer_writer(const struct metrics_view *v, struct buffer *out,
                         const struct member_address *address);

static void for_others(const struct metrics_view *v, struct buffer *out, peer_writer *write)
{
    const struct membership *m = replica_membership(v->r);

    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        if (m->addresses[i].id != raft_self(v->raft)) {
            write(v, out, &m->addresses[i]);
        }
    }
}

static void put_connected(const struct metrics_view *v, struct buffer *out,
                          const struct member_address *address)
{
    put_peer(out, "peer_connected", address, replica_reaches(v->r, address->id));
}

static void put_match(const struct metrics_view *v, struct buffer *out,
                      const struct member_address *address)
{
    struct raft_progress progress;

    if (raft_progress_of(v->raft, address->id, &progress)) {
        put_peer(out, "peer_match_index", address, progress.match_index);
    }
}

static void put_lag(const struct metrics_view *v, struct buffer *out,
                    const struct member_address *address)
{
    struct raft_progress progress;

    if (raft_progress_of(v->raft, address->id, &progress)) {
        put_peer(out, "peer_lag_entries", address, raft_last_index(v->raft) - progress.match_index);
    }
}

static void put_peers(const struct metrics_view *v, struct buffer *out)
{
    put_head(out, "peer_connected", "gauge", "Whether this node is connected to that member");
    for_others(v, out, put_connected);
    put_head(out, "peer_match_index", "gauge",
             "On the leader: index up to which that member is known to have the log");
    for_others(v, out, put_match);
    put_head(out, "peer_lag_entries", "gauge",
             "On the leader: entries of its log that the member has not stored");
    for_others(v, out, put_lag);
}

/* --- times ------------------------------------------------------------------------------- */

/* `label` may be "". */
static void put_buckets(struct buffer *out, const char *name, struct slice label,
                        const struct durations *d)
{
    ull count = durations_within(d, DURATIONS_BOUNDS);
    int size = (int)label.size;
    const char *comma = size == 0 ? "" : ",";
    const char *begin = size == 0 ? "" : "{";
    const char *end = size == 0 ? "" : "}";

    for (uint32_t i = 0; i < DURATIONS_BOUNDS; i++) {
        buffer_printf(out, "rakit_%s_bucket{%.*s%sle=\"%g\"} %llu\n", name, size, label.data, comma,
                      (double)durations_bound_ns(i) / 1e9, (ull)durations_within(d, i));
    }
    buffer_printf(out, "rakit_%s_bucket{%.*s%sle=\"+Inf\"} %llu\n", name, size, label.data, comma,
                  count);
    buffer_printf(out, "rakit_%s_sum%s%.*s%s %.9f\n", name, begin, size, label.data, end,
                  (double)d->total_ns / 1e9);
    buffer_printf(out, "rakit_%s_count%s%.*s%s %llu\n", name, begin, size, label.data, end, count);
}

static void put_times(struct buffer *out, const char *name, const char *help,
                      const struct durations *d)
{
    put_head(out, name, "histogram", help);
    put_buckets(out, name, slice_str(""), d);
}

static void put_round_trip(const struct metrics_view *v, struct buffer *out,
                           const struct member_address *address)
{
    const struct stages *s = replica_stages(v->r);
    uint32_t place = stages_place(s, address->id);
    struct buffer label = {0};

    if (place == STAGES_NODES || s->nodes[place].id == 0) {
        return;
    }
    put_peer_label(&label, address);
    put_buckets(out, "peer_round_trip_seconds", buffer_slice(&label), &s->nodes[place].round_trips);
    buffer_deinit(&label);
}

static void put_histograms(const struct metrics_view *v, struct buffer *out)
{
    const struct stage_times *times = &replica_stages(v->r)->times;

    put_times(out, "log_sync_seconds", "How long the disk took for a write of the log",
              store_sync_times(replica_store(v->r)));
    put_times(out, "commit_seconds",
              "While this node led: from proposing a batch of entries to its commit",
              &times->commit);
    put_times(out, "apply_seconds", "While this node led: from the commit to its execution",
              &times->apply);
    put_times(out, "write_seconds",
              "While this node led: from the arrival of a batch's first command to the answers",
              &times->write);
    put_head(out, "peer_round_trip_seconds", "histogram",
             "Since this node leads: from proposing a batch to the member's acknowledgement, "
             "less what its disk took");
    for_others(v, out, put_round_trip);
}

void raft_metrics_command(struct command_call *call)
{
    struct metrics_view v;
    struct buffer text = {0};

    view(&v, call_clients(call));
    put_info(&v, &text);
    put_role(&v, &text);
    put_loading(&text);
    put_rows(&v, &text);
    put_keys(&v, &text);
    put_calls(&v, &text);
    put_peers(&v, &text);
    put_histograms(&v, &text);
    resp_verbatim(call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}
