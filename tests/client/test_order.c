/* Replies keep the order of the commands, and each command sees the effects of those before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

static void test_client__answers_a_local_command_at_once(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    fixture_talk(f, fd, "*2\r\n$4\r\necho\r\n$2\r\nhi\r\n", "$2\r\nhi\r\n");
    assert_int_equal(f->replica.count, 0);
    close(fd);
}

static void test_client__keeps_local_replies_behind_those_under_way(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "PING 1\r\nSET a x\r\nPING 2\r\nSET b y\r\nPING 3\r\n");
    fixture_await_requests(f, 2);
    fixture_expect(f, fd, "$1\r\n1\r\n");
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n$1\r\n2\r\n+OK\r\n$1\r\n3\r\n");
    close(fd);
}

static void test_client__keeps_order_if_answers_come_out_of_order(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "INCR a\r\nAPPEND b xx\r\nSTRLN b x\r\nSETNX c 1\r\n");
    fixture_await_requests(f, 3);
    while (f->replica.count > 0) {
        fake_answer(f, f->replica.count - 1);
        fixture_flush(f);
    }
    fixture_expect(f, fd,
                   ":1\r\n:2\r\n-ERR wrong number of arguments for 'strln' command\r\n:1\r\n");
    assert_int_equal(client_output_bytes(fixture_client(f)), 0);
    close(fd);
}

/* Commands that fail whatever the keyspace contains must not enter the log. */
static void test_client__refuses_in_its_place_what_is_certain_to_fail(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd,
                "SET a x\r\nSET a x EX 0\r\nEXPIRE a 1 WHAT\r\nEXPIRE a x\r\nEXPIRE a 1 NX GT\r\n"
                "PEXPIRE a 1 GT LT\r\nEXPIREAT a 9223372036854775807\r\nSETEX a x v\r\n"
                "PSETEX a -1 v\r\nGETEX a PX\r\nSET a x WHAT\r\nMSET a 1 b\r\nMSETNX a 1 b\r\n"
                "INCRBY a x\r\nDECRBY a -9223372036854775808\r\nSETRANGE a -1 x\r\n"
                "SETRANGE a 536870912 x\r\nFLUSHALL NOW\r\nFLUSHDB NOW\r\nGETRANGE a x 1\r\n"
                "SUBSTR a 1 x\r\nSCAN x\r\nSCAN 0 COUNT 0\r\nGETBIT a x\r\n"
                "SETBIT a 4294967296 1\r\nSETBIT a 0 2\r\nCOPY a a\r\nCOPY a b DB 16\r\n"
                "COPY a b NOW\r\nSORT a LIMIT 1\r\nSORT_RO a STORE b\r\nLCS a b LEN IDX\r\n"
                "DELEX a IFDEQ 1\r\nDELEX a IF 1\r\nRESTORE a 0 x FREQ 256\r\n"
                "SET b y\r\n");
    fixture_await_requests(f, 2);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd,
                   "+OK\r\n-ERR invalid expire time in 'set' command\r\n"
                   "-ERR Unsupported option WHAT\r\n"
                   "-ERR value is not an integer or out of range\r\n"
                   "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"
                   "-ERR GT and LT options at the same time are not compatible\r\n"
                   "-ERR invalid expire time in 'expireat' command\r\n"
                   "-ERR value is not an integer or out of range\r\n"
                   "-ERR invalid expire time in 'psetex' command\r\n-ERR syntax error\r\n"
                   "-ERR syntax error\r\n"
                   "-ERR wrong number of arguments for 'mset' command\r\n"
                   "-ERR wrong number of arguments for 'msetnx' command\r\n"
                   "-ERR value is not an integer or out of range\r\n"
                   "-ERR decrement would overflow\r\n-ERR offset is out of range\r\n"
                   "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
                   "-ERR syntax error\r\n-ERR syntax error\r\n"
                   "-ERR value is not an integer or out of range\r\n"
                   "-ERR value is not an integer or out of range\r\n"
                   "-ERR invalid cursor\r\n-ERR syntax error\r\n"
                   "-ERR bit offset is not an integer or out of range\r\n"
                   "-ERR bit offset is not an integer or out of range\r\n"
                   "-ERR bit is not an integer or out of range\r\n"
                   "-ERR source and destination objects are the same\r\n"
                   "-ERR DB index is out of range\r\n-ERR syntax error\r\n"
                   "-ERR syntax error\r\n-ERR syntax error\r\n"
                   "-ERR If you want both the length and indexes, please just use IDX.\r\n"
                   "-ERR must be exactly 16 hexadecimal characters\r\n"
                   "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n"
                   "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n"
                   "+OK\r\n");
    assert_int_equal(f->replica.executed_count, 2);
    close(fd);
}

static void test_client__holds_a_write_back_until_the_reads_before_it_are_done(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "GET a\r\nGET a\r\nSET a 1\r\nPING\r\n");
    fixture_await_requests(f, 2);
    fake_answer(f, 0);
    fixture_flush(f);
    assert_int_equal(f->replica.count, 1); /* A read is still under way, so there is no write. */
    assert_string_equal(f->replica.requests[0]->command->name, "GET");
    fake_answer(f, 0);
    fixture_flush(f);
    assert_int_equal(f->replica.count, 1);
    assert_string_equal(f->replica.requests[0]->command->name, "SET");
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "$-1\r\n$-1\r\n+OK\r\n+PONG\r\n");
    close(fd);
}

static void test_client__sends_reads_behind_writes_through_the_log(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nGET a\r\nPING\r\nSET a 2\r\nGET a\r\n");
    fixture_await_requests(f, 4); /* All at once. */
    assert_false(f->replica.requests[0]->is_logged_read);
    assert_true(f->replica.requests[1]->is_logged_read);
    assert_false(f->replica.requests[2]->is_logged_read);
    assert_true(f->replica.requests[3]->is_logged_read);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n$1\r\n1\r\n+PONG\r\n+OK\r\n$1\r\n2\r\n");

    fixture_say(f, fd, "GET a\r\n"); /* Nothing is under way any more. */
    fixture_await_requests(f, 1);
    assert_false(f->replica.requests[0]->is_logged_read);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "$1\r\n2\r\n");
    close(fd);
}

static void test_client__lets_a_long_run_of_reads_wait_for_the_writes_before_it(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    for (int i = 0; i < 50; i++) { /* After these, replies are known to be small. */
        fixture_talk(f, fd, "EXISTS a\r\n", ":0\r\n");
    }
    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\n");
    for (int i = 0; i < CLIENT_LOGGED_READS_MAX + 10; i++) {
        fixture_say(f, fd, "EXISTS a\r\n");
    }
    fixture_say(f, fd, "SET a 2\r\n");
    fixture_await_requests(f, 1 + CLIENT_LOGGED_READS_MAX);
    fake_answer_all(f);
    fixture_flush(f);
    assert_int_equal(f->replica.count, 10); /* And no write. */
    for (uint32_t i = 0; i < 10; i++) {
        assert_false(f->replica.requests[i]->is_logged_read);
    }
    fake_answer_all(f);
    fixture_flush(f);
    assert_int_equal(f->replica.count, 1);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n");
    for (int i = 0; i < CLIENT_LOGGED_READS_MAX + 10; i++) {
        fixture_expect(f, fd, ":1\r\n");
    }
    fixture_expect(f, fd, "+OK\r\n");
    close(fd);
}

static void test_client__hands_over_a_pipeline_of_one_kind_at_once(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    for (int i = 0; i < 100; i++) {
        fixture_say(f, fd, "INCR n\r\n");
    }
    fixture_await_requests(f, 100);
    fake_answer_all(f);
    fixture_flush(f);
    for (int i = 1; i <= 100; i++) {
        char reply[16];

        snprintf(reply, sizeof reply, ":%d\r\n", i);
        fixture_expect(f, fd, reply);
    }
    close(fd);
}

static void test_client__answers_a_pipeline_of_any_depth_in_order(void **state)
{
    enum { DEPTH = 100000 };
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer requests = {0};
    struct buffer expected = {0};
    struct buffer got = {0};

    for (int i = 1; i <= DEPTH; i++) {
        switch (i % 5) {
        case 0:
            buffer_printf(&requests, "GET n\r\n");
            buffer_printf(&expected, "$%d\r\n%d\r\n", snprintf(NULL, 0, "%d", i - 1), i - 1);
            break;
        case 1:
            buffer_printf(&requests, "PING %d\r\n", i);
            buffer_printf(&expected, "$%d\r\n%d\r\n", snprintf(NULL, 0, "%d", i), i);
            break;
        default:
            buffer_printf(&requests, "SET n %d\r\n", i);
            buffer_printf(&expected, "+OK\r\n");
            break;
        }
    }
    fixture_send(f, fd, buffer_slice(&requests));
    assert_true(fixture_receive(f, fd, &got, buffer_size(&expected)));
    assert_memory_equal(buffer_begin(&got), buffer_begin(&expected), buffer_size(&expected));
    assert_true(f->replica.most_count <= CLIENT_SLOTS_MAX);
    buffer_deinit(&requests);
    buffer_deinit(&expected);
    buffer_deinit(&got);
    close(fd);
}

static void test_client__answers_all_that_was_sent_before_the_other_side_ended(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nGET a\r\nPING");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    fixture_await_requests(f, 2);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n$1\r\n1\r\n");
    fixture_expect_end(f, fd);
}

static void test_client__drops_replies_for_a_connection_that_ended(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "INCR a\r\nINCR a\r\nPING\r\n");
    fixture_await_requests(f, 2);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(fd); /* With a reset, because lingering is off. */
    fixture_await_clients(f, 0);
    fake_answer(f, 1);
    fixture_flush(f);
    fake_answer(f, 0);
    fixture_flush(f);
    fd = fixture_connect(f);
    f->replica.holds = false;
    fixture_talk(f, fd, "GET a\r\n", "$1\r\n2\r\n");
    close(fd);
}

static void test_client__keeps_a_place_for_a_reply_that_comes_later(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "REQUEST_LOG\r\nPING\r\nRAFT HELP\r\n");
    fixture_await_requests(f, 1);
    fake_answer(f, 0);
    fixture_flush(f);
    fixture_expect(f, fd, "+ADMIN\r\n+PONG\r\n*");
    close(fd);
}

static void test_client__is_refused_a_command_of_very_many_arguments(void **state)
{
    enum { KEYS_MAX = 131071 };
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer text = {0};

    for (int more = 0; more < 2; more++) {
        buffer_printf(&text, "*%d\r\n$3\r\nDEL\r\n", KEYS_MAX + 1 + more);
        for (int i = 0; i < KEYS_MAX + more; i++) {
            buffer_append_slice(&text, slice_str("$1\r\nk\r\n"));
        }
    }
    fixture_send(f, fd, buffer_slice(&text));
    fixture_expect(f, fd,
                   ":0\r\n-ERR not executed: a command with more than 131072 arguments would hold "
                   "up everybody; split it\r\n");
    buffer_deinit(&text);
    fixture_talk(f, fd, "SET a 1\r\n", "+OK\r\n");
    close(fd);
}

/* "COMMAND INFO NONE NONE ...", with so many arguments. */
static void put_command_info(struct buffer *to, int argument_count)
{
    buffer_printf(to, "*%d\r\n$7\r\nCOMMAND\r\n$4\r\nINFO\r\n", argument_count);
    for (int i = 2; i < argument_count; i++) {
        buffer_append_slice(to, slice_str("$4\r\nNONE\r\n"));
    }
}

/* Each argument of such a command may be compared with everything of a kind that the node has. */
static void test_client__may_send_fewer_arguments_if_the_node_answers_by_itself(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer text = {0};

    put_command_info(&text, CLIENT_LOCAL_ARGUMENTS_MAX + 1);
    fixture_send(f, fd, buffer_slice(&text));
    fixture_expect(f, fd,
                   "-ERR not executed: this command with more than 1024 arguments would hold up "
                   "everybody; split it\r\n");
    buffer_clear(&text);
    put_command_info(&text, CLIENT_LOCAL_ARGUMENTS_MAX);
    fixture_send(f, fd, buffer_slice(&text));
    fixture_expect(f, fd, "*1022\r\n");
    for (int i = 2; i < CLIENT_LOCAL_ARGUMENTS_MAX; i++) {
        fixture_expect(f, fd, "*-1\r\n");
    }
    buffer_deinit(&text);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    close(fd);
}

static void test_client__walks_over_the_keys_beside_the_log(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nGET a\r\nKEYS *\r\nSET b 1\r\n");
    fixture_await_requests(f, 2); /* The read between writes goes through the log with them. */
    assert_true(f->replica.requests[1]->is_logged_read);
    assert_int_equal(f->replica.count, 2);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_await_requests(f, 1);
    assert_false(f->replica.requests[0]->is_logged_read);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_await_requests(f, 1);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n$1\r\n1\r\n*1\r\n$1\r\na\r\n+OK\r\n");
    close(fd);
}

/* Otherwise others would wait behind all of them. */
static void test_client__has_one_walk_over_the_keys_under_way(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "KEYS x\r\nSCAN 0\r\nGET a\r\nKEYS y\r\n");
    fixture_await_requests(f, 1);
    assert_int_equal(fixture_client(f)->wait, CLIENT_WAITS_FOR_SLOTS);
    fake_answer(f, 0);
    fixture_flush(f);
    fixture_await_requests(f, 2); /* A cheap command may be under way with it. */
    assert_int_equal(fixture_client(f)->wait, CLIENT_WAITS_FOR_SLOTS);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_await_requests(f, 1);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "*0\r\n*2\r\n$1\r\n0\r\n*0\r\n$-1\r\n*0\r\n");
    close(fd);
}

static void test_client__has_a_limit_of_arguments_under_way(void **state)
{
    enum { COUNT = CLIENT_WORK_UNDER_WAY_MAX / (2 * ARGUMENT_WORK + 20), COMMANDS = 5 };
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer text = {0};

    f->replica.holds = true;
    for (int command = 0; command < COMMANDS; command++) {
        buffer_printf(&text, "*%d\r\n$6\r\nEXISTS\r\n", COUNT);
        for (int i = 1; i < COUNT; i++) {
            buffer_append_slice(&text, slice_str("$1\r\nk\r\n"));
        }
    }
    fixture_send(f, fd, buffer_slice(&text));
    buffer_deinit(&text);
    for (int left = COMMANDS; left > 0; left -= 2) {
        fixture_await_requests(f, left > 2 ? 2 : (uint32_t)left);
        while (left > 2 && fixture_client(f)->wait == CLIENT_RUNS) {
            fixture_run(f); /* The next request is incomplete. */
        }
        assert_true(f->replica.count <= 2);
        fake_answer_all(f);
        fixture_flush(f);
    }
    fixture_expect(f, fd, ":0\r\n:0\r\n:0\r\n:0\r\n:0\r\n");
    close(fd);
}

static void test_client__has_one_large_growth_of_a_value_under_way(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd,
                "SETRANGE a 9000000 x\r\nSETRANGE b 9000000 x\r\nSETRANGE c 1 x\r\n"
                "SETBIT d 72000000 1\r\nSETBIT e 72000000 1\r\n");
    for (int left = 5; left > 0; left--) {
        fixture_await_requests(f, 1);
        assert_true(left == 1 || fixture_client(f)->wait == CLIENT_WAITS_FOR_SLOTS);
        fake_answer(f, 0);
        fixture_flush(f);
    }
    fixture_expect(f, fd, ":9000001\r\n:9000001\r\n:2\r\n:0\r\n:0\r\n");
    close(fd);
}

static void test_client__has_one_administrative_command_under_way(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nRAFT STATUS\r\nPING\r\nREQUEST_LOG\r\nPING\r\n");
    for (int i = 0; i < 3; i++) {
        fixture_await_requests(f, 1);
        assert_int_equal(f->replica.count, 1);
        fake_answer(f, 0);
        fixture_flush(f);
    }
    fixture_expect(f, fd, "+OK\r\n+ADMIN\r\n+PONG\r\n+ADMIN\r\n+PONG\r\n");
    close(fd);
}

static void test_client__goes_on_when_the_replica_is_no_longer_congested(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.is_congested = true;
    fixture_talk(f, fd, "PING\r\nSET a 1\r\nSET a 2\r\nPING\r\n", "+PONG\r\n");
    assert_int_equal(f->replica.executed_count, 0);
    f->replica.is_congested = false;
    f->replica.has_room_again = true;
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n+OK\r\n+PONG\r\n");
    close(fd);
}

/* Nothing else happens that would cause a turn. */
static void test_turn__comes_by_itself_for_a_client_that_has_sent_more(void **state)
{
    enum { COUNT = 2 * CLIENT_COMMANDS_A_TURN - 100, READ_BYTES = 6 * COUNT };
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer pings = {0};
    struct buffer got = {0};

    _Static_assert((int)READ_BYTES <= (int)CLIENT_READ_BYTES, "they come in one piece");
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    io_timer_stop(f->io, &f->clients->sweep_timer);
    for (int i = 0; i < COUNT; i++) {
        buffer_append(&pings, "PING\r\n", 6);
    }
    fixture_send(f, fd, buffer_slice(&pings));
    assert_true(fixture_receive(f, fd, &got, 7 * (size_t)COUNT));
    buffer_deinit(&pings);
    buffer_deinit(&got);
    close(fd);
}

static void test_turn__comes_by_itself_for_those_that_wait_for_room(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.is_congested = true;
    fixture_talk(f, fd, "PING\r\nSET a 1\r\n", "+PONG\r\n");
    io_timer_stop(f->io, &f->clients->sweep_timer);
    f->replica.is_congested = false; /* By what was answered in this turn. */
    f->replica.has_room_again = true;
    clients_send(f->clients);
    fixture_expect(f, fd, "+OK\r\n");
    close(fd);
}

static void relieve(struct client_fixture *f)
{
    f->replica.has_room_again = true;
    fixture_flush(f);
    f->replica.has_room_again = false;
}

static void test_client__does_not_overtake_those_that_wait_for_room(void **state)
{
    struct client_fixture *f = *state;
    int first = fixture_connect(f);
    int second = fixture_connect(f);

    f->replica.is_congested = true;
    fixture_talk(f, first, "PING\r\nAPPEND a 1\r\n", "+PONG\r\n");
    f->replica.is_congested = false; /* There is room for a few, but not for all that wait. */
    fixture_talk(f, second, "PING\r\nAPPEND a 2\r\n", "+PONG\r\n");
    assert_int_equal(f->replica.executed_count, 0);
    relieve(f);
    fixture_expect(f, first, ":1\r\n");
    fixture_expect(f, second, ":2\r\n");
    close(first);
    close(second);
}

static void test_client__takes_turns_with_others_if_room_is_scarce(void **state)
{
    struct client_fixture *f = *state;
    int first = fixture_connect(f);
    int second = fixture_connect(f);

    f->replica.holds = true;
    f->replica.room = 1;
    fixture_talk(f, first, "PING\r\nAPPEND a 1\r\nAPPEND a 2\r\nAPPEND a 4\r\n", "+PONG\r\n");
    fixture_talk(f, second, "PING\r\nAPPEND a 3\r\n", "+PONG\r\n");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(f->replica.count, 1);
        fake_answer_all(f);
        relieve(f);
    }
    fixture_expect(f, second, ":3\r\n");
    fixture_expect(f, first, ":1\r\n:2\r\n:4\r\n");
    close(first);
    close(second);
}

static void test_client__reports_each_reply_to_the_probe_in_order(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nPING\r\nSET b 1\r\nNOPE\r\n");
    fixture_await_requests(f, 2);
    fake_answer(f, 1);
    fake_answer(f, 0);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n+PONG\r\n+OK\r\n-ERR unknown command");
    buffer_append(&f->probed, "", 1);
    assert_string_equal(buffer_begin(&f->probed), "1/2w 2/0 3/1w 4/0 ");
    close(fd);
}

/* Ends the first waiting request as the replica does if it does not know the outcome. */
static void leave_in_doubt(struct client_fixture *f)
{
    struct request *request = f->replica.requests[0];

    memmove(&f->replica.requests[0], &f->replica.requests[1],
            --f->replica.count * sizeof f->replica.requests[0]);
    resp_error(request->reply(request), "INDOUBT who knows");
    request->executed_index = 0;
    request->answered(request);
    fixture_flush(f);
}

/* Beside the log, a read could show that nothing had happened, and the write could be executed
 * later. */
static void test_client__sends_all_through_the_log_until_a_doubt_is_settled(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nSET b 1\r\n");
    fixture_await_requests(f, 2);
    leave_in_doubt(f);
    fake_answer_all(f); /* It was sent before the answer, so it settles nothing. */
    fixture_flush(f);
    fixture_expect(f, fd, "-INDOUBT who knows\r\n+OK\r\n");
    fixture_say(f, fd, "KEYS x\r\nGET a\r\n");
    fixture_await_requests(f, 2);
    assert_true(f->replica.requests[0]->is_logged_read);
    assert_true(f->replica.requests[1]->is_logged_read);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "*0\r\n$-1\r\n");
    fixture_say(f, fd, "GET a\r\n");
    fixture_await_requests(f, 1);
    assert_false(f->replica.requests[0]->is_logged_read);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "$-1\r\n");
    close(fd);
}

/* So that a command that waits for a leader is not executed after its client has gone to another
 * node. */
static void test_client__says_that_its_commands_are_abandoned_when_it_has_ended(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\n");
    fixture_await_requests(f, 1);
    assert_false(f->replica.requests[0]->is_abandoned);
    shutdown(fd, SHUT_WR);
    while (!fixture_client(f)->has_ended) {
        fixture_run(f);
    }
    assert_true(f->replica.requests[0]->is_abandoned);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n"); /* It can still be answered. */
    close(fd);
}

static void test_client__frees_what_is_under_way_when_the_server_goes(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nSET b 1\r\nPING\r\n");
    fixture_await_requests(f, 2);
    fake_answer(f, 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
        TEST(test_client__answers_a_local_command_at_once),
        TEST(test_client__keeps_local_replies_behind_those_under_way),
        TEST(test_client__keeps_order_if_answers_come_out_of_order),
        TEST(test_client__refuses_in_its_place_what_is_certain_to_fail),
        TEST(test_client__holds_a_write_back_until_the_reads_before_it_are_done),
        TEST(test_client__sends_reads_behind_writes_through_the_log),
        TEST(test_client__lets_a_long_run_of_reads_wait_for_the_writes_before_it),
        TEST(test_client__hands_over_a_pipeline_of_one_kind_at_once),
        TEST(test_client__answers_a_pipeline_of_any_depth_in_order),
        TEST(test_client__answers_all_that_was_sent_before_the_other_side_ended),
        TEST(test_client__drops_replies_for_a_connection_that_ended),
        TEST(test_client__keeps_a_place_for_a_reply_that_comes_later),
        TEST(test_client__is_refused_a_command_of_very_many_arguments),
        TEST(test_client__may_send_fewer_arguments_if_the_node_answers_by_itself),
        TEST(test_client__walks_over_the_keys_beside_the_log),
        TEST(test_client__has_one_walk_over_the_keys_under_way),
        TEST(test_client__has_a_limit_of_arguments_under_way),
        TEST(test_client__has_one_large_growth_of_a_value_under_way),
        TEST(test_client__has_one_administrative_command_under_way),
        TEST(test_client__goes_on_when_the_replica_is_no_longer_congested),
        TEST(test_turn__comes_by_itself_for_a_client_that_has_sent_more),
        TEST(test_turn__comes_by_itself_for_those_that_wait_for_room),
        TEST(test_client__does_not_overtake_those_that_wait_for_room),
        TEST(test_client__takes_turns_with_others_if_room_is_scarce),
        TEST(test_client__reports_each_reply_to_the_probe_in_order),
        TEST(test_client__sends_all_through_the_log_until_a_doubt_is_settled),
        TEST(test_client__says_that_its_commands_are_abandoned_when_it_has_ended),
        TEST(test_client__frees_what_is_under_way_when_the_server_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
