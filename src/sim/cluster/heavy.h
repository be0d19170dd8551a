/* heavy.h - a simulated client that sends pipelines of what costs a node much, and throws the
 * replies away. It changes nothing, so nobody has to follow what it does. What its commands
 * cost takes simulated time (see command/time_share.h). */
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
    struct io_address (*pick_node)(void *context, struct prng *prng); /* Whom it talks to next. */
    void *context;
    struct io_address address;
    bool is_open;
    bool is_busy; /* Connecting, closing, or its last words have not left. */
    bool is_resting;
    struct buffer out;
    char waste[4096];
    uint32_t batch_max;  /* Commands in one pipeline, */
    uint64_t think_ns;   /* and the time to the next, on average. */
    const char *only;    /* All that it says, if it is not NULL. */
    uint32_t key_count;  /* MGET and EXISTS name so many: k0, k1 and so on, by turns. */
    uint64_t sent_count; /* Pipelines, so far. */
};

/* The caller sets `pick_node` with its context, `batch_max`, `think_ns` and `key_count`
 * afterwards. */
void heavy_init(struct heavy *h, struct sim *sim, const char *name);
void heavy_deinit(struct heavy *h);
void heavy_start(struct heavy *h);
/* Ends its connection, and begins no other. */
void heavy_rest(struct heavy *h);

#endif /* RAKIT_SIM_CLUSTER_HEAVY_H */
