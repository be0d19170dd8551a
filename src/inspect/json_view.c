#include "inspect/json_view.h"

#include <stdlib.h>

#include "base/list.h"
#include "cluster/level.h"
#include "command/describe.h"
#include "inspect/arguments.h"
#include "inspect/json.h"
#include "inspect/words.h"

static struct json begin_line(struct output *out, const char *type)
{
    struct json j = {.out = &out->text};

    json_begin(&j, NULL);
    json_text(&j, "type", type);
    return j;
}

static void end_line(struct output *out, struct json *j)
{
    json_end_line(j);
    output_spill(out);
}

/* --- above the log -------------------------------------------------------------------------- */

static void show_directory(struct output *out, const struct inspect_options *options,
                           const struct survey *s)
{
    struct json j = begin_line(out, "directory");

    json_text(&j, "path", options->dir);
    json_number(&j, "format", FORMAT_VERSION);
    json_id(&j, "cluster", s->identity.cluster_id);
    json_id(&j, "epoch", s->identity.epoch);
    json_id(&j, "node", s->identity.node_id);
    json_bool(&j, "is_joining", s->identity.is_joining);
    json_bool(&j, "is_in_use", options->is_in_use);
    end_line(out, &j);
}

static void show_vote(struct output *out, const struct survey *s, int i)
{
    const struct vote_files *files = &s->store->vote_files;
    const struct vote *vote = &files->votes[i];
    struct json j = begin_line(out, "vote");

    json_text(&j, "file", vote_name(i));
    json_text(&j, "state", words_file_state(files->found[i]));
    if (files->found[i] == FILE_GOOD) {
        json_number(&j, "generation", vote->generation);
        json_number(&j, "term", vote->current_term);
        json_id(&j, "voted_for", vote->voted_for);
        json_number(&j, "synced_batch", vote->synced_batch);
        json_number(&j, "last_segment", vote->last_segment);
    }
    end_line(out, &j);
}

static void show_origin(struct output *out, const struct recovery_facts *f)
{
    struct json j = begin_line(out, "origin");

    json_text(&j, "state", words_file_state(f->origin_state));
    json_number(&j, "index", f->origin.entry.index);
    json_number(&j, "term", f->origin.entry.term);
    json_number(&j, "time_us", f->origin.entry.time_us);
    json_number(&j, "first_segment", f->origin.first_segment);
    end_line(out, &j);
}

static void show_log(struct output *out, const struct survey *s)
{
    const struct recovery_facts *f = &s->recovery.facts;
    struct json j = begin_line(out, "log");

    json_number(&j, "first_index", f->origin.entry.index + 1);
    json_number(&j, "last_index", f->last_index);
    if (s->last.index != 0) {
        json_number(&j, "newest_term", s->last.term);
        json_number(&j, "newest_index", s->last.index);
        json_number(&j, "newest_time_us", s->last.time_us);
    }
    json_number(&j, "commit_index", f->commit_index);
    json_number(&j, "last_batch", f->end.batch);
    json_number(&j, "segments", f->segment_count);
    json_number(&j, "end_segment", f->end_segment);
    json_number(&j, "end_offset", f->end_offset);
    json_number(&j, "torn_bytes", f->torn_bytes);
    if (f->gap != 0) {
        json_number(&j, "missing_segment", f->gap);
    }
    if (f->bad_segment != 0) {
        json_number(&j, "bad_segment", f->bad_segment);
        json_text(&j, "bad_segment_state", words_file_state(f->bad_state));
    }
    end_line(out, &j);
}

static void put_sections(struct json *j, const struct snapshot_file *file)
{
    json_begin_array(j, "sections");
    for (uint32_t i = 0; i < file->section_count; i++) {
        const struct snapshot_section *section = &file->sections[i];

        json_begin(j, NULL);
        json_text(j, "name", section->name);
        json_bool(j, "is_optional", section->is_optional);
        json_number(j, "chunks", section->chunks);
        json_number(j, "bytes", section->bytes);
        json_end(j);
    }
    json_end_array(j);
}

static void show_snapshot(struct output *out, const struct snapshot_file *file)
{
    struct json j = begin_line(out, "snapshot");

    json_text(&j, "file", file->name);
    json_bool(&j, "is_being_received", file->is_part);
    json_text(&j, "state", words_file_state(file->state));
    json_number(&j, "index", file->snapshot.index);
    json_number(&j, "file_bytes", file->file_bytes);
    json_number(&j, "good_bytes", file->good_bytes);
    if (file->has_head) {
        json_number(&j, "term", file->snapshot.term);
        json_number(&j, "time_us", file->snapshot.time_us);
        json_id(&j, "made_by", file->made_by);
        json_number(&j, "bytes", file->snapshot.bytes);
        json_id(&j, "checksum", file->snapshot.checksum);
        put_sections(&j, file);
    }
    end_line(out, &j);
}

static const char *verdict_name(enum finding_verdict verdict)
{
    static const char *const names[] = {[FINDING_GOOD] = "good",
                                        [FINDING_MENDED] = "mended",
                                        [FINDING_REPAIRED] = "repaired",
                                        [FINDING_REFUSED] = "refused"};

    return names[verdict];
}

static void show_verdict(struct output *out, const struct findings *findings)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->list[i];
        struct json j = begin_line(out, "finding");

        json_text(&j, "subject", f->subject);
        json_text(&j, "verdict", verdict_name(f->verdict));
        if (f->id != NULL) {
            json_text(&j, "case", f->id);
        }
        json_text(&j, "text", f->text);
        if (f->advice != NULL) {
            json_text(&j, "advice", f->advice);
        }
        end_line(out, &j);
    }

    struct json j = begin_line(out, "verdict");

    json_text(&j, "verdict", verdict_name(findings_verdict(findings)));
    end_line(out, &j);
}

void json_show_head(struct output *out, const struct inspect_options *options,
                    const struct survey *s, const struct snapshot_files *snapshots,
                    const struct findings *findings)
{
    show_directory(out, options, s);
    if (s->is_member) {
        show_vote(out, s, 0);
        show_vote(out, s, 1);
        show_origin(out, &s->recovery.facts);
        show_log(out, s);
    }
    for (size_t i = 0; i < snapshots->count; i++) {
        show_snapshot(out, &snapshots->list[i]);
    }
    show_verdict(out, findings);
}

/* --- the log -------------------------------------------------------------------------------- */

static void show_segment(struct view *view, const struct recovery_segment *segment)
{
    struct json_view *v = container_of(view, struct json_view, view);
    struct json j = begin_line(v->out, "segment");
    char name[NAME_BYTES_MAX];

    segment_name(name, segment->head.number);
    json_number(&j, "number", segment->head.number);
    json_text(&j, "file", name);
    json_number(&j, "bytes", segment->head.bytes);
    end_line(v->out, &j);
}

static void put_batch_head(struct json *j, const struct batch_head *head)
{
    json_number(j, "number", head->number);
    json_number(j, "bytes", head->batch_bytes);
    json_number(j, "job", head->job);
    json_number(j, "synced_batch", head->synced_batch);
    json_number(j, "vote_generation", head->vote_generation);
    json_number(j, "commit_index", head->commit_index);
    if (head->truncate_from != 0) {
        json_number(j, "truncate_from", head->truncate_from);
    }
    json_number(j, "first_index", head->first_index);
    json_number(j, "entries", head->entry_count);
}

static void show_batch(struct view *view, const struct walk_batch *batch)
{
    struct json_view *v = container_of(view, struct json_view, view);
    struct json j = begin_line(v->out, "batch");

    put_batch_head(&j, &batch->head);
    json_number(&j, "segment", batch->segment);
    json_number(&j, "offset", batch->offset);
    json_text(&j, "state", batch_state_name(batch->state));
    end_line(v->out, &j);
}

static void put_command(struct json *j, struct slice payload)
{
    struct command_head head;
    struct slice *arguments = arguments_read(payload, &head);

    if (arguments == NULL) {
        json_bytes(j, "unreadable", payload);
        return;
    }
    json_number(j, "database", head.database);
    if (head.once.client.size > 0) {
        json_bytes(j, "once_client", head.once.client);
        json_number(j, "once_number", head.once.number);
    }
    json_begin_array(j, "arguments");
    for (uint32_t i = 0; i < head.argument_count; i++) {
        json_bytes(j, NULL, command_shown_argument(arguments, i));
    }
    json_end_array(j);
    free(arguments);
}

static void put_members(struct json *j, const struct walk_entry *e)
{
    struct buffer change = {0};

    json_begin_array(j, "members");
    for (uint32_t i = 0; i < e->members->configuration.member_count; i++) {
        const struct member_address *a = &e->members->addresses[i];

        json_begin(j, NULL);
        json_id(j, "id", a->id);
        json_text(j, "host", a->client.host);
        json_number(j, "port", a->client.port);
        json_number(j, "peer_port", a->peer_port);
        json_text(j, "part", words_part(e->members, i));
        json_text(j, "name", a->name);
        json_number(j, "priority", member_priority(&e->members->configuration.members[i]));
        json_end(j);
    }
    json_end_array(j);
    words_change(&change, e->members_before, e->members);
    json_bytes(j, "change", buffer_slice(&change));
    buffer_deinit(&change);
}

static void put_content(struct json *j, const struct walk_entry *e)
{
    uint32_t level = 0;

    if (e->id.kind == RAFT_COMMAND || e->id.kind == RAFT_EXPIRED) {
        put_command(j, e->payload);
    } else if (e->members != NULL) {
        put_members(j, e);
    } else if (e->id.kind == RAFT_LEVEL && level_decode(e->payload, &level)) {
        json_number(j, "level", level);
    } else if (e->id.kind != RAFT_NOOP) {
        json_bytes(j, "unreadable", e->payload);
    }
}

static void show_entry(struct view *view, const struct walk_entry *e)
{
    struct json_view *v = container_of(view, struct json_view, view);
    struct json j = begin_line(v->out, "entry");
    struct buffer time = {0};

    words_utc_time(&time, e->id.time_us);
    json_number(&j, "index", e->id.index);
    json_number(&j, "term", e->id.term);
    json_bytes(&j, "time", buffer_slice(&time));
    json_number(&j, "time_us", e->id.time_us);
    json_text(&j, "kind", raft_entry_kind_name((enum raft_entry_kind)e->id.kind));
    json_number(&j, "kind_number", e->id.kind);
    json_number(&j, "bytes", e->id.size);
    json_number(&j, "segment", e->batch->segment);
    json_number(&j, "batch", e->batch->head.number);
    json_number(&j, "offset", e->batch->offset + e->id.offset);
    json_text(&j, "state", entry_state_name(e->state));
    json_bool(&j, "is_committed",
              e->state == ENTRY_PAST || (e->state == ENTRY_LIVE && e->id.index <= v->commit_index));
    if (e->payload.data != NULL) {
        put_content(&j, e);
    }
    end_line(v->out, &j);
    buffer_deinit(&time);
}

static void show_rest(struct view *view, const struct walk_rest *rest)
{
    struct json_view *v = container_of(view, struct json_view, view);
    struct json j = begin_line(v->out, "rest");

    json_number(&j, "segment", rest->segment);
    json_number(&j, "offset", rest->offset);
    json_number(&j, "bytes", rest->bytes);
    if (rest->has_head) {
        json_bool(&j, "is_astray", rest->is_astray);
        json_begin(&j, "batch");
        put_batch_head(&j, &rest->head);
        json_end(&j);
    }
    end_line(v->out, &j);
}

void json_view_init(struct json_view *v, struct output *out, uint64_t commit_index)
{
    *v = (struct json_view){
        .view = {.segment = show_segment,
                 .batch = show_batch,
                 .entry = show_entry,
                 .rest = show_rest},
        .out = out,
        .commit_index = commit_index,
    };
}
