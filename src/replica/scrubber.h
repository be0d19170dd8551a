/* scrubber.h - once a period, and on demand, everything on this node's disk is read, slowly, so
 * that damage is found while other members still have what was lost. A start reads the log and the
 * newest snapshot anyway, so the first period begins with it. */
#ifndef RAKIT_REPLICA_SCRUBBER_H
#define RAKIT_REPLICA_SCRUBBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/log.h"
#include "command/request.h"
#include "io/io.h"
#include "store/scrub.h"
#include "store/store.h"

struct scrubber_options {
    struct io *io;
    const struct log *log;
    struct store *store;
    const struct store_key *key;
    uint64_t period_ns;  /* 0: only on demand. */
    uint64_t rate_bytes; /* Read per second, at most. */
    /* Damage was found that needs a repair, which ends the pass. */
    void (*damaged)(void *context, const char *file);
    void *context;
};

struct scrubber {
    struct scrubber_options options;
    struct store_scrub scrub;
    struct io_timer timer; /* For the next pass, or its next piece. */
    struct list waiting;   /* Requests for a pass. */
    bool is_running;
    uint64_t begun_ns;
    uint64_t bytes;              /* Read in this pass. */
    char file[SCRUB_NAME_BYTES]; /* What this pass has found that needs a repair; "": nothing. */
    /* Of passes since the start. */
    uint64_t pass_count;
    uint64_t damage_count;
    uint64_t last_wall_ns; /* When the last one ended; 0: there was none. */
    uint64_t last_bytes;
    uint64_t last_ns;
};

/* Zeroed before. */
void scrubber_begin(struct scrubber *s, const struct scrubber_options *options);
/* The store is closed already. */
void scrubber_deinit(struct scrubber *s);
/* Begins a pass now, unless one is under way; the request is answered at its end. Until then the
 * scrubber uses its link. */
void scrubber_ask(struct scrubber *s, struct request *request);
/* The node ends: waiting requests get that error. */
void scrubber_end(struct scrubber *s, const char *error);

#endif /* RAKIT_REPLICA_SCRUBBER_H */
