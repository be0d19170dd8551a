/* complete.h - completion of command names at the cursor. */
#ifndef RAKIT_CLI_COMPLETE_H
#define RAKIT_CLI_COMPLETE_H

#include <histedit.h>
#include <stddef.h>

#include "cli/catalogue.h"

/* Completes the name before the cursor as far as it is unique, or lists the possible ones.
 * Returns what the line editor must do (CC_…). */
unsigned char complete_at_cursor(EditLine *line, const struct catalogue *catalogue);

/* Width of the terminal; 80 if it is unknown. */
size_t complete_columns(void);

#endif /* RAKIT_CLI_COMPLETE_H */
