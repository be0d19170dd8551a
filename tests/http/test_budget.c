/* The memory of all requests together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/budget.h"

static void test_budget__gives_no_more_than_there_is(void **state)
{
    struct budget b = {.bytes_max = 100};
    struct budget_share one = {.budget = &b};
    struct budget_share two = {.budget = &b};

    assert_true(budget_take(&one, 60));
    assert_false(budget_take(&two, 41));
    assert_true(budget_take(&two, 40));
    assert_false(budget_take(&one, 1));
    assert_false(budget_take(&one, UINT64_MAX));
    budget_give_back(&two);
    assert_true(budget_take(&one, 40));
    budget_give_back(&one);
    assert_int_equal(b.held_bytes, 0);
    assert_int_equal(one.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget__gives_no_more_than_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
