/* Where to look for members that have moved, in the simulated world. */
#include "peers_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* In the log, the second node has an address where no node lives any more. */
static struct membership *second_at_third_place(void)
{
    struct membership *m = both();
    struct member_address former = address_of(2);
    struct membership *next;

    former.id = id_of(1);
    next = membership_next(m, &m->configuration, &former);
    membership_free(m);
    return next;
}

static void test_addresses__of_the_contact_are_tried(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();
    struct member_address there = address_of(1);

    start_both(w);
    addresses_set_contact(&w->nodes[0].peers, &there.client, there.peer_port);
    peers_set_members(&w->nodes[0].peers, m);
    run_ms(w, 5000);
    peers_set_members(&w->nodes[0].peers, m); /* It is not newer than before. */
    run_ms(w, 500);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    membership_free(m);
}

static void test_addresses__where_others_reach_the_member_are_tried(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();

    start_both(w);
    start_node(w, 2, CLUSTER);
    peers_set_members(&w->nodes[2].peers, m); /* Its own address. */
    dial(w, 0);
    run_ms(w, 5000); /* It has reached the first node, which reaches the second. */
    assert_true(is_up(&w->nodes[2].peers, id_of(1)));
    membership_free(m);
}

/* At once, before the node is looked for elsewhere. */
static void test_addresses__newer_ones_in_the_log_are_dialed(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();

    start_both(w);
    peers_set_members(&w->nodes[0].peers, m);
    run_ms(w, 500);
    assert_false(is_up(&w->nodes[0].peers, id_of(1)));
    dial(w, 0);
    run_ms(w, 300);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    membership_free(m);
}

/* A node that catches up finds outdated addresses in the log. */
static void test_addresses__in_the_log_do_not_replace_one_where_a_member_is_reached(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();

    start_both(w);
    dial(w, 0);
    run_ms(w, 500);
    peers_set_members(&w->nodes[0].peers, m);
    run_ms(w, 500);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    assert_int_equal(w->nodes[0].lost_count, 0);
    membership_free(m);
}

static void count_warnings(void *context, enum log_level level, const char *event,
                           const char *fields)
{
    uint32_t *count = context;

    *count += level >= LOG_WARN && strcmp(event, "cannot reach a member") == 0;
}

static void test_addresses__of_unreachable_members_are_logged_once_a_minute(void **state)
{
    struct world *w = *state;
    uint32_t warning_count = 0;
    struct log log = {LOG_INFO, count_warnings, &warning_count};

    w->nodes[0].log = &log;
    start_both(w);
    dial(w, 0);
    run_ms(w, 1000);
    end_node(&w->nodes[1], SIM_KILLED);
    run_ms(w, 4000);
    assert_int_equal(warning_count, 0); /* A restart is not logged again. */
    run_ms(w, 200000);
    assert_int_equal(warning_count, 4);
    end_node(&w->nodes[0], SIM_KILLED);
}

static void watch_for(struct world *w, uint32_t seconds)
{
    for (uint32_t i = 0; i < seconds; i++) {
        run_ms(w, 1000);
        addresses_watch(peers_find(&w->nodes[0].peers, id_of(1)), 0);
    }
}

/* A process that is stopped keeps its connections. */
static void test_addresses__of_silent_members_are_logged_once_a_minute(void **state)
{
    struct world *w = *state;
    uint32_t warning_count = 0;
    struct log log = {LOG_INFO, count_warnings, &warning_count};

    w->nodes[0].log = &log;
    start_both(w);
    dial(w, 0);
    run_ms(w, 1000);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    watch_for(w, 3);
    assert_int_equal(warning_count, 0);
    watch_for(w, 3);
    assert_int_equal(warning_count, 1);
    watch_for(w, 55);
    assert_int_equal(warning_count, 1);
    watch_for(w, 10);
    assert_int_equal(warning_count, 2);
    for (int i = 0; i < 90; i++) {
        peers_find(&w->nodes[0].peers, id_of(1))->heard_ns = io_now_ns(w->nodes[0].io);
        watch_for(w, 1);
    }
    assert_int_equal(warning_count, 2);
    assert_int_equal(w->nodes[0].lost_count, 0);
    watch_for(w, 6);
    assert_int_equal(warning_count, 3);
    end_node(&w->nodes[1], SIM_KILLED); /* Its silence is then no news. */
    run_ms(w, 50000);
    assert_int_equal(warning_count, 3);
    run_ms(w, 14000);
    assert_int_equal(warning_count, 4);
    end_node(&w->nodes[0], SIM_KILLED);
}

/* Another node lives at the second node's address, and refuses the first one. */
static void test_attempts__become_rarer(void **state)
{
    struct world *w = *state;
    uint64_t before;

    start_node(w, 0, CLUSTER);
    start_node(w, 1, CLUSTER + 1);
    dial(w, 0);
    run_ms(w, 5000);
    before = w->nodes[1].peers.accepted_count;
    run_ms(w, 60000);
    assert_in_range(w->nodes[1].peers.accepted_count - before, 2 * 60, 2 * 120);
}

/* However long it was away, it should be up to date soon. */
static void test_attempts__are_made_at_once_when_the_member_dials(void **state)
{
    struct world *w = *state;

    start_node(w, 0, CLUSTER);
    start_node(w, 1, CLUSTER);
    dial(w, 0);
    run_ms(w, 500);
    end_node(&w->nodes[0], SIM_KILLED);
    run_ms(w, 60000);
    start_node(w, 0, CLUSTER);
    dial(w, 0);
    run_ms(w, 20);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    assert_true(is_up(&w->nodes[1].peers, id_of(0)));
}

static void test_attempts__are_made_soon_when_others_reach_the_member(void **state)
{
    struct world *w = *state;
    struct member_address address = address_of(1);

    start_node(w, 0, CLUSTER);
    dial(w, 0);
    for (int i = 0; i < 5; i++) {
        run_ms(w, 20000);
        start_node(w, 1, CLUSTER); /* It dials nobody. */
        addresses_learn(&w->nodes[0].peers, id_of(2), &address);
        run_ms(w, 120);
        assert_true(is_up(&w->nodes[0].peers, id_of(1)));
        end_node(&w->nodes[1], SIM_KILLED);
    }
}

/* Node 0 looks for node 1 at the address of node 2, of which it does not know. They connect. */
static void test_addresses__of_a_member_reached_by_chance_are_learned(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();

    start_node(w, 0, CLUSTER);
    start_node(w, 2, CLUSTER);
    peers_set_members(&w->nodes[0].peers, m);
    run_ms(w, 2000);
    assert_true(is_up(&w->nodes[0].peers, id_of(2)));
    assert_true(is_up(&w->nodes[2].peers, id_of(0)));
    membership_free(m);
}

/* The place was reported before, and tried when nobody was there yet. */
static void test_addresses__of_a_member_met_where_it_was_reported_are_tried_at_once(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();
    struct member_address there = address_of(1);

    start_node(w, 0, CLUSTER);
    peers_set_members(&w->nodes[0].peers, m); /* The second node is not there. */
    addresses_learn(&w->nodes[0].peers, id_of(2), &there);
    run_ms(w, 20000); /* The search has gone through all places again and again, and rests. */
    start_node(w, 1, CLUSTER);
    for (int i = 0; i < 10 && !is_up(&w->nodes[0].peers, id_of(1)); i++) {
        addresses_met(&w->nodes[0].peers, id_of(1), &there);
        run_ms(w, 30);
    }
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    membership_free(m);
}

/* Node 2 is in another cluster that has the same key. */
static void test_addresses__of_a_node_of_another_cluster_are_dropped(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();

    start_node(w, 0, CLUSTER);
    start_node(w, 2, CLUSTER + 1);
    peers_set_members(&w->nodes[0].peers, m);
    run_ms(w, 20000);
    assert_true(w->nodes[2].peers.accepted_count > 2); /* They connected. */
    end_node(&w->nodes[2], SIM_KILLED);
    run_ms(w, 1000);
    assert_null(peers_find(&w->nodes[0].peers, id_of(2)));
    assert_non_null(peers_find(&w->nodes[0].peers, id_of(1)));
    membership_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEERS_TEST(test_addresses__of_the_contact_are_tried),
        PEERS_TEST(test_addresses__of_a_member_reached_by_chance_are_learned),
        PEERS_TEST(test_addresses__of_a_node_of_another_cluster_are_dropped),
        PEERS_TEST(test_addresses__of_a_member_met_where_it_was_reported_are_tried_at_once),
        PEERS_TEST(test_addresses__where_others_reach_the_member_are_tried),
        PEERS_TEST(test_addresses__newer_ones_in_the_log_are_dialed),
        PEERS_TEST(test_addresses__in_the_log_do_not_replace_one_where_a_member_is_reached),
        PEERS_TEST(test_addresses__of_unreachable_members_are_logged_once_a_minute),
        PEERS_TEST(test_addresses__of_silent_members_are_logged_once_a_minute),
        PEERS_TEST(test_attempts__become_rarer),
        PEERS_TEST(test_attempts__are_made_at_once_when_the_member_dials),
        PEERS_TEST(test_attempts__are_made_soon_when_others_reach_the_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
