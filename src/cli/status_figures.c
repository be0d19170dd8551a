#include "cli/status_figures.h"

#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "cli/amount.h"
#include "cli/print.h"
#include "cli/reply.h"
#include "cli/table.h"

enum {
    LABEL_COLUMNS = 16, /* The longest label, and a gap. */
    GAP = 2,
    DAY_S = 86400,
};

struct line;

/* Appends a figure of a node, if it is known. Returns whether it is worth a line. */
typedef bool put_figure(struct buffer *out, const redisReply *node, const struct line *line,
                        long long now_s);

/* A line of the table. A figure of its own kind has a put function of its own. */
struct line {
    const char *label;
    const char *field;
    put_figure *put;
    bool hides_zero; /* Zero means that there is none. */
};

static long long number_of(const redisReply *node, const char *field)
{
    return reply_number(reply_field(node, field), -1);
}

/* --- kinds of figures ---------------------------------------------------------------- */

/* Handles what needs no unit; false: it does. */
static bool is_bare(struct buffer *out, const struct line *line, long long value)
{
    if (value == 0 && !line->hides_zero) {
        buffer_printf(out, "0");
    }
    return value <= 0;
}

static bool put_count(struct buffer *out, const redisReply *node, const struct line *line,
                      long long now_s)
{
    long long value = number_of(node, line->field);

    (void)now_s;
    if (is_bare(out, line, value)) {
        return false;
    }
    buffer_printf(out, "%lld", value);
    return true;
}

static bool put_bytes(struct buffer *out, const redisReply *node, const struct line *line,
                      long long now_s)
{
    long long value = number_of(node, line->field);

    (void)now_s;
    if (is_bare(out, line, value)) {
        return false;
    }
    amount_bytes(out, value);
    return true;
}

static bool put_rate(struct buffer *out, const redisReply *node, const struct line *line,
                     long long now_s)
{
    bool is_some = put_bytes(out, node, line, now_s);

    buffer_printf(out, is_some ? "/s" : "");
    return is_some;
}

static bool put_time(struct buffer *out, const redisReply *node, const struct line *line,
                     long long unit_us)
{
    long long value = number_of(node, line->field);

    if (is_bare(out, line, value)) {
        return false;
    }
    amount_time(out, value * unit_us);
    return true;
}

static bool put_us(struct buffer *out, const redisReply *node, const struct line *line,
                   long long now_s)
{
    (void)now_s;
    return put_time(out, node, line, 1);
}

static bool put_ms(struct buffer *out, const redisReply *node, const struct line *line,
                   long long now_s)
{
    (void)now_s;
    return put_time(out, node, line, 1000);
}

static bool put_s(struct buffer *out, const redisReply *node, const struct line *line,
                  long long now_s)
{
    (void)now_s;
    return put_time(out, node, line, 1000000);
}

/* It may be used up. */
static bool put_margin(struct buffer *out, const redisReply *node, const struct line *line,
                       long long now_s)
{
    bool is_known = number_of(node, "sync_p99_us") > 0;

    (void)now_s;
    if (is_known && number_of(node, line->field) > 0) {
        return put_ms(out, node, line, now_s);
    }
    buffer_printf(out, is_known ? "none" : "");
    return is_known;
}

static bool put_age(struct buffer *out, const redisReply *node, const struct line *line,
                    long long now_s)
{
    long long at_s = number_of(node, line->field) / 1000000;

    if (at_s <= 0) {
        return false;
    }
    amount_time(out, (now_s > at_s ? now_s - at_s : 0) * 1000000);
    return true;
}

/* What it is at, and how far. */
static bool put_work(struct buffer *out, const redisReply *node, const struct line *line,
                     long long now_s)
{
    struct slice work = reply_text(reply_field(node, line->field));
    long long permille = number_of(node, "snapshot_permille");

    (void)now_s;
    print_line(out, work);
    if (work.size > 0 && permille > 0 && permille < 1000) {
        buffer_printf(out, " %lld%%", permille / 10);
    }
    return work.size > 0;
}

static const struct line lines[] = {
    {"behind", "lag_entries", put_count, false},
    {"  bytes", "lag_bytes", put_bytes, false},
    {"  time", "lag_ms", put_ms, false},
    {"sync p50", "sync_p50_us", put_us, true},
    {"sync p99", "sync_p99_us", put_us, true},
    {"sync max", "sync_max_us", put_us, true},
    {"sync now", "sync_pending_us", put_us, true},
    {"sync margin", "sync_margin_ms", put_margin, false},
    {"waiting", "waiting", put_count, false},
    {"in the log", "proposed", put_count, false},
    {"at the leader", "forwarded", put_count, false},
    {"to be sent", "outgoing_bytes", put_bytes, false},
    {"log", "log_bytes", put_bytes, false},
    {"snapshot", "snapshot_bytes", put_bytes, true},
    {"  of index", "snapshot_index", put_count, true},
    {"  age", "snapshot_time_us", put_age, true},
    {"  work", "snapshot_work", put_work, true},
    {"  rate", "snapshot_rate", put_rate, true},
    {"  left", "snapshot_left_s", put_s, true},
    {"scrub, read", "scrub_bytes", put_bytes, true},
    {"  last", "scrub_time_us", put_age, true},
    {"  damage", "scrub_damage", put_count, true},
};

enum { LINES = sizeof lines / sizeof *lines };

/* --- colours ------------------------------------------------------------------------- */

/* The same rule as for the server's warning: a sync must not take a quarter of the timeout. */
static enum colour colour_of(const struct line *line, const redisReply *node)
{
    long long p99_us = number_of(node, "sync_p99_us");
    long long timeout_us = number_of(node, "election_timeout_ms") * 1000;

    if (line->put == put_margin && p99_us > timeout_us) {
        return RED;
    }
    return line->put == put_margin && p99_us * 4 > timeout_us ? YELLOW : PLAIN;
}

/* --- the table ----------------------------------------------------------------------- */

static void add_line(struct table *t, const struct line *line, const redisReply *const *nodes,
                     size_t count, long long now_s, bool is_for_person)
{
    struct buffer *cells = memory_take_zeroed(count, sizeof *cells);
    bool is_wanted = !is_for_person;

    for (size_t i = 0; i < count; i++) {
        is_wanted = line->put(&cells[i], nodes[i], line, now_s) || is_wanted;
    }
    if (is_wanted) {
        table_add(t, PLAIN, slice_str(line->label));
        for (size_t i = 0; i < count; i++) {
            bool is_empty = buffer_size(&cells[i]) == 0;

            table_add(t, is_empty ? DIM : colour_of(line, nodes[i]), buffer_slice(&cells[i]));
        }
    }
    for (size_t i = 0; i < count; i++) {
        buffer_deinit(&cells[i]);
    }
    free(cells);
}

static void draw_part(struct buffer *out, const redisReply *const *nodes, size_t count,
                      long long now_s, const struct style *style)
{
    struct table_column *columns = memory_take_zeroed(count + 1, sizeof *columns);
    struct buffer *titles = memory_take_zeroed(count, sizeof *titles);
    struct table t;

    columns[0] = (struct table_column){"FIGURE", TABLE_LEFT, false};
    for (size_t i = 0; i < count; i++) {
        print_line(&titles[i], reply_text(reply_field(nodes[i], "address")));
        buffer_append(&titles[i], "", 1);
        columns[i + 1] = (struct table_column){buffer_begin(&titles[i]), TABLE_RIGHT, false};
    }
    table_init(&t, columns, count + 1);
    for (size_t i = 0; i < LINES; i++) {
        add_line(&t, &lines[i], nodes, count, now_s, style->terminal);
    }
    table_draw(&t, style, out);
    table_deinit(&t);
    for (size_t i = 0; i < count; i++) {
        buffer_deinit(&titles[i]);
    }
    free(titles);
    free(columns);
}

/* How many nodes fit beside each other. */
static size_t fitting(const redisReply *const *nodes, size_t count, const struct style *style)
{
    size_t width = 0;

    if (!style->terminal || style->columns == 0) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        size_t own = reply_text(reply_field(nodes[i], "address")).size;

        width = own > width ? own : width;
    }
    if (style->columns < LABEL_COLUMNS + width + GAP) {
        return 1;
    }
    return (style->columns - LABEL_COLUMNS) / (width + GAP);
}

/* --- troubles ------------------------------------------------------------------------ */

static void put_when(struct buffer *out, long long at_s, long long now_s)
{
    time_t at = (time_t)at_s;
    struct tm local;
    char text[32] = "";

    if (localtime_r(&at, &local) != NULL) {
        strftime(text, sizeof text, now_s - at_s < DAY_S ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &local);
    }
    buffer_printf(out, "%s", text);
}

/* A line that a terminal would break is cut. */
static void draw_trouble(struct buffer *out, const redisReply *node, long long now_s,
                         const struct style *style)
{
    long long at_s = number_of(node, "trouble_ms") / 1000;
    size_t begin = buffer_size(out);

    if (at_s <= 0) {
        return;
    }
    print_line(out, reply_text(reply_field(node, "address")));
    buffer_printf(out, "  ");
    put_when(out, at_s, now_s);
    buffer_printf(out, "  ");
    print_line(out, reply_text(reply_field(node, "trouble")));
    if (style->terminal && style->columns > 3 && buffer_size(out) - begin > style->columns) {
        out->end = out->start + begin + style->columns - 3;
        buffer_printf(out, "...");
    }
    buffer_printf(out, "\n");
}

static void draw_troubles(struct buffer *out, const redisReply *const *nodes, size_t count,
                          long long now_s, const struct style *style)
{
    struct buffer troubles = {0};

    for (size_t i = 0; i < count; i++) {
        draw_trouble(&troubles, nodes[i], now_s, style);
    }
    if (buffer_size(&troubles) > 0) {
        buffer_printf(out, "\n%sLAST TROUBLE%s\n", style_on(style, BOLD), style_off(style, BOLD));
        buffer_append_slice(out, buffer_slice(&troubles));
    }
    buffer_deinit(&troubles);
}

void status_figures_draw(struct buffer *out, const redisReply *const *nodes, size_t count,
                         long long now_s, const struct style *style)
{
    size_t width = fitting(nodes, count, style);

    if (count == 0 || reply_field(nodes[0], "sync_p50_us") == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i += width) {
        buffer_printf(out, "\n");
        draw_part(out, nodes + i, count - i < width ? count - i : width, now_s, style);
    }
    draw_troubles(out, nodes, count, now_s, style);
}
