/* The feature level of a cluster: it is raised once all members know it; what needs it is
 * refused before; and nodes that do not know it are kept out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "cluster/level.h"
#include "mad_peer.h"
#include "replica/replica.h"
#include "replica/state.h"
#include "sim/cluster/later.h"

enum { NODES = 3 };

static const raft_id MAD = 0xbad;

static struct replica *replica_of(const struct node *n)
{
    return n->server->replica;
}

static uint32_t level_at(const struct node *n)
{
    return replica_level(replica_of(n));
}

static void restart(struct node *n, uint32_t level)
{
    cluster_kill(n, SIM_KILLED);
    n->config.feature_level = level;
    n->config.more_commands = level == LEVEL_NEXT ? later_commands : NULL;
    cluster_start_later(n, 100 * SIM_MS);
    calm_cluster_run_for(n->cluster, 2 * SIM_S);
}

/* --- a client ------------------------------------------------------------------------------- */

struct client {
    struct talk talk;
    char reply[512];
};

static void opened(struct talk *talk)
{
    const struct slice name = slice_str(LATER_COMMAND);

    talk_command(talk, &name, 1);
    talk_flush(talk);
}

static void replied(struct talk *talk, struct slice reply)
{
    struct client *c = container_of(talk, struct client, talk);

    snprintf(c->reply, sizeof c->reply, "%.*s", (int)reply.size, reply.data);
    talk_close(talk);
}

static void closed(struct talk *talk)
{
    (void)talk;
}

/* The node's answer to the command that needs the next level; valid until the next call. */
static const char *ask(const struct node *n)
{
    static struct client c;
    struct io_address address = {.port = CLUSTER_PORT};
    struct io *io = sim_boot(sim_machine_new(n->cluster->sim, "client"));

    snprintf(address.host, sizeof address.host, "%s", n->name);
    c = (struct client){0};
    talk_init(&c.talk, io);
    c.talk.opened = opened;
    c.talk.replied = replied;
    c.talk.closed = closed;
    talk_open(&c.talk, &address);
    calm_cluster_run_for(n->cluster, SIM_S);
    sim_die(io, SIM_EXITED);
    talk_deinit(&c.talk);
    sim_bury(io);
    return c.reply;
}

/* --- raising it ----------------------------------------------------------------------------- */

static void test_level__is_raised_once_all_members_know_it(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);

    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t j = 0; j < NODES; j++) {
            assert_int_equal(level_at(&c->nodes[j]), LEVEL_FIRST);
        }
        restart(&c->nodes[i], LEVEL_NEXT);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(level_at(&c->nodes[i]), LEVEL_NEXT);
    }
    restart(&c->nodes[0], LEVEL_NEXT); /* The level is in the log. */
    assert_int_equal(level_at(&c->nodes[0]), LEVEL_NEXT);
    cluster_free(c);
}

/* A node that is away may come back with its old program. */
static void test_level__is_not_raised_while_a_member_is_away(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);

    (void)state;
    cluster_kill(&c->nodes[2], SIM_KILLED);
    restart(&c->nodes[0], LEVEL_NEXT);
    restart(&c->nodes[1], LEVEL_NEXT);
    calm_cluster_run_for(c, 10 * SIM_S);
    assert_int_equal(level_at(&c->nodes[0]), LEVEL_FIRST);
    cluster_start_later(&c->nodes[2], 0);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_int_equal(level_at(&c->nodes[0]), LEVEL_FIRST);
    restart(&c->nodes[2], LEVEL_NEXT);
    assert_int_equal(level_at(&c->nodes[0]), LEVEL_NEXT);
    cluster_free(c);
}

static void test_level__lets_a_command_in_once_it_is_there(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *n = &c->nodes[0];
    char id[9];

    (void)state;
    assert_non_null(strstr(ask(n), "ERR unknown command"));
    for (uint32_t i = 0; i < 2; i++) {
        restart(&c->nodes[i], LEVEL_NEXT);
    }
    snprintf(id, sizeof id, "%08x", (unsigned)(c->nodes[2].id >> 32));
    assert_non_null(strstr(ask(n), "ERR 'LATER' needs feature level 2, and the cluster has 1"));
    assert_non_null(strstr(ask(n), id)); /* The node that must be upgraded. */
    restart(&c->nodes[2], LEVEL_NEXT);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_non_null(strstr(ask(&c->nodes[i]), "+OK"));
    }
    cluster_free(c);
}

/* --- who does not know it -------------------------------------------------------------------- */

static void raise_it(struct cluster *c)
{
    for (uint32_t i = 0; i < NODES; i++) {
        restart(&c->nodes[i], LEVEL_NEXT);
    }
    assert_int_equal(level_at(&c->nodes[0]), LEVEL_NEXT);
}

static void test_level__that_is_not_known_refuses_the_start(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);

    (void)state;
    raise_it(c);
    cluster_kill(&c->nodes[1], SIM_KILLED);
    c->nodes[1].config.feature_level = LEVEL_FIRST;
    c->nodes[1].config.more_commands = NULL;
    cluster_start_later(&c->nodes[1], 0);
    mad_peer_run_for(c, 500 * SIM_MS);
    assert_true(c->verdict.is_guilty);
    assert_non_null(strstr(c->verdict.text, "uses a newer feature level than the 1 that this "
                                            "program knows"));
    assert_non_null(strstr(c->verdict.text, "install the version"));
    cluster_free(c);
}

static char errors[2048];

static void keep_error(void *context, enum log_level level, const char *event, const char *fields)
{
    (void)context;
    if (level >= LOG_ERROR) {
        snprintf(errors, sizeof errors, "%s %s", event, fields);
    }
}

static void test_level__that_is_not_known_keeps_a_new_node_out(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    uint32_t member_count;
    struct node *n;

    (void)state;
    raise_it(c);
    member_count = c->member_count;
    n = cluster_add_machine(c);
    n->log.sink = keep_error;
    cluster_start_later(n, 0);
    mad_peer_run_for(c, 2 * SIM_S);
    assert_int_equal(c->member_count, member_count);
    assert_non_null(strstr(errors, "at a feature level that its program does not know. Install a "
                                   "newer version there"));
    n->config.feature_level = LEVEL_NEXT;
    n->config.more_commands = later_commands;
    mad_peer_run_for(c, 20 * SIM_S);
    assert_int_equal(c->member_count, member_count + 1);
    assert_int_equal(level_at(n), LEVEL_NEXT);
    cluster_free(c);
}

/* --- a leader gone mad ------------------------------------------------------------------------ */

/* Claims to lead, and sends that entry to a follower. Returns whether the follower has stored
 * it. */
static bool is_stored(struct cluster *c, struct entry *e, struct mad_peer *m)
{
    struct node *leader = cluster_leader(c);
    struct node *follower = &c->nodes[leader == &c->nodes[0] ? 1 : 0];
    const struct raft *r = replica_raft(replica_of(follower));
    raft_index last_index = raft_last_index(r);
    struct wire_message w = {
        .message = {.kind = RAFT_APPEND_ENTRIES,
                    .from = MAD,
                    .to = follower->id,
                    .term = raft_current_term(r) + 1,
                    .append_entries = {.prev_log_index = last_index,
                                       .prev_log_term = raft_term_at(r, last_index)}}};

    e->term = w.message.term;
    e->time_us = MAD_TIME_US;
    mad_peer_start(m, c, follower, MAD, WIRE_BULK);
    wire_put_entries(&m->out, &w, &e, 1);
    mad_peer_flush(m);
    for (int i = 0; i < 200; i++) { /* The next leader may cut it again. */
        mad_peer_run_for(c, SIM_MS);
        if (raft_last_index(r) > last_index && raft_term_at(r, last_index + 1) == e->term) {
            return true;
        }
    }
    return false;
}

static void check_stored(struct entry *e, bool expected)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct mad_peer m;

    calm_cluster_run_for(c, 2 * SIM_S); /* All nodes have the whole log. */
    assert_int_equal(is_stored(c, e, &m), expected);
    mad_peer_run_for(c, 2 * SIM_S);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(c->nodes[i].phase, NODE_UP);
        assert_int_equal(level_at(&c->nodes[i]), LEVEL_FIRST);
    }
    mad_peer_end(&m);
    cluster_free(c);
    entry_release(e);
}

static struct entry *make_entry(uint8_t kind, struct slice payload)
{
    struct entry *e = entry_new(kind, (uint32_t)payload.size);

    memcpy(e->data, payload.data, payload.size);
    return e;
}

static void test_level__that_is_not_known_is_not_stored(void **state)
{
    (void)state;
    check_stored(level_encode(LEVEL_NEXT), false);
    check_stored(level_encode(UINT32_MAX), false);
    check_stored(level_encode(LEVEL_FIRST), true); /* It changes nothing. */
}

static void test_level__that_makes_no_sense_does_nothing(void **state)
{
    (void)state;
    check_stored(make_entry(RAFT_LEVEL, slice_str("")), true);
    check_stored(make_entry(RAFT_LEVEL, slice_of("\0\0\0\0", 4)), true);
    check_stored(make_entry(RAFT_LEVEL, slice_of("\2\0\0\0\0", 5)), true);
}

static void test_entry__of_an_unknown_kind_is_stored_only_if_it_may_be_skipped(void **state)
{
    (void)state;
    check_stored(make_entry(RAFT_MAY_BE_SKIPPED, slice_str("whatever")), true);
    check_stored(make_entry(UINT8_MAX, slice_str("")), true);
    check_stored(make_entry(RAFT_EXPIRED + 1, slice_str("whatever")), false);
    check_stored(make_entry(RAFT_MAY_BE_SKIPPED - 1, slice_str("")), false);
    check_stored(make_entry(0, slice_str("")), false);
}

/* --- a new leader ---------------------------------------------------------------------- */

/* It has the entry that raises the level, durable, and does not know yet that it is committed. */
static bool holds_level_unapplied(const struct node *n)
{
    const struct log_window *w;

    if (n->phase != NODE_UP || n->server == NULL) {
        return false;
    }
    w = &replica_of(n)->window;

    const struct entry *last = log_window_get(w, w->last);

    return last != NULL && last->kind == RAFT_LEVEL && level_at(n) == LEVEL_FIRST &&
           raft_durable_index(replica_raft(replica_of(n))) == last->index;
}

static struct node *await_unapplied_level(struct cluster *c)
{
    for (uint32_t i = 0; i < 2000000; i++) {
        sim_step(c->sim, sim_now_ns(c->sim) + 10000);
        for (uint32_t k = 0; k < NODES; k++) {
            if (&c->nodes[k] != cluster_leader(c) && holds_level_unapplied(&c->nodes[k])) {
                return &c->nodes[k];
            }
        }
    }
    fail_msg("no follower holds the level before it applies it");
    return NULL;
}

static void await_leadership(struct cluster *c, const struct node *n)
{
    for (uint32_t i = 0; i < 2000000; i++) {
        sim_step(c->sim, sim_now_ns(c->sim) + 10000);
        if (n->phase == NODE_UP && raft_role(replica_raft(replica_of(n))) == RAFT_LEADER) {
            return;
        }
    }
    fail_msg("%s does not lead", n->name);
}

/* A node of an older program asks to be added by a leader that has just taken over, and has not
 * yet applied the level that its predecessor has logged. */
static void test_level__logged_by_an_earlier_leader_counts_when_a_node_is_added(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *leader;
    struct node *next;
    struct node *third = NULL;
    struct node *older;

    (void)state;
    restart(&c->nodes[0], LEVEL_NEXT);
    restart(&c->nodes[1], LEVEL_NEXT);
    cluster_kill(&c->nodes[2], SIM_KILLED);
    c->nodes[2].config.feature_level = LEVEL_NEXT;
    c->nodes[2].config.more_commands = later_commands;
    cluster_start_later(&c->nodes[2], 100 * SIM_MS);
    next = await_unapplied_level(c);
    leader = cluster_leader(c);
    assert_non_null(leader);
    for (uint32_t k = 0; k < NODES; k++) {
        third = &c->nodes[k] != leader && &c->nodes[k] != next ? &c->nodes[k] : third;
    }
    cluster_kill(leader, SIM_KILLED);
    older = cluster_add_machine(c);
    older->contact = next;
    older->has_moved = true;
    cluster_start_later(older, 0);
    await_leadership(c, next);
    cluster_kill(third, SIM_KILLED); /* So that nothing is committed before it is asked. */
    cluster_start_later(third, 60 * SIM_MS);
    cluster_start_later(leader, 5 * SIM_S);
    mad_peer_run_for(c, 30 * SIM_S);
    assert_false(cluster_is_member(older));
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_level__is_raised_once_all_members_know_it),
        cmocka_unit_test(test_level__is_not_raised_while_a_member_is_away),
        cmocka_unit_test(test_level__lets_a_command_in_once_it_is_there),
        cmocka_unit_test(test_level__that_is_not_known_refuses_the_start),
        cmocka_unit_test(test_level__that_is_not_known_keeps_a_new_node_out),
        cmocka_unit_test(test_level__that_is_not_known_is_not_stored),
        cmocka_unit_test(test_level__that_makes_no_sense_does_nothing),
        cmocka_unit_test(test_level__logged_by_an_earlier_leader_counts_when_a_node_is_added),
        cmocka_unit_test(test_entry__of_an_unknown_kind_is_stored_only_if_it_may_be_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
