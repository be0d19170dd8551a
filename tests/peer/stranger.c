/* stranger.c - see stranger.h. */
#include "stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { A_WHILE_MS = 50 };

static void stranger_frame(struct link *link, const struct wire_frame *frame)
{
    struct stranger *s = link->context;
    enum wire_type type = frame->type;
    struct slice body = frame->body;

    s->frame_count++;
    if (type == WIRE_HELLO) {
        s->has_hello = true;
        buffer_clear(&s->hello);
        buffer_append_slice(&s->hello, body);
    } else if (type == WIRE_CHALLENGE) {
        s->has_challenge = wire_get_challenge(body, &s->challenge);
    } else if (type == WIRE_PROOF) {
        s->has_proof = body.size == PROOF_BYTES;
        memcpy(s->proof, body.data, body.size < PROOF_BYTES ? body.size : PROOF_BYTES);
    } else if (type == WIRE_REFUSE) {
        assert_true(wire_get_refuse(body, &s->refusal));
    }
    s->is_welcome = s->is_welcome || type == WIRE_WELCOME;
}

static void stranger_closed(struct link *link)
{
    struct stranger *s = link->context;

    s->closed_count++;
}

static void stranger_connected(struct io_connect *connect, int status)
{
    struct stranger *s = container_of(connect, struct stranger, connect);

    assert_int_equal(status, 0);
    link_opened(&s->link);
}

struct wire_hello stranger_hello(void)
{
    return (struct wire_hello){.version = WIRE_VERSION,
                               .level = 1,
                               .cluster_id = CLUSTER,
                               .from = id_of(0),
                               .to = id_of(1),
                               .incarnation = 1,
                               .address = address_of(0).client,
                               .peer_port = PEER_PORT,
                               .nonce = "by chance"};
}

void stranger_prepare(struct stranger *s, struct io *io)
{
    *s = (struct stranger){.io = io};
    link_init(&s->link, io, stranger_frame, stranger_closed, s);
    s->connect = (struct io_connect){.connected = stranger_connected, .stream = &s->link.stream};
}

void stranger_dial(struct world *w, struct stranger *s, struct io *io, uint32_t i)
{
    struct io_address door = address_of(i).client;

    door.port = PEER_PORT;
    stranger_prepare(s, io);
    io_connect(io, &s->connect, &s->link.stream, &door);
    run_ms(w, A_WHILE_MS);
    assert_true(s->link.is_open);
}

void stranger_say(struct world *w, struct stranger *s, enum wire_type type, struct slice body)
{
    size_t mark = wire_begin(&s->link.out, type);

    buffer_append_slice(&s->link.out, body);
    wire_end(&s->link.out, mark);
    link_flush(&s->link);
    run_ms(w, A_WHILE_MS);
}

void stranger_say_hello(struct world *w, struct stranger *s, const struct wire_hello *hello)
{
    size_t size = wire_put_hello(&s->link.out, hello);

    buffer_clear(&s->hello);
    buffer_append(&s->hello, buffer_begin(&s->link.out) + buffer_size(&s->link.out) - size, size);
    link_flush(&s->link);
    run_ms(w, A_WHILE_MS);
}

void stranger_prove(struct world *w, struct stranger *s, const struct store_key *key,
                    enum proof_role role, struct slice hello)
{
    struct proof_greeting greeting = {
        .hello = hello, .listener = s->challenge.listener, .level = s->challenge.level};
    unsigned char proof[PROOF_BYTES];

    memcpy(greeting.nonce, s->challenge.nonce, sizeof greeting.nonce);
    proof_make(key->bytes, role, &greeting, proof);
    stranger_say(w, s, WIRE_PROOF, slice_of(proof, PROOF_BYTES));
}

void stranger_greet(struct world *w, struct stranger *s, struct io *io,
                    const struct wire_hello *hello)
{
    stranger_dial(w, s, io, 1);
    stranger_say_hello(w, s, hello);
    if (s->has_challenge) {
        stranger_prove(w, s, &the_key, PROOF_OF_DIALER, buffer_slice(&s->hello));
    }
}

static void stranger_accepted(struct io_listener *listener)
{
    struct stranger *s = container_of(listener, struct stranger, listener);

    if (s->link.is_open) {
        io_refuse(s->io, listener);
        return;
    }
    assert_int_equal(io_accept(s->io, listener, &s->link.stream), 0);
    link_opened(&s->link);
    s->has_hello = false;
}

static void stranger_listener_closed(struct io_listener *listener)
{
    (void)listener;
}

void stranger_listen(struct stranger *s, struct io *io, const char *host)
{
    struct io_address address = {.port = PEER_PORT};
    uint16_t port;

    *s = (struct stranger){
        .io = io, .listener = {.accepted = stranger_accepted, .closed = stranger_listener_closed}};
    snprintf(address.host, sizeof address.host, "%s", host);
    link_init(&s->link, io, stranger_frame, stranger_closed, s);
    assert_int_equal(io_listen(io, &s->listener, &address, &port), 0);
}

void stranger_challenge(struct world *w, struct stranger *s, const struct store_key *key,
                        enum proof_role role, raft_id listener)
{
    struct proof_greeting greeting = {.hello = buffer_slice(&s->hello),
                                      .listener = listener,
                                      .level = 1,
                                      .nonce = "the listener's"};

    s->challenge = (struct wire_challenge){.listener = listener, .level = 1};
    memcpy(s->challenge.nonce, greeting.nonce, sizeof greeting.nonce);
    proof_make(key->bytes, role, &greeting, s->challenge.proof);
    wire_put_challenge(&s->link.out, &s->challenge);
    link_flush(&s->link);
    run_ms(w, A_WHILE_MS);
}

void stranger_end(struct stranger *s)
{
    link_deinit(&s->link);
    buffer_deinit(&s->hello);
}
