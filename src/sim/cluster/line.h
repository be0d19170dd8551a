/* line.h - the connection of a simulated client, made again and again, to one node or another: for
 * clients that have something else to check than users (user.h). */
#ifndef RAKIT_SIM_CLUSTER_LINE_H
#define RAKIT_SIM_CLUSTER_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "sim/cluster/talk.h"
#include "sim/world/sim.h"

struct line {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct prng prng;
    struct talk talk;
    struct io_timer timer;
    uint16_t port;           /* Its own. */
    char node[32];           /* The node that it uses. */
    uint64_t sent_count;     /* Requests on this connection. */
    uint64_t answered_count; /* Of these. */
    uint64_t waits_since_ns; /* For the connection, or the next reply. */

    /* Set by the owner, after line_init(). */
    struct io_address (*pick_node)(void *context, struct prng *prng); /* Which node to use next. */
    void *context;
    uint64_t think_ns;        /* Between two rounds, on average. */
    uint64_t patience_ns;     /* Then it leaves. */
    bool is_needed;           /* If it is closed, it is opened again. */
    uint64_t closed_until_ns; /* Until then it is not opened. */
    void (*opened)(struct line *line);
    void (*round)(struct line *line); /* Now and then, while it is open. */
    void (*replied)(struct line *line, struct slice reply);
    void (*pushed)(struct line *line, struct slice push); /* Of RESP3; NULL: there is none. */
    void (*lost)(struct line *line);                      /* What was not answered never will be. */
};

void line_init(struct line *line, struct sim *sim, const char *name);
void line_deinit(struct line *line);
void line_start(struct line *line);
/* Only while it is open. The requests of a round are sent at its end. */
void line_send(struct line *line, const struct slice *arguments, uint32_t count);
void line_leave(struct line *line);
static inline bool line_is_waiting(const struct line *line)
{
    return line->sent_count > line->answered_count;
}

#endif /* RAKIT_SIM_CLUSTER_LINE_H */
