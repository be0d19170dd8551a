#include "kv/record.h"

#include "base/check.h"
#include "kv/keyspace.h"
#include "kv/kv.h"

/* --- writing ---------------------------------------------------------------------- */

static uint64_t write_head(struct buffer *out, enum record_kind kind, uint32_t database,
                           struct traits traits, uint64_t first, uint64_t second)
{
    char *begin = buffer_reserve(out, RECORD_HEAD_MAX);
    char *at = begin;
    bool is_plain = traits_are_plain(traits);

    *at++ = (char)(is_plain ? kind : kind | RECORD_HAS_TRAITS);
    *at++ = (char)(unsigned char)database;
    if (!is_plain) {
        *at++ = (char)traits.type;
        at = varint_write(at, traits.expires_ms);
    }
    at = varint_write(at, first);
    at = varint_write(at, second);
    buffer_commit(out, (size_t)(at - begin));
    return (uint64_t)(at - begin);
}

uint64_t record_write_database(struct buffer *out, uint32_t database, uint64_t item_count,
                               uint64_t bucket_count)
{
    return write_head(out, RECORD_DATABASE, database, (struct traits){0}, item_count, bucket_count);
}

uint64_t record_write_item(struct buffer *out, uint32_t database, struct traits traits,
                           struct slice key, struct slice value)
{
    CHECK(key.size + value.size <= RECORD_ITEM_MAX);
    buffer_reserve(out, RECORD_HEAD_MAX + RECORD_ITEM_MAX);

    uint64_t head_bytes = write_head(out, RECORD_ITEM, database, traits, key.size, value.size);

    buffer_append_slice(out, key);
    buffer_append_slice(out, value);
    return head_bytes + key.size + value.size;
}

uint64_t record_write_large(struct buffer *out, uint32_t database, struct traits traits,
                            uint64_t key_size, uint64_t value_size, uint64_t place)
{
    uint64_t head_bytes = write_head(out, RECORD_LARGE, database, traits, key_size, value_size);
    char *begin = buffer_reserve(out, VARINT_BYTES_MAX);
    size_t place_bytes = (size_t)(varint_write(begin, place) - begin);

    buffer_commit(out, place_bytes);
    return head_bytes + place_bytes;
}

uint64_t record_write_piece(struct buffer *out, struct slice piece)
{
    char *begin = buffer_reserve(out, RECORD_HEAD_MAX);
    char *at = begin;

    CHECK(piece.size <= RECORD_PIECE_MAX);
    *at++ = RECORD_PIECE;
    at = varint_write(at, piece.size);
    buffer_commit(out, (size_t)(at - begin));
    buffer_append_slice(out, piece);
    return (uint64_t)(at - begin) + piece.size;
}

/* --- reading ---------------------------------------------------------------------- */

static bool take_byte(struct slice *rest, unsigned *ret_byte)
{
    if (rest->size == 0) {
        return false;
    }
    *ret_byte = (unsigned char)rest->data[0];
    *rest = slice_of(rest->data + 1, rest->size - 1);
    return true;
}

static struct slice take_bytes(struct slice *rest, uint64_t size)
{
    struct slice taken = slice_of(rest->data, size);

    *rest = slice_of(rest->data + size, rest->size - size);
    return taken;
}

static enum record_result read_piece(struct slice *rest, struct record *r)
{
    uint64_t size = 0;

    if (!varint_read(rest, &size)) {
        return RECORD_INCOMPLETE;
    }
    if (size == 0 || size > RECORD_PIECE_MAX) {
        return RECORD_MALFORMED;
    }
    if (size > rest->size) {
        return RECORD_INCOMPLETE;
    }
    r->value = take_bytes(rest, size);
    return RECORD_READ;
}

static enum record_result take_item(struct slice *rest, struct record *r)
{
    if (r->key_size > RECORD_ITEM_MAX || r->value_size > RECORD_ITEM_MAX - r->key_size) {
        return RECORD_MALFORMED;
    }
    if (r->key_size + r->value_size > rest->size) {
        return RECORD_INCOMPLETE;
    }
    r->key = take_bytes(rest, r->key_size);
    r->value = take_bytes(rest, r->value_size);
    return RECORD_READ;
}

static enum record_result take_large(struct slice *rest, struct record *r)
{
    if (r->key_size > KV_VALUE_BYTES_MAX || r->value_size > KV_VALUE_BYTES_MAX ||
        r->key_size + r->value_size <= RECORD_ITEM_MAX) {
        return RECORD_MALFORMED;
    }
    return varint_read(rest, &r->place) ? RECORD_READ : RECORD_INCOMPLETE;
}

/* Plain traits are never written. */
static enum record_result read_traits(struct slice *rest, struct traits *ret_traits)
{
    unsigned type = 0;

    if (!take_byte(rest, &type)) {
        return RECORD_INCOMPLETE;
    }
    if (type >= VALUE_TYPES) {
        return RECORD_MALFORMED;
    }
    ret_traits->type = (uint8_t)type;
    if (!varint_read(rest, &ret_traits->expires_ms)) {
        return RECORD_INCOMPLETE;
    }
    return ret_traits->expires_ms > EXPIRES_MS_MAX || traits_are_plain(*ret_traits)
               ? RECORD_MALFORMED
               : RECORD_READ;
}

static enum record_result read_in_database(struct slice *rest, struct record *r, bool has_traits)
{
    unsigned database = 0;
    uint64_t first = 0;
    uint64_t second = 0;

    if (!take_byte(rest, &database)) {
        return RECORD_INCOMPLETE;
    }
    if (database >= KEYSPACE_ALL_DATABASES) {
        return RECORD_MALFORMED;
    }
    r->traits = (struct traits){0};

    enum record_result result = has_traits ? read_traits(rest, &r->traits) : RECORD_READ;

    if (result != RECORD_READ) {
        return result;
    }
    if (!varint_read(rest, &first) || !varint_read(rest, &second)) {
        return RECORD_INCOMPLETE;
    }
    r->database = database;
    if (r->kind == RECORD_DATABASE) {
        r->item_count = first;
        r->bucket_count = second;
        return RECORD_READ;
    }
    r->key_size = first;
    r->value_size = second;
    return r->kind == RECORD_ITEM ? take_item(rest, r) : take_large(rest, r);
}

static enum record_result read_record(struct slice *rest, struct record *r)
{
    unsigned kind = 0;

    if (!take_byte(rest, &kind)) {
        return RECORD_INCOMPLETE;
    }

    bool has_traits = (kind & RECORD_HAS_TRAITS) != 0;

    kind &= ~(unsigned)RECORD_HAS_TRAITS;
    if (kind < RECORD_DATABASE || kind > RECORD_PIECE ||
        (has_traits && kind != RECORD_ITEM && kind != RECORD_LARGE)) {
        return RECORD_MALFORMED;
    }
    r->kind = (enum record_kind)kind;
    return r->kind == RECORD_PIECE ? read_piece(rest, r) : read_in_database(rest, r, has_traits);
}

enum record_result record_read(struct slice *rest, struct record *ret_record)
{
    struct slice left = *rest;
    enum record_result result = read_record(&left, ret_record);

    if (result == RECORD_INCOMPLETE && rest->size >= RECORD_BYTES_MAX) {
        return RECORD_MALFORMED; /* Only a number can be the reason, and it is malformed. */
    }
    if (result == RECORD_READ) {
        *rest = left;
    }
    return result;
}
