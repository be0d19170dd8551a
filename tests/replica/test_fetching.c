/* A snapshot is fetched in parts, resumed, verified and loaded; and served. There are no
 * connections between nodes: requests and answers are in two buffers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../store/fixture.h"
#include "base/prng.h"
#include "kv/kv.h"
#include "kv/walk.h"
#include "replica/fetching.h"
#include "replica/serving.h"
#include "replica/snapshot_state.h"

enum { HOLDER = 7, OTHER = 8, INDEX = 40, VALUE_BYTES = 2000 * 1000, CONNECTION = 3 };

struct stage {
    struct fixture *f;
    struct fetching fetching;
    struct serving serving;
    struct buffer asked;    /* Requests of the node that fetches. */
    struct buffer answered; /* Answers of the node that serves. */
    struct image file;      /* Of the snapshot. */
    struct raft_snapshot offer;
    uint64_t digest;
    uint32_t loaded_count;
    uint32_t damaged_count; /* Reports to a holder. */
    bool is_made;
    bool is_arriving;
    raft_id connected; /* The node that a connection leads to. */
};

static struct stage *stage;

struct buffer *peers_fetch(struct peers *p, raft_id id)
{
    return id == stage->connected ? &stage->asked : NULL;
}

bool peers_part_is_arriving(struct peers *p, raft_id id)
{
    return stage->is_arriving;
}

struct buffer *peers_answer(struct peers *p, uint64_t connection)
{
    return connection == CONNECTION ? &stage->answered : NULL;
}

static void damaged(void *context, raft_id holder, const struct store_snapshot *snapshot)
{
    struct stage *s = context;

    assert_int_equal(holder, HOLDER);
    assert_int_equal(snapshot->index, INDEX);
    s->damaged_count++;
}

static void loaded(void *context)
{
    struct stage *s = context;

    s->loaded_count++;
    io_uv_stop(s->f->io);
}

static void turn(void *context)
{
    struct stage *s = context;

    io_uv_stop(s->f->io);
}

static void wrote(struct snapshot_making *making, int error)
{
    assert_int_equal(error, 0);
}

static void made(struct snapshot_making *making, int error)
{
    assert_int_equal(error, 0);
    stage->is_made = true;
}

static void put_items(struct stage *s, struct snapshot_making *making)
{
    struct keyspace *keyspace = keyspace_new(FIXTURE_CLUSTER);
    struct buffer content = {0};
    struct prng prng = {1};
    char *value = test_malloc(VALUE_BYTES);
    bool is_over = false;

    for (size_t i = 0; i < VALUE_BYTES; i++) {
        value[i] = (char)prng_next(&prng);
    }
    kv_set(keyspace_database(keyspace, 0), slice_str("key"), slice_of(value, VALUE_BYTES));
    s->digest = keyspace_digest(keyspace);
    snapshot_encode_digest(&content, s->digest);
    snapshot_put(making, SNAPSHOT_DIGEST, 0, &content);
    keyspace_walk_begin(keyspace, &content);
    while (!is_over) {
        is_over = keyspace_walk_step(keyspace, SNAPSHOT_CHUNK_BYTES);
        snapshot_put(making, SNAPSHOT_ITEMS, 0, &content);
    }
    keyspace_walk_end(keyspace);
    keyspace_free(keyspace);
    test_free(value);
}

static void make(struct stage *s)
{
    static struct snapshot_making making;
    struct membership members = {
        .index = 1,
        .configuration = {.member_count = 1, .members = {{.id = 9, .incoming = true}}},
        .addresses = {{.id = 9, .client = {.host = "here", .port = 8000}, .peer_port = 18000}},
    };
    struct buffer content = {0};

    making = (struct snapshot_making){
        .index = INDEX, .term = 2, .time_us = 77, .wrote = wrote, .done = made};
    snapshot_begin(s->f->store, &making);
    snapshot_encode_members(&content, &members);
    snapshot_put(&making, SNAPSHOT_MEMBERS, 0, &content);
    snapshot_encode_level(&content, 1);
    snapshot_put(&making, SNAPSHOT_LEVEL, 0, &content);
    put_items(s, &making);
    snapshot_finish(&making);
    while (!s->is_made) {
        io_turn_soon(s->f->io);
        io_uv_run(s->f->io);
    }
    s->offer = (struct raft_snapshot){.last_included_index = INDEX,
                                      .last_included_term = 2,
                                      .bytes = making.snapshot.bytes,
                                      .checksum = making.snapshot.checksum,
                                      .holder = HOLDER};
}

static void open_store(struct stage *s)
{
    fixture_open(s->f);
    io_set_turn(s->f->io, turn, s);
    fetching_init(&s->fetching, &(struct fetching_options){.io = s->f->io,
                                                           .log = &s->f->log,
                                                           .store = s->f->store,
                                                           .hash_seed = FIXTURE_CLUSTER,
                                                           .level_max = 1,
                                                           .damaged = damaged,
                                                           .loaded = loaded,
                                                           .context = s});
}

/* One store has made a snapshot; another one, which is open now, fetches it. */
static struct stage *begin(struct fixture *f)
{
    struct stage *s = test_calloc(1, sizeof *s);
    char name[64];

    stage = s;
    s->f = f;
    s->connected = HOLDER;
    fixture_open(f);
    io_set_turn(f->io, turn, s);
    make(s);
    snprintf(name, sizeof name, "snapshot-%016x.snap", INDEX);
    s->file = image_read(f, name);
    fixture_close(f);
    fixture_enter(f, "other");
    open_store(s);
    return s;
}

static void close_store(struct stage *s)
{
    fixture_close(s->f);
    fetching_deinit(&s->fetching);
}

static void end(struct stage *s)
{
    close_store(s);
    image_free(&s->file);
    buffer_deinit(&s->asked);
    buffer_deinit(&s->answered);
    test_free(s);
}

static void run(struct stage *s)
{
    io_turn_soon(s->f->io);
    io_uv_run(s->f->io);
}

/* The next request. */
static struct wire_fetch await_fetch(struct stage *s)
{
    struct wire_frame frame;
    struct wire_fetch fetch = {0};

    while (wire_frame(buffer_slice(&s->asked), WIRE_BODY_BYTES_MAX, &frame) != WIRE_FRAME) {
        run(s);
    }
    assert_true(wire_get_fetch(&frame, &fetch));
    assert_int_equal(fetch.index, INDEX);
    assert_int_equal(fetch.checksum, s->offer.checksum);
    buffer_consume(&s->asked, frame.size);
    return fetch;
}

static struct wire_part part_of(const struct stage *s, const struct wire_fetch *fetch)
{
    uint64_t left = s->file.size - fetch->offset;

    return (struct wire_part){
        .index = fetch->index,
        .checksum = fetch->checksum,
        .offset = fetch->offset,
        .bytes = slice_of(s->file.data + fetch->offset, left < fetch->size ? left : fetch->size),
    };
}

static void answer(struct stage *s, const struct wire_fetch *fetch)
{
    struct wire_part part = part_of(s, fetch);

    fetching_on_part(&s->fetching, HOLDER, &part);
}

static void answer_all(struct stage *s)
{
    bool is_last = false;

    while (!is_last) {
        struct wire_fetch fetch = await_fetch(s);

        is_last = fetch.offset + fetch.size >= s->file.size;
        answer(s, &fetch);
    }
}

static void await_phase(struct stage *s, enum fetching_phase phase)
{
    while (s->fetching.phase != phase) {
        run(s);
    }
}

/* --- fetching ------------------------------------------------------------------------ */

static void test_fetch__comes_in_parts_and_is_loaded(void **state)
{
    struct stage *s = begin(*state);

    fetching_offer(&s->fetching, &s->offer, HOLDER);
    answer_all(s);
    await_phase(s, FETCHING_LOADED);
    assert_int_equal(s->loaded_count, 1);
    assert_int_equal(keyspace_digest(s->fetching.loaded.keyspace), s->digest);
    assert_int_equal(keyspace_time_us(s->fetching.loaded.keyspace), 77);
    assert_int_equal(s->fetching.receiving.snapshot.time_us, 77);
    assert_true(fetching_memory_bytes(&s->fetching) > VALUE_BYTES);
    fetching_drop(&s->fetching);
    await_phase(s, FETCHING_NONE);
    assert_int_equal(fetching_memory_bytes(&s->fetching), 0);
    end(s);
}

static uint32_t accepted_count;

static void accepted(void *context, int error)
{
    assert_int_equal(error, 0);
    accepted_count++;
}

static void test_fetch__gets_its_place_when_it_is_accepted(void **state)
{
    struct stage *s = begin(*state);

    accepted_count = 0;
    fetching_offer(&s->fetching, &s->offer, HOLDER);
    answer_all(s);
    await_phase(s, FETCHING_LOADED);
    assert_int_equal(snapshot_newest(s->f->store).index, 0);
    fetching_accept(&s->fetching, accepted);
    while (accepted_count == 0) {
        run(s);
    }
    assert_int_equal(snapshot_newest(s->f->store).index, INDEX);
    assert_int_equal(snapshot_newest(s->f->store).time_us, 77);
    fetching_end(&s->fetching);
    assert_int_equal(s->fetching.phase, FETCHING_NONE);
    end(s);
}

static void test_fetch__continues_after_a_restart(void **state)
{
    struct stage *s = begin(*state);
    struct wire_fetch fetch;

    fetching_offer(&s->fetching, &s->offer, HOLDER);
    for (int i = 0; i < 3; i++) {
        fetch = await_fetch(s);
        answer(s, &fetch);
    }
    while (s->fetching.receiving.unwritten_bytes > 0) {
        run(s);
    }
    close_store(s);
    buffer_clear(&s->asked);
    open_store(s);
    fetching_offer(&s->fetching, &s->offer, HOLDER);
    fetch = await_fetch(s);
    assert_true(fetch.offset >= 2 * 512 * 1024);
    answer(s, &fetch);
    answer_all(s);
    await_phase(s, FETCHING_LOADED);
    end(s);
}

static void test_fetch__is_not_begun_anew_for_a_newer_snapshot(void **state)
{
    struct stage *s = begin(*state);
    struct raft_snapshot newer = s->offer;
    struct wire_fetch fetch;

    newer.last_included_index++;
    newer.checksum++;
    fetching_offer(&s->fetching, &s->offer, HOLDER);
    fetch = await_fetch(s);
    answer(s, &fetch);
    fetching_offer(&s->fetching, &newer, HOLDER);
    answer_all(s);
    await_phase(s, FETCHING_LOADED);
    assert_int_equal(s->fetching.wanted.last_included_index, INDEX);
    end(s);
}

static void test_fetch__turns_to_another_holder_of_the_same_bytes(void **state)
{
    struct stage *s = begin(*state);
    struct raft_snapshot offer = s->offer;
    struct wire_fetch fetch;

    fetching_offer(&s->fetching, &s->offer, HOLDER);
    fetch = await_fetch(s);
    answer(s, &fetch);
    s->connected = OTHER;
    offer.holder = OTHER;
    fetching_offer(&s->fetching, &offer, HOLDER);
    assert_int_equal(s->fetching.wanted.holder, OTHER);
    end(s);
}

static void test_fetch__ends_if_the_holder_has_it_no_more(void **state)
{
    struct stage *s = begin(*state);
    struct wire_fetch fetch;
    struct wire_part part;

    fetching_offer(&s->fetching, &s->offer, HOLDER);
    fetch = await_fetch(s);
    part = part_of(s, &fetch);
    part.outcome = WIRE_SNAPSHOT_GONE;
    fetching_on_part(&s->fetching, HOLDER, &part);
    await_phase(s, FETCHING_NONE);
    assert_int_equal(s->loaded_count, 0);
    end(s);
}

/* Of a follower: the leader has another one, which it names next. */
static struct raft_snapshot newer_of(raft_id holder, const struct stage *s)
{
    struct raft_snapshot newer = s->offer;

    newer.last_included_index++;
    newer.checksum++;
    newer.holder = holder;
    return newer;
}

static void test_fetch__from_a_follower_that_has_it_no_more_turns_to_the_leader(void **state)
{
    struct stage *s = begin(*state);
    struct raft_snapshot of_leader = newer_of(OTHER, s);
    struct wire_fetch fetch;
    struct wire_part part;

    fetching_offer(&s->fetching, &s->offer, OTHER);
    fetching_offer(&s->fetching, &of_leader, OTHER); /* It has begun. */
    fetch = await_fetch(s);
    part = part_of(s, &fetch);
    part.outcome = WIRE_SNAPSHOT_GONE;
    fetching_on_part(&s->fetching, HOLDER, &part);
    await_phase(s, FETCHING_NONE);
    s->fetching.not_before_ns = 0; /* Later. */
    fetching_offer(&s->fetching, &s->offer, OTHER);
    assert_int_equal(s->fetching.phase, FETCHING_NONE);
    fetching_offer(&s->fetching, &of_leader, OTHER);
    assert_int_equal(s->fetching.phase, FETCHING_OPENS);
    assert_int_equal(s->fetching.wanted.holder, OTHER);
    await_phase(s, FETCHING_PARTS);
    end(s);
}

/* A new member is connected to the leader first. */
static void test_fetch__from_a_follower_needs_a_connection(void **state)
{
    struct stage *s = begin(*state);

    struct raft_snapshot of_leader = newer_of(OTHER, s);

    s->connected = OTHER;
    fetching_offer(&s->fetching, &s->offer, OTHER);
    fetching_offer(&s->fetching, &of_leader, OTHER);
    assert_int_equal(s->fetching.phase, FETCHING_NONE); /* It waits for the follower. */
    s->connected = HOLDER;
    fetching_offer(&s->fetching, &s->offer, OTHER);
    assert_int_equal(s->fetching.phase, FETCHING_OPENS);
    answer_all(s);
    await_phase(s, FETCHING_LOADED);
    end(s);
}

static void test_part__that_was_not_asked_for_is_ignored(void **state)
{
    struct stage *s = begin(*state);
    struct wire_fetch fetch;
    struct wire_part part;

    fetching_offer(&s->fetching, &s->offer, HOLDER);
    fetch = await_fetch(s);
    part = part_of(s, &fetch);
    fetching_on_part(&s->fetching, OTHER, &part);
    part.offset++;
    fetching_on_part(&s->fetching, HOLDER, &part);
    part.offset--;
    part.checksum++;
    fetching_on_part(&s->fetching, HOLDER, &part);
    assert_int_equal(s->fetching.offset, 0);
    answer(s, &fetch);
    answer(s, &fetch); /* Doubled. */
    answer_all(s);
    await_phase(s, FETCHING_LOADED);
    end(s);
}

static void test_part__with_more_bytes_than_are_left_ends_the_fetch(void **state)
{
    struct stage *s = begin(*state);
    struct wire_fetch fetch;
    struct wire_part part;
    char *bytes = test_calloc(1, s->file.size + 1);

    fetching_offer(&s->fetching, &s->offer, HOLDER);
    fetch = await_fetch(s);
    part = part_of(s, &fetch);
    part.bytes = slice_of(bytes, s->file.size + 1);
    fetching_on_part(&s->fetching, HOLDER, &part);
    await_phase(s, FETCHING_NONE);
    test_free(bytes);
    end(s);
}

static void test_part__whose_write_has_failed_is_not_read_back(void **state)
{
    struct stage *s = begin(*state);
    struct wire_fetch fetch;

    fetching_offer(&s->fetching, &s->offer, HOLDER);
    fetch = await_fetch(s);
    answer(s, &fetch);
    while (s->fetching.receiving.unwritten_bytes > 0) {
        run(s);
    }
    s->fetching.receiving.appended(&s->fetching.receiving, -EIO);
    await_phase(s, FETCHING_NONE);
    assert_int_equal(snapshot_part(s->f->store).index, 0);
    end(s);
}

static void test_part__that_found_no_room_is_resumed(void **state)
{
    struct stage *s = begin(*state);
    struct wire_fetch fetch;

    fetching_offer(&s->fetching, &s->offer, HOLDER);
    fetch = await_fetch(s);
    answer(s, &fetch);
    while (s->fetching.receiving.unwritten_bytes > 0) {
        run(s);
    }
    s->fetching.receiving.appended(&s->fetching.receiving, -ENOSPC);
    await_phase(s, FETCHING_NONE);
    assert_int_equal(snapshot_part(s->f->store).index, INDEX);
    end(s);
}

static void test_snapshot__that_is_damaged_is_not_loaded(void **state)
{
    struct stage *s = begin(*state);

    s->file.data[s->file.size / 2] ^= 1;
    fetching_offer(&s->fetching, &s->offer, HOLDER);
    answer_all(s);
    await_phase(s, FETCHING_NONE);
    assert_int_equal(s->loaded_count, 0);
    assert_int_equal(s->damaged_count, 1);
    assert_int_equal(snapshot_part(s->f->store).index, 0); /* It is not resumed. */
    fetching_offer(&s->fetching, &s->offer, HOLDER);
    assert_int_equal(s->fetching.phase, FETCHING_NONE); /* Nor is it tried again at once. */
    end(s);
}

/* --- serving ------------------------------------------------------------------------- */

static struct wire_part await_part(struct stage *s)
{
    static struct wire_frame frame;
    struct wire_part part = {0};

    while (wire_frame(buffer_slice(&s->answered), WIRE_BODY_BYTES_MAX, &frame) != WIRE_FRAME) {
        run(s);
    }
    assert_true(wire_get_part(&frame, &part));
    return part;
}

/* A third store makes the same snapshot, and serves it. */
static struct stage *begin_serving(struct fixture *f)
{
    struct stage *s = begin(f);

    close_store(s);
    fixture_enter(f, "third");
    fixture_open(f);
    io_set_turn(f->io, turn, s);
    s->is_made = false;
    make(s);
    serving_init(&s->serving, f->io, f->store);
    return s;
}

static void end_serving(struct stage *s)
{
    fixture_close(s->f);
    serving_deinit(&s->serving);
    image_free(&s->file);
    buffer_deinit(&s->asked);
    buffer_deinit(&s->answered);
    test_free(s);
}

static struct wire_fetch fetch_of(const struct stage *s, uint64_t offset, uint32_t size)
{
    return (struct wire_fetch){.index = INDEX,
                               .term = 2,
                               .bytes = s->offer.bytes,
                               .checksum = s->offer.checksum,
                               .offset = offset,
                               .size = size};
}

static void test_serving__sends_the_bytes_that_are_asked_for(void **state)
{
    struct stage *s = begin_serving(*state);
    struct wire_fetch fetch = fetch_of(s, 1000, 5000);
    struct wire_part part;

    serving_on_fetch(&s->serving, CONNECTION, &fetch);
    part = await_part(s);
    assert_int_equal(part.outcome, WIRE_PART_IS_HERE);
    assert_int_equal(part.offset, 1000);
    assert_int_equal(part.bytes.size, 5000);
    assert_memory_equal(part.bytes.data, s->file.data + 1000, 5000);
    end_serving(s);
}

static void test_serving__says_if_there_is_no_such_snapshot(void **state)
{
    struct stage *s = begin_serving(*state);
    struct wire_fetch fetch = fetch_of(s, 0, 5000);

    fetch.checksum++;
    serving_on_fetch(&s->serving, CONNECTION, &fetch);
    assert_int_equal(await_part(s).outcome, WIRE_SNAPSHOT_GONE);
    end_serving(s);
}

static void test_serving__tolerates_that_the_connection_is_gone(void **state)
{
    struct stage *s = begin_serving(*state);
    struct wire_fetch fetch = fetch_of(s, 0, 5000);

    serving_on_fetch(&s->serving, CONNECTION + 1, &fetch);
    while (s->serving.read_count > 0) {
        run(s);
    }
    assert_int_equal(buffer_size(&s->answered), 0);
    end_serving(s);
}

static void test_serving__keeps_what_is_being_fetched(void **state)
{
    struct stage *s = begin_serving(*state);
    struct wire_fetch fetch = fetch_of(s, 0, 5000);

    assert_int_equal(serving_oldest(&s->serving), UINT64_MAX);
    fetch.index = INDEX - 1; /* There is none. */
    serving_on_fetch(&s->serving, CONNECTION, &fetch);
    assert_int_equal(await_part(s).outcome, WIRE_SNAPSHOT_GONE);
    buffer_clear(&s->answered);
    assert_int_equal(serving_oldest(&s->serving), UINT64_MAX);
    fetch.index = INDEX;
    serving_on_fetch(&s->serving, CONNECTION, &fetch);
    assert_int_equal(serving_oldest(&s->serving), INDEX);
    assert_true(serving_has(&s->serving, INDEX));
    assert_false(serving_has(&s->serving, INDEX + 1));
    s->serving.asked_ns[0] = 1; /* Long ago. */
    assert_int_equal(serving_oldest(&s->serving), UINT64_MAX);
    (void)await_part(s);
    end_serving(s);
}

static void test_serving__queues_a_part_only_once_for_a_connection(void **state)
{
    struct stage *s = begin_serving(*state);
    struct wire_fetch fetch = fetch_of(s, 0, 5000);

    serving_on_fetch(&s->serving, CONNECTION, &fetch);
    serving_on_fetch(&s->serving, CONNECTION, &fetch); /* It is being read. */
    assert_int_equal(s->serving.read_count, 1);
    (void)await_part(s);
    serving_on_fetch(&s->serving, CONNECTION, &fetch); /* It is not sent yet. */
    assert_int_equal(s->serving.read_count, 0);
    buffer_clear(&s->answered);
    serving_on_fetch(&s->serving, CONNECTION, &fetch);
    assert_int_equal(s->serving.read_count, 1);
    (void)await_part(s);
    end_serving(s);
}

static void test_serving__reads_no_more_than_a_few_at_once(void **state)
{
    struct stage *s = begin_serving(*state);
    struct wire_fetch fetch = fetch_of(s, 0, 5000);

    for (uint64_t i = 0; i < 100; i++) {
        serving_on_fetch(&s->serving, CONNECTION + 1 + i, &fetch);
    }
    assert_int_equal(s->serving.read_count, 16);
    while (s->serving.read_count > 0) {
        run(s);
    }
    end_serving(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fetch__comes_in_parts_and_is_loaded),
        TEST(test_fetch__gets_its_place_when_it_is_accepted),
        TEST(test_fetch__continues_after_a_restart),
        TEST(test_fetch__is_not_begun_anew_for_a_newer_snapshot),
        TEST(test_fetch__turns_to_another_holder_of_the_same_bytes),
        TEST(test_fetch__ends_if_the_holder_has_it_no_more),
        TEST(test_fetch__from_a_follower_that_has_it_no_more_turns_to_the_leader),
        TEST(test_fetch__from_a_follower_needs_a_connection),
        TEST(test_part__that_was_not_asked_for_is_ignored),
        TEST(test_part__with_more_bytes_than_are_left_ends_the_fetch),
        TEST(test_part__whose_write_has_failed_is_not_read_back),
        TEST(test_part__that_found_no_room_is_resumed),
        TEST(test_snapshot__that_is_damaged_is_not_loaded),
        TEST(test_serving__sends_the_bytes_that_are_asked_for),
        TEST(test_serving__says_if_there_is_no_such_snapshot),
        TEST(test_serving__tolerates_that_the_connection_is_gone),
        TEST(test_serving__keeps_what_is_being_fetched),
        TEST(test_serving__queues_a_part_only_once_for_a_connection),
        TEST(test_serving__reads_no_more_than_a_few_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
