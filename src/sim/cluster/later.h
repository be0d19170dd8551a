/* later.h - what a later program would have: one more command, which needs the next feature
 * level. Nodes of such a program are in part of the runs (`upgrade`). The command does nothing;
 * what counts is where it may stand. */
#ifndef RAKIT_SIM_CLUSTER_LATER_H
#define RAKIT_SIM_CLUSTER_LATER_H

#include <stdbool.h>

#include "kv/command.h"
#include "sim/cluster/cluster.h"
#include "store/entry.h"

#define LATER_COMMAND "LATER"

/* The rows of its commands. */
extern const struct command later_commands[];

/* Whether the entry holds that command. */
bool later_is_in(const struct entry *e);

/* Whether the node is one of a later program from its next start on. */
void later_choose(struct node *n, struct prng *of_start);
/* The node has that entry in its log now. */
void later_check(const struct node *n, const struct entry *e);
/* Some node has applied it. */
void later_note(struct cluster *c, const struct entry *e);

#endif /* RAKIT_SIM_CLUSTER_LATER_H */
