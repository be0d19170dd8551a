/* Peers that contradict this node: when that is reported, and when a loss is accepted as a fact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/contradictions.h"

#define MS 1000000ull
#define S  (1000 * MS)

static const uint64_t BEGIN_NS = 100 * S;

/* The loss is reported every 100 ms, with an election timeout of a second, until then. A leader
 * agrees at `agreed_ns`, if that is reached. */
static bool is_believed(struct contradictions *c, uint64_t until_ns, uint64_t agreed_ns)
{
    for (uint64_t now_ns = BEGIN_NS; now_ns <= until_ns; now_ns += 100 * MS) {
        if (contradictions_note_loss(c, agreed_ns <= now_ns ? agreed_ns : 0, now_ns)) {
            return true;
        }
    }
    return false;
}

static void test_contradictions__are_recent_for_a_minute(void **state)
{
    struct contradictions c;

    contradictions_init(&c, S);
    assert_false(contradictions_are_recent(&c, BEGIN_NS));
    contradictions_note(&c, BEGIN_NS);
    assert_true(contradictions_are_recent(&c, BEGIN_NS));
    assert_true(contradictions_are_recent(&c, BEGIN_NS + 60 * S - 1));
    assert_false(contradictions_are_recent(&c, BEGIN_NS + 60 * S));
}

static void test_loss__is_believed_if_reported_for_ten_timeouts(void **state)
{
    struct contradictions c;

    contradictions_init(&c, S);
    assert_false(is_believed(&c, BEGIN_NS + 10 * S - 1, 0));
    assert_true(contradictions_note_loss(&c, 0, BEGIN_NS + 10 * S));
}

/* The others elect leaders in spite of a single faulty peer. */
static void test_loss__is_not_believed_if_a_leader_agrees_meanwhile(void **state)
{
    struct contradictions c;

    contradictions_init(&c, S);
    assert_false(is_believed(&c, BEGIN_NS + 14 * S, BEGIN_NS + 5 * S));
    contradictions_init(&c, S);
    assert_true(is_believed(&c, BEGIN_NS + 16 * S, BEGIN_NS + 5 * S));
}

static void test_loss__is_not_believed_if_reported_now_and_then(void **state)
{
    struct contradictions c;

    contradictions_init(&c, S);
    for (uint64_t now_ns = BEGIN_NS; now_ns < BEGIN_NS + 100 * S; now_ns += 2 * S + 1) {
        assert_false(contradictions_note_loss(&c, 0, now_ns));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions__are_recent_for_a_minute),
        cmocka_unit_test(test_loss__is_believed_if_reported_for_ten_timeouts),
        cmocka_unit_test(test_loss__is_not_believed_if_a_leader_agrees_meanwhile),
        cmocka_unit_test(test_loss__is_not_believed_if_reported_now_and_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
