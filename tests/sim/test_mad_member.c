/* A faulty member: it is welcomed, as it should be, and lies. It stops no node, the others go
 * on, and their logs are not flooded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "calm_cluster.h"
#include "mad_peer.h"
#include "replica/state.h"

enum { NODES = 3, ELECTION_TIMEOUTS_UNTIL_LOSS = 10 };

static const raft_index NOWHERE = 1000 * 1000 * 1000;

/* A cluster of three, one of which the test plays: it has the connections of `mad`. */
struct scene {
    struct cluster *c;
    struct node *leader;
    struct node *follower;
    struct node *mad;
    struct mad_peer to_leader;
    struct mad_peer to_follower;
    uint32_t error_counts[CLUSTER_NODES_MAX]; /* Lines of their logs. */
};

static struct scene *counted;

static void count_errors(void *context, enum log_level level, const char *event, const char *fields)
{
    const struct node *n = context;

    (void)event;
    (void)fields;
    counted->error_counts[n - counted->c->nodes] += level >= LOG_ERROR;
}

static const struct raft *raft_of(const struct node *n)
{
    return replica_raft(n->server->replica);
}

static void scene_start_at(struct scene *s, const char *mad_host)
{
    *s = (struct scene){.c = calm_cluster_start(1, NULL)};
    counted = s;
    s->leader = cluster_leader(s->c);
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *n = &s->c->nodes[i];

        n->log.sink = count_errors;
        if (n != s->leader) {
            s->mad = s->follower == NULL ? NULL : n;
            s->follower = s->follower == NULL ? n : s->follower;
        }
    }
    cluster_kill(s->mad, SIM_KILLED);
    mad_peer_run_for(s->c, SIM_S);
    mad_peer_start_at(&s->to_leader, s->c, s->leader, s->mad->id, WIRE_CONTROL, mad_host);
    mad_peer_start_at(&s->to_follower, s->c, s->follower, s->mad->id, WIRE_CONTROL, mad_host);
}

static void scene_start(struct scene *s)
{
    scene_start_at(s, "mad");
}

static void scene_end(struct scene *s)
{
    mad_peer_end(&s->to_leader);
    mad_peer_end(&s->to_follower);
    cluster_free(s->c);
}

static void say(struct mad_peer *m, const struct scene *s, const struct node *to,
                struct raft_message message)
{
    struct wire_message w = {.message = message};

    w.message.from = s->mad->id;
    w.message.to = to->id;
    wire_put_message(&m->out, &w);
    mad_peer_flush(m);
}

/* As if that node had lost entries that it acknowledged in a term of the faulty one. */
static void tell_loss(struct mad_peer *m, const struct scene *s, const struct node *to,
                      raft_term term)
{
    say(m, s, to,
        (struct raft_message){.kind = RAFT_HEARTBEAT,
                              .term = term,
                              .heartbeat = {.leader_commit = NOWHERE, .leader_commit_term = term}});
}

static void tell_all_of_loss(struct scene *s, uint64_t for_ns)
{
    for (uint64_t ns = 0; ns < for_ns; ns += 20 * SIM_MS) {
        raft_term term = raft_current_term(raft_of(s->follower));

        tell_loss(&s->to_follower, s, s->follower, term + 1);
        tell_loss(&s->to_follower, s, s->follower, term);
        tell_loss(&s->to_leader, s, s->leader, term + 1);
        tell_loss(&s->to_leader, s, s->leader, term);
        mad_peer_run_for(s->c, 20 * SIM_MS);
    }
}

static uint32_t errors_of(const struct scene *s, const struct node *n)
{
    return s->error_counts[n - s->c->nodes];
}

static void test_mad_member__a_false_loss_stops_no_node(void **state)
{
    struct scene s;

    (void)state;
    scene_start(&s);

    raft_term term = raft_current_term(raft_of(s.leader));

    tell_all_of_loss(&s, 10 * SIM_S);
    assert_int_equal(s.leader->phase, NODE_UP);
    assert_int_equal(s.follower->phase, NODE_UP);
    assert_ptr_equal(cluster_leader(s.c), s.leader);
    assert_int_equal(raft_current_term(raft_of(s.leader)), term);
    assert_int_not_equal(s.leader->server->replica->contradictions.last_ns, 0);
    assert_int_not_equal(s.follower->server->replica->contradictions.last_ns, 0);
    scene_end(&s);
}

static void test_mad_member__two_that_are_lied_to_elect_each_other(void **state)
{
    struct scene s;

    (void)state;
    scene_start(&s);
    cluster_kill(s.leader, SIM_KILLED);
    cluster_start_later(s.leader, 2 * SIM_S);
    mad_peer_run_for(s.c, SIM_S);
    for (uint64_t ns = 0; ns < 10 * SIM_S; ns += 20 * SIM_MS) {
        tell_loss(&s.to_follower, &s, s.follower, raft_current_term(raft_of(s.follower)) + 1);
        mad_peer_run_for(s.c, 20 * SIM_MS);
    }
    assert_int_equal(s.leader->phase, NODE_UP);
    assert_int_equal(s.follower->phase, NODE_UP);
    assert_non_null(cluster_leader(s.c));
    scene_end(&s);
}

/* In the first ten seconds, and then once a minute. */
static void test_mad_member__is_logged_once_a_minute(void **state)
{
    struct scene s;

    (void)state;
    scene_start(&s);
    tell_all_of_loss(&s, 10 * SIM_S);
    assert_int_equal(errors_of(&s, s.leader), 1);
    assert_int_equal(errors_of(&s, s.follower), 1);
    tell_all_of_loss(&s, 55 * SIM_S);
    assert_int_equal(errors_of(&s, s.leader), 2);
    assert_int_equal(errors_of(&s, s.follower), 2);
    scene_end(&s);
}

/* I-17: it has just started, and only the node that reports the loss is there to lead it. */
static void test_mad_member__an_undisputed_loss_is_finally_believed(void **state)
{
    struct scene s;
    uint64_t patience_ns;

    (void)state;
    scene_start(&s);
    cluster_kill(s.leader, SIM_KILLED);
    s.leader->stays_down = true;
    s.follower->stays_down = true; /* Once it has ended. */
    patience_ns = ELECTION_TIMEOUTS_UNTIL_LOSS * s.follower->config.election_timeout_ns;
    for (int i = 0; i < 3; i++) { /* A node that does not repeat it is not believed. */
        tell_loss(&s.to_follower, &s, s.follower, raft_current_term(raft_of(s.follower)) + 1);
        mad_peer_run_for(s.c, patience_ns + 20 * SIM_MS);
    }
    for (uint64_t ns = 0; ns < patience_ns - 100 * SIM_MS; ns += 20 * SIM_MS) {
        tell_loss(&s.to_follower, &s, s.follower, raft_current_term(raft_of(s.follower)) + 1);
        mad_peer_run_for(s.c, 20 * SIM_MS);
    }
    assert_int_equal(s.follower->phase, NODE_UP);
    for (uint64_t ns = 0; ns < SIM_S && s.follower->phase == NODE_UP; ns += 20 * SIM_MS) {
        tell_loss(&s.to_follower, &s, s.follower, raft_current_term(raft_of(s.follower)) + 1);
        mad_peer_run_for(s.c, 20 * SIM_MS);
    }
    assert_int_not_equal(s.follower->phase, NODE_UP);
    scene_end(&s);
}

/* --- where members live ----------------------------------------------------------- */

static const struct peer *peer_of(const struct node *n, raft_id id)
{
    const struct peer *peer = peers_find(&n->server->peers, id);

    assert_non_null(peer);
    return peer;
}

static void say_where(struct mad_peer *m, raft_id id, const char *host)
{
    struct member_address where = {
        .id = id, .client = {.port = CLUSTER_PORT}, .peer_port = CLUSTER_PEER_PORT};

    snprintf(where.client.host, sizeof where.client.host, "%s", host);
    wire_put_where(&m->out, &where);
    mad_peer_flush(m);
}

static void test_mad_member__impossible_hosts_are_not_learned(void **state)
{
    static const char *const hosts[] = {"evil\r\nrole:slave", "0.0.0.0", "::", "a b"};

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct scene s;

        scene_start_at(&s, hosts[i]); /* It is welcomed all the same. */
        say_where(&s.to_follower, s.leader->id, hosts[i]);
        mad_peer_run_for(s.c, SIM_S);
        assert_string_equal(peer_of(s.leader, s.mad->id)->address.client.host, s.mad->name);
        assert_string_not_equal(peer_of(s.follower, s.leader->id)->reported.client.host, hosts[i]);
        /* And is believed if it may be right. */
        say_where(&s.to_follower, s.leader->id, "elsewhere");
        mad_peer_run_for(s.c, SIM_S);
        assert_string_equal(peer_of(s.follower, s.leader->id)->reported.client.host, "elsewhere");
        scene_end(&s);
    }
}

/* --- terms -------------------------------------------------------------------------- */

#define TERM_STEP ((raft_term)1 << 32) /* The most by which one message may raise the term. */

/* Paths to and from the other nodes. */
static void cut_off(struct scene *s, struct node *n, bool is_cut)
{
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *other = &s->c->nodes[i];

        if (other != n) {
            sim_block(n->machine, other->machine, is_cut);
            sim_block(other->machine, n->machine, is_cut);
        }
    }
}

/* Two messages raise it further than the others would follow. They would follow the first one, so
 * the node says nothing in between. */
static void poison(struct mad_peer *m, struct scene *s, struct node *n)
{
    raft_term term = raft_current_term(raft_of(n));

    cut_off(s, n, true);
    for (int i = 0; i < 2; i++) {
        term += TERM_STEP;
        say(m, s, n, (struct raft_message){.kind = RAFT_HEARTBEAT_REPLY, .term = term});
        mad_peer_run_for(s->c, 20 * SIM_MS);
    }
    cut_off(s, n, false);
}

static void come_to_reason(struct scene *s)
{
    mad_peer_end(&s->to_leader);
    mad_peer_end(&s->to_follower);
    cluster_start(s->mad);
    mad_peer_run_for(s->c, 10 * SIM_S);
}

static bool is_voter(const struct node *asked, const struct node *n)
{
    const struct raft_configuration *c = raft_configuration(raft_of(asked));
    const struct raft_member *member = raft_configuration_find(c, raft_self(raft_of(n)));

    return member != NULL && member->incoming;
}

/* What docs/OPERATIONS.md advises: the node is removed, and joins again with an empty directory. */
static void replace(struct scene *s, struct node *asked, struct node *victim)
{
    char id[17];

    snprintf(id, sizeof id, "%016llx", (unsigned long long)victim->id);
    operator_command_to(&s->c->operator, asked, "RAFT", "REMOVE", id);
    mad_peer_run_for(s->c, 5 * SIM_S);
    assert_false(is_voter(asked, victim));
    cluster_kill(victim, SIM_KILLED);
    cluster_renew(victim);
    cluster_start_later(victim, SIM_S);
    mad_peer_run_for(s->c, 20 * SIM_S);
    assert_true(is_voter(asked, victim));
}

static void assert_terms_are_equal(const struct scene *s)
{
    for (uint32_t i = 1; i < NODES; i++) {
        assert_int_equal(raft_current_term(raft_of(&s->c->nodes[i])),
                         raft_current_term(raft_of(&s->c->nodes[0])));
    }
}

static void test_mad_member__a_term_that_it_has_poisoned_goes_with_its_node(void **state)
{
    struct scene s;

    (void)state;
    scene_start(&s);
    mad_peer_unwatch(s.c);
    poison(&s.to_follower, &s, s.follower);
    come_to_reason(&s);
    assert_true(raft_current_term(raft_of(s.follower)) >= 2 * TERM_STEP);
    assert_non_null(cluster_leader(s.c));
    assert_true(raft_current_term(raft_of(s.mad)) < TERM_STEP); /* The others go on without it. */
    assert_true(raft_current_term(raft_of(s.leader)) < TERM_STEP);
    replace(&s, s.leader, s.follower);
    assert_terms_are_equal(&s);
    cluster_free(s.c);
}

/* The leader's term is raised `times` as far as the follower's. */
static void check_poisoned_majority(raft_term times)
{
    struct scene s;

    scene_start(&s);
    mad_peer_unwatch(s.c);
    poison(&s.to_follower, &s, s.follower);
    for (raft_term i = 0; i < times; i++) {
        poison(&s.to_leader, &s, s.leader);
    }
    assert_true(times == 1 || raft_current_term(raft_of(s.follower)) + TERM_STEP <
                                  raft_current_term(raft_of(s.leader)));
    come_to_reason(&s);
    assert_non_null(cluster_leader(s.c));
    assert_true(raft_current_term(raft_of(s.leader)) >= 2 * times * TERM_STEP);
    assert_terms_are_equal(&s);
    cluster_free(s.c);
}

/* Then the rest is too far away; without a leader, it believes the majority. */
static void test_mad_member__a_majority_with_such_a_term_takes_the_rest_along(void **state)
{
    (void)state;
    check_poisoned_majority(1);
}

/* At first nobody believes anybody. */
static void test_mad_member__terms_set_apart_from_each_other_meet_again(void **state)
{
    (void)state;
    check_poisoned_majority(2);
}

enum { FRAME_ENTRIES = 4000, FRAMES = 18 };

/* Entries that each have a term of their own, as if there had been so many elections. */
static void fill_with_terms(struct scene *s, struct node *n)
{
    struct mad_peer m;
    raft_index prev = raft_last_index(raft_of(n));
    raft_term prev_term = raft_term_at(raft_of(n), prev);
    raft_term term = raft_current_term(raft_of(n));
    struct entry *entries[FRAME_ENTRIES];

    mad_peer_start(&m, s->c, n, s->mad->id, WIRE_BULK);
    for (uint32_t i = 0; i < FRAMES; i++) {
        struct wire_message w = {
            .message = {.kind = RAFT_APPEND_ENTRIES,
                        .from = s->mad->id,
                        .to = n->id,
                        .term = term + (FRAMES + 1) * FRAME_ENTRIES,
                        .append_entries = {.prev_log_index = prev, .prev_log_term = prev_term}}};

        for (uint32_t k = 0; k < FRAME_ENTRIES; k++) {
            entries[k] = entry_new(RAFT_NOOP, 0);
            entries[k]->time_us = MAD_TIME_US;
            prev_term = entries[k]->term = term + i * FRAME_ENTRIES + k + 1;
        }
        prev += FRAME_ENTRIES;
        wire_put_entries(&m.out, &w, entries, FRAME_ENTRIES);
        mad_peer_flush(&m);
        for (int k = 0; k < 100 && raft_last_index(raft_of(n)) < prev; k++) {
            mad_peer_run_for(s->c, 10 * SIM_MS);
            mad_peer_flush(&m);
        }
        for (uint32_t k = 0; k < FRAME_ENTRIES; k++) {
            entry_release(entries[k]);
        }
    }
    assert_int_equal(raft_last_index(raft_of(n)), prev);
    mad_peer_end(&m);
}

/* A node without room for one more term could neither be elected nor follow the leader. */
static void test_mad_member__terms_without_number_leave_room_for_elections(void **state)
{
    struct scene s;

    (void)state;
    scene_start(&s);
    mad_peer_unwatch(s.c);
    fill_with_terms(&s, s.follower);
    fill_with_terms(&s, s.leader);
    come_to_reason(&s);
    assert_non_null(cluster_leader(s.c));
    assert_true(raft_is_ready(raft_of(cluster_leader(s.c))));
    for (uint32_t i = 0; i < NODES; i++) {
        cluster_kill(&s.c->nodes[i], SIM_KILLED);
        cluster_start_later(&s.c->nodes[i], SIM_S);
    }
    mad_peer_run_for(s.c, 10 * SIM_S);
    assert_non_null(cluster_leader(s.c));
    assert_terms_are_equal(&s);
    cluster_free(s.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mad_member__a_false_loss_stops_no_node),
        cmocka_unit_test(test_mad_member__two_that_are_lied_to_elect_each_other),
        cmocka_unit_test(test_mad_member__is_logged_once_a_minute),
        cmocka_unit_test(test_mad_member__an_undisputed_loss_is_finally_believed),
        cmocka_unit_test(test_mad_member__a_term_that_it_has_poisoned_goes_with_its_node),
        cmocka_unit_test(test_mad_member__a_majority_with_such_a_term_takes_the_rest_along),
        cmocka_unit_test(test_mad_member__terms_set_apart_from_each_other_meet_again),
        cmocka_unit_test(test_mad_member__terms_without_number_leave_room_for_elections),
        cmocka_unit_test(test_mad_member__impossible_hosts_are_not_learned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
