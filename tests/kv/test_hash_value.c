/* The bytes of a hash, against a simple model: what they contain, that changes are announced,
 * that equal histories give equal bytes, and that malformed bytes are recognised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/prng.h"
#include "kv/hash_value.h"
#include "kv/value_edit.h"

enum { NAMES = 3000, VALUE_MAX = 300, NAME_BYTES = 16 };

/* --- a value whose changes must be announced ------------------------------------------------ */

static struct {
    char *bytes; /* As they were before the change. */
    bool *announced;
    size_t size, capacity;
} before;

static void note_touch(struct value_edit *e, size_t first, size_t end)
{
    (void)e;
    for (size_t i = first; i < end && i < before.size; i++) {
        before.announced[i] = true;
    }
}

static void (*resize_memory)(struct value_edit *e, size_t size);

/* What is cut off counts as announced. */
static void note_resize(struct value_edit *e, size_t size)
{
    if (size < e->size) {
        note_touch(e, size, e->size);
    }
    resize_memory(e, size);
}

static void note_state(const struct value_edit *e)
{
    if (e->size > before.capacity) {
        before.capacity = 2 * e->size;
        before.bytes = memory_resize(before.bytes, before.capacity);
        before.announced = memory_resize(before.announced, before.capacity * sizeof(bool));
    }
    before.size = e->size;
    memcpy(before.bytes, e->bytes, e->size);
    memset(before.announced, 0, e->size * sizeof(bool));
}

static void check_announced(const struct value_edit *e)
{
    for (size_t i = 0; i < before.size && i < e->size; i++) {
        if (before.bytes[i] != e->bytes[i]) {
            assert_true(before.announced[i]);
        }
    }
}

static void free_state(void)
{
    free(before.bytes);
    free(before.announced);
    memset(&before, 0, sizeof before);
}

/* --- the model ------------------------------------------------------------------------------ */

struct model_field {
    bool exists;
    uint64_t expires_ms;
    size_t size;
    unsigned char fill;
};

struct world {
    struct model_field fields[NAMES];
    struct memory_edit hash;
    uint64_t now_ms;
    uint32_t names; /* In use. */
};

static struct slice name_of(char *text, uint32_t i)
{
    return slice_of(text, (size_t)snprintf(text, NAME_BYTES, "field-%u", (unsigned)i));
}

static uint32_t number_in(struct slice name)
{
    char text[NAME_BYTES];

    assert_true(name.size > strlen("field-") && name.size < sizeof text);
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return (uint32_t)strtoul(text + strlen("field-"), NULL, 10);
}

static bool is_live(const struct world *w, uint32_t i)
{
    const struct model_field *f = &w->fields[i];

    return f->exists && (f->expires_ms == 0 || w->now_ms <= f->expires_ms);
}

static void expect_field(const struct world *w, const struct hash_field *field)
{
    uint32_t number = number_in(field->name);
    const struct model_field *f = &w->fields[number];

    assert_true(is_live(w, number));
    assert_int_equal(field->value.size, f->size);
    assert_true(field->expires_ms == f->expires_ms);
    for (size_t i = 0; i < f->size; i++) {
        assert_int_equal((unsigned char)field->value.data[i], f->fill);
    }
}

static uint64_t count_live(const struct world *w)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < w->names; i++) {
        count += is_live(w, i) ? 1 : 0;
    }
    return count;
}

struct scanned {
    const struct world *world;
    uint64_t count;
};

static void note_scanned(void *context, const struct hash_field *field)
{
    struct scanned *s = context;

    expect_field(s->world, field);
    s->count++;
}

static void expect_all(const struct world *w)
{
    struct slice value = value_edit_slice(&w->hash.edit);
    uint64_t count = count_live(w);
    struct hash_field field;
    struct scanned scanned = {.world = w};
    uint64_t cursor = 0;
    uint64_t met = 0;
    size_t at = 0;

    assert_true(hash_value_count(value, w->now_ms) == count);
    while (hash_value_next(value, &at, w->now_ms, &field)) {
        expect_field(w, &field);
        met++;
    }
    assert_true(met == count);
    do {
        cursor = hash_value_scan(value, cursor, 5, w->now_ms, note_scanned, &scanned);
    } while (cursor != 0);
    assert_true(scanned.count == count);
    assert_true(hash_value_pick(value, met, w->now_ms, &field) == (count > 0));
    if (count > 0) {
        expect_field(w, &field);
    }
    for (uint32_t i = 0; i < w->names; i++) {
        char text[NAME_BYTES];
        bool is_there = hash_value_find(value, name_of(text, i), w->now_ms, &field);

        assert_true(is_there == is_live(w, i));
    }
    assert_true(hash_value_count(value, 0) == 0 || hash_value_is_sound(value));
}

static void set_any(struct world *w, struct prng *prng, uint32_t i)
{
    static char filled[VALUE_MAX];
    char text[NAME_BYTES];
    struct model_field *f = &w->fields[i];
    struct hash_field field = {.name = name_of(text, i)};

    f->size = prng_chance(prng, 1, 10) ? prng_below(prng, VALUE_MAX) : prng_below(prng, 20);
    f->fill = (unsigned char)prng_below(prng, 256);
    f->expires_ms = prng_chance(prng, 1, 3) ? w->now_ms + prng_below(prng, 5000) : 0;
    f->exists = true;
    memset(filled, f->fill, f->size);
    field.value = slice_of(filled, f->size);
    field.expires_ms = f->expires_ms;

    struct slice value = value_edit_slice(&w->hash.edit);
    uint64_t bytes_max = hash_value_bytes_after(value, 1, field.name.size + field.value.size);

    hash_value_set(&w->hash.edit, &field, 7);
    assert_true(w->hash.edit.size <= bytes_max);
}

static void set_expiry_of_any(struct world *w, struct prng *prng, uint32_t i)
{
    char text[NAME_BYTES];
    struct hash_field field;

    if (hash_value_find(value_edit_slice(&w->hash.edit), name_of(text, i), w->now_ms, &field)) {
        w->fields[i].expires_ms = prng_chance(prng, 1, 3) ? 0 : w->now_ms + prng_below(prng, 900);
        hash_value_set_expiry(&w->hash.edit, &field, w->fields[i].expires_ms, 7);
    }
}

/* `grow`: of 10 changes, how many set a field. */
static void change_any(struct world *w, struct prng *prng, uint32_t grow)
{
    uint32_t i = (uint32_t)prng_below(prng, w->names);
    char text[NAME_BYTES];
    uint64_t what = prng_below(prng, 12);

    note_state(&w->hash.edit);
    if (what < grow) {
        set_any(w, prng, i);
    } else if (what < 10) {
        bool was_there = w->fields[i].exists;

        w->fields[i].exists = false;
        assert_true(hash_value_delete(&w->hash.edit, name_of(text, i)) == was_there);
    } else if (what == 10) {
        set_expiry_of_any(w, prng, i);
    } else {
        uint64_t removed = hash_value_remove_expired(&w->hash.edit, w->now_ms, 2);
        uint64_t first_ms = hash_value_expires_ms(value_edit_slice(&w->hash.edit));

        assert_true(removed == 2 || first_ms == 0 || w->now_ms <= first_ms);
        w->now_ms += prng_below(prng, 30);
    }
    check_announced(&w->hash.edit);
    /* A removed one was expired: the model does not show it either. */
    for (uint32_t n = 0; n < w->names && what == 11; n++) {
        struct hash_field field;

        w->fields[n].exists =
            hash_value_find(value_edit_slice(&w->hash.edit), name_of(text, n), 0, &field);
    }
}

static void init_world(struct world *w, uint32_t names)
{
    memset(w, 0, sizeof *w);
    memory_edit_init(&w->hash, hash_value_none());
    resize_memory = w->hash.edit.resize;
    w->hash.edit.touch = note_touch;
    w->hash.edit.resize = note_resize;
    w->names = names;
    w->now_ms = 1000;
}

static void live(struct world *w, uint64_t seed, uint32_t changes)
{
    struct prng prng = {seed};
    uint32_t grow = 5;

    for (uint32_t i = 0; i < changes; i++) {
        if (i % (changes / 8) == 0) {
            grow = (uint32_t)prng_between(&prng, 1, 9);
            expect_all(w);
        }
        change_any(w, &prng, grow);
    }
    expect_all(w);
}

static void test_hash_value__contains_what_was_set(void **state)
{
    static const uint32_t names[] = {3, 20, 40, 300, NAMES};
    struct world *w = memory_take(sizeof *w);

    (void)state;
    for (uint64_t i = 0; i < 15; i++) {
        init_world(w, names[i % 5]);
        live(w, i + 1, 2000 + 2 * names[i % 5]);
        memory_edit_deinit(&w->hash);
    }
    free(w);
    free_state();
}

static void test_hash_value__is_the_same_after_the_same_history(void **state)
{
    struct world *a = memory_take(sizeof *a);
    struct world *b = memory_take(sizeof *b);

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        init_world(a, 200);
        init_world(b, 200);
        live(a, i, 4000);
        live(b, i, 4000);
        assert_true(slice_equal(value_edit_slice(&a->hash.edit), value_edit_slice(&b->hash.edit)));
        memory_edit_deinit(&a->hash);
        memory_edit_deinit(&b->hash);
    }
    free(a);
    free(b);
    free_state();
}

/* Most fields are deleted again: what they took is given back, a little with each change. */
static void test_hash_value__shrinks(void **state)
{
    struct memory_edit hash;
    char text[NAME_BYTES];
    char filled[100] = {0};
    size_t most = 0;

    (void)state;
    memory_edit_init(&hash, hash_value_none());
    for (uint32_t i = 0; i < 20000; i++) {
        struct hash_field field = {.name = name_of(text, i), .value = slice_of(filled, 100)};

        hash_value_set(&hash.edit, &field, 7);
    }
    most = hash.edit.size;
    for (uint32_t i = 0; i < 19990; i++) {
        assert_true(hash_value_delete(&hash.edit, name_of(text, i)));
    }
    assert_true(most > 2 * 1000 * 1000);
    assert_true(hash.edit.size < 8000);
    assert_true(hash_value_is_sound(value_edit_slice(&hash.edit)));
    memory_edit_deinit(&hash);
}

static void note_met(void *context, const struct hash_field *field)
{
    bool *met = context;

    met[number_in(field->name)] = true;
}

/* A field that is there during the whole scan is met, while others come and go. */
static void scan_while_it_changes(uint64_t seed)
{
    static const struct slice stays = {"stays", 5};
    struct world *w = memory_take(sizeof *w);
    struct prng prng = {seed};
    bool met[NAMES] = {false};
    uint64_t cursor = 0;
    char text[NAME_BYTES];

    init_world(w, 2000);
    for (uint32_t i = 0; i < w->names; i++) {
        struct hash_field field = {.name = name_of(text, i), .value = stays};

        hash_value_set(&w->hash.edit, &field, 7);
    }
    do {
        for (int i = 0; i < 60; i++) {
            uint32_t other = 100 + (uint32_t)prng_below(&prng, w->names - 100);

            if (prng_chance(&prng, seed, 6)) {
                set_any(w, &prng, other);
            } else {
                hash_value_delete(&w->hash.edit, name_of(text, other));
            }
        }
        cursor =
            hash_value_scan(value_edit_slice(&w->hash.edit), cursor, 10, w->now_ms, note_met, met);
    } while (cursor != 0);
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(met[i]);
    }
    memory_edit_deinit(&w->hash);
    free(w);
}

static void test_scan__misses_nothing_that_stays(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 6; seed++) {
        scan_while_it_changes(seed);
    }
    free_state();
}

static void ignore(void *context, const struct hash_field *field)
{
    (void)context;
    (void)field;
}

/* Whatever is called sound can be used: no call reads outside, or does not end. */
static void use(struct slice value)
{
    char *copy = memory_copy(value.data, value.size); /* So that reading beyond it is noticed. */
    struct slice bytes = slice_of(copy, value.size);
    struct memory_edit hash;
    struct hash_field field;
    uint64_t cursor = 0;
    size_t at = 0;

    if (hash_value_is_sound(bytes)) {
        while (hash_value_next(bytes, &at, 0, &field)) {
        }
        do {
            cursor = hash_value_scan(bytes, cursor, 1000, 0, ignore, NULL);
        } while (cursor != 0);
        memory_edit_init(&hash, bytes);
        for (uint32_t i = 0; i < 60; i++) {
            char text[NAME_BYTES];
            struct hash_field set = {.name = name_of(text, i), .value = slice_str("v")};

            hash_value_set(&hash.edit, &set, 7);
            hash_value_delete(&hash.edit, name_of(text, i + 30));
        }
        hash_value_remove_expired(&hash.edit, UINT64_MAX, UINT64_MAX);
        memory_edit_deinit(&hash);
    }
    free(copy);
}

static void test_sound__bytes_can_be_used_whatever_they_are(void **state)
{
    static const uint32_t names[] = {10, 60, 200};
    struct world *w = memory_take(sizeof *w);
    struct prng prng = {3};

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        init_world(w, names[i]);
        live(w, i + 5, 2000);
        set_any(w, &prng, 0);
        assert_true(hash_value_is_sound(value_edit_slice(&w->hash.edit)));
        for (int n = 0; n < 600; n++) {
            struct slice value = value_edit_slice(&w->hash.edit);
            size_t head = value.size < 200 ? value.size : 200;
            uint64_t at = prng_below(&prng, n % 2 == 0 ? head : value.size);
            char byte = w->hash.edit.bytes[at];

            w->hash.edit.bytes[at] =
                (char)(n % 3 == 0 ? (int)prng_below(&prng, 256) : byte ^ 1 << n % 8);
            use(value);
            use(slice_of(value.data, prng_below(&prng, value.size)));
            w->hash.edit.bytes[at] = byte;
        }
        memory_edit_deinit(&w->hash);
    }
    free(w);
    free_state();
}

static void test_sound__no_hash_is_empty(void **state)
{
    (void)state;
    assert_false(hash_value_is_sound(slice_of("", 0)));
    assert_false(hash_value_is_sound(hash_value_none()));
    assert_false(hash_value_is_sound(slice_str("bytes")));
    assert_true(hash_value_is_sound(slice_of("\1\0\1\1nv", 6)));
    assert_false(hash_value_is_sound(slice_of("\1\0\1\1nv\0\1\1nw", 11)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_value__contains_what_was_set),
        cmocka_unit_test(test_hash_value__is_the_same_after_the_same_history),
        cmocka_unit_test(test_hash_value__shrinks),
        cmocka_unit_test(test_scan__misses_nothing_that_stays),
        cmocka_unit_test(test_sound__bytes_can_be_used_whatever_they_are),
        cmocka_unit_test(test_sound__no_hash_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
