/* help.h - the catalogue as text for a person, wrapped between words at the width in `style`. */
#ifndef RAKIT_CLI_HELP_H
#define RAKIT_CLI_HELP_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/style.h"
#include "cli/catalogue.h"
#include "cli/words.h"

/* All commands, by group. */
void help_overview(struct buffer *out, const struct catalogue *c, const struct style *style);

/* Help for the words after `help`: a command or a group ("string", also "@string"). False if it
 * is neither; nothing is appended then. */
bool help_topic(struct buffer *out, const struct catalogue *c, const struct words *command,
                const struct style *style);

#endif /* RAKIT_CLI_HELP_H */
