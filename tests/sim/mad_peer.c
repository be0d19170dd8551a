/* mad_peer.c - see mad_peer.h. */
#include "mad_peer.h"

#include <stdio.h>

#include "replica/replica.h"

static char *mad_peer_room(struct io_stream *stream, size_t *ret_size)
{
    *ret_size = 4096;
    return buffer_reserve(&container_of(stream, struct mad_peer, stream)->in, *ret_size);
}

/* Sends PROOF once it has received CHALLENGE. */
static void prove(struct mad_peer *m)
{
    struct proof_greeting greeting = {.hello = slice_of(m->hello, m->hello_size),
                                      .listener = m->to};
    unsigned char proof[PROOF_BYTES];
    struct wire_challenge c;
    struct wire_frame frame;

    if (wire_frame(buffer_slice(&m->in), WIRE_HANDSHAKE_BYTES_MAX, &frame) == WIRE_FRAME &&
        frame.type == WIRE_CHALLENGE && wire_get_challenge(frame.body, &c)) {
        greeting.level = c.level;
        memcpy(greeting.nonce, c.nonce, sizeof greeting.nonce);
        proof_make(m->key.bytes, PROOF_OF_DIALER, &greeting, proof);
        wire_put_proof(&m->out, proof);
        m->has_proven = true;
        mad_peer_flush(m);
    }
}

static void mad_peer_received(struct io_stream *stream, int64_t size)
{
    struct mad_peer *m = container_of(stream, struct mad_peer, stream);

    if (size > 0) {
        buffer_commit(&m->in, (size_t)size);
        if (m->has_key && !m->has_proven) {
            prove(m);
        }
    } else if (m->is_open) {
        m->is_open = false;
        io_stream_close(m->io, stream);
    }
}

static void mad_peer_sent(struct io_stream *stream, int status)
{
    struct mad_peer *m = container_of(stream, struct mad_peer, stream);

    m->is_sending = false;
    if (status < 0) {
        mad_peer_received(stream, status);
    }
}

static void mad_peer_closed(struct io_stream *stream)
{
    container_of(stream, struct mad_peer, stream)->is_sending = false;
}

static void mad_peer_connected(struct io_connect *connect, int status)
{
    struct mad_peer *m = container_of(connect, struct mad_peer, connect);

    m->is_open = status == 0;
    mad_peer_flush(m);
}

static void start(struct mad_peer *m, struct cluster *c, const struct node *n, raft_id from,
                  enum wire_channel channel, const char *host, const struct store_key *key)
{
    struct io_address address = {.port = CLUSTER_PEER_PORT};
    struct wire_hello hello = {.version = WIRE_VERSION,
                               .level = 1,
                               .cluster_id = replica_cluster_id(n->server->replica),
                               .from = from,
                               .to = n->id,
                               .incarnation = from + 1,
                               .channel = channel,
                               .address = {.port = CLUSTER_PORT},
                               .peer_port = CLUSTER_PEER_PORT};

    *m = (struct mad_peer){.io = sim_boot(sim_machine_new(c->sim, "mad")), .to = n->id};
    m->has_key = key != NULL;
    if (m->has_key) {
        m->key = *key;
    }
    m->stream = (struct io_stream){.room = mad_peer_room,
                                   .received = mad_peer_received,
                                   .sent = mad_peer_sent,
                                   .closed = mad_peer_closed};
    m->connect = (struct io_connect){.connected = mad_peer_connected, .stream = &m->stream};
    snprintf(address.host, sizeof address.host, "%s", n->name);
    snprintf(hello.address.host, sizeof hello.address.host, "%s", host);
    m->hello_size = wire_put_hello(&m->out, &hello);
    memcpy(m->hello, buffer_begin(&m->out) + WIRE_HEADER_BYTES, m->hello_size);
    io_connect(m->io, &m->connect, &m->stream, &address);
    mad_peer_run_for(c, 100 * SIM_MS);
}

void mad_peer_start_at(struct mad_peer *m, struct cluster *c, const struct node *n, raft_id from,
                       enum wire_channel channel, const char *host)
{
    start(m, c, n, from, channel, host, replica_cluster_key(n->server->replica));
}

void mad_peer_start(struct mad_peer *m, struct cluster *c, const struct node *n, raft_id from,
                    enum wire_channel channel)
{
    mad_peer_start_at(m, c, n, from, channel, "mad");
}

void mad_peer_start_stranger(struct mad_peer *m, struct cluster *c, const struct node *n,
                             raft_id from, enum wire_channel channel)
{
    start(m, c, n, from, channel, "mad", NULL);
}

void mad_peer_flush(struct mad_peer *m)
{
    struct buffer filled = m->out;

    if (!m->is_open || m->is_sending || buffer_size(&m->out) == 0) {
        return;
    }
    m->out = m->sending;
    buffer_clear(&m->out);
    m->sending = filled;

    int result =
        io_stream_write(m->io, &m->stream, buffer_begin(&m->sending), buffer_size(&m->sending));

    m->is_sending = result == 0;
    if (result < 0) {
        mad_peer_received(&m->stream, result);
    }
}

void mad_peer_put_frame(struct mad_peer *m, enum wire_type type, struct slice body)
{
    size_t mark = wire_begin(&m->out, type);

    buffer_append_slice(&m->out, body);
    wire_end(&m->out, mark);
}

bool mad_peer_has_heard(const struct mad_peer *m, const char *text)
{
    size_t size = strlen(text);
    const char *begin = buffer_begin(&m->in);

    for (size_t i = 0; i + size <= buffer_size(&m->in); i++) {
        if (memcmp(begin + i, text, size) == 0) {
            return true;
        }
    }
    return false;
}

void mad_peer_run_for(struct cluster *c, uint64_t for_ns)
{
    sim_run_until(c->sim, sim_now_ns(c->sim) + for_ns);
}

void mad_peer_unwatch(struct cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        c->nodes[i].probe = (struct server_probe){0};
    }
}

void mad_peer_end(struct mad_peer *m)
{
    sim_die(m->io, SIM_KILLED);
    sim_bury(m->io);
    buffer_deinit(&m->in);
    buffer_deinit(&m->out);
    buffer_deinit(&m->sending);
}
