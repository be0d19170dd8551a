/* eval_figure.c - what a script costs where it is applied, without the log and the network:
 * processor time of one thread.
 *
 *   eval-figure [COUNT]     (default: 200000) */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "command/table.h"
#include "kv/commands.h"
#include "kv/keyspace.h"
#include "script/commands.h"
#include "script/function_commands.h"

struct figure {
    struct command_table table;
    struct keyspace *keyspace;
    struct buffer out;
};

static uint64_t cpu_ns(void)
{
    struct timespec at;

    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at) == 0);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void execute(struct figure *f, uint32_t count, const struct slice *arguments)
{
    struct resp_writer reply = {&f->out, 2};
    struct command_call call = {.command = command_find(&f->table, arguments[0]),
                                .argument_count = count,
                                .arguments = arguments,
                                .reply = &reply,
                                .kv = keyspace_database(f->keyspace, 0),
                                .keyspace = f->keyspace,
                                .commands = &f->table,
                                .level = 1};

    buffer_clear(&f->out);
    CHECK(call.command != NULL);
    call.command->handler(&call);
    CHECK(buffer_size(&f->out) > 0 && *buffer_begin(&f->out) != '-');
}

static void measure(struct figure *f, const char *title, const char *words[5], uint64_t count)
{
    struct slice arguments[5];
    uint64_t before;

    for (uint32_t i = 0; i < 5; i++) {
        arguments[i] = slice_str(words[i]);
    }
    execute(f, 5, arguments);
    before = cpu_ns();
    for (uint64_t i = 0; i < count; i++) {
        execute(f, 5, arguments);
    }
    printf("%-28s %6.2f us\n", title, (double)(cpu_ns() - before) / (double)count / 1000);
}

int main(int argc, char **argv)
{
    static const char library[] =
        "#!lua name=lib\nredis.register_function('set', function(keys, args) return "
        "redis.call('SET', keys[1], args[1]) end)";
    const struct slice load[] = {slice_str("FUNCTION"), slice_str("LOAD"), slice_str(library)};
    static struct figure f;
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;

    f.keyspace = keyspace_new(1);
    for (size_t i = 0; kv_command_tables[i] != NULL; i++) {
        command_table_add(&f.table, kv_command_tables[i]);
    }
    command_table_add(&f.table, script_commands);
    command_table_add(&f.table, function_commands);
    execute(&f, 3, load);
    measure(&f, "SET, with an expiry", (const char *[]){"SET", "k", "value", "EX", "100"}, count);
    measure(
        &f, "EVAL, one SET",
        (const char *[]){"EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", "k", "value"},
        count);
    measure(&f, "EVAL, no command", (const char *[]){"EVAL", "return 1", "1", "k", "value"}, count);
    measure(&f, "FCALL, one SET", (const char *[]){"FCALL", "set", "1", "k", "value"}, count);
    keyspace_free(f.keyspace);
    buffer_deinit(&f.out);
    return 0;
}
