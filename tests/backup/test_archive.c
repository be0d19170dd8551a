/* Entries behind a snapshot, in files that follow each other. */
#include <errno.h>
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
#include "backup/reading.h"
#include "backup/verify.h"
#include "backup_sample.h"
#include "io/io_uv.h"

enum { COUNT = 40, FILES_MAX = 4 };

struct place {
    struct io *io;
    char directory[64];
    char file[128];
    char text[3 * PATH_BYTES_MAX];
    struct backup_verified verified;
    struct archive_link link; /* The end of what is there. */
    uint64_t seen_index;      /* Of the last entry that was read. */
    uint64_t stop_at;
};

static int setup(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);
    struct store_snapshot snapshot;

    p->io = io_uv_new();
    snprintf(p->directory, sizeof p->directory, "/tmp/rakit-test.XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    snprintf(p->file, sizeof p->file, "%s/backup", p->directory);
    snapshot = sample_snapshot(p->io, p->file, 3, 3);
    p->link = sample_link(&snapshot);
    *state = p;
    return 0;
}

static const char *path_of(const struct place *p, uint32_t number)
{
    static char path[PATH_BYTES_MAX];

    backup_path(path, p->file, number);
    return path;
}

static int teardown(void **state)
{
    struct place *p = *state;

    for (uint32_t number = 0; number <= FILES_MAX; number++) {
        (void)unlink(path_of(p, number));
    }
    assert_int_equal(rmdir(p->directory), 0);
    io_uv_free(p->io);
    test_free(p);
    return 0;
}

static void add(struct place *p, uint32_t number)
{
    sample_archive(p->io, path_of(p, number), COUNT, &p->link);
}

static enum backup_verdict verify(struct place *p)
{
    p->text[0] = '\0';
    return backup_verify(p->io, p->file, NULL, NULL, &p->verified, p->text, sizeof p->text);
}

static void assert_damaged(struct place *p, const char *words)
{
    assert_int_equal(verify(p), BACKUP_DAMAGED);
    if (strstr(p->text, words) == NULL) {
        fail_msg("no '%s' in '%s'", words, p->text);
    }
}

static void test_archive__continues_a_backup(void **state)
{
    struct place *p = *state;
    struct buffer out = {0};

    add(p, 1);
    add(p, 2);
    assert_int_equal(verify(p), BACKUP_GOOD);
    assert_int_equal(p->verified.contents.last.index, SAMPLE_INDEX + 2 * COUNT);
    assert_int_equal(p->verified.contents.archive_count, 2);
    backup_describe(&out, &p->verified);
    buffer_append(&out, "", 1);
    assert_non_null(strstr(buffer_begin(&out), "log      entries 41 to 120, in 2 files\n"));
    assert_non_null(strstr(buffer_begin(&out), "up to    1970-01-01T00:00:00.120000Z\n"));
    buffer_deinit(&out);
}

static int check_entry(void *context, struct entry *e)
{
    struct place *p = context;

    assert_int_equal(e->index, p->seen_index + 1);
    assert_int_equal(e->time_us, e->index * 1000);
    assert_int_equal(e->size, e->index % 5 * 40);
    for (uint32_t i = 0; i < e->size; i++) {
        assert_int_equal((unsigned char)e->data[i], e->index);
    }
    p->seen_index = e->index;
    return p->seen_index == p->stop_at;
}

static enum backup_verdict read_it(struct place *p)
{
    struct backup_visitor visitor = {.entry = check_entry, .context = p};
    struct backup_contents contents;

    p->seen_index = SAMPLE_INDEX;
    return backup_read(p->io, p->file, &visitor, &contents, p->text, sizeof p->text);
}

static void test_archive__gives_all_entries_in_order(void **state)
{
    struct place *p = *state;

    add(p, 1);
    add(p, 2);
    assert_int_equal(read_it(p), BACKUP_GOOD);
    assert_int_equal(p->seen_index, SAMPLE_INDEX + 2 * COUNT);
    p->stop_at = SAMPLE_INDEX + COUNT + 3;
    assert_int_equal(read_it(p), BACKUP_STOPPED);
    assert_int_equal(p->seen_index, p->stop_at);
}

static void test_archive__that_is_missing_is_found_out(void **state)
{
    struct place *p = *state;

    add(p, 1);
    add(p, 2);
    add(p, 3);
    assert_int_equal(unlink(path_of(p, 2)), 0);
    assert_int_equal(verify(p), BACKUP_UNREADABLE);
    assert_non_null(strstr(p->text, "backup.2: No such file"));
}

static void test_archive__of_another_backup_is_found_out(void **state)
{
    struct place *p = *state;
    struct archive_link forged;

    add(p, 1);
    forged = p->link;
    forged.checksum++;
    sample_archive(p->io, path_of(p, 2), COUNT, &forged);
    assert_damaged(p, "backup.2 does not follow");
    assert_non_null(strstr(p->text, "All up to entry 80 is good"));
    forged = p->link;
    forged.entry.index++;
    sample_archive(p->io, path_of(p, 2), COUNT, &forged);
    assert_damaged(p, "backup.2 does not follow");
}

static void flip(struct place *p, const char *path, uint64_t at)
{
    struct io_file *file;
    char byte;

    assert_int_equal(io_file_open(p->io, path, 0, &file), 0);
    assert_int_equal(io_file_read(file, at, &byte, 1), 1);
    byte = (char)(byte ^ 16);
    assert_int_equal(io_file_write(file, at, &byte, 1), 0);
    io_file_close(file);
}

static uint64_t size_of(struct place *p, const char *path)
{
    struct io_file *file;
    int64_t size;

    assert_int_equal(io_file_open(p->io, path, IO_READ_ONLY, &file), 0);
    size = io_file_size(file);
    io_file_close(file);
    return (uint64_t)size;
}

static void test_archive__a_flipped_bit_is_found_anywhere(void **state)
{
    struct place *p = *state;
    uint64_t size;

    add(p, 1);
    size = size_of(p, path_of(p, 1));
    for (uint64_t at = 0; at < size; at++) {
        flip(p, path_of(p, 1), at);
        assert_int_not_equal(verify(p), BACKUP_GOOD);
        flip(p, path_of(p, 1), at);
    }
    assert_int_equal(verify(p), BACKUP_GOOD);
}

static void test_archive__that_lacks_entries_is_found_out(void **state)
{
    struct place *p = *state;
    const struct store_identity identity = {.cluster_id = SAMPLE_CLUSTER, .node_id = SAMPLE_NODE};
    struct store_origin last = {.index = SAMPLE_INDEX + 1, .term = SAMPLE_TERM, .time_us = 2000};
    struct store_snapshot end;
    struct snapshot_writer writer;

    assert_int_equal(archive_create(&writer, p->io, path_of(p, 1), &identity, &last, &p->link), 0);
    assert_int_equal(snapshot_writer_end(&writer, &end), 0);
    snapshot_writer_close(&writer);
    assert_int_equal(verify(p), BACKUP_DAMAGED);
}

static void test_archive__the_end_is_found_without_reading_all(void **state)
{
    struct place *p = *state;
    struct backup_end end;

    assert_int_equal(backup_find_end(p->io, p->file, &end, p->text, sizeof p->text), BACKUP_GOOD);
    assert_int_equal(end.number, 0);
    assert_memory_equal(&end.link, &p->link, sizeof end.link);
    add(p, 1);
    add(p, 2);
    assert_int_equal(backup_find_end(p->io, p->file, &end, p->text, sizeof p->text), BACKUP_GOOD);
    assert_int_equal(end.number, 2);
    assert_int_equal(end.cluster_id, SAMPLE_CLUSTER);
    assert_memory_equal(&end.link, &p->link, sizeof end.link);
    flip(p, path_of(p, 2), size_of(p, path_of(p, 2)) - 1);
    assert_int_equal(backup_find_end(p->io, p->file, &end, p->text, sizeof p->text),
                     BACKUP_DAMAGED);
}

/* After an interruption, it is cut off behind the last whole chunk, and continued there. */
static void continue_at(struct place *p, uint64_t size, const struct archive_link *after)
{
    struct archive_reader a;
    struct snapshot_writer writer;
    struct io_file *file;
    struct store_snapshot end;
    struct buffer bytes = {0};
    int rv = ARCHIVE_MORE;

    assert_int_equal(io_file_open(p->io, path_of(p, 1), 0, &file), 0);
    assert_int_equal(io_file_truncate(file, size), 0);
    io_file_close(file);
    assert_int_equal(archive_open(&a, p->io, path_of(p, 1), SAMPLE_CLUSTER, after), FILE_GOOD);
    while (rv == ARCHIVE_MORE) {
        rv = archive_next(&a);
    }
    assert_int_equal(rv, -EBADMSG);
    assert_true(a.file.at <= size);
    assert_int_equal(snapshot_writer_continue(&writer, p->io, path_of(p, 1), &a.file), 0);
    for (uint64_t index = a.stream.last.index + 1; index <= SAMPLE_INDEX + COUNT; index++) {
        struct entry *e = entry_new(2, (uint32_t)(index % 5 * 40));
        uint64_t offset = index == a.stream.last.index + 1 ? a.stream.offset : 0;

        e->index = index;
        e->term = SAMPLE_TERM;
        e->time_us = index * 1000;
        memset(e->data, (int)index, e->size);
        entry_record_put(&bytes, e, offset, UINT64_MAX);
        entry_release(e);
    }
    assert_int_equal(archive_put(&writer, buffer_slice(&bytes)), 0);
    assert_int_equal(snapshot_writer_end(&writer, &end), 0);
    snapshot_writer_close(&writer);
    archive_close(&a);
    buffer_deinit(&bytes);
}

static void test_archive__is_continued_after_any_interruption(void **state)
{
    struct place *p = *state;
    struct archive_link after = p->link;
    uint64_t size;

    add(p, 1);
    size = size_of(p, path_of(p, 1));
    for (uint64_t cut = 2 * SECTOR_BYTES; cut < size; cut += SECTOR_BYTES / 2) {
        struct archive_link again = after;

        sample_archive(p->io, path_of(p, 1), COUNT, &again);
        continue_at(p, cut, &after);
        assert_int_equal(read_it(p), BACKUP_GOOD);
        assert_int_equal(p->seen_index, SAMPLE_INDEX + COUNT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_archive__continues_a_backup),
        TEST(test_archive__gives_all_entries_in_order),
        TEST(test_archive__that_is_missing_is_found_out),
        TEST(test_archive__of_another_backup_is_found_out),
        TEST(test_archive__a_flipped_bit_is_found_anywhere),
        TEST(test_archive__that_lacks_entries_is_found_out),
        TEST(test_archive__the_end_is_found_without_reading_all),
        TEST(test_archive__is_continued_after_any_interruption),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
