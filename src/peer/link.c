/* link.c - framing over one stream. */
#include "peer/link.h"

enum {
    LINK_READ_BYTES = 64 * 1024,
    LINK_KEEP_BYTES = 1024 * 1024,     /* Larger buffers are freed when empty. */
    LINK_GROW_BYTES = 4 * 1024 * 1024, /* Of a longer frame, this much must arrive before room
                                        * for all is allocated. */
};

static const uint64_t LINK_SPENT_NS = 4 * 1000 * 1000;

static struct link *link_of(struct io_stream *stream)
{
    return container_of(stream, struct link, stream);
}

/* Room for a long frame is allocated only when a good part of it has arrived. */
static char *link_room(struct io_stream *stream, size_t *ret_size)
{
    struct link *link = link_of(stream);
    size_t wanted = LINK_READ_BYTES;
    size_t have = buffer_size(&link->in);

    /* The other connections, and the turn, come first: heartbeats are there. */
    if (link->body_max > WIRE_HANDSHAKE_BYTES_MAX && io_spent_ns(link->io) >= LINK_SPENT_NS) {
        link->is_paused = true;
        *ret_size = 0;
        return NULL;
    }

    if (have >= WIRE_HEADER_BYTES) {
        struct wire_frame frame;

        if (wire_frame(slice_of(buffer_begin(&link->in), WIRE_HEADER_BYTES), link->body_max,
                       &frame) == WIRE_MORE &&
            frame.size > have && frame.size - have > wanted) {
            /* Once enough has arrived, makes room for the whole frame, so that it is copied only
             * once. */
            wanted = have < LINK_GROW_BYTES && frame.size - have > LINK_GROW_BYTES
                         ? LINK_GROW_BYTES
                         : frame.size - have;
        }
    }
    *ret_size = wanted;
    return buffer_reserve(&link->in, wanted);
}

static void link_received(struct io_stream *stream, int64_t size)
{
    struct link *link = link_of(stream);

    if (size <= 0) {
        link_close(link);
        return;
    }
    buffer_commit(&link->in, (size_t)size);
    link->heard_ns = io_now_ns(link->io);
    while (!link->is_closing) {
        struct wire_frame frame;
        enum wire_result result = wire_frame(buffer_slice(&link->in), link->body_max, &frame);

        if (result == WIRE_MORE) {
            break;
        }
        if (result == WIRE_BAD) {
            link_close(link);
            return;
        }
        link->frame(link, &frame);
        buffer_consume(&link->in, frame.size);
    }
    if (buffer_size(&link->in) == 0) {
        buffer_trim(&link->in, LINK_KEEP_BYTES);
    }
}

static void link_sent(struct io_stream *stream, int status)
{
    struct link *link = link_of(stream);

    link->is_sending = false;
    buffer_trim(&link->sending, LINK_KEEP_BYTES);
    if (status < 0) {
        link_close(link);
    }
}

static void link_stream_closed(struct io_stream *stream)
{
    struct link *link = link_of(stream);

    link->is_open = false;
    link->is_sending = false;
    link->is_closing = false;
    buffer_trim(&link->in, 0);
    buffer_trim(&link->out, 0);
    buffer_trim(&link->sending, 0);
    link->closed(link);
}

void link_init(struct link *link, struct io *io,
               void (*frame)(struct link *link, const struct wire_frame *frame),
               void (*closed)(struct link *link), void *context)
{
    *link = (struct link){
        .io = io,
        .stream = {.room = link_room,
                   .received = link_received,
                   .sent = link_sent,
                   .closed = link_stream_closed},
        .body_max = WIRE_HANDSHAKE_BYTES_MAX,
        .frame = frame,
        .closed = closed,
        .context = context,
    };
}

void link_opened(struct link *link)
{
    link->is_open = true;
    link->is_paused = false;
    link->body_max = WIRE_HANDSHAKE_BYTES_MAX;
    link->heard_ns = io_now_ns(link->io);
}

void link_deinit(struct link *link)
{
    buffer_deinit(&link->in);
    buffer_deinit(&link->out);
    buffer_deinit(&link->sending);
}

void link_resume(struct link *link)
{
    if (link->is_paused && link->is_open && !link->is_closing) {
        link->is_paused = false;
        io_stream_resume(link->io, &link->stream);
    }
}

void link_close(struct link *link)
{
    if (link->is_open && !link->is_closing) {
        link->is_closing = true;
        io_stream_close(link->io, &link->stream);
    }
}

/* Gives bytes to the stream; false if it has to wait, or has ended. */
static bool send_bytes(struct link *link, const void *data, size_t size)
{
    int result = io_stream_write(link->io, &link->stream, data, size);

    if (result < 0) {
        link_close(link);
    }
    link->is_sending = result == 0;
    return result == 1;
}

static bool send_collected(struct link *link)
{
    struct buffer swap = link->sending;

    link->sending = link->out;
    link->out = swap;
    if (!send_bytes(link, buffer_begin(&link->sending), buffer_size(&link->sending))) {
        return false;
    }
    buffer_trim(&link->sending, LINK_KEEP_BYTES);
    return true;
}

void link_flush(struct link *link)
{
    bool goes_on = link->is_open && !link->is_closing && !link->is_sending;

    while (goes_on) {
        goes_on = buffer_size(&link->out) > 0 && send_collected(link);
    }
}

size_t link_backlog_bytes(const struct link *link)
{
    return buffer_size(&link->out) + (link->is_sending ? buffer_size(&link->sending) : 0);
}

bool link_is_amid(const struct link *link, enum wire_type type)
{
    return link->is_open && !link->is_closing && buffer_size(&link->in) > WIRE_HEADER_BYTES &&
           buffer_begin(&link->in)[4] == (char)type;
}
