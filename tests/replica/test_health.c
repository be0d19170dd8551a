/* What a replica logs about a slow disk, and about connected members that send nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "replica/state.h"
#include "sim/world/sim.h"
#include "store/store_state.h"

enum { SELF = 1, OTHER = 2, SYNCS = 200 };

static const uint64_t TIMEOUT_NS = 1000 * SIM_MS;

struct fixture {
    struct sim *sim;
    struct sim_machine *machine;
    struct replica replica;
    struct store store; /* Never opened: it only knows how long syncs have taken. */
    struct peers peers;
    struct peer peer;
    struct log log;
    uint32_t slow_count;
    uint32_t mute_count;
    uint32_t stall_count;
};

static void count_events(void *context, enum log_level level, const char *event, const char *fields)
{
    struct fixture *f = context;

    f->slow_count += strstr(event, "the disk is slow") != NULL ? 1 : 0;
    f->stall_count += strstr(event, "the disk is stalled") != NULL ? 1 : 0;
    f->mute_count += strstr(event, "cannot reach a member") != NULL ? 1 : 0;
}

static struct membership *two_voters(void)
{
    struct membership *m = memory_take_zeroed(1, sizeof *m);

    m->index = 1;
    m->configuration.member_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        m->configuration.members[i] =
            (struct raft_member){.id = i + 1, .incoming = true, .outgoing = true};
        m->addresses[i] = (struct member_address){
            .id = i + 1, .client = {.host = "b", .port = 8000}, .peer_port = 18000};
    }
    return m;
}

/* Node 1 of two, which is connected to node 2. */
static int up(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);
    struct replica *r = &f->replica;
    struct raft_options options = {.id = SELF,
                                   .election_timeout_ns = TIMEOUT_NS,
                                   .heartbeat_interval_ns = TIMEOUT_NS / 10,
                                   .seed = 1,
                                   .runs_max = 16};
    struct membership *m = two_voters();
    struct raft_entry entry = {
        .term = 1, .kind = RAFT_CONFIGURATION, .configuration = &m->configuration};

    f->sim = sim_new(1);
    f->machine = sim_machine_new(f->sim, "a");
    f->log = (struct log){.level = LOG_DEBUG, .sink = count_events, .context = f};
    r->io = sim_boot(f->machine);
    r->log = &f->log;
    r->store = &f->store;
    f->store.io = r->io;
    r->options.election_timeout_ns = TIMEOUT_NS;
    r->raft_memory = memory_take_zeroed(1, raft_size(&options));
    r->raft = raft_init(r->raft_memory, &options, io_now_ns(r->io));
    raft_restore_vote(r->raft, 1, 0);
    assert_int_equal(raft_restore_entry(r->raft, &entry), RAFT_OK);
    members_append_take(&r->members, m);
    r->peers = &f->peers;
    f->peers.io = r->io;
    f->peers.log = &f->log;
    list_init(&f->peers.all);
    list_init(&f->peers.inbounds);
    f->peer.peers = &f->peers;
    f->peer.id = OTHER;
    f->peer.dial[WIRE_CONTROL].phase = DIAL_UP;
    f->peer.dial[WIRE_CONTROL].since_ns = io_now_ns(r->io);
    list_append(&f->peers.all, &f->peer.link);
    digests_init(&r->digests, 0);
    health_init(&r->health, r->io, r->log, TIMEOUT_NS, watch_fired);
    health_start(&r->health);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;
    struct replica *r = &f->replica;

    health_deinit(&r->health);
    members_deinit(&r->members);
    free(r->raft_memory);
    sim_die(r->io, SIM_EXITED);
    sim_bury(r->io);
    sim_free(f->sim);
    free(f);
    return 0;
}

static void run_s(struct fixture *f, uint64_t s)
{
    sim_run_until(f->sim, sim_now_ns(f->sim) + s * SIM_S);
}

static void syncs_take(struct fixture *f, uint64_t ns)
{
    f->store.sync_count = SYNCS;
    memset(&f->store.sync_times, 0, sizeof f->store.sync_times);
    for (int i = 0; i < SYNCS; i++) {
        histogram_add(&f->store.sync_times, ns, sim_now_ns(f->sim));
    }
}

/* It has had no leader for long, so all members should answer it now. */
static void look_for_a_leader(struct replica *r)
{
    struct raft_event event = {.kind = RAFT_TICK, .now_ns = io_now_ns(r->io) + 3 * TIMEOUT_NS};
    struct raft_effects effects;

    assert_int_equal(raft_step(r->raft, &event, &effects), RAFT_OK);
    assert_int_equal(raft_role(r->raft), RAFT_PRE_CANDIDATE);
}

static void test_health__reports_a_slow_disk_once_until_it_is_fast_again(void **state)
{
    struct fixture *f = *state;

    syncs_take(f, TIMEOUT_NS / 4 + 1);
    run_s(f, 35);
    assert_int_equal(f->slow_count, 1);
    syncs_take(f, TIMEOUT_NS / 4);
    run_s(f, 10);
    syncs_take(f, TIMEOUT_NS / 4 + 1);
    run_s(f, 10);
    assert_int_equal(f->slow_count, 2);
}

static void test_health__judges_no_disk_by_a_few_syncs(void **state)
{
    struct fixture *f = *state;

    syncs_take(f, TIMEOUT_NS);
    f->store.sync_count = 99;
    run_s(f, 20);
    assert_int_equal(f->slow_count, 0);
    f->store.sync_count = 100;
    run_s(f, 10);
    assert_int_equal(f->slow_count, 1);
}

/* While it runs, because it may never end. */
static void test_health__reports_a_write_that_does_not_end_once(void **state)
{
    struct fixture *f = *state;

    f->store.job.submitted_ns = io_now_ns(f->replica.io);
    f->store.job.is_in_flight = true;
    run_s(f, 1);
    assert_int_equal(f->stall_count, 0);
    run_s(f, 10);
    assert_int_equal(f->stall_count, 1);
    f->store.job.is_in_flight = false;
    run_s(f, 2);
    f->store.job.submitted_ns = io_now_ns(f->replica.io);
    f->store.job.is_in_flight = true;
    run_s(f, 10);
    assert_int_equal(f->stall_count, 2);
}

static void test_health__reports_a_member_that_is_connected_and_silent(void **state)
{
    struct fixture *f = *state;

    look_for_a_leader(&f->replica);
    run_s(f, 4);
    assert_int_equal(f->mute_count, 0);
    run_s(f, 20);
    assert_int_equal(f->mute_count, 1); /* And not every second. */
}

/* Only their leader sends messages to followers. */
static void test_health__a_follower_awaits_nothing_of_other_members(void **state)
{
    struct fixture *f = *state;

    run_s(f, 20);
    assert_int_equal(f->mute_count, 0);
}

/* What has arrived meanwhile is not read yet when the timer fires. */
static void test_health__the_pause_of_this_node_is_not_the_silence_of_others(void **state)
{
    struct fixture *f = *state;

    look_for_a_leader(&f->replica);
    run_s(f, 1);
    sim_freeze(f->machine, sim_now_ns(f->sim) + 20 * SIM_S);
    run_s(f, 20);
    f->peer.heard_ns = io_now_ns(f->replica.io); /* As it is read then. */
    run_s(f, 3);
    assert_int_equal(f->mute_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_health__reports_a_slow_disk_once_until_it_is_fast_again),
        TEST(test_health__judges_no_disk_by_a_few_syncs),
        TEST(test_health__reports_a_write_that_does_not_end_once),
        TEST(test_health__reports_a_member_that_is_connected_and_silent),
        TEST(test_health__a_follower_awaits_nothing_of_other_members),
        TEST(test_health__the_pause_of_this_node_is_not_the_silence_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
