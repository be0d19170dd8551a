/* proof.h - how two nodes show each other that both hold the key of their cluster, without
 * showing the key. Each computes an HMAC over the whole greeting, to which each has added 32
 * random bytes: so no proof is of use for another greeting. Dialer and listener prove by
 * different labels, and the listener's id is part of it: so no proof can be sent back to where
 * it came from, or be used in another node's name. The only file that knows OpenSSL. */
#ifndef RAKIT_PEER_PROOF_H
#define RAKIT_PEER_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    PROOF_KEY_BYTES = 32,
    PROOF_NONCE_BYTES = 32,
    PROOF_BYTES = 32, /* SHA-256's. */
    PROOF_HELLO_BYTES_MAX = 1024,
};

enum proof_role { PROOF_OF_DIALER, PROOF_OF_LISTENER };

/* What is proven to belong together. */
struct proof_greeting {
    struct slice hello; /* What the dialer says, its random bytes included; borrowed. */
    uint64_t listener;  /* Who it is by its own word, */
    uint32_t level;     /* and the feature level that it knows. */
    unsigned char nonce[PROOF_NONCE_BYTES]; /* The listener's random bytes. */
};

/* The greeting's hello has PROOF_HELLO_BYTES_MAX bytes at most. */
void proof_make(const unsigned char key[PROOF_KEY_BYTES], enum proof_role role,
                const struct proof_greeting *greeting, unsigned char ret_proof[PROOF_BYTES]);
/* Whether `proof`, of any size, is that one. Takes as long for one wrong proof as for another. */
bool proof_holds(const unsigned char key[PROOF_KEY_BYTES], enum proof_role role,
                 const struct proof_greeting *greeting, struct slice proof);

/* HMAC-SHA256 (RFC 2104). */
void proof_hmac(struct slice key, struct slice data, unsigned char ret_hmac[PROOF_BYTES]);

#endif /* RAKIT_PEER_PROOF_H */
