/* talk.c - see talk.h. */
#include "sim/cluster/talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"

enum { ROOM_BYTES = 4096 };

/* Bytes of the reply at the start of `text`; 0: it is incomplete. */
static size_t reply_size(struct slice text)
{
    const char *end = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);

    if (end == NULL) {
        return 0;
    }
    size_t line = (size_t)(end - text.data) + 1;
    int64_t number = strtoll(text.data + 1, NULL, 10); /* strtoll() stops at the end of the line. */

    if (text.data[0] == '$' && number >= 0) {
        size_t whole = line + (size_t)number + 2;

        return whole <= text.size ? whole : 0;
    }
    if (text.data[0] == '*' || text.data[0] == '>' || text.data[0] == '%') {
        for (int64_t i = 0; i < (text.data[0] == '%' ? 2 * number : number); i++) {
            size_t item = reply_size(slice_of(text.data + line, text.size - line));

            if (item == 0) {
                return 0;
            }
            line += item;
        }
    }
    return line;
}

static char *talk_room(struct io_stream *stream, size_t *ret_size)
{
    struct talk *talk = container_of(stream, struct talk, stream);

    *ret_size = ROOM_BYTES;
    return buffer_reserve(&talk->in, ROOM_BYTES);
}

static void talk_received(struct io_stream *stream, int64_t size)
{
    struct talk *talk = container_of(stream, struct talk, stream);
    size_t whole;

    if (size <= 0) {
        talk_close(talk);
        return;
    }
    buffer_commit(&talk->in, (size_t)size);
    while (talk->phase == TALK_OPEN && (whole = reply_size(buffer_slice(&talk->in))) > 0) {
        talk->replied(talk, slice_of(buffer_begin(&talk->in), whole));
        buffer_consume(&talk->in, whole);
    }
}

static void talk_sent(struct io_stream *stream, int status)
{
    struct talk *talk = container_of(stream, struct talk, stream);

    talk->is_sending = false;
    if (status < 0) {
        talk_close(talk);
        return;
    }
    talk_flush(talk);
}

static void talk_ended(struct talk *talk)
{
    talk->phase = TALK_CLOSED;
    talk->is_sending = false;
    buffer_clear(&talk->in);
    buffer_clear(&talk->out);
    buffer_clear(&talk->sending);
    talk->closed(talk);
}

static void talk_stream_closed(struct io_stream *stream)
{
    talk_ended(container_of(stream, struct talk, stream));
}

static void talk_connected(struct io_connect *connect, int status)
{
    struct talk *talk = container_of(connect, struct talk, connect);

    if (status < 0) {
        talk_ended(talk);
    } else {
        talk->phase = TALK_OPEN;
        talk->opened(talk);
    }
}

void talk_init(struct talk *talk, struct io *io)
{
    talk->io = io;
    talk->connect.connected = talk_connected;
    talk->stream = (struct io_stream){.room = talk_room,
                                      .received = talk_received,
                                      .sent = talk_sent,
                                      .closed = talk_stream_closed};
}

void talk_deinit(struct talk *talk)
{
    buffer_deinit(&talk->in);
    buffer_deinit(&talk->out);
    buffer_deinit(&talk->sending);
}

void talk_open(struct talk *talk, const struct io_address *address)
{
    CHECK(talk->phase == TALK_CLOSED);
    talk->phase = TALK_CONNECTING;
    io_connect(talk->io, &talk->connect, &talk->stream, address);
}

void talk_command(struct talk *talk, const struct slice *arguments, uint32_t count)
{
    buffer_printf(&talk->out, "*%u\r\n", count);
    for (uint32_t i = 0; i < count; i++) {
        buffer_printf(&talk->out, "$%zu\r\n", arguments[i].size);
        buffer_append(&talk->out, arguments[i].data, arguments[i].size);
        buffer_append(&talk->out, "\r\n", 2);
    }
}

void talk_flush(struct talk *talk)
{
    while (talk->phase == TALK_OPEN && !talk->is_sending && buffer_size(&talk->out) > 0) {
        struct buffer swap = talk->sending;

        talk->sending = talk->out;
        talk->out = swap;
        buffer_clear(&talk->out);
        int result = io_stream_write(talk->io, &talk->stream, buffer_begin(&talk->sending),
                                     buffer_size(&talk->sending));

        if (result < 0) {
            talk_close(talk);
        }
        talk->is_sending = result == 0;
    }
}

void talk_close(struct talk *talk)
{
    if (talk->phase == TALK_CONNECTING) {
        io_connect_cancel(talk->io, &talk->connect);
        talk->phase = TALK_CLOSING;
    } else if (talk->phase == TALK_OPEN) {
        talk->phase = TALK_CLOSING;
        io_stream_close(talk->io, &talk->stream);
    }
}
