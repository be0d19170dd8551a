/* history.h - the lines that a person typed, in a text file that only its owner can read, one
 * line each. Lines are appended as they come, so several clients do not overwrite each other's.
 * Lines with a password are never kept. */
#ifndef RAKIT_CLI_HISTORY_H
#define RAKIT_CLI_HISTORY_H

#include <stdbool.h>

#include "base/slice.h"

enum { HISTORY_LINES_MAX = 1000 };

/* The file's path, owned by the caller: $RAKIT_HISTORY, else ~/.rakit_history. NULL if there is
 * none (the variable is empty, or there is no home directory). */
char *history_path(void);

/* Calls `found` for the last lines of the file, oldest first. A file that has grown to twice the
 * limit is cut. No file: no lines. */
void history_load(const char *path, void (*found)(void *context, const char *line), void *context);

/* Appends a line. Ignores failures, because history is not essential. */
void history_append(const char *path, const char *line);

/* True if the line may contain a password. */
bool history_is_secret(struct slice line);

#endif /* RAKIT_CLI_HISTORY_H */
