/* Commands within others: which ones may be, and what becomes of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "command/execute.h"
#include "command/table.h"
#include "kv/commands.h"
#include "kv/event.h"
#include "kv/keyspace.h"

static void never(struct command_call *call)
{
    (void)call;
    fail();
}

static void reply_index(struct command_call *call)
{
    resp_integer(call->reply, (int64_t)call->index);
}

static const struct command others[] = {
    {.name = "LOCALLY", .arity = 1, .flags = COMMAND_LOCAL, .handler = never},
    {.name = "OUTER", .arity = 1, .flags = COMMAND_WRITE | COMMAND_OUTERMOST, .handler = never},
    {.name = "BOTH", .arity = 1, .flags = COMMAND_LOCAL, .handler = never, .inner = reply_index},
    {.name = "VARIES", .arity = 1, .flags = COMMAND_READ | COMMAND_VARIES, .handler = reply_index},
    {.name = "NEWER", .arity = 1, .flags = COMMAND_WRITE, .handler = never, .since_level = 9},
    {.name = NULL},
};

struct outer {
    struct command_table table;
    struct keyspace *keyspace;
    struct command_call call;
};

static void begin(struct outer *o)
{
    *o = (struct outer){.keyspace = keyspace_new(1)};
    for (size_t i = 0; kv_command_tables[i] != NULL; i++) {
        command_table_add(&o->table, kv_command_tables[i]);
    }
    command_table_add(&o->table, others);
    o->call = (struct command_call){.keyspace = o->keyspace,
                                    .kv = keyspace_database(o->keyspace, 0),
                                    .commands = &o->table,
                                    .level = 1};
}

static void expect(struct outer *o, uint32_t database, bool only_reads, uint32_t count,
                   const char *const *words, const char *reply)
{
    struct buffer out = {0};
    struct resp_writer writer = {&out, 2};
    struct slice arguments[4];
    struct command_inner inner = {database, count, arguments, only_reads, false};

    for (uint32_t i = 0; i < count; i++) {
        arguments[i] = slice_str(words[i]);
    }

    bool has_run = command_execute_inner(&o->call, &inner, &writer);

    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    if (!has_run) {
        assert_int_equal(reply[0], '-');
    }
    buffer_deinit(&out);
}

static void test_inner__works_in_its_database(void **state)
{
    struct outer o;

    (void)state;
    begin(&o);
    expect(&o, 3, false, 3, (const char *[]){"set", "k", "v"}, "+OK\r\n");
    expect(&o, 3, true, 2, (const char *[]){"get", "k"}, "$1\r\nv\r\n");
    expect(&o, 0, true, 2, (const char *[]){"get", "k"}, "$-1\r\n");
    keyspace_free(o.keyspace);
}

static uint64_t count_three(void *context, const struct channel_message *message)
{
    return 3;
}

/* Nodes have different subscribers, and a script may act upon the reply. */
static void test_inner__publish_replies_the_same_on_all_nodes(void **state)
{
    struct keyspace_observer observer = {.published = count_three};
    struct outer o;

    (void)state;
    begin(&o);
    keyspace_observe(o.keyspace, &observer);
    expect(&o, 0, false, 3, (const char *[]){"publish", "c", "m"}, ":0\r\n");
    expect(&o, 0, false, 3, (const char *[]){"spublish", "c", "m"}, ":0\r\n");
    keyspace_free(o.keyspace);
}

static void test_inner__is_judged_before_it_is_executed(void **state)
{
    static const char not_allowed[] = "-ERR This Redis command is not allowed from script\r\n";
    struct outer o;

    (void)state;
    begin(&o);
    expect(&o, 0, false, 1, (const char *[]){"nonsense"},
           "-ERR Unknown Redis command called from script\r\n");
    expect(&o, 0, false, 1, (const char *[]){"locally"}, not_allowed);
    expect(&o, 0, false, 1, (const char *[]){"outer"}, not_allowed);
    expect(&o, 0, false, 1, (const char *[]){"get"},
           "-ERR wrong number of arguments for 'get' command\r\n");
    expect(&o, 16, false, 2, (const char *[]){"get", "k"}, "-ERR DB index is out of range\r\n");
    expect(&o, 0, true, 3, (const char *[]){"set", "k", "v"},
           "-ERR Write commands are not allowed from read-only scripts.\r\n");
    expect(&o, 0, false, 1, (const char *[]){"newer"},
           "-ERR 'NEWER' needs feature level 9, and the cluster has 1: upgrade all nodes\r\n");
    o.call.index = 42;
    expect(&o, 0, true, 1, (const char *[]){"both"}, ":42\r\n");
    expect(&o, 0, true, 2, (const char *[]){"get", "k"}, "$-1\r\n"); /* Nothing was written. */
    keyspace_free(o.keyspace);
}

static bool admits_reads(struct command_guard *guard, bool in_script, const struct command *command,
                         uint32_t argument_count, const struct slice *arguments,
                         struct resp_writer *reply)
{
    if ((command->flags & COMMAND_READ) != 0) {
        return true;
    }
    resp_error(reply, "NOPERM");
    return false;
}

static void test_inner__must_be_admitted(void **state)
{
    struct command_guard guard = {.admits = admits_reads};
    struct outer o;

    (void)state;
    begin(&o);
    o.call.guard = &guard;
    expect(&o, 0, false, 3, (const char *[]){"set", "k", "v"}, "-NOPERM\r\n");
    expect(&o, 0, false, 2, (const char *[]){"get", "k"}, "$-1\r\n");
    keyspace_free(o.keyspace);
}

/* By ONCE, the reply of the outer command becomes part of the state. */
static void test_inner__that_varies_is_refused_where_its_reply_is_kept(void **state)
{
    struct outer o;

    (void)state;
    begin(&o);
    o.call.index = 7;
    expect(&o, 0, true, 1, (const char *[]){"varies"}, ":7\r\n");
    o.call.is_kept = true;
    expect(&o, 0, true, 1, (const char *[]){"varies"},
           "-ERR This Redis command is not allowed from script\r\n");
    keyspace_free(o.keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner__works_in_its_database),
        cmocka_unit_test(test_inner__publish_replies_the_same_on_all_nodes),
        cmocka_unit_test(test_inner__is_judged_before_it_is_executed),
        cmocka_unit_test(test_inner__must_be_admitted),
        cmocka_unit_test(test_inner__that_varies_is_refused_where_its_reply_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
