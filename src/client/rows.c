/* rows.c - the commands about a connection or this node, as the table of all commands has
 * them. */
#include <stddef.h>

#include "client/commands.h"
#include "client/commands_raft.h"

#define L COMMAND_LOCAL
#define F COMMAND_FAST
#define A COMMAND_ADMIN
#define H COMMAND_HIDDEN
#define E COMMAND_ENDS_MULTI
#define V COMMAND_IN_RESERVE

/* clang-format off */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* Most have neither. */
const struct command client_commands[] = {
    /* name, arity, flags, first key, last key, step, handler,
     *     group, arguments, summary, since; subcommands */
    {"ASKING", 1, L | F | H, 0, 0, 0, accept_command,
        "cluster", "", "Accepted; any node answers any command.", "3.0.0"},
    {"AUTH", -2, L | F | H | V, 0, 0, 0, auth_command,
        "connection", "[username] password", "Accepted of the user default, who has no password.",
        "1.0.0"},
    {"CLIENT", -2, L | V, 0, 0, 0, client_command,
        "connection", "ID | GETNAME | SETNAME name | LIST | INFO | KILL ... | HELP",
        "Names, lists and ends connections.", "2.4.0",
        .subcommands = client_subcommands},
    {"COMMAND", -1, L | V, 0, 0, 0, command_command,
        "server", "[COUNT | DOCS [command ...] | INFO [command ...] | LIST | GETKEYS ...]",
        "Describes the commands of this server.", "2.8.13",
        .subcommands = command_subcommands},
    {"DISCARD", 1, L | F | H | E, 0, 0, 0, discard_command,
        "transactions", "", "Refused: there are no transactions yet.", "2.0.0"},
    {"ECHO", 2, L | F, 0, 0, 0, echo_command,
        "connection", "message", "Returns the message.", "1.0.0"},
    {"EXEC", 1, L | H | E, 0, 0, 0, exec_command,
        "transactions", "", "Refused: there are no transactions yet.", "1.2.0"},
    {"HELLO", -1, L | F | V, 0, 0, 0, hello_command,
        "connection", "[2 | 3] [SETNAME name]", "Selects the protocol and describes the server.",
        "6.0.0"},
    {"INFO", -1, L | V, 0, 0, 0, info_command,
        "server", "[section [section ...]]", "Shows figures of this node.", "1.0.0"},
    {"MULTI", 1, L | F | H, 0, 0, 0, multi_command,
        "transactions", "", "Refused: there are no transactions yet.", "1.2.0"},
    {"PING", -1, L | F, 0, 0, 0, ping_command,
        "connection", "[message]", "Returns PONG, or the message.", "1.0.0"},
    {"QUIT", -1, L | F | E | V, 0, 0, 0, quit_command,
        "connection", "", "Ends the connection.", "1.0.0"},
    {"RAFT", -2, L | A | COMMAND_ASYNC, 0, 0, 0, raft_command,
        "raft",
        "STATUS | MEMBERS | ADD id host port peer-port | REMOVE id|host:port | "
        "TRANSFER [id | host:port] | LOG [from [count]] | HELP",
        "Shows and changes the cluster.", "0.1.0",
        .subcommands = raft_subcommands},
    {"READONLY", 1, L | F, 0, 0, 0, accept_command,
        "cluster", "", "Accepted; any node answers any command.", "3.0.0"},
    {"READWRITE", 1, L | F, 0, 0, 0, accept_command,
        "cluster", "", "Accepted; any node answers any command.", "3.0.0"},
    {"REQUEST_LOG", -1, L | A | COMMAND_ASYNC, 0, 0, 0, request_log_command,
        "raft", "[from [count]]", "Shows the replicated log of the leader.", "0.1.0"},
    {"RESET", 1, L | F | E, 0, 0, 0, reset_command,
        "connection", "", "Resets the connection to its initial state.", "6.2.0"},
    {"ROLE", 1, L | F, 0, 0, 0, role_command,
        "server", "", "Shows whether this node serves: a master does.", "2.8.12"},
    {"SELECT", 2, L | F, 0, 0, 0, select_command,
        "connection", "index",
        "Chooses the database, 0 to 15, for what this connection sends next.", "1.0.0"},
    {"TIME", 1, L | F, 0, 0, 0, time_command,
        "server", "", "Shows this node's clock: seconds and microseconds.", "2.6.0"},
    {"UNWATCH", 1, L | F | H, 0, 0, 0, watch_command,
        "transactions", "", "Refused: there are no transactions yet.", "2.2.0"},
    {"WAIT", 3, L, 0, 0, 0, wait_command,
        "generic", "numreplicas timeout",
        "Counts the nodes besides the leader that hold what was written.", "3.0.0"},
    {"WATCH", -2, L | F | H, 0, 0, 0, watch_command,
        "transactions", "key [key ...]", "Refused: there are no transactions yet.", "2.2.0"},
    {.name = NULL},
};
#pragma GCC diagnostic pop
/* clang-format on */
