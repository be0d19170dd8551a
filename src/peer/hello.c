#include "peer/hello.h"

#include <string.h>

#include "base/check.h"
#include "base/mutant.h"

void hello_say(const struct peers *p, struct link *link, raft_id to, enum wire_channel channel,
               uint32_t version, struct hello *ret_hello)
{
    struct wire_hello hello = {
        .version = version,
        .level = p->level,
        .cluster_id = p->cluster_id,
        .epoch = p->epoch,
        .from = p->self.id,
        .to = to,
        .incarnation = p->incarnation,
        .channel = channel,
        .address = p->self.client,
        .peer_port = p->self.peer_port,
    };

    if (!MUTANT(hello_repeated)) {
        io_random(p->io, hello.nonce, sizeof hello.nonce);
    }
    ret_hello->size = wire_put_hello(&link->out, &hello);
    CHECK(ret_hello->size <= sizeof ret_hello->bytes);
    memcpy(ret_hello->bytes, buffer_begin(&link->out) + buffer_size(&link->out) - ret_hello->size,
           ret_hello->size);
    link_flush(link);
}

enum hello_answer hello_check(const struct peers *p, const struct hello *hello, struct slice body,
                              raft_id *ret_listener, uint32_t *ret_level,
                              unsigned char ret_proof[PROOF_BYTES])
{
    struct wire_challenge c;

    if (!wire_get_challenge(body, &c)) {
        return HELLO_MALFORMED;
    }

    struct proof_greeting greeting = {
        .hello = slice_of(hello->bytes, hello->size), .listener = c.listener, .level = c.level};

    memcpy(greeting.nonce, c.nonce, sizeof greeting.nonce);
    if (!proof_holds(p->key.bytes, PROOF_OF_LISTENER, &greeting, slice_of(c.proof, PROOF_BYTES)) &&
        !MUTANT(listener_not_checked)) {
        return HELLO_UNPROVEN;
    }
    *ret_listener = c.listener;
    *ret_level = c.level;
    proof_make(p->key.bytes, PROOF_OF_DIALER, &greeting, ret_proof);
    return HELLO_PROVEN;
}
