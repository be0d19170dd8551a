/* apply.c - the state machine's part of the turn: applies committed entries in order, and
 * answers what waits for them. The result depends only on the log, so each node gets the same
 * keyspace. */
#include "replica/state.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "command/table.h"
#include "kv/codec.h"
#include "kv/once.h"
#include "resp/errors.h"

enum {
    APPLY_ENTRIES_MAX = 4096,           /* Entries in one turn. */
    APPLY_BYTES_MAX = 16 * 1024 * 1024, /* Bytes in one turn, so that a heartbeat never waits
                                         * long. */
    READS_MAX = 4096,
    SCRATCH_KEEP_BYTES = 64 * 1024,
    PREPARED_PIECES = 16, /* Of a very large value, so many pieces are copied in a turn. */
    FREED_ITEMS = 512,    /* At once, */
    FREED_ITEM_WORK = 128,
    EXPECTED_KEY_BYTES_MAX = 256, /* Hashing a longer key costs more than prefetching saves. */
};

/* Decodes a command into r->database and r->arguments. False if it is not a command's payload. */
bool replica_decode(struct replica *r, struct slice payload, uint32_t *ret_count)
{
    struct command_head head;

    if (!command_payload_head(payload, &head)) {
        return false;
    }
    r->database = head.database;
    r->once = head.once;
    r->user = head.user;
    if (head.argument_count > r->argument_capacity) {
        r->argument_capacity = head.argument_count;
        r->arguments = memory_resize(r->arguments, r->argument_capacity * sizeof *r->arguments);
    }
    return command_payload_read(payload, r->arguments, r->argument_capacity, ret_count);
}

/* `guard` is that of the command, which it has admitted. */
static void execute(struct replica *r, raft_index index, uint64_t time_us,
                    const struct command *command, uint32_t argument_count,
                    struct command_guard *guard, struct resp_writer *reply)
{
    struct command_call call = {
        .command = command,
        .argument_count = argument_count,
        .arguments = r->arguments,
        .reply = reply,
        .kv = keyspace_database(r->keyspace, MUTANT(database_ignored) ? 0 : r->database),
        .keyspace = r->keyspace,
        .database = r->database,
        .time_us = time_us,
        .index = index,
        .level = r->level,
        .is_kept = r->once.client.size > 0,
        .commands = r->options.commands,
        .guard = guard,
        .user = r->user,
    };
    size_t size_before = buffer_size(reply->out);

    command->handler(&call);
    time_share_use(&r->share, COMMAND_WORK + call.work + (guard == NULL ? 0 : guard->work) +
                                  keyspace_take_work(r->keyspace) + argument_count * ARGUMENT_WORK +
                                  (buffer_size(reply->out) - size_before));
}

/* Executed before: the reply that it had then, in the version that is wanted now. */
static void repeat_reply(const struct once_reply *kept, struct resp_writer *reply)
{
    if (kept->resp_version == 3 && reply->version < 3) {
        resp_convert_to_2(kept->bytes, reply->out);
    } else {
        buffer_append_slice(reply->out, kept->bytes);
    }
}

/* The first time; what is kept must not depend on who asks. */
static void execute_first(struct replica *r, raft_index index, const struct command *command,
                          uint32_t argument_count, struct command_guard *guard,
                          struct resp_writer *reply)
{
    struct command_once once = r->once;
    struct resp_writer kept = {.out = &r->once_reply, .version = once.resp_version};

    buffer_clear(&r->once_reply);
    execute(r, index, keyspace_time_us(r->keyspace), command, argument_count, guard, &kept);
    once_keep(r->keyspace, &once, index, buffer_slice(&r->once_reply));
    buffer_append_slice(reply->out, buffer_slice(&r->once_reply));
    buffer_trim(&r->once_reply, SCRATCH_KEEP_BYTES);
}

/* Returns by which entry it was executed: a token for a lock must not become newer. */
static raft_index execute_once(struct replica *r, raft_index index, const struct command *command,
                               uint32_t argument_count, struct command_guard *guard,
                               struct resp_writer *reply)
{
    struct once_reply kept = {0};

    switch (once_judge(r->keyspace, &r->once, &kept)) {
    case ONCE_FIRST:
        execute_first(r, index, command, argument_count, guard, reply);
        break;
    case ONCE_AGAIN:
        repeat_reply(&kept, reply);
        return MUTANT(once_index_renewed) ? index : kept.index;
    case ONCE_REPLY_GONE:
        resp_error(reply, ERROR_ONCE_REPLY_GONE);
        return kept.index;
    case ONCE_TOO_OLD:
        resp_error(reply, ERROR_ONCE_TOO_OLD);
        break;
    case ONCE_UNKNOWN:
        resp_error(reply, ERROR_ONCE_UNKNOWN);
        break;
    case ONCE_TOO_MANY:
        resp_error(reply, ERROR_ONCE_TOO_MANY);
        break;
    }
    return index;
}

/* Commands have taken enough time: a heartbeat may be due, and the next turn continues. */
static bool is_worn_out(const struct replica *r)
{
    if (!r->share.is_over) {
        return false;
    }
    io_turn_soon(r->io);
    return true;
}

/* A node that catches up may delete much in one turn; that memory is freed before more is taken.
 * Returns whether the turn is over. */
static bool must_free(struct replica *r)
{
    while (memory_is_exceeded_by_cleared(r) && !MUTANT(backlog_frees_nothing)) {
        keyspace_tidy(r->keyspace, FREED_ITEMS);
        time_share_use(&r->share, FREED_ITEMS * FREED_ITEM_WORK);
        if (is_worn_out(r)) {
            return true;
        }
    }
    return false;
}

/* The command in an entry; NULL if this program can't execute it, or if it is above the
 * cluster's level. Uses only the log, so all nodes decide alike. */
static const struct command *understand(struct replica *r, const struct entry *e,
                                        uint32_t *ret_count)
{
    if (!replica_decode(r, entry_payload(e), ret_count)) {
        return NULL;
    }

    const struct command *command =
        command_for(command_find(r->options.commands, r->arguments[0]), *ret_count, r->arguments);
    bool is_data = command != NULL && (command->flags & (COMMAND_WRITE | COMMAND_READ)) != 0 &&
                   level_has(r, command);
    struct resp_writer nobody = {.out = &r->scratch, .version = 2};

    if (is_data && !command_judge(command, r->database, *ret_count, r->arguments, &nobody)) {
        buffer_trim(&r->scratch, SCRATCH_KEEP_BYTES);
        is_data = false;
    }
    return is_data ? command : NULL;
}

/* No correct leader logs such an entry, so some node was faulty. Stopping here would stop all
 * nodes, at each start again, so the entry has no effect, on any node. */
static void note_skipped(struct replica *r, const struct entry *e, const char *what)
{
    log_write(r->log, r->stats.skipped_count == 0 ? LOG_ERROR : LOG_DEBUG, what,
              "index=%llu term=%llu advice=" LOG_Q, (unsigned long long)e->index,
              (unsigned long long)e->term,
              "all nodes must run the same version; find out which node led that term");
    r->stats.skipped_count++;
}

static void skip(struct replica *r, const struct entry *e, struct request *request)
{
    MUTANT_DO(misfit_entry_stops, replica_fail(r, "a committed entry is not understood"));
    note_skipped(r, e,
                 "a committed entry holds no command that can be executed: it does nothing, on all "
                 "nodes");
    if (request != NULL) {
        resp_error(request->reply(request), ERROR_NOT_UNDERSTOOD);
        requests_finish(&r->requests, request, e->index);
    }
}

static bool may_execute(const struct replica *r, struct command_guard *guard,
                        const struct command *command, uint32_t count, struct resp_writer *reply)
{
    return guard == NULL || guard->admits(guard, false, command, count, r->arguments, reply);
}

static void apply_command(struct replica *r, struct entry *e)
{
    struct request *request = proposals_take(&r->proposals, e->index);
    struct resp_writer nobody = {.out = &r->scratch, .version = 2};
    uint32_t count = 0;

    /* Never a reply to another command. */
    CHECK(request == NULL || request->entry == e || MUTANT(answer_by_index_alone));

    const struct command *command = understand(r, e, &count);

    if (command == NULL) {
        skip(r, e, request);
        return;
    }
    if (request == NULL && (command->flags & COMMAND_READ) != 0) {
        return; /* A read through the log, which no client here has sent. */
    }

    struct resp_writer *reply = request != NULL ? request->reply(request) : &nobody;
    struct command_guard *guard = rights_guard(r, request);
    raft_index index = e->index;

    if (!may_execute(r, guard, command, count, reply)) {
        /* Refused, on all nodes. */
    } else if (r->once.client.size > 0 && (command->flags & COMMAND_WRITE) != 0) {
        index = execute_once(r, e->index, command, count, guard, reply);
    } else {
        execute(r, e->index, keyspace_time_us(r->keyspace), command, count, guard, reply);
    }
    if (request != NULL) {
        requests_finish(&r->requests, request, index);
    } else {
        buffer_trim(&r->scratch, SCRATCH_KEEP_BYTES);
    }
}

/* A committed configuration decides which nodes were removed. */
static void apply_configuration(struct replica *r, const struct entry *e)
{
    struct membership *m = membership_decode(entry_payload(e));

    CHECK(m != NULL);
    m->index = e->index;
    if (!membership_may_follow(r->committed, m)) {
        membership_free(m);
        note_skipped(r, e,
                     "a committed membership can't follow the one before: it does nothing, on all "
                     "nodes");
        return;
    }
    if (r->is_running) { /* During recovery, replica_run() does that. */
        peers_set_committed(r->peers, m);
        io_turn_soon(r->io); /* A change may be waiting for this one. */
    }
    membership_free(r->committed);
    r->committed = m;
    if (membership_was_removed(m, raft_self(r->raft)) && !r->is_removed) {
        r->is_removed = true;
        log_write(r->log, LOG_WARN, "this node was removed from the cluster and serves nothing",
                  "index=%llu advice=" LOG_Q, (unsigned long long)e->index, REMOVED_ADVICE);
    }
}

/* The commands that two mutants skip. */
static bool is_left_out(const struct replica *r, const struct entry *e)
{
    MUTANT_DO(recovery_skips_last, return !r->is_running && e->index == r->recovered.commit_index);
    return MUTANT(inherited_not_applied) && raft_role(r->raft) == RAFT_LEADER &&
           e->term < raft_current_term(r->raft);
}

/* Which argument of a command is the value that it sets; 0: none. */
static uint32_t value_argument(const struct slice *arguments, uint32_t count)
{
    struct slice name = arguments[0];

    if (count >= 3 &&
        (slice_is(name, "SET") || slice_is(name, "GETSET") || slice_is(name, "SETNX"))) {
        return 2;
    }
    return count == 4 && (slice_is(name, "SETEX") || slice_is(name, "PSETEX")) ? 3 : 0;
}

/* A very large value is copied in steps, one a turn, before its command is executed; all else
 * waits. True: the entry may be applied now. */
static bool is_prepared(struct replica *r, const struct entry *e)
{
    uint64_t piece_bytes = r->options.piece_bytes;
    uint32_t count = 0;
    uint32_t place;

    piece_bytes = piece_bytes == 0 ? WIRE_PIECE_BYTES_MAX : piece_bytes;
    if (e->kind != RAFT_COMMAND || e->size <= PREPARED_PIECES * piece_bytes ||
        !replica_decode(r, entry_payload(e), &count)) {
        return true;
    }
    place = value_argument(r->arguments, count);
    if (place == 0 || r->arguments[place].size <= PREPARED_PIECES * piece_bytes) {
        return true;
    }
    return keyspace_prepare(r->keyspace, e->index, r->arguments[1], r->arguments[place],
                            PREPARED_PIECES * piece_bytes);
}

static void apply_entry(struct replica *r, struct entry *e)
{
    CHECK(e->index == r->applied_index + 1);
    keyspace_advance_time(r->keyspace, e->time_us);
    feed_begin_entry(&r->feed, e->index);
    if (e->kind == RAFT_COMMAND && !is_left_out(r, e)) {
        apply_command(r, e);
        MUTANT_DO(recovery_applies_twice, r->is_running ? (void)0 : apply_command(r, e));
    } else if (e->kind == RAFT_CONFIGURATION) {
        apply_configuration(r, e);
    } else if (e->kind == RAFT_LEVEL && !level_apply(r, e)) {
        note_skipped(r, e,
                     "a committed feature level makes no sense: it does nothing, on all nodes");
    } else if (e->kind == RAFT_EXPIRED && !expiry_apply(r, e)) {
        note_skipped(r, e, "a committed entry about expired keys makes no sense: it does nothing");
    }
    r->applied_index = e->index;
    r->stats.applied_count++;
    probe_call(r->probe, applied, e, keyspace_digest(r->keyspace), keyspace_time_us(r->keyspace));
    compare_note(r);
}

void replica_execute_entry(struct replica *r, struct entry *e)
{
    keyspace_advance_time(r->keyspace, e->time_us);
    if (e->kind == RAFT_COMMAND) {
        apply_command(r, e);
    } else if (e->kind == RAFT_LEVEL) {
        (void)level_apply(r, e);
    } else if (e->kind == RAFT_EXPIRED) {
        (void)expiry_apply(r, e);
    }
    while (keyspace_tidy(r->keyspace, UINT64_MAX)) { /* There are no turns. */
    }
}

/* --- what is needed soon ------------------------------------------------------------- */

/* Memory is slower than most commands. So the items that a batch of commands will need are
 * prefetched all at once, not one after the other, and their buckets while the batch before is
 * executed; how commands are divided into batches makes no difference. */
struct expected {
    struct keyspace_hint hints[KEYSPACE_PREFETCH_MAX];
    uint32_t count;
};

static void expect(struct expected *expected, const struct entry *e)
{
    uint8_t database = 0;
    struct slice key = command_payload_first(entry_payload(e), &database);

    if (key.size > 0 && key.size <= EXPECTED_KEY_BYTES_MAX) {
        expected->hints[expected->count++] = (struct keyspace_hint){database, key};
    }
}

/* Prefetches the buckets for the batch that begins with entry `first`. */
static void fetch_buckets(struct replica *r, raft_index first, raft_index commit_index)
{
    struct expected expected = {.count = 0};
    raft_index last = first + KEYSPACE_PREFETCH_MAX - 1;

    last = last < commit_index ? last : commit_index;
    for (raft_index i = first; i <= last; i++) {
        const struct entry *e = log_window_get(&r->window, i);

        if (e != NULL && e->kind == RAFT_COMMAND) {
            expect(&expected, e);
        }
    }
    keyspace_prefetch_buckets(r->keyspace, expected.hints, expected.count, &r->soon);
    r->soon_first = first;
    r->soon_last = last;
}

static void fetch_for_entries(struct replica *r, raft_index commit_index)
{
    raft_index first = r->applied_index + 1;
    raft_index last = r->applied_index + KEYSPACE_PREFETCH_MAX;

    last = last < commit_index ? last : commit_index;
    if (r->soon_first != first || r->soon_last < last) {
        fetch_buckets(r, first, commit_index);
    }
    keyspace_prefetch_items(r->keyspace, &r->soon);
    fetch_buckets(r, last + 1, commit_index);
}

static void fetch_for_reads(struct replica *r)
{
    struct expected expected = {.count = 0};
    uint32_t count = 0;

    list_for_each(node, list_is_empty(&r->reads.due) ? &r->reads.ready : &r->reads.due)
    {
        if (count++ == KEYSPACE_PREFETCH_MAX) {
            break;
        }
        expect(&expected, container_of(node, struct request, link)->entry);
    }
    keyspace_prefetch(r->keyspace, expected.hints, expected.count);
}

/* --- applying and reading ------------------------------------------------------------ */

/* To a wrong state nothing is applied. */
static bool may_apply(const struct replica *r)
{
    return quarantine_applies(&r->quarantine) || MUTANT(isolated_node_answers);
}

void replica_apply(struct replica *r)
{
    raft_index commit_index =
        MUTANT(applies_uncommitted) ? raft_last_index(r->raft) : raft_commit_index(r->raft);
    uint32_t count = 0;
    uint64_t bytes = 0;

    while (r->applied_index < commit_index && !r->is_ended && may_apply(r) && !is_worn_out(r) &&
           !must_free(r) && !snapshotter_is_behind(&r->snapshotter) && !observing_is_held_up(r)) {
        if (count == APPLY_ENTRIES_MAX || bytes > APPLY_BYTES_MAX) {
            io_turn_soon(r->io);
            return;
        }

        if (count % KEYSPACE_PREFETCH_MAX == 0) {
            fetch_for_entries(r, commit_index);
        }

        struct entry *e = log_window_get(&r->window, r->applied_index + 1);

        CHECK(e != NULL); /* Only applied entries are removed from the window. */
        if (!is_prepared(r, e)) {
            io_turn_soon(r->io);
            return;
        }
        apply_entry(r, e);
        keyspace_drop_prepared(r->keyspace);
        /* Reads confirmed for exactly this state are served before the next entry, so that a
         * read sees the state of its index. */
        replica_serve_reads(r);
        count++;
        bytes += e->size;
    }
}

void replica_apply_recovered(struct replica *r, raft_index last)
{
    raft_index known =
        r->recovered.commit_index < r->window.last ? r->recovered.commit_index : r->window.last;

    last = last < known ? last : known;
    for (uint32_t count = 0; r->applied_index < last; count++) {
        if (count % KEYSPACE_PREFETCH_MAX == 0) {
            fetch_for_entries(r, known);
        }
        apply_entry(r, log_window_get(&r->window, r->applied_index + 1));
        while (keyspace_tidy(r->keyspace, UINT64_MAX)) { /* There are no turns yet. */
        }
    }
}

/* While nothing is logged, the time of the state stands still; TTL must not. Whether a key is there
 * is decided by the former. */
static uint64_t read_time_us(const struct replica *r)
{
    uint64_t state_us = keyspace_time_us(r->keyspace);
    uint64_t now_us = log_clock_estimate_us(&r->log_clock, io_now_ns(r->io));

    return now_us > state_us ? now_us : state_us;
}

static void serve(struct replica *r, struct request *request, uint32_t argument_count)
{
    struct resp_writer *reply = request->reply(request);
    struct command_guard *guard = rights_guard(r, request);

    if (may_execute(r, guard, request->command, argument_count, reply)) {
        execute(r, r->applied_index, read_time_us(r), request->command, argument_count, guard,
                reply);
    }
}

void replica_serve_reads(struct replica *r)
{
    struct request *request;
    uint32_t count = 0;

    if (quarantine_is_on(&r->quarantine) && !MUTANT(isolated_node_answers)) {
        return;
    }
    while ((request = reads_next(&r->reads, r->applied_index)) != NULL) {
        uint32_t argument_count;

        if (is_worn_out(r)) {
            return;
        }
        if (count++ == READS_MAX) {
            io_turn_soon(r->io);
            return;
        }
        if (count % KEYSPACE_PREFETCH_MAX == 1) {
            fetch_for_reads(r);
        }
        list_remove(&request->link);
        /* Encoded here, or checked when it arrived. */
        CHECK(replica_decode(r, entry_payload(request->entry), &argument_count));
        r->stats.read_count++;
        r->stats.follower_read_count += raft_role(r->raft) != RAFT_LEADER;
        r->stats.stale_read_count += request->read_mode == READ_STALE;
        serve(r, request, argument_count);
        requests_finish(&r->requests, request, r->applied_index);
    }
}
