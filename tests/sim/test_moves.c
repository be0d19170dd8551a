/* Members that move, in a cluster without other faults: whichever addresses they take, and
 * whichever members are missing, those that run find each other within seconds, and the log gets
 * their new addresses. Each is given another node as its contact, as by an operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "replica/state.h"

enum { SEEDS = 8, NODES = 3, HEAL_S = 10 };

static bool is_reached(const struct node *from, const struct node *to)
{
    const struct peer *peer = peers_find(&from->server->peers, to->id);

    return peer != NULL && peer->dial[WIRE_CONTROL].phase == DIAL_UP &&
           peer->dial[WIRE_BULK].phase == DIAL_UP &&
           strcmp(peer->address.client.host, to->host) == 0;
}

static bool is_logged(const struct node *at, const struct node *n)
{
    const struct member_address *there =
        membership_address(replica_membership(at->server->replica), n->id);

    return there != NULL && strcmp(there->client.host, n->host) == 0;
}

/* All nodes that run reach each other, follow one leader, and have their addresses in the log. */
static bool is_whole(struct cluster *c)
{
    const struct node *leader = cluster_leader(c);

    if (leader == NULL || !raft_is_ready(replica_raft(leader->server->replica))) {
        return false;
    }
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct node *n = &c->nodes[i];

        for (uint32_t j = 0; j < c->node_count && n->phase == NODE_UP; j++) {
            const struct node *other = &c->nodes[j];

            if (other->phase == NODE_UP &&
                (!is_logged(n, other) || (i != j && !is_reached(n, other)))) {
                return false;
            }
        }
        if (n->phase == NODE_UP &&
            (!cluster_is_voter(n) || raft_leader(replica_raft(n->server->replica)) != leader->id)) {
            return false;
        }
    }
    return true;
}

static void expect_whole_within(struct cluster *c, int seconds)
{
    for (int i = 0; i < seconds * 20 && !is_whole(c); i++) {
        calm_cluster_run_for(c, 50 * SIM_MS);
    }
    if (!is_whole(c)) {
        cluster_describe(c, stderr);
    }
    assert_true(is_whole(c));
}

static void expect_whole(struct cluster *c)
{
    expect_whole_within(c, HEAL_S);
}

/* The leader first. */
static void in_order(struct cluster *c, struct node **nodes)
{
    uint32_t count = 0;

    nodes[count++] = cluster_leader(c);
    for (uint32_t i = 0; i < NODES; i++) {
        if (&c->nodes[i] != nodes[0]) {
            nodes[count++] = &c->nodes[i];
        }
    }
}

/* The leader is the first of `ret_nodes`. With every other seed, unknown hosts are silent. */
static struct cluster *begin(uint64_t seed, struct node **ret_nodes)
{
    struct cluster *c = calm_cluster_start(seed, NULL);

    sim_set_dark(c->sim, seed % 2 == 0);
    in_order(c, ret_nodes);
    return c;
}

/* Ends the nodes, and starts them at these hosts. The first one is the contact of the others,
 * and the last one that of the first; a single node gets one that runs. */
static void move(struct node *const *nodes, const char *const *hosts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        cluster_kill(nodes[i], SIM_KILLED);
    }
    for (uint32_t i = 0; i < count; i++) {
        cluster_move(nodes[i], hosts[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (count > 1) {
            nodes[i]->contact = i == 0 ? nodes[count - 1] : nodes[0];
        }
        cluster_start(nodes[i]);
    }
}

static void test_moves__of_all_to_new_addresses_heal(void **state)
{
    static const char *const hosts[] = {"x1", "x2", "x3"};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);

        move(nodes, hosts, NODES);
        expect_whole(c);
        cluster_free(c);
    }
}

/* Ports that nobody could guess. */
static void test_moves__of_all_to_new_ports_heal(void **state)
{
    static const char *const hosts[] = {"x1", "x2", "x3"};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);

        for (uint32_t i = 0; i < NODES; i++) {
            nodes[i]->config.peer_port = (uint16_t)(CLUSTER_PEER_PORT + 10 * (i + 1));
        }
        move(nodes, hosts, NODES);
        expect_whole(c);
        cluster_free(c);
    }
}

static void test_moves__round_in_a_circle_heal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);

        const char *const hosts[] = {nodes[1]->name, nodes[2]->name, nodes[0]->name};

        move(nodes, hosts, NODES);
        expect_whole(c);
        cluster_free(c);
    }
}

/* The leader and a follower, or the followers. */
static void test_moves__of_two_to_each_others_address_heal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);
        uint32_t first = seed % 4 < 2 ? 0 : 1;

        const char *const hosts[] = {nodes[first + 1]->name, nodes[first]->name};

        move(nodes + first, hosts, 2);
        expect_whole(c);
        cluster_free(c);
    }
}

/* The third node is down, for good; or it comes back at its old address, knowing nothing of the
 * moves. */
static void test_moves__with_one_missing_heal(void **state)
{
    static const char *const hosts[] = {"x1", "x2"};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);

        cluster_kill(nodes[2], SIM_POWER);
        move(nodes, hosts, 2);
        expect_whole(c);
        cluster_start(nodes[2]);
        expect_whole(c);
        cluster_free(c);
    }
}

/* The node that was away knows none of the new addresses, and its contact does not lead. */
static void test_moves__of_all_one_after_the_other_heal_through_a_follower(void **state)
{
    static const char *const hosts[] = {"x1", "x2"};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);

        cluster_kill(nodes[2], SIM_KILLED);
        for (uint32_t i = 0; i < NODES; i++) {
            nodes[i]->config.peer_port = (uint16_t)(CLUSTER_PEER_PORT + 10 * (i + 1));
        }
        move(nodes, hosts, 2);
        expect_whole(c);
        cluster_move(nodes[2], "x3");
        nodes[2]->contact = cluster_leader(c) == nodes[0] ? nodes[1] : nodes[0];
        cluster_start(nodes[2]);
        expect_whole(c);
        cluster_free(c);
    }
}

/* And the dead member comes back at the other's old address. */
static void test_moves__to_the_address_of_a_dead_member_heal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);

        const char *const dead = nodes[1]->name;
        struct node *const back = nodes[1];

        cluster_kill(back, SIM_POWER);
        cluster_move(back, "gone");
        nodes[1] = nodes[2];
        move(nodes + (seed % 4 < 2 ? 0 : 1), &dead, 1);
        expect_whole(c);
        cluster_move(back, seed % 4 < 2 ? nodes[0]->name : nodes[1]->name);
        cluster_start(back);
        expect_whole(c);
        cluster_free(c);
    }
}

/* A follower is down meanwhile, and starts with the addresses that it knew. */
static void test_moves__of_a_leader_while_a_node_joins_reach_a_follower(void **state)
{
    static const char *const host = "x1";

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);

        cluster_kill(nodes[2], SIM_KILLED);
        cluster_start(cluster_add_machine(c));
        expect_whole(c);
        move(nodes, &host, 1);
        expect_whole(c);
        cluster_start(nodes[2]);
        expect_whole(c);
        cluster_free(c);
    }
}

static struct node *contact_of(struct cluster *c, const struct node *n)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (strcmp(c->nodes[i].host, n->config.contact.host) == 0) {
            return &c->nodes[i];
        }
    }
    fail_msg("%s was given no contact", n->name);
    return NULL;
}

/* The joined node has a log by now, and has not been restarted. No other node is left to tell it
 * the address. */
static void test_moves__of_the_contact_to_another_port_reach_who_joined_through_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);
        struct node *newcomer = cluster_add_machine(c);
        struct node *contact;
        const struct member_address *met;

        cluster_start(newcomer);
        expect_whole(c);
        contact = contact_of(c, newcomer);
        for (uint32_t i = 0; i < NODES; i++) {
            cluster_kill(&c->nodes[i], SIM_KILLED);
        }
        contact->config.peer_port = CLUSTER_PEER_PORT + 10;
        cluster_start(contact);
        met = &newcomer->server->peers.contact;
        for (int i = 0; i < HEAL_S * 20 && met->peer_port != contact->config.peer_port; i++) {
            calm_cluster_run_for(c, 50 * SIM_MS);
        }
        assert_string_equal(met->client.host, contact->host);
        assert_int_equal(met->peer_port, contact->config.peer_port);
        cluster_free(c);
    }
}

/* Two nodes have moved, and have a leader. The third has only a new peer port, no contact, and
 * knows nobody's address: the only link between the two islands is that it is the contact of one
 * of the others. It was down when it was first asked. */
static void
test_moves__onto_two_islands_heal_through_the_contact_of_a_node_that_is_led(void **state)
{
    static const char *const hosts[] = {"x1", "x2"};

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);
        struct node *alone = &c->nodes[0];
        struct node *const moved[] = {&c->nodes[1], &c->nodes[2]};

        assert_true(alone->is_founder); /* It is started without a contact. */
        for (uint32_t i = 0; i < NODES; i++) {
            cluster_kill(&c->nodes[i], SIM_KILLED);
            c->nodes[i].config.peer_port = (uint16_t)(CLUSTER_PEER_PORT + 10 * (i + 1));
        }
        for (uint32_t i = 0; i < 2; i++) {
            cluster_move(moved[i], hosts[i]);
        }
        moved[0]->contact = moved[1];
        moved[1]->contact = alone;
        cluster_start(moved[1]);
        cluster_start(moved[0]);
        expect_whole(c);
        cluster_start(alone);
        expect_whole_within(c, 2 * HEAL_S);
        cluster_free(c);
    }
}

static void cut_off(struct cluster *c, const struct node *n)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (&c->nodes[i] != n) {
            sim_block(n->machine, c->nodes[i].machine, true);
            sim_block(c->nodes[i].machine, n->machine, true);
        }
    }
}

/* The contact is cut off when it is asked, and dies. Another member comes to its address, with a
 * peer port that nobody can guess, and is found there only if the contact is asked again, though
 * the connection to it has not failed yet. */
static void test_moves__to_the_address_of_a_silent_contact_heal(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct node *nodes[NODES];
        struct cluster *c = begin(seed, nodes);
        struct sim_network network = *sim_get_network(c->sim);

        network.break_min_ns = network.break_max_ns = 60 * SIM_S;
        sim_set_network(c->sim, &network);
        for (uint32_t i = 0; i < NODES; i++) {
            cluster_kill(nodes[i], SIM_KILLED);
        }
        cut_off(c, nodes[0]);
        cluster_move(nodes[0], "x1");
        cluster_start(nodes[0]);
        cluster_move(nodes[1], "x2");
        nodes[1]->contact = nodes[0];
        cluster_start(nodes[1]);
        calm_cluster_run_for(c, 100 * SIM_MS);

        cluster_kill(nodes[0], SIM_POWER);
        cluster_move(nodes[0], "gone");
        cluster_move(nodes[2], "x1");
        nodes[2]->config.peer_port = CLUSTER_PEER_PORT + 10;
        nodes[2]->contact = nodes[0];
        cluster_start(nodes[2]);
        expect_whole_within(c, HEAL_S / 2 + 1);
        cluster_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves__of_all_to_new_addresses_heal),
        cmocka_unit_test(test_moves__of_all_to_new_ports_heal),
        cmocka_unit_test(test_moves__round_in_a_circle_heal),
        cmocka_unit_test(test_moves__of_two_to_each_others_address_heal),
        cmocka_unit_test(test_moves__with_one_missing_heal),
        cmocka_unit_test(test_moves__of_all_one_after_the_other_heal_through_a_follower),
        cmocka_unit_test(test_moves__to_the_address_of_a_dead_member_heal),
        cmocka_unit_test(test_moves__of_a_leader_while_a_node_joins_reach_a_follower),
        cmocka_unit_test(test_moves__of_the_contact_to_another_port_reach_who_joined_through_it),
        cmocka_unit_test(
            test_moves__onto_two_islands_heal_through_the_contact_of_a_node_that_is_led),
        cmocka_unit_test(test_moves__to_the_address_of_a_silent_contact_heal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
