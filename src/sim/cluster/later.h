/* later.h - the commands of a later program: one, which needs the next feature level. In some
 * runs nodes are of such a program (`upgrade`). The command does nothing; the check is where in
 * the log it may be. */
#ifndef RAKIT_SIM_CLUSTER_LATER_H
#define RAKIT_SIM_CLUSTER_LATER_H

#include <stdbool.h>

#include "kv/command.h"
#include "sim/cluster/cluster.h"
#include "store/entry.h"

#define LATER_COMMAND "LATER"

/* The rows of its commands. */
extern const struct command later_commands[];

/* Whether the entry contains that command. */
bool later_is_in(const struct entry *e);

/* Decides whether the node is of a later program from its next start on. */
void later_choose(struct node *n, struct prng *of_start);
/* The node has that entry in its log now. */
void later_check(const struct node *n, const struct entry *e);
/* Some node has applied that entry. */
void later_note(struct cluster *c, const struct entry *e);

#endif /* RAKIT_SIM_CLUSTER_LATER_H */
