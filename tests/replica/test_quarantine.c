/* What a node whose state is wrong does next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/quarantine.h"

#define S (1000 * 1000 * 1000ull)

enum { INDEX = 8, RIGHT = 100, APPLIED = 12 };

static bool begin(struct quarantine *q, enum quarantine_reason reason, uint64_t now_ns)
{
    return quarantine_begin(q, reason, INDEX, RIGHT, APPLIED, now_ns);
}

static void test_quarantine__by_digest_fetches(void **state)
{
    struct quarantine q = {.phase = QUARANTINE_NONE};

    assert_true(quarantine_applies(&q));
    assert_true(begin(&q, QUARANTINE_BY_DIGEST, S));
    assert_true(quarantine_is_on(&q));
    assert_false(quarantine_applies(&q));
    assert_int_equal(q.phase, QUARANTINE_KEEPS);
    assert_false(begin(&q, QUARANTINE_BY_MEMORY, S)); /* That was known. */
    quarantine_note_kept(&q);
    assert_int_equal(q.phase, QUARANTINE_FETCHES);
    quarantine_note_fetched(&q);
    assert_int_equal(q.phase, QUARANTINE_RESTARTS);
    assert_false(quarantine_applies(&q));
    quarantine_note_rebuilt(&q);
    assert_true(quarantine_is_on(&q));
    assert_true(quarantine_applies(&q));
    assert_false(quarantine_note_applied(&q, APPLIED - 1, 2 * S));
    assert_true(quarantine_note_applied(&q, APPLIED, 2 * S));
    assert_false(quarantine_is_on(&q));
    assert_false(quarantine_note_applied(&q, APPLIED, 2 * S)); /* Once. */
}

static void test_quarantine__by_memory_relies_on_the_disk(void **state)
{
    struct quarantine q = {.phase = QUARANTINE_NONE};

    begin(&q, QUARANTINE_BY_MEMORY, S);
    quarantine_note_kept(&q);
    assert_int_equal(q.phase, QUARANTINE_RESTARTS);
}

/* For another reason, such as damage on the disk. */
static void test_quarantine__by_digest_outlives_a_restart(void **state)
{
    struct quarantine q = {.phase = QUARANTINE_NONE};

    begin(&q, QUARANTINE_BY_DIGEST, S);
    quarantine_note_restarted(&q);
    assert_int_equal(q.phase, QUARANTINE_FETCHES);
    quarantine_note_restarted(&q);
    assert_int_equal(q.phase, QUARANTINE_FETCHES);
    quarantine_note_fetched(&q);
    quarantine_note_restarted(&q);
    assert_int_equal(q.phase, QUARANTINE_REBUILDS);

    q = (struct quarantine){.phase = QUARANTINE_NONE};
    begin(&q, QUARANTINE_BY_MEMORY, S);
    quarantine_note_restarted(&q); /* The disk was right. */
    assert_int_equal(q.phase, QUARANTINE_REBUILDS);
}

static void test_rebuilt_state__is_compared_where_the_last_one_differed(void **state)
{
    struct quarantine q = {.phase = QUARANTINE_NONE};

    assert_false(quarantine_is_wrong_again(&q, INDEX, RIGHT + 1));
    begin(&q, QUARANTINE_BY_DIGEST, S);
    assert_false(quarantine_is_wrong_again(&q, INDEX, RIGHT + 1)); /* It is known. */
    quarantine_note_rebuilt(&q);
    assert_false(quarantine_is_wrong_again(&q, INDEX, RIGHT));
    assert_false(quarantine_is_wrong_again(&q, INDEX + 8, RIGHT + 1));
    assert_true(quarantine_is_wrong_again(&q, INDEX, RIGHT + 1));
}

static void test_quarantine__stays_after_three_attempts(void **state)
{
    struct quarantine q = {.phase = QUARANTINE_NONE};

    for (int i = 0; i < QUARANTINE_ATTEMPTS_MAX; i++) {
        assert_true(begin(&q, QUARANTINE_BY_DIGEST, S));
        assert_int_equal(q.phase, QUARANTINE_KEEPS);
        quarantine_note_kept(&q);
        quarantine_note_rebuilt(&q);
    }
    assert_true(begin(&q, QUARANTINE_BY_DIGEST, S));
    assert_int_equal(q.phase, QUARANTINE_STAYS);
    quarantine_note_kept(&q);
    quarantine_note_rebuilt(&q);
    assert_int_equal(q.phase, QUARANTINE_STAYS);
    assert_false(quarantine_note_applied(&q, APPLIED, S));
    assert_int_equal(q.count, QUARANTINE_ATTEMPTS_MAX + 1);
}

static void test_attempts__of_an_hour_ago_do_not_count(void **state)
{
    struct quarantine q = {.phase = QUARANTINE_NONE};

    for (uint64_t now_ns = S; now_ns < 10 * 3600 * S; now_ns += 3601 * S) {
        assert_true(begin(&q, QUARANTINE_BY_MEMORY, now_ns));
        assert_int_equal(q.phase, QUARANTINE_KEEPS);
        quarantine_note_kept(&q);
        quarantine_note_rebuilt(&q);
        assert_true(quarantine_note_applied(&q, APPLIED, now_ns));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quarantine__by_digest_fetches),
        cmocka_unit_test(test_quarantine__by_memory_relies_on_the_disk),
        cmocka_unit_test(test_quarantine__by_digest_outlives_a_restart),
        cmocka_unit_test(test_rebuilt_state__is_compared_where_the_last_one_differed),
        cmocka_unit_test(test_quarantine__stays_after_three_attempts),
        cmocka_unit_test(test_attempts__of_an_hour_ago_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
