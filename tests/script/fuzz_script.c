/* fuzz_script.c - fuzz target: any script. It replies once, whatever it tries, and does the same
 * again in another keyspace after another script. */
#include "base/check.h"
#include "command/table.h"
#include "fuzz_input.h"
#include "kv/commands.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "script/commands.h"
#include "script/function_commands.h"

struct outcome {
    struct buffer reply;
    uint64_t digest;
    uint64_t work;
};

static const struct command_table *commands(void)
{
    static struct command_table table;

    if (table.count == 0) {
        for (size_t i = 0; kv_command_tables[i] != NULL; i++) {
            command_table_add(&table, kv_command_tables[i]);
        }
        command_table_add(&table, script_commands);
        command_table_add(&table, function_commands);
    }
    return &table;
}

static struct outcome run(struct slice script, int version)
{
    const struct slice arguments[] = {slice_str("EVAL"), script, slice_str("1"), slice_str("key"),
                                      slice_str("value")};
    struct keyspace *k = keyspace_new(1);
    struct outcome outcome = {.digest = 0};
    struct resp_writer writer = {&outcome.reply, version};
    struct command_call call = {.command = command_find(commands(), arguments[0]),
                                .argument_count = 5,
                                .arguments = arguments,
                                .reply = &writer,
                                .kv = keyspace_database(k, 0),
                                .keyspace = k,
                                .commands = commands(),
                                .level = 1};

    call.command->handler(&call);
    outcome.digest = keyspace_digest(k);
    outcome.work = call.work;
    CHECK(outcome.digest == keyspace_digest_recomputed(k));
    CHECK(buffer_size(&outcome.reply) >= 3);
    keyspace_free(k);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice script = slice_of(data, size);
    int version = size % 2 == 0 ? 2 : 3;
    struct outcome first = run(script, version);
    struct outcome other = run(slice_str("local t = {{}} return math.random()"), version);
    struct outcome again = run(script, version);

    CHECK(slice_equal(buffer_slice(&first.reply), buffer_slice(&again.reply)));
    CHECK(first.digest == again.digest);
    CHECK(first.work == again.work);
    buffer_deinit(&first.reply);
    buffer_deinit(&other.reply);
    buffer_deinit(&again.reply);
    return 0;
}
