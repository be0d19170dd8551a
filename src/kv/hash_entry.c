#include "kv/hash_entry.h"

#include "base/bytes.h"
#include "kv/traits.h"

enum {
    SHAPE_NAME_WIDE = 1,  /* The size of the name takes 4 bytes, otherwise 1. */
    SHAPE_VALUE_WIDE = 2, /* That of the value. */
    SHAPE_EXPIRES = 4,
    SHAPE_ALL = 7,
    INSTANT_BYTES = 6,
    EXPIRY_BYTES = INSTANT_BYTES + 4,
};

static unsigned shape_of(const struct hash_field *field)
{
    unsigned shape = field->name.size > UINT8_MAX ? SHAPE_NAME_WIDE : 0;

    shape |= field->value.size > UINT8_MAX ? SHAPE_VALUE_WIDE : 0;
    return field->expires_ms != 0 ? shape | SHAPE_EXPIRES : shape;
}

static size_t sizes_bytes(unsigned shape)
{
    return ((shape & SHAPE_NAME_WIDE) != 0 ? 4u : 1u) + ((shape & SHAPE_VALUE_WIDE) != 0 ? 4u : 1u);
}

static size_t head_bytes(unsigned shape)
{
    return 1 + sizes_bytes(shape) + ((shape & SHAPE_EXPIRES) != 0 ? EXPIRY_BYTES : 0);
}

size_t hash_entry_bytes(const struct hash_field *field)
{
    return head_bytes(shape_of(field)) + field->name.size + field->value.size;
}

static char *write_size(char *at, size_t size, bool is_wide)
{
    if (is_wide) {
        put_u32(at, (uint32_t)size);
        return at + 4;
    }
    *at = (char)(unsigned char)size;
    return at + 1;
}

static char *write_bytes(char *at, struct slice bytes)
{
    if (bytes.size > 0) {
        memcpy(at, bytes.data, bytes.size);
    }
    return at + bytes.size;
}

static void write_instant(char *at, uint64_t expires_ms)
{
    put_u32(at, (uint32_t)expires_ms);
    put_u16(at + 4, (uint16_t)(expires_ms >> 32));
}

void hash_entry_write(char *to, const struct hash_field *field, uint32_t place)
{
    unsigned shape = shape_of(field);
    char *at = to;

    *at++ = (char)shape;
    at = write_size(at, field->name.size, (shape & SHAPE_NAME_WIDE) != 0);
    at = write_size(at, field->value.size, (shape & SHAPE_VALUE_WIDE) != 0);
    if ((shape & SHAPE_EXPIRES) != 0) {
        write_instant(at, field->expires_ms);
        put_u32(at + INSTANT_BYTES, place);
        at += EXPIRY_BYTES;
    }
    write_bytes(write_bytes(at, field->name), field->value);
}

static const char *read_size(const char *at, bool is_wide, size_t *ret_size)
{
    *ret_size = is_wide ? get_u32(at) : (unsigned char)*at;
    return at + (is_wide ? 4 : 1);
}

bool hash_entry_read(struct slice bytes, struct hash_entry *ret_entry)
{
    unsigned shape = bytes.size > 0 ? (unsigned char)bytes.data[0] : SHAPE_ALL + 1;
    size_t name_size;
    size_t value_size;

    if (shape > SHAPE_ALL || bytes.size < head_bytes(shape)) {
        return false;
    }

    const char *at = read_size(bytes.data + 1, (shape & SHAPE_NAME_WIDE) != 0, &name_size);
    size_t left = bytes.size - head_bytes(shape);

    at = read_size(at, (shape & SHAPE_VALUE_WIDE) != 0, &value_size);
    if (name_size > left || value_size > left - name_size) {
        return false;
    }
    *ret_entry = (struct hash_entry){.bytes = head_bytes(shape) + name_size + value_size};
    if ((shape & SHAPE_EXPIRES) != 0) {
        ret_entry->field.expires_ms = get_u32(at) | (uint64_t)get_u16(at + 4) << 32;
        ret_entry->place = get_u32(at + INSTANT_BYTES);
        at += EXPIRY_BYTES;
        if (ret_entry->field.expires_ms == 0) {
            return false;
        }
    }
    ret_entry->field.name = slice_of(at, name_size);
    ret_entry->field.value = slice_of(at + name_size, value_size);
    return true;
}

size_t hash_entry_expiry_at(const char *entry)
{
    return 1 + sizes_bytes((unsigned char)entry[0]);
}

size_t hash_entry_place_at(const char *entry)
{
    return hash_entry_expiry_at(entry) + INSTANT_BYTES;
}

void hash_entry_write_expiry(char *entry, uint64_t expires_ms)
{
    write_instant(entry + hash_entry_expiry_at(entry), expires_ms);
}
