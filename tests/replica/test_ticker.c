/* When the core's deadline is checked, and how it is postponed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/ticker.h"

#define MS 1000000ull

static void test_ticker__is_never_due_without_a_deadline(void **state)
{
    struct ticker t;

    ticker_init(&t);
    assert_true(ticker_due_ns(&t) == UINT64_MAX);
    ticker_set(&t, 5 * MS);
    assert_true(ticker_due_ns(&t) == 5 * MS);
    ticker_wait(&t, 6 * MS);
    ticker_set(&t, UINT64_MAX);
    assert_true(ticker_due_ns(&t) == UINT64_MAX);
}

static void test_ticker__postpones_a_deadline_for_a_moment(void **state)
{
    struct ticker t;

    ticker_init(&t);
    ticker_set(&t, 5 * MS);
    assert_false(ticker_is_late(&t));
    ticker_wait(&t, 100 * MS);
    assert_true(ticker_is_late(&t));
    assert_true(ticker_due_ns(&t) > 100 * MS);
    assert_true(ticker_due_ns(&t) <= 105 * MS);
}

/* A leader was heard meanwhile: the next deadline is a new one. */
static void test_ticker__forgets_that_once_there_is_another_deadline(void **state)
{
    struct ticker t;

    ticker_init(&t);
    ticker_set(&t, 5 * MS);
    ticker_wait(&t, 100 * MS);
    ticker_set(&t, 300 * MS);
    assert_false(ticker_is_late(&t));
    assert_true(ticker_due_ns(&t) == 300 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticker__is_never_due_without_a_deadline),
        cmocka_unit_test(test_ticker__postpones_a_deadline_for_a_moment),
        cmocka_unit_test(test_ticker__forgets_that_once_there_is_another_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
