/* Entries as a string of bytes: what is put is read back, however it is split; what can't follow is
 * refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "store/entry_stream.h"

enum { COUNT = 5, LARGE = 100000 };

static const struct store_origin origin = {.index = 7, .term = 2, .time_us = 50};

static uint32_t size_of(uint64_t index)
{
    static const uint32_t sizes[COUNT] = {0, 1, 33, LARGE, 5};

    return sizes[(index - 8) % COUNT];
}

static struct entry *make(uint64_t index)
{
    struct entry *e = entry_new((uint8_t)(1 + index % 3), size_of(index));

    e->index = index;
    e->term = index / 4 + 1;
    e->time_us = index * 10;
    for (uint32_t i = 0; i < e->size; i++) {
        e->data[i] = (char)(i * index);
    }
    return e;
}

static struct buffer put_all(void)
{
    struct buffer out = {0};

    for (uint64_t index = 8; index < 8 + COUNT; index++) {
        struct entry *e = make(index);

        assert_int_equal(entry_record_put(&out, e, 0, UINT64_MAX), entry_record_bytes(e));
        entry_release(e);
    }
    return out;
}

static int check(void *context, struct entry *e)
{
    uint64_t *next = context;
    struct entry *expected = make(*next);

    assert_int_equal(e->index, expected->index);
    assert_int_equal(e->term, expected->term);
    assert_int_equal(e->time_us, expected->time_us);
    assert_int_equal(e->kind, expected->kind);
    assert_true(slice_equal(entry_payload(e), entry_payload(expected)));
    entry_release(expected);
    (*next)++;
    return 0;
}

static void test_entry_stream__is_read_back_however_it_is_split(void **state)
{
    static const size_t steps[] = {1, 7, 31, 32, 33, 4096, SIZE_MAX};
    struct buffer all = put_all();

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint64_t next = 8;
        struct entry_stream s;
        struct slice rest = buffer_slice(&all);

        entry_stream_init(&s, &origin);
        s.each = check;
        s.context = &next;
        while (rest.size > 0) {
            size_t count = steps[i] < rest.size ? steps[i] : rest.size;

            assert_int_equal(entry_stream_take(&s, slice_of(rest.data, count)), 0);
            rest = slice_of(rest.data + count, rest.size - count);
        }
        assert_int_equal(next, 8 + COUNT);
        assert_int_equal(s.last.index, 7 + COUNT);
        assert_int_equal(s.offset, 0);
        entry_stream_deinit(&s);
    }
    buffer_deinit(&all);
}

static void test_entry_stream__knows_its_place_without_taking_payloads(void **state)
{
    struct buffer all = put_all();
    struct entry_stream s;

    entry_stream_init(&s, &origin);
    assert_int_equal(entry_stream_take(&s, slice_of(buffer_begin(&all), 40)), 0);
    assert_int_equal(s.last.index, 8);
    assert_int_equal(s.last.term, 3);
    assert_int_equal(s.last.time_us, 80);
    assert_int_equal(s.offset, 8);
    entry_stream_deinit(&s);
    buffer_deinit(&all);
}

static void test_entry_stream__a_record_can_be_put_in_parts(void **state)
{
    static const uint64_t steps[] = {1, 31, 32, 33, 5000};
    struct entry *e = make(11);
    struct buffer whole = {0};

    entry_record_put(&whole, e, 0, UINT64_MAX);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct buffer parts = {0};
        uint64_t offset = 0;

        while (offset < entry_record_bytes(e)) {
            uint64_t count = entry_record_put(&parts, e, offset, steps[i]);

            assert_true(count > 0 && count <= steps[i]);
            offset += count;
        }
        assert_true(slice_equal(buffer_slice(&parts), buffer_slice(&whole)));
        buffer_deinit(&parts);
    }
    buffer_deinit(&whole);
    entry_release(e);
}

static int take(const struct buffer *bytes)
{
    struct entry_stream s;
    int rv;

    entry_stream_init(&s, &origin);
    rv = entry_stream_take(&s, buffer_slice(bytes));
    entry_stream_deinit(&s);
    return rv;
}

/* Offsets in the first record: index 0, term 8, time 16, size 24, kind 28. */
static void test_entry_stream__refuses_what_cannot_follow(void **state)
{
    static const struct {
        size_t at;
        uint64_t value;
    } wrong[] = {{0, 7}, {0, 9}, {8, 1}, {16, 49}, {24, UINT32_MAX}, {28, 256}};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct buffer all = put_all();

        if (wrong[i].at < 24) {
            put_u64(buffer_begin(&all) + wrong[i].at, wrong[i].value);
        } else {
            put_u32(buffer_begin(&all) + wrong[i].at, (uint32_t)wrong[i].value);
        }
        assert_int_equal(take(&all), -EBADMSG);
        buffer_deinit(&all);
    }
}

static int stop(void *context, struct entry *e)
{
    return e->index == 9 ? 5 : 0;
}

static void test_entry_stream__stops_if_asked_to(void **state)
{
    struct buffer all = put_all();
    struct entry_stream s;

    entry_stream_init(&s, &origin);
    s.each = stop;
    assert_int_equal(entry_stream_take(&s, buffer_slice(&all)), 5);
    entry_stream_deinit(&s);
    buffer_deinit(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_stream__is_read_back_however_it_is_split),
        cmocka_unit_test(test_entry_stream__knows_its_place_without_taking_payloads),
        cmocka_unit_test(test_entry_stream__a_record_can_be_put_in_parts),
        cmocka_unit_test(test_entry_stream__refuses_what_cannot_follow),
        cmocka_unit_test(test_entry_stream__stops_if_asked_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
