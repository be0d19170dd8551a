/* Histories as text: what is written can be read back, and what is wrong is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "lincheck/arena.h"
#include "lincheck/history.h"

#define HEADER "rakit-history 1\n"

/* --- writing and reading back ------------------------------------------------------------ */

static struct slice random_word(struct prng *random, struct arena *arena)
{
    size_t size = prng_below(random, 12);
    char *word = arena_take(arena, size + 1);

    for (size_t i = 0; i < size; i++) {
        /* Any bytes; significant ones more often. */
        word[i] = prng_chance(random, 1, 2) ? (char)prng_below(random, 256)
                                            : "\"\\ #->?[]+-:nx\n"[prng_below(random, 15)];
    }
    return slice_of(word, size);
}

static struct history_reply random_reply(struct prng *random, struct arena *arena, bool may_nest)
{
    struct history_reply reply = {
        .kind = (enum history_reply_kind)(HISTORY_STATUS + prng_below(random, may_nest ? 6 : 5))};

    if (reply.kind == HISTORY_INTEGER) {
        reply.integer = (int64_t)prng_next(random);
    } else if (reply.kind == HISTORY_ARRAY) {
        reply.element_count = (uint32_t)prng_below(random, 20);

        struct history_reply *elements =
            arena_take(arena, (reply.element_count + 1) * sizeof *elements);

        for (uint32_t i = 0; i < reply.element_count; i++) {
            elements[i] = random_reply(random, arena, false);
        }
        reply.elements = elements;
    } else if (reply.kind != HISTORY_NIL) {
        reply.text = random_word(random, arena);
    }
    return reply;
}

static void assert_operations_equal(const struct history_operation *a,
                                    const struct history_operation *b)
{
    assert_true(slice_equal(a->client, b->client));
    assert_true(a->invoke_ns == b->invoke_ns);
    assert_true(a->return_ns == b->return_ns);
    assert_true(a->settled_ns == b->settled_ns);
    assert_int_equal(a->argument_count, b->argument_count);
    for (uint32_t i = 0; i < a->argument_count; i++) {
        assert_true(slice_equal(a->arguments[i], b->arguments[i]));
    }
    assert_true(history_reply_equal(&a->reply, &b->reply));
}

static void test_history__reads_back_what_it_wrote_whatever_the_bytes(void **state)
{
    struct prng random = {.state = 4711};
    struct arena arena = {0};
    struct history *written = history_new();
    struct history *read = history_new();
    struct buffer text = {0};
    struct buffer error = {0};

    (void)state;
    history_write_header(&text);
    for (uint32_t i = 0; i < 2000; i++) {
        struct slice arguments[20];
        struct history_operation operation = {
            .client = random_word(&random, &arena),
            .invoke_ns = prng_next(&random) >> 2,
            .return_ns = HISTORY_OPEN,
            .arguments = arguments,
            .argument_count = 1 + (uint32_t)prng_below(&random, 20),
        };

        for (uint32_t k = 0; k < operation.argument_count; k++) {
            arguments[k] = random_word(&random, &arena);
        }
        if (prng_chance(&random, 3, 4)) {
            operation.return_ns = operation.invoke_ns + prng_below(&random, 1000);
            operation.reply = random_reply(&random, &arena, true);
        } else if (prng_chance(&random, 1, 2)) {
            operation.settled_ns = operation.invoke_ns + 1 + prng_below(&random, 1000);
        }
        history_add(written, &operation);
        history_write(&text, &operation);
    }
    assert_int_equal(history_read(read, "text", buffer_slice(&text), &error), 0);
    assert_int_equal(history_count(read), history_count(written));
    for (uint32_t i = 0; i < history_count(read); i++) {
        assert_operations_equal(history_at(read, i), history_at(written, i));
        assert_int_equal(history_at(read, i)->line, i + 2);
    }
    history_free(written);
    history_free(read);
    buffer_deinit(&text);
    arena_reset(&arena);
}

/* --- what stands in a line ------------------------------------------------------------------ */

static void test_history__passes_over_comments_blanks_and_repeated_headers(void **state)
{
    static const char text[] =
        "# a comment\n\n" HEADER "\t c1  0 \t 10  GET x -> nil \t\n" HEADER "  # another\n"
        "c2 5 ? SET x \"->\"\n";
    struct history *h = history_new();
    struct buffer error = {0};

    (void)state;
    assert_int_equal(history_read(h, "text", slice_str(text), &error), 0);
    assert_int_equal(history_count(h), 2);

    const struct history_operation *open = history_at(h, 1);

    assert_true(open->return_ns == HISTORY_OPEN);
    assert_int_equal(open->reply.kind, HISTORY_NOTHING);
    assert_int_equal(open->argument_count, 3);
    assert_true(slice_equal(open->arguments[2], slice_str("->")));
    assert_int_equal(open->line, 7);
    history_free(h);
}

static void expect_refusal(const char *text, const char *what)
{
    struct history *h = history_new();
    struct buffer error = {0};

    assert_int_equal(history_read(h, "text", slice_str(text), &error), -1);
    buffer_append(&error, "", 1);
    if (strcmp(error.data, what) != 0) {
        fail_msg("%s\nexpected: %s\ngot: %s", text, what, error.data);
    }
    buffer_deinit(&error);
    history_free(h);
}

static void test_history__refuses_what_is_not_a_history(void **state)
{
    (void)state;
    expect_refusal("", "text:0: not a history: it is empty");
    expect_refusal("# only this\n", "text:1: not a history: it is empty");
    expect_refusal("rakit-history 2\n",
                   "text:1: not a history: the first line must be \"rakit-history 1\"");
    expect_refusal("c 0 1 GET x -> nil\n",
                   "text:1: not a history: the first line must be \"rakit-history 1\"");
    /* A recorder that was killed may have lost more than half a line. */
    expect_refusal(HEADER "c 0 1 GET x -> nil",
                   "text:2: the last line is cut off: it has no end of line");
}

static void test_history__refuses_broken_lines(void **state)
{
    (void)state;
    expect_refusal(HEADER "c\n", "text:2: a word is missing");
    expect_refusal(HEADER "c x 1 GET x -> nil\n", "text:2: not a time in nanoseconds");
    expect_refusal(HEADER "c -1 1 GET x -> nil\n", "text:2: not a time in nanoseconds");
    expect_refusal(HEADER "c 0 1.5 GET x -> nil\n", "text:2: not a time in nanoseconds");
    expect_refusal(HEADER "c 0 99999999999999999999 GET x -> nil\n",
                   "text:2: not a time in nanoseconds");
    expect_refusal(HEADER "c 2 1 GET x -> nil\n", "text:2: it returns before it is called");
    expect_refusal(HEADER "c 0 1 -> nil\n", "text:2: the command is missing");
    expect_refusal(HEADER "c 0 ?\n", "text:2: not a time in nanoseconds");
    expect_refusal(HEADER "c 0 1 GET x\n", "text:2: the reply is missing (-> REPLY)");
    expect_refusal(HEADER "c 0 1 GET x ->\n", "text:2: a word is missing");
    expect_refusal(HEADER "c 0 ? GET x -> nil\n",
                   "text:2: an operation with an unknown outcome (?) has no reply");
    expect_refusal(HEADER "c 0 1 GET x -> nil nil\n", "text:2: the line goes on behind the reply");
}

static void test_history__refuses_broken_words_and_replies(void **state)
{
    static const char no_reply[] =
        "text:2: not a reply: +STATUS, -ERROR, :INTEGER, \"STRING\", nil or [ ... ]";

    (void)state;
    expect_refusal(HEADER "c 0 1 GET x -> OK\n", no_reply);
    expect_refusal(HEADER "c 0 1 GET x -> :1.5\n", no_reply);
    expect_refusal(HEADER "c 0 1 GET x -> :\n", no_reply);
    expect_refusal(HEADER "c 0 1 GET x -> :9223372036854775808\n", no_reply);
    expect_refusal(HEADER "c 0 1 MGET x -> [ [ nil ] ]\n", no_reply);
    expect_refusal(HEADER "c 0 1 MGET x -> [ nil\n", "text:2: the closing bracket is missing");
    expect_refusal(HEADER "c 0 1 GET x -> \"v\n", "text:2: the closing quote is missing");
    expect_refusal(HEADER "c 0 1 GET \"x\"y -> nil\n",
                   "text:2: a blank must follow the closing quote");
    expect_refusal(HEADER "c 0 1 GET x\"y -> nil\n", "text:2: this byte may only stand in quotes");
    expect_refusal(HEADER "c 0 1 GET \xc3\xa4 -> nil\n",
                   "text:2: this byte may only stand in quotes");
    expect_refusal(HEADER "c 0 1 GET \"\\x4\" -> nil\n",
                   "text:2: unknown escape: \\\\, \\\", \\n, \\r, \\t and \\xHH are known");
    expect_refusal(HEADER "c 0 1 GET \"\\q\" -> nil\n",
                   "text:2: unknown escape: \\\\, \\\", \\n, \\r, \\t and \\xHH are known");
}

static void test_history__names_the_file_that_cannot_be_read(void **state)
{
    struct history *h = history_new();
    struct buffer error = {0};

    (void)state;
    assert_int_equal(history_read_file(h, "/nonexistent/file", &error), -1);
    assert_true(slice_equal(buffer_slice(&error),
                            slice_str("/nonexistent/file: No such file or directory")));
    buffer_clear(&error);
    assert_int_equal(history_read_file(h, "/", &error), -1);
    assert_true(slice_equal(buffer_slice(&error), slice_str("/: Is a directory")));
    buffer_deinit(&error);
    history_free(h);
}

/* Any mutation of a good text is either read or refused. */
static void test_history__survives_mutated_texts(void **state)
{
    static const char good[] = HEADER "c1 0 10 SET \"a\\x00\\n\" v -> +OK\n"
                                      "c2 5 ? APPEND a \"->\"\n"
                                      "c3 5 20 MGET a b -> [ \"v\" nil ]\n"
                                      "c4 5 20 INCR a -> -\"ERR no\"\n";
    struct prng random = {.state = 1};

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        char text[sizeof good];
        struct history *h = history_new();
        struct buffer error = {0};
        size_t size = sizeof good - 1 - (i % 4 == 0 ? prng_below(&random, 60) : 0);

        memcpy(text, good, sizeof good);
        for (uint64_t flips = prng_below(&random, 4); flips > 0; flips--) {
            text[prng_below(&random, size)] = "\"\\ #->?[]\n0x:"[prng_below(&random, 13)];
        }
        if (history_read(h, "text", slice_of(text, size), &error) < 0) {
            assert_true(buffer_size(&error) > 0);
        }
        buffer_deinit(&error);
        history_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history__reads_back_what_it_wrote_whatever_the_bytes),
        cmocka_unit_test(test_history__passes_over_comments_blanks_and_repeated_headers),
        cmocka_unit_test(test_history__refuses_what_is_not_a_history),
        cmocka_unit_test(test_history__refuses_broken_lines),
        cmocka_unit_test(test_history__refuses_broken_words_and_replies),
        cmocka_unit_test(test_history__names_the_file_that_cannot_be_read),
        cmocka_unit_test(test_history__survives_mutated_texts),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
