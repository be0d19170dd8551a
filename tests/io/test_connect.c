/* Connection attempts through io.h on the libuv backend. */
#include "fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- a name service of our own --------------------------------------------- */

typedef int getaddrinfo_function(const char *, const char *, const struct addrinfo *,
                                 struct addrinfo **);

/* Synchronise a test with the resolver below when it looks up "slow.test". Global, because the
 * resolver gets no argument of ours. */
static sem_t slow_has_begun;
static sem_t slow_may_go_on;

/* Replaces the C library's. "three.test" has three addresses; only the last one has a listener. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    static const char *const addresses[] = {"127.0.0.3", "127.0.0.2", "127.0.0.1"};
    struct addrinfo **end = ret_list;
    getaddrinfo_function *real;

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo"); /* The cast that POSIX recommends. */
    if (strcmp(host, "slow.test") == 0) {
        sem_post(&slow_has_begun);
        sem_wait(&slow_may_go_on);
        host = "127.0.0.1";
    }
    if (strcmp(host, "three.test") != 0) {
        return real(host, port, hints, ret_list);
    }
    for (size_t i = 0; i < 3; i++) {
        int status = real(addresses[i], port, hints, end);

        if (status != 0) {
            return status;
        }
        end = &(*end)->ai_next;
    }
    return 0;
}

/* --- callers --------------------------------------------------------------- */

struct caller {
    struct io_connect connect;
    struct peer peer;
    int status;
    int connected_count;
    bool is_done;
    bool closes; /* Closes the stream in `connected`. */
};

static void on_connected(struct io_connect *connect, int status)
{
    struct caller *c = container_of(connect, struct caller, connect);

    assert_from_loop(c->peer.f);
    assert_null(connect->backend);
    assert_true(status <= 0);
    c->status = status;
    c->connected_count++;
    c->is_done = true;
    if (status == 0 && c->closes) {
        peer_close(&c->peer);
    }
}

static void call(struct caller *c, struct fixture *f, const char *host, uint16_t port)
{
    struct io_address address = address_of(host, port);

    *c = (struct caller){.connect = {.connected = on_connected}};
    peer_init(&c->peer, f);
    call_begin(f);
    io_connect(f->io, &c->connect, &c->peer.stream, &address);
    call_end(f);
}

static void cancel(struct caller *c)
{
    call_begin(c->peer.f);
    io_connect_cancel(c->peer.f->io, &c->connect);
    call_end(c->peer.f);
    assert_false(c->is_done);
}

/* A port without a listener. */
static uint16_t free_port(struct fixture *f)
{
    struct door door;

    door_open(&door, f);
    door_close(&door);
    return door.port;
}

static void assert_connects(struct fixture *f, const char *host)
{
    struct door door;
    struct peer far;
    struct caller c;

    door_open(&door, f);
    peer_init(&far, f);
    door.next = &far;
    call(&c, f, host, door.port);
    await(f, &c.is_done);
    assert_int_equal(c.status, 0);
    assert_int_equal(peer_write(&c.peer, "hello", 5), 1);
    await(f, &door.has_accepted);
    peer_await_bytes(&far, 5);
    peer_deinit(&c.peer);
    peer_deinit(&far);
    assert_int_equal(c.connected_count, 1);
    door_close(&door);
}

static void test_connect__reaches_a_numeric_host(void **state)
{
    assert_connects(*state, "127.0.0.1");
}

static void test_connect__reaches_a_name_by_any_of_its_addresses(void **state)
{
    assert_connects(*state, "localhost");
    assert_connects(*state, "three.test");
}

static void test_connect__reports_a_refusal(void **state)
{
    struct caller c;

    call(&c, *state, "127.0.0.1", free_port(*state));
    await(c.peer.f, &c.is_done);
    assert_int_equal(c.status, -ECONNREFUSED);
    assert_null(c.peer.stream.backend);
    call(&c, *state, "three.test", free_port(*state));
    await(c.peer.f, &c.is_done);
    assert_int_equal(c.status, -ECONNREFUSED);
}

static void test_connect__failing_at_once_is_reported_later(void **state)
{
    struct caller c;

    call(&c, *state, "255.255.255.255", 1); /* TCP can't connect to the broadcast address. */
    assert_false(c.is_done);
    await(c.peer.f, &c.is_done);
    assert_true(c.status < 0);
    assert_int_equal(c.connected_count, 1);
}

static void test_connect__reports_an_unknown_name(void **state)
{
    const char *const hosts[] = {"", " ", "no..host", "::1::2"};
    struct caller c;

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        call(&c, *state, hosts[i], 1);
        await(c.peer.f, &c.is_done);
        assert_true(c.status == -ENXIO || c.status == -EAGAIN);
    }
}

static void test_connect__can_be_cancelled(void **state)
{
    struct door door;
    struct caller c;

    door_open(&door, *state);
    call(&c, *state, "127.0.0.1", door.port);
    cancel(&c);
    await(c.peer.f, &c.is_done);
    assert_int_equal(c.status, -ECANCELED);
    run_for(c.peer.f, 5 * MS_NS);
    assert_int_equal(c.connected_count, 1);
    assert_null(c.peer.stream.backend);
    door_close(&door);
}

static void test_connect__can_be_cancelled_while_it_resolves(void **state)
{
    struct door door;
    struct caller c;

    assert_int_equal(sem_init(&slow_has_begun, 0, 0), 0);
    assert_int_equal(sem_init(&slow_may_go_on, 0, 0), 0);
    door_open(&door, *state);
    call(&c, *state, "slow.test", door.port);
    sem_wait(&slow_has_begun); /* From here on the lookup can't be cancelled. */
    cancel(&c);
    await(c.peer.f, &c.is_done);
    assert_int_equal(c.status, -ECANCELED);
    sem_post(&slow_may_go_on);
    run_for(c.peer.f, 20 * MS_NS); /* The attempt ends and is freed. */
    assert_int_equal(c.connected_count, 1);
    assert_int_equal(door.accepted_count, 0);
    door_close(&door);
}

static void test_connect__can_be_cancelled_before_its_failure_is_reported(void **state)
{
    struct caller c;

    call(&c, *state, "255.255.255.255", 1);
    cancel(&c);
    await(c.peer.f, &c.is_done);
    assert_int_equal(c.status, -ECANCELED);
    assert_int_equal(c.connected_count, 1);
}

static void test_connect__stream_can_be_closed_from_connected(void **state)
{
    struct door door;
    struct caller c;

    door_open(&door, *state);
    call(&c, *state, "127.0.0.1", door.port);
    c.closes = true;
    await(c.peer.f, &c.peer.is_closed);
    assert_int_equal(c.connected_count, 1);
    assert_int_equal(c.peer.room_count, 0);
    door_close(&door);
}

static void test_connect__can_be_made_again_with_the_same_structs(void **state)
{
    struct fixture *f = *state;
    struct door door;
    struct caller c;

    door_open(&door, f);
    for (int i = 0; i < 50; i++) {
        call(&c, f, "127.0.0.1", door.port);
        await(f, &c.is_done);
        assert_int_equal(c.status, 0);
        peer_deinit(&c.peer);
    }
    door_close(&door);
}

static void test_connect__left_pending_is_dropped_with_the_loop(void **state)
{
    struct caller *c = memory_take(3 * sizeof *c);

    call(&c[0], *state, "localhost", 1);
    call(&c[1], *state, "127.0.0.1", 1);
    call(&c[2], *state, "255.255.255.255", 1);
    free(c); /* Sanitizers notice a later use, or a leak. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_connect__reaches_a_numeric_host),
        IO_TEST(test_connect__reaches_a_name_by_any_of_its_addresses),
        IO_TEST(test_connect__reports_a_refusal),
        IO_TEST(test_connect__failing_at_once_is_reported_later),
        IO_TEST(test_connect__reports_an_unknown_name),
        IO_TEST(test_connect__can_be_cancelled),
        IO_TEST(test_connect__can_be_cancelled_while_it_resolves),
        IO_TEST(test_connect__can_be_cancelled_before_its_failure_is_reported),
        IO_TEST(test_connect__stream_can_be_closed_from_connected),
        IO_TEST(test_connect__can_be_made_again_with_the_same_structs),
        IO_TEST(test_connect__left_pending_is_dropped_with_the_loop),
    };

    return cmocka_run_group_tests_name("io/connect", tests, NULL, NULL);
}
