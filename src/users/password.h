/* password.h - passwords, as they are stored: by their SHA-256, as in Redis. */
#ifndef RAKIT_USERS_PASSWORD_H
#define RAKIT_USERS_PASSWORD_H

#include <stdbool.h>

#include "base/buffer.h"

enum { PASSWORD_HASH_BYTES = 32, PASSWORD_DIGITS = 64 };

struct password_hash {
    unsigned char bytes[PASSWORD_HASH_BYTES];
};

void password_hash(struct slice password, struct password_hash *ret_hash);
/* Takes as long wherever they differ. */
bool password_equal(const struct password_hash *a, const struct password_hash *b);
/* 64 hexadecimal digits in lower case. */
bool password_read(struct slice digits, struct password_hash *ret_hash);
void password_write(const struct password_hash *hash, struct buffer *out);

#endif /* RAKIT_USERS_PASSWORD_H */
