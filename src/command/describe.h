/* describe.h - a command in one line for a person. Only printable ASCII comes out, whatever the
 * bytes are. */
#ifndef RAKIT_COMMAND_DESCRIBE_H
#define RAKIT_COMMAND_DESCRIBE_H

#include <stdint.h>

#include "base/buffer.h"

/* The command of a log entry: its database unless that is 0, then its arguments, no more than so
 * many and so much of each. */
void command_describe(struct buffer *out, struct slice payload, uint32_t arguments_max,
                      size_t argument_bytes_max);
/* Quoted if it must be; of a longer one the size is given. */
void command_describe_argument(struct buffer *out, struct slice argument, size_t bytes_max);

#endif /* RAKIT_COMMAND_DESCRIBE_H */
