/* flipper.c - flips bits in the keys and values that a node holds in memory, as faulty memory does.
 * The node must find that out, isolate itself, and come back with a right state. Until it is
 * found, what the node answers may be wrong, so the witness does not judge values then; after
 * that, no client may see a wrong one. One node at a time has a flipped bit. */
#include <stdlib.h>

#include "base/memory.h"
#include "kv/kv.h"
#include "replica/state.h"
#include "sim/cluster/cluster.h"

#define SALT 0x666c697070657221u

enum { FLIPS_MAX = QUARANTINE_ATTEMPTS_MAX }; /* After more, a node stays isolated. */

struct flipper {
    struct cluster *cluster;
    struct prng prng;
    uint64_t pause_ns;
    uint32_t flip_count;
    bool is_used;
    struct sim_event strike;
};

bool flipper_is_used(const struct flipper *x)
{
    return x->is_used;
}

/* --- flipping ------------------------------------------------------------------------- */

/* Some string's key and value, which follow each other. (A hash whose offsets are wrong may end
 * the process, which would end the simulation.) */
static struct slice pick_item(struct keyspace *keyspace, struct prng *prng)
{
    uint64_t first = prng_next(prng);
    uint64_t chance = prng_next(prng);

    for (uint32_t i = 0; i < KEYSPACE_DATABASES; i++) {
        uint32_t database = (uint32_t)((first + i) % KEYSPACE_DATABASES);
        struct slice key;
        struct kv_value value;

        if (keyspace_count(keyspace, database) > 0 &&
            kv_pick(keyspace_database(keyspace, database), chance, &key) &&
            kv_find(keyspace_database(keyspace, database), key, &value) &&
            value.traits.type == VALUE_STRING) {
            return slice_of(key.data, key.size + value.bytes.size);
        }
    }
    return slice_of(NULL, 0);
}

bool cluster_flip_bit(struct node *n, struct prng *prng)
{
    struct cluster *c = n->cluster;
    struct replica *r = n->server->replica;
    struct slice item = pick_item(r->keyspace, prng);

    if (item.size == 0 || r->is_loading || quarantine_is_on(&r->quarantine)) {
        return false;
    }

    uint64_t bit = prng_below(prng, 8 * item.size);
    char *byte = (char *)(uintptr_t)item.data + bit / 8;

    *byte = (char)(*byte ^ (1 << bit % 8));
    sim_trace(c->sim, n->name, "has a flipped bit in an item of %u bytes", (unsigned)item.size);
    n->has_flipped = true;
    n->was_flipped = true;
    checker_doubt_state(n->checker, true);
    witness_suspect(c->witness, true);
    return true;
}

static bool somebody_has_flipped(const struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].has_flipped || c->nodes[i].is_isolated) {
            return true;
        }
    }
    return false;
}

static void strike(struct sim_event *event)
{
    struct flipper *x = container_of(event, struct flipper, strike);
    struct cluster *c = x->cluster;
    struct node *n = cluster_pick_up(c, &x->prng);
    struct prng of_strike = {prng_next(&x->prng)};

    sim_event_start(c->sim, event, sim_now_ns(c->sim) + 1 + prng_below(&x->prng, x->pause_ns));
    if (n != NULL && !n->server->is_loading && !somebody_has_flipped(c) &&
        x->flip_count < FLIPS_MAX && faults_draw(&c->faults, FAULT_FLIP, sim_now_ns(c->sim))) {
        x->flip_count += cluster_flip_bit(n, &of_strike);
    }
}

/* --- what follows ---------------------------------------------------------------------- */

static void note_believed(struct node *n)
{
    if (n->has_flipped) {
        n->has_flipped = false;
        witness_suspect(n->cluster->witness, false);
    }
}

void flipper_note_new_state(struct node *n)
{
    note_believed(n);
    n->was_flipped = false;
    checker_doubt_state(n->checker, false);
}

void flipper_note_end(struct node *n)
{
    note_believed(n);
    n->was_flipped = false;
    n->is_isolated = false;
}

/* The item may have been deleted together with all others of its database. */
static bool is_gone(const struct node *n)
{
    const struct keyspace *k = n->server->replica->keyspace;
    bool is_right = checker_has_state(n->checker, keyspace_digest(k));

    /* Nobody else can say what the state of the only member should be. */
    return keyspace_digest_recomputed(k) == keyspace_digest(k) &&
           (is_right || (n->cluster->member_count == 1 && !checker_knows_state(n->checker)));
}

void flipper_look(struct node *n)
{
    struct cluster *c = n->cluster;
    const struct replica *r = n->server->replica;
    bool is_isolated = quarantine_is_on(&r->quarantine);

    if (n->has_flipped && !is_isolated && is_gone(n)) {
        note_believed(n);
        checker_doubt_state(n->checker, false);
    }
    if (is_isolated && !n->is_isolated) {
        if (!n->was_flipped) { /* Maybe it was right again meanwhile. */
            verdict_broken(&c->verdict, "quarantine",
                           "%s isolates itself though its state is right", n->name);
        }
        sometimes_reached(&c->sometimes, SOMETIMES_FLIP_FOUND);
        note_believed(n); /* No more answers come from that state. */
    }
    if (is_isolated && r->quarantine.reason == QUARANTINE_BY_DIGEST &&
        r->quarantine.phase == QUARANTINE_FETCHES) {
        n->has_fetched = true;
    }
    if (!is_isolated && n->is_isolated) {
        sometimes_reached(&c->sometimes, SOMETIMES_STATE_REBUILT);
        if (n->has_fetched) {
            sometimes_reached(&c->sometimes, SOMETIMES_STATE_FETCHED);
        }
        n->has_fetched = false;
    }
    n->is_isolated = is_isolated;
}

/* Also by what is in memory, which the digest that is kept up to date does not look at. A node that
 * was removed serves nothing, and nobody gives it a state. */
bool flipper_is_mended(const struct flipper *x)
{
    const struct cluster *c = x->cluster;

    for (uint32_t i = 0; i < c->node_count && x->is_used; i++) {
        const struct node *n = &c->nodes[i];

        if (n->phase == NODE_UP && !n->is_outside && !n->server->is_loading &&
            !replica_is_removed(n->server->replica)) {
            const struct replica *r = n->server->replica;

            if (n->has_flipped || quarantine_is_on(&r->quarantine) ||
                keyspace_digest_recomputed(r->keyspace) != keyspace_digest(r->keyspace)) {
                return false;
            }
        }
    }
    return true;
}

/* --- the whole -------------------------------------------------------------------------- */

struct flipper *flipper_new(struct cluster *c)
{
    struct flipper *x = memory_take_zeroed(1, sizeof *x);

    x->cluster = c;
    x->prng = (struct prng){c->options.seed ^ SALT};
    x->strike.run = strike;
    /* lincheck would have to know which answers may be wrong. */
    x->is_used =
        prng_chance(&x->prng, 1, 5) && c->recorder == NULL && faults_allow(&c->faults, FAULT_FLIP);
    x->pause_ns = prng_between(&x->prng, SIM_S, 10 * SIM_S);
    if (x->is_used) {
        c->config.check_after_ns = prng_between(&x->prng, 500 * SIM_MS, 10 * SIM_S);
    }
    return x;
}

void flipper_free(struct flipper *x)
{
    sim_event_stop(x->cluster->sim, &x->strike);
    free(x);
}

void flipper_start(struct flipper *x)
{
    if (x->is_used) {
        sim_event_start(x->cluster->sim, &x->strike,
                        sim_now_ns(x->cluster->sim) + 1 + prng_below(&x->prng, x->pause_ns));
    }
}

void flipper_heal(struct flipper *x)
{
    sim_event_stop(x->cluster->sim, &x->strike);
}
