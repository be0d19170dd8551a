/* What the leader learns of a node that is to be added, by a greeting with it. */
#include "stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "peer/verify.h"

static const struct store_key other_key = {"some other thirty-two bytes....."};

enum { LEADER, NEWCOMER, NEWCOMER_ID = 20, NONE = -1, AT_ONCE_MS = 100 };

struct outcome {
    int result; /* NONE: none yet. */
    uint32_t count;
};

static void on_done(void *context, enum verify_result result)
{
    struct outcome *o = context;

    o->result = (int)result;
    o->count++;
}

static struct verify *ask(struct world *w, struct outcome *o, raft_id id, bool is_member)
{
    struct verify_options options = {
        .address = address_of(NEWCOMER), .is_member = is_member, .done = on_done, .context = o};

    *o = (struct outcome){.result = NONE};
    options.address.id = id;
    return verify_start(&w->nodes[LEADER].peers, &options);
}

/* The result for the node that is to be added, which must be known within a moment. */
static int ask_once(struct world *w, raft_id id)
{
    struct outcome o;

    assert_non_null(ask(w, &o, id, false));
    assert_int_equal(o.result, NONE); /* No callback during the call. */
    run_ms(w, AT_ONCE_MS);
    assert_in_range(o.count, 0, 1);
    return o.result;
}

/* It has not joined yet. NULL: it does not have a key either. */
static void start_newcomer(struct world *w, const struct store_key *key)
{
    w->nodes[NEWCOMER].has_no_cluster = true;
    start_node(w, LEADER, CLUSTER);
    start_node(w, NEWCOMER, CLUSTER);
    if (key != NULL) {
        peers_show_key(&w->nodes[NEWCOMER].peers, key);
    }
}

static void test_verify__a_node_with_the_key_may_be_added(void **state)
{
    struct world *w = *state;

    start_newcomer(w, &the_key);
    assert_int_equal(ask_once(w, id_of(NEWCOMER)), VERIFY_PROVEN);
    assert_null(peers_find(&w->nodes[NEWCOMER].peers, id_of(LEADER))); /* It has learned nothing. */
}

static void test_verify__a_node_with_another_key_or_none_is_refused(void **state)
{
    struct world *w = *state;

    start_newcomer(w, NULL);
    assert_int_equal(ask_once(w, id_of(NEWCOMER)), VERIFY_KEYLESS);
    peers_show_key(&w->nodes[NEWCOMER].peers, &other_key);
    assert_int_equal(ask_once(w, id_of(NEWCOMER)), VERIFY_OTHER_KEY);
}

static void test_verify__a_node_that_does_not_know_the_level_is_refused(void **state)
{
    struct world *w = *state;

    start_newcomer(w, &the_key); /* It knows level 1. */
    peers_set_level(&w->nodes[LEADER].peers, 2);
    assert_int_equal(ask_once(w, id_of(NEWCOMER)), VERIFY_OLDER_LEVEL);
    peers_set_level(&w->nodes[LEADER].peers, 1);
    assert_int_equal(ask_once(w, id_of(NEWCOMER)), VERIFY_PROVEN);
}

static void test_verify__another_node_is_not_accepted(void **state)
{
    struct world *w = *state;

    start_newcomer(w, &the_key);
    assert_int_equal(ask_once(w, 99), VERIFY_OTHER_NODE);
}

static void test_verify__a_node_of_another_cluster_may_have_the_same_key(void **state)
{
    struct world *w = *state;

    start_node(w, LEADER, CLUSTER);
    start_node(w, NEWCOMER, CLUSTER + 1);
    assert_int_equal(ask_once(w, id_of(NEWCOMER)), VERIFY_OTHER_CLUSTER);
}

static void test_verify__leaves_the_connections_of_a_member_alone(void **state)
{
    struct world *w = *state;
    struct outcome o;

    start_both(w);
    dial(w, LEADER);
    run_ms(w, 500);
    assert_true(is_up(&w->nodes[LEADER].peers, id_of(NEWCOMER)));
    assert_non_null(ask(w, &o, id_of(NEWCOMER), true));
    run_ms(w, AT_ONCE_MS);
    assert_int_equal(o.result, VERIFY_PROVEN);
    assert_int_equal(w->nodes[LEADER].lost_count, 0);
    assert_int_equal(w->nodes[NEWCOMER].lost_count, 0);
}

static void test_verify__a_refused_connection_is_noticed_at_once(void **state)
{
    struct world *w = *state;

    start_node(w, LEADER, CLUSTER);
    (void)start_stranger(w, names[NEWCOMER]);
    assert_int_equal(ask_once(w, id_of(NEWCOMER)), VERIFY_UNREACHED);
}

static void test_verify__a_silent_node_is_noticed_in_time(void **state)
{
    struct world *w = *state;
    struct outcome o;
    struct stranger s;

    start_node(w, LEADER, CLUSTER);
    stranger_listen(&s, start_stranger(w, names[NEWCOMER]), names[NEWCOMER]);
    assert_non_null(ask(w, &o, id_of(NEWCOMER), false));
    run_ms(w, PEERS_PATIENCE_MS - 100);
    assert_true(s.has_hello);
    assert_int_equal(o.result, NONE);
    run_ms(w, 200);
    assert_int_equal(o.result, VERIFY_UNREACHED);
    assert_int_equal(s.closed_count, 1);
    end_stranger(w);
    stranger_end(&s);
}

/* A stranger listens there, receives the leader's HELLO, and answers whatever it likes. */
static void test_verify__answers_without_a_proof_are_not_accepted(void **state)
{
    static const char words[] = {WIRE_WELCOME, WIRE_REFUSE, WIRE_CHALLENGE};
    static const char bodies[][8 + 4 + PROOF_NONCE_BYTES + PROOF_BYTES] = {
        "", {WIRE_OTHER_CLUSTER}, {NEWCOMER_ID, 0, 0, 0, 0, 0, 0, 0, 1}};
    static const size_t sizes[] = {0, 1, sizeof bodies[0]};
    static const enum verify_result results[] = {VERIFY_UNREACHED, VERIFY_UNREACHED,
                                                 VERIFY_OTHER_KEY};
    struct world *w = *state;
    struct stranger s;

    start_node(w, LEADER, CLUSTER);
    stranger_listen(&s, start_stranger(w, names[NEWCOMER]), names[NEWCOMER]);
    for (size_t i = 0; i < sizeof words; i++) {
        struct outcome o;

        assert_non_null(ask(w, &o, id_of(NEWCOMER), false));
        run_ms(w, AT_ONCE_MS);
        assert_true(s.has_hello);
        stranger_say(w, &s, (enum wire_type)words[i], slice_of(bodies[i], sizes[i]));
        assert_int_equal(o.result, results[i]);
        assert_false(s.has_proof);
    }
    end_stranger(w);
    stranger_end(&s);
}

static void test_verify__is_cancelled_without_a_callback(void **state)
{
    struct world *w = *state;
    struct outcome o;
    struct stranger s;

    start_node(w, LEADER, CLUSTER);
    stranger_listen(&s, start_stranger(w, names[NEWCOMER]), names[NEWCOMER]);
    verify_cancel(ask(w, &o, id_of(NEWCOMER), false)); /* While it connects. */
    run_ms(w, AT_ONCE_MS);
    assert_false(s.has_hello);

    struct verify *v = ask(w, &o, id_of(NEWCOMER), false);

    run_ms(w, AT_ONCE_MS);
    assert_true(s.has_hello);
    verify_cancel(v);
    run_ms(w, 2 * PEERS_PATIENCE_MS);
    assert_int_equal(o.count, 0);
    assert_false(s.link.is_open);
    end_stranger(w);
    stranger_end(&s);
}

static void test_verify__has_a_bound(void **state)
{
    struct world *w = *state;
    struct outcome o[VERIFY_MAX + 1];

    start_newcomer(w, &the_key);
    for (uint32_t i = 0; i < VERIFY_MAX; i++) {
        assert_non_null(ask(w, &o[i], id_of(NEWCOMER), false));
    }
    assert_null(ask(w, &o[VERIFY_MAX], id_of(NEWCOMER), false));
    run_ms(w, AT_ONCE_MS);
    for (uint32_t i = 0; i < VERIFY_MAX; i++) {
        assert_int_equal(o[i].result, VERIFY_PROVEN);
    }
    assert_int_equal(ask_once(w, id_of(NEWCOMER)), VERIFY_PROVEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEERS_TEST(test_verify__a_node_with_the_key_may_be_added),
        PEERS_TEST(test_verify__a_node_with_another_key_or_none_is_refused),
        PEERS_TEST(test_verify__a_node_that_does_not_know_the_level_is_refused),
        PEERS_TEST(test_verify__another_node_is_not_accepted),
        PEERS_TEST(test_verify__a_node_of_another_cluster_may_have_the_same_key),
        PEERS_TEST(test_verify__leaves_the_connections_of_a_member_alone),
        PEERS_TEST(test_verify__a_refused_connection_is_noticed_at_once),
        PEERS_TEST(test_verify__a_silent_node_is_noticed_in_time),
        PEERS_TEST(test_verify__answers_without_a_proof_are_not_accepted),
        PEERS_TEST(test_verify__is_cancelled_without_a_callback),
        PEERS_TEST(test_verify__has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
