/* contradictions.h - peers that contradict what is committed here, or to which this node has
 * acknowledged entries that it does not have. Either it or the peer has lost entries, or is
 * faulty.
 *
 * If this node has lost entries, the leader reports that with each heartbeat, and there is no
 * other leader, because a majority has elected that one. A faulty peer can't prevent the others
 * from electing a leader. So a loss is accepted as a fact if it was reported for long enough,
 * and no leader has agreed with this node meanwhile. */
#ifndef RAKIT_REPLICA_CONTRADICTIONS_H
#define RAKIT_REPLICA_CONTRADICTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct contradictions {
    uint64_t election_timeout_ns;
    uint64_t last_ns;       /* When the last one arrived; 0: never. */
    uint64_t loss_since_ns; /* Since when a loss has been reported again and again. */
    uint64_t loss_last_ns;  /* When a loss was last reported; 0: never. */
};

void contradictions_init(struct contradictions *c, uint64_t election_timeout_ns);
void contradictions_note(struct contradictions *c, uint64_t now_ns);
/* Whether there was one recently. */
bool contradictions_are_recent(const struct contradictions *c, uint64_t now_ns);
/* A leader reports that this node has lost entries; a leader last agreed with it at `agreed_ns`.
 * Returns whether the loss is certain. */
bool contradictions_note_loss(struct contradictions *c, uint64_t agreed_ns, uint64_t now_ns);

#endif /* RAKIT_REPLICA_CONTRADICTIONS_H */
