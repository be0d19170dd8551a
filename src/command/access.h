/* access.h - which keys and channels a call is about, and what it does with them: for rights of
 * users. It uses nothing but the call, so all nodes agree. */
#ifndef RAKIT_COMMAND_ACCESS_H
#define RAKIT_COMMAND_ACCESS_H

#include <stdint.h>

#include "kv/command.h"

/* Bits. A command that only shows whether there is a key has none of them. */
enum key_access { ACCESS_READ = 1, ACCESS_WRITE = 2 };

struct key_use {
    struct slice key;
    uint8_t access; /* enum key_access. */
    bool is_prefix; /* All keys that begin with it, whether there are any or not. */
};

/* Calls `each` with each key of the call, until it returns false; returns whether it never did. A
 * call whose arguments are wrong may have fewer keys. */
bool access_each_key(const struct command *command, uint32_t argument_count,
                     const struct slice *arguments,
                     bool (*each)(void *context, const struct key_use *use), void *context);

/* Arguments that are channels, or patterns of channels. */
struct channel_range {
    uint32_t first; /* 0: there are none. */
    uint32_t last;
    bool are_patterns;
};

struct channel_range access_channels(const struct command *command, uint32_t argument_count);

#endif /* RAKIT_COMMAND_ACCESS_H */
