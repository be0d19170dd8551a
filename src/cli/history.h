/* history.h - the lines a person typed, kept in a file of plain text, one line
 * each, readable by its owner only. Lines are appended as they come, so that
 * several clients at a time do not overwrite each other. Lines that carry a
 * password are never kept. */
#ifndef RAKIT_CLI_HISTORY_H
#define RAKIT_CLI_HISTORY_H

#include <stdbool.h>

#include "base/slice.h"

enum { HISTORY_LINES_MAX = 1000 };

/* The file's path, owned by the caller: $RAKIT_HISTORY, else ~/.rakit_history.
 * NULL where there is to be none (the variable is empty, or no home is known). */
char *history_path(void);

/* Calls `found` for the last lines of the file, the oldest first. A file that has
 * grown to twice the limit is cut. No such file: no lines. */
void history_load(const char *path, void (*found)(void *context, const char *line), void *context);

/* Appends a line. Failures are ignored: history is a comfort. */
void history_append(const char *path, const char *line);

/* True where the line may hold a password. */
bool history_is_secret(struct slice line);

#endif /* RAKIT_CLI_HISTORY_H */
