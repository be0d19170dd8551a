/* What a leader sends of its log after it has dropped a part of it (scenario 26). */
#include "stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"

enum { LAST = 10 };

/* Leads alone; its log has LAST entries of term 2, all committed. */
static struct raft *leader_new(void)
{
    const struct raft_options options = {
        .id = id_of(0), .election_timeout_ns = 2, .heartbeat_interval_ns = 1, .runs_max = 8};
    const struct raft_configuration alone = {.member_count = 1,
                                             .members = {{.id = id_of(0), .incoming = true}}};
    struct raft_entry entry = {.term = 1, .kind = RAFT_CONFIGURATION, .configuration = &alone};
    struct raft *r = raft_init(memory_take(raft_size(&options)), &options, 1);
    struct raft_event event = {.kind = RAFT_TICK, .now_ns = 1};
    struct raft_effects effects;

    raft_restore_vote(r, 1, 0);
    CHECK(raft_restore_entry(r, &entry) == RAFT_OK);
    CHECK(raft_step(r, &event, &effects) == RAFT_OK);
    event.kind = RAFT_DURABLE;
    while (effects.write_seq > 0) {
        event.durable_seq = effects.write_seq;
        CHECK(raft_step(r, &event, &effects) == RAFT_OK);
        if (raft_last_index(r) == 2 && raft_is_durable(r)) {
            struct raft_event propose = {
                .kind = RAFT_PROPOSE, .now_ns = 1, .propose_count = LAST - 2};

            CHECK(raft_step(r, &propose, &effects) == RAFT_OK);
        }
    }
    CHECK(raft_commit_index(r) == LAST);
    return r;
}

struct fixture {
    struct world *world;
    struct raft *raft;
    struct log_window window;
    struct peer *peer; /* Node 1, as node 0 sees it. */
};

static void begin(struct fixture *f, struct world *w)
{
    f->world = w;
    f->raft = leader_new();
    log_window_init(&f->window);
    for (raft_index index = 1; index <= LAST; index++) {
        struct entry *e = entry_new(RAFT_COMMAND, 3);

        memset(e->data, 'x', 3);
        e->index = index;
        e->term = raft_term_at(f->raft, index);
        e->time_us = 1;
        log_window_append_take(&f->window, e);
    }
    start_both(w);
    dial(w, 0);
    run_ms(w, 500);
    w->nodes[0].peers.source = (struct peers_source){.raft = f->raft, .window = &f->window};
    f->peer = peers_find(&w->nodes[0].peers, id_of(1));
    w->nodes[1].awaits_message = true;
}

/* Whether a message has come to node 1. */
static bool has_come(struct fixture *f)
{
    peers_flush(&f->world->nodes[0].peers);
    run_ms(f->world, 50);
    return !f->world->nodes[1].awaits_message;
}

static void end(struct fixture *f)
{
    log_window_deinit(&f->window);
    free(f->raft);
}

static struct raft_message ask_for(raft_term term, raft_index prev, uint32_t count)
{
    return (struct raft_message){
        .kind = RAFT_APPEND_ENTRIES,
        .from = id_of(0),
        .to = id_of(1),
        .term = term,
        .append_entries = {.prev_log_index = prev, .prev_log_term = term, .entry_count = count}};
}

static void test_sender__sends_what_is_behind_the_origin(void **state)
{
    struct raft_message m = ask_for(2, 5, LAST - 5);
    struct fixture f;

    begin(&f, *state);
    raft_compact(f.raft, 5);
    sender_ask(f.peer, &m);
    assert_true(has_come(&f));
    end(&f);
}

/* It was held until a write was durable, and the log has changed meanwhile. */
static void test_sender__sends_nothing_from_before_the_origin(void **state)
{
    struct raft_message entries = ask_for(2, 4, 3);
    struct raft_message probe = ask_for(2, 4, 0);
    struct fixture f;

    begin(&f, *state);
    raft_compact(f.raft, 5);
    sender_ask(f.peer, &entries);
    sender_ask(f.peer, &probe);
    assert_false(has_come(&f));
    end(&f);
}

/* Its connection had no room when it was asked to send. */
static void test_sender__drops_what_leaves_the_log_while_it_waits(void **state)
{
    struct raft_message m = ask_for(2, 4, LAST - 4);
    struct raft_message next = ask_for(2, LAST, 0);
    struct fixture f;

    begin(&f, *state);
    f.peer->sender.is_reading = true;
    sender_ask(f.peer, &m);
    raft_compact(f.raft, 7);
    f.peer->sender.is_reading = false;
    sender_pump(f.peer);
    assert_false(has_come(&f));
    sender_ask(f.peer, &next); /* The peer's answer shows the leader what is missing. */
    assert_true(has_come(&f));
    end(&f);
}

static void test_sender__sends_nothing_of_a_term_that_it_does_not_lead(void **state)
{
    struct raft_message probe = ask_for(1, LAST + 5, 0);
    struct fixture f;

    begin(&f, *state);
    sender_ask(f.peer, &probe);
    assert_false(has_come(&f));
    end(&f);
}

static void test_sender__sends_a_large_entry_in_pieces_no_more_than_fits_at_once(void **state)
{
    struct raft_message m = ask_for(2, LAST - 1, 1);
    struct world *w = *state;
    struct fixture f;

    begin(&f, w);
    log_window_truncate(&f.window, LAST);

    struct entry *large = entry_new(RAFT_COMMAND, 9 * 1000 * 1000);

    memset(large->data, 'y', large->size);
    large->index = LAST;
    large->term = 2;
    large->time_us = 1;
    log_window_append_take(&f.window, large);
    sender_ask(f.peer, &m);
    for (int i = 0; i < 100 && w->nodes[1].awaits_message; i++) {
        peers_flush(&w->nodes[0].peers);
        assert_true(link_backlog_bytes(&f.peer->dial[WIRE_BULK].link) < 5 * 1000 * 1000);
        run_ms(w, 20);
    }
    assert_false(w->nodes[1].awaits_message);
    assert_int_equal(w->nodes[1].peers.pieced_count, 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEERS_TEST(test_sender__sends_what_is_behind_the_origin),
        PEERS_TEST(test_sender__sends_nothing_from_before_the_origin),
        PEERS_TEST(test_sender__drops_what_leaves_the_log_while_it_waits),
        PEERS_TEST(test_sender__sends_nothing_of_a_term_that_it_does_not_lead),
        PEERS_TEST(test_sender__sends_a_large_entry_in_pieces_no_more_than_fits_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
