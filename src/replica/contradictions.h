/* contradictions.h - peers that contradict what is committed here, or that have this node's word
 * for entries which are not there. One of the two has lost entries, or lies.
 *
 * If it is this node that has lost entries, the leader says so with each heartbeat, and there is no
 * other leader: a majority has elected that one. A peer out of order is outlived by those who elect
 * each other. So a loss is believed once it was reported for long, and no leader has agreed with
 * this node meanwhile. */
#ifndef RAKIT_REPLICA_CONTRADICTIONS_H
#define RAKIT_REPLICA_CONTRADICTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct contradictions {
    uint64_t election_timeout_ns;
    uint64_t last_ns;       /* When the last one came; 0: never. */
    uint64_t loss_since_ns; /* Since when a loss is reported again and again, */
    uint64_t loss_last_ns;  /* and when last; 0: never. */
};

void contradictions_init(struct contradictions *c, uint64_t election_timeout_ns);
void contradictions_note(struct contradictions *c, uint64_t now_ns);
/* Whether there was one lately. */
bool contradictions_are_recent(const struct contradictions *c, uint64_t now_ns);
/* A leader reports that this node has lost entries. A leader last agreed with it at `agreed_ns`.
 * True: it is certain. */
bool contradictions_note_loss(struct contradictions *c, uint64_t agreed_ns, uint64_t now_ns);

#endif /* RAKIT_REPLICA_CONTRADICTIONS_H */
