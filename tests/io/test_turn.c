/* The turn: once after each batch of callbacks of any kind, and before the loop waits. Each test
 * records what happens in a string, in which 't' is a turn. */
#include "fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct diary {
    struct fixture *f;
    char text[64];
    size_t length;
    struct io_timer timers[3];
    struct io_connect connect;
    struct io_stream stream;
    struct io_job job;
    void (*on_turn)(struct diary *diary); /* May be NULL. */
    size_t stop_at;                       /* Stops the loop in a turn once so much is recorded. */
};

static void note(struct diary *d, char what)
{
    assert_true(d->length + 1 < sizeof d->text);
    d->text[d->length++] = what;
}

static void on_turn(void *context)
{
    struct diary *d = context;

    note(d, 't');
    if (d->on_turn != NULL) {
        d->on_turn(d);
    }
    if (d->length >= d->stop_at) {
        io_uv_stop(d->f->io);
    }
}

static void diary_init(struct diary *d, struct fixture *f)
{
    *d = (struct diary){.f = f};
    io_set_turn(f->io, on_turn, d);
}

static void run_until_written(struct diary *d, const char *expected)
{
    d->stop_at = strlen(expected);
    io_uv_run(d->f->io);
    assert_string_equal(d->text, expected);
}

/* --- timers ---------------------------------------------------------------- */

static void on_first_fired(struct io_timer *timer)
{
    note(container_of(timer, struct diary, timers[0]), '0');
}

static void on_second_fired(struct io_timer *timer)
{
    note(container_of(timer, struct diary, timers[1]), '1');
}

static void on_third_fired(struct io_timer *timer)
{
    note(container_of(timer, struct diary, timers[2]), '2');
}

static void start_timer(struct diary *d, size_t i, uint64_t span_ns)
{
    void (*const fired[])(struct io_timer *) = {on_first_fired, on_second_fired, on_third_fired};

    d->timers[i].fired = fired[i];
    io_timer_start(d->f->io, &d->timers[i], io_now_ns(d->f->io) + span_ns);
}

static void test_turn__comes_once_after_each_batch_of_timers(void **state)
{
    struct diary d;

    diary_init(&d, *state);
    start_timer(&d, 0, 0);
    start_timer(&d, 1, 0);
    start_timer(&d, 2, 20 * MS_NS); /* The wait in between causes no turn. */
    run_until_written(&d, "01t2t");
}

static void start_second_once(struct diary *d)
{
    d->on_turn = NULL;
    start_timer(d, 1, 0);
}

static void test_turn__is_not_repeated_unless_callbacks_come(void **state)
{
    struct diary d;

    diary_init(&d, *state);
    d.on_turn = start_second_once;
    start_timer(&d, 0, 0);
    start_timer(&d, 2, 20 * MS_NS);
    run_until_written(&d, "0t1t2t");
}

static void ask_for_one_more_once(struct diary *d)
{
    d->on_turn = NULL;
    io_turn_soon(d->f->io);
}

static void test_turn__comes_once_more_without_a_wait_if_it_is_asked_for(void **state)
{
    struct diary d;

    diary_init(&d, *state);
    d.on_turn = ask_for_one_more_once;
    start_timer(&d, 0, 0);
    start_timer(&d, 1, 20 * MS_NS);
    run_until_written(&d, "0tt1t");
}

/* --- streams --------------------------------------------------------------- */

static void test_turn__comes_once_for_many_streams(void **state)
{
    enum { COUNT = 5 };
    struct fixture *f = *state;
    struct door door;
    struct peer peers[COUNT];
    int fds[COUNT];
    int before;

    door_open(&door, f);
    for (int i = 0; i < COUNT; i++) {
        peer_init(&peers[i], f);
        fds[i] = raw_pair(&door, &peers[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(send(fds[i], "x", 1, 0), 1);
    }
    before = f->turn_count;
    await(f, &peers[0].has_data);
    assert_int_equal(f->turn_count, before + 1);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(peers[i].received_count, 1);
        close(fds[i]);
        peer_deinit(&peers[i]);
    }
    door_close(&door);
}

static void on_connected(struct io_connect *connect, int status)
{
    note(container_of(connect, struct diary, connect), status == 0 ? 'c' : 'f');
}

static void on_closed(struct io_stream *stream)
{
    note(container_of(stream, struct diary, stream), 'x');
}

static void start_connect(struct diary *d, const char *host, uint16_t port)
{
    struct io_address address = address_of(host, port);

    d->connect.connected = on_connected;
    d->stream.closed = on_closed;
    io_connect(d->f->io, &d->connect, &d->stream, &address);
}

static void connect_in_vain_once(struct diary *d)
{
    d->on_turn = NULL;
    start_connect(d, "255.255.255.255", 1);
}

static void test_turn__comes_after_a_failure_known_in_the_turn_before(void **state)
{
    struct diary d;

    diary_init(&d, *state);
    d.on_turn = connect_in_vain_once;
    start_timer(&d, 0, 0);
    start_timer(&d, 1, 20 * MS_NS);
    run_until_written(&d, "0tft1t");
}

static void close_stream_once(struct diary *d)
{
    d->on_turn = NULL;
    io_stream_close(d->f->io, &d->stream);
}

/* A listening socket outside the loop: the kernel accepts connections to it. */
static int raw_listen(uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void test_turn__comes_after_closed(void **state)
{
    struct diary d;
    uint16_t port;
    int fd = raw_listen(&port);

    diary_init(&d, *state);
    d.on_turn = close_stream_once;
    start_connect(&d, "127.0.0.1", port);
    run_until_written(&d, "ctxt");
    close(fd);
}

/* --- jobs and signals ------------------------------------------------------ */

static void on_run(struct io_job *job)
{
}

static void on_done(struct io_job *job)
{
    note(container_of(job, struct diary, job), 'd');
}

static void test_turn__comes_after_a_finished_job(void **state)
{
    struct diary d;
    struct io_worker *worker;

    diary_init(&d, *state);
    worker = io_worker_start(d.f->io, "test");
    d.job = (struct io_job){.run = on_run, .done = on_done};
    io_worker_submit(worker, &d.job);
    run_until_written(&d, "dt");
    io_worker_stop(worker);
}

static void on_signal(void *context, int signal_number)
{
    struct diary *d = context;

    assert_int_equal(signal_number, SIGUSR1);
    note(d, 's');
}

static void test_turn__comes_after_a_signal(void **state)
{
    struct diary d;

    diary_init(&d, *state);
    io_uv_on_signal(d.f->io, SIGUSR1, on_signal, &d);
    raise(SIGUSR1);
    run_until_written(&d, "st");
    raise(SIGUSR1);
    run_until_written(&d, "stst");
}

static void raise_and_ask_once(struct diary *d)
{
    d->on_turn = NULL;
    raise(SIGUSR1);
    io_turn_soon(d->f->io);
}

static void test_turn__asked_for_comes_after_what_is_there_by_then(void **state)
{
    struct diary d;

    diary_init(&d, *state);
    io_uv_on_signal(d.f->io, SIGUSR1, on_signal, &d);
    d.on_turn = raise_and_ask_once;
    start_timer(&d, 0, 0);
    start_timer(&d, 1, 20 * MS_NS);
    run_until_written(&d, "0tst1t");
}

static void on_fired_stopping(struct io_timer *timer)
{
    struct diary *d = container_of(timer, struct diary, timers[0]);

    note(d, '0');
    io_uv_stop(d->f->io);
}

static void on_data_stopping(struct io_stream *stream, int64_t size)
{
    io_uv_stop(container_of(stream, struct peer, stream)->f->io);
}

static void test_run__stopped_by_a_callback_gives_its_turn_first(void **state)
{
    struct fixture *f = *state;
    struct diary d;
    struct door door;
    struct peer peer;
    int fd;

    door_open(&door, f);
    peer_init(&peer, f);
    fd = raw_pair(&door, &peer);
    diary_init(&d, f);

    start_timer(&d, 0, 0);
    d.timers[0].fired = on_fired_stopping;
    d.stop_at = SIZE_MAX;
    io_uv_run(f->io);
    assert_string_equal(d.text, "0t");

    peer.stream.received = on_data_stopping;
    assert_int_equal(send(fd, "x", 1, 0), 1);
    io_uv_run(f->io);
    assert_string_equal(d.text, "0tt");

    fixture_take_turn(f);
    close(fd);
    peer_deinit(&peer);
    door_close(&door);
}

static void test_run__stopped_before_it_runs_returns_at_once(void **state)
{
    struct diary d;

    diary_init(&d, *state);
    start_timer(&d, 0, 0);
    io_uv_stop(d.f->io);
    io_uv_run(d.f->io);
    assert_string_equal(d.text, "");
    run_until_written(&d, "0t"); /* And goes on when it is run again. */
}

static void test_free__delivers_closed_if_it_is_owed(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);
    struct door door;
    struct peer peer;
    int fd;

    f->io = io_uv_new();
    fixture_take_turn(f);
    door_open(&door, f);
    peer_init(&peer, f);
    fd = raw_pair(&door, &peer);
    io_stream_close(f->io, &peer.stream);
    io_listener_close(f->io, &door.listener);
    io_uv_free(f->io);
    assert_true(peer.is_closed);
    assert_true(door.is_closed);
    close(fd);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_turn__comes_once_after_each_batch_of_timers),
        IO_TEST(test_turn__is_not_repeated_unless_callbacks_come),
        IO_TEST(test_turn__comes_once_more_without_a_wait_if_it_is_asked_for),
        IO_TEST(test_turn__comes_once_for_many_streams),
        IO_TEST(test_turn__comes_after_a_failure_known_in_the_turn_before),
        IO_TEST(test_turn__comes_after_closed),
        IO_TEST(test_turn__comes_after_a_finished_job),
        IO_TEST(test_turn__comes_after_a_signal),
        IO_TEST(test_turn__asked_for_comes_after_what_is_there_by_then),
        IO_TEST(test_run__stopped_by_a_callback_gives_its_turn_first),
        IO_TEST(test_run__stopped_before_it_runs_returns_at_once),
        IO_TEST(test_free__delivers_closed_if_it_is_owed),
    };

    return cmocka_run_group_tests_name("io/turn", tests, NULL, NULL);
}
