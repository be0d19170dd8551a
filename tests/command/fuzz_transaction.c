/* fuzz_transaction.c - fuzz target: what a faulty peer may put into the log as a transaction. What
 * is accepted is executed, with one reply, whatever it holds; the rest has no effect. The input:
 * a byte that chooses the command, the size of the part with the watched keys, that part, and
 * then a payload after the other, each behind its size. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "command/table.h"
#include "command/transaction.h"
#include "fuzz_input.h"
#include "kv/commands.h"
#include "kv/keyspace.h"

enum { ARGUMENTS_MAX = 16 };

static struct slice take(struct slice *rest)
{
    size_t size = rest->size == 0 ? 0 : (unsigned char)rest->data[0];
    struct slice taken;

    if (rest->size == 0) {
        return *rest;
    }
    *rest = slice_of(rest->data + 1, rest->size - 1);
    size = size < rest->size ? size : rest->size;
    taken = slice_of(rest->data, size);
    *rest = slice_of(rest->data + size, rest->size - size);
    return taken;
}

static void run(struct command_call *call)
{
    uint64_t digest = keyspace_digest(call->keyspace);
    struct buffer *out = call->reply->out;

    if (!command_judge(call->command, 0, call->argument_count, call->arguments, call->reply)) {
        CHECK(keyspace_digest(call->keyspace) == digest);
        return;
    }
    if (call->command->growth != NULL) {
        (void)call->command->growth(call, 0);
    }
    call->command->handler(call);

    size_t size = resp_reply_size(buffer_slice(out));

    CHECK(size > 0);
    CHECK(size == buffer_size(out) || size + 1 == buffer_size(out)); /* The mark of a comparison. */
    CHECK(keyspace_digest(call->keyspace) == keyspace_digest_recomputed(call->keyspace));
    CHECK((call->command->flags & COMMAND_READ) == 0 || keyspace_digest(call->keyspace) == digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct command_table table;
    struct slice rest = slice_of(data, size);
    struct slice arguments[ARGUMENTS_MAX];
    struct buffer out = {0};
    struct resp_writer writer = {&out, 3};
    struct command_call call = {.arguments = arguments, .reply = &writer, .commands = &table};

    if (table.count == 0) {
        for (size_t i = 0; kv_command_tables[i] != NULL; i++) {
            command_table_add(&table, kv_command_tables[i]);
        }
        command_table_add(&table, transaction_commands);
    }
    if (size == 0) {
        return 0;
    }
    call.command = transaction_command((data[0] & 1) != 0, (data[0] & 2) != 0);
    call.keyspace = keyspace_new(1);
    call.kv = keyspace_database(call.keyspace, 0);
    call.level = 1;
    arguments[call.argument_count++] = slice_str(call.command->name);
    rest = slice_of(data + 1, size - 1);
    do {
        arguments[call.argument_count++] = take(&rest);
    } while (rest.size > 0 && call.argument_count < ARGUMENTS_MAX);
    run(&call);
    keyspace_free(call.keyspace);
    buffer_deinit(&out);
    return 0;
}
