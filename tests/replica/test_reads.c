/* Reads beside the log: which question confirms which read, and when reads may be served (I-12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_request.h"
#include "replica/reads.h"
#include "resp/errors.h"

static void test_reads__of_one_time_share_a_question(void **state)
{
    struct reads reads;
    struct request a = {0};
    struct request b = {0};
    struct request late = {0};

    reads_init(&reads);
    assert_false(reads_want_question(&reads));
    reads_add(&reads, &a);
    reads_add(&reads, &b);
    assert_true(reads_want_question(&reads));
    reads_ask(&reads, 1, 0);
    reads_add(&reads, &late);
    assert_false(reads_want_question(&reads)); /* A round is under way. */
    assert_null(reads_next(&reads, 100));
    reads_confirm(&reads, 1, 10);
    assert_ptr_equal(reads_next(&reads, 100), &a);
    list_remove(&a.link);
    assert_ptr_equal(reads_next(&reads, 100), &b);
    list_remove(&b.link);
    assert_null(reads_next(&reads, 100)); /* The late read was not included in that round. */
    assert_true(reads_want_question(&reads));
    list_remove(&late.link);
}

static void test_reads__wait_for_what_was_committed_when_they_were_asked_for(void **state)
{
    struct reads reads;
    struct request a = {0};

    reads_init(&reads);
    reads_add(&reads, &a);
    reads_ask(&reads, 1, 0);
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
    reads_ask(&reads, 5, 0);
    reads_confirm(&reads, 4, 10);
    reads_confirm(&reads, 6, 10);
    assert_null(reads_next(&reads, 100));
    assert_false(reads_want_question(&reads));
    reads_confirm(&reads, 5, 10);
    assert_ptr_equal(reads_next(&reads, 100), &a);
    list_remove(&a.link);
}

/* They wait again, in the order in which they came; what was asked for them is void. */
static void test_reads__that_are_taken_back_begin_anew(void **state)
{
    struct requests requests;
    struct reads reads;
    struct fake_request fakes[3];
    struct list *node;

    requests_init(&requests, 1000);
    reads_init(&reads);
    for (int i = 0; i < 3; i++) {
        fake_request_init(&fakes[i], &fake_read, 100);
        requests_submit(&requests, &fakes[i].request, 0);
        list_remove(&fakes[i].request.link);
        reads_add(&reads, &fakes[i].request);
        if (i < 2) {
            reads_ask(&reads, (uint64_t)i + 1, 0);
        }
        if (i == 0) {
            reads_confirm(&reads, 1, 10);
        }
    }
    assert_true(reads_are_under_way(&reads)); /* One is ready, one was asked for, one waits. */
    reads_take_back(&reads, &requests);
    assert_false(reads_are_under_way(&reads));
    reads_confirm(&reads, 2, 10);
    for (int i = 0; i < 3; i++) {
        node = list_first(&requests.waiting);
        assert_ptr_equal(node, &fakes[i].request.link);
        list_remove(node);
        reads_add(&reads, &fakes[i].request);
    }
    assert_true(reads_want_question(&reads));
    reads_ask(&reads, 3, 0);
    assert_null(reads_next(&reads, 100));
    reads_confirm(&reads, 3, 10);
    assert_ptr_equal(reads_next(&reads, 100), &fakes[0].request);
    reads_fail_overdue(&reads, &requests, UINT64_MAX, ERROR_READ_LATE);
    for (int i = 0; i < 3; i++) {
        assert_failed(&fakes[i], ERROR_READ_LATE);
        fake_request_deinit(&fakes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads__of_one_time_share_a_question),
        cmocka_unit_test(test_reads__wait_for_what_was_committed_when_they_were_asked_for),
        cmocka_unit_test(test_reads__are_not_confirmed_by_an_older_round),
        cmocka_unit_test(test_reads__that_are_taken_back_begin_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
