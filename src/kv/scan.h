/* scan.h - what SCAN and HSCAN share. Private to kv. */
#ifndef RAKIT_KV_SCAN_H
#define RAKIT_KV_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    SCAN_COUNT_MAX = 200 * 1000,             /* Keys or fields of one call (ADR 10). */
    SCAN_MATCH_BYTES_MAX = 32 * 1024 * 1024, /* Bytes of them compared with a pattern. */
};

/* As strtoul() reads it, like Redis: even a negative number is a cursor. */
bool scan_read_cursor(struct slice text, uint64_t *ret_cursor);

#endif /* RAKIT_KV_SCAN_H */
