/* backups.h - hands out this node's snapshots and the committed part of its log to clients that
 * make a backup (RAFT BACKUP): in parts of a bounded size, one at a time for all clients together,
 * and no faster than a bound. Files are read on the store's workers. No state of a backup is kept
 * here: each request names all that it wants. */
#ifndef RAKIT_REPLICA_BACKUPS_H
#define RAKIT_REPLICA_BACKUPS_H

#include <stdint.h>

#include "base/list.h"
#include "io/io.h"

enum {
    BACKUP_PART_BYTES = 1024 * 1024, /* The most for one part. */
    BACKUP_PARTS_MAX = 16,           /* Requests that may wait; a further one is refused. */
};

struct backup_part;
struct entry;
struct replica;

struct backups {
    struct list waiting; /* In the order of their arrival. */
    uint32_t count;
    struct backup_part *reading; /* Of the store; NULL: none. */
    uint64_t next_ns;            /* The next one must not begin before. */
    struct io_timer timer;
    struct entry *held; /* An entry of which more parts will be requested; NULL: none. */
    uint64_t held_ns;   /* Since when. */
};

void backups_init(struct replica *r);
/* The store must be closed. */
void backups_deinit(struct replica *r);
/* Each turn: begins what may begin. */
void backups_look(struct replica *r);
/* The node ends: all requests get that error. */
void backups_end(struct replica *r, const char *error);

#endif /* RAKIT_REPLICA_BACKUPS_H */
