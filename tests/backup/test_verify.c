/* A backup that is good is described; one that is not is found out, wherever the damage is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backup/names.h"
#include "backup/verify.h"
#include "backup_sample.h"
#include "io/io_uv.h"

enum { KEYS = 30 };

struct place {
    struct io *io;
    char directory[64];
    char file[128];
    char text[3 * PATH_BYTES_MAX];
    struct backup_verified verified;
};

static int setup(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);

    p->io = io_uv_new();
    snprintf(p->directory, sizeof p->directory, "/tmp/rakit-test.XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    snprintf(p->file, sizeof p->file, "%s/backup", p->directory);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    (void)unlink(p->file);
    (void)rmdir(p->directory);
    io_uv_free(p->io);
    test_free(p);
    return 0;
}

static enum backup_verdict verify(struct place *p)
{
    p->text[0] = '\0';
    return backup_verify(p->io, p->file, NULL, NULL, &p->verified, p->text, sizeof p->text);
}

static void test_verify__says_what_is_in_it(void **state)
{
    struct place *p = *state;
    struct store_snapshot snapshot = sample_snapshot(p->io, p->file, KEYS, KEYS);
    struct buffer out = {0};

    assert_int_equal(verify(p), BACKUP_GOOD);
    assert_int_equal(p->verified.keys, KEYS);
    assert_memory_equal(&p->verified.contents.snapshot, &snapshot, sizeof snapshot);
    assert_int_equal(p->verified.contents.identity.cluster_id, SAMPLE_CLUSTER);
    assert_int_equal(p->verified.contents.identity.node_id, SAMPLE_NODE);
    assert_int_equal(p->verified.contents.bytes, snapshot.bytes);
    assert_int_equal(p->verified.contents.last.index, SAMPLE_INDEX);
    backup_describe(&out, &p->verified);
    buffer_append(&out, "", 1);
    assert_non_null(strstr(buffer_begin(&out), "cluster  00000000000000c1\n"));
    assert_non_null(strstr(buffer_begin(&out), "entry    40\n"));
    assert_non_null(strstr(buffer_begin(&out), "time     1970-01-01T00:00:00.001000Z\n"));
    assert_non_null(strstr(buffer_begin(&out), "keys     30\n"));
    buffer_deinit(&out);
}

static void test_verify__an_empty_cluster_has_no_keys(void **state)
{
    struct place *p = *state;

    sample_snapshot(p->io, p->file, 0, 0);
    assert_int_equal(verify(p), BACKUP_GOOD);
    assert_int_equal(p->verified.keys, 0);
}

static void flip(struct place *p, uint64_t at)
{
    struct io_file *file;
    char byte;

    assert_int_equal(io_file_open(p->io, p->file, 0, &file), 0);
    assert_int_equal(io_file_read(file, at, &byte, 1), 1);
    byte = (char)(byte ^ 4);
    assert_int_equal(io_file_write(file, at, &byte, 1), 0);
    io_file_close(file);
}

static void test_verify__finds_a_flipped_bit_anywhere(void **state)
{
    struct place *p = *state;
    struct store_snapshot snapshot = sample_snapshot(p->io, p->file, KEYS, KEYS);

    for (uint64_t at = 0; at < snapshot.bytes; at++) {
        flip(p, at);
        assert_int_not_equal(verify(p), BACKUP_GOOD);
        assert_non_null(strstr(p->text, p->file));
        flip(p, at);
    }
    assert_int_equal(verify(p), BACKUP_GOOD);
}

static void test_verify__says_where_the_damage_is(void **state)
{
    struct place *p = *state;

    sample_snapshot(p->io, p->file, KEYS, KEYS);
    flip(p, SECTOR_BYTES + 70);
    assert_int_equal(verify(p), BACKUP_DAMAGED);
    assert_non_null(strstr(p->text, "byte 512 of"));
}

static void test_verify__finds_what_is_cut_off_or_added(void **state)
{
    struct place *p = *state;
    struct store_snapshot snapshot = sample_snapshot(p->io, p->file, KEYS, KEYS);

    for (uint64_t size = snapshot.bytes + SECTOR_BYTES; size != 0; size -= SECTOR_BYTES) {
        struct io_file *file;

        if (size == snapshot.bytes) {
            continue;
        }
        assert_int_equal(io_file_open(p->io, p->file, 0, &file), 0);
        assert_int_equal(io_file_truncate(file, size), 0);
        io_file_close(file);
        assert_int_equal(verify(p), BACKUP_DAMAGED);
    }
}

static void test_verify__finds_keys_that_are_not_there(void **state)
{
    struct place *p = *state;

    sample_snapshot(p->io, p->file, KEYS, KEYS + 1);
    assert_int_equal(verify(p), BACKUP_DAMAGED);
    assert_non_null(strstr(p->text, "does not hold the keys"));
}

static void test_verify__says_what_it_cannot_read(void **state)
{
    struct place *p = *state;
    char path[PATH_BYTES_MAX];

    assert_int_equal(verify(p), BACKUP_UNREADABLE);
    assert_non_null(strstr(p->text, "No such file"));
    sample_snapshot(p->io, p->file, 1, 1);
    flip(p, 8); /* The format version. */
    assert_int_equal(verify(p), BACKUP_UNREADABLE);
    assert_non_null(strstr(p->text, "format version 7"));
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(backup_verify(p->io, path, NULL, NULL, &p->verified, p->text, sizeof p->text),
                     BACKUP_UNREADABLE);
    assert_non_null(strstr(p->text, "too long"));
}

static void test_names__derive_from_that_of_the_user(void **state)
{
    char path[PATH_BYTES_MAX];

    backup_path(path, "a/b", 0);
    assert_string_equal(path, "a/b");
    backup_path(path, "a/b", 12);
    assert_string_equal(path, "a/b.12");
    backup_part_path(path, "a/b", 0);
    assert_string_equal(path, "a/b.part");
    backup_part_path(path, "a/b", 3);
    assert_string_equal(path, "a/b.3.part");
    backup_directory(path, "a/b");
    assert_string_equal(path, "a");
    backup_directory(path, "/b");
    assert_string_equal(path, "/");
    backup_directory(path, "b");
    assert_string_equal(path, ".");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_verify__says_what_is_in_it),
        TEST(test_verify__an_empty_cluster_has_no_keys),
        TEST(test_verify__finds_a_flipped_bit_anywhere),
        TEST(test_verify__says_where_the_damage_is),
        TEST(test_verify__finds_what_is_cut_off_or_added),
        TEST(test_verify__finds_keys_that_are_not_there),
        TEST(test_verify__says_what_it_cannot_read),
        cmocka_unit_test(test_names__derive_from_that_of_the_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
