/* split.h - a typed line split into words, with the quoting rules that users of Redis
 * know: "double" with \n \r \t \a \b \xHH and \ before any other character, 'single' with
 * \' only; a quote may open within a word, and a closing quote ends its word. Words are
 * bytes: they may hold NUL. They end at blanks, tabs, CR and LF. */
#ifndef RAKIT_BASE_SPLIT_H
#define RAKIT_BASE_SPLIT_H

#include "base/slice.h"

/* A walk over the line. Words never take more bytes than were read. */
struct split {
    const char *at;  /* Next byte of the line. */
    const char *end; /* One past its last. */
    char *to;        /* Where words go: as many bytes of room as the line has. */
};

enum split_result {
    SPLIT_WORD,
    SPLIT_END,    /* There is no further word. */
    SPLIT_QUOTES, /* A quote is not closed, or closed inside a word. Ask no further. */
};

/* The next word, borrowed from the room that the caller gave. */
enum split_result split_next(struct split *s, struct slice *ret_word);

#endif /* RAKIT_BASE_SPLIT_H */
