/* editor.h - reads lines from a person at a terminal: editing and history by libedit, completion
 * and hints from the catalogue. While it waits it also watches signals and the connection, and
 * reports what happens there. */
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
    char *history_file;      /* Owned; NULL: history is kept only in memory. */
    struct session *session; /* Borrowed. */
    struct signals signals;
    char prompt[400];
    mbstate_t decoding;  /* State of a character that arrives byte by byte. */
    bool is_undecodable; /* A byte of the line is not part of a character in this locale. */
    bool hints;          /* The terminal can show them. */
    bool hint_shown;
    bool abandoning; /* Ctrl-C was pressed; the key that ends the line comes next. */
    bool abandoned;
};

enum editor_outcome { EDITOR_LINE, EDITOR_ABANDONED, EDITOR_END };

/* Installs the signal handling and sets up the terminal. The struct must not move. */
int editor_open(struct editor *e, struct session *session);
void editor_close(struct editor *e);

/* Waits for a line. `ret_line` has no newline and is borrowed until the next call.
 * EDITOR_ABANDONED: Ctrl-C was pressed, or the line had bytes that are not characters in this
 * locale, which was reported to the user. EDITOR_END: Ctrl-D, or a signal to end. */
enum editor_outcome editor_read(struct editor *e, struct slice *ret_line);

/* Puts a line into the history, unless it holds a password. */
void editor_remember(struct editor *e, struct slice line);

#endif /* RAKIT_CLI_EDITOR_H */
