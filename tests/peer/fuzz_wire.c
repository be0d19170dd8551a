/* fuzz_wire.c - fuzz target: the body of a peer's frame, after a byte with its kind. What is
 * decoded and encoded again is the same bytes. Then the input is also parsed as a whole frame. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "fuzz_input.h"
#include "peer/wire_kind.h"

/* One frame was written to `out`: it must be complete and have this body. */
static void check_same(struct buffer *out, enum wire_type type, struct slice body)
{
    struct wire_frame found;

    CHECK(wire_frame(buffer_slice(out), WIRE_BODY_BYTES_MAX, &found) == WIRE_FRAME);
    CHECK(found.size == buffer_size(out));
    CHECK(found.type == type);
    CHECK(slice_equal(found.body, body));
}

static void try_handshake(enum wire_type type, struct slice body, struct buffer *out)
{
    struct wire_hello hello;
    enum wire_refusal refusal;
    char program[WIRE_PROGRAM_BYTES_MAX + 1];
    struct member_address where;
    struct figures figures;
    struct wire_challenge challenge;

    if (type == WIRE_HELLO && wire_get_hello(body, &hello)) {
        CHECK(memchr(hello.address.host, 0, sizeof hello.address.host) != NULL);
        wire_put_hello(out, &hello);
        check_same(out, type, body);
    } else if (type == WIRE_CHALLENGE && wire_get_challenge(body, &challenge)) {
        wire_put_challenge(out, &challenge);
        check_same(out, type, body);
    } else if (type == WIRE_ABOUT && wire_get_about(body, program)) {
        wire_put_about(out, program);
        check_same(out, type, body);
    } else if (type == WIRE_FIGURES && wire_get_figures(body, &figures)) {
        wire_put_figures(out, &figures);
        check_same(out, type, body);
    } else if (type == WIRE_WHERE && wire_get_where(body, &where)) {
        CHECK(memchr(where.client.host, 0, sizeof where.client.host) != NULL);
        wire_put_where(out, &where);
        check_same(out, type, body);
    } else if (type == WIRE_REFUSE && wire_get_refuse(body, &refusal)) {
        CHECK(strcmp(wire_refusal_text(refusal), "unknown reason") != 0);
        wire_put_refuse(out, refusal);
        check_same(out, type, body);
    }
}

static void try_entries(const struct wire_frame *frame, struct buffer *out)
{
    struct wire_message m;
    struct slice rest;
    uint32_t count = 0;

    if (!wire_get_entries(frame, &m, &rest)) {
        return;
    }
    CHECK(m.message.kind == RAFT_APPEND_ENTRIES);

    uint32_t announced_count = m.message.append_entries.entry_count;

    CHECK(announced_count <= frame->body.size);

    struct entry **entries = memory_take(announced_count * sizeof *entries);

    while (count < announced_count && (entries[count] = wire_next_entry(&rest)) != NULL) {
        count++;
    }
    if (count == announced_count && rest.size == 0) {
        wire_put_entries(out, &m, entries, count);
        check_same(out, WIRE_APPEND, frame->body);
    }
    while (count > 0) {
        entry_release(entries[--count]);
    }
    free(entries);
}

static void try_message(const struct wire_frame *frame, struct buffer *out)
{
    struct wire_message m;

    if (wire_get_message(frame, &m)) {
        CHECK(m.message.kind != RAFT_APPEND_ENTRIES);
        wire_put_message(out, &m);
        check_same(out, frame->type, frame->body);
    }
}

static void try_forwarding(const struct wire_frame *frame, struct buffer *out)
{
    enum wire_type type = frame->type;
    struct slice body = frame->body;
    struct wire_forward forward;
    struct wire_abandon abandon;
    struct wire_answer answer;
    struct wire_fetch fetch;
    struct wire_part part;
    struct wire_digest digest;
    struct wire_damaged damaged;
    struct wire_holds holds;
    struct wire_read_index read_index;
    struct wire_read_index_reply read_index_reply;
    struct wire_clock clock;

    if (type == WIRE_CLOCK && wire_get_clock(body, &clock)) {
        wire_put_clock(out, &clock);
        check_same(out, type, body);
    } else if (type == WIRE_HOLDS && wire_get_holds(body, &holds)) {
        wire_put_holds(out, &holds);
        check_same(out, type, body);
    } else if (type == WIRE_FORWARD && wire_get_forward(frame, &forward)) {
        wire_put_forward(out, &forward);
        check_same(out, type, body);
    } else if (type == WIRE_ABANDON && wire_get_abandon(frame, &abandon)) {
        wire_put_abandon(out, &abandon);
        check_same(out, type, body);
    } else if (type == WIRE_READ_INDEX && wire_get_read_index(frame, &read_index)) {
        wire_put_read_index(out, &read_index);
        check_same(out, type, body);
    } else if (type == WIRE_READ_INDEX_REPLY &&
               wire_get_read_index_reply(frame, &read_index_reply)) {
        wire_put_read_index_reply(out, &read_index_reply);
        check_same(out, type, body);
    } else if (type == WIRE_FETCH && wire_get_fetch(frame, &fetch)) {
        wire_put_fetch(out, &fetch);
        check_same(out, type, body);
    } else if (type == WIRE_PART && wire_get_part(frame, &part)) {
        wire_put_part(out, &part);
        check_same(out, type, body);
    } else if (type == WIRE_DAMAGED && wire_get_damaged(frame, &damaged)) {
        wire_put_damaged(out, &damaged);
        check_same(out, type, body);
    } else if (type == WIRE_DIGEST && wire_get_digest(frame, &digest)) {
        wire_put_digest(out, &digest);
        check_same(out, type, body);
    } else if (type == WIRE_ANSWER && wire_get_answer(frame, &answer)) {
        size_t mark = wire_begin_answer(out, answer.group, answer.correlation);

        buffer_append_slice(out, answer.reply);
        wire_end_answer(out, mark, answer.outcome, answer.executed_index);
        check_same(out, type, body);
    }
}

static void try_body(const struct wire_frame *frame)
{
    struct buffer out = {0};

    if (wire_is_message(frame->type)) {
        try_message(frame, &out);
    } else if (frame->type == WIRE_APPEND) {
        try_entries(frame, &out);
    } else if (frame->type == WIRE_FORWARD || frame->type == WIRE_ANSWER ||
               frame->type == WIRE_CLOCK || frame->type == WIRE_HOLDS ||
               frame->type == WIRE_ABANDON || frame->type == WIRE_FETCH ||
               frame->type == WIRE_PART || frame->type == WIRE_DIGEST ||
               frame->type == WIRE_DAMAGED || frame->type == WIRE_READ_INDEX ||
               frame->type == WIRE_READ_INDEX_REPLY) {
        try_forwarding(frame, &out);
    } else {
        try_handshake(frame->type, frame->body, &out);
    }
    buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct wire_frame frame;

    switch (wire_frame(input, WIRE_HANDSHAKE_BYTES_MAX, &frame)) {
    case WIRE_FRAME:
        CHECK(frame.size <= size);
        CHECK(frame.body.size <= WIRE_HANDSHAKE_BYTES_MAX);
        break;
    case WIRE_MORE:
        CHECK(frame.size > size);
        CHECK(frame.size <= WIRE_HEADER_BYTES + WIRE_HANDSHAKE_BYTES_MAX);
        break;
    case WIRE_BAD:
        break;
    }
    if (size > 0) {
        frame.kind = wire_kind_at((uint32_t)fuzz_number(&input, 1) % wire_kind_count());
        frame.type = frame.kind->type;
        frame.group = (uint8_t)size;
        frame.body = input;
        try_body(&frame);
    }
    return 0;
}
