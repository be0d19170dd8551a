/* databases.c - commands about several databases: MOVE, SWAPDB. */
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/kv_private.h"
#include "resp/decimal.h"
#include "resp/errors.h"

static bool is_number(struct slice text)
{
    int64_t number = 0;

    return decimal_read(text, &number) && number >= INT32_MIN && number <= INT32_MAX;
}

/* The error texts are Redis's, which reads the number of a database as an `int`. */
bool kv_read_database(struct command_call *call, uint32_t index, uint32_t *ret_database)
{
    int64_t number = 0;

    if (!call_read_integer(call, index, &number)) {
        return false;
    }
    if (!is_number(call->arguments[index])) {
        resp_error(call->reply, ERROR_NOT_AN_INT);
        return false;
    }
    if (number < 0 || number >= KEYSPACE_DATABASES) {
        resp_error(call->reply, ERROR_NO_DATABASE);
        return false;
    }
    *ret_database = (uint32_t)number;
    return true;
}

static bool read_move(struct command_call *call, uint32_t *ret_to)
{
    if (!kv_read_database(call, 2, ret_to)) {
        return false;
    }
    if (*ret_to == call->database) {
        resp_error(call->reply, ERROR_SAME_OBJECT);
        return false;
    }
    return true;
}

static bool check_move(struct command_call *call)
{
    uint32_t to;

    return read_move(call, &to);
}

static void move_command(struct command_call *call)
{
    uint32_t to;

    if (read_move(call, &to)) {
        struct kv *other = keyspace_database(call->keyspace, to);

        bool is_moved = kv_move(call->kv, other, call->arguments[1]);

        if (is_moved) {
            call_changed(call, EVENT_GENERIC, "move_from", call->arguments[1]);
            keyspace_report(call->keyspace, to, EVENT_GENERIC, "move_to", call->arguments[1]);
        }
        resp_integer(call->reply, is_moved ? 1 : 0);
    }
}

static bool read_swap(struct command_call *call, uint32_t *ret_a, uint32_t *ret_b)
{
    if (!is_number(call->arguments[1])) {
        resp_error(call->reply, ERROR_FIRST_DATABASE);
        return false;
    }
    if (!is_number(call->arguments[2])) {
        resp_error(call->reply, ERROR_SECOND_DATABASE);
        return false;
    }
    return kv_read_database(call, 1, ret_a) && kv_read_database(call, 2, ret_b);
}

static bool check_swapdb(struct command_call *call)
{
    uint32_t a;
    uint32_t b;

    return read_swap(call, &a, &b);
}

static void swapdb_command(struct command_call *call)
{
    uint32_t a;
    uint32_t b;

    if (read_swap(call, &a, &b)) {
        keyspace_swap(call->keyspace, a, b);
        call_replaced(call, a);
        call_replaced(call, b);
        resp_ok(call->reply);
    }
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command databases_commands[] = {
    {.name = "MOVE", .arity = 3, .flags = COMMAND_WRITE | COMMAND_FAST, COMMAND_ONE_KEY,
     .handler = move_command, .check = check_move, .group = "generic",
     .arguments = "key db", .integers = "db", .since = "1.0.0",
     .summary = "Moves a key to another database, unless it exists there."},
    {.name = "SWAPDB", .arity = 3, .flags = COMMAND_WRITE | COMMAND_FAST,
     .handler = swapdb_command, .check = check_swapdb, .group = "server",
     .arguments = "index1 index2", .integers = "index1 index2", .since = "4.0.0",
     .summary = "Swaps the contents of two databases."},
    {.name = NULL},
};
/* clang-format on */
