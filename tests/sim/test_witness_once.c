/* The witness on commands that have a number (ONCE), and come again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/checks/witness.h"

enum { KEEP_S = 2 };

static const struct slice incr[] = {{"INCR", 4}, {"n", 1}};

struct history {
    struct verdict verdict;
    struct witness *witness;
    uint64_t time_us;
};

static void history_open(struct history *h)
{
    *h = (struct history){.time_us = 1000000};
    h->witness = witness_new(&h->verdict);
}

static void history_close(struct history *h, const char *broken)
{
    assert_string_equal(h->verdict.is_guilty ? h->verdict.rule : "", broken == NULL ? "" : broken);
    witness_free(h->witness);
}

/* ONCE me <number> KEEP 2 INCR n */
static uint64_t invoke(struct history *h, uint64_t number)
{
    uint64_t operation = witness_invoke(h->witness, 0, incr, 2, true);

    witness_number(h->witness, operation, "me", number);
    return operation;
}

static void apply(struct history *h, uint64_t number)
{
    const char payload[] = {3, 1,   0,   2,   'm', 'e', (char)number, KEEP_S, 2,
                            4, 'I', 'N', 'C', 'R', 1,   'n'};

    witness_note_time(h->witness, h->time_us);
    witness_apply(h->witness, witness_applied_index(h->witness) + 1, true,
                  slice_of(payload, sizeof payload));
}

static void reply(struct history *h, uint64_t operation, uint64_t index, const char *text)
{
    witness_place(h->witness, operation, index, true);
    witness_return(h->witness, operation, slice_str(text), 0, 0);
}

static void test_numbers__are_executed_once_and_answered_alike(void **state)
{
    struct witness_stats stats;
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, 1);
    uint64_t b = invoke(&h, 2);

    apply(&h, 1);
    apply(&h, 2);
    apply(&h, 1);
    reply(&h, a, 1, ":1\r\n"); /* The index is that of the first execution. */
    reply(&h, b, 2, ":2\r\n");
    witness_get_stats(h.witness, &stats);
    assert_int_equal(stats.again_count, 1);
    history_close(&h, NULL);
}

static void test_numbers__that_were_executed_twice_are_noticed(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, 1);

    apply(&h, 1);
    apply(&h, 1);
    reply(&h, a, 1, ":2\r\n");
    history_close(&h, "linearizability");
}

static void test_numbers__answered_by_another_entry_are_noticed(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, 1);

    apply(&h, 1);
    apply(&h, 1);
    reply(&h, a, 2, ":1\r\n");
    history_close(&h, "durability");
}

#define EXPIRED                                                                                    \
    "-EXPIRED not executed now: no client of this name is remembered, so nobody knows whether "    \
    "this number was executed before. A new client begins with number 1, or with ONCE <client> "   \
    "OPEN\r\n"

static void test_numbers__of_a_client_that_is_forgotten_are_not_executed(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, 1);
    uint64_t b = invoke(&h, 2);
    uint64_t c = invoke(&h, 3);

    apply(&h, 1);
    apply(&h, 2);
    h.time_us += (KEEP_S * 1000 + 1) * 1000;
    apply(&h, 3);
    apply(&h, 2);
    reply(&h, a, 1, ":1\r\n");
    reply(&h, b, 4, EXPIRED);
    reply(&h, c, 3, EXPIRED);
    assert_false(h.verdict.is_guilty);
    history_close(&h, NULL);
}

/* As docs/CLIENTS.md says. Clocks of simulated nodes jump by a year, so this happens to names that
 * are remembered for a day, too (seed 340). */
static void test_numbers__begin_anew_when_the_client_is_forgotten(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    uint64_t a = invoke(&h, 1);
    uint64_t b = invoke(&h, 2);

    apply(&h, 1);
    apply(&h, 2);
    h.time_us += (KEEP_S * 1000 + 1) * 1000;
    apply(&h, 1);
    apply(&h, 2);
    reply(&h, a, 3, ":3\r\n");
    reply(&h, b, 4, ":4\r\n");
    history_close(&h, NULL);
}

static void test_numbers__that_nobody_sent_are_noticed(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    invoke(&h, 1);
    apply(&h, 2);
    history_close(&h, "invention");
}

static void test_numbers__forgotten_unanswered_are_right_either_way(void **state)
{
    struct history h;

    (void)state;
    history_open(&h);
    witness_forget(h.witness, invoke(&h, 1));
    witness_forget(h.witness, invoke(&h, 2));
    apply(&h, 1);
    history_close(&h, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers__are_executed_once_and_answered_alike),
        cmocka_unit_test(test_numbers__that_were_executed_twice_are_noticed),
        cmocka_unit_test(test_numbers__answered_by_another_entry_are_noticed),
        cmocka_unit_test(test_numbers__of_a_client_that_is_forgotten_are_not_executed),
        cmocka_unit_test(test_numbers__begin_anew_when_the_client_is_forgotten),
        cmocka_unit_test(test_numbers__that_nobody_sent_are_noticed),
        cmocka_unit_test(test_numbers__forgotten_unanswered_are_right_either_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
