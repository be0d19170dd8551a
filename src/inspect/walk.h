/* walk.h - goes through the log of a data directory, in the order in which it was written, and
 * passes each segment, batch and entry to a view, with its state. */
#ifndef RAKIT_INSPECT_WALK_H
#define RAKIT_INSPECT_WALK_H

#include "cluster/members.h"
#include "command/table.h"
#include "store/survey.h"

enum batch_state {
    BATCH_GOOD,
    BATCH_DAMAGED,   /* One of its records is bad. */
    BATCH_SENSELESS, /* Sound, but it drops what is committed, or leaves a gap. */
    BATCH_CUT_OFF,   /* After one of these. */
};

struct walk_batch {
    struct batch_head head;
    enum batch_state state;
    uint64_t segment;
    uint64_t offset;
};

enum entry_state {
    ENTRY_LIVE,
    ENTRY_DROPPED, /* A later batch truncated it away. */
    ENTRY_PAST,    /* At or below the origin: the log begins after it. */
    ENTRY_DAMAGED, /* Its identity is readable, but its record is damaged. */
    ENTRY_CUT_OFF, /* Its record is good, but the log ends before its batch. */
};

struct walk_entry {
    struct entry_identity id;
    enum entry_state state;
    struct slice payload; /* Empty if it is damaged. */
    const struct walk_batch *batch;
    /* Of a good configuration entry: the members it sets, and those in force before, if known. */
    const struct membership *members;
    const struct membership *members_before;
};

/* Something after the end of the log. */
struct walk_rest {
    uint64_t segment;
    uint64_t offset;
    uint64_t bytes;
    bool has_head; /* It begins with a batch's head. */
    struct batch_head head;
    bool is_astray; /* That head belongs to another place. */
};

struct view {
    void (*segment)(struct view *view, const struct recovery_segment *segment);
    void (*batch)(struct view *view, const struct walk_batch *batch);
    void (*entry)(struct view *view, const struct walk_entry *entry);
    void (*rest)(struct view *view, const struct walk_rest *rest);
};

struct walk_filter {
    uint64_t from;
    uint64_t to;
    const char *key; /* A pattern, or NULL: entries whose command has a key that matches it, or
                      * none at all, since such commands are about all keys. */
    const struct command_table *commands;
};

/* Whether the filter shows everything, also what comes after the end of the log. */
bool walk_filter_is_empty(const struct walk_filter *filter);

/* Segments and batches are shown if one of their entries is. `found` is a survey of the same
 * directory, which knows which entries are live. Returns how many entries were shown. */
uint64_t walk_log(struct io *io, const char *dir, const struct survey *found,
                  const struct walk_filter *filter, struct view *view);

const char *entry_state_name(enum entry_state state);
const char *batch_state_name(enum batch_state state);

#endif /* RAKIT_INSPECT_WALK_H */
