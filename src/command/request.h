/* request.h - one command on its way: made by a client's connection or by a peer
 * that forwards, handed to the replica, answered exactly once.
 *
 * A write is answered once it is durable on a majority and applied here. A read is
 * answered from a state that holds every write acknowledged before it came. The
 * maker keeps order on a connection: it never has writes and reads under way at once on
 * the same one, but for reads that go through the log like writes (ADR 6). */
#ifndef RAKIT_COMMAND_REQUEST_H
#define RAKIT_COMMAND_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "kv/command.h"
#include "store/entry.h"

struct request {
    struct list link;              /* The replica's, from submit to answer. */
    const struct command *command; /* COMMAND_WRITE or COMMAND_READ. */
    struct entry *entry;           /* The command, encoded; the request's reference. */
    uint64_t received_ns;          /* The maker's: when it came to this node; 0: just now. */
    uint64_t place_by_ns;          /* The replica's: without a leader it is given up then, */
    uint64_t deadline_ns;          /* and in any case then; the maker's, if not 0. */
    uint64_t arrived_ns;           /* The replica's: when it was submitted. */
    uint64_t arrival;              /* The replica's: its place among all submitted. */
    uint64_t ticket;               /* The replica's: read confirmation, or correlation. */
    uint8_t lost_count;            /* The replica's: leaders lost while they had this read. */
    uint8_t resp_version;          /* The maker's: 2 or 3, for a reply made elsewhere. */
    bool is_logged_read;           /* The maker's: a read behind writes of its connection. */
    bool is_query;                 /* The maker's: an administrator's, which changes nothing. */
    bool is_abandoned;             /* The maker's: its client sends no more, and may be gone. */
    bool is_abandon_reported;      /* The replica's: the leader that has it knows that. */
    bool has_begun;          /* The replica's: a change of members that may happen yet, even where
                     * this request is given up. */
    uint64_t executed_index; /* Log index of the write, or that the read saw; 0:
                                    * not executed, or not known. */
    uint32_t executed_order; /* Of a write: its place among the commands of the
                                    * entry, from 0. */
    /* Where its reply goes; called right before the reply is written. */
    struct resp_writer *(*reply)(struct request *request);
    /* Set for a command that another node has forwarded to this one: it is given back,
     * certainly not executed, where this node does not lead any more. Else NULL. */
    void (*refused)(struct request *request);
    /* The reply is whole. The request is its maker's again and may be freed. */
    void (*answered)(struct request *request);
};

/* Encodes the command for a database, and its arguments, into request->entry. */
void request_encode(struct request *request, const struct command *command, uint8_t database,
                    uint32_t argument_count, const struct slice *arguments);

/* Goes through the log; else it is a read beside it, or an administrator's. */
bool request_is_write(const struct request *request);
bool request_is_read(const struct request *request);
bool request_is_admin(const struct request *request);
/* Whether it was executed makes no difference: a read, even one in the log, or a query of an
 * administrator. It is never in doubt. */
bool request_changes_nothing(const struct request *request);
/* Another node has forwarded it. */
bool request_is_forwarded(const struct request *request);

#endif /* RAKIT_COMMAND_REQUEST_H */
