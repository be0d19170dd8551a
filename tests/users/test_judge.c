/* Which calls a user may execute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "command/transaction.h"
#include "table.h"

static struct judged judge(const struct user *user, const char *call)
{
    struct slice words[WORDS_MAX];
    uint32_t count = table_split(call, words);
    const struct command *command = command_find(table(), words[0]);
    uint64_t work = 0;

    assert_non_null(command);
    return user_judge(user, table(), command, count, words, &work);
}

/* `object` is the key or channel that is refused. */
static void expect(const char *rules, const char *call, enum judgement judgement,
                   const char *object)
{
    struct user user;
    struct judged v;

    table_make_user(&user, rules);
    v = judge(&user, call);
    if (v.judgement != judgement) {
        print_error("%s: %s\n", rules, call);
    }
    assert_int_equal(v.judgement, judgement);
    if (object != NULL) {
        assert_true(slice_equal(v.object, slice_str(object)));
    }
    user_deinit(&user);
}

static void allow(const char *rules, const char *call)
{
    expect(rules, call, JUDGED_ALLOWED, NULL);
}

static void refuse_key(const char *rules, const char *call, const char *key)
{
    expect(rules, call, JUDGED_KEY, key);
}

static void test_judge__the_last_rule_about_a_command_decides(void **state)
{
    (void)state;
    expect("~*", "GET k", JUDGED_COMMAND, NULL);
    allow("~* +get", "GET k");
    expect("~* +get -get", "GET k", JUDGED_COMMAND, NULL);
    expect("~* +@all -@string", "GET k", JUDGED_COMMAND, NULL);
    allow("~* +@all -@string +get", "GET k");
    expect("+@all -@dangerous", "KEYS x", JUDGED_COMMAND, NULL);
    allow("+@connection", "CLIENT ID");
    expect("+@all -@admin", "CLIENT KILL ID 1", JUDGED_COMMAND, NULL);
    allow("-@all +client|id", "CLIENT ID");
    expect("-@all +client|id", "CLIENT LIST", JUDGED_COMMAND, NULL);
    expect("+@all -client|kill", "CLIENT KILL ID 1", JUDGED_COMMAND, NULL);
    allow("+@all -client|kill", "CLIENT ID");
    allow("+select|1", "SELECT 1");
    expect("+select|1", "SELECT 0", JUDGED_COMMAND, NULL);
    expect("+select|1 -select", "SELECT 1", JUDGED_COMMAND, NULL);
    allow("", "AUTH x");
    allow("", "QUIT");
}

static void test_judge__keys_are_read_or_written(void **state)
{
    static const char rw[] = "+@all %R~read* %W~write* ~rw*";

    (void)state;
    allow(rw, "GET read");
    refuse_key(rw, "GET write", "write");
    allow(rw, "SET write v");
    refuse_key(rw, "SET read v", "read");
    refuse_key(rw, "SET write v GET", "write");
    allow(rw, "SET rw v GET");
    refuse_key(rw, "GETDEL write", "write");
    refuse_key(rw, "INCR write", "write");
    allow(rw, "APPEND write v");
    refuse_key(rw, "MSET write v other w", "other");
    allow(rw, "EXISTS write");
    refuse_key(rw, "EXISTS nothing", "nothing");
    allow(rw, "STRLEN write");
    allow(rw, "MEMORY USAGE write");
    allow(rw, "MEMORY DOCTOR");
    refuse_key(rw, "MEMORY USAGE nothing", "nothing");
    refuse_key(rw, "WATCH nothing", "nothing");
    refuse_key(rw, "OBJECT ENCODING nothing", "nothing");
}

static void test_judge__each_of_two_keys_counts(void **state)
{
    static const char rw[] = "+@all %R~read* %W~write* ~rw*";

    (void)state;
    allow(rw, "COPY read write");
    refuse_key(rw, "COPY write read", "write");
    refuse_key(rw, "COPY read read2", "read2");
    allow(rw, "RENAME rw write");
    refuse_key(rw, "RENAME read write", "read");
    refuse_key(rw, "RENAME rw read", "read");
    allow(rw, "SORT read STORE write");
    refuse_key(rw, "SORT read STORE read", "read");
    refuse_key(rw, "SORT write STORE write", "write");
    refuse_key(rw, "SORT read BY x*", "");
    refuse_key(rw, "SORT_RO read GET x*", "");
    allow("+@all %R~*", "SORT_RO read GET x*");
    allow(rw, "LCS read read2");
    refuse_key(rw, "LCS read write", "write");
    refuse_key(rw, "MSETEX 2 write v read w", "read");
}

static void test_judge__keys_of_scripts_are_those_that_it_names(void **state)
{
    static const char rw[] = "+@all %R~read* %W~write* ~rw*";

    (void)state;
    allow(rw, "EVAL x 1 rw1");
    refuse_key(rw, "EVAL x 1 read", "read");
    allow(rw, "EVAL_RO x 1 read");
    allow(rw, "EVAL x 0 read");
    allow(rw, "EVAL x -1 read");
    allow(rw, "EVAL x 3 rw rw");
}

/* A user must be able to read whatever the prefix may lead to. */
static void test_judge__prefixes_must_be_covered(void **state)
{
    (void)state;
    allow("+@all %R~user:*", "XREAD STREAMS rakit:changes:user: 0");
    allow("+@all %R~user:*", "XREAD COUNT 1 STREAMS rakit:changes:user:1: 0");
    refuse_key("+@all %R~user:*", "XREAD STREAMS rakit:changes:use 0", "use");
    refuse_key("+@all %W~user:*", "XREAD STREAMS rakit:changes:user: 0", "user:");
    refuse_key("+@all %R~user:?*", "XREAD STREAMS rakit:changes:user: 0", "user:");
    refuse_key("+@all %R~*r", "XREAD STREAMS rakit:changes: 0", "");
    refuse_key("+@all ~user:*", "RAFT SCAN u", "u");
    allow("+@all ~user:*", "RAFT SCAN user:");
    refuse_key("+@all ~user:*", "CLIENT TRACKING ON BCAST", "");
    refuse_key("+@all ~user:*", "CLIENT TRACKING ON BCAST PREFIX user: PREFIX x", "x");
    allow("+@all ~user:*", "CLIENT TRACKING ON BCAST PREFIX user:");
    allow("+@all ~user:*", "CLIENT TRACKING ON");
}

static void test_judge__channels(void **state)
{
    (void)state;
    expect("+@all ~*", "PUBLISH a m", JUDGED_CHANNEL, "a");
    allow("+@all &a*", "PUBLISH abc m");
    allow("+@all &a*", "SUBSCRIBE abc");
    expect("+@all &a*", "SUBSCRIBE abc b", JUDGED_CHANNEL, "b");
    expect("+@all &a*", "SPUBLISH b m", JUDGED_CHANNEL, "b");
    expect("+@all &a*", "SSUBSCRIBE b", JUDGED_CHANNEL, "b");
    allow("+@all &a*", "PSUBSCRIBE a*");
    expect("+@all &a*", "PSUBSCRIBE ab*", JUDGED_CHANNEL, "ab*");
    expect("+@all &a*", "PSUBSCRIBE abc", JUDGED_CHANNEL, "abc");
    allow("+@all", "UNSUBSCRIBE b");
    allow("+@all &*", "PSUBSCRIBE b*");
}

/* One of them must allow all of it; what is reported came farthest. */
static void test_judge__selectors_do_not_add_up(void **state)
{
    static const char two[] = "(%R~read* +@all) (%W~write* +@all)";

    (void)state;
    allow(two, "GET read");
    allow(two, "SET write v");
    refuse_key(two, "COPY read write", NULL);
    refuse_key("+mget ~key (+mget ~key ~otherkey)", "MGET otherkey someotherkey", "someotherkey");
    refuse_key("+mget ~key (+mget ~key ~otherkey)", "MGET key otherkey someotherkey",
               "someotherkey");
    expect("+mget ~key (+mget ~key ~otherkey)", "GET key", JUDGED_COMMAND, NULL);
}

/* What nodes make of WATCH, ACL and AUTH is judged as those. */
static void test_judge__commands_of_nodes(void **state)
{
    struct buffer head = {0};
    struct watched watched = {.key = slice_str("k")};
    struct slice arguments[2] = {slice_str("TRANSACT_READ")};
    const struct command *command = command_find(table(), arguments[0]);
    uint64_t work = 0;
    struct user user;

    (void)state;
    buffer_append(&head, (const char[]){TRANSACTION_VERSIONS}, 1);
    watched_append(&head, &watched);
    arguments[1] = buffer_slice(&head);
    table_make_user(&user, "+@all ~x");
    assert_int_equal(user_judge(&user, table(), command, 2, arguments, &work).judgement,
                     JUDGED_KEY);
    user_deinit(&user);
    table_make_user(&user, "%W~k +watch");
    assert_int_equal(user_judge(&user, table(), command, 2, arguments, &work).judgement,
                     JUDGED_ALLOWED);
    user_deinit(&user);
    buffer_deinit(&head);
    expect("+@all -@admin", "ACL_CHANGE SETUSER bob +@all", JUDGED_COMMAND, NULL);
    allow("+acl|setuser", "ACL_CHANGE SETUSER bob +@all");
    expect("+acl|setuser", "ACL_CHANGE DELUSER bob", JUDGED_COMMAND, NULL);
    expect("+acl|setuser", "ACL_SHOW LIST", JUDGED_COMMAND, NULL);
    allow("", "ACL_SHOW LOGIN bob x");
}

static void test_judged__says_what_was_refused(void **state)
{
    struct buffer text = {0};
    struct resp_writer reply = {.out = &text, .version = 2};
    struct user user;
    struct judged v;

    (void)state;
    table_make_user(&user, "~a +get");
    v = judge(&user, "CLIENT KILL x");
    judged_refuse(&v, &user, false, &reply);
    v = judge(&user, "GET b");
    judged_refuse(&v, &user, true, &reply);
    judged_explain(&v, &user, &text);
    buffer_append(&text, "", 1);
    assert_string_equal(buffer_begin(&text),
                        "-NOPERM User bob has no permissions to run the 'client|kill' command\r\n"
                        "-NOPERM ACL failure in script: No permissions to access a key\r\n"
                        "User bob has no permissions to access the 'b' key");
    buffer_deinit(&text);
    user_deinit(&user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge__the_last_rule_about_a_command_decides),
        cmocka_unit_test(test_judge__keys_are_read_or_written),
        cmocka_unit_test(test_judge__each_of_two_keys_counts),
        cmocka_unit_test(test_judge__keys_of_scripts_are_those_that_it_names),
        cmocka_unit_test(test_judge__prefixes_must_be_covered),
        cmocka_unit_test(test_judge__channels),
        cmocka_unit_test(test_judge__selectors_do_not_add_up),
        cmocka_unit_test(test_judge__commands_of_nodes),
        cmocka_unit_test(test_judged__says_what_was_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
