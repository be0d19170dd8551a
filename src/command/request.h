/* request.h - one command under way: made by a client's connection or by a peer that forwards
 * it, submitted to the replica, answered exactly once.
 *
 * A write is answered once it is durable on a majority and applied here. A read is answered from
 * a state that includes every write acknowledged before the read arrived. The maker keeps the
 * order on a connection: it never has writes and reads under way at the same time on one
 * connection, except reads that go through the log like writes (ADR 6). */
#ifndef RAKIT_COMMAND_REQUEST_H
#define RAKIT_COMMAND_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "kv/codec.h"
#include "kv/command.h"
#include "store/entry.h"

/* What a client asks of its reads (RAFT READS). */
enum read_mode {
    READ_LINEARIZABLE, /* Each sees all that was acknowledged before it was sent. */
    READ_LEASE,        /* The same, if clocks run as they should. */
    READ_STALE,        /* Each sees all that was acknowledged some time before it was sent. */
};

struct request {
    struct list link;              /* The replica's, from submission to answer. */
    const struct command *command; /* COMMAND_WRITE or COMMAND_READ. */
    struct entry *entry;           /* The command, encoded; the request holds a reference. */
    uint64_t received_ns;          /* The maker's: when it arrived at this node; 0: now. */
    uint64_t place_by_ns;          /* The replica's: when it is given up if there is no leader. */
    uint64_t deadline_ns;          /* When it is given up in any case. The maker's, if not 0. */
    uint64_t arrived_ns;           /* The replica's: when it was submitted. */
    uint64_t arrival;              /* The replica's: its place among all that were submitted. */
    uint64_t ticket;               /* The replica's: round of read confirmation, or correlation
                                    * number. */
    uint8_t lost_count;            /* The replica's: how many leaders were lost while they had
                                    * this read. */
    uint8_t resp_version;          /* The maker's: protocol 2 or 3, for a reply made on another
                                    * node. */
    bool is_logged_read;           /* The maker's: a read that goes through the log. */
    uint8_t read_mode;             /* The maker's: enum read_mode. */
    uint64_t max_age_ns;           /* The maker's: READ_STALE. */
    uint64_t seen_index;           /* The maker's: READ_STALE; the connection has seen the state at
                                    * that index, and never goes back. */
    bool is_query;                 /* The maker's: an administrator's query, which changes
                                    * nothing. */
    bool is_abandoned;             /* The maker's: its client sends no more, and may have gone. */
    bool is_abandon_reported;      /* The replica's: the leader that has the request knows
                                    * is_abandoned. */
    bool has_begun;          /* The replica's: a change of members that may still happen, even if
                              * this request is given up. */
    uint64_t executed_index; /* The log index of the write, or the one that the read saw; 0: not
                              * executed, or not known. */
    uint32_t executed_order; /* Of a write: its place among the commands of the
                                    * entry, from 0. */
    /* Describes who has sent it, for a person; or NULL. */
    void (*describe)(struct request *request, struct buffer *out);
    /* Returns where the reply goes; called right before the reply is written. */
    struct resp_writer *(*reply)(struct request *request);
    /* For a command that another node has forwarded to this one: gives it back, certainly not
     * executed, if this node does not lead any more. NULL for others. */
    void (*refused)(struct request *request);
    /* The reply is complete. The request belongs to its maker again and may be freed. */
    void (*answered)(struct request *request);
};

/* Encodes the command, its database and its arguments into request->entry. */
void request_encode(struct request *request, const struct command *command, uint8_t database,
                    uint32_t argument_count, const struct slice *arguments);

/* The same with all that precedes the arguments. */
void request_encode_head(struct request *request, const struct command *command,
                         const struct command_head *head, const struct slice *arguments);

/* Whether it goes through the log; otherwise it is a read beside the log, or an administrator's. */
bool request_is_write(const struct request *request);
bool request_is_read(const struct request *request);
bool request_is_admin(const struct request *request);
/* Whether executing it changes nothing: a read, even one in the log, or an administrator's query.
 * Such a request is never in doubt. */
bool request_changes_nothing(const struct request *request);
/* Whether another node has forwarded it. */
bool request_is_forwarded(const struct request *request);

#endif /* RAKIT_COMMAND_REQUEST_H */
