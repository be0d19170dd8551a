/* segment.h - the bytes of the write-ahead log: a segment's first sector, and the
 * batches behind it. Pure: encodes into memory and judges memory.
 *
 * A batch is what one durable write stored together: head, table of its entries'
 * identities, and from the next sector on the entries themselves, each behind a
 * small head of its own that repeats its identity. Every batch begins at a sector
 * boundary, so no sector written earlier is ever written again.
 *
 * A batch names where it belongs: cluster, node, segment, offset, the batch before
 * it by checksum. Checksums are seeded with the segment's salt, so neither an old
 * record on a recycled segment nor bytes chosen by a client can pass for one. */
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
    BATCH_IDENTITY_BYTES = 40, /* One entry of the table. */
    BATCH_ENTRIES_MAX = 4096,
    RECORD_HEAD_BYTES = 40,
};

/* What a segment's first sector says. */
struct segment_head {
    uint64_t number; /* From 1. */
    uint64_t bytes;  /* Size of the file. */
    uint64_t salt;
};

void segment_head_encode(char *sector, const struct store_identity *identity,
                         const struct segment_head *head);
/* Fields of a sector that head_check() found good. */
void segment_head_decode(const char *sector, struct segment_head *ret_head);

/* Where a batch stands: what it must agree with to be believed. */
struct batch_place {
    struct store_identity identity;
    uint64_t segment;
    uint64_t salt;
    uint64_t offset;
};

struct batch_head {
    uint64_t batch_bytes;       /* On disk, a multiple of the sector. */
    uint64_t number;            /* Rising by one over the whole log, from 1. */
    uint64_t job;               /* The write and sync it was part of; rising. */
    uint64_t synced_batch;      /* This and all before were durable when it was written. */
    uint64_t previous_checksum; /* Of the batch before; 0 in the very first. */
    uint64_t vote_generation;   /* Of the vote that was durable then. */
    uint64_t commit_index;      /* A hint: all up to here were known to be committed. */
    uint64_t truncate_from;     /* Drop entries from here on, first; 0: none. */
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

/* Bytes on disk of the head sectors, of one record, and of a batch of one. */
uint64_t batch_head_bytes(uint32_t entry_count);
uint64_t record_bytes(uint32_t size);
uint64_t batch_bytes_of_one(uint32_t size);

/* Writes the batch to `to`; sets batch_bytes and checksum in `head`. With
 * `without_body` (one entry only) it stops where that entry's payload begins.
 * Returns how many bytes stand at `to`. */
uint64_t batch_encode(char *to, struct batch_head *head, const struct batch_place *place,
                      struct entry *const *entries, bool without_body);

/* Bytes of head and table, judged by the first BATCH_HEAD_BYTES alone; 0 where no
 * batch begins. */
uint64_t batch_head_expect(const char *data);
/* Where the head says that it belongs; whether a batch begins here at all is not judged. */
void batch_head_claims(const char *data, uint64_t *ret_segment, uint64_t *ret_offset);
/* Whether a batch's head and table stand whole at `data` (as many bytes as
 * batch_head_expect() said), and belong here. */
bool batch_head_decode(const char *data, const struct batch_place *place,
                       struct batch_head *ret_head);
void batch_identity_at(const char *data, const struct batch_head *head, uint32_t i,
                       struct entry_identity *ret_identity);
/* The payload of an entry where its record is good, from the bytes of the whole
 * batch; data NULL where it is not. */
struct slice batch_payload(const char *data, const struct batch_head *head,
                           const struct batch_place *place, const struct entry_identity *identity);

#endif /* RAKIT_STORE_SEGMENT_H */
