/* json_view.h - a data directory for programs: one JSON object a line, each with a "type".
 * docs/man/rakit-log.1 lists them. */
#ifndef RAKIT_INSPECT_JSON_VIEW_H
#define RAKIT_INSPECT_JSON_VIEW_H

#include "inspect/findings.h"
#include "inspect/options.h"
#include "inspect/output.h"
#include "inspect/walk.h"

struct json_view {
    struct view view;
    struct output *out;
    uint64_t commit_index;
};

/* What is shown above the log. */
void json_show_head(struct output *out, const struct inspect_options *options,
                    const struct survey *s, const struct snapshot_files *snapshots,
                    const struct findings *findings);
void json_view_init(struct json_view *v, struct output *out, uint64_t commit_index);

#endif /* RAKIT_INSPECT_JSON_VIEW_H */
