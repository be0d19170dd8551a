/* intake.h - how many bytes of commands a replica takes before those that it has are done.
 *
 * Clients here and commands that other nodes forward have half of the room each: a forwarded
 * command is refused at once if there is none, and would otherwise take each gap that clients
 * wait for.
 *
 * Only a leader's log grows by the commands it accepts; another node's log may remain long while
 * there is no leader, and its clients must be answered nevertheless. */
#ifndef RAKIT_REPLICA_INTAKE_H
#define RAKIT_REPLICA_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "replica/requests.h"

struct intake {
    uint64_t bytes_max;     /* Of commands under way. */
    uint64_t log_bytes_max; /* Of a leader's log in memory, beside those. */
};

/* Nothing more is to be handed in. `log_bytes` is of the log in memory. */
bool intake_is_full(const struct intake *i, const struct requests *q, bool is_leader,
                    uint64_t log_bytes);
/* It is long enough since then that many can go on at once. */
bool intake_has_room_again(const struct intake *i, const struct requests *q, bool is_leader,
                           uint64_t log_bytes);
/* Nothing more is to be forwarded to this node. */
bool intake_is_full_for_others(const struct intake *i, const struct requests *q, bool is_leader,
                               uint64_t log_bytes);

#endif /* RAKIT_REPLICA_INTAKE_H */
