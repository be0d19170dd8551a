#include "replica/announce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "command/table.h"
#include "replica/state.h"

static const uint64_t ANNOUNCE_WAIT_NS = 1000 * 1000 * 1000u;
static const uint64_t ANNOUNCE_WAIT_MAX_NS = 30 * 1000 * 1000 * 1000ull;

/* RAFT ADD for oneself, answered to nobody. */
struct announcement {
    struct request request;
    struct replica *replica;
    struct buffer out;
    struct resp_writer writer;
};

/* Whether the log has this node where it lives now. */
static bool same_as_logged(const struct replica *r)
{
    const struct member_address *there =
        membership_address(replica_membership(r), r->peers.self.id);

    return there == NULL || member_address_equal(there, &r->peers.self);
}

/* Cuts the reply's first line out of it, for the log. */
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

static void announce_fired(struct io_timer *timer)
{
    announce_address(container_of(timer, struct replica, announcer.timer));
}

static struct resp_writer *announcement_reply(struct request *request)
{
    return &container_of(request, struct announcement, request)->writer;
}

static void announcement_answered(struct request *request)
{
    struct announcement *a = container_of(request, struct announcement, request);

    struct replica *r = a->replica;

    r->announcer.is_under_way = false;
    if (!r->is_ended && !same_as_logged(r)) {
        const char *answer = first_line(&a->out);

        /* One that succeeded shows in the log of this node a little later. */
        if (answer[0] == '-') {
            log_write(r->log, LOG_WARN, "the new address was not taken", "answer=" LOG_Q, answer);
        }
        r->announcer.wait_ns =
            r->announcer.wait_ns == 0 ? ANNOUNCE_WAIT_NS : 2 * r->announcer.wait_ns;
        if (r->announcer.wait_ns > ANNOUNCE_WAIT_MAX_NS) {
            r->announcer.wait_ns = ANNOUNCE_WAIT_MAX_NS;
        }
        io_timer_start(r->io, &r->announcer.timer, io_now_ns(r->io) + r->announcer.wait_ns);
    }
    buffer_deinit(&a->out);
    free(a);
}

void announce_address(struct replica *r)
{
    const struct member_address *self = &r->peers.self;
    char id[17];
    char port[8];
    char peer_port[8];

    if (r->announcer.is_under_way || r->is_removed || r->is_ended || same_as_logged(r) ||
        raft_leader(r->raft) == 0) {
        return;
    }

    struct announcement *a = memory_take_zeroed(1, sizeof *a);

    snprintf(id, sizeof id, "%016llx", (unsigned long long)self->id);
    snprintf(port, sizeof port, "%u", (unsigned)self->client.port);
    snprintf(peer_port, sizeof peer_port, "%u", (unsigned)self->peer_port);

    const struct slice arguments[] = {slice_str("RAFT"), slice_str("ADD"),
                                      slice_str(id),     slice_str(self->client.host),
                                      slice_str(port),   slice_str(peer_port)};

    log_write(r->log, LOG_INFO, "announcing a new address", "address=%s:%u peers=%u",
              self->client.host, (unsigned)self->client.port, (unsigned)self->peer_port);
    a->replica = r;
    a->writer = (struct resp_writer){.out = &a->out, .version = 2};
    a->request.reply = announcement_reply;
    a->request.answered = announcement_answered;
    request_encode(&a->request, command_find(r->options.commands, slice_str("RAFT")), 0, 6,
                   arguments);
    r->announcer.is_under_way = true;
    replica_submit(r, &a->request);
}

void announce_init(struct replica *r)
{
    r->announcer = (struct announcer){.timer.fired = announce_fired};
}

void announce_deinit(struct replica *r)
{
    io_timer_stop(r->io, &r->announcer.timer);
}
