/* repl.h - the interactive mode: a person types commands at a terminal. */
#ifndef RAKIT_CLI_REPL_H
#define RAKIT_CLI_REPL_H

#include "cli/session.h"

/* Runs until the person leaves. Errors of commands are normal here, and do not count in the
 * outcome. */
enum session_outcome repl_run(struct session *s);

#endif /* RAKIT_CLI_REPL_H */
