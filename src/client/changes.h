/* changes.h - the streams rakit:changes:<prefix>, for the commands that read them. */
#ifndef RAKIT_CLIENT_CHANGES_H
#define RAKIT_CLIENT_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"
#include "kv/subcommand.h"
#include "replica/feed.h"
#include "resp/resp.h"

struct clients;

enum {
    CHANGES_MAX = 1000, /* In one reply, */
    CHANGES_BYTES_MAX = 1024 * 1024,
};

bool changes_is_stream(struct slice name);
/* Whether the change is one of that stream, in that database. */
bool changes_has(struct slice stream, uint32_t database, const struct feed_change *change);
/* "index" or "index-order"; `order` is what the former means. */
bool changes_read_id(struct slice text, uint32_t order, struct feed_id *ret_id);
void changes_put_id(struct resp_writer *w, struct feed_id id);
void changes_put(struct resp_writer *w, const struct feed_change *change);
/* Why this node can't show any; NULL: it can. */
const char *changes_fault(const struct clients *c);

/* Handlers: commands_ranges.c. */
void xrange_command(struct command_call *call);
void xrevrange_command(struct command_call *call);
void xlen_command(struct command_call *call);
extern const struct subcommand xinfo_subcommands[];

#endif /* RAKIT_CLIENT_CHANGES_H */
