/* sender.c - turns the ranges of entries that the core wants to send into frames, as many bytes
 * at a time as the connection takes. Entries come from memory, or, if a peer was away for long,
 * from the disk in the background. */
#include "peer/peers.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mutant.h"
#include "peer/pieces.h"

enum {
    SENDER_FRAME_BYTES = 512 * 1024, /* Only a single entry makes a frame larger. */
    SENDER_FRAME_ENTRIES = 4096,
    SENDER_BACKLOG_BYTES = 4 * 1024 * 1024, /* With more than this unsent, the sender waits. */
    SENDER_PIECES_BYTES = 512 * 1024,       /* The same in the middle of a large entry. */
    SENDER_READ_BYTES = 1024 * 1024,
};

static struct dial *bulk_of(struct peer *peer)
{
    return &peer->dial[WIRE_BULK];
}

static void drop_large(struct sender *s)
{
    entry_release(s->large);
    s->large = NULL;
    s->large_sent = 0;
}

void sender_reset(struct peer *peer)
{
    drop_large(&peer->sender);
    peer->sender.next = 1;
    peer->sender.last = 0;
}

static struct wire_message message_from(const struct peer *peer)
{
    const struct sender *s = &peer->sender;
    const struct raft *raft = peer->peers->source.raft;
    struct wire_message m = {.message = s->header,
                             .applied_index = peer->peers->applied_index,
                             .disk = peer->peers->disk,
                             .data_bytes_max = peer->peers->data_bytes_max};
    struct raft_append_entries *a = &m.message.append_entries;

    a->prev_log_index = s->next - 1;
    a->prev_log_term = raft_term_at(raft, s->next - 1);
    a->leader_commit = raft_commit_index(raft);
    return m;
}

/* One frame with `count` entries from sender.next on; or a large entry is begun. */
static void put_frame(struct peer *peer, struct entry *const *entries, uint32_t count)
{
    struct sender *s = &peer->sender;
    struct wire_message m = message_from(peer);

    drop_large(s);
    if (count == 1 && pieces_are_needed(entries[0]->size, peer->peers->piece_bytes)) {
        s->large = entry_hold(entries[0]);
        return;
    }
    wire_put_entries(&bulk_of(peer)->link.out, &m, entries, count);
    s->next += count;
}

/* The next piece of a large entry; after the last one, the frame that it belongs to. */
static void put_piece(struct peer *peer)
{
    struct sender *s = &peer->sender;
    struct buffer *out = &bulk_of(peer)->link.out;

    pieces_put(out, 0, entry_payload(s->large), peer->peers->piece_bytes, &s->large_sent);
    if (s->large_sent == s->large->size) {
        struct wire_message m = message_from(peer);

        wire_put_large_entry(out, &m, s->large);
        drop_large(s);
        s->next++;
    }
}

/* Entries from `next` up to `last`, asked for in `term`, may be sent, and the log still says which
 * entry comes before them. After a change of term the log may have others there; compaction may
 * have left them out, and then the peer's answer to a later message shows what it lacks. */
static bool may_send(const struct peer *peer, raft_term term, raft_index next, raft_index last)
{
    const struct raft *raft = peer->peers->source.raft;

    return raft_role(raft) == RAFT_LEADER && raft_current_term(raft) == term &&
           last <= raft_last_index(raft) &&
           (next > raft_origin(raft) || MUTANT(compacted_entries_sent));
}

static bool is_current(const struct peer *peer)
{
    const struct sender *s = &peer->sender;

    return may_send(peer, s->header.term, s->next, s->last);
}

/* So an entry that needs pieces is alone. */
static uint64_t frame_bytes_max(const struct peer *peer)
{
    uint64_t bytes = (uint64_t)PIECES_WHOLE * peer->peers->piece_bytes;

    return bytes < SENDER_FRAME_BYTES ? bytes : SENDER_FRAME_BYTES;
}

/* Entries that go into one frame together. */
struct load {
    uint64_t bytes_max;
    uint64_t bytes;
    uint32_t count;
};

/* False: that entry must go into another frame. */
static bool load_takes(struct load *l, const struct entry *e)
{
    if (l->count == SENDER_FRAME_ENTRIES || (l->count > 0 && l->bytes + e->size > l->bytes_max)) {
        return false;
    }
    l->bytes += e->size;
    l->count++;
    return true;
}

/* Entries from sender.next on, in as many frames as they need; a large one ends it. */
static void put_frames(struct peer *peer, struct entry *const *entries, uint32_t count)
{
    uint32_t done = 0;

    while (done < count && peer->sender.large == NULL) {
        struct load load = {.bytes_max = frame_bytes_max(peer)};

        while (done + load.count < count && load_takes(&load, entries[done + load.count])) {
        }
        put_frame(peer, &entries[done], load.count);
        done += load.count;
    }
}

/* The next frame from the entries in memory; false: the first of them is not there. */
static bool put_from_memory(struct peer *peer)
{
    const struct sender *s = &peer->sender;
    struct entry *entries[SENDER_FRAME_ENTRIES];
    struct load load = {.bytes_max = frame_bytes_max(peer)};

    while (s->next + load.count <= s->last) {
        struct entry *e = log_window_get(peer->peers->source.window, s->next + load.count);

        if (e == NULL || !load_takes(&load, e)) {
            break;
        }
        entries[load.count - 1] = e;
    }
    if (load.count > 0) {
        put_frame(peer, entries, load.count);
    }
    return load.count > 0;
}

static void read_done(struct store_read *read, int error, struct entry **entries, uint32_t count)
{
    struct peer *peer = container_of(read, struct peer, sender.read);
    struct sender *s = &peer->sender;
    const struct raft *raft = peer->peers->source.raft;
    uint32_t good = 0;

    s->is_reading = false;
    if (error == 0 && !peer->is_leaving && bulk_of(peer)->phase == DIAL_UP && is_current(peer) &&
        s->read_first == s->next && s->next <= s->last) {
        while (good < count && s->next + good <= s->last &&
               entries[good]->term == raft_term_at(raft, s->next + good)) {
            good++;
        }
        if (good > 0) {
            put_frames(peer, entries, good);
        } else {
            sender_reset(peer); /* Replaced meanwhile: the core will ask again. */
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        entry_release(entries[i]);
    }
    if (error != 0) {
        log_write(peer->peers->log, LOG_ERROR, "could not read log for a peer",
                  "peer=%016llx error=%d", (unsigned long long)peer->id, error);
        sender_reset(peer);
    }
    sender_pump(peer);
    peer_free_if_unused(peer);
}

static void read_from_disk(struct peer *peer)
{
    struct sender *s = &peer->sender;
    raft_index in_memory = peer->peers->source.window->first;

    s->is_reading = true;
    s->read_first = s->next;
    s->read = (struct store_read){
        .first = s->next,
        .last = s->last < in_memory ? s->last : in_memory - 1,
        .max_bytes = SENDER_READ_BYTES,
        .done = read_done,
    };
    store_read(peer->peers->source.store, &s->read);
}

/* Pieces fill no more than the buffers that a connection keeps. */
static bool has_room(struct peer *peer)
{
    uint64_t max_bytes = peer->sender.large != NULL ? SENDER_PIECES_BYTES : SENDER_BACKLOG_BYTES;

    return link_backlog_bytes(&bulk_of(peer)->link) < max_bytes;
}

bool sender_goes_on(struct peer *peer)
{
    const struct sender *s = &peer->sender;

    return s->next <= s->last && !s->is_reading && has_room(peer);
}

void sender_pump(struct peer *peer)
{
    struct sender *s = &peer->sender;

    if (s->next > s->last || s->is_reading || peer->is_leaving) {
        return;
    }
    if (bulk_of(peer)->phase != DIAL_UP || !is_current(peer)) {
        sender_reset(peer);
        return;
    }
    while (s->next <= s->last && has_room(peer)) {
        if (s->large != NULL) {
            put_piece(peer);
        } else if (!put_from_memory(peer)) {
            read_from_disk(peer);
            return;
        }
    }
}

void sender_ask(struct peer *peer, const struct raft_message *m)
{
    struct sender *s = &peer->sender;
    raft_index prev = m->append_entries.prev_log_index;
    raft_index last = prev + m->append_entries.entry_count;

    CHECK(m->kind == RAFT_APPEND_ENTRIES);
    if (bulk_of(peer)->phase != DIAL_UP || !may_send(peer, m->term, prev + 1, last)) {
        sender_reset(peer);
        return;
    }

    bool is_next = s->last == prev && s->header.term == m->term && s->next > 0;

    s->header = *m;
    s->header.append_entries.entries = NULL;
    if (last == prev && is_next &&
        (s->next <= s->last || link_backlog_bytes(&bulk_of(peer)->link) > 0)) {
        return; /* What it asks about has not left yet. */
    }
    if (last == prev) {
        s->next = prev + 1;
        s->last = prev;
        put_frame(peer, NULL, 0);
        return;
    }
    if (!is_next || s->next > s->last) {
        drop_large(s);
        s->next = prev + 1;
    }
    s->last = last;
    sender_pump(peer);
}
