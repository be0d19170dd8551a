/* changes.h - checks what a reader of the stream of changes sees (XREAD on rakit:changes:<prefix>):
 * entry by entry, each key that the model has changed there, with the value that it has then, and
 * nothing else; nothing twice, and nothing left out, at whatever node it goes on. */
#ifndef RAKIT_SIM_CHECKS_CHANGES_H
#define RAKIT_SIM_CHECKS_CHANGES_H

#include "base/buffer.h"
#include "sim/checks/witness.h"

/* Behind all changes of an entry. */
#define CHANGES_LAST_ORDER UINT32_MAX

struct changes {
    struct witness *witness;
    uint32_t database;
    const char *prefix;
    uint64_t value_bytes_max; /* Longer values need not be shown. */
    uint64_t index;           /* The id of the last one. */
    uint64_t order;
    struct buffer entry; /* What it has seen of that entry. */
};

/* As it was shown; all strings are borrowed. */
struct change {
    uint64_t index;
    uint64_t order;
    struct slice key;
    struct slice event;
    struct slice value; /* If has_value. */
    struct slice type;  /* Empty: it was not shown. */
    bool has_value;
};

/* Counts a reader that goes on at another node. */
void witness_note_moved_reader(struct witness *w);

void changes_deinit(struct changes *c);
void changes_saw(struct changes *c, const struct change *change);
/* Instead it learned that changes up to this id are not kept any more. */
void changes_compacted(struct changes *c, uint64_t index, uint64_t order);
/* It has read all keys, as they were at that entry, and goes on behind it. `keys`: each with its
 * value, or a null, as RESP2 strings. */
void changes_scanned(struct changes *c, uint64_t index, uint64_t key_count, struct slice keys);
/* It has seen all that was applied anywhere. */
bool changes_are_all(struct changes *c);

#endif /* RAKIT_SIM_CHECKS_CHANGES_H */
