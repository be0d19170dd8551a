/* Commands under way: their order, their bytes, and how each ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_request.h"
#include "replica/requests.h"
#include "resp/errors.h"

enum { COUNT = 4, BYTES = 100 };

static const uint64_t TIMEOUT_NS = 1000;

struct fixture {
    struct requests q;
    struct fake_request fakes[COUNT];
};

static int up(void **state)
{
    static struct fixture f;

    requests_init(&f.q, TIMEOUT_NS);
    for (int i = 0; i < COUNT; i++) {
        fake_request_init(&f.fakes[i], &fake_write, BYTES);
    }
    *state = &f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < COUNT; i++) {
        fake_request_deinit(&f->fakes[i]);
    }
    return 0;
}

static void submit_all(struct fixture *f)
{
    for (int i = 0; i < COUNT; i++) {
        requests_submit(&f->q, &f->fakes[i].request, (uint64_t)i);
    }
}

static struct request *take(struct fixture *f, int i)
{
    list_remove(&f->fakes[i].request.link);
    return &f->fakes[i].request;
}

static void assert_all_wait_in_order(struct fixture *f)
{
    int i = 0;

    list_for_each(node, &f->q.waiting)
    {
        assert_ptr_equal(node, &f->fakes[i].request.link);
        i++;
    }
    assert_int_equal(i, COUNT);
}

static void test_requests__counts_bytes_of_clients_and_of_other_nodes_apart(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes = BYTES + sizeof(struct request);

    fake_request_is_forwarded(&f->fakes[3]);
    submit_all(f);
    assert_int_equal(f->q.count, COUNT);
    assert_int_equal(f->q.own_bytes, 3 * bytes);
    assert_int_equal(f->q.forwarded_bytes, bytes);
    for (int i = 0; i < COUNT; i++) {
        requests_finish(&f->q, take(f, i), 7);
        assert_int_equal(f->fakes[i].answered_count, 1);
        assert_int_equal(f->fakes[i].request.executed_index, 7);
    }
    assert_int_equal(f->q.count, 0);
    assert_int_equal(f->q.own_bytes, 0);
    assert_int_equal(f->q.forwarded_bytes, 0);
}

/* A connection's commands must be executed in their order. */
static void test_requests__what_waits_again_is_in_its_place(void **state)
{
    struct fixture *f = *state;
    struct list again;

    submit_all(f);
    list_init(&again);
    list_append(&again, &take(f, 0)->link);
    list_append(&again, &take(f, 2)->link);
    requests_wait_again(&f->q, &again);
    assert_all_wait_in_order(f);
}

static void test_requests__what_comes_back_out_of_order_is_in_its_place(void **state)
{
    struct fixture *f = *state;

    submit_all(f);
    requests_return(&f->q, take(f, 2));
    requests_return(&f->q, take(f, 0));
    requests_return(&f->q, take(f, 1));
    requests_take_returned(&f->q);
    assert_all_wait_in_order(f);
}

static void test_requests__only_what_may_have_changed_something_is_in_doubt(void **state)
{
    struct fixture *f = *state;

    f->fakes[1].request.command = &fake_read;
    f->fakes[2].request.command = &fake_read;
    f->fakes[2].request.is_logged_read = true;
    f->fakes[3].request.command = &fake_admin;
    f->fakes[3].request.is_query = true;
    submit_all(f);
    for (int i = 0; i < COUNT; i++) {
        requests_give_up(&f->q, take(f, i), ERROR_IN_DOUBT, ERROR_READ_LATE);
    }
    assert_failed(&f->fakes[0], ERROR_IN_DOUBT);
    for (int i = 1; i < COUNT; i++) {
        assert_failed(&f->fakes[i], ERROR_READ_LATE);
    }
    assert_int_equal(f->q.in_doubt_count, 1);
}

static void test_requests__a_change_of_members_may_be_in_doubt(void **state)
{
    struct fixture *f = *state;

    f->fakes[0].request.command = &fake_admin;
    f->fakes[1].request.command = &fake_admin;
    f->fakes[1].request.has_begun = true;
    submit_all(f);
    requests_give_up(&f->q, take(f, 0), ERROR_IN_DOUBT, ERROR_READ_LATE);
    requests_fail(&f->q, take(f, 1), ERROR_STOPPING);
    assert_failed(&f->fakes[0], ERROR_IN_DOUBT);
    assert_failed(&f->fakes[1], ERROR_CHANGE_IN_DOUBT);
}

/* It goes back to the node that forwarded it, unless it has begun. */
static void test_requests__gives_back_what_was_forwarded(void **state)
{
    struct fixture *f = *state;

    fake_request_is_forwarded(&f->fakes[1]);
    fake_request_is_forwarded(&f->fakes[2]);
    f->fakes[2].request.has_begun = true;
    submit_all(f);
    assert_false(requests_give_back(&f->q, &f->fakes[0].request));
    assert_true(requests_give_back(&f->q, &f->fakes[1].request));
    assert_false(requests_give_back(&f->q, &f->fakes[2].request));
    assert_unanswered(&f->fakes[0]);
    assert_int_equal(f->fakes[1].refused_count, 1);
    assert_int_equal(f->fakes[1].answered_count, 0);
    assert_int_equal(f->q.count, COUNT - 1);
}

/* The time to wait for a leader begins when the command arrives at the node; the total time when
 * it is submitted, unless its maker has set it. */
static void test_requests__have_two_deadlines(void **state)
{
    struct fixture *f = *state;

    f->fakes[0].request.received_ns = 100;
    f->fakes[1].request.deadline_ns = 700;
    for (int i = 0; i < COUNT; i++) {
        requests_submit(&f->q, &f->fakes[i].request, 500);
    }
    assert_false(requests_fail_late(&f->q, &f->fakes[0].request, 1099, ERROR_NO_LEADER));
    assert_true(requests_fail_late(&f->q, &f->fakes[0].request, 1100, ERROR_NO_LEADER));
    assert_failed(&f->fakes[0], ERROR_NO_LEADER);
    requests_fail_overdue(&f->q, &f->q.waiting, 700, ERROR_NOT_TAKEN);
    assert_failed(&f->fakes[1], ERROR_NOT_TAKEN);
    assert_unanswered(&f->fakes[2]);
    requests_fail_overdue(&f->q, &f->q.waiting, 1500, ERROR_NOT_TAKEN);
    assert_failed(&f->fakes[2], ERROR_NOT_TAKEN);
    assert_failed(&f->fakes[3], ERROR_NOT_TAKEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests__counts_bytes_of_clients_and_of_other_nodes_apart),
        TEST(test_requests__what_waits_again_is_in_its_place),
        TEST(test_requests__what_comes_back_out_of_order_is_in_its_place),
        TEST(test_requests__only_what_may_have_changed_something_is_in_doubt),
        TEST(test_requests__a_change_of_members_may_be_in_doubt),
        TEST(test_requests__gives_back_what_was_forwarded),
        TEST(test_requests__have_two_deadlines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
