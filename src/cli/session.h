/* session.h - runs one command after the other, wherever they come from: the
 * client's own here, all others on the server. Replies go to stdout; errors go
 * to stderr, but to stdout, between the replies, where a person types. */
#ifndef RAKIT_CLI_SESSION_H
#define RAKIT_CLI_SESSION_H

#include <stdbool.h>

#include "cli/catalogue.h"
#include "cli/client.h"
#include "cli/style.h"
#include "cli/words.h"

struct session {
    struct client *client; /* Borrowed. */
    struct catalogue catalogue;
    struct style style;
    bool interactive;
    bool wants_to_end;         /* "quit" was said, or a signal came. */
    bool asked_for_docs;       /* And the server has given its answer. */
    unsigned long line_number; /* Of the command in a stream of them, for errors; 0: no stream. */
};

/* The three exit codes of the program. */
enum session_outcome { SESSION_DONE = 0, SESSION_FAILED = 1, SESSION_UNREACHABLE = 2 };

void session_init(struct session *s, struct client *client, struct style style, bool interactive);
void session_deinit(struct session *s);

/* Runs one command; no words: nothing to do. */
enum session_outcome session_run(struct session *s, const struct words *command);

/* Says that something failed, where errors go. */
void session_complain(const struct session *s, const char *complaint);

/* Asks the server which commands it has, unless it has answered that before. */
void session_load_catalogue(struct session *s);

#endif /* RAKIT_CLI_SESSION_H */
