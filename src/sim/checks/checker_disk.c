/* checker_disk.c - see checker_disk.h. A vote may be on the disk earlier than entries that were
 * written before it, but never later than entries written after it: a term is durable before
 * entries of that term. */
#include "sim/checks/checker_disk.h"

#include "raft/raft.h"

struct pending_write {
    struct list link;
    uint64_t seq;
    bool write_vote;
    uint64_t current_term;
    uint64_t voted_for;
    uint64_t truncate_from;
    uint64_t first_index;
    uint32_t entry_count;
    struct checker_entry entries[];
};

#define ULL(x) ((unsigned long long)(x))

void checker_disk_init(struct checker_disk *d, uint64_t id)
{
    *d = (struct checker_disk){.id = id, .may_lose = LOSS_NONE};
    list_init(&d->pending);
}

static void pending_clear(struct checker_disk *d)
{
    while (!list_is_empty(&d->pending)) {
        struct list *link = list_first(&d->pending);

        list_remove(link);
        free(container_of(link, struct pending_write, link));
    }
}

void checker_disk_deinit(struct checker_disk *d)
{
    pending_clear(d);
    free(d->log.entries);
    free(d->lost.entries);
}

static bool has_same(const struct checker_log *a, const struct checker_log *b, uint64_t index)
{
    return a->last >= index && checker_log_at(a, index).chain == checker_log_at(b, index).chain;
}

bool checker_disk_vouches(const struct checker_disk *d, const struct checker_log *log,
                          uint64_t index)
{
    return has_same(&d->log, log, index) || (d->is_lacking && has_same(&d->lost, log, index));
}

void checker_disk_write(struct checker_disk *d, const struct store_write *w,
                        struct checker_log *log, const char *name, struct verdict *verdict)
{
    struct pending_write *p = memory_take(sizeof *p + (size_t)w->entry_count * sizeof *p->entries);

    *p = (struct pending_write){.seq = w->seq,
                                .write_vote = w->write_vote,
                                .current_term = w->current_term,
                                .voted_for = w->voted_for,
                                .truncate_from = w->truncate_from,
                                .first_index = w->entry_count > 0 ? w->entries[0]->index : 0,
                                .entry_count = w->entry_count};
    if (w->truncate_from > 0) {
        checker_log_cut(log, w->truncate_from);
    }
    for (uint32_t i = 0; i < w->entry_count; i++) {
        const struct entry *e = w->entries[i];

        if (e->index != log->last + 1) {
            verdict_broken(verdict, "order", "%s writes entry %llu after %llu", name, ULL(e->index),
                           ULL(log->last));
        }
        if (e->time_us == 0 || e->time_us < checker_log_at(log, log->last).time_us) {
            verdict_broken(verdict, "log time", "%s writes entry %llu of time %llu after %llu",
                           name, ULL(e->index), ULL(e->time_us),
                           ULL(checker_log_at(log, log->last).time_us));
        }
        p->entries[i] = checker_entry_of(e, checker_log_at(log, log->last).chain);
        checker_log_put(log, p->entries[i]);
    }
    list_init(&p->link);
    list_append(&d->pending, &p->link);
}

void checker_disk_durable(struct checker_disk *d, uint64_t seq)
{
    d->before_last = d->log.last;
    while (!list_is_empty(&d->pending)) {
        struct pending_write *w = container_of(list_first(&d->pending), struct pending_write, link);

        if (w->seq > seq) {
            return;
        }
        if (w->write_vote) {
            d->current_term = w->current_term;
            d->voted_for = w->voted_for;
        }
        if (w->truncate_from > 0) {
            checker_log_cut(&d->log, w->truncate_from);
            d->before_last = d->log.last < d->before_last ? d->log.last : d->before_last;
            d->honest_last = d->log.last < d->honest_last ? d->log.last : d->honest_last;
        }
        for (uint32_t i = 0; i < w->entry_count; i++) {
            checker_log_put(&d->log, w->entries[i]);
        }
        list_remove(&w->link);
        free(w);
    }
}

static bool logs_end_alike(const struct checker_log *a, const struct checker_log *b)
{
    return a->last == b->last &&
           checker_log_at(a, a->last).chain == checker_log_at(b, b->last).chain;
}

/* Applies the write to the disk's log. Stops as soon as the log equals `found`, which may
 * contain only the first part of the write. */
static bool write_reaches(struct checker_disk *d, const struct pending_write *w,
                          const struct checker_log *found)
{
    if (w->truncate_from > 0) {
        checker_log_cut(&d->log, w->truncate_from);
        if (logs_end_alike(&d->log, found)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < w->entry_count; i++) {
        checker_log_put(&d->log, w->entries[i]);
        if (logs_end_alike(&d->log, found)) {
            return true;
        }
    }
    return false;
}

/* Up to where the log must be found again after such a loss. */
static uint64_t floor_of(const struct checker_disk *d, enum checker_loss loss)
{
    if (loss == LOSS_NONE) {
        return d->log.last;
    }
    return loss == LOSS_LAST_JOB || !d->is_doubted || d->before_last < d->honest_last
               ? d->before_last
               : d->honest_last;
}

/* Whether damage may have left this much of the log. (The caller has checked that each entry was
 * once written.) */
static bool may_be_left(const struct checker_disk *d, const struct checker_log *found)
{
    uint64_t floor = floor_of(d, d->may_lose);

    return d->may_lose != LOSS_NONE && found->last >= floor &&
           checker_log_at(found, floor).chain == checker_log_at(&d->log, floor).chain;
}

/* A snapshot that is durable stands for the log up to its last entry. If the log did not reach
 * there, or was another one, a start drops it, and goes on behind the snapshot. */
static bool is_replaced(const struct checker_disk *d, const struct checker_log *found,
                        uint64_t origin)
{
    return origin > 0 && found->last == origin &&
           (d->log.last < origin ||
            checker_log_at(&d->log, origin).chain != checker_log_at(found, origin).chain);
}

static void note_forgotten(struct checker_disk *d, uint64_t acknowledged_last)
{
    if (d->forgotten_last < acknowledged_last) {
        d->forgotten_last = acknowledged_last;
    }
}

/* From now on the disk holds what was found. The store has written all of it again, and recorded
 * how far it went. */
static void settle(struct checker_disk *d, const struct checker_log *found, uint64_t current_term,
                   uint64_t voted_for)
{
    pending_clear(d);
    d->current_term = current_term;
    d->voted_for = voted_for;
    checker_log_copy(&d->log, found);
    d->before_last = found->last;
    d->honest_last = d->honest_last < found->last ? d->honest_last : found->last;
    d->may_lose = LOSS_NONE;
}

uint32_t checker_disk_recover(struct checker_disk *d, const struct checker_log *found,
                              uint64_t origin, uint64_t current_term, uint64_t voted_for,
                              bool lacks, const char *name, struct verdict *verdict)
{
    bool has_replaced = is_replaced(d, found, origin);
    bool has_log = logs_end_alike(&d->log, found) || has_replaced;
    /* The term of a snapshot may be durable before the vote of that term. */
    bool has_vote = (d->current_term == current_term && d->voted_for == voted_for) ||
                    (has_replaced && voted_for == 0 && d->current_term < current_term &&
                     checker_log_at(found, origin).term == current_term);
    uint64_t acknowledged_last = d->log.last;
    uint64_t acknowledged_term = d->current_term;
    bool may_have_forgotten = may_be_left(d, found);
    /* Whether the log had this vote after some of the pending writes. */
    bool has_had_vote = has_vote;
    uint32_t lost_count = 0;

    if (lacks && !has_log && !(d->is_lacking && d->lost.last >= d->log.last)) {
        checker_log_copy(&d->lost, &d->log);
    }
    list_for_each(link, &d->pending)
    {
        const struct pending_write *w = container_of(link, struct pending_write, link);

        if (has_log && has_vote) {
            lost_count++;
            continue;
        }
        if (w->write_vote) {
            d->current_term = w->current_term;
            d->voted_for = w->voted_for;
            has_vote = d->current_term == current_term && d->voted_for == voted_for;
            has_had_vote = has_had_vote || has_vote;
        }
        has_log = has_log || write_reaches(d, w, found);
    }
    d->is_lacking = lacks;
    d->lacked_count += lacks;
    if (lacks && !has_log) {
        d->loss_count++;
        note_forgotten(d, acknowledged_last);
        has_log = true;
        has_vote = has_had_vote;
    }
    if (!has_log && may_have_forgotten) {
        d->forgotten_count++;
        note_forgotten(d, acknowledged_last);
        has_log = true;
        has_vote =
            has_had_vote || (d->may_lose == LOSS_DOUBTED && current_term <= acknowledged_term);
    } else if (!has_vote && d->may_lose == LOSS_DOUBTED && current_term <= acknowledged_term) {
        d->forgotten_count++;
        has_vote = true;
    }
    if (!has_log) {
        verdict_broken(verdict, "recovery",
                       "%s found a log of %llu entries, which is not what it wrote after %llu "
                       "acknowledged ones",
                       name, ULL(found->last), ULL(acknowledged_last));
    }
    if (!has_vote) {
        verdict_broken(verdict, "recovery",
                       "%s found term %llu, vote %016llx; it had acknowledged term %llu", name,
                       ULL(current_term), ULL(voted_for), ULL(acknowledged_term));
    }
    settle(d, found, current_term, voted_for);
    return lost_count;
}

void checker_disk_replace(struct checker_disk *d, const struct checker_log *log)
{
    CHECK(list_is_empty(&d->pending)); /* Nothing is installed before all writes are durable. */
    d->honest_last = d->honest_last < log->last ? d->honest_last : log->last;
    while (d->honest_last > 0 && !has_same(&d->log, log, d->honest_last)) {
        d->honest_last--; /* A disk that lied may still have the former log. */
    }
    checker_log_copy(&d->log, log);
    d->before_last = log->last;
}

void checker_disk_doubt(struct checker_disk *d)
{
    if (!d->is_doubted) {
        d->is_doubted = true;
        d->honest_last = d->before_last;
    }
}

void checker_disk_each_configuration(const struct checker_disk *d, enum checker_loss loss,
                                     void (*each)(void *context, uint64_t index, uint64_t term),
                                     void *context)
{
    uint64_t floor = floor_of(d, loss);
    uint64_t last = d->log.last;

    list_for_each(link, &d->pending)
    {
        const struct pending_write *w = container_of(link, struct pending_write, link);

        if (w->truncate_from > 0 && w->truncate_from <= floor) {
            floor = w->truncate_from - 1;
        }
        for (uint32_t i = 0; i < w->entry_count; i++) {
            if (w->entries[i].kind == RAFT_CONFIGURATION) {
                each(context, w->first_index + i, w->entries[i].term);
            }
        }
    }
    for (; last > 0; last--) {
        if (d->log.entries[last].kind == RAFT_CONFIGURATION) {
            each(context, last, d->log.entries[last].term);
            if (last <= floor) {
                return;
            }
        }
    }
}
