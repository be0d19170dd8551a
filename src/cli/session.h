/* session.h - runs commands, one after the other: the client's own here, all others on the
 * server. Replies go to stdout. Errors go to stderr, or, if a person types, to stdout among the
 * replies. */
#ifndef RAKIT_CLI_SESSION_H
#define RAKIT_CLI_SESSION_H

#include <stdbool.h>

#include "base/style.h"
#include "cli/catalogue.h"
#include "cli/client.h"
#include "cli/words.h"

struct io;

struct session {
    struct client *client; /* Borrowed. */
    struct io *io;         /* For the files of backups; borrowed. */
    struct catalogue catalogue;
    struct style style;
    bool interactive;
    bool wants_to_end;         /* "quit" was typed, or a signal came. */
    bool asked_for_docs;       /* The server has answered COMMAND DOCS. */
    bool has_docs;             /* And has not refused. */
    unsigned long line_number; /* Of the command in a stream, for errors; 0: not a stream. */
};

/* The three exit codes of the program. */
enum session_outcome { SESSION_DONE = 0, SESSION_FAILED = 1, SESSION_UNREACHABLE = 2 };

void session_init(struct session *s, struct client *client, struct style style, bool interactive);
void session_deinit(struct session *s);

/* Runs one command; without words it does nothing. */
enum session_outcome session_run(struct session *s, const struct words *command);

/* Prints that something failed, on the stream for errors. */
void session_complain(const struct session *s, const char *complaint);

/* Asks the server for its commands, unless it has answered that already. */
void session_load_catalogue(struct session *s);

#endif /* RAKIT_CLI_SESSION_H */
