/* Connections between nodes in the simulated world: which nodes are welcomed, and what happens
 * to forwarded commands when a connection ends. Scenarios 53, 68 and 70. */
#include "peer/wire_kind.h"
#include "stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "store/epoch.h"

static void test_peers__of_one_cluster_connect_both_ways(void **state)
{
    struct world *w = *state;

    start_both(w);
    dial(w, 0);
    run_ms(w, 500);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    assert_true(is_up(&w->nodes[1].peers, id_of(0))); /* That is how it heard of the other node. */
}

static void test_peers__of_another_cluster_are_refused(void **state)
{
    struct world *w = *state;

    start_node(w, 0, CLUSTER);
    start_node(w, 1, CLUSTER + 1);
    dial(w, 0);
    run_ms(w, 500);
    assert_int_equal(w->nodes[0].refusal, WIRE_OTHER_CLUSTER);
    assert_false(is_up(&w->nodes[0].peers, id_of(1)));
    assert_null(peers_find(&w->nodes[1].peers, id_of(0)));
}

static void count_warnings(void *context, enum log_level level, const char *event,
                           const char *fields)
{
    uint32_t *count = context;

    *count += level >= LOG_WARN;
}

/* Another id is expected at that address, but the second node answers. The first node warns of
 * that; the second does not, because it has the address of a node that was removed. */
static void test_peers__that_find_themselves_do_not_warn(void **state)
{
    struct world *w = *state;
    struct member_address former = address_of(1);
    struct raft_configuration alone = {.member_count = 1,
                                       .members = {{.id = 99, .incoming = true}}};
    uint32_t warnings[NODES] = {0};
    struct log logs[NODES];

    former.id = 99;

    struct membership *before = membership_next(NULL, &alone, &former);

    for (uint32_t i = 0; i < NODES; i++) {
        logs[i] = (struct log){LOG_INFO, count_warnings, &warnings[i]};
        w->nodes[i].log = &logs[i];
        start_node(w, i, CLUSTER);
        peers_set_members(&w->nodes[i].peers, before);
    }
    run_ms(w, 500);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(w->nodes[i].refusal, WIRE_OTHER_NODE);
        w->nodes[i].log = NULL;
        end_node(&w->nodes[i], SIM_KILLED);
    }
    membership_free(before);
    assert_int_equal(warnings[0], 2); /* For each connection. */
    assert_int_equal(warnings[1], 0);
}

/* After the removal of the first node. */
static struct membership *second_alone(void)
{
    struct membership *before = both();
    struct raft_configuration left = {.member_count = 1,
                                      .members = {{.id = id_of(1), .incoming = true}}};
    struct membership *after = membership_next(before, &left, NULL);

    membership_free(before);
    return after;
}

static void test_peers__that_were_removed_are_refused(void **state)
{
    struct world *w = *state;
    struct membership *after = second_alone();

    start_both(w);
    peers_set_committed(&w->nodes[1].peers, after);
    dial(w, 0);
    run_ms(w, 500);
    assert_int_equal(w->nodes[0].refusal, WIRE_REMOVED);
    assert_false(is_up(&w->nodes[0].peers, id_of(1)));
    membership_free(after);
}

/* A copy of the first node's directory is started on a third machine. The two others have been
 * silent for long, as followers are. */
static void test_peers__with_the_id_of_a_node_that_runs_are_refused(void **state)
{
    struct world *w = *state;
    struct member_address address = address_of(0);
    struct node *copy = &w->nodes[NODES];

    start_both(w);
    dial(w, 0);
    run_ms(w, 60000);
    assert_true(is_up(&w->nodes[1].peers, id_of(0)));
    snprintf(address.client.host, sizeof address.client.host, "%s", names[NODES]);
    start_at(copy, sim_boot(sim_machine_new(w->sim, names[NODES])), &address, CLUSTER);

    struct membership *m = both();

    peers_set_members(&copy->peers, m);
    membership_free(m);
    run_ms(w, 60000);
    assert_int_equal(copy->refusal, WIRE_SAME_NODE);
    assert_false(is_up(&copy->peers, id_of(1)));
    assert_int_equal(w->nodes[0].lost_count, 0);
    assert_int_equal(w->nodes[1].lost_count, 0);
    assert_string_equal(peers_find(&w->nodes[1].peers, id_of(0))->address.client.host, names[0]);
}

/* The same node again, after its machine lost power: the others did not hear of that, and their
 * old connections look as before. They find out when it dials. */
static void test_peers__that_lost_power_are_let_in_again_at_once(void **state)
{
    struct world *w = *state;

    start_node(w, 0, CLUSTER);
    start_node(w, 1, CLUSTER);
    dial(w, 0);
    run_ms(w, 500);
    end_node(&w->nodes[0], SIM_POWER);
    run_ms(w, 100);
    w->nodes[0] = (struct node){0};
    start_node(w, 0, CLUSTER);
    dial(w, 0);
    run_ms(w, 500);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    run_ms(w, 500); /* The other node's own connections break one after the other. */
    assert_true(is_up(&w->nodes[1].peers, id_of(0)));
}

/* Refused because of its version, before anything else that it sends counts. */
static void test_peers__of_another_version_are_refused(void **state)
{
    static const uint32_t versions[] = {0, WIRE_VERSION_MIN - 1, WIRE_VERSION + 1, UINT32_MAX};
    struct world *w = *state;
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    start_both(w);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        hello.version = versions[i];
        stranger_greet(w, &s, w->nodes[0].io, &hello);
        assert_false(s.has_challenge || s.is_welcome);
        assert_int_equal(s.refusal, WIRE_OTHER_VERSION);
        stranger_end(&s);
        assert_null(peers_find(&w->nodes[1].peers, id_of(0)));
    }
    hello.version = WIRE_VERSION;
    stranger_greet(w, &s, w->nodes[0].io, &hello);
    assert_true(s.is_welcome);
    stranger_end(&s);
}

/* A message in another node's name, or for another node, is not accepted. */
static void test_peers__messages_between_others_end_the_connection(void **state)
{
    static const raft_id ends[][2] = {{30, 20}, {10, 30}, {10, 0}, {20, 10}};
    struct world *w = *state;
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    start_node(w, 0, CLUSTER + 1); /* So it does not dial at the same time as the stranger. */
    start_node(w, 1, CLUSTER);
    for (size_t i = 0; i < 2 * sizeof ends / sizeof ends[0]; i++) {
        struct wire_message m = {
            .message = {.kind = i % 2 == 0 ? RAFT_HEARTBEAT : RAFT_APPEND_ENTRIES,
                        .from = ends[i / 2][0],
                        .to = ends[i / 2][1],
                        .term = 1}};

        stranger_greet(w, &s, w->nodes[0].io, &hello);
        assert_true(s.is_welcome);
        if (i % 2 == 0) {
            wire_put_message(&s.link.out, &m);
        } else {
            wire_put_entries(&s.link.out, &m, NULL, 0);
        }
        link_flush(&s.link);
        run_ms(w, 100);
        assert_false(s.link.is_open); /* And on_message() was not called. */
        stranger_end(&s);
    }
}

/* All nodes of a cluster have the same groups. */
static void test_peers__frames_of_an_unknown_group_end_the_connection(void **state)
{
    struct world *w = *state;
    struct wire_hello hello = stranger_hello();
    struct stranger s;
    struct wire_message m = {.message = {.kind = RAFT_HEARTBEAT, .from = 10, .to = 20, .term = 1}};
    struct wire_forward f = {.correlation = 1, .resp_version = 2, .until_ns = 1};

    start_node(w, 0, CLUSTER + 1); /* So it does not dial at the same time as the stranger. */
    start_node(w, 1, CLUSTER);
    for (int i = 0; i < 6; i++) {
        m.group = f.group = i < 3 ? WIRE_GROUPS : UINT8_MAX;
        stranger_greet(w, &s, w->nodes[0].io, &hello);
        assert_true(s.is_welcome);
        if (i % 3 == 0) {
            wire_put_message(&s.link.out, &m);
        } else if (i % 3 == 1) {
            wire_put_forward(&s.link.out, &f);
        } else {
            m.message.kind = RAFT_APPEND_ENTRIES;
            wire_put_entries(&s.link.out, &m, NULL, 0);
        }
        link_flush(&s.link);
        run_ms(w, 100);
        assert_false(s.link.is_open); /* And no message was accepted. */
        stranger_end(&s);
        m.message.kind = RAFT_HEARTBEAT;
    }
    assert_int_equal(w->nodes[1].forward_count, 0);
    assert_int_equal(w->nodes[1].abandoned_count, 0);
}

/* What a later version may send in addition, and what no version may send. */
static void test_peers__frames_of_unknown_kinds_are_skipped_if_they_may_be(void **state)
{
    static const struct {
        int type;
        bool is_skipped;
    } kinds[] = {{255, true}, {200, true}, {127, false}, {25, false}, {0, false}, {99, false}};
    struct world *w = *state;
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    start_node(w, 0, CLUSTER + 1); /* So it does not dial at the same time as the stranger. */
    start_node(w, 1, CLUSTER);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        stranger_greet(w, &s, w->nodes[0].io, &hello);
        assert_true(s.is_welcome);
        stranger_say(w, &s, (enum wire_type)kinds[i].type, slice_str("whatever"));
        stranger_say(w, &s, WIRE_ABOUT, slice_str("2.0"));
        assert_int_equal(s.link.is_open, kinds[i].is_skipped);
        link_close(&s.link);
        run_ms(w, 50);
        stranger_end(&s);
    }
    /* Not before the proof. */
    stranger_dial(w, &s, w->nodes[0].io, 1);
    stranger_say(w, &s, (enum wire_type)255, slice_str("whatever"));
    assert_false(s.link.is_open);
    stranger_end(&s);
}

/* So that no large value delays a heartbeat, and no side sends what only the other may. */
static void test_peers__frames_out_of_place_end_the_connection(void **state)
{
    static const struct {
        enum wire_channel channel;
        enum wire_type type;
    } frames[] = {{WIRE_CONTROL, WIRE_FORWARD}, {WIRE_CONTROL, WIRE_APPEND},
                  {WIRE_BULK, WIRE_HEARTBEAT},  {WIRE_BULK, WIRE_HOLDS},
                  {WIRE_CONTROL, WIRE_CLOCK},   {WIRE_BULK, WIRE_ANSWER},
                  {WIRE_CONTROL, WIRE_HELLO},   {WIRE_CONTROL, WIRE_ABANDON},
                  {WIRE_CONTROL, WIRE_FETCH},   {WIRE_BULK, WIRE_PART}};
    static const char body[64] = {10, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1};
    struct world *w = *state;
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    start_node(w, 0, CLUSTER + 1); /* So it does not dial at the same time as the stranger. */
    start_node(w, 1, CLUSTER);
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        const struct wire_kind *kind = wire_kind_of((uint8_t)frames[i].type);

        hello.channel = frames[i].channel;
        stranger_greet(w, &s, w->nodes[0].io, &hello);
        assert_true(s.is_welcome);
        stranger_say(w, &s, kind->type, slice_of(body, wire_body_min(kind) % sizeof body));
        assert_false(s.link.is_open); /* And on_message() was not called. */
        stranger_end(&s);
    }
    assert_int_equal(w->nodes[1].forward_count, 0);
}

static void test_peers__of_an_older_level_are_kept_out(void **state)
{
    struct world *w = *state;
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    start_node(w, 0, CLUSTER + 1); /* So it does not dial at the same time as the stranger. */
    start_node(w, 1, CLUSTER);
    peers_set_level(&w->nodes[1].peers, 3);
    for (hello.level = 1; hello.level <= 4; hello.level++) {
        stranger_greet(w, &s, w->nodes[0].io, &hello);
        assert_int_equal(s.is_welcome, hello.level >= 3);
        assert_int_equal(s.refusal, hello.level >= 3 ? 0 : WIRE_OLDER_LEVEL);
        link_close(&s.link);
        run_ms(w, 50);
        stranger_end(&s);
    }
}

static void test_peers__of_an_older_level_are_sent_nothing(void **state)
{
    struct world *w = *state;

    start_both(w); /* They know level 1. */
    dial(w, 0);
    run_ms(w, 500);
    assert_int_equal(peers_level(&w->nodes[0].peers, id_of(1)), 1);
    end_node(&w->nodes[1], SIM_KILLED);
    run_ms(w, 100);
    assert_int_equal(peers_level(&w->nodes[0].peers, id_of(1)), 0);
    peers_set_level(&w->nodes[0].peers, 2);
    start_node(w, 1, CLUSTER);
    run_ms(w, 3000);
    assert_false(is_up(&w->nodes[0].peers, id_of(1)));
    assert_int_equal(peers_level(&w->nodes[0].peers, id_of(1)), 0);
    peers_set_level(&w->nodes[0].peers, 1);
    run_ms(w, 3000);
    assert_int_equal(peers_level(&w->nodes[0].peers, id_of(1)), 1);
}

/* The version on the connections from `from` to the other node; 0: not all are up. */
static uint32_t version_spoken(struct world *w, uint32_t from)
{
    const struct peer *peer = peers_find(&w->nodes[from].peers, id_of(1 - from));

    if (peer == NULL || peer->dial[WIRE_CONTROL].phase != DIAL_UP ||
        peer->dial[WIRE_BULK].phase != DIAL_UP ||
        peer->dial[WIRE_CONTROL].version != peer->dial[WIRE_BULK].version) {
        return 0;
    }
    return peer->dial[WIRE_BULK].version;
}

static const char *program_of_the_other(struct world *w, uint32_t i)
{
    return peers_find(&w->nodes[i].peers, id_of(1 - i))->program;
}

/* The second node has a later program, which speaks one more version; the first one is upgraded
 * to it, and then downgraded. */
static void test_peers__of_neighbouring_versions_speak_the_older_one(void **state)
{
    struct world *w = *state;

    w->nodes[1].version = WIRE_VERSION + 1;
    start_node(w, 0, CLUSTER);
    start_node(w, 1, CLUSTER);
    dial(w, 0);
    run_ms(w, 50); /* Less than the time to the next attempt: it steps down at once. */
    assert_int_equal(version_spoken(w, 0), WIRE_VERSION);
    assert_int_equal(version_spoken(w, 1), WIRE_VERSION);
    assert_int_equal(w->nodes[1].refusal, 0); /* There is nothing to report. */

    end_node(&w->nodes[0], SIM_KILLED);
    w->nodes[0].version = WIRE_VERSION + 1;
    start_node(w, 0, CLUSTER);
    dial(w, 0);
    run_ms(w, 500);
    assert_int_equal(version_spoken(w, 0), WIRE_VERSION + 1);
    assert_int_equal(version_spoken(w, 1), WIRE_VERSION + 1);
    assert_string_equal(program_of_the_other(w, 0), RAKIT_VERSION);
    assert_string_equal(program_of_the_other(w, 1), RAKIT_VERSION);

    end_node(&w->nodes[0], SIM_KILLED);
    w->nodes[0].version = WIRE_VERSION;
    start_node(w, 0, CLUSTER);
    dial(w, 0);
    run_ms(w, 500);
    assert_int_equal(version_spoken(w, 0), WIRE_VERSION);
    assert_int_equal(version_spoken(w, 1), WIRE_VERSION);
}

static void forward_one(struct world *w)
{
    struct wire_forward f = {
        .correlation = 1, .term = 1, .resp_version = 2, .until_ns = 1, .command = slice_str("x")};

    start_both(w);
    dial(w, 0);
    run_ms(w, 500);
    wire_put_forward(peers_forward(&w->nodes[0].peers, id_of(1)), &f);
    peers_flush(&w->nodes[0].peers);
    run_ms(w, 100);
    assert_int_not_equal(w->nodes[1].connection, 0);
}

static void answer(struct node *n)
{
    struct buffer *out = peers_answer(&n->peers, n->connection);

    assert_non_null(out);
    wire_end_answer(out, wire_begin_answer(out, 0, 1), WIRE_REPLIED, 1);
    peers_flush_answers(&n->peers);
}

/* Otherwise they would wait behind all the entries that a leader sends. */
static void test_peers__answers_take_the_connection_of_their_commands(void **state)
{
    struct world *w = *state;
    struct node *asker = &w->nodes[0];
    struct node *answerer = &w->nodes[1];

    forward_one(w);
    link_close(&peers_find(&answerer->peers, id_of(0))->dial[WIRE_BULK].link);
    answer(answerer);
    run_ms(w, 50);
    assert_int_equal(asker->answer_count, 1);
    assert_int_equal(asker->forwards_lost_count, 0);
}

/* Otherwise an answer could be lost, and a later one arrive. */
static void test_peers__answers_end_with_the_connection_of_their_commands(void **state)
{
    struct world *w = *state;
    struct node *asker = &w->nodes[0];
    struct node *answerer = &w->nodes[1];

    forward_one(w);
    link_close(&peers_find(&asker->peers, id_of(1))->dial[WIRE_BULK].link);
    run_ms(w, 1000); /* By now all is connected again. */
    assert_true(is_up(&asker->peers, id_of(1)));
    assert_null(peers_answer(&answerer->peers, answerer->connection));
    assert_int_equal(asker->forwards_lost_count, 1);
    assert_int_equal(asker->answer_count, 0);
}

/* Otherwise the removal of a node would leave its users in doubt. */
static void test_peers__that_were_removed_get_the_answers_under_way(void **state)
{
    struct world *w = *state;
    struct node *asker = &w->nodes[0];
    struct node *answerer = &w->nodes[1];
    struct membership *after = second_alone();

    forward_one(w);
    peers_set_committed(&answerer->peers, after);
    peers_flush_answers(&answerer->peers);
    run_ms(w, 500);
    assert_int_equal(asker->refusal, WIRE_REMOVED); /* On the other connection. */
    assert_int_equal(asker->forwards_lost_count, 0);
    answer(answerer);
    run_ms(w, 100);
    assert_int_equal(asker->answer_count, 1);
    run_ms(w, PEERS_PATIENCE_MS);
    assert_null(peers_answer(&answerer->peers, answerer->connection));
    membership_free(after);
}

/* Otherwise a node that forwards or replicates much would be considered dead. */
static void test_peers__fetch_parts_of_a_snapshot(void **state)
{
    static const struct wire_fetch fetch = {.index = 7, .term = 1, .bytes = 4, .size = 4};
    struct world *w = *state;

    forward_one(w);
    wire_put_fetch(peers_fetch(&w->nodes[0].peers, id_of(1)), &fetch);
    peers_flush(&w->nodes[0].peers);
    run_ms(w, 50);
    assert_int_equal(w->nodes[1].fetch_count, 1);
    peers_flush_answers(&w->nodes[1].peers);
    run_ms(w, 50);
    assert_int_equal(w->nodes[0].part_count, 1);
    assert_null(peers_fetch(&w->nodes[0].peers, 999));
}

static void test_peers__heartbeats_do_not_wait_behind_large_values(void **state)
{
    static const struct sim_network slow = {.delay_min_ns = 20 * SIM_MS,
                                            .delay_max_ns = 20 * SIM_MS,
                                            .window_bytes = 64 * 1024,
                                            .break_min_ns = SIM_S,
                                            .break_max_ns = SIM_S};
    struct world *w = *state;
    struct raft_message heartbeat = {
        .kind = RAFT_HEARTBEAT, .from = id_of(0), .to = id_of(1), .term = 1};
    const size_t size = (size_t)4 * 1024 * 1024;
    char *value = memory_take_zeroed(1, size);
    struct wire_forward f = {.correlation = 2,
                             .term = 1,
                             .resp_version = 2,
                             .until_ns = 1,
                             .command = slice_of(value, size)};

    forward_one(w);
    sim_set_network(w->sim, &slow);
    pieces_put_forward(peers_forward(&w->nodes[0].peers, id_of(1)), &f, WIRE_PIECE_BYTES_MAX);
    peers_flush(&w->nodes[0].peers);
    run_ms(w, 10);
    w->nodes[1].awaits_message = true;
    peers_send(&w->nodes[0].peers, &heartbeat);
    peers_flush(&w->nodes[0].peers);
    run_ms(w, 50);
    assert_false(w->nodes[1].awaits_message);
    assert_int_equal(w->nodes[1].forward_count, 1);
    run_ms(w, 10000);
    assert_int_equal(w->nodes[1].forward_count, 2);
    assert_int_equal(w->nodes[1].peers.pieced_count, 1);
    free(value);
}

enum { LARGE = 128 * 1024 };

static void put_answer(struct node *n, size_t size)
{
    struct buffer *out = peers_answer(&n->peers, n->connection);
    size_t mark = wire_begin_answer(out, 0, 1);

    memset(buffer_reserve(out, size), 0, size);
    buffer_commit(out, size);
    wire_end_answer(out, mark, WIRE_REPLIED, 1);
}

static void test_peers__that_do_not_read_their_answers_are_cut_off(void **state)
{
    struct world *w = *state;
    struct node *answerer = &w->nodes[1];

    forward_one(w);
    put_answer(answerer, LARGE);
    answerer->peers.answers_bytes_max = 2 * LARGE;
    peers_flush_answers(&answerer->peers);
    assert_non_null(peers_answer(&answerer->peers, answerer->connection));
    put_answer(answerer, LARGE);
    peers_flush_answers(&answerer->peers);
    assert_null(peers_answer(&answerer->peers, answerer->connection));
    run_ms(w, 50);
    assert_int_equal(w->nodes[0].forwards_lost_count, 1);
}

/* Also with entries: a leader whose disk is full sends them. */
static void test_peers__report_their_disk_and_memory_with_entries(void **state)
{
    struct world *w = *state;
    struct wire_message m = {
        .message = {.kind = RAFT_APPEND_ENTRIES, .from = id_of(0), .to = id_of(1), .term = 1},
        .applied_index = 7,
        .disk = WIRE_DISK_FULL,
        .data_bytes_max = 9};
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    start_node(w, 1, CLUSTER);
    hello.channel = WIRE_BULK;
    stranger_greet(w, &s, start_stranger(w, names[0]), &hello);
    assert_true(s.is_welcome);
    w->nodes[1].awaits_message = true;
    wire_put_entries(&s.link.out, &m, NULL, 0);
    link_flush(&s.link);
    run_ms(w, 50);
    assert_false(w->nodes[1].awaits_message);
    assert_int_equal(peers_find(&w->nodes[1].peers, id_of(0))->disk, WIRE_DISK_FULL);
    assert_int_equal(peers_find(&w->nodes[1].peers, id_of(0))->applied_index, 7);
    assert_int_equal(peers_find(&w->nodes[1].peers, id_of(0))->data_bytes_max, 9);
    end_stranger(w);
    stranger_end(&s);
}

/* The second node has recovered its cluster without the first one. Each hears what to do. */
static void test_peers__of_another_epoch_are_refused(void **state)
{
    struct world *w = *state;
    uint32_t warnings = 0;
    struct log log = {.level = LOG_WARN, .sink = count_warnings, .context = &warnings};

    w->nodes[1].epoch = epoch_after(0, 1);
    w->nodes[1].log = &log;
    start_both(w);
    dial(w, 0);
    run_ms(w, 500);
    assert_int_equal(w->nodes[0].refusal, WIRE_EARLIER_EPOCH);
    assert_false(is_up(&w->nodes[0].peers, id_of(1)));
    assert_null(peers_find(&w->nodes[1].peers, id_of(0)));
    assert_int_equal(warnings, 1);
    dial(w, 1);
    run_ms(w, 500);
    assert_int_equal(w->nodes[1].refusal, WIRE_LATER_EPOCH);
    assert_false(is_up(&w->nodes[1].peers, id_of(0)));
}

/* Both were recovered, from the same cluster. */
static void test_peers__of_two_recoveries_are_refused(void **state)
{
    struct world *w = *state;

    w->nodes[0].epoch = epoch_after(0, 2);
    w->nodes[1].epoch = epoch_after(0, 1);
    start_both(w);
    dial(w, 0);
    run_ms(w, 500);
    assert_int_equal(w->nodes[0].refusal, WIRE_EARLIER_EPOCH);
    assert_false(is_up(&w->nodes[0].peers, id_of(1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEERS_TEST(test_peers__of_one_cluster_connect_both_ways),
        PEERS_TEST(test_peers__of_another_cluster_are_refused),
        PEERS_TEST(test_peers__that_were_removed_are_refused),
        PEERS_TEST(test_peers__of_another_epoch_are_refused),
        PEERS_TEST(test_peers__of_two_recoveries_are_refused),
        PEERS_TEST(test_peers__that_find_themselves_do_not_warn),
        PEERS_TEST(test_peers__with_the_id_of_a_node_that_runs_are_refused),
        PEERS_TEST(test_peers__that_lost_power_are_let_in_again_at_once),
        PEERS_TEST(test_peers__of_another_version_are_refused),
        PEERS_TEST(test_peers__messages_between_others_end_the_connection),
        PEERS_TEST(test_peers__frames_of_an_unknown_group_end_the_connection),
        PEERS_TEST(test_peers__of_an_older_level_are_kept_out),
        PEERS_TEST(test_peers__of_an_older_level_are_sent_nothing),
        PEERS_TEST(test_peers__frames_of_unknown_kinds_are_skipped_if_they_may_be),
        PEERS_TEST(test_peers__frames_out_of_place_end_the_connection),
        PEERS_TEST(test_peers__of_neighbouring_versions_speak_the_older_one),
        PEERS_TEST(test_peers__answers_take_the_connection_of_their_commands),
        PEERS_TEST(test_peers__answers_end_with_the_connection_of_their_commands),
        PEERS_TEST(test_peers__that_were_removed_get_the_answers_under_way),
        PEERS_TEST(test_peers__fetch_parts_of_a_snapshot),
        PEERS_TEST(test_peers__heartbeats_do_not_wait_behind_large_values),
        PEERS_TEST(test_peers__that_do_not_read_their_answers_are_cut_off),
        PEERS_TEST(test_peers__report_their_disk_and_memory_with_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
