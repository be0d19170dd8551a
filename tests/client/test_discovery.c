/* What clients that look for a master are shown: CLUSTER, MOVED, and WAIT with INFO and ROLE, which
 * must agree. The node is number 1 of three voters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/commands.h"
#include "fixture.h"

#define ID(n)    "$40\r\n000000000000000" #n "00000000000000c100000000\r\n"
#define NODE(n)  "*4\r\n$9\r\n127.0.0." #n "\r\n:800" #n "\r\n" ID(n) "*0\r\n"
#define SLOTS(n) "*1\r\n*" #n "\r\n:0\r\n:16383\r\n"

static struct membership three;

static void make_membership(void)
{
    three = (struct membership){.index = 1, .configuration = {.member_count = 3}};
    for (uint32_t i = 0; i < 3; i++) {
        struct member_address *address = &three.addresses[i];

        three.configuration.members[i] =
            (struct raft_member){.id = i + 1, .incoming = true, .outgoing = true};
        *address = (struct member_address){.id = i + 1, .peer_port = (uint16_t)(18001 + i)};
        snprintf(address->client.host, sizeof address->client.host, "127.0.0.%u", i + 1);
        address->client.port = (uint16_t)(8001 + i);
    }
}

static int up(void **state)
{
    struct raft_entry entry = {.term = 1, .kind = RAFT_CONFIGURATION};
    struct client_fixture *f;

    assert_int_equal(fixture_up(state), 0);
    f = *state;
    make_membership();
    entry.configuration = &three.configuration;
    raft_restore_vote(f->replica.raft, 1, 0);
    assert_int_equal(raft_restore_entry(f->replica.raft, &entry), RAFT_OK);
    raft_restore_commit(f->replica.raft, 1);
    f->replica.membership = &three;
    f->clients->options.cluster_mode = CLUSTER_FORWARDS;
    return 0;
}

static void step(struct client_fixture *f, struct raft_event event)
{
    struct raft_effects effects;

    assert_int_equal(raft_step(f->replica.raft, &event, &effects), RAFT_OK);
    if (effects.write_seq != 0) {
        step(f, (struct raft_event){.kind = RAFT_DURABLE,
                                    .now_ns = event.now_ns,
                                    .durable_seq = effects.write_seq});
    }
}

static void hear(struct client_fixture *f, uint64_t now_ns, struct raft_message message)
{
    message.to = 1;
    step(f, (struct raft_event){.kind = RAFT_RECEIVE, .now_ns = now_ns, .message = &message});
}

static void follow(struct client_fixture *f, raft_id leader, raft_term term)
{
    hear(f, io_now_ns(f->io),
         (struct raft_message){.kind = RAFT_APPEND_ENTRIES,
                               .from = leader,
                               .term = term,
                               .append_entries = {.prev_log_index = 1, .prev_log_term = 1}});
    fixture_flush(f);
}

static void lose_leader(struct client_fixture *f, raft_id leader)
{
    step(f,
         (struct raft_event){.kind = RAFT_PEER_LOST, .now_ns = io_now_ns(f->io), .peer = leader});
    assert_int_equal(raft_leader(f->replica.raft), 0);
    fixture_flush(f);
}

/* Returns a time after the election. */
static uint64_t lead(struct client_fixture *f)
{
    uint64_t now_ns = io_now_ns(f->io) + 10000000000ull;

    step(f, (struct raft_event){.kind = RAFT_TICK, .now_ns = now_ns});
    for (int i = 0; i < 2; i++) {
        hear(f, now_ns,
             (struct raft_message){.kind = i == 0 ? RAFT_PRE_VOTE_REPLY : RAFT_REQUEST_VOTE_REPLY,
                                   .from = 2,
                                   .term = 2,
                                   .request_vote_reply = {true}});
    }
    assert_int_equal(raft_role(f->replica.raft), RAFT_LEADER);
    return now_ns;
}

/* The follower has stored that much. */
static void match(struct client_fixture *f, uint64_t now_ns, raft_id follower, raft_index index)
{
    hear(f, now_ns,
         (struct raft_message){.kind = RAFT_APPEND_ENTRIES_REPLY,
                               .from = follower,
                               .term = 2,
                               .append_entries_reply = {.success = true, .match_index = index}});
}

/* --- CLUSTER ------------------------------------------------------------------------------- */

static void test_slots__show_the_leader_first_right_after_each_election(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "CLUSTER SLOTS\r\n", "-CLUSTERDOWN no leader is known");
    close(fd);
    fd = fixture_connect(f);
    follow(f, 2, 1);
    fixture_talk(f, fd, "CLUSTER SLOTS\r\n", SLOTS(5) NODE(2) NODE(1) NODE(3));
    f->replica.unreached = 2;
    lose_leader(f, 2);
    /* Commands wait here for the next leader. */
    fixture_talk(f, fd, "CLUSTER SLOTS\r\n", SLOTS(4) NODE(1) NODE(3));
    follow(f, 3, 2);
    fixture_talk(f, fd, "CLUSTER SLOTS\r\n", SLOTS(4) NODE(3) NODE(1));
    close(fd);
}

static void test_slots__are_down_without_a_leader_for_long(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    follow(f, 2, 1);
    lose_leader(f, 2);
    f->clients->leaderless_since_ns -= f->clients->options.request_timeout_ns;
    fixture_talk(f, fd, "CLUSTER SLOTS\r\n", "-CLUSTERDOWN no leader is known");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "CLUSTER INFO\r\n", "$314\r\ncluster_state:fail\r\n");
    close(fd);
}

static void test_nodes__show_who_is_who(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    follow(f, 2, 1);
    f->replica.unreached = 3;
#define TEXT(n) "000000000000000" #n "00000000000000c100000000"
    static const char nodes[] = "$360\r\n"                                         /**/
        TEXT(2) " 127.0.0.2:8002@18002 master - 0 0 1 connected 0-16383\n"         /**/
        TEXT(1) " 127.0.0.1:8001@18001 myself,slave " TEXT(2) " 0 0 1 connected\n" /**/
        TEXT(3) " 127.0.0.3:8003@18003 slave,fail " TEXT(2) " 0 0 1 disconnected\n\r\n";

    fixture_talk(f, fd, "CLUSTER NODES\r\n", nodes);
    fixture_talk(f, fd, "CLUSTER MYID\r\n", ID(1));
    fixture_talk(f, fd, "CLUSTER MYSHARDID\r\n", ID(0));
    fixture_talk(f, fd, "CLUSTER REPLICAS " TEXT(2) "\r\n", "*2\r\n$131\r\n" TEXT(1));
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "CLUSTER REPLICAS " TEXT(1) "\r\n",
                 "-ERR The specified node is not a master\r\n");
    fixture_talk(f, fd, "CLUSTER REPLICAS nobody\r\n", "-ERR Unknown node nobody\r\n");
    fixture_talk(f, fd, "CLUSTER SHARDS\r\n",
                 "*1\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:16383\r\n$5\r\nnodes\r\n*3\r\n*14\r\n"
                 "$2\r\nid\r\n" ID(2) "$4\r\nport\r\n:8002\r\n");
    close(fd);
}

static void test_cluster__counts_and_shows_keys_of_a_slot(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "MSET foo 1 {foo}x 2 bar 3\r\n", "+OK\r\n");
    fixture_talk(f, fd, "CLUSTER KEYSLOT {foo}x\r\n", ":12182\r\n");
    fixture_talk(f, fd, "CLUSTER COUNTKEYSINSLOT 12182\r\n", ":2\r\n");
    fixture_talk(f, fd, "CLUSTER GETKEYSINSLOT 5061 10\r\n", "*1\r\n$3\r\nbar\r\n");
    fixture_talk(f, fd, "CLUSTER GETKEYSINSLOT 12182 0\r\n", "*0\r\n");
    fixture_talk(f, fd, "CLUSTER COUNTKEYSINSLOT 16384\r\n", "-ERR Invalid slot\r\n");
    fixture_talk(f, fd, "CLUSTER GETKEYSINSLOT 1 -1\r\n",
                 "-ERR Invalid slot or number of keys\r\n");
    fixture_talk(f, fd, "CLUSTER MEET 127.0.0.1 1\r\n", "-ERR CLUSTER MEET is not supported: ");
    close(fd);
}

static void test_cluster__is_off_unless_chosen(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    fixture_talk(f, fd, "HELLO 3\r\n",
                 "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.0\r\n$5\r\nproto"
                 "\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$7\r\ncluster\r\n");
    f->clients->options.cluster_mode = CLUSTER_OFF;
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "CLUSTER SLOTS\r\n",
                 "-ERR This instance has cluster support disabled: start the nodes with "
                 "--cluster-mode yes\r\n");
    close(fd);
}

/* --- MOVED --------------------------------------------------------------------------------- */

#define MOVED "-MOVED 12182 127.0.0.2:8002\r\n"

static void test_redirect__sends_to_the_leader_only_those_who_chose_it(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    follow(f, 2, 1);
    fixture_talk(f, fd, "SET foo 1\r\nGET foo\r\n", "+OK\r\n$1\r\n1\r\n");
    fixture_talk(f, fd, "RAFT REDIRECT\r\nRAFT REDIRECT on\r\nRAFT REDIRECT\r\n",
                 "+off\r\n+OK\r\n+on\r\n");
    fixture_talk(f, fd, "SET foo 2\r\nGET {foo}.x\r\n", MOVED MOVED);
    fixture_talk(f, fd, "DBSIZE\r\n", ":1\r\n"); /* It has no key that could be elsewhere. */
    fixture_talk(f, fd, "READONLY\r\nGET foo\r\nSET foo 2\r\n", "+OK\r\n$1\r\n1\r\n" MOVED);
    fixture_talk(f, fd, "READWRITE\r\nGET foo\r\n", "+OK\r\n" MOVED);
    lose_leader(f, 2);
    fixture_talk(f, fd, "GET foo\r\n", "$1\r\n1\r\n"); /* It waits here for a leader. */
    follow(f, 2, 3);
    fixture_talk(f, fd, "RAFT REDIRECT OFF\r\nGET foo\r\n", "+OK\r\n$1\r\n1\r\n");
    fixture_talk(f, fd, "RAFT REDIRECT maybe\r\n",
                 "-ERR syntax error, try RAFT REDIRECT [ON | OFF]\r\n");
    close(fd);
}

static void test_redirect__may_be_what_connections_begin_with(void **state)
{
    struct client_fixture *f = *state;
    int fd;

    f->clients->options.cluster_mode = CLUSTER_REDIRECTS;
    fd = fixture_connect(f);
    follow(f, 2, 1);
    fixture_talk(f, fd, "GET foo\r\nRAFT REDIRECT OFF\r\nGET foo\r\nRESET\r\nGET foo\r\n",
                 MOVED "+OK\r\n$-1\r\n+RESET\r\n" MOVED);
    close(fd);
}

static void test_redirect__is_not_for_the_leader(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    lead(f);
    fixture_talk(f, fd, "RAFT REDIRECT ON\r\nSET foo 1\r\n", "+OK\r\n+OK\r\n");
    close(fd);
}

/* --- WAIT, INFO, ROLE ------------------------------------------------------------------------ */

static void await_waits(struct client_fixture *f, uint32_t count)
{
    while (f->clients->wait_count != count) {
        fixture_run(f);
    }
}

static void test_wait__counts_those_that_have_it(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    uint64_t now_ns = lead(f);

    match(f, now_ns, 2, 2);
    match(f, now_ns, 3, 1);
    fixture_talk(f, fd, "SET a 1\r\nWAIT 2 0\r\n", "+OK\r\n:2\r\n"); /* Both have entry 1. */
    fixture_talk(f, fd, "SET a 2\r\nWAIT 1 0\r\nWAIT 2 1\r\n", "+OK\r\n:1\r\n:1\r\n");
    fixture_talk(f, fd, "WAITAOF 1 1 0\r\n", "*2\r\n:1\r\n:1\r\n");
    fixture_say(f, fd, "WAIT 2 0\r\n");
    await_waits(f, 1);
    match(f, now_ns, 3, 2);
    io_turn_soon(f->io);
    fixture_expect(f, fd, ":2\r\n");
    assert_int_equal(f->clients->wait_count, 0);
    close(fd);
}

static void test_wait__ends_with_its_client_and_with_leadership(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    int other = fixture_connect(f);
    uint64_t now_ns = lead(f);

    match(f, now_ns, 2, 2);
    fixture_talk(f, fd, "SET a 1\r\n", "+OK\r\n");
    fixture_say(f, fd, "WAIT 2 0\r\n");
    await_waits(f, 1);
    fixture_talk(f, other, "CLIENT UNBLOCK 1\r\n", ":1\r\n");
    fixture_expect(f, fd, ":1\r\n");
    fixture_say(f, fd, "WAIT 2 0\r\n");
    await_waits(f, 1);
    fixture_talk(f, other, "CLIENT UNBLOCK 1 ERROR\r\nCLIENT UNBLOCK 1\r\nCLIENT UNBLOCK 2 x\r\n",
                 ":1\r\n:0\r\n-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
    fixture_expect(f, fd, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    fixture_say(f, fd, "WAIT 2 0\r\n");
    await_waits(f, 1);
    hear(f, now_ns,
         (struct raft_message){.kind = RAFT_APPEND_ENTRIES,
                               .from = 2,
                               .term = 3,
                               .append_entries = {.prev_log_index = 1, .prev_log_term = 1}});
    io_turn_soon(f->io);
    fixture_expect(f, fd, ":1\r\n"); /* Nobody but the leader knows more than what is certain. */
    close(fd);
    close(other);
}

static void test_wait__of_a_client_that_goes_is_forgotten(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);

    lead(f);
    fixture_say(f, fd, "WAIT 2 0\r\n");
    await_waits(f, 1);
    close(fd);
    await_waits(f, 0);
}

/* Otherwise clients that wait for as many as they are shown fail (Redisson's locks). */
static void test_followers__that_are_shown_are_those_that_wait_counts(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    uint64_t now_ns = lead(f);
    struct buffer got = {0};

    match(f, now_ns, 2, 2);
    fixture_talk(f, fd, "ROLE\r\n",
                 "*3\r\n$6\r\nmaster\r\n:2\r\n*1\r\n*3\r\n$9\r\n127.0.0.2\r\n$4\r\n8002\r\n$1\r\n2"
                 "\r\n");
    fixture_talk(f, fd, "SET a 1\r\nSET a 2\r\nWAIT 2 1\r\n", "+OK\r\n+OK\r\n:1\r\n");
    fixture_say(f, fd, "INFO replication\r\n");
    assert_true(fixture_receive(f, fd, &got, 120));
    buffer_append(&got, "", 1);
    assert_non_null(strstr(buffer_begin(&got),
                           "connected_slaves:1\r\nslave0:ip=127.0.0.2,port=8002,state=online,"));
    buffer_deinit(&got);
    close(fd);
}

static void test_role__of_a_follower_is_replica_if_that_was_chosen(void **state)
{
    struct client_fixture *f = *state;
    int fd = fixture_connect(f);
    struct buffer got = {0};

    follow(f, 2, 1);
    fixture_talk(f, fd, "ROLE\r\n", "*3\r\n$6\r\nmaster\r\n");
    close(fd);
    f->clients->options.followers_are_replicas = true;
    fd = fixture_connect(f);
    fixture_talk(f, fd, "ROLE\r\n",
                 "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.2\r\n:8002\r\n$9\r\nconnected\r\n:0\r\n");
    fixture_say(f, fd, "INFO replication\r\n");
    assert_true(fixture_receive(f, fd, &got, 120));
    buffer_append(&got, "", 1);
    assert_non_null(strstr(buffer_begin(&got),
                           "role:slave\r\nmaster_host:127.0.0.2\r\nmaster_port:8002\r\n"
                           "master_link_status:up\r\n"));
    lose_leader(f, 2);
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "CLUSTER SLOTS\r\n", "-CLUSTERDOWN"); /* It does not call itself master. */
    buffer_deinit(&got);
    close(fd);
}

/* --- the Sentinel door ----------------------------------------------------------------------- */

static struct command_table door_commands;

/* From now on the clients' side is that door; its name is `name`. */
static int enter_door(struct client_fixture *f, const char *name)
{
    struct clients_options *o = &f->clients->options;

    memset(&door_commands, 0, sizeof door_commands);
    commands_add_sentinel(&door_commands, o->commands);
    o->commands = &door_commands;
    o->is_sentinel = true;
    o->sentinel_name = name;
    o->sentinel_distance = 18378;
    return fixture_connect(f);
}

static void test_sentinel__names_the_leader(void **state)
{
    struct client_fixture *f = *state;
    int fd = enter_door(f, "cache");

    fixture_talk(f, fd, "SENTINEL GET-MASTER-ADDR-BY-NAME cache\r\n", "*-1\r\n");
    follow(f, 2, 1);
    fixture_talk(f, fd, "SENTINEL get-master-addr-by-name cache\r\n",
                 "*2\r\n$9\r\n127.0.0.2\r\n$4\r\n8002\r\n");
    fixture_talk(f, fd, "SENTINEL get-master-addr-by-name other\r\n", "*-1\r\n");
    fixture_talk(f, fd, "SENTINEL CKQUORUM cache\r\n",
                 "+OK 3 usable Sentinels. Quorum and failover authorization can be reached\r\n");
    lose_leader(f, 2);
    /* Commands wait here for the next leader. */
    fixture_talk(f, fd, "SENTINEL get-master-addr-by-name cache\r\n",
                 "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n8001\r\n");
    f->clients->leaderless_since_ns -= f->clients->options.request_timeout_ns;
    fixture_talk(f, fd, "SENTINEL get-master-addr-by-name cache\r\n", "*-1\r\n");
    fixture_talk(f, fd, "SENTINEL CKQUORUM cache\r\n", "-NOQUORUM 3 usable Sentinels. ");
    close(fd);
}

static void test_sentinel__describes_all_nodes(void **state)
{
    struct client_fixture *f = *state;
    int fd = enter_door(f, NULL);

    follow(f, 2, 1);
    f->replica.unreached = 3;
    fixture_talk(f, fd, "SENTINEL MASTER any\r\n",
                 "*40\r\n$4\r\nname\r\n$3\r\nany\r\n$2\r\nip\r\n$9\r\n127.0.0.2\r\n$4\r\nport"
                 "\r\n$4\r\n8002\r\n$5\r\nrunid\r\n" ID(2) "$5\r\nflags\r\n$6\r\nmaster\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "HELLO 3\r\n", "%6\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "SENTINEL MASTERS\r\n", "*1\r\n*40\r\n$4\r\nname\r\n$8\r\nmymaster\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "SENTINEL REPLICAS any\r\n",
                 "*2\r\n*42\r\n$4\r\nname\r\n$14\r\n127.0.0.1:8001\r\n");
    close(fd);
    fd = fixture_connect(f);
    fixture_talk(f, fd, "SENTINEL SENTINELS any\r\n",
                 "*2\r\n*28\r\n$4\r\nname\r\n" ID(2) "$2\r\nip\r\n$9\r\n127.0.0.2\r\n$4\r\nport"
                                                     "\r\n$5\r\n26380\r\n");
    close(fd);
}

static void test_sentinel__reports_each_new_leader(void **state)
{
    struct client_fixture *f = *state;
    int fd = enter_door(f, NULL);

    follow(f, 2, 1);
    fixture_talk(f, fd, "SUBSCRIBE +switch-master\r\nPSUBSCRIBE +sl*\r\n",
                 "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n"
                 "*3\r\n$10\r\npsubscribe\r\n$4\r\n+sl*\r\n:2\r\n");
    lose_leader(f, 2);
    follow(f, 3, 2);
    fixture_expect(f, fd,
                   "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$38\r\nmymaster 127.0.0.2 8002 "
                   "127.0.0.3 8003\r\n"
                   "*4\r\n$8\r\npmessage\r\n$4\r\n+sl*\r\n$6\r\n+slave\r\n$61\r\nslave "
                   "127.0.0.1:8001 127.0.0.1 8001 @ mymaster 127.0.0.3 8003\r\n");
    close(fd);
}

static void test_sentinel__serves_no_data(void **state)
{
    struct client_fixture *f = *state;
    int plain = fixture_connect(f);
    int fd;

    fixture_talk(f, plain, "SENTINEL MASTERS\r\n", "-ERR unknown command 'SENTINEL'");
    close(plain);
    fd = enter_door(f, "cache");
    fixture_talk(f, fd, "GET k\r\n",
                 "-ERR unknown command 'GET', with args beginning with: 'k' \r\n");
    fixture_talk(f, fd, "SENTINEL MASTER other\r\n", "-ERR No such master with that name\r\n");
    fixture_talk(f, fd, "PING\r\n", "+PONG\r\n");
    fixture_talk(f, fd, "ROLE\r\n", "*2\r\n$8\r\nsentinel\r\n*1\r\n$5\r\ncache\r\n");
    fixture_talk(f, fd, "SENTINEL FAILOVER cache\r\n", "-ERR SENTINEL FAILOVER is not supported: ");
    assert_int_equal(f->replica.executed_count, 0);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, fixture_down)
    const struct CMUnitTest tests[] = {
        TEST(test_slots__show_the_leader_first_right_after_each_election),
        TEST(test_slots__are_down_without_a_leader_for_long),
        TEST(test_nodes__show_who_is_who),
        TEST(test_cluster__counts_and_shows_keys_of_a_slot),
        TEST(test_cluster__is_off_unless_chosen),
        TEST(test_redirect__sends_to_the_leader_only_those_who_chose_it),
        TEST(test_redirect__may_be_what_connections_begin_with),
        TEST(test_redirect__is_not_for_the_leader),
        TEST(test_wait__counts_those_that_have_it),
        TEST(test_wait__ends_with_its_client_and_with_leadership),
        TEST(test_wait__of_a_client_that_goes_is_forgotten),
        TEST(test_followers__that_are_shown_are_those_that_wait_counts),
        TEST(test_sentinel__names_the_leader),
        TEST(test_sentinel__describes_all_nodes),
        TEST(test_sentinel__reports_each_new_leader),
        TEST(test_sentinel__serves_no_data),
        TEST(test_role__of_a_follower_is_replica_if_that_was_chosen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
