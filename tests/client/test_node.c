/* Commands about this node: MONITOR, CLIENT PAUSE, DEBUG SLEEP, what is counted, and what is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

/* Receives until the text ends so. The caller frees the buffer. */
static const char *receive_until(struct client_fixture *f, int fd, const char *end,
                                 struct buffer *got)
{
    size_t size = strlen(end);

    do {
        assert_true(fixture_receive(f, fd, got, 1));
    } while (buffer_size(got) < size ||
             memcmp(buffer_begin(got) + buffer_size(got) - size, end, size) != 0);
    buffer_append(got, "", 1);
    return buffer_begin(got);
}

static void test_monitor__is_shown_the_commands_of_others(void **state)
{
    struct client_fixture *f = *state;
    int monitor = fixture_connect(f);
    int fd = fixture_connect(f);
    struct buffer got = {0};
    const char *text;

    fixture_talk(f, monitor, "MONITOR\r\n", "+OK\r\n");
    fixture_talk(f, fd, "SELECT 3\r\nSET \"a\\x00b\" \"c\\\"\"\r\n", "+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "AUTH default secret\r\nNOSUCH\r\n",
                 "+OK\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
    fixture_talk(f, fd, "ECHO last\r\n", "$4\r\nlast\r\n");
    text = receive_until(f, monitor, "\"last\"\r\n", &got);
    assert_int_equal(*text, '+');
    assert_non_null(strstr(text, "] \"SELECT\" \"3\"\r\n"));
    assert_non_null(strstr(text, " [3 127.0.0.1:"));
    assert_non_null(strstr(text, "] \"SET\" \"a\\x00b\" \"c\\\"\"\r\n"));
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "NOSUCH"));
    fixture_talk(f, monitor, "RESET\r\n", "+RESET\r\n");
    assert_true(list_is_empty(&f->clients->monitors));
    buffer_deinit(&got);
    close(fd);
    close(monitor);
}

static void test_monitor__that_does_not_read_is_closed(void **state)
{
    struct client_fixture *f = *state;
    int monitor = fixture_connect(f);
    int fd = fixture_connect(f);
    struct buffer request = {0};
    struct clients_stats stats;

    fixture_talk(f, monitor, "MONITOR\r\n", "+OK\r\n");
    buffer_printf(&request, "ECHO %01000d\r\n", 0);
    /* More than the system's buffers take. */
    for (int i = 0; i < 20000 && !list_is_empty(&f->clients->monitors); i++) {
        struct buffer got = {0};

        fixture_send(f, fd, buffer_slice(&request));
        assert_true(fixture_receive(f, fd, &got, 1009));
        buffer_deinit(&got);
    }
    assert_true(list_is_empty(&f->clients->monitors));
    clients_get_stats(f->clients, &stats);
    assert_int_equal(stats.closed_slow_count, 1);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    buffer_deinit(&request);
    close(fd);
    close(monitor);
}

static void test_pause__lets_commands_wait_until_it_ends(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, other, "CLIENT PAUSE 60000 WRITE\r\n", "+OK\r\n");
    fixture_talk(f, fd, "GET a\r\nPING\r\n", "$-1\r\n+PONG\r\n");
    fixture_say(f, fd, "SET a 1\r\n");
    fixture_talk(f, other, "PING\r\n", "+PONG\r\n");
    assert_int_equal(f->replica.executed_count, 1);
    fixture_talk(f, other, "CLIENT UNPAUSE\r\n", "+OK\r\n");
    fixture_expect(f, fd, "+OK\r\n");
    fixture_talk(f, other, "CLIENT PAUSE 1\r\n", "+OK\r\n");
    fixture_talk(f, fd, "GET a\r\n", "$1\r\n1\r\n"); /* It ends by itself. */
    fixture_talk(f, other, "CLIENT PAUSE 1 SOME\r\nCLIENT PAUSE x\r\nCLIENT PAUSE -1\r\n",
                 "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"
                 "-ERR timeout is not an integer or out of range\r\n-ERR timeout is negative\r\n");
    close(fd);
    close(other);
}

static void test_sleep__keeps_only_its_own_client_waiting(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "DEBUG SLEEP 0.001\r\n", "+OK\r\n");
    fixture_say(f, fd, "DEBUG SLEEP 600\r\n");
    fixture_talk(f, other, "PING\r\n", "+PONG\r\n");
    fixture_talk(f, other, "CLIENT UNBLOCK 1\r\n", ":1\r\n");
    fixture_expect(f, fd, "+OK\r\n");
    fixture_talk(f, fd, "DEBUG SLEEP x\r\n",
                 "-ERR the time to sleep is a number of seconds from 0 to 3600\r\n");
    close(fd);
    close(other);
}

static void test_info__counts_calls(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};
    const char *text;

    fixture_talk(f, fd, "PING\r\nPING\r\nSET a 1\r\nNOSUCH\r\n",
                 "+PONG\r\n+PONG\r\n+OK\r\n-ERR unknown command 'NOSUCH', with args beginning "
                 "with: \r\n");
    fixture_talk(f, fd, "SET s x\r\nINCR s\r\nSTRLEN\r\nHGET s f\r\n",
                 "+OK\r\n-ERR value is not an integer or out of range\r\n"
                 "-ERR wrong number of arguments for 'strlen' command\r\n"
                 "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    fixture_say(f, fd, "INFO all\r\nECHO end\r\n");
    text = receive_until(f, fd, "end\r\n", &got);
    assert_non_null(strstr(text, "cmdstat_ping:calls=2,usec=0,usec_per_call=0.00,"));
    assert_non_null(strstr(text, "cmdstat_set:calls=2,"));
    assert_null(strstr(text, "cmdstat_get:"));
    assert_non_null(strstr(text, "rejected_calls=0,failed_calls=1\r\n"));
    assert_non_null(strstr(text, "cmdstat_strlen:calls=0,usec=0,usec_per_call=0.00,"
                                 "rejected_calls=1,failed_calls=0\r\n"));
    assert_non_null(strstr(text, "errorstat_ERR:count=3\r\n"));
    assert_non_null(strstr(text, "errorstat_WRONGTYPE:count=1\r\n"));
    assert_non_null(strstr(text, "total_error_replies:4\r\n"));
    assert_non_null(strstr(text, "latency_percentiles_usec_set:p50="));
    assert_null(strstr(text, "latency_percentiles_usec_strlen:"));
    buffer_clear(&got);
    fixture_say(f, fd, "CONFIG RESETSTAT\r\nINFO all\r\nECHO end\r\n");
    text = receive_until(f, fd, "end\r\n", &got);
    assert_null(strstr(text, "cmdstat_ping:"));
    assert_null(strstr(text, "errorstat_"));
    assert_null(strstr(text, "latency_percentiles_usec_set:"));
    assert_non_null(strstr(text, "# Commandstats\r\n"));
    buffer_clear(&got);
    fixture_say(f, fd, "INFO\r\nECHO end\r\n");
    text = receive_until(f, fd, "end\r\n", &got);
    assert_null(strstr(text, "# Commandstats\r\n"));
    assert_non_null(strstr(text, "rdb_bgsave_in_progress:0\r\n"));
    buffer_deinit(&got);
    close(fd);
}

static void test_node__refuses_what_would_make_it_a_replica(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "REPLICAOF NO ONE\r\n", "+OK\r\n");
    fixture_talk(f, fd, "SLAVEOF localhost 1\r\n", "-ERR SLAVEOF is not supported: ");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "FAILOVER\r\n", "-ERR FAILOVER is not supported: ");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "PSYNC ? -1\r\n", "-ERR PSYNC is not supported: ");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "CONFIG REWRITE\r\n",
                 "-ERR The server is running without a config file\r\n");
    fixture_talk(f, fd, "SHUTDOWN ABORT\r\nSHUTDOWN SOON\r\n",
                 "-ERR No shutdown in progress.\r\n-ERR syntax error\r\n");
    fixture_talk(f, fd, "SLOWLOG LEN\r\nSLOWLOG RESET\r\nSLOWLOG LEN\r\nSLOWLOG GET -2\r\n",
                 ":1\r\n+OK\r\n:0\r\n-ERR count should be greater than or equal to -1\r\n");
    fixture_talk(f, fd, "LATENCY LATEST\r\nLATENCY HISTORY x\r\nLATENCY GRAPH x\r\n",
                 "*0\r\n*0\r\n-ERR No samples available for event 'x'\r\n");
    fixture_talk(f, fd, "COMMAND GETKEYSANDFLAGS GET k\r\n",
                 "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+RO\r\n+access\r\n");
    fixture_talk(f, fd, "LOLWUT\r\n", "$");
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
    const struct CMUnitTest tests[] = {
        TEST(test_monitor__is_shown_the_commands_of_others),
        TEST(test_monitor__that_does_not_read_is_closed),
        TEST(test_pause__lets_commands_wait_until_it_ends),
        TEST(test_sleep__keeps_only_its_own_client_waiting),
        TEST(test_info__counts_calls),
        TEST(test_node__refuses_what_would_make_it_a_replica),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
