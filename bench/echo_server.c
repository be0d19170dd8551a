/* echo_server.c - answers +PONG to every RESP command: the cost of a command without Rakit's
 * work, on the same loop, streams and turn.
 *
 *     echo-server PORT          # then: redis-benchmark -p PORT -t ping_mbulk
 *
 * SIGINT or SIGTERM ends it; it then prints its CPU time per command. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "io/io_uv.h"

struct client {
    struct io_stream stream;
    struct echo *echo;
    struct buffer input;
    struct buffer output;
    struct list node;    /* In echo->ready while it has output. */
    size_t strings_left; /* Of the command being read. */
    bool is_writing;
    bool is_closing;
};

struct echo {
    struct io *io;
    struct io_listener listener;
    struct list ready; /* Clients to write to in this turn. */
    uint64_t command_count;
    uint64_t turn_count;
};

enum { READ_SIZE = 16 * 1024 };

/* --- requests -------------------------------------------------------------- */

/* The number in the line at `at`, after its first byte; or -1 while incomplete. */
static long parse_line(struct slice in, size_t *at)
{
    const char *end = in.size > *at ? memchr(in.data + *at, '\n', in.size - *at) : NULL;
    long number;

    if (end == NULL) {
        return -1;
    }
    number = strtol(in.data + *at + 1, NULL, 10);
    *at = (size_t)(end - in.data) + 1;
    return number < 0 ? 0 : number;
}

/* Consumes one line "*N", or one "$N" with its string. False while incomplete. */
static bool take_part(struct client *c)
{
    struct slice in = buffer_slice(&c->input);
    size_t at = 0;
    long number = parse_line(in, &at);

    if (number < 0) {
        return false;
    }
    if (c->strings_left == 0) {
        c->strings_left = (size_t)number;
    } else {
        at += (size_t)number + 2;
        if (at > in.size) {
            return false;
        }
        c->strings_left--;
        if (c->strings_left == 0) {
            buffer_append(&c->output, "+PONG\r\n", 7);
            c->echo->command_count++;
        }
    }
    buffer_consume(&c->input, at);
    return true;
}

/* --- streams --------------------------------------------------------------- */

static char *on_room(struct io_stream *stream, size_t *ret_size)
{
    struct client *c = container_of(stream, struct client, stream);

    if (c->is_writing) {
        *ret_size = 0; /* The output must not move, so no new replies meanwhile. */
        return NULL;
    }
    *ret_size = READ_SIZE;
    return buffer_reserve(&c->input, READ_SIZE);
}

static void close_client(struct client *c)
{
    if (!c->is_closing) {
        c->is_closing = true;
        list_remove(&c->node);
        io_stream_close(c->echo->io, &c->stream);
    }
}

static void on_received(struct io_stream *stream, int64_t size)
{
    struct client *c = container_of(stream, struct client, stream);

    if (size <= 0) {
        close_client(c);
        return;
    }
    buffer_commit(&c->input, (size_t)size);
    while (take_part(c)) {
    }
    if (buffer_size(&c->output) > 0) {
        list_remove(&c->node);
        list_append(&c->echo->ready, &c->node);
    }
}

static void write_output(struct client *c)
{
    int status =
        io_stream_write(c->echo->io, &c->stream, buffer_begin(&c->output), buffer_size(&c->output));

    if (status < 0) {
        close_client(c);
    } else if (status == 1) {
        buffer_clear(&c->output);
    } else {
        c->is_writing = true;
    }
}

static void on_sent(struct io_stream *stream, int status)
{
    struct client *c = container_of(stream, struct client, stream);

    c->is_writing = false;
    buffer_clear(&c->output);
    if (status < 0) {
        close_client(c);
        return;
    }
    io_stream_resume(c->echo->io, stream);
}

static void on_closed(struct io_stream *stream)
{
    struct client *c = container_of(stream, struct client, stream);

    buffer_deinit(&c->input);
    buffer_deinit(&c->output);
    free(c);
}

static void on_accepted(struct io_listener *listener)
{
    struct echo *echo = container_of(listener, struct echo, listener);
    struct client *c = memory_take_zeroed(1, sizeof *c);

    c->echo = echo;
    c->stream = (struct io_stream){
        .room = on_room, .received = on_received, .sent = on_sent, .closed = on_closed};
    list_init(&c->node);
    if (io_accept(echo->io, listener, &c->stream) < 0) {
        free(c);
    }
}

static void on_turn(void *context)
{
    struct echo *echo = context;
    struct list *node;

    echo->turn_count++;
    while ((node = list_first(&echo->ready)) != NULL) {
        list_remove(node);
        write_output(container_of(node, struct client, node));
    }
}

/* --- main ------------------------------------------------------------------ */

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void report(const struct echo *echo)
{
    struct rusage usage;
    double user;
    double kernel;
    double count = echo->command_count == 0 ? 1.0 : (double)echo->command_count;

    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    user = seconds_of(usage.ru_utime);
    kernel = seconds_of(usage.ru_stime);
    printf("commands=%llu turns=%llu user_us=%.3f kernel_us=%.3f cpu_us=%.3f\n",
           (unsigned long long)echo->command_count, (unsigned long long)echo->turn_count,
           user * 1e6 / count, kernel * 1e6 / count, (user + kernel) * 1e6 / count);
}

static void on_signal(void *context, int signal_number)
{
    struct echo *echo = context;

    io_uv_stop(echo->io);
}

int main(int argument_count, char **arguments)
{
    struct echo echo = {.listener = {.accepted = on_accepted}};
    struct io_address address = {.host = "127.0.0.1"};
    uint16_t port;

    if (argument_count != 2) {
        fprintf(stderr, "usage: %s PORT\n", arguments[0]);
        return 2;
    }
    address.port = (uint16_t)strtoul(arguments[1], NULL, 10);
    echo.io = io_uv_new();
    list_init(&echo.ready);
    io_set_turn(echo.io, on_turn, &echo);
    int status = io_listen(echo.io, &echo.listener, &address, &port);

    if (status < 0) {
        fprintf(stderr, "cannot listen on port %u: %s\n", address.port, strerror(-status));
        return 2;
    }
    printf("listening on %u\n", port);
    fflush(stdout);
    io_uv_on_signal(echo.io, SIGINT, on_signal, &echo);
    io_uv_on_signal(echo.io, SIGTERM, on_signal, &echo);
    io_uv_run(echo.io);
    report(&echo);
    io_uv_free(echo.io);
    return 0;
}
