/* test_lease.c - leases for reads (dissertation §6.4.1): what followers promise, how long a leader
 * relies on that, and what ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "solo.h"

static const uint64_t LEASE_NS = SOLO_ELECTION_TIMEOUT / 8 * 7;

/* Leader of that many voters in term 2, which has committed its no-op (index 2). */
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

/* Begins a round that asks for promises. Returns its number. */
static uint64_t ask(struct solo *s)
{
    assert_int_equal(solo_step(s, (struct raft_event){.kind = RAFT_READ, .wants_lease = true}),
                     RAFT_OK);
    return s->effects.read_ticket;
}

static struct raft_message promise(raft_id from, uint64_t round, uint64_t at_ns)
{
    struct raft_message m = solo_pulse(from, 2, round);

    m.heartbeat_reply.promised_at_ns = at_ns;
    return m;
}

/* --- the leader ------------------------------------------------------------------------- */

static void test_lease__takes_promises_of_a_majority_and_counts_from_its_round(void **state)
{
    struct solo s;
    uint64_t began_ns;
    uint64_t round;

    (void)state;
    lead(&s, 5);
    assert_int_equal(raft_lease_until_ns(s.raft), 0);
    began_ns = s.now_ns;
    round = ask(&s);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 3)->message.heartbeat.promise_ns,
                     SOLO_ELECTION_TIMEOUT);
    solo_pass(&s, 10 * SOLO_MS);
    assert_int_equal(solo_receive(&s, promise(2, round, s.now_ns)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(3, 2, round)), RAFT_OK); /* It echoes only. */
    assert_int_equal(s.effects.read_count, 1);
    assert_int_equal(raft_lease_until_ns(s.raft), 0);
    assert_int_equal(solo_receive(&s, promise(4, round, s.now_ns)), RAFT_OK);
    assert_int_equal(raft_lease_until_ns(s.raft), began_ns + LEASE_NS);

    /* An older round, or none, renews nothing. */
    solo_pass(&s, 10 * SOLO_MS);
    assert_int_equal(solo_receive(&s, promise(5, round, s.now_ns)), RAFT_OK);
    assert_int_equal(raft_lease_until_ns(s.raft), began_ns + LEASE_NS);
    solo_deinit(&s);
}

/* So that fail-over is as fast as ever once nobody uses leases. */
static void test_lease__asks_for_promises_only_until_it_has_them(void **state)
{
    struct solo s;
    uint64_t round;

    (void)state;
    lead(&s, 3);
    round = ask(&s);
    solo_timeout(&s);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 2)->message.heartbeat.promise_ns,
                     SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_receive(&s, promise(2, round, s.now_ns)), RAFT_OK);
    solo_timeout(&s);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 2)->message.heartbeat.promise_ns, 0);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_READ}), RAFT_OK);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 2)->message.heartbeat.promise_ns, 0);
    solo_deinit(&s);
}

static void test_lease__is_not_there_before_the_term_has_committed(void **state)
{
    struct solo s;
    uint64_t round;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    solo_become_leader(&s);
    solo_settle(&s);
    round = ask(&s);
    assert_int_equal(solo_receive(&s, promise(2, round, s.now_ns)), RAFT_OK);
    assert_int_equal(raft_lease_until_ns(s.raft), 0);
    assert_int_equal(solo_receive(&s, solo_accept(2, 2, 2)), RAFT_OK);
    assert_true(raft_lease_until_ns(s.raft) > s.now_ns);
    solo_deinit(&s);
}

static void test_lease__of_a_lone_voter_needs_nobody(void **state)
{
    struct solo s;

    (void)state;
    lead(&s, 1);
    ask(&s);
    assert_int_equal(raft_lease_until_ns(s.raft), s.now_ns + LEASE_NS);
    solo_deinit(&s);
}

/* The message may arrive at any time, and votes for a transfer break promises. */
static void test_lease__ends_for_the_term_with_a_transfer(void **state)
{
    struct solo s;
    uint64_t round;

    (void)state;
    lead(&s, 3);
    round = ask(&s);
    assert_int_equal(solo_receive(&s, promise(2, round, s.now_ns)), RAFT_OK);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_TRANSFER, .peer = 2}), RAFT_OK);
    assert_non_null(solo_sent(&s, RAFT_TIMEOUT_NOW, 2));
    assert_int_equal(raft_lease_until_ns(s.raft), 0);

    /* Not even when that was given up. */
    solo_pass(&s, SOLO_ELECTION_TIMEOUT / 2);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 2, 0)), RAFT_OK);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT / 2);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_false(raft_is_transferring(s.raft));
    round = ask(&s);
    assert_int_equal(solo_receive(&s, promise(2, round, s.now_ns)), RAFT_OK);
    assert_int_equal(raft_lease_until_ns(s.raft), 0);
    solo_deinit(&s);
}

/* Its majority was another one. */
static void test_lease__ends_with_a_new_configuration(void **state)
{
    struct solo s;
    uint64_t round;

    (void)state;
    lead(&s, 3);
    round = ask(&s);
    assert_int_equal(solo_receive(&s, promise(2, round, s.now_ns)), RAFT_OK);
    assert_true(raft_lease_until_ns(s.raft) > 0);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_CHANGE,
                                                       .change = {.kind = RAFT_REMOVE, .id = 3}}),
                     RAFT_OK);
    assert_int_equal(raft_lease_until_ns(s.raft), 0);
    round = ask(&s);
    assert_int_equal(solo_receive(&s, promise(2, round, s.now_ns)), RAFT_OK);
    assert_true(raft_lease_until_ns(s.raft) > 0);
    solo_deinit(&s);
}

static void test_lease__ends_with_the_role(void **state)
{
    struct solo s;
    uint64_t round;

    (void)state;
    lead(&s, 3);
    round = ask(&s);
    assert_int_equal(solo_receive(&s, promise(2, round, s.now_ns)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_heartbeat(3, 3, 0)), RAFT_OK);
    assert_int_equal(raft_lease_until_ns(s.raft), 0);
    solo_deinit(&s);
}

/* A second round each heartbeat; the peer's clock runs at that speed, in percent of ours. */
static void run_clock(struct solo *s, uint64_t percent)
{
    uint64_t there_ns = s->now_ns;

    for (int i = 0; i < 100; i++) {
        uint64_t round = ask(s);

        assert_int_equal(solo_receive(s, promise(2, round, there_ns)), RAFT_OK);
        assert_int_equal(solo_receive(s, solo_pulse(3, 2, 0)), RAFT_OK);
        solo_pass(s, SOLO_HEARTBEAT);
        there_ns += SOLO_HEARTBEAT / 100 * percent;
    }
}

static void test_lease__ends_if_clocks_differ_too_much(void **state)
{
    static const struct {
        uint64_t percent;
        bool is_trusted;
    } clocks[] = {{100, true}, {108, true}, {80, true}, {115, false}, {200, false}};
    struct solo s;

    (void)state;
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        lead(&s, 3);
        run_clock(&s, clocks[i].percent);
        assert_int_equal(raft_is_lease_distrusted(s.raft), !clocks[i].is_trusted);
        assert_int_equal(raft_lease_until_ns(s.raft) > 0, clocks[i].is_trusted);
        solo_deinit(&s);
    }
    lead(&s, 3); /* They are trusted again when they have run alike for long. */
    run_clock(&s, 200);
    for (int i = 0; i < 50; i++) {
        run_clock(&s, 100);
    }
    assert_true(raft_lease_until_ns(s.raft) > 0);
    solo_deinit(&s);
}

/* --- the follower ----------------------------------------------------------------------- */

static struct raft_message asking(uint64_t promise_ns)
{
    struct raft_message m = solo_heartbeat(2, 4, 0);

    m.heartbeat.promise_ns = promise_ns;
    return m;
}

static void assert_votes(struct solo *s, bool expected)
{
    assert_int_equal(solo_receive(s, solo_pre_vote_request(3, 5, 9, 4)), RAFT_OK);
    assert_int_equal(solo_sent(s, RAFT_PRE_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted,
                     expected);
    assert_int_equal(solo_receive(s, solo_vote_request(3, 5, 9, 4)), RAFT_OK);
    assert_int_equal(solo_sent_count(s, RAFT_REQUEST_VOTE_REPLY), expected);
}

/* A broken connection would otherwise let it vote at once. */
static void test_promise__outlasts_the_connection_to_the_leader(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, asking(SOLO_ELECTION_TIMEOUT)), RAFT_OK);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT_REPLY, 2)->message.heartbeat_reply.promised_at_ns,
                     s.now_ns);
    solo_settle(&s);
    assert_int_equal(solo_step(&s, (struct raft_event){.kind = RAFT_PEER_LOST, .peer = 2}),
                     RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER); /* It does not campaign, */
    assert_true(s.effects.deadline_ns >= s.now_ns + SOLO_ELECTION_TIMEOUT);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT - 1);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_votes(&s, false); /* nor vote. */
    solo_pass(&s, 1);
    assert_votes(&s, true);
    solo_deinit(&s);
}

static void test_promise__gives_way_to_a_transfer(void **state)
{
    struct solo s;
    struct raft_message m = solo_vote_request(3, 5, 9, 4);

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, asking(SOLO_ELECTION_TIMEOUT)), RAFT_OK);
    solo_settle(&s);
    m.request_vote.is_transfer = true;
    assert_int_equal(solo_receive(&s, m), RAFT_OK);
    assert_true(solo_sent(&s, RAFT_REQUEST_VOTE_REPLY, 3)->message.request_vote_reply.vote_granted);
    solo_deinit(&s);
}

static void test_promise__is_not_given_for_long_nor_in_an_older_term(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(solo_receive(&s, asking(SOLO_ELECTION_TIMEOUT + 1)), RAFT_OK);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT_REPLY, 2)->message.heartbeat_reply.promised_at_ns,
                     0);
    assert_int_equal(solo_receive(&s, solo_heartbeat(3, 5, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, asking(SOLO_ELECTION_TIMEOUT)), RAFT_OK);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT_REPLY, 2)->message.heartbeat_reply.promised_at_ns,
                     0);
    solo_deinit(&s);
}

/* Nobody knows any more what it had promised. */
static void test_promise__outlasts_a_restart(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    raft_restore_promise(s.raft);
    assert_votes(&s, false);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT);
    assert_votes(&s, true);
    solo_deinit(&s);

    solo_restore(&s, 1, NULL, 0); /* The only voter keeps nobody waiting. */
    raft_restore_promise(s.raft);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    solo_settle(&s);
    assert_int_equal(raft_role(s.raft), RAFT_LEADER);
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease__takes_promises_of_a_majority_and_counts_from_its_round),
        cmocka_unit_test(test_lease__asks_for_promises_only_until_it_has_them),
        cmocka_unit_test(test_lease__is_not_there_before_the_term_has_committed),
        cmocka_unit_test(test_lease__of_a_lone_voter_needs_nobody),
        cmocka_unit_test(test_lease__ends_for_the_term_with_a_transfer),
        cmocka_unit_test(test_lease__ends_with_a_new_configuration),
        cmocka_unit_test(test_lease__ends_with_the_role),
        cmocka_unit_test(test_lease__ends_if_clocks_differ_too_much),
        cmocka_unit_test(test_promise__outlasts_the_connection_to_the_leader),
        cmocka_unit_test(test_promise__gives_way_to_a_transfer),
        cmocka_unit_test(test_promise__is_not_given_for_long_nor_in_an_older_term),
        cmocka_unit_test(test_promise__outlasts_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
