/* cluster.c - see cluster.h. */
#include "cluster.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "cluster_log.h"
#include "cluster_origin.h"
#include "cluster_trace.h"
#include "cluster_watch.h"

/* --- building --------------------------------------------------------------------- */

struct cluster *cluster_new(uint64_t seed)
{
    struct cluster *c = calloc(1, sizeof(*c));

    CHECK(c != NULL);
    c->seed = seed;
    c->runs_max = 512;
    c->now_ns = 1000 * CLUSTER_MS;
    c->next_value = 1;
    return c;
}

static void free_packet(struct cluster_packet *packet)
{
    free(packet->entries);
    free(packet->values);
}

static void forget_volatile(struct cluster_node *node)
{
    for (uint32_t i = 0; i < node->write_count; i++) {
        free(node->writes[i].entries.entries);
    }
    for (uint32_t i = 0; i < node->held_count; i++) {
        free_packet(&node->held[i]);
    }
    node->write_count = 0;
    node->held_count = 0;
    node->read_count = 0;
    node->log.count = 0;
    free(node->memory);
    node->memory = NULL;
    node->raft = NULL;
    node->is_up = false;
}

void cluster_free(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        forget_volatile(c->nodes[i]);
        free(c->nodes[i]->log.entries);
        free(c->nodes[i]->durable_log.entries);
        free(c->nodes[i]);
    }
    for (uint32_t i = 0; i < c->packet_count; i++) {
        free_packet(&c->packets[i]);
    }
    for (uint32_t i = 0; i < c->configuration_count; i++) {
        free(c->configurations[i]);
    }
    free(c->configurations);
    free(c->committed.entries);
    free(c->seen);
    free(c);
}

static const struct raft_configuration *keep_configuration(struct cluster *c,
                                                           const struct raft_configuration *given)
{
    struct raft_configuration *kept = malloc(sizeof(*kept));
    uint32_t count = c->configuration_count;

    CHECK(kept != NULL);
    *kept = *given;
    c->configurations = realloc(c->configurations, (count + 1) * sizeof(*c->configurations));
    CHECK(c->configurations != NULL);
    c->configurations[c->configuration_count++] = kept;
    return kept;
}

struct cluster_node *cluster_node(struct cluster *c, raft_id id)
{
    CHECK(id >= 1);
    CHECK(id <= c->node_count);
    return c->nodes[id - 1];
}

struct raft *cluster_raft(struct cluster *c, raft_id id)
{
    return cluster_node(c, id)->raft;
}

struct cluster_node *cluster_add_empty(struct cluster *c)
{
    CHECK(c->node_count < CLUSTER_NODES_MAX);
    struct cluster_node *node = calloc(1, sizeof(*node));

    CHECK(node != NULL);
    c->nodes[c->node_count++] = node;
    node->id = c->node_count;
    node->origin = c->committed.origin;
    node->snapshot = c->committed.origin;
    node->durable_term = c->committed.origin_term;
    node->durable_log.origin = c->committed.origin;
    node->durable_log.origin_term = c->committed.origin_term;
    return node;
}

void cluster_add_voters(struct cluster *c, uint32_t node_count)
{
    struct raft_configuration voters = {.member_count = node_count};

    for (uint32_t i = 0; i < node_count; i++) {
        voters.members[i] = (struct raft_member){.id = i + 1, .incoming = true};
    }
    const struct cluster_entry first = {
        .term = 1,
        .kind = RAFT_CONFIGURATION,
        .configuration = keep_configuration(c, &voters),
    };

    for (uint32_t i = 0; i < node_count; i++) {
        struct cluster_node *node = cluster_add_empty(c);

        if (c->committed.origin > 0) {
            c->first_members = first.configuration;
            continue;
        }
        node->durable_term = 1;
        cluster_log_append(&node->durable_log, &first);
    }
}

static void restore_log(struct cluster *c, struct cluster_node *node)
{
    const struct cluster_log *log = &node->durable_log;
    raft_index configured_at;
    const struct raft_configuration *members = cluster_members_at_snapshot(c, node, &configured_at);
    int error = raft_restore_origin(node->raft, node->origin, cluster_log_term(log, node->origin),
                                    members, configured_at);

    CHECK(error == RAFT_OK);
    for (raft_index i = node->origin + 1; i <= cluster_log_last(log); i++) {
        const struct cluster_entry *kept = cluster_log_at(log, i);
        const struct raft_entry entry = {
            .term = kept->term, .kind = kept->kind, .configuration = kept->configuration};

        error = raft_restore_entry(node->raft, &entry);
        CHECK(error == RAFT_OK);
    }
    cluster_log_copy(&node->log, log);
}

void cluster_preload(struct cluster *c, raft_id id, const raft_term *terms, uint32_t count)
{
    struct cluster_node *node = cluster_node(c, id);

    CHECK(!node->is_up);
    for (uint32_t i = 0; i < count; i++) {
        const struct cluster_entry entry = {
            .term = terms[i],
            .kind = RAFT_COMMAND,
            .value = 1000000 * terms[i] + node->durable_log.count + 1,
        };

        cluster_log_append(&node->durable_log, &entry);
        if (node->durable_term < terms[i]) {
            node->durable_term = terms[i];
        }
    }
}

void cluster_set_vote(struct cluster *c, raft_id id, raft_term term, raft_id voted_for)
{
    struct cluster_node *node = cluster_node(c, id);

    CHECK(!node->is_up);
    node->durable_term = term;
    node->durable_vote = voted_for;
}

void cluster_start(struct cluster *c, raft_id id)
{
    struct cluster_node *node = cluster_node(c, id);
    const struct raft_options options = {
        .id = id,
        .election_timeout_ns = 300 * CLUSTER_MS,
        .heartbeat_interval_ns = 60 * CLUSTER_MS,
        .seed = c->seed * 31 + id + c->now_ns,
        .runs_max = c->runs_max,
    };

    CHECK(!node->is_up);
    node->memory = malloc(raft_size(&options));
    CHECK(node->memory != NULL);
    node->raft = raft_init(node->memory, &options, c->now_ns);
    raft_restore_vote(node->raft, node->durable_term, node->durable_vote);
    restore_log(c, node);
    raft_restore_commit(node->raft, node->snapshot);
    if (node->snapshot > 0) {
        const struct raft_snapshot own = cluster_snapshot_of(node);

        raft_set_snapshot(node->raft, &own);
    }
    node->is_up = true;
    node->effects = (struct raft_effects){.deadline_ns = c->now_ns};
}

void cluster_start_all(struct cluster *c)
{
    for (uint32_t i = 1; i <= c->node_count; i++) {
        if (!c->nodes[i - 1]->is_up) {
            cluster_start(c, i);
        }
    }
}

void cluster_crash(struct cluster *c, raft_id id)
{
    forget_volatile(cluster_node(c, id));
}

/* --- carrying effects out --------------------------------------------------------- */

static void put_packet(struct cluster *c, struct cluster_packet *packet)
{
    const struct raft_message *m = &packet->message;
    bool is_lost = m->to > c->node_count || c->is_cut[m->from][m->to];

    if (is_lost || c->packet_count == CLUSTER_PACKETS_MAX) {
        free_packet(packet);
        return;
    }
    c->packets[c->packet_count++] = *packet;
}

static void release_held(struct cluster *c, struct cluster_node *node, raft_seq durable_seq)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < node->held_count; i++) {
        if (node->held[i].after > durable_seq) {
            node->held[kept_count++] = node->held[i];
            continue;
        }
        cluster_see_message(node, &node->held[i].message);
        put_packet(c, &node->held[i]);
    }
    node->held_count = kept_count;
}

/* Of whatever kind it is. */
static uint32_t entry_count_of(const struct raft_message *m)
{
    return m->kind == RAFT_APPEND_ENTRIES ? m->append_entries.entry_count : 0;
}

/* Copies the entries now, because they may be replaced later. */
static void send(struct cluster *c, struct cluster_node *node, const struct raft_outbound *o)
{
    struct cluster_packet packet = {.after = o->after, .message = o->message};
    uint32_t count = entry_count_of(&o->message);

    if (count > 0) {
        packet.entries = calloc(count, sizeof(*packet.entries));
        packet.values = calloc(count, sizeof(*packet.values));
        CHECK(packet.entries != NULL);
        CHECK(packet.values != NULL);
    }
    for (uint32_t i = 0; i < count; i++) {
        raft_index index = o->message.append_entries.prev_log_index + 1 + i;
        const struct cluster_entry *entry = cluster_log_at(&node->log, index);

        CHECK(index > node->origin);
        packet.entries[i] = (struct raft_entry){
            .term = entry->term, .kind = entry->kind, .configuration = entry->configuration};
        packet.values[i] = entry->value;
    }
    if (o->message.kind == RAFT_APPEND_ENTRIES) {
        packet.message.append_entries.entries = packet.entries;
    }
    if (o->after == 0) {
        cluster_see_message(node, &packet.message);
        put_packet(c, &packet);
        return;
    }
    CHECK(node->held_count < CLUSTER_PACKETS_MAX);
    node->held[node->held_count++] = packet;
}

static struct cluster_entry appended_entry(struct cluster *c, const struct cluster_node *node,
                                           const struct raft_event *event,
                                           const struct cluster_packet *packet, raft_index index)
{
    const struct raft_effects *e = &node->effects;
    struct cluster_entry entry = {.term = raft_term_at(node->raft, index)};

    if (e->append_own != 0) {
        entry.kind = e->append_own;
        if (entry.kind == RAFT_CONFIGURATION) {
            entry.configuration = keep_configuration(c, &e->append_configuration);
            entry.value = c->next_value++;
        }
    } else if (event->kind == RAFT_PROPOSE) {
        entry.kind = RAFT_COMMAND;
        entry.value = c->next_value++;
    } else {
        uint64_t at = index - packet->message.append_entries.prev_log_index - 1;

        CHECK(at < packet->message.append_entries.entry_count);
        entry.kind = packet->entries[at].kind;
        entry.configuration = packet->entries[at].configuration;
        entry.value = packet->values[at];
    }
    return entry;
}

static void write(struct cluster *c, struct cluster_node *node, const struct raft_event *event,
                  const struct cluster_packet *packet)
{
    const struct raft_effects *e = &node->effects;

    if (e->write_seq == 0) {
        CHECK(!e->write_vote && e->truncate_from == 0 && e->append_count == 0);
        return;
    }
    CHECK(node->write_count < CLUSTER_WRITES_MAX);
    struct cluster_write *pending = &node->writes[node->write_count++];

    *pending = (struct cluster_write){
        .seq = e->write_seq,
        .has_vote = e->write_vote,
        .current_term = e->current_term,
        .voted_for = e->voted_for,
        .truncate_from = e->truncate_from,
    };
    if (e->truncate_from != 0) {
        CHECK(e->truncate_from <= cluster_log_last(&node->log));
        cluster_log_cut(&node->log, e->truncate_from);
    }
    CHECK(e->append_count == 0 || e->append_first == cluster_log_last(&node->log) + 1);
    for (uint32_t i = 0; i < e->append_count; i++) {
        struct cluster_entry entry = appended_entry(c, node, event, packet, e->append_first + i);

        cluster_log_append(&node->log, &entry);
        cluster_log_append(&pending->entries, &entry);
        cluster_see_entry(c, &node->log, cluster_log_last(&node->log));
    }
}

int cluster_step(struct cluster *c, raft_id id, struct raft_event *event,
                 const struct cluster_packet *packet)
{
    struct cluster_node *node = cluster_node(c, id);
    struct raft_observation before;

    CHECK(node->is_up);
    event->now_ns = c->now_ns;
    raft_observe(node->raft, &before);
    int error = raft_step(node->raft, event, &node->effects);

    raft_check_invariants(node->raft, &before);
    if (error != RAFT_OK) {
        cluster_trace_refusal(c, node, error);
        return error;
    }
    write(c, node, event, packet);
    cluster_trace_effects(c, node, &before);
    if (event->kind == RAFT_READ) {
        CHECK(node->read_count < CLUSTER_READS_MAX);
        node->reads[node->read_count].ticket = node->effects.read_ticket;
        node->reads[node->read_count].required = cluster_log_last(&c->committed);
        node->read_count++;
    }
    cluster_see_commit(c, node, before.commit_index);
    if (raft_role(node->raft) == RAFT_LEADER) {
        cluster_see_leader(c, node);
    }
    cluster_see_reads(node);
    if (node->effects.install.last_included_index > 0) {
        node->offer = node->effects.install;
    }
    for (uint32_t i = 0; i < node->effects.outbound_count; i++) {
        send(c, node, &node->effects.outbound[i]);
    }
    return RAFT_OK;
}

/* --- events ----------------------------------------------------------------------- */

int cluster_tick(struct cluster *c, raft_id id)
{
    struct raft_event event = {.kind = RAFT_TICK};

    return cluster_step(c, id, &event, NULL);
}

int cluster_propose(struct cluster *c, raft_id id, uint32_t count)
{
    struct raft_event event = {.kind = RAFT_PROPOSE, .propose_count = count};

    return cluster_step(c, id, &event, NULL);
}

int cluster_change(struct cluster *c, raft_id id, enum raft_change_kind kind, raft_id whom)
{
    struct raft_event event = {.kind = RAFT_CHANGE, .change = {.kind = kind, .id = whom}};

    return cluster_step(c, id, &event, NULL);
}

int cluster_read(struct cluster *c, raft_id id)
{
    struct raft_event event = {.kind = RAFT_READ};

    return cluster_step(c, id, &event, NULL);
}

int cluster_transfer(struct cluster *c, raft_id id, raft_id target)
{
    struct raft_event event = {.kind = RAFT_TRANSFER, .peer = target};

    return cluster_step(c, id, &event, NULL);
}

int cluster_lost(struct cluster *c, raft_id id, raft_id peer)
{
    struct raft_event event = {.kind = RAFT_PEER_LOST, .peer = peer};

    return cluster_step(c, id, &event, NULL);
}

static void store(struct cluster_node *node, struct cluster_write *done)
{
    if (done->has_vote) {
        node->durable_term = done->current_term;
        node->durable_vote = done->voted_for;
    }
    if (done->truncate_from != 0) {
        cluster_log_cut(&node->durable_log, done->truncate_from);
    }
    for (uint32_t i = 0; i < done->entries.count; i++) {
        CHECK(done->entries.entries[i].term <= node->durable_term); /* Term before entries. */
        cluster_log_append(&node->durable_log, &done->entries.entries[i]);
    }
    free(done->entries.entries);
}

void cluster_durable(struct cluster *c, raft_id id, uint32_t count)
{
    struct cluster_node *node = cluster_node(c, id);
    struct raft_event event = {.kind = RAFT_DURABLE};

    CHECK(count > 0);
    CHECK(count <= node->write_count);
    for (uint32_t i = 0; i < count; i++) {
        event.durable_seq = node->writes[i].seq;
        store(node, &node->writes[i]);
    }
    for (uint32_t i = count; i < node->write_count; i++) {
        node->writes[i - count] = node->writes[i];
    }
    node->write_count -= count;
    release_held(c, node, event.durable_seq);
    (void)cluster_step(c, id, &event, NULL);
}

void cluster_durable_all(struct cluster *c, raft_id id)
{
    struct cluster_node *node = cluster_node(c, id);

    while (node->is_up && node->write_count > 0) {
        cluster_durable(c, id, node->write_count);
    }
}

/* --- network ---------------------------------------------------------------------- */

static struct cluster_packet take_packet(struct cluster *c, uint32_t at)
{
    CHECK(at < c->packet_count);
    struct cluster_packet packet = c->packets[at];

    for (uint32_t i = at + 1; i < c->packet_count; i++) {
        c->packets[i - 1] = c->packets[i];
    }
    c->packet_count--;
    return packet;
}

void cluster_deliver(struct cluster *c, uint32_t at)
{
    struct cluster_packet packet = take_packet(c, at);

    if (cluster_node(c, packet.message.to)->is_up) {
        struct raft_event event = {.kind = RAFT_RECEIVE, .message = &packet.message};

        (void)cluster_step(c, packet.message.to, &event, &packet);
    }
    free_packet(&packet);
}

void cluster_drop(struct cluster *c, uint32_t at)
{
    struct cluster_packet packet = take_packet(c, at);

    free_packet(&packet);
}

/* `count` entries of `from`, starting with its entry number `first`. */
static struct cluster_packet copy_packet(const struct cluster_packet *from, uint32_t first,
                                         uint32_t count)
{
    struct cluster_packet copy = {.after = from->after, .message = from->message};

    if (copy.message.kind != RAFT_APPEND_ENTRIES) {
        return copy;
    }
    struct raft_append_entries *a = &copy.message.append_entries;

    a->entry_count = count;
    a->prev_log_index += first;
    if (first > 0) {
        a->prev_log_term = from->entries[first - 1].term;
    }
    if (count > 0) {
        copy.entries = calloc(count, sizeof(*copy.entries));
        copy.values = calloc(count, sizeof(*copy.values));
        CHECK(copy.entries != NULL);
        CHECK(copy.values != NULL);
    }
    for (uint32_t i = 0; i < count; i++) {
        copy.entries[i] = from->entries[first + i];
        copy.values[i] = from->values[first + i];
    }
    a->entries = copy.entries;
    return copy;
}

void cluster_duplicate(struct cluster *c, uint32_t at)
{
    CHECK(at < c->packet_count);
    struct cluster_packet copy =
        copy_packet(&c->packets[at], 0, entry_count_of(&c->packets[at].message));

    put_packet(c, &copy);
}

bool cluster_split(struct cluster *c, uint32_t at, uint32_t first_count)
{
    CHECK(at < c->packet_count);
    struct cluster_packet *whole = &c->packets[at];
    uint32_t count = entry_count_of(&whole->message);

    if (first_count == 0 || first_count >= count || c->packet_count == CLUSTER_PACKETS_MAX) {
        return false;
    }
    struct cluster_packet first = copy_packet(whole, 0, first_count);
    struct cluster_packet rest = copy_packet(whole, first_count, count - first_count);

    free_packet(whole);
    for (uint32_t i = c->packet_count; i > at + 1; i--) {
        c->packets[i] = c->packets[i - 1];
    }
    c->packets[at] = first;
    c->packets[at + 1] = rest;
    c->packet_count++;
    return true;
}

void cluster_deliver_round(struct cluster *c)
{
    for (uint32_t left = c->packet_count; left > 0; left--) {
        cluster_deliver(c, 0);
    }
}

void cluster_settle(struct cluster *c)
{
    bool is_busy = true;

    while (is_busy) {
        is_busy = c->packet_count > 0;
        for (uint32_t i = 1; i <= c->node_count; i++) {
            is_busy = is_busy || (c->nodes[i - 1]->is_up && c->nodes[i - 1]->write_count > 0);
            cluster_durable_all(c, i);
        }
        cluster_deliver_round(c);
    }
}

void cluster_cut(struct cluster *c, raft_id from, raft_id to, bool is_cut)
{
    CHECK(from <= CLUSTER_NODES_MAX);
    CHECK(to <= CLUSTER_NODES_MAX);
    c->is_cut[from][to] = is_cut;
}

void cluster_isolate(struct cluster *c, raft_id id, bool is_cut)
{
    for (raft_id other = 1; other <= CLUSTER_NODES_MAX; other++) {
        cluster_cut(c, id, other, is_cut);
        cluster_cut(c, other, id, is_cut);
    }
}

int cluster_find(const struct cluster *c, enum raft_message_kind kind, raft_id from, raft_id to)
{
    for (uint32_t i = 0; i < c->packet_count; i++) {
        const struct raft_message *m = &c->packets[i].message;

        if (m->kind == kind && (from == 0 || m->from == from) && (to == 0 || m->to == to)) {
            return (int)i;
        }
    }
    return -1;
}

/* --- time ------------------------------------------------------------------------- */

void cluster_tick_due(struct cluster *c, raft_id id)
{
    uint64_t deadline_ns = cluster_node(c, id)->effects.deadline_ns;

    (void)cluster_tick(c, id); /* The deadline is known only after the first step. */
    deadline_ns = cluster_node(c, id)->effects.deadline_ns;
    if (deadline_ns != UINT64_MAX && deadline_ns > c->now_ns) {
        c->now_ns = deadline_ns;
        (void)cluster_tick(c, id);
    }
}

void cluster_elect(struct cluster *c, raft_id id)
{
    cluster_tick_due(c, id);
    cluster_settle(c);
    CHECK(raft_role(cluster_raft(c, id)) == RAFT_LEADER);
    CHECK(raft_is_ready(cluster_raft(c, id)));
}

void cluster_run(struct cluster *c, uint64_t ns)
{
    uint64_t end_ns = c->now_ns + ns;

    cluster_settle(c);
    for (;;) {
        struct cluster_node *next = NULL;

        for (uint32_t i = 0; i < c->node_count; i++) {
            struct cluster_node *node = c->nodes[i];

            if (node->is_up &&
                (next == NULL || node->effects.deadline_ns < next->effects.deadline_ns)) {
                next = node;
            }
        }
        if (next == NULL || next->effects.deadline_ns > end_ns) {
            break;
        }
        if (next->effects.deadline_ns > c->now_ns) {
            c->now_ns = next->effects.deadline_ns;
        }
        (void)cluster_tick(c, next->id);
        cluster_settle(c);
    }
    c->now_ns = end_ns;
}

raft_id cluster_leader(const struct cluster *c)
{
    const struct cluster_node *leader = NULL;

    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct cluster_node *node = c->nodes[i];

        if (node->is_up && raft_role(node->raft) == RAFT_LEADER &&
            (leader == NULL || raft_current_term(node->raft) > raft_current_term(leader->raft))) {
            leader = node;
        }
    }
    return leader == NULL ? 0 : leader->id;
}
