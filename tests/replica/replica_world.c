/* replica_world.c - see replica_world.h. */
#include "replica_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cluster/level.h"

enum { WORDS_MAX = 16 };

static const struct store_key the_key = {"the thirty-two bytes of the key."};

static const struct command rows[] = {
    {.name = "RAFT", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC},
    {.name = "REQUEST_LOG", .arity = -1, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC},
    {.name = NULL},
};

static void turn(void *context)
{
    struct world_node *n = context;

    replica_place(n->replica);
    peers_flush(&n->peers);
    replica_execute(n->replica);
    peers_flush_answers(&n->peers);
    replica_note_sent(n->replica);
}

static void runs(void *context)
{
    struct world_node *n = context;
    struct peers_source source = replica_source(n->replica);

    peers_open(&n->peers, replica_cluster_id(n->replica), 0, replica_cluster_key(n->replica),
               &source);
}

static void failed(void *context)
{
    fail();
}

static struct io_address address_of(const struct world_node *n)
{
    struct io_address address = {.port = WORLD_PORT};

    snprintf(address.host, sizeof address.host, "%s", n->name);
    return address;
}

static void start(struct world_node *n, bool is_joining)
{
    struct replica_options options = {.commands = &n->world->commands,
                                      .data_dir = "data",
                                      .is_joining = is_joining,
                                      .peers = &n->peers,
                                      .announced = address_of(n),
                                      .peer_port = WORLD_PEER_PORT,
                                      .feature_level = LEVEL_FIRST,
                                      .election_timeout_ns = 300 * SIM_MS,
                                      .heartbeat_interval_ns = 50 * SIM_MS,
                                      .request_timeout_ns = 2 * SIM_S,
                                      .segment_bytes = 1024 * 1024,
                                      .log_memory_bytes = 1024 * 1024,
                                      .log_tail_bytes = 1024 * 1024,
                                      .snapshot_after_bytes = 1024 * 1024,
                                      .snapshot_after_entries = 1000 * 1000,
                                      .in_flight_bytes_max = 1024 * 1024,
                                      .reply_bytes_max = 1024 * 1024};
    struct replica_events events = {.context = n, .runs = runs, .failed = failed};
    struct peers_options peers_options = {.host = address_of(n),
                                          .election_timeout_ns = options.election_timeout_ns,
                                          .level = LEVEL_FIRST,
                                          .version = WIRE_VERSION};
    enum replica_loaded loaded = REPLICA_LOADS;
    char text[1024];

    n->io = sim_boot(n->machine);
    options.io = n->io;
    n->replica = replica_start(&options, &events, text, sizeof text);
    assert_non_null(n->replica);
    while (loaded == REPLICA_LOADS) {
        loaded = replica_load(n->replica, text, sizeof text);
    }
    assert_int_equal(loaded, REPLICA_LOADED);
    peers_options.self = *replica_self(n->replica);

    struct peers_events peers_events = replica_peers_events(n->replica);

    assert_int_equal(peers_start(&n->peers, n->io, NULL, &peers_events, &peers_options), 0);
    io_set_turn(n->io, turn, n);
}

void world_run_ms(struct world *w, uint64_t ms)
{
    sim_run_until(w->sim, sim_now_ns(w->sim) + ms * SIM_MS);
}

int world_setup(void **state)
{
    static const char *const names[WORLD_NODES] = {"a", "b", "c"};
    const struct sim_network network = {.delay_min_ns = SIM_US,
                                        .delay_max_ns = SIM_MS,
                                        .window_bytes = 64 * 1024,
                                        .break_min_ns = SIM_S,
                                        .break_max_ns = SIM_S};
    const struct sim_disk_profile disk = {
        .latency_min_ns = SIM_US, .latency_max_ns = SIM_MS, .capacity_bytes = UINT64_MAX};
    struct world *w = memory_take_zeroed(1, sizeof *w);

    w->sim = sim_new(1);
    sim_set_network(w->sim, &network);
    command_table_add(&w->commands, rows);
    for (uint32_t i = 0; i < WORLD_NODES; i++) {
        w->nodes[i] = (struct world_node){
            .world = w, .name = names[i], .machine = sim_machine_new(w->sim, names[i])};
        sim_set_disk(w->nodes[i].machine, &disk);
    }
    start(&w->nodes[0], false);
    replica_bootstrap(w->nodes[0].replica, &the_key);
    world_run_ms(w, 1000);
    assert_int_equal(raft_role(replica_raft(w->nodes[0].replica)), RAFT_LEADER);
    *state = w;
    return 0;
}

void world_stop(struct world *w, uint32_t i)
{
    struct world_node *n = &w->nodes[i];

    sim_die(n->io, SIM_EXITED);
    replica_end(n->replica);
    replica_free(n->replica);
    peers_deinit(&n->peers);
    sim_bury(n->io);
    n->io = NULL;
}

int world_teardown(void **state)
{
    struct world *w = *state;

    for (uint32_t i = 0; i < WORLD_NODES; i++) {
        if (w->nodes[i].io != NULL) {
            world_stop(w, i);
        }
    }
    sim_free(w->sim);
    free(w);
    return 0;
}

void world_start_newcomer(struct world *w, uint32_t i)
{
    start(&w->nodes[i], true);
    peers_show_key(&w->nodes[i].peers, &the_key);
}

void world_join(struct world *w, uint32_t i)
{
    struct replica *r = w->nodes[i].replica;

    assert_true(replica_joined(r, replica_cluster_id(w->nodes[0].replica), 0, &the_key));
    replica_run(r);
}

/* --- calls ------------------------------------------------------------------------------- */

static struct resp_writer *reply(struct request *request)
{
    return &container_of(request, struct world_call, request)->writer;
}

static void answered(struct request *request)
{
    container_of(request, struct world_call, request)->is_answered = true;
}

void world_call(struct world *w, uint32_t i, struct world_call *call, const char *words)
{
    struct slice arguments[WORDS_MAX];
    uint32_t count = 0;

    for (const char *at = words; at != NULL && *at != 0;) {
        const char *end = strchrnul(at, ' ');

        assert_true(count < WORDS_MAX);
        arguments[count++] = slice_of(at, (size_t)(end - at));
        at = *end == 0 ? NULL : end + 1;
    }
    *call =
        (struct world_call){.request = {.resp_version = 2, .reply = reply, .answered = answered}};
    call->writer = (struct resp_writer){.out = &call->out, .version = 2};
    request_encode(&call->request, command_find(&w->commands, arguments[0]), 0, count, arguments);
    replica_submit(w->nodes[i].replica, &call->request);
    io_turn_soon(w->nodes[i].io);
}

void world_call_deinit(struct world_call *call)
{
    buffer_deinit(&call->out);
}

const char *world_ask(struct world *w, uint32_t i, const char *words)
{
    static char text[16384];
    struct world_call call;
    size_t size;

    world_call(w, i, &call, words);
    for (int ms = 0; ms < 15000 && !call.is_answered; ms += 10) {
        world_run_ms(w, 10);
    }
    assert_true(call.is_answered);
    size = buffer_size(&call.out) < sizeof text ? buffer_size(&call.out) : sizeof text - 1;
    memcpy(text, buffer_begin(&call.out), size);
    text[size] = 0;
    world_call_deinit(&call);
    return text;
}

const char *world_id(struct world *w, uint32_t i)
{
    static char text[WORLD_NODES][17];

    snprintf(text[i], sizeof text[i], "%016llx",
             (unsigned long long)replica_node_id(w->nodes[i].replica));
    return text[i];
}

const char *world_add_words(struct world *w, uint32_t i)
{
    static char text[128];

    snprintf(text, sizeof text, "RAFT ADD %s %s %u %u", world_id(w, i), w->nodes[i].name,
             (unsigned)WORLD_PORT, (unsigned)WORLD_PEER_PORT);
    return text;
}
