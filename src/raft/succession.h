/* succession.h - the steps from one configuration to the next, and which configuration may
 * follow which in a log. Each function concerns only the configurations given. */
#ifndef RAKIT_RAFT_SUCCESSION_H
#define RAKIT_RAFT_SUCCESSION_H

#include "raft/raft.h"

/* Adds a member without a vote. There must be room for it. */
void succession_add(struct raft_configuration *c, const struct raft_member *learner);
/* Removes a member that does not vote, and the marks that refer to it. */
void succession_drop(struct raft_configuration *c, raft_id id);
/* Makes C_old,new, in which C_new is still the same as C_old. */
void succession_enter_joint(struct raft_configuration *c);
/* Keeps only C_new, and drops the marks that have served their purpose. */
void succession_leave_joint(struct raft_configuration *c);

/* The member with that id, which is there. */
struct raft_member *succession_member(struct raft_configuration *c, raft_id id);
/* The learner that is to take the place of that voter; NULL: none. */
const struct raft_member *succession_heir(const struct raft_configuration *c, raft_id id);

#endif /* RAKIT_RAFT_SUCCESSION_H */
