/* A node that a configuration leaves out, which it has but does not know to be committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "solo.h"

static int append(struct solo *s, raft_index prev, raft_term prev_term,
                  const struct raft_configuration *c)
{
    struct raft_entry entry = {.term = 2, .kind = RAFT_CONFIGURATION, .configuration = c};
    struct raft_message m = solo_append(2, 2, prev, prev_term, NULL, 0, 0);

    m.append_entries.entry_count = 1;
    m.append_entries.entries = &entry;
    return solo_receive(s, m);
}

/* It hears that its removal is committed while it campaigns: the answer to a question of its can
 * name the entry. */
static void test_left_out__a_campaign_ends_when_the_removal_is_committed(void **state)
{
    struct raft_configuration joint = solo_voters(3);
    struct raft_configuration left = {.member_count = 2,
                                      .members = {joint.members[1], joint.members[2]}};
    struct solo s;

    (void)state;
    joint.members[0].outgoing = joint.members[1].outgoing = joint.members[2].outgoing = true;
    joint.members[0].incoming = false;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(append(&s, 1, 1, &joint), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_append(2, 2, 2, 2, NULL, 0, 2)), RAFT_OK);
    assert_int_equal(append(&s, 2, 2, &left), RAFT_OK);
    solo_settle(&s);
    solo_timeout(&s);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE); /* Its log may be needed. */
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_COMMITTED,
                                                       .committed_index = 3,
                                                       .committed_term = 2}),
                     RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    solo_pass(&s, 4 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_left_out__a_campaign_ends_when_the_removal_is_committed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
