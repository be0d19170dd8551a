/* Listeners of io.h on the libuv backend. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(struct door *d, const char *host, uint16_t port)
{
    struct io_address address = address_of(host, port);

    return io_listen(d->f->io, &d->listener, &address, &d->port);
}

static void test_listener__refuses_an_address_in_use(void **state)
{
    struct door first;
    struct door second = {.f = *state};

    door_open(&first, *state);
    assert_int_equal(listen_on(&second, "127.0.0.1", first.port), -EADDRINUSE);
    door_close(&first);
}

static void test_listener__frees_its_port_at_once(void **state)
{
    struct fixture *f = *state;
    struct door first;
    struct door second = {.f = f};
    uint16_t port;

    door_open(&first, f);
    second.listener = first.listener;
    second.listener.backend = NULL;
    port = first.port;
    io_listener_close(f->io, &first.listener);
    assert_int_equal(listen_on(&second, "127.0.0.1", port), 0);
    assert_int_equal(second.port, port);
    await(f, &first.is_closed);
    door_close(&second);
}

static void test_listener__frees_its_port_while_connections_fade(void **state)
{
    struct fixture *f = *state;
    struct door first;
    struct door second = {.f = f};
    struct peer peer;
    int fd;

    door_open(&first, f);
    second.listener = first.listener;
    second.listener.backend = NULL;
    peer_init(&peer, f);
    fd = raw_pair(&first, &peer);
    peer_deinit(&peer); /* We close first, so our side is in TIME_WAIT. */
    close(fd);
    door_close(&first);
    assert_int_equal(listen_on(&second, "127.0.0.1", first.port), 0);
    door_close(&second);
}

static void test_listener__knows_localhost(void **state)
{
    struct door d;
    struct peer peer;

    door_open(&d, *state);
    door_close(&d);
    d.is_closed = false;
    assert_int_equal(listen_on(&d, "localhost", 0), 0);
    peer_init(&peer, *state);
    close(raw_pair(&d, &peer)); /* It connects to 127.0.0.1. */
    peer_deinit(&peer);
    door_close(&d);
}

static void test_listener__serves_ipv6_if_there_is_any(void **state)
{
    struct fixture *f = *state;
    struct door d;
    int status;

    door_open(&d, f);
    door_close(&d);
    d.is_closed = false;
    status = listen_on(&d, "::1", 0);
    if (status == -EAFNOSUPPORT || status == -EADDRNOTAVAIL) {
        skip();
    }
    assert_int_equal(status, 0);
    assert_int_not_equal(d.port, 0);
    door_close(&d);
}

static void test_listener__refuses_addresses_of_other_machines(void **state)
{
    struct door d = {.f = *state};

    assert_int_equal(listen_on(&d, "192.0.2.1", 0), -EADDRNOTAVAIL);
    assert_int_equal(listen_on(&d, "999.999.999.999.invalid.", 0) < 0, true);
    assert_int_equal(listen_on(&d, "", 0), -ENXIO);
    assert_null(d.listener.backend);
}

static void test_listener__can_refuse_a_connection(void **state)
{
    struct door d;
    char byte;
    int fd;

    door_open(&d, *state);
    fd = raw_connect(&d);
    await(d.f, &d.has_accepted);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    door_close(&d);
}

static void on_accepted_closing(struct io_listener *listener)
{
    struct door *d = container_of(listener, struct door, listener);

    d->accepted_count++;
    io_refuse(d->f->io, listener);
    io_listener_close(d->f->io, listener);
}

static void test_listener__can_be_closed_from_accepted(void **state)
{
    struct door d;
    int first;
    int second;

    door_open(&d, *state);
    d.listener.accepted = on_accepted_closing;
    first = raw_connect(&d);
    second = raw_connect(&d);
    await(d.f, &d.is_closed);
    assert_int_equal(d.accepted_count, 1);
    close(first);
    close(second);
}

static void test_listener__accepts_many_at_once(void **state)
{
    enum { COUNT = 200 };
    struct door d;
    int fds[COUNT];

    door_open(&d, *state);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = raw_connect(&d);
    }
    while (d.accepted_count < COUNT) {
        d.has_accepted = false;
        await(d.f, &d.has_accepted);
    }
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
    door_close(&d);
}

/* --- no descriptors left --------------------------------------------------- */

struct shortage {
    struct rlimit before;
    int fds[256];
    size_t count;
};

/* Uses up all descriptors. */
static void shortage_begin(struct shortage *s, int fd)
{
    struct rlimit few;
    int next;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &s->before), 0);
    few = (struct rlimit){.rlim_cur = 200, .rlim_max = s->before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    s->count = 0;
    while ((next = dup(fd)) >= 0) {
        s->fds[s->count++] = next;
    }
    assert_int_equal(errno, EMFILE);
}

static void shortage_end(struct shortage *s)
{
    while (s->count > 0) {
        close(s->fds[--s->count]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &s->before), 0);
}

static void test_listener__turns_clients_away_when_descriptors_run_out(void **state)
{
    struct shortage shortage;
    struct fixture *f = *state;
    struct door d;
    struct peer peer;
    char byte;
    int fd;

    door_open(&d, f);
    fd = raw_connect(&d);
    shortage_begin(&shortage, fd);
    run_for(f, 20 * MS_NS);
    assert_int_equal(d.accepted_count, 0);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0); /* It is closed at once. */
    assert_true(f->turn_count < 20);
    shortage_end(&shortage);
    close(fd);

    peer_init(&peer, f);
    close(raw_pair(&d, &peer));
    peer_deinit(&peer);
    door_close(&d);
}

static void test_listener__waits_when_not_even_its_reserve_helps(void **state)
{
    struct rlimit before;
    struct rlimit none;
    struct fixture *f = *state;
    struct door d;
    int fd;

    door_open(&d, f);
    fd = raw_connect(&d);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    run_for(f, 50 * MS_NS);
    assert_int_equal(d.accepted_count, 0);
    assert_true(f->turn_count < 20); /* The loop does not spin. */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    await(f, &d.has_accepted); /* After the pause it is accepted. */
    close(fd);
    door_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_listener__refuses_an_address_in_use),
        IO_TEST(test_listener__frees_its_port_at_once),
        IO_TEST(test_listener__frees_its_port_while_connections_fade),
        IO_TEST(test_listener__knows_localhost),
        IO_TEST(test_listener__serves_ipv6_if_there_is_any),
        IO_TEST(test_listener__refuses_addresses_of_other_machines),
        IO_TEST(test_listener__can_refuse_a_connection),
        IO_TEST(test_listener__can_be_closed_from_accepted),
        IO_TEST(test_listener__accepts_many_at_once),
        IO_TEST(test_listener__turns_clients_away_when_descriptors_run_out),
        IO_TEST(test_listener__waits_when_not_even_its_reserve_helps),
    };

    return cmocka_run_group_tests_name("io/listener", tests, NULL, NULL);
}
