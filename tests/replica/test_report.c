/* What RAFT STATUS shows of nodes in states that pass too quickly to be observed from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/io_uv.h"
#include "kv/codec.h"
#include "replica/report.h"
#include "store/store_state.h"

enum { LAST_INDEX = 5 };

struct fixture {
    struct replica replica;
    struct store store; /* Never opened: only asked whether the disk is full. */
    struct peers peers;
    struct peer peer;
};

static struct membership *two_voters(void)
{
    struct membership *m = memory_take_zeroed(1, sizeof *m);

    m->index = 1;
    m->configuration.member_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        m->configuration.members[i] =
            (struct raft_member){.id = i + 1, .incoming = true, .outgoing = true};
        m->addresses[i] = (struct member_address){
            .id = i + 1, .client = {.host = "127.0.0.1", .port = (uint16_t)(8001 + i)}};
    }
    return m;
}

/* Node 1 of two, as it starts: five entries, all committed. */
static int up(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);
    struct replica *r = &f->replica;
    struct raft_options options = {
        .id = 1,
        .election_timeout_ns = 300000000,
        .heartbeat_interval_ns = 50000000,
        .seed = 1,
        .runs_max = 16,
    };
    struct membership *m = two_voters();

    r->store = &f->store;
    r->io = io_uv_new();
    r->options.election_timeout_ns = options.election_timeout_ns;
    r->raft_memory = memory_take_zeroed(1, raft_size(&options));
    r->raft = raft_init(r->raft_memory, &options, io_now_ns(r->io));
    raft_restore_vote(r->raft, 1, 0);
    for (raft_index i = 1; i <= LAST_INDEX; i++) {
        struct raft_entry entry = {.term = 1, .kind = RAFT_COMMAND};

        if (i == m->index) {
            entry.kind = RAFT_CONFIGURATION;
            entry.configuration = &m->configuration;
        }
        assert_int_equal(raft_restore_entry(r->raft, &entry), RAFT_OK);
    }
    raft_restore_commit(r->raft, LAST_INDEX);
    members_append_take(&r->members, m);
    r->peers = &f->peers;
    list_init(&f->peers.all);
    list_init(&f->peers.inbounds);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    members_deinit(&f->replica.members);
    free(f->replica.raft_memory);
    io_uv_free(f->replica.io);
    free(f);
    return 0;
}

/* The row of the node that is member number `place`. */
static void assert_row_has(struct fixture *f, uint32_t place, const char *part)
{
    struct buffer out = {0};
    struct resp_writer w = {.out = &out, .version = 2};
    const char *row;

    report_status(&f->replica, &w);
    buffer_append(&out, "", 1);
    row = strstr(buffer_begin(&out), "nodes");
    assert_non_null(row);
    for (uint32_t i = 0; i <= place; i++) {
        row = strstr(row + 1, "address");
        assert_non_null(row);
    }
    const char *found = strstr(row, part);
    const char *next = strstr(row + 1, "address");

    if (found == NULL || (next != NULL && found > next)) {
        fail_msg("no '%s' in: %s", part, row);
    }
    buffer_deinit(&out);
}

#define COMMITTED(number) "commit_index\r\n:" number "\r\n"

/* A majority of others can commit entries that this node's disk does not have yet. */
static void test_status__of_this_node_has_its_commit_index_whatever_its_disk_has(void **state)
{
    struct fixture *f = *state;

    struct raft_entry entries[] = {{.term = 1, .kind = RAFT_COMMAND},
                                   {.term = 1, .kind = RAFT_COMMAND}};
    struct raft_message message = {.kind = RAFT_APPEND_ENTRIES,
                                   .from = 2,
                                   .to = 1,
                                   .term = 1,
                                   .append_entries = {.prev_log_index = LAST_INDEX,
                                                      .prev_log_term = 1,
                                                      .entry_count = 2,
                                                      .entries = entries,
                                                      .leader_commit = LAST_INDEX + 2}};
    struct raft_event event = {
        .kind = RAFT_RECEIVE, .now_ns = io_now_ns(f->replica.io), .message = &message};
    struct raft_effects effects;

    assert_int_equal(raft_step(f->replica.raft, &event, &effects), RAFT_OK);
    f->replica.applied_index = LAST_INDEX + 2;
    assert_row_has(f, 0, COMMITTED("7") "$13\r\napplied_index\r\n:7\r\n");
    assert_row_has(f, 0, "match_index\r\n:5\r\n");
}

static void test_status__of_this_node_shows_a_full_disk(void **state)
{
    struct fixture *f = *state;

    assert_row_has(f, 0, "health\r\n$2\r\nok\r\n");
    f->store.is_full = true;
    assert_row_has(f, 0, "health\r\n$9\r\ndisk-full\r\n");
}

/* A message was dropped because it contradicts the log: one of the two nodes is faulty. */
static void test_status__of_a_contradicted_node_shows_that_for_a_minute(void **state)
{
    const uint64_t minute_ns = 60 * 1000 * 1000 * 1000ull;
    struct fixture *f = *state;

    f->replica.contradictions.last_ns = io_now_ns(f->replica.io);
    assert_row_has(f, 0, "health\r\n$12\r\ncontradicted\r\n");
    f->replica.contradictions.last_ns -= minute_ns - minute_ns / 10;
    assert_row_has(f, 0, "health\r\n$12\r\ncontradicted\r\n");
    f->replica.contradictions.last_ns -= minute_ns / 10;
    assert_row_has(f, 0, "health\r\n$2\r\nok\r\n");
}

/* Heard just now, over a working connection. */
static void connect_peer(struct fixture *f)
{
    f->peer =
        (struct peer){.id = 2, .term = 1, .applied_index = 4, .heard_ns = io_now_ns(f->replica.io)};
    f->peer.dial[WIRE_CONTROL].phase = DIAL_UP;
    list_append(&f->peers.all, &f->peer.link);
}

/* It reports that itself, with each message. */
static void test_status__of_another_node_shows_its_full_disk(void **state)
{
    struct fixture *f = *state;

    connect_peer(f);
    f->peer.disk = WIRE_DISK_FULL;
    assert_row_has(f, 1, "health\r\n$9\r\ndisk-full\r\n");
    f->peer.disk = WIRE_DISK_SPENT;
    assert_row_has(f, 1, "health\r\n$9\r\ndisk-full\r\n");
    f->peer.disk = WIRE_DISK_ROOM;
    assert_row_has(f, 1, "health\r\n$2\r\nok\r\n");

    /* Long ago, because followers do not talk to each other. */
    f->peer.disk = WIRE_DISK_FULL;
    f->peer.heard_ns -= 10 * f->replica.options.election_timeout_ns;
    f->replica.seen_since_ns = io_now_ns(f->replica.io);
    assert_row_has(f, 1, "health\r\n$2\r\nok\r\n");
}

/* Even if it was heard a moment ago. */
static void test_status__of_a_node_that_is_not_connected_is_unreachable(void **state)
{
    struct fixture *f = *state;

    connect_peer(f);
    assert_row_has(f, 1, "health\r\n$2\r\nok\r\n");
    f->peer.dial[WIRE_CONTROL].phase = DIAL_IDLE;
    assert_row_has(f, 1, "unreachable");
}

/* It had no reason to send anything before, so its silence counts from then. */
static void test_status__of_a_silent_node_counts_from_the_last_change_of_roles(void **state)
{
    struct fixture *f = *state;
    uint64_t timeout_ns = f->replica.options.election_timeout_ns;
    uint64_t now_ns = io_now_ns(f->replica.io);

    connect_peer(f);
    f->peer.heard_ns = now_ns - 10 * timeout_ns;
    f->replica.seen_since_ns = now_ns;
    assert_row_has(f, 1, "health\r\n$2\r\nok\r\n");
    f->replica.seen_since_ns = now_ns - 3 * timeout_ns;
    assert_row_has(f, 1, "unreachable");
}

static void step(struct fixture *f, struct raft_event event)
{
    struct raft_effects effects;

    assert_int_equal(raft_step(f->replica.raft, &event, &effects), RAFT_OK);
    if (effects.write_seq != 0) {
        step(f, (struct raft_event){.kind = RAFT_DURABLE,
                                    .now_ns = event.now_ns,
                                    .durable_seq = effects.write_seq});
    }
}

static void hear(struct fixture *f, uint64_t now_ns, struct raft_message message)
{
    message.from = 2;
    message.to = 1;
    message.term = 2;
    step(f, (struct raft_event){.kind = RAFT_RECEIVE, .now_ns = now_ns, .message = &message});
}

/* It answers heartbeats but takes no entries. */
static void test_status__of_a_node_that_refuses_the_log_is_not_ok(void **state)
{
    struct fixture *f = *state;
    uint64_t timeout_ns = f->replica.options.election_timeout_ns;
    uint64_t now_ns = io_now_ns(f->replica.io);
    uint64_t long_ago_ns = now_ns + 10 * timeout_ns; /* The core's clock differs from ours. */

    connect_peer(f);
    step(f, (struct raft_event){.kind = RAFT_TICK, .now_ns = long_ago_ns});
    hear(f, long_ago_ns,
         (struct raft_message){.kind = RAFT_PRE_VOTE_REPLY, .request_vote_reply = {true}});
    hear(f, long_ago_ns,
         (struct raft_message){.kind = RAFT_REQUEST_VOTE_REPLY, .request_vote_reply = {true}});
    assert_int_equal(raft_role(f->replica.raft), RAFT_LEADER);
    assert_row_has(f, 1, "health\r\n$2\r\nok\r\n");
    for (uint64_t i = 1; i <= 5; i++) {
        hear(f, long_ago_ns + i * timeout_ns / 2,
             (struct raft_message){.kind = RAFT_HEARTBEAT_REPLY});
    }
    assert_row_has(f, 1, "health\r\n$7\r\nlagging\r\n");
    hear(f, long_ago_ns + 3 * timeout_ns,
         (struct raft_message){
             .kind = RAFT_APPEND_ENTRIES_REPLY,
             .append_entries_reply = {.success = true, .match_index = LAST_INDEX}});
    assert_row_has(f, 1, "health\r\n$2\r\nok\r\n");
}

static void test_status__of_another_node_counts_what_it_has_applied_as_committed(void **state)
{
    struct fixture *f = *state;

    connect_peer(f);
    assert_row_has(f, 1, COMMITTED("4") "$13\r\napplied_index\r\n:4\r\n");
}

static void test_status__of_a_node_that_was_never_heard_has_no_numbers(void **state)
{
    struct fixture *f = *state;

    assert_row_has(f, 1, COMMITTED("0") "$13\r\napplied_index\r\n:0\r\n");
    assert_row_has(f, 1, "unreachable");
}

/* The line of RAFT LOG for a SET of that client. */
static void assert_shown(const char *client, const char *expected)
{
    const struct slice arguments[] = {slice_str("SET"), slice_str("k"), slice_str("v")};
    const struct command_head head = {
        .once = {.client = slice_str(client), .number = 9, .keep_s = 60, .resp_version = 2},
        .database = 4,
        .argument_count = 3};
    struct entry *e = entry_new(RAFT_COMMAND, (uint32_t)command_payload_size(&head, arguments));
    struct buffer out = {0};
    struct resp_writer w = {.out = &out, .version = 2};

    e->index = 7;
    e->term = 2;
    command_payload_write(e->data, &head, arguments);
    report_entry(e, &w);
    assert_true(slice_equal(buffer_slice(&out), slice_str(expected)));
    buffer_deinit(&out);
    entry_release(e);
}

static void test_log__shows_which_commands_are_executed_once(void **state)
{
    (void)state;
    assert_shown("", "*4\r\n:7\r\n:2\r\n$7\r\ncommand\r\n$11\r\n[4] SET k v\r\n");
    assert_shown("me", "*4\r\n:7\r\n:2\r\n$7\r\ncommand\r\n$21\r\n[4] ONCE me 9 SET k v\r\n");
}

static void test_status__of_this_node_shows_its_scrubs(void **state)
{
    struct fixture *f = *state;

    f->replica.scrubber.damage_count = 2;
    f->replica.scrubber.last_wall_ns = 5000;
    f->replica.scrubber.bytes = 70;
    assert_row_has(f, 0, "scrub_bytes\r\n:0\r\n$13\r\nscrub_time_us\r\n:5\r\n");
    assert_row_has(f, 0, "scrub_damage\r\n:2\r\n");
    f->replica.scrubber.is_running = true;
    assert_row_has(f, 0, "scrub_bytes\r\n:70\r\n");
}

/* What it reported itself, as long as that is news. */
static void test_status__of_another_node_shows_what_it_reported_lately(void **state)
{
    struct fixture *f = *state;
    uint64_t now_ns = io_now_ns(f->replica.io);

    connect_peer(f);
    assert_row_has(f, 1, "sync_p99_us\r\n:-1\r\n");
    assert_row_has(f, 1, "sync_margin_ms\r\n:-1\r\n");
    f->peer.figures = (struct figures){.sync_p99_us = 100123,
                                       .election_timeout_ms = 300,
                                       .snapshot_work = FIGURES_FETCHING,
                                       .trouble_ms = 5,
                                       .trouble = "the disk is slow"};
    f->peer.figures_ns = now_ns;
    assert_row_has(f, 1, "sync_p99_us\r\n:100123\r\n");
    assert_row_has(f, 1, "sync_margin_ms\r\n:200\r\n");
    assert_row_has(f, 1, "snapshot_work\r\n$8\r\nfetching\r\n");
    assert_row_has(f, 1, "trouble_ms\r\n:5\r\n$7\r\ntrouble\r\n$16\r\nthe disk is slow\r\n");
    f->peer.figures_ns = now_ns - 6000 * 1000 * 1000ull;
    assert_row_has(f, 1, "sync_p99_us\r\n:-1\r\n");
    assert_row_has(f, 1, "trouble\r\n$0\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(test_status__of_this_node_has_its_commit_index_whatever_its_disk_has),
        TEST(test_status__of_this_node_shows_a_full_disk),
        TEST(test_status__of_a_contradicted_node_shows_that_for_a_minute),
        TEST(test_status__of_another_node_shows_its_full_disk),
        TEST(test_status__of_a_node_that_is_not_connected_is_unreachable),
        TEST(test_status__of_a_silent_node_counts_from_the_last_change_of_roles),
        TEST(test_status__of_a_node_that_refuses_the_log_is_not_ok),
        TEST(test_status__of_another_node_counts_what_it_has_applied_as_committed),
        TEST(test_status__of_a_node_that_was_never_heard_has_no_numbers),
        TEST(test_status__of_this_node_shows_its_scrubs),
        TEST(test_status__of_another_node_shows_what_it_reported_lately),
        cmocka_unit_test(test_log__shows_which_commands_are_executed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
