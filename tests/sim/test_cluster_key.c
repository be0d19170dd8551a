/* How a new node gets the key of the cluster: from a contact on the same machine, or in a file;
 * without it, it can't join. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "cluster/members.h"
#include "replica/replica.h"

enum { FIRST, SECOND };

static const struct store_key the_key = {"the thirty-two bytes of the key."};
static const struct store_key other_key = {"another thirty-two bytes of one."};

static const struct store_key *key_of(const struct node *n)
{
    return replica_cluster_key(n->server->replica);
}

/* A cluster whose seed does not provide files itself. */
static struct cluster *make_without_files(uint64_t seed, uint32_t node_count)
{
    struct cluster_options options = {
        .seed = seed, .node_count = node_count, .forbidden = FAULTS_ALL};
    struct cluster *c = cluster_new(&options);

    while (cluster_has_key_files(c)) {
        cluster_free(c);
        options.seed += 1000;
        c = cluster_new(&options);
    }
    return c;
}

/* Two machines; clients are served wherever they come from. */
static struct cluster *make(bool is_public)
{
    struct cluster *c = make_without_files(1, 2);
    struct sim_network network = *sim_get_network(c->sim);

    network.is_public = is_public;
    sim_set_network(c->sim, &network);
    while (c->user_count > 0) {
        user_free(c->users[--c->user_count]);
    }
    return c;
}

/* Writes a file to the place where the node's machine will look for it. */
static void put_key_file(struct node *n, const void *key, size_t size)
{
    struct io *io = sim_boot(n->machine);
    struct io_file *file;

    assert_int_equal(io_file_open(io, "key", IO_CREATE, &file), 0);
    assert_int_equal(io_file_write(file, 0, key, size), 0);
    assert_int_equal(io_file_sync(file), 0);
    io_file_close(file);
    assert_int_equal(io_dir_sync(io, "."), 0);
    sim_die(io, SIM_EXITED);
    sim_bury(io);
    n->config.cluster_key_file = "key";
}

static void start(struct node *n)
{
    cluster_start_later(n, 0);
    calm_cluster_run_for(n->cluster, 3 * SIM_S);
}

static bool is_connected(const struct node *n)
{
    return cluster_has_log(n) && raft_leader(replica_raft(n->server->replica)) != 0;
}

static void test_cluster_key__comes_from_a_contact_on_the_same_machine(void **state)
{
    struct cluster *c = make(false);

    (void)state;
    start(&c->nodes[FIRST]);
    start(&c->nodes[SECOND]);
    assert_true(is_connected(&c->nodes[SECOND]));
    assert_memory_equal(key_of(&c->nodes[FIRST]), key_of(&c->nodes[SECOND]), sizeof the_key);
    cluster_free(c);
}

static void test_cluster_key__is_random(void **state)
{
    struct store_key keys[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct cluster *c = make_without_files(i + 1, 1);

        start(&c->nodes[FIRST]);
        keys[i] = *key_of(&c->nodes[FIRST]);
        cluster_free(c);
    }
    assert_memory_not_equal(&keys[0], &keys[1], sizeof keys[0]);
}

static void note_error(void *context, enum log_level level, const char *event, const char *fields)
{
    bool *has_advice = context;

    (void)level;
    (void)event;
    *has_advice |= strstr(fields, "start that with --cluster-key FILE") != NULL;
}

/* And nothing is changed: not even a learner is added. */
static void test_cluster_key__is_not_handed_to_another_machine(void **state)
{
    struct cluster *c = make(true);
    bool has_advice = false;

    (void)state;
    c->nodes[SECOND].log =
        (struct log){.level = LOG_ERROR, .sink = note_error, .context = &has_advice};
    start(&c->nodes[FIRST]);
    start(&c->nodes[SECOND]);
    assert_true(has_advice);
    assert_int_equal(
        replica_membership(c->nodes[FIRST].server->replica)->configuration.member_count, 1);
    cluster_free(c);
}

static void test_cluster_key__in_a_file_lets_a_node_join_from_anywhere(void **state)
{
    struct cluster *c = make(true);

    (void)state;
    put_key_file(&c->nodes[FIRST], &the_key, sizeof the_key);
    put_key_file(&c->nodes[SECOND], &the_key, sizeof the_key);
    start(&c->nodes[FIRST]);
    start(&c->nodes[SECOND]);
    assert_memory_equal(key_of(&c->nodes[FIRST]), &the_key, sizeof the_key);
    assert_true(is_connected(&c->nodes[SECOND]));
    /* From then on its directory has the key. */
    cluster_kill(&c->nodes[SECOND], SIM_POWER);
    c->nodes[SECOND].config.cluster_key_file = NULL;
    start(&c->nodes[SECOND]);
    assert_true(is_connected(&c->nodes[SECOND]));
    assert_memory_equal(key_of(&c->nodes[SECOND]), &the_key, sizeof the_key);
    cluster_free(c);
}

static void note_wrong_key(void *context, enum log_level level, const char *event,
                           const char *fields)
{
    bool *is_logged = context;

    (void)level;
    (void)event;
    *is_logged |= strstr(fields, "NOKEY") != NULL &&
                  strstr(fields, "does not have the key of this cluster") != NULL;
}

/* Its contact reports that at once, and nothing is changed. */
static void test_cluster_key__of_another_cluster_lets_nobody_in(void **state)
{
    struct cluster *c = make(true);
    bool is_logged = false;

    (void)state;
    put_key_file(&c->nodes[FIRST], &the_key, sizeof the_key);
    put_key_file(&c->nodes[SECOND], &other_key, sizeof other_key);
    c->nodes[SECOND].log =
        (struct log){.level = LOG_ERROR, .sink = note_wrong_key, .context = &is_logged};
    start(&c->nodes[FIRST]);
    cluster_start_later(&c->nodes[SECOND], 0);
    calm_cluster_run_for(c, SIM_S / 2);
    assert_true(is_logged);
    assert_int_equal(c->nodes[SECOND].phase, NODE_DOWN);
    assert_int_equal(
        replica_membership(c->nodes[FIRST].server->replica)->configuration.member_count, 1);
    assert_non_null(cluster_leader(c));
    cluster_free(c);
}

static void test_cluster_key__file_that_is_not_a_key_ends_the_start(void **state)
{
    struct cluster *c = make(true);
    struct node *n = &c->nodes[FIRST];
    char text[512] = "";

    (void)state;
    put_key_file(n, &other_key, sizeof other_key - 1);
    n->io = sim_boot(n->machine);
    assert_null(server_start(n->io, &n->config, &n->log, NULL, NULL, NULL, text, sizeof text));
    assert_non_null(strstr(text, "is no key"));
    sim_die(n->io, SIM_EXITED);
    sim_bury(n->io);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cluster_key__comes_from_a_contact_on_the_same_machine),
        cmocka_unit_test(test_cluster_key__is_random),
        cmocka_unit_test(test_cluster_key__is_not_handed_to_another_machine),
        cmocka_unit_test(test_cluster_key__in_a_file_lets_a_node_join_from_anywhere),
        cmocka_unit_test(test_cluster_key__of_another_cluster_lets_nobody_in),
        cmocka_unit_test(test_cluster_key__file_that_is_not_a_key_ends_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
