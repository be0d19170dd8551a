/* The table of message kinds: it agrees with docs/WIRE.md, which is given on the command line,
 * and follows the rules that other code relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "peer/wire_kind.h"

static char document[256 * 1024];

/* The words of a member's name: "message.last_log_index" is "last log index". */
static void put_name(struct buffer *out, const char *name)
{
    const char *last = strrchr(name, '.');

    for (const char *c = last == NULL ? name : last + 1; *c != 0; c++) {
        buffer_append(out, *c == '_' ? " " : c, 1);
    }
}

static const char *form_name(const struct wire_field *f)
{
    switch (f->form) {
    case WIRE_FLAG:
    case WIRE_U8:
        return "u8";
    case WIRE_U16:
        return "u16";
    case WIRE_U32:
        return "u32";
    case WIRE_U64:
        return "u64";
    case WIRE_BYTES:
        return "32 bytes";
    case WIRE_TEXT:
    case WIRE_PRINTABLE:
        break;
    }
    return "text";
}

static void put_uses(struct buffer *out, uint32_t uses)
{
    const char *by = (uses & WIRE_BY_DIALER) == 0     ? "listener"
                     : (uses & WIRE_BY_LISTENER) == 0 ? "dialer"
                                                      : "either";
    const char *on = (uses & WIRE_IN_GREETING) != 0  ? "greeting"
                     : (uses & WIRE_ON_BULK) == 0    ? "control"
                     : (uses & WIRE_ON_CONTROL) != 0 ? "control, bulk"
                                                     : "bulk";

    buffer_printf(out, "%s | %s", by, on);
}

/* The core's messages begin alike, and the document describes that once. */
static uint32_t first_field(const struct wire_kind *kind)
{
    return wire_is_message(kind->type) || kind->type == WIRE_APPEND ? 6 : 0;
}

static void put_row(struct buffer *out, const struct wire_kind *kind)
{
    bool is_first = true;

    buffer_printf(out, "| %d | %s | ", (int)kind->type, kind->name);
    put_uses(out, kind->uses);
    buffer_printf(out, " | ");
    for (uint32_t i = first_field(kind); i < kind->fields.count; i++) {
        buffer_printf(out, "%s%s ", is_first ? "" : ", ", form_name(&kind->fields.list[i]));
        put_name(out, kind->fields.list[i].name);
        is_first = false;
    }
    if (kind->rest_name != NULL) {
        buffer_printf(out, ", then %s", kind->rest_name);
    }
    buffer_printf(out, "%s|\n", is_first ? "" : " ");
}

static void test_kinds__are_those_of_the_document(void **state)
{
    const char *table = strstr(document, "| type | name | said by |");
    struct buffer expected = {0};
    const char *rows;

    (void)state;
    for (uint32_t i = 0; i < wire_kind_count(); i++) {
        put_row(&expected, wire_kind_at(i));
    }
    buffer_append(&expected, "\n", 2);
    assert_non_null(table);
    rows = strchr(strchr(table, '\n') + 1, '\n') + 1;
    if (strncmp(rows, buffer_begin(&expected), strlen(buffer_begin(&expected))) != 0) {
        fprintf(stderr, "docs/WIRE.md should have these rows, and no more:\n%s",
                buffer_begin(&expected));
        fail();
    }
    buffer_deinit(&expected);
}

static void test_kinds__have_each_a_number_of_their_own_in_rising_order(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < wire_kind_count(); i++) {
        const struct wire_kind *kind = wire_kind_at(i);

        assert_ptr_equal(wire_kind_of((uint8_t)kind->type), kind);
        assert_true(i == 0 || wire_kind_at(i - 1)->type < kind->type);
    }
    assert_null(wire_kind_of(0));
    assert_null(wire_kind_of(UINT8_MAX));
}

/* Each kind has a sender and a place; nothing large delays a heartbeat. */
static void test_kinds__have_a_sender_and_a_place(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < wire_kind_count(); i++) {
        const struct wire_kind *kind = wire_kind_at(i);
        uint32_t places = WIRE_IN_GREETING | WIRE_ON_CONTROL | WIRE_ON_BULK;

        assert_true((kind->uses & (WIRE_BY_DIALER | WIRE_BY_LISTENER)) != 0);
        assert_true((kind->uses & places) != 0);
        assert_true((kind->uses & WIRE_IN_GREETING) == 0 ||
                    wire_body_max(kind) <= WIRE_HANDSHAKE_BYTES_MAX);
        assert_true(wire_body_max(kind) <= WIRE_HANDSHAKE_BYTES_MAX ||
                    (kind->uses & WIRE_ON_BULK) != 0);
        assert_true(kind->rest_max <= WIRE_BODY_BYTES_MAX);
        assert_true(wire_fields_max(kind->fields) <= WIRE_FIELDS_BYTES_MAX);
        assert_true(wire_body_min(kind) <= wire_body_max(kind));
    }
    assert_int_equal(wire_body_max(wire_kind_of(WIRE_HELLO)), WIRE_HELLO_BYTES_MAX);
}

/* --- fields ------------------------------------------------------------------------------ */

struct sample {
    uint8_t u8;
    bool flag;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    char bytes[3];
    char text[6];
};

#define SAMPLE(form_, member, min_, max_)                                                          \
    {                                                                                              \
#member, form_, offsetof(struct sample, member), sizeof(((struct sample *)NULL)->member),  \
            min_, max_                                                                             \
    }

static const struct wire_field sample_fields[] = {
    SAMPLE(WIRE_U8, u8, 2, 7),          SAMPLE(WIRE_FLAG, flag, 0, 0),
    SAMPLE(WIRE_U16, u16, 0, 0),        SAMPLE(WIRE_U32, u32, 1, 0),
    SAMPLE(WIRE_U64, u64, 0, 9),        SAMPLE(WIRE_BYTES, bytes, 0, 0),
    SAMPLE(WIRE_PRINTABLE, text, 1, 0),
};

static const struct wire_fields sample_list = {sample_fields, 7};

static bool is_taken(const struct sample *s)
{
    char body[64];
    struct sample out;
    struct slice rest;
    size_t size = wire_fields_put(body, sample_list, s);

    return wire_fields_get(slice_of(body, size), sample_list, 0, &out, &rest);
}

static void test_fields__come_out_as_they_went_in(void **state)
{
    const struct sample in = {3, true, 0x1234, 0x12345678, 9, {'a', 0, 'b'}, "hello"};
    struct sample out = {0};
    struct slice rest;
    char body[64];
    size_t size = wire_fields_put(body, sample_list, &in);

    (void)state;
    assert_int_equal(size, 19 + 5);
    assert_int_equal(size, wire_fields_max(sample_list));
    assert_int_equal(wire_fields_min(sample_list), 19 + 1);
    assert_memory_equal(body, "\x03\x01\x34\x12\x78\x56\x34\x12\x09\0\0\0\0\0\0\0a\0bhello", 24);
    assert_true(wire_fields_get(slice_of(body, size), sample_list, 0, &out, &rest));
    assert_int_equal(out.u64, 9);
    assert_memory_equal(out.bytes, in.bytes, 3);
    assert_string_equal(out.text, "hello");
    assert_int_equal(out.u8, 3);
    assert_true(out.flag);
    assert_int_equal(out.u16, 0x1234);
    assert_int_equal(out.u32, 0x12345678);
}

static void test_fields__out_of_their_bounds_are_refused(void **state)
{
    const struct sample good = {2, false, 0, 1, 0, "", "x"};
    struct sample s = good;

    (void)state;
    assert_true(is_taken(&s));
    s.u8 = 1;
    assert_false(is_taken(&s));
    s.u8 = 8;
    assert_false(is_taken(&s));
    s = good;
    s.u32 = 0;
    assert_false(is_taken(&s));
    s = good;
    s.u64 = 10;
    assert_false(is_taken(&s));
    s = good;
    s.text[0] = 0;
    assert_false(is_taken(&s));
    s.text[0] = ' ';
    assert_false(is_taken(&s));
    s.text[0] = '\x7f';
    assert_false(is_taken(&s));
}

static void test_fields__leave_the_rest_if_there_may_be_one(void **state)
{
    static const struct wire_fields two = {sample_fields, 2};
    struct sample out = {.u8 = 77};
    struct slice rest;

    (void)state;
    /* Not a flag. */
    assert_false(wire_fields_get(slice_of("\x03\x02xyz", 5), two, 3, &out, &rest));
    assert_false(wire_fields_get(slice_of("\x03\x01xyz", 5), two, 2, &out, &rest));
    assert_false(wire_fields_get(slice_of("\x03", 1), two, 2, &out, &rest));
    assert_int_equal(out.u8, 77);
    assert_true(wire_fields_get(slice_of("\x03\x01xyz", 5), two, 3, &out, &rest));
    assert_int_equal(out.u8, 3);
    assert_true(slice_equal(rest, slice_str("xyz")));
}

static void read_document(const char *path)
{
    FILE *file = fopen(path, "r");

    if (file == NULL || fread(document, 1, sizeof document - 1, file) == 0) {
        perror(path);
        exit(2);
    }
    fclose(file);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds__are_those_of_the_document),
        cmocka_unit_test(test_kinds__have_each_a_number_of_their_own_in_rising_order),
        cmocka_unit_test(test_kinds__have_a_sender_and_a_place),
        cmocka_unit_test(test_fields__come_out_as_they_went_in),
        cmocka_unit_test(test_fields__out_of_their_bounds_are_refused),
        cmocka_unit_test(test_fields__leave_the_rest_if_there_may_be_one),
    };

    if (argc != 2) {
        fprintf(stderr, "usage: %s docs/WIRE.md\n", argv[0]);
        return 2;
    }
    read_document(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
