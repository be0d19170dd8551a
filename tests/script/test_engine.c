/* Scripts: what they return, what they can't reach, where they end, and that each begins alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv/keyspace.h"
#include "kv/kv.h"
#include "script/cache.h"
#include "script/engine.h"
#include "script/sha1.h"
#include "script_world.h"

static void expect(struct world *w, const char *script, const char *reply)
{
    const char *got = eval(w, script);

    if (strcmp(got, reply) != 0) {
        print_error("script: %s\n", script);
    }
    assert_string_equal(got, reply);
}

/* An error that begins so, and then names the script. */
static void expect_error(struct world *w, const char *script, const char *text)
{
    const char *got = eval(w, script);

    if (got[0] != '-' || strncmp(got + 1, text, strlen(text)) != 0) {
        print_error("script: %s\nreply: %s\nnot: %s\n", script, got, text);
        fail();
    }
}

/* --- conversion ------------------------------------------------------------------------------ */

static void test_script__converts_values_as_redis_does(void **state)
{
    struct world *w = *state;

    expect(w, "return 1.9", ":1\r\n");
    expect(w, "return -1.9", ":-1\r\n");
    expect(w, "return true", ":1\r\n");
    expect(w, "return false", "$-1\r\n");
    expect(w, "return nil", "$-1\r\n");
    expect(w, "return", "$-1\r\n");
    expect(w, "", "$-1\r\n");
    expect(w, "return {1,2,nil,4}", "*2\r\n:1\r\n:2\r\n");
    expect(w, "return {1,{'a',{}},'x'}", "*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n$1\r\nx\r\n");
    expect(w, "return {ok='fine'}", "+fine\r\n");
    expect(w, "return {err='bad\\nthing'}", "-bad thing\r\n");
    expect(w, "return {foo=1}", "*0\r\n");
    expect(w, "return {double=1.5}", "$3\r\n1.5\r\n");
    expect(w, "return {map={a=1}}", "*2\r\n$1\r\na\r\n:1\r\n");
    expect(w, "return {set={a=true}}", "*1\r\n$1\r\na\r\n");
    expect(w, "return {big_number='12345'}", "$5\r\n12345\r\n");
    expect(w, "return {verbatim_string={string='x',format='txt'}}", "$1\r\nx\r\n");
    expect(w, "return 3e20", ":-9223372036854775808\r\n");
    expect(w, "return function() end", "$-1\r\n");
    expect(w, "return redis.error_reply('MY ERR')", "-MY ERR\r\n");
    expect(w, "return redis.error_reply('-MY ERR')", "-MY ERR\r\n");
    expect(w, "return redis.error_reply('oneword')", "-ERR oneword\r\n");
    expect(w, "return redis.status_reply('hey')", "+hey\r\n");
    expect(w, "return redis.status_reply(1)", "-ERR wrong number or type of arguments\r\n");
    w->version = 3;
    expect(w, "return nil", "_\r\n");
    expect(w, "return true", ":1\r\n");
    expect(w, "redis.setresp(3) return true", "#t\r\n");
    expect(w, "return {map={a=1}}", "%1\r\n$1\r\na\r\n:1\r\n");
    expect(w, "return {big_number='12345'}", "(12345\r\n");
    expect(w, "return {verbatim_string={string='x',format='txt'}}", "=5\r\ntxt:x\r\n");
}

static void test_script__calls_commands(void **state)
{
    struct world *w = *state;

    expect(w, "return redis.call('set','k','v')", "+OK\r\n");
    expect(w, "return redis.call('set','k','v').ok", "$2\r\nOK\r\n");
    expect(w, "return redis.call('get','k')", "$1\r\nv\r\n");
    expect(w, "return redis.call('get','nokey') == false", ":1\r\n");
    expect(w, "redis.setresp(3) return redis.call('get','nokey') == nil", ":1\r\n");
    expect(w, "return redis.call('mget','k','nokey')", "*2\r\n$1\r\nv\r\n$-1\r\n");
    expect(w, "return redis.call('exists','k') + 1", ":2\r\n");
    expect(w, "redis.call('set','k',3.5) return redis.call('get','k')", "$3\r\n3.5\r\n");
    expect(w, "redis.call('set','k',1e15) return redis.call('get','k')",
           "$16\r\n1000000000000000\r\n");
    expect(w, "redis.call('set','k',0.1) return redis.call('get','k')",
           "$19\r\n0.10000000000000001\r\n");
    expect(w, "redis.call('set','k',-0.0) return redis.call('get','k')", "$2\r\n-0\r\n");
    expect(w, "redis.call('select',3) redis.call('set','j',1) return redis.call('dbsize')",
           ":1\r\n");
    expect(w, "return redis.call('exists','j')", ":0\r\n");
    expect(w, "return redis.call('time')", "*2\r\n$10\r\n1234567890\r\n$6\r\n123456\r\n");
    assert_string_equal(
        CALL(w, "EVAL", "return {KEYS[1],KEYS[2],ARGV[1],#ARGV}", "2", "a", "b", "c"),
        "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n:1\r\n");
}

#define SHA_OF_ERROR "9851144f39f03a0d597a980c5aa79c80cb696891"

static void test_script__has_the_errors_of_redis(void **state)
{
    struct world *w = *state;

    expect(w, "error('x')",
           "-ERR user_script:1: x script: " SHA_OF_ERROR ", on @user_script:1.\r\n");
    expect_error(w, "error({err='hello'})", "hello script: ");
    expect_error(w, "error({1})", "ERR unknown error script: ");
    expect_error(w, "error(nil)", "ERR user_script: the error is a nil value script: ");
    expect_error(w, "\nlocal t = {} ; return t.x.y",
                 "ERR user_script:2: attempt to index field 'x' (a nil value) script: ");
    expect_error(w, "return foo",
                 "ERR user_script:1: Script attempted to access nonexistent global variable 'foo'");
    expect_error(w, "redis.call('getset')",
                 "ERR Wrong number of args calling Redis command from script script: ");
    expect_error(w, "redis.call('nosuch')",
                 "ERR Unknown Redis command called from script script: ");
    expect_error(w, "redis.call()",
                 "ERR Please specify at least one argument for this redis lib call script: ");
    expect_error(w, "redis.call({})",
                 "ERR Lua redis lib command arguments must be strings or integers script: ");
    expect_error(w, "redis.call('eval','return 1',0)",
                 "ERR This Redis command is not allowed from script script: ");
    expect(w, "return redis.pcall('nosuch')", "-ERR Unknown Redis command called from script\r\n");
    expect(w, "local ok,e = pcall(redis.call,'nosuch') return {tostring(ok), e}",
           "*2\r\n$5\r\nfalse\r\n$44\r\nERR Unknown Redis command called from script\r\n");
    expect_error(w, "syntax error here",
                 "ERR Error compiling script (new function): user_script:1: '=' expected near "
                 "'error'\r\n");
    assert_string_equal(CALL(w, "EVAL", "return 1", "x"),
                        "-ERR value is not an integer or out of range\r\n");
    assert_string_equal(CALL(w, "EVAL", "return 1", "1"),
                        "-ERR Number of keys can't be greater than number of args\r\n");
    assert_string_equal(CALL(w, "EVAL", "return 1", "-1"),
                        "-ERR Number of keys can't be negative\r\n");
}

/* --- the sandbox ------------------------------------------------------------------------------ */

static void test_script__changes_nothing_but_its_own(void **state)
{
    static const char *const attempts[] = {
        "foo = 1",
        "redis.call = 1",
        "redis = 1",
        "rawset(_G,'x',1)",
        "string.foo = 1",
        "_G.x = 1",
        "cjson.x = 1",
        "setmetatable(_G,{})",
        "setmetatable(redis,{})",
        "getmetatable(_G).__index = 1",
        "rawset(redis,'x',1)",
        "KEYS = 1",
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        expect_error(w, attempts[i], "ERR user_script:1: Attempt to modify a readonly table");
    }
}

static void test_script__reaches_nothing_outside(void **state)
{
    static const char *const names[] = {
        "io",    "os",       "package", "require", "module",    "dofile", "loadfile",       "print",
        "debug", "newproxy", "getfenv", "setfenv", "coroutine", "gcinfo", "collectgarbage",
    };
    struct world *w = *state;
    char script[64];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(script, sizeof script, "return %s", names[i]);
        expect_error(w, script,
                     "ERR user_script:1: Script attempted to access nonexistent global variable");
    }
    expect(w, "return string.dump", "$-1\r\n");
    expect(w, "return tostring({}) .. tostring(redis.call)", "$13\r\ntablefunction\r\n");
}

/* Their replies differ from node to node, or they would begin another script within this one. */
static void test_script__may_not_call_all_commands(void **state)
{
    static const char *const calls[] = {
        "return redis.call('RANDOMKEY')",           "return redis.call('HRANDFIELD', 'h')",
        "return redis.call('MEMORY', 'DOCTOR')",    "return redis.call('EVAL_RO', 'return 1', 0)",
        "return redis.call('EVAL', 'return 1', 0)", "return redis.call('EVALSHA_RO', 'x', 0)",
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        expect_error(w, calls[i], "ERR This Redis command is not allowed from script");
    }
}

static void test_script__takes_no_compiled_code(void **state)
{
    struct world *w = *state;

    expect_error(w, "\033Lua", "ERR Error compiling script (new function): compiled code");
    expect(w, "return {loadstring('\\27Lua')}", "*0\r\n");
    assert_non_null(strstr(eval(w, "return select(2, loadstring('\\27Lua'))"), "not taken"));
    assert_non_null(strstr(eval(w, "local n = 0 return select(2, load(function() n = n + 1 return "
                                   "({'\\27Lua'})[n] end))"),
                           "not taken"));
    expect(w, "return loadstring('return 5')()", ":5\r\n");
    expect(w, "local n = 0 return load(function() n = n + 1 return ({'return ', '6'})[n] end)()",
           ":6\r\n");
}

/* Those that the source does not mention are opened when they are looked up. */
static void test_libraries__are_there_whatever_the_source_mentions(void **state)
{
    struct world *w = *state;

    expect(w, "return _G['ma' .. 'th'].floor(2.5)", ":2\r\n");
    expect(w, "return _G['cj' .. 'son'].encode({1})", "$3\r\n[1]\r\n");
    expect(w, "return #_G['cms' .. 'gpack'].pack(1) + #_G['str' .. 'uct'].pack('b', 1)", ":2\r\n");
    expect(w, "return _G['b' .. 'it'].bor(1, 2)", ":3\r\n");
    expect_error(w, "_G['ma' .. 'th'].x = 1", "ERR user_script:1: Attempt to modify a readonly");
    expect_error(w, "local x = _G['cj' .. 'son'] y = 1",
                 "ERR user_script:1: Attempt to modify a readonly table");
    expect_error(w, "return _G['ma' .. 'the']",
                 "ERR user_script:1: Script attempted to access nonexistent global variable");
}

static void test_libraries__pack_as_redis_does(void **state)
{
    struct world *w = *state;

    expect(w, "return struct.pack('>I2hb', 258, -2, 3)", "$5\r\n\001\002\377\376\003\r\n");
    expect(w, "return {struct.unpack('>I2<hb', struct.pack('>I2<hb', 258, -2, 3))}",
           "*4\r\n:258\r\n:-2\r\n:3\r\n:6\r\n");
    expect(w, "return {struct.unpack('>Hc0', struct.pack('>Hc0', 3, 'abc'))}",
           "*2\r\n$3\r\nabc\r\n:6\r\n");
    expect(w, "return {struct.unpack('sd', struct.pack('sd', 'ab', 0.5))}",
           "*3\r\n$2\r\nab\r\n:0\r\n:12\r\n");
    expect(w, "return struct.size('>I8ifb')", ":17\r\n");
    expect_error(w, "struct.unpack('I4', 'abc')", "ERR user_script:1: bad argument #2");
    expect_error(w, "struct.pack('i99', 1)", "ERR user_script:1: integral size 99");
    expect(w, "return cmsgpack.pack({1, -1, 'a', true, 300})",
           "$9\r\n\x95\001\xff\xa1"
           "a\xc3\xcd\001\x2c\r\n");
    expect(w, "return cmsgpack.unpack(cmsgpack.pack({1, {'x', -70000}, 1e10}))",
           "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n:-70000\r\n:10000000000\r\n");
    expect(w, "return cmsgpack.unpack(cmsgpack.pack({a = 1.5})).a * 2", ":3\r\n");
    expect(w, "return {cmsgpack.unpack_one(cmsgpack.pack(7, 8))}", "*2\r\n:1\r\n:7\r\n");
    expect(w, "return {cmsgpack.unpack_limit(cmsgpack.pack(7, 8), 2)}",
           "*3\r\n:-1\r\n:7\r\n:8\r\n");
    expect_error(w, "cmsgpack.unpack('\\147a')", "ERR user_script:1: Missing bytes");
    expect_error(w, "cmsgpack.unpack('\\193')", "ERR user_script:1: Bad data format");
    expect_error(w, "cmsgpack.unpack(string.rep('\\145', 1000))", "ERR user_script:1: Bad data");
    expect(w, "return bit.band(12, 10) + bit.lshift(1, 4)", ":24\r\n");
    expect(w, "return bit.tohex(65535, -2147483648)", "$8\r\n0000FFFF\r\n");
    expect(w, "return bit.tohex(65535, 2147483648)", "$8\r\n0000ffff\r\n");
    expect(w, "return bit.tohex(255, 2) .. bit.tohex(255)", "$10\r\nff000000ff\r\n");
}

/* --- bounds ----------------------------------------------------------------------------------- */

static const char over[] = "ERR the script took too many steps";
static const char memory[] = "ERR the script took too much memory";

static void test_script__ends_after_a_number_of_steps(void **state)
{
    static const char *const endless[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() return f() end return f()",
        "while true do pcall(error, 'x') end",
        "xpcall(function() while true do end end, error) while true do end",
        "xpcall(error, function() while true do end end) while true do end",
        "for i = 1, 1e9 do redis.call('get', 'k') end",
        "local s = string.rep('a', 1e5) while true do local t = s .. 'b' end",
        "local s = string.rep('a', 1e6) while true do local t = s < s .. 'b' end",
        "return string.find(string.rep('a', 1e4), '.-.-.-.-b')",
        "return string.match(string.rep('(', 1e5), '%b()')",
        "return string.gsub(string.rep('a', 1e5), '.*.*b', '')",
        "while true do string.rep('', 1e9) end",
        "local t = {} for i = 1, 1e4 do t[i] = '' end while true do table.concat(t) end",
        "local t = {} for i = 1, 1e4 do t[i] = i end while true do table.insert(t, 1, 1) end",
        "local t = {} for i = 1, 1e4 do t[i] = i end while true do table.sort(t) end",
        "local t = {} for i = 1, 7000 do t[i] = i end while true do unpack(t) end",
        "while true do loadstring('return 1') end",
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        expect_error(w, endless[i], over);
        assert_true(w->work >= SCRIPT_STEPS_MAX);
    }
    expect(w, "local n = 0 for i = 1, 1e5 do n = n + i end return n", ":5000050000\r\n");
}

/* What the library does in one call costs as much as if the script did it. */
static void test_script__can_not_buy_steps(void **state)
{
    static const struct {
        const char *script, *error;
    } scripts[] = {
        {"local c, a, b = table.concat, -2^63, 2^63 - 1024 while true do c({}, '', a, b) end",
         over},
        {"return unpack({}, -2^62, 2^62)", "ERR user_script:1: too many results to unpack"},
        {"local s = string.rep('1', 1e6) for i = 1, 100 do local n = s + 0 end", over},
        {"local a, b = string.rep('a', 1e6), 'b' for i = 1, 200 do local s = a .. b end", over},
        {"return string.find(string.rep('b', 2e4), '[' .. string.rep('a', 2e4) .. ']')", over},
        {"return string.find(string.rep('a', 2e4), '[' .. string.rep('b', 2e4) .. 'a]*')", over},
        {"return string.find(string.rep('b', 2e4), '%f[' .. string.rep('a', 2e4) .. ']')", over},
        {"return string.gsub(string.rep('b', 500), '(x*)', string.rep('%1', 2e5))", over},
        {"local k = string.rep('k', 1e6) local t = {} for i = 1, 100 do t[i] = k end "
         "for i = 1, 100 do redis.call('exists', unpack(t)) end",
         over},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        expect_error(w, scripts[i].script, scripts[i].error);
    }
}

/* A table may stand for a long string many times. */
static void test_script__has_replies_of_limited_size_whatever_they_are_made_of(void **state)
{
    static const char *const elements[] = {"{ok = s}", "{err = s}", "{big_number = s}",
                                           "{verbatim_string = {string = s, format = 'txt'}}"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        char script[256];

        snprintf(script, sizeof script,
                 "redis.setresp(3) local s = string.rep('x', 1e6) local t = %s local r = {} "
                 "for i = 1, 100 do r[i] = t end return r",
                 elements[i]);
        expect_error(w, script, "ERR");
    }
}

/* cjson believes then that it has more memory than it has. */
static void test_script__ends_when_cjson_has_no_memory(void **state)
{
    struct world *w = *state;

    expect_error(w,
                 "local f = {} for i = 1, 10 do f[i] = string.rep('f', 60000) .. i end "
                 "local s = string.rep('x', 100000) local t = {} for i = 1, 52 do t[i] = s end "
                 "pcall(cjson.encode, t) local v = {} "
                 "for i = 1, 300 do v[i] = string.rep('v', 500) .. i end "
                 "pcall(cjson.encode, t) for i = 1, 300 do local x = v[i]:sub(1, 1) end",
                 "ERR");
    expect(w, "return cjson.encode({1, 2})", "$5\r\n[1,2]\r\n");
}

static void test_script__ends_when_its_memory_is_full(void **state)
{
    struct world *w = *state;

    expect_error(w, "local s = '0123456789' while true do s = s .. s end", memory);
    expect(w, "return #string.rep('x', 1e6)", ":1000000\r\n");
}

static void test_script__has_replies_of_limited_depth_and_size(void **state)
{
    struct world *w = *state;

    expect_error(w, "local t = {} t[1] = t return t", "ERR reached lua stack limit");
    expect_error(w, "local t = {} for i = 1, 40 do t[i] = string.rep('x', 1e6) end return t",
                 "ERR the ");
}

static void test_script__enlarges_the_data_within_limits(void **state)
{
    struct world *w = *state;

    expect_error(w, "redis.call('setrange', 'k', 5e8, 'x')", "OOM the script would enlarge");
    expect_error(w, "for i = 1, 1000 do redis.call('set', i, string.rep('x', 1e4)) end",
                 "OOM the script would enlarge");
    expect(w, "return redis.call('setrange', 'j', 1e5, 'x')", ":100001\r\n");
    expect(w, "return redis.call('append', 'j', 'x')", ":100002\r\n");
}

/* What it wrote before an error stays, as in Redis. */
static void test_script__may_copy(void **state)
{
    struct world *w = *state;

    expect(w, "redis.call('SET', 'from', '1') return redis.call('COPY', 'from', 'to')", ":1\r\n");
    expect(w, "return redis.call('GET', 'to')", "$1\r\n1\r\n");
}

static void test_script__keeps_what_it_wrote_before_an_error(void **state)
{
    struct world *w = *state;

    expect_error(w, "redis.call('set', 'k', 'v') while true do end", over);
    expect(w, "return redis.call('get', 'k')", "$1\r\nv\r\n");
}

/* --- determinism ------------------------------------------------------------------------------ */

static const char *const corpus[] = {
    "return tostring(math.random()) .. math.random(100)",
    "local s = '' for k in pairs({a=1,b=2,c=3,[{}]=4,[redis.call]=5,[1.5]=6}) do "
    "s = s .. tostring(k) .. ',' end return s",
    "local t = {} for i = 1, 50 do t[{}] = i end local s = '' for _, v in pairs(t) do "
    "s = s .. v .. ',' end return s",
    "local s = '0123456789' local ok = pcall(function() while true do s = s .. s end end) "
    "return #s",
    "return tostring(math.sin(1)) .. tostring(2^0.3) .. tostring(math.exp(1.5))",
    "return cjson.encode({a=1,b={1,2,3},c='x',d=1.5})",
};

enum { CORPUS_COUNT = sizeof corpus / sizeof corpus[0] };

static void test_script__begins_alike_whatever_ran_before(void **state)
{
    struct world *w = *state;
    char *first[CORPUS_COUNT];
    uint64_t work[CORPUS_COUNT];

    for (size_t i = 0; i < CORPUS_COUNT; i++) {
        first[i] = strdup(eval(w, corpus[i]));
        work[i] = w->work;
        assert_int_not_equal(first[i][0], '-');
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = CORPUS_COUNT; i-- > 0;) {
            char filler[64];

            /* More scripts than are kept compiled. */
            for (int n = 0; n < (round == 0 ? 0 : 40); n++) {
                snprintf(filler, sizeof filler, "local t = {} t[{}] = %d return math.random()", n);
                eval(w, filler);
            }
            eval(w, "while true do local t = {{}} end");
            assert_string_equal(eval(w, corpus[i]), first[i]);
            assert_int_equal(w->work, work[i]);
        }
    }
    for (size_t i = 0; i < CORPUS_COUNT; i++) {
        free(first[i]);
    }
}

/* --- the cache -------------------------------------------------------------------------------- */

static void test_cache__finds_what_was_evaluated_or_loaded(void **state)
{
    static const char sha[] = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
    static const char upper[] = "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB";
    struct world *w = *state;

    assert_string_equal(CALL(w, "EVALSHA", sha, "0"),
                        "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    expect(w, "return 1", ":1\r\n");
    assert_string_equal(CALL(w, "EVALSHA", sha, "0"), ":1\r\n");
    assert_string_equal(CALL(w, "EVALSHA", upper, "0"), ":1\r\n");
    assert_string_equal(CALL(w, "EVALSHA_RO", sha, "0"), ":1\r\n");
    assert_string_equal(CALL(w, "SCRIPT", "EXISTS", sha, "x"), "*2\r\n:1\r\n:0\r\n");
    assert_string_equal(CALL(w, "SCRIPT", "FLUSH"), "+OK\r\n");
    assert_string_equal(CALL(w, "SCRIPT", "EXISTS", upper), "*1\r\n:0\r\n");
    assert_string_equal(CALL(w, "SCRIPT", "LOAD", "return 1"),
                        "$40\r\ne0e1f9fabfc9d4800c877a703b823ac0578ff8db\r\n");
    assert_string_equal(CALL(w, "SCRIPT", "EXISTS", upper), "*1\r\n:1\r\n");
    assert_string_equal(CALL(w, "SCRIPT", "KILL"),
                        "-NOTBUSY No scripts in execution right now.\r\n");
    assert_string_equal(CALL(w, "SCRIPT", "FLUSH", "BAD"),
                        "-ERR SCRIPT FLUSH only support SYNC|ASYNC option\r\n");
    assert_string_equal(CALL(w, "EVAL_RO", "return redis.pcall('set','a','b')", "0"),
                        "-ERR Write commands are not allowed from read-only scripts.\r\n");
}

static void test_cache__drops_the_oldest_that_was_evaluated(void **state)
{
    struct world *w = *state;
    char body[32];
    char sha[SHA1_DIGITS];
    struct slice found;

    CALL(w, "SCRIPT", "LOAD", "return 0");
    expect(w, "return 1", ":1\r\n");
    for (int i = 2; i < CACHE_EVALUATED_MAX + 2; i++) {
        snprintf(body, sizeof body, "return %d", i);
        sha1_digits(slice_str(body), sha);
        cache_note(w->keyspace, sha, slice_str(body));
    }
    assert_true(cache_find(w->keyspace, sha, &found));
    sha1_digits(slice_str("return 1"), sha);
    assert_false(cache_find(w->keyspace, sha, &found));
    sha1_digits(slice_str("return 2"), sha);
    assert_true(cache_find(w->keyspace, sha, &found));
    sha1_digits(slice_str("return 0"), sha);
    assert_true(cache_find(w->keyspace, sha, &found));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(test_script__converts_values_as_redis_does),
        TEST(test_script__calls_commands),
        TEST(test_script__has_the_errors_of_redis),
        TEST(test_script__changes_nothing_but_its_own),
        TEST(test_script__reaches_nothing_outside),
        TEST(test_script__takes_no_compiled_code),
        TEST(test_script__may_not_call_all_commands),
        TEST(test_script__can_not_buy_steps),
        TEST(test_script__may_copy),
        TEST(test_script__has_replies_of_limited_size_whatever_they_are_made_of),
        TEST(test_script__ends_when_cjson_has_no_memory),
        TEST(test_libraries__are_there_whatever_the_source_mentions),
        TEST(test_libraries__pack_as_redis_does),
        TEST(test_script__ends_after_a_number_of_steps),
        TEST(test_script__ends_when_its_memory_is_full),
        TEST(test_script__has_replies_of_limited_depth_and_size),
        TEST(test_script__enlarges_the_data_within_limits),
        TEST(test_script__keeps_what_it_wrote_before_an_error),
        TEST(test_script__begins_alike_whatever_ran_before),
        TEST(test_cache__finds_what_was_evaluated_or_loaded),
        TEST(test_cache__drops_the_oldest_that_was_evaluated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
