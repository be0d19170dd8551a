/* The leader's reads: which round confirms which read, and when reads may be served (I-12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/reads.h"

enum { NOW = 1000, MANY = 50, FEW = 5, MOMENT_NS = 250 * 1000 };

static void add(struct reads *reads, struct request *requests, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        requests[i] = (struct request){0};
        reads_add(reads, &requests[i]);
    }
}

static void take_away(struct request *requests, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        list_remove(&requests[i].link);
    }
}

/* So many reads are asked for, confirmed and served. */
static void serve(struct reads *reads, uint64_t ticket, struct request *requests, uint32_t count)
{
    reads_ask(reads, ticket);
    reads_confirm(reads, ticket, 10, NOW);
    take_away(requests, count);
}

static void test_reads__of_one_time_share_a_round(void **state)
{
    struct reads reads;
    struct request a = {0};
    struct request b = {0};
    struct request late = {0};

    reads_init(&reads);
    assert_false(reads_want_round(&reads, NOW));
    reads_add(&reads, &a);
    reads_add(&reads, &b);
    assert_true(reads_want_round(&reads, NOW));
    reads_ask(&reads, 1);
    reads_add(&reads, &late);
    assert_false(reads_want_round(&reads, NOW)); /* A round is under way. */
    assert_null(reads_next(&reads, 100));
    reads_confirm(&reads, 1, 10, NOW);
    assert_ptr_equal(reads_next(&reads, 100), &a);
    list_remove(&a.link);
    assert_ptr_equal(reads_next(&reads, 100), &b);
    list_remove(&b.link);
    assert_null(reads_next(&reads, 100)); /* The late read was not included in that round. */
    assert_true(reads_want_round(&reads, NOW));
    list_remove(&late.link);
}

static void test_reads__wait_for_what_was_committed_when_they_were_asked_for(void **state)
{
    struct reads reads;
    struct request a = {0};

    reads_init(&reads);
    reads_add(&reads, &a);
    reads_ask(&reads, 1);
    reads_confirm(&reads, 1, 10, NOW);
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
    reads_confirm(&reads, 4, 10, NOW);
    assert_null(reads_next(&reads, 100));
    assert_false(reads_want_round(&reads, NOW));
    reads_confirm(&reads, 5, 10, NOW);
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
    assert_true(reads_want_round(&reads, NOW));
    reads_ask(&reads, 2);
    assert_null(reads_next(&reads, 100));
    reads_confirm(&reads, 2, 10, NOW);
    assert_ptr_equal(reads_next(&reads, 100), &a);
    list_remove(&a.link);
}

/* The clients that were just answered ask again, and one round asks for them all. */
static void test_reads__after_a_large_round_gather_for_a_moment(void **state)
{
    struct reads reads;
    struct request requests[MANY];

    reads_init(&reads);
    add(&reads, requests, MANY);
    assert_true(reads_want_round(&reads, NOW));
    serve(&reads, 1, requests, MANY);
    assert_true(reads_due_ns(&reads) == UINT64_MAX);
    add(&reads, requests, 1);
    assert_false(reads_want_round(&reads, NOW + 1));
    assert_true(reads_due_ns(&reads) == NOW + MOMENT_NS);
    assert_true(reads_want_round(&reads, NOW + MOMENT_NS));
    serve(&reads, 2, requests, 1);
    add(&reads, requests, 1); /* That round was small. */
    assert_true(reads_want_round(&reads, NOW));
    list_remove(&requests[0].link);
}

/* Those that waited when the round was confirmed are among the clients that ask. */
static void test_reads__gather_no_longer_than_until_all_clients_ask_again(void **state)
{
    struct reads reads;
    struct request first[MANY / 2];
    struct request others[MANY / 2];

    reads_init(&reads);
    add(&reads, first, MANY / 2);
    reads_ask(&reads, 1);
    add(&reads, others, MANY / 2);
    reads_confirm(&reads, 1, 10, NOW);
    take_away(first, MANY / 2);
    add(&reads, first, MANY / 2 - 1);
    assert_false(reads_want_round(&reads, NOW + 1));
    add(&reads, &first[MANY / 2 - 1], 1);
    assert_true(reads_want_round(&reads, NOW + 1));
    take_away(first, MANY / 2);
    take_away(others, MANY / 2);
}

static void test_reads__of_few_clients_do_not_gather(void **state)
{
    struct reads reads;
    struct request requests[FEW];

    reads_init(&reads);
    add(&reads, requests, FEW);
    serve(&reads, 1, requests, FEW);
    add(&reads, requests, 1);
    assert_true(reads_want_round(&reads, NOW));
    list_remove(&requests[0].link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads__of_one_time_share_a_round),
        cmocka_unit_test(test_reads__wait_for_what_was_committed_when_they_were_asked_for),
        cmocka_unit_test(test_reads__are_not_confirmed_by_an_older_round),
        cmocka_unit_test(test_reads__begin_anew_after_leadership_was_lost),
        cmocka_unit_test(test_reads__after_a_large_round_gather_for_a_moment),
        cmocka_unit_test(test_reads__gather_no_longer_than_until_all_clients_ask_again),
        cmocka_unit_test(test_reads__of_few_clients_do_not_gather),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
