/* time_share.h - limits the time of one part of a turn, so that heartbeats and other clients do
 * not wait long. Progress is counted as work, about one unit for each byte read or written. The
 * clock is read only after some work, because reading it costs more than a small command's
 * share. */
#ifndef RAKIT_COMMAND_TIME_SHARE_H
#define RAKIT_COMMAND_TIME_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct io;
struct server_probe; /* command/probe.h */

enum {
    /* Takes a millisecond at most, even if each byte is a cache miss. */
    TIME_SHARE_LOOK_WORK = 256 * 1024,
    COMMAND_WORK = 256,  /* The cost of any command, besides the work that it counts. */
    ARGUMENT_WORK = 128, /* The cost of each of its arguments. */
};

struct time_share {
    struct io *io;
    const struct server_probe *probe; /* NULL: no checker observes. */
    uint64_t until_ns;                /* On the scale of io_spent_ns(). */
    uint64_t work;                    /* Since the clock was last read. */
    bool is_over;
};

/* Starts now and lasts `ns`. */
void time_share_begin(struct time_share *t, struct io *io, const struct server_probe *probe,
                      uint64_t ns);
void time_share_use(struct time_share *t, uint64_t work);
/* Reads the clock now. */
bool time_share_look(struct time_share *t);

#endif /* RAKIT_COMMAND_TIME_SHARE_H */
