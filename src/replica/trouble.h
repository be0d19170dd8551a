/* trouble.h - the last trouble of this node: every warning and error that the replica, its store
 * and its peers log, whatever the log's level is, and what else is noted here. It is kept in
 * memory only. */
#ifndef RAKIT_REPLICA_TROUBLE_H
#define RAKIT_REPLICA_TROUBLE_H

#include <stdint.h>

#include "base/log.h"
#include "io/io.h"
#include "peer/figures.h"

struct trouble {
    struct log log; /* To be used by the replica and below. It passes everything on. */
    const struct log *next;
    struct io *io;
    uint64_t wall_ns; /* 0: none yet. */
    char text[FIGURES_TROUBLE_BYTES + 1];
};

/* `log` may be NULL. Both must outlive it. */
void trouble_init(struct trouble *t, struct io *io, const struct log *log);
void trouble_note(struct trouble *t, const char *event, const char *fields);

#endif /* RAKIT_REPLICA_TROUBLE_H */
