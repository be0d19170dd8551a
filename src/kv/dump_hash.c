#include "kv/dump_hash.h"

#include "base/bytes.h"
#include "kv/call.h"
#include "kv/hash_value.h"
#include "kv/listpack.h"
#include "kv/rdb.h"
#include "kv/traits.h"
#include "resp/decimal.h"

/* --- writing ----------------------------------------------------------------------------- */

/* The first instant at which a field expires; 0: none does. */
static uint64_t first_expiry(struct slice hash, uint64_t now_ms)
{
    struct hash_field field;
    uint64_t first_ms = 0;
    size_t at = 0;

    while (hash_value_next(hash, &at, now_ms, &field)) {
        if (field.expires_ms != 0 && (first_ms == 0 || field.expires_ms < first_ms)) {
            first_ms = field.expires_ms;
        }
    }
    return first_ms;
}

void dump_hash_write(struct buffer *out, struct slice hash, uint64_t now_ms)
{
    uint64_t first_ms = first_expiry(hash, now_ms);
    struct hash_field field;
    size_t at = 0;
    char bytes[8];

    rdb_write_type(out, first_ms == 0 ? RDB_HASH : RDB_HASH_EXPIRING);
    if (first_ms != 0) {
        put_u64(bytes, first_ms);
        buffer_append(out, bytes, sizeof bytes);
    }
    rdb_write_size(out, hash_value_count(hash, now_ms));
    while (hash_value_next(hash, &at, now_ms, &field)) {
        if (first_ms != 0) {
            rdb_write_size(out, field.expires_ms == 0 ? 0 : field.expires_ms - first_ms + 1);
        }
        rdb_write_string(out, field.name);
        rdb_write_string(out, field.value);
    }
    rdb_write_footer(out, first_ms == 0 ? RDB_VERSION : RDB_VERSION_MAX);
}

/* --- reading ----------------------------------------------------------------------------- */

struct reading {
    struct slice rest;
    uint64_t now_ms;
    uint64_t first_ms; /* Instants of fields are relative to it. */
    uint32_t seed;
    uint64_t bytes; /* Of all fields. */
    struct value_edit *hash;
    struct buffer name, value; /* Scratch. */
};

bool dump_hash_is_type(uint8_t type)
{
    return type == RDB_HASH || type == RDB_HASH_LISTPACK || type == RDB_HASH_EXPIRING ||
           type == RDB_HASH_LISTPACK_EXPIRING;
}

/* `expires_ms` is 0 if it never expires. */
static bool add_field(struct reading *r, struct slice name, struct slice value, uint64_t expires_ms)
{
    struct hash_field field = {name, value,
                               expires_ms > EXPIRES_MS_MAX ? EXPIRES_MS_MAX : expires_ms};
    struct hash_field other;

    r->bytes += name.size + value.size;
    if (r->bytes > CALL_VALUE_BYTES_MAX || name.size + value.size > HASH_FIELD_BYTES_MAX ||
        hash_value_find(value_edit_slice(r->hash), name, 0, &other)) {
        return false;
    }
    if (expires_ms == 0 || expires_ms > r->now_ms) {
        hash_value_set(r->hash, &field, r->seed);
    }
    return true;
}

/* What is relative to the first one, and 0 for never. */
static bool instant_of(const struct reading *r, uint64_t relative_ms, uint64_t *ret_ms)
{
    *ret_ms = relative_ms == 0 ? 0 : r->first_ms + relative_ms - 1;
    return relative_ms <= EXPIRES_MS_MAX;
}

static bool take_first_expiry(struct reading *r)
{
    if (r->rest.size < 8) {
        return false;
    }
    r->first_ms = get_u64(r->rest.data);
    r->rest = slice_of(r->rest.data + 8, r->rest.size - 8);
    return r->first_ms <= EXPIRES_MS_MAX;
}

static bool take_field(struct reading *r, bool expires)
{
    struct slice name;
    struct slice value;
    uint64_t relative_ms = 0;
    uint64_t expires_ms = 0;

    return (!expires || rdb_take_size(&r->rest, &relative_ms)) &&
           rdb_take_string(&r->rest, HASH_FIELD_BYTES_MAX, &r->name, &name) &&
           rdb_take_string(&r->rest, HASH_FIELD_BYTES_MAX, &r->value, &value) &&
           instant_of(r, relative_ms, &expires_ms) && add_field(r, name, value, expires_ms);
}

static bool read_fields(struct reading *r, bool expires)
{
    uint64_t count;

    if ((expires && !take_first_expiry(r)) || !rdb_take_size(&r->rest, &count) || count == 0 ||
        count > HASH_FIELDS_MAX) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!take_field(r, expires)) {
            return false;
        }
    }
    return r->rest.size == 0;
}

/* A name, or a value, in front of others that are taken from the same listpack. */
static bool take_kept(struct listpack *l, struct buffer *scratch, struct slice *ret_string)
{
    struct slice string;

    if (!listpack_take(l, &string)) {
        return false;
    }
    buffer_clear(scratch);
    buffer_append_slice(scratch, string);
    *ret_string = buffer_slice(scratch);
    return true;
}

static bool take_listed(struct reading *r, struct listpack *l, bool expires)
{
    struct slice name;
    struct slice value;
    struct slice text;
    int64_t expires_ms = 0;

    if (!take_kept(l, &r->name, &name) || !take_kept(l, &r->value, &value)) {
        return false;
    }
    if (expires &&
        (!listpack_take(l, &text) || !decimal_read(text, &expires_ms) || expires_ms < 0)) {
        return false;
    }
    return add_field(r, name, value, (uint64_t)expires_ms);
}

static bool read_listpack(struct reading *r, bool expires)
{
    struct buffer scratch = {0};
    struct listpack list;
    struct slice bytes;
    uint64_t count = 0;
    bool is_right = (!expires || take_first_expiry(r)) &&
                    rdb_take_string(&r->rest, CALL_VALUE_BYTES_MAX, &scratch, &bytes) &&
                    listpack_open(&list, bytes) && r->rest.size == 0;

    while (is_right && !listpack_is_over(&list)) {
        is_right = take_listed(r, &list, expires) && ++count <= HASH_FIELDS_MAX;
    }
    buffer_deinit(&scratch);
    return is_right && count > 0;
}

bool dump_hash_read(struct slice dump, uint8_t type, uint64_t now_ms, uint32_t seed,
                    struct value_edit *hash)
{
    struct reading r = {.rest = dump, .now_ms = now_ms, .seed = seed, .hash = hash};
    bool expires = type == RDB_HASH_EXPIRING || type == RDB_HASH_LISTPACK_EXPIRING;
    bool is_right = type == RDB_HASH || type == RDB_HASH_EXPIRING ? read_fields(&r, expires)
                                                                  : read_listpack(&r, expires);

    buffer_deinit(&r.name);
    buffer_deinit(&r.value);
    return is_right;
}
