/* test_step.c - the frame around the rules: restoring, refusals, what each step reports, names
 * of values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "solo.h"

static struct raft_entry command(raft_term term)
{
    return (struct raft_entry){.term = term, .kind = RAFT_COMMAND};
}

static void test_step__a_log_that_makes_no_sense_is_not_restored(void **state)
{
    const struct raft_configuration nobody = {0};
    struct raft_entry entry;
    struct solo s;

    (void)state;
    solo_init(&s, 2);
    raft_restore_vote(s.raft, 5, 0);
    entry = command(0);
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_ELOG);
    entry = command(6); /* Of a term that the vote file does not know. */
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_ELOG);
    entry = command(3);
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_OK);
    entry = command(2);
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_ELOG);
    entry = (struct raft_entry){.term = 3, .kind = RAFT_CONFIGURATION};
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_ELOG);
    entry.configuration = &nobody;
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_ELOG);
    entry = command(4);
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_OK);
    entry = command(5);
    assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_EFULL);
    raft_restore_commit(s.raft, 1);
    raft_restore_commit(s.raft, 0);
    assert_int_equal(raft_commit_index(s.raft), 1);
    assert_int_equal(raft_last_index(s.raft), 2);
    assert_int_equal(raft_self(s.raft), 1);
    solo_deinit(&s);
}

static void test_step__what_changes_nothing_reports_nothing(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    assert_true(s.effects.role_changed);
    solo_settle(&s);
    assert_int_equal(solo_tick(&s), RAFT_OK); /* Before its deadline. */
    assert_false(s.effects.role_changed);
    assert_false(s.effects.configuration_changed);
    assert_int_equal(s.effects.write_seq, 0);
    assert_int_equal(s.effects.outbound_count, 0);
    assert_int_equal(s.effects.read_count, 0);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 0}),
                     RAFT_OK);
    assert_int_equal(s.effects.write_seq, 0);
    assert_int_equal(raft_last_index(s.raft), 2);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = 99}),
                     RAFT_OK);
    solo_deinit(&s);
}

/* Each write has its own rising number; the effects list everything to be written. */
static void test_step__writes_are_numbered(void **state)
{
    raft_seq before = 0;
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(
            solo_step(&s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 2}), RAFT_OK);
        assert_true(s.effects.write_seq > before);
        assert_false(s.effects.write_vote);
        before = s.effects.write_seq;
    }
    solo_deinit(&s);
}

static void test_step__a_clock_that_steps_back_stands_still(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    solo_settle(&s);
    s.now_ns -= 1000 * SOLO_MS;
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    assert_true(s.effects.deadline_ns > s.now_ns + 1000 * SOLO_MS);
    solo_deinit(&s);
}

/* The same events give the same effects. */
static void test_step__is_deterministic(void **state)
{
    struct solo a;
    struct solo b;

    (void)state;
    solo_restore(&a, 5, NULL, 0);
    solo_restore(&b, 5, NULL, 0);
    for (int i = 0; i < 200; i++) {
        solo_timeout(&a);
        solo_timeout(&b);
        assert_true(a.effects.deadline_ns == b.effects.deadline_ns);
        assert_int_equal(a.effects.outbound_count, b.effects.outbound_count);
    }
    solo_deinit(&b);
    solo_deinit(&a);
}

/* Every value has its own name, and an invalid value has one, too. */
static void assert_names(const char *(*name)(int), int first, int last)
{
    assert_true(strncmp(name(last + 1), "unknown", 7) == 0);
    for (int i = first; i <= last; i++) {
        assert_true(strncmp(name(i), "unknown", 7) != 0);
        for (int k = first; k < i; k++) {
            assert_string_not_equal(name(i), name(k));
        }
    }
}

static const char *role_name(int value)
{
    return raft_role_name((enum raft_role)value);
}

static const char *reason_text(int value)
{
    return raft_reason_text((enum raft_reason)value);
}

static const char *entry_kind_name(int value)
{
    return raft_entry_kind_name((enum raft_entry_kind)value);
}

static const char *message_kind_name(int value)
{
    return raft_message_kind_name((enum raft_message_kind)value);
}

static void test_step__everything_has_a_name(void **state)
{
    (void)state;
    assert_names(role_name, RAFT_FOLLOWER, RAFT_LEADER);
    assert_names(reason_text, RAFT_BECAUSE_START, RAFT_BECAUSE_INSTALLED);
    assert_names(entry_kind_name, RAFT_NOOP, RAFT_EXPIRED);
    assert_names(message_kind_name, RAFT_PRE_VOTE, RAFT_INSTALL_SNAPSHOT);
    assert_names(raft_error_text, RAFT_ETERM, RAFT_OK);
}

static void test_step__a_message_for_another_or_from_nobody_is_refused(void **state)
{
    const raft_id wrong[][2] = {{2, 3}, {2, 0}, {1, 1}, {0, 1}}; /* From, to. */
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct raft_message m = solo_heartbeat(2, 9, 0);

        m.from = wrong[i][0];
        m.to = wrong[i][1];
        assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_RECEIVE, .message = &m}),
                         RAFT_EMEMBER);
        assert_int_equal(raft_current_term(s.raft), 1);
    }
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 9, 0)), RAFT_OK);
    assert_int_equal(raft_current_term(s.raft), 9);
    solo_deinit(&s);
}

static void test_step__a_reply_to_a_round_that_never_was_is_refused(void **state)
{
    struct raft_message m;
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    m = solo_accept(2, raft_current_term(s.raft), 1);
    m.append_entries_reply.read_round = 1000;
    assert_int_equal(solo_receive(&s, m), RAFT_ELOG);
    m.append_entries_reply.read_round = 0;
    assert_int_equal(solo_receive(&s, m), RAFT_OK);
    solo_deinit(&s);
}

static void test_step__only_a_leader_is_ready_or_hands_over(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_false(raft_is_ready(s.raft));
    assert_false(raft_is_transferring(s.raft));
    solo_become_leader(&s);
    assert_false(raft_is_ready(s.raft)); /* Its no-op is not committed. */
    assert_false(raft_is_transferring(s.raft));
    solo_settle(&s);
    solo_receive(&s, solo_accept(2, raft_current_term(s.raft), raft_last_index(s.raft)));
    assert_true(raft_is_ready(s.raft));
    solo_deinit(&s);
}

/* One message must not use up the terms: after the last one no node could be elected. */
static void test_step__takes_over_terms_by_bounded_steps(void **state)
{
    const enum raft_message_kind kinds[] = {
        RAFT_PRE_VOTE,       RAFT_PRE_VOTE_REPLY,       RAFT_REQUEST_VOTE, RAFT_REQUEST_VOTE_REPLY,
        RAFT_APPEND_ENTRIES, RAFT_APPEND_ENTRIES_REPLY, RAFT_HEARTBEAT,    RAFT_HEARTBEAT_REPLY,
        RAFT_TIMEOUT_NOW,    RAFT_INSTALL_SNAPSHOT};
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 2}, 2);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct raft_message m = {.kind = kinds[i], .from = 2, .term = UINT64_MAX};

        assert_int_equal(solo_receive(&s, m), RAFT_ETERM);
        m.term = 2 + RAFT_TERM_STEP_MAX + 1;
        assert_int_equal(solo_receive(&s, m), RAFT_ETERM);
    }
    assert_int_equal(raft_current_term(s.raft), 2);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 2 + RAFT_TERM_STEP_MAX, 0)), RAFT_OK);
    assert_int_equal(raft_current_term(s.raft), 2 + RAFT_TERM_STEP_MAX);
    solo_deinit(&s);

    solo_init(&s, 64); /* It is about to join. */
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, UINT64_MAX, 0)), RAFT_ETERM);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 8 * RAFT_TERM_STEP_MAX, 0)), RAFT_OK);
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step__takes_over_terms_by_bounded_steps),
        cmocka_unit_test(test_step__a_log_that_makes_no_sense_is_not_restored),
        cmocka_unit_test(test_step__what_changes_nothing_reports_nothing),
        cmocka_unit_test(test_step__writes_are_numbered),
        cmocka_unit_test(test_step__a_clock_that_steps_back_stands_still),
        cmocka_unit_test(test_step__is_deterministic),
        cmocka_unit_test(test_step__everything_has_a_name),
        cmocka_unit_test(test_step__a_message_for_another_or_from_nobody_is_refused),
        cmocka_unit_test(test_step__a_reply_to_a_round_that_never_was_is_refused),
        cmocka_unit_test(test_step__only_a_leader_is_ready_or_hands_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
