#include "spoil.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void make_log(struct fixture *f, int batches)
{
    f->segment_bytes = SEGMENT_BYTES;
    fixture_open(f);
    for (int i = 0; i < batches; i++) {
        fixture_append_durable(f, 1, 100);
        fixture_run_ms(f, i % 7 == 6 ? 20 : 0); /* The next segment is made. */
    }
}

void remove_file(const struct fixture *f, const char *name)
{
    char path[400];

    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    assert_int_equal(unlink(path), 0);
}

void flip_bit(const struct fixture *f, const char *name, size_t at)
{
    struct image image = image_read(f, name);

    image.data[at] ^= 4;
    image_write(f, name, &image);
    image_free(&image);
}

void forge_first_sector(const struct fixture *f, const char *name, size_t at)
{
    struct image image = image_read(f, name);

    image.data[at] ^= 1;
    head_seal(image.data);
    image_write(f, name, &image);
    image_free(&image);
}

void put_directory(const struct fixture *f, const char *name)
{
    char path[400];

    remove_file(f, name);
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

void check_refused(struct fixture *f, int error, const char *id)
{
    char word[100];

    snprintf(word, sizeof word, "(docs/DISK_FORMAT.md: %s)", id);
    fixture_check_refused(f, error, word);
}

void check_refused_unseen(struct fixture *f, const char *id)
{
    char word[100];

    snprintf(word, sizeof word, "(docs/DISK_FORMAT.md: %s)", id);
    assert_int_equal(fixture_try_open(f), STORE_EIO);
    assert_non_null(strstr(f->text, word));
}

void make_short_log(struct fixture *f)
{
    make_log(f, 20);
    fixture_move_origin(f, 15);
    fixture_close(f);
}

void check_row_tests(enum recovery_subject subject, const struct CMUnitTest *tests, size_t count)
{
    size_t next = 0;

    for (size_t i = 0; i < recovery_row_count; i++) {
        char name[100];

        if (recovery_rows[i].subject != subject) {
            continue;
        }
        snprintf(name, sizeof name, "test_recovery__%s", recovery_rows[i].id);
        for (char *at = name; *at != '\0'; at++) {
            *at = *at == '-' ? '_' : *at;
        }
        assert_true(next < count);
        assert_string_equal(tests[next++].name, name);
    }
    assert_int_equal(next, count);
}
