/* Large payloads in pieces: what comes is what was sent, whatever is declared takes no memory, and
 * nothing incomplete or out of place is taken (I-212). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "peer/pieces.h"
#include "peer/wire_kind.h"

enum { SIZE = 3000000, PIECE = 100000 };

static struct slice payload_of(char *bytes)
{
    for (uint32_t i = 0; i < SIZE; i++) {
        bytes[i] = (char)(i * 2654435761u >> 24);
    }
    return slice_of(bytes, SIZE);
}

/* Takes the next frame, which must be a piece. */
static bool take_next(struct pieces *p, struct buffer *b)
{
    struct wire_frame frame;
    struct wire_piece piece;

    assert_int_equal(wire_frame(buffer_slice(b), WIRE_BODY_BYTES_MAX, &frame), WIRE_FRAME);
    assert_true(wire_get_piece(&frame, &piece));

    bool is_taken = pieces_take(p, &piece);

    buffer_consume(b, frame.size);
    return is_taken;
}

static void test_pieces__together_are_what_was_sent(void **state)
{
    char *bytes = malloc(SIZE);
    struct slice payload = payload_of(bytes);
    struct pieces p = {0};
    struct buffer b = {0};
    uint32_t at = 0;

    (void)state;
    assert_false(pieces_are_needed(PIECES_WHOLE * PIECE, PIECE));
    assert_true(pieces_are_needed(PIECES_WHOLE * PIECE + 1, PIECE));
    while (at < SIZE) {
        assert_null(pieces_finish(&p, SIZE));
        pieces_put(&b, 0, payload, PIECE, &at);
        assert_true(take_next(&p, &b));
    }
    assert_null(pieces_finish(&p, SIZE - 1));

    struct entry *e = pieces_finish(&p, SIZE);

    assert_non_null(e);
    assert_true(slice_equal(entry_payload(e), payload));
    assert_null(pieces_finish(&p, SIZE));
    entry_release(e);
    buffer_deinit(&b);
    free(bytes);
}

static bool take(struct pieces *p, uint32_t total, uint32_t offset, uint32_t size)
{
    static char bytes[WIRE_PIECE_BYTES_MAX];

    return pieces_take(
        p, &(struct wire_piece){.total = total, .offset = offset, .bytes = slice_of(bytes, size)});
}

static void test_pieces__that_do_not_continue_what_came_are_refused(void **state)
{
    struct pieces p = {0};

    (void)state;
    assert_false(take(&p, 100, 10, 10)); /* Not the first one. */
    assert_true(take(&p, 100, 0, 10));
    assert_false(take(&p, 100, 20, 10)); /* One is missing. */
    assert_false(take(&p, 101, 10, 10)); /* Of another payload. */
    assert_false(take(&p, 100, 10, 91)); /* Too much. */
    assert_false(take(&p, 100, 10, 0));  /* Nothing: it could go on for ever. */
    assert_true(take(&p, 100, 10, 89));
    assert_null(pieces_finish(&p, 100));
    assert_true(take(&p, 50, 0, 50)); /* Another payload begins. */

    struct entry *e = pieces_finish(&p, 50);

    assert_non_null(e);
    entry_release(e);
    pieces_drop(&p);
}

static void test_pieces__take_no_memory_for_what_is_only_announced(void **state)
{
    struct pieces p = {0};

    (void)state;
    assert_true(take(&p, ENTRY_BYTES_MAX, 0, 1000));
    assert_true(p.capacity <= 1024 * 1024);
    assert_true(take(&p, ENTRY_BYTES_MAX, 1000, WIRE_PIECE_BYTES_MAX));
    assert_true(p.capacity <= 4 * WIRE_PIECE_BYTES_MAX);
    pieces_drop(&p);
}

/* A frame of any kind is short, except for answers, so nobody waits long behind one. */
static void test_pieces__leave_no_long_frame_from_a_dialer(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < wire_kind_count(); i++) {
        const struct wire_kind *kind = wire_kind_at(i);

        if ((kind->uses & WIRE_BY_DIALER) != 0) {
            assert_in_range(wire_body_max(kind), 0, WIRE_WHOLE_BYTES_MAX + WIRE_FIELDS_BYTES_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces__together_are_what_was_sent),
        cmocka_unit_test(test_pieces__that_do_not_continue_what_came_are_refused),
        cmocka_unit_test(test_pieces__take_no_memory_for_what_is_only_announced),
        cmocka_unit_test(test_pieces__leave_no_long_frame_from_a_dialer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
