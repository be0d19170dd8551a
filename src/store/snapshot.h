/* snapshot.h - snapshots on the disk: the state after an entry, as one file of named sections
 * (docs/DISK_FORMAT.md, "Snapshots").
 *
 * A snapshot is made under a temporary name, and gets its own once it is durable: a crash leaves
 * all of it or nothing. It is never changed. All work on files is done by one worker, in order;
 * the owner of each struct keeps it still until the callback that ends it. No callback comes after
 * store_close().
 *
 * What goes wrong with a snapshot costs the snapshot, not the node: its error is reported to who
 * asked for it. */
#ifndef RAKIT_STORE_SNAPSHOT_H
#define RAKIT_STORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/slice.h"
#include "io/io.h"
#include "store/basics.h"

struct store;

enum {
    SNAPSHOT_SECTION_MAX = 8,             /* Letters of a section's name. */
    SNAPSHOT_CHUNK_BYTES = 1024 * 1024,   /* Worth a chunk. */
    SNAPSHOT_CHUNK_MAX = 4 * 1024 * 1024, /* What a chunk may hold; more is refused. */
    SNAPSHOT_READ_MAX = 4 * 1024 * 1024,  /* Of one snapshot_read(). */
};

enum snapshot_flags {
    SNAPSHOT_OPTIONAL = 1, /* Whoever does not know the section may skip it. */
};

/* --- what there is --------------------------------------------------------- */

/* The newest durable one; index 0: none. */
struct store_snapshot snapshot_newest(const struct store *s);
/* All durable ones, by index; valid until the next callback of the loop. */
size_t snapshot_list(const struct store *s, const struct store_snapshot **ret_list);
/* Removes one that is not the newest, in the background. Reads of it find it gone. */
void snapshot_remove(struct store *s, uint64_t index);

/* --- making ---------------------------------------------------------------- */

struct snapshot_making {
    /* What it will hold: the state after this entry. */
    uint64_t index;
    uint64_t term;
    uint64_t time_us;
    /* Some of what was put is written; or it could not be, and nothing will be any more: then
     * abandon it. */
    void (*wrote)(struct snapshot_making *making, int error);
    /* The end. 0: it is durable, and is `snapshot`. Otherwise nothing is left of it: -ENOSPC,
     * -EDQUOT and other errors of the disk, -ECANCELED. */
    void (*done)(struct snapshot_making *making, int error);
    uint64_t unwritten_bytes; /* Put, and not written yet: so much memory it takes. */
    struct store_snapshot snapshot;
    /* The store's. */
    struct store *store;
    struct io_job job;
    struct io_job end_job;
    int error; /* The worker's, until the end. */
    bool is_ending;
    bool is_abandoned;
    bool is_undecided; /* It has its name, and that may not be durable. */
};

/* Begins one; only one at a time. */
void snapshot_begin(struct store *s, struct snapshot_making *making);
/* The next chunk: takes what is in `content` (at least a byte, at most SNAPSHOT_CHUNK_MAX), and
 * leaves it empty. Chunks are read back as they were put. */
void snapshot_put(struct snapshot_making *making, const char *section, enum snapshot_flags flags,
                  struct buffer *content);
void snapshot_finish(struct snapshot_making *making);
void snapshot_abandon(struct snapshot_making *making);

/* --- receiving ------------------------------------------------------------- */

enum snapshot_end {
    SNAPSHOT_ACCEPT,  /* It is whole, and becomes a snapshot of this node. */
    SNAPSHOT_SUSPEND, /* What is there stays, for another time. */
    SNAPSHOT_REJECT,  /* It is removed. */
};

/* A snapshot that comes from other nodes, as raw bytes. */
struct snapshot_receiving {
    struct store_snapshot snapshot; /* Which one; snapshot_is_possible(). */
    /* What was received before of this one, by this process or an earlier one, was verified and is
     * there still: held_bytes says how much. With an error: end it. */
    void (*opened)(struct snapshot_receiving *receiving, int error);
    /* Some of what was appended is durable; or it could not be written, and nothing will be any
     * more: end it. */
    void (*appended)(struct snapshot_receiving *receiving, int error);
    /* Accepted: 0: it is durable under its name, and may be the newest. -EBADMSG: it is damaged.
     * With an error what is there stays, unless it was rejected. */
    void (*ended)(struct snapshot_receiving *receiving, int error);
    uint64_t held_bytes;
    uint64_t unwritten_bytes; /* Appended, and not written yet. */
    /* The store's. */
    struct store *store;
    struct io_job job;
    struct io_job end_job;
    struct io_file *file;
    char *data;
    uint64_t capacity;
    uint64_t found_bytes;
    enum snapshot_end how;
    int open_error;
    int error; /* The worker's, until the end. */
    bool is_verified;
    bool is_ending;
    bool is_undecided; /* It has its name, and that may not be durable. */
};

/* Whether both are the same: the log time counts for nothing, it is in the bytes. */
bool snapshot_is_same(const struct store_snapshot *a, const struct store_snapshot *b);
/* Whether there can be such a snapshot at all: its numbers are within their bounds. */
bool snapshot_is_possible(const struct store_snapshot *snapshot);
/* The one that has been received in part; index 0: none. */
struct store_snapshot snapshot_part(const struct store *s);
/* Begins, or goes on where it was suspended. One at a time; a part of another one is removed. */
void snapshot_receive(struct store *s, struct snapshot_receiving *receiving);
/* The next bytes (takes them, and leaves `bytes` empty): `offset` is held_bytes and what was
 * appended since. Only after `opened`. */
void snapshot_append(struct snapshot_receiving *receiving, uint64_t offset, struct buffer *bytes);
/* After snapshot_load() has read all of it without an error, accepting it does not read it again.
 * The log does not change: see store_move_origin(). */
void snapshot_receive_end(struct snapshot_receiving *receiving, enum snapshot_end how);

/* --- loading --------------------------------------------------------------- */

struct snapshot_chunk {
    char section[SNAPSHOT_SECTION_MAX + 1];
    bool is_optional;
    struct slice content; /* Borrowed during the call. */
};

/* Calls `each` with all chunks of a snapshot, in order, each of them verified, right after
 * store_open(). Blocking. Not 0: it stops. 0, what `each` said, or a store_error with a sentence
 * in `text`. If `each` says STORE_EFORMAT (it needs a section that it does not know), the
 * sentence says that. */
int snapshot_load_now(struct store *s, const struct store_snapshot *snapshot,
                      int (*each)(void *context, const struct snapshot_chunk *chunk), void *context,
                      char *text, size_t text_size);

/* The same in the background, also of one that is being received and is all there. */
struct snapshot_load {
    struct store_snapshot snapshot;
    /* On the worker. Not 0: it stops, with that error. */
    int (*each)(struct snapshot_load *load, const struct snapshot_chunk *chunk);
    /* -ENOENT: there is no such snapshot. -EBADMSG: it is damaged, from byte `loaded_bytes` on. */
    void (*done)(struct snapshot_load *load, int error);
    uint64_t loaded_bytes; /* Of the file, so far. */
    /* The store's. */
    struct list node;
    struct store *store;
    struct io_job job;
    struct snapshot_reader *reader;
    uint64_t read_bytes;
    int result;
    bool is_part;
    bool is_canceled;
};

void snapshot_load(struct store *s, struct snapshot_load *load);
/* `done` comes soon, with -ECANCELED. */
void snapshot_load_cancel(struct snapshot_load *load);

/* --- raw bytes, for a node that fetches it --------------------------------- */

struct snapshot_read {
    struct store_snapshot snapshot;
    uint64_t offset;
    uint32_t size; /* 1 to SNAPSHOT_READ_MAX; less at the end of the file. */
    /* -ENOENT: there is no such snapshot (any more). The bytes die with the call. */
    void (*done)(struct snapshot_read *read, int error, struct slice bytes);
    /* The store's. */
    struct list node;
    struct store *store;
    struct io_job job;
    char *data;
    int64_t result;
};

void snapshot_read(struct store *s, struct snapshot_read *read);

#endif /* RAKIT_STORE_SNAPSHOT_H */
