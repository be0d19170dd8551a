/* Many handshakes at once do not hold up the loop. In this program each look at the clock takes a
 * millisecond. */
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tls_pair.h"

enum { CROWD = 24 };

static struct authority authority;
static uint64_t clock_ns;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    clock_ns += 1000 * 1000;
    *ret_now = (struct timespec){.tv_sec = 1000000 + (time_t)(clock_ns / 1000000000),
                                 .tv_nsec = (long)(clock_ns % 1000000000)};
    return 0;
}

struct crowd {
    struct io_listener listener;
    struct fixture *f;
    struct io_tls tls;
    struct peer peers[CROWD];
    int fds[CROWD];
    int accepted_count;
    bool is_complete;
    int answered_count;
    int most_in_a_turn;
    bool is_answered;
    bool is_closed;
};

static void on_accepted(struct io_listener *listener)
{
    struct crowd *c = container_of(listener, struct crowd, listener);
    struct peer *p = &c->peers[c->accepted_count++];

    peer_init(p, c->f);
    p->stream.tls = &c->tls;
    assert_int_equal(io_accept(c->f->io, listener, &p->stream), 0);
    c->is_complete = c->accepted_count == CROWD;
}

static void on_closed(struct io_listener *listener)
{
    container_of(listener, struct crowd, listener)->is_closed = true;
}

/* How many have an answer now. */
static void on_turn(void *context)
{
    struct crowd *c = context;
    int count = 0;
    char byte;

    for (int i = 0; i < c->accepted_count; i++) {
        count += recv(c->fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? 1 : 0;
    }
    if (count - c->answered_count > c->most_in_a_turn) {
        c->most_in_a_turn = count - c->answered_count;
    }
    c->answered_count = count;
    c->is_answered = count == CROWD;
    if (c->f->awaited != NULL && *c->f->awaited) {
        io_uv_stop(c->f->io);
    }
}

/* A client's first message. */
static size_t make_hello(char *bytes, size_t size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *out = BIO_new(BIO_s_mem());
    int made;

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    SSL_set_connect_state(ssl);
    (void)SSL_do_handshake(ssl);
    made = BIO_read(out, bytes, (int)size);
    assert_true(made > 0);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return (size_t)made;
}

static void crowd_open(struct crowd *c, struct fixture *f)
{
    struct io_address address = address_of("127.0.0.1", 0);
    struct door door = {.port = 0};

    *c = (struct crowd){.f = f,
                        .listener = {.accepted = on_accepted, .closed = on_closed},
                        .tls = {.credentials = authority_load(&authority, f->io, "node", false),
                                .yields = true,
                                .handshake_ms = 1000 * 1000}};
    assert_int_equal(io_listen(f->io, &c->listener, &address, &door.port), 0);
    for (int i = 0; i < CROWD; i++) {
        c->fds[i] = raw_connect(&door);
    }
    await(f, &c->is_complete);
}

static void test_turns__many_handshakes_are_spread_over_many(void **state)
{
    struct fixture *f = *state;
    struct crowd c;
    char hello[2048];
    size_t size = make_hello(hello, sizeof hello);

    crowd_open(&c, f);
    io_set_turn(f->io, on_turn, &c);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(send(c.fds[i], hello, size, 0), size);
    }
    await(f, &c.is_answered);
    assert_in_range(c.most_in_a_turn, 1, 6);
    fixture_take_turn(f);
    for (int i = 0; i < CROWD; i++) {
        close(c.fds[i]);
        buffer_deinit(&c.peers[i].received);
        peer_close(&c.peers[i]);
        await(f, &c.peers[i].is_closed);
    }
    io_listener_close(f->io, &c.listener);
    await(f, &c.is_closed);
    io_credentials_free(c.tls.credentials);
}

static int make_authority(void **state)
{
    authority_make(&authority);
    authority_issue(&authority, "node", "IP:127.0.0.1", -3600, 3600);
    return 0;
}

static int remove_authority(void **state)
{
    authority_deinit(&authority);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_turns__many_handshakes_are_spread_over_many),
    };

    return cmocka_run_group_tests_name("io/tls_turns", tests, make_authority, remove_authority);
}
