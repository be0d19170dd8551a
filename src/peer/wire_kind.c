/* wire_kind.c - see wire_kind.h. */
#include "peer/wire_kind.h"

#include <stddef.h>

#include "base/check.h"

#define RANGE(form_, type, member, min_, max_)                                                     \
    {                                                                                              \
        .name = #member, .form = form_, .offset = offsetof(struct type, member),                   \
        .size = sizeof(((struct type *)NULL)->member), .min = min_, .max = max_                    \
    }
#define FIELD(form_, type, member) RANGE(form_, type, member, 0, 0)

/* --- the greeting ------------------------------------------------------------------------ */

/* Its version comes first in all versions of the protocol. */
static const struct wire_field hello_fields[] = {
    FIELD(WIRE_U32, wire_hello, version),
    RANGE(WIRE_U32, wire_hello, level, 1, 0),
    FIELD(WIRE_U64, wire_hello, cluster_id),
    FIELD(WIRE_U64, wire_hello, epoch),
    FIELD(WIRE_U64, wire_hello, from),
    FIELD(WIRE_U64, wire_hello, to),
    FIELD(WIRE_U64, wire_hello, incarnation),
    RANGE(WIRE_U8, wire_hello, channel, WIRE_CONTROL, WIRE_BULK),
    FIELD(WIRE_U16, wire_hello, address.port),
    FIELD(WIRE_U16, wire_hello, peer_port),
    FIELD(WIRE_BYTES, wire_hello, nonce),
    FIELD(WIRE_TEXT, wire_hello, address.host),
};

static const struct wire_field refuse_fields[] = {
    RANGE(WIRE_U8, wire_refuse, reason, WIRE_OTHER_CLUSTER, WIRE_OTHER_NAME),
};

static const struct wire_field challenge_fields[] = {
    FIELD(WIRE_U64, wire_challenge, listener),
    RANGE(WIRE_U32, wire_challenge, level, 1, 0),
    FIELD(WIRE_BYTES, wire_challenge, nonce),
    FIELD(WIRE_BYTES, wire_challenge, proof),
};

static const struct wire_field proof_fields[] = {
    FIELD(WIRE_BYTES, wire_proof, proof),
};

/* --- raft messages ----------------------------------------------------------------------- */

/* A field of a message's body. */
#define BODY(form_, body, member) FIELD(form_, wire_message, message.body.member)

#define EACH_MESSAGE                                                                               \
    RANGE(WIRE_U64, wire_message, message.from, 1, 0),                                             \
        RANGE(WIRE_U64, wire_message, message.to, 1, 0),                                           \
        FIELD(WIRE_U64, wire_message, message.term), FIELD(WIRE_U64, wire_message, applied_index), \
        RANGE(WIRE_U8, wire_message, disk, WIRE_DISK_ROOM, WIRE_DISK_SPENT),                       \
        FIELD(WIRE_U64, wire_message, data_bytes_max)

static const struct wire_field pre_vote_fields[] = {
    EACH_MESSAGE,
    BODY(WIRE_U64, request_vote, last_log_index),
    BODY(WIRE_U64, request_vote, last_log_term),
};

static const struct wire_field request_vote_fields[] = {
    EACH_MESSAGE,
    BODY(WIRE_U64, request_vote, last_log_index),
    BODY(WIRE_U64, request_vote, last_log_term),
    BODY(WIRE_FLAG, request_vote, is_transfer),
};

static const struct wire_field vote_reply_fields[] = {
    EACH_MESSAGE,
    BODY(WIRE_FLAG, request_vote_reply, vote_granted),
};

static const struct wire_field append_fields[] = {
    EACH_MESSAGE,
    BODY(WIRE_U64, append_entries, prev_log_index),
    BODY(WIRE_U64, append_entries, prev_log_term),
    BODY(WIRE_U64, append_entries, leader_commit),
    BODY(WIRE_U64, append_entries, read_round),
    BODY(WIRE_U32, append_entries, entry_count),
};

static const struct wire_field append_reply_fields[] = {
    EACH_MESSAGE,
    BODY(WIRE_FLAG, append_entries_reply, success),
    BODY(WIRE_U64, append_entries_reply, match_index),
    BODY(WIRE_U64, append_entries_reply, conflict_term),
    BODY(WIRE_U64, append_entries_reply, conflict_index),
    BODY(WIRE_U64, append_entries_reply, read_round),
    BODY(WIRE_U64, append_entries_reply, life),
    BODY(WIRE_FLAG, append_entries_reply, has_lost),
    FIELD(WIRE_U32, wire_message, stored_us),
};

static const struct wire_field heartbeat_fields[] = {
    EACH_MESSAGE,
    BODY(WIRE_U64, heartbeat, leader_commit),
    BODY(WIRE_U64, heartbeat, leader_commit_term),
    BODY(WIRE_U64, heartbeat, read_round),
    BODY(WIRE_U64, heartbeat, leader_last),
    BODY(WIRE_U64, heartbeat, life),
    BODY(WIRE_U64, heartbeat, promise_ns),
};

static const struct wire_field heartbeat_reply_fields[] = {
    EACH_MESSAGE,
    BODY(WIRE_U64, heartbeat_reply, read_round),
    BODY(WIRE_U64, heartbeat_reply, life),
    BODY(WIRE_FLAG, heartbeat_reply, has_lost),
    BODY(WIRE_U64, heartbeat_reply, promised_at_ns),
};

static const struct wire_field timeout_now_fields[] = {
    EACH_MESSAGE,
};

#define SNAPSHOT(member, min_)                                                                     \
    RANGE(WIRE_U64, wire_message, message.install_snapshot.member, min_, 0)

static const struct wire_field install_snapshot_fields[] = {
    EACH_MESSAGE,
    SNAPSHOT(last_included_index, 1),
    SNAPSHOT(last_included_term, 1),
    SNAPSHOT(bytes, 0),
    SNAPSHOT(checksum, 0),
    SNAPSHOT(holder, 1),
};

/* --- forwarded commands ------------------------------------------------------------------- */

static const struct wire_field forward_fields[] = {
    FIELD(WIRE_U64, wire_forward, correlation),
    FIELD(WIRE_U64, wire_forward, term),
    RANGE(WIRE_U8, wire_forward, resp_version, 2, 3),
    FIELD(WIRE_FLAG, wire_forward, is_logged_read),
    RANGE(WIRE_U64, wire_forward, until_ns, 1, 0),
};

static const struct wire_field answer_fields[] = {
    FIELD(WIRE_U64, wire_answer, correlation),
    RANGE(WIRE_U8, wire_answer, outcome, WIRE_REPLIED, WIRE_NOT_LEADER),
    FIELD(WIRE_U64, wire_answer, executed_index),
};

static const struct wire_field abandon_fields[] = {
    FIELD(WIRE_U64, wire_abandon, correlation),
};

static const struct wire_field read_index_fields[] = {
    FIELD(WIRE_U64, wire_read_index, number),
    FIELD(WIRE_U64, wire_read_index, term),
    FIELD(WIRE_FLAG, wire_read_index, accepts_lease),
};

static const struct wire_field read_index_reply_fields[] = {
    FIELD(WIRE_U64, wire_read_index_reply, number),
    RANGE(WIRE_U64, wire_read_index_reply, index, 1, 0),
    RANGE(WIRE_U64, wire_read_index_reply, term, 1, 0),
};

static const struct wire_field piece_fields[] = {
    RANGE(WIRE_U32, wire_piece, total, 1, ENTRY_BYTES_MAX),
    FIELD(WIRE_U32, wire_piece, offset),
};

static const struct wire_field fetch_fields[] = {
    RANGE(WIRE_U64, wire_fetch, index, 1, 0),
    RANGE(WIRE_U64, wire_fetch, term, 1, 0),
    FIELD(WIRE_U64, wire_fetch, bytes),
    FIELD(WIRE_U64, wire_fetch, checksum),
    FIELD(WIRE_U64, wire_fetch, offset),
    RANGE(WIRE_U32, wire_fetch, size, 1, WIRE_PART_BYTES_MAX),
};

static const struct wire_field part_fields[] = {
    FIELD(WIRE_U64, wire_part, index),
    FIELD(WIRE_U64, wire_part, checksum),
    FIELD(WIRE_U64, wire_part, offset),
    RANGE(WIRE_U8, wire_part, outcome, WIRE_PART_IS_HERE, WIRE_SNAPSHOT_GONE),
};

static const struct wire_field damaged_fields[] = {
    RANGE(WIRE_U64, wire_damaged, index, 1, 0),
    RANGE(WIRE_U64, wire_damaged, term, 1, 0),
    FIELD(WIRE_U64, wire_damaged, bytes),
    FIELD(WIRE_U64, wire_damaged, checksum),
};

static const struct wire_field digest_fields[] = {
    FIELD(WIRE_U64, wire_digest, index),
    FIELD(WIRE_U64, wire_digest, digest),
    FIELD(WIRE_FLAG, wire_digest, is_isolated),
    FIELD(WIRE_U64, wire_digest, needed_index),
    FIELD(WIRE_U64, wire_digest, snapshot.last_included_index),
    FIELD(WIRE_U64, wire_digest, snapshot.last_included_term),
    FIELD(WIRE_U64, wire_digest, snapshot.bytes),
    FIELD(WIRE_U64, wire_digest, snapshot.checksum),
};

static const struct wire_field clock_fields[] = {
    FIELD(WIRE_U64, wire_clock, clock_ns),
    FIELD(WIRE_U64, wire_clock, log_us),
};

static const struct wire_field holds_fields[] = {
    FIELD(WIRE_U64, wire_holds, clock_ns),
    FIELD(WIRE_U64, wire_holds, correlation),
};

/* --- hints -------------------------------------------------------------------------------- */

static const struct wire_field about_fields[] = {
    RANGE(WIRE_PRINTABLE, wire_about, program, 1, 0),
};

static const struct wire_field where_fields[] = {
    RANGE(WIRE_U64, member_address, id, 1, 0),
    FIELD(WIRE_U16, member_address, client.port),
    RANGE(WIRE_U16, member_address, peer_port, 1, 0),
    RANGE(WIRE_TEXT, member_address, client.host, 1, 0),
};

static const struct wire_field figures_fields[] = {
#define FIGURE(form, name, max, words) RANGE(WIRE_##form, figures, name, 0, max),
    FIGURES(FIGURE)
#undef FIGURE
        FIELD(WIRE_TEXT, figures, trouble),
};

/* --- the table ---------------------------------------------------------------------------- */

#define KIND_AND_REST(kind_, uses_, fields_, rest_name_, rest_max_)                                \
    [WIRE_##kind_] = {.type = WIRE_##kind_,                                                        \
                      .name = #kind_,                                                              \
                      .uses = uses_,                                                               \
                      .fields = {fields_, sizeof(fields_) / sizeof(struct wire_field)},            \
                      .rest_name = rest_name_,                                                     \
                      .rest_max = rest_max_}
#define KIND(kind_, uses_, fields_) KIND_AND_REST(kind_, uses_, fields_, NULL, 0)

enum {
    DIALER_GREETS = WIRE_BY_DIALER | WIRE_IN_GREETING,
    LISTENER_GREETS = WIRE_BY_LISTENER | WIRE_IN_GREETING,
    EITHER_GREETS = DIALER_GREETS | LISTENER_GREETS,
    CORE = WIRE_BY_DIALER | WIRE_ON_CONTROL | WIRE_OF_GROUP,
    CORE_BULK = WIRE_BY_DIALER | WIRE_ON_BULK | WIRE_OF_GROUP,
    ON_BOTH = WIRE_ON_CONTROL | WIRE_ON_BULK,
};

/* By number; `name` is NULL if there is no such kind. */
static const struct wire_kind kinds[UINT8_MAX + 1] = {
    KIND(HELLO, DIALER_GREETS, hello_fields),
    [WIRE_WELCOME] = {.type = WIRE_WELCOME, .name = "WELCOME", .uses = LISTENER_GREETS},
    KIND(REFUSE, EITHER_GREETS, refuse_fields),
    KIND(CHALLENGE, LISTENER_GREETS, challenge_fields),
    KIND(PROOF, DIALER_GREETS, proof_fields),
    KIND(CLOCK, WIRE_BY_LISTENER | WIRE_ON_CONTROL, clock_fields),
    KIND(HOLDS, WIRE_BY_DIALER | WIRE_ON_CONTROL, holds_fields),
    KIND(PRE_VOTE, CORE, pre_vote_fields),
    KIND(PRE_VOTE_REPLY, CORE, vote_reply_fields),
    KIND(REQUEST_VOTE, CORE, request_vote_fields),
    KIND(REQUEST_VOTE_REPLY, CORE, vote_reply_fields),
    KIND_AND_REST(APPEND, CORE_BULK, append_fields, "entries", WIRE_WHOLE_BYTES_MAX),
    KIND(APPEND_REPLY, CORE, append_reply_fields),
    KIND(HEARTBEAT, CORE, heartbeat_fields),
    KIND(HEARTBEAT_REPLY, CORE, heartbeat_reply_fields),
    KIND(TIMEOUT_NOW, CORE, timeout_now_fields),
    KIND(INSTALL_SNAPSHOT, CORE, install_snapshot_fields),
    KIND_AND_REST(FORWARD, CORE_BULK, forward_fields, "command", WIRE_WHOLE_BYTES_MAX),
    KIND_AND_REST(ANSWER, WIRE_BY_LISTENER | ON_BOTH | WIRE_OF_GROUP, answer_fields, "reply",
                  WIRE_BODY_BYTES_MAX),
    KIND(ABANDON, CORE_BULK, abandon_fields),
    KIND(FETCH, CORE_BULK, fetch_fields),
    KIND_AND_REST(PART, WIRE_BY_LISTENER | WIRE_ON_BULK | WIRE_OF_GROUP, part_fields, "bytes",
                  WIRE_PART_BYTES_MAX),
    KIND_AND_REST(PIECE, CORE_BULK, piece_fields, "bytes", WIRE_PIECE_BYTES_MAX),
    KIND(DIGEST, CORE, digest_fields),
    KIND(DAMAGED, CORE, damaged_fields),
    KIND(READ_INDEX, CORE, read_index_fields),
    KIND(READ_INDEX_REPLY, CORE, read_index_reply_fields),
    KIND(ABOUT, WIRE_BY_DIALER | ON_BOTH, about_fields),
    KIND(WHERE, WIRE_BY_DIALER | WIRE_ON_CONTROL, where_fields),
    KIND(FIGURES, WIRE_BY_DIALER | WIRE_ON_CONTROL, figures_fields),
};

const struct wire_kind *wire_kind_of(uint8_t type)
{
    return kinds[type].name == NULL ? NULL : &kinds[type];
}

uint32_t wire_kind_count(void)
{
    uint32_t count = 0;

    for (uint32_t type = 0; type <= UINT8_MAX; type++) {
        count += kinds[type].name != NULL;
    }
    return count;
}

const struct wire_kind *wire_kind_at(uint32_t i)
{
    uint32_t type = 0;

    CHECK(i < wire_kind_count());
    while (kinds[type].name == NULL || i-- > 0) {
        type++;
    }
    return &kinds[type];
}

uint32_t wire_body_min(const struct wire_kind *kind)
{
    return wire_fields_min(kind->fields);
}

uint32_t wire_body_max(const struct wire_kind *kind)
{
    return wire_fields_max(kind->fields) + kind->rest_max;
}
