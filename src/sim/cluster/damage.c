/* damage.c - damage to what disks had synced, and what operators do about it. Within the budget
 * (budget.h) the cluster must lose nothing. A node that refuses to start with what is left of
 * its disk gets a new disk and joins with a new id; its old id is removed from the cluster,
 * before or after that.
 *
 * In runs beyond the budget anything may be damaged, and no operator helps. Nodes may then stop,
 * and the cluster with them, but their answers must be right. */
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/memory.h"
#include "sim/cluster/cluster.h"

enum { LOST_MAX = 64, KINDS_MAX = FAULT_LOSE_DISK - FAULT_ROT + 1 };

struct damage {
    struct cluster *cluster;
    struct prng schedule;        /* When something happens, and what. */
    struct prng prng;            /* Details of one strike. */
    struct prng exposing;        /* When and how lies are exposed. */
    struct prng tending;         /* What operators do. */
    enum fault kinds[KINDS_MAX]; /* The kinds in this run; none in many runs. */
    uint32_t kind_count;
    uint64_t pause_ns;
    uint64_t lost[LOST_MAX]; /* Ids that will never come back. */
    uint32_t lost_count;
    struct sim_event strike;
    struct sim_event expose; /* When the lying disk loses power, or becomes honest. */
    struct node *liar;
    uint32_t exposing_count; /* How often that was postponed. */
    struct sim_event tend;
};

static uint64_t some(struct prng *prng, uint64_t most)
{
    return 1 + prng_below(prng, most);
}

/* --- what the budget allows ------------------------------------------------------------------ */

static bool may_forget(const struct node *n, enum checker_loss loss)
{
    const struct cluster *c = n->cluster;

    return c->options.is_beyond || (budget_mark_of(c->budget, n->id) == BUDGET_SOUND &&
                                    budget_may_forget(c->budget, n->id, loss));
}

static bool may_fall_silent(const struct node *n)
{
    const struct cluster *c = n->cluster;

    return c->options.is_beyond || (budget_mark_of(c->budget, n->id) == BUDGET_SOUND &&
                                    budget_may_fall_silent(c->budget, n->id));
}

static void note_damage(struct node *n, enum checker_loss loss)
{
    struct cluster *c = n->cluster;

    n->has_disk_trouble = true;
    budget_mark(c->budget, n->id, BUDGET_DAMAGED);
    checker_allow_loss(cluster_checker(n), n->id, loss);
}

void damage_before_power_loss(struct node *n)
{
    struct cluster *c = n->cluster;

    /* Not in the last moment, when nobody could repair it. */
    sim_misdirect_next_write(n->machine, false);
    if (!sim_disk_has_lied(n->machine)) {
        sim_set_lying(n->machine, false);
        return;
    }
    if (may_forget(n, LOSS_DOUBTED)) {
        c->stats.lie_shown_count++;
        sim_trace(c->sim, n->name, "its disk has lied, and it shows");
        note_damage(n, LOSS_DOUBTED);
    } else {
        c->stats.spared_count++;
        sim_set_lying(n->machine, false);
        sim_disk_come_clean(n->machine);
    }
}

void damage_recovered(struct node *n)
{
    struct cluster *c = n->cluster;

    n->has_forgotten |= checker_disk_of(cluster_checker(n), n->id)->forgotten_count > 0;
    if (checker_disk_of(cluster_checker(n), n->id)->is_lacking) {
        sometimes_reached(&c->sometimes, SOMETIMES_DAMAGE_GIVEN_UP);
        budget_mark(c->budget, n->id, BUDGET_DAMAGED); /* It may elect nobody until it is mended. */
    } else if (budget_mark_of(c->budget, n->id) == BUDGET_DAMAGED) {
        c->stats.survived_count++;
        /* A node that has forgotten something must stop when it finds out, so it does not count. */
        if (!n->has_forgotten) {
            budget_mark(c->budget, n->id, BUDGET_SOUND);
        }
    }
    if (!sim_disk_has_lied(n->machine)) {
        checker_trust(cluster_checker(n), n->id);
    }
}

bool damage_is_known(const struct node *n)
{
    return budget_mark_of(n->cluster->budget, n->id) == BUDGET_DAMAGED;
}

/* --- disks that are replaced ------------------------------------------------------------------ */

static void replace_disk(struct damage *x, struct node *n)
{
    struct cluster *c = x->cluster;

    if (n->id != 0 && x->lost_count < LOST_MAX) {
        x->lost[x->lost_count++] = n->id;
    }
    cluster_renew(n);
    c->stats.replaced_count++;
}

bool damage_is_tended(const struct cluster *c)
{
    const struct damage *x = c->damage;

    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].is_broken) {
            return false;
        }
    }
    for (uint32_t i = 0; i < x->lost_count; i++) {
        for (uint32_t j = 0; j < c->member_count; j++) {
            if (c->members[j] == x->lost[i]) {
                return false;
            }
        }
    }
    return true;
}

/* The only voter that may lead is lost: another one must. */
static bool raise_priority(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count && !roles_leave_a_leader(c); i++) {
        const struct node *n = &c->nodes[i];
        const struct raft_member *m = raft_configuration_find(&c->configuration, n->id);
        char id[24];
        const char *words[] = {"RAFT", "PRIORITY", id, "1", NULL};

        if (n->phase == NODE_UP && m != NULL && m->incoming) {
            snprintf(id, sizeof id, "%016llx", (unsigned long long)n->id);
            operator_command_words(&c->operator, cluster_pick_up(c, &c->prng), words);
            return true;
        }
    }
    return false;
}

static void remove_lost(struct damage *x)
{
    struct cluster *c = x->cluster;
    char id[24];

    for (uint32_t i = 0; i < x->lost_count; i++) {
        for (uint32_t j = 0; j < c->member_count; j++) {
            if (c->members[j] == x->lost[i]) {
                if (raise_priority(c)) {
                    return;
                }
                snprintf(id, sizeof id, "%016llx", (unsigned long long)x->lost[i]);
                operator_command(&c->operator, "RAFT", "REMOVE", id);
                return;
            }
        }
    }
}

/* An operator checks the cluster now and then. */
static void tend(struct sim_event *event)
{
    struct damage *x = container_of(event, struct damage, tend);
    struct cluster *c = x->cluster;

    remove_lost(x);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];

        if (n->is_broken && n->phase == NODE_DOWN && prng_chance(&x->tending, 1, 4)) {
            replace_disk(x, n);
            cluster_start_later(n, some(&x->tending, SIM_S));
        }
    }
    sim_event_start(c->sim, &x->tend, sim_now_ns(c->sim) + 200 * SIM_MS + some(&x->tending, SIM_S));
}

/* --- striking --------------------------------------------------------------------------------- */

static void rot(struct node *n, struct prng *prng, enum sim_rot_kind kind)
{
    struct sim_rot place;

    sim_rot_draw_used(n->machine, prng, &place);
    if (prng_chance(prng, 1, 8)) { /* Both copies of the vote, so nothing is left of it. */
        place.offset = prng_below(prng, SIM_SECTOR_BYTES);
        place.mask = 1;
        snprintf(place.path, sizeof place.path, "%s/vote-a", n->config.data_dir);
        sim_rot_strike(n->machine, prng, &place, kind);
        snprintf(place.path, sizeof place.path, "%s/vote-b", n->config.data_dir);
    }
    sim_rot_strike(n->machine, prng, &place, kind);
    note_damage(n, LOSS_LAST_JOB);
}

static void strike_at_rest(struct damage *x, struct node *n, struct prng *prng, enum fault fault)
{
    struct cluster *c = x->cluster;

    if (fault == FAULT_LOSE_DISK ? !may_fall_silent(n) : !may_forget(n, LOSS_LAST_JOB)) {
        c->stats.spared_count++;
        return;
    }
    c->stats.damage_count++;
    if (fault == FAULT_LOSE_DISK) {
        replace_disk(x, n);
    } else if (fault == FAULT_UNREADABLE) {
        rot(n, prng, SIM_ROT_UNREADABLE);
    } else {
        rot(n, prng, (enum sim_rot_kind)prng_below(prng, SIM_ROT_UNREADABLE));
    }
}

void damage_before_start(struct node *n)
{
    enum fault fault = n->damage;

    if (n->has_damage && !n->cluster->is_calm) {
        strike_at_rest(n->cluster->damage, n, &n->damage_prng, fault);
    }
    n->has_damage = false;
    /* The node relies on what recovery writes and syncs: the disk must not lie about that, too. */
    sim_set_lying(n->machine, false);
    sim_misdirect_next_write(n->machine, false);
}

static void strike_liar(struct damage *x, struct node *n, enum fault fault)
{
    struct cluster *c = x->cluster;

    if (x->liar != NULL || n->id == 0 ||
        (!c->options.is_beyond && budget_mark_of(c->budget, n->id) != BUDGET_SOUND)) {
        return;
    }
    x->liar = n;
    x->exposing_count = 0;
    x->exposing = (struct prng){prng_next(&x->prng)};
    checker_doubt(cluster_checker(n), n->id);
    if (fault == FAULT_LIE) {
        sim_set_lying(n->machine, true);
    } else {
        sim_misdirect_next_write(n->machine, true);
    }
    sim_event_start(c->sim, &x->expose, sim_now_ns(c->sim) + some(&x->exposing, 2 * SIM_S));
}

static void expose(struct sim_event *event)
{
    struct damage *x = container_of(event, struct damage, expose);
    struct node *n = x->liar;

    /* Prefers a moment at which the lie has an effect. */
    if (n->phase == NODE_UP && x->exposing_count++ < 50 && !may_forget(n, LOSS_DOUBTED)) {
        sim_event_start(x->cluster->sim, event,
                        sim_now_ns(x->cluster->sim) + some(&x->exposing, 50 * SIM_MS));
        return;
    }
    x->liar = NULL;
    if (n->phase == NODE_UP && prng_chance(&x->exposing, 2, 3)) {
        cluster_kill(n, SIM_POWER);
        cluster_start_later(n, some(&x->exposing, SIM_S));
    }
    sim_set_lying(n->machine, false);
    sim_misdirect_next_write(n->machine, false);
}

static void strike(struct sim_event *event)
{
    struct damage *x = container_of(event, struct damage, strike);
    struct cluster *c = x->cluster;
    enum fault fault = x->kinds[prng_below(&x->schedule, x->kind_count)];
    uint64_t pause_ns = 1 + prng_below(&x->schedule, 2 * x->pause_ns);
    struct node *n;

    sim_event_start(c->sim, &x->strike, sim_now_ns(c->sim) + pause_ns);
    x->prng = (struct prng){prng_next(&x->schedule)};
    if (!faults_draw(&c->faults, fault, sim_now_ns(c->sim))) {
        return;
    }
    n = cluster_pick_up(c, &x->prng);
    sim_trace(c->sim, "nem", "strike %u: %s", c->faults.drawn_count, fault_name(fault));
    if (n == NULL) {
        return;
    }
    if (fault == FAULT_LIE || fault == FAULT_MISDIRECT) {
        strike_liar(x, n, fault);
    } else if (fault == FAULT_UNREADABLE && prng_chance(&x->prng, 1, 3) && cluster_has_log(n)) {
        /* The damage may be found while the node runs. (Not on a node that is about to join: no
         * configuration that the budget uses contains it yet, and it might vote before it
         * notices.) */
        strike_at_rest(x, n, &x->prng, fault);
    } else {
        n->has_damage = true;
        n->damage = fault;
        n->damage_prng = (struct prng){prng_next(&x->prng)};
        cluster_kill(n, prng_chance(&x->prng, 1, 2) ? SIM_POWER : SIM_KILLED);
        cluster_start_later(n,
                            some(&x->prng, prng_chance(&x->prng, 1, 2) ? 50 * SIM_MS : 2 * SIM_S));
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Uses random numbers of its own, so everything else that a seed draws remains the same. */
struct damage *damage_new(struct cluster *c)
{
    const uint64_t pauses[] = {200 * SIM_MS, 500 * SIM_MS, SIM_S, 3 * SIM_S};
    struct damage *x = memory_take_zeroed(1, sizeof *x);

    x->cluster = c;
    x->prng.state = c->options.seed * 0xd1342543de82ef95u + 0xd15c;
    x->schedule = (struct prng){prng_next(&x->prng)};
    x->tending = (struct prng){prng_next(&x->prng)};
    x->strike.run = strike;
    x->expose.run = expose;
    x->tend.run = tend;
    x->pause_ns = pauses[prng_below(&x->prng, c->options.is_beyond ? 2 : 4)];
    if (prng_chance(&x->prng, 1, 2) || c->options.is_beyond) {
        for (int i = FAULT_ROT; i <= FAULT_LOSE_DISK; i++) {
            if (prng_chance(&x->prng, 1, 2)) {
                x->kinds[x->kind_count++] = (enum fault)i;
            }
        }
    }
    if (x->kind_count == 0 && c->options.is_beyond) {
        x->kinds[x->kind_count++] = FAULT_ROT;
    }
    return x;
}

void damage_free(struct damage *x)
{
    sim_event_stop(x->cluster->sim, &x->strike);
    sim_event_stop(x->cluster->sim, &x->expose);
    sim_event_stop(x->cluster->sim, &x->tend);
    free(x);
}

void damage_start(struct damage *x)
{
    struct cluster *c = x->cluster;

    if (x->kind_count == 0) {
        return;
    }
    sim_event_start(c->sim, &x->strike, sim_now_ns(c->sim) + some(&x->schedule, 2 * x->pause_ns));
    if (!c->options.is_beyond) {
        sim_event_start(c->sim, &x->tend, sim_now_ns(c->sim) + some(&x->tending, SIM_S));
    }
}

void damage_heal(struct damage *x)
{
    sim_event_stop(x->cluster->sim, &x->strike);
    if (x->liar != NULL) {
        sim_event_stop(x->cluster->sim, &x->expose);
        sim_set_lying(x->liar->machine, false);
        sim_misdirect_next_write(x->liar->machine, false);
        x->liar = NULL;
    }
}
