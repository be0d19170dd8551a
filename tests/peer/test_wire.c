/* Frames of the peer protocol: decoding gives what was encoded, and nothing else is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/prng.h"
#include "peer/wire.h"
#include "peer/wire_kind.h"
#include "same_message.h"

static enum wire_result read_frame(const struct buffer *b, struct wire_frame *ret_frame)
{
    return wire_frame(buffer_slice(b), WIRE_BODY_BYTES_MAX, ret_frame);
}

/* The one frame in `b`; until the next call. */
static const struct wire_frame *frame_in(const struct buffer *b, enum wire_type expected)
{
    static struct wire_frame frame;

    assert_int_equal(read_frame(b, &frame), WIRE_FRAME);
    assert_int_equal(frame.type, expected);
    assert_int_equal(frame.size, buffer_size(b));
    return &frame;
}

static struct slice body_of(const struct buffer *b, enum wire_type expected)
{
    return frame_in(b, expected)->body;
}

static const struct wire_frame *frame_of(enum wire_type type, struct slice body)
{
    static struct wire_frame frame;

    frame = (struct wire_frame){.type = type, .kind = wire_kind_of((uint8_t)type), .body = body};
    return &frame;
}

static enum wire_type type_of(enum raft_message_kind kind)
{
    return (enum wire_type)(WIRE_PRE_VOTE + kind - RAFT_PRE_VOTE);
}

/* One of each kind; AppendEntries is the first. */
static const struct raft_message bodies[] = {
    {.kind = RAFT_APPEND_ENTRIES, .append_entries = {16, 17, 18, 22, 0, NULL}},
    {.kind = RAFT_PRE_VOTE, .request_vote = {14, 15, false}},
    {.kind = RAFT_PRE_VOTE_REPLY, .request_vote_reply = {true}},
    {.kind = RAFT_REQUEST_VOTE, .request_vote = {14, 15, true}},
    {.kind = RAFT_REQUEST_VOTE_REPLY, .request_vote_reply = {true}},
    {.kind = RAFT_APPEND_ENTRIES_REPLY, .append_entries_reply = {true, true, 19, 20, 21, 22, 30}},
    {.kind = RAFT_HEARTBEAT, .heartbeat = {18, 19, 22, 31, 32, 33}},
    {.kind = RAFT_HEARTBEAT_REPLY, .heartbeat_reply = {22, 30, true, 34}},
    {.kind = RAFT_TIMEOUT_NOW},
    {.kind = RAFT_INSTALL_SNAPSHOT, .install_snapshot = {24, 25, 26, 27, 28}},
};

static struct wire_message sample(enum raft_message_kind kind)
{
    struct wire_message m = {
        .group = 200, .applied_index = 23, .disk = WIRE_DISK_FULL, .data_bytes_max = 29};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        if (bodies[i].kind == kind) {
            m.message = bodies[i];
        }
    }
    m.message.from = 11;
    m.message.to = 12;
    m.message.term = 13;
    return m;
}

static void test_message__has_the_fields_of_its_kind(void **state)
{
    struct buffer b = {0};

    for (size_t i = 1; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct wire_message in = sample(bodies[i].kind);
        struct wire_message out;

        buffer_clear(&b);
        wire_put_message(&b, &in);
        assert_true(wire_get_message(frame_in(&b, type_of(in.message.kind)), &out));
        assert_same_message(&out.message, &in.message);
        assert_int_equal(out.group, 200);
        assert_int_equal(out.applied_index, 23);
        assert_int_equal(out.disk, WIRE_DISK_FULL);
        assert_int_equal(out.data_bytes_max, 29);
    }
    buffer_deinit(&b);
}

static void test_append__has_the_fields_of_its_kind(void **state)
{
    struct buffer b = {0};
    struct wire_message in = sample(RAFT_APPEND_ENTRIES);
    struct wire_message out;
    struct slice rest;

    (void)state;
    wire_put_entries(&b, &in, NULL, 0);
    assert_true(wire_get_entries(frame_in(&b, WIRE_APPEND), &out, &rest));
    assert_same_message(&out.message, &in.message);
    assert_int_equal(out.message.append_entries.entry_count, 0);
    assert_null(out.message.append_entries.entries);
    assert_int_equal(out.group, 200);
    assert_int_equal(rest.size, 0);
    buffer_deinit(&b);
}

static void test_message__out_of_bounds_is_refused(void **state)
{
    struct wire_message good = sample(RAFT_PRE_VOTE_REPLY);
    struct wire_message out;
    struct buffer b = {0};
    char *body;
    size_t size;

    wire_put_message(&b, &good);
    body = buffer_begin(&b) + WIRE_HEADER_BYTES;
    size = buffer_size(&b) - WIRE_HEADER_BYTES;
    for (size_t i = 0; i <= size + 1; i++) {
        assert_int_equal(wire_get_message(frame_of(WIRE_PRE_VOTE_REPLY, slice_of(body, i)), &out),
                         i == size);
        buffer_append(&b, "", 1);
        body = buffer_begin(&b) + WIRE_HEADER_BYTES;
    }
    body[size - 1] = 2; /* The flag. */
    assert_false(wire_get_message(frame_of(WIRE_PRE_VOTE_REPLY, slice_of(body, size)), &out));
    body[size - 1] = 0;
    body[size - 10] = WIRE_DISK_SPENT + 1;
    assert_false(wire_get_message(frame_of(WIRE_PRE_VOTE_REPLY, slice_of(body, size)), &out));
    body[size - 10] = WIRE_DISK_SPENT;
    assert_true(wire_get_message(frame_of(WIRE_PRE_VOTE_REPLY, slice_of(body, size)), &out));
    put_u64(body, 0); /* From nobody. */
    assert_false(wire_get_message(frame_of(WIRE_PRE_VOTE_REPLY, slice_of(body, size)), &out));
    assert_int_equal(out.message.from, 11); /* Of the good one. */
    buffer_deinit(&b);
}

static struct entry *make_entry(uint64_t term, uint8_t kind, const char *text)
{
    struct entry *e = entry_new(kind, (uint32_t)strlen(text));

    e->term = term;
    e->time_us = 1000000 + term;
    memcpy(e->data, text, e->size);
    return e;
}

static void test_entries__come_out_with_term_time_kind_and_payload(void **state)
{
    struct buffer b = {0};
    struct wire_message in = sample(RAFT_APPEND_ENTRIES);
    struct wire_message out;
    struct slice rest;
    struct entry *entries[] = {make_entry(1, RAFT_NOOP, ""), make_entry(2, RAFT_COMMAND, "hello")};

    wire_put_entries(&b, &in, entries, 2);
    assert_true(wire_get_entries(frame_in(&b, WIRE_APPEND), &out, &rest));
    assert_int_equal(out.message.append_entries.entry_count, 2);
    for (int i = 0; i < 2; i++) {
        struct entry *e = wire_next_entry(&rest);

        assert_non_null(e);
        assert_int_equal(e->term, entries[i]->term);
        assert_int_equal(e->time_us, entries[i]->time_us);
        assert_int_equal(e->kind, entries[i]->kind);
        assert_true(slice_equal(entry_payload(e), entry_payload(entries[i])));
        entry_release(e);
        entry_release(entries[i]);
    }
    assert_int_equal(rest.size, 0);
    buffer_deinit(&b);
}

static void test_large_entry__is_named_by_a_frame_without_its_payload(void **state)
{
    struct buffer b = {0};
    struct wire_message in = sample(RAFT_APPEND_ENTRIES);
    struct wire_message out;
    struct wire_frame frame;
    struct slice rest;
    struct entry *e = entry_new(RAFT_COMMAND, 100000);
    struct entry *copy = entry_new(0, 100000);

    e->term = 5;
    e->time_us = 7;
    wire_put_large_entry(&b, &in, e);
    assert_int_equal(read_frame(&b, &frame), WIRE_FRAME);
    assert_true(wire_get_entries(&frame, &out, &rest));
    assert_int_equal(out.message.append_entries.entry_count, 1);
    assert_int_equal(wire_large_entry_size(rest), 100000);
    assert_true(wire_get_large_entry(rest, copy));
    assert_int_equal(copy->kind, RAFT_COMMAND);
    assert_int_equal(copy->term, 5);
    assert_int_equal(copy->time_us, 7);
    entry_release(e);
    entry_release(copy);
    buffer_deinit(&b);
}

static void test_entries__that_claim_more_than_is_there_are_refused(void **state)
{
    struct buffer b = {0};
    struct wire_message in = sample(RAFT_APPEND_ENTRIES);
    struct wire_message out;
    struct slice rest;
    struct entry *e = make_entry(1, RAFT_COMMAND, "hello");
    char *entry_header;

    wire_put_entries(&b, &in, &e, 1);
    entry_header = buffer_begin(&b) + WIRE_HEADER_BYTES + wire_body_min(wire_kind_of(WIRE_APPEND));
    put_u32(entry_header + 16, 6); /* One byte more than there is. */
    rest = slice_of(entry_header, 24 + 5);
    assert_null(wire_next_entry(&rest));
    put_u32(entry_header + 16, UINT32_MAX);
    assert_null(wire_next_entry(&rest));
    put_u32(entry_header - 4, 1000); /* Entries. */
    assert_false(
        wire_get_entries(frame_of(WIRE_APPEND, slice_of(buffer_begin(&b) + WIRE_HEADER_BYTES,
                                                        buffer_size(&b) - WIRE_HEADER_BYTES)),
                         &out, &rest));
    entry_release(e);
    buffer_deinit(&b);
}

static void test_hello__comes_out_as_it_went_in(void **state)
{
    struct buffer b = {0};
    struct wire_hello in = {.version = WIRE_VERSION,
                            .level = 1,
                            .cluster_id = 2,
                            .from = 3,
                            .to = 4,
                            .incarnation = 5,
                            .channel = WIRE_BULK,
                            .address = {.host = "some.host", .port = 6},
                            .peer_port = 7,
                            .nonce = "thirty-two random bytes are here"};
    struct wire_hello out;
    uint32_t version = 0;

    size_t size = wire_put_hello(&b, &in);

    assert_int_equal(size, body_of(&b, WIRE_HELLO).size);
    assert_true(wire_get_hello_version(body_of(&b, WIRE_HELLO), &version));
    assert_int_equal(version, WIRE_VERSION);
    assert_true(wire_get_hello(body_of(&b, WIRE_HELLO), &out));
    assert_int_equal(out.version, WIRE_VERSION);
    assert_int_equal(out.level, 1);
    assert_int_equal(out.cluster_id, 2);
    assert_int_equal(out.from, 3);
    assert_int_equal(out.to, 4);
    assert_int_equal(out.incarnation, 5);
    assert_int_equal(out.channel, WIRE_BULK);
    assert_string_equal(out.address.host, "some.host");
    assert_int_equal(out.address.port, 6);
    assert_int_equal(out.peer_port, 7);
    assert_memory_equal(out.nonce, in.nonce, sizeof in.nonce);
    buffer_deinit(&b);
}

/* In every version of the protocol it is the first field. */
static void test_hello__begins_with_its_version(void **state)
{
    uint32_t version = 0;

    assert_true(wire_get_hello_version(slice_of("\x06\0\0\0and what it had then", 24), &version));
    assert_int_equal(version, 6);
    assert_false(wire_get_hello_version(slice_of("\x06\0\0", 3), &version));
}

static void test_challenge__comes_out_as_it_went_in(void **state)
{
    struct buffer b = {0};
    struct wire_challenge in = {.listener = 5,
                                .level = 6,
                                .nonce = "thirty-two random bytes are here",
                                .proof = "and thirty-two more to prove it."};
    struct wire_challenge out;
    struct slice body;

    wire_put_challenge(&b, &in);
    body = body_of(&b, WIRE_CHALLENGE);
    assert_true(wire_get_challenge(body, &out));
    assert_int_equal(out.listener, 5);
    assert_int_equal(out.level, 6);
    assert_memory_equal(out.nonce, in.nonce, sizeof in.nonce);
    assert_memory_equal(out.proof, in.proof, sizeof in.proof);
    assert_false(wire_get_challenge(slice_of(body.data, body.size - 1), &out));
    buffer_append(&b, "", 1);
    assert_false(wire_get_challenge(
        slice_of(buffer_begin(&b) + WIRE_HEADER_BYTES, buffer_size(&b) - WIRE_HEADER_BYTES), &out));
    buffer_deinit(&b);
}

static void test_about__is_a_few_printable_characters(void **state)
{
    char program[WIRE_PROGRAM_BYTES_MAX + 1];
    char longest[WIRE_PROGRAM_BYTES_MAX + 2] = "";
    struct buffer b = {0};

    (void)state;
    wire_put_about(&b, "1.2.3-rc4");
    assert_true(wire_get_about(body_of(&b, WIRE_ABOUT), program));
    assert_string_equal(program, "1.2.3-rc4");
    buffer_deinit(&b);

    memset(longest, 'x', sizeof longest - 1);
    assert_false(wire_get_about(slice_str(longest), program));
    longest[WIRE_PROGRAM_BYTES_MAX] = 0;
    assert_true(wire_get_about(slice_str(longest), program));
    assert_string_equal(program, longest);
    assert_false(wire_get_about(slice_str(""), program));
    assert_false(wire_get_about(slice_of("a\0b", 3), program));
    assert_false(wire_get_about(slice_str("1.0 \033[31m"), program));
    assert_false(wire_get_about(slice_str("1.0\r\n"), program));
    assert_string_equal(program, longest); /* Unchanged by what is refused. */
}

static void test_where__is_read_as_written_and_nothing_else_is(void **state)
{
    struct member_address in = {
        .id = 7, .client = {.host = "h.example", .port = 1}, .peer_port = 2};
    struct member_address out;
    struct buffer b = {0};
    char body[12 + 256] = {0};

    (void)state;
    wire_put_where(&b, &in);
    assert_true(wire_get_where(body_of(&b, WIRE_WHERE), &out));
    assert_int_equal(out.id, in.id);
    assert_true(member_address_equal(&out, &in));
    for (size_t size = 0; size <= 12; size++) {
        assert_false(wire_get_where(slice_of(buffer_begin(&b) + WIRE_HEADER_BYTES, size), &out));
    }
    buffer_deinit(&b);

    memset(body, 'x', sizeof body);
    assert_false(wire_get_where(slice_of(body, sizeof body), &out)); /* Too long. */
    assert_true(wire_get_where(slice_of(body, sizeof body - 1), &out));
    body[20] = 0;
    assert_false(wire_get_where(slice_of(body, sizeof body - 1), &out));
}

static void test_hello__with_a_host_that_is_too_long_or_cut_is_refused(void **state)
{
    struct buffer b = {0};
    struct wire_hello in = {
        .version = WIRE_VERSION, .level = 1, .address = {.host = "h", .port = 6}};
    struct wire_hello out = {.from = 77};
    char longest[256];
    struct slice body;

    (void)state;
    wire_put_hello(&b, &in);
    buffer_consume(&b, WIRE_HEADER_BYTES);
    assert_false(wire_get_hello(slice_of(buffer_begin(&b), buffer_size(&b) - 2), &out));
    memset(longest, 'h', sizeof longest);
    buffer_append(&b, longest, sizeof longest - 2); /* One is there. */
    body = buffer_slice(&b);
    assert_int_equal(body.size, WIRE_HELLO_BYTES_MAX);
    buffer_append(&b, "h", 1);
    assert_false(wire_get_hello(buffer_slice(&b), &out));
    assert_int_equal(out.from, 77); /* Unchanged by what is refused. */
    body = slice_of(buffer_begin(&b), WIRE_HELLO_BYTES_MAX);
    assert_true(wire_get_hello(body, &out));
    assert_int_equal(strlen(out.address.host), 255);
    buffer_begin(&b)[WIRE_HELLO_BYTES_MAX - 9] = 0;
    assert_false(wire_get_hello(body, &out));
    buffer_deinit(&b);
}

static void test_forward_and_answer__come_out_as_they_went_in(void **state)
{
    struct buffer b = {0};
    struct wire_forward in = {.correlation = 1,
                              .term = 2,
                              .resp_version = 3,
                              .until_ns = 77,
                              .command = slice_str("command")};
    struct wire_forward out;
    struct wire_answer answer;
    size_t mark;

    in.group = 4;
    wire_put_forward(&b, &in);
    assert_true(wire_get_forward(frame_in(&b, WIRE_FORWARD), &out));
    assert_int_equal(out.group, 4);
    assert_int_equal(out.correlation, 1);
    assert_int_equal(out.term, 2);
    assert_int_equal(out.resp_version, 3);
    assert_false(out.is_logged_read);
    assert_true(slice_equal(out.command, in.command));

    buffer_clear(&b);
    in.is_logged_read = true;
    wire_put_forward(&b, &in);
    assert_true(wire_get_forward(frame_in(&b, WIRE_FORWARD), &out));
    assert_int_equal(out.resp_version, 3);
    assert_true(out.is_logged_read);
    assert_int_equal(out.until_ns, 77);
    assert_true(slice_equal(out.command, in.command));
    assert_false(wire_get_forward(
        frame_of(WIRE_FORWARD, slice_of(body_of(&b, WIRE_FORWARD).data, 25)), &out));
    in.until_ns = 0; /* It must have a time limit. */
    buffer_clear(&b);
    wire_put_forward(&b, &in);
    assert_false(wire_get_forward(frame_in(&b, WIRE_FORWARD), &out));

    buffer_clear(&b);
    mark = wire_begin_answer(&b, 3, 9);
    buffer_append(&b, "+OK\r\n", 5);
    wire_end_answer(&b, mark, WIRE_REPLIED, 77);
    assert_true(wire_get_answer(frame_in(&b, WIRE_ANSWER), &answer));
    assert_int_equal(answer.group, 3);
    assert_int_equal(answer.correlation, 9);
    assert_int_equal(answer.outcome, WIRE_REPLIED);
    assert_int_equal(answer.executed_index, 77);
    assert_true(slice_equal(answer.reply, slice_str("+OK\r\n")));
    buffer_deinit(&b);
}

static void test_clock_and_holds__come_out_as_they_went_in(void **state)
{
    struct buffer b = {0};
    struct wire_holds in = {.clock_ns = 5, .correlation = UINT64_MAX};
    struct wire_holds out;
    struct wire_clock clock;

    wire_put_clock(&b, &(struct wire_clock){12345, 678});
    assert_true(wire_get_clock(body_of(&b, WIRE_CLOCK), &clock));
    assert_int_equal(clock.clock_ns, 12345);
    assert_int_equal(clock.log_us, 678);
    assert_false(wire_get_clock(slice_of(body_of(&b, WIRE_CLOCK).data, 15), &clock));

    buffer_clear(&b);
    wire_put_holds(&b, &in);
    assert_true(wire_get_holds(body_of(&b, WIRE_HOLDS), &out));
    assert_int_equal(out.clock_ns, 5);
    assert_true(out.correlation == UINT64_MAX);
    assert_false(wire_get_holds(slice_of(body_of(&b, WIRE_HOLDS).data, 15), &out));
    buffer_deinit(&b);
}

static void test_abandon__comes_out_as_it_went_in(void **state)
{
    struct buffer b = {0};
    struct wire_abandon in = {.correlation = UINT64_MAX - 1};
    struct wire_abandon out;

    (void)state;
    wire_put_abandon(&b, &in);
    assert_true(wire_get_abandon(frame_in(&b, WIRE_ABANDON), &out));
    assert_int_equal(out.group, 0);
    assert_true(out.correlation == UINT64_MAX - 1);
    assert_false(wire_get_abandon(
        frame_of(WIRE_ABANDON, slice_of(body_of(&b, WIRE_ABANDON).data, 7)), &out));
    buffer_deinit(&b);
}

static void test_read_index__comes_out_as_it_went_in(void **state)
{
    struct buffer b = {0};
    struct wire_read_index in = {.number = UINT64_MAX - 1, .term = 7, .accepts_lease = true};
    struct wire_read_index out;
    struct wire_read_index_reply reply = {.number = 5, .index = UINT64_MAX, .term = 3};
    struct wire_read_index_reply heard;

    (void)state;
    wire_put_read_index(&b, &in);
    assert_true(wire_get_read_index(frame_in(&b, WIRE_READ_INDEX), &out));
    assert_int_equal(out.group, 0);
    assert_true(out.number == UINT64_MAX - 1);
    assert_int_equal(out.term, 7);
    assert_true(out.accepts_lease);
    assert_false(wire_get_read_index(
        frame_of(WIRE_READ_INDEX, slice_of(body_of(&b, WIRE_READ_INDEX).data, 16)), &out));

    buffer_clear(&b);
    wire_put_read_index_reply(&b, &reply);
    assert_true(wire_get_read_index_reply(frame_in(&b, WIRE_READ_INDEX_REPLY), &heard));
    assert_int_equal(heard.number, 5);
    assert_true(heard.index == UINT64_MAX);
    assert_int_equal(heard.term, 3);

    buffer_clear(&b);
    reply.index = 0; /* Nothing is committed there. */
    wire_put_read_index_reply(&b, &reply);
    assert_false(wire_get_read_index_reply(frame_in(&b, WIRE_READ_INDEX_REPLY), &heard));
    buffer_deinit(&b);
}

static void test_frame__waits_for_its_last_byte(void **state)
{
    struct buffer b = {0};
    struct wire_message in = sample(RAFT_HEARTBEAT);
    struct wire_frame frame;

    wire_put_message(&b, &in);
    for (size_t i = 0; i < buffer_size(&b); i++) {
        assert_int_equal(wire_frame(slice_of(buffer_begin(&b), i), WIRE_BODY_BYTES_MAX, &frame),
                         WIRE_MORE);
        assert_true(frame.size > i);
    }
    buffer_deinit(&b);
}

static void test_frame__with_any_bit_flipped_is_not_taken(void **state)
{
    struct buffer b = {0};
    struct wire_message in = sample(RAFT_HEARTBEAT);
    struct wire_frame frame;

    wire_put_message(&b, &in);
    for (size_t bit = 0; bit < buffer_size(&b) * 8; bit++) {
        char *byte = buffer_begin(&b) + bit / 8;

        *byte = (char)(*byte ^ (1 << bit % 8));
        /* A longer size makes it wait for more; otherwise the checksum decides. */
        assert_int_not_equal(read_frame(&b, &frame), WIRE_FRAME);
        *byte = (char)(*byte ^ (1 << bit % 8));
    }
    buffer_deinit(&b);
}

/* In the greeting, nodes of any version understand each other. */
static void test_frame__of_group_0_has_the_bytes_of_older_versions(void **state)
{
    static const char refusal[] = "\x01\0\0\0\x03\0\xff\xff________\x02";
    struct buffer b = {0};
    char *begin;

    (void)state;
    wire_put_refuse(&b, WIRE_OTHER_VERSION);
    begin = buffer_begin(&b);
    assert_memory_equal(begin, refusal, 6);
    assert_memory_equal(begin + WIRE_HEADER_BYTES, refusal + WIRE_HEADER_BYTES, 1);
    assert_true(get_u64(begin + 8) == checksum_seeded("\x02", 1, 1 << 8 | WIRE_REFUSE));
    buffer_deinit(&b);
}

static struct wire_frame put_and_read(struct buffer *b, uint8_t type, size_t size,
                                      enum wire_result *ret_result)
{
    struct wire_frame frame = {0};
    size_t mark = wire_begin(b, (enum wire_type)type);

    memset(buffer_reserve(b, size), 'x', size);
    buffer_commit(b, size);
    wire_end(b, mark);
    *ret_result = read_frame(b, &frame);
    return frame;
}

static void test_frame__of_an_unknown_kind_is_bad_unless_it_may_be_skipped(void **state)
{
    (void)state;
    for (int type = 0; type <= UINT8_MAX; type++) {
        struct buffer b = {0};
        enum wire_result result;
        struct wire_frame frame = put_and_read(&b, (uint8_t)type, 9, &result);
        const struct wire_kind *kind = wire_kind_of((uint8_t)type);

        if (type < WIRE_MAY_BE_SKIPPED && (kind == NULL || wire_body_max(kind) < 8)) {
            assert_true(result == WIRE_BAD || (kind->uses & WIRE_IN_GREETING) != 0);
        } else if (kind == NULL) {
            assert_int_equal(result, WIRE_FRAME);
            assert_null(frame.kind);
            assert_int_equal(frame.size, buffer_size(&b));
        }
        buffer_deinit(&b);
    }
}

static void test_frame__is_no_longer_than_its_kind_allows(void **state)
{
    struct buffer b = {0};
    enum wire_result result;

    (void)state;
    for (uint32_t i = 0; i < wire_kind_count(); i++) {
        const struct wire_kind *kind = wire_kind_at(i);
        uint32_t max = WIRE_FIELDS_BYTES_MAX;

        if ((kind->uses & WIRE_IN_GREETING) != 0 || kind->rest_max > 0) {
            continue;
        }
        put_and_read(&b, (uint8_t)kind->type, max, &result);
        assert_int_equal(result, WIRE_FRAME);
        buffer_clear(&b);
        put_and_read(&b, (uint8_t)kind->type, max + 1, &result);
        assert_int_equal(result, WIRE_BAD);
        buffer_clear(&b);
    }
    put_and_read(&b, UINT8_MAX, WIRE_SKIPPED_BYTES_MAX, &result);
    assert_int_equal(result, WIRE_FRAME);
    buffer_clear(&b);
    put_and_read(&b, UINT8_MAX, WIRE_SKIPPED_BYTES_MAX + 1, &result);
    assert_int_equal(result, WIRE_BAD);
    buffer_deinit(&b);
}

static void test_frame__longer_than_allowed_is_bad_before_it_comes(void **state)
{
    char header[WIRE_HEADER_BYTES] = {0};
    struct wire_frame frame;

    put_u32(header, WIRE_HANDSHAKE_BYTES_MAX + 1);
    header[4] = WIRE_HELLO;
    assert_int_equal(wire_frame(slice_of(header, sizeof header), WIRE_HANDSHAKE_BYTES_MAX, &frame),
                     WIRE_BAD);
}

static void test_decoders__survive_garbage(void **state)
{
    struct prng prng = {.state = 7};

    for (int round = 0; round < 20000; round++) {
        char bytes[200];
        size_t size = (size_t)prng_below(&prng, sizeof bytes);
        struct slice rest = slice_of(bytes, size);
        struct wire_hello hello;
        struct wire_message message;
        struct wire_forward forward;
        struct wire_answer answer;
        struct wire_fetch fetch;
        struct wire_part part;
        enum wire_refusal refusal;
        struct slice entries;
        struct entry *e;

        for (size_t i = 0; i < size; i++) {
            bytes[i] = (char)prng_below(&prng, 6); /* Small numbers get further. */
        }
        (void)wire_get_hello(rest, &hello);
        (void)wire_get_message(frame_of(WIRE_HEARTBEAT, rest), &message);
        (void)wire_get_entries(frame_of(WIRE_APPEND, rest), &message, &entries);
        (void)wire_get_forward(frame_of(WIRE_FORWARD, rest), &forward);
        (void)wire_get_answer(frame_of(WIRE_ANSWER, rest), &answer);
        (void)wire_get_fetch(frame_of(WIRE_FETCH, rest), &fetch);
        (void)wire_get_part(frame_of(WIRE_PART, rest), &part);
        (void)wire_get_refuse(rest, &refusal);
        while ((e = wire_next_entry(&rest)) != NULL) {
            assert_true(e->size <= size);
            entry_release(e);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message__has_the_fields_of_its_kind),
        cmocka_unit_test(test_append__has_the_fields_of_its_kind),
        cmocka_unit_test(test_message__out_of_bounds_is_refused),
        cmocka_unit_test(test_entries__come_out_with_term_time_kind_and_payload),
        cmocka_unit_test(test_large_entry__is_named_by_a_frame_without_its_payload),
        cmocka_unit_test(test_entries__that_claim_more_than_is_there_are_refused),
        cmocka_unit_test(test_hello__comes_out_as_it_went_in),
        cmocka_unit_test(test_hello__begins_with_its_version),
        cmocka_unit_test(test_challenge__comes_out_as_it_went_in),
        cmocka_unit_test(test_about__is_a_few_printable_characters),
        cmocka_unit_test(test_where__is_read_as_written_and_nothing_else_is),
        cmocka_unit_test(test_hello__with_a_host_that_is_too_long_or_cut_is_refused),
        cmocka_unit_test(test_forward_and_answer__come_out_as_they_went_in),
        cmocka_unit_test(test_abandon__comes_out_as_it_went_in),
        cmocka_unit_test(test_read_index__comes_out_as_it_went_in),
        cmocka_unit_test(test_clock_and_holds__come_out_as_they_went_in),
        cmocka_unit_test(test_frame__waits_for_its_last_byte),
        cmocka_unit_test(test_frame__with_any_bit_flipped_is_not_taken),
        cmocka_unit_test(test_frame__of_group_0_has_the_bytes_of_older_versions),
        cmocka_unit_test(test_frame__of_an_unknown_kind_is_bad_unless_it_may_be_skipped),
        cmocka_unit_test(test_frame__is_no_longer_than_its_kind_allows),
        cmocka_unit_test(test_frame__longer_than_allowed_is_bad_before_it_comes),
        cmocka_unit_test(test_decoders__survive_garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
