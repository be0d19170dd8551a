/* fuzz_peers.c - fuzz target: a stranger connects to a node's peer port in the simulated world.
 * The input says what it sends, on up to two connections: complete greetings (it has the key),
 * frames with valid checksums and any body, plain bytes, and pauses. The node must survive. What
 * it passes to its replica must be consistent: with the sender that it names, all announced
 * entries, and nothing before a greeting. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "fuzz_input.h"
#include "peer/peers.h"
#include "peer/wire_kind.h"
#include "sim/world/sim.h"

enum { CONNECTIONS = 2, STEPS_MAX = 64, SELF = 9, CLUSTER = 77, PEER_PORT = 18000 };

struct stranger {
    struct io_stream stream;
    struct io_connect connect;
    struct buffer out;
    struct buffer sending;
    struct io *io;
    bool is_open;
    bool is_sending;
    struct buffer in;
};

static const struct store_key the_key = {"the thirty-two bytes of the key."};

struct world {
    struct sim *sim;
    struct io *node_io;
    struct io *stranger_io;
    struct peers peers;
    struct stranger strangers[CONNECTIONS];
    bool has_greeted[256]; /* By id: whether a stranger with this id has proved that it has the
                            * key. */
};

/* --- what comes through ------------------------------------------------------------- */

static void on_message(void *context, const struct wire_message *m, struct entry **entries)
{
    const struct world *w = context;

    CHECK(m->message.from < 256 && w->has_greeted[m->message.from]);
    CHECK(m->message.from != 0 && m->message.from != SELF);
    CHECK((m->message.kind == RAFT_APPEND_ENTRIES) == (entries != NULL));
    for (uint32_t i = 0; entries != NULL && i < m->message.append_entries.entry_count; i++) {
        CHECK(entries[i]->references == 1);
        entry_release(entries[i]);
    }
}

static void on_abandoned(void *context, uint64_t connection, const struct wire_abandon *a)
{
    struct world *w = context;

    CHECK(peers_answer(&w->peers, connection) != NULL);
    (void)a;
}

static void on_forward(void *context, raft_id from, uint64_t connection,
                       const struct wire_forward *f)
{
    struct world *w = context;
    struct buffer *out = peers_answer(&w->peers, connection);

    CHECK(from < 256 && w->has_greeted[from]);
    CHECK(from != 0 && from != SELF);
    if (out != NULL) {
        wire_end_answer(out, wire_begin_answer(out, f->group, f->correlation), WIRE_NOT_LEADER, 0);
        peers_flush_answers(&w->peers);
    }
}

static void on_read_index(void *context, raft_id from, const struct wire_read_index *w)
{
    CHECK(context != NULL);
    CHECK(from != 0 && from != SELF && w->group == 0);
}

static void on_read_index_reply(void *context, raft_id from, const struct wire_read_index_reply *w)
{
    CHECK(context != NULL);
    CHECK(from != 0 && from != SELF && w->index > 0);
}

static void on_fetch(void *context, uint64_t connection, const struct wire_fetch *f)
{
    CHECK(context != NULL);
    CHECK(connection != 0 && f->index > 0 && f->size > 0 && f->size <= WIRE_PART_BYTES_MAX);
}

static void on_damaged(void *context, raft_id from, const struct wire_damaged *d)
{
    (void)context;
    (void)from;
    (void)d;
}

static void on_digest(void *context, raft_id from, const struct wire_digest *d)
{
    (void)context;
    (void)from;
    (void)d;
}

static void on_part(void *context, raft_id from, const struct wire_part *part)
{
    CHECK(context != NULL);
    CHECK(from != 0 && from != SELF);
    CHECK(part->bytes.size <= WIRE_PART_BYTES_MAX);
}

static void on_answer(void *context, raft_id from, const struct wire_answer *a)
{
    CHECK(context != NULL);
    CHECK(from != 0 && from != SELF);
    CHECK(a->outcome <= WIRE_NOT_LEADER);
}

static void on_lost(void *context, raft_id id)
{
    CHECK(context != NULL);
    CHECK(id != 0);
}

static void on_forwards_lost(void *context, raft_id id)
{
    CHECK(context != NULL);
    CHECK(id != 0);
}

static void on_refused(void *context, raft_id id, enum wire_refusal refusal)
{
    CHECK(context != NULL);
    CHECK(id != 0);
    CHECK(refusal != 0);
}

/* --- the stranger ------------------------------------------------------------------- */

static char *stranger_room(struct io_stream *stream, size_t *ret_size)
{
    struct stranger *s = container_of(stream, struct stranger, stream);

    *ret_size = 4096;
    return buffer_reserve(&s->in, *ret_size);
}

static void stranger_received(struct io_stream *stream, int64_t size)
{
    struct stranger *s = container_of(stream, struct stranger, stream);

    if (size > 0) {
        buffer_commit(&s->in, (size_t)size);
    } else if (s->is_open) {
        s->is_open = false;
        io_stream_close(s->io, stream);
    }
}

static void stranger_sent(struct io_stream *stream, int status)
{
    struct stranger *s = container_of(stream, struct stranger, stream);

    s->is_sending = false;
    if (status < 0) {
        stranger_received(stream, status);
    }
}

static void stranger_closed(struct io_stream *stream)
{
    container_of(stream, struct stranger, stream)->is_sending = false;
}

static void stranger_connected(struct io_connect *connect, int status)
{
    container_of(connect, struct stranger, connect)->is_open = status == 0;
}

static void stranger_start(struct stranger *s, struct io *io)
{
    struct io_address address = {.host = "node", .port = PEER_PORT};

    s->io = io;
    s->stream = (struct io_stream){.room = stranger_room,
                                   .received = stranger_received,
                                   .sent = stranger_sent,
                                   .closed = stranger_closed};
    s->connect = (struct io_connect){.connected = stranger_connected, .stream = &s->stream};
    io_connect(io, &s->connect, &s->stream, &address);
}

static void stranger_flush(struct stranger *s)
{
    if (!s->is_open || s->is_sending || buffer_size(&s->out) == 0) {
        return;
    }

    struct buffer filled = s->out;

    s->out = s->sending;
    buffer_clear(&s->out);
    s->sending = filled;

    int result =
        io_stream_write(s->io, &s->stream, buffer_begin(&s->sending), buffer_size(&s->sending));

    s->is_sending = result == 0;
    if (result < 0) {
        stranger_received(&s->stream, result);
    }
}

static void run(struct world *w, uint64_t ns)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        stranger_flush(&w->strangers[i]);
    }
    sim_run_until(w->sim, sim_now_ns(w->sim) + ns);
}

/* Takes frames off what was received, up to a CHALLENGE. */
static bool hear_challenge(struct stranger *s, struct wire_challenge *ret_c)
{
    struct wire_frame frame;
    bool is_one = false;

    while (!is_one && wire_frame(buffer_slice(&s->in), WIRE_BODY_BYTES_MAX, &frame) == WIRE_FRAME) {
        is_one = frame.type == WIRE_CHALLENGE && wire_get_challenge(frame.body, ret_c);
        buffer_consume(&s->in, frame.size);
    }
    return is_one;
}

/* Like a member: sends HELLO, waits for CHALLENGE, sends PROOF. */
static void greet(struct world *w, struct stranger *s, raft_id from, enum wire_channel channel)
{
    struct wire_hello hello = {.version = WIRE_VERSION,
                               .level = 1,
                               .cluster_id = CLUSTER,
                               .from = from,
                               .to = SELF,
                               .incarnation = from + 1,
                               .channel = channel,
                               .address = {.host = "stranger", .port = 8000},
                               .peer_port = PEER_PORT};
    struct proof_greeting greeting = {.listener = SELF, .level = 1};
    struct wire_challenge c;
    unsigned char proof[PROOF_BYTES];
    struct buffer body = {0};
    size_t size = wire_put_hello(&s->out, &hello);

    buffer_append(&body, buffer_begin(&s->out) + buffer_size(&s->out) - size, size);
    run(w, 20 * SIM_MS);
    if (hear_challenge(s, &c)) {
        greeting.hello = buffer_slice(&body);
        memcpy(greeting.nonce, c.nonce, sizeof greeting.nonce);
        proof_make(the_key.bytes, PROOF_OF_DIALER, &greeting, proof);
        wire_put_proof(&s->out, proof);
        CHECK(from < sizeof w->has_greeted);
        w->has_greeted[from] = true;
    }
    buffer_deinit(&body);
}

static void send_frame(struct stranger *s, enum wire_type type, struct slice body)
{
    size_t mark = wire_begin(&s->out, type);

    buffer_append_slice(&s->out, body);
    wire_end(&s->out, mark);
}

/* A type in the table, or, from 128 on, the number itself. */
static enum wire_type some_type(uint64_t choice)
{
    return choice < WIRE_MAY_BE_SKIPPED ? wire_kind_at((uint32_t)choice % wire_kind_count())->type
                                        : (enum wire_type)choice;
}

/* Does one thing from the input; `head` says what, and on which connection. */
static void step(struct world *w, struct slice *input)
{
    uint64_t head = fuzz_number(input, 1);
    struct stranger *s = &w->strangers[head % CONNECTIONS];

    switch (head / CONNECTIONS % 5) {
    case 0:
        greet(w, s, fuzz_number(input, 1), (enum wire_channel)(head / 64 % 2));
        break;
    case 1:
    case 2:
        send_frame(s, some_type(fuzz_number(input, 1)), fuzz_piece(input));
        break;
    case 3:
        buffer_append_slice(&s->out, fuzz_piece(input));
        break;
    default:
        run(w, fuzz_number(input, 1) * 20 * SIM_MS);
    }
}

/* --- the world ---------------------------------------------------------------------- */

static void start(struct world *w)
{
    struct sim_network network = {.delay_min_ns = SIM_US,
                                  .delay_max_ns = SIM_MS,
                                  .split_ppm = 200000,
                                  .window_bytes = 64 * 1024,
                                  .break_min_ns = SIM_S,
                                  .break_max_ns = SIM_S};
    struct peers_events events = {.context = w,
                                  .message = on_message,
                                  .forward = on_forward,
                                  .abandoned = on_abandoned,
                                  .answer = on_answer,
                                  .read_index = on_read_index,
                                  .read_index_reply = on_read_index_reply,
                                  .fetch = on_fetch,
                                  .part = on_part,
                                  .damaged = on_damaged,
                                  .digest = on_digest,
                                  .lost = on_lost,
                                  .forwards_lost = on_forwards_lost,
                                  .refused = on_refused};
    struct peers_options options = {
        .self = {.id = SELF, .client = {.host = "node", .port = 8000}, .peer_port = PEER_PORT},
        .host = {.host = "node"},
        .election_timeout_ns = SIM_S,
        .level = 1,
        .version = WIRE_VERSION,
    };
    struct peers_source source = {0};

    w->sim = sim_new(1);
    sim_set_network(w->sim, &network);
    w->node_io = sim_boot(sim_machine_new(w->sim, "node"));
    w->stranger_io = sim_boot(sim_machine_new(w->sim, "stranger"));
    CHECK(peers_start(&w->peers, w->node_io, NULL, &events, &options) == 0);
    peers_open(&w->peers, CLUSTER, 0, &the_key, &source);
    for (int i = 0; i < CONNECTIONS; i++) {
        stranger_start(&w->strangers[i], w->stranger_io);
    }
    run(w, 100 * SIM_MS);
}

static void end(struct world *w)
{
    sim_die(w->node_io, SIM_KILLED);
    sim_die(w->stranger_io, SIM_KILLED);
    peers_deinit(&w->peers);
    sim_bury(w->node_io);
    sim_bury(w->stranger_io);
    for (int i = 0; i < CONNECTIONS; i++) {
        buffer_deinit(&w->strangers[i].in);
        buffer_deinit(&w->strangers[i].out);
        buffer_deinit(&w->strangers[i].sending);
    }
    sim_free(w->sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = memory_take_zeroed(1, sizeof *w);
    struct slice input = slice_of(data, size);

    start(w);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++) {
        step(w, &input);
    }
    for (int i = 0; i < 4; i++) {
        run(w, SIM_S);
    }
    end(w);
    free(w);
    return 0;
}
