/* crc64.h - the checksum of Redis's dumps: CRC-64 with the polynomial of David T. Jones. */
#ifndef RAKIT_BASE_CRC64_H
#define RAKIT_BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

uint64_t crc64(const void *data, size_t size);

#endif /* RAKIT_BASE_CRC64_H */
