/* Encrypted streams of the libuv backend: the contract of io.h, over TLS. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_pair.h"

#include "io/io_uv_internal.h"

static struct authority authority;

static int make_authority(void **state)
{
    authority_make(&authority);
    authority_issue(&authority, "node", "DNS:localhost,IP:127.0.0.1", -3600, 3600);
    return 0;
}

static int remove_authority(void **state)
{
    authority_deinit(&authority);
    return 0;
}

static void pair_prepare(struct tls_pair *pair, struct fixture *f)
{
    tls_pair_init(pair, f, authority_load(&authority, f->io, NULL, false),
                  authority_load(&authority, f->io, "node", false));
}

static void pair_open(struct tls_pair *pair, struct fixture *f)
{
    pair_prepare(pair, f);
    assert_int_equal(tls_pair_dial(pair, "127.0.0.1"), 0);
}

static void pair_close(struct tls_pair *pair)
{
    tls_pair_deinit(pair);
    io_credentials_free(pair->near_tls.credentials);
    io_credentials_free(pair->far_tls.credentials);
}

/* Bytes that depend on their position. */
static char *make_pattern(size_t size)
{
    char *pattern = memory_take(size);

    for (size_t i = 0; i < size; i++) {
        pattern[i] = (char)((i * 31) ^ (i >> 13));
    }
    return pattern;
}

/* The socket below the encryption. */
static int socket_of(const struct peer *p)
{
    const struct io_uv_stream *s = p->stream.backend;
    int fd = -1;

    assert_int_equal(uv_fileno((const uv_handle_t *)&s->tcp, &fd), 0);
    return fd;
}

static void test_tls__carries_bytes_both_ways(void **state)
{
    struct tls_pair pair;

    pair_open(&pair, *state);
    assert_int_equal(peer_write(&pair.near, "", 0), 1);
    assert_int_equal(peer_write(&pair.near, "ping", 4), 1);
    peer_await_bytes(&pair.far, 4);
    assert_memory_equal(buffer_begin(&pair.far.received), "ping", 4);
    assert_int_equal(peer_write(&pair.far, "pong", 4), 1);
    peer_await_bytes(&pair.near, 4);
    assert_memory_equal(buffer_begin(&pair.near.received), "pong", 4);
    assert_int_equal(pair.near.sent_count, 0); /* All was sent at once. */
    assert_int_equal(pair.far_tls.opened_count, 1);
    assert_int_equal(pair.far_faults.count + pair.near_faults.count, 0);
    pair_close(&pair);
}

static void test_tls__carries_much_both_ways_at_once(void **state)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct tls_pair pair;
    char *data = make_pattern(SIZE);

    pair_open(&pair, *state);
    assert_int_equal(peer_write(&pair.near, data, SIZE), 0);
    assert_int_equal(peer_write(&pair.far, data, SIZE), 0);
    peer_await_bytes(&pair.far, SIZE);
    peer_await_bytes(&pair.near, SIZE);
    assert_memory_equal(buffer_begin(&pair.far.received), data, SIZE);
    assert_memory_equal(buffer_begin(&pair.near.received), data, SIZE);
    await(pair.f, &pair.near.has_sent);
    await(pair.f, &pair.far.has_sent);
    assert_int_equal(pair.near.sent_count, 1);
    assert_int_equal(pair.near.sent_status, 0);
    pair_close(&pair);
    free(data);
}

static void test_tls__reads_into_the_room_it_is_given(void **state)
{
    struct tls_pair pair;

    pair_open(&pair, *state);
    pair.far.room_size = 1;
    peer_write(&pair.near, "abcdefgh", 8);
    peer_await_bytes(&pair.far, 8);
    assert_int_equal(pair.far.received_count, 8);
    assert_memory_equal(buffer_begin(&pair.far.received), "abcdefgh", 8);
    pair_close(&pair);
}

static void test_tls__waits_for_a_reader_that_pauses(void **state)
{
    enum { SIZE = 16 * 1024 * 1024, STEP = 1024 * 1024 };
    struct tls_pair pair;
    char *data = make_pattern(SIZE);
    size_t got = 0;

    pair_open(&pair, *state);
    pair.far.pause_at = STEP;
    assert_int_equal(peer_write(&pair.near, data, SIZE), 0);
    while (got < SIZE) {
        peer_await_bytes(&pair.far, SIZE - got < STEP ? SIZE - got : STEP);
        assert_memory_equal(buffer_begin(&pair.far.received), data + got,
                            buffer_size(&pair.far.received));
        got += buffer_size(&pair.far.received);
        if (got < SIZE) {
            await(pair.f, &pair.far.is_paused);
        }
        /* Neither side keeps much: what is not read is still with its owner. */
        assert_true(got > SIZE / 2 || !pair.near.has_sent);
        buffer_clear(&pair.far.received);
        pair.far.is_paused = false;
        peer_resume(&pair.far);
    }
    await(pair.f, &pair.near.has_sent);
    assert_int_equal(got, SIZE);
    pair_close(&pair);
    free(data);
}

static void test_tls__asks_for_no_more_room_while_it_pauses(void **state)
{
    struct tls_pair pair;
    int room_count;

    pair_open(&pair, *state);
    pair.far.pause_at = 0;
    peer_write(&pair.near, "x", 1);
    await(pair.f, &pair.far.is_paused);
    room_count = pair.far.room_count;
    peer_write(&pair.near, "y", 1);
    run_for(pair.f, 20 * MS_NS);
    assert_int_equal(pair.far.room_count, room_count);

    pair.far.pause_at = SIZE_MAX;
    peer_resume(&pair.far);
    peer_resume(&pair.far); /* A second call does no harm. */
    peer_await_bytes(&pair.far, 2);
    pair_close(&pair);
}

static void test_tls__reports_that_the_peer_closed_its_side(void **state)
{
    struct tls_pair pair;

    pair_open(&pair, *state);
    peer_write(&pair.near, "last words", 10);
    peer_close(&pair.near);
    await(pair.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, 0);
    assert_int_equal(buffer_size(&pair.far.received), 10);
    peer_resume(&pair.far); /* Nothing comes after the end. */
    run_for(pair.f, 5 * MS_NS);
    assert_int_equal(pair.far.received_count, 2);
    pair_close(&pair);
}

/* The end comes with the last bytes, and the owner has no room any more. */
static void test_tls__reports_the_end_after_a_pause(void **state)
{
    struct tls_pair pair;

    pair_open(&pair, *state);
    pair.far.pause_at = 10;
    peer_write(&pair.near, "last words", 10);
    peer_close(&pair.near);
    await(pair.f, &pair.far.is_paused);
    run_for(pair.f, 5 * MS_NS);
    pair.far.pause_at = SIZE_MAX;
    peer_resume(&pair.far);
    await(pair.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, 0);
    pair_close(&pair);
}

static void test_tls__reads_on_after_it_has_ended_its_side(void **state)
{
    struct tls_pair pair;

    pair_open(&pair, *state);
    peer_write(&pair.near, "last words", 10);
    peer_shut(&pair.near);
    peer_shut(&pair.near); /* A second call does no harm. */
    await(pair.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, 0);
    assert_int_equal(peer_write(&pair.far, "answer", 6), 1);
    peer_close(&pair.far);
    await(pair.f, &pair.near.has_ended);
    assert_int_equal(pair.near.end, 0);
    assert_int_equal(buffer_size(&pair.near.received), 6);
    pair_close(&pair);
}

/* Anybody between the two can end a connection, but not make it look complete. */
static void test_tls__a_connection_that_is_cut_is_an_error(void **state)
{
    struct tls_pair pair;

    pair_open(&pair, *state);
    peer_write(&pair.near, "first half", 10);
    peer_await_bytes(&pair.far, 10);
    assert_int_equal(shutdown(socket_of(&pair.near), SHUT_WR), 0);
    await(pair.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, -ECONNRESET);
    assert_int_equal(pair.far_faults.count, 0); /* Many clients end in this way. */
    pair_close(&pair);
}

static void test_tls__closed_with_a_pending_write_looks_cut(void **state)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct tls_pair pair;
    char *data = make_pattern(SIZE);

    pair_open(&pair, *state);
    pair.far.pause_at = 0;
    assert_int_equal(peer_write(&pair.near, data, SIZE), 0);
    peer_close(&pair.near);
    await(pair.f, &pair.near.is_closed);
    assert_int_equal(pair.near.sent_count, 0);
    pair.far.pause_at = SIZE_MAX;
    peer_resume(&pair.far);
    await(pair.f, &pair.far.has_ended);
    assert_true(pair.far.end < 0);
    pair_close(&pair);
    free(data);
}

static void test_tls__can_be_closed_from_its_callbacks(void **state)
{
    struct tls_pair pair;

    pair_open(&pair, *state);
    pair.far.closes_in_room = true;
    peer_write(&pair.near, "x", 1);
    await(pair.f, &pair.far.is_closed);
    assert_int_equal(pair.far.received_count, 0);
    await(pair.f, &pair.near.has_ended);
    pair_close(&pair);

    pair_open(&pair, *state);
    pair.far.closes_on_data = true;
    pair.far.room_size = 1;
    peer_write(&pair.near, "xy", 2);
    await(pair.f, &pair.far.is_closed);
    assert_int_equal(pair.far.received_count, 1);
    pair_close(&pair);
}

static void test_tls__sends_what_was_written_before_the_handshake(void **state)
{
    struct tls_pair pair;
    struct raw_tls raw;
    char answer[8];

    pair_prepare(&pair, *state);
    raw_tls_open(&raw, &pair);
    assert_int_equal(peer_write(&pair.far, "too many", 8), 0);
    run_for(pair.f, 2 * MS_NS);
    assert_false(pair.far.has_sent);
    assert_true(raw_tls_shake(&raw));
    await(pair.f, &pair.far.has_sent);
    assert_int_equal(pair.far.sent_status, 0);
    raw_tls_move(&raw);
    assert_int_equal(SSL_read(raw.ssl, answer, sizeof answer), 8);
    assert_memory_equal(answer, "too many", 8);
    raw_tls_close(&raw);
    pair_close(&pair);
}

static void test_tls__takes_one_byte_at_a_time(void **state)
{
    struct tls_pair pair;
    struct raw_tls raw;

    pair_prepare(&pair, *state);
    raw_tls_open(&raw, &pair);
    raw.sent_size = 1;
    assert_true(raw_tls_shake(&raw));
    assert_int_equal(SSL_write(raw.ssl, "drops", 5), 5);
    raw_tls_move(&raw);
    peer_await_bytes(&pair.far, 5);
    assert_memory_equal(buffer_begin(&pair.far.received), "drops", 5);
    raw_tls_close(&raw);
    pair_close(&pair);
}

static void test_tls__ends_what_is_no_tls(void **state)
{
    struct tls_pair pair;
    int fd;

    pair_prepare(&pair, *state);
    fd = raw_pair(&pair.door, &pair.far);
    assert_int_equal(send(fd, "*1\r\n$4\r\nPING\r\n", 14, 0), 14);
    await(pair.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, -EPROTO);
    assert_int_equal(pair.far_faults.count, 1);
    assert_false(pair.far_faults.is_dialed);
    assert_string_equal(pair.far_faults.reason, "the other side does not speak TLS");
    assert_int_equal(pair.far_tls.failed_count, 1);
    close(fd);
    pair_close(&pair);
}

static void test_tls__ends_a_handshake_that_takes_too_long(void **state)
{
    struct tls_pair pair;
    struct raw_tls raw;

    pair_prepare(&pair, *state);
    pair.far_tls.handshake_ms = 20;
    raw_tls_open(&raw, &pair);
    (void)SSL_do_handshake(raw.ssl);
    raw_tls_move(&raw); /* And no more than the first message. */
    await(pair.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, -ETIMEDOUT);
    assert_int_equal(pair.far_faults.count, 1);
    raw_tls_close(&raw);
    pair_close(&pair);
}

/* Probes of a port are no news. */
static void test_tls__does_not_report_a_silent_connection(void **state)
{
    struct tls_pair pair;
    int fd;

    pair_prepare(&pair, *state);
    fd = raw_pair(&pair.door, &pair.far);
    close(fd);
    await(pair.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, -ECONNRESET);
    assert_int_equal(pair.far_faults.count, 0);
    pair_close(&pair);
}

/* A first message that is announced with 100 kB, in records of 16 kB. */
static void test_tls__reads_so_much_and_no_more_before_the_handshake_is_over(void **state)
{
    enum { RECORD = 16 * 1024 };
    struct tls_pair pair;
    char record[5 + RECORD] = {22, 3, 1, RECORD >> 8, 0, 1, 1, (char)0x86, (char)0xa0, 3, 3};
    int fd;

    pair_prepare(&pair, *state);
    pair.far_tls.handshake_ms = 2000;
    fd = raw_pair(&pair.door, &pair.far);
    for (int i = 0; i < 6 && !pair.far.has_ended; i++) {
        (void)send(fd, record, sizeof record, MSG_NOSIGNAL);
        run_for(pair.f, 5 * MS_NS);
        memset(record + 5, 0, RECORD);
    }
    await(pair.f, &pair.far.has_ended);
    assert_int_equal(pair.far.end, -EPROTO);
    assert_string_equal(pair.far_faults.reason, "too many bytes before the handshake was over");
    close(fd);
    pair_close(&pair);
}

static void test_tls__an_attempt_may_be_cancelled_during_the_handshake(void **state)
{
    struct fixture *f = *state;
    struct tls_pair pair;
    struct io_address address;

    pair_prepare(&pair, f);
    pair.far.stream.tls = NULL; /* It is silent. */
    address = address_of("127.0.0.1", pair.door.port);
    call_begin(f);
    io_connect(f->io, &pair.connect, &pair.near.stream, &address);
    call_end(f);
    await(f, &pair.far.has_data);
    assert_false(pair.is_connected);
    call_begin(f);
    io_connect_cancel(f->io, &pair.connect);
    call_end(f);
    await(f, &pair.is_connected);
    assert_int_equal(pair.status, -ECANCELED);
    assert_null(pair.near.stream.backend);
    pair_close(&pair);
}

static void test_tls__the_server_may_speak_first_and_at_once(void **state)
{
    struct tls_pair pair;

    pair_prepare(&pair, *state);
    pair.near.pause_at = 0; /* It has no room for it yet. */
    assert_int_equal(tls_pair_dial(&pair, "127.0.0.1"), 0);
    assert_true(peer_write(&pair.far, "hello", 5) >= 0);
    await(pair.f, &pair.near.is_paused);
    pair.near.pause_at = SIZE_MAX;
    peer_resume(&pair.near);
    peer_await_bytes(&pair.near, 5);
    pair_close(&pair);
}

static void test_tls__left_open_is_dropped_with_the_loop(void **state)
{
    /* No assertions: sanitizers notice a leak or an access to a freed owner. */
    enum { SIZE = 8 * 1024 * 1024 };
    struct tls_pair *pair = memory_take(sizeof *pair);
    char *data = make_pattern(SIZE);

    pair_open(pair, *state);
    pair->far.pause_at = 0;
    assert_int_equal(peer_write(&pair->near, data, SIZE), 0); /* A write is pending, too. */
    buffer_deinit(&pair->near.received);
    buffer_deinit(&pair->far.received);
    io_credentials_free(pair->near_tls.credentials);
    io_credentials_free(pair->far_tls.credentials);
    free(pair);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IO_TEST(test_tls__carries_bytes_both_ways),
        IO_TEST(test_tls__carries_much_both_ways_at_once),
        IO_TEST(test_tls__reads_into_the_room_it_is_given),
        IO_TEST(test_tls__waits_for_a_reader_that_pauses),
        IO_TEST(test_tls__asks_for_no_more_room_while_it_pauses),
        IO_TEST(test_tls__reports_that_the_peer_closed_its_side),
        IO_TEST(test_tls__reports_the_end_after_a_pause),
        IO_TEST(test_tls__reads_on_after_it_has_ended_its_side),
        IO_TEST(test_tls__a_connection_that_is_cut_is_an_error),
        IO_TEST(test_tls__closed_with_a_pending_write_looks_cut),
        IO_TEST(test_tls__can_be_closed_from_its_callbacks),
        IO_TEST(test_tls__sends_what_was_written_before_the_handshake),
        IO_TEST(test_tls__takes_one_byte_at_a_time),
        IO_TEST(test_tls__ends_what_is_no_tls),
        IO_TEST(test_tls__ends_a_handshake_that_takes_too_long),
        IO_TEST(test_tls__does_not_report_a_silent_connection),
        IO_TEST(test_tls__reads_so_much_and_no_more_before_the_handshake_is_over),
        IO_TEST(test_tls__an_attempt_may_be_cancelled_during_the_handshake),
        IO_TEST(test_tls__the_server_may_speak_first_and_at_once),
        IO_TEST(test_tls__left_open_is_dropped_with_the_loop),
    };

    return cmocka_run_group_tests_name("io/tls", tests, make_authority, remove_authority);
}
