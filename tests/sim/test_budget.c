/* How much damage is in the budget: nodes 1 to 4, with hand-written disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "sim/checks/budget.h"
#include "store/entry.h"

enum { NODES = 4 };

struct world {
    struct verdict verdict;
    struct checker *checker;
    struct budget *budget;
    struct checker_node *nodes[NODES + 1]; /* By id. */
    struct raft *rafts[NODES + 1];
    uint64_t seqs[NODES + 1];
};

static void world_open(struct world *w)
{
    *w = (struct world){.checker = checker_new(&w->verdict)};
    w->budget = budget_new(w->checker);
    for (uint64_t id = 1; id <= NODES; id++) {
        struct raft_options options = {.id = id,
                                       .election_timeout_ns = 1000,
                                       .heartbeat_interval_ns = 100,
                                       .seed = id,
                                       .runs_max = 16};
        struct store_recovered found = {.identity.node_id = id};

        w->rafts[id] = raft_init(memory_take(raft_size(&options)), &options, 1);
        w->nodes[id] = checker_start(w->checker, "n");
        checker_recovered(w->nodes[id], w->rafts[id], &found);
    }
}

static void world_close(struct world *w)
{
    assert_false(w->verdict.is_guilty);
    for (int id = 1; id <= NODES; id++) {
        checker_end(w->nodes[id]);
        free(w->rafts[id]);
    }
    budget_free(w->budget);
    checker_free(w->checker);
}

static void write_durably(struct world *w, uint64_t id, struct store_write write)
{
    write.seq = ++w->seqs[id];
    checker_written(w->nodes[id], &write);
    checker_durable(w->nodes[id], write.seq);
}

static void store_entry(struct world *w, uint64_t id, uint64_t index, uint64_t term,
                        enum raft_entry_kind kind)
{
    struct entry *e = entry_new((uint8_t)kind, 0);

    e->index = index;
    e->term = term;
    e->time_us = index;
    write_durably(w, id, (struct store_write){.entries = &e, .entry_count = 1});
    entry_release(e);
}

static void store_vote(struct world *w, uint64_t id, uint64_t term, uint64_t voted_for)
{
    write_durably(
        w, id,
        (struct store_write){.write_vote = true, .current_term = term, .voted_for = voted_for});
}

/* Entry 1 of term 1, on nodes 1 to `node_count`; those whose bit is set vote. */
static void store_configuration(struct world *w, uint64_t node_count, uint64_t incoming,
                                uint64_t outgoing)
{
    struct raft_configuration c = {.member_count = NODES};

    for (uint32_t i = 0; i < NODES; i++) {
        c.members[i] = (struct raft_member){.id = i + 1,
                                            .incoming = (incoming >> (i + 1) & 1) != 0,
                                            .outgoing = (outgoing >> (i + 1) & 1) != 0};
    }
    budget_note_configuration(w->budget, 1, 1, &c);
    for (uint64_t id = 1; id <= node_count; id++) {
        store_entry(w, id, 1, 1, RAFT_CONFIGURATION);
    }
}

static void assert_may(struct world *w, uint64_t id, bool forget, bool fall_silent)
{
    assert_int_equal(budget_may_forget(w->budget, id, LOSS_LAST_JOB), forget);
    assert_int_equal(budget_may_fall_silent(w->budget, id), fall_silent);
}

static void test_budget__one_of_three_and_none_of_two(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    store_configuration(&w, 3, 0xe, 0);
    assert_may(&w, 1, true, true);
    budget_mark(w.budget, 1, BUDGET_DAMAGED);
    assert_may(&w, 2, false, false);
    budget_mark(w.budget, 1, BUDGET_SOUND);
    assert_may(&w, 2, true, true);
    world_close(&w);

    world_open(&w);
    store_configuration(&w, 2, 0x6, 0);
    assert_may(&w, 1, false, false);
    world_close(&w);
}

/* Entry 2 is committed with nodes 1 and 2: neither may forget it until 3 has it too. */
static void test_budget__nobody_forgets_what_a_majority_needs_it_for(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    store_configuration(&w, 3, 0xe, 0);
    store_entry(&w, 1, 2, 1, RAFT_COMMAND);
    store_entry(&w, 2, 2, 1, RAFT_COMMAND);
    assert_may(&w, 1, false, true);
    assert_may(&w, 2, false, true);
    assert_may(&w, 3, true, true);
    store_entry(&w, 3, 2, 1, RAFT_COMMAND);
    assert_may(&w, 1, true, true);
    world_close(&w);
}

/* §5.2: two votes in one term. */
static void test_budget__nobody_forgets_a_vote_that_leaves_room_for_another(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    store_configuration(&w, 3, 0xe, 0);
    store_vote(&w, 1, 5, 1);
    assert_may(&w, 1, false, true);
    store_vote(&w, 2, 5, 1);
    store_vote(&w, 3, 5, 0); /* It could still vote for 2. */
    assert_may(&w, 1, false, true);
    store_vote(&w, 3, 5, 1);
    assert_may(&w, 1, true, true);
    store_vote(&w, 1, 6, 0); /* No vote, but no entry of an older term either. */
    assert_may(&w, 1, false, true);
    store_vote(&w, 2, 6, 2);
    store_vote(&w, 3, 7, 3);
    assert_may(&w, 1, true, true);
    world_close(&w);
}

static void test_budget__both_halves_of_a_joint_configuration_count(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    store_configuration(&w, 4, 0x1e, 0xe); /* From 1, 2, 3 to all four. */
    assert_may(&w, 1, true, true);
    budget_mark(w.budget, 4, BUDGET_LEAVING);
    assert_may(&w, 1, false, false); /* Two of four. */
    budget_mark(w.budget, 4, BUDGET_SOUND);
    budget_mark(w.budget, 3, BUDGET_GONE);
    assert_may(&w, 4, false, false);
    world_close(&w);
}

/* A learner may be promoted before its leader notices that it is lost. */
static void test_budget__a_lost_learner_counts_as_a_lost_voter(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    store_configuration(&w, 4, 0xe, 0);
    assert_may(&w, 1, true, true);
    budget_mark(w.budget, 4, BUDGET_GONE);
    assert_may(&w, 1, false, false); /* Two of four, soon. */
    world_close(&w);
}

/* Seeds 18251 and 1009015: the learner ran on, was promoted, and only then found out what it had
 * lost. The voter that was missing was lost for good, or damaged and down. */
static void test_budget__a_learner_whose_disk_is_asked_about_counts_as_a_voter(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    store_configuration(&w, 4, 0xe, 0);
    assert_may(&w, 4, true, true); /* Three of four would remain. */
    budget_mark(w.budget, 3, BUDGET_GONE);
    assert_may(&w, 4, false, false);
    budget_mark(w.budget, 3, BUDGET_DAMAGED);
    assert_may(&w, 4, false, false);
    world_close(&w);
}

/* A node with an older configuration may campaign with it. */
static void test_budget__considers_each_configuration_in_use(void **state)
{
    struct raft_configuration next = {.member_count = 4};
    struct world w;

    (void)state;
    world_open(&w);
    store_configuration(&w, 2, 0x6, 0); /* 1 and 2 vote. */
    for (uint32_t i = 0; i < NODES; i++) {
        next.members[i] = (struct raft_member){.id = i + 1, .incoming = true};
    }
    budget_note_configuration(w.budget, 2, 1, &next); /* Then all vote. */
    store_entry(&w, 1, 2, 1, RAFT_CONFIGURATION);
    store_entry(&w, 3, 1, 1, RAFT_CONFIGURATION);
    store_entry(&w, 3, 2, 1, RAFT_CONFIGURATION);
    store_entry(&w, 4, 1, 1, RAFT_CONFIGURATION);
    store_entry(&w, 4, 2, 1, RAFT_CONFIGURATION);
    assert_may(&w, 1, false, false); /* 2 still uses the first configuration. */
    store_entry(&w, 2, 2, 1, RAFT_CONFIGURATION);
    assert_int_equal(budget_may_fall_silent(w.budget, 3), true);
    /* The second configuration was its last job: without it, it would use the first one again. */
    assert_int_equal(budget_may_forget(w.budget, 1, LOSS_LAST_JOB), false);
    store_entry(&w, 1, 3, 1, RAFT_NOOP);
    store_entry(&w, 2, 3, 1, RAFT_NOOP);
    store_entry(&w, 3, 3, 1, RAFT_NOOP);
    store_entry(&w, 4, 3, 1, RAFT_NOOP);
    assert_int_equal(budget_may_forget(w.budget, 1, LOSS_LAST_JOB), true);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget__one_of_three_and_none_of_two),
        cmocka_unit_test(test_budget__nobody_forgets_what_a_majority_needs_it_for),
        cmocka_unit_test(test_budget__nobody_forgets_a_vote_that_leaves_room_for_another),
        cmocka_unit_test(test_budget__both_halves_of_a_joint_configuration_count),
        cmocka_unit_test(test_budget__a_lost_learner_counts_as_a_lost_voter),
        cmocka_unit_test(test_budget__a_learner_whose_disk_is_asked_about_counts_as_a_voter),
        cmocka_unit_test(test_budget__considers_each_configuration_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
