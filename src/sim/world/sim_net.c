/* sim_net.c - carries segments between the two ends of a connection, as TCP does: in order and
 * without loss, but late, in pieces, and not at all while the path is blocked. A lost segment
 * shows as a delay; a connection whose path stays blocked breaks after a while; what arrives at
 * a closed end is answered with a reset. */
#include "sim/world/sim_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"

struct sim_segment {
    struct list link;
    struct sim_event arrive;
    struct sim_end *from;
    enum sim_segment_kind kind;
    uint32_t size;
    char data[];
};

enum {
    SEGMENT_BYTES_MAX = 64 * 1024,
    NARROW_SEGMENT_BYTES_MAX = 512, /* A narrow path delivers a little at a time. */
    SEGMENT_HEAD_BYTES = 40,
};

void sim_set_network(struct sim *sim, const struct sim_network *network)
{
    CHECK(network->window_bytes > 0);
    CHECK(network->delay_min_ns <= network->delay_max_ns);
    sim->network = *network;
}

const struct sim_network *sim_get_network(const struct sim *sim)
{
    return &sim->network;
}

uint64_t sim_net_delay_ns(struct sim_machine *from, struct sim_machine *to)
{
    struct sim *sim = from->sim;
    const struct sim_network *n = &sim->network;

    if (from == to) {
        return prng_between(&sim->net_prng, 5 * SIM_US, 30 * SIM_US);
    }
    uint64_t chance = prng_below(&sim->net_prng, 1024); /* Squared, so most are fast. */
    uint64_t delay =
        n->delay_min_ns + (n->delay_max_ns - n->delay_min_ns) / 1024 * chance / 1024 * chance;
    uint64_t timeout = 200 * SIM_MS; /* Of a retransmission. */

    while (n->loss_ppm > 0 && prng_chance(&sim->net_prng, n->loss_ppm, 1000000) &&
           timeout < 2 * SIM_S) {
        delay += timeout;
        timeout *= 2;
    }
    return delay + from->extra_ns_to[to->number];
}

/* --- connections -------------------------------------------------------------------- */

static void drop_segments(struct sim *sim, struct list *segments)
{
    while (!list_is_empty(segments)) {
        struct sim_segment *s = container_of(list_first(segments), struct sim_segment, link);

        sim_event_stop(sim, &s->arrive);
        list_remove(&s->link);
        free(s);
    }
}

static void connection_free(struct sim_connection *c)
{
    for (int i = 0; i < 2; i++) {
        struct sim_end *end = &c->ends[i];

        drop_segments(c->sim, &end->flight);
        drop_segments(c->sim, &end->held);
        sim_event_stop(c->sim, &end->push);
        list_remove(&end->link);
        buffer_deinit(&end->in);
    }
    sim_event_stop(c->sim, &c->time_out);
    list_remove(&c->link);
    free(c);
}

void sim_connection_drop(struct sim_connection *c)
{
    for (int i = 0; i < 2; i++) {
        const struct sim_end *end = &c->ends[i];

        if (end->stream != NULL || end->listener != NULL || end->connect != NULL) {
            return;
        }
    }
    connection_free(c);
}

static void connection_time_out(struct sim_event *event)
{
    struct sim_connection *c = container_of(event, struct sim_connection, time_out);

    sim_trace(c->sim, "net", "#%llu times out", (unsigned long long)c->number);
    for (int i = 0; i < 2; i++) {
        if (sim_end_is_open(&c->ends[i])) {
            sim_end_break(&c->ends[i], -ETIMEDOUT);
        }
    }
    sim_connection_drop(c);
}

struct sim_connection *sim_connection_new(struct sim_machine *from, struct sim_machine *to,
                                          uint16_t port)
{
    struct sim *sim = from->sim;
    struct sim_connection *c = memory_take_zeroed(1, sizeof *c);

    c->sim = sim;
    c->number = ++sim->next_connection;
    c->time_out.run = connection_time_out;
    for (int i = 0; i < 2; i++) {
        c->ends[i].connection = c;
        list_init(&c->ends[i].flight);
        list_init(&c->ends[i].held);
        sim_end_init(&c->ends[i]);
    }
    c->ends[0].machine = from;
    c->ends[0].port = from->next_port++;
    if (from->next_port < 40000) {
        from->next_port = 40000;
    }
    c->ends[1].machine = to;
    c->ends[1].port = port;
    list_init(&c->link);
    list_append(&sim->connections, &c->link);
    return c;
}

/* It will break, unless the cause ends before. */
void sim_connection_doom(struct sim_connection *c)
{
    struct sim *sim = c->sim;
    const struct sim_network *n = &sim->network;

    if (c->time_out.slot == 0) {
        uint64_t after = prng_between(&sim->net_prng, n->break_min_ns, n->break_max_ns);

        sim_event_start(sim, &c->time_out, sim->now_ns + after);
    }
}

/* --- segments ------------------------------------------------------------------------- */

static void segment_arrive(struct sim_event *event)
{
    struct sim_segment *s = container_of(event, struct sim_segment, arrive);
    struct sim_end *from = s->from;
    struct sim_end *to = sim_end_other(from);
    struct sim_connection *c = from->connection;
    struct sim *sim = c->sim;

    list_remove(&s->link);
    sim_note(sim, sim->now_ns ^ (c->number << 40) ^ ((uint64_t)s->kind << 32));
    if (s->kind == SEGMENT_DATA) {
        sim_note(sim, checksum(s->data, s->size));
    }
    if (sim->trace != NULL) {
        static const char *const words[] = {"syn", "syn-ack", "data", "fin", "rst"};

        sim_trace(sim, to->machine->name, "#%llu < %s %s %u", (unsigned long long)c->number,
                  from->machine->name, words[s->kind], s->size);
    }
    if (to->machine->process == NULL && to->machine->is_off) {
        sim_connection_doom(c); /* Nobody answers. */
    } else if (s->kind == SEGMENT_SYN) {
        sim_end_connect(to);
    } else if (!sim_end_is_open(to)) {
        if (s->kind != SEGMENT_RST && s->kind != SEGMENT_FIN) {
            sim_send(to, SEGMENT_RST, NULL, 0);
        }
    } else if (s->kind == SEGMENT_SYN_ACK) {
        sim_end_connected(to, 0);
    } else if (s->kind == SEGMENT_RST) {
        sim_end_break(to, to->connect != NULL ? -ECONNREFUSED : -ECONNRESET);
    } else {
        if (s->kind == SEGMENT_DATA) {
            buffer_append(&to->in, s->data, s->size);
        } else {
            to->is_ended = true;
        }
        if (to->io != NULL && to->stream != NULL) {
            sim_post(to->io, &to->readable);
        }
    }
    free(s);
    sim_connection_drop(c);
}

static void segment_depart(struct sim_segment *s)
{
    struct sim_end *from = s->from;
    struct sim_machine *to = sim_end_other(from)->machine;
    struct sim *sim = from->connection->sim;
    uint64_t at = sim->now_ns + sim_net_delay_ns(from->machine, to);
    uint64_t bytes_per_s = from->machine->bytes_per_s_to[to->number];

    if (bytes_per_s > 0) {
        uint64_t begin = from->busy_until_ns > sim->now_ns ? from->busy_until_ns : sim->now_ns;

        from->busy_until_ns = begin + (s->size + SEGMENT_HEAD_BYTES) * SIM_S / bytes_per_s;
        at += from->busy_until_ns - sim->now_ns;
    }
    at = at < from->last_arrival_ns ? from->last_arrival_ns : at;
    from->last_arrival_ns = at;
    list_append(&from->flight, &s->link);
    sim_event_start(sim, &s->arrive, at);
}

static void send_one(struct sim_end *from, enum sim_segment_kind kind, const char *data,
                     size_t size)
{
    struct sim_connection *c = from->connection;
    struct sim *sim = c->sim;
    struct sim_machine *to = sim_end_other(from)->machine;
    struct sim_segment *s = memory_take(sizeof *s + size);

    *s = (struct sim_segment){.from = from, .kind = kind, .size = (uint32_t)size};
    s->arrive.run = segment_arrive;
    list_init(&s->link);
    if (size > 0) {
        memcpy(s->data, data, size);
        if (sim->network.corrupt_ppm > 0 && c->ends[1].port >= SIM_PEER_PORTS &&
            prng_chance(&sim->net_prng, sim->network.corrupt_ppm, 1000000)) {
            uint64_t bit = prng_below(&sim->net_prng, 8 * size);

            s->data[bit / 8] = (char)(s->data[bit / 8] ^ (1 << (bit % 8)));
            sim_trace(sim, "net", "#%llu a bit flips", (unsigned long long)c->number);
        }
    }
    if (from->machine->blocked_to[to->number]) {
        list_append(&from->held, &s->link);
        sim_connection_doom(c);
    } else {
        segment_depart(s);
    }
}

void sim_send(struct sim_end *from, enum sim_segment_kind kind, const char *data, size_t size)
{
    struct sim *sim = from->connection->sim;
    bool is_narrow = from->machine->bytes_per_s_to[sim_end_other(from)->machine->number] > 0;
    size_t most = is_narrow ? NARROW_SEGMENT_BYTES_MAX : SEGMENT_BYTES_MAX;

    do {
        size_t part = size < most ? size : most;

        if (part > 1 && prng_chance(&sim->net_prng, sim->network.split_ppm, 1000000)) {
            part = prng_between(&sim->net_prng, 1, part);
        }
        send_one(from, kind, data, part);
        size -= part;
        data = size > 0 ? data + part : NULL;
    } while (size > 0);
}

void sim_credit(struct sim_end *reader, uint64_t size)
{
    struct sim_end *writer = sim_end_other(reader);
    struct sim *sim = reader->connection->sim;

    if (reader->machine->blocked_to[writer->machine->number]) {
        writer->owed += size;
        return;
    }
    CHECK(writer->outstanding >= size);
    writer->outstanding -= size;
    if (writer->pending != NULL && writer->push.slot == 0) {
        sim_event_start(sim, &writer->push,
                        sim->now_ns + sim_net_delay_ns(reader->machine, writer->machine));
    }
}

/* --- faults --------------------------------------------------------------------------- */

static void end_hold(struct sim_end *end)
{
    struct sim *sim = end->connection->sim;

    if (!list_is_empty(&end->flight)) {
        sim_connection_doom(end->connection);
    }
    while (!list_is_empty(&end->flight)) {
        struct sim_segment *s = container_of(list_first(&end->flight), struct sim_segment, link);

        sim_event_stop(sim, &s->arrive);
        list_remove(&s->link);
        list_append(&end->held, &s->link);
    }
    /* Keep-alives find idle ones. */
    sim_connection_doom(end->connection);
}

static void end_let_go(struct sim_end *end)
{
    struct sim_end *other = sim_end_other(end);

    while (!list_is_empty(&end->held)) {
        struct sim_segment *s = container_of(list_first(&end->held), struct sim_segment, link);

        list_remove(&s->link);
        segment_depart(s);
    }
    if (other->owed > 0) {
        uint64_t owed = other->owed;

        other->owed = 0;
        sim_credit(end, owed);
    }
    if (!other->machine->blocked_to[end->machine->number] && !end->machine->is_off &&
        !other->machine->is_off) {
        sim_event_stop(end->connection->sim, &end->connection->time_out);
    }
}

void sim_block(struct sim_machine *from, struct sim_machine *to, bool is_blocked)
{
    struct sim *sim = from->sim;

    if (from == to || from->blocked_to[to->number] == is_blocked) {
        return;
    }
    from->blocked_to[to->number] = is_blocked;
    sim_trace(sim, "net", "%s > %s %s", from->name, to->name, is_blocked ? "blocked" : "open");
    list_for_each(link, &sim->connections)
    {
        struct sim_connection *c = container_of(link, struct sim_connection, link);

        for (int i = 0; i < 2; i++) {
            struct sim_end *end = &c->ends[i];

            if (end->machine != from || sim_end_other(end)->machine != to) {
                continue;
            }
            if (is_blocked) {
                end_hold(end);
            } else {
                end_let_go(end);
            }
        }
    }
}

bool sim_is_blocked(const struct sim_machine *from, const struct sim_machine *to)
{
    return from->blocked_to[to->number];
}

void sim_slow(struct sim_machine *from, struct sim_machine *to, uint64_t extra_ns)
{
    from->extra_ns_to[to->number] = extra_ns;
}

/* Segments under way continue at the path's new speed. */
static void end_hasten(struct sim_end *end)
{
    struct list waiting;

    list_init(&waiting);
    while (!list_is_empty(&end->flight)) {
        struct sim_segment *s = container_of(list_first(&end->flight), struct sim_segment, link);

        sim_event_stop(end->connection->sim, &s->arrive);
        list_remove(&s->link);
        list_append(&waiting, &s->link);
    }
    end->busy_until_ns = 0;
    end->last_arrival_ns = end->connection->sim->now_ns;
    while (!list_is_empty(&waiting)) {
        struct sim_segment *s = container_of(list_first(&waiting), struct sim_segment, link);

        list_remove(&s->link);
        segment_depart(s);
    }
}

void sim_narrow(struct sim_machine *from, struct sim_machine *to, uint64_t bytes_per_s)
{
    if (from == to || from->bytes_per_s_to[to->number] == bytes_per_s) {
        return;
    }
    from->bytes_per_s_to[to->number] = bytes_per_s;
    sim_trace(from->sim, "net", "%s > %s carries %llu bytes a second", from->name, to->name,
              (unsigned long long)bytes_per_s);
    list_for_each(link, &from->sim->connections)
    {
        struct sim_connection *c = container_of(link, struct sim_connection, link);

        for (int i = 0; i < 2; i++) {
            if (c->ends[i].machine == from && sim_end_other(&c->ends[i])->machine == to) {
                end_hasten(&c->ends[i]);
            }
        }
    }
}

uint32_t sim_reset(struct sim_machine *a, struct sim_machine *b, uint32_t chance_ppm)
{
    struct sim *sim = a->sim;
    uint32_t count = 0;

    list_for_each(link, &sim->connections)
    {
        struct sim_connection *c = container_of(link, struct sim_connection, link);
        const struct sim_machine *from = c->ends[0].machine;
        const struct sim_machine *to = c->ends[1].machine;

        if (!((from == a && to == b) || (from == b && to == a)) ||
            !prng_chance(&sim->net_prng, chance_ppm, 1000000)) {
            continue;
        }
        sim_trace(sim, "net", "#%llu is reset", (unsigned long long)c->number);
        count++;
        for (int i = 0; i < 2; i++) {
            drop_segments(sim, &c->ends[i].flight);
            drop_segments(sim, &c->ends[i].held);
            if (sim_end_is_open(&c->ends[i])) {
                sim_end_break(&c->ends[i], -ECONNRESET);
            }
        }
        sim_connection_drop(c);
    }
    return count;
}

/* --- machines ------------------------------------------------------------------------- */

void sim_net_boot(struct sim_machine *machine)
{
    struct sim *sim = machine->sim;

    if (!machine->is_off) {
        return;
    }
    machine->is_off = false;
    list_for_each(link, &sim->connections)
    {
        struct sim_connection *c = container_of(link, struct sim_connection, link);

        for (int i = 0; i < 2; i++) {
            if (c->ends[i].machine == machine && !sim_end_is_open(&c->ends[i])) {
                /* Sooner or later the other end retransmits, and then gets the reset. */
                c->ends[i].last_arrival_ns = sim->now_ns + prng_below(&sim->net_prng, 500 * SIM_MS);
                sim_send(&c->ends[i], SEGMENT_RST, NULL, 0);
            }
        }
    }
}

void sim_net_free(struct sim *sim)
{
    while (!list_is_empty(&sim->connections)) {
        connection_free(container_of(list_first(&sim->connections), struct sim_connection, link));
    }
}
