/* due.h - marks of when keys expire: a hierarchical timing wheel (Varghese and Lauck 1987) with a
 * byte of the time at each level. A mark is 40 bits of the hash of a key: enough to find its
 * bucket, and there its item. Marks may be out of date: what counts is the item. Private to kv.
 *
 * This is not part of the replicated state: it only saves looking at all keys. */
#ifndef RAKIT_KV_DUE_H
#define RAKIT_KV_DUE_H

#include <stdbool.h>
#include <stdint.h>

struct due_chunk;
struct due_wheel;

struct due_list {
    struct due_chunk *first; /* NULL: it is empty. */
    struct due_chunk *last;
};

struct due {
    struct due_wheel *wheel; /* NULL: nothing was ever marked. */
    uint64_t now_ms;         /* Up to here the wheel has turned. */
    uint64_t count;          /* Of all marks. */
    uint64_t heap_bytes;
    struct due_list open;    /* To be looked at. */
    struct due_list ready;   /* These keys have expired. */
    struct due_list offered; /* And these are about to be removed. */
};

enum { DUE_LOW_BITS = 34, DUE_HIGH_BITS = 6 };

/* The mark of a key, by its hash: the low bits select the bucket. */
static inline uint64_t due_mark(uint64_t hash)
{
    return (hash & ((1ull << DUE_LOW_BITS) - 1)) | hash >> (64 - DUE_HIGH_BITS) << DUE_LOW_BITS;
}

/* A mark that was taken from a list: it was put for an instant in from_ms .. from_ms + span_ms. */
struct due_taken {
    uint64_t mark;
    uint64_t from_ms;
    uint64_t span_ms; /* 0: that is not known. */
};

/* `now_ms` is where an unused wheel begins. */
void due_add(struct due *d, uint64_t now_ms, uint64_t at_ms, uint64_t mark);
/* Turns the wheel: marks of what comes up to `now_ms` are opened. */
void due_advance(struct due *d, uint64_t now_ms);
/* When marks will be opened next; UINT64_MAX: never. */
uint64_t due_next_ms(const struct due *d);

/* Takes a mark off one of the three lists; false: there is none. */
bool due_take(struct due *d, struct due_list *list, struct due_taken *ret_taken);
/* Puts a mark into one of them. */
void due_put(struct due *d, struct due_list *list, uint64_t mark);
/* Opens all marks of `list`. */
void due_reopen(struct due *d, struct due_list *list);

/* Gives up all marks; their memory goes to `garbage`. */
void due_discard(struct due *d, struct due_list *garbage, uint64_t *garbage_bytes);
/* Frees up to `count` pieces of that memory, each a page at the most; returns how many. */
uint64_t due_free_garbage(struct due_list *garbage, uint64_t *garbage_bytes, uint64_t count);

#endif /* RAKIT_KV_DUE_H */
