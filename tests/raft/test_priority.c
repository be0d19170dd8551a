/* test_priority.c - which voters lead rather than others, and which never do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster.h"
#include "solo.h"

static struct raft_change prioritize(raft_id id, bool never_leads, uint8_t precedence)
{
    return (struct raft_change){
        .kind = RAFT_PRIORITIZE, .id = id, .never_leads = never_leads, .precedence = precedence};
}

/* Node 1 follows node 2, which leads term 2 and has logged that change of three voters. */
static void follow(struct solo *s, struct raft_change change)
{
    struct raft_configuration before = solo_voters(3);
    struct raft_configuration c;
    struct raft_entry entry = {.term = 2, .kind = RAFT_CONFIGURATION, .configuration = &c};
    struct raft_message m = solo_append(2, 2, 1, 1, NULL, 0, 2);

    assert_int_equal(raft_configuration_after(&before, &change, &c), RAFT_OK);
    solo_restore(s, 3, NULL, 0);
    m.append_entries.entry_count = 1;
    m.append_entries.entries = &entry;
    assert_int_equal(solo_receive(s, m), RAFT_OK);
    solo_settle(s);
    assert_int_equal(raft_configuration_index(s->raft), 2);
}

static void lose_leader(struct solo *s)
{
    assert_int_equal(solo_step(s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = 2}), RAFT_OK);
}

static void test_priority__0_lets_all_others_campaign_first(void **state)
{
    struct solo s;

    (void)state;
    follow(&s, prioritize(1, true, 0));
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 2, 2)), RAFT_OK);
    assert_true(s.effects.deadline_ns - s.now_ns >= 5 * SOLO_ELECTION_TIMEOUT);
    lose_leader(&s);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_true(s.effects.deadline_ns - s.now_ns >= 3 * SOLO_ELECTION_TIMEOUT);
    solo_timeout(&s);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE); /* Its log may be needed. */
    solo_deinit(&s);
}

/* When the connection to the leader breaks, the highest priority has the first turn. */
static void test_priority__decides_about_turns(void **state)
{
    struct solo s;

    (void)state;
    follow(&s, prioritize(3, false, 0));
    lose_leader(&s);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE); /* The lowest id. */
    solo_deinit(&s);
    follow(&s, prioritize(3, false, 4));
    lose_leader(&s);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_true(s.effects.deadline_ns - s.now_ns <= SOLO_HEARTBEAT);
    solo_deinit(&s);
    follow(&s, prioritize(3, true, 0));
    lose_leader(&s);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    solo_deinit(&s);
}

static struct cluster *led_by_1(void)
{
    struct cluster *c = cluster_new(5);

    cluster_add_voters(c, 3);
    cluster_start_all(c);
    cluster_elect(c, 1);
    return c;
}

static int change(struct cluster *c, struct raft_change what)
{
    struct raft_event event = {.kind = RAFT_CHANGE, .change = what};
    int error = cluster_step(c, 1, &event, NULL);

    cluster_settle(c);
    return error;
}

static void test_priority__0_is_handed_nothing(void **state)
{
    struct cluster *c = led_by_1();

    (void)state;
    assert_int_equal(change(c, prioritize(2, true, 0)), RAFT_OK);
    assert_int_equal(cluster_transfer(c, 1, 2), RAFT_EMEMBER);
    assert_int_equal(cluster_transfer(c, 1, 0), RAFT_OK);
    cluster_settle(c);
    assert_int_equal(cluster_leader(c), 3);
    cluster_free(c);
}

static void test_priority__of_equals_the_highest_takes_over(void **state)
{
    struct cluster *c = led_by_1();

    (void)state;
    assert_int_equal(change(c, prioritize(3, false, 7)), RAFT_OK);
    assert_int_equal(cluster_transfer(c, 1, 0), RAFT_OK);
    cluster_settle(c);
    assert_int_equal(cluster_leader(c), 3);
    cluster_free(c);
}

static void test_priority__leaves_somebody_who_may_lead(void **state)
{
    struct cluster *c = led_by_1();

    (void)state;
    assert_int_equal(change(c, prioritize(2, true, 0)), RAFT_OK);
    assert_int_equal(change(c, prioritize(3, true, 0)), RAFT_OK);
    assert_int_equal(change(c, prioritize(1, true, 0)), RAFT_EMEMBER);
    assert_int_equal(change(c, (struct raft_change){.kind = RAFT_REMOVE, .id = 1}), RAFT_EMEMBER);
    assert_int_equal(change(c, (struct raft_change){.kind = RAFT_DEMOTE, .id = 1}), RAFT_EMEMBER);
    cluster_free(c);
}

/* A leader that gets priority 0 takes no more commands, and another one takes over. */
static void test_priority__a_leader_that_loses_it_hands_over(void **state)
{
    struct cluster *c = led_by_1();
    struct raft_event event = {.kind = RAFT_CHANGE, .change = prioritize(1, true, 0)};

    (void)state;
    assert_int_equal(cluster_step(c, 1, &event, NULL), RAFT_OK);
    assert_int_equal(cluster_propose(c, 1, 1), RAFT_EBUSY);
    assert_false(raft_takes_commands(cluster_raft(c, 1)));
    cluster_run(c, 5 * SOLO_ELECTION_TIMEOUT);
    assert_true(cluster_leader(c) > 1);
    assert_int_equal(cluster_propose(c, cluster_leader(c), 1), RAFT_OK);
    cluster_free(c);
}

/* Node 1 has gone, and only node 2 has its last entry, so only node 2 can be elected. It serves
 * nobody: it brings node 3 up to date, which then leads. */
static void test_priority__0_is_a_caretaker_if_no_other_can_lead(void **state)
{
    struct cluster *c = led_by_1();
    bool has_led = false;

    (void)state;
    assert_int_equal(change(c, prioritize(2, true, 0)), RAFT_OK);
    cluster_isolate(c, 3, true);
    assert_int_equal(cluster_propose(c, 1, 1), RAFT_OK);
    cluster_settle(c);
    cluster_crash(c, 1);
    cluster_isolate(c, 3, false);
    for (int i = 0; i < 4000 && cluster_leader(c) != 3; i++) {
        if (cluster_leader(c) == 2) {
            has_led = true;
            assert_int_equal(cluster_propose(c, 2, 1), RAFT_EBUSY);
            assert_int_equal(cluster_read(c, 2), RAFT_EBUSY);
        }
        c->now_ns += CLUSTER_MS;
        for (raft_id id = 2; id <= 3; id++) {
            cluster_durable_all(c, id);
            if (cluster_node(c, id)->effects.deadline_ns <= c->now_ns) {
                cluster_tick(c, id);
            }
        }
        cluster_deliver_round(c);
    }
    assert_true(has_led);
    assert_int_equal(cluster_leader(c), 3);
    assert_int_equal(cluster_propose(c, 3, 1), RAFT_OK);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_priority__0_lets_all_others_campaign_first),
        cmocka_unit_test(test_priority__decides_about_turns),
        cmocka_unit_test(test_priority__0_is_handed_nothing),
        cmocka_unit_test(test_priority__of_equals_the_highest_takes_over),
        cmocka_unit_test(test_priority__leaves_somebody_who_may_lead),
        cmocka_unit_test(test_priority__a_leader_that_loses_it_hands_over),
        cmocka_unit_test(test_priority__0_is_a_caretaker_if_no_other_can_lead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
