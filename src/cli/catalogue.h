/* catalogue.h - the commands that exist: the server's, from COMMAND DOCS, and the client's own.
 * Completion, hints and help use it. */
#ifndef RAKIT_CLI_CATALOGUE_H
#define RAKIT_CLI_CATALOGUE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "cli/words.h"

/* The catalogue owns the texts. */
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
    bool has_server; /* It contains the server's commands. */
};

/* Contains only the client's own commands. */
void catalogue_init(struct catalogue *c);
void catalogue_deinit(struct catalogue *c);

/* Adds the commands in a reply to COMMAND DOCS, and ignores whatever has another shape. Call it
 * only once. */
void catalogue_add_server(struct catalogue *c, const redisReply *docs);

/* NULL: unknown. Ignores case. */
const struct catalogue_entry *catalogue_find(const struct catalogue *c, struct slice name);

/* Whether the entry, such as "CONFIG GET", belongs to that family, such as "CONFIG". */
bool catalogue_is_member(const struct catalogue_entry *entry, const struct catalogue_entry *family);
bool catalogue_has_members(const struct catalogue *c, const struct catalogue_entry *family);

/* Appends what can still be typed after `line`, the text up to the cursor: the rest of the
 * syntax of the command that it begins with. Empty if there is nothing to show. */
void catalogue_hint(const struct catalogue *c, struct slice line, struct buffer *out);

/* Calls `found` for each name, of one word or two, that begins with `prefix`. */
void catalogue_complete(const struct catalogue *c, struct slice prefix,
                        void (*found)(void *context, const char *name), void *context);

#endif /* RAKIT_CLI_CATALOGUE_H */
