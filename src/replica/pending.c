/* pending.c - a ring of requests by number. */
#include "replica/pending.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { PENDING_FIRST_CAPACITY = 256 };

void pending_init(struct pending *p, uint64_t first)
{
    *p = (struct pending){.capacity = PENDING_FIRST_CAPACITY, .first = first, .next = first};
    p->ring = memory_take_zeroed(p->capacity, sizeof(struct request *));
}

void pending_deinit(struct pending *p)
{
    free(p->ring);
    p->ring = NULL;
}

static struct request **slot(const struct pending *p, uint64_t number)
{
    return &p->ring[number & (p->capacity - 1)];
}

static void grow(struct pending *p, uint64_t span)
{
    struct pending bigger = *p;

    while (bigger.capacity < span) {
        bigger.capacity *= 2;
    }
    bigger.ring = memory_take_zeroed(bigger.capacity, sizeof(struct request *));
    for (uint64_t i = p->first; i != p->next; i++) {
        *slot(&bigger, i) = *slot(p, i);
    }
    free(p->ring);
    *p = bigger;
}

void pending_put(struct pending *p, uint64_t number, struct request *request)
{
    if (p->count == 0) {
        /* Indexes fall back if a node leads again after its log was cut. */
        p->first = number;
        p->next = number;
    }
    CHECK(number - p->next < UINT64_MAX / 2);
    if (number + 1 - p->first > p->capacity) {
        grow(p, number + 1 - p->first);
    }
    *slot(p, number) = request;
    p->next = number + 1;
    p->count++;
}

static void skip_empty(struct pending *p)
{
    while (p->first != p->next && *slot(p, p->first) == NULL) {
        p->first++;
    }
}

void pending_rewind(struct pending *p)
{
    while (p->next != p->first && *slot(p, p->next - 1) == NULL) {
        p->next--;
    }
}

struct request *pending_at(const struct pending *p, uint64_t number)
{
    return number - p->first >= p->next - p->first ? NULL : *slot(p, number);
}

struct request *pending_take(struct pending *p, uint64_t number)
{
    if (number - p->first >= p->next - p->first) {
        return NULL;
    }

    struct request **place = slot(p, number);
    struct request *request = *place;

    *place = NULL;
    if (request != NULL) {
        p->count--;
        skip_empty(p);
    }
    return request;
}

struct request *pending_first(const struct pending *p, uint64_t *ret_number)
{
    if (p->count == 0) {
        return NULL;
    }
    *ret_number = p->first;
    return *slot(p, p->first);
}

struct request *pending_take_first(struct pending *p)
{
    uint64_t number;

    return pending_first(p, &number) == NULL ? NULL : pending_take(p, number);
}
