/* fuzz_link.c - fuzz target: a stream of bytes into a link, split anywhere. The input says what
 * the other end sends: good frames, damaged frames, and plain bytes. Each good frame before the
 * first damage must be delivered, once and in order; a damaged one must end the link; and the
 * result must not depend on the splits.
 *
 * The three calls of io.h that a link makes are implemented here. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/prng.h"
#include "fuzz_input.h"
#include "peer/link.h"
#include "peer/wire_kind.h"

enum { FRAMES_MAX = 64 };

struct io {
    bool is_closed;
};

uint64_t io_now_ns(struct io *io)
{
    (void)io;
    return 1;
}

uint64_t io_spent_ns(struct io *io)
{
    (void)io;
    return 0;
}

void io_stream_resume(struct io *io, struct io_stream *stream)
{
    (void)io;
    (void)stream;
}

int io_stream_write(struct io *io, struct io_stream *stream, const void *data, size_t size)
{
    (void)io;
    (void)stream;
    (void)data;
    (void)size;
    return 1;
}

void io_stream_close(struct io *io, struct io_stream *stream)
{
    (void)stream;
    CHECK(!io->is_closed);
    io->is_closed = true;
}

/* --- what is sent ------------------------------------------------------------------- */

struct script {
    struct buffer stream;
    struct buffer expected; /* Of the expected frames; see note(). */
    bool is_damaged;        /* After this, nothing is expected. */
    bool is_plain;          /* Plain bytes may form frames, too. */
};

static void note(struct buffer *trace, enum wire_type type, uint8_t group, struct slice body)
{
    buffer_printf(trace, "%d:%d:%zu:", (int)type, (int)group, body.size);
    buffer_append_slice(trace, body);
}

static void send_frame(struct script *s, struct slice *input, bool is_good)
{
    uint64_t choice = fuzz_number(input, 1);
    const struct wire_kind *kind = wire_kind_at((uint32_t)choice % wire_kind_count());
    enum wire_type type = kind->type;
    uint64_t flip = is_good ? 0 : fuzz_number(input, 2);
    struct slice body = fuzz_piece(input);
    uint8_t group = (uint8_t)(choice >> 4);
    size_t mark = wire_begin_of(&s->stream, type, group);

    buffer_append_slice(&s->stream, body);
    wire_end(&s->stream, mark);
    if (body.size > WIRE_HANDSHAKE_BYTES_MAX ||
        ((kind->uses & WIRE_IN_GREETING) == 0 &&
         body.size > WIRE_FIELDS_BYTES_MAX + kind->rest_max)) {
        s->is_damaged = true;
    }
    if (!is_good) {
        size_t size = buffer_size(&s->stream) - mark;
        char *byte = buffer_begin(&s->stream) + mark + flip % size;

        *byte = (char)(*byte ^ (1 << (choice >> 5)));
        s->is_damaged = true;
    }
    if (!s->is_damaged) {
        note(&s->expected, type, group, body);
    }
}

static void write_script(struct script *s, struct slice input)
{
    for (int i = 0; i < FRAMES_MAX && input.size > 0; i++) {
        switch (fuzz_number(&input, 1) % 4) {
        case 0:
        case 1:
            send_frame(s, &input, true);
            break;
        case 2:
            send_frame(s, &input, false);
            break;
        default:
            buffer_append_slice(&s->stream, fuzz_piece(&input));
            s->is_plain = true;
            s->is_damaged = true;
        }
    }
}

/* --- what comes out ----------------------------------------------------------------- */

static void frame_came(struct link *link, const struct wire_frame *frame)
{
    note(link->context, frame->type, frame->group, frame->body);
}

static void link_has_closed(struct link *link)
{
    CHECK(!link->is_open);
}

/* Feeds the stream in pieces of at most `most` bytes. Returns whether the link ended. */
static bool feed(struct slice stream, uint64_t most, struct buffer *trace)
{
    struct io io = {0};
    struct link link;
    struct prng prng = {.state = most};

    link_init(&link, &io, frame_came, link_has_closed, trace);
    link_opened(&link);
    while (stream.size > 0 && !io.is_closed) {
        size_t room = 0;
        char *to = link.stream.room(&link.stream, &room);
        struct slice piece = fuzz_bytes(&stream, (size_t)prng_between(&prng, 1, most));

        CHECK(room > 0);
        CHECK(piece.size <= room);
        memcpy(to, piece.data, piece.size);
        link.stream.received(&link.stream, (int64_t)piece.size);
        /* Only the rest of one frame ever waits. */
        CHECK(io.is_closed || buffer_size(&link.in) < WIRE_HEADER_BYTES + WIRE_HANDSHAKE_BYTES_MAX);
    }

    bool has_ended = io.is_closed;

    if (!has_ended) {
        link.stream.received(&link.stream, 0);
    }
    link.stream.closed(&link.stream);
    link_deinit(&link);
    return has_ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = {0};
    struct buffer pieces = {0};
    struct buffer whole = {0};

    write_script(&s, slice_of(data, size));

    bool has_ended = feed(buffer_slice(&s.stream), 64 * 1024, &whole);

    CHECK(feed(buffer_slice(&s.stream), 7, &pieces) == has_ended);
    CHECK(slice_equal(buffer_slice(&pieces), buffer_slice(&whole)));
    CHECK(buffer_size(&whole) >= buffer_size(&s.expected));
    CHECK(slice_equal(buffer_slice(&s.expected),
                      slice_of(buffer_slice(&whole).data, buffer_size(&s.expected))));
    /* Damage may have made a valid header by chance (its checksum has 16 bits): then the link
     * waits for the rest of the frame. */
    CHECK(!has_ended || s.is_damaged);
    CHECK(s.is_plain || buffer_size(&whole) == buffer_size(&s.expected));
    buffer_deinit(&s.stream);
    buffer_deinit(&s.expected);
    buffer_deinit(&pieces);
    buffer_deinit(&whole);
    return 0;
}
