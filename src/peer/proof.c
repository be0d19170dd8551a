#include "peer/proof.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mutant.h"

enum { LABEL_BYTES = 16 };

/* Everything before the hello has a fixed size, so different greetings never give the same
 * bytes. */
enum { PREFIX_BYTES = LABEL_BYTES + 8 + 4 + PROOF_NONCE_BYTES };

void proof_hmac(struct slice key, struct slice data, unsigned char ret_hmac[PROOF_BYTES])
{
    unsigned int size = 0;

    CHECK(key.size <= INT_MAX);

    const unsigned char *done = HMAC(EVP_sha256(), key.data, (int)key.size,
                                     (const unsigned char *)data.data, data.size, ret_hmac, &size);

    CHECK(done != NULL && size == PROOF_BYTES);
}

void proof_make(const unsigned char key[PROOF_KEY_BYTES], enum proof_role role,
                const struct proof_greeting *greeting, unsigned char ret_proof[PROOF_BYTES])
{
    static const char labels[][LABEL_BYTES] = {
        [PROOF_OF_DIALER] = "rakit dialer", [PROOF_OF_LISTENER] = "rakit listener"};
    char bytes[PREFIX_BYTES + PROOF_HELLO_BYTES_MAX];
    struct slice hello = MUTANT(hello_not_proven) ? slice_str("") : greeting->hello;

    CHECK(hello.size <= PROOF_HELLO_BYTES_MAX);
    memcpy(bytes, labels[MUTANT(roles_prove_alike) ? PROOF_OF_DIALER : role], LABEL_BYTES);
    put_u64(bytes + LABEL_BYTES, MUTANT(any_listener_proves) ? 0 : greeting->listener);
    put_u32(bytes + LABEL_BYTES + 8, MUTANT(level_not_proven) ? 0 : greeting->level);
    memcpy(bytes + LABEL_BYTES + 8 + 4, greeting->nonce, PROOF_NONCE_BYTES);
    memcpy(bytes + PREFIX_BYTES, hello.data, hello.size);
    proof_hmac(slice_of(key, PROOF_KEY_BYTES), slice_of(bytes, PREFIX_BYTES + hello.size),
               ret_proof);
}

bool proof_holds(const unsigned char key[PROOF_KEY_BYTES], enum proof_role role,
                 const struct proof_greeting *greeting, struct slice proof)
{
    unsigned char right[PROOF_BYTES];

    proof_make(key, role, greeting, right);
    return proof.size == PROOF_BYTES && CRYPTO_memcmp(right, proof.data, PROOF_BYTES) == 0;
}
