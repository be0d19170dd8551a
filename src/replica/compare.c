/* compare.c - notes the digest of the state after certain entries, sends it to the other members,
 * and draws the conclusions from theirs: see digests.h. */
#include "base/bytes.h"
#include "base/checksum.h"
#include "replica/snapshot_state.h"
#include "replica/state.h"

enum { GROUP = 0, STATE_BYTES = 36 };

/* Of all that results from applying entries. */
static uint64_t digest_state(const struct replica *r)
{
    struct buffer members = {0};
    char state[STATE_BYTES];

    if (r->committed != NULL) {
        snapshot_encode_members(&members, r->committed);
    }
    put_u64(state, keyspace_digest(r->keyspace));
    put_u64(state + 8, keyspace_time_us(r->keyspace));
    put_u64(state + 16, r->applied_index);
    put_u32(state + 24, r->level);
    put_u64(state + 28, checksum(buffer_begin(&members), buffer_size(&members)));
    buffer_deinit(&members);
    return checksum(state, sizeof state);
}

/* A line a minute about each node. */
static void complain(struct replica *r, const struct digest_verdict *v, const char *what,
                     const char *advice)
{
    uint64_t count;

    if (complaints_is_due(&r->peers->complaints, v->other, io_now_ns(r->io), &count)) {
        log_write(r->log, LOG_ERROR, what, "peer=%016llx index=%llu count=%llu advice=" LOG_Q,
                  (unsigned long long)v->other, (unsigned long long)v->index,
                  (unsigned long long)count, advice);
    }
}

static void conclude(struct replica *r, raft_index index)
{
    uint64_t digest;

    if (!quarantine_applies(&r->quarantine)) {
        return;
    }
    if (digests_find_own(&r->digests, index, &digest) &&
        quarantine_is_wrong_again(&r->quarantine, index, digest)) {
        isolate(r, QUARANTINE_BY_DIGEST, index, r->quarantine.right);
        return;
    }

    struct digest_verdict v = digests_compare(&r->digests, raft_configuration(r->raft),
                                              raft_self(r->raft), index, io_now_ns(r->io));

    switch (v.outcome) {
    case DIGESTS_UNKNOWN:
    case DIGESTS_EQUAL:
    case DIGESTS_DISPUTED: /* More nodes may report. */
        break;
    case DIGESTS_OTHER_WRONG:
        complain(r, &v, "the state of another node differs from that of a majority",
                 "it is to isolate itself and to be rebuilt: see its log");
        break;
    case DIGESTS_OWN_WRONG:
        isolate(r, QUARANTINE_BY_DIGEST, index, v.right);
        break;
    }
}

void compare_init(struct replica *r)
{
    digests_init(&r->digests, r->options.digest_interval);
}

void compare_note(struct replica *r)
{
    if (digests_are_due(&r->digests, r->applied_index)) {
        digests_note_own(&r->digests, r->applied_index, digest_state(r));
        if (r->is_running) {
            io_turn_soon(r->io); /* To send it. */
            conclude(r, r->applied_index);
        }
    }
}

void compare_hear(struct replica *r, raft_id from, const struct wire_digest *d)
{
    digests_note(&r->digests, raft_configuration(r->raft), from, d->index, d->digest,
                 d->is_isolated);
    if (d->index != 0) {
        conclude(r, d->index);
    }
    if (d->snapshot.last_included_index != 0) {
        isolation_offer(r, from, &d->snapshot);
    }
    if (d->needed_index != 0) {
        isolation_answer(r, from, d->needed_index);
    }
}

static void send(struct replica *r, const struct wire_digest *d)
{
    const struct raft_configuration *c = raft_configuration(r->raft);

    for (uint32_t i = 0; i < c->member_count; i++) {
        if (c->members[i].id != raft_self(r->raft)) {
            peers_send_digest(r->peers, c->members[i].id, d);
        }
    }
}

static void send_note(struct replica *r, raft_index index)
{
    struct wire_digest d = {
        .group = GROUP, .index = index, .is_isolated = quarantine_is_on(&r->quarantine)};

    if (digests_find_own(&r->digests, index, &d.digest)) {
        send(r, &d);
    }
}

void compare_send(struct replica *r)
{
    raft_index interval = r->digests.interval;
    raft_index newest = r->applied_index - r->applied_index % interval;
    raft_index oldest = newest > DIGESTS_KEPT * interval ? newest - DIGESTS_KEPT * interval : 0;
    raft_index sent = r->digest_sent_index > oldest ? r->digest_sent_index : oldest;

    for (raft_index index = sent + interval; index <= newest; index += interval) {
        send_note(r, index);
    }
    r->digest_sent_index = newest;
}

void compare_send_again(struct replica *r)
{
    const struct digest_verdict *last = &r->digests.last;

    if (last->outcome == DIGESTS_DISPUTED) {
        complain(r, last, "the states of two nodes differ, and no majority shows which is right",
                 "start the members that are down; if all have reported, keep copies of all data "
                 "directories before anything else");
    }
    send_note(r, r->digest_sent_index);
}

static const char *reason_of(const struct quarantine *q)
{
    return q->count == 0                       ? "none"
           : q->reason == QUARANTINE_BY_DIGEST ? "its digest differs from that of a majority"
                                               : "its memory does not hold what was put there";
}

void replica_get_digest_stats(const struct replica *r, struct replica_digest_stats *ret_stats)
{
    const struct digests *d = &r->digests;
    const struct quarantine *q = &r->quarantine;
    uint64_t now_ns = io_now_ns(r->io);

    *ret_stats = (struct replica_digest_stats){
        .interval = d->interval,
        .index = d->last.index,
        .age_ns = d->last.index == 0 ? 0 : now_ns - d->last_ns,
        .outcome = digest_outcome_name(d->last.outcome),
        .checked_ns = now_ns - r->snapshotter.checked_ns,
        .quarantine = quarantine_name(q),
        .reason = reason_of(q),
        .isolated_ns = quarantine_is_on(q) ? now_ns - q->since_ns : 0,
        .isolated_count = q->count,
    };
}
