/* Connections that have not proved membership: which one is closed to make room for the next. */
#include "stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "peer/strangers.h"

/* --- whose turn it is -------------------------------------------------------------------- */

/* Connections, in the order in which they were accepted. */
struct port {
    struct peers peers;
    struct inbound of[STRANGERS_MAX + 8];
    uint32_t count;
};

enum { CROWD = 1, MEMBER = 2, APART = 1000 };

static struct inbound *accept_from(struct port *port, uint64_t origin)
{
    struct inbound *in = &port->of[port->count++];

    in->origin = origin;
    list_append(&port->peers.inbounds, &in->node);
    return in;
}

static int port_setup(void **state)
{
    struct port *port = memory_take_zeroed(1, sizeof *port);

    list_init(&port->peers.inbounds);
    *state = port;
    return 0;
}

static int port_teardown(void **state)
{
    free(*state);
    return 0;
}

/* Fills up until there is one too many; with APART as `origin`, each from another address. */
static void fill(struct port *port, uint64_t origin)
{
    while (port->count <= STRANGERS_MAX) {
        accept_from(port, origin == APART ? APART + port->count : origin);
    }
}

static void test_strangers__stay_while_there_is_room(void **state)
{
    struct port *port = *state;

    fill(port, CROWD);
    port->of[5].is_greeted = true;
    assert_null(strangers_to_close(&port->peers));
    port->of[5].is_greeted = false;
    port->of[6].link.is_closing = true;
    assert_null(strangers_to_close(&port->peers));
    port->of[6].link.is_closing = false;
    assert_non_null(strangers_to_close(&port->peers));
}

static void test_strangers__of_the_address_with_most_are_closed_first(void **state)
{
    struct port *port = *state;

    for (uint32_t i = 0; i < STRANGERS_MAX / 2 - 1; i++) {
        accept_from(port, MEMBER);
    }

    struct inbound *oldest = accept_from(port, CROWD);

    fill(port, CROWD);
    assert_ptr_equal(strangers_to_close(&port->peers), oldest);
}

static void test_strangers__that_say_nothing_make_room_first(void **state)
{
    struct port *port = *state;

    accept_from(port, CROWD)->is_challenged = true;

    struct inbound *silent = accept_from(port, CROWD);

    fill(port, CROWD);
    assert_ptr_equal(strangers_to_close(&port->peers), silent);
    for (uint32_t i = 0; i < port->count; i++) {
        port->of[i].is_challenged = true;
    }
    assert_ptr_equal(strangers_to_close(&port->peers), &port->of[0]);
}

/* All others come from different addresses. */
static void test_strangers__from_an_address_with_few_are_spared(void **state)
{
    struct port *port = *state;
    struct inbound *oldest = accept_from(port, APART);

    for (uint32_t i = 0; i < STRANGERS_FEW; i++) {
        accept_from(port, MEMBER);
    }
    fill(port, APART);
    assert_ptr_equal(strangers_to_close(&port->peers), oldest);
}

/* From so many addresses that none has many, each with a HELLO, which proves nothing. */
static void test_strangers__spare_the_one_that_has_just_come(void **state)
{
    struct port *port = *state;
    struct inbound *member;

    for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
        accept_from(port, APART + i / STRANGERS_FEW)->is_challenged = true;
    }
    member = accept_from(port, MEMBER);
    assert_ptr_not_equal(strangers_to_close(&port->peers), member);
}

/* --- a member among them ----------------------------------------------------------------- */

enum { FLOOD_MAX = 4096 };

struct flood {
    struct stranger of[FLOOD_MAX];
    uint32_t count;
};

static void one_more(struct flood *f, struct io *io)
{
    struct stranger *s = &f->of[f->count++];
    struct io_address door = address_of(1).client;

    door.port = PEER_PORT;
    stranger_prepare(s, io);
    io_connect(io, &s->connect, &s->link.stream, &door);
}

/* One connection a millisecond until the member is connected, or for two seconds. */
static void flood_until_up(struct world *w, struct flood *f, struct io *io)
{
    while (f->count < 2000 && !is_up(&w->nodes[0].peers, id_of(1))) {
        one_more(f, io);
        run_ms(w, 1);
    }
}

static void test_strangers__do_not_keep_out_a_distant_member(void **state)
{
    struct world *w = *state;
    struct flood *f = memory_take_zeroed(1, sizeof *f);
    struct io *io;

    start_both(w);
    sim_slow(w->machines[0], w->machines[1], 100 * SIM_MS);
    sim_slow(w->machines[1], w->machines[0], 100 * SIM_MS);
    io = start_stranger(w, "flood");
    for (uint32_t i = 0; i <= STRANGERS_MAX; i++) {
        one_more(f, io);
    }
    run_ms(w, 10);
    dial(w, 0);
    flood_until_up(w, f, io);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    end_stranger(w);
    for (uint32_t i = 0; i < f->count; i++) {
        stranger_end(&f->of[i]);
    }
    free(f);
}

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, port_setup, port_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PORT_TEST(test_strangers__stay_while_there_is_room),
        PORT_TEST(test_strangers__spare_the_one_that_has_just_come),
        PORT_TEST(test_strangers__of_the_address_with_most_are_closed_first),
        PORT_TEST(test_strangers__that_say_nothing_make_room_first),
        PORT_TEST(test_strangers__from_an_address_with_few_are_spared),
        PEERS_TEST(test_strangers__do_not_keep_out_a_distant_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
