/* What the users of connections may do at this node, and as whose their commands are sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "kv/codec.h"
#include "users/users.h"

static const char no_login[] = "-NOAUTH Authentication required.\r\n";
static const char wrong[] = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

static void make_bob(struct client_fixture *f, int fd, const char *rules)
{
    struct buffer line = {0};

    buffer_printf(&line, "ACL SETUSER bob on >secret %s\r\n", rules);
    buffer_append(&line, "", 1);
    fixture_talk(f, fd, buffer_begin(&line), "+OK\r\n");
    buffer_deinit(&line);
}

static int connect_as_bob(struct client_fixture *f)
{
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "AUTH bob secret\r\n", "+OK\r\n");
    return fd;
}

static struct command_head head_of(const struct client_fixture *f, uint32_t i)
{
    struct command_head head;

    assert_true(i < f->replica.count);
    assert_true(command_payload_head(entry_payload(f->replica.requests[i]->entry), &head));
    return head;
}

static void test_rights__login(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd = fixture_connect(f);

    fixture_talk(f, admin, "ACL WHOAMI\r\n", "$7\r\ndefault\r\n");
    fixture_talk(f, admin, "AUTH x\r\n",
                 "-ERR AUTH <password> called without any password configured for the default "
                 "user. Are you sure your configuration is correct?\r\n");
    fixture_talk(f, admin, "AUTH default x\r\n", "+OK\r\n");
    make_bob(f, admin, "+acl|whoami");
    fixture_talk(f, fd, "AUTH bob x\r\n", wrong);
    fixture_talk(f, fd, "AUTH eve x\r\n", wrong);
    fixture_talk(f, fd, "HELLO 3 AUTH bob x\r\n", wrong);
    fixture_talk(f, fd, "AUTH bob secret\r\nACL WHOAMI\r\n", "+OK\r\n$3\r\nbob\r\n");
    fixture_talk(f, fd, "RESET\r\nACL WHOAMI\r\n", "+RESET\r\n$7\r\ndefault\r\n");
    fixture_talk(f, admin, "ACL SETUSER default >pass\r\nPING\r\n", "+OK\r\n+PONG\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "PING\r\n", no_login);
    fixture_talk(f, fd, "MULTI\r\n", no_login);
    fixture_talk(f, fd, "GET k\r\n", no_login);
    fixture_talk(f, fd, "NOSUCH\r\n",
                 "-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
    fixture_talk(f, fd, "AUTH x\r\n", wrong);
    fixture_talk(f, fd, "AUTH pass\r\nPING\r\n", "+OK\r\n+PONG\r\n");
    close(fd);
    close(admin);
}

/* Users may have changed at another node: so a login is judged as a read is. */
static void test_rights__login_asks_the_cluster(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    make_bob(f, fd, "+@all ~*");
    f->replica.holds = true;
    fixture_say(f, fd, "AUTH bob secret\r\nPING\r\nGET k\r\n");
    fixture_await_requests(f, 1);
    assert_string_equal(f->replica.requests[0]->command->name, "ACL_SHOW");
    fake_answer(f, 0);
    fixture_flush(f);
    fixture_await_requests(f, 1);
    assert_true(head_of(f, 0).user > 0);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n+PONG\r\n$-1\r\n");
    close(fd);
}

static void test_rights__commands_are_sent_as_their_user(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd;

    make_bob(f, admin, "+@all -flushall ~k*");
    fd = connect_as_bob(f);
    f->replica.holds = true;
    fixture_say(f, admin, "SET k v\r\n");
    fixture_await_requests(f, 1);
    assert_int_equal(head_of(f, 0).user, 0);
    fixture_say(f, fd, "SET k v\r\n");
    fixture_await_requests(f, 2);
    assert_true(head_of(f, 1).user > 0);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+OK\r\n");
    fixture_say(f, fd, "MULTI\r\nSET k v\r\nEXEC\r\n");
    fixture_await_requests(f, 1);
    assert_true(head_of(f, 0).user > 0);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_say(f, fd, "WATCH k\r\n");
    fixture_await_requests(f, 1);
    assert_true(head_of(f, 0).user > 0);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_say(f, fd, "GET k\r\n");
    fixture_await_requests(f, 1);
    assert_true(head_of(f, 0).user > 0);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_say(f, fd, "RAFT STATUS\r\n");
    fixture_await_requests(f, 1);
    assert_true(head_of(f, 0).user > 0);
    fake_answer_all(f);
    fixture_flush(f);
    close(fd);
    close(admin);
}

static void test_rights__data_is_judged_where_it_is_executed(void **state)
{
    static const char key[] = "-NOPERM No permissions to access a key\r\n";
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd;

    make_bob(f, admin, "+get +set +copy +mset +eval +multi +exec ~k* %R~r*");
    fd = connect_as_bob(f);
    fixture_talk(f, fd, "SET k v\r\nGET k\r\n", "+OK\r\n$1\r\nv\r\n");
    fixture_talk(f, fd, "SET x v\r\n", key);
    fixture_talk(f, fd, "SET r v\r\n", key);
    fixture_talk(f, fd, "GET r\r\n", "$-1\r\n");
    fixture_talk(f, fd, "COPY r k2\r\n", ":0\r\n");
    fixture_talk(f, fd, "COPY k r\r\n", key);
    fixture_talk(f, fd, "MSET k v x v\r\n", key);
    fixture_talk(f, fd, "INCR k\r\n",
                 "-NOPERM User bob has no permissions to run the 'incr' command\r\n");
    fixture_talk(f, fd, "FLUSHALL\r\n",
                 "-NOPERM User bob has no permissions to run the 'flushall' command\r\n");
    fixture_talk(f, fd, "EVAL \"return redis.call('set','x','v')\" 0\r\n",
                 "-NOPERM ACL failure in script: No permissions to access a key script: "
                 "7d57db6c28ccf4819c4cab44f673b8bb5c62d4b7, on @user_script:1.\r\n");
    close(fd);
    close(admin);
}

static void test_rights__in_transactions(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd;

    make_bob(f, admin, "+@transaction +get +set +acl|whoami ~k*");
    fd = connect_as_bob(f);
    fixture_talk(f, fd, "MULTI\r\nSET x v\r\nSET k v\r\nEXEC\r\n",
                 "+OK\r\n-NOPERM No permissions to access a key\r\n+QUEUED\r\n"
                 "-EXECABORT Transaction discarded because of previous errors.\r\n");
    fixture_talk(f, fd, "MULTI\r\nCLIENT LIST\r\nDISCARD\r\n",
                 "+OK\r\n-NOPERM User bob has no permissions to run the 'client|list' command\r\n"
                 "+OK\r\n");
    /* Rights are taken after the queue was filled. */
    fixture_talk(f, fd, "MULTI\r\nSET k v\r\nGET k\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    fixture_talk(f, admin, "ACL SETUSER bob -set\r\n", "+OK\r\n");
    fixture_talk(f, fd, "EXEC\r\n",
                 "*2\r\n-NOPERM User bob has no permissions to run the 'set' command\r\n$-1\r\n");
    fixture_talk(f, fd, "WATCH x\r\n", "-NOPERM No permissions to access a key\r\n");
    fixture_talk(f, admin, "ACL SETUSER bob +client|id\r\n", "+OK\r\n");
    fixture_talk(f, fd, "MULTI\r\nCLIENT ID\r\n", "+OK\r\n+QUEUED\r\n");
    fixture_talk(f, admin, "ACL SETUSER bob -client\r\n", "+OK\r\n");
    fixture_talk(f, fd, "EXEC\r\n",
                 "*1\r\n-NOPERM User bob has no permissions to run the 'client|id' command\r\n");
    close(fd);
    close(admin);
}

static void test_rights__what_this_node_answers(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd;

    make_bob(f, admin, "+@all -@admin -@dangerous &c* ~k*");
    fd = connect_as_bob(f);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    fixture_talk(f, fd, "CONFIG GET dir\r\n",
                 "-NOPERM User bob has no permissions to run the 'config|get' command\r\n");
    fixture_talk(f, fd, "MONITOR\r\n",
                 "-NOPERM User bob has no permissions to run the 'monitor' command\r\n");
    fixture_talk(f, fd, "REQUEST_LOG\r\n",
                 "-NOPERM User bob has no permissions to run the 'request_log' command\r\n");
    fixture_talk(f, fd, "RAFT REMOVE x\r\n",
                 "-NOPERM User bob has no permissions to run the 'raft|remove' command\r\n");
    fixture_talk(f, fd, "ACL SETUSER bob +@all\r\n",
                 "-NOPERM User bob has no permissions to run the 'acl|setuser' command\r\n");
    fixture_talk(f, fd, "ACL LIST\r\n",
                 "-NOPERM User bob has no permissions to run the 'acl|list' command\r\n");
    fixture_talk(f, fd, "SUBSCRIBE d\r\n", "-NOPERM No permissions to access a channel\r\n");
    fixture_talk(f, fd, "PUBLISH d m\r\n", "-NOPERM No permissions to access a channel\r\n");
    fixture_talk(f, fd, "XREAD STREAMS rakit:changes: $\r\n",
                 "-NOPERM No permissions to access a key\r\n");
    fixture_talk(f, fd, "RAFT KEY\r\n",
                 "-NOPERM User bob has no permissions to run the 'raft|key' command\r\n");
    assert_int_equal(f->replica.count, 0);
    close(fd);
    close(admin);
}

/* A node that joins sends RAFT ADD, and proves itself to the leader; that starts asks HERE. */
static void test_rights__of_a_node_that_joins(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd;

    fixture_talk(f, admin, "ACL SETUSER default >pass\r\n", "+OK\r\n");
    fd = fixture_connect(f);
    f->replica.holds = true;
    fixture_say(f, fd, "RAFT ADD 1f host 8001 18001\r\n");
    fixture_await_requests(f, 1);
    assert_true(head_of(f, 0).user == USER_NOBODY);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "+ADMIN\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "RAFT REMOVE 1f\r\n", no_login);
    fixture_say(f, fd, "RAFT HERE\r\n");
    fixture_expect(f, fd, "$");
    close(fd);
    fd = fixture_connect(f);
    fixture_say(f, fd, "RAFT KEY\r\n");
    fixture_expect(f, fd, "-NOAUTH clients need a password here");
    close(fd);
    close(admin);
}

static void test_rights__lost_ones_end_what_relies_on_them(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int subscriber;
    int pardoned;
    int monitor;

    make_bob(f, admin, "+@all &c* &p* ~*");
    subscriber = connect_as_bob(f);
    pardoned = connect_as_bob(f);
    monitor = connect_as_bob(f);
    fixture_talk(f, subscriber, "SUBSCRIBE c1\r\n", "*3\r\n$9\r\nsubscribe\r\n$2\r\nc1\r\n:1\r\n");
    fixture_talk(f, pardoned, "PSUBSCRIBE p*\r\n", "*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:1\r\n");
    fixture_talk(f, admin, "ACL SETUSER bob resetchannels &p*\r\n", "+OK\r\n");
    fixture_expect_end(f, subscriber);
    fixture_talk(f, pardoned, "PING\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    fixture_talk(f, monitor, "MONITOR\r\n", "+OK\r\n");
    fixture_talk(f, admin, "ACL SETUSER bob -monitor\r\n", "+OK\r\n");
    fixture_expect_end(f, monitor);
    fixture_talk(f, admin, "ACL DELUSER bob\r\n", ":1\r\n");
    fixture_expect_end(f, pardoned);
    close(subscriber);
    close(pardoned);
    close(monitor);
    close(admin);
}

/* A user deletes itself: it still gets the reply. */
static void test_rights__of_a_deleted_user(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd;

    make_bob(f, admin, "+@all");
    fd = connect_as_bob(f);
    fixture_talk(f, fd, "ACL DELUSER bob\r\n", ":1\r\n");
    fixture_expect_end(f, fd);
    close(fd);
    close(admin);
}

static void test_rights__before_login_little_is_read(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd;

    fixture_talk(f, admin, "ACL SETUSER default >pass\r\n", "+OK\r\n");
    fd = fixture_connect(f);
    fixture_talk(f, fd, "*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "AUTH pass\r\n", "+OK\r\n");
    fixture_talk(f, fd, "DEL 1 2 3 4 5 6 7 8 9 10 11\r\n", ":0\r\n");
    fixture_say(f, fd, "*11\r\n$3\r\nDEL\r\n");
    for (int i = 0; i < 10; i++) {
        fixture_say(f, fd, "$1\r\nk\r\n");
    }
    fixture_expect(f, fd, ":0\r\n");
    close(fd);
    close(admin);
}

/* Beyond some, a login that fails waits; and so does what follows it on its connection. */
static void test_rights__failed_logins_wait(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    uint64_t before_ns;

    make_bob(f, fd, "+@all");
    for (int i = 0; i <= ATTEMPTS_AT_ONCE; i++) {
        fixture_talk(f, fd, "AUTH bob x\r\n", wrong);
    }
    before_ns = io_now_ns(f->io);
    fixture_talk(f, fd, "AUTH bob secret\r\nACL WHOAMI\r\n", "+OK\r\n$3\r\nbob\r\n");
    assert_true(io_now_ns(f->io) - before_ns >= 100000000);
    close(fd);
}

static void test_rights__requirepass(void **state)
{
    struct client_fixture *f = *state;
    int admin = fixture_connect(f);
    int fd;

    fixture_talk(f, admin, "CONFIG SET requirepass pass\r\nPING\r\n", "+OK\r\n+PONG\r\n");
    fd = fixture_connect(f);
    fixture_talk(f, fd, "PING\r\nAUTH pass\r\nPING\r\n",
                 "-NOAUTH Authentication required.\r\n+OK\r\n+PONG\r\n");
    fixture_talk(f, fd, "CONFIG GET requirepass\r\n", "*2\r\n$11\r\nrequirepass\r\n$0\r\n\r\n");
    fixture_talk(f, fd, "MULTI\r\nCONFIG SET requirepass x\r\nEXEC\r\n",
                 "+OK\r\n+QUEUED\r\n*1\r\n-ERR Command not allowed inside a transaction\r\n");
    fixture_talk(f, fd, "CONFIG SET requirepass \"\"\r\n", "+OK\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    close(fd);
    close(admin);
}

/* A node that loads does not know yet that there are users. */
static void test_rights__while_loading_nobody_is_logged_in(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.is_loading = true;
    fixture_talk(f, fd, "MULTI\r\nECHO x\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n$1\r\nx\r\n");
    /* It would be shown keys after that. */
    fixture_talk(f, fd, "CLIENT TRACKING ON BCAST\r\n",
                 "-LOADING this node does not know its users yet: try again soon\r\n");
    f->replica.is_loading = false;

    int admin = fixture_connect(f);

    fixture_talk(f, admin, "ACL SETUSER default >pass\r\n", "+OK\r\n");
    fixture_talk(f, fd, "PING\r\n", no_login);
    close(fd);
    close(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rights__login, fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__login_asks_the_cluster, fixture_up,
                                        fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__commands_are_sent_as_their_user, fixture_up,
                                        fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__data_is_judged_where_it_is_executed,
                                        fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__in_transactions, fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__what_this_node_answers, fixture_up,
                                        fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__of_a_node_that_joins, fixture_up,
                                        fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__lost_ones_end_what_relies_on_them, fixture_up,
                                        fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__of_a_deleted_user, fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__before_login_little_is_read, fixture_up,
                                        fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__failed_logins_wait, fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__requirepass, fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(test_rights__while_loading_nobody_is_logged_in, fixture_up,
                                        fixture_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
