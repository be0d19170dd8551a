#include "replica/stage_notes.h"

#include "replica/stages.h"
#include "replica/state.h"

static bool leads(const struct replica *r)
{
    return raft_role(r->raft) == RAFT_LEADER && raft_current_term(r->raft) == r->stages->term;
}

void stage_notes_appended(struct replica *r, const struct raft_effects *effects, uint64_t time_us,
                          uint64_t now_ns)
{
    const struct stage_batch batch = {.term = raft_current_term(r->raft),
                                      .first = effects->append_first,
                                      .count = effects->append_count,
                                      .time_us = time_us,
                                      .received_ns = r->batch_received_ns};

    r->batch_received_ns = 0;
    stages_proposed(r->stages, &batch, now_ns);
}

static uint32_t whole_us(uint64_t ns)
{
    return ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

static bool is_success(const struct raft_event *event)
{
    return event->kind == RAFT_RECEIVE && event->message->kind == RAFT_APPEND_ENTRIES_REPLY &&
           event->message->append_entries_reply.success;
}

void stage_notes_stepped(struct replica *r, const struct raft_event *event,
                         const struct raft_effects *effects)
{
    raft_id from = raft_self(r->raft);

    if (!leads(r)) {
        return;
    }
    if (event->kind == RAFT_DURABLE) {
        stages_stored(r->stages, from, raft_durable_index(r->raft),
                      whole_us(store_last_write_ns(r->store)), event->now_ns);
    } else if (is_success(event)) {
        const struct peer *peer = peers_find(r->peers, event->message->from);

        from = event->message->from;
        stages_stored(r->stages, from, event->message->append_entries_reply.match_index,
                      peer == NULL ? 0 : peer->stored_us, event->now_ns);
    }
    stages_committed(r->stages, from, effects->commit_index, event->now_ns);
}

void stage_notes_applied(struct replica *r)
{
    if (stages_await_applied(r->stages, r->applied_index)) {
        stages_applied(r->stages, r->applied_index, peers_time_now(r->peers));
    }
}

void replica_note_sent(struct replica *r)
{
    if (stages_await_answered(r->stages)) {
        stages_answered(r->stages, peers_time_now(r->peers));
    }
}
