/* sim_stream.c - streams of io.h over the simulated network: listening, connecting, reading,
 * writing, and how they end. The promises of io.h that matter most here: no callback runs during
 * a call of the owner, `closed` is the last callback, and a dead process gets none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "sim/world/sim_net.h"

static struct sim_machine *machine_named(struct sim_machine *self, const char *host)
{
    if (strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0) {
        return self;
    }
    for (uint32_t i = 0; i < self->sim->machine_count; i++) {
        if (strcmp(self->sim->machines[i]->host, host) == 0) {
            return self->sim->machines[i];
        }
    }
    return self->sim->is_dark ? self->sim->nowhere : NULL;
}

static bool chance(struct sim *sim, uint32_t ppm)
{
    return ppm > 0 && prng_chance(&sim->net_prng, ppm, 1000000);
}

/* --- reading ----------------------------------------------------------------------- */

static void end_readable(struct sim_task *task)
{
    struct sim_end *end = container_of(task, struct sim_end, readable);
    struct io_stream *stream = end->stream;
    size_t size = 0;

    if (end->is_paused || end->was_told) {
        return;
    }
    size_t available = buffer_size(&end->in);

    if (available == 0 && !end->is_ended && end->error == 0) {
        return;
    }
    char *room = stream->room(stream, &size);

    if (room == NULL || size == 0) {
        end->is_paused = true;
        return;
    }
    if (end->is_closing) { /* room() may have closed it. */
        return;
    }
    if (available == 0) {
        end->was_told = true;
        stream->received(stream, end->error);
        return;
    }
    size_t taken = available < size ? available : size;

    if (taken > 1 && chance(end->io->sim, end->io->sim->network.split_ppm)) {
        taken = prng_between(&end->io->sim->net_prng, 1, taken);
    }
    memcpy(room, buffer_begin(&end->in), taken);
    buffer_consume(&end->in, taken);
    if (end->error == 0) {
        sim_credit(end, taken);
    }
    stream->received(stream, (int64_t)taken);
    if (!end->is_closing) {
        sim_post(end->io, &end->readable);
    }
}

void io_stream_resume(struct io *io, struct io_stream *stream)
{
    struct sim_end *end = stream->backend;

    if (io->is_dead) {
        return;
    }
    CHECK(end != NULL);
    end->is_paused = false;
    if (!end->is_closing) {
        sim_post(io, &end->readable);
    }
}

/* --- writing ------------------------------------------------------------------------- */

/* Sends as much of the data as fits; returns how much that was. */
static size_t end_put(struct sim_end *end, const char *data, size_t size)
{
    struct sim *sim = end->connection->sim;
    uint64_t window = sim->network.window_bytes;
    uint64_t room = window > end->outstanding ? window - end->outstanding : 0;
    size_t part = size < room ? size : room;

    if (part > 0 && chance(sim, sim->network.short_ppm)) {
        part = prng_below(&sim->net_prng, part);
    }
    if (part > 0) {
        end->outstanding += part;
        sim_send(end, SEGMENT_DATA, data, part);
    }
    return part;
}

/* If there is no room, sim_credit() continues. */
static void push_later(struct sim_end *end)
{
    struct sim *sim = end->connection->sim;

    if (end->outstanding < sim->network.window_bytes) {
        sim_event_start(sim, &end->push, sim->now_ns + prng_between(&sim->net_prng, 1000, 200000));
    }
}

void sim_end_push(struct sim_event *event)
{
    struct sim_end *end = container_of(event, struct sim_end, push);
    size_t part = end_put(end, end->pending, end->pending_size);

    end->pending += part;
    end->pending_size -= part;
    if (end->pending_size > 0) {
        push_later(end);
        return;
    }
    end->pending = NULL;
    end->sent_status = 0;
    sim_post(end->io, &end->sent);
}

static void end_sent(struct sim_task *task)
{
    struct sim_end *end = container_of(task, struct sim_end, sent);

    end->stream->sent(end->stream, end->sent_status);
}

int io_stream_write(struct io *io, struct io_stream *stream, const void *data, size_t size)
{
    struct sim_end *end = stream->backend;

    if (io->is_dead) {
        return -EIO;
    }
    sim_act(io);
    CHECK(end != NULL);
    CHECK(!end->is_closing);
    CHECK(!end->is_shut);
    CHECK(end->pending == NULL);
    CHECK(list_is_empty(&end->sent.link));
    if (end->error != 0) {
        return end->error;
    }
    size_t part = end_put(end, data, size);

    if (part == size) {
        return 1;
    }
    end->pending = (const char *)data + part;
    end->pending_size = size - part;
    push_later(end);
    return 0;
}

/* --- the end of a stream -------------------------------------------------------------- */

/* The owner of a stream gets the error from its next read, and from `sent` if it waits for that. */
void sim_end_break(struct sim_end *end, int error)
{
    if (end->connect != NULL) {
        sim_end_connected(end, error);
        return;
    }
    end->error = error;
    sim_event_stop(end->connection->sim, &end->push);
    if (chance(end->connection->sim, 500000)) {
        buffer_clear(&end->in); /* The system may throw away what was not read. */
    }
    if (end->pending != NULL) {
        end->pending = NULL;
        end->sent_status = error;
        sim_post(end->io, &end->sent);
    }
    if (end->stream != NULL) {
        sim_post(end->io, &end->readable);
    }
}

void io_stream_shut(struct io *io, struct io_stream *stream)
{
    struct sim_end *end = stream->backend;

    if (io->is_dead) {
        return;
    }
    CHECK(end != NULL);
    CHECK(!end->is_closing);
    CHECK(end->pending == NULL);
    if (end->error == 0 && !end->is_shut) {
        sim_send(end, SEGMENT_FIN, NULL, 0);
    }
    end->is_shut = true;
}

/* The system's part of closing: what is under way still arrives, then the end; a reset if
 * something had arrived that was not read. */
static void end_shut(struct sim_end *end)
{
    sim_unpost(&end->readable);
    sim_unpost(&end->sent);
    sim_unpost(&end->accept);
    sim_event_stop(end->connection->sim, &end->push);
    end->pending = NULL;
    if (end->error == 0) {
        if (buffer_size(&end->in) > 0) {
            sim_send(end, SEGMENT_RST, NULL, 0);
        } else if (!end->is_shut) {
            sim_send(end, SEGMENT_FIN, NULL, 0);
        }
    }
}

/* This end has no owner any more. */
static void end_leave(struct sim_end *end)
{
    list_remove(&end->link);
    sim_unpost(&end->closed);
    end->io = NULL;
    end->stream = NULL;
    end->listener = NULL;
    end->connect = NULL;
    end->is_closing = false;
    sim_connection_drop(end->connection);
}

static void end_closed(struct sim_task *task)
{
    struct sim_end *end = container_of(task, struct sim_end, closed);
    struct io_stream *stream = end->stream;

    stream->backend = NULL;
    end_leave(end);
    stream->closed(stream);
}

void io_stream_close(struct io *io, struct io_stream *stream)
{
    struct sim_end *end = stream->backend;

    if (io->is_dead) {
        return;
    }
    CHECK(end != NULL);
    if (end->is_closing) {
        return;
    }
    sim_trace(io->sim, io->machine->name, "#%llu closes",
              (unsigned long long)end->connection->number);
    end_shut(end);
    end->is_closing = true;
    sim_post(io, &end->closed);
}

void io_stream_peer(struct io *io, struct io_stream *stream, char *text, size_t text_size)
{
    const struct sim_end *end = stream->backend;

    if (end == NULL || io->is_dead) {
        snprintf(text, text_size, "?");
        return;
    }
    const struct sim_end *other = sim_end_other(end);

    snprintf(text, text_size, "%s:%u", other->machine->name, (unsigned)other->port);
}

uint16_t sim_stream_port(const struct io_stream *stream)
{
    const struct sim_end *end = stream->backend;

    CHECK(end != NULL);
    return end->port;
}

uint64_t io_stream_origin(struct io *io, struct io_stream *stream)
{
    const struct sim_end *end = stream->backend;

    CHECK(end != NULL);
    return sim_end_other(end)->machine->number;
}

bool io_stream_is_local(struct io *io, struct io_stream *stream)
{
    const struct sim_end *end = stream->backend;

    CHECK(end != NULL);
    return !io->sim->network.is_public || sim_end_other(end)->machine == end->machine;
}

/* --- listening ------------------------------------------------------------------------ */

static void listener_closed(struct sim_task *task)
{
    struct sim_listener *l = container_of(task, struct sim_listener, closed);
    struct io_listener *listener = l->listener;

    list_remove(&l->link);
    free(l);
    listener->backend = NULL;
    listener->closed(listener);
}

static struct sim_listener *listener_at(const struct sim_machine *machine, uint16_t port)
{
    list_for_each(link, &machine->listeners)
    {
        struct sim_listener *l = container_of(link, struct sim_listener, machine_link);

        if (l->port == port) {
            return l;
        }
    }
    return NULL;
}

int io_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
              uint16_t *ret_port)
{
    struct sim_machine *machine = io->machine;
    uint16_t port = address->port;

    if (io->is_dead) {
        return -EIO;
    }
    if (port == 0) {
        do {
            port = machine->next_port++;
        } while (port < 40000 || listener_at(machine, port) != NULL);
    }
    if (listener_at(machine, port) != NULL) {
        return -EADDRINUSE;
    }
    struct sim_listener *l = memory_take_zeroed(1, sizeof *l);

    l->io = io;
    l->listener = listener;
    l->machine = machine;
    l->port = port;
    list_init(&l->backlog);
    list_init(&l->link);
    list_init(&l->machine_link);
    list_append(&io->listeners, &l->link);
    list_append(&machine->listeners, &l->machine_link);
    sim_task_init(&l->closed, listener_closed);
    listener->backend = l;
    if (ret_port != NULL) {
        *ret_port = port;
    }
    return 0;
}

static void listener_shut(struct sim_listener *l)
{
    list_remove(&l->machine_link);
    while (!list_is_empty(&l->backlog)) {
        struct sim_end *end = container_of(list_first(&l->backlog), struct sim_end, link);

        end_shut(end);
        end_leave(end);
    }
    l->current = NULL;
}

void io_listener_close(struct io *io, struct io_listener *listener)
{
    struct sim_listener *l = listener->backend;

    if (io->is_dead || l == NULL || l->is_closing) {
        return;
    }
    listener_shut(l);
    l->is_closing = true;
    sim_post(io, &l->closed);
}

static void end_offer(struct sim_task *task)
{
    struct sim_end *end = container_of(task, struct sim_end, accept);
    struct sim_listener *l = end->listener;

    l->current = end;
    l->listener->accepted(l->listener);
    /* A listener that was closed meanwhile has dropped it. */
    CHECK(end != l->current);
}

/* A SYN has arrived at this end. */
void sim_end_connect(struct sim_end *end)
{
    struct sim_listener *l = listener_at(end->machine, end->port);

    if (l == NULL) {
        sim_send(end, SEGMENT_RST, NULL, 0);
        return;
    }
    end->listener = l;
    end->io = l->io;
    list_append(&l->backlog, &end->link);
    sim_post(l->io, &end->accept);
    sim_send(end, SEGMENT_SYN_ACK, NULL, 0);
}

int io_accept(struct io *io, struct io_listener *listener, struct io_stream *stream)
{
    struct sim_listener *l = listener->backend;

    if (io->is_dead) {
        return -EIO;
    }
    CHECK(l != NULL);
    CHECK(l->current != NULL);
    struct sim_end *end = l->current;

    l->current = NULL;
    list_remove(&end->link);
    list_append(&io->ends, &end->link);
    end->listener = NULL;
    end->stream = stream;
    stream->backend = end;
    sim_post(io, &end->readable);
    return 0;
}

void io_refuse(struct io *io, struct io_listener *listener)
{
    struct sim_listener *l = listener->backend;

    if (io->is_dead) {
        return;
    }
    CHECK(l != NULL);
    CHECK(l->current != NULL);
    struct sim_end *end = l->current;

    l->current = NULL;
    end_shut(end);
    end_leave(end);
}

/* --- connecting ----------------------------------------------------------------------- */

static void connect_finish(struct sim_task *task)
{
    struct sim_connect *c = container_of(task, struct sim_connect, finish);
    struct io_connect *connect = c->connect;
    int status = c->status;

    if (status == 0) {
        struct sim_end *end = c->end;

        end->connect = NULL;
        end->stream = connect->stream;
        connect->stream->backend = end;
        sim_post(c->io, &end->readable);
    }
    list_remove(&c->link);
    free(c);
    connect->backend = NULL;
    connect->connected(connect, status);
}

/* The attempt has an outcome. If it succeeded, the end stays with it. */
void sim_end_connected(struct sim_end *end, int status)
{
    struct sim_connect *c = end->connect;

    if (status == 0) {
        c->status = 0;
        sim_post(c->io, &c->finish);
        return;
    }
    c->status = status;
    c->end = NULL;
    end->error = status;
    list_remove(&end->link);
    end->connect = NULL;
    end->io = NULL;
    sim_post(c->io, &c->finish);
    /* The caller is still using the connection, and drops it. */
}

void io_connect(struct io *io, struct io_connect *connect, struct io_stream *stream,
                const struct io_address *address)
{
    if (io->is_dead) {
        return;
    }
    struct sim_machine *to = machine_named(io->machine, address->host);
    struct sim_connect *c = memory_take_zeroed(1, sizeof *c);

    c->io = io;
    c->connect = connect;
    sim_task_init(&c->finish, connect_finish);
    list_init(&c->link);
    list_append(&io->connects, &c->link);
    connect->backend = c;
    connect->stream = stream;
    if (to == NULL) {
        c->status = -EHOSTUNREACH;
        sim_post(io, &c->finish);
        return;
    }
    struct sim_connection *connection = sim_connection_new(io->machine, to, address->port);

    c->end = &connection->ends[0];
    c->end->io = io;
    c->end->connect = c;
    list_append(&io->ends, &c->end->link);
    sim_trace(io->sim, io->machine->name, "#%llu connects to %s:%u",
              (unsigned long long)connection->number, to->name, (unsigned)address->port);
    sim_send(c->end, SEGMENT_SYN, NULL, 0);
}

void io_connect_cancel(struct io *io, struct io_connect *connect)
{
    struct sim_connect *c = connect->backend;

    if (io->is_dead || c == NULL || (c->end == NULL && c->status != 0)) {
        return; /* It has failed already, which will be reported. */
    }
    struct sim_end *end = c->end;

    c->status = -ECANCELED;
    c->end = NULL;
    end_shut(end);
    end_leave(end);
    sim_post(io, &c->finish);
}

/* --- life and death ------------------------------------------------------------------- */

void sim_end_init(struct sim_end *end)
{
    list_init(&end->link);
    end->push.run = sim_end_push;
    sim_task_init(&end->readable, end_readable);
    sim_task_init(&end->sent, end_sent);
    sim_task_init(&end->closed, end_closed);
    sim_task_init(&end->accept, end_offer);
}

/* Without power no connection is closed; the others find out later. */
static void end_vanish(struct sim_end *end, enum sim_death death)
{
    struct sim_connection *c = end->connection;

    if (death == SIM_POWER) {
        sim_unpost(&end->readable);
        sim_unpost(&end->sent);
        sim_unpost(&end->accept);
        sim_event_stop(c->sim, &end->push);
        end->pending = NULL;
        sim_connection_doom(c);
    } else if (!end->is_closing) {
        end_shut(end);
    }
    end_leave(end);
}

void sim_net_die(struct io *io, enum sim_death death)
{
    io->machine->is_off = death == SIM_POWER;
    list_for_each(link, &io->listeners)
    {
        struct sim_listener *l = container_of(link, struct sim_listener, link);

        list_remove(&l->machine_link);
        while (!list_is_empty(&l->backlog)) {
            end_vanish(container_of(list_first(&l->backlog), struct sim_end, link), death);
        }
    }
    while (!list_is_empty(&io->ends)) {
        end_vanish(container_of(list_first(&io->ends), struct sim_end, link), death);
    }
}

void sim_net_bury(struct io *io)
{
    while (!list_is_empty(&io->listeners)) {
        struct list *link = list_first(&io->listeners);

        list_remove(link);
        free(container_of(link, struct sim_listener, link));
    }
    while (!list_is_empty(&io->connects)) {
        struct list *link = list_first(&io->connects);

        list_remove(link);
        free(container_of(link, struct sim_connect, link));
    }
}
