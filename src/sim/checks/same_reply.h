/* same_reply.h - whether a reply is the one that the model gives, where the command leaves more
 * than one way to say it. */
#ifndef RAKIT_SIM_CHECKS_SAME_REPLY_H
#define RAKIT_SIM_CHECKS_SAME_REPLY_H

#include <stdbool.h>

#include "base/slice.h"

/* Both are whole replies, as RESP2. */
bool is_same_reply(struct slice command, struct slice reply, struct slice expected);

#endif /* RAKIT_SIM_CHECKS_SAME_REPLY_H */
