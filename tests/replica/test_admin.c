/* RAFT commands at the leader: what is refused, what is executed, and when each is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "replica_world.h"
#include "resp/errors.h"

static void assert_begins(const char *reply, const char *with)
{
    if (strncmp(reply, with, strlen(with)) != 0) {
        fail_msg("'%s' does not begin with '%s'", reply, with);
    }
}

static void assert_has(const char *reply, const char *part)
{
    if (strstr(reply, part) == NULL) {
        fail_msg("no '%s' in '%s'", part, reply);
    }
}

static const struct raft *raft_of(struct world *w, uint32_t i)
{
    return replica_raft(w->nodes[i].replica);
}

static bool votes(struct world *w, uint32_t i)
{
    const struct raft_configuration *c = raft_configuration(raft_of(w, 0));
    const struct raft_member *m = raft_configuration_find(c, replica_node_id(w->nodes[i].replica));

    return m != NULL && m->incoming && !raft_configuration_is_joint(c);
}

/* Adds node `i`, and waits until it votes. */
static void add_voter(struct world *w, uint32_t i)
{
    world_start_newcomer(w, i);
    assert_has(world_ask(w, 0, world_add_words(w, i)), "a:8000");
    world_join(w, i);
    for (int ms = 0; ms < 5000 && !votes(w, i); ms += 10) {
        world_run_ms(w, 10);
    }
    assert_true(votes(w, i));
    world_run_ms(w, 500); /* Until all know. */
}

struct refusal {
    const char *words;
    const char *error;
};

static void test_admin__refuses_what_makes_no_sense(void **state)
{
    static const struct refusal refusals[] = {
        {"RAFT NONSENSE", "-" ERROR_RAFT_SUBCOMMAND},
        {"RAFT ADD 1", "-" ERROR_RAFT_ADD_SYNTAX},
        {"RAFT ADD 0 host 8000 18000", "-" ERROR_RAFT_ADD_SYNTAX},
        {"RAFT ADD 12 host 0 18000", "-" ERROR_RAFT_ADD_SYNTAX},
        {"RAFT ADD 12 host 8000 65536", "-" ERROR_RAFT_ADD_SYNTAX},
        {"RAFT ADD 12 host -1 18000", "-" ERROR_RAFT_ADD_SYNTAX},
        {"RAFT ADD 12 0.0.0.0 8000 18000", "-" ERROR_UNREACHABLE_HOST},
        {"RAFT ADD 12 host 8000 18000 NAME", "-" ERROR_RAFT_ADD_SYNTAX},
        {"RAFT ADD 12 host 8000 18000 NAME cafe", "-" ERROR_NAME_SYNTAX},
        {"RAFT ADD 12 host 8000 18000 REPLACE nobody", "-" ERROR_NO_SUCH_MEMBER},
        {"RAFT ADD 12 host 8000 18000 LEARNER REPLACE a:8000", "-" ERROR_RAFT_ADD_SYNTAX},
        {"RAFT REPLACE a:8000", "-" ERROR_RAFT_REPLACE_SYNTAX},
        {"RAFT REPLACE a:8000 a:8000", "-" ERROR_REPLACED_BY_VOTER},
        {"RAFT PROMOTE", "-" ERROR_RAFT_PROMOTE_SYNTAX},
        {"RAFT PROMOTE nobody", "-" ERROR_NO_SUCH_MEMBER},
        {"RAFT DEMOTE", "-" ERROR_RAFT_DEMOTE_SYNTAX},
        {"RAFT DEMOTE a:8000", "-" ERROR_LAST_VOTER},
        {"RAFT PRIORITY a:8000", "-" ERROR_RAFT_PRIORITY_SYNTAX},
        {"RAFT PRIORITY a:8000 101", "-" ERROR_RAFT_PRIORITY_SYNTAX},
        {"RAFT PRIORITY a:8000 -1", "-" ERROR_RAFT_PRIORITY_SYNTAX},
        {"RAFT PRIORITY a:8000 0 FORCE", "-" ERROR_LAST_LEADER},
        {"RAFT REMOVE", "-" ERROR_RAFT_REMOVE_SYNTAX},
        {"RAFT REMOVE 1234567812345678", "-" ERROR_NO_SUCH_MEMBER},
        {"RAFT REMOVE b:8000", "-" ERROR_NO_SUCH_MEMBER},
        {"RAFT TRANSFER 1 2", "-" ERROR_RAFT_TRANSFER_SYNTAX},
        {"RAFT TRANSFER a:8000", "-" ERROR_LEADS_ALREADY},
        {"RAFT TRANSFER 1234567812345678", "-" ERROR_NO_SUCH_MEMBER},
        {"RAFT LOG 1 2 3", "-" ERROR_LOG_SYNTAX},
        {"REQUEST_LOG 0", "-" ERROR_LOG_NOT_AN_INTEGER},
        {"REQUEST_LOG 1 10001", "-" ERROR_LOG_COUNT},
    };

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_begins(world_ask(*state, 0, refusals[i].words), refusals[i].error);
    }
}

static void test_admin__shows_members_and_log(void **state)
{
    struct world *w = *state;

    assert_has(world_ask(w, 0, "RAFT MEMBERS"), world_id(w, 0));
    assert_has(world_ask(w, 0, "RAFT STATUS"), world_id(w, 0));
    assert_has(world_ask(w, 0, "RAFT LOG"), "a:8000=voter");
    assert_has(world_ask(w, 0, "REQUEST_LOG 1 1"), "a:8000=voter");
    assert_begins(world_ask(w, 0, "RAFT LOG 1000"), "*0");
}

static void test_admin__adds_a_node_that_proves_itself_and_once_only(void **state)
{
    struct world *w = *state;
    char words[128];

    add_voter(w, 1);
    assert_has(world_ask(w, 0, "RAFT MEMBERS"), "b:8000");
    assert_has(world_ask(w, 0, world_add_words(w, 1)), "a:8000"); /* It is there. */
    snprintf(words, sizeof words, "RAFT ADD 77 b %u %u", (unsigned)WORLD_PORT,
             (unsigned)WORLD_PEER_PORT);
    assert_has(world_ask(w, 0, words), world_id(w, 1)); /* Who lives there. */
    assert_int_equal(raft_configuration(raft_of(w, 0))->member_count, 2);
}

static void test_admin__adds_nobody_that_it_does_not_reach(void **state)
{
    assert_begins(world_ask(*state, 0, "RAFT ADD 77 c 8000 18000"), "-UNREACHED ");
    assert_int_equal(raft_configuration(raft_of(*state, 0))->member_count, 1);
}

/* Node b is asked, but has another id. */
static void test_admin__adds_nobody_under_anothers_id(void **state)
{
    struct world *w = *state;

    world_start_newcomer(w, 1);
    assert_has(world_ask(w, 0, "RAFT ADD 77 b 8000 18000"), "it has another id than that");
    assert_int_equal(raft_configuration(raft_of(w, 0))->member_count, 1);
}

static void test_admin__does_not_remove_the_last_voter(void **state)
{
    struct world *w = *state;

    assert_begins(world_ask(w, 0, "RAFT REMOVE a:8000"), "-" ERROR_LAST_VOTER);
}

static void test_admin__removes_a_node_for_good(void **state)
{
    struct world *w = *state;
    char words[64];

    add_voter(w, 1);
    snprintf(words, sizeof words, "RAFT REMOVE %s", world_id(w, 1));
    assert_begins(world_ask(w, 0, words), "+OK");
    assert_begins(world_ask(w, 0, words), "+OK"); /* It is out already. */
    assert_int_equal(raft_configuration(raft_of(w, 0))->member_count, 1);
    world_run_ms(w, 1000);
    assert_true(replica_is_removed(w->nodes[1].replica));
    assert_begins(world_ask(w, 0, world_add_words(w, 1)), "-" ERROR_ADD_REMOVED);
}

/* The remaining nodes could do nothing, and the change itself could not be committed. */
static void test_admin__removes_nobody_that_is_needed(void **state)
{
    struct world *w = *state;

    add_voter(w, 1);
    add_voter(w, 2);
    world_stop(w, 2);
    world_run_ms(w, 2000);
    assert_begins(world_ask(w, 0, "RAFT REMOVE b:8000"), "-" ERROR_NO_QUORUM_LEFT);
    assert_begins(world_ask(w, 0, "RAFT REMOVE c:8000"), "+OK"); /* It is not needed. */
}

static void test_admin__hands_leadership_over(void **state)
{
    struct world *w = *state;

    add_voter(w, 1);
    assert_begins(world_ask(w, 0, "RAFT TRANSFER b:8000"), "+OK");
    assert_int_equal(raft_role(raft_of(w, 1)), RAFT_LEADER);
    world_run_ms(w, 500);
    assert_begins(world_ask(w, 0, "RAFT TRANSFER a:8000"), "+OK"); /* Forwarded to b. */
    assert_int_equal(raft_role(raft_of(w, 0)), RAFT_LEADER);
}

static const struct raft_member *member(struct world *w, uint32_t i)
{
    return raft_configuration_find(raft_configuration(raft_of(w, 0)),
                                   replica_node_id(w->nodes[i].replica));
}

/* The new node does not run yet, so it stays behind: the change can be seen, and taken back. */
static void test_admin__shows_a_replacement_and_takes_it_back(void **state)
{
    struct world *w = *state;
    char words[256];

    add_voter(w, 1);
    world_start_newcomer(w, 2);
    snprintf(words, sizeof words, "%s NAME third-1 REPLACE b:8000", world_add_words(w, 2));
    assert_has(world_ask(w, 0, words), "a:8000");
    assert_int_equal(member(w, 2)->replaces, replica_node_id(w->nodes[1].replica));
    assert_has(world_ask(w, 0, "RAFT STATUS"), "replaced");
    assert_has(world_ask(w, 0, "RAFT MEMBERS"), "third-1");
    assert_has(world_ask(w, 0, words), "a:8000"); /* It is there. */
    assert_begins(world_ask(w, 0, "RAFT REMOVE third-1"), "+OK");
    assert_null(member(w, 2));
    assert_true(member(w, 1)->incoming);
}

static void test_admin__replaces_a_voter_by_a_learner_that_is_there(void **state)
{
    struct world *w = *state;
    char words[256];

    add_voter(w, 1);
    world_start_newcomer(w, 2);
    snprintf(words, sizeof words, "%s LEARNER", world_add_words(w, 2));
    assert_has(world_ask(w, 0, words), "a:8000");
    world_join(w, 2);
    world_run_ms(w, 1000);
    assert_false(member(w, 2)->incoming);
    assert_begins(world_ask(w, 0, "RAFT REPLACE b:8000 c:8000"), "+OK");
    for (int ms = 0; ms < 5000 && !votes(w, 2); ms += 10) {
        world_run_ms(w, 10);
    }
    assert_true(votes(w, 2));
    assert_null(member(w, 1));
    assert_begins(world_ask(w, 0, "RAFT REPLACE b:8000 c:8000"), "-" ERROR_NO_SUCH_MEMBER);
}

/* The voter may lead as before, but nobody would be in reach that may. */
static void test_admin__leaves_a_leader_in_reach(void **state)
{
    struct world *w = *state;

    add_voter(w, 1);
    add_voter(w, 2);
    assert_begins(world_ask(w, 0, "RAFT PRIORITY c:8000 0"), "+OK");
    world_stop(w, 1);
    world_run_ms(w, 2000);
    assert_begins(world_ask(w, 0, "RAFT PRIORITY a:8000 0"), "-" ERROR_NO_LEADER_LEFT);
    assert_begins(world_ask(w, 0, "RAFT PRIORITY a:8000 5"), "+OK");
}

/* So that commands under way at the leader do not end in doubt. */
static void test_admin__a_leader_is_removed_by_the_next_one(void **state)
{
    struct world *w = *state;

    add_voter(w, 1);
    assert_begins(world_ask(w, 0, "RAFT REMOVE a:8000"), "+OK");
    assert_int_equal(raft_role(raft_of(w, 1)), RAFT_LEADER);
    world_run_ms(w, 1000);
    assert_true(replica_is_removed(w->nodes[0].replica));
    assert_int_equal(raft_configuration(raft_of(w, 1))->member_count, 1);
}

/* Commands that show something are answered at once; a change waits for a leader, but no longer. */
static void test_admin__without_a_leader_only_shows_what_this_node_knows(void **state)
{
    struct world *w = *state;

    add_voter(w, 1);
    world_stop(w, 0);
    world_run_ms(w, 2000);
    assert_has(world_ask(w, 1, "RAFT STATUS"), world_id(w, 1));
    assert_has(world_ask(w, 1, "RAFT MEMBERS"), "a:8000");
    assert_begins(world_ask(w, 1, "RAFT REMOVE a:8000"), "-" ERROR_NO_LEADER);
}

/* A node that joins may have missed the answer, and the leader's next one may be late. */
static void test_admin__a_follower_confirms_who_was_added(void **state)
{
    struct world *w = *state;

    add_voter(w, 1);
    sim_block(w->nodes[0].machine, w->nodes[1].machine, true);
    assert_has(world_ask(w, 1, world_add_words(w, 1)), "a:8000");
    assert_begins(world_ask(w, 1, "RAFT ADD 77 b 8000 18000"), "-"); /* Another id. */
}

/* Nobody dials a node that was removed before it had a log. It learns that where it dials. */
static void
test_admin__a_node_without_a_log_hears_of_its_removal_from_nodes_with_the_key(void **state)
{
    struct world *w = *state;
    struct replica *newcomer;
    struct peers_events events;
    raft_id founder = replica_node_id(w->nodes[0].replica);

    world_start_newcomer(w, 1);
    world_join(w, 1);
    newcomer = w->nodes[1].replica;
    events = replica_peers_events(newcomer);
    events.refused(events.context, founder, WIRE_REMOVED);
    assert_false(replica_is_removed(newcomer)); /* Anybody may have said that. */
    peers_learn(&w->nodes[1].peers, replica_self(w->nodes[0].replica));
    world_run_ms(w, 100);
    assert_true(peers_is_connected(&w->nodes[1].peers, founder));
    assert_int_equal(raft_configuration(raft_of(w, 1))->member_count, 0);
    events.refused(events.context, founder, WIRE_REMOVED);
    assert_true(replica_is_removed(newcomer));
}

/* All members that it knows may have left since. */
static void test_admin__a_removed_node_believes_its_contact(void **state)
{
    struct world *w = *state;
    struct replica *founder = w->nodes[0].replica;
    struct peers_events events = replica_peers_events(founder);
    struct member_address other;

    world_start_newcomer(w, 1);
    other = *replica_self(w->nodes[1].replica);
    peers_learn(&w->nodes[0].peers, &other);
    events.refused(events.context, other.id, WIRE_REMOVED);
    assert_false(replica_is_removed(founder));
    addresses_set_contact(&w->nodes[0].peers, &other.client, other.peer_port);
    events.refused(events.context, other.id, WIRE_REMOVED);
    assert_true(replica_is_removed(founder));
}

static void test_admin__is_answered_when_the_node_ends(void **state)
{
    struct world *w = *state;
    struct world_call call;

    add_voter(w, 1);
    sim_block(w->nodes[0].machine, w->nodes[1].machine, true);
    sim_block(w->nodes[1].machine, w->nodes[0].machine, true);
    world_call(w, 0, &call, "RAFT REMOVE b:8000");
    world_run_ms(w, 50);
    assert_false(call.is_answered);
    world_stop(w, 0);
    assert_true(call.is_answered);
    assert_begins(buffer_begin(&call.out), "-");
    world_call_deinit(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_admin__refuses_what_makes_no_sense),
        WORLD_TEST(test_admin__shows_members_and_log),
        WORLD_TEST(test_admin__adds_a_node_that_proves_itself_and_once_only),
        WORLD_TEST(test_admin__adds_nobody_that_it_does_not_reach),
        WORLD_TEST(test_admin__adds_nobody_under_anothers_id),
        WORLD_TEST(test_admin__does_not_remove_the_last_voter),
        WORLD_TEST(test_admin__removes_a_node_for_good),
        WORLD_TEST(test_admin__removes_nobody_that_is_needed),
        WORLD_TEST(test_admin__hands_leadership_over),
        WORLD_TEST(test_admin__shows_a_replacement_and_takes_it_back),
        WORLD_TEST(test_admin__replaces_a_voter_by_a_learner_that_is_there),
        WORLD_TEST(test_admin__leaves_a_leader_in_reach),
        WORLD_TEST(test_admin__a_leader_is_removed_by_the_next_one),
        WORLD_TEST(test_admin__without_a_leader_only_shows_what_this_node_knows),
        WORLD_TEST(test_admin__a_follower_confirms_who_was_added),
        WORLD_TEST(test_admin__a_node_without_a_log_hears_of_its_removal_from_nodes_with_the_key),
        WORLD_TEST(test_admin__a_removed_node_believes_its_contact),
        WORLD_TEST(test_admin__is_answered_when_the_node_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
