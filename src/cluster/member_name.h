/* member_name.h - the names that people choose for nodes: what can be one, and when two are the
 * same. */
#ifndef RAKIT_CLUSTER_MEMBER_NAME_H
#define RAKIT_CLUSTER_MEMBER_NAME_H

#include <stdbool.h>

#include "base/slice.h"

enum { MEMBER_NAME_MAX = 32 };

/* NULL if it can be the name of a node; otherwise a sentence that says why not. */
const char *member_name_fault(struct slice name);
/* Upper and lower case are the same. An empty name is none, and equals no other. */
bool member_name_equal(struct slice a, struct slice b);

#endif /* RAKIT_CLUSTER_MEMBER_NAME_H */
