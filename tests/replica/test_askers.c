/* As leader: the nodes that ask for a read index, each with one question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/askers.h"

static void test_askers__wait_for_a_round_that_begins_after_they_asked(void **state)
{
    struct askers askers = {0};
    struct asker asker;

    assert_false(askers_want_round(&askers));
    askers_add(&askers, 2, 100);
    assert_true(askers_want_round(&askers));
    askers_ask(&askers, 1);
    assert_false(askers_want_round(&askers));
    askers_add(&askers, 3, 200); /* During that round. */
    assert_true(askers_want_round(&askers));
    assert_true(askers_take(&askers, 1, &asker));
    assert_int_equal(asker.id, 2);
    assert_int_equal(asker.number, 100);
    assert_false(askers_take(&askers, 1, &asker));
    askers_ask(&askers, 2);
    assert_false(askers_take(&askers, 1, &asker));
    assert_true(askers_take(&askers, 2, &asker));
    assert_int_equal(asker.id, 3);
    assert_int_equal(askers.count, 0);
}

static void test_askers__that_repeat_themselves_are_answered_by_the_round_under_way(void **state)
{
    struct askers askers = {0};
    struct asker asker;

    askers_add(&askers, 2, 100);
    askers_ask(&askers, 1);
    askers_add(&askers, 2, 100);
    assert_false(askers_want_round(&askers));
    assert_true(askers_take(&askers, 1, &asker));
}

/* Its reads came after the round had begun. */
static void test_askers__with_a_new_question_wait_for_the_next_round(void **state)
{
    struct askers askers = {0};
    struct asker asker;

    askers_add(&askers, 2, 100);
    askers_ask(&askers, 1);
    askers_add(&askers, 2, 101);
    assert_int_equal(askers.count, 1);
    assert_false(askers_take(&askers, 1, &asker));
    askers_ask(&askers, 2);
    assert_true(askers_take(&askers, 2, &asker));
    assert_int_equal(asker.number, 101);
}

static void test_askers__are_bounded(void **state)
{
    struct askers askers = {0};

    for (raft_id id = 1; id <= ASKERS_MAX + 5; id++) {
        askers_add(&askers, id, id);
    }
    assert_int_equal(askers.count, ASKERS_MAX);
    askers_forget(&askers);
    assert_int_equal(askers.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_askers__wait_for_a_round_that_begins_after_they_asked),
        cmocka_unit_test(test_askers__that_repeat_themselves_are_answered_by_the_round_under_way),
        cmocka_unit_test(test_askers__with_a_new_question_wait_for_the_next_round),
        cmocka_unit_test(test_askers__are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
