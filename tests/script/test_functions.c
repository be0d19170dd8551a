/* FUNCTION and FCALL: what a library may be, what it may do while it is loaded, and that each call
 * begins with the same state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv/keyspace.h"
#include "script/engine.h"
#include "script/functions.h"
#include "script_world.h"

#define HEAD "#!lua name=lib\n"
#define FUNCTION(name, body)                                                                       \
    "redis.register_function('" name "', function(keys, args) " body " end)\n"
#define LOAD_ERROR "-ERR Error registering functions: ERR "

static void expect_load(struct world *w, const char *code, const char *reply)
{
    const char *got = CALL(w, "FUNCTION", "LOAD", "REPLACE", code);

    if (strncmp(got, reply, strlen(reply)) != 0) {
        print_error("library: %s\nreply: %s\nnot: %s\n", code, got, reply);
        fail();
    }
}

/* The reply of a function with that body. */
static const char *result(struct world *w, const char *body)
{
    char code[1024];

    snprintf(code, sizeof code, HEAD "redis.register_function('f', function(keys, args) %s end)",
             body);
    expect_load(w, code, "$3\r\nlib\r\n");
    return CALL(w, "FCALL", "f", "0");
}

static void expect_result(struct world *w, const char *body, const char *reply)
{
    const char *got = result(w, body);

    if (strncmp(got, reply, strlen(reply)) != 0) {
        print_error("function: %s\nreply: %s\nnot: %s\n", body, got, reply);
        fail();
    }
}

/* --- libraries ------------------------------------------------------------------------------- */

static void test_library__is_named_in_its_first_line(void **state)
{
    static const struct {
        const char *line, *reply;
    } lines[] = {
        {"#!lua name=lib", "$3\r\nlib\r\n"},
        {"#!LUA\tNAME=\"l\\x69b\" ", "$3\r\nlib\r\n"},
        {"lua name=lib", "-ERR Missing library metadata\r\n"},
        {"#!lua name=\"lib", "-ERR Invalid library metadata\r\n"},
        {"#!lua what=no \"lib", "-ERR Invalid library metadata\r\n"},
        {"#!lua", "-ERR Library name was not given\r\n"},
        {"#!lua name=a name=b", "-ERR Invalid metadata value, name argument was given multiple"},
        {"#!lua name=a what=b", "-ERR Invalid metadata value given: what=b\r\n"},
        {"#!lua name=", "-ERR Library names can only contain letters, numbers, or"},
        {"#!lua name=a-b", "-ERR Library names can only contain letters, numbers, or"},
        {"#!js name=a", "-ERR Engine 'js' not found\r\n"},
        {"#! name=a", "-ERR Engine '' not found\r\n"},
    };
    struct world *w = *state;
    char code[256];

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(code, sizeof code, "%s\n" FUNCTION("f", "return 1"), lines[i].line);
        expect_load(w, code, lines[i].reply);
    }
    expect_load(w, "#!lua name=lib", "-ERR Invalid library metadata\r\n");
}

static void test_library__registers_functions_in_two_forms(void **state)
{
    static const struct {
        const char *code, *reply;
    } cases[] = {
        {"", "-ERR No functions registered\r\n"},
        {"wrong here", "-ERR Error compiling function: user_function:2: "},
        {"redis.register_function()", LOAD_ERROR "wrong number of arguments to redis."},
        {"redis.register_function('f')", LOAD_ERROR "calling redis.register_function with a sin"},
        {"redis.register_function(nil, redis.log)", LOAD_ERROR "first argument to redis."},
        {"redis.register_function('f', 'g')", LOAD_ERROR "second argument to redis."},
        {"redis.register_function('', redis.log)", LOAD_ERROR "Library names can only"},
        {"redis.register_function('a b', redis.log)", LOAD_ERROR "Library names can only"},
        {"redis.register_function{}", LOAD_ERROR "redis.register_function must get a function na"},
        {"redis.register_function{function_name='f'}", LOAD_ERROR "redis.register_function must g"},
        {"redis.register_function{function_name=redis}", LOAD_ERROR "function_name argument give"},
        {"redis.register_function{callback='f'}", LOAD_ERROR "callback argument given to redis."},
        {"redis.register_function{description=redis}", LOAD_ERROR "description argument given"},
        {"redis.register_function{flags='f'}", LOAD_ERROR "flags argument to redis."},
        {"redis.register_function{flags={'f'}}", LOAD_ERROR "unknown flag given"},
        {"redis.register_function{what=1}", LOAD_ERROR "unknown argument given to redis."},
        {"redis.register_function{[true]=1}", LOAD_ERROR "named argument key given to redis."},
        {FUNCTION("f", "") FUNCTION("F", ""), LOAD_ERROR "Function already exists in the library"},
        {"redis.register_function('f', redis.log) redis.log(1)", LOAD_ERROR "redis.log() requires"},
    };
    struct world *w = *state;
    char code[512];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(code, sizeof code, HEAD "%s", cases[i].code);
        expect_load(w, code, cases[i].reply);
    }
    assert_string_equal(CALL(w, "FUNCTION", "LIST"), "*0\r\n");
    expect_load(w,
                HEAD "redis.register_function{function_name='one', description='text', "
                     "callback=function(keys, args) return args[1] .. keys[1] end, "
                     "flags={'NO-WRITES', 'allow-stale'}}\n" FUNCTION("two", "return 2"),
                "$3\r\nlib\r\n");
    assert_string_equal(CALL(w, "FCALL", "ONE", "1", "k", "a"), "$2\r\nak\r\n");
    assert_string_equal(
        CALL(w, "FUNCTION", "LIST", "LIBRARYNAME", "L*"),
        "*1\r\n*6\r\n$12\r\nlibrary_name\r\n$3\r\nlib\r\n$6\r\nengine\r\n$3\r\nLUA\r\n"
        "$9\r\nfunctions\r\n*2\r\n*6\r\n$4\r\nname\r\n$3\r\none\r\n$11\r\ndescription\r\n"
        "$4\r\ntext\r\n$5\r\nflags\r\n*2\r\n+no-writes\r\n+allow-stale\r\n*6\r\n$4\r\nname\r\n"
        "$3\r\ntwo\r\n$11\r\ndescription\r\n$-1\r\n$5\r\nflags\r\n*0\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "LIST", "LIBRARYNAME", "x*"), "*0\r\n");
}

/* As in Redis, it sees `redis` alone, and less in it. */
static void test_library__sees_little_while_it_is_loaded(void **state)
{
    static const char *const names[] = {"math",  "pcall",        "error",        "getmetatable",
                                        "_G",    "pairs",        "string",       "redis.call",
                                        "cjson", "redis.pcall",  "setmetatable", "loadstring",
                                        "KEYS",  "redis.setresp"};
    struct world *w = *state;
    char code[256];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(code, sizeof code, HEAD "local x = %s", names[i]);
        expect_load(w, code,
                    LOAD_ERROR "user_function:2: Script attempted to access nonexistent global");
    }
    expect_load(w, HEAD "a = 1", LOAD_ERROR "user_function:2: Attempt to modify a readonly table");
    expect_load(w, HEAD "redis.a = 1", LOAD_ERROR "user_function:2: Attempt to modify a readonly");
}

/* What it kept of the time when it was loaded is of no use. */
static void test_library__can_not_register_later(void **state)
{
    struct world *w = *state;

    expect_load(w,
                HEAD "local lib = redis\n" FUNCTION("f", "lib.math = math")
                    FUNCTION("g", "lib.register_function('h', function() end)")
                        FUNCTION("h", "return redis.register_function"),
                "$3\r\nlib\r\n");
    assert_non_null(strstr(CALL(w, "FCALL", "f", "0"), "Attempt to modify a readonly table"));
    assert_non_null(strstr(CALL(w, "FCALL", "g", "0"), "can only be called on FUNCTION LOAD"));
    assert_string_equal(CALL(w, "FCALL", "h", "0"), "$-1\r\n");
}

static void test_library__that_fails_leaves_what_was_there(void **state)
{
    static const char *const failing[] = {
        HEAD FUNCTION("f", "return 2") "redis.register_function('g', 1)",
        HEAD FUNCTION("f", "return 2") "while true do end",
        HEAD FUNCTION("f", "return 2") "local s = 'x' while true do s = s .. s end",
        HEAD FUNCTION("f", "return 2") FUNCTION("other", "return 2"),
        HEAD,
    };
    struct world *w = *state;
    uint64_t digest;

    expect_load(w, "#!lua name=first\n" FUNCTION("other", "return 0"), "$5\r\nfirst\r\n");
    expect_load(w, HEAD FUNCTION("f", "return 1") FUNCTION("g", "return 3"), "$3\r\nlib\r\n");
    digest = keyspace_digest(w->keyspace);
    for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
        expect_load(w, failing[i], "-ERR ");
        assert_string_equal(CALL(w, "FCALL", "f", "0"), ":1\r\n");
        assert_string_equal(CALL(w, "FCALL", "g", "0"), ":3\r\n");
        assert_true(keyspace_digest(w->keyspace) == digest);
    }
    assert_string_equal(CALL(w, "FUNCTION", "LOAD", HEAD FUNCTION("x", "")),
                        "-ERR Library 'lib' already exists\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "LOAD", "#!lua name=third\n" FUNCTION("F", "")),
                        "-ERR Function F already exists\r\n");
    assert_true(keyspace_digest(w->keyspace) == digest);
}

/* --- bounds ---------------------------------------------------------------------------------- */

static void test_library__ends_loading_after_a_number_of_steps(void **state)
{
    static const char *const endless[] = {
        HEAD "while true do end",
        HEAD "local s = ('x'):rep(1e5) while true do local t = s .. 'y' end",
        HEAD "local function f() return f() end f()",
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        uint64_t steps;

        expect_load(w, endless[i], LOAD_ERROR "FUNCTION LOAD timeout\r\n");
        steps = w->steps;
        assert_true(steps < SCRIPT_STEPS_MAX);
        result(w, "return 1");
        expect_load(w, endless[i], LOAD_ERROR "FUNCTION LOAD timeout\r\n");
        assert_int_equal(w->steps, steps);
    }
}

/* Loading a library counts in each call, so that it need not be remembered who has loaded it. */
static void test_function__has_the_steps_that_loading_leaves(void **state)
{
    struct world *w = *state;
    uint64_t before;

    expect_result(w, "return 1", ":1\r\n");
    before = w->steps;
    expect_load(w, HEAD "for i = 1, 100000 do end\n" FUNCTION("f", "return 1"), "$3\r\nlib\r\n");
    assert_string_equal(CALL(w, "FCALL", "f", "0"), ":1\r\n");
    assert_true(w->steps > before + 90000);
    expect_result(w, "while true do end", "-ERR the script took too many steps");
    w->steps_before = SCRIPT_STEPS_MAX;
    assert_non_null(strstr(CALL(w, "FCALL", "f", "0"), "-ERR the script took too many steps"));
    w->steps_before = 0;
}

static void test_libraries__are_limited_in_number_and_size(void **state)
{
    struct world *w = *state;
    char code[128];
    char *large = malloc(LIBRARY_CODE_BYTES_MAX + 2);
    int count = 0;

    assert_non_null(large);
    for (; count < FUNCTIONS_LIBRARIES_MAX; count++) {
        snprintf(code, sizeof code, "#!lua name=l%d\nredis.register_function('f%d', redis.log)",
                 count, count);
        assert_int_equal(*CALL(w, "FUNCTION", "LOAD", code), '$');
    }
    assert_non_null(strstr(CALL(w, "FUNCTION", "LOAD", HEAD FUNCTION("f", "")),
                           "-ERR not stored: all libraries may be 1024, and take 2097152 bytes"));
    assert_string_equal(CALL(w, "FUNCTION", "LOAD", "REPLACE", code), "$5\r\nl1023\r\n");
    CALL(w, "FUNCTION", "FLUSH");
    for (count = 0; count < 5; count++) {
        int head = snprintf(large, 128, "#!lua name=l%d\nredis.register_function('f%d', redis.log)",
                            count, count);

        memset(large + head, ' ', (size_t)(LIBRARY_CODE_BYTES_MAX - head));
        large[LIBRARY_CODE_BYTES_MAX] = '\0';
        if (*CALL(w, "FUNCTION", "LOAD", large) == '-') {
            break;
        }
    }
    assert_int_equal(count, 3); /* Each takes a few bytes more than its source. */
    large[LIBRARY_CODE_BYTES_MAX] = ' ';
    large[LIBRARY_CODE_BYTES_MAX + 1] = '\0';
    assert_string_equal(CALL(w, "FUNCTION", "LOAD", large),
                        "-ERR a script is larger than 512 kB\r\n");
    expect_load(w, HEAD "for i = 1, 3000 do redis.register_function('f' .. i, redis.log) end",
                LOAD_ERROR "names and descriptions of the functions of a library take more than");
    free(large);
}

/* --- calls ----------------------------------------------------------------------------------- */

static void test_function__has_the_errors_of_redis(void **state)
{
    struct world *w = *state;

    expect_result(w, "error('x')", "-ERR user_function:2: x script: f, on @user_function:2.\r\n");
    expect_result(w, "return KEYS",
                  "-ERR user_function:2: Script attempted to access nonexistent global variable "
                  "'KEYS' script: f, on @user_function:2.\r\n");
    expect_result(w, "a = 1", "-ERR user_function:2: Attempt to modify a readonly table script: f");
    expect_result(w, "return redis.call('fcall', 'f', 0)",
                  "-ERR This Redis command is not allowed from script script: f");
    expect_result(w, "return redis.call('function', 'list')",
                  "-ERR This Redis command is not allowed from script script: f");
    assert_string_equal(CALL(w, "FCALL", "none", "x"), "-ERR Function not found\r\n");
    assert_string_equal(CALL(w, "FCALL", "f", "x"), "-ERR Bad number of keys provided\r\n");
    assert_string_equal(CALL(w, "FCALL", "f", "1"),
                        "-ERR Number of keys can't be greater than number of args\r\n");
    assert_string_equal(CALL(w, "FCALL", "f", "-1"), "-ERR Number of keys can't be negative\r\n");
}

static void test_function__writes_only_if_it_may(void **state)
{
    struct world *w = *state;

    expect_result(w, "return redis.call('set', 'k', 'v')", "+OK\r\n");
    assert_string_equal(CALL(w, "GET", "k"), "$1\r\nv\r\n");
    assert_string_equal(CALL(w, "FCALL_RO", "f", "0"),
                        "-ERR Can not execute a script with write flag using *_ro command.\r\n");
    expect_load(w,
                HEAD "redis.register_function{function_name='f', flags={'no-writes'}, "
                     "callback=function() return redis.call('set', 'k', 'w') end}",
                "$3\r\nlib\r\n");
    assert_non_null(strstr(CALL(w, "FCALL_RO", "f", "0"), "-ERR Write commands are not allowed"));
    assert_non_null(strstr(CALL(w, "FCALL", "f", "0"), "-ERR Write commands are not allowed"));
    assert_string_equal(CALL(w, "GET", "k"), "$1\r\nv\r\n");
}

/* Redis keeps what functions change in variables of their library; here it would differ from node
 * to node, and after a restart. */
static void test_function__begins_alike_whatever_ran_before(void **state)
{
    static const char library[] =
        HEAD "local n, t = 0, {}\n" FUNCTION("count", "n = n + 1 t[{}] = n return n")
            FUNCTION("names", "local s = '' for k, v in pairs({a=1, b=2, [{}]=3, c=4}) do s = s .. "
                              "v end return s .. math.random()");
    struct world *w = *state;
    char *first;
    uint64_t steps;

    expect_load(w, library, "$3\r\nlib\r\n");
    first = strdup(CALL(w, "FCALL", "names", "0"));
    steps = w->steps;
    for (int i = 0; i < 40; i++) { /* More than there are images. */
        char script[64];

        assert_string_equal(CALL(w, "FCALL", "count", "0"), ":1\r\n");
        assert_string_equal(CALL(w, "FCALL", "names", "0"), first);
        assert_int_equal(w->steps, steps);
        for (int j = 0; j < i; j++) {
            snprintf(script, sizeof script, "local t = {{}} return %d", i * 100 + j);
            eval(w, script);
        }
    }
    /* The same source as a script is something else. */
    assert_non_null(strstr(eval(w, library), "-ERR "));
    assert_string_equal(CALL(w, "FCALL", "names", "0"), first);
    free(first);
}

/* --- FUNCTION -------------------------------------------------------------------------------- */

static void test_function__lists_deletes_and_counts(void **state)
{
    struct world *w = *state;

    expect_load(w, "#!lua name=b\n" FUNCTION("f1", "") FUNCTION("f2", ""), "$1\r\nb\r\n");
    expect_load(w, "#!lua name=a\n" FUNCTION("f3", ""), "$1\r\na\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "STATS"),
                        "*4\r\n$14\r\nrunning_script\r\n$-1\r\n$7\r\nengines\r\n*2\r\n$3\r\nLUA\r\n"
                        "*4\r\n$15\r\nlibraries_count\r\n:2\r\n$15\r\nfunctions_count\r\n:3\r\n");
    assert_true(strstr(CALL(w, "FUNCTION", "LIST", "WITHCODE"), "\r\na\r\n") <
                strstr(CALL(w, "FUNCTION", "LIST", "WITHCODE"), "\r\nb\r\n"));
    assert_non_null(strstr(CALL(w, "FUNCTION", "LIST", "WITHCODE"), "$12\r\nlibrary_code\r\n"));
    assert_string_equal(CALL(w, "FLUSHALL"), "+OK\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "DELETE", "B"), "-ERR Library not found\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "DELETE", "b"), "+OK\r\n");
    assert_string_equal(CALL(w, "FCALL", "f1", "0"), "-ERR Function not found\r\n");
    assert_string_equal(CALL(w, "FCALL", "f2", "0"), "-ERR Function not found\r\n");
    assert_string_equal(CALL(w, "FCALL", "f3", "0"), "$-1\r\n");
    expect_load(w, "#!lua name=c\n" FUNCTION("F2", ""), "$1\r\nc\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "FLUSH", "async"), "+OK\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "LIST"), "*0\r\n");
    assert_int_equal(keyspace_count(w->keyspace, KEYSPACE_FUNCTIONS), 0);
    assert_string_equal(CALL(w, "FUNCTION", "FLUSH", "now"),
                        "-ERR FUNCTION FLUSH only supports SYNC|ASYNC option\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "FLUSH", "SYNC", "x"),
                        "-ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try "
                        "FUNCTION HELP.\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "LOAD", "x", "y"), "-ERR Unknown option given: x\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "LIST", "x"), "-ERR Unknown argument x\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "LIST", "LIBRARYNAME"),
                        "-ERR library name argument was not given\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "KILL"),
                        "-NOTBUSY No scripts in execution right now.\r\n");
    assert_non_null(strstr(CALL(w, "FUNCTION", "HELP"), "+RESTORE serialized-value"));
}

static void test_function__knows_which_subcommands_read(void **state)
{
    struct world *w = *state;
    const struct command *row = command_find(&w->table, slice_str("function"));
    struct slice words[] = {slice_str("function"), slice_str("list")};

    assert_true((command_for(row, 2, words)->flags & COMMAND_READ) != 0);
    words[1] = slice_str("delete");
    assert_int_equal(command_for(row, 2, words)->flags & (COMMAND_WRITE | COMMAND_DENY_OOM),
                     COMMAND_WRITE);
    words[1] = slice_str("load");
    assert_true((command_for(row, 2, words)->flags & COMMAND_DENY_OOM) != 0);
    assert_true((row->flags & COMMAND_WRITE) != 0);
    assert_string_equal(command_for(row, 2, words)->name, "FUNCTION");
}

/* --- DUMP, RESTORE --------------------------------------------------------------------------- */

static const char *restore(struct world *w, struct slice dump, const char *policy)
{
    struct slice arguments[] = {slice_str("FUNCTION"), slice_str("RESTORE"), dump,
                                slice_str(policy)};

    return run(w, *policy == '\0' ? 3 : 4, arguments);
}

/* What FUNCTION DUMP replies, without its header and its end; the caller frees it. */
static struct slice dump(struct world *w)
{
    const char *reply = CALL(w, "FUNCTION", "DUMP");
    size_t size = strtoul(reply + 1, NULL, 10);
    const char *at = strstr(reply, "\r\n") + 2;
    char *copy = malloc(size);

    assert_non_null(copy);
    memcpy(copy, at, size);
    return slice_of(copy, size);
}

/* What Redis 7.0 has dumped. */
static const char of_redis[] =
    "\xf5\x40\x4d#!lua name=lib\nredis.register_function('f1',function(keys,args) return 1 end)"
    "\n\0\x7b\xb7\x5a\x4c\xda\x30\xf6\x02";
static const char of_candidate[] =
    "\xf6\x03old\x03LUA\x01\x04"
    "desc\x34redis.register_function('z',function() return 7 end)\n\0\0\0\0\0\0\0\0\0";

static void test_function__dumps_and_restores(void **state)
{
    struct world *w = *state;
    struct slice empty = dump(w);
    struct slice both;

    assert_int_equal(empty.size, 10);
    assert_string_equal(restore(w, slice_of(of_redis, sizeof of_redis - 1), ""), "+OK\r\n");
    both = dump(w);
    assert_true(slice_equal(both, slice_of(of_redis, sizeof of_redis - 1)));
    free((void *)(uintptr_t)both.data);
    assert_string_equal(CALL(w, "FCALL", "f1", "0"), ":1\r\n");
    assert_string_equal(restore(w, slice_of(of_candidate, sizeof of_candidate - 1), "APPEND"),
                        "+OK\r\n");
    assert_string_equal(CALL(w, "FCALL", "z", "0"), ":7\r\n");
    both = dump(w);
    assert_string_equal(restore(w, both, "append"), "-ERR Library lib already exists\r\n");
    assert_string_equal(restore(w, both, "REPLACE"), "+OK\r\n");
    assert_string_equal(restore(w, empty, "FLUSH"), "+OK\r\n");
    assert_string_equal(CALL(w, "FUNCTION", "LIST"), "*0\r\n");
    assert_string_equal(restore(w, both, ""), "+OK\r\n");
    assert_string_equal(CALL(w, "FCALL", "z", "0"), ":7\r\n");
    free((void *)(uintptr_t)both.data);
    free((void *)(uintptr_t)empty.data);
}

/* Either all of its libraries are stored, or none. */
static void test_function__restores_nothing_of_what_is_wrong(void **state)
{
#define TEXT(name, function)                                                                       \
    "\xf5\x34#!lua name=" name "\nredis.register_function('" function "',redis.log)"
#define END "\n\0\0\0\0\0\0\0\0\0"
    static const struct {
        const char *text;
        size_t size;
        const char *reply;
    } dumps[] = {
#define WRONG(text, reply) {text END, sizeof(text END) - 1, reply}
        WRONG("\xf4", "-ERR given type is not a function\r\n"),
        WRONG("\xf5", "-ERR Failed loading library payload\r\n"),
        WRONG("\xf6\x03old", "-ERR Failed loading engine name\r\n"),
        WRONG("\xf5\x02xx", "-ERR Missing library metadata\r\n"),
        WRONG(TEXT("a", "ab") TEXT("a", "ac"), "-ERR Library 'a' already exists\r\n"),
        WRONG(TEXT("a", "ab") TEXT("b", "AB"), "-ERR Function AB already exists\r\n"),
        WRONG(TEXT("a", "ab") TEXT("b", "f9"), "-ERR Function f9 already exists\r\n"),
        WRONG(TEXT("a", "ab") "\xf5\x7f", "-ERR Failed loading library payload\r\n"),
        {"\n\0\1\1\1\1\1\1\1\1", 10, "-ERR DUMP payload version or checksum are wrong\r\n"},
        {"short", 5, "-ERR DUMP payload version or checksum are wrong\r\n"},
    };
    struct world *w = *state;
    uint64_t digest;

    expect_load(w, HEAD FUNCTION("f9", ""), "$3\r\nlib\r\n");
    digest = keyspace_digest(w->keyspace);
    for (size_t i = 0; i < sizeof dumps / sizeof dumps[0]; i++) {
        assert_string_equal(restore(w, slice_of(dumps[i].text, dumps[i].size), "REPLACE"),
                            dumps[i].reply);
        assert_true(keyspace_digest(w->keyspace) == digest);
    }
    assert_string_equal(restore(w, slice_str("x"), "what"),
                        "-ERR Wrong restore policy given, value should be either FLUSH, APPEND or "
                        "REPLACE.\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(test_library__is_named_in_its_first_line),
        TEST(test_library__registers_functions_in_two_forms),
        TEST(test_library__sees_little_while_it_is_loaded),
        TEST(test_library__can_not_register_later),
        TEST(test_library__that_fails_leaves_what_was_there),
        TEST(test_library__ends_loading_after_a_number_of_steps),
        TEST(test_function__has_the_steps_that_loading_leaves),
        TEST(test_libraries__are_limited_in_number_and_size),
        TEST(test_function__has_the_errors_of_redis),
        TEST(test_function__writes_only_if_it_may),
        TEST(test_function__begins_alike_whatever_ran_before),
        TEST(test_function__lists_deletes_and_counts),
        TEST(test_function__knows_which_subcommands_read),
        TEST(test_function__dumps_and_restores),
        TEST(test_function__restores_nothing_of_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
