/* wire_field.c - see wire_field.h. */
#include "peer/wire_field.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"

static bool is_text(const struct wire_field *f)
{
    return f->form == WIRE_TEXT || f->form == WIRE_PRINTABLE;
}

/* Of a field that is not a text. */
static uint32_t bytes_of(const struct wire_field *f)
{
    switch (f->form) {
    case WIRE_FLAG:
    case WIRE_U8:
        return 1;
    case WIRE_U16:
        return 2;
    case WIRE_U32:
        return 4;
    case WIRE_U64:
        return 8;
    case WIRE_BYTES:
        return f->size;
    case WIRE_TEXT:
    case WIRE_PRINTABLE:
        break;
    }
    return 0;
}

uint32_t wire_fields_min(struct wire_fields fields)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < fields.count; i++) {
        const struct wire_field *f = &fields.list[i];

        sum += is_text(f) ? (uint32_t)f->min : bytes_of(f);
    }
    return sum;
}

uint32_t wire_fields_max(struct wire_fields fields)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < fields.count; i++) {
        sum += is_text(&fields.list[i]) ? fields.list[i].size - 1u : bytes_of(&fields.list[i]);
    }
    return sum;
}

/* --- numbers ----------------------------------------------------------------------------- */

/* Reads a member of a struct; sizes are those of the type, not of the wire. */
static uint64_t load(const void *member, uint16_t size)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    switch (size) {
    case 1:
        memcpy(&u8, member, 1);
        return u8;
    case 2:
        memcpy(&u16, member, 2);
        return u16;
    case 4:
        memcpy(&u32, member, 4);
        return u32;
    default:
        CHECK(size == 8);
        memcpy(&u64, member, 8);
        return u64;
    }
}

static void store(void *member, uint16_t size, uint64_t value)
{
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;

    switch (size) {
    case 1:
        memcpy(member, &u8, 1);
        break;
    case 2:
        memcpy(member, &u16, 2);
        break;
    case 4:
        memcpy(member, &u32, 4);
        break;
    default:
        CHECK(size == 8);
        memcpy(member, &value, 8);
    }
}

static void put_number(char *to, uint32_t bytes, uint64_t value)
{
    switch (bytes) {
    case 1:
        *to = (char)value;
        break;
    case 2:
        put_u16(to, (uint16_t)value);
        break;
    case 4:
        put_u32(to, (uint32_t)value);
        break;
    default:
        put_u64(to, value);
    }
}

static uint64_t get_number(const char *from, uint32_t bytes)
{
    switch (bytes) {
    case 1:
        return (uint8_t)*from;
    case 2:
        return get_u16(from);
    case 4:
        return get_u32(from);
    default:
        return get_u64(from);
    }
}

/* --- writing ----------------------------------------------------------------------------- */

size_t wire_fields_put(char *to, struct wire_fields fields, const void *from)
{
    const char *begin = to;

    for (uint32_t i = 0; i < fields.count; i++) {
        const struct wire_field *f = &fields.list[i];
        const char *member = (const char *)from + f->offset;
        uint32_t bytes = bytes_of(f);

        if (is_text(f)) {
            bytes = (uint32_t)strnlen(member, f->size);
            CHECK(bytes < f->size);
        }
        if (is_text(f) || f->form == WIRE_BYTES) {
            memcpy(to, member, bytes);
        } else {
            put_number(to, bytes, load(member, f->size));
        }
        to += bytes;
    }
    return (size_t)(to - begin);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool fits_text(const struct wire_field *f, struct slice text)
{
    return text.size >= f->min && text.size < f->size && memchr(text.data, 0, text.size) == NULL &&
           (f->form == WIRE_TEXT || is_printable(text));
}

static bool fits(const struct wire_field *f, struct slice rest)
{
    uint32_t bytes = bytes_of(f);
    uint64_t max = f->form == WIRE_FLAG ? 1 : f->max;

    if (is_text(f)) {
        return fits_text(f, rest);
    }
    if (rest.size < bytes || f->form == WIRE_BYTES) {
        return rest.size >= bytes;
    }

    uint64_t value = get_number(rest.data, bytes);

    return value >= f->min && (max == 0 || value <= max);
}

static size_t taken(const struct wire_field *f, struct slice rest)
{
    return is_text(f) ? rest.size : bytes_of(f);
}

static void take(const struct wire_field *f, struct slice rest, char *member)
{
    if (is_text(f)) {
        memcpy(member, rest.data, rest.size);
        memset(member + rest.size, 0, f->size - rest.size);
    } else if (f->form == WIRE_BYTES) {
        memcpy(member, rest.data, f->size);
    } else {
        store(member, f->size, get_number(rest.data, bytes_of(f)));
    }
}

bool wire_fields_get(struct slice body, struct wire_fields fields, uint32_t rest_max, void *ret,
                     struct slice *ret_rest)
{
    struct slice rest = body;

    for (uint32_t i = 0; i < fields.count; i++) {
        size_t size;

        if (!fits(&fields.list[i], rest)) {
            return false;
        }
        size = taken(&fields.list[i], rest);
        rest = slice_of(rest.data + size, rest.size - size);
    }
    if (rest.size > rest_max) {
        return false;
    }
    *ret_rest = rest;
    rest = body;
    for (uint32_t i = 0; i < fields.count; i++) {
        const struct wire_field *f = &fields.list[i];
        size_t size = taken(f, rest);

        take(f, rest, (char *)ret + f->offset);
        rest = slice_of(rest.data + size, rest.size - size);
    }
    return true;
}
