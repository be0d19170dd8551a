/* transaction.h - MULTI, EXEC and WATCH of a connection: what is queued and what is watched until
 * EXEC, which sends both as one command (command/transaction.h).
 *
 * While a connection watches keys, each of its data commands is sent with them, so that it is
 * known whether a reply has shown a value that EXEC must not rely on: EXEC compares with what
 * WATCH saw, and would not notice a value that was another one only in between. */
#ifndef RAKIT_CLIENT_TRANSACTION_H
#define RAKIT_CLIENT_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kv/command.h"

enum {
    TRANSACTION_ARGUMENTS_MAX = 128 * 1024,
    TRANSACTION_BYTES_MAX = 64 * 1024 * 1024,
    TRANSACTION_WATCHED_KEY_BYTES_MAX = 1024 * 1024,
};

struct client;
struct reply_slot;

/* Zeroed: no MULTI, and nothing is watched. */
struct transaction {
    bool is_open;           /* MULTI was taken. */
    bool is_spoiled;        /* Something was refused since: EXEC executes nothing. */
    bool is_outdated;       /* A watched key has changed: the same, with another reply. */
    bool writes;            /* Some command in the queue does, */
    bool may_grow;          /* and may take memory. */
    uint8_t database;       /* The one that the queue has selected. */
    uint32_t command_count; /* In the queue, */
    uint32_t local_count;   /* of these, those that this node executes. */
    uint32_t argument_count;
    uint32_t watched_count;
    uint32_t generation;     /* Changes whenever what is watched is forgotten. */
    uint32_t settling_count; /* Commands under way whose replies decide about later ones. */
    uint64_t watched_bytes;  /* Of the values. */
    uint64_t work;           /* Of the commands in the queue. */
    struct buffer queue;
    struct buffer watched;
};

/* What must be done when a command under way is answered. */
enum transaction_purpose {
    TRANSACTION_NOT,
    TRANSACTION_WATCHES,  /* Its reply is the versions of keys. */
    TRANSACTION_COMPARES, /* Behind its reply stands whether watched keys have changed. */
    TRANSACTION_EXECUTES, /* Local commands have their places in its reply. */
};

void transaction_deinit(struct transaction *t);
/* Memory that it takes. */
uint64_t transaction_bytes(const struct transaction *t);

/* Whether the command is to be put into the queue; NULL is an unknown one. */
bool transaction_takes(const struct client *c, const struct command *command);
/* Puts it there. Otherwise returns why not, which spoils the transaction. */
const char *transaction_queue(struct client *c, const struct command *command, uint64_t work);
/* The command could not be taken, for other reasons. */
void transaction_spoil(struct client *c);

bool transaction_is_exec(const struct command *command);
/* For a command with a wrong number of arguments: whether it was EXEC, and has ended MULTI. */
bool transaction_ends_by(struct client *c, const struct command *command);

/* Whether EXEC or WATCH is to be sent now, rather than answered at once by its handler. Returns
 * the command to send, or NULL. */
const struct command *transaction_sends(const struct client *c, const struct command *command);
/* About how much work sending it means. */
uint64_t transaction_work(const struct client *c, const struct command *command, uint64_t work);
/* Encodes the command, as it is sent, into the slot's request: EXEC, WATCH, or a data command. */
void transaction_encode(struct client *c, struct reply_slot *slot, const struct command *command);
/* The slot's reply is complete: gives it its final form. */
void transaction_settle(struct reply_slot *slot);

/* MULTI, and the like. */
extern const struct command transaction_client_commands[];
/* For RESET: there is no MULTI, and nothing is watched. */
void transaction_reset(struct client *c);

#endif /* RAKIT_CLIENT_TRANSACTION_H */
