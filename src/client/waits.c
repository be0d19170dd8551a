/* waits.c - WAIT and WAITAOF. An acknowledged write is on a majority already. The leader knows from
 * match indexes which further nodes have it, and waits for as many as the client asks for; any
 * other node answers at once with what is certain. And RAFT WAIT, on any node. */
#include "client/waits.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "client/topology.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"

#define MS 1000000ull

enum { LOOK_NS = 2 * 1000 * 1000 };

/* WAIT and WAITAOF. */
struct nodes_wait {
    struct wait wait;
    raft_index index; /* What the connection wrote last. */
    int64_t replicas; /* Wanted; */
    int64_t local;    /* 1: on this node's disk, too. */
    bool is_aof;
};

/* --- one wait ---------------------------------------------------------------------------- */

static void release(struct wait *w)
{
    free(w); /* It is the first member. */
}

static bool is_over(struct wait *w, const struct clients *c, uint64_t now_ns)
{
    return now_ns >= w->deadline_ns || w->is_over(w, c);
}

/* Ends it with what there is, or with an error. */
static void end(struct clients *c, struct wait *w, const char *error)
{
    struct reply_slot *slot = w->slot;
    struct resp_writer *to = reply_writer(slot);

    if (error == NULL) {
        w->reply(w, c, to);
    } else {
        resp_error(to, error);
    }
    list_remove(&w->link);
    c->wait_count--;
    slot->client->held_count -= w->holds_client;
    release(w);
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

/* For a time: those that were looked at come last, so that the next turn goes on. */
void waits_look(struct clients *c)
{
    uint64_t now_ns = io_now_ns(c->io);
    uint32_t left = c->wait_count;
    struct time_share share;

    if (list_is_empty(&c->waits)) {
        return;
    }
    time_share_begin(&share, c->io, c->options.probe, LOOK_NS);
    while (left > 0 && !list_is_empty(&c->waits)) {
        struct wait *w = container_of(list_first(&c->waits), struct wait, link);

        left--;
        list_remove(&w->link);
        list_append(&c->waits, &w->link);
        if (is_over(w, c, now_ns)) {
            end(c, w, NULL); /* It may close connections, whose waits end then. */
        }
        if (time_share_look(&share)) {
            break;
        }
    }
    if (left > 0 && !list_is_empty(&c->waits)) {
        io_turn_soon(c->io);
    }
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
        release(container_of(node, struct wait, link));
    }
    io_timer_stop(c->io, &c->wait_timer);
}

/* --- beginning --------------------------------------------------------------------------- */

bool wait_read_timeout(struct command_call *call, uint32_t index, int64_t *ret_ms)
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

uint64_t wait_deadline_ns(const struct clients *c, int64_t timeout_ms)
{
    uint64_t now_ns = io_now_ns(c->io);

    return timeout_ms == 0 || (uint64_t)timeout_ms > (UINT64_MAX - now_ns) / MS
               ? UINT64_MAX
               : now_ns + (uint64_t)timeout_ms * MS;
}

void wait_begin_take(struct command_call *call, struct wait *w)
{
    struct clients *c = call_clients(call);
    bool may_wait = c->is_listening && !call_client(call)->has_ended;

    if (!may_wait || is_over(w, c, io_now_ns(c->io))) {
        w->reply(w, c, call->reply);
        release(w);
        return;
    }
    w->slot = reply_later(call);
    list_init(&w->link);
    list_append(&c->waits, &w->link);
    c->wait_count++;
    call_client(call)->held_count += w->holds_client;
    arm_timer(c);
}

/* --- WAIT and WAITAOF -------------------------------------------------------------------- */

static struct nodes_wait *nodes_wait_of(struct wait *w)
{
    return container_of(w, struct nodes_wait, wait);
}

static int64_t local_count(const struct nodes_wait *w, const struct replica *replica)
{
    return raft_durable_index(replica_raft(replica)) >= w->index ? 1 : 0;
}

static bool nodes_have_it(struct wait *wait, const struct clients *c)
{
    const struct nodes_wait *w = nodes_wait_of(wait);
    bool leads = raft_role(replica_raft(c->replica)) == RAFT_LEADER;

    return !leads || (followers_with(c->replica, w->index) >= w->replicas &&
                      local_count(w, c->replica) >= w->local);
}

static void reply_counts(struct wait *wait, const struct clients *c, struct resp_writer *to)
{
    const struct nodes_wait *w = nodes_wait_of(wait);

    if (w->is_aof) {
        resp_array(to, 2);
        resp_integer(to, local_count(w, c->replica));
    }
    resp_integer(to, followers_with(c->replica, w->index));
}

/* All earlier commands of the connection are answered (COMMAND_ASYNC), so what it has written is
 * known. */
static void begin(struct command_call *call, struct nodes_wait w, int64_t timeout_ms)
{
    w.index = call_client(call)->seen_index;
    w.wait.deadline_ns = wait_deadline_ns(call_clients(call), timeout_ms);
    w.wait.is_over = nodes_have_it;
    w.wait.reply = reply_counts;

    struct nodes_wait *kept = memory_copy(&w, sizeof w);

    wait_begin_take(call, &kept->wait);
}

void wait_command(struct command_call *call)
{
    struct nodes_wait w = {.is_aof = false};
    int64_t timeout_ms = 0;

    if (!decimal_read(call->arguments[1], &w.replicas) || w.replicas < 0) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else if (wait_read_timeout(call, 2, &timeout_ms)) {
        begin(call, w, timeout_ms);
    }
}

void waitaof_command(struct command_call *call)
{
    struct nodes_wait w = {.is_aof = true};
    int64_t timeout_ms = 0;

    if (!decimal_read(call->arguments[1], &w.local) ||
        !decimal_read(call->arguments[2], &w.replicas)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else if (w.local < 0 || w.local > 1) {
        resp_error(call->reply, ERROR_NUMLOCAL);
    } else if (w.replicas < 0) {
        resp_error(call->reply, ERROR_MUST_BE_POSITIVE);
    } else if (wait_read_timeout(call, 3, &timeout_ms)) {
        begin(call, w, timeout_ms);
    }
}

/* --- RAFT WAIT --------------------------------------------------------------------------- */

struct index_wait {
    struct wait wait;
    raft_index index;
};

static bool has_applied(const struct index_wait *w, const struct clients *c)
{
    return replica_applied_index(c->replica) >= w->index || MUTANT(wait_without_apply);
}

static bool is_applied(struct wait *wait, const struct clients *c)
{
    return has_applied(container_of(wait, struct index_wait, wait), c);
}

static void reply_applied(struct wait *wait, const struct clients *c, struct resp_writer *to)
{
    if (has_applied(container_of(wait, struct index_wait, wait), c)) {
        resp_integer(to, (int64_t)replica_applied_index(c->replica));
    } else {
        resp_errorf(to, ERROR_NOT_APPLIED, (unsigned long long)replica_applied_index(c->replica));
    }
}

void raft_wait_command(struct command_call *call)
{
    struct client *client = call_client(call);
    int64_t timeout_ms = (int64_t)(client->clients->options.request_timeout_ns / MS);
    int64_t index = 0;

    if (call->argument_count > 4) {
        resp_error(call->reply, ERROR_SYNTAX);
        return;
    }
    if (!decimal_read(call->arguments[2], &index) || index < 0) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
        return;
    }
    if (call->argument_count == 4 && !wait_read_timeout(call, 3, &timeout_ms)) {
        return;
    }

    struct index_wait *w = memory_take_zeroed(1, sizeof *w);

    w->index = (raft_index)index;
    w->wait.deadline_ns = wait_deadline_ns(client->clients, timeout_ms);
    w->wait.holds_client = true;
    w->wait.is_over = is_applied;
    w->wait.reply = reply_applied;
    if (client->seen_index < w->index &&
        w->index <= raft_last_index(replica_raft(client->clients->replica))) {
        client->seen_index = w->index; /* Stale reads of this connection see it, too. */
    }
    wait_begin_take(call, &w->wait);
}
