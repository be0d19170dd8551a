/* editor.h - one line after the other from a person at a terminal: editing and
 * history by libedit, completion and hints from the catalogue. While it waits it
 * also minds signals and the connection, and reports what happens there. */
#ifndef RAKIT_CLI_EDITOR_H
#define RAKIT_CLI_EDITOR_H

#include <histedit.h>
#include <stdbool.h>
#include <wchar.h>

#include "base/buffer.h"
#include "cli/session.h"
#include "cli/signals.h"

struct editor {
    EditLine *line;
    History *history;
    char *history_file;      /* Owned; NULL: history ends with the program. */
    struct session *session; /* Borrowed. */
    struct signals signals;
    char prompt[400];
    mbstate_t decoding;  /* Of a character that arrives byte by byte. */
    bool is_undecodable; /* A byte of the line is no character in this locale. */
    bool hints;          /* The terminal can draw them. */
    bool hint_shown;
    bool abandoning; /* Ctrl-C came; the key that ends the line is next. */
    bool abandoned;
};

enum editor_outcome { EDITOR_LINE, EDITOR_ABANDONED, EDITOR_END };

/* Takes over the signals and sets up the terminal. The struct must not move. */
int editor_open(struct editor *e, struct session *session);
void editor_close(struct editor *e);

/* Waits for a line. `ret_line` has no newline and is borrowed until the next call.
 * EDITOR_ABANDONED: Ctrl-C was pressed, or the line held bytes that are no characters in
 * the locale, and the user was told so. EDITOR_END: Ctrl-D, or told to leave. */
enum editor_outcome editor_read(struct editor *e, struct slice *ret_line);

/* Puts a line into the history, unless it holds a password. */
void editor_remember(struct editor *e, struct slice line);

#endif /* RAKIT_CLI_EDITOR_H */
