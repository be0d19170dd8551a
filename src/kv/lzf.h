/* lzf.h - unpacks what Redis has packed: LZF, a simple form of LZ77. Private to kv. */
#ifndef RAKIT_KV_LZF_H
#define RAKIT_KV_LZF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* False if the bytes are malformed, or if they do not give exactly `size` bytes. */
bool lzf_unpack(struct slice packed, char *to, size_t size);

#endif /* RAKIT_KV_LZF_H */
