/* test_liar.c - messages of a faulty member: whatever numbers they contain, no CHECK fails, no
 * invariant breaks, and a node does not lightly believe that it has lost its log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "solo.h"

#define TERM_STEP ((uint64_t)1 << 32) /* The most by which a message may raise the term. */

/* --- what was lost ---------------------------------------------------------------- */

/* I-17: only a node that has taken no entries in that term may have promised more in an earlier
 * life. */
static void test_liar__nothing_is_lost_in_a_term_whose_entries_were_taken(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 2}, 2);
    assert_int_equal(solo_receive(&s, solo_append(2, 3, 3, 2, (raft_term[]){3}, 1, 3)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 9)), RAFT_ELOG);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, UINT64_MAX)), RAFT_ELOG);
    assert_int_equal(raft_leader(s.raft), 2);
    assert_int_equal(raft_commit_index(s.raft), 3);
    /* It can't know that of a later term; and nothing has changed yet. */
    assert_int_equal(solo_receive(&s, solo_heartbeat(3, 4, 9)), RAFT_ELOST);
    assert_int_equal(raft_current_term(s.raft), 3);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 4)), RAFT_OK);
    solo_deinit(&s);
}

static void test_liar__a_leader_has_lost_nothing_of_its_term(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1}, 1);
    solo_become_leader(&s);
    raft_term term = raft_current_term(s.raft);

    assert_int_equal(solo_receive(&s, solo_heartbeat(2, term, 9)), RAFT_ELOG);
    solo_pass(&s, SOLO_MS);
    assert_int_equal(solo_tick(&s), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), s.now_ns);
    assert_int_equal(solo_receive(&s, solo_append(2, term + 1, 2, 1, NULL, 0, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, term, 9)), RAFT_OK); /* Of an old term. */
    solo_deinit(&s);
}

/* What the host uses before it believes in a loss. */
static void test_liar__a_log_agrees_with_what_fits_and_nothing_else(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 2}, 2);
    assert_int_equal(raft_agreed_ns(s.raft), 0);
    assert_int_equal(solo_receive(&s, solo_append(2, 3, 9, 3, NULL, 0, 3)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 0)), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), 0); /* It was only claimed. */

    uint64_t fitted_ns = s.now_ns;

    assert_int_equal(solo_receive(&s, solo_append(2, 3, 3, 2, (raft_term[]){3}, 1, 3)), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), fitted_ns);
    solo_pass(&s, SOLO_MS);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 9)), RAFT_ELOG);
    assert_int_equal(raft_agreed_ns(s.raft), fitted_ns);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 3, 4)), RAFT_OK);
    assert_int_equal(raft_agreed_ns(s.raft), fitted_ns + SOLO_MS);
    solo_deinit(&s);
}

/* A heartbeat names one entry; those after it may be lost nevertheless. */
static void test_liar__a_heartbeat_proves_no_more_than_it_names(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1, 2}, 2);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 2, 3)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 2, 4)), RAFT_ELOST);
    solo_deinit(&s);
}

/* It answers heartbeats, so it is there; but it never accepts entries. */
static void test_liar__a_member_that_takes_no_entries_is_recognised(void **state)
{
    struct solo s;
    struct raft_progress progress;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1}, 1);
    solo_become_leader(&s);
    raft_term term = raft_current_term(s.raft);

    for (int i = 0; i < 10; i++) {
        solo_pass(&s, SOLO_HEARTBEAT);
        assert_int_equal(solo_receive(&s, solo_pulse(3, term, 0)), RAFT_OK);
        assert_int_equal(solo_receive(&s, solo_accept(2, term, 3)), RAFT_OK);
        solo_timeout(&s);
    }
    assert_true(raft_progress_of(s.raft, 3, &progress));
    assert_true(progress.is_active && progress.searching_ns >= 10 * SOLO_HEARTBEAT);
    assert_true(raft_progress_of(s.raft, 2, &progress));
    assert_int_equal(progress.searching_ns, 0);

    /* Again from the time at which its connection broke. */
    struct raft_event lost = {.kind = RAFT_PEER_LOST, .peer = 2};

    assert_int_equal(solo_step(&s, lost), RAFT_OK);
    solo_pass(&s, SOLO_MS);
    assert_int_equal(solo_receive(&s, solo_pulse(3, term, 0)), RAFT_OK);
    assert_true(raft_progress_of(s.raft, 2, &progress));
    assert_int_equal(progress.searching_ns, SOLO_MS);
    solo_deinit(&s);
}

/* --- terms ------------------------------------------------------------------------ */

/* If terms are so far apart that nobody believes anybody, nodes would otherwise be alone for
 * ever. */
static void test_liar__a_node_long_without_a_leader_believes_any_term(void **state)
{
    const uint64_t long_ns = 10 * SOLO_ELECTION_TIMEOUT;
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1}, 1);
    solo_pass(&s, long_ns - 1);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 9 * TERM_STEP, 0)), RAFT_ETERM);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, 1, 0)), RAFT_OK);
    solo_pass(&s, long_ns - 1);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 9 * TERM_STEP, 0)), RAFT_ETERM);
    solo_pass(&s, 1);
    /* Except that one. */
    assert_int_equal(solo_receive(&s, solo_pulse(2, UINT64_MAX, 0)), RAFT_ETERM);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 9 * TERM_STEP, 0)), RAFT_OK);
    assert_int_equal(raft_current_term(s.raft), 9 * TERM_STEP);
    solo_deinit(&s);
}

static void test_liar__a_leader_counts_as_led(void **state)
{
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1}, 1);
    solo_become_leader(&s);
    raft_term term = raft_current_term(s.raft);

    for (int i = 0; i < 100; i++) {
        solo_timeout(&s);
        assert_int_equal(solo_receive(&s, solo_pulse(2, term, 0)), RAFT_OK);
    }
    assert_int_equal(solo_receive(&s, solo_pulse(2, 9 * TERM_STEP, 0)), RAFT_ETERM);
    solo_pass(&s, SOLO_ELECTION_TIMEOUT); /* Nor just after that. */
    solo_timeout(&s);
    assert_int_equal(raft_role(s.raft), RAFT_FOLLOWER);
    assert_int_equal(solo_receive(&s, solo_pulse(2, 9 * TERM_STEP, 0)), RAFT_ETERM);
    solo_deinit(&s);
}

/* The last 2^32 terms are for elections. */
static void test_liar__no_message_uses_up_the_last_terms(void **state)
{
    const raft_term most = UINT64_MAX - TERM_STEP;
    struct solo s;

    (void)state;
    solo_restore(&s, 3, (raft_term[]){1}, 1);
    solo_pass(&s, 10 * SOLO_ELECTION_TIMEOUT);
    assert_int_equal(solo_receive(&s, solo_pulse(2, most + 1, 0)), RAFT_ETERM);
    assert_int_equal(solo_receive(&s, solo_pulse(2, most, 0)), RAFT_OK);
    assert_int_equal(solo_receive(&s, solo_pulse(2, most + 1000, 0)), RAFT_ETERM);
    /* It is elected. */
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, most + 3, 0)), RAFT_OK);
    solo_settle(&s);
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT);
    solo_become_leader(&s);
    assert_int_equal(raft_current_term(s.raft), most + 4);
    solo_deinit(&s);

    solo_restore(&s, 3, (raft_term[]){UINT64_MAX - 1}, 1);
    assert_int_equal(solo_receive(&s, solo_heartbeat(2, UINT64_MAX, 0)), RAFT_OK);
    solo_deinit(&s);
}

/* --- numbers ---------------------------------------------------------------------- */

static void be_follower(struct solo *s)
{
    solo_restore(s, 3, (raft_term[]){1, 2, 2, 4}, 4);
    assert_int_equal(solo_receive(s, solo_append(2, 4, 5, 4, (raft_term[]){4}, 1, 5)), RAFT_OK);
}

static void be_pre_candidate(struct solo *s)
{
    be_follower(s);
    solo_timeout(s);
    assert_int_equal(raft_role(s->raft), RAFT_PRE_CANDIDATE);
}

static void be_candidate(struct solo *s)
{
    be_pre_candidate(s);
    assert_int_equal(solo_receive(s, solo_pre_vote(2, 5, true)), RAFT_OK);
    assert_int_equal(raft_role(s->raft), RAFT_CANDIDATE);
}

static void be_leader(struct solo *s)
{
    be_follower(s);
    solo_become_leader(s);
    solo_settle(s);
    assert_int_equal(solo_receive(s, solo_accept(2, raft_current_term(s->raft), 7)), RAFT_OK);
    assert_true(raft_is_ready(s->raft));
}

static void be_leader_with_work(struct solo *s)
{
    be_leader(s);
    assert_int_equal(solo_step(s, (struct raft_event){.kind = RAFT_READ}), RAFT_OK);
    assert_int_equal(solo_step(s, (struct raft_event){.kind = RAFT_PROPOSE, .propose_count = 3}),
                     RAFT_OK);
}

static void be_leader_in_a_change(struct solo *s)
{
    struct raft_event change = {.kind = RAFT_CHANGE, .change = {.kind = RAFT_REMOVE, .id = 3}};

    be_leader(s);
    assert_int_equal(solo_step(s, change), RAFT_OK);
}

static void be_leader_on_its_way_out(struct solo *s)
{
    be_leader(s);
    assert_int_equal(solo_step(s, (struct raft_event){.kind = RAFT_TRANSFER, .peer = 2}), RAFT_OK);
}

static void be_nobody(struct solo *s)
{
    solo_init(s, 8);
}

static void be_follower_behind_an_origin(struct solo *s)
{
    solo_restore_behind(s, 3, 100, 2, (raft_term[]){2, 3}, 2);
}

static void be_leader_behind_an_origin(struct solo *s)
{
    be_follower_behind_an_origin(s);
    solo_become_leader(s);
}

typedef void (*situation)(struct solo *s);

static const situation situations[] = {be_follower,
                                       be_pre_candidate,
                                       be_candidate,
                                       be_leader,
                                       be_leader_with_work,
                                       be_leader_in_a_change,
                                       be_nobody,
                                       be_leader_on_its_way_out,
                                       be_follower_behind_an_origin,
                                       be_leader_behind_an_origin};

enum { SITUATIONS = sizeof situations / sizeof situations[0], INDEXES = 8, TERMS = 6 };

static raft_index some_index(const struct solo *s, uint32_t which)
{
    raft_index last = raft_last_index(s->raft);
    raft_index commit = raft_commit_index(s->raft);
    const raft_index indexes[INDEXES] = {
        0, 1, commit, commit + 1, last, last + 1, (uint64_t)1 << 63, UINT64_MAX};

    return indexes[which % INDEXES];
}

static raft_term some_term(const struct solo *s, uint32_t which)
{
    raft_term current = raft_current_term(s->raft);
    const raft_term terms[TERMS] = {0, 2, current, current + 1, current + TERM_STEP, UINT64_MAX};

    return terms[which % TERMS];
}

static const raft_term rising[] = {1, 2, 4, 5, 6, 7};
static const raft_term falling[] = {7, 4};

enum { KINDS = RAFT_INSTALL_SNAPSHOT };

/* What the fields of a message are chosen from. */
struct lies {
    bool flag;
    raft_term term;
    raft_index index;
    raft_index other_index;
    const struct raft_entry *entries;
    uint32_t entry_count;
};

static void fill(struct raft_message *m, const struct lies *l)
{
    switch (m->kind) {
    case RAFT_PRE_VOTE:
    case RAFT_REQUEST_VOTE:
        m->request_vote = (struct raft_request_vote){
            .last_log_index = l->index, .last_log_term = l->term, .is_transfer = l->flag};
        break;
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_REQUEST_VOTE_REPLY:
        m->request_vote_reply = (struct raft_request_vote_reply){.vote_granted = l->flag};
        break;
    case RAFT_APPEND_ENTRIES:
        m->append_entries = (struct raft_append_entries){.prev_log_index = l->index,
                                                         .prev_log_term = l->term,
                                                         .leader_commit = l->other_index,
                                                         .read_round = l->other_index,
                                                         .entry_count = l->entry_count,
                                                         .entries = l->entries};
        break;
    case RAFT_APPEND_ENTRIES_REPLY:
        m->append_entries_reply = (struct raft_append_entries_reply){
            .success = l->flag,
            .match_index = l->index,
            .conflict_term = l->term,
            .conflict_index = l->other_index,
            .read_round = l->entry_count == 6 ? l->other_index : 0,
        };
        break;
    case RAFT_HEARTBEAT:
        m->heartbeat = (struct raft_heartbeat){
            .leader_commit = l->index, .leader_commit_term = l->term, .read_round = l->other_index};
        break;
    case RAFT_HEARTBEAT_REPLY:
        m->heartbeat_reply = (struct raft_heartbeat_reply){.read_round = l->index};
        break;
    case RAFT_TIMEOUT_NOW:
        break;
    case RAFT_INSTALL_SNAPSHOT:
        m->install_snapshot = (struct raft_snapshot){
            .last_included_index = l->index, .last_included_term = l->term, .holder = m->from};
        break;
    }
}

/* Each digit of `choice` decides one field. */
static struct raft_message some_message(const struct solo *s, uint64_t choice)
{
    static struct raft_entry entries[6];
    uint32_t entry_choice = (uint32_t)(choice % 5);
    struct lies lies = {.entries = entries};
    struct raft_message m = {.kind = (enum raft_message_kind)(1 + (choice / 5) % KINDS)};

    choice /= 5 * KINDS;
    m.from = 2 + choice % 3; /* 4 is a stranger. */
    choice /= 3;
    lies.flag = choice % 2 == 1;
    choice /= 2;
    m.term = some_term(s, (uint32_t)choice);
    choice /= TERMS;
    lies.term = some_term(s, (uint32_t)choice);
    choice /= TERMS;
    lies.index = some_index(s, (uint32_t)choice);
    choice /= INDEXES;
    lies.other_index = some_index(s, (uint32_t)choice);
    lies.entry_count = entry_choice == 4 ? 2 : entry_choice == 3 ? 6 : entry_choice;
    for (uint32_t i = 0; i < lies.entry_count; i++) {
        entries[i] = (struct raft_entry){.term = entry_choice == 4   ? falling[i]
                                                 : entry_choice == 2 ? m.term
                                                                     : rising[i],
                                         .kind = RAFT_COMMAND};
    }
    fill(&m, &lies);
    return m;
}

/* The invariants are checked after each step. */
static void test_liar__no_number_stops_a_node(void **state)
{
    const uint64_t choices = (uint64_t)5 * KINDS * 3 * 2 * TERMS * TERMS * INDEXES * INDEXES;

    (void)state;
    for (uint32_t i = 0; i < SITUATIONS; i++) {
        /* This step has no common factor with the number of choices, so all kinds of them occur. */
        for (uint64_t choice = i; choice < choices; choice += 13) {
            struct solo s;

            situations[i](&s);
            (void)solo_receive(&s, some_message(&s, choice));
            solo_settle(&s);
            solo_timeout(&s);
            solo_deinit(&s);
        }
    }
}

static void test_liar__no_order_of_messages_stops_a_node(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (uint32_t run = 0; run < 400; run++) {
        struct solo s;

        situations[run % SITUATIONS](&s);
        for (uint32_t i = 0; i < 100; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            (void)solo_receive(&s, some_message(&s, random >> 16));
            if (random >> 62 == 0) {
                solo_settle(&s);
            }
            if (random >> 60 == 15) {
                solo_timeout(&s);
            }
        }
        solo_deinit(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_liar__nothing_is_lost_in_a_term_whose_entries_were_taken),
        cmocka_unit_test(test_liar__a_leader_has_lost_nothing_of_its_term),
        cmocka_unit_test(test_liar__a_log_agrees_with_what_fits_and_nothing_else),
        cmocka_unit_test(test_liar__a_heartbeat_proves_no_more_than_it_names),
        cmocka_unit_test(test_liar__a_member_that_takes_no_entries_is_recognised),
        cmocka_unit_test(test_liar__a_node_long_without_a_leader_believes_any_term),
        cmocka_unit_test(test_liar__a_leader_counts_as_led),
        cmocka_unit_test(test_liar__no_message_uses_up_the_last_terms),
        cmocka_unit_test(test_liar__no_number_stops_a_node),
        cmocka_unit_test(test_liar__no_order_of_messages_stops_a_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
