/* MULTI, EXEC and WATCH of a connection: what is queued, what is sent, and what its replies say.
 * tests/command/test_transaction.c tests what becomes of what is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

#define QUEUED "+QUEUED\r\n"
#define ABORT  "-EXECABORT Transaction discarded because of previous errors.\r\n"

static void test_multi__executes_all_at_exec(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SET a 1\r\nMULTI\r\nSET a x\r\nINCR a\r\nGET a\r\n",
                 "+OK\r\n+OK\r\n" QUEUED QUEUED QUEUED);
    assert_int_equal(f->replica.executed_count, 1);
    fixture_talk(f, fd, "EXEC\r\nGET a\r\n",
                 "*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n$1\r\nx\r\n"
                 "$1\r\nx\r\n");
    assert_int_equal(f->replica.executed_count, 3);
    fixture_talk(f, fd, "MULTI\r\nEXEC\r\nEXEC\r\nDISCARD\r\n",
                 "+OK\r\n*0\r\n-ERR EXEC without MULTI\r\n-ERR DISCARD without MULTI\r\n");
    close(fd);
}

static void test_multi__refuses_what_can_never_be_executed(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "MULTI\r\nSET a 1\r\nNOPE\r\nSET a 2\r\nEXEC\r\nGET a\r\n",
                 "+OK\r\n" QUEUED
                 "-ERR unknown command 'NOPE', with args beginning with: \r\n" QUEUED ABORT
                 "$-1\r\n");
    fixture_talk(f, fd, "MULTI\r\nGET\r\nEXEC\r\n",
                 "+OK\r\n-ERR wrong number of arguments for 'get' command\r\n" ABORT);
    fixture_talk(f, fd, "MULTI\r\nRAFT STATUS\r\nEXEC\r\n",
                 "+OK\r\n-ERR Command not allowed inside a transaction\r\n" ABORT);
    fixture_talk(f, fd, "MULTI\r\nMULTI\r\nWATCH a\r\nSET a 3\r\nEXEC\r\n",
                 "+OK\r\n-ERR MULTI calls can not be nested\r\n"
                 "-ERR WATCH inside MULTI is not allowed\r\n" QUEUED "*1\r\n+OK\r\n");
    fixture_talk(f, fd, "MULTI\r\nSET a 4\r\nEXEC now\r\nGET a\r\n",
                 "+OK\r\n" QUEUED "-EXECABORT Transaction discarded because of: wrong number of "
                 "arguments for 'exec' command\r\n$1\r\n3\r\n");
    /* What nodes make of EXEC is not for clients. */
    fixture_talk(f, fd, "TRANSACTION \"\\x01\"\r\n",
                 "-ERR unknown command 'TRANSACTION', with args beginning with: '");
    fixture_talk(f, fd, "COMMAND INFO TRANSACT_READ\r\n", "\x01' \r\n*1\r\n*-1\r\n");
    close(fd);
}

static void test_multi__is_forgotten_by_discard_and_reset(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "MULTI\r\nSET a 1\r\nDISCARD\r\nMULTI\r\nSET b 1\r\nEXEC\r\nGET a\r\n",
                 "+OK\r\n" QUEUED "+OK\r\n+OK\r\n" QUEUED "*1\r\n+OK\r\n$-1\r\n");
    fixture_talk(f, fd, "MULTI\r\nSET a 1\r\nRESET\r\nEXEC\r\nGET a\r\n",
                 "+OK\r\n" QUEUED "+RESET\r\n-ERR EXEC without MULTI\r\n$-1\r\n");
    fixture_talk(f, fd, "MULTI\r\nSET a 1\r\nQUIT\r\n", "+OK\r\n" QUEUED "+OK\r\n");
    fixture_expect_end(f, fd);
}

/* What the node answers itself has its place among the replies, and is executed if all are. */
static void test_multi__has_local_commands(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd,
                 "MULTI\r\nPING x\r\nSELECT 3\r\nSET a 1\r\nCLIENT SETNAME me\r\nGET a\r\nEXEC\r\n"
                 "GET a\r\nCLIENT GETNAME\r\n",
                 "+OK\r\n" QUEUED QUEUED QUEUED QUEUED QUEUED
                 "*5\r\n$1\r\nx\r\n+OK\r\n+OK\r\n+OK\r\n$1\r\n1\r\n$1\r\n1\r\n$2\r\nme\r\n");
    fixture_talk(f, fd, "MULTI\r\nPING\r\nEXEC\r\n", "+OK\r\n" QUEUED "*1\r\n+PONG\r\n");
    fixture_talk(f, fd, "WATCH a\r\nMULTI\r\nSELECT 4\r\nSET a 2\r\n",
                 "+OK\r\n+OK\r\n" QUEUED QUEUED);
    fixture_talk(f, other, "SELECT 3\r\nSET a 5\r\n", "+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "EXEC\r\nGET a\r\n", "*-1\r\n$1\r\n5\r\n");
    fixture_talk(f, fd, "MULTI\r\nSELECT 0\r\nDISCARD\r\nGET a\r\n",
                 "+OK\r\n" QUEUED "+OK\r\n$1\r\n5\r\n");
    close(fd);
    close(other);
}

static void test_multi__keeps_its_place_behind_commands_under_way(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd,
                "SET a 1\r\nMULTI\r\nAPPEND a 2\r\nEXEC\r\nMULTI\r\nAPPEND a 3\r\nEXEC\r\n"
                "APPEND a 4\r\n");
    fixture_await_requests(f, 4);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd,
                   "+OK\r\n+OK\r\n" QUEUED "*1\r\n:2\r\n+OK\r\n" QUEUED "*1\r\n:3\r\n:4\r\n");
    close(fd);
}

static void test_multi__is_bounded(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer request = {0};

    buffer_printf(&request, "*70001\r\n$3\r\nDEL\r\n");
    for (int i = 0; i < 70000; i++) {
        buffer_printf(&request, "$1\r\nk\r\n");
    }
    fixture_talk(f, fd, "MULTI\r\n", "+OK\r\n");
    fixture_send(f, fd, buffer_slice(&request));
    fixture_expect(f, fd, QUEUED);
    fixture_send(f, fd, buffer_slice(&request));
    fixture_expect(f, fd,
                   "-ERR not queued: a transaction may have 131072 arguments and 64 MB in all; "
                   "EXEC will execute nothing: send fewer commands in one\r\n");
    fixture_talk(f, fd, "EXEC\r\n", ABORT);
    fixture_talk(f, fd, "MULTI\r\nPING\r\nEXEC\r\n", "+OK\r\n" QUEUED "*1\r\n+PONG\r\n");
    assert_int_equal(f->replica.executed_count, 0);
    buffer_deinit(&request);
    close(fd);
}

static void test_watch__executes_nothing_if_a_key_has_changed(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "SET a 1\r\nWATCH a b\r\nGET a\r\nMULTI\r\nSET a 2\r\n",
                 "+OK\r\n+OK\r\n$1\r\n1\r\n+OK\r\n" QUEUED);
    fixture_talk(f, other, "SET b 1\r\n", "+OK\r\n");
    fixture_talk(f, fd, "EXEC\r\nGET a\r\nMULTI\r\nSET a 2\r\nEXEC\r\n",
                 "*-1\r\n$1\r\n1\r\n+OK\r\n" QUEUED "*1\r\n+OK\r\n");
    fixture_talk(f, fd, "WATCH a\r\nGET a\r\nSET c 1\r\nMULTI\r\nINCR a\r\nEXEC\r\n",
                 "+OK\r\n$1\r\n2\r\n+OK\r\n+OK\r\n" QUEUED "*1\r\n:3\r\n");
    fixture_talk(f, fd, "WATCH a\r\nSET a 4\r\nUNWATCH\r\nMULTI\r\nINCR a\r\nEXEC\r\n",
                 "+OK\r\n+OK\r\n+OK\r\n+OK\r\n" QUEUED "*1\r\n:5\r\n");
    fixture_talk(f, fd, "HELLO 3 SETNAME me\r\n", "%7\r\n");
    close(fd);
    close(other);
}

/* A command of the connection itself may have been the one that changed it. */
static void test_watch__notices_changes_of_its_own_connection(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "WATCH a\r\nSET a 1\r\nMULTI\r\nINCR a\r\nEXEC\r\nGET a\r\n",
                 "+OK\r\n+OK\r\n+OK\r\n" QUEUED "*-1\r\n$1\r\n1\r\n");
    fixture_talk(f, fd, "WATCH a\r\nSETNX a 7\r\nMULTI\r\nINCR a\r\nEXEC\r\n",
                 "+OK\r\n:0\r\n+OK\r\n" QUEUED "*1\r\n:2\r\n");
    close(fd);
}

/* The value is the watched one again, but the client has seen another one. */
static void test_watch__notices_a_value_that_was_there_only_in_between(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "SET a 1\r\nWATCH a\r\n", "+OK\r\n+OK\r\n");
    fixture_talk(f, other, "INCR a\r\n", ":2\r\n");
    fixture_talk(f, fd, "GET a\r\n", "$1\r\n2\r\n");
    fixture_talk(f, other, "DECR a\r\n", ":1\r\n");
    fixture_talk(f, fd, "MULTI\r\nSET a 3\r\nEXEC\r\nGET a\r\n",
                 "+OK\r\n" QUEUED "*-1\r\n$1\r\n1\r\n");
    /* If it has not seen it, it is as if the others had not been there. */
    fixture_talk(f, fd, "WATCH a\r\n", "+OK\r\n");
    fixture_talk(f, other, "INCR a\r\nDECR a\r\n", ":2\r\n:1\r\n");
    fixture_talk(f, fd, "GET a\r\nMULTI\r\nSET a 3\r\nEXEC\r\n",
                 "$1\r\n1\r\n+OK\r\n" QUEUED "*1\r\n+OK\r\n");
    close(fd);
    close(other);
}

static void test_watch__is_answered_before_exec_is_sent(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "WATCH a\r\nWATCH b\r\nGET a\r\nMULTI\r\nSET a 1\r\nEXEC\r\nGET a\r\n");
    for (uint32_t i = 0; i < 4; i++) {
        fixture_await_requests(f, i < 3 ? 1 : 2);
        fake_answer_all(f);
        fixture_flush(f);
    }
    fixture_expect(f, fd, "+OK\r\n+OK\r\n$-1\r\n+OK\r\n" QUEUED "*1\r\n+OK\r\n$1\r\n1\r\n");
    close(fd);
}

static void test_watch__is_bounded(void **state)
{
    static const char refused[] =
        "-ERR not watched: a connection may watch 1024 keys, of 1 MB in all; UNWATCH, EXEC and "
        "DISCARD forget them\r\n";
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer request = {0};

    buffer_printf(&request, "*601\r\n$5\r\nWATCH\r\n");
    for (int i = 0; i < 600; i++) {
        buffer_printf(&request, "$3\r\n%03d\r\n", i);
    }
    fixture_send(f, fd, buffer_slice(&request));
    fixture_expect(f, fd, "+OK\r\n");
    fixture_send(f, fd, buffer_slice(&request));
    fixture_expect(f, fd, refused);
    fixture_talk(f, fd, "UNWATCH\r\n", "+OK\r\n");
    fixture_send(f, fd, buffer_slice(&request));
    fixture_expect(f, fd, "+OK\r\n");
    fixture_talk(f, fd, "UNWATCH\r\nSETRANGE a 16777216 x\r\nWATCH a\r\n",
                 "+OK\r\n:16777217\r\n-ERR not watched: the values that a connection watches may "
                 "have 16 MB in all; UNWATCH, EXEC and DISCARD forget them\r\n");
    buffer_deinit(&request);
    close(fd);
}

/* The connection has gone while its commands are under way. */
static void test_watch__and_exec_may_be_answered_to_nobody(void **state)
{
    static const struct linger reset = {.l_onoff = 1};
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "WATCH a\r\n");
    fixture_say(f, other, "MULTI\r\nSET a 1\r\nPING\r\nEXEC\r\n");
    fixture_await_requests(f, 2);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    assert_int_equal(setsockopt(other, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(fd);
    close(other);
    fixture_await_clients(f, 0);
    fake_answer_all(f);
    fixture_flush(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
        TEST(test_multi__executes_all_at_exec),
        TEST(test_multi__refuses_what_can_never_be_executed),
        TEST(test_multi__is_forgotten_by_discard_and_reset),
        TEST(test_multi__has_local_commands),
        TEST(test_multi__keeps_its_place_behind_commands_under_way),
        TEST(test_multi__is_bounded),
        TEST(test_watch__executes_nothing_if_a_key_has_changed),
        TEST(test_watch__notices_changes_of_its_own_connection),
        TEST(test_watch__notices_a_value_that_was_there_only_in_between),
        TEST(test_watch__is_answered_before_exec_is_sent),
        TEST(test_watch__is_bounded),
        TEST(test_watch__and_exec_may_be_answered_to_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
