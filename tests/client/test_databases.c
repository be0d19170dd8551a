/* Which database a connection's commands are executed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

#define OUT_OF_RANGE "-ERR DB index is out of range\r\n"

/* Reads until `text` has arrived. */
static void await_text(struct client_fixture *f, int fd, const char *text)
{
    struct buffer got = {0};

    do {
        assert_true(fixture_receive(f, fd, &got, 1));
    } while (memmem(buffer_begin(&got), buffer_size(&got), text, strlen(text)) == NULL);
    buffer_deinit(&got);
}

static void test_databases__select_moves_what_follows(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SET k zero\r\nSELECT 15\r\nGET k\r\nSET k fifteen\r\n",
                 "+OK\r\n+OK\r\n$-1\r\n+OK\r\n");
    fixture_talk(f, fd, "SELECT 0\r\nGET k\r\nselect 15\r\nGET k\r\nDBSIZE\r\n",
                 "+OK\r\n$4\r\nzero\r\n+OK\r\n$7\r\nfifteen\r\n:1\r\n");
    close(fd);
}

/* Commands under way keep the database that they were sent for. */
static void test_databases__select_leaves_what_is_under_way(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SELECT 2\r\nSET k two\r\nSELECT 3\r\nSET k three\r\nGET k\r\n");
    fixture_await_requests(f, 3);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n+OK\r\n+OK\r\n+OK\r\n$5\r\nthree\r\n");
    f->replica.holds = false;
    fixture_talk(f, fd, "SELECT 2\r\nGET k\r\n", "+OK\r\n$3\r\ntwo\r\n");
    close(fd);
}

static void test_databases__refused_select_changes_nothing(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SELECT 5\r\nSET k five\r\n", "+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "SELECT 16\r\n", OUT_OF_RANGE);
    fixture_talk(f, fd, "SELECT -1\r\n", OUT_OF_RANGE);
    fixture_talk(f, fd, "SELECT 2147483648\r\n",
                 "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
    fixture_talk(f, fd, "SELECT x\r\n", "-ERR value is not an integer or out of range\r\n");
    fixture_talk(f, fd, "SELECT\r\n", "-ERR wrong number of arguments for 'select' command\r\n");
    fixture_talk(f, fd, "GET k\r\n", "$4\r\nfive\r\n");
    close(fd);
}

static void test_databases__each_connection_has_its_own(void **state)
{
    struct client_fixture *f = *state;
    int first = fixture_connect(f);
    int second = fixture_connect(f);

    fixture_talk(f, first, "SELECT 4\r\nSET k four\r\n", "+OK\r\n+OK\r\n");
    fixture_talk(f, second, "GET k\r\nSET k zero\r\n", "$-1\r\n+OK\r\n");
    fixture_talk(f, first, "GET k\r\n", "$4\r\nfour\r\n");
    close(first);
    fixture_await_clients(f, 1);
    first = fixture_connect(f);
    fixture_talk(f, first, "GET k\r\n", "$4\r\nzero\r\n");
    close(first);
    close(second);
}

static void test_databases__reset_goes_back_to_0_and_hello_stays(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_say(f, fd, "SELECT 3\r\nSET k three\r\nHELLO 3\r\nGET k\r\n");
    await_text(f, fd, "$5\r\nthree\r\n");
    fixture_talk(f, fd, "RESET\r\nGET k\r\n", "+RESET\r\n$-1\r\n");
    close(fd);
}

static void test_databases__clear_and_swap_only_what_is_named(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SET k zero\r\nSELECT 1\r\nSET k one\r\nSET only here\r\nSWAPDB 0 1\r\n",
                 "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "GET k\r\nGET only\r\nMOVE k 7\r\nFLUSHDB\r\n",
                 "$4\r\nzero\r\n$-1\r\n:1\r\n+OK\r\n");
    fixture_talk(f, fd, "INFO keyspace\r\n",
                 "$76\r\n# Keyspace\r\ndb0:keys=2,expires=0,avg_ttl=0\r\n"
                 "db7:keys=1,expires=0,avg_ttl=0\r\n\r\n");
    fixture_talk(f, fd, "FLUSHALL\r\n", "+OK\r\n");
    fixture_talk(f, fd, "INFO keyspace\r\n", "$12\r\n# Keyspace\r\n\r\n");
    close(fd);
}

/* What is refused does not enter the log. */
static void test_databases__what_is_refused_is_not_submitted(void **state)
{
    static const char *const refused[][2] = {
        {"MOVE k 6", "-ERR source and destination objects are the same\r\n"},
        {"MOVE k 16", OUT_OF_RANGE},
        {"MOVE k x", "-ERR value is not an integer or out of range\r\n"},
        {"SWAPDB 0 16", OUT_OF_RANGE},
        {"SWAPDB -1 0", OUT_OF_RANGE},
        {"SWAPDB x y", "-ERR invalid first DB index\r\n"},
        {"SWAPDB 0 4294967296", "-ERR invalid second DB index\r\n"},
    };
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    char line[64];

    fixture_talk(f, fd, "SELECT 6\r\n", "+OK\r\n");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        snprintf(line, sizeof line, "%s\r\n", refused[i][0]);
        fixture_talk(f, fd, line, refused[i][1]);
    }
    assert_int_equal(f->replica.executed_count, 0);
    close(fd);
}

static void test_databases__are_shown_in_the_list_of_clients(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SELECT 12\r\n", "+OK\r\n");
    fixture_say(f, fd, "CLIENT INFO\r\n");
    await_text(f, fd, " db=12 ");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
        TEST(test_databases__select_moves_what_follows),
        TEST(test_databases__select_leaves_what_is_under_way),
        TEST(test_databases__refused_select_changes_nothing),
        TEST(test_databases__each_connection_has_its_own),
        TEST(test_databases__reset_goes_back_to_0_and_hello_stays),
        TEST(test_databases__clear_and_swap_only_what_is_named),
        TEST(test_databases__what_is_refused_is_not_submitted),
        TEST(test_databases__are_shown_in_the_list_of_clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
