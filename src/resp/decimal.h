/* decimal.h - whole numbers to decimal text and back, without printf and with
 * Redis's idea of what a number looks like: an optional '-', no leading zeros, no
 * '+', no blanks, nothing behind it, and it fits into 64 bits. */
#ifndef RAKIT_RESP_DECIMAL_H
#define RAKIT_RESP_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { DECIMAL_BYTES_MAX = 20 }; /* "-9223372036854775808", "18446744073709551615". */

/* Write the digits, without a terminator, and return how many bytes there are;
 * `to` has room for DECIMAL_BYTES_MAX. */
size_t decimal_write(char *to, int64_t value);
size_t decimal_write_unsigned(char *to, uint64_t value);

/* False, with *ret_value untouched, where `text` is not exactly one number. */
bool decimal_read(struct slice text, int64_t *ret_value);

#endif /* RAKIT_RESP_DECIMAL_H */
