/* catalogue.h - what commands there are, as the server tells in COMMAND DOCS,
 * and those of the client itself. Completion, hints and help all come from here. */
#ifndef RAKIT_CLI_CATALOGUE_H
#define RAKIT_CLI_CATALOGUE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "cli/words.h"

/* Texts are owned by the catalogue. */
struct catalogue_entry {
    char *name;    /* Upper case for the server's, lower case for the client's own. */
    char *group;   /* "string", "raft", …; the client's own are in "client". */
    char *syntax;  /* What follows the name: "key value [NX | XX] [GET]". */
    char *summary; /* One line. */
    char *since;   /* A version, or "". */
};

struct catalogue {
    struct catalogue_entry *entries; /* Sorted by group, then by name. */
    size_t count;
    bool has_server; /* The server's commands are among them. */
};

/* The client's own commands alone. */
void catalogue_init(struct catalogue *c);
void catalogue_deinit(struct catalogue *c);

/* Adds what a reply to COMMAND DOCS holds. Whatever has another shape adds
 * nothing. Once only. */
void catalogue_add_server(struct catalogue *c, const redisReply *docs);

/* NULL: unknown. Without regard to case. */
const struct catalogue_entry *catalogue_find(const struct catalogue *c, struct slice name);

/* Whether the entry, such as "CONFIG GET", belongs to that family, such as "CONFIG". */
bool catalogue_is_member(const struct catalogue_entry *entry, const struct catalogue_entry *family);
bool catalogue_has_members(const struct catalogue *c, const struct catalogue_entry *family);

/* What is still to be typed after `line`, the text up to the cursor: the rest of
 * the syntax of the command that it begins with. Empty where there is nothing to
 * say. Appends to `out`. */
void catalogue_hint(const struct catalogue *c, struct slice line, struct buffer *out);

/* Calls `found` for each name, of one word or two, that begins with `prefix`. */
void catalogue_complete(const struct catalogue *c, struct slice prefix,
                        void (*found)(void *context, const char *name), void *context);

#endif /* RAKIT_CLI_CATALOGUE_H */
