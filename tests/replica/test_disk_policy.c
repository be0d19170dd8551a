/* What full disks decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/disk_policy.h"

#define S 1000000000ull

enum { SELF = 1, LAST = 100 };

/* Three voters, of which this node is the first, and a learner. */
static const struct raft_configuration three = {
    .member_count = 4,
    .members = {{.id = 1, .incoming = true, .outgoing = true},
                {.id = 2, .incoming = true, .outgoing = true},
                {.id = 3, .incoming = true, .outgoing = true},
                {.id = 4}},
};

struct outlook_case {
    enum disk_outlook outlook;
    struct disk_view views[4];
};

#define ROOMY                                                                                      \
    {                                                                                              \
        .is_heard = true, .disk = WIRE_DISK_ROOM, .match_index = LAST                              \
    }
#define SETTLED                                                                                    \
    {                                                                                              \
        .is_heard = true, .disk = WIRE_DISK_FULL, .match_index = LAST                              \
    }
#define UNSETTLED                                                                                  \
    {                                                                                              \
        .is_heard = true, .disk = WIRE_DISK_FULL, .match_index = LAST - 1                          \
    }
#define SPENT                                                                                      \
    {                                                                                              \
        .is_heard = true, .disk = WIRE_DISK_SPENT, .match_index = LAST                             \
    }
#define SILENT                                                                                     \
    {                                                                                              \
        .is_heard = false                                                                          \
    }

static void test_outlook__asks_what_a_majority_of_voters_has_room_for(void **state)
{
    static const struct outlook_case cases[] = {
        {DISKS_HAVE_ROOM, {ROOMY, ROOMY, SPENT, SPENT}},
        {DISKS_HAVE_ROOM, {SETTLED, ROOMY, ROOMY, SPENT}},
        {DISKS_ARE_TIGHT, {SETTLED, ROOMY, SPENT, ROOMY}}, /* A learner does not count. */
        {DISKS_ARE_TIGHT, {ROOMY, SETTLED, SILENT, SPENT}},
        {DISKS_ARE_UNKNOWN, {ROOMY, UNSETTLED, SPENT, ROOMY}},
        {DISKS_ARE_SPENT, {ROOMY, SPENT, SPENT, ROOMY}},
        {DISKS_ARE_SPENT, {ROOMY, SPENT, SILENT, ROOMY}},
        /* The disks are not the obstacle, so writes wait. */
        {DISKS_HAVE_ROOM, {ROOMY, SILENT, SILENT, ROOMY}},
        {DISKS_HAVE_ROOM, {SETTLED, SILENT, SILENT, ROOMY}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(disk_policy_outlook(&three, cases[i].views, LAST), cases[i].outlook);
    }
}

/* C_old is 1, 2 and 3; C_new is 1, 2 and 4. */
static void test_outlook__needs_room_on_both_majorities_of_a_joint_state(void **state)
{
    static const struct raft_configuration joint = {
        .member_count = 4,
        .members = {{.id = 1, .incoming = true, .outgoing = true},
                    {.id = 2, .incoming = true, .outgoing = true},
                    {.id = 3, .outgoing = true},
                    {.id = 4, .incoming = true}},
    };
    const struct disk_view old_only[] = {ROOMY, SPENT, ROOMY, SPENT};
    const struct disk_view each[] = {ROOMY, SPENT, ROOMY, ROOMY};

    assert_int_equal(disk_policy_outlook(&joint, old_only, LAST), DISKS_ARE_SPENT);
    assert_int_equal(disk_policy_outlook(&joint, each, LAST), DISKS_HAVE_ROOM);
}

static void test_successor__has_room_rather_than_a_longer_log(void **state)
{
    const struct disk_view roomy_is_behind[] = {
        SETTLED, SETTLED, {.is_heard = true, .disk = WIRE_DISK_ROOM, .match_index = 5}, ROOMY};
    const struct disk_view both_full[] = {SETTLED, UNSETTLED, SETTLED, ROOMY};
    const struct disk_view one_silent[] = {SETTLED, UNSETTLED, SILENT, ROOMY};
    const struct disk_view alone[] = {ROOMY, SILENT, SILENT, ROOMY};

    assert_int_equal(disk_policy_successor(&three, roomy_is_behind, SELF), 3);
    assert_int_equal(disk_policy_successor(&three, both_full, SELF), 3);
    assert_int_equal(disk_policy_successor(&three, one_silent, SELF), 2);
    assert_int_equal(disk_policy_successor(&three, alone, SELF), 0);
}

/* A full leader transfers leadership only if that helps. */
static void test_roomy_successor__has_room_and_all_that_is_committed(void **state)
{
    const struct disk_view behind[] = {
        SETTLED, SETTLED, {.is_heard = true, .disk = WIRE_DISK_ROOM, .match_index = 5}, ROOMY};

    assert_int_equal(disk_policy_roomy_successor(&three, behind, SELF, 5), 3);
    assert_int_equal(disk_policy_roomy_successor(&three, behind, SELF, 6), 0);
}

static void test_policy__waits_longer_after_each_attempt_until_there_is_room(void **state)
{
    struct disk_policy d;
    uint64_t now_ns = 100 * S;
    uint64_t pause_ns = 2 * S;

    disk_policy_init(&d, S);
    assert_true(disk_policy_set_full(&d, true));
    assert_false(disk_policy_set_full(&d, true));
    assert_true(disk_policy_may_hand_over(&d, false, now_ns));
    for (int i = 0; i < 8; i++) {
        disk_policy_note_attempt(&d, now_ns);
        assert_false(disk_policy_may_hand_over(&d, false, now_ns + pause_ns - 1));
        assert_true(disk_policy_may_hand_over(&d, false, now_ns + pause_ns));
        now_ns += pause_ns;
        pause_ns = 2 * pause_ns < 30 * S ? 2 * pause_ns : 30 * S;
    }
    /* It accepts no writes anyway, so it need not wait as long. */
    disk_policy_note_attempt(&d, now_ns);
    assert_true(disk_policy_may_hand_over(&d, true, now_ns + 2 * S));
    assert_false(disk_policy_may_hand_over(&d, true, now_ns + 2 * S - 1));
    assert_true(disk_policy_set_full(&d, false));
    assert_true(disk_policy_may_hand_over(&d, false, now_ns));
}

static void test_policy__forgets_what_found_no_room_once_there_is_some(void **state)
{
    struct disk_policy d;

    disk_policy_init(&d, S);
    disk_policy_set_full(&d, true);
    disk_policy_note_unstored(&d, 77);
    disk_policy_set_full(&d, true);
    assert_int_equal(d.unstored_bytes, 77);
    disk_policy_set_full(&d, false);
    assert_int_equal(d.unstored_bytes, 0);
}

/* A snapshot may make room within a moment. */
static void test_growth__waits_for_a_moment_before_it_is_refused(void **state)
{
    struct disk_policy d;

    disk_policy_init(&d, S);
    assert_false(disk_policy_waits(&d, true, 5 * S));
    assert_true(disk_policy_waits(&d, false, 6 * S));
    assert_true(disk_policy_waits(&d, false, 8 * S - 1));
    assert_false(disk_policy_waits(&d, false, 8 * S));
    assert_false(disk_policy_waits(&d, false, 9 * S));
    assert_false(disk_policy_waits(&d, true, 10 * S));
    assert_true(disk_policy_waits(&d, false, 11 * S));
}

static void test_outlook__is_low_if_only_deletes_have_room_on_a_majority(void **state)
{
    struct disk_view views[] = {
        ROOMY, {.is_heard = true, .disk = WIRE_DISK_LOW, .match_index = LAST}, SPENT, ROOMY};

    assert_int_equal(disk_policy_outlook(&three, views, LAST), DISKS_ARE_LOW);
    views[1].match_index = LAST - 1; /* What is under way may take that room. */
    assert_int_equal(disk_policy_outlook(&three, views, LAST), DISKS_ARE_UNKNOWN);
    views[2] = (struct disk_view)SETTLED;
    assert_int_equal(disk_policy_outlook(&three, views, LAST), DISKS_ARE_TIGHT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth__waits_for_a_moment_before_it_is_refused),
        cmocka_unit_test(test_outlook__is_low_if_only_deletes_have_room_on_a_majority),
        cmocka_unit_test(test_outlook__asks_what_a_majority_of_voters_has_room_for),
        cmocka_unit_test(test_outlook__needs_room_on_both_majorities_of_a_joint_state),
        cmocka_unit_test(test_successor__has_room_rather_than_a_longer_log),
        cmocka_unit_test(test_roomy_successor__has_room_and_all_that_is_committed),
        cmocka_unit_test(test_policy__waits_longer_after_each_attempt_until_there_is_room),
        cmocka_unit_test(test_policy__forgets_what_found_no_room_once_there_is_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
