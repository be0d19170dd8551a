/* reply_reader.h - takes replies apart that a simulated client has received as a whole. */
#ifndef RAKIT_SIM_CHECKS_REPLY_READER_H
#define RAKIT_SIM_CHECKS_REPLY_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/slice.h"

/* A line that begins with `kind`, and the number behind that. */
static inline bool reply_take_head(struct slice *rest, char kind, int64_t *ret_number)
{
    const char *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    size_t line = end == NULL ? 0 : (size_t)(end - rest->data) + 1;

    if (line == 0 || *rest->data != kind) {
        return false;
    }
    *ret_number = strtoll(rest->data + 1, NULL, 10); /* It stops at the end of the line. */
    *rest = slice_of(rest->data + line, rest->size - line);
    return true;
}

/* A string; `data` is NULL for a null. */
static inline bool reply_take_string(struct slice *rest, struct slice *ret_string)
{
    int64_t size = 0;

    if (!reply_take_head(rest, '$', &size)) {
        return false;
    }
    *ret_string = slice_of(size < 0 ? NULL : rest->data, size < 0 ? 0 : (size_t)size);
    if (size >= 0) {
        *rest = slice_of(rest->data + size + 2, rest->size - (size_t)size - 2);
    }
    return true;
}

#endif /* RAKIT_SIM_CHECKS_REPLY_READER_H */
