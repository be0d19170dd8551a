/* RAFT ADD by any client: only nodes that prove themselves are added, and a member's address
 * changes only if the member announces it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "cluster/members.h"
#include "replica/replica.h"

enum { MADE_UP_COUNT = 40, WORDS = 6 };

struct asker {
    struct talk talk;
    struct io *io;
    const char *words[WORDS];
    char reply[512]; /* "": none yet. */
};

static void on_opened(struct talk *talk)
{
    struct asker *a = container_of(talk, struct asker, talk);
    struct slice arguments[WORDS];

    for (uint32_t i = 0; i < WORDS; i++) {
        arguments[i] = slice_str(a->words[i]);
    }
    talk_command(talk, arguments, WORDS);
    talk_flush(talk);
}

static void on_replied(struct talk *talk, struct slice reply)
{
    struct asker *a = container_of(talk, struct asker, talk);

    snprintf(a->reply, sizeof a->reply, "%.*s", (int)reply.size, reply.data);
    talk_close(talk);
}

static void on_closed(struct talk *talk)
{
    (void)talk;
}

static void asker_init(struct asker *a, struct cluster *c)
{
    *a = (struct asker){.io = sim_boot(sim_machine_new(c->sim, "asker"))};
    talk_init(&a->talk, a->io);
    a->talk.opened = on_opened;
    a->talk.replied = on_replied;
    a->talk.closed = on_closed;
}

static void asker_deinit(struct asker *a)
{
    sim_die(a->io, SIM_EXITED);
    sim_bury(a->io);
    talk_deinit(&a->talk);
}

/* The strings must live until there is a reply. */
static void ask_to_add(struct asker *a, const struct node *asked, const char *id, const char *host,
                       const char *port, const char *peer_port)
{
    const char *words[WORDS] = {"RAFT", "ADD", id, host, port, peer_port};
    struct io_address address = {.port = CLUSTER_PORT};

    memcpy(a->words, words, sizeof words);
    a->reply[0] = 0;
    snprintf(address.host, sizeof address.host, "%s", asked->host);
    talk_open(&a->talk, &address);
}

static const struct membership *members(struct cluster *c)
{
    return replica_membership(cluster_leader(c)->server->replica);
}

static void assert_refused(const struct asker *a, const char *code)
{
    assert_int_equal(a->reply[0], '-');
    assert_memory_equal(a->reply + 1, code, strlen(code));
}

static void test_adding__unreachable_nodes_changes_nothing(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    raft_index before = members(c)->index;
    struct asker a;

    (void)state;
    asker_init(&a, c);
    for (uint32_t i = 0; i < MADE_UP_COUNT; i++) {
        char id[17];

        snprintf(id, sizeof id, "%x", 1000 + i);
        ask_to_add(&a, &c->nodes[i % 3], id, "nowhere", "1000", "2000");
        calm_cluster_run_for(c, SIM_S / 10);
        assert_refused(&a, "UNREACHED ");
    }
    assert_int_equal(members(c)->index, before);
    asker_deinit(&a);
    cluster_free(c);
}

/* Also if its peer port stays the same and only its port for clients would change. */
static void test_adding__a_member_moves_only_if_it_announces_that_itself(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    raft_index before = members(c)->index;
    char peer_port[8];
    struct asker a;

    (void)state;
    asker_init(&a, c);
    snprintf(peer_port, sizeof peer_port, "%u", (unsigned)CLUSTER_PEER_PORT);
    for (uint32_t i = 0; i < 3; i++) {
        char id[17];

        snprintf(id, sizeof id, "%016llx", (unsigned long long)c->nodes[i].id);
        ask_to_add(&a, &c->nodes[0], id, c->nodes[i].host, "9", peer_port);
        calm_cluster_run_for(c, SIM_S / 10);
        assert_refused(&a, "ERR ");
        ask_to_add(&a, &c->nodes[0], id, "nowhere", "9", peer_port);
        calm_cluster_run_for(c, SIM_S / 10);
        assert_refused(&a, "ERR ");
    }
    assert_int_equal(members(c)->index, before);
    asker_deinit(&a);
    cluster_free(c);
}

/* A machine that is switched off does not answer, and a time-out passes for it. */
static void test_adding__others_do_not_wait_for_a_silent_one(void **state)
{
    struct cluster_options options = {.seed = 1, .node_count = 2, .forbidden = FAULTS_ALL};
    struct cluster *c = cluster_new(&options);
    struct asker a;

    (void)state;
    asker_init(&a, c);
    sim_set_dark(c->sim, true);
    cluster_start_later(&c->nodes[0], 0);
    calm_cluster_run_for(c, 3 * SIM_S);
    ask_to_add(&a, &c->nodes[0], "1000", "nowhere", "1000", "2000");
    calm_cluster_run_for(c, SIM_S / 10);
    cluster_start_later(&c->nodes[1], 0);
    calm_cluster_run_for(c, SIM_S);
    assert_true(cluster_has_log(&c->nodes[1]));
    assert_string_equal(a.reply, "");
    calm_cluster_run_for(c, 2 * SIM_S);
    assert_refused(&a, "UNREACHED ");
    asker_deinit(&a);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adding__unreachable_nodes_changes_nothing),
        cmocka_unit_test(test_adding__a_member_moves_only_if_it_announces_that_itself),
        cmocka_unit_test(test_adding__others_do_not_wait_for_a_silent_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
