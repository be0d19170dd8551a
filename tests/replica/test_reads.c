/* The leader's reads: which round confirms which read, and when reads may be served (I-12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/reads.h"

static void test_reads__of_one_time_share_a_round(void **state)
{
    struct reads reads;
    struct request a = {0};
    struct request b = {0};
    struct request late = {0};

    reads_init(&reads);
    assert_false(reads_want_round(&reads));
    reads_add(&reads, &a);
    reads_add(&reads, &b);
    assert_true(reads_want_round(&reads));
    reads_ask(&reads, 1);
    reads_add(&reads, &late);
    assert_false(reads_want_round(&reads)); /* A round is under way. */
    assert_null(reads_next(&reads, 100));
    reads_confirm(&reads, 1, 10);
    assert_ptr_equal(reads_next(&reads, 100), &a);
    list_remove(&a.link);
    assert_ptr_equal(reads_next(&reads, 100), &b);
    list_remove(&b.link);
    assert_null(reads_next(&reads, 100)); /* The late read was not included in that round. */
    assert_true(reads_want_round(&reads));
    list_remove(&late.link);
}

static void test_reads__wait_for_what_was_committed_when_they_were_asked_for(void **state)
{
    struct reads reads;
    struct request a = {0};

    reads_init(&reads);
    reads_add(&reads, &a);
    reads_ask(&reads, 1);
    reads_confirm(&reads, 1, 10);
    assert_null(reads_next(&reads, 9));
    assert_ptr_equal(reads_next(&reads, 10), &a);
    list_remove(&a.link);
}

/* An answer to an older round proves nothing for reads that came later. */
static void test_reads__are_not_confirmed_by_an_older_round(void **state)
{
    struct reads reads;
    struct request a = {0};

    reads_init(&reads);
    reads_add(&reads, &a);
    reads_ask(&reads, 5);
    reads_confirm(&reads, 4, 10);
    assert_null(reads_next(&reads, 100));
    assert_false(reads_want_round(&reads));
    reads_confirm(&reads, 5, 10);
    assert_ptr_equal(reads_next(&reads, 100), &a);
    list_remove(&a.link);
}

/* A round of a leadership that was lost does not delay the next one. */
static void test_reads__begin_anew_after_leadership_was_lost(void **state)
{
    struct reads reads;
    struct request a = {0};

    reads_init(&reads);
    reads_add(&reads, &a);
    reads_ask(&reads, 1);
    list_remove(&a.link); /* It waits elsewhere for the next leader, which is this node. */
    reads_forget_rounds(&reads);
    reads_add(&reads, &a);
    assert_true(reads_want_round(&reads));
    reads_ask(&reads, 2);
    assert_null(reads_next(&reads, 100));
    reads_confirm(&reads, 2, 10);
    assert_ptr_equal(reads_next(&reads, 100), &a);
    list_remove(&a.link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads__of_one_time_share_a_round),
        cmocka_unit_test(test_reads__wait_for_what_was_committed_when_they_were_asked_for),
        cmocka_unit_test(test_reads__are_not_confirmed_by_an_older_round),
        cmocka_unit_test(test_reads__begin_anew_after_leadership_was_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
