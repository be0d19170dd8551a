#include "resp/real.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES_MAX = 255 };

size_t real_write(char *to, long double value)
{
    char text[REAL_BYTES_MAX];
    size_t size;

    if (isinf(value)) {
        size = value > 0 ? 3 : 4;
        memcpy(to, value > 0 ? "inf" : "-inf", size);
        return size;
    }
    size = (size_t)snprintf(text, sizeof text, "%.17Lf", value);
    while (text[size - 1] == '0') {
        size--;
    }
    size -= text[size - 1] == '.' ? 1 : 0;
    if (size == 2 && memcmp(text, "-0", 2) == 0) {
        memcpy(to, "0", 1);
        return 1;
    }
    memcpy(to, text, size);
    return size;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool real_read(struct slice text, long double *ret_value)
{
    char copy[TEXT_BYTES_MAX + 1];
    char *end = NULL;

    if (text.size == 0 || text.size > TEXT_BYTES_MAX || is_blank(text.data[0])) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    errno = 0;

    long double value = strtold(copy, &end);

    if (end != copy + text.size || isnan(value) ||
        (errno == ERANGE && (isinf(value) || fpclassify(value) == FP_ZERO))) {
        return false;
    }
    *ret_value = value;
    return true;
}
