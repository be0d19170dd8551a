/* hex.h - bytes written as hexadecimal digits. */
#ifndef RAKIT_TESTS_KV_HEX_H
#define RAKIT_TESTS_KV_HEX_H

#include <stdlib.h>
#include <string.h>

/* Returns how many bytes were written. */
static inline size_t from_hex(const char *hex, char *to)
{
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        const char pair[] = {hex[2 * i], hex[2 * i + 1], '\0'};

        to[i] = (char)strtol(pair, NULL, 16);
    }
    return size;
}

#endif /* RAKIT_TESTS_KV_HEX_H */
