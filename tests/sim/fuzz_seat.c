/* fuzz_seat.c - fuzz target: a faulty member of a running cluster. Three real nodes are founded
 * in the simulated world; one of them is killed, and the input takes its place: it is accepted
 * as that member, and sends what the input says: messages of the core with any numbers, entries,
 * commands to forward, answers, frames of any bytes. No node may end, and once the member is
 * correct again, the cluster must serve. (The simulator's checkers are not used: they
 * would report the faulty member.) */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "fuzz_input.h"
#include "kv/codec.h"
#include "lies.h"
#include "peer/wire_kind.h"
#include "replica/state.h"
#include "sim/cluster/cluster.h"

enum {
    NODES = 3,
    STEPS_MAX = 48,
    ENTRIES_MAX = 8,
    WORDS_MAX = 5,
    FOUNDING_MS_MAX = 60 * 1000,
    REPLY_BYTES_MAX = 256,
};

/* After that, a cluster of correct nodes must serve: with elections, a high term (I-62), and a
 * restart of nodes that believe that they have lost something. */
static const uint64_t HEALING_NS = 90 * SIM_S;
static const uint64_t PATIENCE_NS = 2 * SIM_S;
static const uint64_t FIRST_TIME_US = 1900000000000000; /* Later than any simulated clock. */

struct scene {
    struct cluster *c;
    struct node *mad;
    struct node *honest[NODES - 1];
    raft_id mad_id;
    struct sim_machine *client;
    struct io *io;      /* The I/O of the faulty member's machine. */
    struct peers peers; /* Its connections, with correct greetings. */
    bool is_seated;
    uint64_t correlation; /* Of the last command that was forwarded to it. */
    uint32_t membership_count;
    uint32_t entry_count;
};

/* --- what the nodes say to the liar ------------------------------------------------------- */

static void on_message(void *context, const struct wire_message *m, struct entry **entries)
{
    (void)context;
    for (uint32_t i = 0; entries != NULL && i < m->message.append_entries.entry_count; i++) {
        entry_release(entries[i]);
    }
}

static void on_abandoned(void *context, uint64_t connection, const struct wire_abandon *a)
{
    struct scene *s = context;

    (void)connection;
    s->correlation = a->correlation;
}

static void on_forward(void *context, raft_id from, uint64_t connection,
                       const struct wire_forward *f)
{
    struct scene *s = context;

    (void)from;
    (void)connection;
    s->correlation = f->correlation;
}

static void on_read_index(void *context, raft_id from, const struct wire_read_index *w)
{
    /* It does not lead. */
}

static void on_read_index_reply(void *context, raft_id from, const struct wire_read_index_reply *w)
{
    /* It has asked nobody. */
}

static void on_fetch(void *context, uint64_t connection, const struct wire_fetch *f)
{
    (void)context;
    (void)connection;
    (void)f;
}

static void on_damaged(void *context, raft_id from, const struct wire_damaged *d)
{
}

static void on_digest(void *context, raft_id from, const struct wire_digest *d)
{
}

static void on_part(void *context, raft_id from, const struct wire_part *part)
{
    (void)context;
    (void)from;
    (void)part;
}

static void on_answer(void *context, raft_id from, const struct wire_answer *a)
{
    (void)context;
    (void)from;
    (void)a;
}

static void on_lost(void *context, raft_id id)
{
    (void)context;
    (void)id;
}

static void on_refused(void *context, raft_id id, enum wire_refusal refusal)
{
    (void)context;
    (void)id;
    (void)refusal;
}

/* --- the world ------------------------------------------------------------------------------ */

static void run(struct scene *s, uint64_t for_ns)
{
    sim_run_until(s->c->sim, sim_now_ns(s->c->sim) + for_ns);
}

static const struct raft *raft_of(const struct node *n)
{
    return replica_raft(n->server->replica);
}

static bool is_founded(struct scene *s)
{
    const struct node *leader = cluster_leader(s->c);
    uint32_t voter_count = 0;

    for (uint32_t i = 0; leader != NULL && i < NODES; i++) {
        voter_count += cluster_is_voter(&s->c->nodes[i]);
    }
    return voter_count == NODES && raft_is_ready(raft_of(leader));
}

static void found(struct scene *s)
{
    struct cluster_options options = {.seed = 1, .node_count = NODES, .forbidden = FAULTS_ALL};

    s->c = cluster_new(&options);
    s->client = sim_machine_new(s->c->sim, "client");
    for (uint32_t i = 0; i < NODES; i++) {
        cluster_start(&s->c->nodes[i]);
    }
    for (int ms = 0; ms < FOUNDING_MS_MAX && !is_founded(s); ms += 20) {
        run(s, 20 * SIM_MS);
    }
    CHECK(is_founded(s));
    for (uint32_t i = 0; i < NODES; i++) {
        s->c->nodes[i].probe = (struct server_probe){0};
    }
}

static void take_seat(struct scene *s)
{
    struct peers_events events = {.context = s,
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
                                  .forwards_lost = on_lost,
                                  .refused = on_refused};
    struct peers_options options = {
        .self = {.id = s->mad_id,
                 .client = {.host = "mad", .port = CLUSTER_PORT},
                 .peer_port = CLUSTER_PEER_PORT},
        .host = {.host = "mad"},
        .election_timeout_ns = s->c->config.election_timeout_ns,
        .level = 1,
        .version = WIRE_VERSION,
    };
    struct peers_source source = {0};
    const struct replica *of_honest = s->honest[0]->server->replica;

    s->io = sim_boot(sim_machine_new(s->c->sim, "mad"));
    CHECK(peers_start(&s->peers, s->io, NULL, &events, &options) == 0);
    peers_open(&s->peers, replica_cluster_id(of_honest), 0, replica_cluster_key(of_honest),
               &source);
    peers_set_members(&s->peers, replica_membership(of_honest));
    s->is_seated = true;
    run(s, 200 * SIM_MS);
}

static void leave_seat(struct scene *s)
{
    sim_die(s->io, SIM_KILLED);
    peers_deinit(&s->peers);
    sim_bury(s->io);
    s->is_seated = false;
}

/* The leader becomes faulty, or a follower does. */
static void choose_mad(struct scene *s, bool is_leader)
{
    const struct node *leader = cluster_leader(s->c);
    uint32_t honest_count = 0;

    for (uint32_t i = 0; i < NODES; i++) {
        struct node *n = &s->c->nodes[i];

        if (s->mad == NULL && (n == leader) == is_leader) {
            s->mad = n;
        } else {
            s->honest[honest_count++] = n;
        }
    }
    s->mad_id = raft_self(raft_of(s->mad));
    cluster_kill(s->mad, SIM_KILLED);
    run(s, 20 * SIM_MS);
}

/* --- what it says --------------------------------------------------------------------------- */

static raft_index some_index(const struct raft *r, struct slice *input)
{
    raft_index last = raft_last_index(r);
    raft_index commit = raft_commit_index(r);
    uint64_t choice = fuzz_number(input, 1);
    const raft_index indexes[] = {
        0,          last,        last + 1,   last - 1, commit,
        commit + 1, last + 1000, UINT64_MAX, 1,        fuzz_number(input, 1)};

    return indexes[choice % (sizeof indexes / sizeof indexes[0])];
}

static raft_term some_term(const struct raft *r, struct slice *input)
{
    raft_term current = raft_current_term(r);
    uint64_t choice = fuzz_number(input, 1);
    const raft_term terms[] = {current,
                               current + 1,
                               current + 2,
                               current - 1,
                               0,
                               1,
                               raft_term_at(r, raft_last_index(r)),
                               UINT64_MAX,
                               current + ((uint64_t)1 << 32),
                               current + fuzz_number(input, 1)};

    return terms[choice % (sizeof terms / sizeof terms[0])];
}

/* Of that kind; 0: of any. */
static struct raft_message some_message(const struct scene *s, const struct raft *r,
                                        enum raft_message_kind kind, struct slice *input)
{
    uint64_t flags = fuzz_number(input, 1);
    struct lies lies = {.flags = {(flags & 0x40) != 0, (flags & 0x80) != 0}};
    enum raft_message_kind any = RAFT_PRE_VOTE + flags % RAFT_INSTALL_SNAPSHOT;
    struct raft_message m = {.kind = kind == 0 ? any : kind, .from = s->mad_id, .to = raft_self(r)};

    m.term = some_term(r, input);
    for (int i = 0; i < 2; i++) {
        lies.indexes[2 * i] = some_index(r, input);
        lies.terms[i] = some_term(r, input);
        lies.indexes[2 * i + 1] = some_index(r, input);
    }
    lies_fill(&m, &lies);
    return m;
}

static struct slice some_word(struct slice *input)
{
    static const char *const words[] = {
        "SET",      "GET",  "APPEND", "DEL",      "INCR",     "MSET",   "k",
        "1",        "RAFT", "REMOVE", "ADD",      "FLUSHALL", "SELECT", "MOVE",
        "EX",       "PING", "DEBUG",  "SWAPDB",   "KEYS",     "*",      "LRANGE",
        "TRANSFER", "LOG",  "INFO",   "SETRANGE", "GETRANGE", "GETSET", "999999999999"};
    uint64_t choice = fuzz_number(input, 1);

    return choice < sizeof words / sizeof words[0] ? slice_str(words[choice])
                                                   : fuzz_bytes(input, choice % 16);
}

/* As in an entry or a forwarded command; or something that only looks like one. */
static struct buffer some_command(struct slice *input)
{
    struct buffer payload = {0};
    uint64_t choice = fuzz_number(input, 1);
    struct slice words[WORDS_MAX];
    uint32_t count = (uint32_t)(choice % WORDS_MAX) + 1;

    if (choice >= 240) {
        buffer_append_slice(&payload, fuzz_piece(input));
        return payload;
    }
    for (uint32_t i = 0; i < count; i++) {
        words[i] = some_word(input);
    }
    struct command_head head = {.database = (uint8_t)(choice / 16), .argument_count = count};
    size_t size = command_payload_size(&head, words);

    command_payload_write(buffer_reserve(&payload, size), &head, words);
    buffer_commit(&payload, size);
    return payload;
}

/* The one in force, with a byte of it changed, or one member more or less. */
static struct entry *some_membership(const struct node *n, struct slice *input)
{
    const struct membership *now = replica_membership(n->server->replica);
    struct membership *m = membership_copy(now);
    uint64_t choice = fuzz_number(input, 1);
    struct raft_configuration *c = &m->configuration;
    struct raft_member *member = &c->members[choice / 8 % c->member_count];

    switch (choice % 8) {
    case 0:
        member->incoming = !member->incoming;
        break;
    case 1:
        member->outgoing = !member->outgoing;
        break;
    case 2:
        c->member_count -= c->member_count > 1;
        break;
    case 3:
        for (uint32_t i = 0; i < c->member_count; i++) {
            c->members[i].outgoing = c->members[i].incoming;
        }
        member->incoming = false;
        break;
    case 4:
        snprintf(m->addresses[0].client.host, sizeof m->addresses[0].client.host, "a\r\nb");
        break;
    default:
        break;
    }

    struct entry *e = membership_encode(m);

    if (choice % 8 == 5 && e->size > 0) {
        e->data[fuzz_number(input, 1) % e->size] = (char)fuzz_number(input, 1);
    }
    membership_free(m);
    return e;
}

static struct entry *some_entry(struct scene *s, const struct node *n, struct slice *input)
{
    uint64_t choice = fuzz_number(input, 1);
    struct entry *e;

    /* Steps that a leader may take could remove everybody, which is allowed (ADR 14). */
    if (choice % 8 == 0 && s->membership_count++ < 2) {
        e = some_membership(n, input);
    } else if (choice % 8 == 1) {
        e = entry_new(RAFT_NOOP, 0);
    } else {
        struct buffer payload = some_command(input);

        e = entry_new((uint8_t)(choice % 8 == 2 ? RAFT_NOOP : RAFT_COMMAND),
                      (uint32_t)buffer_size(&payload));
        if (e->size > 0) {
            memcpy(e->data, buffer_begin(&payload), e->size);
        }
        buffer_deinit(&payload);
    }
    e->term = some_term(raft_of(n), input);
    e->time_us = choice < 224 ? FIRST_TIME_US + s->entry_count++ : choice - 224;
    return e;
}

static void put_entries(struct scene *s, const struct node *n, struct buffer *out,
                        struct slice *input)
{
    struct entry *entries[ENTRIES_MAX];
    uint32_t count = (uint32_t)(fuzz_number(input, 1) % (ENTRIES_MAX + 1));
    struct wire_message m = {.message = some_message(s, raft_of(n), RAFT_APPEND_ENTRIES, input)};

    m.disk = WIRE_DISK_ROOM;
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = some_entry(s, n, input);
    }
    wire_put_entries(out, &m, entries, count);
    for (uint32_t i = 0; i < count; i++) {
        entry_release(entries[i]);
    }
}

static void put_message(struct scene *s, const struct node *n, struct buffer *out,
                        struct slice *input)
{
    struct wire_message m = {.message = some_message(s, raft_of(n), 0, input)};

    m.applied_index = some_index(raft_of(n), input);
    m.disk = (enum wire_disk)(m.applied_index % (WIRE_DISK_SPENT + 1));
    if (m.message.kind == RAFT_APPEND_ENTRIES) {
        wire_put_entries(out, &m, NULL, 0); /* Out of place there. */
    } else {
        wire_put_message(out, &m);
    }
}

static uint64_t some_time(const struct scene *s, struct slice *input)
{
    uint64_t now_ns = sim_now_ns(s->c->sim);
    uint64_t choice = fuzz_number(input, 1);
    const uint64_t times[] = {0, now_ns, now_ns + SIM_S, now_ns + choice * SIM_MS, 1, UINT64_MAX};

    return times[choice % (sizeof times / sizeof times[0])];
}

static void put_holds(const struct scene *s, struct buffer *out, struct slice *input)
{
    struct wire_holds holds = {.clock_ns = some_time(s, input),
                               .correlation = fuzz_number(input, 1)};

    wire_put_holds(out, &holds);
}

static void put_forward(const struct scene *s, const struct node *n, struct buffer *out,
                        struct slice *input)
{
    struct buffer payload = some_command(input);
    uint64_t choice = fuzz_number(input, 1);
    struct wire_forward f = {.correlation = choice,
                             .term = some_term(raft_of(n), input),
                             .resp_version = choice % 2 == 0 ? 2 : 3,
                             .is_logged_read = (choice & 2) != 0,
                             .until_ns = some_time(s, input),
                             .command = buffer_slice(&payload)};

    wire_put_forward(out, &f);
    buffer_deinit(&payload);
}

static void put_where(const struct scene *s, struct buffer *out, struct slice *input)
{
    uint64_t choice = fuzz_number(input, 1);
    struct slice host = fuzz_bytes(input, choice / 4 % 16);
    const raft_id ids[] = {raft_self(raft_of(s->honest[0])), raft_self(raft_of(s->honest[1])),
                           s->mad_id, 7};
    struct member_address where = {
        .id = ids[choice % 4], .client = {.port = CLUSTER_PORT}, .peer_port = CLUSTER_PEER_PORT};

    memcpy(where.client.host, host.data, host.size);
    wire_put_where(out, &where);
}

/* Answers to what they forwarded, or did not. */
static void put_answer(const struct scene *s, const struct node *n, struct buffer *out,
                       struct slice *input)
{
    uint64_t choice = fuzz_number(input, 1);
    size_t mark = wire_begin_answer(out, 0, choice % 4 == 0 ? choice : s->correlation);

    buffer_append_slice(out, choice % 2 == 0 ? slice_str("+OK\r\n")
                                             : fuzz_bytes(input, choice / 8 % 32));
    wire_end_answer(out, mark, (enum wire_outcome)(choice / 4 % (WIRE_NOT_LEADER + 1)),
                    some_index(raft_of(n), input));
}

static void put_frame(struct buffer *out, struct slice *input)
{
    uint64_t choice = fuzz_number(input, 1);
    size_t mark = wire_begin(out, choice < WIRE_MAY_BE_SKIPPED
                                      ? wire_kind_at((uint32_t)choice % wire_kind_count())->type
                                      : (enum wire_type)choice);

    buffer_append_slice(out, fuzz_piece(input));
    wire_end(out, mark);
}

/* The connection on which that node reads from the faulty member. */
static struct link *dialed(struct scene *s, const struct node *n, enum wire_channel channel)
{
    struct peer *peer = peers_find(&s->peers, raft_self(raft_of(n)));

    return peer != NULL && peer->dial[channel].phase == DIAL_UP ? &peer->dial[channel].link : NULL;
}

/* The connection on which that node waits for answers. */
static struct link *accepted(struct scene *s, const struct node *n)
{
    list_for_each(node, &s->peers.inbounds)
    {
        struct inbound *in = container_of(node, struct inbound, node);

        if (in->is_greeted && in->from == raft_self(raft_of(n)) && !in->link.is_closing) {
            return &in->link;
        }
    }
    return NULL;
}

/* --- what clients say ------------------------------------------------------------------------- */

struct client {
    struct io *io;
    struct io_stream stream;
    struct io_connect connect;
    bool is_open;
    size_t size;
    char reply[REPLY_BYTES_MAX];
};

static char *client_room(struct io_stream *stream, size_t *ret_size)
{
    struct client *c = container_of(stream, struct client, stream);

    *ret_size = sizeof c->reply - c->size;
    return c->reply + c->size;
}

static void client_received(struct io_stream *stream, int64_t size)
{
    struct client *c = container_of(stream, struct client, stream);

    c->size += size > 0 ? (size_t)size : 0;
    if ((size <= 0 || c->size == sizeof c->reply) && c->is_open) {
        c->is_open = false;
        io_stream_close(c->io, stream);
    }
}

static void client_sent(struct io_stream *stream, int status)
{
    (void)stream;
    (void)status;
}

static void client_closed(struct io_stream *stream)
{
    (void)stream;
}

static void client_connected(struct io_connect *connect, int status)
{
    static const char text[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    struct client *c = container_of(connect, struct client, connect);

    c->is_open = status == 0;
    if (c->is_open) {
        (void)io_stream_write(c->io, &c->stream, text, sizeof text - 1);
    }
}

/* Whether a client's command to that node is executed. */
static bool serves(struct scene *s, const struct node *n, uint64_t patience_ns)
{
    struct io_address address = {.port = CLUSTER_PORT};
    struct client *c = memory_take_zeroed(1, sizeof *c);
    bool is_served;

    snprintf(address.host, sizeof address.host, "%s", n->name);
    c->io = sim_boot(s->client);
    c->stream = (struct io_stream){.room = client_room,
                                   .received = client_received,
                                   .sent = client_sent,
                                   .closed = client_closed};
    c->connect = (struct io_connect){.connected = client_connected, .stream = &c->stream};
    io_connect(c->io, &c->connect, &c->stream, &address);
    for (uint64_t ns = 0; ns < patience_ns && c->size == 0; ns += 10 * SIM_MS) {
        run(s, 10 * SIM_MS);
    }
    is_served = c->size > 0 && c->reply[0] == '+';
    sim_die(c->io, SIM_KILLED);
    sim_bury(c->io);
    free(c);
    return is_served;
}

/* --- one thing after the other ---------------------------------------------------------------- */

/* Anything else is a message of the core. */
enum saying {
    SAY_ENTRIES = 2,
    SAY_FORWARD,
    SAY_ANSWER,
    SAY_WHERE,
    SAY_FRAME,
    SAY_HOLDS,
    SAY_CLOCK
};

static void say(struct scene *s, const struct node *n, uint64_t what, struct slice *input)
{
    bool is_bulk = what == SAY_ENTRIES || what == SAY_FORWARD || what == SAY_HOLDS;
    bool is_back = what == SAY_ANSWER || what == SAY_CLOCK;
    struct link *link = is_back ? accepted(s, n) : dialed(s, n, is_bulk ? WIRE_BULK : WIRE_CONTROL);

    if (link == NULL) {
        return;
    }
    switch (what) {
    case SAY_ENTRIES:
        put_entries(s, n, &link->out, input);
        break;
    case SAY_FORWARD:
        put_forward(s, n, &link->out, input);
        break;
    case SAY_ANSWER:
        put_answer(s, n, &link->out, input);
        break;
    case SAY_WHERE:
        put_where(s, &link->out, input);
        break;
    case SAY_FRAME:
        put_frame(&link->out, input);
        break;
    case SAY_HOLDS:
        put_holds(s, &link->out, input);
        break;
    case SAY_CLOCK:
        wire_put_clock(&link->out, &(struct wire_clock){some_time(s, input), some_time(s, input)});
        break;
    default:
        put_message(s, n, &link->out, input);
    }
    link_flush(link);
}

static void check_honest(const struct scene *s)
{
    for (uint32_t i = 0; i < NODES - 1; i++) {
        CHECK(s->honest[i]->phase == NODE_UP);
    }
}

static void step(struct scene *s, struct slice *input)
{
    uint64_t head = fuzz_number(input, 1);
    const struct node *n = s->honest[head % 2];

    switch (head / 2 % 16) {
    case 0:
    case 1:
    case 2:
        run(s, (1 + fuzz_number(input, 1)) * SIM_MS);
        break;
    case 3:
        (void)serves(s, n, 100 * SIM_MS);
        break;
    case 4:
        dial_drop(&peers_find(&s->peers, raft_self(raft_of(n)))->dial[head / 32 % 2]);
        run(s, 200 * SIM_MS);
        break;
    default:
        say(s, n, head / 2 % 16 - 4, input);
        run(s, SIM_MS);
    }
    check_honest(s);
}

/* The faulty member is correct again. */
static void heal(struct scene *s)
{
    cluster_start(s->mad);
    for (uint64_t ns = 0; ns < HEALING_NS; ns += PATIENCE_NS) {
        for (uint32_t i = 0; i < NODES; i++) {
            if (s->c->nodes[i].phase == NODE_UP && serves(s, &s->c->nodes[i], PATIENCE_NS)) {
                return;
            }
        }
    }
    cluster_describe(s->c, stderr);
    CHECK(false); /* The cluster does not serve any more. */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene *s = memory_take_zeroed(1, sizeof *s);
    struct slice input = slice_of(data, size);

    found(s);
    choose_mad(s, fuzz_number(&input, 1) % 2 == 0);
    take_seat(s);
    for (int i = 0; i < STEPS_MAX && input.size > 0; i++) {
        step(s, &input);
    }
    leave_seat(s);
    heal(s);
    cluster_free(s->c);
    free(s);
    return 0;
}
