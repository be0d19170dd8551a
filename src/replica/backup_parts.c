/* backup_parts.c - see backups.h. */
#include "replica/backups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "replica/admin_task.h"
#include "replica/state.h"
#include "resp/errors.h"
#include "store/entry_stream.h"

enum { SNAPSHOT_NUMBERS = 5, LOG_NUMBERS = 4 };

/* A large entry that was read from the disk is kept so long for its next part. */
static const uint64_t HELD_NS = 10 * 1000 * 1000 * 1000ull;

/* A request. */
struct backup_part {
    struct list node;
    struct replica *replica;
    struct request *request; /* NULL: answered already. */
    bool is_of_log;
    struct snapshot_read snapshot;
    /* Of the log: */
    raft_index index;   /* The entry with which the part begins, */
    uint64_t offset;    /* and where in its record. */
    raft_term previous; /* The term of the entry before. */
    raft_index last;    /* Nothing after this entry. */
    struct store_read read;
    struct buffer out;
};

static void part_free(struct backup_part *p)
{
    struct backups *b = &p->replica->backups;

    list_remove(&p->node);
    b->reading = b->reading == p ? NULL : b->reading;
    b->count--;
    buffer_deinit(&p->out);
    free(p);
}

void backups_deinit(struct replica *r)
{
    struct backups *b = &r->backups;

    list_for_each(node, &b->waiting)
    {
        part_free(container_of(node, struct backup_part, node));
    }
    if (b->reading != NULL) {
        part_free(b->reading);
    }
    entry_release(b->held);
    b->held = NULL;
    io_timer_stop(r->io, &b->timer);
}

/* --- ending a request ---------------------------------------------------------------- */

static void answer_error(struct backup_part *p, const char *error)
{
    struct request *request = p->request;

    p->request = NULL;
    if (request != NULL) {
        resp_error(request->reply(request), error);
        request->answered(request);
    }
}

static void answer(struct backup_part *p, struct slice bytes)
{
    struct request *request = p->request;
    struct backups *b = &p->replica->backups;
    uint64_t now_ns = io_now_ns(p->replica->io);
    uint64_t rate = p->replica->options.snapshot_rate_bytes;

    p->request = NULL;
    if (rate != 0 && !MUTANT(backup_at_any_rate)) {
        b->next_ns = (b->next_ns > now_ns ? b->next_ns : now_ns) + bytes.size * 1000000000 / rate;
    }
    if (request != NULL) {
        resp_bulk(request->reply(request), bytes);
        request->answered(request);
    }
}

static void end_part(struct backup_part *p)
{
    struct io *io = p->replica->io;

    part_free(p);
    io_turn_soon(io);
}

void backups_end(struct replica *r, const char *error)
{
    struct backups *b = &r->backups;

    list_for_each(node, &b->waiting)
    {
        struct backup_part *p = container_of(node, struct backup_part, node);

        answer_error(p, error);
        part_free(p);
    }
    if (b->reading != NULL) {
        answer_error(b->reading, error);
    }
}

/* --- of a snapshot ------------------------------------------------------------------- */

static void snapshot_was_read(struct snapshot_read *read, int error, struct slice bytes)
{
    struct backup_part *p = container_of(read, struct backup_part, snapshot);

    if (error == 0) {
        answer(p, bytes);
    } else {
        answer_error(p, error == -ENOENT ? ERROR_SNAPSHOT_GONE : ERROR_SNAPSHOT_UNREADABLE);
    }
    end_part(p);
}

static void begin_snapshot(struct backup_part *p)
{
    struct replica *r = p->replica;
    const struct store_snapshot *found = snapshot_find(r->store, p->snapshot.snapshot.index);

    if (found != NULL && snapshot_is_same(found, &p->snapshot.snapshot)) {
        serving_note(&r->serving, found->index); /* It is kept, with the log after it. */
    }
    p->snapshot.size = BACKUP_PART_BYTES;
    p->snapshot.done = snapshot_was_read;
    snapshot_read(r->store, &p->snapshot);
}

/* --- of the log ---------------------------------------------------------------------- */

static void hold(struct replica *r, struct entry *e)
{
    struct entry *old = r->backups.held;

    r->backups.held = e == NULL ? NULL : entry_hold(e);
    r->backups.held_ns = io_now_ns(r->io);
    entry_release(old);
}

/* Appends as much of the entry as there is room for. False: the client named a place in it that
 * there is not. */
static bool put_entry(struct backup_part *p, struct entry *e)
{
    uint64_t size = entry_record_bytes(e);

    if (p->offset >= size) {
        return false;
    }
    p->offset += entry_record_put(&p->out, e, p->offset, BACKUP_PART_BYTES - buffer_size(&p->out));
    if (p->offset == size) {
        p->previous = e->term;
        p->index++;
        p->offset = 0;
    }
    hold(p->replica, p->offset > 0 ? e : NULL);
    return true;
}

static bool is_full(const struct backup_part *p)
{
    return p->index > p->last || buffer_size(&p->out) == BACKUP_PART_BYTES;
}

static void finish_log(struct backup_part *p)
{
    if (p->index > p->last) {
        serving_note(&p->replica->serving, p->last); /* The next backup begins there. */
    }
    answer(p, buffer_slice(&p->out));
    end_part(p);
}

static void log_was_read(struct store_read *read, int error, struct entry **entries, uint32_t count)
{
    struct backup_part *p = container_of(read, struct backup_part, read);
    bool is_good = error == 0 && count > 0;

    for (uint32_t i = 0; i < count; i++) {
        is_good = is_good && (is_full(p) || put_entry(p, entries[i]));
        entry_release(entries[i]);
    }
    if (is_good) {
        finish_log(p);
    } else {
        bool is_gone = p->index < raft_first_index(p->replica->raft);

        answer_error(p, is_gone ? ERROR_LOG_GONE : ERROR_LOG_UNREADABLE);
        end_part(p);
    }
}

static void read_log(struct backup_part *p)
{
    struct replica *r = p->replica;
    raft_index last = r->window.first - 1;

    p->read = (struct store_read){
        .first = p->index,
        .last = p->last < last ? p->last : last,
        .max_bytes = BACKUP_PART_BYTES,
        .done = log_was_read,
    };
    store_read(r->store, &p->read);
}

static struct entry *find_entry(const struct backup_part *p)
{
    struct replica *r = p->replica;
    struct entry *held = r->backups.held;

    return held != NULL && held->index == p->index ? held : log_window_get(&r->window, p->index);
}

/* Why there is no such part; NULL: there is. */
static const char *refuse_log(const struct backup_part *p)
{
    const struct replica *r = p->replica;

    if (p->index < raft_first_index(r->raft)) {
        return ERROR_LOG_GONE;
    }
    if (p->index > p->last || (p->last > r->applied_index && !MUTANT(backup_of_uncommitted))) {
        return ERROR_LOG_AHEAD;
    }
    if (raft_term_at(r->raft, p->index - 1) != p->previous && !MUTANT(backup_of_another_log)) {
        return ERROR_LOG_DIFFERS;
    }
    return NULL;
}

static void begin_log(struct backup_part *p)
{
    const char *error = refuse_log(p);

    while (error == NULL && !is_full(p)) {
        struct entry *e = find_entry(p);

        if (e == NULL && buffer_size(&p->out) == 0) {
            read_log(p);
            return;
        }
        if (e == NULL) {
            break;
        }
        error = put_entry(p, e) ? NULL : ERROR_BACKUP_SYNTAX;
    }
    if (error != NULL) {
        answer_error(p, error);
        end_part(p);
    } else {
        finish_log(p);
    }
}

/* --- which parts there are ----------------------------------------------------------- */

static void put_number(struct resp_writer *w, const char *key, uint64_t value)
{
    resp_bulk_text(w, key);
    resp_integer(w, (int64_t)value);
}

static void put_digits(struct resp_writer *w, const char *key, uint64_t value)
{
    resp_bulk_text(w, key);
    resp_bulkf(w, "%016" PRIx64, value);
}

static void put_snapshot(struct resp_writer *w, const struct store_snapshot *s)
{
    resp_map(w, 5);
    put_number(w, "index", s->index);
    put_number(w, "term", s->term);
    put_number(w, "time_us", s->time_us);
    put_number(w, "bytes", s->bytes);
    put_digits(w, "checksum", s->checksum);
}

/* The error for a node that has nothing to give now: its snapshots may be wrong, if its state is.
 * NULL: it has. */
static const char *find_obstacle(const struct replica *r)
{
    if (r->is_ended || !r->is_running) {
        return ERROR_NOT_RUNNING;
    }
    return quarantine_is_on(&r->quarantine) ? ERROR_ISOLATED : NULL;
}

void replica_list_backups(const struct replica *r, struct resp_writer *w)
{
    const struct store_snapshot *list;
    size_t count = snapshot_list(r->store, &list);

    if (find_obstacle(r) != NULL) {
        resp_error(w, find_obstacle(r));
        return;
    }
    resp_map(w, 7);
    put_digits(w, "cluster_id", r->recovered.identity.cluster_id);
    put_digits(w, "node_id", r->recovered.identity.node_id);
    put_number(w, "first_index", raft_first_index(r->raft));
    put_number(w, "last_index", r->applied_index);
    put_number(w, "last_term", r->applied_index == 0 ? 0 : raft_term_at(r->raft, r->applied_index));
    put_number(w, "last_time_us", keyspace_time_us(r->keyspace));
    resp_bulk_text(w, "snapshots");
    resp_array(w, count);
    for (size_t i = 0; i < count; i++) {
        put_snapshot(w, &list[i]);
    }
}

/* --- requests ------------------------------------------------------------------------ */

static bool parse_numbers(const struct slice *words, uint32_t count, uint64_t *ret_numbers)
{
    for (uint32_t i = 0; i < count; i++) {
        /* The checksum of a snapshot is the fourth. */
        bool is_checksum = count == SNAPSHOT_NUMBERS && i == 3;

        if (!admin_parse_number(words[i], is_checksum ? 16 : 10,
                                is_checksum ? UINT64_MAX : INT64_MAX, &ret_numbers[i])) {
            return false;
        }
    }
    return true;
}

static bool parse(struct backup_part *p, uint32_t count, const struct slice *words)
{
    uint64_t n[SNAPSHOT_NUMBERS];

    p->is_of_log = slice_is(words[0], "LOG");
    if (!p->is_of_log && !slice_is(words[0], "SNAPSHOT")) {
        return false;
    }
    if (count != 1 + (p->is_of_log ? LOG_NUMBERS : SNAPSHOT_NUMBERS) ||
        !parse_numbers(words + 1, count - 1, n)) {
        return false;
    }
    if (p->is_of_log) {
        p->index = n[0];
        p->previous = n[1];
        p->offset = n[2];
        p->last = n[3];
        return true;
    }
    p->snapshot.snapshot =
        (struct store_snapshot){.index = n[0], .term = n[1], .bytes = n[2], .checksum = n[3]};
    p->snapshot.offset = n[4];
    return snapshot_is_possible(&p->snapshot.snapshot);
}

const char *replica_backup(struct replica *r, struct request *request, uint32_t count,
                           const struct slice *arguments)
{
    struct backup_part *p;

    if (find_obstacle(r) != NULL) {
        return find_obstacle(r);
    }
    if (r->backups.count == BACKUP_PARTS_MAX) {
        return ERROR_MANY_BACKUPS;
    }
    p = memory_take_zeroed(1, sizeof *p);
    if (!parse(p, count, arguments)) {
        free(p);
        return ERROR_BACKUP_SYNTAX;
    }
    p->replica = r;
    p->request = request;
    list_append(&r->backups.waiting, &p->node);
    r->backups.count++;
    io_turn_soon(r->io);
    return NULL;
}

static void timer_fired(struct io_timer *timer)
{
    struct replica *r = container_of(timer, struct replica, backups.timer);

    io_turn_soon(r->io);
}

void backups_init(struct replica *r)
{
    list_init(&r->backups.waiting);
    r->backups.timer.fired = timer_fired;
}

void backups_look(struct replica *r)
{
    struct backups *b = &r->backups;
    struct list *first = list_first(&b->waiting);
    uint64_t now_ns = io_now_ns(r->io);

    if (b->held != NULL && now_ns - b->held_ns > HELD_NS) {
        hold(r, NULL);
    }
    if (first == NULL || b->reading != NULL || r->is_installing) {
        return;
    }
    if (now_ns < b->next_ns) {
        io_timer_start(r->io, &b->timer, b->next_ns);
        return;
    }
    b->reading = container_of(first, struct backup_part, node);
    list_remove(first);
    if (b->reading->is_of_log) {
        begin_log(b->reading);
    } else {
        begin_snapshot(b->reading);
    }
}
