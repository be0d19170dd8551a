/* glob.h - Redis's patterns: * ? [abc] [a-z] [^a] and \ before a byte that is meant
 * as it is. Time is at most pattern size times text size: only the last * seen is
 * ever tried again. */
#ifndef RAKIT_KV_GLOB_H
#define RAKIT_KV_GLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

bool glob_matches(struct slice pattern, struct slice text);
/* The same, looking at `*left` bytes at most, which it counts down: false with 0 left means
 * that the answer is not known. */
bool glob_matches_within(struct slice pattern, struct slice text, uint64_t *left);

#endif /* RAKIT_KV_GLOB_H */
