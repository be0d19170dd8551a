/* follower.c - see follower.h. */
#include "sim/cluster/follower.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/list.h"
#include "sim/checks/reply_reader.h"

#define STREAM "rakit:changes:"

enum { COUNT_MAX = 30, BLOCK_MS_MAX = 800, PAUSE_MS_MAX = 8000 };

/* --- asking ------------------------------------------------------------------------------ */

static void select_database(struct follower *f)
{
    char number[16];

    snprintf(number, sizeof number, "%u", f->changes.database);
    line_send(&f->line, (const struct slice[]){slice_str("SELECT"), slice_str(number)}, 2);
    f->state = FOLLOWER_SELECTING;
}

static void read_changes(struct follower *f)
{
    char count[16];
    char block[16];
    char stream[64];
    char id[48];

    snprintf(count, sizeof count, "%" PRIu64, prng_between(&f->line.prng, 1, COUNT_MAX));
    snprintf(block, sizeof block, "%" PRIu64, prng_between(&f->line.prng, 1, BLOCK_MS_MAX));
    snprintf(stream, sizeof stream, STREAM "%s", f->changes.prefix);
    snprintf(id, sizeof id, "%" PRIu64 "-%" PRIu64, f->changes.index, f->changes.order);
    line_send(&f->line,
              (const struct slice[]){slice_str("XREAD"), slice_str("COUNT"), slice_str(count),
                                     slice_str("BLOCK"), slice_str(block), slice_str("STREAMS"),
                                     slice_str(stream), slice_str(id)},
              8);
    f->state = FOLLOWER_READING;
}

static void scan_keys(struct follower *f)
{
    line_send(
        &f->line,
        (const struct slice[]){slice_str("RAFT"), slice_str("SCAN"), slice_str(f->changes.prefix)},
        3);
    f->state = FOLLOWER_SCANNING;
}

static void follower_round(struct line *line)
{
    struct follower *f = container_of(line, struct follower, line);

    if (line_is_waiting(line)) {
        return;
    }
    if (prng_chance(&line->prng, 1, 8)) {
        line_leave(line);
        if (prng_chance(&line->prng, 1, 3) && !f->is_calm) {
            /* Meanwhile nodes drop what it has not seen, or start from snapshots behind it. */
            line->closed_until_ns =
                io_now_ns(line->io) + prng_below(&line->prng, PAUSE_MS_MAX * SIM_MS);
        }
    } else if (f->must_scan) {
        scan_keys(f);
    } else {
        read_changes(f);
    }
}

/* --- understanding ------------------------------------------------------------------------- */

static bool take_id(struct slice *rest, uint64_t *ret_index, uint64_t *ret_order)
{
    struct slice id = {0};
    char copy[64];

    if (!reply_take_string(rest, &id) || id.size >= sizeof copy) {
        return false;
    }
    snprintf(copy, sizeof copy, "%.*s", (int)id.size, id.data);
    return sscanf(copy, "%" SCNu64 "-%" SCNu64, ret_index, ret_order) == 2;
}

/* An id, then names with what they stand for. */
static bool take_change(struct slice *rest, struct change *ret_change)
{
    int64_t count = 0;

    *ret_change = (struct change){.index = 0};
    if (!reply_take_head(rest, '*', &count) || count != 2 ||
        !take_id(rest, &ret_change->index, &ret_change->order) ||
        !reply_take_head(rest, '*', &count)) {
        return false;
    }
    for (; count > 0; count -= 2) {
        struct slice name;
        struct slice text;

        if (!reply_take_string(rest, &name) || !reply_take_string(rest, &text)) {
            return false;
        }
        if (slice_is(name, "key")) {
            ret_change->key = text;
        } else if (slice_is(name, "event")) {
            ret_change->event = text;
        } else if (slice_is(name, "value")) {
            ret_change->value = text;
            ret_change->has_value = true;
        } else if (slice_is(name, "type")) {
            ret_change->type = text;
        }
    }
    return true;
}

/* The one stream, with its changes. */
static bool take_stream(struct slice *rest, int64_t *ret_count)
{
    struct slice stream;
    int64_t one = 0;
    int64_t two = 0;

    return reply_take_head(rest, '*', &one) && one == 1 && reply_take_head(rest, '*', &two) &&
           two == 2 && reply_take_string(rest, &stream) && reply_take_head(rest, '*', ret_count);
}

static void misunderstand(struct follower *f, struct slice reply)
{
    verdict_broken(f->verdict, "reply", "a reader of changes was answered \"%.*s\"",
                   (int)reply.size, reply.data);
}

static void take_changes(struct follower *f, struct slice reply)
{
    struct slice rest = reply;
    struct change change;
    int64_t count = 0;

    if (slice_equal(reply, slice_str("*-1\r\n"))) {
        return;
    }
    if (!take_stream(&rest, &count) || count < 1) {
        misunderstand(f, reply);
        return;
    }
    if (f->last_node[0] != '\0' && strcmp(f->last_node, f->line.node) != 0) {
        witness_note_moved_reader(f->changes.witness);
    }
    snprintf(f->last_node, sizeof f->last_node, "%s", f->line.node);
    for (; count > 0; count--) {
        if (!take_change(&rest, &change)) {
            misunderstand(f, reply);
            return;
        }
        changes_saw(&f->changes, &change);
    }
}

/* A node that is behind what it has seen already is no help. */
static void take_keys(struct follower *f, struct slice reply)
{
    struct slice rest = reply;
    int64_t two = 0;
    int64_t count = 0;
    uint64_t index = 0;
    uint64_t order = 0;

    if (!reply_take_head(&rest, '*', &two) || two != 2 || !take_id(&rest, &index, &order) ||
        !reply_take_head(&rest, '*', &count)) {
        misunderstand(f, reply);
    } else if (index < f->changes.index) {
        line_leave(&f->line);
    } else {
        changes_scanned(&f->changes, index, (uint64_t)count / 2, rest);
        f->must_scan = false;
    }
}

static void take_error(struct follower *f, struct slice reply)
{
    uint64_t index = 0;
    uint64_t order = 0;
    char text[64]; /* Of its beginning, as a string. */

    snprintf(text, sizeof text, "%.*s", (int)reply.size, reply.data);
    if (f->state == FOLLOWER_READING &&
        sscanf(text, "-COMPACTED changes up to %" SCNu64 "-%" SCNu64, &index, &order) == 2) {
        changes_compacted(&f->changes, index, order);
        f->must_scan = true;
    } else {
        line_leave(&f->line);
    }
}

static void follower_replied(struct line *line, struct slice reply)
{
    struct follower *f = container_of(line, struct follower, line);

    if (sim_is_tracing(line->sim)) {
        sim_trace(line->sim, sim_machine_name(line->machine),
                  "at %" PRIu64 "-%" PRIu64 " has: %.*s", f->changes.index, f->changes.order,
                  (int)(reply.size < 200 ? reply.size : 200), reply.data);
    }
    if (reply.data[0] == '-') {
        take_error(f, reply);
    } else if (f->state == FOLLOWER_READING) {
        take_changes(f, reply);
    } else if (f->state == FOLLOWER_SCANNING) {
        take_keys(f, reply);
    }
    f->state = FOLLOWER_IDLE;
}

static void follower_opened(struct line *line)
{
    struct follower *f = container_of(line, struct follower, line);

    if (f->changes.database != 0) {
        select_database(f);
    }
}

static void follower_lost(struct line *line)
{
    container_of(line, struct follower, line)->state = FOLLOWER_IDLE;
}

/* --- life -------------------------------------------------------------------------------- */

void follower_init(struct follower *f, struct sim *sim, const char *name, struct witness *witness,
                   struct verdict *verdict)
{
    *f = (struct follower){.changes = {.witness = witness}, .verdict = verdict};
    line_init(&f->line, sim, name);
    f->line.opened = follower_opened;
    f->line.round = follower_round;
    f->line.replied = follower_replied;
    f->line.lost = follower_lost;
}

void follower_deinit(struct follower *f)
{
    line_deinit(&f->line);
    changes_deinit(&f->changes);
}

void follower_start(struct follower *f)
{
    line_start(&f->line);
}

void follower_calm(struct follower *f)
{
    f->is_calm = true;
    f->line.closed_until_ns = 0;
}

void follower_rest(struct follower *f)
{
    f->line.is_needed = false;
    line_leave(&f->line);
}
