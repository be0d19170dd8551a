/* Names of hosts, and slow name servers, on the libuv backend. */
#include "fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

enum { FRESH_MS = 1000, NAMES_MAX = 64 }; /* As in io_uv_names.c. */
enum { BEGUN_S = 10 };                    /* Time for lookups to begin, on a busy machine. */

/* --- a name service of our own --------------------------------------------- */

typedef int getaddrinfo_function(const char *, const char *, const struct addrinfo *,
                                 struct addrinfo **);

/* State of the resolver below. Global, because the resolver is called in other threads, without
 * any argument of ours. */
static sem_t has_begun;     /* Posted when a lookup of a slow name begins. */
static sem_t may_go_on;     /* Posted by the test when one of them may end. */
static sem_t goes_on;       /* Posted when it ends. */
static atomic_int asked;    /* Number of lookups. */
static atomic_bool is_slow; /* Names that begin with "slow" are slow. */
static atomic_bool is_gone; /* No name can be resolved. */

static int resolve(const char *host, const char *port, const struct addrinfo *hints,
                   struct addrinfo **ret_list)
{
    getaddrinfo_function *real;

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo"); /* The cast that POSIX recommends. */
    return real(host, port, hints, ret_list);
}

/* Replaces the C library's. All names in "test" are this machine; "two.test" is 127.0.0.2 first. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    bool is_two = strcmp(host, "two.test") == 0;

    if (strstr(host, ".test") == NULL) {
        return resolve(host, port, hints, ret_list);
    }
    atomic_fetch_add(&asked, 1);
    if (atomic_load(&is_slow) && strncmp(host, "slow", 4) == 0) {
        sem_post(&has_begun);
        sem_wait(&may_go_on);
        sem_post(&goes_on);
    }
    if (atomic_load(&is_gone)) {
        return EAI_NONAME;
    }
    int status = resolve(is_two ? "127.0.0.2" : "127.0.0.1", port, hints, ret_list);

    return status == 0 && is_two ? resolve("127.0.0.1", port, hints, &(*ret_list)->ai_next)
                                 : status;
}

static int names_setup(void **state)
{
    assert_int_equal(sem_init(&has_begun, 0, 0), 0);
    assert_int_equal(sem_init(&may_go_on, 0, 0), 0);
    assert_int_equal(sem_init(&goes_on, 0, 0), 0);
    atomic_store(&asked, 0);
    atomic_store(&is_slow, true);
    atomic_store(&is_gone, false);
    return fixture_setup(state);
}

/* On failure the test is aborted, because waiting callers can't be torn down. */
static void await_begun(int count)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += BEGUN_S;
    for (int i = 0; i < count; i++) {
        CHECK(sem_clockwait(&has_begun, CLOCK_MONOTONIC, &end) == 0);
    }
}

static void let_go_on(int count)
{
    for (int i = 0; i < count; i++) {
        sem_post(&may_go_on);
        sem_wait(&goes_on);
    }
}

/* --- callers --------------------------------------------------------------- */

struct caller {
    struct io_connect connect;
    struct peer peer;
    int status;
    bool is_done;
};

static void on_connected(struct io_connect *connect, int status)
{
    struct caller *c = container_of(connect, struct caller, connect);

    assert_from_loop(c->peer.f);
    c->status = status;
    c->is_done = true;
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

/* Waits for the result, and closes the connection again. */
static int outcome(struct caller *c)
{
    await(c->peer.f, &c->is_done);
    peer_deinit(&c->peer);
    return c->status;
}

static int call_out(struct fixture *f, const char *host, uint16_t port)
{
    struct caller c;

    call(&c, f, host, port);
    return outcome(&c);
}

static void cancel(struct caller *c)
{
    call_begin(c->peer.f);
    io_connect_cancel(c->peer.f->io, &c->connect);
    call_end(c->peer.f);
    assert_int_equal(outcome(c), -ECANCELED);
}

static uint64_t now_ms(struct fixture *f)
{
    return io_now_ns(f->io) / MS_NS;
}

/* --- lookups --------------------------------------------------------------- */

static void test_names__a_slow_one_does_not_hold_up_others(void **state)
{
    enum { SLOW_COUNT = 8 };
    struct caller slow[SLOW_COUNT];
    struct door door;
    char host[32];

    door_open(&door, *state);
    for (int i = 0; i < SLOW_COUNT; i++) {
        snprintf(host, sizeof host, "slow%d.test", i);
        call(&slow[i], *state, host, door.port);
    }
    await_begun(SLOW_COUNT);
    assert_int_equal(call_out(*state, "quick.test", door.port), 0);
    for (int i = 0; i < SLOW_COUNT; i++) {
        assert_false(slow[i].is_done);
        cancel(&slow[i]);
    }
    let_go_on(SLOW_COUNT);
    door_close(&door);
}

static void test_names__are_looked_up_once_for_all_who_ask(void **state)
{
    struct caller callers[4];
    struct door door;

    door_open(&door, *state);
    for (int i = 0; i < 4; i++) {
        call(&callers[i], *state, "slow.test", door.port);
    }
    await_begun(1);
    let_go_on(1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(outcome(&callers[i]), 0);
    }
    assert_int_equal(call_out(*state, "slow.test", door.port), 0); /* The answer is still fresh. */
    assert_int_equal(atomic_load(&asked), 1);
    door_close(&door);
}

static void test_names__answer_is_kept_if_nobody_waits_for_it(void **state)
{
    struct door door;
    struct caller c;

    door_open(&door, *state);
    call(&c, *state, "slow.test", door.port);
    await_begun(1);
    cancel(&c);
    call(&c, *state, "slow.test", door.port);
    let_go_on(1);
    assert_int_equal(outcome(&c), 0);
    assert_int_equal(atomic_load(&asked), 1);
    door_close(&door);
}

static void test_names__silent_name_server_is_soon_reported(void **state)
{
    struct fixture *f = *state;
    uint64_t before_ms = now_ms(f);

    assert_int_equal(call_out(f, "slow.test", 1), -EAGAIN);
    assert_in_range(now_ms(f) - before_ms, 500, 10000);
    let_go_on(1);
}

/* Looks up the name and lets the answer expire. */
static void grow_old(struct fixture *f, const char *host, uint16_t port)
{
    atomic_store(&is_slow, false);
    assert_int_equal(call_out(f, host, port), 0);
    atomic_store(&is_slow, true);
    run_for(f, (FRESH_MS + 1) * (uint64_t)MS_NS);
}

static void test_names__last_addresses_serve_while_it_is_looked_up(void **state)
{
    struct fixture *f = *state;
    struct door door;

    door_open(&door, f);
    grow_old(f, "slow.test", door.port);
    uint64_t before_ms = now_ms(f);

    assert_int_equal(call_out(f, "slow.test", door.port), 0);
    assert_int_equal(call_out(f, "slow.test", door.port), 0);
    assert_in_range(now_ms(f) - before_ms, 0, 1000);
    await_begun(1);
    assert_int_equal(atomic_load(&asked), 2);
    let_go_on(1);
    door_close(&door);
}

static void test_names__last_addresses_serve_if_the_name_is_gone(void **state)
{
    struct door door;

    door_open(&door, *state);
    grow_old(*state, "quick.test", door.port);
    atomic_store(&is_gone, true);
    assert_int_equal(call_out(*state, "quick.test", door.port), 0);
    assert_int_equal(atomic_load(&asked), 2);
    door_close(&door);
    /* If they fail, the reason is reported. */
    assert_int_equal(call_out(*state, "quick.test", door.port), -ENXIO);
}

static void test_names__new_answer_replaces_the_last_one(void **state)
{
    struct door door;

    door_open(&door, *state);
    atomic_store(&is_gone, true);
    assert_int_equal(call_out(*state, "quick.test", door.port), -ENXIO);
    atomic_store(&is_gone, false);
    run_for(*state, (FRESH_MS + 1) * (uint64_t)MS_NS);
    assert_int_equal(call_out(*state, "quick.test", door.port), 0);
    door_close(&door);
}

static void test_names__oldest_makes_room(void **state)
{
    struct door door;
    char host[32];

    door_open(&door, *state);
    for (int i = 0; i <= NAMES_MAX; i++) {
        snprintf(host, sizeof host, "quick%d.test", i);
        assert_int_equal(call_out(*state, host, door.port), 0);
    }
    assert_int_equal(call_out(*state, "quick1.test", door.port), 0);
    assert_int_equal(atomic_load(&asked), NAMES_MAX + 1);
    assert_int_equal(call_out(*state, "quick0.test", door.port), 0);
    assert_int_equal(atomic_load(&asked), NAMES_MAX + 2);
    door_close(&door);
}

static void test_names__lookups_have_a_limit(void **state)
{
    struct caller *slow = memory_take(NAMES_MAX * sizeof *slow);
    struct door door;
    char host[32];

    door_open(&door, *state);
    for (int i = 0; i < NAMES_MAX; i++) {
        snprintf(host, sizeof host, "slow%d.test", i);
        call(&slow[i], *state, host, door.port);
    }
    await_begun(NAMES_MAX);
    assert_int_equal(call_out(*state, "quick.test", door.port), -EAGAIN);
    let_go_on(NAMES_MAX);
    for (int i = 0; i < NAMES_MAX; i++) {
        assert_int_equal(outcome(&slow[i]), 0);
    }
    assert_int_equal(call_out(*state, "quick.test", door.port), 0);
    free(slow);
    door_close(&door);
}

static void test_names__lookup_does_not_hold_up_the_end(void **state)
{
    struct fixture *f = *state;
    struct caller c;

    call(&c, f, "slow.test", 1);
    await_begun(1);
    io_uv_free(f->io); /* If it waited, the alarm would end the test. */
    f->io = io_uv_new();
    let_go_on(1);
}

/* --- addresses ------------------------------------------------------------- */

/* Listens there and fills the backlog, so that further connections get no answer. */
static void deaf_open(uint16_t port, int fds[3])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    for (int i = 0; i < 3; i++) {
        int type = SOCK_STREAM | SOCK_CLOEXEC | (i == 2 ? SOCK_NONBLOCK : 0);

        fds[i] = socket(AF_INET, type, 0);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&at, sizeof at), 0);
    (void)connect(fds[2], (struct sockaddr *)&at, sizeof at);
}

static void test_names__silent_address_is_skipped(void **state)
{
    struct door door;
    int fds[3];

    door_open(&door, *state);
    deaf_open(door.port, fds);
    assert_int_equal(call_out(*state, "two.test", door.port), 0);
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    door_close(&door);
}

#define NAMES_TEST(name) cmocka_unit_test_setup_teardown(name, names_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NAMES_TEST(test_names__a_slow_one_does_not_hold_up_others),
        NAMES_TEST(test_names__are_looked_up_once_for_all_who_ask),
        NAMES_TEST(test_names__answer_is_kept_if_nobody_waits_for_it),
        NAMES_TEST(test_names__silent_name_server_is_soon_reported),
        NAMES_TEST(test_names__last_addresses_serve_while_it_is_looked_up),
        NAMES_TEST(test_names__last_addresses_serve_if_the_name_is_gone),
        NAMES_TEST(test_names__new_answer_replaces_the_last_one),
        NAMES_TEST(test_names__oldest_makes_room),
        NAMES_TEST(test_names__lookups_have_a_limit),
        NAMES_TEST(test_names__lookup_does_not_hold_up_the_end),
        NAMES_TEST(test_names__silent_address_is_skipped),
    };

    return cmocka_run_group_tests_name("io/names", tests, NULL, NULL);
}
