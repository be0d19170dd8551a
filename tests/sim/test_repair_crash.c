/* A start that gives up what is damaged, cut off after each of its file operations in turn, with
 * whatever the disk has kept of them: the next start goes on, keeps the intact beginning, and
 * knows that something is missing (I-173). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/list.h"
#include "base/prng.h"
#include "power_loss.h"
#include "raft/raft.h"
#include "store/scrub.h"
#include "store/snapshot.h"
#include "store/store.h"

enum { ENTRIES = 40, NODE = 7, CLUSTER = 99, SNAPSHOT_AT = 30 };

struct world {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct store *store;
    struct store_recovered found;
    uint64_t durable_seq;
    bool is_busy;
    uint64_t replayed;
    char text[512];
};

/* What is damaged, and what is left then. */
struct damage {
    const char *file;
    uint64_t offset;
    bool has_origin; /* The log begins behind a snapshot. */
    uint64_t last_index;
};

static const struct damage damages[] = {
    {.file = "data/log-0000000000000002.seg", .offset = 512 * 3 + 100, .last_index = 8},
    {.file = "data/log-0000000000000002.seg", .offset = 40, .last_index = 7},
    {.file = "data/log-0000000000000001.seg", .offset = 40, .last_index = 0},
    {.file = "data/origin", .offset = 40, .has_origin = true, .last_index = SNAPSHOT_AT},
    {.file = "data/snapshot-000000000000001e.snap", .offset = 100, .has_origin = true},
};

static void on_durable(void *context, uint64_t seq)
{
    ((struct world *)context)->durable_seq = seq;
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

static bool may_repair(void *context, uint64_t node_id, struct slice members)
{
    (void)context;
    (void)members;
    return node_id == NODE;
}

static int open_store(struct world *w, uint64_t limit)
{
    struct store_options options = {.dir = "data",
                                    .segment_bytes = 8192,
                                    .durable = on_durable,
                                    .failed = on_failed,
                                    .room = on_room,
                                    .may_repair = may_repair,
                                    .context = w};

    w->io = sim_boot(w->machine);
    w->store = NULL;
    sim_limit_file_operations(w->io, limit);
    return store_open(w->io, &options, NODE, &w->store, &w->found, w->text, sizeof w->text);
}

static void bury(struct world *w, enum sim_death death)
{
    sim_die(w->io, death);
    if (w->store != NULL) {
        store_close(w->store);
    }
    sim_bury(w->io);
}

static void append(struct world *w, uint64_t index)
{
    struct entry *e = entry_new(RAFT_COMMAND, 100);
    struct store_write write = {
        .seq = index, .write_vote = index == 1, .current_term = 1, .entries = &e, .entry_count = 1};

    e->index = index;
    e->term = 1;
    e->time_us = index;
    memset(e->data, (int)index, 100);
    store_write(w->store, &write);
    entry_release(e);
    store_flush(w->store);
    while (w->durable_seq < index) {
        CHECK(sim_step(w->sim, UINT64_MAX - 1));
    }
}

static void on_wrote(struct snapshot_making *making, int error)
{
    (void)making;
    assert_int_equal(error, 0);
}

struct making {
    struct snapshot_making making;
    struct store_move move;
    bool is_made;
    bool is_moved;
};

static void on_made(struct snapshot_making *making, int error)
{
    assert_int_equal(error, 0);
    container_of(making, struct making, making)->is_made = true;
}

static void on_moved(struct store_move *move, int error)
{
    assert_int_equal(error, 0);
    container_of(move, struct making, move)->is_moved = true;
}

static void cut_log(struct world *w)
{
    struct making m = {.making = {.index = SNAPSHOT_AT,
                                  .term = 1,
                                  .time_us = SNAPSHOT_AT,
                                  .wrote = on_wrote,
                                  .done = on_made},
                       .move = {.origin = {.index = SNAPSHOT_AT, .term = 1, .time_us = SNAPSHOT_AT},
                                .done = on_moved}};
    struct buffer content = {0};

    buffer_append(&content, "state", 5);
    snapshot_begin(w->store, &m.making);
    snapshot_put(&m.making, "items", 0, &content);
    snapshot_finish(&m.making);
    while (!m.is_made) {
        CHECK(sim_step(w->sim, UINT64_MAX - 1));
    }
    store_move_origin(w->store, &m.move);
    while (!m.is_moved) {
        CHECK(sim_step(w->sim, UINT64_MAX - 1));
    }
}

static const struct store_key the_key = {"the thirty-two bytes of the key."};

/* A store with some segments, open. */
static void build(struct world *w)
{

    *w = (struct world){.sim = sim_new(1)};
    w->machine = sim_machine_new(w->sim, "n1");
    sim_set_disk(w->machine, &(struct sim_disk_profile){.latency_min_ns = 50 * SIM_US,
                                                        .latency_max_ns = 60 * SIM_US,
                                                        .capacity_bytes = 1 << 30});
    assert_int_equal(open_store(w, UINT64_MAX), STORE_OK);
    assert_int_equal(store_set_cluster(w->store, CLUSTER, 0, &the_key), STORE_OK);
    for (uint64_t i = 1; i <= ENTRIES; i++) {
        append(w, i);
    }
}

/* One of its files is damaged; the node is down. */
static void begin(struct world *w, const struct damage *damage)
{
    struct sim_rot rot = {.offset = damage->offset, .mask = 4};

    build(w);
    if (damage->has_origin) {
        cut_log(w);
    }
    bury(w, SIM_KILLED);
    snprintf(rot.path, sizeof rot.path, "%s", damage->file);
    sim_rot_flip(w->machine, &rot);
}

static int count_entry(void *context, struct entry *e)
{
    struct world *w = context;

    assert_int_equal(e->index, ++w->replayed);
    return 0;
}

static void check_repaired(struct world *w, const struct damage *damage)
{
    assert_int_equal(open_store(w, UINT64_MAX), STORE_OK);
    assert_true(w->found.lacks_entries);
    assert_int_equal(w->found.last_index, damage->last_index);
    assert_int_equal(w->found.lost_first_index, damage->last_index + 1);
    w->replayed = w->found.origin.index;
    assert_int_equal(store_replay(w->store, count_entry, w), 0);
    assert_int_equal(w->replayed, damage->last_index);
}

/* The process ends after `limit` operations, and the disk is in that state then. Returns how many
 * states there are; *ret_was_cut: the start was not complete. */
static uint64_t cut(const struct damage *damage, uint64_t limit, uint64_t state, bool *ret_was_cut)
{
    struct world w;
    struct power_loss loss;

    begin(&w, damage);
    *ret_was_cut = open_store(&w, limit) != STORE_OK;
    power_loss_survey(w.machine, &loss);
    if (state < loss.count) {
        power_loss_cut(w.io);
        power_loss_strike(w.machine, &loss, state);
        bury(&w, SIM_POWER);
    } else {
        power_loss_cut(w.io);
        bury(&w, SIM_KILLED);
    }
    check_repaired(&w, damage);
    bury(&w, SIM_KILLED);
    check_repaired(&w, damage); /* Each start says so. */
    bury(&w, SIM_KILLED);
    sim_free(w.sim);
    return loss.count;
}

static void test_repair__may_be_cut_off_anywhere(void **state)
{
    uint64_t cases = 0;

    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        bool was_cut = true;

        for (uint64_t limit = 0; was_cut; limit++) {
            uint64_t states = 1;

            for (uint64_t s = 0; s <= states; s++) {
                states = cut(&damages[i], limit, s, &was_cut);
                cases++;
            }
        }
    }
    print_message("%llu cases\n", (unsigned long long)cases);
    assert_true(cases > 500);
}

/* --- reading everything ----------------------------------------------------------------------- */

struct pass {
    struct store_scrub scrub;
    uint32_t pieces;
    uint32_t errors;
};

static void on_piece(struct store_scrub *scrub)
{
    struct pass *pass = container_of(scrub, struct pass, scrub);

    pass->pieces++;
    pass->errors += scrub->error != 0;
    if (scrub->phase != SCRUB_OVER) {
        store_scrub_next(scrub);
    }
}

static void begin_pass(struct world *w, struct pass *pass)
{
    *pass = (struct pass){.scrub = {.done = on_piece, .key = &the_key}};
    store_scrub_begin(w->store, &pass->scrub);
}

static void finish_pass(struct world *w, struct pass *pass)
{
    while (pass->scrub.phase != SCRUB_OVER) {
        CHECK(sim_step(w->sim, UINT64_MAX - 1));
    }
    store_scrub_end(&pass->scrub);
}

static void on_read(struct store_read *read, int error, struct entry **entries, uint32_t count)
{
    (void)read;
    (void)error;
    for (uint32_t i = 0; i < count; i++) {
        entry_release(entries[i]);
    }
}

static void spoil_first_segment(struct world *w)
{
    struct sim_rot rot = {.offset = 512 * 3, .path = "data/log-0000000000000001.seg"};
    struct prng prng = {1};

    sim_rot_strike(w->machine, &prng, &rot, SIM_ROT_UNREADABLE);
}

static void test_scrub__reads_everything_and_finds_damage(void **state)
{
    struct world w;
    struct pass pass;

    (void)state;
    build(&w);
    cut_log(&w);
    begin_pass(&w, &pass);
    finish_pass(&w, &pass);
    assert_int_equal(pass.errors, 0);
    assert_true(pass.pieces >= 3); /* Of the log, of the snapshot, of the small files. */
    bury(&w, SIM_KILLED);
    sim_free(w.sim);
    build(&w);
    spoil_first_segment(&w);
    begin_pass(&w, &pass);
    finish_pass(&w, &pass);
    assert_int_equal(pass.errors, 1);
    bury(&w, SIM_KILLED);
    sim_free(w.sim);
}

/* The entries are dropped after their places were chosen, and before the outcome is judged: other
 * reads come first. */
static void test_scrub__blames_nothing_that_has_left_the_log(void **state)
{
    struct store_read reads[20];
    struct store_write cut = {.seq = ENTRIES + 1, .truncate_from = 1};
    struct world w;
    struct pass pass;

    (void)state;
    build(&w);
    spoil_first_segment(&w);
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        reads[i] =
            (struct store_read){.first = ENTRIES, .last = ENTRIES, .max_bytes = 1, .done = on_read};
        store_read(w.store, &reads[i]);
    }
    begin_pass(&w, &pass);
    store_write(w.store, &cut);
    store_flush(w.store);
    while (w.durable_seq < cut.seq) {
        CHECK(sim_step(w.sim, UINT64_MAX - 1));
    }
    assert_int_equal(pass.pieces, 0);
    finish_pass(&w, &pass);
    assert_int_equal(pass.errors, 0);
    bury(&w, SIM_KILLED);
    sim_free(w.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scrub__reads_everything_and_finds_damage),
        cmocka_unit_test(test_scrub__blames_nothing_that_has_left_the_log),
        cmocka_unit_test(test_repair__may_be_cut_off_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
