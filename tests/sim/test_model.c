/* The model that replies of simulated clusters are compared with, command by command. What is
 * written here is what Redis replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/checks/model.h"
#include "sim/checks/model_script.h"
#include "sim/checks/same_reply.h"

enum { WORDS_MAX = 16 };

struct exchange {
    uint64_t at_ms; /* By log time. */
    const char *line;
    const char *reply;
};

static uint32_t split(const char *text, struct slice *words)
{
    uint32_t count = 0;

    while (*text != '\0') {
        size_t size = strcspn(text, " ");

        words[count++] = slice_of(text, size);
        text += size + (text[size] == ' ');
    }
    return count;
}

/* One entry after the other; reads are executed as of the last one. */
static void expect(const struct exchange *exchanges)
{
    struct model *m = model_new();
    struct slice words[WORDS_MAX];
    struct buffer out = {0};

    for (uint64_t index = 1; exchanges->line != NULL; exchanges++, index++) {
        uint32_t count = split(exchanges->line, words);

        buffer_clear(&out);
        model_note_time(m, index, exchanges->at_ms * 1000);
        assert_true(model_read(m, 0, index, words, count, &out) ||
                    model_write(m, 0, index, words, count, &out));
        buffer_append(&out, "", 1);
        if (strcmp(buffer_begin(&out), exchanges->reply) != 0) {
            fail_msg("%s\nexpected: %s\ngot: %s", exchanges->line, exchanges->reply,
                     buffer_begin(&out));
        }
    }
    buffer_deinit(&out);
    model_free(m);
}

#define EXPECT(...) expect((const struct exchange[]){__VA_ARGS__, {0, NULL, NULL}})

#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

static void test_model__knows_hashes(void **state)
{
    (void)state;
    EXPECT({1, "HSET h a 1 b 2", ":2\r\n"}, {1, "HSET h b 3 c 4", ":1\r\n"},
           {1, "HGET h b", "$1\r\n3\r\n"}, {1, "HMGET h a x", "*2\r\n$1\r\n1\r\n$-1\r\n"},
           {1, "HSETNX h a 5", ":0\r\n"}, {1, "HINCRBY h a 4", ":5\r\n"},
           {1, "HINCRBY h n 4", ":4\r\n"}, {1, "HLEN h", ":4\r\n"}, {1, "HDEL h a x", ":1\r\n"},
           {1, "HGETDEL h FIELDS 2 b x", "*2\r\n$1\r\n3\r\n$-1\r\n"},
           {1, "HGETALL h", "*4\r\n$1\r\nc\r\n$1\r\n4\r\n$1\r\nn\r\n$1\r\n4\r\n"},
           {1, "HDEL h c n", ":2\r\n"}, {1, "EXISTS h", ":0\r\n"});
}

static void test_model__lets_fields_expire_by_log_time(void **state)
{
    (void)state;
    EXPECT({1000, "HSETEX h PX 500 FIELDS 1 a 1", ":1\r\n"}, {1000, "HSET h b 2", ":1\r\n"},
           {1000, "HPEXPIRE h 700 GT FIELDS 3 a b x", "*3\r\n:1\r\n:0\r\n:-2\r\n"},
           {1000, "HPEXPIRETIME h FIELDS 2 a b", "*2\r\n:1700\r\n:-1\r\n"},
           {1700, "HGET h a", "$1\r\n1\r\n"}, {1701, "HGET h a", "$-1\r\n"},
           {1701, "HLEN h", ":1\r\n"}, {1701, "HSETEX h FXX PX 9 FIELDS 1 a 1", ":0\r\n"},
           {1701, "HSETEX h FXX PX 9 FIELDS 1 b 3", ":1\r\n"},
           {1701, "HPERSIST h FIELDS 2 b x", "*2\r\n:1\r\n:-2\r\n"},
           {2000, "HPEXPIRE h 0 FIELDS 1 b", "*1\r\n:2\r\n"}, {2000, "EXISTS h", ":0\r\n"});
}

static void test_model__keeps_a_hash_whose_fields_have_expired_until_it_is_changed(void **state)
{
    (void)state;
    EXPECT({1000, "HSETEX h PX 5 FIELDS 1 a 1", ":1\r\n"}, {1100, "HLEN h", ":0\r\n"},
           {1100, "EXISTS h", ":1\r\n"}, {1100, "HDEL h x", ":0\r\n"},
           {1100, "EXISTS h", ":0\r\n"});
}

static void test_model__minds_the_type_of_a_key(void **state)
{
    (void)state;
    EXPECT({1, "HSET h a 1", ":1\r\n"}, {1, "GET h", WRONG_TYPE}, {1, "APPEND h x", WRONG_TYPE},
           {1, "SET h x GET", WRONG_TYPE}, {1, "MGET h", "*1\r\n$-1\r\n"},
           {1, "SET h x NX", "$-1\r\n"}, {1, "SET h x", "+OK\r\n"}, {1, "HGET h a", WRONG_TYPE},
           {1, "HSET h a 1", WRONG_TYPE});
}

/* EVAL, or EVALSHA, of a script with keys a and b. */
static void expect_script(struct model *m, uint64_t index, const char *command, uint32_t number,
                          const char *reply)
{
    const struct model_script *script = model_script_at(number);
    bool is_sha = strcmp(command, "EVALSHA") == 0;
    const struct slice words[] = {slice_str(command),
                                  slice_str(is_sha ? script->sha : script->body),
                                  slice_str(script->key_count == 1 ? "1" : "2"),
                                  slice_str("a"),
                                  slice_str(script->key_count == 1 ? "x#1" : "b"),
                                  slice_str("x#1")};
    struct buffer out = {0};

    model_note_time(m, index, 5000007);
    assert_true(model_read(m, 0, index, words, 4 + script->key_count, &out) ||
                model_write(m, 0, index, words, 4 + script->key_count, &out));
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    buffer_deinit(&out);
}

static void test_model__executes_scripts(void **state)
{
    struct model *m = model_new();

    (void)state;
    expect_script(m, 1, "EVALSHA", 1, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    expect_script(m, 2, "EVAL", 1, ":3\r\n");
    expect_script(m, 3, "EVALSHA", 1, ":6\r\n");
    expect_script(m, 4, "EVAL", 2, ":6\r\n");
    expect_script(m, 5, "EVAL_RO", 8, "*2\r\n$6\r\nx#1x#1\r\n:9\r\n");
    expect_script(m, 6, "EVAL", 5, "*2\r\n$1\r\n5\r\n$1\r\n7\r\n");
    expect_script(m, 7, "EVAL_RO", 8, "*2\r\n$6\r\n5.7x#1\r\n:9\r\n");
    model_free(m);
}

/* What a script has done before it fails stays. */
static void test_model__keeps_what_a_script_has_done_before_it_fails(void **state)
{
    struct model *m = model_new();

    (void)state;
    expect_script(m, 1, "EVAL", 3,
                  "-ERR value is not an integer or out of range script: "
                  "5e8724ec30af9b3adf5e640b4eb90de147e5c486, on @user_script:1.\r\n");
    expect_script(m, 2, "EVAL_RO", 8, "*2\r\n$3\r\nx#1\r\n:0\r\n");
    expect_script(m, 3, "EVAL", 7,
                  "-WRONGTYPE Operation against a key holding the wrong kind of value script: "
                  "5d37a8f21cd188528c3bc65f224941f923076a10, on @user_script:1.\r\n");
    model_free(m);
}

static void test_same_reply__takes_fields_in_any_order_and_nothing_else(void **state)
{
    const char *expected = "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n";
    const char *other = "*4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\n1\r\n";
    const char *wrong[] = {"*4\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n1\r\n",
                           "*2\r\n$1\r\na\r\n$1\r\n1\r\n", "*0\r\n", "$-1\r\n"};
    struct slice command = slice_str("HGETALL");

    (void)state;
    assert_true(is_same_reply(command, slice_str(other), slice_str(expected)));
    assert_false(is_same_reply(slice_str("HMGET"), slice_str(other), slice_str(expected)));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(is_same_reply(command, slice_str(wrong[i]), slice_str(expected)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model__knows_hashes),
        cmocka_unit_test(test_model__lets_fields_expire_by_log_time),
        cmocka_unit_test(test_model__keeps_a_hash_whose_fields_have_expired_until_it_is_changed),
        cmocka_unit_test(test_model__minds_the_type_of_a_key),
        cmocka_unit_test(test_model__executes_scripts),
        cmocka_unit_test(test_model__keeps_what_a_script_has_done_before_it_fails),
        cmocka_unit_test(test_same_reply__takes_fields_in_any_order_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
