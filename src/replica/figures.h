/* figures.h - this node's figures (peer/figures.h): collected, and shown. */
#ifndef RAKIT_REPLICA_FIGURES_H
#define RAKIT_REPLICA_FIGURES_H

#include "peer/figures.h"
#include "resp/resp.h"

struct replica;

void figures_collect(const struct replica *r, struct figures *ret_figures);

/* How many pairs of name and value figures_put() writes. */
uint32_t figures_count(void);
/* NULL: unknown: -1 for numbers, nothing for texts. */
void figures_put(const struct figures *f, struct resp_writer *w);

#endif /* RAKIT_REPLICA_FIGURES_H */
