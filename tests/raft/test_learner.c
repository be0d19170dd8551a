/* test_learner.c - learners on request: they get the log, and stay learners until a command says
 * otherwise (dissertation §4.2.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "solo.h"

static int change(struct solo *s, struct raft_change what)
{
    return solo_step(s, (struct raft_event){.kind = RAFT_CHANGE, .change = what});
}

/* Leader of that many voters in term 2; its no-op (index 2) is committed. */
static void lead(struct solo *s, uint32_t voter_count)
{
    solo_restore(s, voter_count, NULL, 0);
    solo_become_leader(s);
    solo_settle(s);
    for (raft_id id = 2; id <= voter_count; id++) {
        assert_int_equal(solo_receive(s, solo_accept(id, 2, 2)), RAFT_OK);
    }
    assert_true(raft_is_ready(s->raft));
}

static bool votes(const struct solo *s, raft_id id)
{
    return raft_configuration_find(raft_configuration(s->raft), id)->incoming;
}

static void test_learner__may_stay_one(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1);
    assert_int_equal(
        change(&s, (struct raft_change){.kind = RAFT_ADD_LEARNER, .id = 2, .stays_learner = true}),
        RAFT_OK);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    solo_pass(&s, SOLO_HEARTBEAT);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
    assert_false(votes(&s, 2)); /* However well it keeps up. */
    assert_int_equal(change(&s, (struct raft_change){.kind = RAFT_PROMOTE, .id = 2}), RAFT_OK);
    solo_settle(&s);
    assert_true(votes(&s, 2));
    solo_deinit(&s);
}

static void test_learner__that_was_a_voter_stays_one(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 3);
    assert_int_equal(change(&s, (struct raft_change){.kind = RAFT_DEMOTE, .id = 3}), RAFT_OK);
    assert_true(raft_configuration_is_joint(raft_configuration(s.raft)));
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 3)), RAFT_OK);
    assert_false(raft_configuration_is_joint(raft_configuration(s.raft)));
    assert_false(votes(&s, 3));
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 4)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(3, 2, 4)), RAFT_OK);
    assert_false(votes(&s, 3));
    assert_int_equal(raft_configuration(s.raft)->member_count, 3);
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learner__may_stay_one),
        cmocka_unit_test(test_learner__that_was_a_voter_stays_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
