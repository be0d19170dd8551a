/* checksum.h - XXH3 over bytes. It detects accidents, not attacks. */
#ifndef RAKIT_BASE_CHECKSUM_H
#define RAKIT_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t checksum(const void *data, size_t size);
/* With a seed: to chain checksums, or to key a hash table. */
uint64_t checksum_seeded(const void *data, size_t size, uint64_t seed);

#endif /* RAKIT_BASE_CHECKSUM_H */
