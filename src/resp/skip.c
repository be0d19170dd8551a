/* skip.c - where a reply ends. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "resp/resp.h"

enum { HEAD_DIGITS_MAX = 20 };

/* The number in the line after the type: it may be a length, and -1 is none. False: no such
 * line. */
static bool read_length(struct slice line, int64_t *ret_length)
{
    char digits[HEAD_DIGITS_MAX + 1];
    char *end;

    if (line.size == 0 || line.size > HEAD_DIGITS_MAX) {
        return false;
    }
    memcpy(digits, line.data, line.size);
    digits[line.size] = '\0';
    *ret_length = strtoll(digits, &end, 10);
    return *end == '\0' && *ret_length >= -1 && *ret_length <= INT32_MAX;
}

/* The size of one value without what is in it, whose count is added to *left. 0: cut off. */
static size_t skip_one(struct slice text, uint64_t *left)
{
    const char *end = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);
    size_t line = end == NULL ? 0 : (size_t)(end - text.data) + 1;
    int64_t length = 0;

    if (line < 3 || strchr("$=!*~>%", text.data[0]) == NULL) {
        return line < 3 ? 0 : line;
    }
    if (!read_length(slice_of(text.data + 1, line - 3), &length)) {
        return 0;
    }
    if (length < 0) {
        return line;
    }
    if (strchr("*~>%", text.data[0]) != NULL) {
        *left += (uint64_t)length * (text.data[0] == '%' ? 2 : 1);
        return line;
    }
    return text.size - line < (size_t)length + 2 ? 0 : line + (size_t)length + 2;
}

size_t resp_reply_size(struct slice text)
{
    uint64_t left = 1;
    size_t at = 0;

    while (left > 0) {
        left--;

        size_t size = skip_one(slice_of(text.data + at, text.size - at), &left);

        if (size == 0) {
            return 0;
        }
        at += size;
    }
    return at;
}
