/* rows.c - the data commands, as the table of all commands has them. */
#include <stddef.h>

#include "kv/commands.h"

#define W COMMAND_WRITE
#define R COMMAND_READ
#define F COMMAND_FAST
#define M COMMAND_DENY_OOM
#define H COMMAND_HIDDEN

/* clang-format off */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* Most have neither. */
const struct command kv_commands[] = {
    /* name, arity, flags, first key, last key, step, handler,
     *     group, arguments, summary, since; check, ignored option */
    {"APPEND", 3, W | M | F, 1, 1, 1, kv_command_append,
        "string", "key value", "Appends to a value and returns its new length.", "2.0.0"},
    {"DBSIZE", 1, R | F, 0, 0, 0, kv_command_dbsize,
        "server", "", "Counts the keys of this database.", "1.0.0"},
    {"DECR", 2, W | M | F, 1, 1, 1, kv_command_decr,
        "string", "key", "Decrements a number by one.", "1.0.0"},
    {"DECRBY", 3, W | M | F, 1, 1, 1, kv_command_decrby,
        "string", "key decrement", "Decrements a number.", "1.0.0",
        .check = kv_check_decrby},
    {"DEL", -2, W, 1, -1, 1, kv_command_del,
        "generic", "key [key ...]", "Deletes keys and counts those that were there.", "1.0.0"},
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
    {"INCR", 2, W | M | F, 1, 1, 1, kv_command_incr,
        "string", "key", "Adds one to a number.", "1.0.0"},
    {"INCRBY", 3, W | M | F, 1, 1, 1, kv_command_incrby,
        "string", "key increment", "Adds something to a number.", "1.0.0",
        .check = kv_check_incrby},
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
    {"RANDOMKEY", 1, R, 0, 0, 0, kv_command_randomkey,
        "generic", "", "Returns some key.", "1.0.0"},
    {"SCAN", -2, R | COMMAND_WALKS, 0, 0, 0, kv_command_scan,
        "generic", "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        "Walks over the keys in steps: begins at cursor 0, goes on at the cursor that it returned, "
        "and ends where that is 0.", "2.8.0", .check = kv_check_scan},
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
    {"TOUCH", -2, R | F, 1, -1, 1, kv_command_exists,
        "generic", "key [key ...]", "Counts the keys that are there.", "3.2.1"},
    {"TYPE", 2, R | F, 1, 1, 1, kv_command_type,
        "generic", "key", "Returns the type of a value.", "1.0.0"},
    {"UNLINK", -2, W | F, 1, -1, 1, kv_command_del,
        "generic", "key [key ...]", "Deletes keys: the same as DEL.", "4.0.0"},
    {.name = NULL},
};
#pragma GCC diagnostic pop
/* clang-format on */
