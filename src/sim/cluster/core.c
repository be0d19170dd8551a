/* core.c - which nodes are healed in the end. Raft promises progress to any majority of nodes
 * that reach each other, whatever the others do. So in some runs some voters stay outside: down,
 * unable to receive or to send, or connected to only one node of the majority, which is never
 * enough to lead and must not be enough to disturb. */
#include "base/prng.h"
#include "sim/cluster/cluster.h"

enum fate { FATE_DOWN, FATE_DEAF, FATE_MUTE, FATE_THIN, FATE_COUNT };

enum { QUIET_NS = 10 }; /* Seconds since the last change of members began. */

static bool is_in_core(void *context, uint64_t id)
{
    const struct cluster *c = context;

    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];

        if (n->id == id) {
            return !n->is_outside && !n->is_broken && budget_mark_of(c->budget, id) == BUDGET_SOUND;
        }
    }
    return false;
}

/* False during a removal, which would take one more node from the majority. */
static bool is_steady(const struct cluster *c)
{
    if (c->last_change_ns + QUIET_NS * SIM_S > sim_now_ns(c->sim) && c->last_change_ns > 0) {
        return false;
    }
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];

        if (cluster_is_member(n) && budget_mark_of(c->budget, n->id) == BUDGET_LEAVING) {
            return false;
        }
    }
    return true;
}

static void block(struct cluster *c, const struct node *n, bool from, bool to,
                  const struct node *except)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *other = &c->nodes[i];

        if (other == n || other == except) {
            continue;
        }
        if (from || other->is_outside) {
            sim_block(n->machine, other->machine, true);
        }
        if (to || other->is_outside) {
            sim_block(other->machine, n->machine, true);
        }
    }
}

static const struct node *pick_core(struct cluster *c, struct prng *prng)
{
    const struct node *n;

    do {
        n = &c->nodes[prng_below(prng, c->node_count)];
    } while (n->is_outside);
    return n;
}

static void cast_out(struct cluster *c, struct node *n, enum fate fate, struct prng *prng)
{
    static const char *const words[] = {"down", "deaf", "mute", "connected to one"};

    sim_trace(c->sim, n->name, "stays outside, %s", words[fate]);
    if (fate == FATE_DOWN) {
        n->stays_down = true;
        cluster_kill(n, SIM_POWER);
    } else if (fate == FATE_THIN) {
        block(c, n, true, true, pick_core(c, prng));
    } else {
        block(c, n, fate == FATE_MUTE, fate == FATE_DEAF, NULL);
    }
}

bool core_choose(struct cluster *c)
{
    struct prng prng = {.state = c->options.seed * 0xaf251af3b0f025b5u + 0xc0e};
    uint64_t first = prng_below(&prng, c->node_count);
    uint32_t outside_count = 0;
    uint32_t voter_count = 0;

    if (!prng_chance(&prng, 1, 2) || c->member_count < 3 || c->is_joint || !is_steady(c)) {
        return false;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        voter_count += c->votes[i];
    }
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[(first + i) % c->node_count];

        /* A node that does not vote yet may become a voter, and is needed then. */
        if (!cluster_is_voter(n) || n->phase == NODE_ENDED) {
            continue;
        }
        n->is_outside = true;
        if (!budget_is_majority(c->budget, is_in_core, c) || !roles_leave_a_leader(c)) {
            n->is_outside = false;
        }
        outside_count += n->is_outside;
    }
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct node *n = &c->nodes[i];
        /* Two of three voters are a majority, so one with a path to another node could lead.
         * (Learners make no difference: seed 90302.) */
        uint64_t fates = voter_count > 3 ? FATE_COUNT : FATE_THIN;

        if (n->is_outside) {
            cast_out(c, n, (enum fate)prng_below(&prng, fates), &prng);
        }
    }
    return outside_count > 0;
}
