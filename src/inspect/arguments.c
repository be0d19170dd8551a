#include "inspect/arguments.h"

#include <stdlib.h>

#include "base/memory.h"

struct slice *arguments_read(struct slice payload, struct command_head *ret_head)
{
    uint32_t count = 0;

    if (!command_payload_head(payload, ret_head)) {
        return NULL;
    }

    struct slice *arguments = memory_take(ret_head->argument_count * sizeof *arguments);

    if (!command_payload_read(payload, arguments, ret_head->argument_count, &count)) {
        free(arguments);
        return NULL;
    }
    return arguments;
}
