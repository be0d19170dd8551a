#include "replica/announcer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "users/user.h"

static const uint64_t WAIT_NS = 1000 * 1000 * 1000u;
static const uint64_t WAIT_MAX_NS = 30 * 1000 * 1000 * 1000ull;

/* RAFT ADD of this node; nobody gets the reply. */
struct announcement {
    struct request request;
    struct announcer *announcer;
    struct buffer out;
    struct resp_writer writer;
};

void announcer_init(struct announcer *a, struct io *io, const struct log *log,
                    const struct command_table *commands, const struct announcer_events *events,
                    void (*fired)(struct io_timer *timer))
{
    *a = (struct announcer){
        .io = io, .log = log, .commands = commands, .events = *events, .timer.fired = fired};
}

void announcer_deinit(struct announcer *a)
{
    io_timer_stop(a->io, &a->timer);
}

/* The first line of the reply, for the log. */
static const char *first_line(struct buffer *reply)
{
    char *end;

    buffer_append(reply, "", 1);
    end = strpbrk(buffer_begin(reply), "\r\n");
    if (end != NULL) {
        *end = 0;
    }
    return buffer_begin(reply);
}

static struct resp_writer *reply(struct request *request)
{
    return &container_of(request, struct announcement, request)->writer;
}

/* If it succeeded, that shows in this node's log a little later. */
static void try_again(struct announcer *a, const char *answer)
{
    if (answer[0] == '-') {
        log_write(a->log, LOG_WARN, "the new address or name was not accepted", "answer=" LOG_Q,
                  answer);
    }
    a->wait_ns = a->wait_ns == 0 ? WAIT_NS : 2 * a->wait_ns;
    if (a->wait_ns > WAIT_MAX_NS) {
        a->wait_ns = WAIT_MAX_NS;
    }
    io_timer_start(a->io, &a->timer, io_now_ns(a->io) + a->wait_ns);
}

static void answered(struct request *request)
{
    struct announcement *n = container_of(request, struct announcement, request);
    struct announcer *a = n->announcer;

    a->is_under_way = false;
    if (a->events.is_needed(a->events.context)) {
        try_again(a, first_line(&n->out));
    }
    buffer_deinit(&n->out);
    free(n);
}

static struct announcement *make(struct announcer *a, const struct member_address *self)
{
    struct announcement *n = memory_take_zeroed(1, sizeof *n);
    char id[17];
    char port[8];
    char peer_port[8];

    snprintf(id, sizeof id, "%016llx", (unsigned long long)self->id);
    snprintf(port, sizeof port, "%u", (unsigned)self->client.port);
    snprintf(peer_port, sizeof peer_port, "%u", (unsigned)self->peer_port);

    const struct slice arguments[] = {
        slice_str("RAFT"), slice_str("ADD"),     slice_str(id),     slice_str(self->client.host),
        slice_str(port),   slice_str(peer_port), slice_str("NAME"), slice_str(self->name)};
    uint32_t count = sizeof arguments / sizeof arguments[0];
    /* The user default may have lost the right to it; nobody has it. */
    struct command_head head = {.user = USER_NOBODY};

    n->announcer = a;
    n->writer = (struct resp_writer){.out = &n->out, .version = 2};
    n->request.reply = reply;
    n->request.answered = answered;
    head.argument_count = self->name[0] == 0 ? count - 2 : count;
    request_encode_head(&n->request, command_find(a->commands, slice_str("RAFT")), &head,
                        arguments);
    return n;
}

void announcer_announce(struct announcer *a, const struct member_address *self)
{
    if (a->is_under_way || !a->events.is_needed(a->events.context)) {
        return;
    }
    log_write(a->log, LOG_INFO, "announcing a new address", "address=%s:%u peers=%u",
              self->client.host, (unsigned)self->client.port, (unsigned)self->peer_port);
    a->is_under_way = true;
    a->events.submit(a->events.context, &make(a, self)->request);
}
