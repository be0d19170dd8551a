/* types.h - numbers that identify nodes, terms, log positions and writes. */
#ifndef RAKIT_RAFT_TYPES_H
#define RAKIT_RAFT_TYPES_H

#include <stdint.h>

typedef uint64_t raft_id;    /* 0: none. Random, never reused. */
typedef uint64_t raft_term;  /* 0: before the first election. */
typedef uint64_t raft_index; /* The first entry is 1; 0 is before it. */
typedef uint64_t raft_seq;   /* Identifies a durable write; never reused in a run. */

#endif /* RAKIT_RAFT_TYPES_H */
