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
    RANGE(WIRE_U8, wire_refuse, reason, WIRE_OTHER_CLUSTER, WIRE_OLDER_LEVEL),
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

#define MESSAGE(form_, member) FIELD(form_, wire_message, message.member)

#define EACH_MESSAGE                                                                               \
    RANGE(WIRE_U64, wire_message, message.from, 1, 0),                                             \
        RANGE(WIRE_U64, wire_message, message.to, 1, 0), MESSAGE(WIRE_U64, term),                  \
        FIELD(WIRE_U64, wire_message, applied_index),                                              \
        RANGE(WIRE_U8, wire_message, disk, WIRE_DISK_ROOM, WIRE_DISK_SPENT)

static const struct wire_field pre_vote_fields[] = {
    EACH_MESSAGE,
    MESSAGE(WIRE_U64, last_log_index),
    MESSAGE(WIRE_U64, last_log_term),
};

static const struct wire_field request_vote_fields[] = {
    EACH_MESSAGE,
    MESSAGE(WIRE_U64, last_log_index),
    MESSAGE(WIRE_U64, last_log_term),
    MESSAGE(WIRE_FLAG, is_transfer),
};

static const struct wire_field vote_reply_fields[] = {
    EACH_MESSAGE,
    MESSAGE(WIRE_FLAG, granted),
};

static const struct wire_field append_fields[] = {
    EACH_MESSAGE,
    MESSAGE(WIRE_U64, prev_log_index),
    MESSAGE(WIRE_U64, prev_log_term),
    MESSAGE(WIRE_U64, leader_commit),
    MESSAGE(WIRE_U64, read_round),
    MESSAGE(WIRE_U32, entry_count),
};

static const struct wire_field append_reply_fields[] = {
    EACH_MESSAGE,
    MESSAGE(WIRE_FLAG, granted),
    MESSAGE(WIRE_U64, match_index),
    MESSAGE(WIRE_U64, conflict_term),
    MESSAGE(WIRE_U64, conflict_index),
    MESSAGE(WIRE_U64, read_round),
};

static const struct wire_field heartbeat_fields[] = {
    EACH_MESSAGE,
    MESSAGE(WIRE_U64, leader_commit),
    MESSAGE(WIRE_U64, read_round),
};

static const struct wire_field heartbeat_reply_fields[] = {
    EACH_MESSAGE,
    MESSAGE(WIRE_U64, read_round),
};

static const struct wire_field timeout_now_fields[] = {
    EACH_MESSAGE,
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

static const struct wire_field clock_fields[] = {
    FIELD(WIRE_U64, wire_clock, clock_ns),
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

/* --- the table ---------------------------------------------------------------------------- */

#define FIELDS(list_)                                                                              \
    {                                                                                              \
        .list = list_, .count = sizeof(list_) / sizeof(list_)[0]                                   \
    }

enum {
    DIALER_GREETS = WIRE_BY_DIALER | WIRE_IN_GREETING,
    LISTENER_GREETS = WIRE_BY_LISTENER | WIRE_IN_GREETING,
    CORE = WIRE_BY_DIALER | WIRE_ON_CONTROL | WIRE_OF_GROUP,
    CORE_BULK = WIRE_BY_DIALER | WIRE_ON_BULK | WIRE_OF_GROUP,
};

static const struct wire_kind kinds[] = {
    {WIRE_HELLO, "HELLO", DIALER_GREETS, FIELDS(hello_fields), NULL, 0},
    {WIRE_WELCOME, "WELCOME", LISTENER_GREETS, {NULL, 0}, NULL, 0},
    {WIRE_REFUSE, "REFUSE", DIALER_GREETS | LISTENER_GREETS, FIELDS(refuse_fields), NULL, 0},
    {WIRE_CHALLENGE, "CHALLENGE", LISTENER_GREETS, FIELDS(challenge_fields), NULL, 0},
    {WIRE_PROOF, "PROOF", DIALER_GREETS, FIELDS(proof_fields), NULL, 0},
    {WIRE_CLOCK, "CLOCK", WIRE_BY_LISTENER | WIRE_ON_CONTROL, FIELDS(clock_fields), NULL, 0},
    {WIRE_HOLDS, "HOLDS", WIRE_BY_DIALER | WIRE_ON_CONTROL, FIELDS(holds_fields), NULL, 0},
    {WIRE_PRE_VOTE, "PRE_VOTE", CORE, FIELDS(pre_vote_fields), NULL, 0},
    {WIRE_PRE_VOTE_REPLY, "PRE_VOTE_REPLY", CORE, FIELDS(vote_reply_fields), NULL, 0},
    {WIRE_REQUEST_VOTE, "REQUEST_VOTE", CORE, FIELDS(request_vote_fields), NULL, 0},
    {WIRE_REQUEST_VOTE_REPLY, "REQUEST_VOTE_REPLY", CORE, FIELDS(vote_reply_fields), NULL, 0},
    {WIRE_APPEND, "APPEND", CORE_BULK, FIELDS(append_fields), "entries", WIRE_BODY_BYTES_MAX - 100},
    {WIRE_APPEND_REPLY, "APPEND_REPLY", CORE, FIELDS(append_reply_fields), NULL, 0},
    {WIRE_HEARTBEAT, "HEARTBEAT", CORE, FIELDS(heartbeat_fields), NULL, 0},
    {WIRE_HEARTBEAT_REPLY, "HEARTBEAT_REPLY", CORE, FIELDS(heartbeat_reply_fields), NULL, 0},
    {WIRE_TIMEOUT_NOW, "TIMEOUT_NOW", CORE, FIELDS(timeout_now_fields), NULL, 0},
    {WIRE_FORWARD, "FORWARD", CORE_BULK, FIELDS(forward_fields), "command", ENTRY_BYTES_MAX},
    {WIRE_ANSWER, "ANSWER", WIRE_BY_LISTENER | WIRE_ON_CONTROL | WIRE_ON_BULK | WIRE_OF_GROUP,
     FIELDS(answer_fields), "reply", WIRE_BODY_BYTES_MAX - 100},
    {WIRE_ABOUT, "ABOUT", WIRE_BY_DIALER | WIRE_ON_CONTROL | WIRE_ON_BULK, FIELDS(about_fields),
     NULL, 0},
    {WIRE_WHERE, "WHERE", WIRE_BY_DIALER | WIRE_ON_CONTROL, FIELDS(where_fields), NULL, 0},
};

uint32_t wire_kind_count(void)
{
    return sizeof kinds / sizeof kinds[0];
}

const struct wire_kind *wire_kind_at(uint32_t i)
{
    CHECK(i < wire_kind_count());
    return &kinds[i];
}

const struct wire_kind *wire_kind_of(uint8_t type)
{
    for (uint32_t i = 0; i < wire_kind_count(); i++) {
        if (kinds[i].type == type) {
            return &kinds[i];
        }
    }
    return NULL;
}

uint32_t wire_body_min(const struct wire_kind *kind)
{
    return wire_fields_min(kind->fields);
}

uint32_t wire_body_max(const struct wire_kind *kind)
{
    return wire_fields_max(kind->fields) + kind->rest_max;
}
