/* Growth is judged before it enters the log: by all that is in use, by what is ahead of it, and by
 * the most that it may take (I-150). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/memory.h"
#include "command/table.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "replica/state.h"

enum { MB = 1024 * 1024 };

struct fixture {
    struct replica replica;
    struct command_table commands;
    struct peers peers;
};

static int up(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);
    struct raft_options options = {.id = 1,
                                   .election_timeout_ns = 300000000,
                                   .heartbeat_interval_ns = 50000000,
                                   .seed = 1,
                                   .runs_max = 16};

    for (const struct command *const *tables = kv_command_tables; *tables != NULL; tables++) {
        command_table_add(&f->commands, *tables);
    }
    f->replica.options.commands = &f->commands;
    f->replica.keyspace = keyspace_new(7);
    f->replica.raft_memory = memory_take_zeroed(1, raft_size(&options));
    f->replica.raft = raft_init(f->replica.raft_memory, &options, 0);
    list_init(&f->peers.all);
    f->replica.peers = &f->peers;
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    keyspace_free(f->replica.keyspace);
    promises_deinit(&f->replica.promises);
    free(f->replica.raft_memory);
    free(f);
    return 0;
}

/* So many more bytes may be taken than are in use. */
static void leave(struct fixture *f, uint64_t bytes)
{
    f->replica.options.memory_bytes_max = replica_memory_bytes(&f->replica) + bytes;
}

static enum memory_verdict judge_in(struct fixture *f, struct memory_survey *survey,
                                    const char *name, const char *key, const char *third,
                                    struct slice value)
{
    const struct slice arguments[] = {slice_str(name), slice_str(key),
                                      third == NULL ? value : slice_str(third), value};
    struct request request = {0};

    request_encode(&request, command_find(&f->commands, arguments[0]), 0, third == NULL ? 3 : 4,
                   arguments);

    enum memory_verdict verdict = memory_judge(survey, &request);

    entry_release(request.entry);
    return verdict;
}

static enum memory_verdict judge(struct fixture *f, const char *name, const char *key,
                                 const char *third, struct slice value)
{
    struct memory_survey survey;

    memory_survey(&f->replica, &survey);
    return judge_in(f, &survey, name, key, third, value);
}

static enum memory_verdict judge_setrange(struct fixture *f, const char *key, uint64_t offset)
{
    char text[32];

    snprintf(text, sizeof text, "%llu", (unsigned long long)offset);
    return judge(f, "SETRANGE", key, text, slice_str("x"));
}

static struct kv *database(struct fixture *f)
{
    return keyspace_database(f->replica.keyspace, 0);
}

/* Entries that are in the log, but not applied yet. */
static void log_some(struct fixture *f)
{
    f->replica.window.last = f->replica.applied_index + 1;
}

static void test_memory__without_a_limit_takes_everything(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(judge_setrange(f, "k", 500 * MB), MEMORY_HAS_ROOM);
}

static void test_memory__refuses_what_takes_more_than_there_is(void **state)
{
    struct fixture *f = *state;

    leave(f, 10 * MB);
    assert_int_equal(judge(f, "SET", "k", NULL, slice_str("v")), MEMORY_HAS_ROOM);
    assert_int_equal(judge_setrange(f, "k", 5 * MB), MEMORY_HAS_ROOM);
    assert_int_equal(judge_setrange(f, "k", 10 * MB), MEMORY_IS_SPENT);
    assert_int_equal(judge(f, "SETBIT", "k", "60000000", slice_str("1")), MEMORY_HAS_ROOM);
    assert_int_equal(judge(f, "SETBIT", "k", "90000000", slice_str("1")), MEMORY_IS_SPENT);
    leave(f, 0);
    assert_int_equal(judge(f, "SET", "k", NULL, slice_str("v")), MEMORY_IS_SPENT);
    assert_int_equal(judge(f, "APPEND", "k", NULL, slice_str("v")), MEMORY_IS_SPENT);
}

static void test_memory__takes_deletes_when_it_is_spent(void **state)
{
    struct fixture *f = *state;

    f->replica.options.memory_bytes_max = 1;
    assert_int_equal(judge(f, "DEL", "k", NULL, slice_str("l")), MEMORY_HAS_ROOM);
    assert_int_equal(judge(f, "MOVE", "k", NULL, slice_str("1")), MEMORY_HAS_ROOM);
}

static void test_memory__counts_all_that_is_in_use(void **state)
{
    struct fixture *f = *state;
    uint64_t *const parts[] = {&f->replica.window.bytes, &f->replica.requests.own_bytes,
                               &f->replica.requests.forwarded_bytes, &f->replica.client_bytes};

    leave(f, MB);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *parts[i] += MB;
        assert_int_equal(judge(f, "SET", "k", NULL, slice_str("v")), MEMORY_IS_SPENT);
        *parts[i] -= MB;
        assert_int_equal(judge(f, "SET", "k", NULL, slice_str("v")), MEMORY_HAS_ROOM);
    }
}

/* It takes nothing to make a value as long as it already is. */
static void test_memory__judges_growth_by_the_value_that_is_there(void **state)
{
    struct fixture *f = *state;

    kv_set_range(database(f), slice_str("k"), 10 * MB, slice_str("x"));
    leave(f, MB);
    assert_int_equal(judge_setrange(f, "k", 9 * MB), MEMORY_HAS_ROOM);
    assert_int_equal(judge_setrange(f, "l", 9 * MB), MEMORY_IS_SPENT);
    assert_int_equal(judge(f, "APPEND", "k", NULL, slice_str("x")), MEMORY_HAS_ROOM);
    assert_int_equal(judge_setrange(f, "k", 20 * MB), MEMORY_IS_SPENT);
}

/* A long value grows where it is, and gets room for more. */
static void test_memory__counts_the_room_of_a_value_that_grows(void **state)
{
    struct fixture *f = *state;
    char *value = memory_take_zeroed(1, 10 * MB);

    kv_set(database(f), slice_str("k"), slice_of(value, 10 * MB));
    free(value);
    leave(f, MB);
    assert_int_equal(judge(f, "APPEND", "k", NULL, slice_str("x")), MEMORY_IS_SPENT);
    leave(f, 3 * MB);
    assert_int_equal(judge(f, "APPEND", "k", NULL, slice_str("x")), MEMORY_HAS_ROOM);
}

/* Commands before this one may delete the value that makes it cheap, or make it longer. So it
 * waits until they are applied, unless there is room in any case. */
static void test_memory__does_not_trust_values_that_commands_ahead_may_change(void **state)
{
    struct fixture *f = *state;

    kv_set_range(database(f), slice_str("k"), 10 * MB, slice_str("x"));
    log_some(f);
    leave(f, 5 * MB);
    assert_int_equal(judge_setrange(f, "k", 9 * MB), MEMORY_IS_AWAITED);
    leave(f, 15 * MB);
    assert_int_equal(judge_setrange(f, "k", 9 * MB), MEMORY_HAS_ROOM);
    leave(f, 5 * MB);
    f->replica.applied_index = f->replica.window.last;
    assert_int_equal(judge_setrange(f, "k", 9 * MB), MEMORY_HAS_ROOM);
}

static void test_memory__counts_what_is_ahead(void **state)
{
    struct fixture *f = *state;
    struct memory_survey survey;

    leave(f, 25 * MB);
    memory_survey(&f->replica, &survey);
    assert_int_equal(judge_in(f, &survey, "SETRANGE", "a", "10000000", slice_str("x")),
                     MEMORY_HAS_ROOM);
    assert_int_equal(judge_in(f, &survey, "SETRANGE", "b", "10000000", slice_str("x")),
                     MEMORY_HAS_ROOM);
    assert_int_equal(judge_in(f, &survey, "SETRANGE", "c", "10000000", slice_str("x")),
                     MEMORY_IS_AWAITED);

    log_some(f);
    promises_add(&f->replica.promises, f->replica.window.last, 20 * MB);
    assert_int_equal(judge_setrange(f, "c", 10 * MB), MEMORY_IS_AWAITED);
    f->replica.applied_index = f->replica.window.last;
    memory_note_applied(&f->replica);
    assert_int_equal(judge_setrange(f, "c", 10 * MB), MEMORY_HAS_ROOM);
}

/* What certainly does not fit is refused at once, whatever comes before it, so that deletes behind
 * it need not wait. */
static void test_memory__refuses_at_once_what_will_not_fit(void **state)
{
    struct fixture *f = *state;

    leave(f, 0);
    log_some(f);
    assert_int_equal(judge(f, "SET", "k", NULL, slice_str("v")), MEMORY_IS_SPENT);
    assert_int_equal(judge_setrange(f, "k", MB), MEMORY_IS_SPENT);
}

static void test_memory__waits_for_what_is_being_freed(void **state)
{
    struct fixture *f = *state;

    kv_set_range(database(f), slice_str("k"), 10 * MB, slice_str("x"));
    leave(f, 0);
    kv_delete(database(f), slice_str("k"));
    assert_int_equal(judge_setrange(f, "l", 5 * MB), MEMORY_IS_AWAITED);
    assert_int_equal(judge_setrange(f, "l", 15 * MB), MEMORY_IS_SPENT);
    while (keyspace_tidy(f->replica.keyspace, 1000)) {
    }
    assert_int_equal(judge_setrange(f, "l", 5 * MB), MEMORY_HAS_ROOM);
}

/* Commands that an earlier leader has logged may take any amount: a leader's own commands are
 * judged once those are applied. */
static void test_memory__of_a_new_leader_is_known_once_it_has_applied_all(void **state)
{
    struct fixture *f = *state;

    leave(f, 100 * MB);
    log_some(f);
    promises_add(&f->replica.promises, 1, 50 * MB);
    memory_begin_term(&f->replica);
    assert_int_equal(f->replica.promises.bytes, 0);
    assert_int_equal(judge(f, "SET", "k", NULL, slice_str("v")), MEMORY_IS_AWAITED);
    assert_int_equal(judge(f, "DEL", "k", NULL, slice_str("l")), MEMORY_HAS_ROOM);
    f->replica.applied_index = f->replica.window.last;
    assert_int_equal(judge(f, "SET", "k", NULL, slice_str("v")), MEMORY_HAS_ROOM);
}

/* A snapshot that is loaded, and a state that was replaced by one, take memory beside the present
 * state. */
static void test_memory__of_other_states_counts(void **state)
{
    struct fixture *f = *state;
    uint64_t before;

    leave(f, 10 * MB);
    assert_int_equal(judge_setrange(f, "k", 5 * MB), MEMORY_HAS_ROOM);
    before = replica_memory_bytes(&f->replica);
    f->replica.fetching.loaded_bytes = 8 * MB;
    assert_int_equal(replica_memory_bytes(&f->replica), before + 8 * MB);
    assert_int_equal(judge_setrange(f, "k", 5 * MB), MEMORY_IS_SPENT);
    f->replica.fetching.loaded_bytes = 0;
    f->replica.retired = keyspace_new(7);
    kv_set(keyspace_database(f->replica.retired, 0), slice_str("key"), slice_str("value"));
    assert_true(replica_memory_bytes(&f->replica) > before);
    keyspace_free(f->replica.retired);
    f->replica.retired = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_memory__without_a_limit_takes_everything, up, down),
        cmocka_unit_test_setup_teardown(test_memory__refuses_what_takes_more_than_there_is, up,
                                        down),
        cmocka_unit_test_setup_teardown(test_memory__takes_deletes_when_it_is_spent, up, down),
        cmocka_unit_test_setup_teardown(test_memory__counts_all_that_is_in_use, up, down),
        cmocka_unit_test_setup_teardown(test_memory__judges_growth_by_the_value_that_is_there, up,
                                        down),
        cmocka_unit_test_setup_teardown(test_memory__counts_the_room_of_a_value_that_grows, up,
                                        down),
        cmocka_unit_test_setup_teardown(
            test_memory__does_not_trust_values_that_commands_ahead_may_change, up, down),
        cmocka_unit_test_setup_teardown(test_memory__counts_what_is_ahead, up, down),
        cmocka_unit_test_setup_teardown(test_memory__refuses_at_once_what_will_not_fit, up, down),
        cmocka_unit_test_setup_teardown(test_memory__waits_for_what_is_being_freed, up, down),
        cmocka_unit_test_setup_teardown(
            test_memory__of_a_new_leader_is_known_once_it_has_applied_all, up, down),
        cmocka_unit_test_setup_teardown(test_memory__of_other_states_counts, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
