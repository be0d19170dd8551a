/* Power fails at any instant, and any unsynced sectors and names survive: what was acknowledged
 * is found again, and nothing is found that was never written. docs/SCENARIOS.md: 2, 38, 46, 50. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "fixture.h"
#include "tap.h"

enum { LOG_MAX = 400, WRITES_MAX = 64 };

/* What the store contains, or may contain. */
struct content {
    uint64_t last_index;
    uint64_t terms[LOG_MAX + 1]; /* [i]: of entry i. */
    uint64_t current_term;
    uint64_t voted_for;
};

struct history {
    struct content states[WRITES_MAX + 1]; /* [s]: after write s; [0]: as found at the start. */
    uint64_t write_count;
    uint32_t opened_at;                  /* Operations until the store was open. */
    uint32_t judged_at;                  /* Operations until it was open to be judged. */
    uint32_t durable_at[WRITES_MAX + 1]; /* Operations until the write was acknowledged. */
    struct content found;
    uint64_t origins[WRITES_MAX];  /* The requested origins, one after the other. */
    uint32_t moved_at[WRITES_MAX]; /* Operations until each move was done. */
    uint32_t move_count;
};

static uint64_t origin_of(const struct history *h)
{
    return h->move_count == 0 ? 0 : h->origins[h->move_count - 1];
}

/* Usually small; sometimes larger than a segment. */
static uint32_t size_of_entry(uint64_t index, uint64_t term)
{
    uint64_t n = index * 31 + term * 7;

    return n % 13 == 0 ? 20000 : (uint32_t)(n * n % 900);
}

/* --- writing --- */

static void note_durable(struct fixture *f, uint64_t seq)
{
    struct history *h = f->observer;

    for (uint64_t s = seq; s > 0 && h->durable_at[s] == 0; s--) {
        h->durable_at[s] = tap_position();
    }
}

static void write_once(struct fixture *f, struct history *h, struct prng *p)
{
    struct content *c = &h->states[h->write_count + 1];
    struct entry *entries[8];
    struct store_write w = {.seq = ++h->write_count, .entries = entries};

    *c = h->states[h->write_count - 1];
    if (c->current_term == 0 || prng_chance(p, 1, 4)) {
        w.write_vote = true;
        w.current_term = ++c->current_term;
        w.voted_for = c->voted_for = prng_next(p);
    }
    if (w.write_vote && c->last_index > origin_of(h) && prng_chance(p, 1, 2)) {
        uint64_t first = c->last_index > 6 ? c->last_index - 6 : 1;

        first = first > origin_of(h) ? first : origin_of(h) + 1;
        w.truncate_from = prng_between(p, first, c->last_index);
        c->last_index = w.truncate_from - 1;
    }
    w.entry_count = (uint32_t)prng_below(p, 6);
    for (uint32_t i = 0; i < w.entry_count; i++) {
        uint64_t index = ++c->last_index;

        assert_true(index <= LOG_MAX);
        c->terms[index] = c->current_term;
        entries[i] = entry_new(2, size_of_entry(index, c->current_term));
        entries[i]->index = index;
        entries[i]->term = c->current_term;
        entries[i]->time_us = fixture_time_us(index, c->current_term);
        fixture_fill(f, index, c->current_term, entries[i]->data, entries[i]->size);
    }
    f->seq = w.seq;
    store_write(f->store, &w);
    for (uint32_t i = 0; i < w.entry_count; i++) {
        entry_release(entries[i]);
    }
}

/* Opens f->dir, records, writes, closes. */
static void live(struct fixture *f, struct history *h, struct prng *p, uint64_t write_count)
{
    f->observe = note_durable;
    f->observer = h;
    fixture_open(f);
    h->opened_at = tap_position();
    for (uint64_t i = 0; i < write_count; i++) {
        write_once(f, h, p);
        store_flush(f->store);
        if (prng_chance(p, 1, 3)) {
            fixture_await(f);
        }
    }
    fixture_await(f);
    fixture_close(f);
    f->observe = NULL;
}

/* Moves the origin to one of the entries, all of which are durable. */
static void move_once(struct fixture *f, struct history *h, struct prng *p)
{
    const struct content *c = &h->states[h->write_count];
    uint64_t index;

    if (c->last_index == origin_of(h)) {
        return;
    }
    index = prng_between(p, origin_of(h) + 1, c->last_index);
    h->origins[h->move_count++] = index;
    f->last_index = c->last_index;
    f->terms[index] = c->terms[index];
    fixture_move_origin(f, index);
    h->moved_at[h->move_count - 1] = tap_position();
}

static void live_moving(struct fixture *f, struct history *h, struct prng *p)
{
    f->observe = note_durable;
    f->observer = h;
    fixture_open(f);
    for (uint64_t i = 0; i < 40; i++) {
        write_once(f, h, p);
        store_flush(f->store);
        if (i % 4 == 3) {
            fixture_await(f);
            move_once(f, h, p);
        }
    }
    fixture_await(f);
    fixture_close(f);
    f->observe = NULL;
}

/* --- judging --- */

/* The origin is the last one that was reported, or the next one. Entries at or below it are not
 * in the log any more; they are as in the history. */
static void find_origin(struct fixture *f, const struct history *h, uint32_t position,
                        struct content *found)
{
    uint64_t index = f->recovered.origin.index;
    uint64_t reported = 0;
    uint32_t next = 0;

    while (next < h->move_count && h->moved_at[next] <= position) {
        reported = h->origins[next++];
    }
    assert_true(index == reported || (next < h->move_count && index == h->origins[next]));
    for (uint64_t i = 1; i <= index; i++) {
        found->terms[i] = h->states[h->write_count].terms[i];
    }
    found->last_index = index;
}

static int find_entry(void *context, struct entry *e)
{
    struct content *found = context;
    uint32_t size = size_of_entry(e->index, e->term);

    assert_int_equal(e->index, ++found->last_index);
    assert_int_equal(e->size, size);
    found->terms[e->index] = e->term;
    return 0;
}

static bool is_log(const struct content *c, const struct content *found, uint64_t last_index)
{
    return found->last_index == last_index &&
           memcmp(c->terms + 1, found->terms + 1, last_index * sizeof c->terms[0]) == 0;
}

/* Whether the log found is that after write s, or during write s + 1. */
static bool fits(const struct history *h, const struct content *found, uint64_t s)
{
    const struct content *before = &h->states[s];
    const struct content *after = &h->states[s + 1];
    uint64_t kept = 0;

    if (is_log(before, found, before->last_index)) {
        return true;
    }
    if (s == h->write_count) {
        return false;
    }
    while (kept < before->last_index && kept < after->last_index &&
           before->terms[kept + 1] == after->terms[kept + 1]) {
        kept++;
    }
    for (uint64_t last = kept; last <= after->last_index; last++) {
        if (is_log(after, found, last)) {
            return true;
        }
    }
    return false;
}

/* Opens what a crash left and judges it. */
static void judge(struct fixture *f, struct history *h, uint32_t position)
{
    struct content *found = &h->found;
    uint64_t acknowledged = 0;
    bool has_log = false;
    bool has_vote = false;
    int rv = fixture_try_open(f);

    if (rv != 0) {
        fail_msg("crash after operation %u: %s", position, f->text);
    }
    h->judged_at = tap_position();
    memset(found, 0, sizeof *found);
    find_origin(f, h, position, found);
    assert_int_equal(store_replay(f->store, find_entry, found), 0);
    assert_int_equal(found->last_index, f->recovered.last_index);
    found->current_term = f->recovered.current_term;
    found->voted_for = f->recovered.voted_for;

    for (uint64_t s = 1; s <= h->write_count; s++) {
        if (h->durable_at[s] != 0 && h->durable_at[s] <= position) {
            acknowledged = s;
        }
    }
    for (uint64_t s = acknowledged; s <= h->write_count; s++) {
        has_log = has_log || fits(h, found, s);
        has_vote = has_vote || (found->current_term == h->states[s].current_term &&
                                found->voted_for == h->states[s].voted_for);
    }
    if (!has_log || !has_vote) {
        fail_msg("crash after operation %u: %s is wrong; acknowledged write %u, last entry %u",
                 position, has_log ? "vote" : "log", (unsigned)acknowledged,
                 (unsigned)found->last_index);
    }
    if (found->last_index > 0) {
        assert_true(found->terms[found->last_index] <= found->current_term);
    }
    fixture_close(f);
}

/* --- tests --- */

static void test_crash__every_instant_of_a_short_life(void **state)
{
    struct fixture *f = *state;
    struct history *h = memory_take_zeroed(1, sizeof *h);
    struct prng p = {.state = 1};
    uint32_t end;

    tap_reset();
    f->segment_bytes = 8192;
    fixture_enter(f, "first");
    tap_record(f->dir);
    live(f, h, &p, 14);
    end = tap_position();
    tap_pause();
    assert_true(end > 100);
    for (uint32_t position = 0; position <= end; position++) {
        /* At the beginning many names change, so it gets more tries. */
        int tries = position < h->opened_at + 10 ? 24 : 3;

        for (int luck = TAP_NOTHING; luck <= TAP_SOME + tries; luck++) {
            snprintf(f->dir, sizeof f->dir, "%s/after", f->root);
            tap_crash(position, luck > TAP_SOME ? TAP_SOME : (enum tap_luck)luck, &p, f->dir);
            judge(f, h, position);
            fixture_remove(f->dir);
        }
    }
    tap_reset();
    free(h);
}

static void test_crash__every_instant_of_moves_of_the_origin(void **state)
{
    struct fixture *f = *state;
    struct history *h = memory_take_zeroed(1, sizeof *h);
    struct prng p = {.state = 3};
    uint32_t end;

    tap_reset();
    f->segment_bytes = 8192;
    fixture_enter(f, "first");
    tap_record(f->dir);
    live_moving(f, h, &p);
    end = tap_position();
    tap_pause();
    assert_int_equal(h->move_count, 10);
    for (uint32_t position = h->moved_at[0] / 2; position <= end; position++) {
        for (int luck = TAP_NOTHING; luck <= TAP_SOME + 3; luck++) {
            snprintf(f->dir, sizeof f->dir, "%s/after", f->root);
            tap_crash(position, luck > TAP_SOME ? TAP_SOME : (enum tap_luck)luck, &p, f->dir);
            judge(f, h, position);
            fixture_remove(f->dir);
        }
    }
    tap_reset();
    free(h);
}

/* Drops acknowledgements after `position`, where the life ended. */
static void forget_beyond(struct history *h, uint32_t position)
{
    for (uint64_t s = 1; s <= h->write_count; s++) {
        if (h->durable_at[s] > position) {
            h->durable_at[s] = 0;
        }
    }
}

/* Several lives; each begins with what the crash of the previous one left, and crashes may
 * happen while the store is being opened. Sometimes only the process dies: then the next life
 * finds everything that was written, durable or not, and what it found must be there after the
 * next crash. */
static void check_lives(struct fixture *f, struct history *h, uint64_t seed)
{
    struct prng p = {.state = seed};
    struct history *before_kill = memory_take_zeroed(1, sizeof *before_kill);
    bool was_killed = false;

    tap_reset();
    snprintf(f->dir, sizeof f->dir, "%s/life-0", f->root);
    mkdir(f->dir, 0700);
    for (int life = 1; life <= 60 && h->found.last_index < LOG_MAX - 50; life++) {
        char before[300];
        uint32_t position;
        bool is_early = was_killed && prng_chance(&p, 1, 3);

        snprintf(before, sizeof before, "%s", f->dir);
        if (!was_killed) {
            tap_record(f->dir);
        }
        live(f, h, &p, prng_between(&p, 1, 8));
        position = was_killed ? h->judged_at : prng_chance(&p, 1, 4) ? 0 : h->opened_at;
        position = (uint32_t)prng_between(&p, position, tap_position());
        if (is_early) {
            /* Before the life after the kill has reported what it found, the life before the
             * kill counts. */
            position = (uint32_t)prng_below(&p, h->judged_at);
            *h = *before_kill;
        }
        was_killed = !is_early && prng_chance(&p, 1, 3);
        snprintf(f->dir, sizeof f->dir, "%s/life-%d", f->root, life);
        if (was_killed) {
            tap_kill(position, f->dir);
        } else {
            tap_crash(position, TAP_SOME, &p, f->dir);
            tap_reset();
        }
        judge(f, h, is_early ? UINT32_MAX : position);
        fixture_remove(before);
        *before_kill = *h;
        forget_beyond(before_kill, position);
        h->states[0] = h->found;
        h->write_count = 0;
        memset(h->durable_at, 0, sizeof h->durable_at);
    }
    free(before_kill);
    fixture_remove(f->dir);
    tap_reset();
}

static void test_crash__many_lives(void **state)
{
    struct fixture *f = *state;
    uint64_t last_index = 0;

    f->segment_bytes = 16384;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct history *h = memory_take_zeroed(1, sizeof *h);

        check_lives(f, h, seed);
        last_index = h->found.last_index > last_index ? h->found.last_index : last_index;
        free(h);
    }
    assert_true(last_index > 200);
}

/* --- errors --- */

/* Two lives, in the second of which the `n`th call fails. False: it has fewer calls. */
static bool check_nth_failure(struct fixture *f, uint32_t n, int error)
{
    struct history *h = memory_take_zeroed(1, sizeof *h);
    struct prng p = {.state = 7};
    bool has_failed = false;
    int rv;

    tap_reset();
    snprintf(f->dir, sizeof f->dir, "%s/failing", f->root);
    mkdir(f->dir, 0700);
    f->failed_count = 0;
    tap_record(f->dir);
    live(f, h, &p, 6);
    f->observe = note_durable;
    f->observer = h;
    tap_fail_nth(n, error);
    rv = fixture_try_open(f);
    if (rv == 0) {
        uint64_t before = h->write_count;

        f->durable_seq = 0;
        h->states[0] = h->states[before];
        h->write_count = 0;
        memset(h->durable_at, 0, sizeof h->durable_at);
        for (int i = 0; i < 8; i++) {
            write_once(f, h, &p);
            store_flush(f->store);
            if (i % 3 == 0) {
                fixture_await(f);
            }
        }
        fixture_await(f);
        fixture_close(f);
    } else {
        assert_int_equal(rv, STORE_EIO);
        assert_true(f->text[0] != '\0');
        assert_true(tap_has_failed());
    }
    has_failed = tap_has_failed();
    if (!has_failed) {
        assert_int_equal(f->failed_count, 0);
    }
    f->observe = NULL;
    tap_fail_nth(0, 0);
    judge(f, h, UINT32_MAX);
    tap_reset();
    fixture_remove(f->dir);
    free(h);
    return has_failed;
}

static void test_crash__any_file_call_may_fail(void **state)
{
    struct fixture *f = *state;
    uint32_t n = 1;

    f->segment_bytes = 8192;
    while (check_nth_failure(f, n, -EIO)) {
        n++;
    }
    assert_true(n > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_crash__every_instant_of_a_short_life, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_crash__every_instant_of_moves_of_the_origin,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_crash__many_lives, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_crash__any_file_call_may_fail, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
