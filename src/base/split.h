/* split.h - splits a typed line into words, with Redis's quoting rules: "double" with
 *  \r \t \a \b \xHH and \ before any other character; 'single' with \' only. A quote may open
 *  within a word; a closing quote ends its word. Words are bytes and may contain NUL. They end
 *  at blanks, tabs, CR and LF. */
#ifndef RAKIT_BASE_SPLIT_H
#define RAKIT_BASE_SPLIT_H

#include "base/slice.h"

/* A position in the line. Words never take more bytes than were read. */
struct split {
    const char *at;  /* Next byte of the line. */
    const char *end; /* One past its last byte. */
    char *to;        /* Where words are written: has room for as many bytes as the line. */
};

enum split_result {
    SPLIT_WORD,
    SPLIT_END,    /* No further word. */
    SPLIT_QUOTES, /* A quote is not closed, or closed inside a word. No further calls. */
};

/* The next word, borrowed from the caller's room. */
enum split_result split_next(struct split *s, struct slice *ret_word);

#endif /* RAKIT_BASE_SPLIT_H */
