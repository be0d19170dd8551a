/* witness.h - checks that what users saw is linearizable, in one step an operation.
 * The log is the order: each reply names the entry at which it was executed, the
 * model says what it had to be there, and an operation that began after another had
 * ended may not stand before it. A write's value names its operation, so that the
 * log itself tells whether it was executed, once or more often, or not at all.
 *
 * Knows three ends of an operation: a reply, an error that promises it was not
 * executed (then it must never turn up in the log), and not known. */
#ifndef RAKIT_SIM_CHECKS_WITNESS_H
#define RAKIT_SIM_CHECKS_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "sim/checks/verdict.h"

struct witness;

struct witness_stats {
    uint64_t operation_count;
    uint64_t write_count;  /* Answered. */
    uint64_t read_count;   /* Answered. */
    uint64_t failed_count; /* Certainly not executed. */
    uint64_t unknown_count;
    uint64_t logged_read_count; /* Reads that stand in the log. */
    uint64_t late_count;        /* Unknown to its user, but in the log. */
    uint64_t no_memory_count;   /* Certainly not executed, for the limit on memory. */
    uint64_t doubt_count;       /* Unknown since a node said so. */
    uint64_t other_count;       /* Commands meant for another database than the first. */
    uint64_t move_count;        /* Keys moved. */
    uint64_t swap_count;        /* Databases swapped. */
    uint64_t clear_count;       /* Databases cleared, one or all. */
};

struct witness *witness_new(struct verdict *verdict);
void witness_free(struct witness *w);
void witness_get_stats(const struct witness *w, struct witness_stats *ret_stats);

/* The number that the next operation will have: writes carry it as "#number" at the
 * end of an argument (the last one that has any), but INCR and those about databases, which
 * can't. */
uint64_t witness_next(const struct witness *w);
/* A user sends a command for a database (without its name's case mattering). Copies the
 * arguments. */
uint64_t witness_invoke(struct witness *w, uint32_t database, const struct slice *arguments,
                        uint32_t count, bool is_write);
/* A node says at which entry it executed the operation. */
void witness_place(struct witness *w, uint64_t operation, uint64_t index, bool is_write);
/* The user has the reply. `floor` is the position of the reply before it on the same
 * connection; returns this one's. */
uint64_t witness_return(struct witness *w, uint64_t operation, struct slice reply, uint64_t floor);
/* A later operation of the same connection was answered at `position`, after this one had
 * been answered INDOUBT: if this one is executed at all, then before that. */
void witness_settle(struct witness *w, uint64_t operation, uint64_t position);
/* It was answered INDOUBT a moment ago; see witness_taken(). */
void witness_doubted(struct witness *w, uint64_t operation, uint64_t now_ns);
/* A leader puts a command into its log, now: one that was answered INDOUBT was so no longer than
 * `limit_ns` before. */
void witness_taken(struct witness *w, struct slice payload, uint64_t now_ns, uint64_t limit_ns);
/* The connection broke, or the user waits no longer. */
void witness_forget(struct witness *w, uint64_t operation);

/* Entry `index` was applied somewhere; the first time each, without gaps. */
void witness_apply(struct witness *w, uint64_t index, bool is_command, struct slice payload);
uint64_t witness_applied_index(const struct witness *w);

#endif /* RAKIT_SIM_CHECKS_WITNESS_H */
