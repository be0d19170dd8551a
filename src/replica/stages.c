#include "replica/stages.h"

#include <string.h>

#include "base/mutant.h"

static const uint64_t WINDOW_NS = 60 * 1000 * 1000 * 1000ull;

static struct stage_record *record_at(struct stages *s, uint64_t number)
{
    return &s->records[number % STAGES_RECORDS];
}

static uint64_t oldest(const struct stages *s)
{
    return s->count > STAGES_RECORDS ? s->count - STAGES_RECORDS : 0;
}

/* Records that were overwritten are passed over. */
static uint64_t kept(const struct stages *s, uint64_t number)
{
    return number < oldest(s) ? oldest(s) : number;
}

uint32_t stages_place(const struct stages *s, raft_id id)
{
    uint32_t place = 0;

    while (place < STAGES_NODES && s->nodes[place].id != id) {
        place++;
    }
    return place;
}

/* A node that has no place gets one, which may be full only if members came and went. */
static uint32_t take_place(struct stages *s, raft_id id)
{
    uint32_t place = stages_place(s, id);

    if (place == STAGES_NODES) {
        place = stages_place(s, 0);
        if (place < STAGES_NODES) {
            s->nodes[place].id = id;
        }
    }
    return place;
}

static void begin_term(struct stages *s, raft_term term)
{
    struct stage_times times = s->times;

    memset(s, 0, sizeof *s);
    MUTANT_DO(times_end_with_the_term, times = s->times);
    s->times = times;
    s->term = term;
}

void stages_proposed(struct stages *s, const struct stage_batch *batch, uint64_t now_ns)
{
    if (batch->term != s->term) {
        begin_term(s, batch->term);
    }
    *record_at(s, s->count++) = (struct stage_record){
        .first = batch->first,
        .last = batch->first + batch->count - 1,
        .time_us = batch->time_us,
        .received_ns =
            batch->received_ns == 0 || batch->received_ns > now_ns ? now_ns : batch->received_ns,
        .proposed_ns = now_ns,
        .last_place = STAGES_NODES,
    };
}

/* The node and the leader measure the disk and the whole by different clocks. */
static uint64_t round_trip_ns(const struct stage_record *record, uint32_t place)
{
    uint64_t whole_ns = record->stored_ns[place] - record->proposed_ns;
    uint64_t disk_ns = record->disk_us[place] * 1000ull;

    return whole_ns > disk_ns ? whole_ns - disk_ns : 0;
}

void stages_stored(struct stages *s, raft_id id, raft_index index, uint32_t disk_us,
                   uint64_t now_ns)
{
    uint32_t place = take_place(s, id);

    if (place == STAGES_NODES) {
        return;
    }

    struct stage_node *node = &s->nodes[place];

    node->next = kept(s, node->next);
    while (node->next < s->count && record_at(s, node->next)->last <= index) {
        struct stage_record *record = record_at(s, node->next);

        record->stored_ns[place] = now_ns;
        record->disk_us[place] = disk_us;
        histogram_add(&node->times, now_ns - record->proposed_ns, now_ns);
        durations_add(&node->round_trips, round_trip_ns(record, place));
        node->next++;
    }
}

static void count_late(struct stages *s, uint64_t number)
{
    for (uint32_t i = 0; i < STAGES_NODES; i++) {
        s->nodes[i].late_count += s->nodes[i].id != 0 && s->nodes[i].next <= number;
    }
}

static bool await_commit(const struct stages *s, raft_index index)
{
    return s->committed_next < s->count &&
           s->records[s->committed_next % STAGES_RECORDS].last <= index;
}

void stages_committed(struct stages *s, raft_id id, raft_index index, uint64_t now_ns)
{
    uint32_t place = STAGES_NODES;

    s->committed_next = kept(s, s->committed_next);
    if (await_commit(s, index)) {
        place = stages_place(s, MUTANT(first_named_as_last) ? s->nodes[0].id : id);
    }
    while (await_commit(s, index)) {
        struct stage_record *record = record_at(s, s->committed_next);

        record->committed_ns = now_ns;
        durations_add(&s->times.commit, now_ns - record->proposed_ns);
        /* Otherwise it is a change of members that has made a majority of those that have it. */
        if (place < STAGES_NODES && record->stored_ns[place] == now_ns) {
            record->last_place = place;
            s->nodes[place].last_count++;
        }
        count_late(s, s->committed_next);
        s->committed_next++;
    }
}

bool stages_await_applied(const struct stages *s, raft_index index)
{
    uint64_t next = kept(s, s->applied_next);

    return next < s->committed_next && s->records[next % STAGES_RECORDS].last <= index;
}

void stages_applied(struct stages *s, raft_index index, uint64_t now_ns)
{
    s->applied_next = kept(s, s->applied_next);
    while (stages_await_applied(s, index)) {
        struct stage_record *record = record_at(s, s->applied_next++);

        record->applied_ns = now_ns;
        durations_add(&s->times.apply, now_ns - record->committed_ns);
    }
}

bool stages_await_answered(const struct stages *s)
{
    return s->answered_next < s->applied_next;
}

/* --- the slowest ------------------------------------------------------------------------- */

uint64_t stage_record_ns(const struct stage_record *record)
{
    uint64_t end_ns = record->answered_ns != 0    ? record->answered_ns
                      : record->applied_ns != 0   ? record->applied_ns
                      : record->committed_ns != 0 ? record->committed_ns
                                                  : record->proposed_ns;

    return end_ns - record->received_ns;
}

static struct stage_record *fastest_of(struct stage_window *w)
{
    struct stage_record *fastest = &w->records[0];

    for (uint32_t i = 1; i < w->count; i++) {
        if (stage_record_ns(&w->records[i]) < stage_record_ns(fastest)) {
            fastest = &w->records[i];
        }
    }
    return fastest;
}

static void keep_if_slow(struct stages *s, const struct stage_record *record, uint64_t now_ns)
{
    struct stage_window *w = &s->slowest[s->newer];

    if (now_ns - w->since_ns >= WINDOW_NS) {
        s->newer = 1 - s->newer;
        w = &s->slowest[s->newer];
        w->count = 0;
        w->since_ns = now_ns;
    }
    if (w->count < STAGES_SLOWEST) {
        w->records[w->count++] = *record;
        return;
    }

    struct stage_record *fastest = fastest_of(w);

    if (stage_record_ns(record) > stage_record_ns(fastest)) {
        *fastest = *record;
    }
}

void stages_answered(struct stages *s, uint64_t now_ns)
{
    s->answered_next = kept(s, s->answered_next);
    while (stages_await_answered(s)) {
        struct stage_record *record = record_at(s, s->answered_next++);

        record->answered_ns = now_ns;
        durations_add(&s->times.write, now_ns - record->received_ns);
        keep_if_slow(s, record, now_ns);
    }
}

/* --- finding ----------------------------------------------------------------------------- */

/* By halves: records are in the order of their entries. */
const struct stage_record *stages_find(const struct stages *s, raft_index index)
{
    uint64_t low = oldest(s);
    uint64_t high = s->count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct stage_record *record = &s->records[middle % STAGES_RECORDS];

        if (index < record->first) {
            high = middle;
        } else if (index > record->last) {
            low = middle + 1;
        } else {
            return record;
        }
    }
    return NULL;
}
