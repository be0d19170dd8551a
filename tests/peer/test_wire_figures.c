/* The frame with which a node reports how it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peer/wire.h"

static struct slice body_of(const struct buffer *b)
{
    struct wire_frame frame;

    assert_int_equal(wire_frame(buffer_slice(b), WIRE_BODY_BYTES_MAX, &frame), WIRE_FRAME);
    assert_int_equal(frame.type, WIRE_FIGURES);
    assert_int_equal(frame.size, buffer_size(b));
    return frame.body;
}

static void test_figures__come_out_as_they_went_in(void **state)
{
    struct figures in = {.last_index = 1,
                         .sync_p99_us = 2,
                         .waiting = 3,
                         .snapshot_work = FIGURES_INSTALLING,
                         .snapshot_permille = 1000,
                         .trouble_ms = 4,
                         .trouble = "the disk is slow: sync_p99_ms=80"};
    struct figures out;
    struct buffer b = {0};
    struct slice body;

    (void)state;
    wire_put_figures(&b, &in);
    body = body_of(&b);
    assert_true(wire_get_figures(body, &out));
    assert_int_equal(out.last_index, 1);
    assert_int_equal(out.sync_p99_us, 2);
    assert_int_equal(out.waiting, 3);
    assert_int_equal(out.snapshot_work, FIGURES_INSTALLING);
    assert_int_equal(out.snapshot_permille, 1000);
    assert_int_equal(out.trouble_ms, 4);
    assert_string_equal(out.trouble, in.trouble);
    assert_false(wire_get_figures(slice_of(body.data, 20), &out));
    buffer_clear(&b);
    in.snapshot_permille = 1001;
    wire_put_figures(&b, &in);
    assert_false(wire_get_figures(body_of(&b), &out));
    buffer_clear(&b);
    in.snapshot_permille = 0;
    in.snapshot_work = FIGURES_INSTALLING + 1;
    wire_put_figures(&b, &in);
    assert_false(wire_get_figures(body_of(&b), &out));
    buffer_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures__come_out_as_they_went_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
