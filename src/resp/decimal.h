/* decimal.h - converts whole numbers to decimal text and back, without printf. What counts as a
 * number is as in Redis: an optional '-', no leading zeros, no '+', no blanks, nothing after it,
 * and it fits into 64 bits. */
#ifndef RAKIT_RESP_DECIMAL_H
#define RAKIT_RESP_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { DECIMAL_BYTES_MAX = 20 }; /* "-9223372036854775808", "18446744073709551615". */

/* Write the digits, without a terminator, and return their count. `to` has room for
 * DECIMAL_BYTES_MAX. */
size_t decimal_write(char *to, int64_t value);
size_t decimal_write_unsigned(char *to, uint64_t value);

/* False, with *ret_value untouched, if `text` is not exactly one number. */
bool decimal_read(struct slice text, int64_t *ret_value);

#endif /* RAKIT_RESP_DECIMAL_H */
