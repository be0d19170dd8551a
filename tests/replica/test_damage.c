/* Damage on the disk that nobody could mend: the node goes on with what it has in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "replica/state.h"
#include "replica_world.h"

static void test_damage__does_not_end_a_node_without_others(void **state)
{
    struct world *w = *state;
    struct replica *r = w->nodes[0].replica;

    repair_on_damage(r, "an entry is damaged"); /* A restart would refuse, and the state be lost. */
    world_run_ms(w, 100);
    assert_true(r->is_running);
    assert_int_equal(raft_role(r->raft), RAFT_LEADER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_damage__does_not_end_a_node_without_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
