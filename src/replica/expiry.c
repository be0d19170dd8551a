/* expiry.c - when expired keys, and expired fields of hashes, are removed. All nodes do that at the
 * same entry, which names the keys; the leader logs it once they are due by the log time that the
 * entry will have. It also lets log time go on while nothing else is logged, so that keys expire in
 * an idle cluster.
 *
 * Other nodes look, too, to drop what they know of keys that are gone; and later, so that the
 * leader's entries come first. */
#include "kv/expiry.h"

#include "base/mutant.h"
#include "command/time_share.h"
#include "kv/codec.h"
#include "replica/state.h"

enum {
    LOOKS_A_TURN = 2000,
    KEYS_MAX = 512, /* Of an entry. */
    KEY_BYTES_MAX = 32 * 1024,
    ENTRIES_MAX = 8, /* At once; no others until they are applied. */
    FIELDS_OF_KEY_MAX = 256,
    FIELDS_MAX = 1024, /* Removed by an entry. The number is part of what an entry means. */
    LAG_MS = 10 * 1000,
};

static const uint64_t RETRY_NS = 2 * 1000 * 1000;

/* --- entries ------------------------------------------------------------------------------- */

static struct entry *encode(uint32_t database, const struct slice *arguments, uint32_t count)
{
    struct command_head head = {.database = (uint8_t)database, .argument_count = count};
    struct entry *e = entry_new(RAFT_EXPIRED, (uint32_t)command_payload_size(&head, arguments));

    command_payload_write(e->data, &head, arguments);
    return e;
}

/* An entry that names expired keys of a database; NULL: there are none. */
static struct entry *make_entry(struct replica *r, uint32_t database, uint64_t now_ms)
{
    struct slice arguments[1 + KEYS_MAX] = {slice_str("EXPIRED")};
    uint32_t count =
        keyspace_offer_due(r->keyspace, database, now_ms, arguments + 1, KEYS_MAX, KEY_BYTES_MAX);

    return count == 0 ? NULL : encode(database, arguments, 1 + count);
}

struct expiry_batch {
    struct entry *entries[ENTRIES_MAX];
    uint32_t count;
    uint64_t stored_bytes;
};

static void fill_batch(struct replica *r, struct expiry_batch *batch, uint64_t now_ms)
{
    for (uint32_t i = 0; i < KEYSPACE_ALL_DATABASES; i++) {
        struct entry *e;

        while (batch->count < ENTRIES_MAX && (e = make_entry(r, i, now_ms)) != NULL) {
            batch->entries[batch->count++] = e;
            batch->stored_bytes += store_entry_bytes(e->size);
        }
    }
}

static void propose(struct replica *r, uint64_t now_ms)
{
    struct expiry_batch batch = {.count = 0};
    bool is_proposed = false;

    fill_batch(r, &batch, now_ms);
    if (batch.count > 0 && store_has_room(r->store, STORE_FOR_RELIEF, batch.stored_bytes)) {
        struct raft_event event = {
            .kind = RAFT_PROPOSE, .now_ns = io_now_ns(r->io), .propose_count = batch.count};

        is_proposed = replica_step(r, &event, batch.entries) == RAFT_OK;
    }
    if (is_proposed) {
        r->expiry.under_way = batch.entries[batch.count - 1]->index;
        r->expiry.term = raft_current_term(r->raft);
    } else if (batch.count > 0) {
        keyspace_reopen_due(r->keyspace);
    }
    for (uint32_t i = 0; i < batch.count; i++) {
        entry_release(batch.entries[i]);
    }
}

/* --- in each turn -------------------------------------------------------------------------- */

static bool may_expire(const struct replica *r)
{
    return raft_role(r->raft) == RAFT_LEADER && raft_is_ready(r->raft) &&
           raft_takes_commands(r->raft) && !replica_window_is_full(r) &&
           !quarantine_is_on(&r->quarantine) && !MUTANT(nothing_is_removed);
}

/* What was proposed is applied, or lost. */
static void settle(struct replica *r)
{
    bool is_over =
        r->applied_index >= r->expiry.under_way || r->expiry.term != raft_current_term(r->raft);

    if (r->expiry.under_way != 0 && is_over) {
        r->expiry.under_way = 0;
        keyspace_reopen_due(r->keyspace);
    }
}

static void look_as_leader(struct replica *r)
{
    uint64_t time_us = replica_next_time_us(r);

    r->expiry.looked_index = r->applied_index;

    if (keyspace_look_due(r->keyspace, time_us / 1000, LOOKS_A_TURN)) {
        io_turn_soon(r->io);
    }
    if (r->expiry.under_way == 0) {
        propose(r, time_us / 1000);
    }
    /* There is no room in the log, or they are not due yet by a clock that is behind another's. */
    r->expiry.retry_ns = r->expiry.under_way == 0 && keyspace_next_due_ms(r->keyspace) == 0
                             ? io_now_ns(r->io) + RETRY_NS
                             : 0;
}

static void look_as_other(struct replica *r)
{
    uint64_t now_ms = keyspace_now_ms(r->keyspace);

    if (now_ms < LAG_MS) {
        return;
    }
    if (now_ms >= r->expiry.reopened_ms + LAG_MS) {
        r->expiry.reopened_ms = now_ms;
        keyspace_reopen_due(r->keyspace);
    }
    if (keyspace_look_due(r->keyspace, now_ms - LAG_MS, LOOKS_A_TURN)) {
        io_turn_soon(r->io);
    }
}

void expiry_look(struct replica *r)
{
    settle(r);
    if (!keyspace_has_expiring(r->keyspace)) {
        return;
    }
    if (may_expire(r)) {
        look_as_leader(r);
    } else {
        look_as_other(r);
    }
}

/* What was applied in this turn may be due first. */
void expiry_arm(struct replica *r)
{
    uint64_t now_ns = io_now_ns(r->io);
    uint64_t next_ms;
    uint64_t time_us;

    r->expiry.due_ns = UINT64_MAX;
    if (!keyspace_has_expiring(r->keyspace) || !may_expire(r) || r->expiry.under_way != 0) {
        return; /* Applying what is under way causes a turn. */
    }
    time_us = replica_next_time_us(r);
    next_ms = keyspace_next_due_ms(r->keyspace);
    if (next_ms == UINT64_MAX) {
        return;
    }
    if (next_ms * 1000 > time_us) {
        r->expiry.due_ns = now_ns + (next_ms * 1000 - time_us) * 1000;
    } else if (now_ns < r->expiry.retry_ns && r->applied_index == r->expiry.looked_index) {
        r->expiry.due_ns = r->expiry.retry_ns;
    } else {
        io_turn_soon(r->io);
    }
}

/* --- applying ------------------------------------------------------------------------------ */

static void fetch_items(struct replica *r, uint32_t first, uint32_t count)
{
    struct keyspace_hint hints[KEYSPACE_PREFETCH_MAX];
    uint32_t hint_count = 0;

    for (uint32_t i = first; i < count && hint_count < KEYSPACE_PREFETCH_MAX; i++) {
        hints[hint_count++] = (struct keyspace_hint){r->database, r->arguments[i]};
    }
    keyspace_prefetch(r->keyspace, hints, hint_count);
}

/* Removes the key, or fields of it; returns how many fields. */
static uint64_t remove_due(struct replica *r, struct slice key, uint64_t fields_left)
{
    uint64_t most = fields_left < FIELDS_OF_KEY_MAX ? fields_left : FIELDS_OF_KEY_MAX;

    MUTANT_DO(fields_go_at_once, most = UINT64_MAX);

    if (keyspace_remove_expired(r->keyspace, r->database, key)) {
        r->stats.expired_count++;
        return 0;
    }
    return keyspace_remove_expired_fields(r->keyspace, r->database, key, most);
}

bool expiry_apply(struct replica *r, const struct entry *e)
{
    uint64_t fields = 0;
    uint32_t count = 0;

    if (!replica_decode(r, entry_payload(e), &count) || r->database >= KEYSPACE_ALL_DATABASES) {
        return false;
    }
    for (uint32_t i = 1; i < count; i++) {
        if ((i - 1) % KEYSPACE_PREFETCH_MAX == 0) {
            fetch_items(r, i, count);
        }
        fields += remove_due(r, r->arguments[i], FIELDS_MAX - fields);
    }
    r->stats.expired_field_count += fields;
    time_share_use(&r->share,
                   COMMAND_WORK + count * ARGUMENT_WORK + keyspace_take_work(r->keyspace));
    if (e->index == r->expiry.under_way) {
        io_turn_soon(r->io); /* There may be more. */
    }
    return true;
}
