/* pipe.h - commands from a stream, one a line. */
#ifndef RAKIT_CLI_PIPE_H
#define RAKIT_CLI_PIPE_H

#include <stdio.h>

#include "cli/session.h"

/* Until the stream or the session ends, or no node can be reached. Lines that
 * fail do not stop it; the worst outcome is returned. */
enum session_outcome pipe_run(struct session *s, FILE *input);

#endif /* RAKIT_CLI_PIPE_H */
