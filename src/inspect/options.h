/* options.h - the command line of rakit-log. Touches nothing outside itself. */
#ifndef RAKIT_INSPECT_OPTIONS_H
#define RAKIT_INSPECT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inspect_options {
    const char *dir;
    uint64_t from; /* Entries to show. */
    uint64_t to;
    uint64_t entry;  /* One entry in full; 0: none. */
    const char *key; /* A pattern, or NULL. */
    bool is_json;
    bool is_verdict_only;
    bool wants_colour;
    bool is_in_use; /* Not an option: whether a node runs on it. */
};

enum inspect_parsed {
    INSPECT_RUN,     /* *ret_options is filled. */
    INSPECT_HELP,    /* Print inspect_help() and leave. */
    INSPECT_VERSION, /* Print the version and leave. */
    INSPECT_WRONG,   /* `text` says what is wrong. */
};

/* Reorders argv as getopt_long() does; *ret_options borrows strings of it. */
enum inspect_parsed inspect_parse(int argc, char **argv, struct inspect_options *ret_options,
                                  char *text, size_t text_size);
const char *inspect_help(void);

#endif /* RAKIT_INSPECT_OPTIONS_H */
