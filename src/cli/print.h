/* print.h - replies as text. For a person, as redis-cli shows them: with types, quoted strings,
 * numbered and indented arrays. For a program: the bytes themselves, one element per line. Both
 * are binary-safe. */
#ifndef RAKIT_CLI_PRINT_H
#define RAKIT_CLI_PRINT_H

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "base/style.h"

/* Appends the reply and a newline. */
void print_reply(struct buffer *out, const redisReply *reply, const struct style *style);

/* Appends the bytes, escaping everything but printable ASCII, so that they stay on one line and
 * can't control the terminal. */
void print_escaped(struct buffer *out, struct slice bytes);

/* The same in double quotes; quotes are escaped as well. */
void print_quoted(struct buffer *out, struct slice bytes);

/* Appends a text of many lines (INFO and the like) for a person: carriage returns are dropped,
 * other control characters escaped. */
void print_text(struct buffer *out, struct slice text);

/* Appends a server's one-line text (an error or a status), made safe for a terminal: control
 * characters are escaped. */
void print_line(struct buffer *out, struct slice text);

#endif /* RAKIT_CLI_PRINT_H */
