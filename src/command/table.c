/* table.c - the one table of all commands: name, arity, flags, keys, handler and
 * help. Sorted by name, found by a perfect hash; a test checks both. */
#include "command/table.h"

#include <stddef.h>

#include "base/mutant.h"
#include "client/commands.h"
#include "client/commands_raft.h"
#include "command/subcommand.h"
#include "kv/commands.h"
#include "kv/keyspace.h"
#include "kv/kv.h"

enum { NAME_BYTES_MAX = 15 }; /* Of a command. */

#define W COMMAND_WRITE
#define R COMMAND_READ
#define L COMMAND_LOCAL
#define F COMMAND_FAST
#define A COMMAND_ADMIN
#define M COMMAND_DENY_OOM
#define H COMMAND_HIDDEN
#define E COMMAND_ENDS_MULTI
#define V COMMAND_IN_RESERVE

/* clang-format off */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* Most are no family. */
static const struct command table[] = {
    /* name, arity, flags, first key, last key, step, handler,
     *     group, arguments, summary, since; check, subcommands */
    {"APPEND", 3, W | M | F, 1, 1, 1, kv_command_append,
        "string", "key value", "Appends to a value and returns its new length.", "2.0.0"},
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
    {"CONFIG", -2, L | A, 0, 0, 0, config_command,
        "server", "GET pattern [pattern ...] | RESETSTAT | SET ...", "Shows settings.", "2.0.0",
        .subcommands = config_subcommands},
    {"DBSIZE", 1, R | F, 0, 0, 0, kv_command_dbsize,
        "server", "", "Counts the keys of this database.", "1.0.0"},
    {"DECR", 2, W | M | F, 1, 1, 1, kv_command_decr,
        "string", "key", "Decrements a number by one.", "1.0.0"},
    {"DECRBY", 3, W | M | F, 1, 1, 1, kv_command_decrby,
        "string", "key decrement", "Decrements a number.", "1.0.0",
        .check = kv_check_decrby},
    {"DEL", -2, W, 1, -1, 1, kv_command_del,
        "generic", "key [key ...]", "Deletes keys and counts those that were there.", "1.0.0"},
    {"DISCARD", 1, L | F | H | E, 0, 0, 0, discard_command,
        "transactions", "", "Refused: there are no transactions yet.", "2.0.0"},
    {"ECHO", 2, L | F, 0, 0, 0, echo_command,
        "connection", "message", "Returns the message.", "1.0.0"},
    {"EXEC", 1, L | H | E, 0, 0, 0, exec_command,
        "transactions", "", "Refused: there are no transactions yet.", "1.2.0"},
    {"EXISTS", -2, R | F, 1, -1, 1, kv_command_exists,
        "generic", "key [key ...]", "Counts the keys that are there.", "1.0.0"},
    {"FLUSHALL", -1, W, 0, 0, 0, kv_command_flushall,
        "server", "[ASYNC | SYNC]", "Deletes all keys of all databases.", "1.0.0",
        .check = kv_check_flushall},
    {"FLUSHDB", -1, W, 0, 0, 0, kv_command_flushdb,
        "server", "[ASYNC | SYNC]", "Deletes all keys of this database.", "1.0.0",
        .check = kv_check_flushall},
    {"GET", 2, R | F, 1, 1, 1, kv_command_get,
        "string", "key", "Returns a value.", "1.0.0"},
    {"GETDEL", 2, W | F, 1, 1, 1, kv_command_getdel,
        "string", "key", "Returns a value and deletes its key.", "6.2.0"},
    {"GETRANGE", 4, R, 1, 1, 1, kv_command_getrange,
        "string", "key start end",
        "Returns a part of a value, both ends included; negative ones count from its end.",
        "2.4.0",
        .check = kv_check_getrange},
    {"GETSET", 3, W | M | F, 1, 1, 1, kv_command_getset,
        "string", "key value", "Sets a value and returns the one before.", "1.0.0"},
    {"HELLO", -1, L | F | V, 0, 0, 0, hello_command,
        "connection", "[2 | 3] [SETNAME name]", "Selects the protocol and describes the server.",
        "6.0.0"},
    {"INCR", 2, W | M | F, 1, 1, 1, kv_command_incr,
        "string", "key", "Adds one to a number.", "1.0.0"},
    {"INCRBY", 3, W | M | F, 1, 1, 1, kv_command_incrby,
        "string", "key increment", "Adds something to a number.", "1.0.0",
        .check = kv_check_incrby},
    {"INFO", -1, L | V, 0, 0, 0, info_command,
        "server", "[section [section ...]]", "Shows figures of this node.", "1.0.0"},
    {"KEYS", 2, R | COMMAND_WALKS, 0, 0, 0, kv_command_keys,
        "generic", "pattern", "Returns all keys that match the pattern, such as h?llo*.",
        "1.0.0"},
    {"MGET", -2, R | F, 1, -1, 1, kv_command_mget,
        "string", "key [key ...]", "Returns several values.", "1.0.0"},
    {"MOVE", 3, W | F, 1, 1, 1, kv_command_move,
        "generic", "key db",
        "Takes a key to another database, unless that database already has the key.", "1.0.0",
        .check = kv_check_move},
    {"MSET", -3, W | M, 1, -1, 2, kv_command_mset,
        "string", "key value [key value ...]", "Sets several values at once.", "1.0.1",
        .check = kv_check_mset},
    {"MSETNX", -3, W | M, 1, -1, 2, kv_command_msetnx,
        "string", "key value [key value ...]",
        "Sets several values where none of the keys is there.", "1.0.1", .check = kv_check_msetnx},
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
    {"RANDOMKEY", 1, R, 0, 0, 0, kv_command_randomkey,
        "generic", "", "Returns some key.", "1.0.0"},
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
    {"SCAN", -2, R | COMMAND_WALKS, 0, 0, 0, kv_command_scan,
        "generic", "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        "Walks over the keys in steps: begins at cursor 0, goes on at the cursor that it returned, "
        "and ends where that is 0.", "2.8.0", .check = kv_check_scan},
    {"SELECT", 2, L | F, 0, 0, 0, select_command,
        "connection", "index",
        "Chooses the database, 0 to 15, for what this connection sends next.", "1.0.0"},
    {"SET", -3, W | M, 1, 1, 1, kv_command_set,
        "string", "key value [NX | XX] [GET] [KEEPTTL]",
        "Sets a value. NX: only of a new key. XX: only of one that is there. GET: returns the "
        "value before. KEEPTTL: accepted; no key has a time to live.", "1.0.0",
        .check = kv_check_set, .ignored_option = "KEEPTTL"},
    {"SETNX", 3, W | M | F, 1, 1, 1, kv_command_setnx,
        "string", "key value", "Sets a value where the key is not there.", "1.0.0"},
    {"SETRANGE", 4, W | M, 1, 1, 1, kv_command_setrange,
        "string", "key offset value", "Overwrites a part of a value and returns its length.",
        "2.2.0", .check = kv_check_setrange},
    {"STRLEN", 2, R | F, 1, 1, 1, kv_command_strlen,
        "string", "key", "Returns the length of a value.", "2.2.0"},
    {"STRLN", 2, R | F, 1, 1, 1, kv_command_strlen,
        "string", "key", "Returns the length of a value: the same as STRLEN.", "0.1.0"},
    {"SUBSTR", 4, R | H, 1, 1, 1, kv_command_getrange,
        "string", "key start end", "Returns a part of a value: the same as GETRANGE.", "1.0.0",
        .check = kv_check_getrange},
    {"SWAPDB", 3, W | F, 0, 0, 0, kv_command_swapdb,
        "server", "index1 index2", "Swaps all that is in two databases.", "4.0.0",
        .check = kv_check_swapdb},
    {"TIME", 1, L | F, 0, 0, 0, time_command,
        "server", "", "Shows this node's clock: seconds and microseconds.", "2.6.0"},
    {"TOUCH", -2, R | F, 1, -1, 1, kv_command_exists,
        "generic", "key [key ...]", "Counts the keys that are there.", "3.2.1"},
    {"TYPE", 2, R | F, 1, 1, 1, kv_command_type,
        "generic", "key", "Returns the type of a value.", "1.0.0"},
    {"UNLINK", -2, W | F, 1, -1, 1, kv_command_del,
        "generic", "key [key ...]", "Deletes keys: the same as DEL.", "4.0.0"},
    {"UNWATCH", 1, L | F | H, 0, 0, 0, watch_command,
        "transactions", "", "Refused: there are no transactions yet.", "2.2.0"},
    {"WAIT", 3, L, 0, 0, 0, wait_command,
        "generic", "numreplicas timeout",
        "Counts the nodes besides the leader that hold what was written.", "3.0.0"},
    {"WATCH", -2, L | F | H, 0, 0, 0, watch_command,
        "transactions", "key [key ...]", "Refused: there are no transactions yet.", "2.2.0"},
};
#pragma GCC diagnostic pop
/* clang-format on */

enum { COMMAND_COUNT = sizeof table / sizeof table[0] };
_Static_assert(COMMAND_COUNT < 256, "places[] holds rows in bytes");

/* The row of each name plus one, by its hash; 0: none. After a change of the table the
 * test command_table fails and prints what belongs here. */
static const uint8_t places[COMMAND_INDEX_SIZE] = {
    [6] = 1,    [11] = 34,  [14] = 44,  [18] = 14,  [19] = 20,  [20] = 16,  [21] = 22,  [22] = 25,
    [27] = 50,  [29] = 10,  [32] = 35,  [36] = 52,  [54] = 21,  [59] = 48,  [63] = 31,  [72] = 41,
    [77] = 46,  [81] = 26,  [83] = 15,  [88] = 29,  [89] = 4,   [97] = 8,   [98] = 23,  [99] = 42,
    [100] = 27, [102] = 40, [111] = 54, [115] = 33, [122] = 9,  [125] = 32, [128] = 47, [129] = 24,
    [130] = 39, [132] = 13, [133] = 53, [141] = 12, [142] = 2,  [158] = 49, [160] = 37, [163] = 7,
    [168] = 11, [185] = 17, [186] = 36, [190] = 38, [197] = 5,  [199] = 51, [206] = 18, [212] = 45,
    [239] = 55, [241] = 6,  [247] = 3,  [248] = 30, [250] = 28, [253] = 43, [255] = 19,
};

static inline unsigned upper(char letter)
{
    return (unsigned char)(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
}

uint32_t command_name_hash(struct slice name, uint32_t seed)
{
    uint32_t hash = seed;

    for (size_t i = 0; i < name.size; i++) {
        hash = hash * 0x01000193 + upper(name.data[i]);
    }
    hash *= 0x9e3779b1;
    return hash >> 24;
}

const struct command *command_find(struct slice name)
{
    if (name.size > NAME_BYTES_MAX) {
        return NULL;
    }
    uint32_t place = places[command_name_hash(name, COMMAND_HASH_SEED)];

    if (place == 0) {
        return NULL;
    }
    const struct command *command = &table[place - 1];

    for (size_t i = 0; i < name.size; i++) {
        /* Ends at the end of a shorter name too, unless `name` has a zero byte there. */
        if (upper(name.data[i]) != (unsigned char)command->name[i] || name.data[i] == '\0') {
            return NULL;
        }
    }
    return command->name[name.size] == '\0' ? command : NULL;
}

static bool fits_arity(int arity, uint32_t argument_count)
{
    return arity >= 0 ? argument_count == (uint32_t)arity : argument_count >= (uint32_t)-arity;
}

/* Of a family, each member has its own arity. */
static int arity_of(const struct command *command, uint32_t argument_count,
                    const struct slice *arguments)
{
    const struct subcommand *s = command->subcommands;

    for (; s != NULL && argument_count > 1 && s->name != NULL; s++) {
        if (slice_is(arguments[1], s->name)) {
            return s->arity;
        }
    }
    return command->arity;
}

bool command_judge(const struct command *command, uint32_t database, uint32_t argument_count,
                   const struct slice *arguments, struct resp_writer *reply)
{
    struct command_call call = {.command = command,
                                .argument_count = argument_count,
                                .arguments = arguments,
                                .reply = reply,
                                .database = database};

    if (database >= KEYSPACE_DATABASES && !MUTANT(any_database_taken)) {
        resp_error(reply, "ERR DB index is out of range");
        return false;
    }
    if (!fits_arity(command->arity, argument_count) ||
        !fits_arity(arity_of(command, argument_count, arguments), argument_count)) {
        resp_errorf(reply, "ERR wrong number of arguments for '%s' command", command->name);
        return false;
    }
    for (uint32_t i = 0; i < argument_count; i++) {
        if (arguments[i].size > KV_VALUE_BYTES_MAX) {
            resp_error(reply, "ERR a key or value is larger than 512 MB");
            return false;
        }
    }
    return command->check == NULL || command->check(&call);
}

uint32_t command_count(void)
{
    return COMMAND_COUNT;
}

const struct command *command_at(uint32_t i)
{
    return i < COMMAND_COUNT ? &table[i] : NULL;
}
