/* pipe.h - executes commands from a stream, one per line. */
#ifndef RAKIT_CLI_PIPE_H
#define RAKIT_CLI_PIPE_H

#include <stdio.h>

#include "cli/session.h"

/* Runs until the stream or the session ends, or no node can be reached. Lines that fail do not
 * stop it; the worst outcome is returned. */
enum session_outcome pipe_run(struct session *s, FILE *input);

#endif /* RAKIT_CLI_PIPE_H */
