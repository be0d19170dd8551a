/* stall.h - for how long the disk has completed no write although some are under way, and whether
 * a leader should leave its place for that. */
#ifndef RAKIT_REPLICA_STALL_H
#define RAKIT_REPLICA_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "replica/backoff.h"

struct stall {
    uint64_t election_timeout_ns;
    uint64_t written;  /* Numbers of the store: the newest write, */
    uint64_t durable;  /* and the newest that is durable. */
    uint64_t since_ns; /* When a write last was durable, or the first one came after a lull. */
    struct backoff backoff;
};

void stall_init(struct stall *s, uint64_t election_timeout_ns);
void stall_note_written(struct stall *s, uint64_t seq, uint64_t now_ns);
void stall_note_durable(struct stall *s, uint64_t seq, uint64_t now_ns);
/* It has stood still for some election timeouts. */
bool stall_is_long(const struct stall *s, uint64_t now_ns);
/* Whether a leader may try to hand over now: not again and again, because it accepts no writes
 * meanwhile, and all disks may be slow. If so, that counts as an attempt. */
bool stall_may_hand_over(struct stall *s, uint64_t now_ns);

#endif /* RAKIT_REPLICA_STALL_H */
