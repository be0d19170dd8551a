/* repair.h - what a start does about damage that other members can mend. The log keeps its intact
 * beginning, or nothing; damaged files are kept aside; and the file `repair` says that entries are
 * missing which may have been acknowledged, until the log holds them again.
 *
 * That file is durable before anything else is changed, since from then on nothing else shows that
 * something is missing. A crash may interrupt the rest at any point; the next start goes on. */
#ifndef RAKIT_STORE_REPAIR_H
#define RAKIT_STORE_REPAIR_H

#include "store/recovery.h"

#define REPAIR_NAME     "repair"
#define REPAIR_EVIDENCE "damaged" /* A directory in the data directory. */

/* Reads it; a bad one says that nothing more is known. */
void repair_read_mark(struct store *s, struct repair_mark *ret_mark);
/* Durable on return. Returns 0 or a negative errno value. */
int repair_write_mark(struct store *s, const struct repair_mark *mark);
/* Whether other members may have what is damaged here: not if the newest membership that is still
 * readable names none. */
bool repair_is_possible(struct recovery *r);
/* Gives up everything after the intact beginning of the log, and with `drops_log` the whole log:
 * then it begins anew behind `origin`. Writes the mark, and keeps the damaged files aside. 0, or a
 * store_error with a sentence. */
int repair_give_up(struct recovery *r, bool drops_log, const struct store_origin *origin,
                   struct complaint *c);
/* Moves a file from the data directory into the directory of damaged ones. Returns 0 or a negative
 * errno value. */
int repair_keep_aside(struct store *s, const char *name);

#endif /* RAKIT_STORE_REPAIR_H */
