/* describe.h - a command on one line for a person: only printable ASCII, whatever its bytes are. */
#ifndef RAKIT_COMMAND_DESCRIBE_H
#define RAKIT_COMMAND_DESCRIBE_H

#include <stdint.h>

#include "base/buffer.h"

/* The command of a log entry: its database if that is not 0, then its arguments, limited in
 * number and length. */
void command_describe(struct buffer *out, struct slice payload, uint32_t arguments_max,
                      size_t argument_bytes_max);
/* Argument `i`, or what is shown in its place: hashes of passwords are shown to nobody. */
struct slice command_shown_argument(const struct slice *arguments, uint32_t i);
/* Quoted if necessary; for a longer one the size is given. */
void command_describe_argument(struct buffer *out, struct slice argument, size_t bytes_max);

#endif /* RAKIT_COMMAND_DESCRIBE_H */
