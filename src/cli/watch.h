/* watch.h - the commands "changes" and "watch": print changes of keys as they happen, going on at
 * whatever node answers. */
#ifndef RAKIT_CLI_WATCH_H
#define RAKIT_CLI_WATCH_H

#include "cli/session.h"

/* changes prefix [id]; until the user interrupts it. */
enum session_outcome watch_run(struct session *s, const struct words *command);

#endif /* RAKIT_CLI_WATCH_H */
