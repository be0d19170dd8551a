/* A process that knows everything about a cluster except its key: its id, its members and their
 * addresses. Whatever it sends to their peer ports has no effect: not on terms, leader, log or
 * members, not on connections, and not on where members are believed to live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calm_cluster.h"
#include "mad_peer.h"
#include "replica/state.h"

enum { NODES = 3, OTHER = 7 };

/* Everything that it could have changed. */
struct picture {
    const struct node *leader;
    raft_term term[NODES];
    raft_index last_index[NODES];
    raft_index commit_index[NODES];
    struct peer peers[NODES][NODES];
    uint32_t peer_count[NODES];
};

static const struct raft *raft_of(const struct node *n)
{
    return replica_raft(n->server->replica);
}

static struct picture look(struct cluster *c)
{
    struct picture p = {.leader = cluster_leader(c)};

    for (uint32_t i = 0; i < NODES; i++) {
        struct node *n = &c->nodes[i];

        assert_int_equal(n->phase, NODE_UP);
        p.term[i] = raft_current_term(raft_of(n));
        p.last_index[i] = raft_last_index(raft_of(n));
        p.commit_index[i] = raft_commit_index(raft_of(n));
        list_for_each(node, &n->server->peers.all)
        {
            assert_true(p.peer_count[i] < NODES - 1);
            p.peers[i][p.peer_count[i]++] = *container_of(node, struct peer, link);
        }
    }
    return p;
}

static void assert_unchanged(struct cluster *c, const struct picture *before)
{
    struct picture now = look(c);

    assert_ptr_equal(now.leader, before->leader);
    assert_memory_equal(now.term, before->term, sizeof now.term);
    assert_memory_equal(now.last_index, before->last_index, sizeof now.last_index);
    assert_memory_equal(now.commit_index, before->commit_index, sizeof now.commit_index);
    assert_memory_equal(now.peer_count, before->peer_count, sizeof now.peer_count);
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t j = 0; j < now.peer_count[i]; j++) {
            const struct peer *peer = &now.peers[i][j];
            const struct peer *was = &before->peers[i][j];

            assert_int_equal(peer->id, was->id);
            assert_true(member_address_equal(&peer->address, &was->address));
            assert_true(member_address_equal(&peer->reported, &was->reported));
            for (int channel = WIRE_CONTROL; channel <= WIRE_BULK; channel++) {
                assert_int_equal(peer->dial[channel].phase, DIAL_UP);
                assert_int_equal(peer->dial[channel].since_ns, was->dial[channel].since_ns);
            }
        }
    }
}

/* Values that would be accepted from a member. */
static void fill(struct raft_message *m, raft_index last_index, raft_term last_term)
{
    switch (m->kind) {
    case RAFT_PRE_VOTE:
    case RAFT_REQUEST_VOTE:
        m->request_vote = (struct raft_request_vote){last_index + 1, m->term, true};
        break;
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_REQUEST_VOTE_REPLY:
        m->request_vote_reply.vote_granted = true;
        break;
    case RAFT_APPEND_ENTRIES:
        m->append_entries = (struct raft_append_entries){
            .prev_log_index = last_index, .prev_log_term = last_term, .leader_commit = last_index};
        break;
    case RAFT_APPEND_ENTRIES_REPLY:
        m->append_entries_reply.success = true;
        break;
    case RAFT_HEARTBEAT:
        m->heartbeat.leader_commit = last_index;
        m->heartbeat.leader_commit_term = last_term;
        break;
    case RAFT_INSTALL_SNAPSHOT:
        m->install_snapshot = (struct raft_snapshot){last_index + 1, m->term, 1, 1, m->from};
        break;
    case RAFT_HEARTBEAT_REPLY:
    case RAFT_TIMEOUT_NOW:
        break;
    }
}

static void put_everything(struct mad_peer *m, struct cluster *c, const struct node *n,
                           raft_id from)
{
    raft_term term = raft_current_term(raft_of(n));
    raft_index last_index = raft_last_index(raft_of(n));
    struct member_address lie = {.id = c->nodes[0].id == n->id ? c->nodes[1].id : c->nodes[0].id,
                                 .client = {.host = "mad", .port = CLUSTER_PORT},
                                 .peer_port = CLUSTER_PEER_PORT};
    struct entry *e = entry_new(RAFT_COMMAND, 1);
    struct wire_forward f = {.correlation = 1,
                             .term = term,
                             .resp_version = 2,
                             .until_ns = UINT64_MAX,
                             .command = slice_str("\x03\x00\x00\x01\x04PING")};

    for (int kind = RAFT_PRE_VOTE; kind <= RAFT_INSTALL_SNAPSHOT; kind++) {
        struct wire_message w = {
            .message = {
                .kind = (enum raft_message_kind)kind, .from = from, .to = n->id, .term = term + 1}};

        fill(&w.message, last_index, raft_term_at(raft_of(n), last_index));
        if (kind == RAFT_APPEND_ENTRIES) {
            e->term = term + 1;
            e->time_us = MAD_TIME_US;
            wire_put_entries(&m->out, &w, &e, 1);
        } else {
            wire_put_message(&m->out, &w);
        }
    }
    wire_put_where(&m->out, &lie);
    wire_put_forward(&m->out, &f);
    entry_release(e);
}

static void let_it_talk(struct cluster *c, const struct node *n, raft_id from,
                        enum wire_channel channel, bool is_proving)
{
    static const char guess[PROOF_BYTES] = "it must be something like this..";
    struct mad_peer m;

    mad_peer_start_stranger(&m, c, n, from, channel);
    if (is_proving) {
        mad_peer_put_frame(&m, WIRE_PROOF, slice_of(guess, PROOF_BYTES));
    }
    put_everything(&m, c, n, from);
    mad_peer_flush(&m);
    mad_peer_run_for(c, SIM_S);
    assert_false(m.is_open);
    mad_peer_end(&m);
}

static void test_stranger__has_no_effect_on_anything(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct picture before;

    (void)state;
    while (c->user_count > 0) {
        user_free(c->users[--c->user_count]);
    }
    calm_cluster_run_for(c, 2 * SIM_S);
    before = look(c);
    for (uint32_t i = 0; i < NODES; i++) {
        const raft_id names[] = {OTHER, c->nodes[(i + 1) % NODES].id, c->nodes[i].id, 0};

        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
            let_it_talk(c, &c->nodes[i], names[j], WIRE_CONTROL, j % 2 == 0);
            let_it_talk(c, &c->nodes[i], names[j], WIRE_BULK, j % 2 == 1);
        }
    }
    assert_unchanged(c, &before);
    calm_cluster_run_for(c, 5 * SIM_S);
    assert_unchanged(c, &before);
    cluster_free(c);
}

/* So that the test above can fail: a process with the key is heard. */
static void test_stranger__with_the_key_is_heard(void **state)
{
    struct cluster *c = calm_cluster_start(1, NULL);
    struct node *leader = cluster_leader(c);
    raft_term term = raft_current_term(raft_of(leader));
    struct mad_peer m;

    (void)state;
    mad_peer_start(&m, c, leader, OTHER, WIRE_CONTROL);
    put_everything(&m, c, leader, OTHER);
    mad_peer_flush(&m);
    mad_peer_run_for(c, SIM_S);
    assert_true(raft_current_term(raft_of(leader)) > term);
    assert_non_null(peers_find(&leader->server->peers, OTHER));
    mad_peer_end(&m);
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stranger__has_no_effect_on_anything),
        cmocka_unit_test(test_stranger__with_the_key_is_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
