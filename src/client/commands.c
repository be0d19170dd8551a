#include "client/commands.h"

#include <stddef.h>

#include "client/login.h"
#include "client/transaction.h"

/* clang-format off */
const struct command *const client_command_tables[] = {
    connection_commands,
    login_commands,
    acl_commands,
    transaction_client_commands,
    client_family_commands,
    command_family_commands,
    node_commands,
    info_commands,
    raft_commands,
    cluster_commands,
    replication_commands,
    save_commands,
    slow_commands,
    pubsub_commands,
    changes_commands,
    NULL,
};
/* clang-format on */
