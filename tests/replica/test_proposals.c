/* Which writes a leader proposes, and how those in the log end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/memory.h"
#include "fake_request.h"
#include "replica/proposals.h"
#include "resp/errors.h"
#include "store/store.h"

#define MS 1000000ull

enum { COUNT = 6, BYTES = 100 };

static const uint64_t TIMEOUT_NS = 1000 * MS;
static const uint64_t HELD_UNTIL_NS = 300 * MS; /* Forwarded commands, by their sender. */

struct fixture {
    struct requests q;
    struct proposals p;
    struct fake_request fakes[COUNT];
    struct batch batch;
};

static int up(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);

    requests_init(&f->q, TIMEOUT_NS);
    proposals_init(&f->p, &f->q, TIMEOUT_NS / 4, 1024 * 1024);
    for (int i = 0; i < COUNT; i++) {
        fake_request_init(&f->fakes[i], &fake_write, BYTES);
        requests_submit(&f->q, &f->fakes[i].request, (uint64_t)i);
    }
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    proposals_end(&f->p);
    requests_fail_all(&f->q, &f->q.waiting, ERROR_STOPPING);
    for (int i = 0; i < COUNT; i++) {
        fake_request_deinit(&f->fakes[i]);
    }
    proposals_deinit(&f->p);
    free(f);
    return 0;
}

static bool may_begin(struct request *request, uint64_t exact_ns)
{
    return exact_ns <= HELD_UNTIL_NS;
}

static void choose(struct fixture *f, uint64_t now_ns, uint64_t behind_bytes, uint64_t stored_max)
{
    struct batch_limits limits = {.now_ns = now_ns,
                                  .exact_ns = now_ns,
                                  .behind_bytes = behind_bytes,
                                  .stored_max = stored_max,
                                  .state_max = UINT64_MAX,
                                  .may_begin = may_begin};

    proposals_choose(&f->p, &f->batch, &limits);
}

/* Proposes all that wait, with indexes from `first` on, as the core would. */
static void propose(struct fixture *f, raft_index first)
{
    choose(f, 0, 0, UINT64_MAX);
    for (uint32_t i = 0; i < f->batch.count; i++) {
        f->batch.requests[i]->entry->index = first + i;
        f->batch.requests[i]->entry->term = 1;
    }
    proposals_proposed(&f->p, &f->batch, 0);
}

static void test_proposals__takes_all_writes_in_order_and_nothing_else(void **state)
{
    struct fixture *f = *state;

    f->fakes[1].request.command = &fake_read;
    f->fakes[2].request.command = &fake_read;
    f->fakes[2].request.is_logged_read = true;
    f->fakes[3].request.command = &fake_admin;
    choose(f, 0, 0, UINT64_MAX);
    assert_int_equal(f->batch.count, 4);
    assert_ptr_equal(f->batch.requests[0], &f->fakes[0].request);
    assert_ptr_equal(f->batch.requests[1], &f->fakes[2].request);
    assert_ptr_equal(f->batch.requests[2], &f->fakes[4].request);
    assert_ptr_equal(f->batch.requests[3], &f->fakes[5].request);
    assert_int_equal(f->batch.bytes, 4 * BYTES);
    assert_false(f->batch.leaves_some);
}

static void test_proposals__takes_no_more_than_the_log_has_room_for(void **state)
{
    struct fixture *f = *state;

    choose(f, 0, ADMISSION_BYTES_FIRST - 2 * BYTES, UINT64_MAX);
    assert_int_equal(f->batch.count, 2);
    assert_true(f->batch.leaves_some);
    choose(f, 0, ADMISSION_BYTES_FIRST, UINT64_MAX);
    assert_int_equal(f->batch.count, 0);
    assert_true(f->batch.leaves_some);
}

/* Otherwise it would never be proposed. */
static void test_proposals__one_write_of_any_size_goes_into_an_empty_log(void **state)
{
    struct fixture *f = *state;

    list_remove(&f->fakes[0].request.link);
    requests_fail(&f->q, &f->fakes[0].request, ERROR_STOPPING);
    fake_request_deinit(&f->fakes[0]);
    fake_request_init(&f->fakes[0], &fake_write, ADMISSION_BYTES_FIRST + 1);
    requests_submit(&f->q, &f->fakes[0].request, 0);
    list_remove(&f->fakes[0].request.link);
    list_append(f->q.waiting.next, &f->fakes[0].request.link); /* The first. */
    choose(f, 0, 0, 1);
    assert_int_equal(f->batch.count, 1);
    assert_true(f->batch.leaves_some);
    choose(f, 0, 1, UINT64_MAX);
    assert_int_equal(f->batch.count, 0);
}

static void test_proposals__takes_no_more_than_full_disks_may_store(void **state)
{
    struct fixture *f = *state;

    choose(f, 0, 0, 3 * store_entry_bytes(BYTES));
    assert_int_equal(f->batch.count, 3);
    assert_true(f->batch.leaves_some);
}

/* It could hardly be answered in time, and would delay those behind it. */
static void test_proposals__refuses_what_has_little_time_left_if_all_wait_for_long(void **state)
{
    struct fixture *f = *state;

    f->fakes[1].request.deadline_ns = 700 * MS;
    choose(f, 300 * MS, 0, UINT64_MAX);
    assert_int_equal(f->batch.count, COUNT); /* Nothing was held back. */
    admission_hold(&f->p.admission, true, 0);
    choose(f, 300 * MS, 0, UINT64_MAX);
    assert_failed(&f->fakes[1], ERROR_NOT_TAKEN);
    assert_int_equal(f->batch.count, COUNT - 1);
    assert_unanswered(&f->fakes[0]);
}

/* After that, its sender may have answered that it is in doubt. */
static void test_proposals__begin_what_was_forwarded_only_while_its_sender_waits(void **state)
{
    struct fixture *f = *state;

    fake_request_is_forwarded(&f->fakes[2]);
    choose(f, HELD_UNTIL_NS, 0, UINT64_MAX);
    assert_int_equal(f->batch.count, COUNT);
    choose(f, HELD_UNTIL_NS + 1, 0, UINT64_MAX);
    assert_int_equal(f->batch.count, COUNT - 1);
    assert_unanswered(&f->fakes[2]);
    choose(f, TIMEOUT_NS + 2, 0, UINT64_MAX); /* Its time is over, even if its sender waits. */
    assert_failed(&f->fakes[2], ERROR_NOT_TAKEN);
    assert_unanswered(&f->fakes[0]);
}

static void test_proposals__gather_while_a_round_is_under_way_but_not_for_long(void **state)
{
    struct fixture *f = *state;

    choose(f, 0, 0, UINT64_MAX);
    assert_false(proposals_are_gathering(&f->p, &f->batch, 1, false, MS));
    assert_int_equal(f->p.gathering_ends_ns, 0);
    assert_true(proposals_are_gathering(&f->p, &f->batch, 1, true, MS));
    assert_true(proposals_are_gathering(&f->p, &f->batch, 16, false, MS));
    assert_int_equal(f->p.gathering_ends_ns, 2 * MS);
    assert_false(proposals_are_gathering(&f->p, &f->batch, 16, true, 2 * MS));
    f->batch.bytes = 64 * 1024;
    assert_false(proposals_are_gathering(&f->p, &f->batch, 16, true, MS));
}

/* While writes gather, memory may be freed or taken. */
static void test_proposals__are_refused_for_memory_only_when_they_would_be_proposed(void **state)
{
    struct fixture *f = *state;
    struct batch_limits limits = {.stored_max = UINT64_MAX,
                                  .state_max = UINT64_MAX,
                                  .may_begin = may_begin,
                                  .memory = {.is_limited = true, .is_known = true}};
    struct command greedy = fake_write;

    greedy.flags |= COMMAND_DENY_OOM;
    f->fakes[0].request.command = &greedy;
    f->fakes[2].request.command = &greedy;
    proposals_choose(&f->p, &f->batch, &limits);
    assert_int_equal(f->batch.count, COUNT - 2);
    assert_int_equal(f->batch.refused_count, 2);
    assert_true(proposals_are_gathering(&f->p, &f->batch, 16, false, MS));
    assert_int_equal(f->p.gathering_ends_ns, 2 * MS); /* Those without memory count, too. */
    assert_unanswered(&f->fakes[0]);
    proposals_refuse_spent(&f->p, &f->batch);
    assert_failed(&f->fakes[0], ERROR_OUT_OF_MEMORY);
    assert_failed(&f->fakes[2], ERROR_OUT_OF_MEMORY);
    assert_unanswered(&f->fakes[1]);
    assert_int_equal(f->p.no_memory_count, 2);
}

/* Room on the disks: for deletes alone, or for less than a command adds. */
static void test_proposals__that_make_room_are_taken_when_others_are_refused(void **state)
{
    struct fixture *f = *state;
    struct batch_limits limits = {.stored_max = UINT64_MAX,
                                  .state_max = UINT64_MAX,
                                  .no_growth = ERROR_DISKS_FULL,
                                  .may_begin = may_begin};
    struct command greedy = fake_write;

    greedy.flags |= COMMAND_DENY_OOM;
    f->fakes[0].request.command = &greedy;
    f->fakes[2].request.command = &greedy;
    proposals_choose(&f->p, &f->batch, &limits);
    assert_int_equal(f->batch.count, COUNT - 2);
    proposals_refuse_spent(&f->p, &f->batch);
    assert_failed(&f->fakes[0], ERROR_DISKS_FULL);
    assert_failed(&f->fakes[2], ERROR_DISKS_FULL);
    assert_int_equal(f->p.no_room_count, 2);
}

static void test_proposals__take_no_more_than_the_state_may_grow(void **state)
{
    struct fixture *f = *state;
    struct command greedy = fake_write;
    uint64_t each = store_entry_bytes(f->fakes[0].request.entry->size);
    struct batch_limits limits = {.stored_max = UINT64_MAX,
                                  .state_max = 2 * each,
                                  .waste_bytes = 1 << 20,
                                  .may_begin = may_begin};

    greedy.flags |= COMMAND_DENY_OOM;
    for (int i = 0; i < COUNT; i++) {
        f->fakes[i].request.command = &greedy;
    }
    proposals_choose(&f->p, &f->batch, &limits);
    assert_int_equal(f->batch.count, 2);
    assert_true(f->batch.leaves_some && f->batch.grows_too_much);
    limits.state_max = each - 1; /* Not even one. */
    proposals_choose(&f->p, &f->batch, &limits);
    assert_int_equal(f->batch.count, 0);
    assert_int_equal(f->batch.refused_count, COUNT);
}

static void test_proposals__are_found_by_their_index_once(void **state)
{
    struct fixture *f = *state;

    propose(f, 10);
    assert_true(list_is_empty(&f->q.waiting));
    assert_int_equal(f->p.proposed_count, COUNT);
    assert_null(proposals_take(&f->p, 9));
    assert_ptr_equal(proposals_take(&f->p, 12), &f->fakes[2].request);
    assert_null(proposals_take(&f->p, 12));
    requests_finish(&f->q, &f->fakes[2].request, 12);
}

static void test_proposals__are_refused_for_certain_if_disks_are_full(void **state)
{
    struct fixture *f = *state;

    f->fakes[1].request.command = &fake_read;
    f->fakes[1].request.is_logged_read = true;
    choose(f, 0, 0, UINT64_MAX);
    proposals_refuse(&f->p, &f->batch, ERROR_DISK_FULL);
    assert_failed(&f->fakes[0], ERROR_DISK_FULL);
    assert_failed(&f->fakes[1], ERROR_DISK_FULL_FOR_READ);
    assert_int_equal(f->p.no_room_count, COUNT);
    assert_int_equal(f->q.count, 0);
}

static void test_proposals__what_waits_for_nobody_is_dropped(void **state)
{
    struct fixture *f = *state;

    assert_false(proposals_drop_abandoned(&f->p));
    f->fakes[3].request.is_abandoned = true;
    assert_true(proposals_drop_abandoned(&f->p));
    assert_failed(&f->fakes[3], ERROR_ABANDONED);
    assert_false(proposals_drop_abandoned(&f->p));
    assert_int_equal(f->q.count, COUNT - 1);
}

/* Six entries of term 1, of which two are committed, and then, as entry 2, one of term 2. */
static struct raft *core(void *memory, const struct raft_options *options, raft_index committed)
{
    struct raft_configuration alone = {.member_count = 1,
                                       .members = {{.id = options->id, .incoming = true}}};
    struct raft *raft = raft_init(memory, options, 0);

    raft_restore_vote(raft, 2, 0);
    for (raft_index i = 1; i <= COUNT; i++) {
        struct raft_entry entry = {.term = i == 1 ? 1 : 2, .kind = RAFT_COMMAND};

        if (i == 1) {
            entry.kind = RAFT_CONFIGURATION;
            entry.configuration = &alone;
        }
        assert_int_equal(raft_restore_entry(raft, &entry), RAFT_OK);
    }
    raft_restore_commit(raft, committed);
    return raft;
}

/* The index alone is not enough: another leader's entry may be there. */
static void test_proposals__only_what_is_committed_in_its_term_is_not_in_doubt(void **state)
{
    struct fixture *f = *state;
    struct raft_options options = {.id = 1,
                                   .election_timeout_ns = 1000 * MS,
                                   .heartbeat_interval_ns = 100 * MS,
                                   .seed = 1,
                                   .runs_max = 16};
    void *memory = memory_take(raft_size(&options));

    propose(f, 1);
    proposals_abandon(&f->p, core(memory, &options, 2));
    assert_unanswered(&f->fakes[0]);             /* Entry 1, of term 1, is committed. */
    assert_failed(&f->fakes[1], ERROR_IN_DOUBT); /* Entry 2 has term 2 now. */
    assert_failed(&f->fakes[COUNT - 1], ERROR_IN_DOUBT);
    assert_ptr_equal(proposals_take(&f->p, 1), &f->fakes[0].request);
    requests_finish(&f->q, &f->fakes[0].request, 1);
    free(memory);
}

static void test_proposals__are_in_doubt_when_their_time_is_over(void **state)
{
    struct fixture *f = *state;

    f->fakes[1].request.is_logged_read = true;
    f->fakes[1].request.command = &fake_read;
    propose(f, 1);
    proposals_sweep(&f->p, TIMEOUT_NS + 2);
    assert_failed(&f->fakes[0], ERROR_UNCONFIRMED);
    assert_failed(&f->fakes[1], ERROR_READ_LATE);
    assert_failed(&f->fakes[2], ERROR_UNCONFIRMED);
    assert_unanswered(&f->fakes[3]);
    proposals_end(&f->p);
    assert_failed(&f->fakes[3], ERROR_IN_DOUBT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_proposals__takes_all_writes_in_order_and_nothing_else),
        TEST(test_proposals__takes_no_more_than_the_log_has_room_for),
        TEST(test_proposals__one_write_of_any_size_goes_into_an_empty_log),
        TEST(test_proposals__takes_no_more_than_full_disks_may_store),
        TEST(test_proposals__refuses_what_has_little_time_left_if_all_wait_for_long),
        TEST(test_proposals__begin_what_was_forwarded_only_while_its_sender_waits),
        TEST(test_proposals__gather_while_a_round_is_under_way_but_not_for_long),
        TEST(test_proposals__are_refused_for_memory_only_when_they_would_be_proposed),
        TEST(test_proposals__that_make_room_are_taken_when_others_are_refused),
        TEST(test_proposals__take_no_more_than_the_state_may_grow),
        TEST(test_proposals__are_found_by_their_index_once),
        TEST(test_proposals__are_refused_for_certain_if_disks_are_full),
        TEST(test_proposals__what_waits_for_nobody_is_dropped),
        TEST(test_proposals__only_what_is_committed_in_its_term_is_not_in_doubt),
        TEST(test_proposals__are_in_doubt_when_their_time_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
