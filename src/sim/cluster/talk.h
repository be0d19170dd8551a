/* talk.h - a client's connection to a node over the simulated network: sends commands as RESP2,
 * receives whole replies. Shares no code with the server's side of the protocol. */
#ifndef RAKIT_SIM_CLUSTER_TALK_H
#define RAKIT_SIM_CLUSTER_TALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "io/io.h"

enum talk_phase { TALK_CLOSED, TALK_CONNECTING, TALK_OPEN, TALK_CLOSING };

struct talk {
    struct io *io;
    enum talk_phase phase;
    struct io_connect connect;
    struct io_stream stream;
    struct buffer in;
    struct buffer out;
    struct buffer sending;
    bool is_sending;
    void (*opened)(struct talk *talk);
    /* The reply is borrowed. The callback may close the talk. */
    void (*replied)(struct talk *talk, struct slice reply);
    /* The connection has ended, or was never made. It can be opened again. */
    void (*closed)(struct talk *talk);
};

void talk_init(struct talk *talk, struct io *io);
void talk_deinit(struct talk *talk);
void talk_open(struct talk *talk, const struct io_address *address);
void talk_command(struct talk *talk, const struct slice *arguments, uint32_t count);
void talk_flush(struct talk *talk);
void talk_close(struct talk *talk);

#endif /* RAKIT_SIM_CLUSTER_TALK_H */
