/* from_backup.h - makes the data directory of a new cluster's first node out of a backup: the
 * state after one of its entries, with a new cluster id, node id and key, and this node as its
 * only member (ADR 29). Blocking, before a start. */
#ifndef RAKIT_REPLICA_FROM_BACKUP_H
#define RAKIT_REPLICA_FROM_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "io/io.h"
#include "store/basics.h"

struct command_table;

/* Which state: after that entry, or as of that log time; otherwise the newest. */
struct backup_point {
    bool has_index;
    bool has_time;
    uint64_t index;
    uint64_t time_us;
};

/* Everything is borrowed. */
struct from_backup_options {
    struct io *io;
    const struct log *log;
    const struct command_table *commands;
    const char *file; /* The backup. */
    struct backup_point point;
    const char *data_dir;        /* Empty, or not there. */
    const struct store_key *key; /* Of the new cluster; NULL: a random one is made. */
    struct io_address announced; /* Where clients and other nodes reach this node, */
    uint16_t peer_port;          /* and nodes, on the same host. */
    const char *name;            /* What people call it; NULL: it has none. */
    uint32_t feature_level;      /* The newest that this program knows. */
    uint64_t segment_bytes;
};

/* False: nothing was restored; `text` says why. The directory is as it was, or no start takes it
 * except another attempt. */
bool from_backup(const struct from_backup_options *options, char *text, size_t text_size);

#endif /* RAKIT_REPLICA_FROM_BACKUP_H */
