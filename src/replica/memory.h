/* memory.h - which commands may enter the log, by the memory that they may take. Once a command is
 * in the log, every node has to execute it, whatever its memory is (docs/adr/0022). */
#ifndef RAKIT_REPLICA_MEMORY_H
#define RAKIT_REPLICA_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "command/request.h"
#include "kv/keyspace.h"

enum memory_verdict {
    MEMORY_HAS_ROOM,
    MEMORY_IS_AWAITED, /* It is known once more is applied, or memory given back. */
    MEMORY_IS_SPENT,   /* It must not enter the log. */
};

/* What room a leader has, for a batch of commands. */
struct memory_survey {
    struct keyspace *keyspace; /* As applied; borrowed. */
    bool is_limited;
    bool is_known;          /* All that earlier leaders have logged is applied, */
    bool is_settled;        /* and all that this one has. */
    uint64_t room_bytes;    /* Beyond what is in use now, */
    uint64_t ahead_bytes;   /* of which the commands before may take so much. */
    uint64_t cleared_bytes; /* To be given back in the next turns. */
};

/* Whether the next write may enter the log, behind those judged before with the same survey, which
 * counts it if so. */
enum memory_verdict memory_judge(struct memory_survey *s, const struct request *request);

#endif /* RAKIT_REPLICA_MEMORY_H */
