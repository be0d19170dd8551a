/* What simulated disks do to synced data. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/world/sim.h"

enum { SECTORS = 8, BYTES = SECTORS * SIM_SECTOR_BYTES };

struct world {
    struct sim *sim;
    struct sim_machine *machine;
    struct io *io;
    struct prng prng;
};

/* A machine with two synced files whose sectors contain their numbers: 'a'... and 'A'... */
static void fill(char *data, char first)
{
    for (int i = 0; i < SECTORS; i++) {
        memset(data + (size_t)i * SIM_SECTOR_BYTES, first + i, SIM_SECTOR_BYTES);
    }
}

static void put(struct world *w, const char *path, uint64_t offset, const char *data, size_t size)
{
    struct io_file *file;

    assert_int_equal(io_file_open(w->io, path, IO_CREATE, &file), 0);
    assert_int_equal(io_file_write(file, offset, data, size), 0);
    assert_int_equal(io_file_sync(file), 0);
    io_file_close(file);
}

static void world_open(struct world *w)
{
    char data[BYTES];

    w->sim = sim_new(7);
    w->machine = sim_machine_new(w->sim, "n1");
    w->io = sim_boot(w->machine);
    w->prng = (struct prng){.state = 3};
    fill(data, 'a');
    put(w, "x", 0, data, BYTES);
    fill(data, 'A');
    put(w, "y", 0, data, BYTES);
    assert_int_equal(io_dir_sync(w->io, "."), 0);
}

static void world_close(struct world *w)
{
    sim_die(w->io, SIM_EXITED);
    sim_bury(w->io);
    sim_free(w->sim);
}

static void world_stop(struct world *w)
{
    sim_die(w->io, SIM_KILLED);
    sim_bury(w->io);
}

static void world_lose_power(struct world *w)
{
    world_stop(w);
    sim_disk_lose_power(w->machine, 0);
    w->io = sim_boot(w->machine);
}

/* The first byte of each sector, as a string; '?' for a sector that can't be read, and '*' for
 * one whose bytes differ. */
static const char *sectors_of(struct world *w, const char *path)
{
    static char text[SECTORS + 1];
    struct io_file *file;

    assert_int_equal(io_file_open(w->io, path, IO_READ_ONLY, &file), 0);
    for (int i = 0; i < SECTORS; i++) {
        char data[SIM_SECTOR_BYTES];
        int64_t size = io_file_read(file, (uint64_t)i * sizeof data, data, sizeof data);

        if (size < 0) {
            text[i] = '?';
        } else if (memcmp(data, data + 1, sizeof data - 1) != 0) {
            text[i] = '*';
        } else {
            text[i] = data[0] == 0 ? '0' : data[0];
        }
    }
    io_file_close(file);
    return text;
}

static void strike(struct world *w, uint64_t sector, enum sim_rot_kind kind)
{
    struct sim_rot rot = {.path = "x", .offset = sector * SIM_SECTOR_BYTES + 5, .mask = 4};

    world_stop(w);
    sim_rot_strike(w->machine, &w->prng, &rot, kind);
    w->io = sim_boot(w->machine);
}

static void test_rot__changes_one_sector_and_no_other(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    strike(&w, 1, SIM_ROT_BIT);
    strike(&w, 3, SIM_ROT_ZEROS);
    strike(&w, 5, SIM_ROT_GARBAGE);
    assert_string_equal(sectors_of(&w, "x"), "a*c0e*gh");
    assert_string_equal(sectors_of(&w, "y"), "ABCDEFGH");
    world_close(&w);
}

static void test_rot__finds_what_is_in_use(void **state)
{
    char zeros[BYTES] = {0};
    struct sim_rot rot;
    struct world w;

    (void)state;
    world_open(&w);
    put(&w, "y", 0, zeros, BYTES);
    put(&w, "x", 0, zeros, BYTES - SIM_SECTOR_BYTES);
    sim_rot_draw_used(w.machine, &w.prng, &rot);
    assert_string_equal(rot.path, "x");
    assert_int_equal(rot.offset / SIM_SECTOR_BYTES, SECTORS - 1);
    world_close(&w);
}

static void test_unreadable_sector__is_an_error_until_it_is_written(void **state)
{
    char data[BYTES];
    struct io_file *file;
    struct world w;

    (void)state;
    world_open(&w);
    strike(&w, 2, SIM_ROT_UNREADABLE);
    assert_string_equal(sectors_of(&w, "x"), "ab?defgh");
    assert_int_equal(io_file_open(w.io, "x", 0, &file), 0);
    /* Any read that touches it fails. */
    assert_int_equal(io_file_read(file, 0, data, BYTES), -EIO);
    io_file_close(file);
    memset(data, 'z', sizeof data);
    put(&w, "x", 2 * SIM_SECTOR_BYTES, data, SIM_SECTOR_BYTES);
    assert_string_equal(sectors_of(&w, "x"), "abzdefgh");
    world_close(&w);
}

static void test_lie__takes_back_what_was_synced_when_power_is_lost(void **state)
{
    char data[SIM_SECTOR_BYTES];
    struct world w;

    (void)state;
    world_open(&w);
    assert_false(sim_disk_has_lied(w.machine));
    sim_set_lying(w.machine, true);
    memset(data, 'z', sizeof data);
    put(&w, "x", SIM_SECTOR_BYTES, data, sizeof data);
    assert_string_equal(sectors_of(&w, "x"), "azcdefgh");
    assert_true(sim_disk_has_lied(w.machine));
    world_stop(&w); /* A process may die: the page cache has the data. */
    w.io = sim_boot(w.machine);
    assert_string_equal(sectors_of(&w, "x"), "azcdefgh");
    world_lose_power(&w);
    assert_string_equal(sectors_of(&w, "x"), "abcdefgh");
    assert_false(sim_disk_has_lied(w.machine));
    world_close(&w);
}

static void test_lie__of_a_directory_loses_the_name(void **state)
{
    struct io_file *file;
    struct world w;

    (void)state;
    world_open(&w);
    sim_set_lying(w.machine, true);
    put(&w, "z", 0, "z", 1);
    assert_int_equal(io_dir_sync(w.io, "."), 0);
    assert_true(sim_disk_has_lied(w.machine));
    world_lose_power(&w);
    assert_int_equal(io_file_open(w.io, "z", 0, &file), -ENOENT);
    world_close(&w);
}

static void test_lie__ends_with_the_next_honest_sync(void **state)
{
    char data[SIM_SECTOR_BYTES];
    struct world w;

    (void)state;
    world_open(&w);
    sim_set_lying(w.machine, true);
    memset(data, 'z', sizeof data);
    put(&w, "x", SIM_SECTOR_BYTES, data, sizeof data);
    sim_set_lying(w.machine, false);
    put(&w, "x", 4 * SIM_SECTOR_BYTES, data, sizeof data);
    assert_false(sim_disk_has_lied(w.machine));
    world_lose_power(&w);
    assert_string_equal(sectors_of(&w, "x"), "azcdzfgh");
    world_close(&w);
}

/* If the budget does not allow the lie, everything that was synced becomes durable, and nothing
 * else. */
static void test_lie__can_be_made_true(void **state)
{
    char data[SIM_SECTOR_BYTES];
    struct io_file *file;
    struct world w;

    (void)state;
    world_open(&w);
    sim_set_lying(w.machine, true);
    memset(data, 'z', sizeof data);
    put(&w, "x", SIM_SECTOR_BYTES, data, sizeof data);
    put(&w, "z", 0, data, sizeof data);
    assert_int_equal(io_dir_sync(w.io, "."), 0);
    assert_int_equal(io_file_open(w.io, "x", 0, &file), 0);
    assert_int_equal(io_file_write(file, 4 * SIM_SECTOR_BYTES, data, sizeof data), 0);
    io_file_close(file);
    sim_disk_come_clean(w.machine);
    assert_false(sim_disk_has_lied(w.machine));
    world_lose_power(&w);
    assert_string_equal(sectors_of(&w, "x"), "azcdefgh");
    assert_int_equal(io_file_open(w.io, "z", 0, &file), 0);
    io_file_close(file);
    world_close(&w);
}

static void test_misdirected_write__shows_when_power_is_lost(void **state)
{
    char data[SIM_SECTOR_BYTES];
    char text[SECTORS + 1];
    struct world w;

    (void)state;
    world_open(&w);
    sim_misdirect_next_write(w.machine, true);
    memset(data, 'z', sizeof data);
    put(&w, "x", SIM_SECTOR_BYTES, data, sizeof data);
    assert_string_equal(sectors_of(&w, "x"), "azcdefgh"); /* It is not visible yet. */
    put(&w, "x", 2 * SIM_SECTOR_BYTES, data, 0);          /* And a sync does not help. */
    assert_true(sim_disk_has_lied(w.machine));
    world_lose_power(&w);
    strcpy(text, sectors_of(&w, "x"));
    assert_int_equal(text[1], 'b'); /* Not at the right place. */
    int stray_count = 0;

    for (int i = 0; i < SECTORS; i++) {
        stray_count += text[i] == 'z';
        stray_count += sectors_of(&w, "y")[i] == 'z';
    }
    assert_int_equal(stray_count, 1); /* But at one other place. */
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rot__changes_one_sector_and_no_other),
        cmocka_unit_test(test_rot__finds_what_is_in_use),
        cmocka_unit_test(test_unreadable_sector__is_an_error_until_it_is_written),
        cmocka_unit_test(test_lie__takes_back_what_was_synced_when_power_is_lost),
        cmocka_unit_test(test_lie__of_a_directory_loses_the_name),
        cmocka_unit_test(test_lie__ends_with_the_next_honest_sync),
        cmocka_unit_test(test_lie__can_be_made_true),
        cmocka_unit_test(test_misdirected_write__shows_when_power_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
