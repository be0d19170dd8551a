/* proof.h - how two nodes prove to each other that both have the key of their cluster, without
 * sending the key. Each computes an HMAC over the whole greeting, to which both have contributed
 * 32 random bytes, so a proof is valid only for its greeting. Dialer and listener use different
 * labels, and the listener's id is included, so a proof can be neither sent back to its maker
 * nor used in another node's name. This is the only file that uses OpenSSL. */
#ifndef RAKIT_PEER_PROOF_H
#define RAKIT_PEER_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    PROOF_KEY_BYTES = 32,
    PROOF_NONCE_BYTES = 32,
    PROOF_BYTES = 32, /* Of SHA-256. */
    PROOF_HELLO_BYTES_MAX = 1024,
};

enum proof_role { PROOF_OF_DIALER, PROOF_OF_LISTENER };

/* What a proof covers. */
struct proof_greeting {
    struct slice hello; /* The dialer's hello, including its random bytes; borrowed. */
    uint64_t listener;  /* The id that the listener claims. */
    uint32_t level;     /* The feature level that the listener knows. */
    unsigned char nonce[PROOF_NONCE_BYTES]; /* The listener's random bytes. */
};

/* The greeting's hello has at most PROOF_HELLO_BYTES_MAX bytes. */
void proof_make(const unsigned char key[PROOF_KEY_BYTES], enum proof_role role,
                const struct proof_greeting *greeting, unsigned char ret_proof[PROOF_BYTES]);
/* Whether `proof`, of any size, is right. Takes the same time for every wrong proof. */
bool proof_holds(const unsigned char key[PROOF_KEY_BYTES], enum proof_role role,
                 const struct proof_greeting *greeting, struct slice proof);

/* HMAC-SHA256 (RFC 2104). */
void proof_hmac(struct slice key, struct slice data, unsigned char ret_hmac[PROOF_BYTES]);

#endif /* RAKIT_PEER_PROOF_H */
