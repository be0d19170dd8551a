/* report_stages.c - stages as replies: those of an entry of the log, and RAFT SLOW. */
#include <inttypes.h>
#include <stdlib.h>

#include "command/describe.h"
#include "replica/report.h"
#include "replica/stages.h"

enum { SLOW_ARGUMENTS_MAX = 16, SLOW_ARGUMENT_BYTES_MAX = 64 };

static void put_us(struct resp_writer *w, const char *key, const struct stage_record *record,
                   uint64_t at_ns)
{
    resp_bulk_text(w, key);
    resp_integer(w, at_ns == 0 ? -1 : (int64_t)((at_ns - record->received_ns) / 1000));
}

static void put_node(struct resp_writer *w, const struct replica *r, raft_id id)
{
    const struct member_address *address = membership_address(replica_membership(r), id);

    if (address != NULL) {
        resp_bulkf(w, "%s:%u", address->client.host, (unsigned)address->client.port);
    } else {
        resp_bulkf(w, "%016" PRIx64, id);
    }
}

static void put_last(struct resp_writer *w, const struct replica *r,
                     const struct stage_record *record)
{
    resp_bulk_text(w, "last");
    if (record->last_place < STAGES_NODES) {
        put_node(w, r, r->stages->nodes[record->last_place].id);
    } else {
        resp_bulk_text(w, "");
    }
}

/* [node, when it was known to have it, for how long its disk had it], for each member. */
static void put_stored(struct resp_writer *w, const struct replica *r,
                       const struct stage_record *record)
{
    const struct raft_configuration *c = raft_configuration(r->raft);

    resp_bulk_text(w, "stored");
    resp_array(w, c->member_count);
    for (uint32_t i = 0; i < c->member_count; i++) {
        uint32_t place = stages_place(r->stages, c->members[i].id);
        uint64_t at_ns = place < STAGES_NODES ? record->stored_ns[place] : 0;

        resp_array(w, 3);
        put_node(w, r, c->members[i].id);
        resp_integer(w, at_ns == 0 ? -1 : (int64_t)((at_ns - record->received_ns) / 1000));
        resp_integer(w, at_ns == 0 ? -1 : (int64_t)record->disk_us[place]);
    }
}

static void put_record(struct resp_writer *w, const struct replica *r,
                       const struct stage_record *record)
{
    resp_map(w, 9);
    resp_bulk_text(w, "time_ms");
    resp_integer(w, (int64_t)(record->time_us / 1000));
    resp_bulk_text(w, "batch_first");
    resp_integer(w, (int64_t)record->first);
    resp_bulk_text(w, "batch_entries");
    resp_integer(w, (int64_t)(record->last - record->first + 1));
    put_us(w, "proposed_us", record, record->proposed_ns);
    put_us(w, "committed_us", record, record->committed_ns);
    put_us(w, "applied_us", record, record->applied_ns);
    put_us(w, "answered_us", record, record->answered_ns);
    put_last(w, r, record);
    put_stored(w, r, record);
}

void report_entry_with_stages(const struct replica *r, const struct entry *e, struct resp_writer *w)
{
    const struct stage_record *record =
        e->term == r->stages->term ? stages_find(r->stages, e->index) : NULL;

    resp_array(w, 5);
    report_entry_fields(e, w);
    if (record == NULL) {
        resp_map(w, 0);
    } else {
        put_record(w, r, record);
    }
}

/* --- RAFT SLOW --------------------------------------------------------------------------- */

static int by_time_down(const void *a, const void *b)
{
    const struct stage_record *const *left = a;
    const struct stage_record *const *right = b;
    uint64_t left_ns = stage_record_ns(*left);
    uint64_t right_ns = stage_record_ns(*right);

    return left_ns > right_ns ? -1 : left_ns < right_ns;
}

/* Those after a time. Returns how many. */
static uint32_t collect_slowest(const struct replica *r, uint64_t after_us,
                                const struct stage_record *ret_slowest[2 * STAGES_SLOWEST])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < 2 && r->stages != NULL; i++) {
        for (uint32_t j = 0; j < r->stages->slowest[i].count; j++) {
            const struct stage_record *record = &r->stages->slowest[i].records[j];

            if (record->time_us > after_us) {
                ret_slowest[count++] = record;
            }
        }
    }
    return count;
}

static void put_slowest(struct resp_writer *w, const struct replica *r)
{
    const struct stage_record *slowest[2 * STAGES_SLOWEST] = {NULL};
    uint32_t count = collect_slowest(r, 0, slowest);

    qsort(slowest, count, sizeof slowest[0], by_time_down);
    resp_bulk_text(w, "slowest");
    resp_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        put_record(w, r, slowest[i]);
    }
}

static void put_node_counts(struct resp_writer *w, const struct replica *r, raft_id id)
{
    uint32_t place = stages_place(r->stages, id);
    const struct stage_node *node = place < STAGES_NODES ? &r->stages->nodes[place] : NULL;

    resp_map(w, 5);
    resp_bulk_text(w, "address");
    put_node(w, r, id);
    resp_bulk_text(w, "last");
    resp_integer(w, node == NULL ? 0 : (int64_t)node->last_count);
    resp_bulk_text(w, "late");
    resp_integer(w, node == NULL ? 0 : (int64_t)node->late_count);
    resp_bulk_text(w, "stored_p50_us");
    resp_integer(w, node == NULL ? -1 : (int64_t)(histogram_percentile(&node->times, 50) / 1000));
    resp_bulk_text(w, "stored_p99_us");
    resp_integer(w, node == NULL ? -1 : (int64_t)(histogram_percentile(&node->times, 99) / 1000));
}

void report_slow(const struct replica *r, struct resp_writer *w)
{
    const struct raft_configuration *c = raft_configuration(r->raft);

    resp_map(w, 4);
    resp_bulk_text(w, "term");
    resp_integer(w, (int64_t)r->stages->term);
    resp_bulk_text(w, "batches");
    resp_integer(w, (int64_t)r->stages->committed_next);
    resp_bulk_text(w, "nodes");
    resp_array(w, c->member_count);
    for (uint32_t i = 0; i < c->member_count; i++) {
        put_node_counts(w, r, c->members[i].id);
    }
    put_slowest(w, r);
}

/* --- SLOWLOG ----------------------------------------------------------------------------- */

static int by_index_down(const void *a, const void *b)
{
    const struct stage_record *const *left = a;
    const struct stage_record *const *right = b;

    return (*left)->first > (*right)->first ? -1 : (*left)->first < (*right)->first;
}

uint64_t replica_count_slow(const struct replica *r, uint64_t after_us)
{
    const struct stage_record *slowest[2 * STAGES_SLOWEST];

    return collect_slowest(r, after_us, slowest);
}

/* The first command of the batch, if it is in memory. */
static void put_first_command(struct resp_writer *w, const struct replica *r, raft_index index)
{
    const struct entry *e = log_window_get(&r->window, index);
    struct buffer text = {0};

    if (e != NULL && e->kind == RAFT_COMMAND) {
        command_describe(&text, entry_payload(e), SLOW_ARGUMENTS_MAX, SLOW_ARGUMENT_BYTES_MAX);
    } else {
        buffer_printf(&text, "RAFT LOG %" PRIu64 " 1", index);
    }
    resp_array(w, 1);
    resp_bulk(w, buffer_slice(&text));
    buffer_deinit(&text);
}

void replica_list_slow(const struct replica *r, uint64_t after_us, uint64_t count_max,
                       struct resp_writer *w)
{
    const struct stage_record *slowest[2 * STAGES_SLOWEST] = {NULL};
    uint32_t count = collect_slowest(r, after_us, slowest);

    qsort(slowest, count, sizeof slowest[0], by_index_down);
    count = count < count_max ? count : (uint32_t)count_max;
    resp_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        resp_array(w, 6);
        resp_integer(w, (int64_t)slowest[i]->first);
        resp_integer(w, (int64_t)(slowest[i]->time_us / 1000000));
        resp_integer(w, (int64_t)(stage_record_ns(slowest[i]) / 1000));
        put_first_command(w, r, slowest[i]->first);
        resp_bulk_text(w, ""); /* Its client may be at another node. */
        resp_bulk_text(w, "");
    }
}
