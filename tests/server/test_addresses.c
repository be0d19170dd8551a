/* Where members that have moved are looked for, in the simulated world. */
#include "peers_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* The log has the second node where nobody lives any more. */
static struct membership *second_at_third_place(void)
{
    struct membership *m = both();
    struct member_address former = address_of(2);
    struct membership *next;

    former.id = id_of(1);
    next = membership_next(m, &m->configuration, &former);
    membership_free(m);
    return next;
}

static void test_addresses__at_the_contact(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();
    struct member_address there = address_of(1);

    start_node(w, 0, CLUSTER);
    start_node(w, 1, CLUSTER);
    addresses_set_contact(&w->nodes[0].peers, &there.client, there.peer_port);
    peers_set_members(&w->nodes[0].peers, m);
    run_ms(w, 5000);
    peers_set_members(&w->nodes[0].peers, m); /* Which is not newer. */
    run_ms(w, 500);
    assert_true(is_up(&w->nodes[0].peers, id_of(1)));
    membership_free(m);
}

static void test_addresses__where_others_reach_it(void **state)
{
    struct world *w = *state;
    struct membership *m = second_at_third_place();
    struct member_address third = address_of(2);

    start_node(w, 0, CLUSTER);
    start_node(w, 1, CLUSTER);
    start_at(&w->nodes[2], sim_boot(sim_machine_new(w->sim, names[2])), &third, CLUSTER);
    peers_set_members(&w->nodes[2].peers, m); /* The place where it is itself. */
    dial(w, 0);
    run_ms(w, 5000); /* It has reached the first one, which reaches the second. */
    assert_true(is_up(&w->nodes[2].peers, id_of(1)));
    membership_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEERS_TEST(test_addresses__at_the_contact),
        PEERS_TEST(test_addresses__where_others_reach_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
