/* slot.h - the hash slot of a key, as Redis Cluster computes it. Here one leader has all slots;
 * clients that route by slots need the number nevertheless. */
#ifndef RAKIT_CLUSTER_SLOT_H
#define RAKIT_CLUSTER_SLOT_H

#include <stdint.h>

#include "base/slice.h"

enum { SLOT_COUNT = 16384 };

/* CRC16 (XMODEM) of the key, or of what stands between its first '{' and the next '}' if that is
 * not empty, modulo SLOT_COUNT. */
uint32_t slot_of_key(struct slice key);

#endif /* RAKIT_CLUSTER_SLOT_H */
