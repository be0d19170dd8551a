/* Messages wait for the write that they depend on, and for no other (I-3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/outbox.h"

enum { MANY = 1000 };

struct sent {
    uint32_t count;
    raft_id to[MANY];
};

static void note(void *context, const struct raft_message *m)
{
    struct sent *sent = context;

    assert_true(sent->count < MANY);
    sent->to[sent->count++] = m->to;
}

static void hold(struct outbox *o, raft_seq after, raft_id to)
{
    const struct raft_outbound outbound = {.after = after, .message = {.to = to}};

    outbox_hold(o, &outbound);
}

static void test_outbox__holds_what_waits_for_a_write(void **state)
{
    struct outbox o = {0};
    struct sent sent = {0};

    assert_true(outbox_is_empty(&o));
    hold(&o, 7, 1);
    assert_false(outbox_is_empty(&o));
    outbox_release(&o, 6, note, &sent);
    assert_int_equal(sent.count, 0);
    outbox_release(&o, 7, note, &sent);
    assert_int_equal(sent.count, 1);
    assert_true(outbox_is_empty(&o));
    outbox_release(&o, 8, note, &sent);
    assert_int_equal(sent.count, 1);
    outbox_deinit(&o);
}

/* A message that only needs the term does not wait for entries of an earlier message. */
static void test_outbox__lets_no_message_wait_for_another_ones_write(void **state)
{
    struct outbox o = {0};
    struct sent sent = {0};

    hold(&o, 9, 1);
    hold(&o, 5, 2);
    hold(&o, 7, 3);
    outbox_release(&o, 7, note, &sent);
    assert_int_equal(sent.count, 2);
    assert_int_equal(sent.to[0], 2);
    assert_int_equal(sent.to[1], 3);
    outbox_release(&o, 9, note, &sent);
    assert_int_equal(sent.to[2], 1);
    outbox_deinit(&o);
}

static void test_outbox__keeps_the_order_of_many(void **state)
{
    struct outbox o = {0};
    struct sent sent = {0};

    for (raft_id to = 0; to < MANY; to++) {
        hold(&o, 1 + to / 10, to);
    }
    for (raft_seq seq = 1; !outbox_is_empty(&o); seq++) {
        outbox_release(&o, seq, note, &sent);
        assert_int_equal(sent.count, 10 * seq);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(sent.to[i], i);
    }
    outbox_deinit(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outbox__holds_what_waits_for_a_write),
        cmocka_unit_test(test_outbox__lets_no_message_wait_for_another_ones_write),
        cmocka_unit_test(test_outbox__keeps_the_order_of_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
