/* A new cluster of what one survivor has: what it then holds, what is refused, and crashes after
 * each operation on files (I-202). In the simulated world. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cluster/members.h"
#include "server/recover.h"
#include "sim/world/sim.h"
#include "store/epoch.h"
#include "store/store.h"

#define RECOVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

enum {
    SELF = 3,
    VOTERS = 5,
    CLUSTER = 77,
    LAST = 5,
    COMMITTED = 3,
    TERM = 2,
    CRASHES_MAX = 200,
    SEEDS = 12
};

static const struct store_key the_key = {"the thirty-two bytes of the key."};

struct world {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct store *store;
    struct store_recovered found;
    struct membership *members; /* The newest in the log. */
    char text[1024];
};

static void on_durable(void *context, uint64_t seq)
{
    (void)context;
    (void)seq;
}

static void on_failed(void *context, int error, const char *text)
{
    (void)context;
    (void)error;
    (void)text;
}

static void on_room(void *context)
{
    (void)context;
}

static int open_store(struct world *w)
{
    struct store_options options = {.dir = "data",
                                    .segment_bytes = 16384,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room};

    return store_open(w->io, &options, SELF, &w->store, &w->found, w->text, sizeof w->text);
}

static void close_store(struct world *w)
{
    store_close(w->store);
    w->store = NULL;
}

static struct membership *membership_of(uint32_t voter_count)
{
    struct membership *m = memory_take_zeroed(1, sizeof *m);

    m->configuration.member_count = voter_count;
    for (uint32_t i = 0; i < voter_count; i++) {
        uint64_t id = voter_count == 1 ? SELF : i + 1;

        m->configuration.members[i] = (struct raft_member){.id = id, .incoming = true};
        m->addresses[i] = (struct member_address){
            .id = id, .client = {.host = "old", .port = 8000}, .peer_port = 18000};
    }
    return m;
}

static struct entry *make_entry(uint64_t index, uint32_t voter_count)
{
    struct membership *m = membership_of(voter_count);
    struct entry *e = index == 1 ? membership_encode(m) : entry_new(RAFT_COMMAND, 10);

    e->index = index;
    e->term = index == 1 ? 1 : TERM;
    e->time_us = 1700000000000000 + index - 1;
    membership_free(m);
    return e;
}

/* Entries of the log, in a batch of their own; the first one is a membership. */
static void write_log(struct world *w, uint64_t first, uint64_t last, uint32_t voter_count)
{
    struct entry *entries[LAST];
    struct store_write write = {.seq = 1,
                                .write_vote = true,
                                .current_term = TERM,
                                .voted_for = 1,
                                .commit_index = COMMITTED,
                                .entries = entries,
                                .entry_count = (uint32_t)(last + 1 - first)};

    for (uint64_t i = first; i <= last; i++) {
        entries[i - first] = make_entry(i, voter_count);
    }
    store_write(w->store, &write);
    for (uint64_t i = first; i <= last; i++) {
        entry_release(entries[i - first]);
    }
}

/* The directory of a member that has ended. */
static void make_member(struct world *w, uint32_t voter_count)
{
    assert_int_equal(open_store(w), STORE_OK);
    assert_int_equal(store_set_cluster(w->store, CLUSTER, 0, &the_key), 0);
    write_log(w, 1, COMMITTED, voter_count);
    close_store(w);
    assert_int_equal(open_store(w), STORE_OK);
    write_log(w, COMMITTED + 1, LAST, voter_count);
    close_store(w);
}

static struct world *world_new(uint64_t seed)
{
    struct world *w = memory_take_zeroed(1, sizeof *w);

    w->sim = sim_new(seed);
    w->machine = sim_machine_new(w->sim, "a");
    w->io = sim_boot(w->machine);
    return w;
}

static int setup(void **state)
{
    *state = world_new(1);
    return 0;
}

static void reboot(struct world *w, enum sim_death death)
{
    sim_die(w->io, death);
    sim_bury(w->io);
    w->io = sim_boot(w->machine);
}

static int teardown(void **state)
{
    struct world *w = *state;

    membership_free(w->members);
    sim_die(w->io, SIM_EXITED);
    sim_bury(w->io);
    sim_free(w->sim);
    free(w);
    return 0;
}

static struct recover *try_recover(struct world *w)
{
    struct recover_options options = {.io = w->io,
                                      .data_dir = "data",
                                      .segment_bytes = 16384,
                                      .announced = {.host = "new", .port = 8001},
                                      .peer_port = 18001};

    return recover_open(&options, w->text, sizeof w->text);
}

static void recover_it(struct world *w)
{
    struct recover *r = try_recover(w);

    assert_non_null(r);
    assert_true(recover_execute(r, w->text, sizeof w->text));
    recover_close(r);
}

static int note_members(void *context, struct entry *e)
{
    struct world *w = context;

    if (e->kind == RAFT_CONFIGURATION) {
        membership_free(w->members);
        w->members = membership_decode(entry_payload(e));
        assert_non_null(w->members);
        w->members->index = e->index;
    }
    return 0;
}

static void read_members(struct world *w)
{
    assert_int_equal(store_replay(w->store, note_members, w), 0);
    assert_non_null(w->members);
}

/* The log has all that it had, and one entry more. */
static void check_recovered(struct world *w)
{
    assert_int_equal(open_store(w), STORE_OK);
    read_members(w);
    assert_int_equal(epoch_number(w->found.identity.epoch), 1);
    assert_false(w->found.identity.is_recovering);
    assert_int_equal(w->found.identity.node_id, SELF);
    assert_int_equal(w->found.identity.cluster_id, CLUSTER);
    assert_int_equal(w->found.last_index, w->members->index);
    assert_true(w->found.last_index > LAST);
    assert_int_equal(w->found.commit_index, w->found.last_index);
    assert_int_equal(w->found.voted_for, SELF);
    assert_true(w->found.current_term > TERM);
    assert_int_equal(w->members->configuration.epoch, w->found.identity.epoch);
    assert_int_equal(w->members->configuration.member_count, 1);
    assert_string_equal(w->members->addresses[0].client.host, "new");
    assert_int_equal(w->members->addresses[0].peer_port, 18001);
    assert_true(membership_was_removed(w->members, 1));
    close_store(w);
}

static void test_recover__leaves_the_node_alone_in_a_new_epoch(void **state)
{
    struct world *w = *state;

    make_member(w, VOTERS);
    recover_it(w);
    check_recovered(w);
    assert_int_equal(w->found.last_index, LAST + 1);
}

static bool says(const struct buffer *out, const char *words)
{
    return memmem(buffer_begin(out), buffer_size(out), words, strlen(words)) != NULL;
}

static void test_recover__says_what_may_be_missing(void **state)
{
    struct world *w = *state;
    struct buffer out = {0};
    struct recover *r;

    make_member(w, VOTERS);
    r = try_recover(w);
    assert_non_null(r);
    recover_describe(r, &out);
    recover_close(r);
    assert_true(says(&out, "entry 5 of term 2, log time 2023-11-14T22:13:20"));
    assert_true(says(&out, "at least up to entry 3\n"));
    assert_true(says(&out, "Entries after 5:"));
    assert_true(says(&out, "Entries 4 to 5 are here"));
    assert_true(says(&out, "0000000000000005 old:8000, voter\n"));
    assert_true(says(&out, "0000000000000003 old:8000, voter (this node)\n"));
    assert_true(says(&out, "Epoch 1 of the cluster begins"));
    buffer_deinit(&out);

    assert_int_equal(open_store(w), STORE_OK); /* Looking changes nothing. */
    assert_int_equal(w->found.identity.epoch, 0);
    assert_int_equal(w->found.last_index, LAST);
    close_store(w);
}

static void check_refused(struct world *w, const char *words)
{
    assert_null(try_recover(w));
    assert_non_null(strstr(w->text, words));
}

/* A script that repeats it must not drop the members that have joined meanwhile. */
static void test_recover__is_refused_where_it_is_not_needed(void **state)
{
    struct world *w = *state;

    check_refused(w, "no data directory");
    make_member(w, 1);
    check_refused(w, "start it without --recover");
}

static void test_recover__is_refused_once_it_is_done(void **state)
{
    struct world *w = *state;

    make_member(w, VOTERS);
    recover_it(w);
    check_refused(w, "start it without --recover");
    check_recovered(w);
}

static void test_recover__of_a_node_without_a_log_is_refused(void **state)
{
    struct world *w = *state;

    assert_int_equal(open_store(w), STORE_OK);
    close_store(w);
    check_refused(w, "nothing to recover");
    assert_int_equal(open_store(w), STORE_OK);
    assert_int_equal(store_set_cluster(w->store, CLUSTER, 0, &the_key), 0);
    close_store(w);
    check_refused(w, "nothing to recover");
}

static void test_recover__of_a_directory_in_use_is_refused(void **state)
{
    struct world *w = *state;

    make_member(w, VOTERS);
    assert_int_equal(open_store(w), STORE_OK);
    check_refused(w, "in use");
    close_store(w);
}

/* Flips a bit of the first segment. */
static void spoil(struct world *w, uint64_t offset)
{
    struct io_file *file;
    char byte;

    assert_int_equal(io_file_open(w->io, "data/log-0000000000000001.seg", 0, &file), 0);
    assert_int_equal(io_file_read(file, offset, &byte, 1), 1);
    byte = (char)(byte ^ 1);
    assert_int_equal(io_file_write(file, offset, &byte, 1), 0);
    assert_int_equal(io_file_sync(file), 0);
    io_file_close(file);
}

/* Whether the damage has cost entries. */
static bool check_damaged(uint64_t offset)
{
    struct world *w = world_new(1);
    struct buffer out = {0};
    void *state = w;
    struct recover *r;
    bool is_lost;

    make_member(w, VOTERS);
    spoil(w, offset);
    r = try_recover(w);
    is_lost = r != NULL;
    if (is_lost) {
        recover_describe(r, &out);
        is_lost = says(&out, "were damaged here");
        assert_true(recover_execute(r, w->text, sizeof w->text));
        recover_close(r);
        assert_int_equal(open_store(w), STORE_OK);
        assert_false(w->found.lacks_entries); /* It would wait for others to mend it. */
        assert_int_equal(epoch_number(w->found.identity.epoch), 1);
        close_store(w);
    }
    buffer_deinit(&out);
    (void)teardown(&state);
    return is_lost;
}

/* What is damaged is lost, since nobody is left who could mend it. */
static void test_recover__gives_up_what_is_damaged(void **state)
{
    enum { FIRST = 512, BEHIND = 4096, STEP = 64 };
    uint32_t lost_count = 0;

    (void)state;
    for (uint64_t offset = FIRST; offset < BEHIND; offset += STEP) {
        lost_count += check_damaged(offset);
    }
    assert_true(lost_count > 0);
}

/* Its next start would wait for others, and there are none. */
static void test_recover__of_the_only_voter_changes_nothing(void **state)
{
    enum { FIRST = 512, BEHIND = 4096, STEP = 64 };
    uint32_t damaged_count = 0;

    (void)state;
    for (uint64_t offset = FIRST; offset < BEHIND; offset += STEP) {
        struct world *w = world_new(1);
        struct io_file *file;
        void *its_state = w;

        make_member(w, 1);
        spoil(w, offset);

        assert_null(try_recover(w));
        if (strstr(w->text, "has no log") == NULL) { /* Its membership can be read. */
            assert_int_equal(io_file_open(w->io, "data/repair", IO_READ_ONLY, &file), -ENOENT);
            damaged_count += strstr(w->text, "start it without --recover") == NULL;
        }
        (void)teardown(&its_state);
    }
    assert_true(damaged_count > 0);
}

/* What a start finds after a crash: the old member, the new one, or neither. */
static void check_start(struct world *w)
{
    int rv = open_store(w);

    if (rv != STORE_OK) {
        assert_int_equal(rv, STORE_ERECOVERS);
        assert_non_null(strstr(w->text, "--recover"));
        return;
    }
    read_members(w);
    assert_int_equal(w->members->configuration.epoch, w->found.identity.epoch);
    assert_int_equal(w->members->configuration.member_count,
                     w->found.identity.epoch == 0 ? VOTERS : 1);
    close_store(w);
}

/* False: it ended before that many operations. */
static bool crash_after(struct world *w, uint64_t count, enum sim_death death)
{
    uint64_t limit = sim_file_operations(w->io) + count;
    struct recover *r;
    bool was_cut;

    sim_limit_file_operations(w->io, count);
    r = try_recover(w);
    if (r != NULL) {
        (void)recover_execute(r, w->text, sizeof w->text);
        recover_close(r);
    }
    was_cut = sim_file_operations(w->io) >= limit;
    reboot(w, death);
    return was_cut;
}

/* Then the command is repeated. False: it ended before that many operations. */
static bool check_crash(uint64_t seed, uint64_t count, enum sim_death death)
{
    struct world *w = world_new(seed);
    void *state = w;
    bool was_cut;
    struct recover *r;

    make_member(w, VOTERS);
    was_cut = crash_after(w, count, death);
    check_start(w);
    r = try_recover(w); /* NULL: it was done. */
    if (r != NULL) {
        assert_true(recover_execute(r, w->text, sizeof w->text));
        recover_close(r);
    }
    check_recovered(w);
    (void)teardown(&state);
    return was_cut;
}

/* A loss of power keeps another part of what was not synced each time. */
static void test_recover__goes_on_after_any_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t count = 0;

        while (check_crash(seed, count, seed == 1 ? SIM_KILLED : SIM_POWER)) {
            count++;
            assert_true(count < CRASHES_MAX);
        }
        assert_true(count > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECOVER_TEST(test_recover__leaves_the_node_alone_in_a_new_epoch),
        RECOVER_TEST(test_recover__says_what_may_be_missing),
        RECOVER_TEST(test_recover__is_refused_where_it_is_not_needed),
        RECOVER_TEST(test_recover__is_refused_once_it_is_done),
        RECOVER_TEST(test_recover__of_a_node_without_a_log_is_refused),
        RECOVER_TEST(test_recover__of_a_directory_in_use_is_refused),
        cmocka_unit_test(test_recover__gives_up_what_is_damaged),
        cmocka_unit_test(test_recover__of_the_only_voter_changes_nothing),
        cmocka_unit_test(test_recover__goes_on_after_any_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
