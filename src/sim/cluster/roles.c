/* roles.c - the operator gives members other parts: a voter is replaced by a new node, demoted or
 * promoted; priorities change; nodes get other names. In some runs nodes have names from the
 * beginning. All of it comes from random numbers of its own. */
#include "sim/cluster/roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"
#include "cluster/members.h"
#include "sim/cluster/cluster.h"

#define NAMES_SALT 0x6e616d6573212121u

enum role_change {
    ROLE_REPLACE,
    ROLE_DEMOTE,
    ROLE_PROMOTE,
    ROLE_PRIORITY,
    ROLE_RENAME,
};

struct roles {
    struct cluster *cluster;
    bool is_used;
    struct prng schedule; /* When something happens, and what. */
    struct prng prng;     /* Details of one strike. */
    uint64_t pause_ns;
    uint32_t rename_count;
    struct sim_event strike;
};

/* --- looking ---------------------------------------------------------------------------- */

static uint32_t count_voters(const struct cluster *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->configuration.member_count; i++) {
        count += c->configuration.members[i].incoming;
    }
    return count;
}

bool roles_have_preferred(const struct cluster *c)
{
    for (uint32_t i = 0; i < c->configuration.member_count; i++) {
        const struct raft_member *m = &c->configuration.members[i];

        if (m->incoming && m->precedence > 0) {
            return true;
        }
    }
    return false;
}

bool roles_are_final(const struct cluster *c)
{
    for (uint32_t i = 0; i < c->configuration.member_count; i++) {
        const struct raft_member *m = &c->configuration.members[i];

        if (m->outgoing || (!m->incoming && !m->stays_learner)) {
            return false;
        }
    }
    return true;
}

uint32_t roles_count_replacing(const struct cluster *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        count += c->nodes[i].config.replaces != NULL && !c->nodes[i].was_member;
    }
    return count;
}

bool roles_leave_a_leader(const struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];
        const struct raft_member *m = raft_configuration_find(&c->configuration, n->id);

        if (!n->is_outside && !n->is_broken && m != NULL && m->incoming && !m->never_leads) {
            return true;
        }
    }
    return false;
}

/* The node that takes the place of that voter; 0: none. */
static raft_id heir_of(const struct raft_configuration *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].replaces == id) {
            return c->members[i].id;
        }
    }
    return 0;
}

/* What is committed about members makes sense. */
void roles_check(struct cluster *c, const struct membership *m)
{
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        const struct raft_member *member = &m->configuration.members[i];

        raft_id heir = heir_of(&m->configuration, member->id);
        raft_id other = member->replaces != 0 ? member->replaces : heir;

        if (!membership_may_name(m, member->id, other, slice_str(m->addresses[i].name))) {
            verdict_broken(&c->verdict, "names", "two members have the name %s",
                           m->addresses[i].name);
        }
    }
}

void roles_check_command(struct cluster *c, const struct node *n, const struct raft *r)
{
    const struct raft_member *self = raft_configuration_find(raft_configuration(r), raft_self(r));

    if (self != NULL && self->never_leads) {
        verdict_broken(&c->verdict, "priority", "%s has priority 0 and takes a command", n->name);
    }
}

/* --- names ------------------------------------------------------------------------------ */

void roles_name(struct node *n)
{
    struct prng of_run = {.state = n->cluster->options.seed ^ NAMES_SALT};

    if (prng_chance(&of_run, 1, 2)) {
        snprintf(n->label, sizeof n->label, "node-%u", (unsigned)n->number);
        n->config.name = n->label;
    }
}

/* From its next start on. */
static void rename_node(struct roles *x, struct node *n)
{
    if (n->config.name != NULL) {
        snprintf(n->label, sizeof n->label, "node-%u-%u", (unsigned)n->number,
                 (unsigned)(++x->rename_count % 1000));
        cluster_kill(n, SIM_KILLED);
        cluster_start_later(n, 1 + prng_below(&x->prng, SIM_S));
    }
}

/* --- changes ---------------------------------------------------------------------------- */

static void ask(struct roles *x, const char *what, const struct node *n, const char *more)
{
    struct cluster *c = x->cluster;
    char id[17];
    const char *words[] = {"RAFT", what, id, more, NULL};
    const struct node *asked = cluster_pick_up(c, &x->prng);

    snprintf(id, sizeof id, "%016llx", (unsigned long long)n->id);
    c->last_change_ns = sim_now_ns(c->sim);
    operator_command_words(&c->operator, asked, words);
}

/* Its vote will be missing, so no other one may be lost because of damage. */
static bool may_lose_vote(const struct cluster *c, const struct node *n)
{
    return !budget_has_damage(c->budget) || budget_may_fall_silent(c->budget, n->id);
}

static void mark_leaving(struct cluster *c, const struct node *n)
{
    if (budget_mark_of(c->budget, n->id) == BUDGET_SOUND) {
        budget_mark(c->budget, n->id, BUDGET_LEAVING);
    }
}

/* A new node joins in the place of `n`, which is dead in half of the cases. */
static void replace(struct roles *x, struct node *n)
{
    struct cluster *c = x->cluster;
    struct node *fresh;

    if (n->is_retired || !cluster_is_voter(n) || !may_lose_vote(c, n)) {
        return;
    }
    fresh = nemesis_new_node(c);
    if (fresh == NULL || fresh == n) {
        return;
    }
    mark_leaving(c, n);
    n->is_retired = true;
    c->last_change_ns = sim_now_ns(c->sim);
    snprintf(fresh->replaces, sizeof fresh->replaces, "%016llx", (unsigned long long)n->id);
    fresh->config.replaces = fresh->replaces;
    fresh->patience = 4;
    if (prng_chance(&x->prng, 1, 2)) {
        cluster_kill(n, SIM_POWER);
    }
    cluster_start_later(fresh, 1 + prng_below(&x->prng, 100 * SIM_MS));
}

/* The new node can't take that place: for example, the other one was removed. Then it joins as
 * any other. */
void roles_before_start(struct node *n)
{
    if (n->config.replaces != NULL && (n->patience == 0 || --n->patience == 0)) {
        n->config.replaces = NULL;
    }
}

static void demote(struct roles *x, const struct node *n)
{
    struct cluster *c = x->cluster;

    if (count_voters(c) > 2 && cluster_is_voter(n) && !c->operator.is_busy && may_lose_vote(c, n)) {
        mark_leaving(c, n);
        ask(x, "DEMOTE", n, prng_chance(&x->prng, 1, 8) ? "FORCE" : NULL);
    }
}

static void prioritize(struct roles *x, const struct node *n)
{
    static const char *const priorities[] = {"0", "0", "1", "5", "100"};

    ask(x, "PRIORITY", n, priorities[prng_below(&x->prng, 5)]);
}

static void change(struct roles *x, enum role_change what)
{
    struct node *n = cluster_pick_up(x->cluster, &x->prng);

    if (n == NULL || !n->was_member || n->id == 0) {
        return;
    }
    switch (what) {
    case ROLE_REPLACE:
        replace(x, n);
        break;
    case ROLE_DEMOTE:
        demote(x, n);
        break;
    case ROLE_PROMOTE:
        ask(x, "PROMOTE", n, NULL);
        break;
    case ROLE_PRIORITY:
        prioritize(x, n);
        break;
    case ROLE_RENAME:
        rename_node(x, n);
        break;
    }
}

static void strike(struct sim_event *event)
{
    struct roles *x = container_of(event, struct roles, strike);
    struct cluster *c = x->cluster;
    static const enum role_change changes[] = {ROLE_REPLACE, ROLE_DEMOTE,   ROLE_DEMOTE,
                                               ROLE_DEMOTE,  ROLE_PROMOTE,  ROLE_PRIORITY,
                                               ROLE_RENAME,  ROLE_PRIORITY, ROLE_REPLACE};
    enum role_change what = changes[prng_below(&x->schedule, sizeof changes / sizeof *changes)];
    enum fault fault = what == ROLE_REPLACE ? FAULT_REPLACE : FAULT_ROLES;
    uint64_t pause_ns = 1 + prng_below(&x->schedule, 2 * x->pause_ns);

    x->prng = (struct prng){prng_next(&x->schedule)};
    if (faults_draw(&c->faults, fault, sim_now_ns(c->sim))) {
        sim_trace(c->sim, "nem", "strike %u: %s", c->faults.drawn_count, fault_name(fault));
        change(x, what);
    }
    sim_event_start(c->sim, event, sim_now_ns(c->sim) + pause_ns);
}

/* --- the whole -------------------------------------------------------------------------- */

struct roles *roles_new(struct cluster *c)
{
    static const uint64_t pauses_ns[] = {500 * SIM_MS, SIM_S, 3 * SIM_S, 8 * SIM_S};
    struct roles *x = memory_take_zeroed(1, sizeof *x);

    x->cluster = c;
    x->schedule.state = c->options.seed * 0xd1342543de82ef95u + 0x726f6c65;
    x->is_used = prng_chance(&x->schedule, 1, 3) && !c->options.is_beyond;
    x->pause_ns = pauses_ns[prng_below(&x->schedule, 4)];
    x->strike.run = strike;
    return x;
}

void roles_free(struct roles *x)
{
    sim_event_stop(x->cluster->sim, &x->strike);
    free(x);
}

void roles_start(struct roles *x)
{
    if (x->is_used) {
        sim_event_start(x->cluster->sim, &x->strike, sim_now_ns(x->cluster->sim) + x->pause_ns);
    }
}

void roles_heal(struct roles *x)
{
    sim_event_stop(x->cluster->sim, &x->strike);
}
