/* nemesis.c - injects faults. Each seed draws its own mix: which faults, how often, and how long
 * they last, so that some runs see only one kind and others all at once. No fault here takes
 * away what was synced: within this budget the cluster must lose nothing. */
#include "sim/cluster/cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"

enum { MEMBERS_WANTED_MAX = 7, MACHINES_MAX = 12 };

struct nemesis {
    struct cluster *cluster;
    struct prng schedule; /* When something happens, and what. */
    struct prng prng;     /* Details of one strike: leaving it out changes the draws of no other. */
    enum fault faults[FAULT_BASIC_COUNT]; /* The kinds in this run. */
    uint32_t fault_count;
    uint64_t pause_ns; /* Between two faults, on average. */
    uint64_t down_ns;  /* At most. */
    uint64_t cut_ns;   /* How long a partition lasts at most. */
    struct sim_event strike;
    struct sim_event mend_network;
    struct sim_event mend_disks;
    struct sim_event flap;
    struct prng flap_prng;
    uint64_t flap_side;
    uint32_t flap_count; /* Strikes still to come. */
    bool flap_both;
    bool is_flapped;
};

static struct node *pick(struct nemesis *x)
{
    return cluster_pick_up(x->cluster, &x->prng);
}

static uint64_t some(struct nemesis *x, uint64_t most)
{
    return 1 + prng_below(&x->prng, most);
}

/* --- the network ---------------------------------------------------------------------- */

static void mend_network(struct sim_event *event)
{
    struct cluster *c = container_of(event, struct nemesis, mend_network)->cluster;

    for (uint32_t i = 0; i < c->node_count; i++) {
        for (uint32_t j = 0; j < c->node_count; j++) {
            sim_block(c->nodes[i].machine, c->nodes[j].machine, false);
            sim_slow(c->nodes[i].machine, c->nodes[j].machine, 0);
            sim_narrow(c->nodes[i].machine, c->nodes[j].machine, 0);
        }
    }
}

/* Blocks each path from a node on one side to one on the other, or opens it again. */
static void block(struct cluster *c, uint64_t side, bool there, bool back, bool is_blocked)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        for (uint32_t j = 0; j < c->node_count; j++) {
            if ((side >> i & 1) == 0 || (side >> j & 1) != 0) {
                continue;
            }
            if (there) {
                sim_block(c->nodes[i].machine, c->nodes[j].machine, is_blocked);
            }
            if (back) {
                sim_block(c->nodes[j].machine, c->nodes[i].machine, is_blocked);
            }
        }
    }
}

static void split(struct nemesis *x, uint64_t side, bool there, bool back)
{
    struct cluster *c = x->cluster;

    block(c, side, there, back, true);
    c->stats.partition_count++;
    sim_event_start(c->sim, &x->mend_network, sim_now_ns(c->sim) + some(x, x->cut_ns));
}

/* A path that fails and comes back, about once per election timeout. */
static void flap(struct sim_event *event)
{
    struct nemesis *x = container_of(event, struct nemesis, flap);
    struct cluster *c = x->cluster;
    uint64_t timeout_ns = c->config.election_timeout_ns;

    x->is_flapped = !x->is_flapped;
    block(c, x->flap_side, true, x->flap_both, x->is_flapped);
    c->stats.partition_count += x->is_flapped;
    if (x->is_flapped || --x->flap_count > 0) {
        sim_event_start(c->sim, event,
                        sim_now_ns(c->sim) + timeout_ns / 2 +
                            prng_below(&x->flap_prng, timeout_ns));
    }
}

static void start_flapping(struct nemesis *x, uint64_t side, bool both)
{
    if (x->flap.slot == 0) {
        x->flap_side = side;
        x->flap_both = both;
        x->flap_prng = (struct prng){prng_next(&x->prng)};
        x->flap_count = (uint32_t)some(x, 8);
        flap(&x->flap);
    }
}

static void unplug(struct nemesis *x, struct node *n)
{
    struct cluster *c = x->cluster;

    for (uint32_t i = 0; i < c->node_count; i++) {
        c->stats.reset_count += sim_reset(n->machine, c->nodes[i].machine, 1000000);
    }
    split(x, 1ull << (n->number - 1), true, true);
}

static void strike_network(struct nemesis *x, enum fault fault)
{
    struct cluster *c = x->cluster;
    uint64_t one = 1ull << prng_below(&x->prng, c->node_count);
    struct node *a = &c->nodes[prng_below(&x->prng, c->node_count)];
    struct node *b = &c->nodes[prng_below(&x->prng, c->node_count)];
    struct node *leader = cluster_leader(c);
    bool way = prng_chance(&x->prng, 1, 2);
    bool both = prng_chance(&x->prng, 3, 4);
    uint64_t half = prng_next(&x->prng);

    if (leader != NULL && prng_chance(&x->prng, 1, 2)) {
        one = 1ull << (leader->number - 1);
    }
    if (fault == FAULT_ISOLATE) {
        split(x, one, true, true);
    } else if (fault == FAULT_UNPLUG) {
        unplug(x, leader != NULL ? leader : a);
    } else if (fault == FAULT_DEAFEN) {
        split(x, one, way, !way);
    } else if (fault == FAULT_SPLIT) {
        split(x, half, true, both);
    } else if (fault == FAULT_FLAP) {
        start_flapping(x, way ? one : half, both);
    } else if (fault == FAULT_NARROW) {
        sim_narrow(a->machine, b->machine, 1000ull << prng_below(&x->prng, 7));
        if (both) {
            sim_narrow(b->machine, a->machine, 1000ull << prng_below(&x->prng, 7));
        }
        sim_event_start(c->sim, &x->mend_network, sim_now_ns(c->sim) + some(x, x->cut_ns));
    } else if (fault == FAULT_CUT) {
        sim_block(a->machine, b->machine, true);
        if (way) {
            sim_block(b->machine, a->machine, true);
        }
        c->stats.partition_count++;
        sim_event_start(c->sim, &x->mend_network, sim_now_ns(c->sim) + some(x, x->cut_ns));
    } else if (fault == FAULT_SLOW) {
        /* A message that a leader receives late may date from an earlier term of its own. */
        b = leader != NULL && way ? leader : b;
        sim_slow(a->machine, b->machine, some(x, both ? 2 * SIM_S : 200 * SIM_MS));
        sim_event_start(c->sim, &x->mend_network, sim_now_ns(c->sim) + some(x, x->cut_ns));
    } else {
        c->stats.reset_count += sim_reset(a->machine, b->machine, 700000);
    }
}

/* --- disks ---------------------------------------------------------------------------- */

static void disk_profile(struct node *n, uint64_t capacity_bytes, uint32_t sync_error_ppm)
{
    struct sim_disk_profile profile = n->cluster->disk;

    profile.capacity_bytes = capacity_bytes;
    profile.sync_error_ppm = sync_error_ppm;
    sim_set_disk(n->machine, &profile);
}

void nemesis_mend_disk(struct node *n)
{
    sim_set_disk(n->machine, &n->cluster->disk);
}

static void mend_disks(struct sim_event *event)
{
    struct cluster *c = container_of(event, struct nemesis, mend_disks)->cluster;

    for (uint32_t i = 0; i < c->node_count; i++) {
        nemesis_mend_disk(&c->nodes[i]);
    }
}

static void strike_disk(struct nemesis *x, struct node *n, enum fault fault)
{
    struct cluster *c = x->cluster;

    if (fault == FAULT_STALL) {
        c->stats.stall_count++;
        sim_stall_disk(n->machine, sim_now_ns(c->sim) + some(x, 2 * SIM_S));
        return;
    }
    n->has_disk_trouble = true;
    if (fault == FAULT_FULL) {
        c->stats.full_count++;
        disk_profile(n, sim_disk_bytes(n->machine) + prng_below(&x->prng, 100000), 0);
    } else {
        c->stats.sync_error_count++;
        disk_profile(n, UINT64_MAX, 100000);
    }
    sim_event_start(c->sim, &x->mend_disks, sim_now_ns(c->sim) + some(x, 3 * SIM_S));
}

/* --- processes ------------------------------------------------------------------------ */

static void strike_down(struct nemesis *x, struct node *n, enum sim_death death)
{
    if (death == SIM_POWER) {
        x->cluster->stats.power_count++;
    } else {
        x->cluster->stats.kill_count++;
    }
    cluster_kill(n, death);
    cluster_start_later(n, some(x, prng_chance(&x->prng, 1, 3) ? 20 * SIM_MS : x->down_ns));
}

static void strike_all_down(struct nemesis *x)
{
    struct cluster *c = x->cluster;

    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].phase == NODE_UP) {
            strike_down(x, &c->nodes[i], SIM_POWER);
        }
    }
}

static void jump_clock(struct nemesis *x, struct node *n)
{
    int64_t offset_ns =
        (int64_t)prng_below(&x->prng, 730ull * 86400 * SIM_S) - 365ll * 86400 * (int64_t)SIM_S;

    x->cluster->stats.clock_count++;
    sim_machine_set_clock(n->machine, offset_ns, sim_machine_drift_ppm(n->machine));
}

/* --- membership ----------------------------------------------------------------------- */

/* A machine that was retired comes back with an empty disk and a new id. */
static struct node *find_reborn(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];

        if (n->is_retired && n->phase == NODE_DOWN && n->start.slot == 0 && !cluster_is_member(n)) {
            cluster_renew(n);
            return n;
        }
    }
    return NULL;
}

struct node *nemesis_new_node(struct cluster *c)
{
    uint32_t staying = 0;
    struct node *n;

    for (uint32_t i = 0; i < c->node_count; i++) {
        staying += !c->nodes[i].is_retired;
    }
    if (staying >= MEMBERS_WANTED_MAX) {
        return NULL;
    }
    n = find_reborn(c);
    if (n == NULL && c->node_count < MACHINES_MAX) {
        n = cluster_add_machine(c);
        nemesis_mend_disk(n);
    }
    c->stats.add_count += n != NULL;
    return n;
}

static void add_member(struct nemesis *x)
{
    struct node *n = nemesis_new_node(x->cluster);

    if (n != NULL) {
        cluster_start_later(n, some(x, 100 * SIM_MS));
    }
}

static void remove_member(struct nemesis *x, struct node *n)
{
    struct cluster *c = x->cluster;
    const struct node *leader = cluster_leader(c);
    uint32_t staying = 0;
    char who[32];

    for (uint32_t i = 0; i < c->node_count; i++) {
        staying += !c->nodes[i].is_retired && c->nodes[i].was_member;
    }
    if (staying <= 2 || n->is_retired || !n->was_member || c->operator.is_busy) {
        return;
    }
    if (budget_has_damage(c->budget) && !budget_may_fall_silent(c->budget, n->id)) {
        return; /* Too many of the remaining nodes would be damaged ones. */
    }
    c->stats.remove_count++;
    n->is_retired = true;
    if (budget_mark_of(c->budget, n->id) == BUDGET_SOUND) {
        budget_mark(c->budget, n->id, BUDGET_LEAVING);
    }
    c->last_change_ns = sim_now_ns(c->sim);
    if (mover_has_struck(c->mover)) {
        /* Its address may belong to another node by now, in reality or in the log. */
        snprintf(who, sizeof who, "%016llx", (unsigned long long)n->id);
    } else {
        snprintf(who, sizeof who, "%s:%d", n->host, CLUSTER_PORT);
    }
    if (leader != NULL && prng_chance(&x->prng, 1, 3)) {
        /* A leader that is alone and does not know it: what it begins will be undone. */
        split(x, 1ull << (leader->number - 1), true, true);
        operator_command_to(&c->operator, leader, "RAFT", "REMOVE", who);
        return;
    }
    operator_command(&c->operator, "RAFT", "REMOVE", who);
}

/* --- the whole ------------------------------------------------------------------------ */

static void strike_node(struct nemesis *x, struct node *n, enum fault fault)
{
    struct cluster *c = x->cluster;
    struct node *leader = cluster_leader(c);

    switch (fault) {
    case FAULT_KILL:
        strike_down(x, n, SIM_KILLED);
        break;
    case FAULT_POWER:
        strike_down(x, n, SIM_POWER);
        break;
    case FAULT_KILL_LEADER:
        if (leader != NULL) {
            strike_down(x, leader, prng_chance(&x->prng, 1, 2) ? SIM_KILLED : SIM_POWER);
        }
        break;
    case FAULT_STOP:
        c->stats.stop_count++;
        cluster_stop(n);
        break;
    case FAULT_FREEZE:
        c->stats.freeze_count++;
        if (leader != NULL && prng_chance(&x->prng, 1, 2)) {
            n = leader; /* It may wake up as if nothing had happened. */
        }
        sim_freeze(n->machine, sim_now_ns(c->sim) + some(x, 2 * SIM_S));
        break;
    case FAULT_STALL:
    case FAULT_FULL:
    case FAULT_SYNC_ERROR:
        strike_disk(x, n, fault);
        break;
    case FAULT_REMOVE:
        remove_member(x, n);
        break;
    case FAULT_CLOCK:
        jump_clock(x, n);
        break;
    default:
        strike_network(x, fault);
        break;
    }
}

static void strike_with(struct nemesis *x, struct node *n, enum fault fault)
{
    struct cluster *c = x->cluster;

    if (fault == FAULT_POWER_ALL) {
        if (prng_chance(&x->prng, 1, 4)) {
            strike_all_down(x);
        }
    } else if (fault == FAULT_ADD) {
        add_member(x);
    } else if (fault == FAULT_TRANSFER) {
        c->stats.transfer_count++;
        operator_command(&c->operator, "RAFT", "TRANSFER", NULL);
    } else if (n != NULL) {
        strike_node(x, n, fault);
    }
}

static void strike(struct sim_event *event)
{
    struct nemesis *x = container_of(event, struct nemesis, strike);
    struct cluster *c = x->cluster;
    enum fault fault = x->faults[prng_below(&x->schedule, x->fault_count)];
    uint64_t pause_ns = 1 + prng_below(&x->schedule, 2 * x->pause_ns);

    x->prng = (struct prng){prng_next(&x->schedule)};
    if (faults_draw(&c->faults, fault, sim_now_ns(c->sim))) {
        sim_trace(c->sim, "nem", "strike %u: %s", c->faults.drawn_count, fault_name(fault));
        strike_with(x, pick(x), fault);
    } else {
        sim_trace(c->sim, "nem", "strike %u: %s, left out", c->faults.drawn_count,
                  fault_name(fault));
    }
    sim_event_start(c->sim, &x->strike, sim_now_ns(c->sim) + pause_ns);
}

/* Leaders change all the time. Those that were asked to step down refuse in order what they are
 * sent; those that were cut off do not know about it. */
static void draw_storm(struct nemesis *x)
{
    bool is_orderly = prng_chance(&x->prng, 1, 2);

    x->faults[0] = is_orderly ? FAULT_TRANSFER : FAULT_UNPLUG;
    x->fault_count = 1 + (uint32_t)prng_below(&x->prng, 2);
    x->pause_ns = is_orderly ? 30 * SIM_MS : 500 * SIM_MS;
    x->cut_ns = SIM_S; /* They are back soon, while their users are still connected. */
}

struct nemesis *nemesis_new(struct cluster *c)
{
    struct nemesis *x = memory_take_zeroed(1, sizeof *x);
    const uint64_t pauses[] = {30 * SIM_MS, 100 * SIM_MS, 300 * SIM_MS, SIM_S, 3 * SIM_S};
    uint64_t share;

    x->cluster = c;
    x->prng = sim_fork_prng(c->sim);
    share = prng_between(&x->prng, 1, 4);
    for (int i = 0; i < FAULT_BASIC_COUNT; i++) {
        if (prng_chance(&x->prng, share, 5)) {
            x->faults[x->fault_count++] = (enum fault)i;
        }
    }
    if (x->fault_count == 0) {
        x->faults[x->fault_count++] = (enum fault)prng_below(&x->prng, FAULT_BASIC_COUNT);
    }
    x->pause_ns = pauses[prng_below(&x->prng, 5)];
    x->down_ns = prng_between(&x->prng, 100 * SIM_MS, 5 * SIM_S);
    x->cut_ns = prng_between(&x->prng, 100 * SIM_MS, 10 * SIM_S);
    if (prng_chance(&x->prng, 1, 3)) {
        draw_storm(x);
    }
    x->schedule = (struct prng){prng_next(&x->prng)};
    x->strike.run = strike;
    x->mend_network.run = mend_network;
    x->mend_disks.run = mend_disks;
    x->flap.run = flap;
    return x;
}

void nemesis_free(struct nemesis *x)
{
    sim_event_stop(x->cluster->sim, &x->strike);
    sim_event_stop(x->cluster->sim, &x->mend_network);
    sim_event_stop(x->cluster->sim, &x->mend_disks);
    sim_event_stop(x->cluster->sim, &x->flap);
    free(x);
}

void nemesis_start(struct nemesis *x)
{
    sim_event_start(x->cluster->sim, &x->strike, sim_now_ns(x->cluster->sim) + x->pause_ns);
}

void nemesis_heal(struct nemesis *x)
{
    struct cluster *c = x->cluster;
    struct sim_network network = *sim_get_network(c->sim);

    sim_trace(c->sim, "net", "heals; no more faults");
    c->is_calm = true;
    sim_event_stop(c->sim, &x->strike);
    sim_event_stop(c->sim, &x->mend_network);
    sim_event_stop(c->sim, &x->mend_disks);
    sim_event_stop(c->sim, &x->flap);
    mend_network(&x->mend_network);
    mend_disks(&x->mend_disks);
    network.loss_ppm = 0; /* A lost segment can cost an election. */
    network.corrupt_ppm = 0;
    sim_set_network(c->sim, &network);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];

        sim_stall_disk(n->machine, 0);
        sim_thaw(n->machine);
        if (cluster_is_member(n)) {
            n->is_retired = false; /* It was asked to leave, and may still do so. */
        }
        if (n->phase == NODE_DOWN && !n->is_retired && !n->is_broken) {
            cluster_start_later(n, some(x, 100 * SIM_MS));
        }
    }
}
