#include "inspect/key_filter.h"

#include <stdlib.h>

#include "command/transaction.h"
#include "inspect/arguments.h"
#include "kv/glob.h"

static bool matches_any(const struct command *command, struct slice pattern, uint32_t count,
                        const struct slice *arguments)
{
    uint32_t first = 1;
    uint32_t last = count - 1;
    uint32_t step = command == NULL ? 1 : (uint32_t)command->key_step;

    if (command != NULL && command->first_key == 0) {
        return true;
    }
    if (command != NULL && !command_key_range(command, count, arguments, &first, &last)) {
        return false;
    }
    for (uint32_t i = first; i <= last && i < count; i += step) {
        if (glob_matches(pattern, arguments[i])) {
            return true;
        }
    }
    return false;
}

static bool matches_within(const struct command_table *commands, struct slice pattern,
                           struct slice payload)
{
    struct command_head head;
    struct slice *arguments = arguments_read(payload, &head);
    bool matches = arguments != NULL && matches_any(command_find(commands, arguments[0]), pattern,
                                                    head.argument_count, arguments);

    free(arguments);
    return matches;
}

bool key_filter_matches(const struct command_table *commands, struct slice pattern,
                        struct slice payload)
{
    struct command_head head;
    struct slice *arguments = arguments_read(payload, &head);
    bool matches = false;

    if (arguments == NULL || !transaction_is(arguments[0])) {
        free(arguments);
        return matches_within(commands, pattern, payload);
    }
    for (uint32_t i = TRANSACTION_FIRST; !matches && i < head.argument_count; i++) {
        matches = matches_within(commands, pattern, arguments[i]);
    }
    free(arguments);
    return matches;
}
