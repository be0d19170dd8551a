#include "cli/help.h"

#include <string.h>

enum { WIDTH = 80, MARGIN = 2, USAGE_WIDTH = 30 };

static void heading(struct buffer *out, const char *text, const struct style *style)
{
    buffer_printf(out, "%s%s%s\n", style_on(style, BOLD), text, style_off(style, BOLD));
}

static bool is_group_start(const struct catalogue *c, size_t position)
{
    return position == 0 || strcmp(c->entries[position - 1].group, c->entries[position].group) != 0;
}

/* Names in a paragraph, broken at the right margin. Members of families stand in the
 * help of their family. */
static void list_names(struct buffer *out, const struct catalogue *c, size_t first)
{
    size_t column = 0;

    for (size_t i = first; i < c->count && (i == first || !is_group_start(c, i)); i++) {
        size_t size = strlen(c->entries[i].name);

        if (strchr(c->entries[i].name, ' ') != NULL) {
            continue;
        }
        if (column > 0 && column + MARGIN + size > WIDTH) {
            buffer_append(out, "\n", 1);
            column = 0;
        }
        buffer_printf(out, "%*s%s", MARGIN, "", c->entries[i].name);
        column += MARGIN + size;
    }
    buffer_append(out, "\n", 1);
}

void help_overview(struct buffer *out, const struct catalogue *c, const struct style *style)
{
    for (size_t i = 0; i < c->count; i++) {
        if (is_group_start(c, i)) {
            heading(out, c->entries[i].group, style);
            list_names(out, c, i);
        }
    }
    if (!c->has_server) {
        buffer_printf(out, "\nThe server does not tell which commands it has.\n");
    }
    buffer_printf(out, "\nhelp COMMAND explains a command, help GROUP all of a group.\n"
                       "Tab completes a name; Ctrl-R searches the history; Ctrl-D ends.\n");
}

static void usage(struct buffer *out, const struct catalogue_entry *e, const char *syntax,
                  const struct style *style)
{
    const char *gap = syntax[0] == '\0' ? "" : " ";

    buffer_printf(out, "%s%s%s%s%s%s%s", style_on(style, BOLD), e->name, style_off(style, BOLD),
                  gap, style_on(style, DIM), syntax, style_off(style, DIM));
}

/* Usage to the left, summary to the right. */
static void row(struct buffer *out, const struct catalogue_entry *e, const char *syntax,
                const struct style *style)
{
    size_t size = strlen(e->name) + (syntax[0] == '\0' ? 0 : 1) + strlen(syntax);

    usage(out, e, syntax, style);
    if (size < USAGE_WIDTH) {
        buffer_printf(out, "%*s", (int)(USAGE_WIDTH - size), "");
    } else {
        buffer_printf(out, "\n%*s", USAGE_WIDTH, "");
    }
    buffer_printf(out, "%s\n", e->summary);
}

static const char *syntax_of(const struct catalogue *c, const struct catalogue_entry *e)
{
    return catalogue_has_members(c, e) ? "subcommand ..." : e->syntax;
}

static void explain_command(struct buffer *out, const struct catalogue *c,
                            const struct catalogue_entry *e, const struct style *style)
{
    usage(out, e, syntax_of(c, e), style);
    buffer_printf(out, "\n%*s%s\n%*sgroup %s", MARGIN, "", e->summary, MARGIN, "", e->group);
    if (e->since[0] != '\0') {
        buffer_printf(out, ", since %s", e->since);
    }
    buffer_append(out, "\n", 1);
    if (catalogue_has_members(c, e)) {
        buffer_append(out, "\n", 1);
        for (size_t i = 0; i < c->count; i++) {
            if (catalogue_is_member(&c->entries[i], e)) {
                row(out, &c->entries[i], c->entries[i].syntax, style);
            }
        }
    }
}

static void explain_group(struct buffer *out, const struct catalogue *c, size_t first,
                          const struct style *style)
{
    for (size_t i = first; i < c->count && (i == first || !is_group_start(c, i)); i++) {
        row(out, &c->entries[i], syntax_of(c, &c->entries[i]), style);
    }
}

bool help_topic(struct buffer *out, const struct catalogue *c, const struct words *command,
                const struct style *style)
{
    struct buffer joined = {0};
    bool found = false;

    for (uint32_t i = 1; i < command->count; i++) {
        buffer_append(&joined, " ", i == 1 ? 0 : 1);
        buffer_append_slice(&joined, command->word[i]);
    }
    struct slice topic = buffer_slice(&joined);
    const struct catalogue_entry *entry = catalogue_find(c, topic);

    if (entry != NULL) {
        explain_command(out, c, entry, style);
        found = true;
    }
    if (topic.size > 0 && topic.data[0] == '@') {
        topic = slice_of(topic.data + 1, topic.size - 1);
    }
    for (size_t i = 0; i < c->count && !found; i++) {
        if (slice_is(topic, c->entries[i].group)) {
            explain_group(out, c, i, style);
            found = true;
        }
    }
    buffer_deinit(&joined);
    return found;
}
