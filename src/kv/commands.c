#include "kv/commands.h"

#include <stddef.h>

/* clang-format off */
const struct command *const kv_command_tables[] = {
    string_commands,
    msetex_commands,
    range_commands,
    bit_commands,
    number_commands,
    increment_commands,
    generic_commands,
    hash_commands,
    hash_expire_commands,
    hash_number_commands,
    hash_scan_commands,
    expire_commands,
    copy_commands,
    compare_commands,
    dump_commands,
    object_commands,
    sort_commands,
    databases_commands,
    scan_commands,
    lcs_commands,
    once_commands,
    publish_commands,
    NULL,
};
/* clang-format on */
