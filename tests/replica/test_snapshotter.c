/* Snapshots are made when they are due or requested, and hold the state at their beginning. */
#include <stdio.h>
#include <sys/stat.h>

#include "../store/fixture.h"
#include "fake_request.h"
#include "kv/kv.h"
#include "kv/walk.h"
#include "replica/snapshot_state.h"
#include "replica/snapshotter.h"
#include "resp/errors.h"

enum {
    MB = 1024 * 1024,
    STEP_BYTES = 64 * 1024,
    AFTER_BYTES = 4 * MB,
    AFTER_ENTRIES = 1000,
    MANY_KEYS = 20000,
    ENTRY_BYTES = 16 * 1024,
};

struct stage {
    struct fixture *f;
    struct keyspace *keyspace;
    struct membership members;
    struct snapshotter snapshotter;
    struct snapshot_source source;
    uint32_t made_count;
    uint32_t mismatch_count;
    uint32_t kept_count;
    bool runs; /* Each turn of the loop continues with it. */
};

static void on_made(void *context)
{
    struct stage *s = context;

    s->made_count++;
}

static void on_mismatch(void *context)
{
    struct stage *s = context;

    s->mismatch_count++;
}

static void on_kept(void *context, int error)
{
    struct stage *s = context;

    assert_int_equal(error, 0);
    s->kept_count++;
}

static void turn(void *context)
{
    struct stage *s = context;

    if (s->runs) {
        snapshotter_run(&s->snapshotter, &s->source, STEP_BYTES);
    }
    io_uv_stop(s->f->io);
}

static struct stage *begin(struct fixture *f)
{
    struct stage *s = test_calloc(1, sizeof *s);

    fixture_open(f);
    s->f = f;
    s->runs = true;
    s->keyspace = keyspace_new(FIXTURE_CLUSTER);
    s->members = (struct membership){
        .index = 1,
        .configuration = {.member_count = 1, .members = {{.id = 9, .incoming = true}}},
        .addresses = {{.id = 9, .client = {.host = "here", .port = 8000}, .peer_port = 18000}},
    };
    s->source = (struct snapshot_source){
        .index = 1, .term = 1, .keyspace = s->keyspace, .members = &s->members, .level = 1};
    snapshotter_init(&s->snapshotter, &(struct snapshotter_options){.io = f->io,
                                                                    .log = &f->log,
                                                                    .store = f->store,
                                                                    .after_bytes = AFTER_BYTES,
                                                                    .after_entries = AFTER_ENTRIES,
                                                                    .made = on_made,
                                                                    .mismatch = on_mismatch,
                                                                    .kept = on_kept,
                                                                    .context = s});
    io_set_turn(f->io, turn, s);
    return s;
}

static void end(struct stage *s)
{
    fixture_close(s->f);
    snapshotter_deinit(&s->snapshotter);
    keyspace_free(s->keyspace);
    test_free(s);
}

static struct kv *keys(const struct stage *s)
{
    return keyspace_database(s->keyspace, 0);
}

static void set(struct stage *s, uint32_t number, size_t size)
{
    char key[16];
    char *value = test_malloc(size + 1);

    snprintf(key, sizeof key, "key%u", (unsigned)number);
    for (size_t i = 0; i < size; i++) {
        value[i] = (char)(number + i * i);
    }
    kv_set(keys(s), slice_str(key), slice_of(value, size));
    test_free(value);
}

static void run_turns(struct stage *s, uint32_t count)
{
    while (count-- > 0) {
        io_turn_soon(s->f->io);
        io_uv_run(s->f->io);
    }
}

/* The log grows by at least so many bytes. */
static void grow_log(struct stage *s, uint32_t bytes)
{
    fixture_append(s->f, bytes / ENTRY_BYTES, ENTRY_BYTES);
    while (s->f->durable_seq < s->f->seq) {
        io_uv_run(s->f->io);
    }
}

static void await_made(struct stage *s, uint32_t count)
{
    while (s->made_count < count) {
        io_uv_run(s->f->io);
    }
}

static int take_chunk(void *context, const struct snapshot_chunk *chunk)
{
    return loaded_state_take(context, chunk);
}

/* The digest of the keys in the newest snapshot. */
static uint64_t digest_in_snapshot(struct stage *s)
{
    struct store_snapshot newest = snapshot_newest(s->f->store);
    struct loaded_state loaded;
    char text[256];

    loaded_state_init(&loaded, FIXTURE_CLUSTER);
    assert_int_equal(
        snapshot_load_now(s->f->store, &newest, take_chunk, &loaded, text, sizeof text), 0);
    assert_true(loaded_state_finish(&loaded, &newest));

    uint64_t digest = keyspace_digest(loaded.keyspace);

    loaded_state_deinit(&loaded);
    return digest;
}

/* --- tests --------------------------------------------------------------------------- */

static void test_snapshot__is_made_when_asked_for(void **state)
{
    struct stage *s = begin(*state);
    struct fake_request asked;

    set(s, 1, 10);
    keyspace_advance_time(s->keyspace, 77);
    s->source.index = 5;
    fake_request_init(&asked, &fake_admin, 1);
    run_turns(s, 3);
    assert_false(s->snapshotter.is_under_way);
    snapshotter_ask(&s->snapshotter, &asked.request);
    await_made(s, 1);
    assert_int_equal(asked.answered_count, 1);
    assert_int_equal(snapshot_newest(s->f->store).index, 5);
    assert_int_equal(snapshot_newest(s->f->store).time_us, 77);
    assert_int_equal(digest_in_snapshot(s), keyspace_digest(s->keyspace));
    fake_request_deinit(&asked);
    end(s);
}

static void test_snapshot__has_the_state_at_its_beginning(void **state)
{
    struct stage *s = begin(*state);
    struct fake_request asked;

    for (uint32_t i = 0; i < MANY_KEYS; i++) {
        set(s, i, 100);
    }
    uint64_t digest = keyspace_digest(s->keyspace);

    fake_request_init(&asked, &fake_admin, 1);
    snapshotter_ask(&s->snapshotter, &asked.request);
    run_turns(s, 3);
    assert_true(s->snapshotter.is_walking);
    for (uint32_t i = 0; s->made_count == 0; i++) {
        s->source.index++;
        set(s, i * 7919 % (2 * MANY_KEYS), i % 200);
        io_uv_run(s->f->io);
    }
    assert_int_equal(snapshot_newest(s->f->store).index, 1);
    assert_int_equal(digest_in_snapshot(s), digest);
    assert_int_not_equal(digest, keyspace_digest(s->keyspace));
    fake_request_deinit(&asked);
    end(s);
}

static void test_snapshot__asked_for_meanwhile_is_made_after_it(void **state)
{
    struct stage *s = begin(*state);
    struct fake_request first;
    struct fake_request second;

    for (uint32_t i = 0; i < MANY_KEYS; i++) {
        set(s, i, 100);
    }
    fake_request_init(&first, &fake_admin, 1);
    fake_request_init(&second, &fake_admin, 1);
    snapshotter_ask(&s->snapshotter, &first.request);
    run_turns(s, 2);
    assert_true(s->snapshotter.is_walking);
    s->source.index = 9;
    snapshotter_ask(&s->snapshotter, &second.request);
    await_made(s, 1);
    assert_int_equal(first.answered_count, 1);
    assert_int_equal(second.answered_count, 0);
    await_made(s, 2);
    assert_int_equal(second.answered_count, 1);
    assert_int_equal(snapshot_newest(s->f->store).index, 9);
    fake_request_deinit(&first);
    fake_request_deinit(&second);
    end(s);
}

static void test_snapshot__of_the_same_entry_is_not_made_twice(void **state)
{
    struct stage *s = begin(*state);
    struct fake_request asked;

    for (uint32_t i = 1; i <= 2; i++) {
        fake_request_init(&asked, &fake_admin, 1);
        snapshotter_ask(&s->snapshotter, &asked.request);
        while (asked.answered_count == 0) {
            io_uv_run(s->f->io);
        }
        fake_request_deinit(&asked);
        assert_int_equal(s->made_count, 1);
    }
    end(s);
}

static void test_snapshot__is_due_after_many_entries(void **state)
{
    struct stage *s = begin(*state);

    s->source.index = AFTER_ENTRIES * 3 / 4 - 1;
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    s->source.index = AFTER_ENTRIES * 5 / 4;
    await_made(s, 1);
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    end(s);
}

static void test_snapshot__is_due_when_the_log_has_grown(void **state)
{
    struct stage *s = begin(*state);

    grow_log(s, AFTER_BYTES / 2);
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    grow_log(s, AFTER_BYTES * 3 / 4);
    await_made(s, 1);
    s->source.index = 2;
    snapshotter_note_log(&s->snapshotter);
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    end(s);
}

static void test_snapshot__that_cuts_nothing_is_not_made_again_at_once(void **state)
{
    struct stage *s = begin(*state);

    grow_log(s, AFTER_BYTES * 5 / 4);
    await_made(s, 1);
    s->source.index = 2;
    snapshotter_run(&s->snapshotter, &s->source, STEP_BYTES);
    assert_false(s->snapshotter.is_under_way);
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    assert_int_equal(s->made_count, 1);
    assert_int_equal(s->snapshotter.newest.index, 1);
    end(s);
}

static void test_snapshot__counts_what_a_start_found_behind_the_last_one(void **state)
{
    struct stage *s = begin(*state);
    struct store_snapshot newest = {.index = 1, .bytes = 1};

    snapshotter_set_newest(&s->snapshotter, &newest, 0);
    s->source.index = 2;
    s->runs = false;
    grow_log(s, 4 * AFTER_BYTES);
    snapshotter_note_entry(&s->snapshotter, 1, AFTER_BYTES * 5 / 4);
    snapshotter_note_entry(&s->snapshotter, 2, AFTER_BYTES / 2);
    snapshotter_note_log(&s->snapshotter);
    s->runs = true;
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    snapshotter_note_entry(&s->snapshotter, 2, AFTER_BYTES * 5 / 4);
    snapshotter_note_log(&s->snapshotter);
    await_made(s, 1);
    end(s);
}

static void test_snapshot__waits_for_a_log_as_large_as_the_last_one(void **state)
{
    struct stage *s = begin(*state);
    struct store_snapshot large = {.index = 1, .bytes = 4ull * AFTER_BYTES};

    snapshotter_set_newest(&s->snapshotter, &large, 0);
    s->source.index = 2;
    grow_log(s, 2 * AFTER_BYTES);
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    grow_log(s, 3 * AFTER_BYTES);
    await_made(s, 1);
    end(s);
}

static void test_nodes__do_not_all_make_theirs_at_once(void **state)
{
    struct stage *s = begin(*state);
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;

    for (uint32_t i = 0; i < 100; i++) {
        struct snapshotter other;

        snapshotter_init(&other, &s->snapshotter.options);
        least = other.chance < least ? other.chance : least;
        most = other.chance > most ? other.chance : most;
    }
    assert_in_range(least, 0, 63);
    assert_in_range(most, 192, 255);
    end(s);
}

static void test_changes__wait_if_the_disk_is_slower_than_they_are(void **state)
{
    struct stage *s = begin(*state);
    struct fake_request asked;

    for (uint32_t i = 0; i < MANY_KEYS; i++) {
        set(s, i, 4000);
    }
    fake_request_init(&asked, &fake_admin, 1);
    snapshotter_ask(&s->snapshotter, &asked.request);
    run_turns(s, 1);
    assert_true(s->snapshotter.is_walking);
    assert_false(snapshotter_is_behind(&s->snapshotter));
    for (uint32_t i = 0; i < MANY_KEYS; i++) {
        set(s, i, 1);
    }
    assert_true(snapshotter_is_behind(&s->snapshotter));
    await_made(s, 1);
    assert_false(snapshotter_is_behind(&s->snapshotter));
    fake_request_deinit(&asked);
    end(s);
}

static void test_snapshot__that_cannot_be_written_costs_only_itself(void **state)
{
    struct fixture *f = *state;
    struct stage *s = begin(f);
    struct fake_request asked;
    char path[400];

    /* Where its temporary file is to be, there is a directory. */
    snprintf(path, sizeof path, "%s/snapshot-%016x.tmp", f->dir, 1);
    assert_int_equal(mkdir(path, 0700), 0);
    fake_request_init(&asked, &fake_admin, 1);
    snapshotter_ask(&s->snapshotter, &asked.request);
    while (asked.answered_count == 0) {
        io_uv_run(f->io);
    }
    assert_failed(&asked, ERROR_SNAPSHOT_FAILED);
    assert_int_equal(s->made_count, 0);
    assert_int_equal(s->snapshotter.failed_count, 1);
    assert_false(keyspace_is_walked(s->keyspace));
    s->source.index = 2 * AFTER_ENTRIES; /* It is due again, but not immediately. */
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    fake_request_deinit(&asked);
    end(s);
}

static void test_snapshot__that_is_abandoned_is_made_of_the_next_state(void **state)
{
    struct stage *s = begin(*state);
    struct fake_request asked;

    for (uint32_t i = 0; i < MANY_KEYS; i++) {
        set(s, i, 100);
    }
    fake_request_init(&asked, &fake_admin, 1);
    snapshotter_ask(&s->snapshotter, &asked.request);
    run_turns(s, 2);
    assert_true(s->snapshotter.is_walking);
    snapshotter_abandon(&s->snapshotter);
    assert_false(keyspace_is_walked(s->keyspace));
    s->source.index = 30;
    await_made(s, 1);
    assert_int_equal(asked.answered_count, 1);
    assert_int_equal(snapshot_newest(s->f->store).index, 30);
    fake_request_deinit(&asked);
    end(s);
}

static void flip_bit(struct stage *s)
{
    struct slice value;

    assert_true(kv_get(keys(s), slice_str("key5"), &value));
    *((char *)(uintptr_t)value.data + 50) ^= 1;
}

static void test_snapshot__of_memory_with_a_flipped_bit_is_not_made(void **state)
{
    struct stage *s = begin(*state);
    struct fake_request asked;

    for (uint32_t i = 0; i < MANY_KEYS; i++) {
        set(s, i, 100);
    }
    flip_bit(s);
    fake_request_init(&asked, &fake_admin, 1);
    snapshotter_ask(&s->snapshotter, &asked.request);
    while (asked.answered_count == 0) {
        io_uv_run(s->f->io);
    }
    assert_failed(&asked, ERROR_SNAPSHOT_FAILED);
    assert_int_equal(s->mismatch_count, 1);
    assert_int_equal(s->made_count, 0);
    assert_int_equal(snapshot_newest(s->f->store).index, 0);
    fake_request_deinit(&asked);
    end(s);
}

static void test_memory__is_checked_now_and_then_without_a_snapshot(void **state)
{
    struct stage *s = begin(*state);

    for (uint32_t i = 0; i < MANY_KEYS; i++) {
        set(s, i, 100);
    }
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    s->snapshotter.options.check_after_ns = 1;
    run_turns(s, 1);
    assert_true(s->snapshotter.is_walking);
    while (s->snapshotter.is_under_way) {
        io_uv_run(s->f->io);
    }
    assert_int_equal(s->mismatch_count, 0);
    flip_bit(s);
    while (s->mismatch_count == 0) {
        io_uv_run(s->f->io);
    }
    assert_int_equal(s->made_count, 0);
    assert_int_equal(snapshot_newest(s->f->store).index, 0);
    end(s);
}

static bool has_evidence(struct stage *s, uint32_t number)
{
    char path[400];
    struct stat found;

    snprintf(path, sizeof path, "%s/evidence/state-%08u.snap", s->f->dir, (unsigned)number);
    return stat(path, &found) == 0;
}

static void test_evidence__is_kept_twice(void **state)
{
    struct stage *s = begin(*state);

    set(s, 5, 100);
    flip_bit(s);
    for (uint32_t i = 1; i <= 4; i++) {
        assert_true(snapshotter_keep_evidence(&s->snapshotter, &s->source));
        assert_false(snapshotter_keep_evidence(&s->snapshotter, &s->source)); /* It is at it. */
        while (s->kept_count < i) {
            io_uv_run(s->f->io);
        }
        assert_true(has_evidence(s, i));
        assert_true(i == 1 || has_evidence(s, i - 1));
        assert_false(i > 2 && has_evidence(s, i - 2));
    }
    assert_int_equal(s->mismatch_count, 0);
    assert_int_equal(snapshot_newest(s->f->store).index, 0);
    end(s);
}

static void test_snapshot__is_made_for_another_node(void **state)
{
    struct stage *s = begin(*state);

    s->source.index = 7;
    snapshotter_want(&s->snapshotter, 8);
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    s->source.index = 8;
    await_made(s, 1);
    run_turns(s, 5);
    assert_false(s->snapshotter.is_under_way);
    end(s);
}

static void test_node__that_ends_answers_who_waits(void **state)
{
    struct stage *s = begin(*state);
    struct fake_request under_way;
    struct fake_request asked;

    fake_request_init(&under_way, &fake_admin, 1);
    fake_request_init(&asked, &fake_admin, 1);
    snapshotter_ask(&s->snapshotter, &under_way.request);
    run_turns(s, 1);
    snapshotter_ask(&s->snapshotter, &asked.request);
    snapshotter_end(&s->snapshotter, ERROR_STOPPING);
    assert_failed(&under_way, ERROR_STOPPING);
    assert_failed(&asked, ERROR_STOPPING);
    fake_request_deinit(&under_way);
    fake_request_deinit(&asked);
    end(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_snapshot__is_made_when_asked_for),
        TEST(test_snapshot__has_the_state_at_its_beginning),
        TEST(test_snapshot__asked_for_meanwhile_is_made_after_it),
        TEST(test_snapshot__of_the_same_entry_is_not_made_twice),
        TEST(test_snapshot__is_due_after_many_entries),
        TEST(test_snapshot__is_due_when_the_log_has_grown),
        TEST(test_snapshot__that_cuts_nothing_is_not_made_again_at_once),
        TEST(test_snapshot__counts_what_a_start_found_behind_the_last_one),
        TEST(test_snapshot__waits_for_a_log_as_large_as_the_last_one),
        TEST(test_nodes__do_not_all_make_theirs_at_once),
        TEST(test_changes__wait_if_the_disk_is_slower_than_they_are),
        TEST(test_snapshot__that_cannot_be_written_costs_only_itself),
        TEST(test_snapshot__that_is_abandoned_is_made_of_the_next_state),
        TEST(test_snapshot__of_memory_with_a_flipped_bit_is_not_made),
        TEST(test_memory__is_checked_now_and_then_without_a_snapshot),
        TEST(test_evidence__is_kept_twice),
        TEST(test_snapshot__is_made_for_another_node),
        TEST(test_node__that_ends_answers_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
