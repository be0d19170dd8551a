/* Connections that other threads of a process make to its loop. */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

struct caller {
    struct io *io;
    struct sockaddr_in peer;
    int fd;
};

static struct sockaddr_in address_v4(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(4711)};

    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return address;
}

static void *call(void *context)
{
    struct caller *c = context;

    c->fd = io_uv_connect_inside(c->io, (const struct sockaddr *)&c->peer);
    return NULL;
}

/* From a thread of its own. */
static int connect_from(struct fixture *f, const char *peer)
{
    struct caller c = {.io = f->io, .peer = address_v4(peer)};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, call, &c), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return c.fd;
}

static void open_inside(struct door *d, struct fixture *f, struct peer *p)
{
    door_open(d, f);
    peer_init(p, f);
    d->next = p;
    call_begin(f);
    io_uv_open_inside(f->io, &d->listener);
    call_end(f);
}

static void test_inside__is_accepted_as_a_connection_of_its_peer(void **state)
{
    struct fixture *f = *state;
    struct door d;
    struct peer p;
    char text[64];
    int fd;

    open_inside(&d, f, &p);
    fd = connect_from(f, "10.1.2.3");
    assert_true(fd >= 0);
    await(f, &d.has_accepted);
    io_stream_peer(f->io, &p.stream, text, sizeof text);
    assert_string_equal(text, "10.1.2.3:4711");
    assert_false(io_stream_is_local(f->io, &p.stream));
    assert_int_equal(write(fd, "abc", 3), 3);
    peer_await_bytes(&p, 3);
    assert_int_equal(peer_write(&p, "de", 2), 1);
    assert_int_equal(read(fd, text, sizeof text), 2);
    close(fd);
    await(f, &p.has_ended);
    peer_deinit(&p);
    door_close(&d);
}

static void test_inside__is_local_if_its_peer_is(void **state)
{
    struct fixture *f = *state;
    struct door d;
    struct peer p;
    int fd;

    open_inside(&d, f, &p);
    fd = connect_from(f, "127.0.0.1");
    await(f, &d.has_accepted);
    assert_true(io_stream_is_local(f->io, &p.stream));
    close(fd);
    peer_deinit(&p);
    door_close(&d);
}

static void test_inside__is_refused_once_the_listener_is_closed(void **state)
{
    struct fixture *f = *state;
    struct door d;
    struct peer p;
    char byte;
    int fd;

    assert_int_equal(connect_from(f, "127.0.0.1"), -ECONNREFUSED);
    open_inside(&d, f, &p);
    fd = connect_from(f, "127.0.0.1");
    assert_true(fd >= 0);
    door_close(&d); /* Before the loop has taken it. */
    assert_int_equal(read(fd, &byte, 1), 0);
    assert_int_equal(d.accepted_count, 0);
    close(fd);
    assert_int_equal(connect_from(f, "127.0.0.1"), -ECONNREFUSED);
    peer_deinit(&p);
}

static void test_inside__only_so_many_wait(void **state)
{
    struct fixture *f = *state;
    struct door d;
    struct peer p;
    int fds[1000];
    int count = 0;

    open_inside(&d, f, &p);
    d.next = NULL; /* All are refused. */
    while (count < 1000 && (fds[count] = connect_from(f, "127.0.0.1")) >= 0) {
        count++;
    }
    assert_in_range(count, 1, 999);
    assert_int_equal(fds[count], -EAGAIN);
    await(f, &d.has_accepted);
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
    peer_deinit(&p);
    door_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_inside__is_accepted_as_a_connection_of_its_peer),
        IO_TEST(test_inside__is_local_if_its_peer_is),
        IO_TEST(test_inside__is_refused_once_the_listener_is_closed),
        IO_TEST(test_inside__only_so_many_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
