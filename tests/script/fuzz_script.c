/* fuzz_script.c - fuzz target: any script, also as a library of functions. It replies once,
 * whatever it tries, and does the same again in another keyspace after another script. */
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

static void execute(struct keyspace *k, struct outcome *outcome, int version, uint32_t count,
                    const struct slice *arguments)
{
    struct resp_writer writer = {&outcome->reply, version};
    size_t before = buffer_size(&outcome->reply);
    struct command_call call = {.command = command_find(commands(), arguments[0]),
                                .argument_count = count,
                                .arguments = arguments,
                                .reply = &writer,
                                .kv = keyspace_database(k, 0),
                                .keyspace = k,
                                .commands = commands(),
                                .level = 1};

    call.command->handler(&call);
    outcome->work += call.work;
    CHECK(buffer_size(&outcome->reply) >= before + 3);
}

/* The input as a script, as a library with a function, and as what FUNCTION DUMP has returned. */
static struct outcome run(struct slice input, int version)
{
    static const char head[] = "#!lua name=fuzzed\nredis.register_function('f', function(k, a) "
                               "return redis.call('APPEND', k[1], a[1]) end)\n";
    const struct slice eval[] = {slice_str("EVAL"), input, slice_str("1"), slice_str("key"),
                                 slice_str("value")};
    const struct slice call[] = {slice_str("FCALL"), slice_str("f"), slice_str("1"),
                                 slice_str("key"), slice_str("value")};
    const struct slice restore[] = {slice_str("FUNCTION"), slice_str("RESTORE"), input};
    struct keyspace *k = keyspace_new(1);
    struct outcome outcome = {.digest = 0};
    struct buffer library = {0};

    buffer_append(&library, head, sizeof head - 1);
    buffer_append_slice(&library, input);

    const struct slice load[] = {slice_str("FUNCTION"), slice_str("LOAD"), buffer_slice(&library)};

    execute(k, &outcome, version, 5, eval);
    execute(k, &outcome, version, 3, load);
    execute(k, &outcome, version, 5, call);
    execute(k, &outcome, version, 3, restore);
    outcome.digest = keyspace_digest(k);
    CHECK(outcome.digest == keyspace_digest_recomputed(k));
    buffer_deinit(&library);
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
