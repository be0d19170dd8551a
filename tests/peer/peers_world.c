/* peers_world.c - see peers_world.h. */
#include "peers_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"

const char *const names[NODES + 1] = {"a", "b", "c"};
const struct store_key the_key = {"the thirty-two bytes of the key."};

raft_id id_of(uint32_t i)
{
    return 10 * (i + 1);
}

static void on_message(void *context, const struct wire_message *m, struct entry **entries)
{
    struct node *n = context;

    assert_true(n->awaits_message); /* Otherwise no message is expected. */
    n->awaits_message = false;
    for (uint32_t i = 0; entries != NULL && i < m->message.append_entries.entry_count; i++) {
        entry_release(entries[i]);
    }
}

static void on_forward(void *context, raft_id from, uint64_t connection,
                       const struct wire_forward *f)
{
    struct node *n = context;

    n->connection = connection;
    n->forward_count++;
}

static void on_abandoned(void *context, uint64_t connection, const struct wire_abandon *a)
{
    struct node *n = context;

    n->abandoned_count++;
}

static void on_read_index(void *context, raft_id from, const struct wire_read_index *w)
{
    struct node *n = context;

    n->read_index_count++;
    peers_send_read_index_reply(
        &n->peers, from,
        &(struct wire_read_index_reply){.number = w->number, .index = 9, .term = 1});
}

static void on_read_index_reply(void *context, raft_id from, const struct wire_read_index_reply *w)
{
    struct node *n = context;

    n->read_index_reply_count++;
    assert_int_equal(w->index, 9);
}

static void on_fetch(void *context, uint64_t connection, const struct wire_fetch *f)
{
    struct node *n = context;
    struct buffer *out = peers_answer(&n->peers, connection);

    n->fetch_count++;
    wire_put_part(out, &(struct wire_part){.index = f->index,
                                           .checksum = f->checksum,
                                           .offset = f->offset,
                                           .bytes = slice_str("part")});
}

static void on_damaged(void *context, raft_id from, const struct wire_damaged *d)
{
    (void)context;
    (void)from;
    (void)d;
}

static void on_digest(void *context, raft_id from, const struct wire_digest *d)
{
    (void)context;
    (void)from;
    (void)d;
}

static void on_part(void *context, raft_id from, const struct wire_part *part)
{
    struct node *n = context;

    n->part_count++;
    assert_true(slice_is(part->bytes, "part"));
}

static void on_answer(void *context, raft_id from, const struct wire_answer *a)
{
    struct node *n = context;

    n->answer_count++;
}

static void on_lost(void *context, raft_id id)
{
    struct node *n = context;

    n->lost_count++;
}

static void on_forwards_lost(void *context, raft_id id)
{
    struct node *n = context;

    n->forwards_lost_count++;
}

static void on_refused(void *context, raft_id id, enum wire_refusal refusal)
{
    struct node *n = context;

    n->refusal = refusal;
}

struct member_address address_of(uint32_t i)
{
    struct member_address a = {.id = id_of(i), .client = {.port = 8000}, .peer_port = PEER_PORT};

    snprintf(a.client.host, sizeof a.client.host, "%s", names[i]);
    return a;
}

struct membership *both(void)
{
    struct membership *m = NULL;

    for (uint32_t i = 0; i < NODES; i++) {
        struct raft_configuration c = {.member_count = i + 1};
        struct member_address fresh = address_of(i);

        for (uint32_t j = 0; j <= i; j++) {
            c.members[j] = (struct raft_member){.id = id_of(j), .incoming = true};
        }
        struct membership *next = membership_next(m, &c, &fresh);

        membership_free(m);
        m = next;
    }
    return m;
}

void run_ms(struct world *w, uint64_t ms)
{
    sim_run_until(w->sim, sim_now_ns(w->sim) + ms * SIM_MS);
}

void start_at(struct node *n, struct io *io, const struct member_address *address,
              uint64_t cluster_id)
{
    struct peers_options options = {
        .self = *address,
        .host = address->client,
        .election_timeout_ns = SIM_S,
        .level = 1,
        .version = n->version == 0 || n->version > WIRE_VERSION ? WIRE_VERSION : n->version};
    struct peers_source source = {0};
    struct peers_events events = {.context = n,
                                  .message = on_message,
                                  .forward = on_forward,
                                  .abandoned = on_abandoned,
                                  .answer = on_answer,
                                  .read_index = on_read_index,
                                  .read_index_reply = on_read_index_reply,
                                  .fetch = on_fetch,
                                  .part = on_part,
                                  .damaged = on_damaged,
                                  .digest = on_digest,
                                  .lost = on_lost,
                                  .forwards_lost = on_forwards_lost,
                                  .refused = on_refused};

    n->io = io;
    assert_int_equal(peers_start(&n->peers, n->io, n->log, &events, &options), 0);
    if (n->version > WIRE_VERSION) {
        n->peers.version = n->version; /* As a later program would. */
    }
    if (n->has_no_cluster) {
        return;
    }
    peers_open(&n->peers, cluster_id, n->epoch, n->key == NULL ? &the_key : n->key, &source);
}

void start_node(struct world *w, uint32_t i, uint64_t cluster_id)
{
    struct member_address address = address_of(i);

    if (w->machines[i] == NULL) {
        w->machines[i] = sim_machine_new(w->sim, names[i]);
    }
    start_at(&w->nodes[i], sim_boot(w->machines[i]), &address, cluster_id);
}

void start_both(struct world *w)
{
    start_node(w, 0, CLUSTER);
    start_node(w, 1, CLUSTER);
}

struct io *start_stranger(struct world *w, const char *name)
{
    w->stranger = sim_boot(sim_machine_new(w->sim, name));
    return w->stranger;
}

void end_stranger(struct world *w)
{
    if (w->stranger != NULL) {
        sim_die(w->stranger, SIM_KILLED);
        sim_bury(w->stranger);
        w->stranger = NULL;
    }
}

void end_node(struct node *n, enum sim_death death)
{
    sim_die(n->io, death);
    peers_deinit(&n->peers);
    sim_bury(n->io);
    n->io = NULL;
}

void dial(struct world *w, uint32_t i)
{
    struct membership *m = both();

    peers_set_members(&w->nodes[i].peers, m);
    membership_free(m);
}

bool is_up(const struct peers *p, raft_id id)
{
    const struct peer *peer = peers_find(p, id);

    return peer != NULL && peer->dial[WIRE_CONTROL].phase == DIAL_UP &&
           peer->dial[WIRE_BULK].phase == DIAL_UP;
}

int peers_setup(void **state)
{
    struct world *w = memory_take_zeroed(1, sizeof *w);
    struct sim_network network = {.delay_min_ns = SIM_US,
                                  .delay_max_ns = SIM_MS,
                                  .window_bytes = 64 * 1024,
                                  .break_min_ns = SIM_S,
                                  .break_max_ns = SIM_S};

    w->sim = sim_new(1);
    sim_set_network(w->sim, &network);
    *state = w;
    return 0;
}

int peers_teardown(void **state)
{
    struct world *w = *state;

    for (uint32_t i = 0; i <= NODES; i++) {
        if (w->nodes[i].io != NULL) {
            end_node(&w->nodes[i], SIM_KILLED);
        }
    }
    end_stranger(w);
    sim_free(w->sim);
    free(w);
    return 0;
}
