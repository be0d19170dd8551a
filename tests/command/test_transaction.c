/* Transactions where they are executed: all or nothing, compared with what was watched; and what
 * no node has made is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "command/describe.h"
#include "command/table.h"
#include "command/transaction.h"
#include "kv/codec.h"
#include "kv/commands.h"
#include "kv/keyspace.h"

enum { ARGUMENTS_MAX = 8 };

struct world {
    struct command_table table;
    struct keyspace *keyspace;
    struct buffer head;
    struct buffer payloads[ARGUMENTS_MAX];
    uint32_t count; /* Of commands. */
};

static void begin(struct world *w)
{
    *w = (struct world){.keyspace = keyspace_new(1)};
    for (size_t i = 0; kv_command_tables[i] != NULL; i++) {
        command_table_add(&w->table, kv_command_tables[i]);
    }
    command_table_add(&w->table, transaction_commands);
}

static void make(struct world *w, enum transaction_mode mode)
{
    char byte = (char)mode;

    buffer_clear(&w->head);
    buffer_append(&w->head, &byte, 1);
    w->count = 0;
}

static void end(struct world *w)
{
    buffer_deinit(&w->head);
    for (uint32_t i = 0; i < ARGUMENTS_MAX; i++) {
        buffer_deinit(&w->payloads[i]);
    }
    keyspace_free(w->keyspace);
}

static void add(struct world *w, uint8_t database, uint32_t count, const char *const *words)
{
    struct buffer *to = &w->payloads[w->count++];
    struct slice arguments[ARGUMENTS_MAX];
    struct command_head head = {.argument_count = count, .database = database};

    for (uint32_t i = 0; i < count; i++) {
        arguments[i] = slice_str(words[i]);
    }
    buffer_clear(to);
    command_payload_write(buffer_reserve(to, command_payload_size(&head, arguments)), &head,
                          arguments);
    buffer_commit(to, command_payload_size(&head, arguments));
}

#define ADD(w, database, ...)                                                                      \
    add(w, database, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                       \
        (const char *[]){__VA_ARGS__})

static void watch(struct world *w, uint32_t database, const char *key)
{
    struct watched watched = {.database = database, .key = slice_str(key)};

    watched.version = kv_version(keyspace_database(w->keyspace, database), watched.key);
    watched_append(&w->head, &watched);
}

static struct command_call call_of(struct world *w, const struct command *command,
                                   struct slice *arguments, struct resp_writer *reply)
{
    arguments[0] = slice_str(command->name);
    arguments[1] = buffer_slice(&w->head);
    for (uint32_t i = 0; i < w->count; i++) {
        arguments[2 + i] = buffer_slice(&w->payloads[i]);
    }
    return (struct command_call){.command = command,
                                 .argument_count = 2 + w->count,
                                 .arguments = arguments,
                                 .reply = reply,
                                 .keyspace = w->keyspace,
                                 .kv = keyspace_database(w->keyspace, 0),
                                 .commands = &w->table,
                                 .level = 1};
}

static void expect(struct world *w, const struct command *command, const char *reply)
{
    struct buffer out = {0};
    struct resp_writer writer = {&out, 2};
    struct slice arguments[2 + ARGUMENTS_MAX];
    struct command_call call = call_of(w, command, arguments, &writer);

    if (command_judge(command, 0, call.argument_count, arguments, &writer)) {
        command->handler(&call);
    }
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    buffer_deinit(&out);
}

static void expect_misfit(struct world *w, const struct command *command)
{
    struct buffer out = {0};
    struct resp_writer writer = {&out, 2};
    struct slice arguments[2 + ARGUMENTS_MAX];
    struct command_call call = call_of(w, command, arguments, &writer);

    assert_false(command_judge(command, 0, call.argument_count, arguments, &writer));
    assert_int_equal(buffer_begin(&out)[0], '-');
    buffer_deinit(&out);
}

static void expect_stored(struct world *w, uint32_t database, const char *key, const char *value)
{
    struct slice found;
    bool exists = kv_get(keyspace_database(w->keyspace, database), slice_str(key), &found);

    assert_int_equal(exists, value != NULL);
    assert_true(value == NULL || slice_equal(found, slice_str(value)));
}

static void test_transaction__executes_all_in_their_databases(void **state)
{
    const struct command *writes = transaction_command(false, true);
    struct world w;

    (void)state;
    begin(&w);
    make(&w, TRANSACTION_IF_UNCHANGED);
    ADD(&w, 0, "SET", "a", "x");
    ADD(&w, 3, "INCR", "a");
    ADD(&w, 0, "INCR", "a");
    ADD(&w, 3, "MGET", "a", "b");
    ADD(&w, 0, "APPEND", "a", "y");
    expect(&w, writes,
           "*5\r\n+OK\r\n:1\r\n-ERR value is not an integer or out of range\r\n"
           "*2\r\n$1\r\n1\r\n$-1\r\n:2\r\n");
    expect_stored(&w, 0, "a", "xy");
    expect_stored(&w, 3, "a", "1");
    make(&w, TRANSACTION_IF_UNCHANGED);
    expect(&w, writes, "*0\r\n");
    end(&w);
}

static void test_transaction__has_errors_of_what_can_not_be_within_it(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    make(&w, TRANSACTION_IF_UNCHANGED);
    ADD(&w, 0, "TRANSACTION", "\x01");
    ADD(&w, 16, "SET", "a", "1");
    ADD(&w, 0, "SET", "a");
    ADD(&w, 0, "SET", "a", "2");
    expect(&w, transaction_command(false, true),
           "*4\r\n-ERR This Redis command is not allowed from script\r\n"
           "-ERR DB index is out of range\r\n"
           "-ERR wrong number of arguments for 'set' command\r\n+OK\r\n");
    make(&w, TRANSACTION_IF_UNCHANGED);
    ADD(&w, 0, "SET", "a", "3");
    ADD(&w, 0, "GET", "a");
    expect(&w, transaction_command(true, false),
           "*2\r\n-ERR Write commands are not allowed from read-only scripts.\r\n$1\r\n2\r\n");
    end(&w);
}

static void test_transaction__executes_nothing_if_a_watched_key_has_changed(void **state)
{
    const struct command *writes = transaction_command(false, true);
    struct kv *other;
    struct world w;

    (void)state;
    begin(&w);
    other = keyspace_database(w.keyspace, 2);
    kv_set(other, slice_str("here"), slice_str("1"));
    make(&w, TRANSACTION_IF_UNCHANGED);
    watch(&w, 2, "here");
    watch(&w, 2, "missing");
    ADD(&w, 0, "INCR", "n");
    expect(&w, writes, "*1\r\n:1\r\n");
    kv_set(other, slice_str("here"), slice_str("2")); /* Of the same size. */
    expect(&w, writes, "*-1\r\n");
    kv_set(other, slice_str("here"), slice_str("1"));
    expect(&w, writes, "*1\r\n:2\r\n");
    assert_true(kv_set_expiry(other, slice_str("here"), 1000));
    expect(&w, writes, "*-1\r\n");
    assert_true(kv_set_expiry(other, slice_str("here"), 0));
    kv_set(other, slice_str("missing"), slice_str(""));
    expect(&w, writes, "*-1\r\n");
    kv_delete(other, slice_str("missing"));
    keyspace_swap(w.keyspace, 2, 3);
    expect(&w, writes, "*-1\r\n");
    expect_stored(&w, 0, "n", "2");
    end(&w);
}

static void test_transaction__knows_that_a_watched_key_has_expired(void **state)
{
    struct world w;
    struct kv *kv;

    (void)state;
    begin(&w);
    kv = keyspace_database(w.keyspace, 0);
    kv_put(kv, slice_str("a"), (struct traits){.expires_ms = 10}, slice_str("1"));
    make(&w, TRANSACTION_IF_UNCHANGED);
    watch(&w, 0, "a");
    ADD(&w, 0, "INCR", "n");
    keyspace_advance_time(w.keyspace, 11000);
    expect(&w, transaction_command(false, true), "*-1\r\n");
    make(&w, TRANSACTION_IF_UNCHANGED);
    watch(&w, 0, "a"); /* It does not exist now. */
    ADD(&w, 0, "INCR", "n");
    kv_delete(kv, slice_str("a"));
    expect(&w, transaction_command(false, true), "*1\r\n:1\r\n");
    end(&w);
}

static void test_transaction__compares_and_replies_versions(void **state)
{
    const struct command *reads = transaction_command(true, false);
    struct buffer out = {0};
    struct resp_writer writer = {&out, 2};
    struct slice arguments[2 + ARGUMENTS_MAX];
    struct command_call call;
    struct kv_version version;
    struct slice rest;
    struct world w;

    (void)state;
    begin(&w);
    kv_set(keyspace_database(w.keyspace, 0), slice_str("a"), slice_str("1"));
    make(&w, TRANSACTION_AND_COMPARE);
    watch(&w, 0, "a");
    ADD(&w, 0, "GET", "a");
    expect(&w, reads, "$1\r\n1\r\n=");
    make(&w, TRANSACTION_AND_COMPARE);
    watch(&w, 0, "a");
    ADD(&w, 0, "INCR", "a");
    expect(&w, transaction_command(false, true), ":2\r\n!");
    make(&w, TRANSACTION_VERSIONS);
    watch(&w, 0, "a");
    call = call_of(&w, reads, arguments, &writer);
    reads->handler(&call);
    rest = slice_of(buffer_begin(&out) + 5, buffer_size(&out) - 5);
    assert_memory_equal(buffer_begin(&out), "$12\r\n", 5);
    assert_true(watched_take_version(&rest, &version));
    assert_true(kv_has_version(call.kv, slice_str("a"), version));
    assert_int_equal(version.value_bytes, 1);
    buffer_deinit(&out);
    end(&w);
}

static void test_transaction__refuses_what_no_node_has_made(void **state)
{
    const struct command *writes = transaction_command(false, true);
    struct world w;

    (void)state;
    begin(&w);
    make(&w, (enum transaction_mode)0);
    expect_misfit(&w, writes);
    make(&w, (enum transaction_mode)9);
    expect_misfit(&w, writes);
    make(&w, TRANSACTION_VERSIONS);
    expect_misfit(&w, writes); /* Only reads reply versions. */
    make(&w, TRANSACTION_AND_COMPARE);
    expect_misfit(&w, writes); /* Of no command. */
    make(&w, TRANSACTION_IF_UNCHANGED);
    buffer_append(&w.head, "\x10\x01k", 3); /* Database 16. */
    buffer_append(&w.head, "0123456789ab", TRANSACTION_VERSION_BYTES);
    expect_misfit(&w, writes);
    for (size_t cut = 1; cut < 15; cut++) {
        make(&w, TRANSACTION_IF_UNCHANGED);
        watch(&w, 0, "a");
        w.head.end -= cut;
        if (buffer_size(&w.head) > 1) {
            expect_misfit(&w, writes);
        }
    }
    make(&w, TRANSACTION_IF_UNCHANGED);
    for (int i = 0; i <= TRANSACTION_WATCHED_MAX; i++) {
        watch(&w, 0, "a");
    }
    expect_misfit(&w, writes);
    make(&w, TRANSACTION_IF_UNCHANGED);
    watched_append(&w.head, &(struct watched){.key = slice_str("a"),
                                              .version = {1, TRANSACTION_WATCHED_BYTES_MAX + 1}});
    expect_misfit(&w, writes);
    buffer_clear(&w.head);
    expect_misfit(&w, writes);
    end(&w);
}

static void test_transaction__refuses_commands_that_are_cut_or_too_long(void **state)
{
    const struct command *writes = transaction_command(false, true);
    struct world w;

    (void)state;
    begin(&w);
    make(&w, TRANSACTION_IF_UNCHANGED);
    ADD(&w, 0, "SET", "a", "1");
    ADD(&w, 0, "SET", "b", "1");
    while (buffer_size(&w.payloads[1]) > 0) {
        w.payloads[1].end--;
        expect_misfit(&w, writes);
    }
    buffer_clear(&w.payloads[1]);
    buffer_append_slice(&w.payloads[1], buffer_slice(&w.payloads[0]));
    buffer_append(&w.payloads[1], "", 1);
    expect_misfit(&w, writes);
    expect_stored(&w, 0, "a", NULL);
    end(&w);
}

static void test_transaction__grows_as_its_commands_do(void **state)
{
    const struct command *writes = transaction_command(false, true);
    struct slice arguments[2 + ARGUMENTS_MAX];
    struct command_call call;
    struct world w;

    (void)state;
    begin(&w);
    make(&w, TRANSACTION_IF_UNCHANGED);
    ADD(&w, 0, "SETRANGE", "a", "1000000", "x");
    ADD(&w, 0, "SETRANGE", "b", "2000000", "x");
    ADD(&w, 0, "SETRANGE", "b", "wrong", "x");
    call = call_of(&w, writes, arguments, NULL);
    assert_true(writes->growth(&call, 0) > 3000000);
    assert_true(writes->growth(&call, 0) < 12000000);
    end(&w);
}

static void test_transaction__is_shown_with_its_commands(void **state)
{
    struct slice arguments[2 + ARGUMENTS_MAX];
    struct buffer payload = {0};
    struct buffer text = {0};
    struct command_head head = {.argument_count = 4};
    struct world w;

    (void)state;
    begin(&w);
    make(&w, TRANSACTION_IF_UNCHANGED);
    watch(&w, 0, "a");
    ADD(&w, 0, "SET", "a", "1");
    ADD(&w, 3, "INCR", "n n");
    (void)call_of(&w, transaction_command(false, true), arguments, NULL);
    command_payload_write(buffer_reserve(&payload, command_payload_size(&head, arguments)), &head,
                          arguments);
    buffer_commit(&payload, command_payload_size(&head, arguments));
    command_describe(&text, buffer_slice(&payload), 8, 32);
    buffer_append(&text, "", 1);
    assert_string_equal(buffer_begin(&text), "TRANSACTION watching 1 (SET a 1) ([3] INCR \"n n\")");
    buffer_deinit(&text);
    buffer_deinit(&payload);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transaction__executes_all_in_their_databases),
        cmocka_unit_test(test_transaction__has_errors_of_what_can_not_be_within_it),
        cmocka_unit_test(test_transaction__executes_nothing_if_a_watched_key_has_changed),
        cmocka_unit_test(test_transaction__knows_that_a_watched_key_has_expired),
        cmocka_unit_test(test_transaction__compares_and_replies_versions),
        cmocka_unit_test(test_transaction__refuses_what_no_node_has_made),
        cmocka_unit_test(test_transaction__refuses_commands_that_are_cut_or_too_long),
        cmocka_unit_test(test_transaction__grows_as_its_commands_do),
        cmocka_unit_test(test_transaction__is_shown_with_its_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
