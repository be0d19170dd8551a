#include "inspect/key_filter.h"

#include <stdlib.h>

#include "inspect/arguments.h"
#include "kv/glob.h"

static bool matches_any(const struct command *command, struct slice pattern, uint32_t count,
                        const struct slice *arguments)
{
    int first = command == NULL ? 1 : command->first_key;
    int last = command == NULL ? -1 : command->last_key;
    int step = command == NULL ? 1 : command->key_step;

    if (first == 0) {
        return true;
    }
    last = last < 0 ? (int)count + last : last;
    for (int i = first; i <= last && i < (int)count; i += step) {
        if (glob_matches(pattern, arguments[i])) {
            return true;
        }
    }
    return false;
}

bool key_filter_matches(const struct command_table *commands, struct slice pattern,
                        struct slice payload)
{
    struct command_head head;
    struct slice *arguments = arguments_read(payload, &head);
    bool matches = arguments != NULL && matches_any(command_find(commands, arguments[0]), pattern,
                                                    head.argument_count, arguments);

    free(arguments);
    return matches;
}
