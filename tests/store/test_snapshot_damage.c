/* A snapshot that differs from what was written is not accepted (I-127), whichever byte was
 * changed, wherever it ends, and whatever sizes it claims. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "snapshot_sample.h"
#include "store/snapshot_reader.h"

enum { CHUNKS = 6, INDEX = 7 };

static struct image read_sample(struct fixture *f, struct store_snapshot *ret_snapshot)
{
    char name[NAME_BYTES_MAX];

    fixture_open(f);
    *ret_snapshot = sample_make(f, INDEX, CHUNKS);
    sample_name(name, INDEX, "snap");
    return image_read(f, name);
}

static void write_sample(const struct fixture *f, const struct image *image)
{
    char name[NAME_BYTES_MAX];

    sample_name(name, INDEX, "snap");
    image_write(f, name, image);
}

static int count_chunk(void *context, const struct snapshot_chunk *chunk)
{
    (void)chunk;
    ++*(int *)context;
    return 0;
}

/* Returns how many chunks were delivered before the damage. */
static int check_damaged(struct fixture *f, const struct store_snapshot *snapshot)
{
    int count = 0;
    int rv = snapshot_load_now(f->store, snapshot, count_chunk, &count, f->text, sizeof f->text);

    assert_int_equal(rv, STORE_EDAMAGED);
    assert_true(count <= CHUNKS);
    assert_non_null(strstr(f->text, "damaged at byte"));
    return count;
}

static void test_damage__of_any_byte_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);

    for (size_t at = 0; at < image.size; at += at < 4096 ? 1 : 37) {
        image.data[at] ^= 0x10;
        write_sample(f, &image);
        image.data[at] ^= 0x10;
        check_damaged(f, &snapshot);
    }
    write_sample(f, &image);
    sample_check(f, &snapshot, CHUNKS);
    image_free(&image);
}

static void test_damage__wherever_it_is_cut_short(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    size_t size = image.size;

    for (size_t left = 0; left < size; left += 128) {
        image.size = left;
        write_sample(f, &image);
        check_damaged(f, &snapshot);
    }
    image.size = size;
    image_free(&image);
}

/* Where chunk `number` begins. */
static size_t chunk_at(const struct image *image, uint64_t number)
{
    size_t at = SECTOR_BYTES;
    struct chunk_head head;

    for (uint64_t i = 1; i < number; i++) {
        assert_true(chunk_head_decode(image->data + at, &head));
        at += chunk_bytes(head.stored_bytes);
    }
    return at;
}

static void test_damage__by_a_chunk_of_another_snapshot(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    char name[NAME_BYTES_MAX];

    sample_make(f, INDEX + 1, CHUNKS); /* The same except for its first sector. */
    sample_name(name, INDEX + 1, "snap");

    struct image other = image_read(f, name);
    size_t at = chunk_at(&image, 3);

    assert_int_equal(other.size, image.size);
    memcpy(image.data + at, other.data + at, image.size - at);
    write_sample(f, &image);
    assert_int_equal(check_damaged(f, &snapshot), 2);
    image_free(&image);
    image_free(&other);
}

static void test_damage__by_an_older_file_under_its_name(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);

    sample_make(f, INDEX, CHUNKS + 1);
    assert_int_equal(snapshot_newest(f->store).index, INDEX);
    snapshot = snapshot_newest(f->store);
    write_sample(f, &image); /* Sound, but not the one asked for. */
    check_damaged(f, &snapshot);
    image_free(&image);
}

/* Sets both sizes of a chunk, and makes its checksum fit. */
static void forge_sizes(struct image *image, size_t at, uint32_t raw, uint32_t stored)
{
    struct chunk_head head;

    assert_true(chunk_head_decode(image->data + at, &head));
    head.raw_bytes = raw;
    head.stored_bytes = stored;
    head.flags |= CHUNK_COMPRESSED;
    chunk_encode(image->data + at, &head);
}

static void test_damage__of_a_size_takes_no_memory(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    size_t at = chunk_at(&image, 1);
    struct snapshot_reader reader;
    struct snapshot_chunk chunk;
    struct store_identity identity = f->recovered.identity;
    char path[PATH_BYTES_MAX];

    identity.cluster_id = FIXTURE_CLUSTER;
    forge_sizes(&image, at, SNAPSHOT_CHUNK_MAX + 1, 0);
    write_sample(f, &image);
    check_damaged(f, &snapshot);
    snapshot_path(f->dir, INDEX, path);
    assert_int_equal(snapshot_reader_open(&reader, f->io, path, &identity), FILE_GOOD);
    assert_int_equal(snapshot_reader_next(&reader, &chunk), -EBADMSG);
    assert_true(reader.raw_capacity <= SNAPSHOT_CHUNK_MAX);
    snapshot_reader_close(&reader);
    image_free(&image);
}

static void test_damage__of_what_was_compressed(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    size_t at = chunk_at(&image, 6); /* 5000 bytes, compressed. */
    struct chunk_head head;

    assert_true(chunk_head_decode(image.data + at, &head));
    assert_int_equal(head.raw_bytes, sample_size(5));
    assert_true(head.stored_bytes < head.raw_bytes);
    forge_sizes(&image, at, head.raw_bytes - 1, head.stored_bytes);
    write_sample(f, &image);
    check_damaged(f, &snapshot);
    forge_sizes(&image, at, head.raw_bytes + 1, head.stored_bytes);
    write_sample(f, &image);
    check_damaged(f, &snapshot);
    image.data[at + CHUNK_HEAD_BYTES] ^= 1;
    forge_sizes(&image, at, head.raw_bytes, head.stored_bytes);
    write_sample(f, &image);
    check_damaged(f, &snapshot);
    image_free(&image);
}

static void test_damage__of_a_size_that_was_not_compressed(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    size_t at = chunk_at(&image, 2); /* Of one byte. */
    struct chunk_head head;

    assert_true(chunk_head_decode(image.data + at, &head));
    assert_int_equal(head.stored_bytes, head.raw_bytes);
    head.raw_bytes++;
    chunk_encode(image.data + at, &head);
    write_sample(f, &image);
    assert_int_equal(check_damaged(f, &snapshot), 1);
    image_free(&image);
}

/* --- the last chunk --- */

/* Reads the file to its end or to the damage. */
static int read_through(const struct fixture *f, bool *ret_has_end)
{
    struct snapshot_reader reader;
    struct store_identity identity = {.cluster_id = FIXTURE_CLUSTER};
    char path[PATH_BYTES_MAX];
    int rv = SNAPSHOT_HAS_CHUNK;

    snapshot_path(f->dir, INDEX, path);
    assert_int_equal(snapshot_reader_open(&reader, f->io, path, &identity), FILE_GOOD);
    while (rv == SNAPSHOT_HAS_CHUNK) {
        rv = snapshot_reader_skip(&reader);
    }
    *ret_has_end = snapshot_reader_find_end(&reader);
    assert_int_equal(reader.error, 0);
    snapshot_reader_close(&reader);
    return rv;
}

/* The file with this end is damaged; whether its last sector looks like an end. */
static bool forged_end_is_found(const struct fixture *f, const struct image *image,
                                struct chunk_head head, const struct snapshot_totals *totals)
{
    struct image forged = {.data = memory_copy(image->data, image->size), .size = image->size};
    char *end = forged.data + forged.size - SECTOR_BYTES;
    bool has_end;

    totals_encode(end + CHUNK_HEAD_BYTES, totals);
    chunk_encode(end, &head);
    write_sample(f, &forged);
    assert_int_equal(read_through(f, &has_end), -EBADMSG);
    image_free(&forged);
    return has_end;
}

static void test_damage__of_the_totals(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    char *end = image.data + image.size - SECTOR_BYTES;
    struct chunk_head head;
    struct snapshot_totals totals;
    struct snapshot_totals forged;

    assert_true(chunk_head_decode(end, &head));
    totals_decode(end + CHUNK_HEAD_BYTES, &totals);
    assert_int_equal(totals.chunks, CHUNKS);
    assert_int_equal(totals.file_bytes, image.size);
    forged = totals;
    forged.chunks--;
    assert_false(forged_end_is_found(f, &image, head, &forged));
    check_damaged(f, &snapshot);
    forged = totals;
    forged.file_bytes += SECTOR_BYTES;
    assert_false(forged_end_is_found(f, &image, head, &forged));
    check_damaged(f, &snapshot);
    forged = totals;
    forged.raw_bytes++; /* Known only to those who read all of it. */
    assert_true(forged_end_is_found(f, &image, head, &forged));
    check_damaged(f, &snapshot);
    image_free(&image);
}

static void test_damage__of_what_makes_a_chunk_the_last_one(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    char *end = image.data + image.size - SECTOR_BYTES;
    struct chunk_head head;
    struct chunk_head forged;
    struct snapshot_totals totals;

    assert_true(chunk_head_decode(end, &head));
    assert_true(chunk_is_end(&head));
    totals_decode(end + CHUNK_HEAD_BYTES, &totals);
    forged = head;
    forged.flags = SNAPSHOT_OPTIONAL;
    assert_false(forged_end_is_found(f, &image, forged, &totals));
    forged = head;
    forged.raw_bytes++;
    assert_false(forged_end_is_found(f, &image, forged, &totals));
    forged.stored_bytes++;
    assert_false(forged_end_is_found(f, &image, forged, &totals));
    image_free(&image);
}

/* Something follows the last chunk, or nothing precedes it. */
static void test_damage__of_the_length(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    size_t size = image.size;
    bool has_end;

    image.data = memory_resize(image.data, size + SECTOR_BYTES);
    memset(image.data + size, 0, SECTOR_BYTES);
    image.size = size + SECTOR_BYTES;
    write_sample(f, &image);
    assert_int_equal(read_through(f, &has_end), -EBADMSG);
    assert_false(has_end);
    check_damaged(f, &snapshot);
    image.size = size + 1;
    write_sample(f, &image);
    assert_int_equal(read_through(f, &has_end), -EBADMSG);
    assert_false(has_end);
    image.size = SECTOR_BYTES;
    write_sample(f, &image);
    assert_int_equal(read_through(f, &has_end), -EBADMSG);
    assert_false(has_end);
    image.size = size;
    write_sample(f, &image);
    assert_int_equal(read_through(f, &has_end), SNAPSHOT_AT_END);
    assert_true(has_end);
    image_free(&image);
}

static void test_damage__of_a_file_that_shrinks_while_it_is_read(void **state)
{
    struct fixture *f = *state;
    struct store_snapshot snapshot;
    struct image image = read_sample(f, &snapshot);
    struct snapshot_reader reader;
    struct snapshot_chunk chunk;
    struct store_identity identity = {.cluster_id = FIXTURE_CLUSTER};
    char path[PATH_BYTES_MAX];

    snapshot_path(f->dir, INDEX, path);
    assert_int_equal(snapshot_reader_open(&reader, f->io, path, &identity), FILE_GOOD);
    assert_int_equal(truncate(path, SECTOR_BYTES + 10), 0);
    assert_int_equal(snapshot_reader_next(&reader, &chunk), -EBADMSG);
    assert_int_equal(reader.at, SECTOR_BYTES);
    snapshot_reader_close(&reader);
    image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_damage__of_any_byte_is_noticed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__wherever_it_is_cut_short, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__by_a_chunk_of_another_snapshot, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__by_an_older_file_under_its_name, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__of_a_size_takes_no_memory, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__of_what_was_compressed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__of_a_size_that_was_not_compressed,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__of_the_totals, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__of_what_makes_a_chunk_the_last_one,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__of_the_length, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage__of_a_file_that_shrinks_while_it_is_read,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
