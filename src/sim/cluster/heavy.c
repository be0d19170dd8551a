/* heavy.c - see heavy.h. */
#include "sim/cluster/heavy.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"

enum { ARGUMENTS_MAX = 4000, PIPELINE_BYTES_MAX = 256 * 1024 };

static void leave(struct heavy *h)
{
    if (h->is_open) {
        h->is_open = false;
        h->is_busy = true;
        io_stream_close(h->io, &h->stream);
    }
}

/* --- what it says ------------------------------------------------------------------- */

static void put_key(struct buffer *out, uint32_t number)
{
    char key[16];
    int size = snprintf(key, sizeof key, "k%u", number);

    buffer_printf(out, "$%d\r\n%s\r\n", size, key);
}

/* `count` keys in turn: the first round is formatted, and copied for the others. */
static void put_keys(struct buffer *out, uint32_t count, uint32_t key_count)
{
    size_t start = buffer_size(out);
    size_t round_bytes;
    uint32_t i;

    for (i = 0; i < count && i < key_count; i++) {
        put_key(out, i);
    }
    round_bytes = buffer_size(out) - start;
    for (; count - i >= key_count; i += key_count) {
        char *to = buffer_reserve(out, round_bytes);

        memcpy(to, buffer_begin(out) + start, round_bytes);
        buffer_commit(out, round_bytes);
    }
    for (; i < count; i++) {
        put_key(out, i % key_count);
    }
}

static void put_many(struct heavy *h, const char *name)
{
    uint32_t count = (uint32_t)prng_between(&h->prng, 1, ARGUMENTS_MAX);

    buffer_printf(&h->out, "*%u\r\n$%zu\r\n%s\r\n", count + 1, strlen(name), name);
    put_keys(&h->out, count, h->key_count);
}

static void put_command(struct heavy *h, uint64_t kind)
{
    if (h->only != NULL) {
        buffer_printf(&h->out, "%s\r\n", h->only);
        return;
    }
    switch (kind) {
    case 0:
        buffer_printf(&h->out, "INFO\r\n");
        break;
    case 1:
        buffer_printf(&h->out, "RAFT STATUS\r\n");
        break;
    case 2:
        buffer_printf(&h->out, "KEYS *\r\n");
        break;
    case 3:
        buffer_printf(&h->out, "RAFT LOG 1 10000\r\n");
        break;
    case 4:
        buffer_printf(&h->out, "COMMAND DOCS\r\n");
        break;
    case 5:
        put_many(h, "EXISTS");
        break;
    default:
        put_many(h, "MGET");
    }
}

static void say(struct heavy *h)
{
    uint64_t kind = prng_below(&h->prng, 7);
    uint64_t count = prng_between(&h->prng, 1, h->batch_max);

    buffer_clear(&h->out);
    for (uint64_t i = 0; i < count && buffer_size(&h->out) < PIPELINE_BYTES_MAX; i++) {
        put_command(h, kind);
    }
    h->sent_count++;

    int status = io_stream_write(h->io, &h->stream, buffer_begin(&h->out), buffer_size(&h->out));

    h->is_busy = status == 0;
    if (status < 0) {
        leave(h);
    }
}

/* --- the connection ------------------------------------------------------------------ */

static struct heavy *heavy_of(struct io_stream *stream)
{
    return container_of(stream, struct heavy, stream);
}

static char *heavy_room(struct io_stream *stream, size_t *ret_size)
{
    struct heavy *h = heavy_of(stream);

    *ret_size = sizeof h->waste;
    return h->waste;
}

static void heavy_received(struct io_stream *stream, int64_t size)
{
    if (size <= 0) {
        leave(heavy_of(stream));
    }
}

static void heavy_sent(struct io_stream *stream, int status)
{
    struct heavy *h = heavy_of(stream);

    h->is_busy = false;
    if (status < 0) {
        leave(h);
    }
}

static void heavy_closed(struct io_stream *stream)
{
    heavy_of(stream)->is_busy = false;
}

static void heavy_connected(struct io_connect *connect, int status)
{
    struct heavy *h = container_of(connect, struct heavy, connect);

    h->is_busy = false;
    h->is_open = status == 0;
    if (h->is_resting) {
        leave(h);
    }
}

static void heavy_round(struct io_timer *timer)
{
    struct heavy *h = container_of(timer, struct heavy, timer);

    if (h->is_resting) {
        return;
    }
    if (h->is_open && prng_chance(&h->prng, 1, 16)) {
        leave(h); /* Although it has not received its replies. */
    } else if (!h->is_busy && h->is_open) {
        say(h);
    } else if (!h->is_busy) {
        h->is_busy = true;
        h->address = h->pick_node(h->context, &h->prng);
        io_connect(h->io, &h->connect, &h->stream, &h->address);
    }
    io_timer_start(h->io, timer, io_now_ns(h->io) + 1 + prng_below(&h->prng, 2 * h->think_ns));
}

/* --- life ------------------------------------------------------------------------------ */

void heavy_init(struct heavy *h, struct sim *sim, const char *name)
{
    *h = (struct heavy){.sim = sim, .batch_max = 1, .think_ns = SIM_S, .key_count = 1};
    h->prng = sim_fork_prng(sim);
    h->machine = sim_machine_new(sim, name);
    h->io = sim_boot(h->machine);
    h->timer.fired = heavy_round;
    h->connect.connected = heavy_connected;
    h->stream = (struct io_stream){
        .room = heavy_room, .received = heavy_received, .sent = heavy_sent, .closed = heavy_closed};
}

void heavy_deinit(struct heavy *h)
{
    sim_die(h->io, SIM_EXITED);
    io_timer_stop(h->io, &h->timer);
    sim_bury(h->io);
    buffer_deinit(&h->out);
}

void heavy_start(struct heavy *h)
{
    h->is_resting = false;
    io_timer_start(h->io, &h->timer, io_now_ns(h->io) + 1);
}

void heavy_rest(struct heavy *h)
{
    h->is_resting = true;
    io_timer_stop(h->io, &h->timer);
    leave(h);
}
