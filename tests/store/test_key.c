/* The key of the cluster in a data directory: it is there if the identity names a cluster, comes
 * from the user if it is not, and only its owner may read it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "store/files.h"

static const struct store_key other_key = {"some other thirty-two bytes....."};

/* A node with a cluster and a log. */
static void make_node(struct fixture *f)
{
    fixture_open(f);
    fixture_append_durable(f, 3, 100);
    fixture_close(f);
}

static const char *path_of(const struct fixture *f, const char *name)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

static void put_file(const struct fixture *f, const char *name, const void *data, size_t size)
{
    struct image image = {.data = (char *)(uintptr_t)data, .size = size};

    image_write(f, name, &image);
}

static int read_key(struct fixture *f, const char *name, struct store_key *ret_key,
                    uint64_t *ret_cluster_id)
{
    return store_read_key(f->io, path_of(f, name), ret_key, ret_cluster_id, f->text,
                          sizeof f->text);
}

static void test_key__is_found_again_and_is_private(void **state)
{
    struct fixture *f = *state;
    struct stat found;

    make_node(f);
    assert_int_equal(stat(path_of(f, "cluster-key"), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    memset(&f->recovered.key, 0, sizeof f->recovered.key);
    fixture_open(f);
    assert_memory_equal(&f->recovered.key, &fixture_key, sizeof fixture_key);
}

static void test_key__missing_refuses_and_says_where_to_get_it(void **state)
{
    struct fixture *f = *state;

    make_node(f);
    assert_int_equal(unlink(path_of(f, "cluster-key")), 0);
    fixture_check_refused(f, STORE_EDAMAGED, "--cluster-key FILE");
}

/* A node that was made before there were keys. */
static void test_key__missing_is_taken_from_the_user_once(void **state)
{
    struct fixture *f = *state;

    make_node(f);
    assert_int_equal(unlink(path_of(f, "cluster-key")), 0);
    f->key = &other_key;
    fixture_open(f);
    fixture_check_log(f, 3);
    assert_memory_equal(&f->recovered.key, &other_key, sizeof other_key);
    fixture_close(f);
    f->key = NULL;
    fixture_open(f);
    assert_memory_equal(&f->recovered.key, &other_key, sizeof other_key);
}

static void test_key__that_the_user_gives_again_must_be_the_same(void **state)
{
    struct fixture *f = *state;

    make_node(f);
    f->key = &other_key;
    fixture_check_refused(f, STORE_EDAMAGED, "another key");
    f->key = &fixture_key;
    fixture_open(f);
}

static void test_key__damaged_or_of_another_cluster_refuses(void **state)
{
    static const size_t places[] = {0,
                                    9,
                                    13,
                                    16,
                                    24,
                                    HEAD_FIELDS_AT,
                                    HEAD_FIELDS_AT + 31,
                                    HEAD_FIELDS_AT + 32,
                                    HEAD_CHECKSUM_AT,
                                    SECTOR_BYTES - 1};
    struct fixture *f = *state;
    struct image image;

    make_node(f);
    image = image_read(f, "cluster-key");
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        image.data[places[i]] ^= 1;
        image_write(f, "cluster-key", &image);
        fixture_check_refused(f, places[i] == 9 ? STORE_EFORMAT : STORE_EDAMAGED, "cluster-key");
        image.data[places[i]] ^= 1;
    }
    put_file(f, "cluster-key", image.data, SECTOR_BYTES - 1);
    fixture_check_refused(f, STORE_EDAMAGED, "cluster-key");
    put_file(f, "cluster-key", "", 0);
    fixture_check_refused(f, STORE_EDAMAGED, "cluster-key");
    image.data[16] ^= 1;
    head_seal(image.data);
    image_write(f, "cluster-key", &image);
    fixture_check_refused(f, STORE_EDAMAGED, "another cluster");
    image.data[16] ^= 1;
    head_seal(image.data);
    image_write(f, "cluster-key", &image);
    image_free(&image);
    fixture_open(f);
}

static void test_key__that_others_may_read_or_change_refuses(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0644, 0666};
    struct fixture *f = *state;
    struct store_key key;
    uint64_t cluster_id;

    make_node(f);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path_of(f, "cluster-key"), modes[i]), 0);
        fixture_check_refused(f, STORE_EIO, "mode 600");
        assert_int_equal(read_key(f, "cluster-key", &key, &cluster_id), STORE_EIO);
    }
    assert_int_equal(chmod(path_of(f, "cluster-key"), 0400), 0);
    fixture_open(f);
}

/* Without an identity it belongs to no known node, like a vote. */
static void test_key__alone_in_a_directory_refuses(void **state)
{
    struct fixture *f = *state;
    struct image image;

    make_node(f);
    image = image_read(f, "cluster-key");
    fixture_enter(f, "second");
    image_write(f, "cluster-key", &image);
    image_free(&image);
    fixture_check_refused(f, STORE_EDAMAGED, "identity file is missing");
}

static void test_key__is_read_from_a_members_directory_or_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct store_key key = {{0}};
    uint64_t cluster_id = 1;

    make_node(f);
    assert_int_equal(read_key(f, "cluster-key", &key, &cluster_id), STORE_OK);
    assert_memory_equal(&key, &fixture_key, sizeof key);
    assert_int_equal(cluster_id, FIXTURE_CLUSTER);
    put_file(f, "raw", &other_key, sizeof other_key);
    assert_int_equal(read_key(f, "raw", &key, &cluster_id), STORE_OK);
    assert_memory_equal(&key, &other_key, sizeof key);
    assert_int_equal(cluster_id, 0);
}

static void test_key__that_is_malformed_is_refused_with_a_message(void **state)
{
    struct fixture *f = *state;
    struct store_key key;
    struct image image;
    uint64_t cluster_id;

    make_node(f);
    assert_int_equal(read_key(f, "nothing", &key, &cluster_id), STORE_EIO);
    assert_non_null(strstr(f->text, "there is no file"));
    assert_int_equal(store_read_key(f->io, path_of(f, "nothing"), &key, &cluster_id, NULL, 0),
                     STORE_EIO);
    assert_int_equal(read_key(f, "identity", &key, &cluster_id), STORE_EFORMAT);
    assert_non_null(strstr(f->text, "is no key"));
    put_file(f, "short", &other_key, sizeof other_key - 1);
    assert_int_equal(read_key(f, "short", &key, &cluster_id), STORE_EFORMAT);
    image = image_read(f, "cluster-key");
    image.data[HEAD_FIELDS_AT] ^= 1;
    image_write(f, "damaged", &image);
    image_free(&image);
    assert_int_equal(read_key(f, "damaged", &key, &cluster_id), STORE_EDAMAGED);
    assert_non_null(strstr(f->text, "damaged"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_key__is_found_again_and_is_private),
        TEST(test_key__missing_refuses_and_says_where_to_get_it),
        TEST(test_key__missing_is_taken_from_the_user_once),
        TEST(test_key__that_the_user_gives_again_must_be_the_same),
        TEST(test_key__damaged_or_of_another_cluster_refuses),
        TEST(test_key__that_others_may_read_or_change_refuses),
        TEST(test_key__alone_in_a_directory_refuses),
        TEST(test_key__is_read_from_a_members_directory_or_as_it_is),
        TEST(test_key__that_is_malformed_is_refused_with_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
