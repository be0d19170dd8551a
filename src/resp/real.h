/* real.h - converts numbers with a fraction to decimal text and back, as Redis does for values:
 * `long double`, 17 digits behind the point at the most, no exponent. On all x86-64 nodes the
 * results are the same. */
#ifndef RAKIT_RESP_REAL_H
#define RAKIT_RESP_REAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum { REAL_BYTES_MAX = 5 * 1024 }; /* The largest has nearly so many digits. */

/* Writes the digits, without a terminator, and returns their count. `to` has room for
 * REAL_BYTES_MAX. */
size_t real_write(char *to, long double value);
/* False, with *ret_value untouched, if `text` is not exactly one number. Infinity is one. */
bool real_read(struct slice text, long double *ret_value);

#endif /* RAKIT_RESP_REAL_H */
