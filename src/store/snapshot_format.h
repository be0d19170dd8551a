/* snapshot_format.h - the bytes of a snapshot file: its first sector, and the chunks after it
 * (docs/DISK_FORMAT.md, "Snapshots"). Pure: encodes into memory and checks memory.
 *
 * Each chunk contains its number and the checksum of the one before it, so the last one covers
 * every byte of the file. */
#ifndef RAKIT_STORE_SNAPSHOT_FORMAT_H
#define RAKIT_STORE_SNAPSHOT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/basics.h"
#include "store/files.h"
#include "store/snapshot.h"

enum {
    CHUNK_HEAD_BYTES = 64,
    CHUNK_COMPRESSED = 2, /* A flag beside SNAPSHOT_OPTIONAL. */
    END_BODY_BYTES = 24,
};

/* The last chunk is of this section. */
#define SNAPSHOT_END "end"

void snapshot_name(char *name, uint64_t index);
/* dir/name of the snapshot at `index`. */
void snapshot_path(const char *dir, uint64_t index, char *path);
/* The path under which it is made. */
void snapshot_temporary_path(const char *dir, uint64_t index, char *path);
/* The path under which it is received; the name holds all of its identity except the term. */
void snapshot_part_path(const char *dir, const struct store_snapshot *snapshot, char *path);
/* Index, bytes and checksum from such a name; index 0 if it is none. */
struct store_snapshot snapshot_part_of(const char *name);
/* The index from the name of a snapshot; 0 if it is none. */
uint64_t snapshot_index_of(const char *name);

/* Returns the checksum that the first chunk must contain. */
uint64_t snapshot_head_encode(char *sector, const struct store_identity *identity,
                              const struct store_snapshot *snapshot);
/* The same for a file with another magic. */
uint64_t snapshot_head_encode_as(char *sector, const char *magic,
                                 const struct store_identity *identity,
                                 const struct store_snapshot *snapshot);
/* Decodes a sector that head_check() found good: index, term and time. Returns that checksum. */
uint64_t snapshot_head_decode(const char *sector, struct store_snapshot *ret_snapshot);

struct chunk_head {
    uint64_t number;   /* From 1. */
    uint64_t previous; /* The checksum of the chunk before it. */
    uint64_t checksum; /* Of head and body. */
    char section[SNAPSHOT_SECTION_MAX + 1];
    uint32_t flags;
    uint32_t raw_bytes;
    uint32_t stored_bytes;
};

/* Totals, from the last chunk. */
struct snapshot_totals {
    uint64_t chunks; /* Without this one. */
    uint64_t raw_bytes;
    uint64_t file_bytes;
};

/* The size of a chunk in the file. */
uint64_t chunk_bytes(uint32_t stored_bytes);

/* Writes head and padding around a body that is already in its place in a buffer of
 * chunk_bytes(); sets the checksum. */
void chunk_encode(char *to, struct chunk_head *head);
/* Whether a chunk begins here, judged by its head only. Its sizes are within their limits. */
bool chunk_head_decode(const char *data, struct chunk_head *ret_head);
/* Whether the chunk_bytes() at `data` are as they were written. */
bool chunk_is_good(const char *data, const struct chunk_head *head);
bool chunk_is_end(const struct chunk_head *head);

void totals_encode(char *body, const struct snapshot_totals *totals);
void totals_decode(const char *body, struct snapshot_totals *ret_totals);

#endif /* RAKIT_STORE_SNAPSHOT_FORMAT_H */
