/* test_durability.c - what acknowledged writes say about the log: with hand-made cases, and
 * against a model that remembers the write of each entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "raft/durability.h"

static raft_seq write_up_to(struct durability *d, raft_index last_index)
{
    raft_seq seq = durability_next_seq(d);

    durability_note(d, seq, last_index);
    return seq;
}

static void test_durability__a_write_covers_the_log_as_it_was(void **state)
{
    struct durability d = {0};
    raft_seq first = write_up_to(&d, 3);
    raft_seq second = write_up_to(&d, 7);

    (void)state;
    assert_int_equal(d.index, 0);
    assert_int_equal(durability_pending(&d, first), first);
    assert_true(durability_reach(&d, first));
    assert_int_equal(d.index, 3);
    assert_int_equal(durability_pending(&d, first), 0);
    assert_int_equal(durability_pending(&d, second), second);
    assert_false(durability_reach(&d, first)); /* Reported again. */
    assert_true(durability_reach(&d, second));
    assert_int_equal(d.index, 7);
    durability_check(&d, 7);
}

static void test_durability__of_several_writes_the_last_one_is_enough(void **state)
{
    struct durability d = {0};

    (void)state;
    (void)write_up_to(&d, 3);
    (void)write_up_to(&d, 3); /* A vote. */
    assert_true(durability_reach(&d, write_up_to(&d, 5)));
    assert_int_equal(d.index, 5);
    durability_check(&d, 5);
}

static void test_durability__what_is_cut_does_not_count(void **state)
{
    struct durability d = {0};
    raft_seq first = write_up_to(&d, 4);
    raft_seq second = write_up_to(&d, 6);

    (void)state;
    assert_true(durability_reach(&d, first));
    durability_cut(&d, 3);
    assert_int_equal(d.index, 2); /* It was durable. */

    raft_seq third = write_up_to(&d, 9); /* 3 .. 9 are written again. */

    assert_true(durability_reach(&d, second));
    assert_int_equal(d.index, 2); /* Another leader's 3 .. 6. */
    assert_true(durability_reach(&d, third));
    assert_int_equal(d.index, 9);
}

enum { ENTRIES_MAX = 4000, ROUNDS = 20000, LEAD_MAX = 300 };

struct model {
    raft_seq seqs[ENTRIES_MAX + 1]; /* The write of each entry. */
    raft_index last;
};

static raft_index durable_in(const struct model *m, raft_seq durable_seq)
{
    raft_index index = 0;

    while (index < m->last && m->seqs[index + 1] <= durable_seq) {
        index++;
    }
    return index;
}

/* With few writes under way the result equals the model's; with more, it is never higher, and
 * equal once all are durable. */
static void compare(struct prng *p, uint64_t lead_max)
{
    static struct model m;
    struct durability d = {0};

    m.last = 0;
    for (int round = 0; round < ROUNDS; round++) {
        if (d.last_seq - d.durable_seq < lead_max && prng_chance(p, 3, 5)) {
            if (m.last > 0 && prng_chance(p, 1, 4)) {
                m.last -= prng_between(p, 1, m.last < 5 ? m.last : 5);
                durability_cut(&d, m.last + 1);
            }
            raft_seq seq = durability_next_seq(&d);

            for (uint64_t n = prng_below(p, 4); n > 0 && m.last < ENTRIES_MAX; n--) {
                m.seqs[++m.last] = seq;
            }
            durability_note(&d, seq, m.last);
        } else if (d.durable_seq < d.last_seq) {
            assert_true(durability_reach(&d, prng_between(p, d.durable_seq + 1, d.last_seq)));
        }
        durability_check(&d, m.last);

        raft_index expected = durable_in(&m, d.durable_seq);

        assert_true(d.index <= expected);
        assert_true(d.index == expected ||
                    (lead_max > DURABILITY_WRITES_MAX && d.durable_seq < d.last_seq));
    }
}

static void test_durability__equals_a_model(void **state)
{
    struct prng p = {.state = 11};

    (void)state;
    compare(&p, 5);
    compare(&p, DURABILITY_WRITES_MAX);
    compare(&p, LEAD_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durability__a_write_covers_the_log_as_it_was),
        cmocka_unit_test(test_durability__of_several_writes_the_last_one_is_enough),
        cmocka_unit_test(test_durability__what_is_cut_does_not_count),
        cmocka_unit_test(test_durability__equals_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
