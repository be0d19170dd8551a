/* hello.h - the dialer's side of the greeting: its HELLO, and the check of the listener's proof. */
#ifndef RAKIT_PEER_HELLO_H
#define RAKIT_PEER_HELLO_H

#include "peer/peers.h"

enum hello_answer {
    HELLO_MALFORMED, /* Not a valid CHALLENGE. */
    HELLO_UNPROVEN,  /* The listener does not have the key of this cluster. */
    HELLO_PROVEN,
};

/* Appends a HELLO for that node. */
void hello_say(const struct peers *p, struct link *link, raft_id to, enum wire_channel channel,
               uint32_t version, struct hello *ret_hello);
/* Checks a CHALLENGE. If HELLO_PROVEN: sets who has answered, the newest feature level that it
 * knows, and this side's proof for it. */
enum hello_answer hello_check(const struct peers *p, const struct hello *hello, struct slice body,
                              raft_id *ret_listener, uint32_t *ret_level,
                              unsigned char ret_proof[PROOF_BYTES]);

#endif /* RAKIT_PEER_HELLO_H */
