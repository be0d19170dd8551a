/* stages.h - as leader: when recent entries passed which stage, so that a slow write can be
 * explained: received, proposed, durable on each node, committed, applied, answered.
 *
 * A record is about the entries that were appended together; the newest STAGES_RECORDS are kept,
 * and the slowest of the last minutes. A new term begins with nothing but the times
 * of all records. Memory is fixed, and a record costs no more for many entries than for one.
 *
 * Invariants: the times of a record do not fall from stage to stage; the node that a record names
 * as last is the one whose acknowledgement has committed it. */
#ifndef RAKIT_REPLICA_STAGES_H
#define RAKIT_REPLICA_STAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/durations.h"
#include "base/histogram.h"
#include "raft/raft.h"

enum {
    STAGES_RECORDS = 512,
    STAGES_NODES = RAFT_MEMBERS_MAX,
    STAGES_SLOWEST = 8, /* Of a window; there are two. */
};

/* Times are of the leader's clock; 0: not yet. */
struct stage_record {
    raft_index first;
    raft_index last;
    uint64_t time_us;     /* The log time of its entries. */
    uint64_t received_ns; /* When the first of its commands arrived here. */
    uint64_t proposed_ns;
    uint64_t committed_ns;
    uint64_t applied_ns;
    uint64_t answered_ns;
    uint64_t stored_ns[STAGES_NODES]; /* When it was known that the node has it durably. */
    uint32_t disk_us[STAGES_NODES];   /* For how long the node's disk had it, by its own word. */
    uint32_t last_place;              /* The node whose acknowledgement has committed it;
                                       * STAGES_NODES: none, or it is not committed. */
};

struct stage_node {
    raft_id id;                   /* 0: the place is free. */
    uint64_t next;                /* The first record that it has not stored. */
    uint64_t last_count;          /* Records that its acknowledgement has committed. */
    uint64_t late_count;          /* Records that were committed before it had stored them. */
    struct histogram times;       /* From proposing to its acknowledgement, in ns. */
    struct durations round_trips; /* The same, less what its disk took. */
};

/* Of all records since the replica started, also those of earlier terms. */
struct stage_times {
    struct durations commit; /* From proposing. */
    struct durations apply;  /* From the commit. */
    struct durations write;  /* From arrival to the answers. */
};

/* The slowest of one period, in no order. */
struct stage_window {
    struct stage_record records[STAGES_SLOWEST];
    uint32_t count;
    uint64_t since_ns;
};

struct stages {
    raft_term term;
    uint64_t count;          /* Of records in this term. Number n is at n % STAGES_RECORDS. */
    uint64_t committed_next; /* The first that is not committed, */
    uint64_t applied_next;   /* or not applied, */
    uint64_t answered_next;  /* or not answered. */
    struct stage_node nodes[STAGES_NODES];
    struct stage_record records[STAGES_RECORDS];
    struct stage_window slowest[2]; /* The newer one is `newer`. */
    uint32_t newer;
    struct stage_times times;
};

/* Entries that a leader has appended together. */
struct stage_batch {
    raft_term term;
    raft_index first;
    uint32_t count;
    uint64_t time_us;
    uint64_t received_ns; /* 0: when they were proposed. */
};

void stages_proposed(struct stages *s, const struct stage_batch *batch, uint64_t now_ns);
/* That node has stored everything up to `index`, durably. */
void stages_stored(struct stages *s, raft_id id, raft_index index, uint32_t disk_us,
                   uint64_t now_ns);
/* Everything up to `index` is committed; that node has stored something at this moment. */
void stages_committed(struct stages *s, raft_id id, raft_index index, uint64_t now_ns);
/* Whether a record up to `index` is committed, and not noted as applied yet. */
bool stages_await_applied(const struct stages *s, raft_index index);
void stages_applied(struct stages *s, raft_index index, uint64_t now_ns);
/* Whether the answers to a record that was applied are not noted yet. */
bool stages_await_answered(const struct stages *s);
/* The answers to everything that was applied are sent. */
void stages_answered(struct stages *s, uint64_t now_ns);

/* NULL: there is no record of that entry (any more). */
const struct stage_record *stages_find(const struct stages *s, raft_index index);
/* The place of a node in records; STAGES_NODES: it has none. */
uint32_t stages_place(const struct stages *s, raft_id id);
/* How long a record took: until its answers, or as far as it has come. */
uint64_t stage_record_ns(const struct stage_record *record);

#endif /* RAKIT_REPLICA_STAGES_H */
