#include "server/recover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "cluster/members.h"
#include "replica/snapshot_state.h"
#include "server/stamp.h"
#include "store/epoch.h"
#include "store/replay.h"
#include "store/snapshot_replay.h"
#include "store/store.h"

struct recover {
    struct recover_options options;
    struct store *store; /* NULL: closed. */
    struct store_recovered found;
    struct members members;   /* Those in the log, and in the snapshot before it. */
    struct store_origin last; /* The last entry. */
};

static const struct store_identity *identity(const struct recover *r)
{
    return &r->found.identity;
}

/* The membership in force; NULL: it has none. */
static const struct membership *newest(const struct recover *r)
{
    return r->members.count == 0 ? NULL : r->members.history[r->members.count - 1];
}

/* Whether the log ends a recovery already. */
static bool has_epoch(const struct recover *r)
{
    return newest(r) != NULL && newest(r)->configuration.epoch == identity(r)->epoch;
}

static bool is_written(const struct recover *r)
{
    return has_epoch(r) && !r->found.lacks_entries;
}

/* --- what there is ----------------------------------------------------------------------- */

static void on_durable(void *context, uint64_t seq)
{
}

/* What is missing afterwards is noticed when the directory is read again. */
static void on_failed(void *context, int error, const char *text)
{
}

static void on_room(void *context)
{
}

/* What is damaged is given up and kept aside, as at a start with other members. A node that has
 * none needs no recovery, so nothing may change. */
static bool may_repair(void *context, uint64_t node_id, struct slice members)
{
    return membership_names_others(members, node_id) || MUTANT(sole_voter_given_up);
}

static int take_members(void *context, const struct snapshot_chunk *chunk)
{
    struct recover *r = context;
    struct loaded_state loaded;
    int rv;

    if (strcmp(chunk->section, SNAPSHOT_MEMBERS) != 0) {
        return 0;
    }
    loaded_state_init(&loaded, identity(r)->cluster_id);
    rv = loaded_state_take(&loaded, chunk);
    if (rv == 0) {
        members_append_take(&r->members, loaded.members);
        loaded.members = NULL;
    }
    loaded_state_deinit(&loaded);
    return rv;
}

/* All of it, to see that a node will be able to load it. */
static bool read_snapshot(struct recover *r, char *text, size_t text_size)
{
    const struct store_snapshot *snapshot = &r->found.snapshot;
    struct snapshot_replay replay;
    int rv;

    if (snapshot->index == 0) {
        return true;
    }
    r->last = (struct store_origin){
        .index = snapshot->index, .term = snapshot->term, .time_us = snapshot->time_us};
    snapshot_replay_begin(&replay, r->store, snapshot);
    do {
        rv = snapshot_replay_step(&replay, take_members, r, text, text_size);
    } while (rv == 1);
    snapshot_replay_end(&replay);
    if (rv == STORE_EDAMAGED && text[0] == '\0') {
        snprintf(text, text_size, "the snapshot in %s has no membership that this program can read",
                 r->options.data_dir);
    }
    return rv == 0;
}

static int take_entry(void *context, struct entry *e)
{
    struct recover *r = context;
    struct membership *m =
        e->kind == RAFT_CONFIGURATION ? membership_decode(entry_payload(e)) : NULL;

    if (m != NULL) {
        m->index = e->index;
        members_append_take(&r->members, m);
    }
    r->last = (struct store_origin){.index = e->index, .term = e->term, .time_us = e->time_us};
    return 0;
}

static bool read_log(struct recover *r, char *text, size_t text_size)
{
    int rv = store_replay(r->store, take_entry, r);

    if (rv != 0) {
        snprintf(text, text_size,
                 "the log in %s could not be read back after entry %" PRIu64 " (error %d)",
                 r->options.data_dir, r->last.index, rv);
    }
    return rv == 0;
}

static bool open_store(struct recover *r, char *text, size_t text_size)
{
    struct store_options options = {
        .dir = r->options.data_dir,
        .is_recovery = true,
        .segment_bytes = r->options.segment_bytes,
        .log = r->options.log,
        .durable = on_durable,
        .failed = on_failed,
        .room = on_room,
        .may_repair = may_repair,
    };

    if (store_open(r->options.io, &options, 1, &r->store, &r->found, text, text_size) != STORE_OK) {
        return false;
    }
    r->last = r->found.origin;
    return read_snapshot(r, text, text_size) && read_log(r, text, text_size);
}

static void close_store(struct recover *r)
{
    if (r->store != NULL) {
        store_close(r->store);
        r->store = NULL;
    }
    members_deinit(&r->members);
}

/* --- whether ----------------------------------------------------------------------------- */

static void note_identity(void *context, const char *name)
{
    bool *has_identity = context;

    *has_identity = *has_identity || strcmp(name, "identity") == 0;
}

static bool is_data_directory(const struct recover_options *options, char *text, size_t text_size)
{
    bool has_identity = false;
    int rv = io_dir_list(options->io, options->data_dir, note_identity, &has_identity);

    if (rv != 0 || !has_identity) {
        snprintf(text, text_size,
                 "%s is no data directory of a node, so there is nothing to recover: name the "
                 "directory of a node that survived (--data)",
                 options->data_dir);
    }
    return rv == 0 && has_identity;
}

/* One that needs no other node for its majority. */
static bool is_only_voter(const struct recover *r)
{
    const struct raft_configuration *c = &newest(r)->configuration;
    const struct raft_member *self = raft_configuration_find(c, identity(r)->node_id);
    uint32_t others_count = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct raft_member *m = &c->members[i];

        others_count += m->id != identity(r)->node_id && (m->incoming || m->outgoing);
    }
    return others_count == 0 && self != NULL && self->incoming;
}

static bool may_recover(const struct recover *r, char *text, size_t text_size)
{
    if (identity(r)->is_restoring) {
        snprintf(
            text, text_size,
            "restoring a backup into %s was interrupted, so there is nothing to recover: repeat "
            "that command (--restore)",
            r->options.data_dir);
        return false;
    }
    if (newest(r) == NULL) {
        snprintf(text, text_size,
                 "the node in %s has no log and no snapshot yet, so there is nothing to recover",
                 r->options.data_dir);
        return false;
    }
    if (!identity(r)->is_recovering && is_only_voter(r)) {
        snprintf(text, text_size,
                 "the node in %s is the only voter of its cluster, so it goes on without the "
                 "others: start it without --recover",
                 r->options.data_dir);
        return false;
    }
    return true;
}

struct recover *recover_open(const struct recover_options *options, char *text, size_t text_size)
{
    struct recover *r;

    text[0] = '\0';
    if (!is_data_directory(options, text, text_size)) {
        return NULL;
    }
    r = memory_take_zeroed(1, sizeof *r);
    r->options = *options;
    if (!open_store(r, text, text_size) || !may_recover(r, text, text_size)) {
        recover_close(r);
        return NULL;
    }
    return r;
}

void recover_close(struct recover *r)
{
    close_store(r);
    free(r);
}

/* --- in words ---------------------------------------------------------------------------- */

static const char *part_of(const struct raft_member *m)
{
    return m->incoming ? "voter" : m->outgoing ? "leaving" : "learner";
}

static void describe_members(const struct recover *r, struct buffer *out)
{
    const struct membership *m = newest(r);

    buffer_printf(out, "  members    as of entry %" PRIu64 ":\n", m->index);
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        const struct member_address *a = &m->addresses[i];

        buffer_printf(out, "             %016" PRIx64 " %s:%u, %s%s\n", a->id, a->client.host,
                      (unsigned)a->client.port, part_of(&m->configuration.members[i]),
                      a->id == identity(r)->node_id ? " (this node)" : "");
    }
    if (membership_was_removed(m, identity(r)->node_id)) {
        buffer_printf(out, "             This node was removed from the cluster: what came after "
                           "that is not here.\n");
    }
}

static void describe_holdings(const struct recover *r, struct buffer *out)
{
    char stamp[STAMP_BYTES];

    stamp_utc(stamp, r->last.time_us * 1000);
    buffer_printf(out,
                  "What %s has:\n"
                  "  node       %016" PRIx64 "\n"
                  "  cluster    %016" PRIx64 ", epoch %" PRIu64 "\n"
                  "  up to      entry %" PRIu64 " of term %" PRIu64 ", log time %s\n"
                  "  committed  at least up to entry %" PRIu64 "\n",
                  r->options.data_dir, identity(r)->node_id, identity(r)->cluster_id,
                  epoch_number(identity(r)->epoch), r->last.index, r->last.term, stamp,
                  r->found.commit_index);
    describe_members(r, out);
}

static void describe_doubts(const struct recover *r, struct buffer *out)
{
    buffer_printf(out,
                  "What is uncertain:\n"
                  "  - Entries after %" PRIu64
                  ": the other members may have acknowledged writes to "
                  "clients that\n"
                  "    are not here. They are lost, and nobody can say how many. If another node "
                  "survived,\n"
                  "    compare: the newest log has the highest epoch, then term, then entry "
                  "(rakit-log DIR\n"
                  "    has the line \"newest by\"). Recover that one, and no other.\n",
                  r->last.index);
    if (r->found.lacks_entries) {
        buffer_printf(out,
                      "  - Entries from %" PRIu64
                      " on were damaged here, and are lost. They may have "
                      "been acknowledged, and\n"
                      "    another node that survived may have them.\n",
                      r->found.lost_first_index);
    }
    if (r->found.commit_index < r->last.index) {
        buffer_printf(out,
                      "  - Entries %" PRIu64 " to %" PRIu64 " are here, and were maybe never "
                      "committed. They are kept, because\n"
                      "    they may have been acknowledged: writes that clients know as in doubt, "
                      "or as failed\n"
                      "    with a time-out, may be executed.\n",
                      r->found.commit_index + 1, r->last.index);
    }
}

void recover_describe(const struct recover *r, struct buffer *out)
{
    describe_holdings(r, out);
    if (identity(r)->is_recovering) {
        buffer_printf(out, "A recovery was interrupted here. It will be completed.\n");
        return;
    }
    describe_doubts(r, out);
    buffer_printf(out,
                  "What happens:\n"
                  "  - Epoch %" PRIu64 " of the cluster begins, with this node as its only member, "
                  "at %s:%u.\n"
                  "  - No other member is let in any more, also if it comes back whole. Stop those "
                  "that run.\n"
                  "    Before one is started again, keep a copy of its directory, empty the "
                  "directory, and\n"
                  "    start it with this node as its contact: it joins anew.\n"
                  "  - This cannot be undone: copy %s first.\n",
                  epoch_number(identity(r)->epoch) + 1, r->options.announced.host,
                  (unsigned)r->options.announced.port, r->options.data_dir);
}

/* --- doing it ---------------------------------------------------------------------------- */

static bool fail(const struct recover *r, int error, char *text, size_t text_size)
{
    snprintf(text, text_size,
             "%s could not be written (%s): see to the disk, and repeat the command",
             r->options.data_dir, error == 0 ? "is it full?" : strerror(-error));
    return false;
}

/* As this node's own leader of a new term. Nobody else votes in this epoch, so what is durable
 * here is committed. */
static void write_membership(struct recover *r)
{
    struct member_address self = {.id = identity(r)->node_id,
                                  .client = r->options.announced,
                                  .peer_port = r->options.peer_port};
    const struct member_address *before = membership_address(newest(r), self.id);

    if (before != NULL) {
        memcpy(self.name, before->name, sizeof self.name);
    }

    struct membership *alone = membership_alone(newest(r), &self, identity(r)->epoch);
    struct entry *e = membership_encode(alone);

    e->index = r->last.index + 1;
    e->term = r->found.current_term + 1;
    e->time_us = r->last.time_us;

    struct store_write write = {
        .seq = 1,
        .write_vote = true,
        .current_term = e->term,
        .voted_for = self.id,
        .commit_index = e->index,
        .entries = &e,
        .entry_count = 1,
    };

    store_write(r->store, &write);
    entry_release(e);
    membership_free(alone);
}

static int begin_epoch(struct recover *r)
{
    uint64_t random;
    uint64_t epoch;
    int rv;

    if (identity(r)->is_recovering) {
        return 0;
    }
    io_random(r->options.io, &random, sizeof random);
    epoch = epoch_after(identity(r)->epoch, random);
    rv = MUTANT(epoch_after_its_entry) ? 0 : store_begin_epoch(r->store, epoch);
    if (rv == 0) {
        r->found.identity.epoch = epoch;
    }
    return rv;
}

/* Closing the store writes what is queued, and opening it again shows what is durable. */
static bool write_and_read_back(struct recover *r, char *text, size_t text_size)
{
    if (!has_epoch(r)) {
        write_membership(r);
    }
    if (r->found.lacks_entries && !MUTANT(recovered_node_waits)) {
        store_end_repair(r->store); /* Nobody is left to mend it. */
    }
    close_store(r);
    if (!open_store(r, text, text_size)) {
        return false;
    }
    return is_written(r) || fail(r, 0, text, text_size);
}

bool recover_execute(struct recover *r, char *text, size_t text_size)
{
    int rv = begin_epoch(r);

    text[0] = '\0';
    if (rv != 0) {
        return fail(r, rv, text, text_size);
    }
    if (!is_written(r) && !write_and_read_back(r, text, text_size)) {
        return false;
    }
    rv = store_end_epoch(r->store);
    return rv == 0 || fail(r, rv, text, text_size);
}
