/* sim_net.h - connections, for the files of the network: sim_net.c carries segments between two
 * ends, sim_stream.c implements the streams of io.h. */
#ifndef RAKIT_SIM_WORLD_SIM_NET_H
#define RAKIT_SIM_WORLD_SIM_NET_H

#include "sim/world/sim_world.h"

enum sim_segment_kind { SEGMENT_SYN, SEGMENT_SYN_ACK, SEGMENT_DATA, SEGMENT_FIN, SEGMENT_RST };

struct sim_end {
    struct sim_connection *connection;
    struct sim_machine *machine;
    uint16_t port;

    /* Its owner: a process's stream, a listener that has not accepted it yet, or a connect under
     * way; none once it is closed. */
    struct io *io;
    struct io_stream *stream;
    struct sim_listener *listener;
    struct sim_connect *connect;
    struct list link; /* In the process's ends, or in the listener's backlog. */
    bool is_closing;  /* `closed` will be called. */
    bool is_shut;     /* Its end was sent; it still reads. */

    struct buffer in;
    bool is_ended; /* The other side has closed: after `in` comes the end. */
    int error;     /* The connection is broken. */
    bool was_told; /* The owner knows of the end or the error. */
    bool is_paused;
    struct sim_task readable;

    struct list flight; /* Segments under way to the other end, in order. */
    struct list held;   /* The same while the path is blocked. */
    uint64_t last_arrival_ns;
    uint64_t busy_until_ns; /* Until then, a narrow path is busy with earlier segments. */
    uint64_t outstanding;   /* Bytes sent that the other end has not read. */
    uint64_t owed;          /* Of these, bytes that were read, but the window update is blocked. */
    const char *pending;
    size_t pending_size;
    struct sim_event push; /* Continues with what is pending. */
    int sent_status;
    struct sim_task sent;
    struct sim_task closed;
    struct sim_task accept;
};

struct sim_connection {
    struct sim *sim;
    struct list link;
    uint64_t number;
    struct sim_end ends[2];    /* [0] made the connection. */
    struct sim_event time_out; /* Breaks it while its path is blocked or an end has vanished. */
};

struct sim_listener {
    struct io *io;
    struct io_listener *listener;
    struct sim_machine *machine;
    uint16_t port;
    struct list link;         /* In the process's list. */
    struct list machine_link; /* In the machine's list. */
    struct list backlog;      /* Ends. */
    struct sim_end *current;  /* The one that `accepted` is being called for. */
    bool is_closing;
    struct sim_task closed;
};

struct sim_connect {
    struct io *io;
    struct io_connect *connect;
    struct sim_end *end; /* NULL once it has failed. */
    struct list link;
    int status;
    struct sim_task finish;
};

static inline struct sim_end *sim_end_other(const struct sim_end *end)
{
    struct sim_connection *c = end->connection;

    return &c->ends[end == &c->ends[0] ? 1 : 0];
}

/* Whether anybody would notice what arrives. */
static inline bool sim_end_is_open(const struct sim_end *end)
{
    return !end->is_closing &&
           (end->stream != NULL || end->listener != NULL || end->connect != NULL);
}

struct sim_connection *sim_connection_new(struct sim_machine *from, struct sim_machine *to,
                                          uint16_t port);
/* Frees the connection if neither end has an owner. */
void sim_connection_drop(struct sim_connection *c);
void sim_connection_doom(struct sim_connection *c);
void sim_send(struct sim_end *from, enum sim_segment_kind kind, const char *data, size_t size);
uint64_t sim_net_delay_ns(struct sim_machine *from, struct sim_machine *to);
/* The other end has read this many bytes, so there is room for more. */
void sim_credit(struct sim_end *reader, uint64_t size);

/* sim_stream.c: what has arrived. */
void sim_end_connect(struct sim_end *end);               /* SYN: looks for a listener. */
void sim_end_connected(struct sim_end *end, int status); /* SYN_ACK or a failure. */
void sim_end_break(struct sim_end *end, int error);
void sim_end_push(struct sim_event *event);
void sim_end_init(struct sim_end *end);

#endif /* RAKIT_SIM_WORLD_SIM_NET_H */
