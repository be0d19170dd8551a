#include "replica/figures.h"

#include <stddef.h>
#include <string.h>

#include "replica/state.h"

/* --- collecting ---------------------------------------------------------------------- */

static uint32_t at_most_u32(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void add_disk(const struct replica *r, struct figures *f)
{
    struct store_stats stats;

    store_get_stats(r->store, &stats);
    f->log_bytes = stats.log_bytes;
    f->sync_p50_us = at_most_u32(stats.sync_p50_ns / 1000);
    f->sync_p99_us = at_most_u32(stats.sync_p99_ns / 1000);
    f->sync_max_us = at_most_u32(stats.sync_max_ns / 1000);
    f->sync_pending_us = at_most_u32(stats.sync_pending_ns / 1000);
}

static void add_queues(const struct replica *r, struct figures *f)
{
    uint64_t placed = r->proposals.in_log.count + r->forwards.sent.count;

    f->waiting = at_most_u32(r->requests.count > placed ? r->requests.count - placed : 0);
    f->proposed = at_most_u32(r->proposals.in_log.count);
    f->forwarded = at_most_u32(r->forwards.sent.count);
    f->outgoing_bytes = peers_outgoing_bytes(r->peers);
}

/* How long the rest takes if it goes on as it has begun. */
static uint32_t left_s(uint64_t spent_ns, uint32_t permille)
{
    return permille == 0 ? 0
                         : at_most_u32(spent_ns / 1000000000 * (1000 - permille) / permille + 1);
}

static void add_fetching(const struct fetching *f, struct figures *ret)
{
    uint64_t rate = fetching_bytes_a_second(f);

    ret->snapshot_work = f->phase >= FETCHING_LOADS ? FIGURES_LOADING : FIGURES_FETCHING;
    ret->fetched_index = f->wanted.last_included_index;
    ret->snapshot_rate = rate;
    if (f->wanted.bytes > 0) {
        ret->snapshot_permille = (uint16_t)((double)f->offset / (double)f->wanted.bytes * 1000);
    }
    if (rate > 0) {
        ret->snapshot_left_s = at_most_u32((f->wanted.bytes - f->offset) / rate + 1);
    }
}

static void add_snapshot(const struct replica *r, struct figures *f)
{
    const struct snapshotter *s = &r->snapshotter;

    f->snapshot_index = s->newest.index;
    f->snapshot_term = s->newest.term;
    f->snapshot_bytes = s->newest.bytes;
    f->snapshot_checksum = s->newest.checksum;
    f->snapshot_time_us = s->newest.time_us;
    if (r->is_installing) {
        f->snapshot_work = FIGURES_INSTALLING;
        f->fetched_index = r->fetching.wanted.last_included_index;
    } else if (r->fetching.phase != FETCHING_NONE) {
        add_fetching(&r->fetching, f);
    } else if (s->is_under_way) {
        f->snapshot_work = FIGURES_MAKING;
        f->snapshot_permille = (uint16_t)snapshotter_permille(s);
        f->snapshot_left_s = left_s(io_now_ns(r->io) - s->begun_ns, f->snapshot_permille);
    }
}

static void add_scrub(const struct replica *r, struct figures *f)
{
    struct replica_scrub_stats scrub;

    replica_get_scrub_stats(r, &scrub);
    f->scrub_bytes = scrub.is_running ? scrub.running_bytes : 0;
    f->scrub_time_us = scrub.last_wall_ns / 1000;
    f->scrub_damage = scrub.damage_count;
}

void figures_collect(const struct replica *r, struct figures *ret_figures)
{
    struct figures f = {
        .last_index = raft_last_index(r->raft),
        .election_timeout_ms = at_most_u32(r->options.election_timeout_ns / 1000000),
        .trouble_ms = r->trouble.wall_ns / 1000000,
    };

    add_disk(r, &f);
    add_queues(r, &f);
    add_snapshot(r, &f);
    add_scrub(r, &f);
    memcpy(f.trouble, r->trouble.text, sizeof f.trouble);
    *ret_figures = f;
}

/* --- showing ------------------------------------------------------------------------- */

static const char *const snapshot_works[] = {
    [FIGURES_NO_WORK] = "",
    [FIGURES_MAKING] = "making",
    [FIGURES_FETCHING] = "fetching",
    [FIGURES_LOADING] = "loading",
    [FIGURES_INSTALLING] = "installing",
};

struct row {
    const char *name;
    size_t offset;
    size_t size;
    const char *const *words; /* Shown instead of the number; NULL: the number is. */
};

static const struct row rows[] = {
#define FIGURE(form, name_, max, words_)                                                           \
    {#name_, offsetof(struct figures, name_), sizeof(((struct figures *)NULL)->name_), words_},
    FIGURES(FIGURE)
#undef FIGURE
};

enum { ROWS = sizeof rows / sizeof *rows };

static uint64_t value_of(const struct row *row, const struct figures *f)
{
    const char *member = (const char *)f + row->offset;

    switch (row->size) {
    case sizeof(uint8_t):
        return *(const uint8_t *)member;
    case sizeof(uint16_t):
        return *(const uint16_t *)(const void *)member;
    case sizeof(uint32_t):
        return *(const uint32_t *)(const void *)member;
    default:
        return *(const uint64_t *)(const void *)member;
    }
}

uint32_t figures_count(void)
{
    return ROWS + 1;
}

void figures_put(const struct figures *f, struct resp_writer *w)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];

        resp_bulk_text(w, row->name);
        if (row->words != NULL) {
            resp_bulk_text(w, f == NULL ? "" : row->words[value_of(row, f)]);
        } else {
            resp_integer(w, f == NULL ? -1 : (int64_t)value_of(row, f));
        }
    }
    resp_bulk_text(w, "trouble");
    resp_bulk_text(w, f == NULL ? "" : f->trouble);
}
