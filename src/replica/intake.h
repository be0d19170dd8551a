/* intake.h - how many bytes of commands a replica accepts before it has finished the present
 * ones.
 *
 * Clients of this node and forwarded commands may each use half. A forwarded command is refused
 * at once if there is no room; otherwise it would take room that clients wait for.
 *
 * Only a leader's log grows with the commands that it accepts. Another node's log may remain
 * long while there is no leader, and its clients must be answered nevertheless. */
#ifndef RAKIT_REPLICA_INTAKE_H
#define RAKIT_REPLICA_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "replica/requests.h"

struct intake {
    uint64_t bytes_max;     /* The most for commands under way. */
    uint64_t log_bytes_max; /* The most for a leader's log in memory, in addition. */
};

/* No more commands may be handed in. `log_bytes` is the size of the log in memory. */
bool intake_is_full(const struct intake *i, const struct requests *q, bool is_leader,
                    uint64_t log_bytes);
/* There has been room for long enough that many commands can be handed in at once. */
bool intake_has_room_again(const struct intake *i, const struct requests *q, bool is_leader,
                           uint64_t log_bytes);
/* No more commands may be forwarded to this node. */
bool intake_is_full_for_others(const struct intake *i, const struct requests *q, bool is_leader,
                               uint64_t log_bytes);

#endif /* RAKIT_REPLICA_INTAKE_H */
