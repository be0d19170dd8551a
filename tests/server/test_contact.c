/* A node and its contact in a simulated world: the test plays the node, and decides what the
 * contact answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/memory.h"
#include "server/contact.h"
#include "sim/world/sim.h"
#include "store/epoch.h"

#define CONTACT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

enum { PORT = 8000, CONTACT_PEER_PORT = 18010, CONTACT_ID = 0xb, CLUSTER = 77, OTHER_CLUSTER = 78 };

static const char added[] = "*2\r\n$32\r\n000000000000004d0001000000000000\r\n$6\r\nb:8000\r\n";
static const char the_key[] =
    "$64\r\n"
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\r\n";
static const char removed[] = "-REMOVED this node was removed\r\n";
static const char refused[] = "-ERR no\r\n";

struct world {
    struct sim *sim;
    struct io *io;         /* The node's. */
    struct io *contact_io; /* NULL: no process runs there. */
    struct io_listener listener;
    struct io_stream stream;
    char request[512];
    char whereabouts[256]; /* The contact's answer to RAFT HERE; empty: it is silent. */
    const char *reply;     /* The contact's answer to RAFT ADD; empty: it is silent. */
    uint32_t info_count;
    uint32_t add_count;
    uint32_t key_count;
    struct contact_node node;
    struct contact *contact;
    bool wants_key;
    bool has_key;
    uint64_t added_to; /* What events have reported to the node. */
    uint16_t met_peer_port;
    uint32_t met_count;
    uint32_t removed_count;
    uint32_t failed_count;
    bool failed_for_certain;
};

/* --- who plays the contact ------------------------------------------------------------- */

static char *request_room(struct io_stream *stream, size_t *ret_size)
{
    struct world *w = container_of(stream, struct world, stream);

    *ret_size = sizeof w->request - 1;
    return w->request;
}

static void request_received(struct io_stream *stream, int64_t size)
{
    struct world *w = container_of(stream, struct world, stream);
    const char *reply;
    bool is_info;
    bool is_key;

    if (size <= 0) {
        io_stream_close(w->contact_io, stream);
        return;
    }
    w->request[size] = 0;
    is_info = strstr(w->request, "HERE") != NULL;
    is_key = strstr(w->request, "KEY") != NULL;
    w->info_count += is_info;
    w->key_count += is_key;
    w->add_count += !is_info && !is_key;
    reply = is_info ? w->whereabouts : is_key ? the_key : w->reply;
    if (reply[0] != '\0') {
        (void)io_stream_write(w->contact_io, stream, reply, strlen(reply));
    }
}

static void reply_sent(struct io_stream *stream, int status)
{
}

static void request_closed(struct io_stream *stream)
{
}

static void request_accepted(struct io_listener *listener)
{
    struct world *w = container_of(listener, struct world, listener);

    w->stream = (struct io_stream){.room = request_room,
                                   .received = request_received,
                                   .sent = reply_sent,
                                   .closed = request_closed};
    assert_int_equal(io_accept(w->contact_io, listener, &w->stream), 0);
}

static void listener_closed(struct io_listener *listener)
{
}

static void say_epoch(struct world *w, uint64_t cluster_id, uint64_t epoch)
{
    char info[160];
    int size = snprintf(info, sizeof info,
                        "cluster_id:%016llx\r\ncluster_epoch:%016llx\r\n"
                        "node_id:%016llx\r\npeer_port:%d\r\n",
                        (unsigned long long)cluster_id, (unsigned long long)epoch,
                        (unsigned long long)CONTACT_ID, CONTACT_PEER_PORT);

    snprintf(w->whereabouts, sizeof w->whereabouts, "$%d\r\n%s\r\n", size, info);
}

static void say_whereabouts(struct world *w, uint64_t cluster_id)
{
    say_epoch(w, cluster_id, 0);
}

static void run_contact(struct world *w)
{
    struct io_address address = {.host = "b", .port = PORT};
    uint16_t port;

    w->contact_io = sim_boot(sim_machine_new(w->sim, "b"));
    w->listener = (struct io_listener){.accepted = request_accepted, .closed = listener_closed};
    assert_int_equal(io_listen(w->contact_io, &w->listener, &address, &port), 0);
}

/* --- the node ---------------------------------------------------------------------------- */

static struct contact_node on_look(void *context)
{
    return ((struct world *)context)->node;
}

static void on_key(void *context, const struct store_key *key)
{
    struct world *w = context;

    assert_int_equal(w->add_count, 0); /* It must have the key before it is added. */
    assert_int_equal(key->bytes[1], 0x11);
    assert_int_equal(key->bytes[STORE_KEY_BYTES - 1], 0xff);
    w->has_key = true;
}

static bool on_added(void *context, const struct join_cluster *cluster, const char *members)
{
    struct world *w = context;

    w->added_to = cluster->id;
    w->node.cluster_id = cluster->id;
    w->node.epoch = cluster->epoch;
    assert_string_equal(members, "b:8000");
    assert_int_equal(w->has_key, w->wants_key);
    return true;
}

static void on_met(void *context, const struct member_address *contact)
{
    struct world *w = context;

    w->met_count++;
    w->met_peer_port = contact->peer_port;
    assert_int_equal(contact->id, CONTACT_ID);
}

static void on_removed(void *context)
{
    struct world *w = context;

    w->removed_count++;
    w->node.is_over = true;
}

static void on_failed(void *context, bool is_certain, const char *text)
{
    struct world *w = context;

    w->failed_count++;
    w->failed_for_certain = is_certain;
    w->node.is_over = true;
    assert_true(strlen(text) > 0);
}

static void start_contact(struct world *w)
{
    struct contact_options options = {
        .io = w->io,
        .address = {.host = "b", .port = PORT},
        .self = {.id = 0xa, .client = {.host = "a", .port = PORT}, .peer_port = 18000},
        .wants_key = w->wants_key,
        .events = {.context = w,
                   .look = on_look,
                   .has_key = on_key,
                   .added = on_added,
                   .met = on_met,
                   .removed = on_removed,
                   .failed = on_failed}};

    w->contact = contact_start(&options);
}

static void run_s(struct world *w, uint64_t seconds)
{
    sim_run_until(w->sim, sim_now_ns(w->sim) + seconds * SIM_S);
}

static int setup(void **state)
{
    struct world *w = memory_take_zeroed(1, sizeof *w);
    struct sim_network network = {.delay_min_ns = SIM_US,
                                  .delay_max_ns = SIM_MS,
                                  .window_bytes = 64 * 1024,
                                  .break_min_ns = 60 * SIM_S,
                                  .break_max_ns = 60 * SIM_S};

    w->sim = sim_new(1);
    sim_set_network(w->sim, &network);
    w->io = sim_boot(sim_machine_new(w->sim, "a"));
    w->reply = added;
    say_whereabouts(w, CLUSTER);
    *state = w;
    return 0;
}

static void bury(struct io *io)
{
    sim_die(io, SIM_KILLED);
    sim_bury(io);
}

static int teardown(void **state)
{
    struct world *w = *state;

    contact_free(w->contact);
    bury(w->io);
    if (w->contact_io != NULL) {
        bury(w->contact_io);
    }
    sim_free(w->sim);
    free(w);
    return 0;
}

/* A node with a log, whose contact has answered the first question. */
static void begin_standing_by(struct world *w)
{
    w->node = (struct contact_node){.cluster_id = CLUSTER, .has_log = true, .knows_leader = true};
    run_contact(w);
    start_contact(w);
    run_s(w, 1);
    assert_int_equal(w->info_count, 1);
}

/* --- tests ------------------------------------------------------------------------------- */

static void test_contact__of_a_new_node_adds_it(void **state)
{
    struct world *w = *state;

    run_contact(w);
    start_contact(w);
    run_s(w, 1);
    assert_int_equal(w->added_to, CLUSTER);
    assert_int_equal(epoch_number(w->node.epoch), 1);
    assert_int_equal(w->failed_count, 0);
}

/* Once, however often it is asked to add the node. */
static void test_contact__is_asked_for_the_key_first(void **state)
{
    struct world *w = *state;

    w->wants_key = true;
    w->reply = "-TRYAGAIN later\r\n";
    run_contact(w);
    start_contact(w);
    run_s(w, 1);
    assert_in_range(w->add_count, 2, 5);
    w->reply = added;
    run_s(w, 1);
    assert_int_equal(w->added_to, CLUSTER);
    assert_int_equal(w->key_count, 1);
}

static void test_contact__that_refuses_a_new_node_ends_it(void **state)
{
    struct world *w = *state;

    w->reply = refused;
    run_contact(w);
    start_contact(w);
    run_s(w, 10);
    assert_int_equal(w->failed_count, 1);
    assert_true(w->failed_for_certain);
    assert_int_equal(w->add_count, 1);
}

/* Adding it again changes nothing, and shows if it was removed meanwhile. */
static void test_contact__is_asked_to_add_a_node_again_until_it_has_a_log(void **state)
{
    struct world *w = *state;

    run_contact(w);
    start_contact(w);
    run_s(w, 9);
    assert_in_range(w->add_count, 4, 5);
    w->node.has_log = true;
    w->node.knows_leader = true;
    w->add_count = 0;
    run_s(w, 60);
    assert_int_equal(w->add_count, 0);
    assert_int_equal(w->removed_count, 0);
}

static void test_contact__tells_a_node_without_a_log_that_it_was_removed(void **state)
{
    struct world *w = *state;

    w->node.cluster_id = CLUSTER;
    w->reply = removed;
    run_contact(w);
    start_contact(w);
    run_s(w, 10);
    assert_int_equal(w->removed_count, 1);
    assert_int_equal(w->add_count, 1); /* And it is not asked any more. */
    assert_int_equal(w->failed_count, 0);
}

static void test_contact__of_another_cluster_ends_a_node_at_its_start(void **state)
{
    struct world *w = *state;

    say_whereabouts(w, OTHER_CLUSTER);
    w->node = (struct contact_node){.cluster_id = CLUSTER, .has_log = true};
    run_contact(w);
    start_contact(w);
    run_s(w, 10);
    assert_int_equal(w->failed_count, 1);
    assert_false(w->failed_for_certain);
    assert_int_equal(w->met_count, 0);
}

static void test_contact__of_another_cluster_later_on_is_ignored(void **state)
{
    struct world *w = *state;

    begin_standing_by(w);
    assert_int_equal(w->met_peer_port, CONTACT_PEER_PORT);
    say_whereabouts(w, OTHER_CLUSTER);
    w->node.knows_leader = false;
    run_s(w, 10);
    assert_true(w->info_count > 1);
    assert_int_equal(w->met_count, 1);
    assert_int_equal(w->failed_count, 0);
}

static void test_contact__is_left_alone_while_nobody_is_missing(void **state)
{
    struct world *w = *state;

    begin_standing_by(w);
    run_s(w, 60);
    assert_int_equal(w->info_count, 1);
}

static void test_contact__is_asked_often_while_no_leader_is_known(void **state)
{
    struct world *w = *state;

    begin_standing_by(w);
    w->node.knows_leader = false;
    run_s(w, 60);
    assert_in_range(w->info_count, 28, 31);
    assert_int_equal(w->met_count, w->info_count);
}

/* Nodes that have a leader may be the only ones that can find a member. */
static void test_contact__is_asked_now_and_then_while_a_member_is_missing(void **state)
{
    struct world *w = *state;

    begin_standing_by(w);
    w->node.misses_member = true;
    run_s(w, 60);
    assert_in_range(w->info_count, 5, 7);
}

/* It may start after the node. */
static void test_contact__that_is_down_at_first_is_asked_later(void **state)
{
    struct world *w = *state;

    w->node = (struct contact_node){.cluster_id = CLUSTER, .has_log = true};
    start_contact(w);
    run_s(w, 10);
    assert_int_equal(w->failed_count, 0);
    run_contact(w);
    run_s(w, 4);
    assert_true(w->met_count > 0);
}

/* The system would go on trying to connect there for a minute. */
static void test_contact__at_a_silent_address_is_asked_again_soon(void **state)
{
    struct world *w = *state;

    w->node = (struct contact_node){.cluster_id = CLUSTER, .has_log = true};
    sim_set_dark(w->sim, true);
    start_contact(w);
    run_s(w, 1);
    run_contact(w); /* The name leads to another machine now. */
    run_s(w, 4);
    assert_true(w->met_count > 0);
}

static void test_contact__that_answers_nothing_is_asked_again_soon(void **state)
{
    struct world *w = *state;

    w->node = (struct contact_node){.cluster_id = CLUSTER, .has_log = true};
    w->whereabouts[0] = '\0';
    run_contact(w);
    start_contact(w);
    run_s(w, 1);
    assert_int_equal(w->info_count, 1);
    say_whereabouts(w, CLUSTER);
    run_s(w, 4);
    assert_int_equal(w->met_peer_port, CONTACT_PEER_PORT);
}

/* The leader may take long to reach it. */
static void test_contact__has_time_to_add_a_node(void **state)
{
    struct world *w = *state;

    w->reply = "";
    run_contact(w);
    start_contact(w);
    run_s(w, 10);
    assert_int_equal(w->add_count, 1);
    assert_int_equal(w->failed_count, 0);
}

static void test_contact__is_not_asked_by_a_node_that_stops(void **state)
{
    struct world *w = *state;

    begin_standing_by(w);
    w->node.knows_leader = false;
    w->node.is_over = true;
    run_s(w, 60);
    assert_int_equal(w->info_count, 1);
}

/* Either the node's cluster or the contact's was recovered without the other. */
static void test_contact__of_another_epoch_ends_a_node_at_its_start(void **state)
{
    struct world *w = *state;

    say_epoch(w, CLUSTER, epoch_after(0, 5));
    w->node = (struct contact_node){.cluster_id = CLUSTER, .has_log = true};
    run_contact(w);
    start_contact(w);
    run_s(w, 10);
    assert_int_equal(w->failed_count, 1);
    assert_false(w->failed_for_certain);
    assert_int_equal(w->met_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTACT_TEST(test_contact__of_a_new_node_adds_it),
        CONTACT_TEST(test_contact__is_asked_for_the_key_first),
        CONTACT_TEST(test_contact__that_refuses_a_new_node_ends_it),
        CONTACT_TEST(test_contact__is_asked_to_add_a_node_again_until_it_has_a_log),
        CONTACT_TEST(test_contact__tells_a_node_without_a_log_that_it_was_removed),
        CONTACT_TEST(test_contact__of_another_cluster_ends_a_node_at_its_start),
        CONTACT_TEST(test_contact__of_another_cluster_later_on_is_ignored),
        CONTACT_TEST(test_contact__is_left_alone_while_nobody_is_missing),
        CONTACT_TEST(test_contact__is_asked_often_while_no_leader_is_known),
        CONTACT_TEST(test_contact__is_asked_now_and_then_while_a_member_is_missing),
        CONTACT_TEST(test_contact__that_is_down_at_first_is_asked_later),
        CONTACT_TEST(test_contact__at_a_silent_address_is_asked_again_soon),
        CONTACT_TEST(test_contact__that_answers_nothing_is_asked_again_soon),
        CONTACT_TEST(test_contact__has_time_to_add_a_node),
        CONTACT_TEST(test_contact__is_not_asked_by_a_node_that_stops),
        CONTACT_TEST(test_contact__of_another_epoch_ends_a_node_at_its_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
