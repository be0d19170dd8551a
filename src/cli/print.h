/* print.h - replies as text. For a person: types are shown, strings are quoted,
 * arrays are numbered and indented, the way redis-cli shows them. For a program:
 * the bare bytes, one element a line. Binary-safe both ways. */
#ifndef RAKIT_CLI_PRINT_H
#define RAKIT_CLI_PRINT_H

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "cli/style.h"

/* Appends the reply and a newline. */
void print_reply(struct buffer *out, const redisReply *reply, const struct style *style);

/* Appends the bytes with everything but printable ASCII escaped, so that they
 * fill one line and cannot speak to the terminal. */
void print_escaped(struct buffer *out, struct slice bytes);

/* The same within double quotes, in which quotes are escaped as well. */
void print_quoted(struct buffer *out, struct slice bytes);

/* Appends a text of many lines (INFO and its kin) for a person: carriage returns
 * are left out, other control characters are escaped. */
void print_text(struct buffer *out, struct slice text);

/* Appends a server's one-line text (an error, a status), made harmless for a
 * terminal: control characters are escaped, the rest stays. */
void print_line(struct buffer *out, struct slice text);

#endif /* RAKIT_CLI_PRINT_H */
