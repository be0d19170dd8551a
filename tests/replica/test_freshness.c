/* How old the applied state may be, as far as a node knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/freshness.h"

static void test_freshness__is_unknown_before_the_first_answer(void **state)
{
    struct freshness f = {0};

    freshness_note_applied(&f, 100);
    assert_false(freshness_is_within(&f, 10, UINT64_MAX));
}

static void test_freshness__counts_from_when_the_question_was_asked(void **state)
{
    struct freshness f = {0};

    freshness_note(&f, 1000, 7);
    freshness_note_applied(&f, 6);
    assert_false(freshness_is_within(&f, 1000, UINT64_MAX)); /* What it must show is not applied. */
    freshness_note_applied(&f, 7);
    assert_true(freshness_is_within(&f, 1500, 500));
    assert_false(freshness_is_within(&f, 1501, 500));
}

static void test_freshness__of_a_node_that_lags_goes_by_an_older_answer(void **state)
{
    struct freshness f = {0};

    freshness_note(&f, 1000, 7);
    freshness_note(&f, 2000, 17);
    freshness_note(&f, 3000, 27);
    freshness_note_applied(&f, 8);
    assert_true(freshness_is_within(&f, 1500, 500));
    assert_false(freshness_is_within(&f, 2000, 500));
    freshness_note(&f, 4000, 37);
    freshness_note_applied(&f, 40);
    assert_true(freshness_is_within(&f, 4500, 500));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freshness__is_unknown_before_the_first_answer),
        cmocka_unit_test(test_freshness__counts_from_when_the_question_was_asked),
        cmocka_unit_test(test_freshness__of_a_node_that_lags_goes_by_an_older_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
