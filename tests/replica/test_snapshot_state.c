/* The state in a snapshot is read back unchanged, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cluster/level.h"
#include "kv/kv.h"
#include "kv/walk.h"
#include "replica/snapshot_state.h"

enum { SEED = 7, MEMBERS_INDEX = 40, LEVEL = LEVEL_FIRST, TIME_US = 1234567 };

static const struct store_snapshot snapshot = {.index = MEMBERS_INDEX, .time_us = TIME_US};

struct fixture {
    struct keyspace *keyspace;
    struct membership members;
    struct loaded_state loaded;
};

static int up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);

    f->keyspace = keyspace_new(SEED);
    kv_set(keyspace_database(f->keyspace, 0), slice_str("key"), slice_str("value"));
    kv_set(keyspace_database(f->keyspace, 3), slice_str("other"), slice_str(""));
    f->members = (struct membership){
        .index = MEMBERS_INDEX,
        .configuration = {.member_count = 1, .members = {{.id = 9, .incoming = true}}},
        .addresses = {{.id = 9, .client = {.host = "here", .port = 8000}, .peer_port = 18000}},
    };
    loaded_state_init(&f->loaded, SEED);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    loaded_state_deinit(&f->loaded);
    keyspace_free(f->keyspace);
    test_free(f);
    return 0;
}

static int take(struct fixture *f, const char *section, bool is_optional, struct buffer *content)
{
    struct snapshot_chunk chunk = {.is_optional = is_optional, .content = buffer_slice(content)};

    strcpy(chunk.section, section);

    int error = loaded_state_take(&f->loaded, &chunk);

    buffer_deinit(content);
    return error;
}

static int take_members(struct fixture *f)
{
    struct buffer content = {0};

    snapshot_encode_members(&content, &f->members);
    return take(f, SNAPSHOT_MEMBERS, false, &content);
}

static int take_level(struct fixture *f)
{
    struct buffer content = {0};

    snapshot_encode_level(&content, LEVEL);
    return take(f, SNAPSHOT_LEVEL, false, &content);
}

static int take_digest(struct fixture *f, uint64_t digest)
{
    struct buffer content = {0};

    snapshot_encode_digest(&content, digest);
    return take(f, SNAPSHOT_DIGEST, false, &content);
}

static int take_items(struct fixture *f)
{
    struct buffer content = {0};

    keyspace_walk_begin(f->keyspace, &content);
    while (!keyspace_walk_step(f->keyspace, 1000)) {
    }
    keyspace_walk_end(f->keyspace);
    return take(f, SNAPSHOT_ITEMS, false, &content);
}

static void take_all(struct fixture *f)
{
    assert_int_equal(take_members(f), 0);
    assert_int_equal(take_level(f), 0);
    assert_int_equal(take_digest(f, keyspace_digest(f->keyspace)), 0);
    assert_int_equal(take_items(f), 0);
}

static void test_state__is_read_back(void **state)
{
    struct fixture *f = *state;
    struct slice value;

    take_all(f);
    assert_true(loaded_state_finish(&f->loaded, &snapshot));
    assert_int_equal(f->loaded.members->index, MEMBERS_INDEX);
    assert_int_equal(f->loaded.members->configuration.members[0].id, 9);
    assert_string_equal(f->loaded.members->addresses[0].client.host, "here");
    assert_int_equal(f->loaded.level, LEVEL);
    assert_int_equal(keyspace_time_us(f->loaded.keyspace), TIME_US);
    assert_int_equal(keyspace_digest(f->loaded.keyspace), keyspace_digest(f->keyspace));
    assert_true(kv_get(keyspace_database(f->loaded.keyspace, 3), slice_str("other"), &value));
}

static void test_state__is_refused_if_a_section_is_missing(void **state)
{
    struct fixture *f = *state;

    for (int missing = 0; missing < 4; missing++) {
        loaded_state_deinit(&f->loaded);
        loaded_state_init(&f->loaded, SEED);
        assert_int_equal(missing == 0 ? 0 : take_members(f), 0);
        assert_int_equal(missing == 1 ? 0 : take_level(f), 0);
        assert_int_equal(missing == 2 ? 0 : take_digest(f, keyspace_digest(f->keyspace)), 0);
        assert_int_equal(missing == 3 ? 0 : take_items(f), 0);
        assert_false(loaded_state_finish(&f->loaded, &snapshot));
    }
}

static void test_state__is_refused_if_the_keys_are_others(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(take_members(f), 0);
    assert_int_equal(take_level(f), 0);
    assert_int_equal(take_digest(f, keyspace_digest(f->keyspace) + 1), 0);
    assert_int_equal(take_items(f), 0);
    assert_false(loaded_state_finish(&f->loaded, &snapshot));
}

static void test_state__is_refused_if_its_members_make_no_sense(void **state)
{
    struct fixture *f = *state;

    for (int wrong = 0; wrong < 3; wrong++) {
        loaded_state_deinit(&f->loaded);
        loaded_state_init(&f->loaded, SEED);
        f->members.index = wrong == 0 ? 0 : wrong == 1 ? MEMBERS_INDEX + 1 : MEMBERS_INDEX;
        f->members.configuration.members[0].incoming = wrong != 2; /* No voter. */
        take_all(f);
        assert_false(loaded_state_finish(&f->loaded, &snapshot));
    }
}

static void test_section__that_is_unknown_is_skipped_only_if_it_may_be(void **state)
{
    struct fixture *f = *state;
    struct buffer content = {0};

    buffer_printf(&content, "of a later program");
    assert_int_equal(take(f, "later", true, &content), 0);
    buffer_printf(&content, "of a later program");
    assert_int_equal(take(f, "later", false, &content), STORE_EFORMAT);
}

static void test_section__that_is_malformed_is_refused(void **state)
{
    static const char *const names[] = {SNAPSHOT_MEMBERS, SNAPSHOT_LEVEL, SNAPSHOT_DIGEST,
                                        SNAPSHOT_ITEMS};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct buffer content = {0};

        buffer_printf(&content, "nonsense, and 0");
        loaded_state_deinit(&f->loaded);
        loaded_state_init(&f->loaded, SEED);
        assert_int_equal(take(f, names[i], false, &content), STORE_EDAMAGED);
    }
}

static void test_section__that_comes_twice_is_refused(void **state)
{
    struct fixture *f = *state;

    take_all(f);
    assert_int_equal(take_members(f), STORE_EDAMAGED);
    assert_int_equal(take_level(f), STORE_EDAMAGED);
    assert_int_equal(take_digest(f, 1), STORE_EDAMAGED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_state__is_read_back),
        TEST(test_state__is_refused_if_a_section_is_missing),
        TEST(test_state__is_refused_if_the_keys_are_others),
        TEST(test_state__is_refused_if_its_members_make_no_sense),
        TEST(test_section__that_is_unknown_is_skipped_only_if_it_may_be),
        TEST(test_section__that_is_malformed_is_refused),
        TEST(test_section__that_comes_twice_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
