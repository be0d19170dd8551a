/* Parts of snapshots, as frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "peer/wire.h"

static const struct wire_frame *frame_in(const struct buffer *b, enum wire_type expected)
{
    static struct wire_frame frame;

    assert_int_equal(wire_frame(buffer_slice(b), WIRE_BODY_BYTES_MAX, &frame), WIRE_FRAME);
    assert_int_equal(frame.type, expected);
    return &frame;
}

static void test_fetch_and_part__come_out_as_they_went_in(void **state)
{
    struct buffer b = {0};
    struct wire_fetch in = {.group = 4,
                            .index = 7,
                            .term = 2,
                            .bytes = 1000,
                            .checksum = 99,
                            .offset = 500,
                            .size = WIRE_PART_BYTES_MAX};
    struct wire_fetch out = {0};
    struct wire_part part = {
        .group = 4, .index = 7, .checksum = 99, .offset = 500, .bytes = slice_str("bytes")};
    struct wire_part part_out = {0};

    wire_put_fetch(&b, &in);
    assert_true(wire_get_fetch(frame_in(&b, WIRE_FETCH), &out));
    assert_int_equal(out.group, 4);
    assert_int_equal(out.index, 7);
    assert_int_equal(out.term, 2);
    assert_int_equal(out.bytes, 1000);
    assert_int_equal(out.checksum, 99);
    assert_int_equal(out.offset, 500);
    assert_int_equal(out.size, WIRE_PART_BYTES_MAX);
    in.size++; /* More than a part may contain. */
    buffer_clear(&b);
    wire_put_fetch(&b, &in);
    assert_false(wire_get_fetch(frame_in(&b, WIRE_FETCH), &out));

    buffer_clear(&b);
    wire_put_part(&b, &part);
    assert_true(wire_get_part(frame_in(&b, WIRE_PART), &part_out));
    assert_int_equal(part_out.group, 4);
    assert_int_equal(part_out.index, 7);
    assert_int_equal(part_out.checksum, 99);
    assert_int_equal(part_out.offset, 500);
    assert_int_equal(part_out.outcome, WIRE_PART_IS_HERE);
    assert_true(slice_is(part_out.bytes, "bytes"));
    part.outcome = 2; /* No outcome has that number. */
    buffer_clear(&b);
    wire_put_part(&b, &part);
    assert_false(wire_get_part(frame_in(&b, WIRE_PART), &part_out));
    buffer_deinit(&b);
}

static void test_digest__comes_out_as_it_went_in(void **state)
{
    struct buffer b = {0};
    struct wire_digest in = {
        .group = 4,
        .index = 256,
        .digest = 17,
        .is_isolated = true,
        .needed_index = 200,
        .snapshot = {
            .last_included_index = 190, .last_included_term = 3, .bytes = 4096, .checksum = 99}};
    struct wire_digest out;

    wire_put_digest(&b, &in);
    assert_true(wire_get_digest(frame_in(&b, WIRE_DIGEST), &out));
    assert_memory_equal(&out, &in, sizeof out);
    buffer_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch_and_part__come_out_as_they_went_in),
        cmocka_unit_test(test_digest__comes_out_as_it_went_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
