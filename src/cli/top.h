/* top.h - "top": the state of the cluster on one screen, drawn anew every second or so, with the
 * rate of committed entries as a line of bars. For a terminal. */
#ifndef RAKIT_CLI_TOP_H
#define RAKIT_CLI_TOP_H

#include <stdbool.h>

#include "base/style.h"
#include "cli/client.h"
#include "cli/words.h"

/* Returns once the user wants to end. False: it could not begin, and *ret_fault says why. */
bool top_run(struct client *client, const struct style *style, const struct words *command,
             const char **ret_fault);

#endif /* RAKIT_CLI_TOP_H */
