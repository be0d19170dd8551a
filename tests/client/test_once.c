/* Under which number a connection's commands enter the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "kv/codec.h"

static struct command_once once_of(const struct client_fixture *f, uint32_t i)
{
    struct command_head head;

    assert_true(i < f->replica.count);
    assert_true(command_payload_head(entry_payload(f->replica.requests[i]->entry), &head));
    return head.once;
}

static void assert_once(const struct client_fixture *f, uint32_t i, const char *client,
                        uint64_t number, uint32_t keep_s)
{
    struct command_once once = once_of(f, i);

    assert_true(slice_equal(once.client, slice_str(client)));
    if (client[0] != '\0') {
        assert_int_equal(once.number, number);
        assert_int_equal(once.keep_s, keep_s);
    }
}

static void answer(struct client_fixture *f)
{
    fake_answer_all(f);
    fixture_flush(f);
}

static void test_once__wraps_a_command(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "ONCE me 7 SET k v\r\nonce you 1 KEEP 9 incr n\r\nSET k w\r\n");
    fixture_await_requests(f, 3);
    assert_once(f, 0, "me", 7, 86400);
    assert_once(f, 1, "you", 1, 9);
    assert_once(f, 2, "", 0, 0);
    assert_int_equal(once_of(f, 0).resp_version, 2);
    answer(f);
    fixture_expect(f, fd, "+OK\r\n:1\r\n+OK\r\n");
    close(fd);
}

static void test_once__refuses_what_can_not_be_executed_once(void **state)
{
    static const char syntax[] =
        "-ERR syntax error, try ONCE <client> <number> [KEEP <seconds>] <command> [<arg> ...], or "
        "ONCE <client> OPEN\r\n";
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "ONCE me 1 GET k\r\n",
                 "-ERR ONCE is for commands that write: send others without it\r\n");
    fixture_talk(f, fd, "ONCE me 1 PING\r\n",
                 "-ERR ONCE is for commands that write: send others without it\r\n");
    fixture_talk(f, fd, "ONCE me 1 ONCE me 2 SET k v\r\n", syntax);
    fixture_talk(f, fd, "ONCE me 1 KEEP 9\r\n", syntax);
    fixture_talk(f, fd, "ONCE me 0 SET k v\r\n",
                 "-ERR the number must be an integer of at least 1\r\n");
    fixture_talk(f, fd, "ONCE \"\" 1 SET k v\r\n",
                 "-ERR the client's name must have 1 to 128 bytes\r\n");
    fixture_talk(f, fd, "ONCE me 1 KEEP x SET k v\r\n",
                 "-ERR KEEP must be 1 to 604800 seconds\r\n");
    fixture_talk(f, fd, "ONCE me 1 SET k\r\n",
                 "-ERR wrong number of arguments for 'set' command\r\n");
    fixture_talk(f, fd, "ONCE me 1 NOSUCH k\r\n",
                 "-ERR unknown command 'NOSUCH', with args beginning with: 'k' \r\n");
    fixture_talk(f, fd, "ONCE me\r\n", "-ERR wrong number of arguments for 'once' command\r\n");
    assert_int_equal(f->replica.executed_count, 0);
    close(fd);
}

/* A number for each command that writes, whatever comes of it, and for no other. */
static void test_once__a_connection_numbers_its_writes(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "CLIENT ONCE\r\nCLIENT ONCE me\r\nCLIENT ONCE\r\n",
                 "$-1\r\n+OK\r\n*2\r\n$2\r\nme\r\n:1\r\n");
    f->replica.holds = true;
    fixture_say(f, fd,
                "SET k v\r\nSET k\r\nGET k\r\nAPPEND k w\r\nONCE you 5 SET k x\r\n"
                "INCR n\r\nONCE you OPEN\r\n");
    fixture_await_requests(f, 6);
    assert_once(f, 0, "me", 1, 86400);
    assert_once(f, 1, "", 0, 0);
    assert_once(f, 2, "me", 3, 86400);
    assert_once(f, 3, "you", 5, 86400);
    assert_once(f, 4, "me", 4, 86400);
    assert_once(f, 5, "", 0, 0);
    answer(f);
    fixture_expect(f, fd,
                   "+OK\r\n-ERR wrong number of arguments for 'set' command\r\n$1\r\nv\r\n:2\r\n"
                   "+OK\r\n:1\r\n:2\r\n");
    fixture_talk(f, fd, "CLIENT ONCE\r\n", "*2\r\n$2\r\nme\r\n:5\r\n");
    close(fd);
}

static void test_once__a_connection_goes_on_where_it_wants(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "CLIENT ONCE me 42 KEEP 9\r\n", "+OK\r\n");
    f->replica.holds = true;
    fixture_say(f, fd, "SET k v\r\nCLIENT ONCE OFF\r\nSET k v\r\n");
    fixture_await_requests(f, 2);
    assert_once(f, 0, "me", 42, 9);
    assert_once(f, 1, "", 0, 0);
    answer(f);
    fixture_expect(f, fd, "+OK\r\n+OK\r\n+OK\r\n");
    f->replica.holds = false;
    fixture_talk(f, fd, "CLIENT ONCE me KEEP 9\r\nRESET\r\nCLIENT ONCE\r\n",
                 "+OK\r\n+RESET\r\n$-1\r\n");
    fixture_talk(f, fd, "CLIENT ONCE me 0\r\n",
                 "-ERR the number must be an integer of at least 1\r\n");
    close(fd);
}

/* The fake replica counts what it executes. */
static void test_index__is_that_of_the_last_write(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "RAFT INDEX\r\n", ":0\r\n");
    fixture_talk(f, fd, "SET k v\r\nGET k\r\nRAFT INDEX\r\nAPPEND k w\r\nRAFT INDEX\r\n",
                 "+OK\r\n$1\r\nv\r\n:1\r\n:2\r\n:3\r\n");
    fixture_talk(f, fd, "GET k\r\nSET k\r\nRAFT INDEX\r\n",
                 "$2\r\nvw\r\n-ERR wrong number of arguments for 'set' command\r\n:3\r\n");
    close(fd);
}

static void test_wait__holds_up_only_its_connection(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);

    fixture_talk(f, fd, "RAFT WAIT 0\r\n", ":0\r\n");
    fixture_say(f, fd, "RAFT WAIT 2 0\r\nGET k\r\n");
    fixture_talk(f, other, "SET k v\r\n", "+OK\r\n");
    fixture_talk(f, other, "SET k w\r\n", "+OK\r\n");
    fixture_expect(f, fd, ":2\r\n$1\r\nw\r\n");
    close(fd);
    close(other);
}

static void test_wait__ends_in_time(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "RAFT WAIT 7 5\r\nPING\r\n",
                 "-TRYAGAIN this node has applied only up to 0 so far: try again, or ask another "
                 "node\r\n+PONG\r\n");
    fixture_talk(f, fd, "RAFT WAIT x\r\nRAFT WAIT 1 -1\r\n",
                 "-ERR value is not an integer or out of range\r\n-ERR timeout is negative\r\n");
    fixture_say(f, fd, "RAFT WAIT 7 0\r\n");
    close(fd); /* The fixture finds it gone. */
    fixture_await_clients(f, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_once__wraps_a_command),
        TEST(test_once__refuses_what_can_not_be_executed_once),
        TEST(test_once__a_connection_numbers_its_writes),
        TEST(test_once__a_connection_goes_on_where_it_wants),
        TEST(test_index__is_that_of_the_last_write),
        TEST(test_wait__holds_up_only_its_connection),
        TEST(test_wait__ends_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
