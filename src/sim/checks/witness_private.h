/* witness_private.h - what the witness knows of operations, for its files. Positions: a write at
 * entry i has position 2i; a read that saw everything up to i has 2i + 1. */
#ifndef RAKIT_SIM_CHECKS_WITNESS_PRIVATE_H
#define RAKIT_SIM_CHECKS_WITNESS_PRIVATE_H

#include "sim/checks/model.h"
#include "sim/checks/witness.h"

enum operation_end { OPEN, ANSWERED, FAILED, UNKNOWN };

enum { WATCHED_MAX = 4 };

/* Keys that must not have changed since entry `index`. */
struct watch {
    uint64_t index;
    uint32_t database;
    uint32_t count;
    struct buffer names;
    uint32_t sizes[WATCHED_MAX];
};

struct operation {
    enum operation_end end;
    bool is_write;
    bool must_be_null; /* An EXEC whose WATCH has failed. */
    bool is_named;     /* The log names the operation. */
    bool is_suspect;   /* Its reply may be wrong. */
    bool is_once;      /* It has a number, and may be in the log several times. */
    bool may_be_gone;  /* In the log again, when its reply was not kept any more. */
    uint32_t database;
    uint64_t floor;       /* Highest position returned before it began. */
    uint64_t stale_floor; /* The same so long before as the read may be old; of others, the same. */
    uint64_t index;       /* The index that a node reported; 0: none. */
    uint64_t found_index; /* Its index in the log; 0: not there yet. */
    uint64_t settled;     /* If in doubt: the lowest position answered later on its connection;
                           * 0: none yet. */
    uint64_t doubted_ns;  /* When it was answered INDOUBT; 0: it was not. */
    struct watch *watch;  /* Of EXEC; NULL: it watches nothing. */
    char *command;        /* A copy of the arguments without large values, while it is open. */
    uint32_t argument_count;
    uint32_t sizes[MODEL_ARGUMENTS_MAX];
};

/* From that time on, `position` was the highest that had been returned. */
struct height {
    uint64_t since_ns;
    uint64_t position;
};

struct outcome {
    size_t offset; /* Of the expected reply, in `replies`. */
    size_t size;
    uint32_t database;
    uint64_t owner; /* The operation that was reported to be this entry; 0: none. */
};

/* A change that some reader has seen. */
struct witness_change {
    uint64_t index;
    uint64_t order;
    uint64_t sum; /* Of all that was shown. */
};

struct witness {
    struct verdict *verdict;
    struct model *model;
    struct operation **operations; /* By number, from 1; [0] is unused. */
    uint64_t operation_count;
    uint64_t operation_capacity;
    struct outcome *outcomes; /* By index, from 1; [0] is unused. */
    uint64_t applied_index;
    uint64_t outcome_capacity;
    struct buffer replies;
    struct buffer expected;          /* Of the read that is being checked. */
    bool is_suspect;                 /* Some node may answer anything. */
    uint64_t highest;                /* The highest position of any reply so far. */
    struct buffer heights;           /* When it became that: struct height. */
    struct buffer changes;           /* struct witness_change, by the order of seeing. */
    struct witness_numbers *numbers; /* Of clients that number their commands. */
    uint32_t numbers_count;
    struct witness_stats stats;
};

struct operation *witness_operation(struct witness *w, uint64_t number);
/* Entry `index` has executed operation `number`. */
void witness_found(struct witness *w, uint64_t index, uint64_t number);

/* witness_once.c */
void witness_numbers_free(struct witness *w);
/* The operations of a client, by number; NULL: there is no such client. */
struct witness_numbers *witness_numbers_of(const struct witness *w, struct slice client);
/* An entry with a number, whose outcome is being filled. */
void witness_apply_once(struct witness *w, uint64_t index, struct slice payload);

#endif /* RAKIT_SIM_CHECKS_WITNESS_PRIVATE_H */
