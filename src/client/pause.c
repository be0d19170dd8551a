/* pause.c - CLIENT PAUSE: commands on data wait, on this node, for a time. */
#include "client/client.h"
#include "client/commands.h"
#include "resp/decimal.h"
#include "resp/errors.h"

#define MS 1000000ull

enum { PAUSE_MS_MAX = 10 * 60 * 1000 }; /* Somebody may forget to end it. */

bool client_is_paused(const struct client *c, const struct command *command)
{
    const struct clients *clients = c->clients;

    return clients->paused_until_ns > io_now_ns(clients->io) &&
           (clients->pauses_reads || (command->flags & COMMAND_WRITE) != 0);
}

static void resume(struct clients *c)
{
    c->paused_until_ns = 0;
    c->resumed_ns = io_now_ns(c->io);
    io_timer_stop(c->io, &c->pause_timer);
    while (!list_is_empty(&c->paused)) {
        client_make_ready(container_of(list_first(&c->paused), struct client, ready_link));
    }
    io_turn_soon(c->io);
}

static void fired(struct io_timer *timer)
{
    resume(container_of(timer, struct clients, pause_timer));
}

void pause_init(struct clients *c)
{
    list_init(&c->paused);
    c->pause_timer.fired = fired;
}

void client_pause_command(struct command_call *call)
{
    struct clients *c = call_clients(call);
    bool writes_only = call->argument_count == 4 && slice_is(call->arguments[3], "WRITE");
    int64_t ms = 0;

    if (call->argument_count > 4 ||
        (call->argument_count == 4 && !writes_only && !slice_is(call->arguments[3], "ALL"))) {
        resp_error(call->reply, ERROR_PAUSE_MODE);
    } else if (!decimal_read(call->arguments[2], &ms) || ms > PAUSE_MS_MAX) {
        resp_error(call->reply, ERROR_TIMEOUT_NOT_AN_INTEGER);
    } else if (ms < 0) {
        resp_error(call->reply, ERROR_TIMEOUT_NEGATIVE);
    } else {
        c->paused_until_ns = io_now_ns(c->io) + (uint64_t)ms * MS;
        c->pauses_reads = !writes_only;
        io_timer_start(c->io, &c->pause_timer, c->paused_until_ns);
        resp_ok(call->reply);
    }
}

void client_unpause_command(struct command_call *call)
{
    resume(call_clients(call));
    resp_ok(call->reply);
}
