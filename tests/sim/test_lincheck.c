/* The checker on histories with a known verdict: hand-made ones (histories/), and ones for which
 * every order is tried (lincheck_oracle.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "lincheck/lincheck.h"
#include "lincheck_oracle.h"

static const char *histories_directory;

static void judge(struct slice text, const struct lincheck_options *options,
                  struct lincheck_result *ret_result)
{
    struct history *h = history_new();
    struct buffer error = {0};

    if (history_read(h, "text", text, &error) < 0) {
        fail_msg("%.*s", (int)buffer_size(&error), buffer_begin(&error));
    }
    lincheck_run(h, options, ret_result);
    history_free(h);
}

static bool says(const struct lincheck_result *result, const char *words)
{
    return buffer_size(&result->text) > 0 &&
           memmem(buffer_begin(&result->text), buffer_size(&result->text), words, strlen(words)) !=
               NULL;
}

/* --- by hand -------------------------------------------------------------------------------- */

/* "# culprit LINE" in a bad history: the first reply that can't be explained. */
static int culprit_in(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    int culprit = 0;

    assert_non_null(file);
    while (culprit == 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "# culprit %d", &culprit) != 1) {
            culprit = 0;
        }
    }
    fclose(file);
    return culprit;
}

static void judge_file(const char *path, enum lincheck_outcome expected)
{
    struct lincheck_options options = {.explanations_max = 1};
    struct lincheck_result result;
    struct history *h = history_new();
    struct buffer error = {0};
    char place[600];

    if (history_read_file(h, path, &error) < 0) {
        fail_msg("%.*s", (int)buffer_size(&error), buffer_begin(&error));
    }
    lincheck_run(h, &options, &result);
    if (result.outcome != expected) {
        fail_msg("%s: outcome %d, expected %d\n%.*s", path, result.outcome, expected,
                 (int)buffer_size(&result.text), buffer_slice(&result.text).data);
    }
    if (expected == LINCHECK_VIOLATION) {
        int culprit = culprit_in(path);

        snprintf(place, sizeof place, " s, %s:%d\n", path, culprit);
        if (culprit == 0 || !says(&result, place)) {
            fail_msg("%s: expected line %d\n%.*s", path, culprit, (int)buffer_size(&result.text),
                     buffer_begin(&result.text));
        }
    }
    lincheck_result_deinit(&result);
    history_free(h);
}

static void test_lincheck__distinguishes_good_histories_from_bad_ones(void **state)
{
    static const char *const prefixes[] = {"good_", "bad_", "refused_"};
    static const enum lincheck_outcome outcomes[] = {LINCHECK_LINEARIZABLE, LINCHECK_VIOLATION,
                                                     LINCHECK_REFUSED};
    DIR *directory = opendir(histories_directory);
    uint32_t counts[3] = {0};

    (void)state;
    assert_non_null(directory);
    for (struct dirent *e = readdir(directory); e != NULL; e = readdir(directory)) {
        for (uint32_t i = 0; i < 3; i++) {
            char path[512];

            if (strncmp(e->d_name, prefixes[i], strlen(prefixes[i])) == 0) {
                snprintf(path, sizeof path, "%s/%.200s", histories_directory, e->d_name);
                judge_file(path, outcomes[i]);
                counts[i]++;
            }
        }
    }
    closedir(directory);
    assert_true(counts[0] >= 10);
    assert_true(counts[1] >= 20);
    assert_true(counts[2] >= 5);
}

static void test_lincheck__explains_a_stale_read(void **state)
{
    static const char text[] = "rakit-history 1\n"
                               "c1 0 10 SET x 1 -> +OK\n"
                               "c1 20 30 SET x 2 -> +OK\n"
                               "c2 35 50 SET x 3 -> +OK\n"
                               "c3 40 50 GET x -> \"1\"\n"
                               "c3 60 70 GET x -> \"3\"\n";
    struct lincheck_options options = {.explanations_max = 1};
    struct lincheck_result result;

    (void)state;
    judge(slice_str(text), &options, &result);
    assert_int_equal(result.outcome, LINCHECK_VIOLATION);
    assert_true(says(&result, "Not linearizable: key x\n"));
    assert_true(says(&result, "The first 4 replies can't be explained; the last of them is\n\n"
                              "    GET x -> \"1\"\n    client c3, "));
    /* The write of 3 was under way: the read could have been before it or after it. */
    assert_true(says(&result, "It could have been\n\n    \"3\"\n    \"2\"\n\n"));
    assert_true(says(&result, "     2. SET x 2 -> +OK\n"));
    assert_true(says(&result, "  line 2 c1 |-|              SET x 1 -> +OK\n"));
    assert_true(says(&result, "<== this\n"));
    lincheck_result_deinit(&result);
}

static void test_lincheck__counts_violations_beyond_those_it_explains(void **state)
{
    struct lincheck_options options = {.explanations_max = 2};
    struct lincheck_result result;
    struct buffer text = {0};
    uint32_t explained = 0;

    (void)state;
    history_write_header(&text);
    for (int i = 0; i < 5; i++) {
        buffer_printf(&text, "c 0 1 SET k%d 1 -> +OK\nc 2 3 GET k%d -> nil\n", i, i);
    }
    judge(buffer_slice(&text), &options, &result);
    assert_int_equal(result.outcome, LINCHECK_VIOLATION);
    assert_int_equal(result.violation_count, 5);
    assert_int_equal(result.partition_count, 5);
    for (int i = 0; i < 5; i++) {
        char words[32];

        snprintf(words, sizeof words, "Not linearizable: key k%d\n", i);
        explained += says(&result, words);
    }
    assert_int_equal(explained, 2);
    lincheck_result_deinit(&result);
    buffer_deinit(&text);
}

/* --- by trying every order ------------------------------------------------------------------- */

struct tally {
    uint32_t good;
    uint32_t bad;
    uint32_t shortest;
};

/* If a history has one group of keys, the explanation names the shortest prefix. */
static void compare_prefix(const struct oracle_history *h, const struct lincheck_result *result,
                           struct tally *tally)
{
    char words[64];
    uint32_t returns = 1;

    while (oracle_explains(h, returns)) {
        returns++;
    }
    snprintf(words, sizeof words, "The first %" PRIu32 " replies can't", returns);
    if (!says(result, words)) {
        fail_msg("not '%s':\n%.*s", words, (int)buffer_size(&result->text),
                 buffer_begin(&result->text));
    }
    tally->shortest++;
}

static void compare_with_oracle(const struct oracle_history *h, struct tally *tally)
{
    struct lincheck_options options = {.explanations_max = 1};
    struct lincheck_result result;
    struct buffer text = {0};
    bool is_good = oracle_explains(h, oracle_return_count(h));

    oracle_write(h, &text);
    judge(buffer_slice(&text), &options, &result);
    if (result.outcome != (is_good ? LINCHECK_LINEARIZABLE : LINCHECK_VIOLATION)) {
        fail_msg("outcome %d, but %s:\n%.*s", result.outcome, is_good ? "good" : "bad",
                 (int)buffer_size(&text), buffer_begin(&text));
    }
    if (!is_good && result.partition_count == 1) {
        compare_prefix(h, &result, tally);
    }
    *(is_good ? &tally->good : &tally->bad) += 1;
    lincheck_result_deinit(&result);
    buffer_deinit(&text);
}

static void test_lincheck__agrees_with_trying_every_order(void **state)
{
    struct prng random = {.state = 20261123};
    struct tally tally = {0};
    uint32_t made = 0;

    (void)state;
    for (uint32_t i = 0; i < 30000; i++) {
        static const enum oracle_kind kinds[] = {ORACLE_TWO_KEYS, ORACLE_ONE_KEY,
                                                 ORACLE_TWO_DATABASES};
        struct oracle_history h;

        oracle_make(&h, &random, kinds[i % 3]);
        if (i % 4 == 0) {
            compare_with_oracle(&h, &tally);
            made++;
        }
        for (uint64_t spoiled = 1 + prng_below(&random, 3); spoiled > 0; spoiled--) {
            oracle_spoil(&h, &random);
        }
        compare_with_oracle(&h, &tally);
    }
    /* Histories made by executing are good; many of the spoiled ones are bad, but not all. */
    assert_true(tally.good >= made + 2000);
    assert_true(tally.bad >= 10000);
    assert_true(tally.shortest >= 5000);
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lincheck__distinguishes_good_histories_from_bad_ones),
        cmocka_unit_test(test_lincheck__explains_a_stale_read),
        cmocka_unit_test(test_lincheck__counts_violations_beyond_those_it_explains),
        cmocka_unit_test(test_lincheck__agrees_with_trying_every_order),
    };

    if (argument_count != 2) {
        fprintf(stderr, "Usage: %s DIRECTORY_OF_HISTORIES\n", arguments[0]);
        return 2;
    }
    histories_directory = arguments[1];
    return cmocka_run_group_tests_name("lincheck", tests, NULL, NULL);
}
