/* glob.h - Redis's patterns: * ? [abc] [a-z] [^a] and \ before a literal byte. Time is at most
 * pattern size times text size, because only the last * is ever tried again. */
#ifndef RAKIT_KV_GLOB_H
#define RAKIT_KV_GLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

bool glob_matches(struct slice pattern, struct slice text);
/* The same, but reads at most `*left` bytes, which it counts down: false with 0 left means that
 * the answer is unknown. */
bool glob_matches_within(struct slice pattern, struct slice text, uint64_t *left);

#endif /* RAKIT_KV_GLOB_H */
