/* text_view.h - a data directory for people: its files, the verdict, then the log, an entry a
 * line. */
#ifndef RAKIT_INSPECT_TEXT_VIEW_H
#define RAKIT_INSPECT_TEXT_VIEW_H

#include "base/style.h"
#include "inspect/findings.h"
#include "inspect/options.h"
#include "inspect/output.h"
#include "inspect/walk.h"

struct text_view {
    struct view view;
    struct output *out;
    const struct style *style;
    uint64_t commit_index;
    bool is_full; /* Whether to show entries with all their details. */
};

/* What is shown above the log. */
void text_show_head(struct output *out, const struct style *style,
                    const struct inspect_options *options, const struct survey *s,
                    const struct snapshot_files *snapshots, const struct findings *findings);
void text_view_init(struct text_view *v, struct output *out, const struct style *style,
                    uint64_t commit_index, bool is_full);

#endif /* RAKIT_INSPECT_TEXT_VIEW_H */
