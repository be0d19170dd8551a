/* glob.h - Redis's patterns: * ? [abc] [a-z] [^a] and \ before a byte that is meant
 * as it is. Time is at most pattern size times text size: only the last * seen is
 * ever tried again. */
#ifndef RAKIT_KV_GLOB_H
#define RAKIT_KV_GLOB_H

#include <stdbool.h>

#include "base/slice.h"

bool glob_matches(struct slice pattern, struct slice text);

#endif /* RAKIT_KV_GLOB_H */
