/* What clients set about their connection, and what this node reports about itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "command/table.h"
#include "fixture.h"
#include "kv/codec.h"

/* Sends the text and returns the bulk reply as a string; the caller frees the buffer. */
static const char *ask(struct client_fixture *f, int fd, const char *text, struct buffer *got)
{
    size_t size = 0;

    buffer_clear(got);
    fixture_say(f, fd, text);
    assert_true(fixture_receive(f, fd, got, 1));
    assert_int_equal(*buffer_begin(got), '$');
    while (buffer_size(got) < 2 || buffer_begin(got)[buffer_size(got) - 1] != '\n') {
        assert_true(fixture_receive(f, fd, got, 1));
    }
    for (const char *digit = buffer_begin(got) + 1; *digit != '\r'; digit++) {
        size = size * 10 + (size_t)(*digit - '0');
    }
    buffer_clear(got);
    assert_true(fixture_receive(f, fd, got, size + 2));
    buffer_append(got, "", 1);
    return buffer_begin(got);
}

static void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in: %s", part, text);
    }
}

static void test_session__refuses_as_redis_does(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "foo\r\n", "-ERR unknown command 'foo', with args beginning with: \r\n");
    fixture_talk(f, fd, "foo bar 'b az'\r\n",
                 "-ERR unknown command 'foo', with args beginning with: 'bar' 'b az' \r\n");
    fixture_talk(f, fd, "get\r\n", "-ERR wrong number of arguments for 'get' command\r\n");
    fixture_talk(f, fd, "PING a b\r\n", "-ERR wrong number of arguments for 'ping' command\r\n");
    fixture_talk(f, fd, "client setname\r\n",
                 "-ERR wrong number of arguments for 'client|setname' command\r\n");
    fixture_talk(f, fd, "client maint_notifications on\r\n",
                 "-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.\r\n");
    fixture_talk(f, fd, "*1\r\n$0\r\n\r\n",
                 "-ERR unknown command '', with args beginning with: \r\n");
    assert_int_equal(f->replica.executed_count, 0);
    close(fd);
}

static void test_session__keeps_error_texts_short(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer request = {0};
    struct buffer got = {0};

    buffer_printf(&request, "*3\r\n$1000\r\n%01000d\r\n$1000\r\n%01000d\r\n$1\r\nx\r\n", 0, 0);
    fixture_send(f, fd, buffer_slice(&request));
    fixture_say(f, fd, "PING\r\n");
    assert_true(fixture_receive(f, fd, &got, 200));
    while (memmem(buffer_begin(&got), buffer_size(&got), "\r\n+PONG\r\n", 9) == NULL) {
        assert_true(fixture_receive(f, fd, &got, 1));
    }
    assert_true(buffer_size(&got) < 400);
    buffer_deinit(&request);
    buffer_deinit(&got);
    close(fd);
}

static void test_session__says_hello_in_both_protocols(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "HELLO\r\n", "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "HELLO 3 SETNAME me\r\n",
                 "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.0\r\n$5\r\nproto"
                 "\r\n:3\r\n$2\r\nid\r\n:2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6"
                 "\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
    fixture_talk(f, fd, "CLIENT GETNAME\r\nGET nothing\r\n", "$2\r\nme\r\n_\r\n");
    fixture_talk(f, fd, "HELLO 4\r\nGET nothing\r\n",
                 "-NOPROTO unsupported protocol version\r\n_\r\n");
    fixture_talk(f, fd, "HELLO x\r\n",
                 "-ERR Protocol version is not an integer or out of range\r\n");
    fixture_talk(f, fd, "HELLO 3 NONSENSE\r\n", "-ERR Syntax error in HELLO option 'NONSENSE'\r\n");
    close(fd);
}

static void test_session__the_default_user_needs_no_password(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    static const char wrong[] =
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

    fixture_talk(f, fd, "AUTH default any\r\n", "+OK\r\n");
    fixture_talk(f, fd, "AUTH bob any\r\n", wrong);
    fixture_talk(f, fd, "AUTH Default any\r\n", wrong);
    fixture_talk(f, fd, "AUTH any\r\n",
                 "-ERR AUTH <password> called without any password "
                 "configured for the default user. Are you sure "
                 "your configuration is correct?\r\n");
    fixture_talk(f, fd, "AUTH default any more\r\n", "-ERR syntax error\r\n");
    fixture_talk(f, fd, "HELLO 3 SETNAME no AUTH bob any\r\nCLIENT GETNAME\r\n", wrong);
    fixture_expect(f, fd, "$-1\r\n");
    fixture_talk(f, fd, "HELLO 3 AUTH default\r\n", "-ERR Syntax error in HELLO option 'AUTH'\r\n");
    fixture_talk(f, fd, "HELLO 3 AUTH default any SETNAME me\r\n", "%7\r\n");
    assert_string_equal(fixture_client(f)->name, "me");
    close(fd);
}

static void test_session__changes_protocol_only_for_what_follows(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "GET a\r\nHELLO 3\r\nGET a\r\n");
    fixture_await_requests(f, 1); /* HELLO waits for its reply. */
    fake_answer(f, 0);
    fixture_flush(f);
    fixture_await_requests(f, 1);
    fake_answer(f, 0);
    fixture_flush(f);
    fixture_expect(f, fd, "$-1\r\n%7\r\n");
    close(fd);
}

static void test_session__resets(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};

    fixture_talk(f, fd, "CLIENT SETNAME me\r\nHELLO 3\r\n", "+OK\r\n%7\r\n");
    fixture_say(f, fd, "RESET\r\n");
    do {
        assert_true(fixture_receive(f, fd, &got, 1));
    } while (memmem(buffer_begin(&got), buffer_size(&got), "+RESET\r\n", 8) == NULL);
    fixture_talk(f, fd, "CLIENT GETNAME\r\n", "$-1\r\n");
    buffer_deinit(&got);
    close(fd);
}

static void test_session__quits_after_its_last_reply(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.holds = true;
    fixture_say(f, fd, "SET a 1\r\nQUIT\r\nSET a 2\r\n");
    fixture_await_requests(f, 1);
    fake_answer_all(f);
    fixture_flush(f);
    assert_int_equal(f->replica.count, 0);
    fixture_expect(f, fd, "+OK\r\n+OK\r\n");
    fixture_expect_end(f, fd);
}

static void test_session__replies_only_if_that_is_wanted(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "CLIENT REPLY SKIP\r\nPING\r\nPING 1\r\n", "$1\r\n1\r\n");
    fixture_talk(f, fd, "CLIENT REPLY SKIP\r\nSET a 1\r\nGET a\r\n", "$1\r\n1\r\n");
    fixture_talk(f, fd,
                 "CLIENT REPLY OFF\r\nSET a 2\r\nGET a\r\nNOPE\r\nCLIENT REPLY ON\r\nGET a\r\n",
                 "+OK\r\n$1\r\n2\r\n");
    /* Messages are no replies. */
    fixture_talk(f, fd, "CLIENT REPLY SKIP\r\nSUBSCRIBE a\r\n",
                 "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    fixture_talk(f, fd, "UNSUBSCRIBE\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
    fixture_talk(f, fd, "CLIENT REPLY PERHAPS\r\n", "-ERR syntax error\r\n");
    close(fd);
}

static void test_session__takes_names(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};
    const char *line;

    fixture_talk(f, fd, "CLIENT ID\r\n", ":1\r\n");
    fixture_talk(f, fd, "CLIENT SETNAME 'a b'\r\n",
                 "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
    fixture_talk(f, fd, "CLIENT SETNAME me\r\n", "+OK\r\n");
    fixture_talk(f, fd, "CLIENT SETINFO lib-name redis-py\r\nCLIENT SETINFO LIB-VER 5.0\r\n",
                 "+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "CLIENT SETINFO lib-nonsense 1\r\n",
                 "-ERR Unrecognized option 'lib-nonsense'\r\n");
    fixture_talk(f, fd, "CLIENT NO-EVICT ON\r\nCLIENT NO-TOUCH ON\r\n", "+OK\r\n+OK\r\n");
    line = ask(f, fd, "CLIENT INFO\r\n", &got);
    expect_part(line, "id=1 addr=127.0.0.1:");
    expect_part(line, " name=me ");
    expect_part(line, " cmd=client ");
    expect_part(line, " lib-name=redis-py lib-ver=5.0 ");
    fixture_talk(f, fd, "CLIENT SETNAME ''\r\nCLIENT GETNAME\r\n", "+OK\r\n$-1\r\n");
    buffer_deinit(&got);
    close(fd);
}

static void test_session__lists_and_ends_connections(void **state)
{
    struct client_fixture *f = *state;
    int first = fixture_connect(f);
    int second = fixture_connect(f);
    struct buffer got = {0};
    const char *lines;

    fixture_talk(f, first, "PING\r\n", "+PONG\r\n");
    fixture_talk(f, second, "PING\r\n", "+PONG\r\n");
    lines = ask(f, first, "CLIENT LIST\r\n", &got);
    expect_part(lines, "id=1 ");
    expect_part(lines, "\nid=2 ");
    lines = ask(f, first, "CLIENT LIST ID 2 77\r\n", &got);
    assert_null(strstr(lines, "id=1 "));
    expect_part(lines, "id=2 ");
    fixture_talk(f, first, "CLIENT LIST TYPE pubsub\r\n", "$0\r\n\r\n");
    fixture_talk(f, first, "CLIENT LIST TYPE x\r\n", "-ERR Unknown client type 'x'\r\n");
    fixture_talk(f, first, "CLIENT KILL ID 2\r\nCLIENT KILL ID 2\r\n", ":1\r\n:0\r\n");
    fixture_expect_end(f, second);
    fixture_talk(f, first, "CLIENT KILL 1.2.3.4:5\r\n", "-ERR No such client\r\n");
    fixture_talk(f, first, "CLIENT KILL ID 1\r\n", ":0\r\n");
    fixture_talk(f, first, "CLIENT KILL LADDR 1.2.3.4:5 SKIPME no\r\n", ":0\r\n");
    fixture_talk(f, first, "CLIENT KILL TYPE pubsub SKIPME no\r\n", ":0\r\n");
    fixture_talk(f, first, "CLIENT KILL MAXAGE 1000 SKIPME no\r\n", ":0\r\n");
    fixture_talk(f, first, "CLIENT KILL TYPE normal USER default\r\n", ":0\r\n");
    fixture_talk(f, first, "CLIENT KILL TYPE x\r\n", "-ERR Unknown client type 'x'\r\n");
    fixture_talk(f, first, "CLIENT KILL USER bob\r\n", "-ERR No such user 'bob'\r\n");
    fixture_talk(f, first, "CLIENT KILL MAXAGE 0\r\n",
                 "-ERR maxage is not an integer or out of range\r\n");
    fixture_talk(f, first, "CLIENT KILL SKIPME maybe\r\n", "-ERR syntax error\r\n");
    fixture_talk(f, first, "CLIENT KILL ID 1 USER\r\n", "-ERR syntax error\r\n");
    fixture_talk(f, first, "CLIENT KILL ID 1 SKIPME no\r\n", ":1\r\n");
    fixture_expect_end(f, first);
    buffer_deinit(&got);
}

/* redis-py 4 to 6 convert these to numbers, and raise an exception if that fails. */
static void test_session__describes_itself_with_the_fields_of_redis(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};
    const char *line = ask(f, fd, "CLIENT INFO\r\n", &got);
    static const char *const fields[] = {
        "id=",    " age=",   " idle=", " fd=",        " db=",       " sub=",       " psub=",
        " ssub=", " multi=", " qbuf=", " qbuf-free=", " argv-mem=", " multi-mem=", " rbs=",
        " rbp=",  " obl=",   " oll=",  " omem=",      " tot-mem=",  " redir=",     " resp=",
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *at = strstr(line, fields[i]);

        assert_non_null(at);
        at += strlen(fields[i]);
        at += *at == '-' ? 1 : 0;
        assert_true(*at >= '0' && *at <= '9');
    }
    buffer_deinit(&got);
    close(fd);
}

static void test_session__takes_what_clients_send_on_connecting(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "SELECT 0\r\nREADONLY\r\nREADWRITE\r\nASKING\r\n",
                 "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    fixture_talk(f, fd, "CONFIG GET save\r\n", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    fixture_talk(f, fd, "CONFIG GET DATABASES maxmemory-*\r\n",
                 "*4\r\n$9\r\ndatabases\r\n$2\r\n16\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction"
                 "\r\n");
    fixture_talk(f, fd, "CONFIG GET nonsense\r\n", "*0\r\n");
    fixture_talk(f, fd, "CONFIG RESETSTAT\r\n", "+OK\r\n");
    fixture_talk(f, fd, "CONFIG SET save '' DATABASES 16\r\n", "+OK\r\n"); /* The present value. */
    fixture_talk(f, fd, "CONFIG SET databases 16 save 60\r\n",
                 "-ERR CONFIG SET failed (possibly related to argument 'save') - can't set "
                 "immutable config: settings are fixed at the start\r\n");
    fixture_talk(f, fd, "CONFIG SET nonsense 1\r\n",
                 "-ERR Unknown option or number of arguments for CONFIG SET - 'nonsense'\r\n");
    fixture_talk(f, fd, "CONFIG SET save '' databases\r\n", "-ERR syntax error\r\n");
    close(fd);
}

static void test_session__changes_the_limits_on_clients(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->server.config.clients_max = 5;
    f->server.config.clients_max_possible = 5;
    fixture_talk(f, fd, "CONFIG SET maxclients 1 timeout 30\r\n", "+OK\r\n");
    assert_int_equal(f->clients->options.clients_max, 1);
    assert_int_equal(f->clients->options.idle_ns, 30000000000);
    fixture_talk(f, fd, "CONFIG GET timeout\r\n", "*2\r\n$7\r\ntimeout\r\n$2\r\n30\r\n");
    fixture_talk(f, fd, "CONFIG SET timeout 1 maxclients 6\r\n",
                 "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - argument "
                 "must be a number from 1 to the one that this node was started with: more need a "
                 "new start\r\n");
    fixture_talk(f, fd, "CONFIG SET timeout -1\r\n",
                 "-ERR CONFIG SET failed (possibly related to argument 'timeout') - argument must "
                 "be seconds from 0 (never) to 3600000\r\n");
    assert_int_equal(f->clients->options.clients_max, 1);
    assert_int_equal(f->clients->options.idle_ns, 30000000000);
    close(fd);
}

/* In Redis's units. */
static void test_session__changes_the_limit_on_memory(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->server.config.machine_memory_bytes = 1000000;
    fixture_talk(f, fd, "CONFIG GET maxmemory\r\n", "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
    fixture_talk(f, fd, "CONFIG SET maxmemory 2kb\r\n", "+OK\r\n");
    assert_int_equal(f->replica.memory_max, 2048);
    fixture_talk(f, fd, "CONFIG GET maxmemory\r\n", "*2\r\n$9\r\nmaxmemory\r\n$4\r\n2048\r\n");
    fixture_talk(f, fd, "CONFIG SET maxmemory 50%\r\n", "+OK\r\n");
    assert_int_equal(f->replica.memory_max, 500000);
    fixture_talk(
        f, fd, "CONFIG SET maxmemory 3tb\r\n",
        "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must "
        "be a memory value: bytes, also as 100mb or 4gb, or a share of what there "
        "is, as 60%\r\n");
    /* All or nothing. */
    fixture_talk(f, fd, "CONFIG SET maxmemory 1 save 60\r\n",
                 "-ERR CONFIG SET failed (possibly related to argument 'save') - can't set "
                 "immutable config: settings are fixed at the start\r\n");
    assert_int_equal(f->replica.memory_max, 500000);
    fixture_talk(f, fd, "CONFIG SET maxmemory 0\r\n", "+OK\r\n");
    assert_int_equal(f->replica.memory_max, 0);
    close(fd);
}

static void test_session__shows_the_table_of_commands(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer text = {0};

    buffer_printf(&text,
                  ":%u\r\n*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n"
                  ":1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n"
                  "$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n"
                  "$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n"
                  "$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n"
                  "*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n"
                  "*0\r\n*-1\r\n",
                  f->server.commands.count - 5); /* Those that clients do not send. */
    buffer_append(&text, "", 1);
    fixture_talk(f, fd, "COMMAND COUNT\r\nCOMMAND INFO get nope\r\n", buffer_begin(&text));
    fixture_talk(f, fd, "COMMAND DOCS get\r\n",
                 "*2\r\n$3\r\nget\r\n*10\r\n$7\r\nsummary\r\n$16\r\nReturns a value.\r\n$5\r\nsince"
                 "\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n$6\r\nsyntax\r\n$3\r\nkey\r\n"
                 "$9\r\narguments\r\n*1\r\n*6\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n"
                 "$3\r\nkey\r\n$14\r\nkey_spec_index\r\n:0\r\n");
    fixture_talk(f, fd, "COMMAND DOCS nope\r\n", "*0\r\n");
    fixture_talk(f, fd, "COMMAND GETKEYS mset a 1 b 2\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    fixture_talk(f, fd, "COMMAND GETKEYS ping a\r\n", "-ERR The command has no key arguments\r\n");
    fixture_talk(f, fd, "COMMAND GETKEYS get a b\r\n",
                 "-ERR Invalid number of arguments specified for command\r\n");
    fixture_talk(f, fd, "COMMAND LIST FILTERBY PATTERN mSe*\r\n",
                 "*3\r\n$4\r\nmset\r\n$6\r\nmsetex\r\n$6\r\nmsetnx\r\n");
    fixture_talk(f, fd, "COMMAND LIST FILTERBY x\r\n", "-ERR syntax error\r\n");
    buffer_deinit(&text);
    close(fd);
}

static void test_session__describes_all_commands(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};

    fixture_say(f, fd,
                "COMMAND\r\nCOMMAND DOCS\r\nCOMMAND LIST\r\nCLIENT HELP\r\nECHO the-end\r\n");
    do {
        assert_true(fixture_receive(f, fd, &got, 1));
    } while (memmem(buffer_begin(&got), buffer_size(&got), "the-end\r\n", 9) == NULL);
    buffer_deinit(&got);
    close(fd);
}

static void expect_no_master(struct client_fixture *f, int fd, const char *role_reply)
{
    struct buffer got = {0};
    const char *text = ask(f, fd, "INFO replication\r\n", &got);

    expect_part(text, "role:slave\r\n");
    expect_part(text, "master_link_status:down\r\n");
    fixture_talk(f, fd, "ROLE\r\n", role_reply);
    buffer_deinit(&got);
}

/* For clients, a follower that serves them is a master (see test_session__informs); this one
 * does not. */
static void test_session__a_node_that_does_not_serve_is_no_master(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    f->replica.has_not_joined = true;
    expect_no_master(f, fd, "*5\r\n$5\r\nslave\r\n$0\r\n\r\n:0\r\n$7\r\nconnect\r\n:0\r\n");
    f->replica.has_not_joined = false;
    f->replica.is_removed = true;
    expect_no_master(f, fd, "*5\r\n$5\r\nslave\r\n$0\r\n\r\n:0\r\n$7\r\nremoved\r\n:0\r\n");
    close(fd);
}

static void test_session__informs(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};
    const char *text;
    static const char *const fields[] = {
        "redis_version:",
        "redis_mode:standalone",
        "run_id:0000",
        "tcp_port:",
        "connected_clients:1\r\n",
        "blocked_clients:0",
        "used_memory:",
        "loading:0",
        "total_connections_received:1",
        "total_commands_",
        "role:master\r\nconnected_slaves:0\r\n",
        "cluster_enabled:0",
        "db0:keys=1,expires=",
        "# Raft\r\n",
        "raft_role:follower",
    };

    fixture_talk(f, fd, "SET a 1\r\n", "+OK\r\n");
    text = ask(f, fd, "INFO\r\n", &got);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        expect_part(text, fields[i]);
    }
    text = ask(f, fd, "INFO memory KEYSPACE\r\n", &got);
    expect_part(text, "# Memory\r\n");
    expect_part(text, "\r\n# Keyspace\r\ndb0:");
    assert_null(strstr(text, "# Server"));
    fixture_talk(f, fd, "INFO nonsense\r\n", "$0\r\n\r\n");
    fixture_talk(f, fd, "ROLE\r\n", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    fixture_talk(f, fd, "WAIT 0 0\r\nWAIT x 0\r\nWAIT 1 -1\r\n",
                 ":0\r\n-ERR value is not an integer or out of range\r\n-ERR timeout is "
                 "negative\r\n");
    fixture_talk(f, fd, "TIME\r\n", "*2\r\n$10\r\n");
    buffer_deinit(&got);
    close(fd);
}

static void test_session__while_it_loads_only_what_needs_no_data(void **state)
{
    struct client_fixture *f = *state;
    static const char loading[] = "-LOADING Rakit is loading the dataset (42 %): the command was "
                                  "not executed. Try again in 3 s\r\n";
    static const char *const refused[] = {"PING\r\n",        "GET k\r\n",        "SET k v\r\n",
                                          "RAFT STATUS\r\n", "CONFIG GET *\r\n", "get\r\n",
                                          "ROLE\r\n",        "WAIT 0 0\r\n"};
    struct buffer got = {0};
    int fd = fixture_connect(f);
    const char *text;

    f->replica.is_loading = true;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        fixture_talk(f, fd, refused[i], loading);
    }
    fixture_talk(f, fd, "SELECT 3\r\n", "+OK\r\n");
    fixture_talk(f, fd, "CLIENT SETNAME me\r\n", "+OK\r\n");
    fixture_talk(f, fd, "nonsense\r\n",
                 "-ERR unknown command 'nonsense', with args beginning with: \r\n");
    text = ask(f, fd, "INFO persistence\r\n", &got);
    expect_part(text, "loading:1\r\nloading_total_bytes:1000\r\nloading_loaded_bytes:420\r\n"
                      "loading_loaded_perc:42\r\nloading_eta_seconds:2\r\n");
    fixture_talk(f, fd, "MULTI\r\nSET k v\r\n", "+OK\r\n");
    fixture_talk(f, fd, "", loading);
    fixture_talk(f, fd, "EXEC\r\n", "-EXECABORT ");
    f->replica.is_loading = false;
    buffer_clear(&got);
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "SET k v\r\n", "+OK\r\n");
    text = ask(f, fd, "INFO persistence\r\n", &got);
    expect_part(text, "loading:0\r\nlog_bytes");
    assert_int_equal(f->replica.executed_count, 1);
    buffer_deinit(&got);
    close(fd);
}

static void test_session__chooses_how_its_reads_are_served(void **state)
{
    static const char syntax[] =
        "-ERR syntax error, try RAFT READS [LINEARIZABLE | LEASE | STALE [MAXAGE ms]]\r\n";
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "RAFT READS\r\n", "*1\r\n$12\r\nlinearizable\r\n");
    fixture_talk(f, fd, "RAFT READS STALE\r\n", "+OK\r\n");
    fixture_talk(f, fd, "RAFT READS\r\n", "*3\r\n$5\r\nstale\r\n$6\r\nmaxage\r\n$4\r\n1000\r\n");
    fixture_talk(f, fd, "RAFT READS whatever\r\n", syntax);
    fixture_talk(f, fd, "RAFT READS LEASE MAXAGE 5\r\n", syntax);
    fixture_talk(f, fd, "RAFT READS STALE MAXAGE\r\n", syntax);
    fixture_talk(f, fd, "RAFT READS STALE MAXAGE 0\r\n",
                 "-ERR maxage is not an integer or out of range\r\n");
    fixture_talk(f, fd, "RAFT READS STALE MAXAGE 86400001\r\n",
                 "-ERR maxage is not an integer or out of range\r\n");

    f->replica.holds = true;
    fixture_say(f, fd, "GET a\r\nraft reads stale maxage 20\r\nGET a\r\n");
    fixture_await_requests(f, 1);
    assert_int_equal(f->replica.requests[0]->read_mode, READ_STALE);
    assert_int_equal(f->replica.requests[0]->max_age_ns, 1000000000);
    fake_answer_all(f);
    fixture_flush(f);
    fixture_await_requests(f, 1); /* The choice is for what comes after it. */
    assert_int_equal(f->replica.requests[0]->max_age_ns, 20000000);
    assert_int_equal(f->replica.requests[0]->seen_index, 1); /* Of the first reply. */
    fake_answer_all(f);
    fixture_flush(f);
    fixture_expect(f, fd, "$-1\r\n+OK\r\n$-1\r\n");
    f->replica.holds = false;
    fixture_talk(f, fd, "RAFT READS LEASE\r\nRESET\r\nRAFT READS\r\n",
                 "+OK\r\n+RESET\r\n*1\r\n$12\r\nlinearizable\r\n");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
        TEST(test_session__refuses_as_redis_does),
        TEST(test_session__keeps_error_texts_short),
        TEST(test_session__says_hello_in_both_protocols),
        TEST(test_session__the_default_user_needs_no_password),
        TEST(test_session__changes_protocol_only_for_what_follows),
        TEST(test_session__resets),
        TEST(test_session__quits_after_its_last_reply),
        TEST(test_session__replies_only_if_that_is_wanted),
        TEST(test_session__takes_names),
        TEST(test_session__chooses_how_its_reads_are_served),
        TEST(test_session__lists_and_ends_connections),
        TEST(test_session__describes_itself_with_the_fields_of_redis),
        TEST(test_session__takes_what_clients_send_on_connecting),
        TEST(test_session__shows_the_table_of_commands),
        TEST(test_session__describes_all_commands),
        TEST(test_session__a_node_that_does_not_serve_is_no_master),
        TEST(test_session__changes_the_limits_on_clients),
        TEST(test_session__changes_the_limit_on_memory),
        TEST(test_session__informs),
        TEST(test_session__while_it_loads_only_what_needs_no_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
