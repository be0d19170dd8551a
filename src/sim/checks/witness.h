/* witness.h - checks that what users saw is linearizable, in one step per operation. The log is
 * the order: each reply names the entry at which it was executed, the model says what the reply
 * must be there, and an operation that began after another had ended must come after it. A
 * write's value contains the number of its operation, so the log itself shows whether it was
 * executed once, more often, or not at all.
 *
 * An operation ends in one of three ways: with a reply; with an error that promises that it was
 * not executed (it must then never appear in the log); or unknown. */
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
    uint64_t logged_read_count; /* Reads that are in the log. */
    uint64_t late_count;        /* Unknown to its user, but in the log. */
    uint64_t no_memory_count;   /* Certainly not executed, because of the limit on memory. */
    uint64_t suspect_count;     /* Answered while a node may answer anything. */
    uint64_t doubt_count;       /* Unknown because a node answered INDOUBT. */
    uint64_t other_count;       /* Commands for a database other than 0. */
    uint64_t move_count;        /* Keys moved. */
    uint64_t swap_count;        /* Databases swapped. */
    uint64_t clear_count;       /* Databases cleared, one or all. */
    uint64_t expired_count;     /* Keys removed because they had expired. */

    uint64_t hash_count;           /* Commands that change hashes. */
    uint64_t field_count;          /* Fields removed because they had expired. */
    uint64_t script_count;         /* Scripts executed to their end, */
    uint64_t failed_script_count;  /* or to an error, */
    uint64_t endless_script_count; /* or to the limit of their steps. */
    uint64_t unknown_script_count; /* Not executed, as no script has the digest. */
    uint64_t function_count;       /* Functions called, */
    uint64_t no_function_count;    /* or not there. */
    uint64_t again_count;          /* Entries of numbers that were executed before, */
    uint64_t reply_gone_count;     /* the same, with a reply that is not kept any more, */
    uint64_t number_expired_count; /* and of numbers about which nothing is known any more. */
    uint64_t change_count;         /* Changes of keys that readers of the stream have seen. */
    uint64_t compacted_count;      /* Readers that were too late. */
    uint64_t moved_reader_count;   /* Readers that went on at another node. */
    uint64_t invalidated_count;    /* Values in caches invalidated, one by one; */
    uint64_t flushed_count;        /* and how often all were. */
    uint64_t exec_count;           /* Transactions executed, */
    uint64_t unchanged_count;      /* of these, those that had watched keys. */
    uint64_t changed_count;        /* Not executed, because a watched key had changed. */
    uint64_t stale_count;          /* Reads that saw an older state than others before. */
};

struct witness *witness_new(struct verdict *verdict);
void witness_free(struct witness *w);
void witness_get_stats(const struct witness *w, struct witness_stats *ret_stats);

/* The number that the next operation will have. Writes contain it as "#number" at the end of an
 * argument (the last one that has it), except INCR, HINCRBY and commands about databases, which
 * can't; EXEC in any of its commands. */
uint64_t witness_next(const struct witness *w);
/* A user sends a command for a database. Copies the arguments. Ignores the case of the name. */
uint64_t witness_invoke(struct witness *w, uint32_t database, const struct slice *arguments,
                        uint32_t count, bool is_write);
/* The operation, an EXEC that is being sent, executes nothing if one of the keys has changed since
 * entry `index`. */
void witness_watch(struct witness *w, uint64_t operation, uint64_t index, uint32_t database,
                   const struct slice *keys, uint32_t count);
/* The same, but its WATCH has failed: it executes nothing. */
void witness_expect_null(struct witness *w, uint64_t operation);
/* The operation, a write that is being sent, has this number of that client: it may be sent again
 * and again, and is executed once. It is answered, forgotten or refused once, after its last
 * attempt. */
void witness_number(struct witness *w, uint64_t operation, const char *client, uint64_t number);
/* A read that may be stale: it must see what was answered so long before now, and what was
 * answered before on its own connection. */
void witness_allow_age(struct witness *w, uint64_t operation, uint64_t now_ns, uint64_t max_age_ns);
/* A node reports at which entry it executed the operation. */
void witness_place(struct witness *w, uint64_t operation, uint64_t index, bool is_write);
/* The user has received the reply now. `floor` is the position of the previous reply on the same
 * connection; returns the position of this one. */
uint64_t witness_return(struct witness *w, uint64_t operation, struct slice reply, uint64_t floor,
                        uint64_t now_ns);
/* An operation that was answered INDOUBT is bounded: a later one of the same connection was
 * answered at `position`, so this one is executed before that or never. */
void witness_settle(struct witness *w, uint64_t operation, uint64_t position);
/* It was answered INDOUBT a moment ago; see witness_taken(). */
void witness_doubted(struct witness *w, uint64_t operation, uint64_t now_ns);
/* A leader puts a command into its log now: if it was answered INDOUBT, that must not be more
 * than `limit_ns` ago. */
void witness_taken(struct witness *w, struct slice payload, uint64_t now_ns, uint64_t limit_ns);
/* The connection broke, or the user does not wait any longer. */
void witness_forget(struct witness *w, uint64_t operation);

/* A client has a value of that key of database 0 in its cache, read at entry `index`. Its node had
 * applied `applied_index`, and has had the time to say so: the key has not changed in between. */
void witness_check_cached(struct witness *w, struct slice key, uint64_t index,
                          uint64_t applied_index, const char *node);
/* A value in a cache was invalidated; or all were at once. */
void witness_note_invalidation(struct witness *w, bool is_of_all);

/* From now on, or no longer, some node may answer wrong values, and does not know it. What is
 * under way meanwhile is compared with the model in all but its reply. */
void witness_suspect(struct witness *w, bool is_suspect);

/* The log time of the entry that is applied next. */
void witness_note_time(struct witness *w, uint64_t time_us);
/* The same as witness_apply() for an entry that names expired keys. */
void witness_apply_expired(struct witness *w, uint64_t index, struct slice payload);
/* Entry `index` was applied somewhere, for the first time; called for each, without gaps. */
void witness_apply(struct witness *w, uint64_t index, bool is_command, struct slice payload);
uint64_t witness_applied_index(const struct witness *w);

#endif /* RAKIT_SIM_CHECKS_WITNESS_H */
