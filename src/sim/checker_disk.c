/* checker_disk.c - see checker_disk.h. A vote may be on the disk earlier than entries
 * that were written before it, never later than entries written after it: the term is
 * durable before entries of that term. */
#include "sim/checker_disk.h"

struct pending_write {
    struct list link;
    uint64_t seq;
    bool write_vote;
    uint64_t current_term;
    uint64_t voted_for;
    uint64_t truncate_from;
    uint32_t entry_count;
    struct checker_entry entries[];
};

#define ULL(x) ((unsigned long long)(x))

void checker_disk_init(struct checker_disk *d, uint64_t id)
{
    *d = (struct checker_disk){.id = id};
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
        p->entries[i] = checker_entry_of(e, checker_log_at(log, log->last).chain);
        checker_log_put(log, p->entries[i]);
    }
    list_init(&p->link);
    list_append(&d->pending, &p->link);
}

void checker_disk_durable(struct checker_disk *d, uint64_t seq)
{
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

/* Does the write to the disk's log; stops early where it then equals `found`, which
 * may have only the first part of it. */
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

uint32_t checker_disk_recover(struct checker_disk *d, const struct checker_log *found,
                              uint64_t current_term, uint64_t voted_for, const char *name,
                              struct verdict *verdict)
{
    bool has_log = logs_end_alike(&d->log, found);
    bool has_vote = d->current_term == current_term && d->voted_for == voted_for;
    uint64_t acknowledged_last = d->log.last;
    uint64_t acknowledged_term = d->current_term;
    uint32_t lost_count = 0;

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
        }
        has_log = has_log || write_reaches(d, w, found);
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
    pending_clear(d);
    d->current_term = current_term;
    d->voted_for = voted_for;
    checker_log_copy(&d->log, found);
    return lost_count;
}
