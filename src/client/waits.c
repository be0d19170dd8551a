/* waits.c - WAIT and WAITAOF. An acknowledged write is on a majority already. The leader knows from
 * match indexes which further nodes have it, and waits for as many as the client asks for; any
 * other node answers at once with what is certain. */
#include "client/waits.h"

#include <stdlib.h>

#include "base/memory.h"
#include "client/topology.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"

#define MS 1000000ull

struct wait {
    struct list link; /* clients->waits. */
    struct reply_slot *slot;
    raft_index index;     /* What the connection wrote last. */
    uint64_t deadline_ns; /* UINT64_MAX: none. */
    int64_t replicas;     /* Wanted; */
    int64_t local;        /* 1: on this node's disk, too. */
    bool is_aof;
};

/* --- one wait ---------------------------------------------------------------------------- */

static int64_t local_count(const struct wait *w, const struct replica *replica)
{
    return raft_durable_index(replica_raft(replica)) >= w->index ? 1 : 0;
}

static bool is_over(const struct wait *w, const struct clients *c, uint64_t now_ns)
{
    const struct replica *replica = c->replica;
    bool leads = raft_role(replica_raft(replica)) == RAFT_LEADER;

    return now_ns >= w->deadline_ns || !leads ||
           (followers_with(replica, w->index) >= w->replicas &&
            local_count(w, replica) >= w->local);
}

static void write_reply(const struct wait *w, const struct replica *replica, struct resp_writer *to)
{
    if (w->is_aof) {
        resp_array(to, 2);
        resp_integer(to, local_count(w, replica));
    }
    resp_integer(to, followers_with(replica, w->index));
}

/* Ends it with what there is, or with an error. */
static void end(struct clients *c, struct wait *w, const char *error)
{
    struct reply_slot *slot = w->slot;
    struct resp_writer *to = reply_writer(slot);

    if (error == NULL) {
        write_reply(w, c->replica, to);
    } else {
        resp_error(to, error);
    }
    list_remove(&w->link);
    c->wait_count--;
    free(w);
    reply_done(slot);
}

/* --- all of them ------------------------------------------------------------------------- */

static void fired(struct io_timer *timer)
{
    /* Only asks for a turn, which looks at them. */
    io_turn_soon(container_of(timer, struct clients, wait_timer)->io);
}

void waits_init(struct clients *c)
{
    list_init(&c->waits);
    c->wait_timer.fired = fired;
}

static void arm_timer(struct clients *c)
{
    uint64_t next_ns = UINT64_MAX;

    list_for_each(node, &c->waits)
    {
        const struct wait *w = container_of(node, struct wait, link);

        next_ns = w->deadline_ns < next_ns ? w->deadline_ns : next_ns;
    }
    if (next_ns == UINT64_MAX) {
        io_timer_stop(c->io, &c->wait_timer);
    } else {
        io_timer_start(c->io, &c->wait_timer, next_ns);
    }
}

/* A reply may close other connections, whose waits end then. */
static void end_all(struct clients *c, struct list *over)
{
    while (!list_is_empty(over)) {
        end(c, container_of(list_first(over), struct wait, link), NULL);
    }
}

void waits_look(struct clients *c)
{
    uint64_t now_ns = io_now_ns(c->io);
    struct list over;

    if (list_is_empty(&c->waits)) {
        return;
    }
    list_init(&over);
    list_for_each(node, &c->waits)
    {
        if (is_over(container_of(node, struct wait, link), c, now_ns)) {
            list_remove(node);
            list_append(&over, node);
        }
    }
    end_all(c, &over);
    arm_timer(c);
}

void waits_end(struct clients *c, const struct client *client)
{
    struct list over;

    list_init(&over);
    list_for_each(node, &c->waits)
    {
        if (client == NULL || container_of(node, struct wait, link)->slot->client == client) {
            list_remove(node);
            list_append(&over, node);
        }
    }
    end_all(c, &over);
}

bool waits_unblock(struct client *client, bool with_error)
{
    list_for_each(node, &client->clients->waits)
    {
        struct wait *w = container_of(node, struct wait, link);

        if (w->slot->client == client) {
            end(client->clients, w, with_error ? ERROR_UNBLOCKED : NULL);
            return true;
        }
    }
    return false;
}

void waits_free(struct clients *c)
{
    list_for_each(node, &c->waits)
    {
        free(container_of(node, struct wait, link));
    }
    io_timer_stop(c->io, &c->wait_timer);
}

/* --- commands ---------------------------------------------------------------------------- */

/* Reads argument `index` as a timeout; false: an error was replied. */
static bool read_timeout(struct command_call *call, uint32_t index, int64_t *ret_ms)
{
    if (!decimal_read(call->arguments[index], ret_ms)) {
        resp_error(call->reply, ERROR_TIMEOUT_NOT_AN_INTEGER);
    } else if (*ret_ms < 0) {
        resp_error(call->reply, ERROR_TIMEOUT_NEGATIVE);
    } else {
        return true;
    }
    return false;
}

static uint64_t deadline(const struct clients *c, int64_t timeout_ms)
{
    uint64_t now_ns = io_now_ns(c->io);

    return timeout_ms == 0 || (uint64_t)timeout_ms > (UINT64_MAX - now_ns) / MS
               ? UINT64_MAX
               : now_ns + (uint64_t)timeout_ms * MS;
}

/* All earlier commands of the connection are answered (COMMAND_ASYNC), so what it has written is
 * known. */
static void begin(struct command_call *call, struct wait w, int64_t timeout_ms)
{
    struct clients *c = call_clients(call);
    struct wait *kept;

    w.index = call_client(call)->seen_index;
    w.deadline_ns = deadline(c, timeout_ms);
    if (is_over(&w, c, io_now_ns(c->io))) {
        write_reply(&w, c->replica, call->reply);
        return;
    }
    kept = memory_take_zeroed(1, sizeof *kept);
    *kept = w;
    kept->slot = reply_later(call);
    list_init(&kept->link);
    list_append(&c->waits, &kept->link);
    c->wait_count++;
    arm_timer(c);
}

void wait_command(struct command_call *call)
{
    struct wait w = {.is_aof = false};
    int64_t timeout_ms = 0;

    if (!decimal_read(call->arguments[1], &w.replicas) || w.replicas < 0) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else if (read_timeout(call, 2, &timeout_ms)) {
        begin(call, w, timeout_ms);
    }
}

void waitaof_command(struct command_call *call)
{
    struct wait w = {.is_aof = true};
    int64_t timeout_ms = 0;

    if (!decimal_read(call->arguments[1], &w.local) ||
        !decimal_read(call->arguments[2], &w.replicas)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else if (w.local < 0 || w.local > 1) {
        resp_error(call->reply, ERROR_NUMLOCAL);
    } else if (w.replicas < 0) {
        resp_error(call->reply, ERROR_MUST_BE_POSITIVE);
    } else if (read_timeout(call, 3, &timeout_ms)) {
        begin(call, w, timeout_ms);
    }
}
