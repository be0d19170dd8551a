/* wire.h - the frames that peers exchange (docs/WIRE.md). Encoders append one whole frame to a
 * buffer. Decoders check every length against the bytes that have arrived, and return false on
 * anything that does not fit. */
#ifndef RAKIT_PEER_WIRE_H
#define RAKIT_PEER_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "cluster/members.h"
#include "io/io.h"
#include "peer/figures.h"
#include "peer/proof.h"
#include "raft/raft.h"
#include "store/entry.h"

/* Nodes of adjacent versions work together, so that a cluster can be upgraded node by node, and
 * back. The greeting is the same in all versions.
 *   10  the oldest supported: the first whose frames name their group */
enum {
    WIRE_VERSION = 10,
    WIRE_VERSION_MIN = 10,
    WIRE_VERSION_NEXT = WIRE_VERSION + 1, /* For tests: the version of a later program. */
    WIRE_GROUPS = 1,                      /* Group 0 is the only one. */
    WIRE_PROGRAM_BYTES_MAX = 31,
    WIRE_HEADER_BYTES = 16,
    /* Limit for a frame before the handshake is over: nobody may make us allocate more. */
    WIRE_HANDSHAKE_BYTES_MAX = 1024,
    WIRE_HELLO_BYTES_MAX = 85 + 255,       /* With the longest host name. */
    WIRE_PART_BYTES_MAX = 4 * 1024 * 1024, /* Of a snapshot. */
    WIRE_PIECE_BYTES_MAX = 256 * 1024,     /* Of a large payload. */
    /* Of entries, or of a command, that are not in pieces. */
    WIRE_WHOLE_BYTES_MAX = 2 * 1024 * 1024,
    WIRE_BODY_BYTES_MAX = ENTRY_BYTES_MAX + 4096,
    WIRE_FIELDS_BYTES_MAX = 512,        /* All fields of a kind. */
    WIRE_SKIPPED_BYTES_MAX = 64 * 1024, /* A frame of an unknown kind, which is skipped. */
};

/* The kinds of frames; the table in wire_kind.h has a row for each. */
enum wire_type {
    WIRE_HELLO = 1,     /* Dialer -> listener, the first frame on a connection. */
    WIRE_WELCOME = 2,   /* The answer to PROOF. After it, the listener sends ANSWER and CLOCK. */
    WIRE_REFUSE = 3,    /* Or this answer, after which the connection ends. */
    WIRE_CHALLENGE = 4, /* The answer to HELLO, with the listener's proof of membership. */
    WIRE_PROOF = 5,     /* The dialer's proof of membership. */
    WIRE_CLOCK = 8,     /* The listener's time. */
    WIRE_HOLDS = 9,     /* The dialer has received that time, and still waits for its commands. */
    /* The core's messages, in the order of enum raft_message_kind. */
    WIRE_PRE_VOTE = 16,
    WIRE_PRE_VOTE_REPLY = 17,
    WIRE_REQUEST_VOTE = 18,
    WIRE_REQUEST_VOTE_REPLY = 19,
    WIRE_APPEND = 20,
    WIRE_APPEND_REPLY = 21,
    WIRE_HEARTBEAT = 22,
    WIRE_HEARTBEAT_REPLY = 23,
    WIRE_TIMEOUT_NOW = 24,
    WIRE_INSTALL_SNAPSHOT = 25,
    WIRE_FORWARD = 32,    /* A client's command for the leader. */
    WIRE_ANSWER = 33,     /* The answer to it. */
    WIRE_ABANDON = 34,    /* The client of a forwarded command has gone, so the command need not
                        * wait. */
    WIRE_FETCH = 35,      /* Asks for a part of a snapshot. */
    WIRE_PART = 36,       /* The answer to it. */
    WIRE_PIECE = 37,      /* A piece of the payload of a frame that follows. */
    WIRE_DIGEST = 40,     /* The digest of the sender's state, to be compared. */
    WIRE_DAMAGED = 41,    /* A snapshot that was fetched from the receiver is damaged. */
    WIRE_READ_INDEX = 42, /* Asks the leader for a read index. */
    WIRE_READ_INDEX_REPLY = 43, /* The answer to it, on the leader's own connection. */
    /* From here on: on a welcomed connection, a node that does not know a kind skips it. */
    WIRE_MAY_BE_SKIPPED = 128,
    WIRE_ABOUT = 128,   /* The dialer's program, sent once it was welcomed. */
    WIRE_WHERE = 129,   /* Where the dialer reaches another member. */
    WIRE_FIGURES = 130, /* How the dialer is. */
};

enum wire_channel { WIRE_CONTROL = 0, WIRE_BULK = 1 };

enum wire_refusal {
    WIRE_OTHER_CLUSTER = 1,
    WIRE_OTHER_VERSION = 2,
    WIRE_OTHER_NODE = 3,  /* Another node has this address now. */
    WIRE_REMOVED = 4,     /* The dialer was removed from the cluster. */
    WIRE_NOT_READY = 5,   /* The listener does not know its cluster yet; try again. */
    WIRE_SAME_NODE = 6,   /* Another process with the dialer's id is running. */
    WIRE_OTHER_KEY = 7,   /* Sent by the dialer: the listener's proof is wrong. */
    WIRE_OLDER_LEVEL = 8, /* The dialer's program does not know the feature level of the cluster. */
    WIRE_EARLIER_EPOCH = 9, /* The cluster was recovered without the dialer: epoch.h. */
    WIRE_LATER_EPOCH = 10,  /* It was recovered without the listener. */
    WIRE_OTHER_NAME = 11,   /* The dialer's certificate does not name the host that it announces. */
};

struct wire_hello {
    uint32_t version;
    uint32_t level; /* The newest feature level that the dialer knows. */
    uint64_t cluster_id;
    uint64_t epoch; /* Of the cluster. */
    raft_id from;
    raft_id to;
    uint64_t incarnation; /* Random, new at each start of the dialer. */
    enum wire_channel channel;
    struct io_address address; /* The dialer's, for clients. */
    uint16_t peer_port;
    unsigned char nonce[PROOF_NONCE_BYTES];
};

struct wire_refuse {
    enum wire_refusal reason;
};

struct wire_challenge {
    raft_id listener;
    uint32_t level; /* The newest feature level that the listener knows. */
    unsigned char nonce[PROOF_NONCE_BYTES];
    unsigned char proof[PROOF_BYTES];
};

struct wire_proof {
    unsigned char proof[PROOF_BYTES];
};

struct wire_about {
    char program[WIRE_PROGRAM_BYTES_MAX + 1]; /* Version of the program. */
};

/* What a node reports about its disk. */
enum wire_disk {
    WIRE_DISK_ROOM = 0,
    WIRE_DISK_FULL = 1,  /* There was not enough room for a write; smaller writes still succeed. */
    WIRE_DISK_LOW = 2,   /* Only what makes room succeeds: deletes. */
    WIRE_DISK_SPENT = 3, /* No more writes succeed. */
};

/* What a raft message carries besides what the core knows. */
struct wire_message {
    uint8_t group;
    struct raft_message message;
    raft_index applied_index; /* The sender's. */
    enum wire_disk disk;      /* The sender's. */
    uint64_t data_bytes_max;  /* How much data the sender has memory for; 0: any amount. */
    uint32_t stored_us;       /* APPEND_REPLY: how long the sender's disk had the last write. */
};

struct wire_forward {
    uint8_t group;
    uint64_t correlation;
    raft_term term; /* The term in which the receiver is believed to lead. */
    uint8_t resp_version;
    bool is_logged_read;  /* See request.h; unused for other commands. */
    uint64_t until_ns;    /* By the receiver's clock: the command must not be begun later. */
    struct slice command; /* Encoded as in a log entry. Empty: it came in pieces. */
    struct entry *whole;  /* Then this is it. */
};

/* Bytes of a payload of `total` bytes, from `offset` on. */
struct wire_piece {
    uint8_t group;
    uint32_t total;
    uint32_t offset;
    struct slice bytes;
};

struct wire_clock {
    uint64_t clock_ns; /* The sender's. */
    uint64_t log_us;   /* What log time it is, as the sender knows; 0: it does not. */
};

struct wire_holds {
    uint64_t clock_ns;    /* The receiver's, as last heard. */
    uint64_t correlation; /* Commands with lower numbers are not waited for any more. */
};

struct wire_abandon {
    uint8_t group;
    uint64_t correlation;
};

struct wire_read_index {
    uint8_t group;
    uint64_t number;    /* Of the question; never reused by this process. */
    raft_term term;     /* The sender's, in which it follows the receiver. */
    bool accepts_lease; /* A lease is confirmation enough for all reads that wait. */
};

struct wire_read_index_reply {
    uint8_t group;
    uint64_t number;  /* Of the question. */
    raft_index index; /* What must be applied before the reads are served: it is committed. */
    raft_term term;   /* Of that entry. */
};

/* Which bytes of which snapshot: see struct store_snapshot. */
struct wire_fetch {
    uint8_t group;
    uint64_t index;
    raft_term term;
    uint64_t bytes;
    uint64_t checksum;
    uint64_t offset;
    uint32_t size;
};

enum wire_part_outcome {
    WIRE_PART_IS_HERE = 0, /* Its bytes follow; fewer than were asked for at the end of the file. */
    WIRE_SNAPSHOT_GONE = 1, /* The sender does not have this snapshot (any more). */
};

struct wire_part {
    uint8_t group;
    uint64_t index;
    uint64_t checksum;
    uint64_t offset;
    enum wire_part_outcome outcome;
    struct slice bytes;
};

/* Which snapshot is damaged. */
struct wire_damaged {
    uint8_t group;
    uint64_t index;
    raft_term term;
    uint64_t bytes;
    uint64_t checksum;
};

/* What a node reports about its state. */
struct wire_digest {
    uint8_t group;
    raft_index index; /* After this entry; 0: no digest is sent. */
    uint64_t digest;
    bool is_isolated;        /* The sender's state is wrong, as it knows. */
    raft_index needed_index; /* It asks the receiver for a snapshot that is not older; 0: not. */
    struct raft_snapshot snapshot; /* The sender's newest, without `holder`; index 0: none. */
};

enum wire_outcome {
    WIRE_REPLIED = 0,    /* The reply follows. */
    WIRE_NOT_LEADER = 1, /* Certainly not executed, neither here nor later. */
};

struct wire_answer {
    uint8_t group;
    uint64_t correlation;
    enum wire_outcome outcome;
    raft_index executed_index;
    struct slice reply;
};

/* --- frames ------------------------------------------------------------------------ */

/* Begins a frame at the end of `out`. Returns a mark for wire_end(), which fills in size and
 * checksum once the body was appended. Frames about the node itself have group 0. */
size_t wire_begin(struct buffer *out, enum wire_type type);
size_t wire_begin_of(struct buffer *out, enum wire_type type, uint8_t group);
void wire_end(struct buffer *out, size_t mark);

struct wire_kind;

struct wire_frame {
    enum wire_type type;
    const struct wire_kind *kind; /* NULL: unknown, and must be skipped. */
    uint8_t group;
    struct slice body; /* Borrowed. */
    size_t size;       /* With its header. */
};

enum wire_result { WIRE_MORE, WIRE_FRAME, WIRE_BAD };

/* Looks for a whole frame at the start of `input`. WIRE_FRAME: there is one. WIRE_MORE: only
 * ret_frame->size is set, to its size in all, as far as known. WIRE_BAD: not a frame, of an
 * unknown kind that may not be skipped, too long, or damaged. */
enum wire_result wire_frame(struct slice input, uint64_t body_max, struct wire_frame *ret_frame);

/* Whether the frame's group exists. If not, the connection must be closed: all nodes of a
 * cluster have the same groups. */
bool wire_has_group(const struct wire_frame *frame);

/* Whether that side may send this frame, on that channel of a welcomed connection. */
bool wire_is_in_place(const struct wire_frame *frame, bool is_by_dialer, enum wire_channel channel);

/* --- bodies ------------------------------------------------------------------------ */

/* Returns the size of the body, which is at the end of `out`. */
size_t wire_put_hello(struct buffer *out, const struct wire_hello *hello);
bool wire_get_hello(struct slice body, struct wire_hello *ret_hello);

/* The only field that is read before the proof; it is at the same place in all versions. */
bool wire_get_hello_version(struct slice body, uint32_t *ret_version);

void wire_put_challenge(struct buffer *out, const struct wire_challenge *c);
bool wire_get_challenge(struct slice body, struct wire_challenge *ret_c);

/* The body is the proof and nothing else. */
void wire_put_proof(struct buffer *out, const unsigned char proof[PROOF_BYTES]);

void wire_put_refuse(struct buffer *out, enum wire_refusal refusal);
bool wire_get_refuse(struct slice body, enum wire_refusal *ret_refusal);

/* The version of the program: 1 to WIRE_PROGRAM_BYTES_MAX printable characters. */
void wire_put_about(struct buffer *out, const char *program);
bool wire_get_about(struct slice body, char ret_program[WIRE_PROGRAM_BYTES_MAX + 1]);

/* The id of a member, and its address. */
void wire_put_where(struct buffer *out, const struct member_address *where);
bool wire_get_where(struct slice body, struct member_address *ret_where);

void wire_put_figures(struct buffer *out, const struct figures *f);
bool wire_get_figures(struct slice body, struct figures *ret_f);

void wire_put_message(struct buffer *out, const struct wire_message *m);
bool wire_get_message(const struct wire_frame *frame, struct wire_message *ret_m);

/* Whether it is a message of the core, except AppendEntries. */
bool wire_is_message(enum wire_type type);
/* AppendEntries with `entries`, whose number replaces the count of entries in *m. */
void wire_put_entries(struct buffer *out, const struct wire_message *m,
                      struct entry *const *entries, uint32_t count);
/* The same for one entry whose payload was sent in pieces. */
void wire_put_large_entry(struct buffer *out, const struct wire_message *m, const struct entry *e);
/* The message, with entry_count set and `entries` NULL; and the position of the entries. */
bool wire_get_entries(const struct wire_frame *frame, struct wire_message *ret_m,
                      struct slice *ret_entries);
/* Whether the rest is one entry whose payload came in pieces: its size. Otherwise 0. */
uint32_t wire_large_entry_size(struct slice rest);
/* Sets kind, term and time of that entry, whose payload is in place. False: it is malformed. */
bool wire_get_large_entry(struct slice rest, struct entry *e);
/* Decodes the next entry of `rest`: a new one with one reference and index 0; or NULL. */
struct entry *wire_next_entry(struct slice *rest);

void wire_put_forward(struct buffer *out, const struct wire_forward *f);
bool wire_get_forward(const struct wire_frame *frame, struct wire_forward *ret_f);
void wire_put_piece(struct buffer *out, const struct wire_piece *piece);
bool wire_get_piece(const struct wire_frame *frame, struct wire_piece *ret_piece);
void wire_put_abandon(struct buffer *out, const struct wire_abandon *a);
bool wire_get_abandon(const struct wire_frame *frame, struct wire_abandon *ret_a);

void wire_put_read_index(struct buffer *out, const struct wire_read_index *w);
bool wire_get_read_index(const struct wire_frame *frame, struct wire_read_index *ret_w);
void wire_put_read_index_reply(struct buffer *out, const struct wire_read_index_reply *w);
bool wire_get_read_index_reply(const struct wire_frame *frame, struct wire_read_index_reply *ret_w);

void wire_put_clock(struct buffer *out, const struct wire_clock *c);
bool wire_get_clock(struct slice body, struct wire_clock *ret_clock);
void wire_put_holds(struct buffer *out, const struct wire_holds *h);
bool wire_get_holds(struct slice body, struct wire_holds *ret_h);

/* The caller appends the reply before it calls wire_end(). */
size_t wire_begin_answer(struct buffer *out, uint8_t group, uint64_t correlation);
void wire_end_answer(struct buffer *out, size_t mark, enum wire_outcome outcome,
                     raft_index executed_index);
/* Removes an answer that was begun and not ended. */
void wire_drop_answer(struct buffer *out, size_t mark);
void wire_put_fetch(struct buffer *out, const struct wire_fetch *f);
bool wire_get_fetch(const struct wire_frame *frame, struct wire_fetch *ret_f);
void wire_put_part(struct buffer *out, const struct wire_part *part);
bool wire_get_part(const struct wire_frame *frame, struct wire_part *ret_part);
void wire_put_damaged(struct buffer *out, const struct wire_damaged *d);
bool wire_get_damaged(const struct wire_frame *frame, struct wire_damaged *ret_d);
void wire_put_digest(struct buffer *out, const struct wire_digest *d);
bool wire_get_digest(const struct wire_frame *frame, struct wire_digest *ret_d);
bool wire_get_answer(const struct wire_frame *frame, struct wire_answer *ret_a);

const char *wire_refusal_text(enum wire_refusal refusal);

#endif /* RAKIT_PEER_WIRE_H */
