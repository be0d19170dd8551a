#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/check.h"
#include "base/memory.h"
#include "cli/print.h"

enum {
    GAP = 2, /* Blanks between columns. */
    LAST_RULE_MAX = 40,
};

void table_init(struct table *t, const struct table_column *columns, size_t column_count)
{
    CHECK(column_count > 0);
    *t = (struct table){.columns = columns, .column_count = column_count};
}

void table_deinit(struct table *t)
{
    for (size_t i = 0; i < t->cell_count; i++) {
        free(t->cells[i].text);
    }
    free(t->cells);
    *t = (struct table){0};
}

void table_add(struct table *t, enum colour colour, struct slice text)
{
    if (t->cell_count == t->cell_capacity) {
        t->cell_capacity = t->cell_capacity == 0 ? 64 : 2 * t->cell_capacity;
        t->cells = memory_resize(t->cells, t->cell_capacity * sizeof *t->cells);
    }
    struct slice shown = text.size == 0 ? slice_str("-") : text;
    char *copy = memory_take(shown.size + 1);

    memcpy(copy, shown.data, shown.size);
    copy[shown.size] = '\0';
    t->cells[t->cell_count++] = (struct table_cell){.text = copy, .colour = colour};
}

void table_add_text(struct table *t, enum colour colour, struct slice text)
{
    struct buffer clean = {0};

    print_line(&clean, text);
    table_add(t, colour, buffer_slice(&clean));
    buffer_deinit(&clean);
}

void table_add_number(struct table *t, enum colour colour, long long number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%lld", number);

    table_add(t, colour, slice_of(text, (size_t)size));
}

/* Terminal columns of the text; its bytes if it is not valid text. */
static size_t text_width(const char *text)
{
    mbstate_t state = {0};
    size_t width = 0;
    const char *at = text;

    while (*at != '\0') {
        wchar_t wide;
        size_t size = mbrtowc(&wide, at, strlen(at), &state);

        if (size == (size_t)-1 || size == (size_t)-2) {
            return strlen(text);
        }
        int columns = wcwidth(wide);

        width += columns > 0 ? (size_t)columns : 0;
        at += size;
    }
    return width;
}

static size_t column_width(const struct table *t, size_t column)
{
    size_t width = text_width(t->columns[column].title);

    for (size_t i = column; i < t->cell_count; i += t->column_count) {
        size_t cell = text_width(t->cells[i].text);

        width = cell > width ? cell : width;
    }
    return width;
}

static void draw_blanks(struct buffer *out, size_t count)
{
    buffer_printf(out, "%*s", (int)count, "");
}

/* The last column is not padded: no blanks before the newline. */
static void draw_cell(const struct table *t, size_t column, size_t width, const char *text,
                      enum colour colour, const struct style *style, struct buffer *out)
{
    bool last = column + 1 == t->column_count;

    if (width == 0 && !last) {
        return; /* Left out. */
    }

    size_t padding = width - text_width(text);

    if (t->columns[column].align == TABLE_RIGHT) {
        draw_blanks(out, padding);
    }
    buffer_printf(out, "%s", style_on(style, colour));
    buffer_append(out, text, strlen(text));
    buffer_printf(out, "%s", style_off(style, colour));
    if (last) {
        buffer_append(out, "\n", 1);
        return;
    }
    draw_blanks(out, GAP + (t->columns[column].align == TABLE_LEFT ? padding : 0));
}

/* A last column with long texts would make the line wrap. The line is at least as long as the
 * title. */
static size_t last_rule_width(const struct table *t, const size_t *widths,
                              const struct style *style)
{
    size_t last = t->column_count - 1;
    size_t width = widths[last] < LAST_RULE_MAX ? widths[last] : LAST_RULE_MAX;
    size_t least = text_width(t->columns[last].title);
    size_t before = 0;

    for (size_t c = 0; c < last; c++) {
        before += widths[c] > 0 ? widths[c] + GAP : 0;
    }
    if (style->columns == 0 || before + width <= style->columns) {
        return width;
    }
    return before + least < style->columns ? style->columns - before : least;
}

static void draw_rule(const struct table *t, const size_t *widths, const struct style *style,
                      struct buffer *out)
{
    buffer_printf(out, "%s", style_on(style, DIM));
    for (size_t c = 0; c < t->column_count; c++) {
        if (widths[c] == 0) {
            continue;
        }
        bool is_last = c + 1 == t->column_count;
        size_t width = is_last ? last_rule_width(t, widths, style) : widths[c];

        for (size_t i = 0; i < width; i++) {
            buffer_printf(out, "%s", style->utf8 ? "\u2500" : "-");
        }
        draw_blanks(out, is_last ? 0 : GAP);
    }
    buffer_printf(out, "%s\n", style_off(style, DIM));
}

/* Leaves out optional columns, by a width of 0, from the right, until the rest fits or none is
 * left. */
static void fit(const struct table *t, size_t *widths, size_t columns)
{
    size_t total = 0;

    for (size_t c = 0; c < t->column_count; c++) {
        total += widths[c] + (c > 0 ? GAP : 0);
    }
    for (size_t c = t->column_count - 1; c > 0 && total > columns; c--) {
        if (t->columns[c - 1].may_go) {
            total -= widths[c - 1] + GAP;
            widths[c - 1] = 0;
        }
    }
}

void table_draw(const struct table *t, const struct style *style, struct buffer *out)
{
    CHECK(t->cell_count % t->column_count == 0);

    size_t *widths = memory_take(t->column_count * sizeof *widths);

    for (size_t c = 0; c < t->column_count; c++) {
        widths[c] = column_width(t, c);
    }
    if (style->terminal && style->columns > 0) {
        fit(t, widths, style->columns);
    }
    for (size_t c = 0; c < t->column_count; c++) {
        draw_cell(t, c, widths[c], t->columns[c].title, BOLD, style, out);
    }
    if (style->terminal) {
        draw_rule(t, widths, style, out);
    }
    for (size_t i = 0; i < t->cell_count; i++) {
        size_t c = i % t->column_count;

        draw_cell(t, c, widths[c], t->cells[i].text, t->cells[i].colour, style, out);
    }
    free(widths);
}
