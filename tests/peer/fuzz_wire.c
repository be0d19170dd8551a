/* fuzz_wire.c - fuzz target: the body of a peer's frame, behind one byte that says
 * its type. What is read from it, written again, is the same bytes. Then the bytes
 * are looked at as a frame themselves, as they are. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "fuzz_input.h"
#include "peer/wire.h"

/* One frame was written to `out`: it must be whole and have this body. */
static void check_same(struct buffer *out, enum wire_type type, struct slice body)
{
    enum wire_type found_type;
    struct slice found;
    size_t size = 0;

    CHECK(wire_frame(buffer_slice(out), WIRE_BODY_BYTES_MAX, &found_type, &found, &size) ==
          WIRE_FRAME);
    CHECK(size == buffer_size(out));
    CHECK(found_type == type);
    CHECK(slice_equal(found, body));
}

static void try_handshake(enum wire_type type, struct slice body, struct buffer *out)
{
    struct wire_hello hello;
    enum wire_refusal refusal;
    char program[WIRE_PROGRAM_BYTES_MAX + 1];
    struct member_address where;
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

static void try_entries(struct slice body, struct buffer *out)
{
    struct wire_message m;
    struct slice rest;
    uint32_t count = 0;

    if (!wire_get_entries(body, &m, &rest)) {
        return;
    }
    CHECK(m.message.kind == RAFT_APPEND_ENTRIES);
    CHECK(m.message.entry_count <= body.size);

    struct entry **entries = memory_take(m.message.entry_count * sizeof *entries);

    while (count < m.message.entry_count && (entries[count] = wire_next_entry(&rest)) != NULL) {
        count++;
    }
    if (count == m.message.entry_count && rest.size == 0) {
        wire_put_entries(out, &m, entries, count);
        check_same(out, WIRE_ENTRIES, body);
    }
    while (count > 0) {
        entry_release(entries[--count]);
    }
    free(entries);
}

static void try_message(struct slice body, struct buffer *out)
{
    struct wire_message m;

    if (wire_get_message(body, &m)) {
        CHECK(m.message.kind != RAFT_APPEND_ENTRIES);
        wire_put_message(out, &m);
        check_same(out, WIRE_MESSAGE, body);
    }
}

static void try_forwarding(enum wire_type type, struct slice body, struct buffer *out)
{
    struct wire_forward forward;
    struct wire_answer answer;
    struct wire_holds holds;
    uint64_t clock_ns;

    if (type == WIRE_CLOCK && wire_get_clock(body, &clock_ns)) {
        wire_put_clock(out, clock_ns);
        check_same(out, type, body);
    } else if (type == WIRE_HOLDS && wire_get_holds(body, &holds)) {
        wire_put_holds(out, &holds);
        check_same(out, type, body);
    } else if (type == WIRE_FORWARD && wire_get_forward(body, &forward)) {
        wire_put_forward(out, &forward);
        check_same(out, type, body);
    } else if (type == WIRE_ANSWER && wire_get_answer(body, &answer)) {
        size_t mark = wire_begin_answer(out, answer.correlation);

        buffer_append_slice(out, answer.reply);
        wire_end_answer(out, mark, answer.outcome, answer.executed_index);
        check_same(out, type, body);
    }
}

static void try_body(enum wire_type type, struct slice body)
{
    struct buffer out = {0};

    if (type == WIRE_MESSAGE) {
        try_message(body, &out);
    } else if (type == WIRE_ENTRIES) {
        try_entries(body, &out);
    } else if (type == WIRE_FORWARD || type == WIRE_ANSWER) {
        try_forwarding(type, body, &out);
    } else {
        try_handshake(type, body, &out);
    }
    buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    enum wire_type type;
    struct slice body;
    size_t frame_size = 0;

    switch (wire_frame(input, WIRE_HANDSHAKE_BYTES_MAX, &type, &body, &frame_size)) {
    case WIRE_FRAME:
        CHECK(frame_size <= size);
        CHECK(body.size <= WIRE_HANDSHAKE_BYTES_MAX);
        break;
    case WIRE_MORE:
        CHECK(frame_size > size);
        CHECK(frame_size <= WIRE_HEADER_BYTES + WIRE_HANDSHAKE_BYTES_MAX);
        break;
    case WIRE_BAD:
        break;
    }
    if (size > 0) {
        type = (enum wire_type)(WIRE_HELLO + fuzz_number(&input, 1) % WIRE_PROOF);
        try_body(type, input);
    }
    return 0;
}
