/* A node whose disk has lost entries that it may have acknowledged (I-171, I-172): whom it elects
 * meanwhile, when it holds them again, and what its leader counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "solo.h"

enum { LIFE = 7 };

/* Of three voters, in term 4. Its log has the configuration and two commands (entries 2 and 3),
 * of terms 1 and 2. */
static void restore_damaged(struct solo *s, raft_index last_index, raft_term last_term)
{
    const struct raft_configuration voters = solo_voters(3);
    const struct raft_options options = {.id = 1,
                                         .election_timeout_ns = SOLO_ELECTION_TIMEOUT,
                                         .heartbeat_interval_ns = SOLO_HEARTBEAT,
                                         .seed = 42,
                                         .runs_max = 64,
                                         .life = LIFE};
    const struct raft_entry entries[] = {
        {.term = 1, .kind = RAFT_CONFIGURATION, .configuration = &voters},
        {.term = 1, .kind = RAFT_COMMAND},
        {.term = 2, .kind = RAFT_COMMAND},
    };

    solo_init(s, 64);
    s->raft = raft_init(s->memory, &options, s->now_ns);
    raft_restore_vote(s->raft, 4, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(raft_restore_entry(s->raft, &entries[i]), RAFT_OK);
    }
    raft_restore_commit(s->raft, 1);
    raft_restore_loss(s->raft, last_index, last_term);
    assert_int_equal(solo_tick(s), RAFT_OK);
}

static bool grants(struct solo *s, struct raft_message request, enum raft_message_kind kind)
{
    const struct raft_outbound *reply;

    assert_int_equal(solo_receive(s, request), RAFT_OK);
    reply = solo_sent(s, kind, request.from);
    assert_non_null(reply);
    return reply->message.request_vote_reply.vote_granted;
}

static bool votes(struct solo *s, raft_id candidate, raft_term term, raft_index last,
                  raft_term last_term)
{
    return grants(s, solo_vote_request(candidate, term, last, last_term), RAFT_REQUEST_VOTE_REPLY);
}

/* The leader's log ends there, and it has heard of that life. */
static struct raft_message heartbeat(raft_term term, raft_index commit, raft_index last,
                                     uint64_t life)
{
    struct raft_message m = solo_heartbeat(2, term, commit);

    m.heartbeat.leader_last = last;
    m.heartbeat.life = life;
    return m;
}

/* --- while entries are missing, nobody knows up to where ----------------------------------- */

static void test_repair__grants_no_vote_while_it_may_lack_entries(void **state)
{
    struct solo s;

    (void)state;
    restore_damaged(&s, 0, 0);
    assert_false(raft_is_whole(s.raft));
    assert_false(grants(&s, solo_pre_vote_request(2, 5, 99, 4), RAFT_PRE_VOTE_REPLY));
    assert_false(votes(&s, 2, 5, 99, 4));
    assert_int_equal(raft_current_term(s.raft), 5); /* It takes part in terms, though. */
    assert_int_equal(raft_voted_for(s.raft), 0);
    solo_deinit(&s);
}

static void test_repair__does_not_campaign_while_it_may_lack_entries(void **state)
{
    struct solo s;

    (void)state;
    restore_damaged(&s, 0, 0);
    solo_pass(&s, 100 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_true(s.effects.deadline_ns == UINT64_MAX);
    assert_int_equal(
        solo_receive(&s, (struct raft_message){.kind = RAFT_TIMEOUT_NOW, .from = 2, .term = 4}),
        RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    solo_deinit(&s);
}

/* The leader has not heard of this life yet, and names what the one before had acknowledged. */
static void test_repair__answers_a_leader_that_relies_on_what_is_lost(void **state)
{
    struct solo s;
    const struct raft_heartbeat_reply *reply;

    (void)state;
    restore_damaged(&s, 0, 0);
    assert_int_equal(solo_receive(&s, heartbeat(4, 9, 12, LIFE - 1)), RAFT_OK);
    assert_int_equal(raft_leader(s.raft), 2);
    assert_int_equal(raft_commit_index(s.raft), 1);
    reply = &solo_sent(&s, RAFT_HEARTBEAT_REPLY, 2)->message.heartbeat_reply;
    assert_true(reply->has_lost);
    assert_int_equal(reply->life, LIFE);
    /* What it acknowledged in this life is not lost. */
    assert_int_equal(solo_receive(&s, heartbeat(4, 9, 12, LIFE)), RAFT_ELOST);
    solo_deinit(&s);
}

static void take_up_to(struct solo *s, raft_term term, raft_index last)
{
    raft_term terms[8];
    uint32_t count = (uint32_t)(last - 3);

    CHECK(count <= 8);
    for (uint32_t i = 0; i < count; i++) {
        terms[i] = term;
    }
    assert_int_equal(solo_receive(s, solo_append(2, term, 3, 2, terms, count, 0)), RAFT_OK);
}

static void test_repair__ends_where_the_leaders_log_ended_after_the_start(void **state)
{
    struct solo s;

    (void)state;
    restore_damaged(&s, 0, 0);
    assert_int_equal(solo_receive(&s, heartbeat(4, 0, 6, LIFE)), RAFT_OK);
    assert_int_equal(solo_receive(&s, heartbeat(4, 0, 8, LIFE)), RAFT_OK); /* It goes on. */
    take_up_to(&s, 4, 5);
    solo_settle(&s);
    assert_false(raft_is_whole(s.raft));
    take_up_to(&s, 4, 6);
    assert_false(raft_is_whole(s.raft)); /* The disk does not have it yet. */
    assert_false(votes(&s, 3, 4, 99, 4));
    solo_settle(&s);
    assert_true(raft_is_whole(s.raft));
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT); /* The leader is silent. */
    assert_true(votes(&s, 3, 5, 6, 4));
    solo_deinit(&s);
}

/* What a leader said to an earlier process may be from before its last acknowledgements. */
static void test_repair__believes_no_end_that_an_earlier_process_was_told(void **state)
{
    struct solo s;

    (void)state;
    restore_damaged(&s, 0, 0);
    assert_int_equal(solo_receive(&s, heartbeat(4, 0, 5, LIFE - 1)), RAFT_OK);
    take_up_to(&s, 4, 5);
    solo_settle(&s);
    assert_false(raft_is_whole(s.raft));
    assert_int_equal(solo_receive(&s, heartbeat(4, 0, 6, LIFE)), RAFT_OK);
    assert_false(raft_is_whole(s.raft));
    take_up_to(&s, 4, 6);
    solo_settle(&s);
    assert_true(raft_is_whole(s.raft));
    solo_deinit(&s);
}

/* The next leader may have other entries there. */
static void test_repair__an_end_counts_for_its_own_leader(void **state)
{
    struct solo s;

    (void)state;
    restore_damaged(&s, 0, 0);
    assert_int_equal(solo_receive(&s, heartbeat(4, 0, 5, LIFE)), RAFT_OK);
    take_up_to(&s, 5, 5);
    solo_settle(&s);
    assert_false(raft_is_whole(s.raft));
    assert_int_equal(solo_receive(&s, heartbeat(5, 0, 5, LIFE)), RAFT_OK);
    assert_true(raft_is_whole(s.raft));
    solo_deinit(&s);
}

static void test_repair__a_snapshot_holds_what_was_lost(void **state)
{
    const struct raft_configuration voters = solo_voters(3);
    struct solo s;
    struct raft_installed installed = {.last_included_index = 20,
                                       .last_included_term = 3,
                                       .configuration = &voters,
                                       .configuration_index = 1};

    (void)state;
    restore_damaged(&s, 0, 0);
    assert_int_equal(solo_receive(&s, heartbeat(4, 0, 20, LIFE)), RAFT_OK);
    assert_int_equal(
        solo_step(&s, (struct raft_event){.kind = RAFT_INSTALLED, .installed = &installed}),
        RAFT_OK);
    assert_true(raft_is_whole(s.raft));
    solo_deinit(&s);
}

/* --- while entries are missing up to one that is known -------------------------------------- */

/* §5.4.1, by how its log had ended. */
static void test_repair__votes_for_logs_that_reach_the_end_of_what_was_lost(void **state)
{
    struct solo s;

    (void)state;
    restore_damaged(&s, 6, 3);
    assert_false(votes(&s, 2, 5, 5, 3)); /* The candidate may lack entry 6. */
    assert_false(votes(&s, 2, 6, 99, 2));
    assert_true(votes(&s, 2, 7, 6, 3));
    assert_true(votes(&s, 3, 8, 5, 4));
    assert_false(raft_is_whole(s.raft)); /* That did not bring its entries back. */
    solo_pass(&s, 10 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    solo_deinit(&s);
}

static void test_repair__campaigns_once_its_log_ends_there_again(void **state)
{
    struct solo s;

    (void)state;
    restore_damaged(&s, 6, 3);
    assert_int_equal(solo_receive(&s, solo_append(2, 4, 3, 2, (raft_term[]){3, 3}, 2, 0)), RAFT_OK);
    solo_settle(&s);
    assert_false(raft_is_whole(s.raft));
    assert_int_equal(solo_receive(&s, solo_append(2, 4, 5, 3, (raft_term[]){3}, 1, 0)), RAFT_OK);
    assert_false(raft_is_whole(s.raft));
    solo_settle(&s);
    assert_true(raft_is_whole(s.raft));
    solo_timeout(&s);
    assert_int_equal(raft_role(s.raft), RAFT_PRE_CANDIDATE);
    solo_deinit(&s);
}

/* --- its leader ------------------------------------------------------------------------------- */

static raft_index match_of(const struct solo *s, raft_id id)
{
    struct raft_progress progress;

    assert_true(raft_progress_of(s->raft, id, &progress));
    return progress.match_index;
}

static void lead(struct solo *s, raft_term *ret_term)
{
    solo_restore(s, 5, (raft_term[]){1, 1, 1}, 3);
    solo_become_leader(s);
    solo_settle(s);
    *ret_term = raft_current_term(s->raft);
    assert_int_equal(solo_receive(s, solo_accept(2, *ret_term, 5)), RAFT_OK);
    assert_int_equal(match_of(s, 2), 5);
}

static void test_repair__a_leader_counts_nothing_that_a_peer_has_lost(void **state)
{
    struct solo s;
    raft_term term;

    (void)state;
    lead(&s, &term);

    struct raft_message pulse = solo_pulse(2, term, 0);

    pulse.heartbeat_reply = (struct raft_heartbeat_reply){.life = LIFE, .has_lost = true};
    assert_int_equal(solo_receive(&s, pulse), RAFT_OK);
    assert_int_equal(match_of(&s, 2), 0);
    assert_int_equal(solo_sent_entries(&s, 2)->prev_log_index, 5); /* It asks what is left. */

    struct raft_message reject = solo_reject(2, term, 5, 4, 0);

    reject.append_entries_reply.life = LIFE;
    reject.append_entries_reply.has_lost = true;
    assert_int_equal(solo_receive(&s, reject), RAFT_OK);
    assert_int_equal(solo_sent_entries(&s, 2)->prev_log_index, 3);
    assert_int_equal(solo_receive(&s, solo_accept(3, term, 5)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 0); /* Two of five have it. */

    /* What it acknowledges again counts, and is not forgotten again. */
    struct raft_message accept = solo_accept(2, term, 5);

    accept.append_entries_reply.life = LIFE;
    accept.append_entries_reply.has_lost = true;
    assert_int_equal(solo_receive(&s, accept), RAFT_OK);
    assert_int_equal(match_of(&s, 2), 5);
    assert_int_equal(raft_commit_index(s.raft), 5);
    assert_int_equal(solo_receive(&s, pulse), RAFT_OK);
    assert_int_equal(match_of(&s, 2), 5);
    solo_deinit(&s);
}

static void test_repair__a_leader_hears_of_the_life_and_repeats_it(void **state)
{
    struct solo s;
    raft_term term;

    (void)state;
    lead(&s, &term);

    struct raft_message pulse = solo_pulse(2, term, 0);

    pulse.heartbeat_reply.life = LIFE; /* It has restarted, and lost nothing. */
    assert_int_equal(solo_receive(&s, pulse), RAFT_OK);
    assert_int_equal(match_of(&s, 2), 5);
    solo_timeout(&s);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 2)->message.heartbeat.life, LIFE);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 2)->message.heartbeat.leader_last, 5);
    assert_int_equal(solo_sent(&s, RAFT_HEARTBEAT, 3)->message.heartbeat.life, 0);
    solo_deinit(&s);
}

/* They were under way when that process ended. */
static void test_repair__a_leader_drops_replies_of_an_ended_process(void **state)
{
    struct solo s;
    raft_term term;

    (void)state;
    lead(&s, &term);

    struct raft_message pulse = solo_pulse(2, term, 0);

    pulse.heartbeat_reply = (struct raft_heartbeat_reply){.life = LIFE, .has_lost = true};
    assert_int_equal(solo_receive(&s, pulse), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_accept(2, term, 5)), RAFT_OK);
    assert_int_equal(match_of(&s, 2), 0);
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repair__grants_no_vote_while_it_may_lack_entries),
        cmocka_unit_test(test_repair__does_not_campaign_while_it_may_lack_entries),
        cmocka_unit_test(test_repair__answers_a_leader_that_relies_on_what_is_lost),
        cmocka_unit_test(test_repair__ends_where_the_leaders_log_ended_after_the_start),
        cmocka_unit_test(test_repair__believes_no_end_that_an_earlier_process_was_told),
        cmocka_unit_test(test_repair__an_end_counts_for_its_own_leader),
        cmocka_unit_test(test_repair__a_snapshot_holds_what_was_lost),
        cmocka_unit_test(test_repair__votes_for_logs_that_reach_the_end_of_what_was_lost),
        cmocka_unit_test(test_repair__campaigns_once_its_log_ends_there_again),
        cmocka_unit_test(test_repair__a_leader_counts_nothing_that_a_peer_has_lost),
        cmocka_unit_test(test_repair__a_leader_hears_of_the_life_and_repeats_it),
        cmocka_unit_test(test_repair__a_leader_drops_replies_of_an_ended_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
