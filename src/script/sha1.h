/* sha1.h - SHA-1 (FIPS 180-4), by which clients name scripts. */
#ifndef RAKIT_SCRIPT_SHA1_H
#define RAKIT_SCRIPT_SHA1_H

#include "base/slice.h"

enum { SHA1_DIGITS = 40 };

/* Writes SHA1_DIGITS hexadecimal digits in lower case, without a terminator. */
void sha1_digits(struct slice data, char *ret_digits);

#endif /* RAKIT_SCRIPT_SHA1_H */
