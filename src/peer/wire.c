/* wire.c - encoding and decoding of peer frames. Layouts: docs/WIRE.md. */
#include "peer/wire.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/mutant.h"
#include "peer/wire_kind.h"

enum { WIRE_ENTRY_HEADER_BYTES = 24 };

_Static_assert((int)WIRE_HELLO_BYTES_MAX <= (int)WIRE_HANDSHAKE_BYTES_MAX &&
                   (int)WIRE_HANDSHAKE_BYTES_MAX == (int)PROOF_HELLO_BYTES_MAX,
               "every hello can be proven");
_Static_assert((int)WIRE_INSTALL_SNAPSHOT - (int)WIRE_PRE_VOTE ==
                   (int)RAFT_INSTALL_SNAPSHOT - (int)RAFT_PRE_VOTE,
               "each of the core's messages has its type");

/* --- frames ---------------------------------------------------------------------------- */

/* The seed of the checksum, so that it covers group, size and type too. */
static uint64_t frame_seed(const char *header)
{
    return (uint64_t)(uint8_t)header[5] << 40 | (uint64_t)get_u32(header) << 8 | (uint8_t)header[4];
}

static uint64_t frame_checksum(const char *header)
{
    return checksum_seeded(header + WIRE_HEADER_BYTES, get_u32(header), frame_seed(header));
}

/* Checks size, type and group alone: a damaged size must be noticed before anybody waits for so
 * many bytes. */
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

/* A longer frame is refused without waiting for it. In the greeting the sender may be of any
 * version. */
static uint64_t longest_body(uint8_t type, const struct wire_kind *kind)
{
    if (kind == NULL) {
        return type >= WIRE_MAY_BE_SKIPPED ? WIRE_SKIPPED_BYTES_MAX : 0;
    }
    return (kind->uses & WIRE_IN_GREETING) != 0 ? (uint64_t)WIRE_HANDSHAKE_BYTES_MAX
                                                : (uint64_t)WIRE_FIELDS_BYTES_MAX + kind->rest_max;
}

enum wire_result wire_frame(struct slice input, uint64_t body_max, struct wire_frame *ret_frame)
{
    if (input.size < WIRE_HEADER_BYTES) {
        ret_frame->size = WIRE_HEADER_BYTES;
        return WIRE_MORE;
    }

    uint32_t size = get_u32(input.data);
    uint8_t type = (uint8_t)input.data[4];
    const struct wire_kind *kind = wire_kind_of(type);

    if (size > body_max || size > longest_body(type, kind) ||
        (kind == NULL && type < WIRE_MAY_BE_SKIPPED) ||
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
    ret_frame->kind = kind;
    ret_frame->group = (uint8_t)input.data[5];
    ret_frame->body = slice_of(input.data + WIRE_HEADER_BYTES, size);
    return WIRE_FRAME;
}

bool wire_has_group(const struct wire_frame *frame)
{
    bool is_of_group = frame->kind != NULL && (frame->kind->uses & WIRE_OF_GROUP) != 0;

    return frame->group < (is_of_group ? WIRE_GROUPS : 1) || MUTANT(any_group_taken);
}

bool wire_is_in_place(const struct wire_frame *frame, bool is_by_dialer, enum wire_channel channel)
{
    uint32_t wanted = (is_by_dialer ? WIRE_BY_DIALER : WIRE_BY_LISTENER) |
                      (channel == WIRE_CONTROL ? WIRE_ON_CONTROL : WIRE_ON_BULK);

    return frame->kind != NULL &&
           ((frame->kind->uses & wanted) == wanted || MUTANT(any_channel_taken));
}

/* --- bodies ---------------------------------------------------------------------------- */

static size_t put_fields(struct buffer *out, enum wire_type type, const void *from)
{
    struct wire_fields fields = wire_kind_of((uint8_t)type)->fields;
    size_t size = wire_fields_put(buffer_reserve(out, WIRE_FIELDS_BYTES_MAX), fields, from);

    buffer_commit(out, size);
    return size;
}

/* A frame that is nothing but its fields; returns their size. */
static size_t put_whole(struct buffer *out, enum wire_type type, uint8_t group, const void *from)
{
    size_t mark = wire_begin_of(out, type, group);
    size_t size = put_fields(out, type, from);

    wire_end(out, mark);
    return size;
}

/* One that is of no group. */
static size_t put(struct buffer *out, enum wire_type type, const void *from)
{
    return put_whole(out, type, 0, from);
}

/* One with bytes behind its fields. */
static void put_with_rest(struct buffer *out, enum wire_type type, uint8_t group, const void *from,
                          struct slice rest)
{
    size_t mark = wire_begin_of(out, type, group);

    put_fields(out, type, from);
    buffer_append_slice(out, rest);
    wire_end(out, mark);
}

static bool get_with_rest(struct slice body, enum wire_type type, void *ret, struct slice *ret_rest)
{
    const struct wire_kind *kind = wire_kind_of((uint8_t)type);

    return wire_fields_get(body, kind->fields, kind->rest_max, ret, ret_rest);
}

static bool get(struct slice body, enum wire_type type, void *ret)
{
    struct slice rest;

    return get_with_rest(body, type, ret, &rest);
}

size_t wire_put_hello(struct buffer *out, const struct wire_hello *hello)
{
    return put(out, WIRE_HELLO, hello);
}

bool wire_get_hello(struct slice body, struct wire_hello *ret_hello)
{
    return get(body, WIRE_HELLO, ret_hello);
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
    put(out, WIRE_CHALLENGE, c);
}

bool wire_get_challenge(struct slice body, struct wire_challenge *ret_c)
{
    return get(body, WIRE_CHALLENGE, ret_c);
}

void wire_put_proof(struct buffer *out, const unsigned char proof[PROOF_BYTES])
{
    struct wire_proof p;

    memcpy(p.proof, proof, sizeof p.proof);
    put(out, WIRE_PROOF, &p);
}

void wire_put_refuse(struct buffer *out, enum wire_refusal refusal)
{
    put(out, WIRE_REFUSE, &(struct wire_refuse){refusal});
}

bool wire_get_refuse(struct slice body, enum wire_refusal *ret_refusal)
{
    struct wire_refuse refuse;
    bool is_one = get(body, WIRE_REFUSE, &refuse);

    if (is_one) {
        *ret_refusal = refuse.reason;
    }
    return is_one;
}

void wire_put_about(struct buffer *out, const char *program)
{
    struct wire_about about = {0};
    size_t size = strlen(program);

    CHECK(size > 0 && size < sizeof about.program);
    memcpy(about.program, program, size);
    put(out, WIRE_ABOUT, &about);
}

bool wire_get_about(struct slice body, char ret_program[WIRE_PROGRAM_BYTES_MAX + 1])
{
    struct wire_about about;
    bool is_one = get(body, WIRE_ABOUT, &about);

    if (is_one) {
        memcpy(ret_program, about.program, sizeof about.program);
    }
    return is_one;
}

void wire_put_where(struct buffer *out, const struct member_address *where)
{
    put(out, WIRE_WHERE, where);
}

bool wire_get_where(struct slice body, struct member_address *ret_where)
{
    return get(body, WIRE_WHERE, ret_where);
}

void wire_put_figures(struct buffer *out, const struct figures *f)
{
    put(out, WIRE_FIGURES, f);
}

bool wire_get_figures(struct slice body, struct figures *ret_f)
{
    return get(body, WIRE_FIGURES, ret_f);
}

void wire_put_clock(struct buffer *out, const struct wire_clock *c)
{
    put(out, WIRE_CLOCK, c);
}

bool wire_get_clock(struct slice body, struct wire_clock *ret_clock)
{
    return get(body, WIRE_CLOCK, ret_clock);
}

void wire_put_holds(struct buffer *out, const struct wire_holds *h)
{
    put(out, WIRE_HOLDS, h);
}

bool wire_get_holds(struct slice body, struct wire_holds *ret_h)
{
    return get(body, WIRE_HOLDS, ret_h);
}

/* --- raft messages ------------------------------------------------------------------- */

static enum wire_type type_of(enum raft_message_kind kind)
{
    return (enum wire_type)(kind - RAFT_PRE_VOTE + WIRE_PRE_VOTE);
}

bool wire_is_message(enum wire_type type)
{
    return type >= WIRE_PRE_VOTE && type <= WIRE_INSTALL_SNAPSHOT && type != WIRE_APPEND;
}

static bool get_message(const struct wire_frame *frame, struct wire_message *ret_m,
                        struct slice *ret_rest)
{
    struct wire_message m = {
        .group = frame->group,
        .message.kind = (enum raft_message_kind)(frame->type - WIRE_PRE_VOTE + RAFT_PRE_VOTE)};

    if (!get_with_rest(frame->body, frame->type, &m, ret_rest)) {
        return false;
    }
    *ret_m = m;
    return true;
}

void wire_put_message(struct buffer *out, const struct wire_message *m)
{
    enum wire_type type = type_of(m->message.kind);
    size_t mark = wire_begin_of(out, type, m->group);

    CHECK(wire_is_message(type));
    put_fields(out, type, m);
    wire_end(out, mark);
}

bool wire_get_message(const struct wire_frame *frame, struct wire_message *ret_m)
{
    struct slice rest;

    return wire_is_message(frame->type) && get_message(frame, ret_m, &rest);
}

/* Writes the beginning of a frame with so many entries. */
static size_t begin_append(struct buffer *out, const struct wire_message *m, uint32_t count)
{
    size_t mark = wire_begin_of(out, WIRE_APPEND, m->group);
    struct wire_message head = *m;

    head.message.append_entries.entry_count = count;
    put_fields(out, WIRE_APPEND, &head);
    return mark;
}

static char *write_entry_header(char *to, const struct entry *e)
{
    put_u64(to, e->term);
    put_u64(to + 8, e->time_us);
    put_u32(to + 16, e->size);
    put_u32(to + 20, e->kind);
    return to + WIRE_ENTRY_HEADER_BYTES;
}

void wire_put_large_entry(struct buffer *out, const struct wire_message *m, const struct entry *e)
{
    size_t mark = begin_append(out, m, 1);

    write_entry_header(buffer_reserve(out, WIRE_ENTRY_HEADER_BYTES), e);
    buffer_commit(out, WIRE_ENTRY_HEADER_BYTES);
    wire_end(out, mark);
}

void wire_put_entries(struct buffer *out, const struct wire_message *m,
                      struct entry *const *entries, uint32_t count)
{
    size_t mark = begin_append(out, m, count);
    size_t bytes = (size_t)count * WIRE_ENTRY_HEADER_BYTES;

    for (uint32_t i = 0; i < count; i++) {
        bytes += entries[i]->size;
    }
    CHECK(count <= 1 || bytes <= WIRE_WHOLE_BYTES_MAX); /* Nobody would accept it. */

    char *to = buffer_reserve(out, bytes);

    for (uint32_t i = 0; i < count; i++) {
        to = write_entry_header(to, entries[i]);
        memcpy(to, entries[i]->data, entries[i]->size);
        to += entries[i]->size;
    }
    buffer_commit(out, bytes);
    wire_end(out, mark);
}

bool wire_get_entries(const struct wire_frame *frame, struct wire_message *ret_m,
                      struct slice *ret_entries)
{
    return frame->type == WIRE_APPEND && get_message(frame, ret_m, ret_entries) &&
           ret_m->message.append_entries.entry_count <= ret_entries->size / WIRE_ENTRY_HEADER_BYTES;
}

uint32_t wire_large_entry_size(struct slice rest)
{
    return rest.size == WIRE_ENTRY_HEADER_BYTES ? get_u32(rest.data + 16) : 0;
}

bool wire_get_large_entry(struct slice rest, struct entry *e)
{
    uint32_t kind = get_u32(rest.data + 20);

    CHECK(e->size == wire_large_entry_size(rest));
    e->term = get_u64(rest.data);
    e->time_us = get_u64(rest.data + 8);
    e->kind = (uint8_t)kind;
    return raft_entry_kind_is_taken(kind);
}

struct entry *wire_next_entry(struct slice *rest)
{
    if (rest->size < WIRE_ENTRY_HEADER_BYTES) {
        return NULL;
    }

    uint32_t size = get_u32(rest->data + 16);
    uint32_t kind = get_u32(rest->data + 20);

    if (size > rest->size - WIRE_ENTRY_HEADER_BYTES || size > ENTRY_BYTES_MAX ||
        !raft_entry_kind_is_taken(kind)) {
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
    put_with_rest(out, WIRE_FORWARD, f->group, f, f->command);
}

bool wire_get_forward(const struct wire_frame *frame, struct wire_forward *ret_f)
{
    ret_f->group = frame->group;
    ret_f->whole = NULL;
    return get_with_rest(frame->body, WIRE_FORWARD, ret_f, &ret_f->command);
}

void wire_put_abandon(struct buffer *out, const struct wire_abandon *a)
{
    put_whole(out, WIRE_ABANDON, a->group, a);
}

bool wire_get_abandon(const struct wire_frame *frame, struct wire_abandon *ret_a)
{
    ret_a->group = frame->group;
    return get(frame->body, WIRE_ABANDON, ret_a);
}

void wire_put_read_index(struct buffer *out, const struct wire_read_index *w)
{
    put_whole(out, WIRE_READ_INDEX, w->group, w);
}

bool wire_get_read_index(const struct wire_frame *frame, struct wire_read_index *ret_w)
{
    ret_w->group = frame->group;
    return get(frame->body, WIRE_READ_INDEX, ret_w);
}

void wire_put_read_index_reply(struct buffer *out, const struct wire_read_index_reply *w)
{
    put_whole(out, WIRE_READ_INDEX_REPLY, w->group, w);
}

bool wire_get_read_index_reply(const struct wire_frame *frame, struct wire_read_index_reply *ret_w)
{
    ret_w->group = frame->group;
    return get(frame->body, WIRE_READ_INDEX_REPLY, ret_w);
}

void wire_put_piece(struct buffer *out, const struct wire_piece *piece)
{
    put_with_rest(out, WIRE_PIECE, piece->group, piece, piece->bytes);
}

bool wire_get_piece(const struct wire_frame *frame, struct wire_piece *ret_piece)
{
    ret_piece->group = frame->group;
    return get_with_rest(frame->body, WIRE_PIECE, ret_piece, &ret_piece->bytes);
}

/* The outcome is not known yet, but its size is. */
size_t wire_begin_answer(struct buffer *out, uint8_t group, uint64_t correlation)
{
    size_t mark = wire_begin_of(out, WIRE_ANSWER, group);

    put_fields(out, WIRE_ANSWER, &(struct wire_answer){.correlation = correlation});
    return mark;
}

void wire_end_answer(struct buffer *out, size_t mark, enum wire_outcome outcome,
                     raft_index executed_index)
{
    char *body = buffer_begin(out) + mark + WIRE_HEADER_BYTES;
    struct wire_answer a = {
        .correlation = get_u64(body), .outcome = outcome, .executed_index = executed_index};

    wire_fields_put(body, wire_kind_of(WIRE_ANSWER)->fields, &a);
    wire_end(out, mark);
}

void wire_drop_answer(struct buffer *out, size_t mark)
{
    out->end = out->start + mark;
}

bool wire_get_answer(const struct wire_frame *frame, struct wire_answer *ret_a)
{
    ret_a->group = frame->group;
    return get_with_rest(frame->body, WIRE_ANSWER, ret_a, &ret_a->reply);
}

/* --- parts of snapshots -------------------------------------------------------------- */

void wire_put_fetch(struct buffer *out, const struct wire_fetch *f)
{
    put_whole(out, WIRE_FETCH, f->group, f);
}

bool wire_get_fetch(const struct wire_frame *frame, struct wire_fetch *ret_f)
{
    ret_f->group = frame->group;
    return get(frame->body, WIRE_FETCH, ret_f);
}

void wire_put_part(struct buffer *out, const struct wire_part *part)
{
    put_with_rest(out, WIRE_PART, part->group, part, part->bytes);
}

bool wire_get_part(const struct wire_frame *frame, struct wire_part *ret_part)
{
    ret_part->group = frame->group;
    return get_with_rest(frame->body, WIRE_PART, ret_part, &ret_part->bytes);
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
    case WIRE_OLDER_LEVEL:
        return "the cluster uses what this node's program does not have yet: install a newer "
               "version here";
    case WIRE_EARLIER_EPOCH:
        return "the cluster was recovered without this node (--recover), so what this node has is "
               "not part of it any more: stop this node, keep a copy of its data directory, empty "
               "the directory, and start it with a contact, to join anew";
    case WIRE_LATER_EPOCH:
        return "the cluster was recovered without that node (--recover): stop that node, keep a "
               "copy of its data directory, empty the directory, and let it join anew";
    case WIRE_OTHER_NAME:
        return "the certificate of this node does not name the host that it announces: give it one "
               "that does, or use a name that all nodes share (--tls-node-name)";
    }
    return "unknown reason";
}

void wire_put_damaged(struct buffer *out, const struct wire_damaged *d)
{
    put_whole(out, WIRE_DAMAGED, d->group, d);
}

bool wire_get_damaged(const struct wire_frame *frame, struct wire_damaged *ret_d)
{
    *ret_d = (struct wire_damaged){.group = frame->group};
    return get(frame->body, WIRE_DAMAGED, ret_d);
}

/* --- digests of states --------------------------------------------------------------- */

void wire_put_digest(struct buffer *out, const struct wire_digest *d)
{
    put_whole(out, WIRE_DIGEST, d->group, d);
}

bool wire_get_digest(const struct wire_frame *frame, struct wire_digest *ret_d)
{
    *ret_d = (struct wire_digest){.group = frame->group};
    return get(frame->body, WIRE_DIGEST, ret_d);
}
