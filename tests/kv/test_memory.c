/* The memory for a key: at most 150 bytes for a 16-byte key with a 100-byte value, everything
 * included, at every stage of the table's growth; and the figure that the keyspace reports is
 * the allocator's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>

#include "kv/keyspace.h"
#include "kv/kv.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OTHER_ALLOCATOR 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OTHER_ALLOCATOR 1
#endif
#endif

static size_t heap_in_use(void)
{
#ifdef HAS_OTHER_ALLOCATOR
    return 0;
#else
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#endif
}

static void test_memory__a_key_costs_150_bytes_at_most(void **state)
{
    enum { KEYS = 1000000 };
    char value[100] = "v";
    size_t before = heap_in_use();
    struct keyspace *k = keyspace_new(11);
    struct kv *kv = keyspace_database(k, 0);
    double worst = 0;

    (void)state;
    for (uint32_t i = 1; i <= KEYS; i++) {
        char key[17];

        snprintf(key, sizeof key, "key:%012u", i);
        kv_set(kv, slice_of(key, 16), slice_of(value, sizeof value));
        if (i >= KEYS / 4 && i % 50000 == 0) {
            double reported = (double)keyspace_memory_bytes(k) / i;

            worst = reported > worst ? reported : worst;
        }
    }

    double reported = (double)keyspace_memory_bytes(k) / KEYS;
    double measured = (double)(heap_in_use() - before) / KEYS;

    printf("bytes a key: %.1f at %d keys by the keyspace's account, %.1f by the allocator's; "
           "at worst %.1f\n",
           reported, KEYS, measured, worst);
    assert_true(worst <= 150);
    if (heap_in_use() > 0) {
        assert_true(measured <= 150);
        assert_true(measured / reported > 0.99 && measured / reported < 1.01);
    }
    keyspace_free(k);
}

/* So that no turn takes long (I-213). */
static void test_memory__of_a_very_large_value_is_freed_in_parts(void **state)
{
    enum { VALUE_BYTES = 100 * 1000 * 1000, PART_BYTES = 9 * 1000 * 1000 };
    struct keyspace *k = keyspace_new(11);
    struct kv *kv = keyspace_database(k, 0);
    struct slice key = slice_str("k");
    uint64_t left;
    int parts = 0;

    (void)state;
    kv_set_range(kv, key, VALUE_BYTES - 1, slice_str("x"));
    assert_true(kv_delete(kv, key));
    assert_true(keyspace_cleared_bytes(k) >= VALUE_BYTES);
    do {
        left = keyspace_cleared_bytes(k);
        parts++;
        keyspace_tidy(k, 1);
        assert_true(left - keyspace_cleared_bytes(k) <= PART_BYTES);
    } while (keyspace_cleared_bytes(k) > 0);
    assert_true(parts >= VALUE_BYTES / PART_BYTES);
    assert_false(keyspace_tidy(k, 1));
    keyspace_free(k);
}

int main(void)
{
    kv_prepare_heap();

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__a_key_costs_150_bytes_at_most),
        cmocka_unit_test(test_memory__of_a_very_large_value_is_freed_in_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
