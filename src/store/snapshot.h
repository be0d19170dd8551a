/* snapshot.h - snapshots on the disk: the state after an entry, as one file of named sections
 * (docs/DISK_FORMAT.md, "Snapshots").
 *
 * A snapshot is written under a temporary name, and renamed once it is durable: a crash leaves
 * all of it or nothing. It is never changed. All work on files is done by one worker, in order;
 * the owner of each struct must not move or free it before the callback that ends it. No
 * callback comes after store_close().
 *
 * If something goes wrong with a snapshot, that costs the snapshot, not the node: the error is
 * reported to its owner. */
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
    SNAPSHOT_CHUNK_BYTES = 1024 * 1024,   /* The usual size of a chunk. */
    SNAPSHOT_CHUNK_MAX = 4 * 1024 * 1024, /* The largest chunk; a larger one is refused. */
    SNAPSHOT_READ_MAX = 4 * 1024 * 1024,  /* The most for one snapshot_read(). */
};

enum snapshot_flags {
    SNAPSHOT_OPTIONAL = 1, /* A program that does not know the section may skip it. */
};

/* --- what there is --------------------------------------------------------- */

/* The newest durable one; index 0: none. */
struct store_snapshot snapshot_newest(const struct store *s);
/* All durable ones, by index; valid until the next callback of the loop. */
size_t snapshot_list(const struct store *s, const struct store_snapshot **ret_list);
/* The one at that index; NULL: none. Valid as long as the list. */
const struct store_snapshot *snapshot_find(const struct store *s, uint64_t index);
/* The index of the one in that file; 0: it is none of them. */
uint64_t snapshot_in_file(const struct store *s, const char *file);
/* Removes one that is not the newest, in the background. Reads of it find it gone. */
void snapshot_remove(struct store *s, uint64_t index);

/* --- making ---------------------------------------------------------------- */

enum snapshot_purpose {
    SNAPSHOT_TO_KEEP,     /* It becomes a snapshot of this node. */
    SNAPSHOT_TO_CHECK,    /* Nothing is written: its content is only inspected. */
    SNAPSHOT_AS_EVIDENCE, /* Of a wrong state: it is kept in the subdirectory `evidence`, with the
                           * one before it, and never used. */
};

struct snapshot_making {
    enum snapshot_purpose purpose;
    /* It will hold the state after this entry. */
    uint64_t index;
    uint64_t term;
    uint64_t time_us;
    /* Something that was put has been written; or there was an error, and nothing will be
     * written any more: then abandon it. */
    void (*wrote)(struct snapshot_making *making, int error);
    /* On the worker, each NULL or: inspects a chunk before it is written, and judges the whole
     * before it becomes durable. Not 0: the snapshot is given up with that error. */
    int (*inspect)(struct snapshot_making *making, const char *section, struct slice content);
    int (*judge)(struct snapshot_making *making);
    /* The end. 0: it is durable, and `snapshot` describes it. Otherwise nothing is left of it:
     * -ENOSPC, -EDQUOT and other errors of the disk, -ECANCELED. */
    void (*done)(struct snapshot_making *making, int error);
    uint64_t unwritten_bytes; /* Put, but not written yet; it takes so much memory. */
    struct store_snapshot snapshot;
    /* The store's. */
    struct store *store;
    struct io_job job;
    struct io_job end_job;
    uint64_t written_bytes; /* Put and written. */
    int error;              /* The worker's, until the end. */
    bool is_ending;
    bool is_abandoned;
    bool is_undecided; /* It has its final name, but maybe not durably. */
    uint32_t evidence; /* The number of that, if it is evidence. */
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
    SNAPSHOT_SUSPEND, /* What has been received is kept for later. */
    SNAPSHOT_REJECT,  /* It is removed. */
};

/* A snapshot that comes from other nodes, as raw bytes. */
struct snapshot_receiving {
    struct store_snapshot snapshot; /* Which one; snapshot_is_possible(). */
    /* The beginning that was received before, by this process or an earlier one, has been
     * verified: held_bytes is its size. With an error: end it. */
    void (*opened)(struct snapshot_receiving *receiving, int error);
    /* Something that was appended is durable; or it could not be written, and nothing will be
     * written any more: end it. */
    void (*appended)(struct snapshot_receiving *receiving, int error);
    /* Accepted: 0: it is durable under its name, and may be the newest; -EBADMSG: it is damaged.
     * After an error what was received is kept, unless it was rejected. */
    void (*ended)(struct snapshot_receiving *receiving, int error);
    uint64_t held_bytes;
    uint64_t unwritten_bytes; /* Appended, but not written yet. */
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
    bool is_undecided; /* It has its final name, but maybe not durably. */
};

/* Whether both are the same. The log time is not compared: the checksum covers it. */
bool snapshot_is_same(const struct store_snapshot *a, const struct store_snapshot *b);
/* Whether there can be such a snapshot at all: its numbers are within their bounds. */
bool snapshot_is_possible(const struct store_snapshot *snapshot);
/* The one that was received in part; index 0: none. */
struct store_snapshot snapshot_part(const struct store *s);
/* Removes it, in the background. No effect while it is being received. */
void snapshot_part_remove(struct store *s);
/* Begins, or continues after a suspension. One at a time; a part of another one is removed. */
void snapshot_receive(struct store *s, struct snapshot_receiving *receiving);
/* Appends the next bytes (takes them, and leaves `bytes` empty); `offset` must be held_bytes
 * plus what has been appended since. Only after `opened`. */
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

/* Calls `each` with every chunk of a snapshot, in order, verified, right after store_open().
 * Blocking. It stops if `each` does not return 0. Returns 0, what `each` returned, or a
 * store_error with a sentence in `text`. If `each` returns STORE_EFORMAT (it needs a section
 * that it does not know), the sentence says so. */
int snapshot_load_now(struct store *s, const struct store_snapshot *snapshot,
                      int (*each)(void *context, const struct snapshot_chunk *chunk), void *context,
                      char *text, size_t text_size);

/* The same in the background; also for one that is being received and is complete. */
struct snapshot_load {
    struct store_snapshot snapshot;
    /* On the worker. If it does not return 0, loading stops with that error. */
    int (*each)(struct snapshot_load *load, const struct snapshot_chunk *chunk);
    /* On the worker, after the last one; or NULL. Not 0: that is the error. */
    int (*finish)(struct snapshot_load *load, const struct store_snapshot *snapshot);
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
    /* -ENOENT: there is no such snapshot, or not any more. The bytes are freed after the call. */
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
