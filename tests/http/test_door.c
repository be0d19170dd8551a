/* The threads of the door, before a node that is a table of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "http/door.h"
#include "http/patience.h"
#include "resp/resp.h"

/* --- the node ------------------------------------------------------------------------------- */

enum { LINKS_MAX = 512 };

struct fake_node {
    pthread_mutex_t lock;
    pthread_t threads[LINKS_MAX];
    int count;
    bool is_silent; /* It takes connections, and says nothing. */
};

struct fake_link {
    int fd;
    bool is_silent;
};

static const struct {
    const char *command;
    const char *reply;
} replies[] = {
    {"HELLO", "%1\r\n+server\r\n+redis\r\n"},
    {"PING", "+PONG\r\n"},
    {"DBSIZE", ":3\r\n"},
    {"INFO", "$47\r\nloading:0\r\nquarantine:no\r\nraft_commit_index:2\r\n\r\n"},
    {"RAFT", "*1\r\n*4\r\n:2\r\n:1\r\n+command\r\n+x\r\n"},
};

static const char *reply_to(struct slice name)
{
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        if (slice_is(name, replies[i].command)) {
            return replies[i].reply;
        }
    }
    return "-ERR unknown\r\n";
}

/* Answers what has come. */
static void answer(struct fake_link *l, struct resp_parser *parser, struct buffer *in)
{
    const char *error = NULL;
    size_t used = 0;

    while (resp_parse(parser, buffer_slice(in), &used, &error) == RESP_REQUEST) {
        const char *reply = reply_to(parser->arguments[0]);

        (void)send(l->fd, reply, strlen(reply), MSG_NOSIGNAL);
        buffer_consume(in, used);
    }
}

static void *serve_link(void *context)
{
    struct fake_link *l = context;
    struct resp_limits limits = resp_limits_default();
    struct resp_parser parser;
    struct buffer in = {0};
    char bytes[4096];
    ssize_t size;

    resp_parser_init(&parser, &limits);
    while ((size = recv(l->fd, bytes, sizeof bytes, 0)) > 0) {
        buffer_append(&in, bytes, (size_t)size);
        if (!l->is_silent) {
            answer(l, &parser, &in);
        }
    }
    resp_parser_deinit(&parser);
    buffer_deinit(&in);
    close(l->fd);
    free(l);
    return NULL;
}

static int connect_fake(void *context, const struct sockaddr *peer)
{
    struct fake_node *n = context;
    struct fake_link *l = malloc(sizeof *l);
    int ends[2];

    CHECK(l != NULL && peer->sa_family == AF_INET);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    *l = (struct fake_link){.fd = ends[1], .is_silent = n->is_silent};
    CHECK(pthread_mutex_lock(&n->lock) == 0);
    CHECK(n->count < LINKS_MAX);
    CHECK(pthread_create(&n->threads[n->count++], NULL, serve_link, l) == 0);
    CHECK(pthread_mutex_unlock(&n->lock) == 0);
    return ends[0];
}

/* --- the door ------------------------------------------------------------------------------- */

struct fixture {
    struct fake_node node;
    struct door *door;
    struct sockaddr_in address;
};

static int up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    socklen_t size = sizeof f->address;
    struct http_options options = {.host = "127.0.0.1", .announced = "", .connect = connect_fake};
    char text[200] = "";

    CHECK(f != NULL && pthread_mutex_init(&f->node.lock, NULL) == 0);
    options.context = &f->node;
    f->door = http_open(&options, text, sizeof text);
    CHECK(f->door != NULL && http_start(f->door));
    CHECK(getsockname(f->door->listen_fd, (struct sockaddr *)&f->address, &size) == 0);
    *state = f;
    return 0;
}

static void close_door(struct fixture *f)
{
    if (f->door != NULL) {
        http_close(f->door);
        f->door = NULL;
        for (int i = 0; i < f->node.count; i++) {
            CHECK(pthread_join(f->node.threads[i], NULL) == 0);
        }
    }
}

static int down(void **state)
{
    struct fixture *f = *state;

    close_door(f);
    CHECK(pthread_mutex_destroy(&f->node.lock) == 0);
    free(f);
    return 0;
}

static int dial(const struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&f->address, sizeof f->address) == 0);
    return fd;
}

/* The status of the answer; 0: there is none. */
static int get(const struct fixture *f, const char *path)
{
    char text[256];
    int fd = dial(f);
    int status = 0;
    int size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    ssize_t received;

    CHECK(send(fd, text, (size_t)size, MSG_NOSIGNAL) == size);
    received = recv(fd, text, sizeof text - 1, MSG_WAITALL);
    if (received > 12) {
        text[received] = '\0';
        status = (int)strtol(text + 9, NULL, 10);
    }
    close(fd);
    return status;
}

static void await_text(int fd, const char *wanted)
{
    char text[16 * 1024] = "";
    size_t size = 0;

    while (strstr(text, wanted) == NULL) {
        ssize_t received = recv(fd, text + size, sizeof text - 1 - size, 0);

        CHECK(received > 0);
        size += (size_t)received;
        text[size] = '\0';
    }
}

static int count_links(struct fixture *f)
{
    int count;

    CHECK(pthread_mutex_lock(&f->node.lock) == 0);
    count = f->node.count;
    CHECK(pthread_mutex_unlock(&f->node.lock) == 0);
    return count;
}

static void *ask_often(void *context)
{
    static const char *const paths[] = {"/livez", "/readyz?verbose", "/status.json", "/", "/none"};
    int good = 0;

    for (int i = 0; i < 10; i++) {
        int status = get(context, paths[i % 5]);

        good += status == (i % 5 == 4 ? 404 : 200);
    }
    return good == 10 ? context : NULL;
}

static void test_door__serves_many_at_once(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[8];

    for (size_t i = 0; i < 8; i++) {
        CHECK(pthread_create(&threads[i], NULL, ask_often, f) == 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *result = NULL;

        CHECK(pthread_join(threads[i], &result) == 0);
        assert_non_null(result);
    }
    assert_int_equal(f->door->budget.held_bytes, 0);
}

static void test_door__ends_with_all_that_goes_on(void **state)
{
    struct fixture *f = *state;
    int64_t begun_ms;
    int idle = dial(f);
    int slow = dial(f);
    int stream = dial(f);
    static const char events[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";

    CHECK(send(slow, events, 10, MSG_NOSIGNAL) == 10);
    CHECK(send(stream, events, sizeof events - 1, MSG_NOSIGNAL) == sizeof events - 1);
    await_text(stream, "event: slow");
    begun_ms = patience_now_ms();
    close_door(f);
    assert_true(patience_now_ms() - begun_ms < 1500);
    close(idle);
    close(slow);
    close(stream);
}

static void test_door__answers_for_a_node_that_does_not(void **state)
{
    struct fixture *f = *state;

    f->node.is_silent = true;
    assert_int_equal(get(f, "/livez"), 503);
}

static void test_door__leaves_the_time_of_a_node_that_does_not_answer(void **state)
{
    struct fixture *f = *state;
    int64_t begun_ms = patience_now_ms();
    int fd;

    f->node.is_silent = true;
    fd = dial(f);
    CHECK(send(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 35, MSG_NOSIGNAL) == 35);
    while (count_links(f) == 0) {
        struct patience pause = patience_for(-1, 2);

        (void)patience_pause(&pause);
    }
    close_door(f);
    assert_true(patience_now_ms() - begun_ms < 1500);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_door__serves_many_at_once),
        TEST(test_door__ends_with_all_that_goes_on),
        TEST(test_door__answers_for_a_node_that_does_not),
        TEST(test_door__leaves_the_time_of_a_node_that_does_not_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
