/* proposals.h - for a leader: the writes that wait to be proposed, which of them make the next
 * batch, and those that are in the log but not applied yet.
 *
 * What is in the log can't be taken back. So a write is proposed only if the log has room for it
 * (admission.h), if there is memory for its result (memory.h), if the node that forwarded it
 * still waits for it, and if enough of its time is left; otherwise it waits, or is refused for
 * certain. */
#ifndef RAKIT_REPLICA_PROPOSALS_H
#define RAKIT_REPLICA_PROPOSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"
#include "replica/admission.h"
#include "replica/memory.h"
#include "replica/pending.h"
#include "replica/requests.h"

enum { BATCH_MAX = 4096 };

/* Writes that are proposed at once, and those that are refused then. */
struct batch {
    struct request *requests[BATCH_MAX]; /* From its end backwards: those without memory. */
    uint32_t count;
    uint32_t refused_count; /* So many are refused, with one of these errors each. */
    const char *errors[BATCH_MAX];
    uint64_t first_arrived_ns; /* When the first of both arrived. */
    uint64_t stored_bytes;     /* Of their entries on the disk. */
    uint64_t bytes;            /* Of their entries. */
    uint64_t behind_bytes;     /* Of earlier entries that are not committed. */
    uint64_t growth_bytes;     /* The most memory that they may take. */
    uint64_t state_bytes;      /* What they may add to the state. */
    bool leaves_some;          /* Others wait for room, */
    bool grows_too_much;       /* for the state. */
    bool awaits_memory;        /* Others wait until it is known whether there is memory for them. */
};

/* Limits for the choice of a batch. */
struct batch_limits {
    uint64_t now_ns;       /* By the loop. */
    uint64_t exact_ns;     /* peers_time_now(), by which forwarded commands are in time. */
    uint64_t behind_bytes; /* In the log, and not committed. */
    uint64_t stored_max;   /* At most so much on the disk, except for a single write. */
    uint64_t state_max;    /* The state may grow by so much. */
    uint64_t waste_bytes;  /* An entry that is as large takes so much more of the disk. */
    const char *no_growth; /* Disks have room only for what makes room: the error for all else.
                            * NULL: they have more. */
    /* Whether a command that another node has forwarded may be begun at that exact_ns. */
    bool (*may_begin)(struct request *request, uint64_t exact_ns);
    struct memory_survey memory;
};

struct proposals {
    struct requests *requests; /* Borrowed. */
    struct admission admission;
    struct pending in_log;      /* By index. */
    uint64_t gathering_ends_ns; /* When waiting writes are proposed at the latest; 0: none wait. */
    uint64_t proposed_count;    /* Writes proposed so far. */
    uint64_t no_room_count;     /* Writes refused because disks were full. */
    uint64_t no_memory_count;   /* Writes refused because of the limit on memory. */
};

/* Writes may be in the log for `in_log_ns` of their time, and for `in_log_bytes_max`. */
void proposals_init(struct proposals *p, struct requests *requests, uint64_t in_log_ns,
                    uint64_t in_log_bytes_max);
void proposals_deinit(struct proposals *p);

/* --- before they are in the log --- */

/* Fails or skips a waiting command that is too late to be answered in time; returns whether it
 * did. */
bool proposals_refuse_late(struct proposals *p, struct request *request,
                           const struct batch_limits *limits);
/* Chooses the writes to propose next, and those to refuse; they remain in the list of waiting
 * ones. */
void proposals_choose(struct proposals *p, struct batch *batch, struct batch_limits *limits);
/* Whether the batch waits a moment for more writes to share its round. `under_way` entries are
 * not committed; `answers_leave`: in this turn answers are sent. */
bool proposals_are_gathering(struct proposals *p, const struct batch *batch, uint64_t under_way,
                             bool is_answering, uint64_t now_ns);
/* Fails those writes for which there is no memory. */
void proposals_refuse_spent(struct proposals *p, struct batch *batch);
/* The core has accepted the batch; the entries have their indexes. */
void proposals_proposed(struct proposals *p, const struct batch *batch, uint64_t now_ns);
/* The disks have no room for the batch. */
void proposals_refuse(struct proposals *p, const struct batch *batch, const char *error);
/* Fails what waits for room although its client has gone; returns whether there was any. */
bool proposals_drop_abandoned(struct proposals *p);

/* --- then --- */

/* The command at that index is applied; NULL: nobody waits for it here. */
struct request *proposals_take(struct proposals *p, raft_index index);
/* Leadership is lost: what is not committed is in doubt. */
void proposals_abandon(struct proposals *p, const struct raft *raft);
/* What the state says is not believed any more: all that is in the log is in doubt. */
void proposals_doubt(struct proposals *p);
/* Gives up what was not committed in time. */
void proposals_sweep(struct proposals *p, uint64_t now_ns);
/* The node ends. */
void proposals_end(struct proposals *p);

#endif /* RAKIT_REPLICA_PROPOSALS_H */
