#include "base/chains.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { HEADS_MIN = 8 }; /* A power of two. */

/* The largest power of two that is not above `count`. */
static size_t power_below(size_t count)
{
    return (size_t)1 << (63 - __builtin_clzll(count));
}

static size_t place_of(const struct chains *t, uint64_t hash)
{
    size_t half = power_below(t->head_count);
    size_t place = (size_t)hash & (2 * half - 1);

    return place < t->head_count ? place : place - half;
}

void chains_deinit(struct chains *t)
{
    free(t->heads);
    *t = (struct chains){.heads = NULL};
}

static void put(struct chains *t, struct chain *c)
{
    struct chain **head = &t->heads[place_of(t, c->hash)];

    c->next = *head;
    *head = c;
}

/* The items of one chain are divided between it and a new one at the end. */
static void split(struct chains *t)
{
    size_t from = t->head_count - power_below(t->head_count);
    struct chain *c = t->heads[from];

    if (t->head_count == t->head_capacity) {
        t->head_capacity *= 2;
        t->heads = memory_resize(t->heads, t->head_capacity * sizeof(struct chain *));
    }
    t->heads[from] = NULL;
    t->heads[t->head_count] = NULL;
    t->head_count++;
    while (c != NULL) {
        struct chain *next = c->next;

        put(t, c);
        c = next;
    }
}

void chains_add(struct chains *t, struct chain *c, uint64_t hash)
{
    if (t->heads == NULL) {
        t->heads = memory_take_zeroed(HEADS_MIN, sizeof(struct chain *));
        t->head_count = HEADS_MIN;
        t->head_capacity = HEADS_MIN;
    } else if (t->count >= t->head_count) {
        split(t);
    }
    c->hash = hash;
    put(t, c);
    t->count++;
}

void chains_remove(struct chains *t, struct chain *c)
{
    struct chain **at = &t->heads[place_of(t, c->hash)];

    while (*at != c) {
        CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = c->next;
    t->count--;
    if (t->count == 0) {
        chains_deinit(t);
    }
}

static struct chain *of_hash(struct chain *c, uint64_t hash)
{
    while (c != NULL && c->hash != hash) {
        c = c->next;
    }
    return c;
}

struct chain *chains_find(const struct chains *t, uint64_t hash)
{
    return t->count == 0 ? NULL : of_hash(t->heads[place_of(t, hash)], hash);
}

struct chain *chains_find_next(const struct chain *c)
{
    return of_hash(c->next, c->hash);
}

size_t chains_bytes(const struct chains *t)
{
    return t->head_capacity * sizeof(struct chain *);
}
