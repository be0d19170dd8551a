/* Commands that a follower has sent to the leader: each ends once, and no write is sent twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_request.h"
#include "replica/forwards.h"
#include "resp/errors.h"

enum { COUNT = 4, BYTES = 100, LEADER = 7, OTHER = 8, TERM = 3 };

static const uint64_t FIRST = 1000;
static const uint64_t TIMEOUT_NS = 1000;

struct fixture {
    struct requests q;
    struct forwards forwards;
    struct fake_request fakes[COUNT];
    struct buffer out;
};

static int up(void **state)
{
    static struct fixture f;

    f = (struct fixture){0};
    requests_init(&f.q, TIMEOUT_NS);
    forwards_init(&f.forwards, &f.q, FIRST);
    for (int i = 0; i < COUNT; i++) {
        fake_request_init(&f.fakes[i], i % 2 == 0 ? &fake_write : &fake_read, BYTES);
        requests_submit(&f.q, &f.fakes[i].request, (uint64_t)i);
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
    forwards_deinit(&f->forwards);
    buffer_deinit(&f->out);
    return 0;
}

static void send_to(struct fixture *f, raft_id leader)
{
    list_for_each(node, &f->q.waiting)
    {
        forwards_send(&f->forwards, container_of(node, struct request, link), leader, TERM, 0,
                      &f->out);
    }
}

static void answer(struct fixture *f, raft_id from, uint64_t number, uint8_t outcome)
{
    struct wire_answer a = {.correlation = FIRST + number,
                            .outcome = outcome,
                            .executed_index = 5,
                            .reply = slice_str("+OK\r\n")};

    forwards_answered(&f->forwards, from, &a);
}

static void test_forwards__each_command_gets_the_answer_to_its_number(void **state)
{
    struct fixture *f = *state;

    send_to(f, LEADER);
    assert_true(buffer_size(&f->out) > COUNT * BYTES);
    assert_true(list_is_empty(&f->q.waiting));
    answer(f, LEADER, 2, WIRE_REPLIED);
    assert_int_equal(f->fakes[2].answered_count, 1);
    assert_int_equal(f->fakes[2].request.executed_index, 5);
    assert_true(slice_equal(buffer_slice(&f->fakes[2].out), slice_str("+OK\r\n")));
    assert_int_equal(forwards_held_from(&f->forwards), FIRST);
    answer(f, LEADER, 0, WIRE_REPLIED);
    assert_int_equal(forwards_held_from(&f->forwards), FIRST + 1);
    answer(f, LEADER, 0, WIRE_REPLIED); /* A second time, for which nobody waits. */
    assert_int_equal(f->fakes[0].answered_count, 1);
    answer(f, LEADER, 1, WIRE_REPLIED);
    answer(f, LEADER, 3, WIRE_REPLIED);
    assert_int_equal(f->q.count, 0);
}

static void test_forwards__only_the_node_that_was_asked_can_answer(void **state)
{
    struct fixture *f = *state;

    send_to(f, LEADER);
    answer(f, OTHER, 0, WIRE_REPLIED);
    assert_unanswered(&f->fakes[0]);
    forwards_lost(&f->forwards, OTHER);
    assert_unanswered(&f->fakes[0]);
    forwards_abandon(&f->forwards);
    assert_failed(&f->fakes[0], ERROR_IN_DOUBT);
}

/* It is certainly not executed: it waits, in its place, for the leader of another term. */
static void test_forwards__what_is_refused_waits_for_another_leader(void **state)
{
    struct fixture *f = *state;
    int i = 0;

    send_to(f, LEADER);
    assert_true(forwards_may_send(&f->forwards, TERM));
    for (uint64_t number = 0; number < COUNT; number++) {
        answer(f, LEADER, COUNT - 1 - number, WIRE_NOT_LEADER);
    }
    assert_false(forwards_may_send(&f->forwards, TERM));
    assert_true(forwards_may_send(&f->forwards, TERM + 1));
    requests_take_returned(&f->q);
    list_for_each(node, &f->q.waiting)
    {
        assert_ptr_equal(node, &f->fakes[i++].request.link);
    }
    assert_int_equal(i, COUNT);
    requests_fail_all(&f->q, &f->q.waiting, ERROR_STOPPING);
}

/* Reads are sent again, once; writes, and reads in the log among them, never. */
static void test_forwards__only_reads_are_sent_to_a_second_leader_and_none_to_a_third(void **state)
{
    struct fixture *f = *state;

    f->fakes[3].request.is_logged_read = true;
    send_to(f, LEADER);
    forwards_lost(&f->forwards, LEADER);
    assert_failed(&f->fakes[0], ERROR_IN_DOUBT);
    assert_failed(&f->fakes[2], ERROR_IN_DOUBT);
    assert_failed(&f->fakes[3], ERROR_READ_LATE);
    assert_unanswered(&f->fakes[1]);
    send_to(f, OTHER);
    forwards_lost(&f->forwards, OTHER);
    assert_failed(&f->fakes[1], ERROR_READ_LOST);
    assert_int_equal(f->q.in_doubt_count, 2);
}

static void test_forwards__the_former_leader_may_answer_for_a_moment(void **state)
{
    struct fixture *f = *state;

    send_to(f, LEADER);
    assert_false(forwards_are_winding_down(&f->forwards));
    forwards_wind_down(&f->forwards, 500);
    forwards_wind_down(&f->forwards, 900); /* Another change gives it no more time. */
    assert_true(forwards_are_winding_down(&f->forwards));
    answer(f, LEADER, 0, WIRE_REPLIED);
    assert_int_equal(f->fakes[0].answered_count, 1);
    forwards_sweep(&f->forwards, false, 499);
    assert_unanswered(&f->fakes[2]);
    forwards_sweep(&f->forwards, true, 500); /* A removed node gets nothing else. */
    assert_unanswered(&f->fakes[2]);
    forwards_sweep(&f->forwards, false, 500);
    assert_failed(&f->fakes[2], ERROR_IN_DOUBT);
    assert_false(forwards_are_winding_down(&f->forwards));
    requests_fail_all(&f->q, &f->q.waiting, ERROR_STOPPING);
}

static void test_forwards__a_leader_that_is_gone_answers_nothing(void **state)
{
    struct fixture *f = *state;

    send_to(f, LEADER);
    forwards_wind_down(&f->forwards, 0);
    assert_failed(&f->fakes[0], ERROR_IN_DOUBT);
    assert_false(forwards_are_winding_down(&f->forwards));
    requests_fail_all(&f->q, &f->q.waiting, ERROR_STOPPING);
}

static void test_forwards__are_given_up_when_their_time_is_over(void **state)
{
    struct fixture *f = *state;

    send_to(f, LEADER);
    forwards_sweep(&f->forwards, false, TIMEOUT_NS + 1);
    assert_failed(&f->fakes[0], ERROR_UNCONFIRMED);
    assert_failed(&f->fakes[1], ERROR_READ_LATE);
    assert_unanswered(&f->fakes[2]);
    forwards_end(&f->forwards);
    assert_failed(&f->fakes[2], ERROR_IN_DOUBT);
    assert_failed(&f->fakes[3], ERROR_STOPPING);
}

static void test_forwards__the_leader_hears_once_that_a_client_has_gone(void **state)
{
    struct fixture *f = *state;

    send_to(f, LEADER);
    buffer_clear(&f->out);
    forwards_report_abandoned(&f->forwards, &f->out);
    assert_int_equal(buffer_size(&f->out), 0);
    f->fakes[2].request.is_abandoned = true;
    forwards_report_abandoned(&f->forwards, NULL);
    forwards_report_abandoned(&f->forwards, &f->out);
    assert_true(buffer_size(&f->out) > 0);
    buffer_clear(&f->out);
    forwards_report_abandoned(&f->forwards, &f->out);
    assert_int_equal(buffer_size(&f->out), 0);
    forwards_end(&f->forwards);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_forwards__each_command_gets_the_answer_to_its_number),
        TEST(test_forwards__only_the_node_that_was_asked_can_answer),
        TEST(test_forwards__what_is_refused_waits_for_another_leader),
        TEST(test_forwards__only_reads_are_sent_to_a_second_leader_and_none_to_a_third),
        TEST(test_forwards__the_former_leader_may_answer_for_a_moment),
        TEST(test_forwards__a_leader_that_is_gone_answers_nothing),
        TEST(test_forwards__are_given_up_when_their_time_is_over),
        TEST(test_forwards__the_leader_hears_once_that_a_client_has_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
