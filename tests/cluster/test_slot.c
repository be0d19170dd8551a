/* Hash slots are those of Redis Cluster: the numbers are what redis-server 7.0 answers to CLUSTER
 * KEYSLOT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/slot.h"

static uint32_t slot(const char *key)
{
    return slot_of_key(slice_str(key));
}

static void test_slot__is_that_of_redis(void **state)
{
    (void)state;
    assert_int_equal(slot("123456789"), 0x31c3); /* The check value of CRC16 XMODEM. */
    assert_int_equal(slot("foo"), 12182);
    assert_int_equal(slot("bar"), 5061);
    assert_int_equal(slot("hello"), 866);
    assert_int_equal(slot(""), 0);
    assert_int_equal(slot_of_key(slice_of(NULL, 0)), 0);
    assert_int_equal(slot_of_key(slice_of("\xff\0\x80", 3)),
                     slot_of_key(slice_of("\xff\0\x80", 3)));
}

static void test_slot__of_a_key_with_a_tag_is_that_of_the_tag(void **state)
{
    (void)state;
    assert_int_equal(slot("{foo}.a"), slot("foo"));
    assert_int_equal(slot("x{foo}{bar}"), slot("foo"));
    assert_int_equal(slot("x{{foo}}"), slot("{foo"));
    /* No tag: it is empty, or does not end. */
    assert_int_not_equal(slot("foo{}{bar}"), slot("bar"));
    assert_int_not_equal(slot("x{foo"), slot("foo"));
    assert_int_not_equal(slot("}foo{"), slot("foo"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slot__is_that_of_redis),
        cmocka_unit_test(test_slot__of_a_key_with_a_tag_is_that_of_the_tag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
