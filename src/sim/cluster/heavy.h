/* heavy.h - a simulated client that sends pipelines of costly commands and ignores the replies.
 * It changes nothing, so no checker has to follow it. The cost of its commands takes simulated
 * time (see command/time_share.h). */
#ifndef RAKIT_SIM_CLUSTER_HEAVY_H
#define RAKIT_SIM_CLUSTER_HEAVY_H

#include "base/buffer.h"
#include "base/prng.h"
#include "sim/world/sim.h"

struct heavy {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct prng prng;
    struct io_connect connect;
    struct io_stream stream;
    struct io_timer timer;
    struct io_address (*pick_node)(void *context, struct prng *prng); /* Which node to use next. */
    void *context;
    struct io_address address;
    bool is_open;
    bool is_busy; /* Connecting, closing, or its last commands have not been sent. */
    bool is_resting;
    struct buffer out;
    char waste[4096];
    uint32_t batch_max;  /* Commands in one pipeline, at most. */
    uint64_t think_ns;   /* Time to the next pipeline, on average. */
    const char *only;    /* The only command that it sends; NULL: any. */
    uint32_t key_count;  /* MGET and EXISTS name this many keys: k0, k1 and so on, in turn. */
    uint64_t sent_count; /* Pipelines so far. */
};

/* Afterwards the caller sets `pick_node` with its context, `batch_max`, `think_ns` and
 * `key_count`. */
void heavy_init(struct heavy *h, struct sim *sim, const char *name);
void heavy_deinit(struct heavy *h);
void heavy_start(struct heavy *h);
/* Ends its connection, and opens no other. */
void heavy_rest(struct heavy *h);

#endif /* RAKIT_SIM_CLUSTER_HEAVY_H */
