/* crash_situations.h - what a node can come into, after a cluster is founded, so that each of its
 * file operations from then on is a crash point. */
#ifndef RAKIT_TESTS_SIM_CRASH_SITUATIONS_H
#define RAKIT_TESTS_SIM_CRASH_SITUATIONS_H

#include "sim/cluster/cluster.h"

struct situation {
    const char *name;
    void (*configure)(struct server_config *config); /* Of each node. */
    void (*begin)(struct node *n);                   /* Before the users' commands. */
    /* After those, once it is true: its crash points begin. NULL: they begin at once. */
    bool (*may_go_on)(const struct node *n);
    void (*go_on)(struct node *n);
    /* If the node has not crashed, this must come. */
    bool (*has_come)(const struct node *n);
};

enum { SITUATIONS = 2 };

extern const struct situation situations[SITUATIONS];
/* NULL: there is none with that name. */
const struct situation *situation_named(const char *name);

#endif /* RAKIT_TESTS_SIM_CRASH_SITUATIONS_H */
