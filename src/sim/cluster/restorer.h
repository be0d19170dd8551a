/* restorer.h - at the end of some runs, takes a backup of a node, its snapshot and the log behind
 * it, by the requests that rakit-cli sends; restores it elsewhere, and compares the state. */
#ifndef RAKIT_SIM_CLUSTER_RESTORER_H
#define RAKIT_SIM_CLUSTER_RESTORER_H

#include "sim/cluster/cluster.h"

/* Does nothing if a rule was broken before. */
void restorer_run(struct cluster *c);

#endif /* RAKIT_SIM_CLUSTER_RESTORER_H */
