/* mover.c - nodes that move: some or all of them are ended and started at other addresses: at
 * one another's, at those of nodes that are down, at new ones. Each gets another node as its
 * contact, as from an operator. The addresses in their logs are then wrong, and usually lead to
 * other nodes. They must find each other nevertheless.
 *
 * In the end there may be nodes that no other node can find, because their contact has gone or
 * has moved itself. Only these are restarted with another contact. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "replica/state.h"
#include "sim/cluster/cluster.h"

enum { PEER_PORTS = 3 };

enum move { MOVE_SWAP, MOVE_ROTATE, MOVE_SHUFFLE, MOVE_AWAY, MOVE_TAKE_OVER, MOVE_COUNT };

enum { HOST_BYTES = sizeof((struct node *)0)->host };

struct mover {
    struct cluster *cluster;
    bool is_used;
    struct prng schedule; /* When something happens, and what. */
    struct prng prng;     /* Details of one strike. */
    uint64_t pause_ns;
    uint64_t down_ns;
    uint32_t host_count; /* New host names so far. */
    uint32_t strike_count;
    struct sim_event strike;
    struct sim_event tend;
};

/* The nodes that one strike moves. */
struct group {
    struct node *nodes[CLUSTER_NODES_MAX];
    uint32_t count;
    uint32_t up_count; /* The first so many of them are up. */
};

static uint64_t some(struct mover *m, uint64_t most)
{
    return 1 + prng_below(&m->prng, most);
}

/* --- who moves ------------------------------------------------------------------------ */

static void shuffle_nodes(struct mover *m, struct node **nodes, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = (uint32_t)prng_below(&m->prng, i);
        struct node *swap = nodes[i - 1];

        nodes[i - 1] = nodes[other];
        nodes[other] = swap;
    }
}

/* All nodes in that phase that may move, in random order. */
static uint32_t gather(struct mover *m, struct node **nodes, enum node_phase phase)
{
    struct cluster *c = m->cluster;
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].phase == phase && c->nodes[i].was_member) {
            nodes[count++] = &c->nodes[i];
        }
    }
    shuffle_nodes(m, nodes, count);
    return count;
}

/* Of those that are up: all, two, or some; and some of those that are down. */
static void choose_group(struct mover *m, enum move move, struct group *g)
{
    uint32_t up_count = gather(m, g->nodes, NODE_UP);
    uint32_t down_count;

    g->up_count = up_count;
    if (move == MOVE_SWAP) {
        g->up_count = up_count < 2 ? up_count : 2;
    } else if (up_count > 0 && prng_chance(&m->prng, 1, 2)) {
        g->up_count = (uint32_t)prng_between(&m->prng, 1, up_count);
    }
    down_count = gather(m, g->nodes + g->up_count, NODE_DOWN);
    if (down_count > 0 && move != MOVE_TAKE_OVER && prng_chance(&m->prng, 2, 3)) {
        down_count = 0;
    }
    g->count = g->up_count + down_count;
    if (move == MOVE_SWAP && g->count > 2) {
        g->count = 2;
    }
}

/* --- where to ------------------------------------------------------------------------- */

static void new_host(struct mover *m, char host[HOST_BYTES])
{
    snprintf(host, HOST_BYTES, "m%u", (unsigned)(++m->host_count % 100000));
    sometimes_reached(&m->cluster->sometimes, SOMETIMES_MOVED_TO_FRESH);
}

/* `hosts` are the present hosts of the group. */
static void permute(struct mover *m, enum move move, struct group *g, char (*hosts)[HOST_BYTES])
{
    uint32_t step = move == MOVE_SHUFFLE ? 0 : 1;

    if (move == MOVE_SHUFFLE) {
        shuffle_nodes(m, g->nodes, g->count);
    }
    for (uint32_t i = 0; i < g->count; i++) {
        char *host = hosts[(i + step) % g->count];

        if (move == MOVE_AWAY || prng_chance(&m->prng, 1, 8)) {
            new_host(m, host);
        }
        cluster_move(g->nodes[i], host);
        if (prng_chance(&m->prng, 1, 4)) {
            g->nodes[i]->config.peer_port =
                (uint16_t)(CLUSTER_PEER_PORT + prng_below(&m->prng, PEER_PORTS));
        }
        m->cluster->stats.move_count++;
    }
}

static void note_rarity(struct mover *m, enum move move, const struct group *g, bool are_all)
{
    struct sometimes *s = &m->cluster->sometimes;

    if (move == MOVE_SWAP && g->count == 2) {
        sometimes_reached(s, SOMETIMES_SWAPPED);
    } else if (move == MOVE_ROTATE && g->up_count > 2) {
        sometimes_reached(s, SOMETIMES_ROTATED);
    } else if (move == MOVE_SHUFFLE && g->up_count > 2) {
        sometimes_reached(s, SOMETIMES_SHUFFLED);
    } else if (move == MOVE_TAKE_OVER && g->up_count > 0 && g->count > g->up_count) {
        sometimes_reached(s, SOMETIMES_TOOK_OVER);
    }
    if (are_all && g->up_count > 1) {
        sometimes_reached(s, SOMETIMES_ALL_MOVED);
    }
}

static void move_some(struct mover *m, enum move move)
{
    struct cluster *c = m->cluster;
    char hosts[CLUSTER_NODES_MAX][HOST_BYTES];
    struct group g = {.count = 0};
    struct node *moved[CLUSTER_NODES_MAX];
    uint32_t moved_count;

    choose_group(m, move, &g);
    note_rarity(m, move, &g, g.up_count == cluster_up_count(c));
    moved_count = g.up_count;
    for (uint32_t i = 0; i < g.count; i++) {
        memcpy(hosts[i], g.nodes[i]->host, HOST_BYTES);
        if (i < g.up_count) {
            moved[i] = g.nodes[i];
            cluster_kill(g.nodes[i], prng_chance(&m->prng, 1, 4) ? SIM_POWER : SIM_KILLED);
        }
    }
    permute(m, move, &g, hosts);
    for (uint32_t i = 0; i < moved_count; i++) {
        cluster_start_later(moved[i],
                            some(m, prng_chance(&m->prng, 1, 2) ? 50 * SIM_MS : m->down_ns));
    }
    m->strike_count++;
}

static void strike(struct sim_event *event)
{
    struct mover *m = container_of(event, struct mover, strike);
    struct cluster *c = m->cluster;
    enum move move = (enum move)prng_below(&m->schedule, MOVE_COUNT);
    uint64_t pause_ns = 1 + prng_below(&m->schedule, 2 * m->pause_ns);

    m->prng = (struct prng){prng_next(&m->schedule)};
    if (faults_draw(&c->faults, FAULT_MOVE, sim_now_ns(c->sim))) {
        sim_trace(c->sim, "nem", "strike %u: %s", c->faults.drawn_count, fault_name(FAULT_MOVE));
        move_some(m, move);
    }
    sim_event_start(c->sim, event, sim_now_ns(c->sim) + pause_ns);
}

/* --- contacts ------------------------------------------------------------------------- */

static bool may_be_named(const struct node *other, const struct node *n)
{
    return other != n && !other->is_outside && !other->is_retired && !other->is_broken &&
           !other->stays_down && other->was_member;
}

/* A node that runs; if none does, the same one for all that are started meanwhile. */
const struct node *mover_contact(struct mover *m, struct node *n)
{
    struct cluster *c = m->cluster;
    uint64_t first = prng_below(&m->prng, c->node_count);
    const struct node *contact = n->contact;

    n->contact = NULL;
    if (contact != NULL) {
        return contact;
    }
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *other = &c->nodes[(first + i) % c->node_count];

        if (may_be_named(other, n) && cluster_has_log(other)) {
            return other;
        }
        if (may_be_named(other, n) && (contact == NULL || other->number < contact->number)) {
            contact = other;
        }
    }
    return contact;
}

/* --- who can't be found in the end -------------------------------------------------------- */

/* Whether the node must find the others or be found. This includes a member that has no log yet:
 * it can join again only through its contact, which may not be healed, and the log has the
 * address at which it was added, not the one to which it has moved since. */
static bool is_concerned(const struct node *n)
{
    return (cluster_has_log(n) || (n->phase == NODE_UP && cluster_is_member(n))) &&
           !n->is_outside && !n->server->is_stopping && !replica_is_removed(n->server->replica);
}

static bool is_at(const struct member_address *there, const struct node *n)
{
    return there->peer_port == n->config.peer_port && strcmp(there->client.host, n->host) == 0;
}

/* Whether the node has a way to find the other one. */
static bool can_find(const struct node *n, const struct node *other)
{
    const struct peers *p = &n->server->peers;

    if (is_at(&p->self_logged, other)) {
        return true;
    }
    if (strcmp(p->contact.client.host, other->host) == 0) {
        return true; /* It announces its port. */
    }
    list_for_each(link, &p->all)
    {
        const struct peer *peer = container_of(link, struct peer, link);

        if (is_at(&peer->logged, other) || is_at(&peer->address, other) ||
            is_at(&peer->reported, other)) {
            return true;
        }
    }
    return false;
}

/* The nodes that are connected with `start` by ways of finding each other, as bits by position
 * in the cluster. A node without a log can be found but leads to no others, because it may know
 * none. */
static uint64_t circle_of(struct cluster *c, uint32_t start)
{
    uint64_t circle = 1ull << start;
    uint64_t before = 0;

    while (circle != before) {
        before = circle;
        for (uint32_t i = 0; i < c->node_count; i++) {
            for (uint32_t j = 0; j < c->node_count; j++) {
                if ((circle >> i & 1) == 0 || !cluster_has_log(&c->nodes[i]) ||
                    !is_concerned(&c->nodes[j])) {
                    continue;
                }
                if (can_find(&c->nodes[i], &c->nodes[j]) || can_find(&c->nodes[j], &c->nodes[i])) {
                    circle |= 1ull << j;
                }
            }
        }
    }
    return circle;
}

/* Restarts a node that is not in the largest circle, with a contact in that circle. */
static void reconnect(struct mover *m)
{
    struct cluster *c = m->cluster;
    const struct node *contact = NULL;
    uint64_t largest = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        if (is_concerned(&c->nodes[i]) && cluster_has_log(&c->nodes[i])) {
            uint64_t circle = circle_of(c, i);

            if (__builtin_popcountll(circle) > __builtin_popcountll(largest)) {
                largest = circle;
                contact = &c->nodes[i];
            }
        }
    }
    for (uint32_t i = 0; i < c->node_count && contact != NULL; i++) {
        struct node *n = &c->nodes[i];

        if (is_concerned(n) && (largest >> i & 1) == 0) {
            sim_trace(c->sim, "op", "starts %s again, with %s as its contact", n->name,
                      contact->name);
            c->stats.recontact_count++;
            cluster_kill(n, SIM_KILLED);
            n->has_moved = true; /* As for other nodes that were given a contact. */
            n->contact = contact;
            cluster_start_later(n, 10 * SIM_MS);
            return;
        }
    }
}

static void tend(struct sim_event *event)
{
    struct mover *m = container_of(event, struct mover, tend);

    reconnect(m);
    sim_event_start(m->cluster->sim, event, sim_now_ns(m->cluster->sim) + 200 * SIM_MS);
}

/* --- the whole ------------------------------------------------------------------------ */

/* Uses random numbers of its own, so everything else that a seed draws remains the same. */
struct mover *mover_new(struct cluster *c)
{
    static const uint64_t pauses_ns[] = {500 * SIM_MS, 2 * SIM_S, 5 * SIM_S, 10 * SIM_S};
    struct mover *m = memory_take_zeroed(1, sizeof *m);

    m->cluster = c;
    m->schedule.state = c->options.seed * 0x9e3779b97f4a7c15u + 0x6d6f7665;
    m->is_used = prng_chance(&m->schedule, 1, 3) && !c->options.is_beyond;
    m->pause_ns = pauses_ns[prng_below(&m->schedule, 4)];
    m->down_ns = prng_between(&m->schedule, 100 * SIM_MS, 5 * SIM_S);
    m->strike.run = strike;
    m->tend.run = tend;
    if (m->is_used && prng_chance(&m->schedule, 1, 2)) {
        sim_set_dark(c->sim, true);
    }
    return m;
}

void mover_free(struct mover *m)
{
    sim_event_stop(m->cluster->sim, &m->strike);
    sim_event_stop(m->cluster->sim, &m->tend);
    free(m);
}

void mover_start(struct mover *m)
{
    if (m->is_used) {
        sim_event_start(m->cluster->sim, &m->strike, sim_now_ns(m->cluster->sim) + m->pause_ns);
    }
}

void mover_heal(struct mover *m)
{
    sim_event_stop(m->cluster->sim, &m->strike);
    if (mover_has_struck(m)) {
        sim_event_start(m->cluster->sim, &m->tend, sim_now_ns(m->cluster->sim) + 500 * SIM_MS);
    }
}

bool mover_has_struck(const struct mover *m)
{
    return m->strike_count > 0;
}
