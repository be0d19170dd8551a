/* option_sources.h - the options of rakit-server come from a file of settings, from the
 * environment, and from the command line. This gathers them into one list of words for
 * options_parse(), the strongest source last, and knows where each word is from.
 *
 * The file has Redis's syntax: a line is a setting and its value, `name value`, with the names of
 * the options; quotes as in split.h; lines that begin with # are comments. The environment has
 * RAKIT_SERVER_ and the name in capitals: RAKIT_SERVER_ELECTION_TIMEOUT=500. */
#ifndef RAKIT_SERVER_OPTION_SOURCES_H
#define RAKIT_SERVER_OPTION_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTION_VARIABLE_PREFIX "RAKIT_SERVER_"

struct option_word {
    char *text;           /* "--name=value"; owned. On the command line: any word. */
    uint32_t line;        /* Of the file; 0: not from there. */
    const char *variable; /* "RAKIT_SERVER_NAME=value", borrowed; NULL: not from there. */
};

struct option_sources {
    const char *file; /* Borrowed; NULL: there is none. */
    struct option_word *words;
    char **argv;    /* The texts of the words, with the program's name before and NULL behind; the
                     * array may be reordered. */
    uint32_t count; /* Of words. */
    uint32_t room;
};

/* `argv` and `environment` end with NULL, and must outlive *ret_sources. False: `text` says which
 * line or variable is wrong, and what to do. Either way the caller calls
 * option_sources_deinit(). */
bool option_sources_read(struct option_sources *ret_sources, char *const *argv,
                         char *const *environment, char *text, size_t text_size);
void option_sources_deinit(struct option_sources *s);

/* The place of the word in argv at `position`, to begin a sentence with: "rakit.conf, line 7: ".
 * Empty for the command line. Positions of words from other sources never change. */
void option_sources_place(const struct option_sources *s, uint32_t position, char *text,
                          size_t text_size);

/* Calls `each` once for each option, without dashes, that the file and the environment give
 * another value in `now` than in `before`, or only in one of them. The name is borrowed. */
void option_sources_compare(const struct option_sources *before, const struct option_sources *now,
                            void (*each)(void *context, const char *name), void *context);

#endif /* RAKIT_SERVER_OPTION_SOURCES_H */
