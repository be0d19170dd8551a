/* The language of rules: what each word does, how users are written, and read again. The texts are
 * those of Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "table.h"

#define HASH_OF_P1 "f64551fcd6f07823cb87971cfb91446425da18286b3ab1ef935e0cbd7a69f68a"

/* Written as ACL LIST shows it; read again, it is the same. */
static void expect(const char *rules, const char *written)
{
    struct rule_words with = table_words();
    struct buffer text = {0};
    struct buffer again = {0};
    struct user user;
    struct user copy;

    table_make_user(&user, rules);
    user_write(&user, &text);
    user_init(&copy);
    assert_true(user_read(&copy, &with, buffer_slice(&text)));
    user_write(&copy, &again);
    assert_true(slice_equal(buffer_slice(&text), buffer_slice(&again)));
    buffer_append(&text, "", 1);
    assert_string_equal(buffer_begin(&text), written);
    buffer_deinit(&text);
    buffer_deinit(&again);
    user_deinit(&user);
    user_deinit(&copy);
}

static void expect_error(const char *rules, const char *error)
{
    struct slice words[WORDS_MAX];
    struct rule_words with = table_words();
    struct buffer errors = {0};
    struct resp_writer reply = {.out = &errors, .version = 2};
    struct user user;

    user_init(&user);
    assert_false(user_apply(&user, &with, table_split(rules, words), words, &reply));
    buffer_append(&errors, "", 1);
    assert_non_null(strstr(buffer_begin(&errors), error));
    buffer_deinit(&errors);
    user_deinit(&user);
}

static void test_rules__are_written_as_redis_does(void **state)
{
    (void)state;
    expect("", "off sanitize-payload resetchannels -@all");
    expect("on nopass allkeys allchannels allcommands", "on nopass sanitize-payload ~* &* +@all");
    expect("ON #" HASH_OF_P1 " ~a %R~b %W~c %RW~d &x &y +GET",
           "on sanitize-payload #" HASH_OF_P1 " ~a %R~b %W~c ~d resetchannels &x &y -@all +get");
    expect("~a resetkeys ~b &x resetchannels &y", "off sanitize-payload ~b resetchannels &y -@all");
    expect("%R~foo %W~foo %RW~bar", "off sanitize-payload ~foo ~bar resetchannels -@all");
    expect("(+set ~s* &x) (+@read %R~q)",
           "off sanitize-payload resetchannels -@all (~s* resetchannels &x -@all +set) "
           "(%R~q resetchannels -@all +@read)");
    expect("( ~key1 +get ) (~key2 +get )",
           "off sanitize-payload resetchannels -@all (~key1 resetchannels -@all +get) "
           "(~key2 resetchannels -@all +get)");
    expect("() clearselectors", "off sanitize-payload resetchannels -@all");
    expect("(~x)y +get) skip-sanitize-payload",
           "off skip-sanitize-payload resetchannels -@all (~x)y resetchannels -@all +get)");
    expect("on nopass ~* &* +@all (+get) reset", "off sanitize-payload resetchannels -@all");
    expect("nopass #" HASH_OF_P1, "off sanitize-payload #" HASH_OF_P1 " resetchannels -@all");
    expect("#" HASH_OF_P1 " #" HASH_OF_P1 " !" HASH_OF_P1,
           "off sanitize-payload resetchannels -@all");
}

static void expect_commands(const char *rules, const char *written)
{
    struct buffer text = {0};
    struct user user;

    table_make_user(&user, rules);
    selector_put_commands(&user.selectors[0], &text);
    buffer_append(&text, "", 1);
    assert_string_equal(buffer_begin(&text), written);
    buffer_deinit(&text);
    user_deinit(&user);
}

/* As Redis's tests have it. */
static void test_rules__about_commands_replace_older_ones(void **state)
{
    (void)state;
    expect_commands("+@all -@hash -@slow +hget", "+@all -@hash -@slow +hget");
    expect_commands("+@all -@hash -@slow +hget -@hash", "+@all -@slow +hget -@hash");
    expect_commands("+@all -@hash +hget -@all", "-@all");
    expect_commands("-@all +@HASH +@hash +@HaSh", "-@all +@hash");
    expect_commands("+HGET +hget +hGeT", "-@all +hget");
    expect_commands("+hget -hset +hset -hget", "-@all +hset -hget");
    expect_commands("+client|list +client|list +config|get +config +acl|list -acl",
                    "-@all +client|list +config -acl");
    expect_commands("+select|0 +select|0 +config|get +config", "-@all +select|0 +config");
    expect_commands("-@all -@dangerous", "-@all -@dangerous");
    expect_commands("+config +config|get -config|set +config", "-@all +config");
    expect_commands("+set +setex -set", "-@all +setex -set");
}

static void test_rules__that_make_no_sense_are_refused(void **state)
{
    (void)state;
    expect_error("foo", "modifier 'foo': Syntax error");
    expect_error("+foo", "Unknown command or category name in ACL");
    expect_error("+@foo", "Unknown command or category name in ACL");
    expect_error("+config|foo", "Unknown command or category name in ACL");
    expect_error("-get|foo", "Unknown command or category name in ACL");
    expect_error("+get|a|b", "Unknown command or category name in ACL");
    expect_error("+config|get|x", "Allowing first-arg of a subcommand is not supported");
    expect_error("+transaction", "Unknown command or category name in ACL");
    expect_error("%X~a", "Syntax error");
    expect_error("%~a", "Syntax error");
    expect_error("%RWR~a", "Syntax error");
    expect_error("%R", "Syntax error");
    expect_error("#abc", "must be exactly 64 characters");
    expect_error("!" HASH_OF_P1, "does not exist");
    expect_error("allkeys ~a", "Adding a pattern after the * pattern");
    expect_error("allchannels &a", "Adding a pattern after the * pattern");
    expect_error("(+get", "Unmatched parenthesis in acl selector starting at '(+get'.");
    expect_error(")", "Syntax error");
    expect_error("(on)", "Syntax error");
    expect_error("(+ping (+select (+del ) )", "Syntax error");
    expect_error("(+get ~x))", "Syntax error");
}

/* A name that only a later level has is none yet: nodes of all versions must agree. */
static void test_rules__know_the_commands_of_their_level(void **state)
{
    static const struct command later[] = {
        {.name = "LATER", .arity = 1, .flags = COMMAND_READ, .group = "string", .since_level = 9},
        {.name = NULL}};
    struct command_table commands = {0};
    struct rule_words with = {.commands = &commands, .level = 8};
    struct selector s = {0};

    (void)state;
    command_table_add(&commands, later);
    assert_non_null(selector_apply(&s, &with, slice_str("+later")));
    with.level = 9;
    assert_null(selector_apply(&s, &with, slice_str("+later")));
    selector_deinit(&s);
}

static void test_rules__are_limited_in_number(void **state)
{
    struct rule_words with = table_words();
    struct selector s = {0};
    char word[16];

    (void)state;
    for (int i = 0; i < SELECTOR_WORDS_MAX; i++) {
        snprintf(word, sizeof word, "~%d", i);
        assert_null(selector_apply(&s, &with, slice_str(word)));
    }
    assert_non_null(selector_apply(&s, &with, slice_str("~more")));
    assert_null(selector_apply(&s, &with, slice_str("+get")));
    assert_null(selector_apply(&s, &with, slice_str("&c")));
    selector_deinit(&s);
}

static void test_password__is_compared_by_its_hash(void **state)
{
    struct password_hash right;
    struct password_hash wrong;
    struct user user;

    (void)state;
    password_hash(slice_str("p1"), &right);
    password_hash(slice_str("p2"), &wrong);
    table_make_user(&user, "on #" HASH_OF_P1);
    assert_true(user_has_password(&user, &right));
    assert_false(user_has_password(&user, &wrong));
    user.is_on = false;
    assert_false(user_has_password(&user, &right));
    user_deinit(&user);
    table_make_user(&user, "on nopass");
    assert_true(user_has_password(&user, &wrong));
    user_deinit(&user);
    table_make_user(&user, "on");
    assert_false(user_has_password(&user, &wrong));
    user_deinit(&user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules__are_written_as_redis_does),
        cmocka_unit_test(test_rules__about_commands_replace_older_ones),
        cmocka_unit_test(test_rules__that_make_no_sense_are_refused),
        cmocka_unit_test(test_rules__know_the_commands_of_their_level),
        cmocka_unit_test(test_rules__are_limited_in_number),
        cmocka_unit_test(test_password__is_compared_by_its_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
