/* directory.h - an array of bucket groups that grows and shrinks at its end and never moves:
 * segments of 128 groups, referenced by pages of pointers that double in size. No call touches
 * more than one segment, however long the array is. */
#ifndef RAKIT_KV_DIRECTORY_H
#define RAKIT_KV_DIRECTORY_H

#include <stddef.h>
#include <stdint.h>

enum {
    GROUP_SLOTS = 7,
    DIRECTORY_SEGMENT_GROUPS = 128,
    DIRECTORY_PAGES = 48, /* Page n has 2^n segments. */
};

struct item;

/* One cache line: up to seven items, each with one byte of its hash, so that a lookup reads the
 * wrong item once in 256 times. A bucket with more items continues in another group, to which
 * the last slot points. */
struct group {
    uint8_t tags[GROUP_SLOTS];
    uint8_t shape; /* Count of items, and GROUP_CHAINED; private to bucket.c. */
    union {
        struct item *item;
        struct group *next; /* Instead of the last slot, if the group is chained. */
    } slots[GROUP_SLOTS];
};

_Static_assert(sizeof(struct group) == 64, "a group is a cache line");

struct directory {
    uint64_t group_count;
    struct group **pages[DIRECTORY_PAGES];
    uint64_t heap_bytes; /* Of segments and pages. */
};

static inline struct group *directory_at(const struct directory *d, uint64_t index)
{
    uint64_t segment = index / DIRECTORY_SEGMENT_GROUPS + 1;
    int page = 63 - __builtin_clzll(segment);

    return d->pages[page][segment - (1ull << page)] + index % DIRECTORY_SEGMENT_GROUPS;
}

/* Appends an empty group; removes the last one. */
struct group *directory_push(struct directory *d);
void directory_pop(struct directory *d);

#endif /* RAKIT_KV_DIRECTORY_H */
