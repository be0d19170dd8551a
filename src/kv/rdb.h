/* rdb.h - one value in the format in which Redis stores it (RDB), with its footer: what DUMP
 * replies and RESTORE takes.
 *
 *   type (1 byte), value, version of the format (2 bytes), CRC-64 of all before it (8 bytes)
 *
 * Written are strings as they are and small integers; read are all forms of strings, compressed
 * ones too, of the versions up to RDB_VERSION_MAX. No size that a dump claims is believed: memory
 * is taken for no more than the limit. */
#ifndef RAKIT_KV_RDB_H
#define RAKIT_KV_RDB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum {
    RDB_VERSION = 10,     /* Redis 7.0's, which later ones read. */
    RDB_VERSION_MAX = 12, /* Redis 7.4's. */
};

/* The first byte of a dump. */
enum rdb_type {
    RDB_STRING = 0,
    RDB_HASH = 4,
    RDB_HASH_LISTPACK = 16,
    RDB_HASH_EXPIRING = 24, /* Some of its fields expire. */
    RDB_HASH_LISTPACK_EXPIRING = 25,
    RDB_FUNCTION = 245,       /* A library of functions (script/functions.h). */
    RDB_FUNCTION_EARLY = 246, /* The same, as release candidates of Redis 7.0 wrote it. */
};

/* Writing: the type, the parts of the value, and in the end the footer. */
void rdb_write_type(struct buffer *out, enum rdb_type type);
void rdb_write_size(struct buffer *out, uint64_t size);
void rdb_write_string(struct buffer *out, struct slice value);
void rdb_write_footer(struct buffer *out, uint16_t version);

/* Takes the footer off; false if the version is unknown, or the checksum another one. */
bool rdb_take_footer(struct slice *dump);
/* Each takes what it reads off `rest`; false if it is malformed. */
bool rdb_take_type(struct slice *rest, uint8_t *ret_type);
bool rdb_take_size(struct slice *rest, uint64_t *ret_size);
/* The string is in `rest` itself, or in `scratch`, which is then replaced. */
bool rdb_take_string(struct slice *rest, uint64_t bytes_max, struct buffer *scratch,
                     struct slice *ret_value);
/* How large a string is that begins there, without reading it; 0 if it is malformed. */
uint64_t rdb_string_size(struct slice rest);

#endif /* RAKIT_KV_RDB_H */
