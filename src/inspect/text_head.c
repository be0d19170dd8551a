/* text_head.c - what is shown above the log: whose directory it is, its files, the verdict. */
#include <inttypes.h>

#include "command/describe.h"
#include "inspect/text_view.h"
#include "inspect/words.h"
#include "store/epoch.h"

enum { LABEL_COLUMNS = 10, NAME_BYTES_SHOWN = 200 };

struct head {
    struct buffer *out;
    const struct style *style;
};

/* Begins a line; "" goes on with what is above. */
static void label(const struct head *h, const char *text)
{
    buffer_printf(h->out, "%s%-*s%s", style_on(h->style, BOLD), LABEL_COLUMNS, text,
                  style_off(h->style, BOLD));
}

static void wrap(const struct head *h, struct slice text)
{
    words_wrap(h->out, text, LABEL_COLUMNS, h->style->columns);
    buffer_printf(h->out, "\n");
}

/* --- files -------------------------------------------------------------------------------- */

static void show_identity(const struct head *h, const struct survey *s)
{
    label(h, "cluster");
    if (s->identity.cluster_id == 0) {
        buffer_printf(h->out, "none yet%s\n", s->identity.is_joining ? "; it is to join one" : "");
    } else {
        words_id(h->out, s->identity.cluster_id);
        if (s->identity.epoch != 0) {
            buffer_printf(h->out, ", epoch %" PRIu64 " (%016" PRIx64 ")",
                          epoch_number(s->identity.epoch), s->identity.epoch);
        }
        buffer_printf(h->out, "\n");
    }
    label(h, "node");
    words_id(h->out, s->identity.node_id);
    buffer_printf(h->out, "%s\n",
                  s->is_identity_borrowed ? "  (from another file: identity is bad)" : "");
}

static void show_vote_copy(const struct head *h, const struct survey *s, int i)
{
    const struct vote_files *files = &s->store->vote_files;
    const struct vote *vote = &files->votes[i];

    label(h, vote_name(i));
    if (files->found[i] != FILE_GOOD) {
        buffer_printf(h->out, "%s%s%s\n", style_on(h->style, RED),
                      words_file_state(files->found[i]), style_off(h->style, RED));
        return;
    }
    buffer_printf(h->out, "generation %" PRIu64 ": term %" PRIu64 ", voted for ", vote->generation,
                  vote->current_term);
    words_id(h->out, vote->voted_for);
    if (vote->voted_for != 0 && vote->voted_for == s->identity.node_id) {
        buffer_printf(h->out, " (itself)");
    }
    buffer_printf(h->out, "\n");
    label(h, "");
    buffer_printf(h->out, "durable then: batch %" PRIu64 ", segment %" PRIu64 "\n",
                  vote->synced_batch, vote->last_segment);
}

static void show_origin(const struct head *h, const struct recovery_facts *f)
{
    const struct origin *origin = &f->origin;

    label(h, "origin");
    if (f->origin_state == FILE_MISSING) {
        buffer_printf(h->out, "the log begins with the first entry ever\n");
    } else if (f->origin_state != FILE_GOOD) {
        buffer_printf(h->out, "%s%s%s\n", style_on(h->style, RED),
                      words_file_state(f->origin_state), style_off(h->style, RED));
    } else {
        buffer_printf(h->out,
                      "the log begins behind entry %" PRIu64 " of term %" PRIu64
                      ", with segment %" PRIu64 "\n",
                      origin->entry.index, origin->entry.term, origin->first_segment);
    }
}

/* Why the reading of the log stopped before its end. */
static void show_unread(const struct head *h, const struct recovery_facts *f)
{
    uint64_t number = f->gap != 0 ? f->gap : f->bad_segment;
    char name[NAME_BYTES_MAX];

    if (number == 0) {
        return;
    }
    segment_name(name, number);
    label(h, "");
    buffer_printf(h->out, "%s%s is %s: %s%s\n", style_on(h->style, RED), name,
                  f->gap != 0 ? "missing" : words_file_state(f->bad_state),
                  f->gap != 0 ? "no segment was read" : "it and all behind it were not read",
                  style_off(h->style, RED));
}

static void show_log(const struct head *h, const struct survey *s)
{
    const struct recovery_facts *f = &s->recovery.facts;
    uint64_t bytes = 0;

    for (uint64_t i = 0; i < f->segment_count; i++) {
        bytes += s->recovery.segments[i].head.bytes;
    }
    label(h, "log");
    if (f->last_index > f->origin.entry.index) {
        buffer_printf(h->out,
                      "entries %" PRIu64 " to %" PRIu64 ", committed at least up to %" PRIu64 "\n",
                      f->origin.entry.index + 1, f->last_index, f->commit_index);
    } else {
        buffer_printf(h->out, "no entries\n");
    }
    label(h, "");
    buffer_printf(h->out, "%" PRIu64 " segment%s, ", f->segment_count,
                  f->segment_count == 1 ? "" : "s");
    words_bytes(h->out, bytes);
    buffer_printf(h->out, ", batches up to %" PRIu64 "\n", f->end.batch);
    show_unread(h, f);
}

/* The order in which elections compare logs (§5.4.1), within an epoch. */
static void show_end(const struct head *h, const struct survey *s)
{
    if (s->last.index == 0) {
        return;
    }
    label(h, "newest by");
    buffer_printf(h->out, "epoch %" PRIu64 ", term %" PRIu64 ", entry %" PRIu64 "; log time ",
                  epoch_number(s->identity.epoch), s->last.term, s->last.index);
    words_local_time(h->out, s->last.time_us, 3);
    buffer_printf(h->out, "\n");
    label(h, "");
    wrap(h, slice_str("of several survivors, the newest has the highest epoch, then the highest "
                      "term, then the highest entry"));
}

static void show_sections(const struct head *h, const struct snapshot_file *file)
{
    for (uint32_t i = 0; i < file->section_count; i++) {
        const struct snapshot_section *section = &file->sections[i];

        buffer_printf(h->out, "%s", i == 0 ? "" : ", ");
        command_describe_argument(h->out, slice_str(section->name), sizeof section->name);
        buffer_printf(h->out, " ");
        words_bytes(h->out, section->bytes);
    }
    buffer_printf(h->out, "\n");
}

static void show_snapshot_state(const struct head *h, const struct snapshot_file *file)
{
    bool is_damaged = snapshot_file_is_damaged(file);

    label(h, "");
    buffer_printf(h->out, "%s", style_on(h->style, is_damaged ? RED : PLAIN));
    words_bytes(h->out, file->file_bytes);
    if (file->is_part) {
        buffer_printf(h->out, " of ");
        words_bytes(h->out, file->snapshot.bytes);
        buffer_printf(h->out, " received");
    } else if (is_damaged) {
        buffer_printf(h->out, ", %s, good up to byte %" PRIu64, words_file_state(file->state),
                      file->good_bytes);
    } else {
        buffer_printf(h->out, ", all of it good");
    }
    buffer_printf(h->out, "%s\n", style_off(h->style, is_damaged ? RED : PLAIN));
}

static void show_snapshot(const struct head *h, const struct snapshot_file *file,
                          const struct survey *s)
{
    label(h, "snapshot");
    if (!file->has_head) {
        buffer_printf(h->out, "%s\n", file->name);
        show_snapshot_state(h, file);
        return;
    }
    buffer_printf(h->out, "of entry %" PRIu64 ", term %" PRIu64 ", ", file->snapshot.index,
                  file->snapshot.term);
    words_local_time(h->out, file->snapshot.time_us, 3);
    buffer_printf(h->out, "\n");
    label(h, "");
    buffer_printf(h->out, "made by ");
    words_id(h->out, file->made_by);
    buffer_printf(h->out, "%s\n", file->made_by == s->identity.node_id ? " (itself)" : "");
    show_snapshot_state(h, file);
    if (file->section_count > 0) {
        label(h, "");
        show_sections(h, file);
    }
}

static void show_leftovers(const struct head *h, const struct survey *s)
{
    for (size_t i = 0; i < s->directory.leftover_count; i++) {
        label(h, i == 0 ? "leftovers" : "");
        command_describe_argument(h->out, slice_str(s->directory.leftovers[i]), NAME_BYTES_SHOWN);
        buffer_printf(h->out, ": worthless, the next start removes it\n");
    }
    for (size_t i = 0; i < s->recovery.below_count; i++) {
        char name[NAME_BYTES_MAX];

        segment_name(name, s->recovery.below[i]);
        label(h, i == 0 && s->directory.leftover_count == 0 ? "leftovers" : "");
        buffer_printf(h->out, "%s: below the origin, the next start removes it\n", name);
    }
}

/* --- verdict ------------------------------------------------------------------------------ */

static enum colour verdict_colour(enum finding_verdict verdict)
{
    return verdict == FINDING_GOOD ? GREEN : verdict == FINDING_MENDED ? YELLOW : RED;
}

static void show_finding(const struct head *h, const struct finding *f)
{
    enum colour colour = verdict_colour(f->verdict);
    struct buffer text = {0};

    buffer_printf(&text, "%s", f->text);
    if (f->id != NULL) {
        buffer_printf(&text, " (%s)", f->id);
    }
    buffer_printf(h->out, "%s%-*s%s", style_on(h->style, colour), LABEL_COLUMNS, f->subject,
                  style_off(h->style, colour));
    wrap(h, buffer_slice(&text));
    buffer_deinit(&text);
    if (f->advice != NULL) {
        label(h, "  do");
        wrap(h, slice_str(f->advice));
    }
}

static void show_verdict(const struct head *h, const struct findings *findings)
{
    enum finding_verdict verdict = findings_verdict(findings);

    label(h, "verdict");
    buffer_printf(h->out, "%s%s%s\n", style_on(h->style, verdict_colour(verdict)),
                  finding_verdict_text(verdict), style_off(h->style, verdict_colour(verdict)));
    for (uint32_t i = 0; i < findings->count; i++) {
        show_finding(h, &findings->list[i]);
    }
}

void text_show_head(struct output *out, const struct style *style,
                    const struct inspect_options *options, const struct survey *s,
                    const struct snapshot_files *snapshots, const struct findings *findings)
{
    struct head h = {.out = &out->text, .style = style};

    label(&h, "directory");
    command_describe_argument(h.out, slice_str(options->dir), PATH_BYTES_MAX);
    buffer_printf(h.out, "\n");
    show_identity(&h, s);
    if (s->is_member) {
        show_vote_copy(&h, s, 0);
        show_vote_copy(&h, s, 1);
        show_origin(&h, &s->recovery.facts);
        show_log(&h, s);
        show_end(&h, s);
    }
    for (size_t i = 0; i < snapshots->count; i++) {
        show_snapshot(&h, &snapshots->list[i], s);
    }
    show_leftovers(&h, s);
    if (options->is_in_use) {
        label(&h, "in use");
        wrap(&h, slice_str("a node runs on this directory and may be writing: what stands at the "
                           "end of its log may be unfinished"));
    }
    buffer_printf(h.out, "\n");
    show_verdict(&h, findings);
}
