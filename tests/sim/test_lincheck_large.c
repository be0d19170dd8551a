/* The checker on long histories made by executing operations one by one, each at an instant
 * within its interval: always linearizable, until one reply is changed. Also its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/prng.h"
#include "lincheck/lincheck.h"

enum { CLIENTS_MAX = 64, VALUE_BYTES = 256 };

/* --- executions ---------------------------------------- */

struct key {
    char value[VALUE_BYTES];
    bool is_there;
    uint32_t age;  /* Operations so far. */
    uint32_t open; /* Open ones of these. */
    uint32_t name;
};

struct execution {
    struct prng random;
    uint32_t client_count;
    uint32_t key_count;  /* In use at a time. */
    uint32_t retire_age; /* After so many operations a key is replaced by another. */
    uint32_t open_max;   /* Per key. */
    struct key *keys;    /* Owned. */
    uint32_t next_name;  /* Of a key. */
    uint64_t now;        /* The instant of the next execution. */
    uint64_t free_at[CLIENTS_MAX];
    struct buffer text;
};

static void begin(struct execution *x, uint64_t seed)
{
    x->random.state = seed;
    x->keys = memory_take_zeroed(x->key_count, sizeof *x->keys);
    for (uint32_t i = 0; i < x->key_count; i++) {
        x->keys[i].name = x->next_name++;
    }
    history_write_header(&x->text);
}

static void end(struct execution *x)
{
    free(x->keys);
    buffer_deinit(&x->text);
}

static void say_value(struct buffer *out, const struct key *key)
{
    if (key->is_there) {
        buffer_printf(out, "\"%s\"", key->value);
    } else {
        buffer_printf(out, "nil");
    }
}

static void set_value(struct key *key, char kind, uint32_t number)
{
    snprintf(key->value, sizeof key->value, "%c%" PRIu32, kind, number);
    key->is_there = true;
}

/* Executes a random write; appends its command, and its reply after `reply`. */
static void execute_write(struct execution *x, struct key *key, uint32_t number,
                          struct buffer *command, struct buffer *reply)
{
    size_t size = key->is_there ? strlen(key->value) : 0;
    uint64_t chance = prng_below(&x->random, 6);

    if (chance == 0 && size < VALUE_BYTES - 16) {
        snprintf(key->value + size, sizeof key->value - size, ",%" PRIu32, number);
        key->is_there = true;
        buffer_printf(command, "APPEND k%" PRIu32 " ,%" PRIu32, key->name, number);
        buffer_printf(reply, ":%zu", strlen(key->value));
    } else if (chance == 1) {
        buffer_printf(command, "DEL k%" PRIu32, key->name);
        buffer_printf(reply, ":%d", key->is_there);
        key->is_there = false;
        key->value[0] = '\0';
    } else if (chance == 2) {
        buffer_printf(command, "GETSET k%" PRIu32 " g%" PRIu32, key->name, number);
        say_value(reply, key);
        set_value(key, 'g', number);
    } else {
        buffer_printf(command, "SET k%" PRIu32 " s%" PRIu32, key->name, number);
        buffer_printf(reply, "+OK");
        set_value(key, 's', number);
    }
}

static struct key *next_key(struct execution *x)
{
    struct key *key = &x->keys[prng_below(&x->random, x->key_count)];

    if (key->age >= x->retire_age) {
        *key = (struct key){.name = x->next_name++};
    }
    key->age++;
    return key;
}

static uint32_t next_client(struct execution *x)
{
    uint32_t client = (uint32_t)prng_below(&x->random, x->client_count);

    for (uint32_t i = 0; x->free_at[client] > x->now; i++) {
        client = (client + 1) % x->client_count;
        x->now += i >= x->client_count ? 10 : 0;
    }
    return client;
}

/* An open write that was never executed leaves only its line. */
static void execute(struct execution *x, uint32_t number)
{
    x->now += 1 + prng_below(&x->random, 20);

    struct key *key = next_key(x);
    uint32_t client = next_client(x);
    uint64_t earliest = x->now < 100 ? 0 : x->now - 100;

    earliest = x->free_at[client] > earliest ? x->free_at[client] : earliest;

    uint64_t call = prng_between(&x->random, earliest, x->now);
    uint64_t back = x->now + prng_below(&x->random, 100);
    bool is_open = key->open < x->open_max && prng_chance(&x->random, 1, 20);
    struct buffer command = {0};
    struct buffer reply = {0};

    x->free_at[client] = back + 1;
    if (is_open) {
        struct key before = *key;

        execute_write(x, key, number, &command, &reply);
        if (prng_chance(&x->random, 1, 2)) {
            *key = before;
        }
        key->open++;
        buffer_printf(&x->text, "c%" PRIu32 " %" PRIu64 " ? ", client, call);
        buffer_append_slice(&x->text, buffer_slice(&command));
    } else {
        if (prng_chance(&x->random, 1, 2)) {
            execute_write(x, key, number, &command, &reply);
        } else {
            buffer_printf(&command, "GET k%" PRIu32, key->name);
            say_value(&reply, key);
        }
        buffer_printf(&x->text, "c%" PRIu32 " %" PRIu64 " %" PRIu64 " ", client, call, back);
        buffer_append_slice(&x->text, buffer_slice(&command));
        buffer_append_slice(&x->text, slice_str(" -> "));
        buffer_append_slice(&x->text, buffer_slice(&reply));
    }
    buffer_append_slice(&x->text, slice_str("\n"));
    buffer_deinit(&command);
    buffer_deinit(&reply);
}

static void judge(const struct execution *x, const struct lincheck_options *options,
                  enum lincheck_outcome expected, struct lincheck_result *ret_result)
{
    struct history *h = history_new();
    struct buffer error = {0};

    if (history_read(h, "text", buffer_slice(&x->text), &error) < 0) {
        fail_msg("%.*s", (int)buffer_size(&error), buffer_begin(&error));
    }
    lincheck_run(h, options, ret_result);
    if (ret_result->outcome != expected) {
        fail_msg("outcome %d, expected %d\n%.*s", ret_result->outcome, expected,
                 (int)buffer_size(&ret_result->text), buffer_slice(&ret_result->text).data);
    }
    history_free(h);
}

/* --- verdicts ---------------------------------------- */

static void test_lincheck__accepts_whatever_was_executed_atomically(void **state)
{
    struct lincheck_options options = {.explanations_max = 1, .step_limit = 20000000};

    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct execution x = {
            .client_count = 2 + (uint32_t)seed % 15,
            .key_count = 1 + (uint32_t)seed % 4,
            .retire_age = 300,
            .open_max = (uint32_t)seed % 6,
        };
        struct lincheck_result result;

        begin(&x, seed);
        for (uint32_t i = 0; i < 1000; i++) {
            execute(&x, i);
        }
        judge(&x, &options, LINCHECK_LINEARIZABLE, &result);
        assert_int_equal(result.operation_count, 1000);
        lincheck_result_deinit(&result);
        end(&x);
    }
}

/* A last read, after everything, that sees the value before the last write. */
static void test_lincheck__finds_one_stale_read_in_a_long_history(void **state)
{
    struct lincheck_options options = {.explanations_max = 1, .step_limit = 20000000};

    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct execution x = {
            .client_count = 2 + (uint32_t)seed % 15,
            .key_count = 1,
            .retire_age = UINT32_MAX,
            .open_max = (uint32_t)seed % 4,
        };
        struct lincheck_result result;

        begin(&x, seed);
        for (uint32_t i = 0; i < 300; i++) {
            execute(&x, i);
        }
        x.now += 1000;
        buffer_printf(&x.text,
                      "w %" PRIu64 " %" PRIu64 " SET k0 old -> +OK\n"
                      "w %" PRIu64 " %" PRIu64 " SET k0 new -> +OK\n"
                      "r %" PRIu64 " %" PRIu64 " GET k0 -> \"old\"\n",
                      x.now, x.now + 1, x.now + 2, x.now + 3, x.now + 4, x.now + 5);
        judge(&x, &options, LINCHECK_VIOLATION, &result);
        assert_non_null(
            memmem(buffer_begin(&result.text), buffer_size(&result.text), "text:304\n", 9));
        lincheck_result_deinit(&result);
        end(&x);
    }
}

/* Of many writes with unknown outcomes, a read shows which one took effect; finding it must not
 * take time that doubles with each. */
static void test_lincheck__handles_many_open_writes(void **state)
{
    struct lincheck_options options = {.explanations_max = 1, .step_limit = 2000000};
    struct execution x = {.key_count = 1};
    struct lincheck_result result;

    (void)state;
    begin(&x, 1);
    for (uint32_t i = 0; i < 100; i++) {
        buffer_printf(&x.text, "w%" PRIu32 " 0 ? SET x %" PRIu32 "\n", i, i);
    }
    for (uint32_t i = 0; i < 100; i++) {
        buffer_printf(&x.text, "r %" PRIu32 " %" PRIu32 " GET x -> \"%" PRIu32 "\"\n", 10 * i + 10,
                      10 * i + 15, (i * 37) % 100);
    }
    judge(&x, &options, LINCHECK_LINEARIZABLE, &result);
    lincheck_result_deinit(&result);
    buffer_printf(&x.text, "r 2000 2001 GET x -> \"5\"\n");
    judge(&x, &options, LINCHECK_VIOLATION, &result);
    lincheck_result_deinit(&result);
    end(&x);
}

/* Appends of values of many kilobytes, all in flight when a connection broke: each order of each
 * subset makes a different value, but replies can distinguish only few of them (seed 1026352 ran
 * out of memory with eight). `what` asks for the value that all make in turn. */
static void judge_open_appends(uint32_t count, const char *what, bool is_good)
{
    struct lincheck_options options = {
        .explanations_max = 1, .step_limit = 10000000, .memory_limit_bytes = 256 << 20};
    struct execution x = {.key_count = 1};
    struct lincheck_result result;
    uint32_t size = 0;
    struct buffer all = {0};

    begin(&x, 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t part = 5000 + 700 * i;

        buffer_printf(&x.text, "w%" PRIu32 " 0 ? APPEND x %0*" PRIu32 "#\n", i, (int)part - 1, i);
        buffer_printf(&all, "%0*" PRIu32 "#", (int)part - 1, i);
        size += part;
    }
    if (strcmp(what, "GET") == 0) {
        buffer_printf(&x.text, "r 10 15 GET x -> \"%s%.*s\"\n", is_good ? "" : "?",
                      (int)buffer_size(&all), buffer_begin(&all));
    } else {
        buffer_printf(&x.text, "r 10 15 STRLEN x -> :%" PRIu32 "\n", is_good ? size : size - 1);
    }
    judge(&x, &options, is_good ? LINCHECK_LINEARIZABLE : LINCHECK_VIOLATION, &result);
    lincheck_result_deinit(&result);
    buffer_deinit(&all);
    end(&x);
}

static void test_lincheck__handles_many_open_appends_of_long_values(void **state)
{
    (void)state;
    judge_open_appends(40, "GET", true);
    judge_open_appends(11, "GET", false);
    judge_open_appends(11, "STRLEN", true);
    judge_open_appends(11, "STRLEN", false);
}

/* --- sizes and limits ---------------------------------------- */

static void test_lincheck__judges_200_000_operations(void **state)
{
    struct lincheck_options options = {
        .explanations_max = 1, .step_limit = 10000000, .memory_limit_bytes = 256 << 20};
    struct execution x = {.client_count = 16, .key_count = 8, .retire_age = 300, .open_max = 3};
    struct lincheck_result result;

    (void)state;
    begin(&x, 7);
    for (uint32_t i = 0; i < 200000; i++) {
        execute(&x, i);
    }
    judge(&x, &options, LINCHECK_LINEARIZABLE, &result);
    assert_in_range(result.largest_count, 250, 300);
    lincheck_result_deinit(&result);
    end(&x);
}

static void test_lincheck__judges_20_000_operations_on_one_key(void **state)
{
    struct lincheck_options options = {
        .explanations_max = 1, .step_limit = 10000000, .memory_limit_bytes = 64 << 20};
    struct execution x = {
        .client_count = 16, .key_count = 1, .retire_age = UINT32_MAX, .open_max = 2};
    struct lincheck_result result;

    (void)state;
    begin(&x, 7);
    for (uint32_t i = 0; i < 20000; i++) {
        execute(&x, i);
    }
    judge(&x, &options, LINCHECK_LINEARIZABLE, &result);
    lincheck_result_deinit(&result);
    end(&x);
}

/* Forty appends at once with a reply that no order gives: too many orders to try. */
static void make_hopeless(struct execution *x)
{
    begin(x, 1);
    for (uint32_t i = 0; i < 40; i++) {
        buffer_printf(&x->text, "w%" PRIu32 " 0 100 SETRANGE x %" PRIu32 " v -> :60\n", i, i);
    }
    buffer_printf(&x->text, "w 0 1 SETRANGE x 59 y -> :60\nr 101 102 STRLEN x -> :61\n");
}

static void test_lincheck__gives_up_at_its_limits_and_never_says_good(void **state)
{
    struct lincheck_options options = {.explanations_max = 1, .step_limit = 10000};
    struct execution x = {.key_count = 1};
    struct lincheck_result result;

    (void)state;
    make_hopeless(&x);
    judge(&x, &options, LINCHECK_TIMEOUT, &result);
    assert_true(result.step_count < 20000);
    lincheck_result_deinit(&result);

    options = (struct lincheck_options){.explanations_max = 1, .timeout_ns = 50000000};
    judge(&x, &options, LINCHECK_TIMEOUT, &result);
    lincheck_result_deinit(&result);

    options = (struct lincheck_options){.explanations_max = 1, .memory_limit_bytes = 2 << 20};
    judge(&x, &options, LINCHECK_MEMORY, &result);
    assert_true(result.memory_bytes_max < 4 << 20);
    lincheck_result_deinit(&result);
    end(&x);
}

static void test_lincheck__bounds_memory_for_huge_values(void **state)
{
    struct lincheck_options options = {.explanations_max = 1, .memory_limit_bytes = 8 << 20};
    struct execution x = {.key_count = 1};
    struct lincheck_result result;

    (void)state;
    begin(&x, 1);
    buffer_printf(&x.text, "c 0 1 SETRANGE x 400000000 v -> :400000001\n");
    judge(&x, &options, LINCHECK_MEMORY, &result);
    assert_true(result.memory_bytes_max < 8 << 20);
    lincheck_result_deinit(&result);
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lincheck__accepts_whatever_was_executed_atomically),
        cmocka_unit_test(test_lincheck__finds_one_stale_read_in_a_long_history),
        cmocka_unit_test(test_lincheck__handles_many_open_writes),
        cmocka_unit_test(test_lincheck__handles_many_open_appends_of_long_values),
        cmocka_unit_test(test_lincheck__judges_200_000_operations),
        cmocka_unit_test(test_lincheck__judges_20_000_operations_on_one_key),
        cmocka_unit_test(test_lincheck__gives_up_at_its_limits_and_never_says_good),
        cmocka_unit_test(test_lincheck__bounds_memory_for_huge_values),
    };

    return cmocka_run_group_tests_name("lincheck large", tests, NULL, NULL);
}
