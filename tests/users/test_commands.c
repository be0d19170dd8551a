/* Users as replicated state: what entries of the log make of them, and what nodes note of that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "command/describe.h"
#include "kv/codec.h"
#include "kv/keyspace.h"
#include "table.h"
#include "users/commands.h"

#define HASH_OF_P1 "f64551fcd6f07823cb87971cfb91446425da18286b3ab1ef935e0cbd7a69f68a"

struct state {
    struct keyspace *keyspace;
    uint64_t index;
    struct buffer reply;
};

static bool check(struct state *s, const char *line)
{
    struct slice words[WORDS_MAX];
    struct resp_writer w = {.out = &s->reply, .version = 2};
    struct command_call call = {
        .argument_count = table_split(line, words), .arguments = words, .reply = &w};

    buffer_clear(&s->reply);
    call.command = command_find(table(), words[0]);
    return call.command->check(&call);
}

static void run(struct state *s, const char *line, const char *reply)
{
    struct slice words[WORDS_MAX];
    struct resp_writer w = {.out = &s->reply, .version = 2};
    struct command_call call = {.argument_count = table_split(line, words),
                                .arguments = words,
                                .reply = &w,
                                .keyspace = s->keyspace,
                                .commands = table(),
                                .index = ++s->index};

    buffer_clear(&s->reply);
    call.command = command_find(table(), words[0]);
    assert_non_null(call.command);
    call.command->handler(&call);
    buffer_append(&s->reply, "", 1);
    assert_string_equal(buffer_begin(&s->reply), reply);
}

static void begin(struct state *s)
{
    *s = (struct state){.keyspace = keyspace_new(1), .index = 100};
}

static void end(struct state *s)
{
    keyspace_free(s->keyspace);
    buffer_deinit(&s->reply);
}

static void test_users__are_made_changed_and_deleted(void **state)
{
    struct state s;

    (void)state;
    begin(&s);
    run(&s, "ACL_SHOW USERS", "*1\r\n$7\r\ndefault\r\n");
    run(&s, "ACL_CHANGE SETUSER bob on +get ~k", "+OK\r\n");
    run(&s, "ACL_CHANGE SETUSER bob +set", "+OK\r\n");
    run(&s, "ACL_SHOW LIST",
        "*2\r\n$61\r\nuser bob on sanitize-payload ~k resetchannels -@all +get +set\r\n"
        "$51\r\nuser default on nopass sanitize-payload ~* &* +@all\r\n");
    run(&s, "ACL_SHOW DRYRUN bob GET k", "+OK\r\n");
    run(&s, "ACL_SHOW DRYRUN bob GET x",
        "$49\r\nUser bob has no permissions to access the 'x' key\r\n");
    run(&s, "ACL_SHOW DRYRUN eve GET x", "-ERR User 'eve' not found\r\n");
    run(&s, "ACL_SHOW GETUSER eve", "$-1\r\n");
    run(&s, "ACL_CHANGE DELUSER bob eve", ":1\r\n");
    run(&s, "ACL_CHANGE DELUSER default", "-ERR The 'default' user cannot be removed\r\n");
    run(&s, "ACL_SHOW USERS", "*1\r\n$7\r\ndefault\r\n");
    end(&s);
}

/* All words or none: a user is never left half changed. */
static void test_users__stay_as_they_are_if_a_rule_is_wrong(void **state)
{
    struct state s;

    (void)state;
    begin(&s);
    run(&s, "ACL_CHANGE SETUSER bob on +get +nosuch",
        "-ERR Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in "
        "ACL\r\n");
    run(&s, "ACL_SHOW USERS", "*1\r\n$7\r\ndefault\r\n");
    end(&s);
}

static void test_login__needs_the_password_of_a_user_who_is_on(void **state)
{
    struct state s;

    (void)state;
    begin(&s);
    run(&s, "ACL_CHANGE SETUSER bob #" HASH_OF_P1, "+OK\r\n");
    run(&s, "ACL_SHOW LOGIN bob " HASH_OF_P1,
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    run(&s, "ACL_CHANGE SETUSER bob on", "+OK\r\n");
    run(&s, "ACL_SHOW LOGIN bob " HASH_OF_P1, "$3\r\n101\r\n");
    run(&s, "ACL_SHOW LOGIN bob x",
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    run(&s, "ACL_SHOW LOGIN eve " HASH_OF_P1,
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    run(&s, "ACL_SHOW LOGIN default " HASH_OF_P1, "$1\r\n0\r\n");
    end(&s);
}

static void test_change__with_a_password_never_enters_the_log(void **state)
{
    struct state s;

    (void)state;
    begin(&s);
    assert_true(check(&s, "ACL_CHANGE SETUSER bob on #" HASH_OF_P1));
    assert_false(check(&s, "ACL_CHANGE SETUSER bob on >secret"));
    assert_false(check(&s, "ACL_CHANGE SETUSER bob <secret"));
    assert_false(check(&s, "ACL_CHANGE SETUSER bob (>secret)"));
    assert_false(check(&s, "ACL_CHANGE SETUSER bob (+get >secret)"));
    assert_false(check(&s, "ACL_CHANGE MAKEUSER bob"));
    end(&s);
}

static void test_change__is_described_without_hashes(void **state)
{
    struct slice words[WORDS_MAX];
    struct command_head head = {.argument_count =
                                    table_split("ACL_CHANGE SETUSER bob on #" HASH_OF_P1, words)};
    char payload[256];
    struct buffer text = {0};

    (void)state;
    command_payload_write(payload, &head, words);
    command_describe(&text, slice_of(payload, command_payload_size(&head, words)), 10, 200);
    buffer_append(&text, "", 1);
    assert_string_equal(buffer_begin(&text), "ACL_CHANGE SETUSER bob on #(hidden)");
    buffer_deinit(&text);
}

/* A user with the name of a deleted one is another one. */
static void test_users__are_noted_when_they_change(void **state)
{
    struct users *users = users_new(table());
    struct users_guard guard;
    struct state s;
    uint64_t version;

    (void)state;
    begin(&s);
    users_look(users, s.keyspace);
    assert_true(users_are_open(users));
    assert_null(users_guard_begin(&guard, users, s.keyspace, USER_DEFAULT));
    run(&s, "ACL_CHANGE SETUSER bob on +get ~k", "+OK\r\n");
    users_look(users, s.keyspace);
    version = users_version(users);
    assert_false(users_are_open(users));
    assert_int_equal(users_named(users, slice_str("bob"))->id, 101);
    assert_null(users_guard_begin(&guard, users, s.keyspace, USER_DEFAULT));
    assert_non_null(users_guard_begin(&guard, users, s.keyspace, 101));
    run(&s, "ACL_CHANGE DELUSER bob", ":1\r\n");
    run(&s, "ACL_CHANGE SETUSER bob on ~* &* +@all", "+OK\r\n");
    users_look(users, s.keyspace);
    assert_true(users_version(users) != version);
    assert_null(users_get(users, 101));
    assert_null(users_guard_begin(&guard, users, s.keyspace, 103));
    assert_non_null(users_guard_begin(&guard, users, s.keyspace, 101));
    assert_null(guard.user);
    run(&s, "ACL_CHANGE DELUSER bob", ":1\r\n");
    users_look(users, s.keyspace);
    assert_true(users_are_open(users));
    users_free(users);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users__are_made_changed_and_deleted),
        cmocka_unit_test(test_users__stay_as_they_are_if_a_rule_is_wrong),
        cmocka_unit_test(test_login__needs_the_password_of_a_user_who_is_on),
        cmocka_unit_test(test_change__with_a_password_never_enters_the_log),
        cmocka_unit_test(test_change__is_described_without_hashes),
        cmocka_unit_test(test_users__are_noted_when_they_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
