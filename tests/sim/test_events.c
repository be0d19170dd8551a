/* What a replica reports of the entries that it applies: the same on every node, each once, and
 * in order, also if the replica starts again; and that it has skipped some, if it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "calm_cluster.h"
#include "replica/state.h"

enum { SEEDS = SEEDS_OF(6), NODES = 3 };

static const struct user_options users = {
    .key_count = 20,
    .pipeline_max = 5,
    .backlog_max = 20,
    .value_bytes_max = 100,
    .think_ns = 10 * SIM_MS,
    .patience_ns = 2 * SIM_S,
};

/* What one node has reported. */
struct ear {
    uint64_t count;
    uint64_t sum; /* Over all, in their order. */
    uint64_t skipped_count;
};

static void on_changed(void *context, const struct key_event *event)
{
    struct ear *ear = context;
    uint64_t seed = checksum_seeded(event->name, strlen(event->name), ear->sum + event->database);

    ear->count++;
    ear->sum = checksum_seeded(event->key.data, event->key.size, seed);
}

static void on_replaced(void *context, uint32_t database)
{
    struct ear *ear = context;

    ear->count++;
    ear->sum = checksum_seeded(&database, sizeof database, ear->sum);
}

static uint64_t on_published(void *context, const struct channel_message *message)
{
    return 0;
}

static void on_skipped(void *context)
{
    ((struct ear *)context)->skipped_count++;
}

static bool is_behind(void *context)
{
    return false;
}

static void listen(struct cluster *c, struct ear *ears)
{
    for (uint32_t i = 0; i < NODES; i++) {
        struct replica_audience audience = {.context = &ears[i],
                                            .wants_keys = true,
                                            .changed = on_changed,
                                            .replaced = on_replaced,
                                            .published = on_published,
                                            .skipped = on_skipped,
                                            .is_behind = is_behind};

        replica_set_audience(c->nodes[i].server->replica, &audience);
    }
}

static void rest(struct cluster *c)
{
    for (uint32_t i = 0; i < c->user_count; i++) {
        user_rest(c->users[i]);
    }
    calm_cluster_run_for(c, 5 * SIM_S);
}

/* A node that was away for long is sent a snapshot, and so may one that has restarted. */
static void compare(const struct ear *ears)
{
    const struct ear *whole = NULL;

    for (int i = 0; i < NODES; i++) {
        whole = ears[i].skipped_count == 0 ? &ears[i] : whole;
    }
    assert_non_null(whole);
    assert_true(whole->count > 100);
    for (int i = 0; i < NODES; i++) {
        if (ears[i].skipped_count == 0) {
            assert_int_equal(ears[i].count, whole->count);
            assert_true(ears[i].sum == whole->sum);
        }
    }
}

static void test_events__are_the_same_on_all_nodes_whichever_restarts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct cluster *c = calm_cluster_start(seed, NULL);
        struct ear ears[NODES] = {{0}};

        listen(c, ears);
        calm_cluster_start_users(c, &users);
        for (int i = 0; i < 4; i++) {
            calm_cluster_run_for(c, 500 * SIM_MS + seed * 7 * SIM_MS);
            replica_ask_restart(c->nodes[(seed + (uint64_t)i) % NODES].server->replica, "a test");
        }
        calm_cluster_run_for(c, 3 * SIM_S);
        rest(c);
        compare(ears);
        cluster_free(c);
    }
}

/* The state of a later entry is put in the place of the present one. */
static void test_events__that_a_snapshot_replaces_are_said_to_be_skipped(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct ear ears[NODES] = {{0}};
    struct replica *r = calm_cluster_follower(c)->server->replica;

    (void)state;
    listen(c, ears);
    observing_skip(r, r->applied_index); /* Nothing is missing. */
    assert_int_equal(ears[0].skipped_count + ears[1].skipped_count + ears[2].skipped_count, 0);
    observing_skip(r, r->applied_index + 1);
    assert_int_equal(ears[0].skipped_count + ears[1].skipped_count + ears[2].skipped_count, 1);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events__are_the_same_on_all_nodes_whichever_restarts),
        cmocka_unit_test(test_events__that_a_snapshot_replaces_are_said_to_be_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
