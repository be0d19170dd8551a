/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEST_LIMIT_S = 60 };

/* --- the loop -------------------------------------------------------------- */

static void on_turn(void *context)
{
    struct fixture *f = context;

    assert_from_loop(f);
    f->turn_count++;
    if (f->awaited != NULL && *f->awaited) {
        io_uv_stop(f->io);
    }
}

void fixture_take_turn(struct fixture *f)
{
    io_set_turn(f->io, on_turn, f);
}

int fixture_setup(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);

    alarm(TEST_LIMIT_S);
    f->io = io_uv_new();
    fixture_take_turn(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    io_uv_free(f->io);
    free(f);
    alarm(0);
    return 0;
}

void await(struct fixture *f, const bool *condition)
{
    if (*condition) {
        return;
    }
    f->awaited = condition;
    io_uv_run(f->io);
    f->awaited = NULL;
    assert_true(*condition);
}

struct span {
    struct io_timer timer;
    bool is_over;
};

static void on_span_over(struct io_timer *timer)
{
    container_of(timer, struct span, timer)->is_over = true;
}

void run_for(struct fixture *f, uint64_t span_ns)
{
    struct span span = {.timer = {.fired = on_span_over}};

    io_timer_start(f->io, &span.timer, io_now_ns(f->io) + span_ns);
    await(f, &span.is_over);
}

void call_begin(struct fixture *f)
{
    assert_false(f->is_calling);
    f->is_calling = true;
}

void call_end(struct fixture *f)
{
    f->is_calling = false;
}

void assert_from_loop(const struct fixture *f)
{
    assert_false(f->is_calling);
}

/* --- peers ----------------------------------------------------------------- */

static char *on_room(struct io_stream *stream, size_t *ret_size)
{
    struct peer *p = container_of(stream, struct peer, stream);

    assert_from_loop(p->f);
    assert_false(p->is_closed);
    assert_false(p->has_ended);
    p->room_count++;
    if (p->closes_in_room) {
        peer_close(p);
    }
    p->is_paused = buffer_size(&p->received) >= p->pause_at;
    *ret_size = p->is_paused ? 0 : p->room_size;
    return p->is_paused ? NULL : buffer_reserve(&p->received, p->room_size);
}

static void on_received(struct io_stream *stream, int64_t size)
{
    struct peer *p = container_of(stream, struct peer, stream);

    assert_from_loop(p->f);
    assert_false(p->is_closed);
    assert_false(p->has_ended);
    p->received_count++;
    if (size <= 0) {
        p->has_ended = true;
        p->end = size;
        return;
    }
    assert_true((size_t)size <= p->room_size);
    buffer_commit(&p->received, (size_t)size);
    p->has_data = true;
    if (p->closes_on_data) {
        peer_close(p);
    }
}

static void on_sent(struct io_stream *stream, int status)
{
    struct peer *p = container_of(stream, struct peer, stream);

    assert_from_loop(p->f);
    assert_false(p->is_closed);
    p->sent_count++;
    p->sent_status = status;
    p->has_sent = true;
}

static void on_closed(struct io_stream *stream)
{
    struct peer *p = container_of(stream, struct peer, stream);

    assert_from_loop(p->f);
    assert_false(p->is_closed);
    assert_null(stream->backend);
    p->is_closed = true;
}

void peer_init(struct peer *p, struct fixture *f)
{
    *p = (struct peer){.f = f, .room_size = 16 * 1024, .pause_at = SIZE_MAX};
    p->stream = (struct io_stream){
        .room = on_room, .received = on_received, .sent = on_sent, .closed = on_closed};
}

void peer_deinit(struct peer *p)
{
    if (p->stream.backend != NULL) {
        peer_close(p);
        await(p->f, &p->is_closed);
    }
    buffer_deinit(&p->received);
}

int peer_write(struct peer *p, const void *data, size_t size)
{
    int status;

    call_begin(p->f);
    status = io_stream_write(p->f->io, &p->stream, data, size);
    call_end(p->f);
    return status;
}

void peer_shut(struct peer *p)
{
    call_begin(p->f);
    io_stream_shut(p->f->io, &p->stream);
    call_end(p->f);
}

void peer_close(struct peer *p)
{
    call_begin(p->f);
    io_stream_close(p->f->io, &p->stream);
    call_end(p->f);
}

void peer_resume(struct peer *p)
{
    call_begin(p->f);
    io_stream_resume(p->f->io, &p->stream);
    call_end(p->f);
}

void peer_await_bytes(struct peer *p, size_t size)
{
    while (buffer_size(&p->received) < size) {
        p->has_data = false;
        await(p->f, &p->has_data);
    }
}

/* --- doors ----------------------------------------------------------------- */

static void on_accepted(struct io_listener *listener)
{
    struct door *d = container_of(listener, struct door, listener);
    int status = 0;

    assert_from_loop(d->f);
    call_begin(d->f);
    if (d->next == NULL) {
        io_refuse(d->f->io, listener);
    } else {
        status = io_accept(d->f->io, listener, &d->next->stream);
    }
    call_end(d->f);
    assert_int_equal(status, 0);
    d->next = NULL;
    d->accepted_count++;
    d->has_accepted = true;
}

static void on_door_closed(struct io_listener *listener)
{
    struct door *d = container_of(listener, struct door, listener);

    assert_from_loop(d->f);
    d->is_closed = true;
}

struct io_address address_of(const char *host, uint16_t port)
{
    struct io_address address = {.port = port};

    snprintf(address.host, sizeof address.host, "%s", host);
    return address;
}

void door_open(struct door *d, struct fixture *f)
{
    struct io_address address = address_of("127.0.0.1", 0);

    *d = (struct door){.f = f, .listener = {.accepted = on_accepted, .closed = on_door_closed}};
    assert_int_equal(io_listen(f->io, &d->listener, &address, &d->port), 0);
    assert_int_not_equal(d->port, 0);
}

void door_close(struct door *d)
{
    call_begin(d->f);
    io_listener_close(d->f->io, &d->listener);
    call_end(d->f);
    await(d->f, &d->is_closed);
}

int raw_connect(const struct door *d)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(d->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    /* The kernel accepts it, even if our loop does not run. */
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

int raw_pair(struct door *d, struct peer *p)
{
    int fd = raw_connect(d);

    d->next = p;
    d->has_accepted = false;
    await(d->f, &d->has_accepted);
    return fd;
}
