/* The check of what readers of the stream of changes see, on streams that are right or wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/checks/changes.h"

struct reader {
    struct verdict verdict;
    struct witness *witness;
    struct changes changes;
};

static void apply(struct reader *r, const char *value)
{
    uint64_t operation = witness_next(r->witness);
    struct slice words[] = {slice_str("SET"), slice_str("k"), slice_str(value)};
    char payload[64];
    int size = snprintf(payload, sizeof payload, "%c%c%c%c%cSET%ck%c%s", 3, 1, 1, 3, 3, 1,
                        (int)strlen(value), value);

    payload[1] = 0; /* No number. */
    payload[2] = 0; /* The database. */
    assert_int_equal(witness_invoke(r->witness, 0, words, 3, true), operation);
    witness_apply(r->witness, witness_applied_index(r->witness) + 1, true,
                  slice_of(payload, (size_t)size));
}

/* Entries 1, 2 and 3 set k. */
static void reader_open(struct reader *r)
{
    *r = (struct reader){0};
    r->witness = witness_new(&r->verdict);
    r->changes = (struct changes){.witness = r->witness, .prefix = "k", .value_bytes_max = 100};
    apply(r, "a#1");
    apply(r, "b#2");
    apply(r, "c#3");
}

static void reader_close(struct reader *r, bool is_right)
{
    assert_string_equal(r->verdict.is_guilty ? r->verdict.rule : "", is_right ? "" : "changes");
    changes_deinit(&r->changes);
    witness_free(r->witness);
}

static void see(struct reader *r, uint64_t index, const char *key, const char *value)
{
    changes_saw(&r->changes, &(struct change){.index = index,
                                              .key = slice_str(key),
                                              .event = slice_str("set"),
                                              .value = slice_str(value == NULL ? "" : value),
                                              .type = slice_str(value == NULL ? "" : "string"),
                                              .has_value = value != NULL});
}

static void test_changes__that_are_all_there_are_right(void **state)
{
    struct reader r;

    (void)state;
    reader_open(&r);
    changes_compacted(&r.changes, 1, 0);
    changes_scanned(&r.changes, 1, 1, slice_str("$1\r\nk\r\n$3\r\na#1\r\n"));
    assert_false(changes_are_all(&r.changes));
    see(&r, 2, "k", "b#2");
    see(&r, 3, "k", "c#3");
    assert_true(changes_are_all(&r.changes));
    reader_close(&r, true);
}

static void test_changes__that_are_left_out_are_noticed(void **state)
{
    struct reader r;

    (void)state;
    reader_open(&r);
    see(&r, 2, "k", "b#2");
    reader_close(&r, false);
}

static void test_changes__that_come_again_are_noticed(void **state)
{
    struct reader r;

    (void)state;
    reader_open(&r);
    see(&r, 1, "k", "a#1");
    see(&r, 1, "k", "a#1");
    reader_close(&r, false);
}

static void test_changes__that_were_not_there_are_noticed(void **state)
{
    struct reader r;

    (void)state;
    reader_open(&r);
    see(&r, 1, "k", "a#1");
    changes_saw(&r.changes, &(struct change){.index = 1,
                                             .order = 1,
                                             .key = slice_str("k2"),
                                             .event = slice_str("set"),
                                             .value = slice_str("x"),
                                             .has_value = true});
    see(&r, 2, "k", "b#2");
    reader_close(&r, false);
}

static void test_changes__with_a_wrong_value_are_noticed(void **state)
{
    static const char *const values[] = {"b#2", NULL};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct reader r;

        reader_open(&r);
        see(&r, 1, "k", values[i]);
        see(&r, 2, "k", "b#2");
        reader_close(&r, false);
    }
}

static void test_changes__compacted_where_they_are_kept_are_noticed(void **state)
{
    struct reader r;

    (void)state;
    reader_open(&r);
    see(&r, 1, "k", "a#1");
    see(&r, 2, "k", "b#2");
    changes_compacted(&r.changes, 1, 0);
    reader_close(&r, false);
}

static void test_changes__after_a_wrong_scan_are_noticed(void **state)
{
    static const char *const scans[] = {"$1\r\nk\r\n$3\r\nb#2\r\n", ""};

    (void)state;
    for (uint64_t i = 0; i < 2; i++) {
        struct reader r;

        reader_open(&r);
        changes_scanned(&r.changes, 1, 1 - i, slice_str(scans[i]));
        reader_close(&r, false);
    }
}

/* --- caches ------------------------------------------------------------------------------ */

static void test_cached__values_that_a_node_has_seen_changed_are_noticed(void **state)
{
    struct reader r;

    (void)state;
    reader_open(&r);
    witness_check_cached(r.witness, slice_str("k"), 2, 2, "n1");
    witness_check_cached(r.witness, slice_str("other"), 1, 3, "n1");
    assert_false(r.verdict.is_guilty);
    witness_check_cached(r.witness, slice_str("k"), 2, 3, "n1");
    assert_string_equal(r.verdict.rule, "caches");
    witness_free(r.witness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes__that_are_all_there_are_right),
        cmocka_unit_test(test_changes__that_are_left_out_are_noticed),
        cmocka_unit_test(test_changes__that_come_again_are_noticed),
        cmocka_unit_test(test_changes__that_were_not_there_are_noticed),
        cmocka_unit_test(test_changes__with_a_wrong_value_are_noticed),
        cmocka_unit_test(test_changes__compacted_where_they_are_kept_are_noticed),
        cmocka_unit_test(test_changes__after_a_wrong_scan_are_noticed),
        cmocka_unit_test(test_cached__values_that_a_node_has_seen_changed_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
