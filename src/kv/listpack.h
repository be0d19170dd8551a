/* listpack.h - reads what Redis has stored as a listpack: a list of strings and integers in one
 * piece of memory, in which it stores small hashes. Private to kv. */
#ifndef RAKIT_KV_LISTPACK_H
#define RAKIT_KV_LISTPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "resp/decimal.h"

struct listpack {
    struct slice rest;
    char number[DECIMAL_BYTES_MAX]; /* The digits of an integer. */
};

/* False if the bytes do not begin as one. */
bool listpack_open(struct listpack *l, struct slice bytes);
/* Whether its end is reached, and nothing is behind it. */
bool listpack_is_over(const struct listpack *l);
/* The next one; false if it is malformed. An integer is in `l`, until the next call. */
bool listpack_take(struct listpack *l, struct slice *ret_string);

#endif /* RAKIT_KV_LISTPACK_H */
