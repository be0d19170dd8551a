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

static struct request with_mode(enum read_mode mode, uint64_t max_age_ns, uint64_t seen_index)
{
    return (struct request){
        .read_mode = (uint8_t)mode, .max_age_ns = max_age_ns, .seen_index = seen_index};
}

/* At time 1000 a question is asked, whose answer is index 10, and that is applied. */
static void make_fresh(struct reads *reads)
{
    reads_init(reads);
    reads_ask(reads, 1, 1000);
    reads_confirm(reads, 1, 10);
    freshness_note_applied(&reads->freshness, 10);
}

static void test_stale_reads__are_due_if_the_state_is_fresh_enough(void **state)
{
    struct reads reads;
    struct request old = with_mode(READ_STALE, 500, 0);
    struct request strict = with_mode(READ_LINEARIZABLE, 0, 0);

    make_fresh(&reads);
    reads_add(&reads, &strict);
    reads_add(&reads, &old);
    reads_take_stale(&reads, 1501, 10);
    assert_null(reads_next(&reads, 10)); /* Too old: both wait for a question. */
    assert_true(reads_want_question(&reads));
    reads_take_stale(&reads, 1500, 10);
    assert_ptr_equal(reads_next(&reads, 0), &old); /* It overtakes reads of other connections. */
    list_remove(&old.link);
    assert_null(reads_next(&reads, 10));
    list_remove(&strict.link);
}

/* One that was sent before must not show a newer state. */
static void test_stale_reads__of_a_connection_keep_their_order(void **state)
{
    struct reads reads;
    struct request first = with_mode(READ_STALE, 500, 0);
    struct request second = with_mode(READ_STALE, 500, 0);
    struct request third = with_mode(READ_STALE, 500, 0);

    reads_init(&reads);
    reads_add(&reads, &first);
    reads_ask(&reads, 1, 1000);
    reads_add(&reads, &second);
    reads_confirm(&reads, 1, 10);
    reads_ask(&reads, 2, 1100);
    reads_add(&reads, &third);
    freshness_note_applied(&reads.freshness, 10);
    reads_take_stale(&reads, 1200, 10);
    assert_ptr_equal(reads_next(&reads, 10), &first);
    list_remove(&first.link);
    assert_ptr_equal(reads_next(&reads, 10), &second);
    list_remove(&second.link);
    assert_ptr_equal(reads_next(&reads, 10), &third);
    list_remove(&third.link);
}

static void test_stale_reads__do_not_go_back_on_their_connection(void **state)
{
    struct reads reads;
    struct request read = with_mode(READ_STALE, 500, 12);

    make_fresh(&reads);
    reads_add(&reads, &read);
    reads_take_stale(&reads, 1100, 11);
    assert_null(reads_next(&reads, 11));
    reads_take_stale(&reads, 1100, 12);
    assert_ptr_equal(reads_next(&reads, 12), &read);
    list_remove(&read.link);
}

/* So that the next ones need not wait. */
static void test_stale_reads__ask_again_before_the_state_is_too_old(void **state)
{
    struct reads reads;
    struct request read = with_mode(READ_STALE, 500, 0);

    make_fresh(&reads);
    reads_add(&reads, &read);
    reads_take_stale(&reads, 1250, 10);
    assert_false(reads_want_question(&reads));
    list_remove(&read.link);
    reads_add(&reads, &read);
    reads_take_stale(&reads, 1251, 10);
    assert_true(reads_want_question(&reads));
    reads_ask(&reads, 2, 1300);
    assert_false(reads_want_question(&reads));
    list_remove(&read.link);
}

static void test_leased_reads__leave_others_waiting(void **state)
{
    struct reads reads;
    struct request leased = with_mode(READ_LEASE, 0, 0);
    struct request strict = with_mode(READ_LINEARIZABLE, 0, 0);

    reads_init(&reads);
    assert_false(reads_accept_lease(&reads));
    reads_add(&reads, &leased);
    assert_true(reads.has_leased);
    assert_true(reads_accept_lease(&reads));
    reads_add(&reads, &strict);
    assert_false(reads_accept_lease(&reads));
    assert_int_equal(reads_take_leased(&reads, 10), 1);
    assert_false(reads.has_leased);
    assert_null(reads_next(&reads, 9));
    assert_ptr_equal(reads_next(&reads, 10), &leased);
    list_remove(&leased.link);
    assert_true(reads_want_question(&reads));
    list_remove(&strict.link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads__of_one_time_share_a_question),
        cmocka_unit_test(test_reads__wait_for_what_was_committed_when_they_were_asked_for),
        cmocka_unit_test(test_reads__are_not_confirmed_by_an_older_round),
        cmocka_unit_test(test_reads__that_are_taken_back_begin_anew),
        cmocka_unit_test(test_stale_reads__are_due_if_the_state_is_fresh_enough),
        cmocka_unit_test(test_stale_reads__of_a_connection_keep_their_order),
        cmocka_unit_test(test_stale_reads__do_not_go_back_on_their_connection),
        cmocka_unit_test(test_stale_reads__ask_again_before_the_state_is_too_old),
        cmocka_unit_test(test_leased_reads__leave_others_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
