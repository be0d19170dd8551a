/* wire.c - encoding and decoding of peer frames. Layouts: docs/WIRE.md. */
#include "peer/wire.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/mutant.h"

enum {
    WIRE_MESSAGE_BYTES = 112,
    WIRE_ENTRY_HEADER_BYTES = 24,
    WIRE_HELLO_BYTES = 86, /* And the host's name. */
    WIRE_CHALLENGE_BYTES = 8 + PROOF_NONCE_BYTES + PROOF_BYTES,
    WIRE_WHERE_BYTES = 12, /* And the host's name. */
    WIRE_FORWARD_BYTES = 32,
    FORWARD_LOGGED_READ = 0x100, /* Beside the version of the reply's protocol. */
    WIRE_CLOCK_BYTES = 8,
    WIRE_HOLDS_BYTES = 16,
    WIRE_ANSWER_BYTES = 24,
};

_Static_assert(WIRE_HELLO_BYTES_MAX ==
                   (size_t)WIRE_HELLO_BYTES + sizeof((struct io_address *)NULL)->host - 1,
               "the longest host fits, and no more");
_Static_assert((int)WIRE_HELLO_BYTES_MAX <= (int)WIRE_HANDSHAKE_BYTES_MAX &&
                   (int)WIRE_HANDSHAKE_BYTES_MAX == (int)PROOF_HELLO_BYTES_MAX,
               "every hello can be proven");

/* The checksum covers group, size and type too: they seed it. */
static uint64_t frame_seed(const char *header)
{
    return (uint64_t)(uint8_t)header[5] << 40 | (uint64_t)get_u32(header) << 8 | (uint8_t)header[4];
}

static uint64_t frame_checksum(const char *header)
{
    return checksum_seeded(header + WIRE_HEADER_BYTES, get_u32(header), frame_seed(header));
}

/* Of size, type and group alone: a damaged size must be noticed before
 * anybody waits for so many bytes. */
static uint16_t header_check(const char *header)
{
    return (uint16_t)checksum(header, 6);
}

size_t wire_begin(struct buffer *out, enum wire_type type)
{
    return wire_begin_of(out, type, 0);
}

size_t wire_begin_of(struct buffer *out, enum wire_type type, uint8_t group)
{
    size_t mark = buffer_size(out);
    char *header = buffer_reserve(out, WIRE_HEADER_BYTES);

    memset(header, 0, WIRE_HEADER_BYTES);
    header[4] = (char)type;
    header[5] = (char)group;
    buffer_commit(out, WIRE_HEADER_BYTES);
    return mark;
}

void wire_end(struct buffer *out, size_t mark)
{
    char *header = buffer_begin(out) + mark;
    size_t size = buffer_size(out) - mark - WIRE_HEADER_BYTES;

    CHECK(size <= WIRE_BODY_BYTES_MAX);
    put_u32(header, (uint32_t)size);
    put_u16(header + 6, header_check(header));
    put_u64(header + 8, frame_checksum(header));
}

enum wire_result wire_frame(struct slice input, uint64_t body_max, struct wire_frame *ret_frame)
{
    if (input.size < WIRE_HEADER_BYTES) {
        ret_frame->size = WIRE_HEADER_BYTES;
        return WIRE_MORE;
    }

    uint32_t size = get_u32(input.data);
    uint8_t type = (uint8_t)input.data[4];

    if (size > body_max || type < WIRE_HELLO || type > WIRE_PROOF ||
        get_u16(input.data + 6) != header_check(input.data)) {
        return WIRE_BAD;
    }
    ret_frame->size = WIRE_HEADER_BYTES + (size_t)size;
    if (input.size < ret_frame->size) {
        return WIRE_MORE;
    }
    if (get_u64(input.data + 8) != frame_checksum(input.data) && !MUTANT(frame_checksum_ignored)) {
        return WIRE_BAD;
    }
    ret_frame->type = (enum wire_type)type;
    ret_frame->group = (uint8_t)input.data[5];
    ret_frame->body = slice_of(input.data + WIRE_HEADER_BYTES, size);
    return WIRE_FRAME;
}

bool wire_has_group(const struct wire_frame *frame)
{
    return frame->group < WIRE_GROUPS || MUTANT(any_group_taken);
}

/* --- handshake ----------------------------------------------------------------------- */

size_t wire_put_hello(struct buffer *out, const struct wire_hello *hello)
{
    size_t mark = wire_begin(out, WIRE_HELLO);
    size_t host_size = strlen(hello->address.host);
    char *to = buffer_reserve(out, WIRE_HELLO_BYTES + host_size);

    CHECK(host_size < sizeof hello->address.host);
    put_u32(to, hello->version);
    put_u64(to + 4, hello->features);
    put_u64(to + 12, hello->cluster_id);
    put_u64(to + 20, hello->from);
    put_u64(to + 28, hello->to);
    put_u64(to + 36, hello->incarnation);
    put_u16(to + 44, (uint16_t)hello->channel);
    put_u16(to + 46, hello->address.port);
    put_u16(to + 48, hello->peer_port);
    put_u32(to + 50, (uint32_t)host_size);
    memcpy(to + 54, hello->nonce, PROOF_NONCE_BYTES);
    memcpy(to + WIRE_HELLO_BYTES, hello->address.host, host_size);
    buffer_commit(out, WIRE_HELLO_BYTES + host_size);
    wire_end(out, mark);
    return WIRE_HELLO_BYTES + host_size;
}

bool wire_get_hello(struct slice body, struct wire_hello *ret_hello)
{
    if (body.size < WIRE_HELLO_BYTES) {
        return false;
    }

    const char *from = body.data;
    uint32_t host_size = get_u32(from + 50);

    if (host_size >= sizeof ret_hello->address.host ||
        body.size != WIRE_HELLO_BYTES + (size_t)host_size ||
        memchr(from + WIRE_HELLO_BYTES, 0, host_size) != NULL || get_u16(from + 44) > WIRE_BULK) {
        return false;
    }
    ret_hello->version = get_u32(from);
    ret_hello->features = get_u64(from + 4);
    ret_hello->cluster_id = get_u64(from + 12);
    ret_hello->from = get_u64(from + 20);
    ret_hello->to = get_u64(from + 28);
    ret_hello->incarnation = get_u64(from + 36);
    ret_hello->channel = (enum wire_channel)get_u16(from + 44);
    ret_hello->address.port = get_u16(from + 46);
    ret_hello->peer_port = get_u16(from + 48);
    memcpy(ret_hello->nonce, from + 54, PROOF_NONCE_BYTES);
    memcpy(ret_hello->address.host, from + WIRE_HELLO_BYTES, host_size);
    ret_hello->address.host[host_size] = 0;
    return true;
}

bool wire_get_hello_version(struct slice body, uint32_t *ret_version)
{
    if (body.size < 4) {
        return false;
    }
    *ret_version = get_u32(body.data);
    return true;
}

void wire_put_challenge(struct buffer *out, const struct wire_challenge *c)
{
    size_t mark = wire_begin(out, WIRE_CHALLENGE);
    char bytes[WIRE_CHALLENGE_BYTES];

    put_u64(bytes, c->listener);
    memcpy(bytes + 8, c->nonce, PROOF_NONCE_BYTES);
    memcpy(bytes + 8 + PROOF_NONCE_BYTES, c->proof, PROOF_BYTES);
    buffer_append(out, bytes, sizeof bytes);
    wire_end(out, mark);
}

void wire_put_proof(struct buffer *out, const unsigned char proof[PROOF_BYTES])
{
    size_t mark = wire_begin(out, WIRE_PROOF);

    buffer_append(out, proof, PROOF_BYTES);
    wire_end(out, mark);
}

bool wire_get_challenge(struct slice body, struct wire_challenge *ret_c)
{
    if (body.size != WIRE_CHALLENGE_BYTES) {
        return false;
    }
    ret_c->listener = get_u64(body.data);
    memcpy(ret_c->nonce, body.data + 8, PROOF_NONCE_BYTES);
    memcpy(ret_c->proof, body.data + 8 + PROOF_NONCE_BYTES, PROOF_BYTES);
    return true;
}

void wire_put_refuse(struct buffer *out, enum wire_refusal refusal)
{
    size_t mark = wire_begin(out, WIRE_REFUSE);
    char code = (char)refusal;

    buffer_append(out, &code, 1);
    wire_end(out, mark);
}

bool wire_get_refuse(struct slice body, enum wire_refusal *ret_refusal)
{
    if (body.size != 1 || body.data[0] < WIRE_OTHER_CLUSTER || body.data[0] > WIRE_OTHER_KEY) {
        return false;
    }
    *ret_refusal = (enum wire_refusal)body.data[0];
    return true;
}

static bool is_program(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false; /* It is shown to people. */
        }
    }
    return text.size > 0 && text.size <= WIRE_PROGRAM_BYTES_MAX;
}

void wire_put_about(struct buffer *out, const char *program)
{
    size_t mark = wire_begin(out, WIRE_ABOUT);

    CHECK(is_program(slice_str(program)));
    buffer_append_slice(out, slice_str(program));
    wire_end(out, mark);
}

bool wire_get_about(struct slice body, char ret_program[WIRE_PROGRAM_BYTES_MAX + 1])
{
    if (!is_program(body)) {
        return false;
    }
    memcpy(ret_program, body.data, body.size);
    ret_program[body.size] = 0;
    return true;
}

/* --- where members live -------------------------------------------------------------- */

void wire_put_where(struct buffer *out, const struct member_address *where)
{
    size_t mark = wire_begin(out, WIRE_WHERE);
    char bytes[WIRE_WHERE_BYTES];

    put_u64(bytes, where->id);
    put_u16(bytes + 8, where->client.port);
    put_u16(bytes + 10, where->peer_port);
    buffer_append(out, bytes, sizeof bytes);
    buffer_append_slice(out, slice_str(where->client.host));
    wire_end(out, mark);
}

bool wire_get_where(struct slice body, struct member_address *ret_where)
{
    size_t host_size = body.size - WIRE_WHERE_BYTES;

    if (body.size <= WIRE_WHERE_BYTES || host_size >= sizeof ret_where->client.host ||
        memchr(body.data + WIRE_WHERE_BYTES, 0, host_size) != NULL) {
        return false;
    }
    *ret_where = (struct member_address){
        .id = get_u64(body.data),
        .client = {.port = get_u16(body.data + 8)},
        .peer_port = get_u16(body.data + 10),
    };
    memcpy(ret_where->client.host, body.data + WIRE_WHERE_BYTES, host_size);
    return ret_where->id != 0 && ret_where->peer_port != 0;
}

/* --- raft messages ------------------------------------------------------------------- */

enum { WIRE_DISK_SHIFT = 2 }; /* Where in the flags. */

static void put_message(char *to, const struct wire_message *w, uint32_t entry_count)
{
    const struct raft_message *m = &w->message;

    put_u16(to, (uint16_t)m->kind);
    put_u16(to + 2, (uint16_t)((m->granted ? 1u : 0) | (m->is_transfer ? 2u : 0) |
                               (unsigned)w->disk << WIRE_DISK_SHIFT));
    put_u32(to + 4, entry_count);
    put_u64(to + 8, m->from);
    put_u64(to + 16, m->to);
    put_u64(to + 24, m->term);
    put_u64(to + 32, m->last_log_index);
    put_u64(to + 40, m->last_log_term);
    put_u64(to + 48, m->prev_log_index);
    put_u64(to + 56, m->prev_log_term);
    put_u64(to + 64, m->leader_commit);
    put_u64(to + 72, m->match_index);
    put_u64(to + 80, m->conflict_term);
    put_u64(to + 88, m->conflict_index);
    put_u64(to + 96, m->read_round);
    put_u64(to + 104, w->applied_index);
}

static bool get_message(const char *from, struct wire_message *ret_w)
{
    uint16_t kind = get_u16(from);
    uint16_t flags = get_u16(from + 2);

    if (kind < RAFT_PRE_VOTE || kind > RAFT_TIMEOUT_NOW ||
        flags >> WIRE_DISK_SHIFT > WIRE_DISK_SPENT) {
        return false;
    }
    ret_w->message = (struct raft_message){
        .kind = (enum raft_message_kind)kind,
        .granted = (flags & 1) != 0,
        .is_transfer = (flags & 2) != 0,
        .entry_count = get_u32(from + 4),
        .from = get_u64(from + 8),
        .to = get_u64(from + 16),
        .term = get_u64(from + 24),
        .last_log_index = get_u64(from + 32),
        .last_log_term = get_u64(from + 40),
        .prev_log_index = get_u64(from + 48),
        .prev_log_term = get_u64(from + 56),
        .leader_commit = get_u64(from + 64),
        .match_index = get_u64(from + 72),
        .conflict_term = get_u64(from + 80),
        .conflict_index = get_u64(from + 88),
        .read_round = get_u64(from + 96),
    };
    ret_w->applied_index = get_u64(from + 104);
    ret_w->disk = (enum wire_disk)(flags >> WIRE_DISK_SHIFT);
    return true;
}

void wire_put_message(struct buffer *out, const struct wire_message *m)
{
    size_t mark = wire_begin_of(out, WIRE_MESSAGE, m->group);

    put_message(buffer_reserve(out, WIRE_MESSAGE_BYTES), m, 0);
    buffer_commit(out, WIRE_MESSAGE_BYTES);
    wire_end(out, mark);
}

bool wire_get_message(const struct wire_frame *frame, struct wire_message *ret_m)
{
    ret_m->group = frame->group;
    return frame->body.size == WIRE_MESSAGE_BYTES && get_message(frame->body.data, ret_m) &&
           ret_m->message.kind != RAFT_APPEND_ENTRIES && ret_m->message.entry_count == 0;
}

static void put_entry_header(char *to, const struct entry *e)
{
    put_u64(to, e->term);
    put_u64(to + 8, e->time_us);
    put_u32(to + 16, e->size);
    put_u32(to + 20, e->kind);
}

void wire_put_large_entry(struct buffer *out, const struct wire_message *m, const struct entry *e)
{
    enum { HEAD_BYTES = WIRE_MESSAGE_BYTES + WIRE_ENTRY_HEADER_BYTES };
    size_t mark = wire_begin_of(out, WIRE_ENTRIES, m->group);
    uint32_t size = HEAD_BYTES + e->size;
    char *head = buffer_reserve(out, HEAD_BYTES);

    put_message(head, m, 1);
    put_entry_header(head + WIRE_MESSAGE_BYTES, e);
    buffer_commit(out, HEAD_BYTES);

    char *header = buffer_begin(out) + mark;

    put_u32(header, size);
    put_u16(header + 6, header_check(header));
    put_u64(header + 8, checksum_seeded_parts(header + WIRE_HEADER_BYTES, HEAD_BYTES, e->data,
                                              e->size, frame_seed(header)));
}

void wire_put_entries(struct buffer *out, const struct wire_message *m,
                      struct entry *const *entries, uint32_t count)
{
    size_t mark = wire_begin_of(out, WIRE_ENTRIES, m->group);

    put_message(buffer_reserve(out, WIRE_MESSAGE_BYTES), m, count);
    buffer_commit(out, WIRE_MESSAGE_BYTES);
    for (uint32_t i = 0; i < count; i++) {
        const struct entry *e = entries[i];
        char *to = buffer_reserve(out, WIRE_ENTRY_HEADER_BYTES + (size_t)e->size);

        put_entry_header(to, e);
        memcpy(to + WIRE_ENTRY_HEADER_BYTES, e->data, e->size);
        buffer_commit(out, WIRE_ENTRY_HEADER_BYTES + (size_t)e->size);
    }
    wire_end(out, mark);
}

bool wire_get_entries(const struct wire_frame *frame, struct wire_message *ret_m,
                      struct slice *ret_entries)
{
    struct slice body = frame->body;

    ret_m->group = frame->group;
    if (body.size < WIRE_MESSAGE_BYTES || !get_message(body.data, ret_m) ||
        ret_m->message.kind != RAFT_APPEND_ENTRIES) {
        return false;
    }
    *ret_entries = slice_of(body.data + WIRE_MESSAGE_BYTES, body.size - WIRE_MESSAGE_BYTES);
    return ret_m->message.entry_count <= ret_entries->size / WIRE_ENTRY_HEADER_BYTES;
}

struct entry *wire_next_entry(struct slice *rest)
{
    if (rest->size < WIRE_ENTRY_HEADER_BYTES) {
        return NULL;
    }

    uint32_t size = get_u32(rest->data + 16);
    uint32_t kind = get_u32(rest->data + 20);

    if (size > rest->size - WIRE_ENTRY_HEADER_BYTES || size > ENTRY_BYTES_MAX || kind < RAFT_NOOP ||
        kind > RAFT_CONFIGURATION) {
        return NULL;
    }

    struct entry *e = entry_new((uint8_t)kind, size);

    e->term = get_u64(rest->data);
    e->time_us = get_u64(rest->data + 8);
    memcpy(e->data, rest->data + WIRE_ENTRY_HEADER_BYTES, size);
    rest->data += WIRE_ENTRY_HEADER_BYTES + size;
    rest->size -= WIRE_ENTRY_HEADER_BYTES + (size_t)size;
    return e;
}

/* --- forwarded commands -------------------------------------------------------------- */

void wire_put_forward(struct buffer *out, const struct wire_forward *f)
{
    size_t mark = wire_begin_of(out, WIRE_FORWARD, f->group);
    char *to = buffer_reserve(out, WIRE_FORWARD_BYTES + f->command.size);

    put_u64(to, f->correlation);
    put_u64(to + 8, f->term);
    put_u64(to + 16, f->resp_version | (f->is_logged_read ? FORWARD_LOGGED_READ : 0u));
    put_u64(to + 24, f->until_ns);
    memcpy(to + WIRE_FORWARD_BYTES, f->command.data, f->command.size);
    buffer_commit(out, WIRE_FORWARD_BYTES + f->command.size);
    wire_end(out, mark);
}

bool wire_get_forward(const struct wire_frame *frame, struct wire_forward *ret_f)
{
    struct slice body = frame->body;

    if (body.size < WIRE_FORWARD_BYTES || body.size - WIRE_FORWARD_BYTES > ENTRY_BYTES_MAX) {
        return false;
    }

    uint64_t how = get_u64(body.data + 16);
    uint64_t version = how & ~(uint64_t)FORWARD_LOGGED_READ;

    ret_f->group = frame->group;
    ret_f->correlation = get_u64(body.data);
    ret_f->term = get_u64(body.data + 8);
    ret_f->resp_version = (uint8_t)version;
    ret_f->is_logged_read = (how & FORWARD_LOGGED_READ) != 0;
    ret_f->until_ns = get_u64(body.data + 24);
    ret_f->command = slice_of(body.data + WIRE_FORWARD_BYTES, body.size - WIRE_FORWARD_BYTES);
    return (version == 2 || version == 3) && ret_f->until_ns > 0;
}

void wire_put_clock(struct buffer *out, uint64_t clock_ns)
{
    size_t mark = wire_begin(out, WIRE_CLOCK);
    char bytes[WIRE_CLOCK_BYTES];

    put_u64(bytes, clock_ns);
    buffer_append(out, bytes, sizeof bytes);
    wire_end(out, mark);
}

bool wire_get_clock(struct slice body, uint64_t *ret_clock_ns)
{
    if (body.size != WIRE_CLOCK_BYTES) {
        return false;
    }
    *ret_clock_ns = get_u64(body.data);
    return true;
}

void wire_put_holds(struct buffer *out, const struct wire_holds *h)
{
    size_t mark = wire_begin(out, WIRE_HOLDS);
    char bytes[WIRE_HOLDS_BYTES];

    put_u64(bytes, h->clock_ns);
    put_u64(bytes + 8, h->correlation);
    buffer_append(out, bytes, sizeof bytes);
    wire_end(out, mark);
}

bool wire_get_holds(struct slice body, struct wire_holds *ret_h)
{
    if (body.size != WIRE_HOLDS_BYTES) {
        return false;
    }
    *ret_h =
        (struct wire_holds){.clock_ns = get_u64(body.data), .correlation = get_u64(body.data + 8)};
    return true;
}

size_t wire_begin_answer(struct buffer *out, uint8_t group, uint64_t correlation)
{
    size_t mark = wire_begin_of(out, WIRE_ANSWER, group);
    char *to = buffer_reserve(out, WIRE_ANSWER_BYTES);

    memset(to, 0, WIRE_ANSWER_BYTES);
    put_u64(to, correlation);
    buffer_commit(out, WIRE_ANSWER_BYTES);
    return mark;
}

void wire_end_answer(struct buffer *out, size_t mark, enum wire_outcome outcome,
                     raft_index executed_index)
{
    char *body = buffer_begin(out) + mark + WIRE_HEADER_BYTES;

    put_u64(body + 8, (uint64_t)outcome);
    put_u64(body + 16, executed_index);
    wire_end(out, mark);
}

void wire_drop_answer(struct buffer *out, size_t mark)
{
    out->end = out->start + mark;
}

bool wire_get_answer(const struct wire_frame *frame, struct wire_answer *ret_a)
{
    struct slice body = frame->body;

    if (body.size < WIRE_ANSWER_BYTES || get_u64(body.data + 8) > WIRE_NOT_LEADER) {
        return false;
    }
    ret_a->group = frame->group;
    ret_a->correlation = get_u64(body.data);
    ret_a->outcome = (enum wire_outcome)get_u64(body.data + 8);
    ret_a->executed_index = get_u64(body.data + 16);
    ret_a->reply = slice_of(body.data + WIRE_ANSWER_BYTES, body.size - WIRE_ANSWER_BYTES);
    return true;
}

const char *wire_refusal_text(enum wire_refusal refusal)
{
    switch (refusal) {
    case WIRE_OTHER_CLUSTER:
        return "it belongs to another cluster";
    case WIRE_OTHER_VERSION:
        return "it speaks no version of the peer protocol that this node speaks: run the same "
               "program on both";
    case WIRE_OTHER_NODE:
        return "another node lives at that address";
    case WIRE_REMOVED:
        return "this node was removed from the cluster";
    case WIRE_NOT_READY:
        return "it is not a member of the cluster yet";
    case WIRE_SAME_NODE:
        return "another process runs with the id of this node";
    case WIRE_OTHER_KEY:
        return "it has another key";
    }
    return "unknown reason";
}
