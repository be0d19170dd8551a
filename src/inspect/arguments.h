/* arguments.h - the arguments of a command in the log. */
#ifndef RAKIT_INSPECT_ARGUMENTS_H
#define RAKIT_INSPECT_ARGUMENTS_H

#include "kv/codec.h"

/* All of them, borrowed from the payload, in an array for the caller to free; NULL if this is not
 * the payload of a command. */
struct slice *arguments_read(struct slice payload, struct command_head *ret_head);

#endif /* RAKIT_INSPECT_ARGUMENTS_H */
