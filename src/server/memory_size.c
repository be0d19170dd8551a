#include "server/memory_size.h"

#include <stddef.h>

enum { PERCENT_MAX = 100 };

/* Takes digits, up to another character. */
static bool take_number(struct slice *text, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t count = 0;

    for (; count < text->size && text->data[count] >= '0' && text->data[count] <= '9'; count++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text->data[count] - '0'), &value)) {
            return false;
        }
    }
    *text = slice_of(text->data + count, text->size - count);
    *ret_value = value;
    return count > 0;
}

static uint64_t bytes_of_unit(struct slice unit)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"", 1},           {"b", 1},
        {"k", 1000},       {"kb", 1024},
        {"m", 1000000},    {"mb", 1024 * 1024},
        {"g", 1000000000}, {"gb", 1024 * 1024 * 1024},
    };

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (slice_is(unit, units[i].name)) {
            return units[i].bytes;
        }
    }
    return 0;
}

bool memory_size_read(struct slice text, struct memory_size *ret_size)
{
    uint64_t number = 0;
    uint64_t bytes = 0;

    if (text.size == 0 || !take_number(&text, &number)) {
        return false;
    }
    if (slice_is(text, "%")) {
        if (number == 0 || number > PERCENT_MAX) {
            return false;
        }
        *ret_size = (struct memory_size){.percent = (uint32_t)number};
        return true;
    }

    uint64_t unit_bytes = bytes_of_unit(text);

    if (unit_bytes == 0 || __builtin_mul_overflow(number, unit_bytes, &bytes)) {
        return false;
    }
    *ret_size = (struct memory_size){.bytes = bytes};
    return true;
}

uint64_t memory_size_bytes(const struct memory_size *size, uint64_t machine_bytes)
{
    return size->percent == 0 ? size->bytes : machine_bytes / PERCENT_MAX * size->percent;
}
