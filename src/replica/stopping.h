/* stopping.h - the end of a node in order. A leader goes on serving for a moment while others
 * catch up; then it transfers leadership, and accepts no more commands. Commands under way are
 * answered. Commands that others have forwarded before they heard of that may still arrive, and
 * are refused for certain as long as this node is there; so a node that has led stays for a
 * moment. */
#ifndef RAKIT_REPLICA_STOPPING_H
#define RAKIT_REPLICA_STOPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"

struct stopping {
    uint64_t moment_ns;
    raft_index index;         /* Committed when the stop began; others should have that. */
    uint64_t hand_over_by_ns; /* Until then it may go on leading while others catch up. */
    bool is_begun;
    bool has_led;
    bool is_handed_over;    /* It leads no node any more, and accepts no command. */
    uint64_t stay_until_ns; /* It stays until then. */
    uint64_t leave_by_ns;   /* From then on it does not wait for its disk; 0: it waits. */
};

/* The state of a node that stops. */
struct stopping_view {
    bool leads_others;
    bool others_are_ready;  /* The remaining nodes can commit at once. */
    bool is_transferring;   /* Leadership is being transferred. */
    uint64_t request_count; /* Under way. */
};

void stopping_init(struct stopping *s, uint64_t heartbeat_interval_ns);
void stopping_begin(struct stopping *s, raft_index commit_index, uint64_t now_ns);
/* To be called in each turn. True: transfer leadership now; if that fails, the next call asks
 * again. */
bool stopping_progress(struct stopping *s, const struct stopping_view *view, uint64_t now_ns);
/* Whether it may end. Writes that the disk has not finished are acknowledged if it is soon done
 * with them; they are written in any case. */
bool stopping_is_over(const struct stopping *s, uint64_t request_count, bool is_stored,
                      uint64_t now_ns);
/* When that may change without any input; UINT64_MAX: never. */
uint64_t stopping_due_ns(const struct stopping *s, uint64_t now_ns);

#endif /* RAKIT_REPLICA_STOPPING_H */
