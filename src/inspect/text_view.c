#include "inspect/text_view.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/list.h"
#include "cluster/level.h"
#include "command/describe.h"
#include "inspect/arguments.h"
#include "inspect/words.h"

enum {
    ARGUMENTS_SHOWN = 16,
    ARGUMENT_BYTES_SHOWN = 64,
    TIME_DIGITS = 3,
    LABEL_COLUMNS = 12,
};

static void begin(const struct text_view *v, enum colour colour)
{
    buffer_printf(&v->out->text, "%s", style_on(v->style, colour));
}

static void end_line(const struct text_view *v, enum colour colour)
{
    buffer_printf(&v->out->text, "%s\n", style_off(v->style, colour));
    output_spill(v->out);
}

/* --- segments and batches ------------------------------------------------------------------- */

static void show_segment(struct view *view, const struct recovery_segment *segment)
{
    struct text_view *v = container_of(view, struct text_view, view);
    char name[NAME_BYTES_MAX];

    if (v->is_full) {
        return;
    }
    segment_name(name, segment->head.number);
    buffer_printf(&v->out->text, "\n");
    begin(v, BOLD);
    buffer_printf(&v->out->text, "segment %" PRIu64 "  %s, ", segment->head.number, name);
    words_bytes(&v->out->text, segment->head.bytes);
    end_line(v, BOLD);
}

static const char *batch_fault(enum batch_state state)
{
    switch (state) {
    case BATCH_GOOD:
        break;
    case BATCH_DAMAGED:
        return ": DAMAGED";
    case BATCH_SENSELESS:
        return ": it drops what is committed, or leaves a GAP";
    case BATCH_CUT_OFF:
        return ": CUT OFF, the log ends before it";
    }
    return "";
}

static void show_batch(struct view *view, const struct walk_batch *batch)
{
    struct text_view *v = container_of(view, struct text_view, view);
    struct buffer *out = &v->out->text;
    const struct batch_head *head = &batch->head;
    enum colour colour = batch->state == BATCH_GOOD ? DIM : RED;

    if (v->is_full) {
        return;
    }
    begin(v, colour);
    buffer_printf(out, "batch %" PRIu64 "  byte %" PRIu64 ", ", head->number, batch->offset);
    words_bytes(out, head->batch_bytes);
    buffer_printf(out, ", job %" PRIu64 ", commit %" PRIu64, head->job, head->commit_index);
    if (head->truncate_from != 0) {
        buffer_printf(out, ", drops entries from %" PRIu64 " on", head->truncate_from);
    }
    buffer_printf(out, "%s", batch_fault(batch->state));
    end_line(v, colour);
}

/* --- what an entry says --------------------------------------------------------------------- */

static void put_level(struct buffer *out, struct slice payload)
{
    uint32_t level = 0;

    if (level_decode(payload, &level)) {
        buffer_printf(out, "the feature level becomes %u", (unsigned)level);
    } else {
        buffer_printf(out, "(unreadable)");
    }
}

static void put_unknown(struct buffer *out, uint8_t kind)
{
    buffer_printf(out, "kind %u, %s", (unsigned)kind,
                  kind >= RAFT_MAY_BE_SKIPPED ? "which does nothing in this version"
                                              : "which this program does not know");
}

static void put_content(struct buffer *out, const struct walk_entry *e)
{
    switch ((enum raft_entry_kind)e->id.kind) {
    case RAFT_NOOP:
        buffer_printf(out, "the first entry of a leader");
        break;
    case RAFT_COMMAND:
    case RAFT_EXPIRED:
        command_describe(out, e->payload, ARGUMENTS_SHOWN, ARGUMENT_BYTES_SHOWN);
        break;
    case RAFT_CONFIGURATION:
        if (e->members == NULL) {
            buffer_printf(out, "(unreadable)");
        } else {
            words_change(out, e->members_before, e->members);
        }
        break;
    case RAFT_LEVEL:
        put_level(out, e->payload);
        break;
    default:
        put_unknown(out, e->id.kind);
    }
}

static const char *state_words(const struct text_view *v, const struct walk_entry *e)
{
    switch (e->state) {
    case ENTRY_DROPPED:
        return "dropped later";
    case ENTRY_PAST:
        return "at or below the origin";
    case ENTRY_DAMAGED:
        return "DAMAGED";
    case ENTRY_CUT_OFF:
        return "cut off: its record is good, and the log ends before it";
    case ENTRY_LIVE:
        break;
    }
    return e->id.index > v->commit_index ? "commit not known" : NULL;
}

static enum colour entry_colour(const struct walk_entry *e)
{
    switch (e->state) {
    case ENTRY_DAMAGED:
    case ENTRY_CUT_OFF:
        return RED;
    case ENTRY_DROPPED:
    case ENTRY_PAST:
        return DIM;
    case ENTRY_LIVE:
        break;
    }
    return e->id.kind == RAFT_CONFIGURATION || e->id.kind == RAFT_LEVEL ? CYAN
           : e->id.kind == RAFT_NOOP || e->id.kind == RAFT_EXPIRED      ? DIM
                                                                        : PLAIN;
}

/* --- one line ------------------------------------------------------------------------------- */

/* Appends content, as much as fits on the terminal. It is printable ASCII. */
static void append_cut(const struct text_view *v, struct slice text, size_t columns_taken)
{
    size_t columns = v->style->columns;
    size_t room = columns > columns_taken + 4 ? columns - columns_taken : 4;

    if (columns == 0 || text.size <= room) {
        buffer_append_slice(&v->out->text, text);
    } else {
        buffer_append(&v->out->text, text.data, room - 3);
        buffer_printf(&v->out->text, "...");
    }
}

static const char *short_kind(uint8_t kind)
{
    return kind == RAFT_CONFIGURATION ? "members"
                                      : raft_entry_kind_name((enum raft_entry_kind)kind);
}

/* A founder's first entry has no real time. */
static void put_short_time(struct buffer *out, uint64_t time_us)
{
    if (time_us <= 1) {
        buffer_printf(out, "%-23s", "-");
    } else {
        words_local_time(out, time_us, TIME_DIGITS);
    }
}

static void show_line(struct text_view *v, const struct walk_entry *e)
{
    struct buffer *out = &v->out->text;
    struct buffer content = {0};
    const char *words =
        e->state == ENTRY_CUT_OFF ? NULL : state_words(v, e); /* Its batch says it. */
    size_t start;

    begin(v, entry_colour(e));
    start = buffer_size(out);
    buffer_printf(out, "%9" PRIu64 " %4" PRIu64 " ", e->id.index, e->id.term);
    put_short_time(out, e->id.time_us);
    buffer_printf(out, " %-7s ", short_kind(e->id.kind));
    if (e->state == ENTRY_DAMAGED) {
        buffer_printf(&content, "DAMAGED: the record of %u bytes is bad", (unsigned)e->id.size);
    } else {
        buffer_printf(&content, "%s%s%s", words == NULL ? "" : "(", words == NULL ? "" : words,
                      words == NULL ? "" : ") ");
        put_content(&content, e);
    }
    append_cut(v, buffer_slice(&content), buffer_size(out) - start);
    end_line(v, entry_colour(e));
    buffer_deinit(&content);
}

/* --- all of it ------------------------------------------------------------------------------ */

static void label(const struct text_view *v, const char *text)
{
    buffer_printf(&v->out->text, "  %s%-*s%s", style_on(v->style, BOLD), LABEL_COLUMNS, text,
                  style_off(v->style, BOLD));
}

static void put_arguments(const struct text_view *v, struct slice payload)
{
    struct buffer *out = &v->out->text;
    struct command_head head;
    struct slice *arguments = arguments_read(payload, &head);

    if (arguments == NULL) {
        label(v, "command");
        buffer_printf(out, "(unreadable)\n");
        return;
    }
    label(v, "database");
    buffer_printf(out, "%u\n", (unsigned)head.database);
    if (head.once.client.size > 0) {
        label(v, "once");
        command_describe_argument(out, head.once.client, SIZE_MAX);
        buffer_printf(out, " %" PRIu64 "\n", head.once.number);
    }
    for (uint32_t i = 0; i < head.argument_count; i++) {
        char name[24] = "command";

        if (i > 0) {
            snprintf(name, sizeof name, "argument %u", (unsigned)i);
        }
        label(v, name);
        command_describe_argument(out, arguments[i], SIZE_MAX);
        buffer_printf(out, "\n");
        output_spill(v->out);
    }
    free(arguments);
}

static void put_members(const struct text_view *v, const struct walk_entry *e)
{
    struct buffer *out = &v->out->text;

    label(v, "change");
    put_content(out, e);
    buffer_printf(out, "\n");
    for (uint32_t i = 0; e->members != NULL && i < e->members->configuration.member_count; i++) {
        const struct member_address *a = &e->members->addresses[i];

        label(v, i == 0 ? "members" : "");
        words_id(out, a->id);
        buffer_printf(out, "  ");
        words_address(out, a);
        buffer_printf(out, ", peer port %u, %s%s%s\n", (unsigned)a->peer_port,
                      words_part(e->members, i), a->name[0] == 0 ? "" : ", named ", a->name);
    }
}

static void put_place(const struct text_view *v, const struct walk_entry *e)
{
    struct buffer *out = &v->out->text;
    char name[NAME_BYTES_MAX];

    segment_name(name, e->batch->segment);
    label(v, "stands in");
    buffer_printf(out, "%s, byte %" PRIu64 ", batch %" PRIu64 ", job %" PRIu64 "\n", name,
                  e->batch->offset + e->id.offset, e->batch->head.number, e->batch->head.job);
    label(v, "payload");
    buffer_printf(out, "%u bytes, checksum %016" PRIx64 ", %s\n", (unsigned)e->id.size,
                  e->id.checksum, e->payload.data == NULL ? "BAD" : "good");
}

static void show_fully(struct text_view *v, const struct walk_entry *e)
{
    struct buffer *out = &v->out->text;
    const char *words = state_words(v, e);

    buffer_printf(out, "\n");
    begin(v, entry_colour(e));
    buffer_printf(out, "entry %" PRIu64 " of term %" PRIu64 ": %s", e->id.index, e->id.term,
                  raft_entry_kind_name((enum raft_entry_kind)e->id.kind));
    end_line(v, entry_colour(e));
    label(v, "state");
    buffer_printf(out, "%s\n", words == NULL ? "committed" : words);
    label(v, "log time");
    words_local_time(out, e->id.time_us, 6);
    buffer_printf(out, " (");
    words_utc_time(out, e->id.time_us);
    buffer_printf(out, ")\n");
    put_place(v, e);
    if (e->payload.data == NULL) {
        return;
    }
    if (e->id.kind == RAFT_COMMAND) {
        put_arguments(v, e->payload);
    } else if (e->id.kind == RAFT_CONFIGURATION) {
        put_members(v, e);
    } else {
        label(v, "meaning");
        put_content(out, e);
        buffer_printf(out, "\n");
    }
}

static void show_entry(struct view *view, const struct walk_entry *e)
{
    struct text_view *v = container_of(view, struct text_view, view);

    if (v->is_full) {
        show_fully(v, e);
    } else {
        show_line(v, e);
    }
}

/* --- behind the end ------------------------------------------------------------------------- */

static void show_rest(struct view *view, const struct walk_rest *rest)
{
    struct text_view *v = container_of(view, struct text_view, view);
    struct buffer *out = &v->out->text;

    begin(v, YELLOW);
    buffer_printf(out, "behind the end  segment %" PRIu64 ", byte %" PRIu64 ", ", rest->segment,
                  rest->offset);
    words_bytes(out, rest->bytes);
    if (!rest->has_head) {
        buffer_printf(out, ": nothing that can be read");
    } else {
        buffer_printf(out,
                      ": %s batch %" PRIu64 " (job %" PRIu64 ", %u entries from %" PRIu64 ")%s",
                      rest->is_astray ? "astray," : "the head of", rest->head.number,
                      rest->head.job, (unsigned)rest->head.entry_count, rest->head.first_index,
                      rest->is_astray ? ", which belongs elsewhere" : "");
    }
    end_line(v, YELLOW);
}

void text_view_init(struct text_view *v, struct output *out, const struct style *style,
                    uint64_t commit_index, bool is_full)
{
    *v = (struct text_view){
        .view = {.segment = show_segment,
                 .batch = show_batch,
                 .entry = show_entry,
                 .rest = show_rest},
        .out = out,
        .style = style,
        .commit_index = commit_index,
        .is_full = is_full,
    };
}
