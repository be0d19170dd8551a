/* A peer that completes the greeting and then lies, or sends nonsense: nothing that it sends
 * stops a node, and the cluster goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "calm_cluster.h"
#include "kv/codec.h"
#include "mad_peer.h"
#include "replica/replica.h"

enum { MAD = 7, NODES = 3, WORDS_MAX = 4 };

static struct buffer encode_of(const char *client, uint8_t database, const char *const *words)
{
    struct buffer payload = {0};
    struct slice arguments[WORDS_MAX];
    uint32_t count = 0;

    for (; words[count] != NULL; count++) {
        arguments[count] = slice_str(words[count]);
    }

    struct command_head head = {
        .once = {.client = slice_str(client), .number = 1, .keep_s = 60, .resp_version = 2},
        .database = database,
        .argument_count = count};
    size_t size = command_payload_size(&head, arguments);

    command_payload_write(buffer_reserve(&payload, size), &head, arguments);
    buffer_commit(&payload, size);
    return payload;
}

static struct buffer encode(uint8_t database, const char *const *words)
{
    return encode_of("", database, words);
}

static const struct raft *raft_of(const struct node *n)
{
    return replica_raft(n->server->replica);
}

static void assert_all_are_up(const struct cluster *c)
{
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(c->nodes[i].phase, NODE_UP);
    }
}

static void put_forward(struct mad_peer *m, const struct node *n, struct buffer payload)
{
    struct wire_forward f = {.correlation = 1,
                             .term = raft_current_term(raft_of(n)),
                             .resp_version = 2,
                             .until_ns = UINT64_MAX,
                             .command = buffer_slice(&payload)};

    wire_put_forward(&m->out, &f);
    buffer_deinit(&payload);
}

/* Otherwise nothing that it forwards is begun. */
static void wait_for_answers(struct mad_peer *m, struct cluster *c, const struct node *n)
{
    struct wire_holds holds = {.clock_ns = UINT64_MAX, .correlation = 0};

    mad_peer_start(m, c, n, MAD, WIRE_CONTROL);
    wire_put_holds(&m->out, &holds);
    mad_peer_flush(m);
}

static void check_forward(uint8_t database, const char *const *words)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *leader = cluster_leader(c);
    raft_index last_index = raft_last_index(raft_of(leader));
    struct mad_peer m;
    struct mad_peer patient;

    wait_for_answers(&patient, c, leader);
    mad_peer_start(&m, c, leader, MAD, WIRE_BULK);
    put_forward(&m, leader, encode(database, words));
    mad_peer_flush(&m);
    mad_peer_run_for(c, SIM_S);
    assert_true(mad_peer_has_heard(&m, "-ERR "));
    assert_int_equal(raft_last_index(raft_of(leader)), last_index);
    assert_all_are_up(c);
    mad_peer_end(&m);
    mad_peer_end(&patient);
    cluster_free(c);
}

static void test_mad_peer__forwards_only_what_its_command_takes(void **state)
{
    (void)state;
    check_forward(0, (const char *const[]){"APPEND", "a", NULL});
    check_forward(0, (const char *const[]){"SET", NULL});
    /* The command's own check. */
    check_forward(0, (const char *const[]){"SET", "a", "b", "WHAT", NULL});
    check_forward(16, (const char *const[]){"SET", "a", "b", NULL}); /* No such database. */
    check_forward(255, (const char *const[]){"GET", "a", NULL});
    check_forward(0, (const char *const[]){"RAFT", "REMOVE", NULL});
    check_forward(0, (const char *const[]){"PING", NULL}); /* This command is never forwarded. */
    check_forward(0, (const char *const[]){"NOSUCH", "a", NULL});
}

static void test_mad_peer__forwards_commands_to_be_executed_once(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *leader = cluster_leader(c);
    raft_index last_index = raft_last_index(raft_of(leader));
    struct mad_peer m;
    struct mad_peer patient;

    (void)state;
    wait_for_answers(&patient, c, leader);
    mad_peer_start(&m, c, leader, MAD, WIRE_BULK);
    put_forward(&m, leader, encode_of("one", 3, (const char *const[]){"SET", "a", "b", NULL}));
    put_forward(&m, leader,
                encode_of("other", 3, (const char *const[]){"APPEND", "a", "cd", NULL}));
    mad_peer_flush(&m);
    mad_peer_run_for(c, SIM_S);
    assert_true(mad_peer_has_heard(&m, "+OK\r\n"));
    assert_true(mad_peer_has_heard(&m, ":3\r\n")); /* The length of "bcd". */
    assert_int_equal(raft_last_index(raft_of(leader)), last_index + 2);
    assert_all_are_up(c);
    mad_peer_end(&m);
    mad_peer_end(&patient);
    cluster_free(c);
}

/* Makes a follower take that entry into its log, and a leader whose log is behind. */
static void check_entry(struct cluster *c, struct node *leader, struct entry *e)
{
    struct node *follower = &c->nodes[leader == &c->nodes[0] ? 1 : 0];
    raft_index last_index = raft_last_index(raft_of(follower));
    raft_term term = raft_current_term(raft_of(follower)) + 1;
    struct wire_message w = {.message = {.kind = RAFT_APPEND_ENTRIES,
                                         .from = MAD,
                                         .to = follower->id,
                                         .term = term,
                                         .append_entries = {.prev_log_index = last_index,
                                                            .prev_log_term = raft_term_at(
                                                                raft_of(follower), last_index)}}};
    struct mad_peer m;

    e->term = term;
    e->time_us = MAD_TIME_US;
    for (uint32_t i = 0; i < NODES; i++) {
        if (&c->nodes[i] != leader && &c->nodes[i] != follower) {
            cluster_kill(&c->nodes[i], SIM_KILLED); /* It could elect the other one. */
            cluster_start_later(&c->nodes[i], 5 * SIM_S);
        }
    }
    mad_peer_start(&m, c, follower, MAD, WIRE_BULK);
    wire_put_entries(&m.out, &w, &e, 1);
    mad_peer_flush(&m);
    mad_peer_run_for(c, 10 * SIM_S); /* The node with the newest log is elected. */
    assert_all_are_up(c);
    for (uint32_t i = 0; i < NODES; i++) {
        struct replica_stats stats;

        replica_get_stats(c->nodes[i].server->replica, &stats);
        assert_int_equal(stats.skipped_count, 1);
    }
    assert_non_null(cluster_leader(c));
    for (uint32_t i = 0; i < NODES; i++) {
        cluster_kill(&c->nodes[i], SIM_KILLED);
        cluster_start_later(&c->nodes[i], SIM_S);
    }
    mad_peer_run_for(c, 20 * SIM_S); /* And they start with it. */
    assert_all_are_up(c);
    assert_non_null(cluster_leader(c));
    mad_peer_end(&m);
    entry_release(e);
}

static void check_command_entry(uint8_t database, const char *const *words)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct buffer payload = encode(database, words);
    struct entry *e = entry_new(RAFT_COMMAND, (uint32_t)buffer_size(&payload));

    memcpy(e->data, buffer_begin(&payload), buffer_size(&payload));
    check_entry(c, cluster_leader(c), e);
    buffer_deinit(&payload);
    cluster_free(c);
}

static void test_mad_peer__entries_that_nobody_understands_do_nothing(void **state)
{
    (void)state;
    check_command_entry(0, (const char *const[]){"NOSUCH", "a", NULL});
    check_command_entry(0, (const char *const[]){"SET", NULL});
    check_command_entry(0, (const char *const[]){"PING", NULL});
    check_command_entry(16, (const char *const[]){"SET", "a", "b", NULL});
}

static void check_membership_entry(void (*change)(struct membership *m))
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *leader = cluster_leader(c);
    struct membership *m = membership_copy(replica_membership(leader->server->replica));
    raft_index configured_at = raft_configuration_index(raft_of(leader));

    change(m);
    check_entry(c, leader, membership_encode(m));
    for (uint32_t i = 0; i < NODES; i++) {
        const struct node *n = &c->nodes[i];

        assert_int_equal(raft_configuration_index(raft_of(n)), configured_at);
        assert_int_equal(raft_configuration(raft_of(n))->member_count, NODES);
        assert_false(replica_is_removed(n->server->replica));
    }
    membership_free(m);
    cluster_free(c);
}

static void leave_one_made_up(struct membership *m)
{
    m->configuration.member_count = 1;
    m->configuration.members[0].id = m->addresses[0].id = MAD;
}

static void drop_a_voter(struct membership *m)
{
    m->configuration.member_count--;
}

static void call_all_removed(struct membership *m)
{
    m->removed = realloc(m->removed, NODES * sizeof(raft_id));
    for (uint32_t i = 0; i < NODES; i++) {
        m->removed[i] = m->addresses[i].id;
    }
    m->removed_count = NODES;
}

static void test_mad_peer__memberships_that_cannot_follow_do_nothing(void **state)
{
    (void)state;
    check_membership_entry(leave_one_made_up);
    check_membership_entry(drop_a_voter);
    check_membership_entry(call_all_removed);
}

/* Sends two entries with these log times, after the follower's last one. Returns whether it
 * takes them. */
static bool takes_times(uint64_t first_us, uint64_t second_us)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *n = calm_cluster_follower(c);
    raft_index last_index = raft_last_index(raft_of(n));
    raft_term term = raft_current_term(raft_of(n)) + 1;
    struct wire_message w = {
        .message = {.kind = RAFT_APPEND_ENTRIES,
                    .from = MAD,
                    .to = n->id,
                    .term = term,
                    .append_entries = {.prev_log_index = last_index,
                                       .prev_log_term = raft_term_at(raft_of(n), last_index)}}};
    struct entry *entries[] = {entry_new(RAFT_NOOP, 0), entry_new(RAFT_NOOP, 0)};
    struct mad_peer m;

    entries[0]->time_us = first_us;
    entries[1]->time_us = second_us;
    entries[0]->term = entries[1]->term = term;
    mad_peer_start(&m, c, n, MAD, WIRE_BULK);
    wire_put_entries(&m.out, &w, entries, 2);
    mad_peer_flush(&m);
    mad_peer_run_for(c, 50 * SIM_MS);
    assert_all_are_up(c);

    bool is_taken =
        raft_current_term(raft_of(n)) == term && raft_last_index(raft_of(n)) == last_index + 2;

    assert_true(is_taken || raft_term_at(raft_of(n), raft_last_index(raft_of(n))) < term);
    mad_peer_end(&m);
    entry_release(entries[0]);
    entry_release(entries[1]);
    cluster_free(c);
    return is_taken;
}

static void test_mad_peer__entries_whose_time_runs_back_are_not_stored(void **state)
{
    (void)state;
    assert_true(takes_times(MAD_TIME_US, MAD_TIME_US));
    assert_true(takes_times(MAD_TIME_US, MAD_TIME_US + 1));
    assert_false(takes_times(MAD_TIME_US, MAD_TIME_US - 1));
    assert_false(takes_times(1, MAD_TIME_US)); /* Lower than that of the follower's last entry. */
    assert_false(takes_times(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mad_peer__forwards_only_what_its_command_takes),
        cmocka_unit_test(test_mad_peer__forwards_commands_to_be_executed_once),
        cmocka_unit_test(test_mad_peer__entries_that_nobody_understands_do_nothing),
        cmocka_unit_test(test_mad_peer__memberships_that_cannot_follow_do_nothing),
        cmocka_unit_test(test_mad_peer__entries_whose_time_runs_back_are_not_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
