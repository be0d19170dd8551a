/* The witness on histories that are known to be good or bad, and the model that it compares them
 * with. A checker that never complains proves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/checks/model.h"
#include "sim/checks/witness.h"

enum { WORDS_MAX = 8 };

struct words {
    uint32_t database;
    struct slice list[WORDS_MAX];
    uint32_t count;
};

/* "[3] GET k": in database 3; without a number: in 0. */
static struct words split(const char *text)
{
    struct words w = {.count = 0};

    if (sscanf(text, "[%u] ", &w.database) == 1) {
        text = strchr(text, ' ') + 1;
    }
    while (*text != '\0') {
        size_t size = strcspn(text, " ");

        w.list[w.count++] = slice_of(text, size);
        text += size + (text[size] == ' ');
    }
    return w;
}

/* A log entry's payload for these words, as in src/kv/codec.h. */
static struct slice payload(const struct words *w, char *to)
{
    size_t size = 4;

    to[0] = 3;
    to[1] = 0;
    to[2] = (char)w->database;
    to[3] = (char)w->count;
    for (uint32_t i = 0; i < w->count; i++) {
        to[size++] = (char)w->list[i].size;
        memcpy(to + size, w->list[i].data, w->list[i].size);
        size += w->list[i].size;
    }
    return slice_of(to, size);
}

/* --- a history, in a few words per line ------------------------------------------------ */

struct history {
    struct verdict verdict;
    struct witness *witness;
};

static void history_open(struct history *h)
{
    *h = (struct history){0};
    h->witness = witness_new(&h->verdict);
}

static uint64_t invoke(struct history *h, const char *command)
{
    struct words w = split(command);
    bool is_write = !slice_is(w.list[0], "GET") && !slice_is(w.list[0], "MGET");

    return witness_invoke(h->witness, w.database, w.list, w.count, is_write);
}

static void apply(struct history *h, const char *command)
{
    char bytes[256];
    struct words w = split(command);

    witness_apply(h->witness, witness_applied_index(h->witness) + 1, true, payload(&w, bytes));
}

static void reply(struct history *h, uint64_t operation, uint64_t index, bool is_write,
                  const char *text)
{
    if (index > 0) {
        witness_place(h->witness, operation, index, is_write);
    }
    witness_return(h->witness, operation, slice_str(text), 0, 0);
}

static void history_close(struct history *h, const char *broken)
{
    if (broken == NULL) {
        assert_string_equal(h->verdict.text, "");
    } else {
        assert_true(h->verdict.is_guilty);
        assert_string_equal(h->verdict.rule, broken);
    }
    witness_free(h->witness);
}

static void test_witness__agrees_with_a_sound_history(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "SET k a#1");
    uint64_t b = invoke(&h, "APPEND k b#2");

    apply(&h, "SET k a#1");
    apply(&h, "APPEND k b#2");
    reply(&h, b, 2, true, ":6\r\n");
    reply(&h, a, 1, true, "+OK\r\n");
    uint64_t c = invoke(&h, "GET k");

    reply(&h, c, 2, false, "$6\r\na#1b#2\r\n");
    history_close(&h, NULL);
}

static void test_witness__allows_a_concurrent_read_to_see_either(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    invoke(&h, "SET k a#1");
    uint64_t early = invoke(&h, "GET k");
    uint64_t late = invoke(&h, "GET k");

    witness_apply(h.witness, 1, false, slice_of("", 0));
    apply(&h, "SET k a#1");
    reply(&h, late, 2, false, "$3\r\na#1\r\n");
    reply(&h, early, 1, false, "$-1\r\n");
    history_close(&h, NULL);
}

static void test_witness__sees_a_stale_read(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "SET k a#1");

    witness_apply(h.witness, 1, false, slice_of("", 0));
    apply(&h, "SET k a#1");
    reply(&h, a, 2, true, "+OK\r\n");
    uint64_t b = invoke(&h, "GET k");

    reply(&h, b, 1, false, "$-1\r\n");
    history_close(&h, "linearizability");
}

static void test_witness__sees_a_read_that_goes_back(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    invoke(&h, "SET k a#1");
    witness_apply(h.witness, 1, false, slice_of("", 0));
    apply(&h, "SET k a#1");
    uint64_t b = invoke(&h, "GET k");

    reply(&h, b, 2, false, "$3\r\na#1\r\n");
    uint64_t c = invoke(&h, "GET k");

    reply(&h, c, 1, false, "$-1\r\n");
    history_close(&h, "linearizability");
}

static void test_witness__sees_a_wrong_reply(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "APPEND k a#1");

    apply(&h, "APPEND k a#1");
    reply(&h, a, 1, true, ":4\r\n");
    history_close(&h, "linearizability");
}

static void test_witness__sees_replies_that_crossed(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "INCR n");
    uint64_t b = invoke(&h, "INCR n");

    apply(&h, "INCR n");
    apply(&h, "INCR n");
    reply(&h, a, 1, true, ":1\r\n");
    reply(&h, b, 1, true, ":1\r\n");
    history_close(&h, "linearizability");
}

static void test_witness__sees_an_acknowledged_write_that_is_not_there(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "SET k a#1");

    reply(&h, a, 1, true, "+OK\r\n");
    history_close(&h, "durability");
}

static void test_witness__sees_an_acknowledgement_for_another_entry(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "SET k a#1");
    invoke(&h, "SET k b#2");

    apply(&h, "SET k b#2");
    apply(&h, "SET k a#1");
    reply(&h, a, 1, true, "+OK\r\n");
    history_close(&h, "durability");
}

static void test_witness__sees_a_write_executed_twice(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    invoke(&h, "APPEND k a#1");
    apply(&h, "APPEND k a#1");
    apply(&h, "APPEND k a#1");
    history_close(&h, "exactly once");
}

static void test_witness__checks_that_a_refused_command_is_not_executed(void **state)
{
    for (int late = 0; late < 2; late++) {
        struct history h;

        (void)state;
        history_open(&h);
        uint64_t a = invoke(&h, "SET k a#1");

        if (!late) {
            apply(&h, "SET k a#1");
        }
        reply(&h, a, 0, true, "-CLUSTERDOWN no leader: the command was not executed\r\n");
        if (late) {
            apply(&h, "SET k a#1");
        }
        history_close(&h, "failed is not unknown");
    }
}

static void test_witness__accepts_both_outcomes_of_unknown(void **state)
{
    struct witness_stats stats;
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "SET k a#1");
    uint64_t b = invoke(&h, "SET k b#2");

    reply(&h, a, 0, true, "-INDOUBT the leader was lost\r\n");
    witness_forget(h.witness, b);
    apply(&h, "SET k b#2");
    witness_get_stats(h.witness, &stats);
    assert_int_equal(stats.unknown_count, 2);
    assert_int_equal(stats.late_count, 1);
    history_close(&h, NULL);
}

/* SET is answered INDOUBT; GET, sent after that, is answered at `read_index`. */
static void doubt_then_read(struct history *h, uint64_t read_index, const char *text)
{
    uint64_t a = 1;
    uint64_t b = 2;

    reply(h, a, 0, true, "-INDOUBT the leader was lost\r\n");
    assert_int_equal(invoke(h, "GET k"), b);
    witness_place(h->witness, b, read_index, false);
    witness_settle(h->witness, a, witness_return(h->witness, b, slice_str(text), 0, 0));
}

static void test_witness__sees_a_write_executed_after_its_doubt_was_settled(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    invoke(&h, "SET k a#1");
    witness_apply(h.witness, 1, false, slice_of("", 0));
    doubt_then_read(&h, 1, "$-1\r\n");
    assert_false(h.verdict.is_guilty);
    apply(&h, "SET k a#1");
    history_close(&h, "doubt is settled");
}

static void test_witness__accepts_a_doubt_settled_by_a_read(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    invoke(&h, "SET k a#1");
    apply(&h, "SET k a#1");
    doubt_then_read(&h, 1, "$3\r\na#1\r\n");
    history_close(&h, NULL);
}

static void test_witness__sees_a_read_beside_a_command_in_doubt(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    invoke(&h, "SET k a#1");
    witness_apply(h.witness, 1, false, slice_of("", 0));
    apply(&h, "SET k a#1");
    doubt_then_read(&h, 1, "$-1\r\n"); /* It was executed by then, but the read did not show it. */
    history_close(&h, "doubt is settled");
}

/* A leader takes it this long after it was answered INDOUBT; the limit is 300. */
static void take_after(struct history *h, uint64_t ns)
{
    char bytes[256];
    struct words w = split("SET k a#1");

    history_open(h);
    invoke(h, "SET k a#1");
    reply(h, 1, 0, true, "-INDOUBT the leader was lost\r\n");
    witness_doubted(h->witness, 1, 1000);
    witness_taken(h->witness, payload(&w, bytes), 1000 + ns, 300);
}

static void test_witness__sees_a_write_taken_long_after_its_doubt(void **state)
{
    struct history h;

    (void)state;
    take_after(&h, 301);
    history_close(&h, "doubt has an end");
    take_after(&h, 300);
    history_close(&h, NULL);
}

static void test_witness__sees_an_entry_that_nobody_asked_for(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    apply(&h, "SET k a#1");
    history_close(&h, "invention");
}

static void test_witness__sees_an_order_broken_on_one_connection(void **state)
{
    struct history h;
    uint64_t floor;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "SET k a#1"); /* Both at once, in this order. */
    uint64_t b = invoke(&h, "SET k b#2");

    apply(&h, "SET k b#2");
    apply(&h, "SET k a#1");
    witness_place(h.witness, a, 2, true);
    witness_place(h.witness, b, 1, true);
    floor = witness_return(h.witness, a, slice_str("+OK\r\n"), 0, 0);
    witness_return(h.witness, b, slice_str("+OK\r\n"), floor, 0);
    history_close(&h, "linearizability");
}

/* --- the model ----------------------------------------------------------------------------- */

static void test_witness__sees_a_write_done_to_another_database(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    invoke(&h, "[2] SET k a#1");
    apply(&h, "SET k a#1");
    history_close(&h, "databases");
}

static void test_witness__sees_a_nameless_write_done_to_another_database(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "FLUSHDB");

    apply(&h, "[1] FLUSHDB");
    reply(&h, a, 1, true, "+OK\r\n");
    history_close(&h, "databases");
}

static void test_witness__sees_a_read_of_another_database(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, "[1] SET k a#1");

    apply(&h, "[1] SET k a#1");
    reply(&h, a, 1, true, "+OK\r\n");
    uint64_t b = invoke(&h, "[1] GET k");

    reply(&h, b, 1, false, "$-1\r\n");
    history_close(&h, "linearizability");
}

static void test_model__answers_like_redis(void **state)
{
    static const char *const script[][2] = {
        {"SET k v", "+OK\r\n"},
        {"SET k w NX", "$-1\r\n"},
        {"SET k w XX KEEPTTL", "+OK\r\n"},
        {"SET k x GET", "$1\r\nw\r\n"},
        {"SET fresh x GET", "$-1\r\n"},
        {"SET none x XX", "$-1\r\n"},
        {"APPEND k yz", ":3\r\n"},
        {"APPEND other a", ":1\r\n"},
        {"INCR n", ":1\r\n"},
        {"INCR n", ":2\r\n"},
        {"INCR k", "-ERR value is not an integer or out of range\r\n"},
        {"SET m 9223372036854775807", "+OK\r\n"},
        {"INCR m", "-ERR increment or decrement would overflow\r\n"},
        {"SET m 01", "+OK\r\n"},
        {"INCR m", "-ERR value is not an integer or out of range\r\n"},
        {"DEL k missing other", ":2\r\n"},
        {"MSET a 1 b 2", "+OK\r\n"},
        {"[3] DEL a", ":0\r\n"},
        {"[3] SET a 3", "+OK\r\n"},
        {"MOVE a 3", ":0\r\n"},
        {"MOVE a 4", ":1\r\n"},
        {"MOVE a 4", ":0\r\n"},
        {"SWAPDB 3 4", "+OK\r\n"},
        {"[4] INCR a", ":4\r\n"},
        {"[3] INCR a", ":2\r\n"},
        {"[3] FLUSHDB", "+OK\r\n"},
        {"[3] DEL a", ":0\r\n"},
        {"[4] APPEND a !", ":2\r\n"},
        {"FLUSHALL", "+OK\r\n"},
        {"[4] APPEND a !", ":1\r\n"},
        {"APPEND b !", ":1\r\n"},
    };
    struct model *m = model_new();
    struct buffer out;

    (void)state;
    buffer_init(&out);
    for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
        struct words w = split(script[i][0]);

        buffer_clear(&out);
        assert_true(model_write(m, w.database, i + 1, w.list, w.count, &out));
        assert_int_equal(buffer_size(&out), strlen(script[i][1]));
        assert_memory_equal(buffer_begin(&out), script[i][1], buffer_size(&out));
    }
    buffer_deinit(&out);
    model_free(m);
}

static void test_model__remembers_each_version(void **state)
{
    struct model *m = model_new();
    struct words get = split("GET k");
    struct buffer out;
    static const char *const wanted[] = {"$-1\r\n", "$1\r\na\r\n", "$2\r\nab\r\n", "$-1\r\n"};
    static const char *const writes[] = {"SET k a", "APPEND k b", "DEL k"};

    (void)state;
    buffer_init(&out);
    for (uint64_t i = 0; i < 3; i++) {
        struct words w = split(writes[i]);

        assert_true(model_write(m, w.database, i + 1, w.list, w.count, &out));
    }
    for (uint64_t i = 0; i < 4; i++) {
        buffer_clear(&out);
        assert_true(model_read(m, 0, i, get.list, get.count, &out));
        assert_int_equal(buffer_size(&out), strlen(wanted[i]));
        assert_memory_equal(buffer_begin(&out), wanted[i], buffer_size(&out));
    }
    buffer_deinit(&out);
    model_free(m);
}

/* Databases that are swapped or cleared keep their earlier contents for reads as of earlier
 * entries. */
static void test_model__remembers_each_arrangement(void **state)
{
    static const char *const writes[] = {"SET k a",    "[1] MSET k b l c", "SWAPDB 0 1",
                                         "MOVE l 1",   "[1] FLUSHDB",      "APPEND k !",
                                         "SWAPDB 1 0", "FLUSHALL"};
    static const char *const keys_of_0[] = {":0", ":1", ":1", ":2", ":1", ":1", ":1", ":0", ":0"};
    static const char *const keys_of_1[] = {":0", ":0", ":2", ":1", ":2", ":0", ":0", ":1", ":0"};
    struct model *m = model_new();
    struct words size = split("DBSIZE");
    struct buffer out;

    (void)state;
    buffer_init(&out);
    for (uint64_t i = 0; i < 8; i++) {
        struct words w = split(writes[i]);

        assert_true(model_write(m, w.database, i + 1, w.list, w.count, &out));
    }
    for (uint64_t i = 0; i <= 8; i++) {
        buffer_clear(&out);
        assert_true(model_read(m, 0, i, size.list, size.count, &out));
        assert_true(model_read(m, 1, i, size.list, size.count, &out));
        assert_int_equal(buffer_size(&out), 8);
        assert_memory_equal(buffer_begin(&out), keys_of_0[i], 2);
        assert_memory_equal(buffer_begin(&out) + 4, keys_of_1[i], 2);
    }
    buffer_deinit(&out);
    model_free(m);
}

/* --- transactions -------------------------------------------------------------------------- */

/* An EXEC of two commands, the first of which writes; what a user has sent, and the log has. */
struct exec {
    char bytes[2][64];
    struct slice arguments[3];
    char entry[256];
    struct slice payload;
};

static void exec_init(struct exec *e, const char *first, const char *second)
{
    struct words one = split(first);
    struct words two = split(second);
    struct words all = {.count = 4};

    e->arguments[0] = slice_str("EXEC");
    e->arguments[1] = payload(&one, e->bytes[0]);
    e->arguments[2] = payload(&two, e->bytes[1]);
    all.list[0] = slice_str("TRANSACTION");
    all.list[1] = slice_str("\x01");
    all.list[2] = e->arguments[1];
    all.list[3] = e->arguments[2];
    e->payload = payload(&all, e->entry);
}

static uint64_t exec_invoke(struct history *h, struct exec *e, const char *first,
                            const char *second)
{
    exec_init(e, first, second);
    return witness_invoke(h->witness, 0, e->arguments, 3, true);
}

static void exec_apply(struct history *h, const struct exec *e)
{
    witness_apply(h->witness, witness_applied_index(h->witness) + 1, true, e->payload);
}

static void exec_watch(struct history *h, uint64_t operation, uint64_t index, const char *key)
{
    struct slice name = slice_str(key);

    witness_watch(h->witness, operation, index, 0, &name, 1);
}

static void test_witness__knows_transactions(void **state)
{
    struct history h;
    struct exec e;
    uint64_t number;

    (void)state;
    history_open(&h);
    number = exec_invoke(&h, &e, "SET a #1", "GET a");
    exec_apply(&h, &e);
    reply(&h, number, 1, true, "*2\r\n+OK\r\n$2\r\n#1\r\n");
    number = exec_invoke(&h, &e, "APPEND a #2", "INCR n");
    exec_watch(&h, number, 1, "a");
    exec_apply(&h, &e);
    reply(&h, number, 2, true, "*2\r\n:4\r\n:1\r\n");
    number = exec_invoke(&h, &e, "APPEND a #3", "INCR n");
    exec_watch(&h, number, 1, "a");
    exec_apply(&h, &e);
    reply(&h, number, 3, true, "*-1\r\n");
    number = exec_invoke(&h, &e, "APPEND a #4", "INCR n");
    exec_watch(&h, number, 1, "a");
    reply(&h, number, 0, true, "*-1\r\n"); /* It was not in the log. */
    history_close(&h, NULL);
}

static void test_witness__sees_half_a_transaction(void **state)
{
    struct history h;
    struct exec e;
    uint64_t number;
    uint64_t read;

    (void)state;
    history_open(&h);
    number = exec_invoke(&h, &e, "SET a #1", "INCR n");
    exec_apply(&h, &e);
    reply(&h, number, 1, true, "*2\r\n+OK\r\n:1\r\n");
    read = invoke(&h, "MGET a n");
    reply(&h, read, 1, false, "*2\r\n$2\r\n#1\r\n$-1\r\n");
    history_close(&h, "linearizability");
}

static void test_witness__sees_a_transaction_in_spite_of_a_change(void **state)
{
    struct history h;
    struct exec e;
    uint64_t number;

    (void)state;
    history_open(&h);
    invoke(&h, "SET a #1");
    apply(&h, "SET a #1");
    invoke(&h, "SET a #2");
    apply(&h, "SET a #2");
    number = exec_invoke(&h, &e, "SET b #3", "GET a");
    exec_watch(&h, number, 1, "a");
    exec_apply(&h, &e);
    reply(&h, number, 3, true, "*2\r\n+OK\r\n$2\r\n#2\r\n");
    history_close(&h, "linearizability");
}

static void test_witness__sees_that_a_transaction_was_refused_without_a_change(void **state)
{
    struct history h;
    struct exec e;
    uint64_t number;

    (void)state;
    history_open(&h);
    invoke(&h, "SET a #1");
    apply(&h, "SET a #1");
    number = exec_invoke(&h, &e, "SET b #2", "GET a");
    exec_watch(&h, number, 1, "a");
    reply(&h, number, 0, true, "*-1\r\n");
    history_close(&h, "watched keys");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_witness__knows_transactions),
        cmocka_unit_test(test_witness__sees_half_a_transaction),
        cmocka_unit_test(test_witness__sees_a_transaction_in_spite_of_a_change),
        cmocka_unit_test(test_witness__sees_that_a_transaction_was_refused_without_a_change),
        cmocka_unit_test(test_witness__agrees_with_a_sound_history),
        cmocka_unit_test(test_witness__allows_a_concurrent_read_to_see_either),
        cmocka_unit_test(test_witness__sees_a_stale_read),
        cmocka_unit_test(test_witness__sees_a_read_that_goes_back),
        cmocka_unit_test(test_witness__sees_a_wrong_reply),
        cmocka_unit_test(test_witness__sees_replies_that_crossed),
        cmocka_unit_test(test_witness__sees_an_acknowledged_write_that_is_not_there),
        cmocka_unit_test(test_witness__sees_an_acknowledgement_for_another_entry),
        cmocka_unit_test(test_witness__sees_a_write_executed_twice),
        cmocka_unit_test(test_witness__checks_that_a_refused_command_is_not_executed),
        cmocka_unit_test(test_witness__accepts_both_outcomes_of_unknown),
        cmocka_unit_test(test_witness__sees_a_write_executed_after_its_doubt_was_settled),
        cmocka_unit_test(test_witness__accepts_a_doubt_settled_by_a_read),
        cmocka_unit_test(test_witness__sees_a_write_taken_long_after_its_doubt),
        cmocka_unit_test(test_witness__sees_a_read_beside_a_command_in_doubt),
        cmocka_unit_test(test_witness__sees_an_entry_that_nobody_asked_for),
        cmocka_unit_test(test_witness__sees_an_order_broken_on_one_connection),
        cmocka_unit_test(test_witness__sees_a_write_done_to_another_database),
        cmocka_unit_test(test_witness__sees_a_nameless_write_done_to_another_database),
        cmocka_unit_test(test_witness__sees_a_read_of_another_database),
        cmocka_unit_test(test_model__answers_like_redis),
        cmocka_unit_test(test_model__remembers_each_version),
        cmocka_unit_test(test_model__remembers_each_arrangement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
