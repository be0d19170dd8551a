/* Connections of rakit-cli, and their time limits. */
#include "cli/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 300, LIMIT_MS = 10000, TEST_LIMIT_S = 60 };

typedef int getaddrinfo_function(const char *, const char *, const struct addrinfo *,
                                 struct addrinfo **);

/* Posted when a lookup of "slow.test" may end, and when it does. Global, because the resolver
 * below is called in another thread, without any argument of ours. */
static sem_t may_go_on;
static sem_t goes_on;

static int resolve(const char *host, const char *port, const struct addrinfo *hints,
                   struct addrinfo **ret_list)
{
    getaddrinfo_function *real;

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo"); /* The cast that POSIX recommends. */
    return real(host, port, hints, ret_list);
}

/* Replaces the C library's. "two.test" is 127.0.0.2 first, then 127.0.0.1. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    if (strcmp(host, "none.test") == 0) {
        return EAI_NONAME;
    }
    if (strcmp(host, "slow.test") == 0) {
        sem_wait(&may_go_on);
        sem_post(&goes_on);
        return EAI_NONAME;
    }
    if (strcmp(host, "two.test") == 0) {
        int status = resolve("127.0.0.2", port, hints, ret_list);

        return status != 0 ? status : resolve("127.0.0.1", port, hints, &(*ret_list)->ai_next);
    }
    return resolve(host, port, hints, ret_list);
}

static int setup(void **state)
{
    alarm(TEST_LIMIT_S);
    return sem_init(&may_go_on, 0, 0) + sem_init(&goes_on, 0, 0);
}

static int teardown(void **state)
{
    alarm(0);
    return 0;
}

static void let_go_on(void)
{
    sem_post(&may_go_on);
    sem_wait(&goes_on);
}

/* Listens on 127.0.0.`last`, at `*port`, or anywhere if that is 0. */
static int listen_at(uint8_t last, uint16_t *port, int backlog)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static int open_to(struct connection *c, const char *host, uint16_t port, struct signals *signals)
{
    char text[8];

    snprintf(text, sizeof text, "%u", port);
    connection_init(c);
    return connection_open(c, host, text,
                           (struct patience){.timeout_ms = TIMEOUT_MS, .signals = signals});
}

static void test_connection__reaches_a_name(void **state)
{
    struct connection c;
    uint16_t port = 0;
    int fd = listen_at(1, &port, 8);

    assert_int_equal(open_to(&c, "two.test", port, NULL), 0); /* The first address refuses. */
    connection_deinit(&c);
    close(fd);
}

static void test_connection__unknown_name_is_reported(void **state)
{
    struct connection c;

    assert_int_equal(open_to(&c, "none.test", 1, NULL), CONNECTION_ELOST);
    assert_string_equal(c.error, gai_strerror(EAI_NONAME));
    connection_deinit(&c);
}

static void test_connection__silent_name_server_costs_no_more_than_the_timeout(void **state)
{
    uint64_t before_ms = connection_now_ms();
    struct connection c;

    assert_int_equal(open_to(&c, "slow.test", 1, NULL), CONNECTION_ETIMEDOUT);
    assert_in_range(connection_now_ms() - before_ms, TIMEOUT_MS, LIMIT_MS);
    assert_string_equal(c.error, "the name servers did not answer in time");
    connection_deinit(&c);
    let_go_on();
}

static void test_connection__lookup_can_be_broken_off(void **state)
{
    struct connection c;
    struct signals signals;

    assert_int_equal(signals_open(&signals), 0);
    raise(SIGINT);
    assert_int_equal(open_to(&c, "slow.test", 1, &signals), CONNECTION_EINTERRUPTED);
    connection_deinit(&c);
    signals_close(&signals);
    let_go_on();
}

static void test_connection__silent_address_leaves_time_for_the_next(void **state)
{
    struct sockaddr_in silent = {.sin_family = AF_INET};
    uint16_t port = 0;
    int fds[4] = {listen_at(1, &port, 8), listen_at(2, &port, 0), -1, -1};
    struct connection c;

    silent.sin_port = htons(port);
    silent.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    for (int i = 2; i < 4; i++) { /* Fills the backlog. */
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&silent, sizeof silent);
    }
    assert_int_equal(open_to(&c, "two.test", port, NULL), 0);
    connection_deinit(&c);
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
}

#define CONNECTION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONNECTION_TEST(test_connection__reaches_a_name),
        CONNECTION_TEST(test_connection__unknown_name_is_reported),
        CONNECTION_TEST(test_connection__silent_name_server_costs_no_more_than_the_timeout),
        CONNECTION_TEST(test_connection__lookup_can_be_broken_off),
        CONNECTION_TEST(test_connection__silent_address_leaves_time_for_the_next),
    };

    return cmocka_run_group_tests_name("cli/connection", tests, NULL, NULL);
}
