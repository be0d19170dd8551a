/* announce.c - when this node's address and name are announced: see announcer.h. */
#include <string.h>

#include "replica/state.h"

static bool is_needed(void *context)
{
    const struct replica *r = context;
    const struct member_address *logged = membership_address(replica_membership(r), r->self.id);

    return !r->is_ended && !r->is_removed && logged != NULL &&
           (!member_address_equal(logged, &r->self) ||
            (r->self.name[0] != 0 && strcmp(logged->name, r->self.name) != 0));
}

static void submit(void *context, struct request *request)
{
    replica_submit(context, request);
}

static void announce_fired(struct io_timer *timer)
{
    announce_address(container_of(timer, struct replica, announcer.timer));
}

void announce_init(struct replica *r)
{
    struct announcer_events events = {.context = r, .is_needed = is_needed, .submit = submit};

    announcer_init(&r->announcer, r->io, r->log, r->options.commands, &events, announce_fired);
}

void announce_address(struct replica *r)
{
    if (raft_leader(r->raft) != 0) {
        announcer_announce(&r->announcer, &r->self);
    }
}
