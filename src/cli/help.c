#include "cli/help.h"

#include <string.h>

enum { WIDTH = 80, MARGIN = 2, USAGE_WIDTH = 30, NARROW = 60 };

/* Appends the words of `text`, starting at `column`. Those that do not fit go to further lines,
 * indented by `indent`. Returns the column after the last word. */
static size_t put_words(struct buffer *out, const char *text, size_t column, size_t indent,
                        const struct style *style)
{
    size_t gap = 0;

    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t size = strcspn(text, " ");

        if (style->columns > 0 && column > indent && column + gap + size > style->columns) {
            buffer_printf(out, "\n%*s", (int)indent, "");
            column = indent;
            gap = 0;
        }
        buffer_printf(out, "%*s%.*s", (int)gap, "", (int)size, text);
        column += gap + size;
        text += size;
        gap = 1;
    }
    return column;
}

static void put_line(struct buffer *out, const char *text, size_t indent, const struct style *style)
{
    buffer_printf(out, "%*s", (int)indent, "");
    put_words(out, text, indent, indent, style);
    buffer_append(out, "\n", 1);
}

static void heading(struct buffer *out, const char *text, const struct style *style)
{
    buffer_printf(out, "%s%s%s\n", style_on(style, BOLD), text, style_off(style, BOLD));
}

static bool is_group_start(const struct catalogue *c, size_t position)
{
    return position == 0 || strcmp(c->entries[position - 1].group, c->entries[position].group) != 0;
}

/* Names in a paragraph, wrapped at the right margin. Subcommands are not listed here, but in the
 * help of their command. */
static void list_names(struct buffer *out, const struct catalogue *c, size_t first,
                       const struct style *style)
{
    size_t width = style->columns > 0 ? style->columns : WIDTH;
    size_t column = 0;

    for (size_t i = first; i < c->count && (i == first || !is_group_start(c, i)); i++) {
        size_t size = strlen(c->entries[i].name);

        if (strchr(c->entries[i].name, ' ') != NULL) {
            continue;
        }
        if (column > 0 && column + MARGIN + size > width) {
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
            list_names(out, c, i, style);
        }
    }
    if (!c->has_server) {
        buffer_append(out, "\n", 1);
        put_line(out, "The server does not list its commands.", 0, style);
    }
    buffer_append(out, "\n", 1);
    put_line(out, "help COMMAND explains a command, help GROUP all of a group.", 0, style);
    put_line(out, "Tab completes a name; Ctrl-R searches the history; Ctrl-D ends.", 0, style);
}

/* Returns the column after it. */
static size_t usage(struct buffer *out, const struct catalogue_entry *e, const char *syntax,
                    const struct style *style)
{
    const char *gap = syntax[0] == '\0' ? "" : " ";
    size_t column = strlen(e->name) + strlen(gap);

    buffer_printf(out, "%s%s%s%s%s", style_on(style, BOLD), e->name, style_off(style, BOLD), gap,
                  style_on(style, DIM));
    column = put_words(out, syntax, column, (size_t)2 * MARGIN, style);
    buffer_printf(out, "%s", style_off(style, DIM));
    return column;
}

/* Usage on the left, summary on the right, or below it if the terminal is narrow. */
static void row(struct buffer *out, const struct catalogue_entry *e, const char *syntax,
                const struct style *style)
{
    bool is_narrow = style->columns > 0 && style->columns < NARROW;
    size_t indent = is_narrow ? (size_t)2 * MARGIN : USAGE_WIDTH;
    size_t column = usage(out, e, syntax, style);

    if (column < indent) {
        buffer_printf(out, "%*s", (int)(indent - column), "");
    } else {
        buffer_printf(out, "\n%*s", (int)indent, "");
    }
    put_words(out, e->summary, indent, indent, style);
    buffer_append(out, "\n", 1);
}

static const char *syntax_of(const struct catalogue *c, const struct catalogue_entry *e)
{
    return catalogue_has_members(c, e) ? "subcommand ..." : e->syntax;
}

static void explain_command(struct buffer *out, const struct catalogue *c,
                            const struct catalogue_entry *e, const struct style *style)
{
    usage(out, e, syntax_of(c, e), style);
    buffer_append(out, "\n", 1);
    put_line(out, e->summary, MARGIN, style);
    buffer_printf(out, "%*sgroup %s", MARGIN, "", e->group);
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
