/* A node that has moved makes the leader log its new address, and asks nobody without need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "kv/codec.h"
#include "replica/announcer.h"
#include "replica/requests.h"
#include "resp/errors.h"
#include "sim/world/sim.h"
#include "users/user.h"

enum { ARGUMENTS = 6 };

static const struct command raft_row[] = {
    {.name = "RAFT", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC},
    {.name = NULL},
};

static const struct member_address self = {
    .id = 1, .client = {.host = "127.0.0.1", .port = 9001}, .peer_port = 18000};

struct fixture {
    struct sim *sim;
    struct io *io;
    struct command_table commands;
    struct requests q;
    struct announcer announcer;
    bool is_needed;
    uint32_t submitted_count;
};

static bool is_needed(void *context)
{
    return ((struct fixture *)context)->is_needed;
}

static void submit(void *context, struct request *request)
{
    struct fixture *f = context;

    f->submitted_count++;
    requests_submit(&f->q, request, io_now_ns(f->io));
}

static void fired(struct io_timer *timer)
{
    announcer_announce(container_of(timer, struct announcer, timer), &self);
}

static int up(void **state)
{
    static struct fixture f;
    struct announcer_events events = {.context = &f, .is_needed = is_needed, .submit = submit};

    f = (struct fixture){.sim = sim_new(1), .is_needed = true};
    f.io = sim_boot(sim_machine_new(f.sim, "a"));
    command_table_add(&f.commands, raft_row);
    requests_init(&f.q, SIM_S);
    announcer_init(&f.announcer, f.io, NULL, &f.commands, &events, fired);
    *state = &f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    f->is_needed = false;
    requests_fail_all(&f->q, &f->q.waiting, ERROR_STOPPING);
    announcer_deinit(&f->announcer);
    sim_die(f->io, SIM_EXITED);
    sim_bury(f->io);
    sim_free(f->sim);
    return 0;
}

/* The only waiting request. */
static struct request *announced(struct fixture *f)
{
    struct list *node = list_first(&f->q.waiting);

    assert_non_null(node);
    assert_ptr_equal(node->next, &f->q.waiting);
    return container_of(node, struct request, link);
}

static void refuse(struct fixture *f)
{
    struct request *request = announced(f);

    list_remove(&request->link);
    requests_fail(&f->q, request, "ERR no");
}

/* Whatever the user default may, a node may announce itself. */
static void test_announcer__needs_no_right_of_the_user_default(void **state)
{
    struct fixture *f = *state;
    struct command_head head;

    announcer_announce(&f->announcer, &self);
    assert_true(command_payload_head(entry_payload(announced(f)->entry), &head));
    assert_true(head.user == USER_NOBODY);
}

static void test_announcer__sends_the_new_address_once(void **state)
{
    static const char *const wanted[ARGUMENTS] = {"RAFT",      "ADD",  "0000000000000001",
                                                  "127.0.0.1", "9001", "18000"};
    struct fixture *f = *state;
    struct slice arguments[ARGUMENTS];
    uint32_t count = 0;

    announcer_announce(&f->announcer, &self);
    announcer_announce(&f->announcer, &self);
    assert_true(
        command_payload_read(entry_payload(announced(f)->entry), arguments, ARGUMENTS, &count));
    assert_int_equal(count, ARGUMENTS);
    for (uint32_t i = 0; i < ARGUMENTS; i++) {
        assert_true(slice_equal(arguments[i], slice_str(wanted[i])));
    }
}

static void test_announcer__sends_the_name_as_well(void **state)
{
    struct fixture *f = *state;
    struct member_address named = self;
    struct slice arguments[ARGUMENTS + 2];
    uint32_t count = 0;

    snprintf(named.name, sizeof named.name, "north");
    announcer_announce(&f->announcer, &named);
    assert_true(
        command_payload_read(entry_payload(announced(f)->entry), arguments, ARGUMENTS + 2, &count));
    assert_int_equal(count, ARGUMENTS + 2);
    assert_true(slice_is(arguments[ARGUMENTS], "NAME"));
    assert_true(slice_is(arguments[ARGUMENTS + 1], "north"));
}

static void test_announcer__is_silent_without_need(void **state)
{
    struct fixture *f = *state;

    f->is_needed = false;
    announcer_announce(&f->announcer, &self);
    assert_true(list_is_empty(&f->q.waiting));
}

static void test_announcer__waits_longer_after_each_refusal(void **state)
{
    struct fixture *f = *state;
    uint64_t wait_ns = SIM_S;

    announcer_announce(&f->announcer, &self);
    for (int i = 0; i < 8; i++) {
        uint32_t count = f->submitted_count;

        refuse(f);
        sim_run_until(f->sim, sim_now_ns(f->sim) + wait_ns - SIM_MS);
        assert_int_equal(f->submitted_count, count);
        sim_run_until(f->sim, sim_now_ns(f->sim) + 2 * SIM_MS);
        assert_int_equal(f->submitted_count, count + 1);
        wait_ns = 2 * wait_ns < 30 * SIM_S ? 2 * wait_ns : 30 * SIM_S;
    }
}

static void test_announcer__asks_no_more_once_it_was_taken(void **state)
{
    struct fixture *f = *state;

    announcer_announce(&f->announcer, &self);
    f->is_needed = false; /* The log has it. */
    refuse(f);
    sim_run_until(f->sim, sim_now_ns(f->sim) + 60 * SIM_S);
    assert_int_equal(f->submitted_count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_announcer__sends_the_new_address_once),
        TEST(test_announcer__needs_no_right_of_the_user_default),
        TEST(test_announcer__sends_the_name_as_well),
        TEST(test_announcer__is_silent_without_need),
        TEST(test_announcer__waits_longer_after_each_refusal),
        TEST(test_announcer__asks_no_more_once_it_was_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
