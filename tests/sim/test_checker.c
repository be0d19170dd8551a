/* test_checker.c - what the checker says of logs that begin behind an entry (I-122): such a log
 * may leave out what is committed, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sim/checks/checker.h"

enum { ID = 7, TERM = 3, LAST = 4, COMMITTED = 3 };

struct fixture {
    struct verdict verdict;
    struct checker *checker;
    struct checker_node *node;
    struct entry *entries[LAST]; /* [i] has index i + 1. */
    void *memory;
    struct raft *raft;
};

static const struct raft_configuration alone = {.member_count = 1,
                                                .members = {{.id = ID, .incoming = true}}};

/* The first is the configuration, which needs no members for this. */
static struct entry *make_entry(uint64_t index)
{
    struct entry *e = entry_new(index == 1 ? RAFT_CONFIGURATION : RAFT_COMMAND, 4);

    memset(e->data, (int)index, 4);
    e->index = index;
    e->term = TERM;
    e->time_us = index;
    return e;
}

/* A core as it starts, with a log behind `origin`, of `origin_term`. */
static void make_core(struct fixture *f, uint64_t term, uint64_t origin, uint64_t origin_term)
{
    const struct raft_options options = {
        .id = ID, .election_timeout_ns = 2, .heartbeat_interval_ns = 1, .runs_max = 8};

    free(f->memory);
    f->memory = memory_take(raft_size(&options));
    f->raft = raft_init(f->memory, &options, 1);
    raft_restore_vote(f->raft, term, 0);
    assert_int_equal(
        raft_restore_origin(f->raft, origin, origin_term, origin == 0 ? NULL : &alone, 1), RAFT_OK);
}

static void recovered(struct fixture *f)
{
    struct store_recovered found = {.identity = {.node_id = ID},
                                    .current_term = raft_current_term(f->raft)};

    checker_recovered(f->node, f->raft, &found);
}

/* A node that has written four entries, all durable, and knows that three are committed. */
static int up(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);
    struct store_write write = {.seq = 1,
                                .write_vote = true,
                                .current_term = TERM,
                                .entries = f->entries,
                                .entry_count = LAST};
    struct raft_effects effects = {.commit_index = COMMITTED};

    for (uint64_t i = 0; i < LAST; i++) {
        f->entries[i] = make_entry(i + 1);
    }
    f->checker = checker_new(&f->verdict);
    f->node = checker_start(f->checker, "n1");
    make_core(f, 0, 0, 0);
    checker_recovered_origin(f->node, 0, 0);
    recovered(f);
    checker_before_step(f->node, f->raft);
    checker_written(f->node, &write);
    checker_durable(f->node, 1);
    checker_after_step(f->node, f->raft, &effects);
    checker_after_step(f->node, f->raft, NULL); /* It takes note of commits with the next step. */
    checker_end(f->node);
    f->node = checker_start(f->checker, "n1");
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    for (uint64_t i = 0; i < LAST; i++) {
        entry_release(f->entries[i]);
    }
    checker_end(f->node);
    checker_free(f->checker);
    free(f->memory);
    free(f);
    return 0;
}

/* It finds a log behind `origin`, with the entries from `first` on. */
static void restart(struct fixture *f, uint64_t origin, uint64_t first)
{
    make_core(f, TERM, origin, TERM);
    checker_recovered_origin(f->node, origin, TERM);
    for (uint64_t i = first; i <= LAST; i++) {
        checker_recovered_entry(f->node, f->entries[i - 1]);
    }
    recovered(f);
}

static void assert_broken(const struct fixture *f, const char *rule)
{
    assert_true(f->verdict.is_guilty);
    assert_string_equal(f->verdict.rule, rule);
}

static void test_checker__a_log_may_leave_out_what_is_committed(void **state)
{
    struct fixture *f = *state;

    restart(f, COMMITTED, COMMITTED + 1);
    checker_before_step(f->node, f->raft); /* By the configuration of before, too. */
    assert_false(f->verdict.is_guilty);
    assert_int_equal(checker_node_applied(f->node), COMMITTED);
    assert_int_equal(checker_disk_of(f->checker, ID)->log.last, LAST);
}

static void test_checker__a_log_may_not_leave_out_more(void **state)
{
    struct fixture *f = *state;

    restart(f, LAST, LAST + 1);
    assert_broken(f, "origin");
}

static void test_checker__a_log_begins_behind_the_entry_that_was_committed(void **state)
{
    struct fixture *f = *state;

    checker_recovered_origin(f->node, 2, TERM - 1);
    assert_broken(f, "origin");
}

static void test_checker__entries_after_the_origin_must_be_there(void **state)
{
    struct fixture *f = *state;

    restart(f, 2, LAST + 1);
    assert_broken(f, "recovery");
}

static void test_checker__there_is_no_gap_after_the_origin(void **state)
{
    struct fixture *f = *state;

    restart(f, 2, LAST);
    assert_broken(f, "recovery");
}

static void test_checker__the_core_uses_the_origin_of_the_disk(void **state)
{
    struct fixture *f = *state;

    checker_recovered_origin(f->node, 2, TERM);
    for (uint64_t i = 3; i <= LAST; i++) {
        checker_recovered_entry(f->node, f->entries[i - 1]);
    }
    make_core(f, TERM, 1, TERM);
    recovered(f);
    assert_broken(f, "origin");
}

/* --- snapshots --- */

/* What the keyspace is after an entry. */
static uint64_t digest_at(uint64_t index)
{
    return 11 * index;
}

/* Another node has applied what is committed. */
static void apply_elsewhere(struct fixture *f)
{
    struct checker_node *other = checker_start(f->checker, "n2");

    checker_recovered_origin(other, 0, 0);
    for (uint64_t i = 1; i <= COMMITTED; i++) {
        checker_recovered_entry(other, f->entries[i - 1]);
        checker_applied(other, f->entries[i - 1], digest_at(i), i);
    }
    checker_end(other);
}

static void restore(struct fixture *f, uint64_t index, uint64_t digest, uint64_t time_us)
{
    const struct store_snapshot s = {.index = index, .term = TERM};

    apply_elsewhere(f);
    checker_restored(f->node, &s, digest, time_us);
}

static void test_checker__a_snapshot_has_the_state_of_its_last_entry(void **state)
{
    struct fixture *f = *state;

    restore(f, 2, digest_at(2), 2);
    assert_false(f->verdict.is_guilty);
    assert_int_equal(checker_node_applied(f->node), 2);
}

static void test_checker__a_snapshot_has_no_other_state(void **state)
{
    struct fixture *f = *state;

    restore(f, 2, digest_at(3), 2);
    assert_broken(f, "state machine safety");
}

static void test_checker__a_snapshot_has_the_time_of_its_last_entry(void **state)
{
    struct fixture *f = *state;

    restore(f, 2, digest_at(2), 1);
    assert_broken(f, "log time");
}

static void test_checker__a_snapshot_is_of_what_is_committed(void **state)
{
    struct fixture *f = *state;

    restore(f, LAST, digest_at(LAST), LAST);
    assert_broken(f, "snapshot");
}

static void test_checker__a_log_is_not_cut_behind_what_was_applied(void **state)
{
    struct fixture *f = *state;

    restore(f, 2, digest_at(2), 2);
    checker_compacted(f->node, 2);
    assert_false(f->verdict.is_guilty);
    checker_compacted(f->node, 3);
    assert_broken(f, "origin");
}

enum { OTHER_ID = 8 };

/* A node without a log, which has lived before. */
static void begin_other(struct fixture *f)
{
    struct store_recovered found = {.identity = {.node_id = OTHER_ID}};

    for (int life = 0; life < 2; life++) {
        checker_end(f->node);
        f->node = checker_start(f->checker, "n3");
        make_core(f, 0, 0, 0);
        checker_recovered_origin(f->node, 0, 0);
        checker_recovered(f->node, f->raft, &found);
    }
}

static void install(struct fixture *f, uint64_t index)
{
    const struct raft_installed s = {.last_included_index = index, .last_included_term = TERM};

    begin_other(f);
    checker_installed(f->node, &s);
}

static void test_checker__a_snapshot_that_is_installed_holds_its_entries(void **state)
{
    struct fixture *f = *state;

    install(f, COMMITTED);
    assert_false(f->verdict.is_guilty);
    assert_int_equal(checker_disk_of(f->checker, OTHER_ID)->log.last, COMMITTED);
}

static void test_checker__a_snapshot_that_is_installed_is_of_what_is_committed(void **state)
{
    struct fixture *f = *state;

    install(f, LAST);
    assert_broken(f, "snapshot");
}

/* A crash came between the snapshot and the origin of the log. */
static void test_checker__a_start_may_go_on_behind_a_snapshot(void **state)
{
    struct fixture *f = *state;
    const struct store_write vote = {.seq = 1, .write_vote = true, .current_term = TERM};
    struct store_recovered found = {.identity = {.node_id = OTHER_ID}, .current_term = TERM};

    begin_other(f);
    checker_written(f->node, &vote);
    checker_durable(f->node, 1);
    checker_end(f->node);
    f->node = checker_start(f->checker, "n3");
    make_core(f, TERM, COMMITTED, TERM);
    checker_recovered_origin(f->node, COMMITTED, TERM);
    checker_recovered(f->node, f->raft, &found);
    assert_false(f->verdict.is_guilty);
    assert_int_equal(checker_disk_of(f->checker, OTHER_ID)->log.last, COMMITTED);
}

#define CHECKER_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECKER_TEST(test_checker__a_log_may_leave_out_what_is_committed),
        CHECKER_TEST(test_checker__a_log_may_not_leave_out_more),
        CHECKER_TEST(test_checker__a_log_begins_behind_the_entry_that_was_committed),
        CHECKER_TEST(test_checker__entries_after_the_origin_must_be_there),
        CHECKER_TEST(test_checker__there_is_no_gap_after_the_origin),
        CHECKER_TEST(test_checker__the_core_uses_the_origin_of_the_disk),
        CHECKER_TEST(test_checker__a_snapshot_has_the_state_of_its_last_entry),
        CHECKER_TEST(test_checker__a_snapshot_has_no_other_state),
        CHECKER_TEST(test_checker__a_snapshot_has_the_time_of_its_last_entry),
        CHECKER_TEST(test_checker__a_snapshot_is_of_what_is_committed),
        CHECKER_TEST(test_checker__a_log_is_not_cut_behind_what_was_applied),
        CHECKER_TEST(test_checker__a_snapshot_that_is_installed_holds_its_entries),
        CHECKER_TEST(test_checker__a_snapshot_that_is_installed_is_of_what_is_committed),
        CHECKER_TEST(test_checker__a_start_may_go_on_behind_a_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
