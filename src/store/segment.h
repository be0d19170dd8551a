/* segment.h - the bytes of the write-ahead log: a segment's first sector, and the batches after
 * it. Without I/O: encodes into memory and checks memory.
 *
 * A batch is what one durable write stored together: a head, a table of its entries' identities,
 * and from the next sector on the entries themselves, each after a small head that repeats its
 * identity. Every batch begins at a sector boundary, so no sector that was written is ever
 * written again.
 *
 * A batch names its place: cluster, node, segment, offset, and the previous batch by its
 * checksum. Checksums are seeded with the segment's salt, so neither an old record on a recycled
 * segment nor bytes chosen by a client can be taken for one. */
#ifndef RAKIT_STORE_SEGMENT_H
#define RAKIT_STORE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/basics.h"
#include "store/entry.h"
#include "store/files.h"

enum {
    BATCH_HEAD_BYTES = 128,    /* Without the table. */
    BATCH_IDENTITY_BYTES = 40, /* One row of the table. */
    BATCH_ENTRIES_MAX = 4096,
    RECORD_HEAD_BYTES = 40,
};

/* The content of a segment's first sector. */
struct segment_head {
    uint64_t number; /* From 1. */
    uint64_t bytes;  /* Size of the file. */
    uint64_t salt;
    uint64_t reused; /* The number that the file had before, whose batches may stand in it yet; 0:
                      * it was made of zeros. */
};

void segment_head_encode(char *sector, const struct store_identity *identity,
                         const struct segment_head *head);
/* Decodes a sector that head_check() found good. */
void segment_head_decode(const char *sector, struct segment_head *ret_head);

/* The place of a batch, with which its content must agree. */
struct batch_place {
    struct store_identity identity;
    uint64_t segment;
    uint64_t salt;
    uint64_t offset;
};

struct batch_head {
    uint64_t batch_bytes;       /* On disk, a multiple of the sector. */
    uint64_t number;            /* Rises by one over the whole log, from 1. */
    uint64_t job;               /* The write and sync that it was part of; rising. */
    uint64_t synced_batch;      /* This batch and all before were durable when it was written. */
    uint64_t previous_checksum; /* Of the previous batch; 0 in the very first. */
    uint64_t vote_generation;   /* Of the vote that was durable then. */
    uint64_t commit_index;      /* A hint: everything up to here was known to be committed. */
    uint64_t truncate_from;     /* First drop entries from here on; 0: none. */
    uint64_t first_index;       /* Then append from here; valid without entries too. */
    uint32_t entry_count;
    uint64_t checksum; /* Of head and table. */
};

/* One row of the table. */
struct entry_identity {
    uint64_t index;
    uint64_t term;
    uint64_t time_us;
    uint64_t checksum;
    uint32_t offset; /* Of its record, from the beginning of the batch. */
    uint32_t size;
    uint8_t kind;
};

/* Bytes on disk of the head sectors, of one record, and of a batch with one entry. */
uint64_t batch_head_bytes(uint32_t entry_count);
uint64_t record_bytes(uint32_t size);
uint64_t batch_bytes_of_one(uint32_t size);

/* Writes the batch to `to`; sets batch_bytes and checksum in `head`. With `without_body` (only
 * for one entry) it stops where the entry's payload begins. Returns the bytes written. */
uint64_t batch_encode(char *to, struct batch_head *head, const struct batch_place *place,
                      struct entry *const *entries, bool without_body);

/* The size of head and table, from the first BATCH_HEAD_BYTES alone; 0 if no batch begins here. */
uint64_t batch_head_expect(const char *data);
/* The place that the head names; does not check whether a batch begins here at all. */
void batch_head_claims(const char *data, uint64_t *ret_segment, uint64_t *ret_offset);
/* Whether a complete head and table are at `data` (as many bytes as batch_head_expect()
 * returned), and at their right place. */
bool batch_head_decode(const char *data, const struct batch_place *place,
                       struct batch_head *ret_head);
void batch_identity_at(const char *data, const struct batch_head *head, uint32_t i,
                       struct entry_identity *ret_identity);
/* The payload of an entry if its record is good, from the bytes of the whole batch; otherwise
 * data is NULL. */
struct slice batch_payload(const char *data, const struct batch_head *head,
                           const struct batch_place *place, const struct entry_identity *identity);

#endif /* RAKIT_STORE_SEGMENT_H */
