/* repl.h - the conversation with a person at a terminal. */
#ifndef RAKIT_CLI_REPL_H
#define RAKIT_CLI_REPL_H

#include "cli/session.h"

/* Until the person wants to leave. Errors of commands are part of the
 * conversation: they do not count in the outcome. */
enum session_outcome repl_run(struct session *s);

#endif /* RAKIT_CLI_REPL_H */
