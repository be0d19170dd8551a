/* stopping.h - the end of a node in order. A leader serves on while others catch up, for a moment;
 * then it hands over, and takes no more commands. What is under way is answered. What others have
 * forwarded before they heard of it is on its way yet, and refused for certain as long as this node
 * is there: so one that has led stays for a moment. */
#ifndef RAKIT_REPLICA_STOPPING_H
#define RAKIT_REPLICA_STOPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

struct stopping {
    uint64_t moment_ns;
    raft_index index;         /* Committed when it was to stop; others shall have that. */
    uint64_t hand_over_by_ns; /* Until then it may lead on while others catch up. */
    bool is_begun;
    bool has_led;
    bool is_handed_over;    /* It leads nobody any more, and takes no command. */
    uint64_t stay_until_ns; /* It is there until then, */
    uint64_t leave_by_ns;   /* and then does not wait for its disk any more; 0: it does. */
};

/* How things are for a node that stops. */
struct stopping_view {
    bool leads_others;
    bool others_are_ready;  /* Those that remain can commit at once. */
    bool is_transferring;   /* It hands over just now. */
    uint64_t request_count; /* Under way. */
};

void stopping_init(struct stopping *s, uint64_t heartbeat_interval_ns);
void stopping_begin(struct stopping *s, raft_index commit_index, uint64_t now_ns);
/* To be called in each turn. True: leadership is to be handed over now; if that fails, again. */
bool stopping_progress(struct stopping *s, const struct stopping_view *view, uint64_t now_ns);
/* Whether it may go. What the disk has yet to do is acknowledged if it is soon done; it is written
 * in any case. */
bool stopping_is_over(const struct stopping *s, uint64_t request_count, bool is_stored,
                      uint64_t now_ns);
/* When that may change though nothing comes in; UINT64_MAX: not by then. */
uint64_t stopping_due_ns(const struct stopping *s, uint64_t now_ns);

#endif /* RAKIT_REPLICA_STOPPING_H */
