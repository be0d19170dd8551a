/* A node that has moved makes the leader log its new address, and asks nobody without need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "command/table.h"
#include "io/io_uv.h"
#include "kv/codec.h"
#include "replica/state.h"

#define S 1000000000ull

enum { SELF = 1, LEADER = 2, ARGUMENTS = 6 };

static const struct command raft_row[] = {
    {.name = "RAFT", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC},
    {.name = NULL},
};

struct fixture {
    struct replica replica;
    struct command_table commands;
};

static struct membership *log_has(uint16_t port)
{
    struct membership *m = memory_take_zeroed(1, sizeof *m);

    m->index = 1;
    m->configuration.member_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        m->configuration.members[i] =
            (struct raft_member){.id = i + 1, .incoming = true, .outgoing = true};
        m->addresses[i] = (struct member_address){
            .id = i + 1, .client = {.host = "127.0.0.1", .port = port}, .peer_port = 18000};
    }
    return m;
}

/* Node 1 of two, which lives at port 9001, while its log says 8001. */
static int up(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);
    struct replica *r = &f->replica;
    struct raft_options options = {.id = SELF,
                                   .election_timeout_ns = S,
                                   .heartbeat_interval_ns = S / 10,
                                   .seed = 1,
                                   .runs_max = 16};
    struct membership *m = log_has(8001);
    struct raft_entry entry = {
        .term = 1, .kind = RAFT_CONFIGURATION, .configuration = &m->configuration};

    command_table_add(&f->commands, raft_row);
    r->io = io_uv_new();
    r->options.commands = &f->commands;
    r->options.request_timeout_ns = S;
    r->raft_memory = memory_take_zeroed(1, raft_size(&options));
    r->raft = raft_init(r->raft_memory, &options, io_now_ns(r->io));
    raft_restore_vote(r->raft, 1, 0);
    assert_int_equal(raft_restore_entry(r->raft, &entry), RAFT_OK);
    members_append_take(&r->members, m);
    r->peers.self = m->addresses[0];
    r->peers.self.client.port = 9001;
    place_init(r);
    announce_init(r);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;
    struct replica *r = &f->replica;

    r->is_ended = true;
    announce_deinit(r);
    place_end(r);
    place_deinit(r);
    members_deinit(&r->members);
    free(r->raft_memory);
    io_uv_free(r->io);
    free(f);
    return 0;
}

static void hear_leader(struct replica *r)
{
    struct raft_message m = {.kind = RAFT_HEARTBEAT, .from = LEADER, .to = SELF, .term = 1};
    struct raft_event event = {.kind = RAFT_RECEIVE, .now_ns = io_now_ns(r->io), .message = &m};
    struct raft_effects effects;

    assert_int_equal(raft_step(r->raft, &event, &effects), RAFT_OK);
    assert_int_equal(raft_leader(r->raft), LEADER);
}

/* The only waiting request. */
static struct request *announced(struct replica *r)
{
    struct list *node = list_first(&r->requests.waiting);

    assert_non_null(node);
    assert_ptr_equal(node->next, &r->requests.waiting);
    return container_of(node, struct request, link);
}

static void assert_nothing_announced(struct replica *r)
{
    announce_address(r);
    assert_true(list_is_empty(&r->requests.waiting));
}

static void refuse(struct replica *r)
{
    struct request *request = announced(r);

    list_remove(&request->link);
    requests_fail(&r->requests, request, "ERR no");
}

static void test_announce__sends_the_new_address_to_the_leader_once(void **state)
{
    static const char *const wanted[ARGUMENTS] = {"RAFT",      "ADD",  "0000000000000001",
                                                  "127.0.0.1", "9001", "18000"};
    struct replica *r = &((struct fixture *)*state)->replica;
    struct slice arguments[ARGUMENTS];
    uint32_t count = 0;

    hear_leader(r);
    announce_address(r);
    announce_address(r);
    assert_true(
        command_payload_read(entry_payload(announced(r)->entry), arguments, ARGUMENTS, &count));
    assert_int_equal(count, ARGUMENTS);
    for (uint32_t i = 0; i < ARGUMENTS; i++) {
        assert_true(slice_equal(arguments[i], slice_str(wanted[i])));
    }
}

static void test_announce__is_silent_if_there_is_nothing_to_announce(void **state)
{
    struct replica *r = &((struct fixture *)*state)->replica;

    assert_nothing_announced(r); /* There is no leader. */
    hear_leader(r);
    r->is_removed = true;
    assert_nothing_announced(r);
    r->is_removed = false;
    r->peers.self.client.port = 8001; /* The address in the log. */
    assert_nothing_announced(r);
}

static void test_announce__waits_longer_after_each_refusal(void **state)
{
    struct replica *r = &((struct fixture *)*state)->replica;
    uint64_t wait_ns = S;

    hear_leader(r);
    for (int i = 0; i < 8; i++) {
        announce_address(r);
        refuse(r);
        assert_true(r->announcer.wait_ns == (wait_ns < 30 * S ? wait_ns : 30 * S));
        wait_ns *= 2;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_announce__sends_the_new_address_to_the_leader_once),
        TEST(test_announce__is_silent_if_there_is_nothing_to_announce),
        TEST(test_announce__waits_longer_after_each_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
