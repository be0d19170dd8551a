/* calm_cluster.h - a whole cluster in which nothing fails, for tests that say themselves
 * what happens to it, and to whom its users talk. */
#ifndef RAKIT_TESTS_SIM_CALM_CLUSTER_H
#define RAKIT_TESTS_SIM_CALM_CLUSTER_H

#include "sim/cluster/cluster.h"

/* How many of its seeds a test tries: all of them, or a quarter where sanitizers make each ten
 * times as slow. They look at memory, and the other seeds take the same paths. */
#ifdef FEW_SEEDS
#define SEEDS_OF(count) (((count) + 3) / 4)
#else
#define SEEDS_OF(count) (count)
#endif

/* Three nodes that vote and have a leader. `adjust` changes what they start with; or NULL.
 * The caller frees it with cluster_free(). */
struct cluster *calm_cluster_start(uint64_t seed, void (*adjust)(struct server_config *config));
/* Fails the test where a checker finds something. */
void calm_cluster_run_for(struct cluster *c, uint64_t for_ns);
/* In place of those that the seed has drawn, as many as there can be. They talk to the nodes
 * by turns, each to one alone. The other options are as given. */
void calm_cluster_start_users(struct cluster *c, const struct user_options *options);
/* Commands that were answered so, on all nodes together. */
uint64_t calm_cluster_count_in_doubt(const struct cluster *c);

#endif /* RAKIT_TESTS_SIM_CALM_CLUSTER_H */
