/* lincheck_memo.h - the configurations that the search has visited: pairs of a set of operations
 * and the state after them, compared in full. Sets are stored without their leading full words
 * and trailing empty words, so entries stay small in a long history. */
#ifndef RAKIT_LINCHECK_LINCHECK_MEMO_H
#define RAKIT_LINCHECK_LINCHECK_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "lincheck/arena.h"

/* A set of numbers below `capacity`, with bounds kept up to date. */
struct lincheck_set {
    uint64_t *words;
    uint32_t full_count; /* All words before this one are full. */
    uint32_t end;        /* This word and all after it are empty. */
};

void lincheck_set_init(struct lincheck_set *s, uint32_t capacity);
void lincheck_set_deinit(struct lincheck_set *s);
void lincheck_set_add(struct lincheck_set *s, uint32_t number);
void lincheck_set_remove(struct lincheck_set *s, uint32_t number);
bool lincheck_set_has(const struct lincheck_set *s, uint32_t number);

struct lincheck_memo_slot;

/* A zeroed struct is empty. */
struct lincheck_memo {
    struct arena arena;
    struct lincheck_memo_slot *slots;
    uint32_t slot_count;
    uint32_t count;
};

/* False if it was there already. */
bool lincheck_memo_add(struct lincheck_memo *m, uint32_t state, const struct lincheck_set *known,
                       const struct lincheck_set *open);
uint64_t lincheck_memo_bytes(const struct lincheck_memo *m);
void lincheck_memo_reset(struct lincheck_memo *m);

#endif /* RAKIT_LINCHECK_LINCHECK_MEMO_H */
