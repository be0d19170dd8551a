/* time_share.h - what one part of a turn may take, so that no heartbeat and no other client
 * waits long. What is done is counted in work, about as many bytes as were looked at or written,
 * and the clock is read only now and then: it costs more than a small command's part. */
#ifndef RAKIT_COMMAND_TIME_SHARE_H
#define RAKIT_COMMAND_TIME_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct io;
struct server_probe; /* command/probe.h */

enum {
    /* A millisecond of it at the most, even where each byte misses the caches. */
    TIME_SHARE_LOOK_WORK = 256 * 1024,
    COMMAND_WORK = 256,  /* What any command costs, beside what is looked at for it; */
    ARGUMENT_WORK = 128, /* and each of its arguments. */
};

struct time_share {
    struct io *io;
    const struct server_probe *probe; /* NULL: nobody watches. */
    uint64_t until_ns;                /* As io_spent_ns() counts. */
    uint64_t work;                    /* Since the clock was read last. */
    bool is_over;
};

/* From now on. */
void time_share_begin(struct time_share *t, struct io *io, const struct server_probe *probe,
                      uint64_t ns);
void time_share_use(struct time_share *t, uint64_t work);
/* Reads the clock now. */
bool time_share_look(struct time_share *t);

#endif /* RAKIT_COMMAND_TIME_SHARE_H */
