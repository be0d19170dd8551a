#include "users/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/check.h"

void password_hash(struct slice password, struct password_hash *ret_hash)
{
    unsigned int size = 0;
    int done = EVP_Digest(password.size == 0 ? "" : password.data, password.size, ret_hash->bytes,
                          &size, EVP_sha256(), NULL);

    CHECK(done == 1 && size == PASSWORD_HASH_BYTES);
}

bool password_equal(const struct password_hash *a, const struct password_hash *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, PASSWORD_HASH_BYTES) == 0;
}

/* -1: it is no digit. */
static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool password_read(struct slice digits, struct password_hash *ret_hash)
{
    if (digits.size != PASSWORD_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < PASSWORD_HASH_BYTES; i++) {
        int high = digit(digits.data[2 * i]);
        int low = digit(digits.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        ret_hash->bytes[i] = (unsigned char)(16 * high + low);
    }
    return true;
}

void password_write(const struct password_hash *hash, struct buffer *out)
{
    for (size_t i = 0; i < PASSWORD_HASH_BYTES; i++) {
        buffer_printf(out, "%02x", hash->bytes[i]);
    }
}
