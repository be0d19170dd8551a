/* What the simulated disk keeps and loses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/world/sim.h"

struct world {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
};

static void world_open(struct world *w, uint64_t seed)
{
    w->sim = sim_new(seed);
    w->machine = sim_machine_new(w->sim, "n1");
    w->io = sim_boot(w->machine);
}

static void world_close(struct world *w)
{
    sim_die(w->io, SIM_EXITED);
    sim_bury(w->io);
    sim_free(w->sim);
}

/* Dies without a job under way, so that only the test decides what the disk keeps. */
static void world_crash(struct world *w, uint32_t keep_permille)
{
    sim_die(w->io, SIM_KILLED);
    sim_bury(w->io);
    sim_disk_lose_power(w->machine, keep_permille);
    w->io = sim_boot(w->machine);
}

static void write_file(struct world *w, const char *path, const char *text, bool sync)
{
    struct io_file *file;

    assert_int_equal(io_file_open(w->io, path, IO_CREATE, &file), 0);
    assert_int_equal(io_file_write(file, 0, text, strlen(text)), 0);
    if (sync) {
        assert_int_equal(io_file_sync(file), 0);
    }
    io_file_close(file);
}

/* Whether the file exists with this content. */
static bool file_is(struct world *w, const char *path, const char *text)
{
    struct io_file *file;
    char data[64] = {0};

    if (io_file_open(w->io, path, IO_READ_ONLY, &file) < 0) {
        return false;
    }
    int64_t size = io_file_read(file, 0, data, sizeof data);

    io_file_close(file);
    return size == (int64_t)strlen(text) && memcmp(data, text, strlen(text)) == 0;
}

static bool file_is_missing(struct world *w, const char *path)
{
    struct io_file *file;
    int error = io_file_open(w->io, path, IO_READ_ONLY, &file);

    if (error == 0) {
        io_file_close(file);
    }
    return error == -ENOENT;
}

static void test_crash__keeps_what_was_synced_with_its_name(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1);
    write_file(&w, "a", "one", true);
    assert_int_equal(io_dir_sync(w.io, "."), 0);
    write_file(&w, "a", "two", false);
    assert_true(file_is(&w, "a", "two"));
    world_crash(&w, 0);
    assert_true(file_is(&w, "a", "one"));
    write_file(&w, "a", "two", false);
    world_crash(&w, 1000);
    assert_true(file_is(&w, "a", "two"));
    world_close(&w);
}

static void test_crash__loses_a_name_whose_directory_was_not_synced(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1);
    assert_int_equal(io_dir_make(w.io, "d"), 0);
    assert_int_equal(io_dir_sync(w.io, ""), 0);
    write_file(&w, "d/kept", "x", true);
    assert_int_equal(io_dir_sync(w.io, "d/"), 0);
    write_file(&w, "d/lost", "x", true);
    world_crash(&w, 0);
    assert_true(file_is(&w, "d/kept", "x"));
    assert_true(file_is_missing(&w, "d/lost"));
    world_close(&w);
}

static void test_crash__loses_a_whole_directory_whose_parent_was_not_synced(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1);
    assert_int_equal(io_dir_make(w.io, "d"), 0);
    write_file(&w, "d/a", "x", true);
    assert_int_equal(io_dir_sync(w.io, "d"), 0);
    world_crash(&w, 0);
    assert_true(file_is_missing(&w, "d/a"));
    assert_int_equal(io_dir_list(w.io, "d", NULL, NULL), -ENOENT);
    world_close(&w);
}

static void test_rename__is_the_old_or_the_new_after_a_crash(void **state)
{
    uint32_t old_count = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct world w;

        world_open(&w, seed);
        write_file(&w, "a", "old", true);
        write_file(&w, "tmp", "new", true);
        assert_int_equal(io_dir_sync(w.io, ""), 0);
        assert_int_equal(io_rename(w.io, "tmp", "a"), 0);
        world_crash(&w, 500);
        bool is_old = file_is(&w, "a", "old");

        assert_true(is_old || file_is(&w, "a", "new"));
        assert_true(is_old != file_is_missing(&w, "tmp"));
        old_count += is_old;
        world_close(&w);
    }
    assert_in_range(old_count, 5, 35);
}

static void test_crash__tears_a_large_write_between_sectors(void **state)
{
    enum { SECTORS = 64 };
    char old_data[SECTORS * SIM_SECTOR_BYTES];
    char new_data[SECTORS * SIM_SECTOR_BYTES];
    char found[SECTORS * SIM_SECTOR_BYTES];
    struct io_file *file;
    struct world w;
    uint32_t new_count = 0;

    (void)state;
    memset(old_data, 'o', sizeof old_data);
    memset(new_data, 'n', sizeof new_data);
    world_open(&w, 3);
    assert_int_equal(io_file_open(w.io, "a", IO_CREATE, &file), 0);
    assert_int_equal(io_file_write(file, 0, old_data, sizeof old_data), 0);
    assert_int_equal(io_file_sync(file), 0);
    assert_int_equal(io_dir_sync(w.io, ""), 0);
    assert_int_equal(io_file_write(file, 0, new_data, sizeof new_data), 0);
    world_crash(&w, 500);
    assert_int_equal(io_file_open(w.io, "a", 0, &file), 0);
    assert_int_equal(io_file_read(file, 0, found, sizeof found), (int64_t)sizeof found);
    io_file_close(file);
    for (uint32_t i = 0; i < SECTORS; i++) {
        const char *sector = found + i * SIM_SECTOR_BYTES;
        bool is_new = memcmp(sector, new_data, SIM_SECTOR_BYTES) == 0;

        assert_true(is_new || memcmp(sector, old_data, SIM_SECTOR_BYTES) == 0);
        new_count += is_new;
    }
    assert_in_range(new_count, 1, SECTORS - 1);
    world_close(&w);
}

static void test_limit__lets_so_many_operations_through_and_no_more(void **state)
{
    struct io_file *file;
    struct world w;

    (void)state;
    world_open(&w, 1);
    sim_limit_file_operations(w.io, 2);
    assert_int_equal(io_file_open(w.io, "a", IO_CREATE, &file), 0);
    assert_int_equal(io_file_write(file, 0, "x", 1), 0);
    assert_int_equal(io_file_sync(file), -EIO);
    assert_int_equal(io_file_write(file, 0, "y", 1), -EIO);
    assert_int_equal(io_unlink(w.io, "a"), -EIO);
    io_file_close(file);
    world_crash(&w, 1000);
    assert_true(file_is(&w, "a", "x"));
    world_close(&w);
}

static void test_full_disk__refuses_growth_and_takes_overwrites(void **state)
{
    const struct sim_disk_profile profile = {.capacity_bytes = 10};
    struct io_file *file;
    struct world w;

    (void)state;
    world_open(&w, 1);
    sim_set_disk(w.machine, &profile);
    assert_int_equal(io_file_open(w.io, "a", IO_CREATE, &file), 0);
    assert_int_equal(io_file_write(file, 0, "01234567", 8), 0);
    assert_int_equal(io_file_write(file, 8, "89abcdef", 8), -ENOSPC);
    assert_int_equal(io_file_size(file), 10);
    assert_int_equal(io_file_write(file, 0, "ABCDEFGH", 8), 0);
    assert_int_equal(io_file_truncate(file, 11), -ENOSPC);
    assert_int_equal(io_file_truncate(file, 4), 0);
    assert_int_equal(sim_disk_bytes(w.machine), 4);
    io_file_close(file);
    assert_true(file_is(&w, "a", "ABCD"));
    assert_int_equal(io_unlink(w.io, "a"), 0);
    assert_int_equal(io_dir_sync(w.io, ""), 0);
    assert_int_equal(sim_disk_bytes(w.machine), 0);
    world_close(&w);
}

static void test_failed_sync__is_not_healed_by_the_next_one(void **state)
{
    const struct sim_disk_profile bad = {.capacity_bytes = 1 << 20, .sync_error_ppm = 1000000};
    const struct sim_disk_profile good = {.capacity_bytes = 1 << 20};
    uint32_t lost_count = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct io_file *file;
        struct world w;

        world_open(&w, seed);
        write_file(&w, "a", "old", true);
        assert_int_equal(io_dir_sync(w.io, ""), 0);
        assert_int_equal(io_file_open(w.io, "a", 0, &file), 0);
        assert_int_equal(io_file_write(file, 0, "new", 3), 0);
        sim_set_disk(w.machine, &bad);
        assert_int_equal(io_file_sync(file), -EIO);
        sim_set_disk(w.machine, &good);
        assert_int_equal(io_file_sync(file), 0);
        world_crash(&w, 0);
        lost_count += file_is(&w, "a", "old");
        /* Written again, it is good. */
        write_file(&w, "a", "new", true);
        world_crash(&w, 0);
        assert_true(file_is(&w, "a", "new"));
        world_close(&w);
    }
    assert_in_range(lost_count, 1, 19);
}

static void test_truncation__is_undone_by_a_crash_unless_synced(void **state)
{
    struct io_file *file;
    struct world w;

    (void)state;
    world_open(&w, 1);
    write_file(&w, "a", "abcdef", true);
    assert_int_equal(io_dir_sync(w.io, ""), 0);
    assert_int_equal(io_file_open(w.io, "a", 0, &file), 0);
    assert_int_equal(io_file_truncate(file, 2), 0);
    world_crash(&w, 0);
    assert_true(file_is(&w, "a", "abcdef"));
    assert_int_equal(io_file_open(w.io, "a", 0, &file), 0);
    assert_int_equal(io_file_truncate(file, 2), 0);
    assert_int_equal(io_file_sync(file), 0);
    world_crash(&w, 0);
    assert_true(file_is(&w, "a", "ab"));
    world_close(&w);
}

static void test_lock__is_exclusive_and_ends_with_its_process(void **state)
{
    struct io_file *a;
    struct io_file *b;
    struct world w;

    (void)state;
    world_open(&w, 1);
    assert_int_equal(io_file_open(w.io, "lock", IO_CREATE, &a), 0);
    assert_int_equal(io_file_open(w.io, "lock", 0, &b), 0);
    assert_int_equal(io_file_lock(a), 0);
    assert_int_equal(io_file_lock(b), -EWOULDBLOCK);
    world_crash(&w, 1000);
    assert_int_equal(io_file_open(w.io, "lock", 0, &a), 0);
    assert_int_equal(io_file_lock(a), 0);
    io_file_close(a);
    world_close(&w);
}

/* --- jobs ----------------------------------------------------------------------------- */

struct work {
    struct io_job job;
    struct io *io;
    uint32_t done_count;
    int result;
};

static void work_run(struct io_job *job)
{
    struct work *work = (struct work *)(void *)job;
    struct io_file *file;

    work->result = io_file_open(work->io, "a", IO_CREATE, &file);
    for (uint64_t i = 0; work->result == 0 && i < 3; i++) {
        work->result = io_file_write(file, i, &"abc"[i], 1);
    }
}

static void work_done(struct io_job *job)
{
    struct work *work = (struct work *)(void *)job;

    work->done_count++;
}

static void test_worker__runs_jobs_later_and_in_order(void **state)
{
    struct work work = {.job = {.run = work_run, .done = work_done}};
    struct world w;

    (void)state;
    world_open(&w, 1);
    work.io = w.io;
    struct io_worker *worker = io_worker_start(w.io, "test");

    io_worker_submit(worker, &work.job);
    assert_true(file_is_missing(&w, "a"));
    sim_run_until(w.sim, SIM_S);
    assert_int_equal(work.done_count, 1);
    assert_true(file_is(&w, "a", "abc"));
    io_worker_stop(worker);
    world_close(&w);
}

static void test_worker__stops_anywhere_between_two_operations_at_a_crash(void **state)
{
    bool seen[5] = {false};

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct work work = {.job = {.run = work_run, .done = work_done}};
        struct world w;

        world_open(&w, seed);
        work.io = w.io;
        io_worker_submit(io_worker_start(w.io, "test"), &work.job);
        world_crash(&w, 1000);
        assert_int_equal(work.done_count, 0);
        if (file_is_missing(&w, "a")) {
            seen[0] = true;
        }
        seen[1] |= file_is(&w, "a", "");
        seen[2] |= file_is(&w, "a", "a");
        seen[3] |= file_is(&w, "a", "ab");
        seen[4] |= file_is(&w, "a", "abc");
        world_close(&w);
    }
    for (int i = 0; i < 5; i++) {
        assert_true(seen[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash__keeps_what_was_synced_with_its_name),
        cmocka_unit_test(test_crash__loses_a_name_whose_directory_was_not_synced),
        cmocka_unit_test(test_crash__loses_a_whole_directory_whose_parent_was_not_synced),
        cmocka_unit_test(test_rename__is_the_old_or_the_new_after_a_crash),
        cmocka_unit_test(test_crash__tears_a_large_write_between_sectors),
        cmocka_unit_test(test_limit__lets_so_many_operations_through_and_no_more),
        cmocka_unit_test(test_full_disk__refuses_growth_and_takes_overwrites),
        cmocka_unit_test(test_failed_sync__is_not_healed_by_the_next_one),
        cmocka_unit_test(test_truncation__is_undone_by_a_crash_unless_synced),
        cmocka_unit_test(test_lock__is_exclusive_and_ends_with_its_process),
        cmocka_unit_test(test_worker__runs_jobs_later_and_in_order),
        cmocka_unit_test(test_worker__stops_anywhere_between_two_operations_at_a_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
