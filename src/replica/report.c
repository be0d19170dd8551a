/* report.c - the cluster and the log as replies. */
#include "replica/report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "cluster/level.h"
#include "command/describe.h"
#include "replica/figures.h"

enum {
    REPORT_ARGUMENTS_MAX = 16,      /* Shown of one command. */
    REPORT_ARGUMENT_BYTES_MAX = 64, /* Shown of one argument. */
};

static const uint64_t LAGGING_ENTRIES = 10000;
static const uint64_t FIGURES_FRESH_NS = 5 * 1000 * 1000 * 1000ull;

static void put_id(struct resp_writer *w, const char *key, raft_id id)
{
    resp_bulk_text(w, key);
    if (id == 0) {
        resp_bulk_text(w, "");
    } else {
        resp_bulkf(w, "%016" PRIx64, id);
    }
}

static void put_integer(struct resp_writer *w, const char *key, uint64_t value)
{
    resp_bulk_text(w, key);
    resp_integer(w, (int64_t)value);
}

static void put_signed(struct resp_writer *w, const char *key, int64_t value)
{
    resp_bulk_text(w, key);
    resp_integer(w, value);
}

static void put_text(struct resp_writer *w, const char *key, const char *text)
{
    resp_bulk_text(w, key);
    resp_bulk_text(w, text);
}

static void put_address(struct resp_writer *w, const struct io_address *address)
{
    resp_bulk_text(w, "address");
    resp_bulkf(w, "%s:%u", address->host, (unsigned)address->port);
}

/* A voter that the cluster can count on, whichever node dies now: one of a committed
 * configuration, not only of the one that a joint state leads to. */
static const char *membership_name(const struct replica *r, raft_id id)
{
    const struct raft_configuration *c = r->committed == NULL ? NULL : &r->committed->configuration;
    const struct raft_member *m = c == NULL ? NULL : raft_configuration_find(c, id);
    bool is_voter = m != NULL && (m->outgoing || (m->incoming && !raft_configuration_is_joint(c)));

    return is_voter ? "voter" : "learner";
}

/* What is known about one node: about this one from itself, about others from what they
 * reported. */
struct node_view {
    const char *role;
    raft_term term;
    raft_index commit_index; /* What it has certainly stored and knows to be committed. */
    raft_index applied_index;
    raft_index match_index;
    int64_t lag_entries; /* Of the leader's log, what it has not stored; -1: unknown. */
    int64_t lag_bytes;   /* The same. */
    int64_t lag_ms;      /* For how long the first of these has been in the log. */
    struct figures figures;
    bool has_figures;
    int64_t silent_ms; /* Since it was last heard, or should have been; -1: never heard. */
    const char *health;
    const char *program; /* Its version; "": unknown. */
};

static const char *memory_name(const struct replica *r, raft_id id)
{
    return memory_is_full(r, id) ? "memory-full" : "ok";
}

/* The bytes of entries that are not in memory any more are estimated by those of the log. */
static uint64_t bytes_after(const struct replica *r, raft_index index)
{
    const struct log_window *w = &r->window;

    if (index + 1 >= w->first) {
        return log_window_bytes_after(w, index);
    }

    uint64_t entries = raft_last_index(r->raft) + 1 - raft_first_index(r->raft);

    return w->bytes + (w->first - 1 - index) * (store_log_bytes(r->store) / (entries + 1));
}

/* At least: of an entry that is not in memory any more, the time is not known. */
static uint64_t age_ms(const struct replica *r, raft_index index)
{
    uint64_t logged_us = log_window_time_us(&r->window, index);
    uint64_t now_us = io_wall_ns(r->io) / 1000;

    if (logged_us == 0) {
        logged_us = r->window.trimmed_time_us;
    }
    return now_us > logged_us ? (now_us - logged_us) / 1000 : 0;
}

static void view_lag(const struct replica *r, struct node_view *v)
{
    raft_index last = raft_last_index(r->raft);
    bool is_behind = v->match_index < last;

    v->lag_entries = is_behind ? (int64_t)(last - v->match_index) : 0;
    v->lag_bytes = is_behind ? (int64_t)bytes_after(r, v->match_index) : 0;
    v->lag_ms = is_behind ? (int64_t)age_ms(r, v->match_index + 1) : 0;
}

static void view_own_figures(const struct replica *r, struct node_view *v)
{
    v->has_figures = true;
    figures_collect(r, &v->figures);
    v->figures.waiting -= v->figures.waiting > 0; /* The command that asks. */
}

static struct node_view view_self(const struct replica *r, const struct raft_member *member)
{
    bool is_learner = !member->incoming && !member->outgoing;
    struct node_view v = {
        .role = is_learner ? "learner" : raft_role_name(raft_role(r->raft)),
        .term = raft_current_term(r->raft),
        .commit_index = raft_commit_index(r->raft),
        .applied_index = r->applied_index,
        .match_index = raft_durable_index(r->raft),
        .health = quarantine_is_on(&r->quarantine)                                  ? "isolated"
                  : contradictions_are_recent(&r->contradictions, io_now_ns(r->io)) ? "contradicted"
                  : store_is_full(r->store)                                         ? "disk-full"
                                            : memory_name(r, member->id),
        .program = RAKIT_VERSION,
    };

    view_lag(r, &v);
    view_own_figures(r, &v);
    return v;
}

/* No node reports its commit index. It is not beyond what it has stored; but what it has applied
 * is committed, even if its disk is still writing it. */
static raft_index commit_index_of(const struct node_view *v, raft_index commit_index)
{
    raft_index stored_index = v->match_index < commit_index ? v->match_index : commit_index;

    return stored_index > v->applied_index ? stored_index : v->applied_index;
}

/* Since when nothing has arrived although something should have: only a leader and its followers
 * talk to each other, and a node that looks for a leader talks to all. */
static uint64_t silent_ns(const struct replica *r, const struct peer *peer)
{
    raft_id leader = raft_leader(r->raft);
    uint64_t since_ns = peer->heard_ns > r->seen_since_ns ? peer->heard_ns : r->seen_since_ns;

    if (leader != 0 && leader != raft_self(r->raft) && leader != peer->id) {
        return 0;
    }
    return io_now_ns(r->io) - since_ns;
}

/* It refuses this leader's log, or has no room for it: it only answers heartbeats. */
static bool takes_nothing(const struct replica *r, const struct raft_progress *progress)
{
    return progress->searching_ns > 2 * r->options.election_timeout_ns && !MUTANT(refusal_is_ok);
}

/* Recently; followers do not talk to each other. */
static bool says_full(const struct replica *r, const struct peer *peer)
{
    return peer->disk >= WIRE_DISK_FULL &&
           io_now_ns(r->io) - peer->heard_ns <= 2 * r->options.election_timeout_ns;
}

/* A follower sends them to its leader only, so a node that leads no more has old ones. */
static bool has_fresh_figures(const struct replica *r, const struct peer *peer)
{
    return peer->figures_ns != 0 &&
           (io_now_ns(r->io) - peer->figures_ns <= FIGURES_FRESH_NS || MUTANT(old_figures_shown));
}

static struct node_view view_other(struct replica *r, const struct raft_member *member)
{
    const struct peer *peer = peers_find(r->peers, member->id);
    struct node_view v = {.role = "unknown",
                          .lag_entries = -1,
                          .lag_bytes = -1,
                          .lag_ms = -1,
                          .silent_ms = -1,
                          .health = "unreachable",
                          .program = ""};
    struct raft_progress progress;

    if (peer == NULL || peer->heard_ns == 0) {
        return v;
    }

    uint64_t age_ns = silent_ns(r, peer);
    bool is_learner = !member->incoming && !member->outgoing;

    v.silent_ms = (int64_t)(age_ns / 1000000);
    if (!peers_is_connected(r->peers, member->id) || age_ns > 2 * r->options.election_timeout_ns) {
        return v; /* What it last reported does not count any more. */
    }
    v.program = peer->program;
    v.figures = peer->figures;
    v.has_figures = has_fresh_figures(r, peer);
    v.term = peer->term;
    v.applied_index = peer->applied_index;
    v.commit_index = peer->applied_index;
    v.health = digests_is_isolated(&r->digests, member->id) ? "isolated"
               : says_full(r, peer)                         ? "disk-full"
                                                            : memory_name(r, member->id);
    if (raft_progress_of(r->raft, member->id, &progress)) {
        v.role = is_learner ? "learner" : "follower";
        v.match_index = progress.match_index;
        v.commit_index = commit_index_of(&v, raft_commit_index(r->raft));
        view_lag(r, &v);
        /* A node that takes nothing from this leader, although it is there, is not healthy
         * either. */
        if (!says_full(r, peer) &&
            (raft_last_index(r->raft) - progress.match_index > LAGGING_ENTRIES ||
             !replica_hears(r, &progress) || takes_nothing(r, &progress))) {
            v.health = "lagging";
        }
    } else if (member->id == raft_leader(r->raft)) {
        v.role = "leader";
    }
    return v;
}

/* Whether a learner is to take its place. */
static bool succeeded(const struct raft_configuration *c, const struct raft_member *m)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].replaces == m->id) {
            return true;
        }
    }
    return false;
}

/* What the member is about to be, or stays. */
static const char *future_name(const struct raft_configuration *c, const struct raft_member *m)
{
    if (m->incoming && succeeded(c, m)) {
        return "replaced";
    }
    if (m->incoming || (!m->outgoing && !m->stays_learner)) {
        return "voter";
    }
    return m->stays_learner ? "learner" : "removed";
}

static void put_part(struct resp_writer *w, const struct raft_configuration *c,
                     const struct raft_member *member, const struct member_address *address)
{
    put_text(w, "name", address->name);
    put_text(w, "becomes", future_name(c, member));
    put_id(w, "replaces", member->replaces);
    put_integer(w, "priority", member_priority(member));
}

static void put_node(struct replica *r, struct resp_writer *w, const struct raft_member *member,
                     const struct member_address *address)
{
    struct node_view v =
        member->id == raft_self(r->raft) ? view_self(r, member) : view_other(r, member);

    resp_map(w, 19 + figures_count());
    put_id(w, "id", member->id);
    put_address(w, &address->client);
    put_text(w, "role", v.role);
    put_text(w, "membership", membership_name(r, member->id));
    put_integer(w, "term", v.term);
    put_integer(w, "commit_index", v.commit_index);
    put_integer(w, "applied_index", v.applied_index);
    put_integer(w, "match_index", v.match_index);
    put_text(w, "health", v.health);
    put_signed(w, "silent_ms", v.silent_ms);
    put_text(w, "version", v.program);
    put_signed(w, "lag_entries", v.lag_entries);
    put_signed(w, "lag_bytes", v.lag_bytes);
    put_signed(w, "lag_ms", v.lag_ms);
    put_signed(w, "sync_margin_ms",
               v.has_figures ? (int64_t)v.figures.election_timeout_ms -
                                   (int64_t)(v.figures.sync_p99_us / 1000)
                             : -1);
    figures_put(v.has_figures ? &v.figures : NULL, w);
    put_part(w, raft_configuration(r->raft), member, address);
}

void report_status(struct replica *r, struct resp_writer *w)
{
    const struct membership *m = replica_membership(r);
    uint32_t count = m == NULL ? 0 : m->configuration.member_count;
    bool is_joint = m != NULL && raft_configuration_is_joint(&m->configuration);

    resp_map(w, 9);
    put_id(w, "cluster_id", r->recovered.identity.cluster_id);
    put_id(w, "node_id", raft_self(r->raft));
    put_id(w, "leader_id", raft_leader(r->raft));
    put_integer(w, "term", raft_current_term(r->raft));
    put_integer(w, "commit_index", raft_commit_index(r->raft));
    put_integer(w, "applied_index", r->applied_index);
    put_integer(w, "feature_level", r->level);
    put_text(w, "configuration", r->is_removed ? "removed" : is_joint ? "joint" : "stable");
    resp_bulk_text(w, "nodes");
    resp_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        put_node(r, w, &m->configuration.members[i], &m->addresses[i]);
    }
}

void report_members(struct replica *r, struct resp_writer *w)
{
    const struct membership *m = replica_membership(r);
    uint32_t count = m == NULL ? 0 : m->configuration.member_count;

    resp_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        resp_map(w, 7);
        put_id(w, "id", m->addresses[i].id);
        put_address(w, &m->addresses[i].client);
        put_text(w, "membership", membership_name(r, m->addresses[i].id));
        put_part(w, &m->configuration, &m->configuration.members[i], &m->addresses[i]);
    }
}

/* --- log entries --------------------------------------------------------------------- */

static void describe_membership(struct buffer *out, const struct entry *e)
{
    struct membership *m = membership_decode(entry_payload(e));

    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        const struct raft_member *member = &m->configuration.members[i];
        const char *part = member->incoming && member->outgoing ? "voter"
                           : member->incoming                   ? "voter"
                           : member->outgoing                   ? "leaving"
                                                                : "learner";

        if (member->incoming && !member->outgoing &&
            raft_configuration_is_joint(&m->configuration)) {
            part = "joining";
        }
        buffer_printf(out, "%s%s:%u=%s", i > 0 ? " " : "", m->addresses[i].client.host,
                      (unsigned)m->addresses[i].client.port, part);
        if (m->addresses[i].name[0] != 0) {
            buffer_printf(out, "(%s)", m->addresses[i].name);
        }
    }
    membership_free(m);
}

static void describe_level(struct buffer *out, const struct entry *e)
{
    uint32_t level = 0;

    (void)level_decode(entry_payload(e), &level);
    buffer_printf(out, "%u", (unsigned)level);
}

void report_entry(const struct entry *e, struct resp_writer *w)
{
    resp_array(w, 4);
    report_entry_fields(e, w);
}

void report_entry_fields(const struct entry *e, struct resp_writer *w)
{
    struct buffer text = {0};

    resp_integer(w, (int64_t)e->index);
    resp_integer(w, (int64_t)e->term);
    resp_bulk_text(w, raft_entry_kind_name((enum raft_entry_kind)e->kind));
    if (e->kind == RAFT_COMMAND || e->kind == RAFT_EXPIRED) {
        command_describe(&text, entry_payload(e), REPORT_ARGUMENTS_MAX, REPORT_ARGUMENT_BYTES_MAX);
    } else if (e->kind == RAFT_CONFIGURATION) {
        describe_membership(&text, e);
    } else if (e->kind == RAFT_LEVEL) {
        describe_level(&text, e);
    }
    resp_bulk(w, buffer_slice(&text));
    buffer_deinit(&text);
}
