/* RAFT BACKUP: parts of snapshots and of the log, of committed entries only, one at a time, and at
 * a bounded rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kv/commands.h"
#include "replica/state.h"
#include "replica_world.h"
#include "resp/errors.h"
#include "store/entry_stream.h"

enum { LARGE = 3 * 1024 * 1024, WORDS_MAX = 8 };

/* --- calls --- */

struct call {
    struct request request;
    struct buffer out;
    struct resp_writer writer;
    bool is_answered;
};

static struct resp_writer *reply(struct request *request)
{
    return &container_of(request, struct call, request)->writer;
}

static void answered(struct request *request)
{
    container_of(request, struct call, request)->is_answered = true;
}

static struct replica *replica_of(struct world *w)
{
    return w->nodes[0].replica;
}

static void begin_call(struct call *c)
{
    buffer_deinit(&c->out);
    *c = (struct call){.request = {.resp_version = 2, .reply = reply, .answered = answered}};
    c->writer = (struct resp_writer){.out = &c->out, .version = 2};
}

/* Begins "RAFT BACKUP" with these words. */
static void begin(struct world *w, struct call *c, const char *words)
{
    struct slice arguments[WORDS_MAX];
    uint32_t count = 0;
    const char *error;

    begin_call(c);
    for (const char *at = words; at != NULL; count++) {
        const char *end = strchrnul(at, ' ');

        assert_true(count < WORDS_MAX);
        arguments[count] = slice_of(at, (size_t)(end - at));
        at = *end == 0 ? NULL : end + 1;
    }
    error = replica_backup(replica_of(w), &c->request, count, arguments);
    if (error != NULL) {
        resp_error(&c->writer, error);
        c->is_answered = true;
    }
}

static void await(struct world *w, struct call *c)
{
    for (int i = 0; i < 5000 && !c->is_answered; i++) {
        world_run_ms(w, 1);
    }
    assert_true(c->is_answered);
}

/* The error that these words are answered with. */
static void assert_refused(struct world *w, const char *words, const char *error)
{
    struct call c = {0};

    begin(w, &c, words);
    await(w, &c);
    assert_int_equal(*buffer_begin(&c.out), '-');
    if (strncmp(buffer_begin(&c.out) + 1, error, strlen(error)) != 0) {
        fail_msg("%s: %.*s", words, (int)buffer_size(&c.out), buffer_begin(&c.out));
    }
    buffer_deinit(&c.out);
}

/* The bytes of a bulk string. */
static struct slice bytes_of(const struct call *c)
{
    const char *data = buffer_begin(&c->out);
    size_t head = (size_t)((const char *)memchr(data, '\n', buffer_size(&c->out)) - data) + 1;

    if (data[0] != '$') {
        fail_msg("%.*s", (int)buffer_size(&c->out), data);
    }
    return slice_of(data + head, buffer_size(&c->out) - head - 2);
}

/* A write with a value of so many bytes. */
static void set(struct world *w, size_t size)
{
    struct replica *r = replica_of(w);
    struct call c = {0};
    char *value = test_malloc(size + 1);
    struct slice arguments[] = {slice_str("SET"), slice_str("key"), slice_of(value, size)};

    memset(value, 'v', size);
    begin_call(&c);
    request_encode(&c.request, command_find(&w->commands, arguments[0]), 0, 3, arguments);
    replica_submit(r, &c.request);
    await(w, &c);
    assert_int_equal(*buffer_begin(&c.out), '+');
    buffer_deinit(&c.out);
    test_free(value);
}

static struct store_snapshot make_snapshot(struct world *w)
{
    struct call c = {0};

    begin_call(&c);
    replica_snapshot(replica_of(w), &c.request);
    await(w, &c);
    assert_int_equal(*buffer_begin(&c.out), '*');
    buffer_deinit(&c.out);
    return snapshot_newest(replica_of(w)->store);
}

static const char *snapshot_words(const struct store_snapshot *s, uint64_t offset)
{
    static char words[200];

    snprintf(words, sizeof words, "SNAPSHOT %llu %llu %llu %016llx %llu",
             (unsigned long long)s->index, (unsigned long long)s->term,
             (unsigned long long)s->bytes, (unsigned long long)s->checksum,
             (unsigned long long)offset);
    return words;
}

static const char *log_words(uint64_t index, uint64_t term, uint64_t offset, uint64_t last)
{
    static char words[200];

    snprintf(words, sizeof words, "LOG %llu %llu %llu %llu", (unsigned long long)index,
             (unsigned long long)term, (unsigned long long)offset, (unsigned long long)last);
    return words;
}

static int setup(void **state)
{
    int rv = world_setup(state);
    struct world *w = *state;

    for (const struct command *const *rows = kv_command_tables; *rows != NULL; rows++) {
        command_table_add(&w->commands, *rows);
    }
    return rv;
}

/* --- tests --- */

static void test_backups__list_what_there_is(void **state)
{
    struct world *w = *state;
    struct buffer out = {0};
    struct resp_writer writer = {.out = &out, .version = 2};
    char expected[64];

    struct store_snapshot snapshot = make_snapshot(w);

    replica_list_backups(replica_of(w), &writer);
    buffer_append(&out, "", 1);
    snprintf(expected, sizeof expected, "last_index\r\n:%llu\r\n",
             (unsigned long long)replica_applied_index(replica_of(w)));
    assert_non_null(strstr(buffer_begin(&out), expected));
    snprintf(expected, sizeof expected, "checksum\r\n$16\r\n%016llx\r\n",
             (unsigned long long)snapshot.checksum);
    assert_non_null(strstr(buffer_begin(&out), expected));
    buffer_deinit(&out);
}

static void test_backups__give_the_bytes_of_a_snapshot(void **state)
{
    struct world *w = *state;
    struct call c = {0};
    struct store_snapshot snapshot;

    for (int i = 0; i < 3; i++) {
        set(w, 1000);
    }
    snapshot = make_snapshot(w);
    begin(w, &c, snapshot_words(&snapshot, 0));
    assert_false(c.is_answered); /* Never during the call. */
    await(w, &c);
    assert_int_equal(bytes_of(&c).size, snapshot.bytes);
    begin(w, &c, snapshot_words(&snapshot, snapshot.bytes - 512));
    await(w, &c);
    assert_int_equal(bytes_of(&c).size, 512);
    begin(w, &c, snapshot_words(&snapshot, snapshot.bytes));
    await(w, &c);
    assert_int_equal(bytes_of(&c).size, 0);
    assert_true(serving_has(&replica_of(w)->serving, snapshot.index));
    snapshot.checksum++;
    assert_refused(w, snapshot_words(&snapshot, 0), "GONE");
    buffer_deinit(&c.out);
}

static void test_backups__refuse_what_makes_no_sense(void **state)
{
    static const char *const wrong[] = {
        "NONSENSE",
        "SNAPSHOT",
        "SNAPSHOT 1 1 1024 0",
        "SNAPSHOT 0 1 1024 0 0",
        "LOG",
        "LOG 1 0 0",
        "SNAPSHOT 1 1 1000 0 0",
        "SNAPSHOT 1 1 1024 g 0",
        "LOG 1 0 x 1",
        "LOG -1 0 0 1",
        "LOG 1 0 0 1 1",
        "LOG 1 0 1000000 1",
        "LOG 1 0 0 1 7",
        "SNAPSHOT 1 1 512 0 0",
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_refused(w, wrong[i], "ERR syntax error");
    }
}

static void test_backups__give_the_log(void **state)
{
    struct world *w = *state;
    struct call c = {0};
    struct entry_stream stream;
    uint64_t last;

    set(w, 10);
    last = replica_applied_index(replica_of(w));
    entry_stream_init(&stream, &(struct store_origin){0});
    begin(w, &c, log_words(1, 0, 0, last));
    await(w, &c);
    assert_int_equal(entry_stream_take(&stream, bytes_of(&c)), 0);
    assert_int_equal(stream.last.index, last);
    assert_int_equal(stream.offset, 0);
    assert_int_equal(serving_oldest(&replica_of(w)->serving), last);
    begin(w, &c, log_words(1, 0, 0, last - 1)); /* Nothing after the last one asked for. */
    await(w, &c);
    entry_stream_init(&stream, &(struct store_origin){0});
    assert_int_equal(entry_stream_take(&stream, bytes_of(&c)), 0);
    assert_int_equal(stream.last.index, last - 1);
    buffer_deinit(&c.out);
}

static void test_backups__give_no_entries_that_are_not_executed(void **state)
{
    struct world *w = *state;
    uint64_t last = replica_applied_index(replica_of(w));

    assert_refused(w, log_words(1, 0, 0, last + 1), "ERR this node has not executed");
    assert_refused(w, log_words(last + 1, 1, 0, last), "ERR this node has not executed");
}

/* An entry that was committed under another term elsewhere. */
static void test_backups__continue_no_log_of_another_history(void **state)
{
    struct world *w = *state;
    uint64_t last = replica_applied_index(replica_of(w));

    assert_refused(w, log_words(last, 99, 0, last), "ERR the log of this node has another");
}

static uint64_t take_all(struct world *w, uint64_t first, uint64_t term, uint64_t last)
{
    struct entry_stream stream;
    struct call c = {0};
    uint64_t count = 0;

    entry_stream_init(&stream, &(struct store_origin){.index = first - 1, .term = term});
    while (stream.last.index < last) {
        begin(w, &c, log_words(stream.last.index + 1, stream.last.term, stream.offset, last));
        await(w, &c);
        assert_true(bytes_of(&c).size > 0 && bytes_of(&c).size <= BACKUP_PART_BYTES);
        assert_int_equal(entry_stream_take(&stream, bytes_of(&c)), 0);
        count++;
    }
    buffer_deinit(&c.out);
    return count;
}

/* Entries that have left the memory are read from the disk; one that is larger than a part is read
 * once. */
static void test_backups__give_large_entries_in_parts(void **state)
{
    struct world *w = *state;
    struct replica *r = replica_of(w);
    uint64_t last;

    r->options.in_flight_bytes_max = 16 * LARGE;
    r->options.log_memory_bytes = 0;
    r->snapshotter.options.after_bytes = UINT64_MAX / 8;
    set(w, LARGE);
    set(w, 10);
    last = replica_applied_index(r);
    world_run_ms(w, 100);
    assert_true(r->window.first > 1);
    assert_true(take_all(w, 1, 0, last) >= 4);
    assert_null(r->backups.held);
}

static void test_backups__forget_a_large_entry_in_time(void **state)
{
    struct world *w = *state;
    struct replica *r = replica_of(w);
    struct call c = {0};
    uint64_t last;

    set(w, LARGE);
    last = replica_applied_index(r);
    begin(w, &c, log_words(last, raft_term_at(r->raft, last - 1), 0, last));
    await(w, &c);
    assert_non_null(r->backups.held);
    world_run_ms(w, 11 * 1000);
    assert_null(r->backups.held);
    buffer_deinit(&c.out);
}

static void test_backups__say_if_the_log_begins_later(void **state)
{
    struct world *w = *state;
    struct replica *r = replica_of(w);

    r->options.log_tail_bytes = 0;
    for (int i = 0; i < 3; i++) {
        set(w, 1000);
    }
    make_snapshot(w);
    world_run_ms(w, 100);
    assert_true(raft_first_index(r->raft) > 1);
    assert_refused(w, log_words(1, 0, 0, 2), "GONE");
}

static void test_backups__go_no_faster_than_the_rate(void **state)
{
    struct world *w = *state;
    struct replica *r = replica_of(w);
    struct call c = {0};
    struct store_snapshot snapshot;
    uint64_t begun_ns;

    set(w, 1000);
    snapshot = make_snapshot(w);
    r->options.snapshot_rate_bytes = snapshot.bytes; /* A second for each. */
    begun_ns = sim_now_ns(w->sim);
    for (int i = 0; i < 3; i++) {
        begin(w, &c, snapshot_words(&snapshot, 0));
        await(w, &c);
    }
    assert_true(sim_now_ns(w->sim) - begun_ns > 1900 * SIM_MS);
    buffer_deinit(&c.out);
}

static void test_backups__refuse_more_than_may_wait(void **state)
{
    struct world *w = *state;
    struct call calls[BACKUP_PARTS_MAX + 1] = {0};
    struct store_snapshot snapshot = make_snapshot(w);

    for (int i = 0; i < BACKUP_PARTS_MAX; i++) {
        begin(w, &calls[i], snapshot_words(&snapshot, 0));
        assert_false(calls[i].is_answered);
    }
    begin(w, &calls[BACKUP_PARTS_MAX], snapshot_words(&snapshot, 0));
    assert_true(calls[BACKUP_PARTS_MAX].is_answered);
    assert_memory_equal(buffer_begin(&calls[BACKUP_PARTS_MAX].out), "-TRYAGAIN", 9);
    for (int i = 0; i <= BACKUP_PARTS_MAX; i++) {
        await(w, &calls[i]);
        buffer_deinit(&calls[i].out);
    }
    assert_int_equal(replica_of(w)->backups.count, 0);
}

static void test_backups__that_wait_are_answered_at_the_end(void **state)
{
    struct world *w = *state;
    struct call calls[3] = {0};
    struct store_snapshot snapshot = make_snapshot(w);

    for (int i = 0; i < 3; i++) {
        begin(w, &calls[i], snapshot_words(&snapshot, 0));
    }
    while (replica_of(w)->backups.reading == NULL) {
        assert_true(sim_step(w->sim, UINT64_MAX));
    }
    world_stop(w, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(calls[i].is_answered);
        buffer_deinit(&calls[i].out);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_backups__list_what_there_is),
        TEST(test_backups__give_the_bytes_of_a_snapshot),
        TEST(test_backups__refuse_what_makes_no_sense),
        TEST(test_backups__give_the_log),
        TEST(test_backups__give_no_entries_that_are_not_executed),
        TEST(test_backups__continue_no_log_of_another_history),
        TEST(test_backups__give_large_entries_in_parts),
        TEST(test_backups__forget_a_large_entry_in_time),
        TEST(test_backups__say_if_the_log_begins_later),
        TEST(test_backups__go_no_faster_than_the_rate),
        TEST(test_backups__refuse_more_than_may_wait),
        TEST(test_backups__that_wait_are_answered_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
