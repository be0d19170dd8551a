/* trackers.c - clients that cache what they read (CLIENT TRACKING): what they have read is
 * remembered when it is answered, and they are informed when this node applies a change of it.
 *
 * A client never gets an invalidation before the value that it is about. A read is answered with
 * the state of an index. All changes behind that index will be applied here after the answer, so
 * that remembering the key then is enough; unless this node has applied more already, because the
 * read was executed elsewhere. Then it may have applied a change that the read has not seen, and
 * the value is invalidated right behind it. */
#include <string.h>

#include "base/mutant.h"
#include "client/client.h"
#include "command/table.h"
#include "replica/replica.h"

enum { LEADERLESS_SWEEPS = 10 }; /* Of half a second. */

bool trackers_exist(const struct clients *clients)
{
    return clients->topics.count[TOPIC_TRACKERS] > 0;
}

/* --- reads ------------------------------------------------------------------------------- */

static bool remembers(const struct client *c, const struct command *command)
{
    const struct tracker *t = &c->tracker;
    bool is_told = t->caching_at > 0 && t->caching_at + 1 == c->command_count;

    return t->is_on && (command->flags & COMMAND_READ) != 0 &&
           (t->is_opt_in ? is_told : !(t->is_opt_out && is_told));
}

void trackers_begin(struct client *c, struct reply_slot *slot, const struct command *command)
{
    const struct slice *arguments = c->parser.arguments;
    uint32_t first;
    uint32_t last;

    if (!remembers(c, command) ||
        !command_key_range(command, c->parser.argument_count, arguments, &first, &last)) {
        return;
    }
    for (uint32_t i = first; i <= last; i += (uint32_t)command->key_step) {
        buffer_append(&slot->read_keys, &arguments[i].size, sizeof arguments[i].size);
        buffer_append_slice(&slot->read_keys, arguments[i]);
    }
}

static bool next_key(struct buffer *keys, struct slice *ret_key)
{
    size_t size;

    if (buffer_size(keys) == 0) {
        return false;
    }
    memcpy(&size, buffer_begin(keys), sizeof size);
    *ret_key = slice_of(buffer_begin(keys) + sizeof size, size);
    buffer_consume(keys, sizeof size);
    return true;
}

static void invalidate(struct clients *clients, struct tracked_key *k)
{
    pushes_add_invalidation(&clients->pushes, k->key, k->ids, k->id_count);
    tracking_free(&clients->tracking, k);
}

/* Who gets the invalidations of a prefix anyway needs only those that came before the value. */
static void remember(struct client *c, struct slice key, bool is_late)
{
    bool is_broadcast = c->tracker.is_broadcast;
    struct clients *clients = c->clients;
    struct tracked_key *surplus;

    if (is_late && !(is_broadcast && MUTANT(late_broadcast_trusted))) {
        pushes_add_invalidation(&clients->pushes, key, &c->id, is_broadcast ? 0 : 1);
        return;
    }
    if (is_broadcast) {
        return;
    }
    tracking_note(&clients->tracking, key, c->id);
    while ((surplus = tracking_take_surplus(&clients->tracking)) != NULL) {
        invalidate(clients, surplus);
    }
}

/* Its user may not read that: not even when it changes. */
static bool is_refused(const struct reply_slot *slot)
{
    static const char code[] = "-NOPERM";
    const struct buffer *out = slot->writer.out;
    size_t before = slot->written_before;

    return buffer_size(out) >= before + sizeof code - 1 &&
           memcmp(buffer_begin(out) + before, code, sizeof code - 1) == 0 &&
           !MUTANT(refused_read_tracked);
}

void trackers_settle(struct reply_slot *slot)
{
    struct client *c = slot->client;
    uint64_t index = slot->request.executed_index;
    bool is_remembered = index > 0 && !is_refused(slot);
    struct slice key;
    bool is_late;

    if (slot->read_keys.data == NULL) {
        return;
    }
    is_late = index < replica_told_index(c->clients->replica) && !MUTANT(late_read_trusted);
    while (next_key(&slot->read_keys, &key)) {
        if (is_remembered && c->tracker.is_on && c->end < CLIENT_CLOSING) {
            remember(c, key, is_late);
        }
        buffer_consume(&slot->read_keys, key.size);
    }
    buffer_deinit(&slot->read_keys);
}

/* --- changes ----------------------------------------------------------------------------- */

static bool has_prefix(const struct clients *clients, struct slice key)
{
    const struct topics *t = &clients->topics;

    for (size_t size = 0; size <= TOPIC_PREFIX_BYTES_MAX && size <= key.size; size++) {
        if (t->prefix_sizes[size] > 0 &&
            topics_find(t, TOPIC_PREFIX, slice_of(key.data, size)) != NULL) {
            return true;
        }
    }
    return false;
}

void trackers_changed(struct clients *clients, struct slice key)
{
    struct tracked_key *k = tracking_take(&clients->tracking, key);

    if (k != NULL) {
        invalidate(clients, k);
    } else if (clients->topics.count[TOPIC_PREFIX] > 0 && has_prefix(clients, key)) {
        pushes_add_invalidation(&clients->pushes, key, NULL, 0);
    }
}

void trackers_flush(struct clients *clients)
{
    if (trackers_exist(clients) && !MUTANT(flush_keeps_caches)) {
        tracking_clear(&clients->tracking);
        pushes_add_flush(&clients->pushes);
    }
}

/* A node that is cut off applies nothing, so its clients must not rely on it for long. */
void trackers_sweep(struct clients *clients)
{
    bool has_leader = !trackers_exist(clients) || raft_leader(replica_raft(clients->replica)) != 0;

    clients->leaderless_count = has_leader ? 0 : clients->leaderless_count + 1;
    if (clients->leaderless_count == LEADERLESS_SWEEPS) {
        trackers_flush(clients);
        io_turn_soon(clients->io);
    }
}
