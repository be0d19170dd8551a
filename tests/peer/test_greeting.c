/* The greeting between nodes: both sides prove that they have the key of the cluster, and before
 * that nothing that the other side sends counts. In the simulated world, with strangers at
 * either end. */
#include "stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct store_key other_key = {"some other thirty-two bytes....."};

/* A machine beside node 1 for the stranger, which gets the address of node 0. */
static struct io *start_listener(struct world *w)
{
    start_node(w, 1, CLUSTER);
    return start_stranger(w, names[0]);
}

/* It had no effect at all. */
static void assert_turned_away(struct world *w, struct stranger *s)
{
    assert_false(s->is_welcome);
    assert_false(s->link.is_open);
    assert_null(peers_find(&w->nodes[1].peers, id_of(0)));
    assert_int_equal(w->nodes[1].lost_count, 0);
    stranger_end(s);
}

static void challenge_me(struct world *w, struct stranger *s, struct io *io)
{
    struct wire_hello hello = stranger_hello();

    stranger_dial(w, s, io, 1);
    stranger_say_hello(w, s, &hello);
    assert_true(s->has_challenge);
    assert_int_equal(s->challenge.listener, id_of(1));
}

static void test_greeting__a_node_that_proves_membership_is_welcomed(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    stranger_greet(w, &s, io, &hello);
    assert_true(s.is_welcome);
    assert_non_null(peers_find(&w->nodes[1].peers, id_of(0)));
    end_stranger(w);
    stranger_end(&s);
}

/* The dialer checks the listener's proof, which is valid. */
static void test_greeting__the_listener_proves_first(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    struct stranger s;

    challenge_me(w, &s, io);

    struct proof_greeting greeting = {
        .hello = buffer_slice(&s.hello), .listener = id_of(1), .level = 1};

    memcpy(greeting.nonce, s.challenge.nonce, sizeof greeting.nonce);
    assert_true(proof_holds(the_key.bytes, PROOF_OF_LISTENER, &greeting,
                            slice_of(s.challenge.proof, PROOF_BYTES)));
    assert_int_equal(s.frame_count, 1);
    end_stranger(w);
    stranger_end(&s);
}

static void count_warnings(void *context, enum log_level level, const char *event,
                           const char *fields)
{
    uint32_t *count = context;

    *count += level >= LOG_WARN;
}

/* And it is logged once a minute. */
static void test_greeting__wrong_keys_open_nothing(void **state)
{
    struct world *w = *state;
    uint32_t warnings = 0;
    struct log log = {.level = LOG_INFO, .sink = count_warnings, .context = &warnings};
    struct io *io;
    struct stranger s;

    w->nodes[1].log = &log;
    io = start_listener(w);
    for (int i = 0; i < 3; i++) {
        challenge_me(w, &s, io);
        stranger_prove(w, &s, &other_key, PROOF_OF_DIALER, buffer_slice(&s.hello));
        assert_turned_away(w, &s);
        assert_int_equal(warnings, 1);
    }
    run_ms(w, 60000);
    challenge_me(w, &s, io);
    stranger_prove(w, &s, &other_key, PROOF_OF_DIALER, buffer_slice(&s.hello));
    assert_turned_away(w, &s);
    assert_int_equal(warnings, 2);
    end_stranger(w);
}

/* What was overheard on one connection is sent again on another. */
static void test_greeting__proofs_of_another_connection_open_nothing(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    unsigned char proof[PROOF_BYTES];
    struct stranger s;

    challenge_me(w, &s, io);

    struct proof_greeting greeting = {
        .hello = buffer_slice(&s.hello), .listener = id_of(1), .level = 1};

    memcpy(greeting.nonce, s.challenge.nonce, sizeof greeting.nonce);
    proof_make(the_key.bytes, PROOF_OF_DIALER, &greeting, proof);
    link_close(&s.link);
    run_ms(w, 100);
    stranger_end(&s);
    challenge_me(w, &s, io);
    stranger_say(w, &s, WIRE_PROOF, slice_of(proof, PROOF_BYTES));
    assert_turned_away(w, &s);
    end_stranger(w);
}

static void test_greeting__proofs_of_the_other_role_open_nothing(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    struct stranger s;

    challenge_me(w, &s, io);
    /* The listener's proof is sent back. */
    stranger_say(w, &s, WIRE_PROOF, slice_of(s.challenge.proof, PROOF_BYTES));
    assert_turned_away(w, &s);
    challenge_me(w, &s, io);
    stranger_prove(w, &s, &the_key, PROOF_OF_LISTENER, buffer_slice(&s.hello));
    assert_turned_away(w, &s);
    end_stranger(w);
}

static void test_greeting__proofs_of_another_hello_open_nothing(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    struct stranger s;

    for (size_t i = 0; i < 100; i += 7) {
        challenge_me(w, &s, io);
        if (i < buffer_size(&s.hello)) {
            buffer_begin(&s.hello)[i] ^= 1; /* It was changed on its way. */
            stranger_prove(w, &s, &the_key, PROOF_OF_DIALER, buffer_slice(&s.hello));
        } else {
            link_close(&s.link);
            run_ms(w, 50);
        }
        assert_turned_away(w, &s);
    }
    end_stranger(w);
}

static void test_greeting__cut_or_extended_proofs_open_nothing(void **state)
{
    static const size_t sizes[] = {0, 1, PROOF_BYTES - 1, PROOF_BYTES + 1, 1024};
    struct world *w = *state;
    struct io *io = start_listener(w);
    struct stranger s;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char proof[1024] = {0};

        challenge_me(w, &s, io);

        struct proof_greeting greeting = {
            .hello = buffer_slice(&s.hello), .listener = id_of(1), .level = 1};

        memcpy(greeting.nonce, s.challenge.nonce, sizeof greeting.nonce);
        proof_make(the_key.bytes, PROOF_OF_DIALER, &greeting, proof);
        stranger_say(w, &s, WIRE_PROOF, slice_of(proof, sizes[i]));
        assert_turned_away(w, &s);
    }
    end_stranger(w);
}

/* The time for the whole greeting runs from the connection on, whatever is sent meanwhile. */
static void test_greeting__has_to_be_over_in_time(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    stranger_dial(w, &s, io, 1);
    run_ms(w, PEERS_PATIENCE_MS - 200);
    stranger_say_hello(w, &s, &hello);
    assert_true(s.has_challenge && s.link.is_open);
    run_ms(w, 200);
    assert_turned_away(w, &s);
    end_stranger(w);
}

static void test_greeting__nothing_else_may_come_before_the_proof(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    struct wire_hello hello = stranger_hello();
    struct wire_message m = {
        .message = {.kind = RAFT_HEARTBEAT, .from = id_of(0), .to = id_of(1), .term = 9}};
    struct stranger s;

    for (int type = WIRE_HELLO; type < WIRE_PROOF; type++) {
        challenge_me(w, &s, io);
        stranger_say(w, &s, (enum wire_type)type, buffer_slice(&s.hello));
        assert_turned_away(w, &s);
        if (type != WIRE_HELLO) {
            stranger_dial(w, &s, io, 1);
            stranger_say(w, &s, (enum wire_type)type, slice_str("x"));
            assert_turned_away(w, &s);
        }
    }
    stranger_dial(w, &s, io, 1);
    stranger_say(w, &s, WIRE_PROOF, slice_of(s.proof, PROOF_BYTES));
    assert_turned_away(w, &s);
    /* All in one piece: on_message() would notice if it were accepted. */
    stranger_dial(w, &s, io, 1);
    wire_put_message(&s.link.out, &m);
    stranger_say_hello(w, &s, &hello);
    assert_turned_away(w, &s);
    stranger_dial(w, &s, io, 1);
    wire_put_hello(&s.link.out, &hello);
    wire_put_message(&s.link.out, &m);
    stranger_say(w, &s, WIRE_PROOF, slice_of(s.proof, PROOF_BYTES));
    assert_turned_away(w, &s);
    end_stranger(w);
}

static void test_greeting__malformed_hellos_end_the_connection(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    char body[WIRE_HANDSHAKE_BYTES_MAX + 1] = {WIRE_VERSION};
    struct stranger s;

    for (size_t size = 0; size <= 4; size += 3) {
        stranger_dial(w, &s, io, 1);
        stranger_say(w, &s, WIRE_HELLO, slice_of(body, size));
        assert_false(s.has_challenge);
        assert_turned_away(w, &s);
    }
    for (size_t size = WIRE_HELLO_BYTES_MAX + 1; size <= sizeof body; size++) {
        if (size % 227 == 0 || size == WIRE_HELLO_BYTES_MAX + 1 || size == sizeof body) {
            stranger_dial(w, &s, io, 1);
            stranger_say(w, &s, WIRE_HELLO, slice_of(body, size));
            assert_false(s.has_challenge);
            assert_turned_away(w, &s);
        }
    }
    /* Proved, but there was no HELLO yet. */
    stranger_dial(w, &s, io, 1);
    buffer_append(&s.hello, body, 60);
    stranger_say(w, &s, WIRE_HELLO, buffer_slice(&s.hello));
    stranger_prove(w, &s, &the_key, PROOF_OF_DIALER, buffer_slice(&s.hello));
    assert_turned_away(w, &s);
    end_stranger(w);
}

/* The refusals that these get once they have proved membership, and not before. */
static void test_greeting__refusals_come_after_the_proof(void **state)
{
    struct world *w = *state;
    struct io *io = start_listener(w);
    struct membership *before = both();
    struct raft_configuration left = {.member_count = 1,
                                      .members = {{.id = id_of(1), .incoming = true}}};
    struct membership *after = membership_next(before, &left, NULL);
    struct wire_hello hellos[4];
    static const enum wire_refusal refusals[4] = {WIRE_REMOVED, WIRE_OTHER_CLUSTER, WIRE_OTHER_NODE,
                                                  WIRE_SAME_NODE};

    peers_set_committed(&w->nodes[1].peers, after);
    for (size_t i = 0; i < 4; i++) {
        struct stranger s;

        hellos[i] = stranger_hello();
        hellos[1].cluster_id = CLUSTER + 1;
        hellos[2].to = id_of(2);
        hellos[3].from = id_of(1);
        stranger_dial(w, &s, io, 1);
        stranger_say_hello(w, &s, &hellos[i]);
        assert_true(s.has_challenge && s.link.is_open);
        assert_int_equal(s.refusal, 0);
        stranger_prove(w, &s, &the_key, PROOF_OF_DIALER, buffer_slice(&s.hello));
        assert_int_equal(s.refusal, refusals[i]);
        assert_turned_away(w, &s);
    }
    end_stranger(w);
    membership_free(before);
    membership_free(after);
}

/* A stranger whose hello has the id of a connected member, but without proof, has no effect on
 * that member. */
static void test_greeting__members_are_not_disturbed_by_strangers_with_their_ids(void **state)
{
    struct world *w = *state;
    struct io *io = start_stranger(w, names[2]);
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    start_both(w);
    dial(w, 0);
    run_ms(w, 500);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    for (int i = 0; i < 2; i++) {
        hello.incarnation = i == 0 ? 1 : w->nodes[0].peers.incarnation;
        hello.address = address_of(2).client;
        stranger_dial(w, &s, io, 1);
        stranger_say_hello(w, &s, &hello);
        stranger_prove(w, &s, &other_key, PROOF_OF_DIALER, buffer_slice(&s.hello));
        run_ms(w, 500);
        assert_true(is_up(&w->nodes[0].peers, id_of(1)));
        assert_true(is_up(&w->nodes[1].peers, id_of(0)));
        assert_int_equal(w->nodes[0].lost_count + w->nodes[1].lost_count, 0);
        /* Nothing was sent to it to see if it is alive. */
        assert_int_equal(w->nodes[0].answer_count, 0);
        assert_string_equal(peers_find(&w->nodes[1].peers, id_of(0))->address.client.host,
                            names[0]);
        stranger_end(&s);
    }
    end_stranger(w);
}

static void test_greeting__without_a_cluster_nobody_is_challenged(void **state)
{
    struct world *w = *state;
    struct io *io;
    struct wire_hello hello = stranger_hello();
    struct stranger s;

    w->nodes[1].has_no_cluster = true;
    io = start_listener(w);
    stranger_dial(w, &s, io, 1);
    stranger_say_hello(w, &s, &hello);
    assert_false(s.has_challenge);
    assert_int_equal(s.refusal, WIRE_NOT_READY);
    assert_turned_away(w, &s);
    end_stranger(w);
}

/* --- who dials ----------------------------------------------------------------------- */

/* Node 0, and the stranger in place of node 1, which has received its HELLO. */
static void start_dialer(struct world *w, struct stranger *s)
{
    struct io *io = start_stranger(w, names[1]);

    stranger_listen(s, io, names[1]);
    start_node(w, 0, CLUSTER);
    dial(w, 0);
    run_ms(w, 50);
    assert_true(s->has_hello);
}

static bool is_any_up(struct world *w)
{
    const struct peer *peer = peers_find(&w->nodes[0].peers, id_of(1));

    return peer->dial[WIRE_CONTROL].phase == DIAL_UP || peer->dial[WIRE_BULK].phase == DIAL_UP;
}

static void end_dialer(struct world *w, struct stranger *s)
{
    assert_false(is_any_up(w));
    end_stranger(w);
    stranger_end(s);
}

/* Waits for the next attempt. */
static void await_hello(struct world *w, const struct stranger *s)
{
    for (int i = 0; i < DIAL_RETRY_MS_MAX / 10 && !(s->link.is_open && s->has_hello); i++) {
        run_ms(w, 10);
    }
    assert_true(s->link.is_open && s->has_hello);
}

/* The dialer hangs up, without having proved anything itself, and dials again. */
static void assert_not_trusted(struct world *w, struct stranger *s)
{
    assert_int_equal(s->closed_count, 1);
    assert_false(s->has_proof);
    assert_false(is_any_up(w));
    assert_int_equal(w->nodes[0].refusal, 0);
    s->closed_count = 0;
    await_hello(w, s);
}

static void test_greeting__listeners_with_the_key_are_believed(void **state)
{
    struct world *w = *state;
    struct stranger s;

    start_dialer(w, &s);

    stranger_challenge(w, &s, &the_key, PROOF_OF_LISTENER, id_of(1));
    assert_true(s.has_proof);
    assert_false(is_any_up(w)); /* Not yet. */
    stranger_say(w, &s, WIRE_WELCOME, slice_str(""));
    assert_true(is_any_up(w));
    link_close(&s.link);
    run_ms(w, 50);
    end_dialer(w, &s);
}

static void test_greeting__listeners_with_another_key_are_not_reached(void **state)
{
    struct world *w = *state;
    uint32_t warnings = 0;
    struct log log = {.level = LOG_INFO, .sink = count_warnings, .context = &warnings};
    struct stranger s;

    w->nodes[0].log = &log;
    start_dialer(w, &s);
    for (int i = 0; i < 3; i++) {
        stranger_challenge(w, &s, &other_key, PROOF_OF_LISTENER, id_of(1));
        assert_not_trusted(w, &s);
        assert_int_equal(warnings, 1); /* Once a minute. */
    }
    /* A proof for the other role. */
    stranger_challenge(w, &s, &the_key, PROOF_OF_DIALER, id_of(1));
    assert_not_trusted(w, &s);
    end_dialer(w, &s);
}

static void count_other_key(void *context, enum log_level level, const char *event,
                            const char *fields)
{
    uint32_t *count = context;

    *count += level == LOG_WARN &&
              strcmp(event, "a node that connects has another key than this one") == 0;
}

/* Otherwise it would only be in the logs of the others. */
static void test_greeting__listeners_with_another_key_log_so_themselves(void **state)
{
    struct world *w = *state;
    uint32_t warnings = 0;
    struct log log = {.level = LOG_INFO, .sink = count_other_key, .context = &warnings};

    w->nodes[1].log = &log;
    w->nodes[1].key = &other_key;
    start_both(w);
    dial(w, 0);
    run_ms(w, 50);
    assert_int_equal(warnings, 1);
    run_ms(w, 58000);
    assert_int_equal(warnings, 1);
    run_ms(w, 4000);
    assert_int_equal(warnings, 2);
    assert_false(is_up(&w->nodes[0].peers, id_of(1)));
}

static enum wire_channel channel_of(const struct stranger *s)
{
    struct wire_hello hello;

    assert_true(wire_get_hello(buffer_slice(&s->hello), &hello));
    return hello.channel;
}

static void test_greeting__old_challenges_prove_nothing(void **state)
{
    struct world *w = *state;
    struct wire_challenge overheard;
    enum wire_channel channel;
    struct stranger s;

    start_dialer(w, &s);
    channel = channel_of(&s);

    stranger_challenge(w, &s, &the_key, PROOF_OF_LISTENER, id_of(1));
    assert_true(s.has_proof);
    overheard = s.challenge;
    do { /* Until the same connection is made again. */
        link_close(&s.link);
        run_ms(w, 10);
        await_hello(w, &s);
    } while (channel_of(&s) != channel);
    s.has_proof = false;
    s.closed_count = 0;
    wire_put_challenge(&s.link.out, &overheard);
    link_flush(&s.link);
    run_ms(w, 50);
    assert_not_trusted(w, &s);
    end_dialer(w, &s);
}

/* The stranger has no key, but asks the node itself, or another member, for a proof; both answer
 * with their own id. */
static void test_greeting__a_proof_of_another_member_is_not_accepted(void **state)
{
    struct world *w = *state;
    struct stranger s;

    start_dialer(w, &s);
    struct stranger asker;

    stranger_dial(w, &asker, w->stranger, 0);
    stranger_say(w, &asker, WIRE_HELLO, buffer_slice(&s.hello));
    assert_true(asker.has_challenge);
    assert_int_equal(asker.challenge.listener, id_of(0));
    wire_put_challenge(&s.link.out, &asker.challenge);
    link_flush(&s.link);
    run_ms(w, 50);
    assert_false(s.has_proof);
    assert_int_equal(s.closed_count, 1);
    assert_false(is_any_up(w));
    assert_int_equal(w->nodes[0].refusal, WIRE_OTHER_NODE);
    /* And in the other one's name the proof is not valid. */
    await_hello(w, &s);
    asker.challenge.listener = id_of(1);
    wire_put_challenge(&s.link.out, &asker.challenge);
    link_flush(&s.link);
    run_ms(w, 50);
    assert_false(s.has_proof || is_any_up(w));
    stranger_end(&asker);
    end_dialer(w, &s);
}

static void test_greeting__welcomes_without_a_proof_are_not_accepted(void **state)
{
    struct world *w = *state;
    struct stranger s;

    start_dialer(w, &s);

    stranger_say(w, &s, WIRE_WELCOME, slice_str(""));
    assert_not_trusted(w, &s);
    end_dialer(w, &s);
}

/* Otherwise anybody who can send "you were removed" could end a node. */
static void test_greeting__refusals_without_a_proof_are_not_believed(void **state)
{
    struct world *w = *state;
    struct stranger s;

    start_dialer(w, &s);

    for (int refusal = WIRE_OTHER_CLUSTER; refusal <= WIRE_SAME_NODE; refusal++) {
        const char code = (char)refusal;

        if (refusal == WIRE_OTHER_VERSION || refusal == WIRE_NOT_READY) {
            continue;
        }
        stranger_say(w, &s, WIRE_REFUSE, slice_of(&code, 1));
        assert_not_trusted(w, &s);
    }
    stranger_challenge(w, &s, &the_key, PROOF_OF_LISTENER, id_of(1));
    assert_true(s.has_proof);
    stranger_say(w, &s, WIRE_REFUSE, slice_of(&(char){WIRE_REMOVED}, 1));
    assert_int_equal(w->nodes[0].refusal, WIRE_REMOVED);
    end_dialer(w, &s);
}

static void test_greeting__dialers_wait_no_longer_for_a_slow_one(void **state)
{
    struct world *w = *state;
    struct stranger s;

    start_dialer(w, &s);

    run_ms(w, PEERS_PATIENCE_MS - 300);
    stranger_challenge(w, &s, &the_key, PROOF_OF_LISTENER, id_of(1));
    assert_true(s.has_proof && s.link.is_open);
    run_ms(w, 350);
    assert_int_equal(s.closed_count, 1);
    end_dialer(w, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEERS_TEST(test_greeting__a_node_that_proves_membership_is_welcomed),
        PEERS_TEST(test_greeting__the_listener_proves_first),
        PEERS_TEST(test_greeting__wrong_keys_open_nothing),
        PEERS_TEST(test_greeting__proofs_of_another_connection_open_nothing),
        PEERS_TEST(test_greeting__proofs_of_the_other_role_open_nothing),
        PEERS_TEST(test_greeting__proofs_of_another_hello_open_nothing),
        PEERS_TEST(test_greeting__cut_or_extended_proofs_open_nothing),
        PEERS_TEST(test_greeting__has_to_be_over_in_time),
        PEERS_TEST(test_greeting__nothing_else_may_come_before_the_proof),
        PEERS_TEST(test_greeting__malformed_hellos_end_the_connection),
        PEERS_TEST(test_greeting__refusals_come_after_the_proof),
        PEERS_TEST(test_greeting__members_are_not_disturbed_by_strangers_with_their_ids),
        PEERS_TEST(test_greeting__without_a_cluster_nobody_is_challenged),
        PEERS_TEST(test_greeting__listeners_with_the_key_are_believed),
        PEERS_TEST(test_greeting__listeners_with_another_key_are_not_reached),
        PEERS_TEST(test_greeting__listeners_with_another_key_log_so_themselves),
        PEERS_TEST(test_greeting__old_challenges_prove_nothing),
        PEERS_TEST(test_greeting__a_proof_of_another_member_is_not_accepted),
        PEERS_TEST(test_greeting__welcomes_without_a_proof_are_not_accepted),
        PEERS_TEST(test_greeting__refusals_without_a_proof_are_not_believed),
        PEERS_TEST(test_greeting__dialers_wait_no_longer_for_a_slow_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
