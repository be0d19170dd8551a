/* Payloads of command entries: decoding gives what was encoded, and garbage is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/prng.h"
#include "kv/codec.h"

enum { ARGUMENTS = 300 };

/* A payload in an allocation of exactly its size. */
static struct slice encode_head(const struct command_head *head, const struct slice *arguments)
{
    size_t size = command_payload_size(head, arguments);
    char *payload = memory_take(size);

    command_payload_write(payload, head, arguments);
    return slice_of(payload, size);
}

static struct slice encode(uint8_t database, uint32_t count, const struct slice *arguments)
{
    struct command_head head = {.database = database, .argument_count = count};

    return encode_head(&head, arguments);
}

static void forget(struct slice payload)
{
    free((void *)(uintptr_t)payload.data);
}

static void expect_back(const struct command_head *head, const struct slice *arguments)
{
    struct slice payload = encode_head(head, arguments);
    uint32_t count = head->argument_count;
    struct command_head back_head = {.argument_count = 7};
    struct slice *back = memory_take_zeroed(count, sizeof *back);
    uint32_t back_count = 0;
    uint8_t back_database = 255;

    assert_true(command_payload_head(payload, &back_head));
    assert_int_equal(back_head.database, head->database);
    assert_true(slice_equal(back_head.once.client, head->once.client));
    if (head->once.client.size > 0) {
        assert_int_equal(back_head.once.number, head->once.number);
        assert_int_equal(back_head.once.keep_s, head->once.keep_s);
        assert_int_equal(back_head.once.resp_version, head->once.resp_version);
    }
    assert_int_equal(back_head.argument_count, count);
    assert_false(command_payload_read(payload, back, count - 1, &back_count));
    assert_true(command_payload_read(payload, back, count, &back_count));
    assert_int_equal(back_count, count);
    assert_true(slice_equal(command_payload_first(payload, &back_database),
                            count < 2 ? slice_of(NULL, 0) : arguments[1]));
    assert_int_equal(back_database, count < 2 ? 255 : head->database);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(slice_equal(back[i], arguments[i]));
    }
    forget(payload);
    free(back);
}

static void test_codec__has_this_format(void **state)
{
    char long_value[200] = {0};
    const struct slice arguments[] = {slice_str("SET"), slice_of("", 0),
                                      slice_of(long_value, sizeof long_value)};
    struct slice payload = encode(9, 3, arguments);

    (void)state;
    assert_int_equal(payload.size, 4 + 4 + 1 + 2 + 200);
    assert_memory_equal(payload.data, "\x03\x00\x09\x03\x03SET\x00\xc8\x01\x00", 12);
    forget(payload);

    struct command_head head = {
        .once = {.client = slice_str("me"), .number = 300, .keep_s = 60, .resp_version = 2},
        .database = 9,
        .argument_count = 1};

    payload = encode_head(&head, arguments);
    assert_int_equal(payload.size, 14);
    assert_memory_equal(payload.data, "\x03\x01\x09\x02me\xac\x02\x3c\x01\x03SET", 14);
    forget(payload);
    head.once.resp_version = 3;
    payload = encode_head(&head, arguments);
    assert_memory_equal(payload.data, "\x03\x03\x09\x02me\xac\x02\x3c\x01\x03SET", 14);
    forget(payload);
}

static void test_codec__reads_back_what_it_wrote(void **state)
{
    static char bytes[3000000];
    static const char name[COMMAND_CLIENT_BYTES_MAX] = {'n'};
    struct slice arguments[ARGUMENTS];
    struct prng prng = {5};

    (void)state;
    for (int round = 0; round < 500; round++) {
        uint32_t count = (uint32_t)prng_between(&prng, 1, ARGUMENTS);

        for (uint32_t i = 0; i < count; i++) {
            uint64_t limit = prng_chance(&prng, 1, 1000) ? sizeof bytes : 300;

            arguments[i] = slice_of(bytes, (size_t)prng_below(&prng, limit));
        }

        struct command_head head = {
            .once = {.client = slice_of(name, prng_chance(&prng, 1, 2)
                                                  ? (size_t)prng_between(&prng, 1, sizeof name)
                                                  : 0),
                     .number = 1 + (prng_next(&prng) >> prng_between(&prng, 1, 63)),
                     .keep_s = (uint32_t)prng_between(&prng, 1, COMMAND_KEEP_S_MAX),
                     .resp_version = (uint8_t)prng_between(&prng, 2, 3)},
            .database = (uint8_t)(round % 17),
            .argument_count = count};

        expect_back(&head, arguments);
    }
}

static void test_codec__carries_a_million_arguments(void **state)
{
    struct slice *arguments = memory_take_zeroed(COMMAND_ARGUMENTS_MAX, sizeof *arguments);
    struct command_head head = {
        .once = {.client = slice_str("c"), .number = UINT64_MAX, .keep_s = 1, .resp_version = 3},
        .database = 15,
        .argument_count = COMMAND_ARGUMENTS_MAX};

    (void)state;
    for (uint32_t i = 0; i < COMMAND_ARGUMENTS_MAX; i++) {
        arguments[i] = slice_of("abc", i % 4);
    }
    expect_back(&head, arguments);
    free(arguments);
}

static void expect_refused(const void *bytes, size_t size)
{
    char *copy = memory_copy(bytes, size);
    struct slice arguments[ARGUMENTS];
    uint32_t count = 77;

    assert_false(command_payload_read(slice_of(copy, size), arguments, ARGUMENTS, &count));
    assert_int_equal(count, 77);
    free(copy);
}

#define REFUSED(literal) expect_refused(literal, sizeof literal - 1)

static void test_codec__refuses_what_it_does_not_write(void **state)
{
    (void)state;
    REFUSED("");
    REFUSED("\x03");
    REFUSED("\x03\x00");
    REFUSED("\x03\x00\x03");
    REFUSED("\x03\x00\x03\x00");      /* No arguments. */
    REFUSED("\x00\x00\x03\x01\x01x"); /* Other formats. */
    REFUSED("\x01\x01\x01x");
    REFUSED("\x02\x03\x01\x01x");
    REFUSED("\x03\x02\x03\x01\x01x"); /* Unknown flags. */
    REFUSED("\x03\x04\x03\x01\x01x");
    REFUSED("\x03\x07\x03\x01me\x01\x01\x01x");
    REFUSED("\x03\x01\x03\x00\x01\x01\x01\x01x");          /* ONCE of nobody, */
    REFUSED("\x03\x01\x03\x01m\x00\x01\x01\x01x");         /* number 0, */
    REFUSED("\x03\x01\x03\x01m\x01\x00\x01\x01x");         /* kept for no time, */
    REFUSED("\x03\x01\x03\x01m\x01\x81\xf5\x24\x01\x01x"); /* and for too long. */
    REFUSED("\x03\x01\x03\x01");
    REFUSED("\x03\x01\x03\x02m");
    REFUSED("\x03\x01\x03\x01m");
    REFUSED("\x03\x01\x03\x01m\x01");
    REFUSED("\x03\x01\x03\x81\x00m\x01\x01\x01\x01x");
    REFUSED("\x03\x00\x03\x02\x01x");     /* An argument is missing. */
    REFUSED("\x03\x00\x03\x01\x02x");     /* A part of an argument is missing. */
    REFUSED("\x03\x00\x03\x01\x01xy");    /* Something follows. */
    REFUSED("\x03\x00\x03\x81\x00\x01x"); /* Numbers longer than necessary. */
    REFUSED("\x03\x00\x03\x01\x81\x00x"); /* */
    REFUSED("\x03\x00\x03\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"); /* 2^64 - 1. */
    REFUSED("\x03\x00\x03\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02x"); /* Beyond 64 bits. */
    REFUSED("\x03\x00\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffx");
    REFUSED("\x03\x00\x03\x81\x80\x40xxxxxxx"); /* 2^20 + 1 arguments. */
}

static void test_codec__refuses_every_part_of_a_payload(void **state)
{
    const struct slice arguments[] = {slice_str("MSET"), slice_str("k"), slice_str("value")};
    struct slice payload = encode(0, 3, arguments);

    (void)state;
    for (size_t size = 0; size < payload.size; size++) {
        expect_refused(payload.data, size);
    }
    forget(payload);
}

/* Any bytes that are accepted as a payload are exactly its encoding. */
static void test_codec__takes_only_its_own_writing_from_garbage(void **state)
{
    struct prng prng = {9};
    uint64_t taken = 0;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        size_t size = (size_t)prng_between(&prng, 1, 12);
        char *bytes = memory_take(size);
        struct slice arguments[ARGUMENTS];
        uint32_t count = 0;

        for (size_t i = 0; i < size; i++) {
            bytes[i] = (char)(prng_chance(&prng, 3, 4) ? prng_below(&prng, 4) : prng_next(&prng));
        }
        if (command_payload_read(slice_of(bytes, size), arguments, ARGUMENTS, &count)) {
            struct command_head head;

            assert_true(command_payload_head(slice_of(bytes, size), &head));

            struct slice again = encode_head(&head, arguments);

            assert_true(slice_equal(again, slice_of(bytes, size)));
            forget(again);
            taken++;
        }
        free(bytes);
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec__has_this_format),
        cmocka_unit_test(test_codec__reads_back_what_it_wrote),
        cmocka_unit_test(test_codec__carries_a_million_arguments),
        cmocka_unit_test(test_codec__refuses_what_it_does_not_write),
        cmocka_unit_test(test_codec__refuses_every_part_of_a_payload),
        cmocka_unit_test(test_codec__takes_only_its_own_writing_from_garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
