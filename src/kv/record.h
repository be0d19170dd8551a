/* record.h - the format in which the state of a keyspace is written: a string of records.
 * For kv, and for those who count what a snapshot holds.
 *
 *   RECORD_DATABASE  kind (1 byte), database (1 byte), count of items, count of buckets
 *   RECORD_ITEM      kind, database, size of the key, size of the value, key, value
 *   RECORD_LARGE     kind, database, size of the key, size of the value, place
 *   RECORD_PIECE     kind, size, so many bytes
 *
 * If an item is not a string, or expires, RECORD_HAS_TRAITS is added to its kind, and after the
 * database come its type (1 byte) and when it expires.
 *
 * Counts, sizes and places are varints (base/varint.h). A database that has items is announced
 * once, before them. An item whose key and value take more than RECORD_ITEM_MAX together is
 * announced by RECORD_LARGE, and its key and value follow in pieces, as one string; other items
 * may come in between, but no other large one. The order of the items in a bucket is that of
 * their records, except that `place` of a large one is the number of others before it. */
#ifndef RAKIT_KV_RECORD_H
#define RAKIT_KV_RECORD_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "base/varint.h"
#include "kv/traits.h"

enum record_kind {
    RECORD_DATABASE = 1,
    RECORD_ITEM = 2,
    RECORD_LARGE = 3,
    RECORD_PIECE = 4,
};

enum { RECORD_HAS_TRAITS = 16 };

enum {
    RECORD_ITEM_MAX = 2048,       /* The most for key and value in RECORD_ITEM. */
    RECORD_PIECE_MAX = 16 * 1024, /* The most for the bytes of RECORD_PIECE. */
    RECORD_HEAD_MAX = 3 + 4 * VARINT_BYTES_MAX,
    RECORD_BYTES_MAX = RECORD_HEAD_MAX + RECORD_PIECE_MAX,
};

struct record {
    enum record_kind kind;
    uint32_t database;
    uint64_t item_count, bucket_count;    /* RECORD_DATABASE */
    struct traits traits;                 /* RECORD_ITEM, RECORD_LARGE */
    uint64_t key_size, value_size, place; /* RECORD_LARGE */
    struct slice key, value;              /* RECORD_ITEM; in RECORD_PIECE `value` is the piece. */
};

/* These return how many bytes they appended. */
uint64_t record_write_database(struct buffer *out, uint32_t database, uint64_t item_count,
                               uint64_t bucket_count);
uint64_t record_write_item(struct buffer *out, uint32_t database, struct traits traits,
                           struct slice key, struct slice value);
uint64_t record_write_large(struct buffer *out, uint32_t database, struct traits traits,
                            uint64_t key_size, uint64_t value_size, uint64_t place);
uint64_t record_write_piece(struct buffer *out, struct slice piece);

enum record_result { RECORD_READ, RECORD_INCOMPLETE, RECORD_MALFORMED };

/* Takes one record off the front of *rest, from which its slices borrow. Otherwise nothing has
 * changed. A record is incomplete only if there are fewer than RECORD_BYTES_MAX bytes. */
enum record_result record_read(struct slice *rest, struct record *ret_record);

#endif /* RAKIT_KV_RECORD_H */
