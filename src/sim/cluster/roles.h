/* roles.h - members get other parts: see roles.c. */
#ifndef RAKIT_SIM_CLUSTER_ROLES_H
#define RAKIT_SIM_CLUSTER_ROLES_H

#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct membership;
struct node;
struct raft;
struct roles;

struct roles *roles_new(struct cluster *c);
void roles_free(struct roles *x);
void roles_start(struct roles *x);
void roles_heal(struct roles *x);

/* Gives a new machine its name, in some runs. */
void roles_name(struct node *n);
void roles_before_start(struct node *n);

/* Rules: of a committed membership, and of a leader that logs a client's command. */
void roles_check(struct cluster *c, const struct membership *m);
void roles_check_command(struct cluster *c, const struct node *n, const struct raft *r);

/* Of the newest configuration applied anywhere: whether a voter is preferred to others; whether
 * nothing remains to follow by itself; whether a voter that is healed in the end may lead. */
bool roles_have_preferred(const struct cluster *c);
bool roles_are_final(const struct cluster *c);
bool roles_leave_a_leader(const struct cluster *c);
/* How many nodes are to take the place of a member, and have not joined yet. */
uint32_t roles_count_replacing(const struct cluster *c);

#endif /* RAKIT_SIM_CLUSTER_ROLES_H */
