/* help.h - the catalogue as text for a person, in lines as wide as `style` has columns,
 * which are broken between words. */
#ifndef RAKIT_CLI_HELP_H
#define RAKIT_CLI_HELP_H

#include <stdbool.h>

#include "base/buffer.h"
#include "cli/catalogue.h"
#include "cli/style.h"
#include "cli/words.h"

/* All commands, by group. */
void help_overview(struct buffer *out, const struct catalogue *c, const struct style *style);

/* What the words after the first name: a command or a group ("string", also
 * "@string"). False where it is neither; then nothing is appended. */
bool help_topic(struct buffer *out, const struct catalogue *c, const struct words *command,
                const struct style *style);

#endif /* RAKIT_CLI_HELP_H */
