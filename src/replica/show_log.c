/* show_log.c - REQUEST_LOG and RAFT LOG at the leader: entries from memory or from the disk, a
 * few per turn. */
#include "replica/admin.h"
#include "replica/admin_task.h"
#include "replica/report.h"
#include "resp/errors.h"

enum {
    LOG_COUNT = 100,
    LOG_COUNT_MAX = 10000,
    LOG_READ_BYTES = 8 * 1024 * 1024,
    LOG_ENTRIES_A_TURN = 256, /* For all requests together, so that a heartbeat never waits long. */
};

static void log_finish(struct admin_task *t)
{
    struct resp_writer *w = t->request->reply(t->request);

    resp_array(w, t->shown_count);
    buffer_append_slice(w->out, buffer_slice(&t->shown));
    admin_task_end(t);
}

static void show_one(struct admin_task *t, const struct entry *e)
{
    struct resp_writer w = {.out = &t->shown, .version = t->request->resp_version == 3 ? 3 : 2};

    if (t->has_stages) {
        report_entry_with_stages(t->replica, e, &w);
    } else {
        report_entry(e, &w);
    }
    t->shown_count++;
    t->first++;
}

/* Entries that were there when the command arrived may have been dropped from the log since. */
static bool skip_compacted(struct admin_task *t)
{
    raft_index oldest = raft_first_index(t->replica->raft);
    bool has_left = t->first < oldest;

    if (has_left) {
        t->first = oldest;
    }
    return has_left;
}

/* The next turn continues. */
static void log_read_done(struct store_read *read, int error, struct entry **entries,
                          uint32_t count)
{
    struct admin_task *t = container_of(read, struct admin_task, read);

    t->is_reading = false;
    for (uint32_t i = 0; i < count; i++) {
        show_one(t, entries[i]);
        entry_release(entries[i]);
    }
    if ((error != 0 || count == 0) && !skip_compacted(t)) {
        admin_task_fail(t, ERROR_LOG_UNREADABLE);
    } else if (t->first > t->last) {
        log_finish(t);
    } else if (raft_role(t->replica->raft) != RAFT_LEADER) {
        admin_task_wait_again(t);
    }
}

static void read_entries(struct admin_task *t)
{
    struct replica *r = t->replica;
    raft_index last = t->last < r->window.first ? t->last : r->window.first - 1;

    if (last - t->first >= LOG_ENTRIES_A_TURN) {
        last = t->first + LOG_ENTRIES_A_TURN - 1;
    }
    t->is_reading = true;
    t->read = (struct store_read){
        .first = t->first, .last = last, .max_bytes = LOG_READ_BYTES, .done = log_read_done};
    store_read(r->store, &t->read);
}

/* Returns whether it is complete. */
static bool show_entries(struct admin_task *t, uint32_t *left)
{
    skip_compacted(t);
    while (t->first <= t->last) {
        const struct entry *e = log_window_get(&t->replica->window, t->first);

        if (*left == 0) {
            io_turn_soon(t->replica->io);
            return false;
        }
        if (e == NULL) {
            read_entries(t);
            return false;
        }
        show_one(t, e);
        (*left)--;
    }
    log_finish(t);
    return true;
}

/* The node that forwarded it has answered its client by then. */
static bool is_too_late(const struct admin_task *t)
{
    return request_is_forwarded(t->request) &&
           peers_time_now(t->replica->peers) >= t->request->deadline_ns;
}

/* Later requests wait, so that only one reply at a time is incomplete. */
void admin_show_log(struct replica *r)
{
    uint32_t left = LOG_ENTRIES_A_TURN;

    if (raft_role(r->raft) != RAFT_LEADER) {
        return;
    }
    list_for_each(node, &r->admin->tasks)
    {
        struct admin_task *t = container_of(node, struct admin_task, node);

        if (t->kind != ADMIN_LOG) {
            continue;
        }
        if (t->is_reading) {
            return;
        }
        if (is_too_late(t)) {
            admin_task_fail(t, ERROR_NOT_TAKEN);
        } else if (!show_entries(t, &left)) {
            return;
        }
    }
}

const char *admin_log_begin(struct admin_task *t, uint32_t count, const struct slice *arguments)
{
    raft_index last = raft_commit_index(t->replica->raft);
    uint64_t shown = LOG_COUNT;
    raft_index oldest = raft_first_index(t->replica->raft);
    uint64_t first = last >= LOG_COUNT ? last - LOG_COUNT + 1 : oldest;

    if (count > 0 && slice_is(arguments[count - 1], "STAGES")) {
        t->has_stages = true;
        count--;
    }
    if (count > 2) {
        return ERROR_LOG_SYNTAX;
    }
    if ((count > 0 && (!admin_parse_number(arguments[0], 10, INT64_MAX, &first) || first == 0)) ||
        (count > 1 && !admin_parse_number(arguments[1], 10, INT64_MAX, &shown))) {
        return ERROR_LOG_NOT_AN_INTEGER;
    }
    if (shown > LOG_COUNT_MAX) {
        return ERROR_LOG_COUNT;
    }
    t->kind = ADMIN_LOG;
    if (first < oldest) {
        first = oldest;
    }
    t->first = first;
    t->last = first <= last && last - first >= shown ? first + shown - 1 : last;
    return NULL;
}
