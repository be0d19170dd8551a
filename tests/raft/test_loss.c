/* A leader's heartbeat names what this node has acknowledged, and its disk has lost that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "solo.h"

/* The leader relies on its acknowledgement of entries that its disk has lost. It can't know what
 * else it has promised, so it must not go on. */
static void test_loss__stops_if_it_has_lost_what_it_acknowledged(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 2}, 2);
    /* An index that it does not have. */
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 2, 4)), RAFT_ELOST);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 3)), RAFT_ELOST); /* A different term. */
    assert_int_equal(solo_receive(&s, solo_heartbeat(9, 2, 4)), RAFT_ELOG);  /* Not a member. */
    assert_int_equal(raft_commit_index(s.raft), 0);
    assert_int_equal(raft_leader(s.raft), 0);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 2, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    solo_deinit(&s);
}

/* The entry may be of an older term, so the heartbeat names the term, too. */
static void test_loss__an_entry_is_named_with_its_term(void **state)
{
    struct solo s;
    struct raft_message older = solo_heartbeat(2, 3, 2);

    solo_restore(&s, 3, (raft_term[]){1, 2}, 2);
    older.heartbeat.leader_commit_term = 2; /* Here, that entry is of term 1. */
    assert_int_equal(solo_receive(&s, older), RAFT_ELOST);
    older.heartbeat.leader_commit_term = 0;
    assert_int_equal(solo_receive(&s, older), RAFT_ELOG);
    older.heartbeat.leader_commit_term = 4; /* Later than the sender's own. */
    assert_int_equal(solo_receive(&s, older), RAFT_ELOG);
    assert_int_equal(raft_leader(s.raft), 0);
    older.heartbeat.leader_commit_term = 1;
    assert_int_equal(solo_receive(&s, older), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 2);
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss__stops_if_it_has_lost_what_it_acknowledged),
        cmocka_unit_test(test_loss__an_entry_is_named_with_its_term),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
