/* calm_cluster.h - a whole cluster without faults, for tests that decide themselves what happens
 * to it and which nodes its users talk to. */
#ifndef RAKIT_TESTS_SIM_CALM_CLUSTER_H
#define RAKIT_TESTS_SIM_CALM_CLUSTER_H

#include "sim/cluster/cluster.h"

/* How many of its seeds a test tries: all of them, or a quarter with sanitizers, which make each
 * ten times as slow. Sanitizers check memory, for which a quarter takes the same paths. */
#ifdef FEW_SEEDS
#define SEEDS_OF(count) (((count) + 3) / 4)
#else
#define SEEDS_OF(count) (count)
#endif

/* Three voting nodes with a leader. `adjust` may change their configuration; or NULL. The caller
 * frees the cluster with cluster_free(). */
struct cluster *calm_cluster_start(uint64_t seed, void (*adjust)(struct server_config *config));
/* Fails the test if a checker finds something. */
void calm_cluster_run_for(struct cluster *c, uint64_t for_ns);
/* Replaces the users that the seed has drawn by as many as there can be, each of which talks to
 * one node only. The other options are as given. */
void calm_cluster_start_users(struct cluster *c, const struct user_options *options);
/* Commands that were answered INDOUBT, on all nodes together. */
uint64_t calm_cluster_count_in_doubt(const struct cluster *c);

/* A node that does not lead. */
struct node *calm_cluster_follower(struct cluster *c);

#endif /* RAKIT_TESTS_SIM_CALM_CLUSTER_H */
