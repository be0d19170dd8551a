#include "inspect/inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "inspect/findings.h"
#include "inspect/json_view.h"
#include "inspect/text_view.h"
#include "inspect/walk.h"
#include "kv/commands.h"

enum {
    LOOKS_MAX = 20, /* How often to look at a log that is being written. */
    LOOK_PAUSE_NS = 50 * 1000 * 1000,
};

struct refusal {
    char *text;
    size_t size;
};

static void fill_commands(struct command_table *commands)
{
    for (const struct command *const *rows = kv_command_tables; *rows != NULL; rows++) {
        command_table_add(commands, *rows);
    }
}

/* Whether the log still ends where it ended before, and for the same reason. */
static bool is_same(const struct survey *a, const struct survey *b)
{
    return a != NULL && a->log_row == b->log_row && a->vote_row == b->vote_row &&
           a->snapshot_row == b->snapshot_row &&
           a->recovery.facts.end.batch == b->recovery.facts.end.batch;
}

/* While a node writes, an unfinished batch at the end of its log looks like damage. Real damage
 * stays in the same place. */
static int look(struct io *io, const struct inspect_options *options, struct survey **ret_survey)
{
    const struct timespec pause = {.tv_nsec = LOOK_PAUSE_NS};
    struct survey *before = NULL;
    int rv = survey_take(io, options->dir, NULL, ret_survey);

    for (int i = 1; i < LOOKS_MAX && rv == 0 && options->is_in_use &&
                    !survey_lets_start(*ret_survey) && !is_same(before, *ret_survey);
         i++) {
        survey_free(before);
        before = *ret_survey;
        (void)nanosleep(&pause, NULL);
        rv = survey_take(io, options->dir, NULL, ret_survey);
    }
    survey_free(before);
    return rv;
}

static bool is_data_directory(const struct survey *s)
{
    return s->directory.has_identity || s->directory.has_data;
}

static enum inspect_status refuse_entry(const struct inspect_options *options,
                                        const struct survey *s, const struct refusal *r)
{
    const struct recovery_facts *f = &s->recovery.facts;

    snprintf(r->text, r->size,
             "there is no entry %" PRIu64 " in %s: its log has the entries %" PRIu64 " to %" PRIu64,
             options->entry, options->dir, f->origin.entry.index + 1, f->last_index);
    return INSPECT_REFUSED;
}

static uint64_t show_log(struct io *io, const struct inspect_options *options,
                         const struct style *style, const struct survey *s, struct output *out)
{
    struct command_table commands = {0};
    struct walk_filter filter = {.from = options->entry != 0 ? options->entry : options->from,
                                 .to = options->entry != 0 ? options->entry : options->to,
                                 .key = options->key,
                                 .commands = &commands};
    const struct recovery_facts *f = &s->recovery.facts;
    uint64_t in_snapshot = f->snapshots.newest.index; /* The state in a snapshot is committed. */
    uint64_t commit_index = in_snapshot > f->commit_index ? in_snapshot : f->commit_index;
    struct text_view text;
    struct json_view json;

    fill_commands(&commands);
    text_view_init(&text, out, style, commit_index, options->entry != 0);
    json_view_init(&json, out, commit_index);
    return walk_log(io, options->dir, s, &filter, options->is_json ? &json.view : &text.view);
}

static enum inspect_status show(struct io *io, const struct inspect_options *options,
                                const struct style *style, const struct survey *s,
                                struct output *out, const struct refusal *r)
{
    struct snapshot_files snapshots;
    struct findings findings;
    bool is_damaged;

    snapshot_files_read(io, options->dir, &s->identity, &snapshots);
    findings_list(s, &snapshots, &findings);
    is_damaged = findings_verdict(&findings) != FINDING_GOOD;
    if (options->entry == 0 && options->is_json) {
        json_show_head(out, options, s, &snapshots, &findings);
    } else if (options->entry == 0) {
        text_show_head(out, style, options, s, &snapshots, &findings);
    }
    snapshot_files_deinit(&snapshots);
    if (!options->is_verdict_only && show_log(io, options, style, s, out) == 0 &&
        options->entry != 0) {
        return refuse_entry(options, s, r);
    }
    return is_damaged ? INSPECT_DAMAGED : INSPECT_GOOD;
}

enum inspect_status inspect(struct io *io, const struct inspect_options *options,
                            const struct style *style, struct output *out, char *text,
                            size_t text_size)
{
    struct refusal refusal = {.text = text, .size = text_size};
    enum inspect_status status = INSPECT_REFUSED;
    struct survey *s = NULL;
    int rv = look(io, options, &s);

    if (rv != 0) {
        snprintf(text, text_size, "cannot list %s: %s", options->dir, strerror(-rv));
    } else if (!is_data_directory(s)) {
        snprintf(text, text_size,
                 "%s is no data directory of Rakit: there is no identity file in it, and nothing "
                 "else of a node. Name the directory that the node was started with (--data)",
                 options->dir);
    } else {
        status = show(io, options, style, s, out, &refusal);
    }
    survey_free(s);
    return status;
}
