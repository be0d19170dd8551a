/* types.h - what nodes, terms, places in the log and writes are numbered by. */
#ifndef RAKIT_RAFT_TYPES_H
#define RAKIT_RAFT_TYPES_H

#include <stdint.h>

typedef uint64_t raft_id;    /* 0 is nobody. Random, never used again. */
typedef uint64_t raft_term;  /* 0 is before the first election. */
typedef uint64_t raft_index; /* The first entry ever is 1; 0 is before it. */
typedef uint64_t raft_seq;   /* Names one durable write; never reused in a run. */

#endif /* RAKIT_RAFT_TYPES_H */
