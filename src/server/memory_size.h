/* memory_size.h - an amount of memory as people write it: bytes with Redis's units, or a
 * percentage of the machine's memory. */
#ifndef RAKIT_SERVER_MEMORY_SIZE_H
#define RAKIT_SERVER_MEMORY_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct memory_size {
    uint64_t bytes;
    uint32_t percent; /* Of the machine's memory; 0: `bytes` counts. */
};

/* Reads "100mb" (k, m, g are powers of 1000; kb, mb, gb of 1024), or "60%", from 1 to 100.
 * False, and nothing has changed, if it is neither. */
bool memory_size_read(struct slice text, struct memory_size *ret_size);
/* In bytes, on a machine with so many; 0 for a percentage if that is not known. */
uint64_t memory_size_bytes(const struct memory_size *size, uint64_t machine_bytes);

#endif /* RAKIT_SERVER_MEMORY_SIZE_H */
