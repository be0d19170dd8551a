/* What rakit-log shows of directories, intact and damaged. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cluster/level.h"
#include "fixture.h"
#include "inspect/inspect.h"
#include "kv/codec.h"
#include "raft/raft.h"

enum { RECORD_AT = 1024, BATCH_BYTES = 1024, TEXT_BYTES = 16 * 1024 };

static const char first_segment[] = "log-0000000000000001.seg";

static const struct style plain;

struct looked {
    enum inspect_status status;
    struct output out;
    char text[TEXT_BYTES];
};

/* The store is closed first, because its workers may still be preparing files. */
static void look(struct fixture *f, struct inspect_options options, struct looked *looked)
{
    uint64_t before;

    if (f->store != NULL) {
        fixture_close(f);
    }
    before = fixture_digest(f);

    *looked = (struct looked){0};
    options.dir = f->dir;
    options.from = options.from == 0 ? 1 : options.from;
    options.to = options.to == 0 ? UINT64_MAX : options.to;
    looked->status =
        inspect(f->io, &options, &plain, &looked->out, looked->text, sizeof looked->text);
    buffer_append(&looked->out.text, "", 1);
    assert_int_equal(fixture_digest(f), before);
}

static bool says(const struct looked *l, const char *words)
{
    return strstr(buffer_begin(&l->out.text), words) != NULL;
}

static void put_down(struct looked *l)
{
    buffer_deinit(&l->out.text);
}

/* --- a log ---------------------------------------------------------------------------------- */

static void append(struct fixture *f, struct entry *e, uint64_t truncate_from)
{
    struct store_write w = {.seq = ++f->seq,
                            .truncate_from = truncate_from,
                            .commit_index = f->commit_index,
                            .entries = &e,
                            .entry_count = 1};

    f->last_index = truncate_from == 0 ? f->last_index + 1 : truncate_from;
    e->index = f->last_index;
    e->term = 1;
    e->time_us = 1796053311061955 + e->index;
    store_write(f->store, &w);
    store_flush(f->store);
    entry_release(e);
    fixture_await(f);
}

static struct entry *command_entry(uint8_t database, const char *const *words)
{
    struct slice arguments[8];
    struct command_head head = {.database = database};

    while (words[head.argument_count] != NULL) {
        arguments[head.argument_count] = slice_str(words[head.argument_count]);
        head.argument_count++;
    }

    struct entry *e = entry_new(RAFT_COMMAND, (uint32_t)command_payload_size(&head, arguments));

    command_payload_write(e->data, &head, arguments);
    return e;
}

#define COMMAND(database, ...) command_entry(database, (const char *const[]){__VA_ARGS__, NULL})

/* Each entry in a batch of two sectors: batch n begins at sector 2n - 1. */
static void make_log(struct fixture *f)
{
    fixture_open(f);
    fixture_vote(f, 1, FIXTURE_NODE);
    append(f, entry_new(RAFT_NOOP, 0), 0);
    append(f, COMMAND(0, "SET", "colour", "dark blue"), 0);
    append(f, COMMAND(3, "DEL", "a", "b\n"), 0);
    append(f, level_encode(2), 0);
    f->commit_index = 4;
    append(f, COMMAND(0, "SET", "lost", "x"), 0);
    append(f, COMMAND(0, "MSET", "k1", "v", "colour", "red"), 5);
    append(f, COMMAND(0, "FLUSHALL"), 0);
}

static void spoil(const struct fixture *f, const char *name, size_t at)
{
    struct image image = image_read(f, name);

    image.data[at] ^= 4;
    image_write(f, name, &image);
    image_free(&image);
}

static void spoil_record(const struct fixture *f, uint64_t batch)
{
    spoil(f, first_segment, RECORD_AT + (batch - 1) * BATCH_BYTES + 42);
}

/* --- sound ---------------------------------------------------------------------------------- */

static void test_inspect__explains_each_entry(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    look(f, (struct inspect_options){0}, &l);
    assert_int_equal(l.status, INSPECT_GOOD);
    assert_true(says(&l, "cluster   00000000000000c1\nnode      0000000000000017\n"));
    assert_true(says(&l, "verdict   good: a node would start here\n"));
    assert_true(says(&l, "log       entries 1 to 6, committed at least up to 4\n"));
    assert_true(says(&l, "segment 1  log-0000000000000001.seg, "));
    assert_true(says(&l, "noop    the first entry of a leader\n"));
    assert_true(says(&l, "command SET colour \"dark blue\"\n"));
    assert_true(says(&l, "command [3] DEL a \"b\\x0a\"\n"));
    assert_true(says(&l, "level   the feature level becomes 2\n"));
    assert_true(says(&l, "command (dropped later) SET lost x\n"));
    assert_true(says(&l, ", drops entries from 5 on\n"));
    assert_true(says(&l, "command (commit not known) MSET k1 v colour red\n"));
    put_down(&l);
}

static void test_inspect__shows_a_part(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    look(f, (struct inspect_options){.from = 2, .to = 3}, &l);
    assert_true(says(&l, "SET colour") && says(&l, "DEL a"));
    assert_false(says(&l, "noop") || says(&l, "level ") || says(&l, "batch 4"));
    put_down(&l);
    look(f, (struct inspect_options){.key = "col*"}, &l);
    assert_true(says(&l, "SET colour") && says(&l, "MSET k1") && says(&l, "FLUSHALL"));
    assert_false(says(&l, "DEL a") || says(&l, "SET lost") || says(&l, "noop"));
    put_down(&l);
    look(f, (struct inspect_options){.is_verdict_only = true}, &l);
    assert_int_equal(l.status, INSPECT_GOOD);
    assert_true(says(&l, "verdict   good"));
    assert_false(says(&l, "segment 1  "));
    put_down(&l);
}

static void test_inspect__shows_one_entry_in_full(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    look(f, (struct inspect_options){.entry = 5}, &l);
    assert_int_equal(l.status, INSPECT_GOOD);
    assert_true(says(&l, "state       dropped later\n"));
    assert_true(says(&l, "argument 2  x\n"));
    assert_true(says(&l, "state       commit not known\n"));
    assert_true(says(&l, "argument 4  red\n"));
    assert_true(says(&l, "stands in   log-0000000000000001.seg, byte 6144, batch 6, job "));
    assert_false(says(&l, "SET colour") || says(&l, "verdict"));
    put_down(&l);
    look(f, (struct inspect_options){.entry = 7}, &l);
    assert_int_equal(l.status, INSPECT_REFUSED);
    assert_non_null(strstr(l.text, "there is no entry 7"));
    assert_non_null(strstr(l.text, "the entries 1 to 6"));
    put_down(&l);
}

static void test_inspect__speaks_json(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    look(f, (struct inspect_options){.is_json = true}, &l);
    assert_true(says(&l, "{\"type\":\"directory\",\"path\":\""));
    assert_true(says(&l, "{\"type\":\"verdict\",\"verdict\":\"good\"}\n"));
    assert_true(says(&l, "{\"type\":\"entry\",\"index\":2,\"term\":1,"
                         "\"time\":\"2026-11-30T15:41:51.061957Z\",\"time_us\":1796053311061957,"
                         "\"kind\":\"command\",\"kind_number\":2,"));
    assert_true(says(&l, "\"state\":\"live\",\"is_committed\":true,\"database\":0,"
                         "\"arguments\":[\"SET\",\"colour\",\"dark blue\"]}\n"));
    assert_true(says(&l, "\"state\":\"dropped\",\"is_committed\":false,"));
    assert_true(says(&l, "\"level\":2}\n"));
    put_down(&l);
}

static void test_inspect__begins_behind_the_origin(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    for (uint64_t i = 1; i <= 3; i++) {
        f->terms[i] = 1;
    }
    fixture_move_origin(f, 3);
    look(f, (struct inspect_options){0}, &l);
    assert_int_equal(l.status, INSPECT_GOOD);
    assert_true(says(&l, "origin    the log begins behind entry 3 of term 1, with segment 1\n"));
    assert_true(says(&l, "log       entries 4 to 6, "));
    assert_true(says(&l, "command (at or below the origin) SET colour"));
    put_down(&l);
}

/* --- damaged -------------------------------------------------------------------------------- */

static void test_inspect__explains_a_damaged_record(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    fixture_close(f);
    spoil_record(f, 3);
    look(f, (struct inspect_options){0}, &l);
    assert_int_equal(l.status, INSPECT_DAMAGED);
    assert_true(
        says(&l, "verdict   damaged: a node would start here if there are other members, and get "
                 "from them what is missing\n"));
    assert_true(says(&l, "entries 3 to 3 cannot be read"));
    assert_true(says(&l, "  do      the next start keeps what comes before"));
    assert_true(says(&l, ": DAMAGED\n        3    1 "));
    assert_true(says(&l, "DAMAGED: the record of "));
    assert_true(says(&l, ": CUT OFF, the log ends before it\n        4    1 "));
    assert_true(says(&l, "log       entries 1 to 2, "));
    put_down(&l);
    look(f, (struct inspect_options){.is_json = true}, &l);
    assert_int_equal(l.status, INSPECT_DAMAGED);
    assert_true(says(&l, "{\"type\":\"verdict\",\"verdict\":\"repaired\"}\n"));
    assert_true(says(&l, "\"state\":\"damaged\",\"is_committed\":false}\n"));
    assert_true(says(&l, "\"state\":\"cut-off\""));
    put_down(&l);
}

static void test_inspect__reports_a_copy_of_the_vote_that_is_lost(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    fixture_close(f);
    spoil(f, "vote-b", 40);
    look(f, (struct inspect_options){.is_verdict_only = true}, &l);
    assert_int_equal(l.status, INSPECT_DAMAGED);
    assert_true(says(&l, "verdict   damaged: a node would start here and mend it\n"));
    assert_true(says(&l, "vote-b    damaged\n"));
    assert_true(says(&l, "(vote-copy-lost)\n"));
    put_down(&l);
    spoil(f, "vote-a", 40);
    look(f, (struct inspect_options){0}, &l);
    assert_int_equal(l.status, INSPECT_DAMAGED);
    assert_true(says(&l, "(votes-lost)\n"));
    assert_true(says(&l, "cannot be judged without a vote"));
    assert_true(says(&l, "SET colour")); /* It is shown all the same. */
    put_down(&l);
}

static void test_inspect__shows_what_a_crash_left(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    fixture_close(f);
    spoil(f, first_segment, 12000);
    look(f, (struct inspect_options){0}, &l);
    assert_int_equal(l.status, INSPECT_GOOD);
    assert_true(says(&l, "(torn-tail)\n  do      nothing: the next start overwrites it"));
    assert_true(says(&l, "behind the end  segment 1, byte 11776, 512 bytes: nothing that can be "
                         "read\n"));
    put_down(&l);
}

static void test_inspect__names_a_segment_that_is_cut_short(void **state)
{
    struct fixture *f = *state;
    struct looked l;
    struct image image;

    make_log(f);
    fixture_close(f);
    image = image_read(f, first_segment);
    image.size -= 512;
    image_write(f, first_segment, &image);
    image_free(&image);
    look(f, (struct inspect_options){0}, &l);
    assert_int_equal(l.status, INSPECT_DAMAGED);
    assert_true(says(&l, "log-0000000000000001.seg is cut short: it and all behind it were not "
                         "read\n"));
    assert_true(says(&l, "(segment-short)\n"));
    put_down(&l);
}

static void test_inspect__verifies_snapshots(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    make_log(f);
    fixture_make_snapshot(f, 4, 1);
    fixture_close(f);
    look(f, (struct inspect_options){.is_verdict_only = true}, &l);
    assert_int_equal(l.status, INSPECT_GOOD);
    assert_true(says(&l, "snapshot  of entry 4, term 1, "));
    assert_true(says(&l, "made by 0000000000000017 (itself)\n"));
    assert_true(says(&l, ", all of it good\n"));
    assert_true(says(&l, "(snapshot-good)\n"));
    put_down(&l);
    look(f, (struct inspect_options){.is_json = true}, &l);
    assert_true(says(&l, "{\"type\":\"snapshot\",\"file\":\"snapshot-0000000000000004.snap\","
                         "\"is_being_received\":false,\"state\":\"good\",\"index\":4,"));
    put_down(&l);
    /* A start finds that only when it loads it. */
    spoil(f, "snapshot-0000000000000004.snap", 512 + 65);
    look(f, (struct inspect_options){0}, &l);
    assert_int_equal(l.status, INSPECT_DAMAGED);
    assert_true(says(&l, ", damaged, good up to byte 512\n"));
    assert_true(says(&l, "snapshots snapshot-0000000000000004.snap is damaged from byte 512 of "));
    put_down(&l);
}

static void test_inspect__refuses_what_is_no_data_directory(void **state)
{
    struct fixture *f = *state;
    struct looked l;

    fixture_enter(f, "empty");
    look(f, (struct inspect_options){0}, &l);
    assert_int_equal(l.status, INSPECT_REFUSED);
    assert_non_null(strstr(l.text, "is no data directory of Rakit"));
    put_down(&l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_inspect__explains_each_entry),
        TEST(test_inspect__shows_a_part),
        TEST(test_inspect__shows_one_entry_in_full),
        TEST(test_inspect__speaks_json),
        TEST(test_inspect__begins_behind_the_origin),
        TEST(test_inspect__explains_a_damaged_record),
        TEST(test_inspect__reports_a_copy_of_the_vote_that_is_lost),
        TEST(test_inspect__shows_what_a_crash_left),
        TEST(test_inspect__names_a_segment_that_is_cut_short),
        TEST(test_inspect__verifies_snapshots),
        TEST(test_inspect__refuses_what_is_no_data_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
