/* message_text.h - a message of the consensus core as text, for traces. */
#ifndef RAKIT_SIM_CLUSTER_MESSAGE_TEXT_H
#define RAKIT_SIM_CLUSTER_MESSAGE_TEXT_H

#include <stddef.h>

#include "raft/raft.h"

void message_text(const struct raft_message *m, char *text, size_t size);

#endif /* RAKIT_SIM_CLUSTER_MESSAGE_TEXT_H */
