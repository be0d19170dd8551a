/* cluster.c - nodes on machines: how they start, die, and are watched. */
#include "sim/cluster/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "cluster/members.h"
#include "peer/wire.h"
#include "replica/state.h"
#include "sim/cluster/later.h"
#include "sim/cluster/message_text.h"

enum { WORK_A_NS = 4 }; /* Of what command/time_share.h counts; about as on a real machine. */

#define UPGRADE_SALT 0x7570677261646521u
#define KEY_SALT     0x6b65795f66696c65u

struct checker *cluster_checker(const struct node *n)
{
    return n->is_former ? n->cluster->former : n->cluster->checker;
}

/* --- the probe ------------------------------------------------------------------------ */

/* The budget needs to know who may vote. */
static void note_configuration(struct cluster *c, const struct entry *e)
{
    struct membership *m =
        e->kind == RAFT_CONFIGURATION ? membership_decode(entry_payload(e)) : NULL;

    if (m != NULL) {
        budget_note_configuration(c->budget, e->index, e->term, &m->configuration);
        membership_free(m);
    }
}

/* The replica has restarted in its process: to the checkers that is another life. */
static void begin_again(struct node *n)
{
    flipper_look(n); /* At the replica that ends. */
    checker_end(n->checker);
    n->checker = checker_start(cluster_checker(n), n->name);
    n->sometimes = (struct sometimes_node){.sometimes = &n->cluster->sometimes};
    flipper_note_new_state(n);
    sometimes_reached(&n->cluster->sometimes, SOMETIMES_RESTARTED);
}

static void on_recovered_origin(void *context, raft_index index, raft_term term)
{
    struct node *n = context;

    if (n->has_begun) {
        begin_again(n);
    }
    n->has_begun = true;
    checker_recovered_origin(n->checker, index, term);
}

static void on_recovered_entry(void *context, const struct entry *e)
{
    struct node *n = context;

    note_configuration(n->cluster, e);
    checker_recovered_entry(n->checker, e);
}

static void on_restored(void *context, const struct store_snapshot *snapshot, uint64_t kv_digest,
                        uint64_t kv_time_us)
{
    struct node *n = context;

    checker_restored(n->checker, snapshot, kv_digest, kv_time_us);
    flipper_note_new_state(n);
}

static void on_compacted(void *context, raft_index origin)
{
    struct node *n = context;

    checker_compacted(n->checker, origin);
    sometimes_reached(&n->cluster->sometimes, SOMETIMES_LOG_CUT);
}

static void on_repaired(void *context, const struct raft *r)
{
    struct node *n = context;

    (void)r;
    checker_repaired(n->checker);
    damage_recovered(n);
    sometimes_reached(&n->cluster->sometimes, SOMETIMES_REPAIRED);
}

static bool has_forgotten(const struct cluster *c)
{
    struct checker_stats stats;

    checker_get_stats(c->checker, &stats);
    return stats.forgotten_count > 0;
}

static void on_recovered(void *context, const struct raft *r, const struct store_recovered *found)
{
    struct node *n = context;
    struct cluster *c = n->cluster;

    checker_recovered(n->checker, r, found);
    sometimes_recovered(&n->sometimes, r, found);
    if (raft_origin(r) > 0) {
        sometimes_reached(&c->sometimes, SOMETIMES_SNAPSHOT_LOADED);
    }
    n->id = found->identity.node_id;
    damage_recovered(n);
    c->is_over |= c->options.is_beyond && has_forgotten(c);
}

static void on_before_step(void *context, const struct raft *r, const struct raft_event *event)
{
    struct node *n = context;

    checker_before_step(n->checker, r);
    if (n->server != NULL && n->server->peers.pieced_count > 0) {
        sometimes_reached(&n->cluster->sometimes, SOMETIMES_IN_PIECES);
    }
    if (event->kind == RAFT_INSTALLED) {
        checker_installed(n->checker, event->installed);
        sometimes_reached(&n->cluster->sometimes, SOMETIMES_SNAPSHOT_INSTALLED);
        if (!n->server->replica->fetching.is_from_leader) {
            sometimes_reached(&n->cluster->sometimes, SOMETIMES_SNAPSHOT_OF_FOLLOWER);
        }
    }
    sometimes_before_step(&n->sometimes, r);
}

static void on_after_step(void *context, const struct raft *r, const struct raft_event *event,
                          const struct raft_effects *effects)
{
    struct node *n = context;

    if (effects != NULL) {
        sim_act(n->io);
    }
    checker_after_step(n->checker, r, effects);
    sometimes_after_step(&n->sometimes, r, event, effects);
    if (effects != NULL && effects->role_changed) {
        sim_note(n->cluster->sim, raft_current_term(r) ^ ((uint64_t)raft_role(r) << 60));
        sim_trace(n->cluster->sim, n->name, "is %s in term %llu (%s)", raft_role_name(raft_role(r)),
                  (unsigned long long)raft_current_term(r), raft_reason_text(raft_role_reason(r)));
    }
}

static void note_taken(const struct node *n, const struct entry *e)
{
    struct cluster *c = n->cluster;

    if (e->kind == RAFT_COMMAND && !later_is_in(e) && n->server != NULL &&
        raft_role(replica_raft(n->server->replica)) == RAFT_LEADER) {
        roles_check_command(c, n, replica_raft(n->server->replica));
        witness_taken(c->witness, entry_payload(e), sim_now_ns(c->sim),
                      c->config.election_timeout_ns);
    }
}

static void on_written(void *context, const struct store_write *w)
{
    struct node *n = context;

    for (uint32_t i = 0; i < w->entry_count; i++) {
        note_configuration(n->cluster, w->entries[i]);
        note_taken(n, w->entries[i]);
        later_check(n, w->entries[i]);
    }
    checker_written(n->checker, w);
}

static void on_durable(void *context, uint64_t seq)
{
    struct node *n = context;

    checker_durable(n->checker, seq);
}

/* For traces. */
static const char *name_of(const struct cluster *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].id == id) {
            return c->nodes[i].name;
        }
    }
    return "?"; /* It has a new disk, so it has no id or another one now. */
}

static void on_sent(void *context, const struct raft_message *m)
{
    struct node *n = context;

    checker_sent(n->checker, m);
    sometimes_sent(&n->sometimes, m);
    if (sim_is_tracing(n->cluster->sim)) {
        char text[128];

        message_text(m, text, sizeof text);
        sim_trace(n->cluster->sim, n->name, "> %s %s", name_of(n->cluster, m->to), text);
    }
}

static void note_membership(struct cluster *c, struct slice payload)
{
    struct membership *m = membership_decode(payload);

    if (m == NULL) {
        verdict_broken(&c->verdict, "invention", "a committed configuration makes no sense");
        return;
    }
    c->member_count = m->configuration.member_count;
    for (uint32_t i = 0; i < c->member_count; i++) {
        c->members[i] = m->configuration.members[i].id;
        c->votes[i] = m->configuration.members[i].incoming;
    }
    c->is_joint = raft_configuration_is_joint(&m->configuration);
    c->configuration = m->configuration;
    roles_check(c, m);
    membership_free(m);
    for (uint32_t i = 0; i < c->node_count; i++) {
        c->nodes[i].was_member |= cluster_is_member(&c->nodes[i]);
    }
}

static void on_applied(void *context, const struct entry *e, uint64_t kv_digest,
                       uint64_t kv_time_us)
{
    struct node *n = context;
    struct cluster *c = n->cluster;

    sim_act(n->io);
    checker_applied(n->checker, e, kv_digest, kv_time_us);
    later_note(c, e);
    if (!c->verdict.is_guilty && e->index == witness_applied_index(c->witness) + 1) {
        witness_note_time(c->witness, e->time_us);
        if (e->kind == RAFT_EXPIRED) {
            witness_apply_expired(c->witness, e->index, entry_payload(e));
        } else {
            witness_apply(c->witness, e->index, e->kind == RAFT_COMMAND && !later_is_in(e),
                          entry_payload(e));
        }
        if (e->kind == RAFT_CONFIGURATION) {
            note_membership(c, entry_payload(e));
        }
    }
    sim_note(c->sim, kv_digest ^ e->index);
    sim_trace(c->sim, n->name, "applies %llu of term %llu: %s", (unsigned long long)e->index,
              (unsigned long long)e->term, raft_entry_kind_name((enum raft_entry_kind)e->kind));
}

/* A node's work takes time here, too, so that one client can delay others. */
static void on_worked(void *context, uint64_t work)
{
    struct node *n = context;

    sim_spend(n->io, work / WORK_A_NS);
}

static void on_replied(void *context, const char *peer, uint64_t ordinal, uint64_t index,
                       uint32_t order, bool is_write)
{
    struct node *n = context;
    unsigned number = 0;
    unsigned port = 0;

    (void)order;
    sim_act(n->io);
    if (sscanf(peer, "c%u:%u", &number, &port) == 2 && number < n->cluster->user_count) {
        user_place(n->cluster->users[number], (uint16_t)port, ordinal, index, is_write);
    } else if (n->cluster->has_retrier && sscanf(peer, "o0:%u", &port) == 1) {
        retrier_place(&n->cluster->retrier, (uint16_t)port, ordinal, index, is_write);
    } else if (n->cluster->has_cacher && sscanf(peer, "t0:%u", &port) == 1) {
        cacher_place(&n->cluster->cacher, (uint16_t)port, ordinal, index, is_write);
    }
}

static void on_log(void *context, enum log_level level, const char *event, const char *fields)
{
    struct node *n = context;

    if (level >= LOG_ERROR) {
        snprintf(n->last_error, sizeof n->last_error, "%.80s %.170s", event, fields);
    }
    sim_trace(n->cluster->sim, n->name, "says [%s] %s %s", log_level_name(level), event, fields);
}

/* --- life and death ----------------------------------------------------------------------- */

static void node_bury(struct sim_event *event)
{
    struct node *n = container_of(event, struct node, bury);

    CHECK(n->phase == NODE_ENDED);
    server_free(n->server);
    sim_die(n->io, SIM_EXITED);
    sim_bury(n->io);
    checker_end(n->checker);
    flipper_note_end(n);
    n->phase = NODE_DOWN;
    n->server = NULL;
    n->io = NULL;
    n->checker = NULL;
}

/* The node ended by itself. It may: if it was asked to, if its disk failed, or if it could not
 * join (then it has no log yet). */
static void node_stopped(struct server *server, int exit_status)
{
    struct node *n = server->context;
    struct cluster *c = n->cluster;

    CHECK(n->phase == NODE_UP);
    sim_trace(c->sim, n->name, "has ended with status %d", exit_status);
    n->phase = NODE_ENDED;
    n->exit_status = exit_status;
    if (exit_status != 0 && n->has_disk_trouble) {
        sometimes_reached(&c->sometimes, SOMETIMES_DISK_FAILED);
    }
    if (exit_status != 0 && raft_last_index(replica_raft(server->replica)) > 0 &&
        !n->has_disk_trouble && !n->is_retired) {
        verdict_broken(&c->verdict, "availability", "%s stopped by itself: %s", n->name,
                       n->last_error);
    }
    n->is_broken |= exit_status != 0 && n->has_forgotten; /* And it has found out. */
    if (exit_status != 0 && server->is_loading && damage_is_known(n)) {
        c->stats.refused_count++;
        n->is_broken = true;
    }
    sim_event_start(c->sim, &n->bury, sim_now_ns(c->sim));
    if (!n->is_retired) {
        cluster_start_later(n, prng_between(&c->prng, 10 * SIM_MS, 2 * SIM_S));
    }
}

void cluster_kill(struct node *n, enum sim_death death)
{
    if (n->phase != NODE_UP) {
        return;
    }
    if (death == SIM_POWER) {
        damage_before_power_loss(n);
    }
    sometimes_death(&n->sometimes, replica_raft(n->server->replica));
    sim_die(n->io, death);
    server_free(n->server);
    sim_bury(n->io);
    checker_end(n->checker);
    flipper_note_end(n);
    n->phase = NODE_DOWN;
    n->server = NULL;
    n->io = NULL;
    n->checker = NULL;
}

void cluster_renew(struct node *n)
{
    CHECK(n->phase == NODE_DOWN);
    sim_wipe_disk(n->machine);
    if (n->id != 0) {
        budget_mark(n->cluster->budget, n->id, BUDGET_GONE);
    }
    n->is_retired = n->was_member = n->is_founder = n->is_broken = n->has_forgotten = false;
    n->is_former = false;
    n->id = 0;
}

void cluster_move(struct node *n, const char *host)
{
    CHECK(n->phase == NODE_DOWN);
    sim_trace(n->cluster->sim, n->name, "moves from %s to %s", n->host, host);
    n->has_moved = true;
    snprintf(n->host, sizeof n->host, "%s", host);
    memcpy(n->config.address.host, n->host, sizeof n->host);
    sim_machine_set_host(n->machine, host);
}

void cluster_stop(struct node *n)
{
    if (n->phase == NODE_UP) {
        sim_trace(n->cluster->sim, n->name, "is asked to stop");
        server_stop(n->server);
    }
}

bool cluster_has_log(const struct node *n)
{
    return n->phase == NODE_UP && raft_last_index(replica_raft(n->server->replica)) > 0;
}

/* Another machine that may know the cluster: usually a member, because an operator who starts a
 * node knows one; sometimes any. */
static void choose_contact(struct node *n)
{
    struct cluster *c = n->cluster;
    const struct node *other;
    bool is_careful = c->is_calm || prng_chance(&c->prng, 7, 8);
    uint32_t tries = 0;

    n->config.has_contact = !n->is_founder || n->has_moved;
    n->config.contact.port = CLUSTER_PORT;
    if (n->has_moved && (other = mover_contact(c->mover, n)) != NULL) {
        memcpy(n->config.contact.host, other->host, sizeof other->host);
        return;
    }
    if (n->is_founder) {
        n->config.has_contact = false;
        return;
    }
    do {
        other = &c->nodes[prng_below(&c->prng, c->node_count)];
    } while ((other == n && c->node_count > 1) || other->is_outside ||
             (is_careful && tries++ < 1000 && c->member_count > 0 &&
              !(cluster_is_member(other) && cluster_has_log(other))));
    memcpy(n->config.contact.host, other->host, sizeof other->host);
}

/* Occasionally it dies again while it recovers. */
static void start_crashed(struct node *n, const char *text, uint64_t limit)
{
    struct cluster *c = n->cluster;

    bool was_cut = sim_file_operations(n->io) >= limit;
    enum sim_death death;

    if (!was_cut && !n->has_disk_trouble) {
        verdict_broken(&c->verdict, "availability", "%s does not start: %s", n->name, text);
    }
    if (!was_cut && damage_is_known(n)) {
        c->stats.refused_count++;
        n->is_broken = true;
        sim_trace(c->sim, n->name, "refuses to start: %s", text);
    }
    c->stats.recovery_crash_count += was_cut;
    death = prng_chance(&c->prng, 1, 2) ? SIM_POWER : SIM_KILLED;
    if (death == SIM_POWER) {
        damage_before_power_loss(n);
    }
    sim_die(n->io, death);
    sim_bury(n->io);
    checker_end(n->checker);
    n->io = NULL;
    n->checker = NULL;
    cluster_start_later(n, prng_between(&c->prng, SIM_MS, SIM_S));
}

/* In some runs nodes are upgraded, one after the other, and some are downgraded: each start may
 * be that of a later program, which speaks one more version of the protocol. This uses random
 * numbers of its own, so all other draws remain the same. */
bool cluster_upgrades(const struct cluster *c)
{
    struct prng of_run = {.state = c->options.seed ^ UPGRADE_SALT};

    (void)prng_next(&of_run);
    return prng_chance(&of_run, 1, 3);
}

static void choose_version(struct node *n)
{
    struct cluster *c = n->cluster;
    struct prng of_run = {.state = c->options.seed ^ UPGRADE_SALT};
    struct prng of_start = {.state = prng_next(&of_run) + 1000 * n->number + n->start_count++};
    bool is_newer = cluster_upgrades(c) && prng_chance(&of_start, 1, 2) &&
                    faults_draw_condition(&c->faults, FAULT_UPGRADE);

    n->config.peer_protocol = is_newer ? WIRE_VERSION_NEXT : WIRE_VERSION;
    later_choose(n, &of_start);
}

bool cluster_has_key_files(const struct cluster *c)
{
    struct prng of_run = {.state = c->options.seed ^ KEY_SALT};

    return prng_chance(&of_run, 1, 4);
}

/* The same key for all, in a file on each disk, so no node sends it. It is written again at each
 * start, as an operator would if it was lost. */
static void provide_key(struct node *n)
{
    struct prng of_run = {.state = n->cluster->options.seed ^ KEY_SALT};
    struct store_key key;
    struct io_file *file;

    if (!cluster_has_key_files(n->cluster)) {
        return;
    }
    for (size_t i = 0; i < sizeof key.bytes; i++) {
        key.bytes[i] = (unsigned char)prng_next(&of_run);
    }
    n->config.cluster_key_file = "key";
    if (io_file_open(n->io, "key", IO_CREATE, &file) == 0) {
        io_file_write(file, 0, &key, sizeof key);
        io_file_sync(file);
        io_file_close(file);
        io_dir_sync(n->io, ".");
    }
}

void cluster_start(struct node *n)
{
    struct cluster *c = n->cluster;
    uint64_t limit = UINT64_MAX;
    char text[512] = "";

    if (n->phase == NODE_ENDED) {
        cluster_start_later(n, 10 * SIM_MS);
        return;
    }
    if (n->phase == NODE_UP || n->is_retired || n->is_broken || n->stays_down) {
        return;
    }
    sim_event_stop(c->sim, &n->start);
    damage_before_start(n);
    choose_contact(n);
    choose_version(n);
    roles_before_start(n);
    n->io = sim_boot(n->machine);
    provide_key(n);
    n->has_begun = false;
    n->checker = checker_start(cluster_checker(n), n->name);
    n->sometimes = (struct sometimes_node){.sometimes = &c->sometimes};
    n->last_error[0] = '\0';
    if (!c->is_calm && prng_chance(&c->prng, 1, 8)) {
        limit = sim_file_operations(n->io) + prng_below(&c->prng, 25);
        if (faults_draw_condition(&c->faults, FAULT_RECOVERY_CRASH)) {
            sim_limit_file_operations(n->io, limit);
        } else {
            limit = UINT64_MAX;
        }
    }
    n->phase = NODE_UP;
    n->server =
        server_start(n->io, &n->config, &n->log, &n->probe, node_stopped, n, text, sizeof text);
    if (n->server == NULL) {
        n->phase = NODE_DOWN;
        start_crashed(n, text, limit);
        return;
    }
    if (sim_file_operations(n->io) >= limit) {
        n->phase = NODE_UP;
        c->stats.recovery_crash_count++;
        cluster_kill(n, SIM_POWER);
        cluster_start_later(n, prng_between(&c->prng, SIM_MS, SIM_S));
        return;
    }
    sim_limit_file_operations(n->io, UINT64_MAX / 2);
}

static void start_due(struct sim_event *event)
{
    cluster_start(container_of(event, struct node, start));
}

void cluster_start_later(struct node *n, uint64_t in_ns)
{
    sim_event_start(n->cluster->sim, &n->start, sim_now_ns(n->cluster->sim) + in_ns);
}

struct node *cluster_add_machine(struct cluster *c)
{
    if (c->node_count == CLUSTER_NODES_MAX) {
        return NULL;
    }
    struct node *n = &c->nodes[c->node_count++];

    *n = (struct node){.cluster = c, .number = c->node_count, .config = c->config};
    n->start.run = start_due;
    n->bury.run = node_bury;
    n->log = (struct log){
        .level = c->options.trace != NULL ? LOG_DEBUG : LOG_ERROR, .sink = on_log, .context = n};
    n->probe = (struct server_probe){.context = n,
                                     .recovered = on_recovered,
                                     .recovered_origin = on_recovered_origin,
                                     .recovered_entry = on_recovered_entry,
                                     .before_step = on_before_step,
                                     .after_step = on_after_step,
                                     .written = on_written,
                                     .durable = on_durable,
                                     .sent = on_sent,
                                     .applied = on_applied,
                                     .restored = on_restored,
                                     .compacted = on_compacted,
                                     .repaired = on_repaired,
                                     .worked = on_worked,
                                     .replied = on_replied};
    snprintf(n->name, sizeof n->name, "n%u", n->number);
    n->machine = sim_machine_new(c->sim, n->name);
    memcpy(n->host, n->name, sizeof n->name);
    memcpy(n->config.address.host, n->host, sizeof n->host);
    n->config.address.port = CLUSTER_PORT;
    n->config.peer_port = CLUSTER_PEER_PORT;
    n->config.data_dir = "rakit-8000";
    n->is_founder = n->number == 1;
    roles_name(n);
    return n;
}

/* --- looking -------------------------------------------------------------------------------- */

static struct raft *node_raft(const struct node *n)
{
    return n->phase == NODE_UP ? replica_raft(n->server->replica) : NULL;
}

struct node *cluster_leader(struct cluster *c)
{
    struct node *leader = NULL;

    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];
        const struct raft *r = node_raft(n);

        if (r != NULL && raft_role(r) == RAFT_LEADER && !n->is_outside &&
            (leader == NULL || raft_current_term(r) > raft_current_term(node_raft(leader)))) {
            leader = n;
        }
    }
    return leader;
}

bool cluster_is_member(const struct node *n)
{
    const struct cluster *c = n->cluster;

    for (uint32_t i = 0; i < c->member_count; i++) {
        if (n->id != 0 && c->members[i] == n->id) {
            return true;
        }
    }
    return false;
}

bool cluster_is_voter(const struct node *n)
{
    const struct cluster *c = n->cluster;

    for (uint32_t i = 0; i < c->member_count; i++) {
        if (n->id != 0 && c->members[i] == n->id) {
            return c->votes[i];
        }
    }
    return false;
}

uint32_t cluster_up_count(const struct cluster *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        count += c->nodes[i].phase == NODE_UP && !c->nodes[i].is_outside;
    }
    return count;
}

struct node *cluster_pick_up(struct cluster *c, struct prng *prng)
{
    uint64_t nth = prng_below(prng, cluster_up_count(c));

    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].phase == NODE_UP && !c->nodes[i].is_outside && nth-- == 0) {
            return &c->nodes[i];
        }
    }
    return NULL;
}

void cluster_describe(const struct cluster *c, FILE *file)
{
    static const char *const phases[] = {"down", "up", "ended"};

    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];
        const struct raft *r = node_raft(n);

        fprintf(file, "  %-4s %016llx %s%s%s%s%s", n->name, (unsigned long long)n->id,
                phases[n->phase], cluster_is_member(n) ? ", member" : "",
                n->is_retired ? ", asked to leave" : "", n->is_broken ? ", refuses to start" : "",
                n->is_outside ? ", not healed" : "");
        if (r != NULL) {
            fprintf(file, ", %s in term %llu, leader %04llx, log %llu, commit %llu, applied %llu%s",
                    raft_role_name(raft_role(r)), (unsigned long long)raft_current_term(r),
                    (unsigned long long)raft_leader(r) >> 48,
                    (unsigned long long)raft_last_index(r),
                    (unsigned long long)raft_commit_index(r),
                    (unsigned long long)replica_applied_index(n->server->replica),
                    replica_is_removed(n->server->replica) ? ", removed" : "");
        }
        fputc('\n', file);
    }
}
