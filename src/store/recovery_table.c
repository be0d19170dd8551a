/* recovery_table.c - the conditions of the rows, the choice among them, and their sentences. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mutant.h"
#include "store/recovery.h"
#include "store/snapshot_format.h"

/* --- conditions --- */

static bool always(const struct recovery_facts *f)
{
    (void)f;
    return true;
}

static bool has_vote(const struct recovery_facts *f, enum file_state state)
{
    return f->votes->found[0] == state || f->votes->found[1] == state;
}

static bool vote_is_unopened(const struct recovery_facts *f)
{
    return has_vote(f, FILE_UNREADABLE);
}

static bool vote_has_version(const struct recovery_facts *f)
{
    return has_vote(f, FILE_VERSION);
}

static bool vote_is_foreign(const struct recovery_facts *f)
{
    return has_vote(f, FILE_FOREIGN);
}

static bool votes_are_lost(const struct recovery_facts *f)
{
    return !has_vote(f, FILE_GOOD);
}

static bool vote_copy_is_lost(const struct recovery_facts *f)
{
    return has_vote(f, FILE_DAMAGED) || has_vote(f, FILE_MISSING);
}

static bool origin_is_unreadable(const struct recovery_facts *f)
{
    return f->origin_state == FILE_UNREADABLE;
}

static bool origin_has_version(const struct recovery_facts *f)
{
    return f->origin_state == FILE_VERSION;
}

static bool origin_is_damaged(const struct recovery_facts *f)
{
    return f->origin_state == FILE_DAMAGED;
}

static bool origin_is_foreign(const struct recovery_facts *f)
{
    return f->origin_state == FILE_FOREIGN;
}

/* The number of the last segment. */
static uint64_t last_segment(const struct recovery_facts *f)
{
    return f->origin.first_segment + f->segment_count - 1;
}

static bool segment_is_between_missing(const struct recovery_facts *f)
{
    return f->gap != 0;
}

static bool segments_end_early(const struct recovery_facts *f)
{
    return last_segment(f) < f->vote->last_segment && !MUTANT(damage_taken_for_torn);
}

static bool has_bad_segment(const struct recovery_facts *f, enum file_state state)
{
    return f->bad_segment != 0 && f->bad_state == state;
}

static bool segment_has_bad_sectors(const struct recovery_facts *f)
{
    return has_bad_segment(f, FILE_UNREADABLE) && f->error == -EIO;
}

static bool segment_is_unreadable(const struct recovery_facts *f)
{
    return has_bad_segment(f, FILE_UNREADABLE);
}

static bool segment_has_version(const struct recovery_facts *f)
{
    return has_bad_segment(f, FILE_VERSION);
}

static bool segment_head_is_damaged(const struct recovery_facts *f)
{
    return has_bad_segment(f, FILE_DAMAGED);
}

static bool segment_is_foreign(const struct recovery_facts *f)
{
    return has_bad_segment(f, FILE_FOREIGN);
}

static bool segment_is_short(const struct recovery_facts *f)
{
    return has_bad_segment(f, FILE_SHORT);
}

bool recovery_drops_committed(const struct recovery_facts *f, const struct batch_head *head)
{
    uint64_t behind_index =
        f->last_index > f->origin.entry.index ? f->last_index + 1 : f->origin.entry.index + 1;

    return head->truncate_from != 0 &&
           (head->truncate_from > behind_index || head->truncate_from <= f->commit_index);
}

bool recovery_leaves_gap(const struct recovery_facts *f, const struct batch_head *head)
{
    uint64_t last_index = head->truncate_from == 0 ? f->last_index : head->truncate_from - 1;

    /* What is missing at or below the origin is not needed. */
    bool is_next =
        head->first_index == last_index + 1 ||
        (head->first_index > last_index && head->first_index <= f->origin.entry.index + 1);

    return !is_next || head->commit_index > head->first_index + head->entry_count - 1;
}

static bool batch_drops_committed(const struct recovery_facts *f)
{
    return f->senseless.number != 0 && recovery_drops_committed(f, &f->senseless);
}

static bool batch_leaves_gap(const struct recovery_facts *f)
{
    return f->senseless.number != 0 && recovery_leaves_gap(f, &f->senseless);
}

static bool origin_knows_more(const struct recovery_facts *f)
{
    bool has_nothing = f->origin.batch > 0 && f->end.batch == f->origin.batch;

    return (has_nothing || f->end.batch < f->origin.dropped_batch) &&
           !MUTANT(damage_taken_for_torn);
}

static bool later_batch_knows_more(const struct recovery_facts *f)
{
    return f->synced_batch > f->end.batch && !MUTANT(damage_taken_for_torn);
}

static bool stray_batch_is_later(const struct recovery_facts *f)
{
    return f->stray_batch > f->end.batch;
}

static bool vote_knows_more(const struct recovery_facts *f)
{
    return f->vote->synced_batch > f->end.batch && !MUTANT(damage_taken_for_torn);
}

static bool vote_is_old(const struct recovery_facts *f)
{
    return f->vote->generation < f->vote_generation && !MUTANT(old_vote_accepted);
}

static bool segments_are_too_many(const struct recovery_facts *f)
{
    return f->used_count > READY_MAX;
}

static bool tail_is_torn(const struct recovery_facts *f)
{
    return f->torn_bytes > 0;
}

static bool snapshot_has_version(const struct recovery_facts *f)
{
    return f->snapshots.version != 0;
}

static bool snapshot_is_foreign(const struct recovery_facts *f)
{
    return f->snapshots.foreign_index != 0;
}

/* The newest good one, if the log continues from there without a gap. */
static const struct store_snapshot *snapshot_of(const struct recovery_facts *f)
{
    return f->snapshots.newest.index != 0 ? &f->snapshots.newest : NULL;
}

static bool snapshot_contradicts_origin(const struct recovery_facts *f)
{
    const struct store_snapshot *snapshot = snapshot_of(f);

    return snapshot != NULL && snapshot->index == f->origin.entry.index &&
           snapshot->term != f->origin.entry.term;
}

static bool snapshot_is_beyond_log(const struct recovery_facts *f)
{
    return snapshot_of(f) != NULL && f->snapshots.is_beyond_log &&
           !MUTANT(snapshot_beyond_log_kept);
}

static bool snapshot_is_not_newest(const struct recovery_facts *f)
{
    return snapshot_of(f) != NULL && f->snapshots.bad_index > f->snapshots.newest.index;
}

static bool snapshot_is_there(const struct recovery_facts *f)
{
    return snapshot_of(f) != NULL;
}

static bool snapshot_is_not_needed(const struct recovery_facts *f)
{
    return f->origin.entry.index == 0 || MUTANT(snapshot_not_needed);
}

static bool snapshot_has_bad_sectors(const struct recovery_facts *f)
{
    return f->snapshots.bad_index != 0 && f->snapshots.bad_state == FILE_UNREADABLE &&
           f->snapshots.error == -EIO;
}

static bool snapshot_is_unreadable(const struct recovery_facts *f)
{
    return f->snapshots.bad_index != 0 && f->snapshots.bad_state == FILE_UNREADABLE;
}

static bool snapshot_is_damaged(const struct recovery_facts *f)
{
    return f->snapshots.bad_index != 0;
}

static bool snapshot_is_too_old(const struct recovery_facts *f)
{
    return f->snapshots.below_index != 0;
}

/* --- the table --- */

const struct recovery_row recovery_rows[] = {
#define RECOVERY_ROW(subject, id, condition, verdict, found, why, sentence)                        \
    {RECOVERY_##subject, id, condition, RECOVERY_##verdict, found, why, sentence},
#include "store/recovery_rows.def" /* NOLINT(bugprone-suspicious-include) */
#undef RECOVERY_ROW
};

const size_t recovery_row_count = sizeof recovery_rows / sizeof recovery_rows[0];

const struct recovery_row *recovery_decide(const struct recovery_facts *f,
                                           enum recovery_subject subject)
{
    const struct recovery_row *row = recovery_rows;

    while (row->subject != subject || !row->fits(f)) {
        row++;
        /* The last row of each subject always fits. */
        CHECK(row < recovery_rows + recovery_row_count);
    }
    return row;
}

/* --- in words --- */

enum { WORD_BYTES = 512 };

uint64_t recovery_known_batch(const struct recovery_facts *f)
{
    uint64_t batch = f->vote->synced_batch;

    batch = f->synced_batch > batch ? f->synced_batch : batch;
    if (f->origin.batch > 0 && batch <= f->origin.batch) {
        batch = f->origin.batch + 1;
    }
    batch = f->origin.dropped_batch > batch ? f->origin.dropped_batch : batch;
    return f->stray_batch > batch ? f->stray_batch : batch;
}

/* Lists the lost entries: those with known identities, and those without. */
static void list_lost(const struct recovery_facts *f, char *to)
{
    uint64_t known = recovery_known_batch(f);
    int size = 0;

    for (uint32_t i = 0; i < f->lost_count && f->lost[i].batch <= known; i++) {
        size +=
            snprintf(to + size, WORD_BYTES - (size_t)size, "%s%" PRIu64 " to %" PRIu64,
                     size == 0 ? "entries " : ", ", f->lost[i].first_index, f->lost[i].last_index);
    }
    if (size > 0) {
        size += snprintf(to + size, WORD_BYTES - (size_t)size, "%s cannot be read",
                         f->lost_count == RECOVERY_LOST_MAX ? " and maybe more" : "");
    }
    if (known > f->heads.batch) {
        snprintf(to + size, WORD_BYTES - (size_t)size, "%sentries from %" PRIu64 " on are missing",
                 size == 0 ? "" : ", ", f->heads_last_index + 1);
    }
}

/* The copy of the vote that a sentence is about. */
static int bad_vote(const struct recovery_facts *f)
{
    enum file_state first = f->votes->found[0];

    return first == FILE_UNREADABLE || first == FILE_VERSION || first == FILE_FOREIGN ? 0 : 1;
}

struct word {
    const char *name;
    uint64_t number;
    const char *text; /* Used instead of the number. */
};

/* Replaces a name in braces. */
static void expand(const struct recovery_facts *f, const char *name, size_t size, char *to)
{
    char lost[WORD_BYTES] = "";
    char files[6][NAME_BYTES_MAX];
    uint64_t odd_from = f->senseless.truncate_from;

    list_lost(f, lost);
    segment_name(files[0], f->gap);
    segment_name(files[1], last_segment(f) + 1);
    segment_name(files[2], f->bad_segment);
    segment_name(files[3], f->end_segment);
    snapshot_name(files[4], f->snapshots.bad_index);
    snapshot_name(files[5], f->snapshots.foreign_index);

    const struct word words[] = {
        {"dir", 0, f->dir},
        {"vote-file", 0, vote_name(bad_vote(f))},
        {"vote-error", (uint64_t)-f->votes->error, NULL},
        {"vote-version", f->votes->version, NULL},
        {"known-version", FORMAT_VERSION, NULL},
        {"gap", f->gap, NULL},
        {"gap-file", 0, files[0]},
        {"next", last_segment(f) + 1, NULL},
        {"next-file", 0, files[1]},
        {"bad", f->bad_segment, NULL},
        {"bad-file", 0, files[2]},
        {"error", (uint64_t)-f->error, NULL},
        {"version", f->version, NULL},
        {"found-bytes", f->found_bytes, NULL},
        {"wanted-bytes", f->wanted_bytes, NULL},
        {"odd-batch", f->senseless.number, NULL},
        {"odd-from", odd_from, NULL},
        {"odd-after", odd_from == 0 ? f->last_index : odd_from - 1, NULL},
        {"segment", f->end_segment, NULL},
        {"file", 0, files[3]},
        {"byte", f->end_offset, NULL},
        {"lost", 0, lost},
        {"used", f->used_count, NULL},
        {"origin", f->origin.entry.index, NULL},
        {"bad-snapshot", 0, files[4]},
        {"foreign-snapshot", 0, files[5]},
        {"snapshot", f->snapshots.newest.index, NULL},
        {"snapshot-error", (uint64_t)-f->snapshots.error, NULL},
        {"snapshot-version", f->snapshots.version, NULL},
        {"old-snapshot", f->snapshots.below_index, NULL},
    };

    size_t i = 0;

    while (strlen(words[i].name) != size || strncmp(words[i].name, name, size) != 0) {
        i++;
        CHECK(i < sizeof words / sizeof words[0]); /* The sentences use no other names. */
    }
    if (words[i].text != NULL) {
        snprintf(to, PATH_BYTES_MAX, "%s", words[i].text);
    } else {
        snprintf(to, PATH_BYTES_MAX, "%" PRIu64, words[i].number);
    }
}

/* The version of the file that has another one than this program's. */
static uint32_t other_version(const struct recovery_facts *f)
{
    if (f->snapshots.version != 0) {
        return f->snapshots.version;
    }
    return f->version != 0 ? f->version : f->votes->version;
}

const char *recovery_advice(const struct recovery_row *row, const struct recovery_facts *f)
{
    switch (row->verdict) {
    case RECOVERY_FOREIGN:
        return "the files of two data directories were mixed up; nothing was changed; put this "
               "node's own files back";
    case RECOVERY_VERSION:
        return version_advice(other_version(f));
    case RECOVERY_UNREADABLE:
        return "nothing was changed; start again once the system can read it; if it never can, "
               "remove this node from the cluster and join anew with an empty directory";
    default:
        return RESTORE_ADVICE;
    }
}

static int error_of(const struct recovery_row *row, const struct recovery_facts *f)
{
    int error = row->subject == RECOVERY_SNAPSHOTS ? f->snapshots.error : f->error;

    switch (row->verdict) {
    case RECOVERY_START:
    case RECOVERY_MEND:
    case RECOVERY_DROP:
    case RECOVERY_RESTART:
        return STORE_OK;
    case RECOVERY_VERSION:
        return STORE_EFORMAT;
    case RECOVERY_UNREADABLE:
        return STORE_EIO;
    case RECOVERY_REPAIR:
        return error != 0 ? STORE_EIO : STORE_EDAMAGED;
    default:
        return STORE_EDAMAGED;
    }
}

bool recovery_lets_start(const struct recovery_row *row)
{
    return row->verdict <= RECOVERY_RESTART;
}

void recovery_sentence(const struct recovery_row *row, const struct recovery_facts *f, char *text,
                       size_t text_size)
{
    char word[PATH_BYTES_MAX];
    size_t size = 0;

    text[0] = '\0';
    for (const char *at = row->sentence; *at != '\0';) {
        size_t plain = strcspn(at, "{");
        size_t name = at[plain] == '\0' ? 0 : strcspn(at + plain, "}") - 1;

        word[0] = '\0';
        if (name > 0) {
            expand(f, at + plain + 1, name, word);
        }
        size += (size_t)snprintf(text + size, text_size - size, "%.*s%s", (int)plain, at, word);
        size = size < text_size ? size : text_size - 1;
        at += plain + (name > 0 ? name + 2 : 0);
    }
}

int recovery_explain(const struct recovery_row *row, const struct recovery_facts *f,
                     struct complaint *c)
{
    char text[RECOVERY_SENTENCE_BYTES];

    if (recovery_lets_start(row)) {
        return STORE_OK;
    }
    recovery_sentence(row, f, text, sizeof text);
    return complain(c, error_of(row, f), "%s; %s (docs/DISK_FORMAT.md: %s)", text,
                    recovery_advice(row, f), row->id);
}
