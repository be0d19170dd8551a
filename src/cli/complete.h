/* complete.h - completion of command names at the cursor. */
#ifndef RAKIT_CLI_COMPLETE_H
#define RAKIT_CLI_COMPLETE_H

#include <histedit.h>
#include <stddef.h>

#include "cli/catalogue.h"

/* Completes the name that the cursor stands behind, as far as it is certain, or
 * lists what is possible. Returns what the line editor is to do (CC_…). */
unsigned char complete_at_cursor(EditLine *line, const struct catalogue *catalogue);

/* Width of the terminal; 80 where it does not tell. */
size_t complete_columns(void);

#endif /* RAKIT_CLI_COMPLETE_H */
