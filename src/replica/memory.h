/* memory.h - which commands may enter the log, by the memory that they may take. Once a command
 * is in the log, every node must execute it, however little memory it has (docs/adr/0022). */
#ifndef RAKIT_REPLICA_MEMORY_H
#define RAKIT_REPLICA_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "command/request.h"
#include "kv/keyspace.h"

enum memory_verdict {
    MEMORY_HAS_ROOM,
    MEMORY_IS_AWAITED, /* It will be known once more is applied, or memory is freed. */
    MEMORY_IS_SPENT,   /* It must not enter the log. */
};

/* The memory that a leader has for a batch of commands. */
struct memory_survey {
    struct keyspace *keyspace;            /* As applied; borrowed. */
    const struct command_table *commands; /* Those that are within others. */
    uint64_t used_bytes;
    bool is_limited;
    bool is_known;          /* All that earlier leaders have logged is applied. */
    bool is_settled;        /* All that this leader has logged is applied too. */
    uint64_t room_bytes;    /* Available, beyond what is in use now. */
    uint64_t ahead_bytes;   /* The part of it that earlier commands may take. */
    uint64_t cleared_bytes; /* It will be freed in the next turns. */
};

/* What a write may add to the keyspace at most, by the state as applied. */
uint64_t memory_growth_bytes(const struct memory_survey *s, const struct request *request);

/* Whether the next write may enter the log, after those judged before with the same survey. If
 * so, the survey counts it. */
enum memory_verdict memory_judge(struct memory_survey *s, const struct request *request);

#endif /* RAKIT_REPLICA_MEMORY_H */
