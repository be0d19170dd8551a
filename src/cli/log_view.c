#include "cli/log_view.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "cli/amount.h"
#include "cli/print.h"
#include "cli/reply.h"
#include "cli/table.h"

enum {
    BAR_CELLS = 14,
    LONG_BAR_CELLS = 28,
    NAME_COLUMNS = 22,
    TIME_COLUMNS = 9,
};

/* Parts of a bar. */
enum part { WAITING, STORING, ANSWERING };

static long long number_of(const redisReply *map, const char *key)
{
    return reply_number(reply_field(map, key), -1);
}

static struct slice text_of(const redisReply *map, const char *key)
{
    return reply_text(reply_field(map, key));
}

/* As far as it has come, in microseconds since it arrived. */
static long long took_us(const redisReply *stages)
{
    static const char *const keys[] = {"answered_us", "applied_us", "committed_us", "proposed_us"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (number_of(stages, keys[i]) >= 0) {
            return number_of(stages, keys[i]);
        }
    }
    return 0;
}

static bool has_stages(const redisReply *stages)
{
    return reply_field(stages, "proposed_us") != NULL;
}

/* NULL if it was not sent. */
static const redisReply *stages_of(const redisReply *entry)
{
    return reply_element(entry, 4);
}

/* --- nodes ------------------------------------------------------------------------------- */

/* The address in a map of RAFT SLOW, or at the beginning of a row of stages. */
static struct slice address_of(const redisReply *node)
{
    const redisReply *address = reply_field(node, "address");

    return reply_text(address == NULL ? reply_element(node, 0) : address);
}

static int compare_addresses(const void *a, const void *b)
{
    const redisReply *const *left = a;
    const redisReply *const *right = b;

    /* Numbers by their value, as in "status". */
    return strverscmp(address_of(*left).data, address_of(*right).data);
}

/* Borrowed from the reply, by address; free() the array. */
static const redisReply **sorted_nodes(const redisReply *nodes)
{
    size_t count = reply_count(nodes);
    const redisReply **sorted = memory_take((count + 1) * sizeof *sorted);

    for (size_t i = 0; i < count; i++) {
        sorted[i] = reply_element(nodes, i);
    }
    qsort(sorted, count, sizeof *sorted, compare_addresses);
    return sorted;
}

/* --- bars -------------------------------------------------------------------------------- */

static const char *mark_of(enum part part, const struct style *style)
{
    static const char *const fine[] = {"\u2591", "\u2588", "\u2592"};
    static const char *const plain[] = {".", "#", "+"};

    return style->utf8 ? fine[part] : plain[part];
}

static void put_cells(struct buffer *out, size_t count, const char *mark)
{
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "%s", mark);
    }
}

/* The cell up to which a time reaches, if `whole_us` reaches to the last one. */
static size_t cell_of(long long us, long long whole_us, size_t cells)
{
    if (us <= 0 || whole_us <= 0) {
        return 0;
    }

    double share = (double)us / (double)whole_us * (double)cells + 0.5;

    return share >= (double)cells ? cells : (size_t)share;
}

/* At least a cell, however short it was. */
static void put_bar(struct buffer *out, const redisReply *stages, long long whole_us,
                    const struct style *style)
{
    long long committed_us = number_of(stages, "committed_us");
    long long storing_us = committed_us < 0 ? took_us(stages) : committed_us;
    size_t proposed = cell_of(number_of(stages, "proposed_us"), whole_us, BAR_CELLS);
    size_t committed = cell_of(storing_us, whole_us, BAR_CELLS);
    size_t end = cell_of(took_us(stages), whole_us, BAR_CELLS);

    if (end == 0) {
        put_cells(out, 1, mark_of(STORING, style));
        return;
    }
    put_cells(out, proposed, mark_of(WAITING, style));
    put_cells(out, committed - proposed, mark_of(STORING, style));
    put_cells(out, end - committed, mark_of(ANSWERING, style));
}

static void draw_legend(struct buffer *out, const struct style *style)
{
    buffer_printf(out,
                  "%s%s waiting  %s on disks  %s applying, answering  LAST: completed the "
                  "majority%s\n",
                  style_on(style, DIM), mark_of(WAITING, style), mark_of(STORING, style),
                  mark_of(ANSWERING, style), style_off(style, DIM));
}

/* --- tables ------------------------------------------------------------------------------ */

static enum colour kind_colour(struct slice kind)
{
    return slice_is(kind, "noop") ? DIM : slice_is(kind, "configuration") ? CYAN : PLAIN;
}

static void add_time(struct table *t, enum colour colour, long long us)
{
    struct buffer text = {0};

    if (us >= 0) {
        amount_time(&text, us);
    }
    table_add(t, colour, buffer_slice(&text));
    buffer_deinit(&text);
}

static void add_bar(struct table *t, const redisReply *stages, long long whole_us,
                    const struct style *style)
{
    struct buffer bar = {0};

    put_bar(&bar, stages, whole_us, style);
    table_add(t, PLAIN, buffer_slice(&bar));
    buffer_deinit(&bar);
}

static void draw_table(struct buffer *out, const redisReply *reply, const struct style *style)
{
    static const struct table_column columns[] = {
        {"INDEX", TABLE_RIGHT, false},
        {"TERM", TABLE_RIGHT, false},
        {"KIND", TABLE_LEFT, false},
        {"COMMAND", TABLE_LEFT, false},
    };
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *entry = reply->element[i];
        struct slice kind = reply_text(entry->element[2]);

        table_add_number(&t, PLAIN, reply_number(entry->element[0], 0));
        table_add_number(&t, DIM, reply_number(entry->element[1], 0));
        table_add_text(&t, kind_colour(kind), kind);
        table_add_text(&t, PLAIN, reply_text(entry->element[3]));
    }
    table_draw(&t, style, out);
    table_deinit(&t);
}

static void add_staged(struct table *t, const redisReply *entry, long long whole_us,
                       const struct style *style)
{
    const redisReply *stages = stages_of(entry);
    struct slice kind = reply_text(entry->element[2]);

    table_add_number(t, PLAIN, reply_number(entry->element[0], 0));
    table_add_number(t, DIM, reply_number(entry->element[1], 0));
    table_add_text(t, kind_colour(kind), kind);
    if (has_stages(stages)) {
        add_time(t, PLAIN, took_us(stages));
        add_bar(t, stages, whole_us, style);
        table_add_text(t, PLAIN, text_of(stages, "last"));
    } else {
        table_add(t, DIM, slice_str(""));
        table_add(t, DIM, slice_str(""));
        table_add(t, DIM, slice_str(""));
    }
    table_add_text(t, PLAIN, reply_text(entry->element[3]));
}

static void draw_staged_table(struct buffer *out, const redisReply *reply,
                              const struct style *style)
{
    static const struct table_column columns[] = {
        {"INDEX", TABLE_RIGHT, false},  {"TERM", TABLE_RIGHT, true},   {"KIND", TABLE_LEFT, true},
        {"TOOK", TABLE_RIGHT, false},   {"STAGES", TABLE_LEFT, false}, {"LAST", TABLE_LEFT, false},
        {"COMMAND", TABLE_LEFT, false},
    };
    long long whole_us = 0;
    struct table t;

    for (size_t i = 0; i < reply->elements; i++) {
        long long us = took_us(stages_of(reply->element[i]));

        whole_us = us > whole_us ? us : whole_us;
    }
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < reply->elements; i++) {
        add_staged(&t, reply->element[i], whole_us, style);
    }
    table_draw(&t, style, out);
    table_deinit(&t);
    draw_legend(out, style);
}

/* --- one entry --------------------------------------------------------------------------- */

static void put_padded(struct buffer *out, struct slice text, size_t columns)
{
    size_t begin = buffer_size(out);

    print_line(out, text);
    while (buffer_size(out) - begin < columns) {
        buffer_append(out, " ", 1);
    }
}

static void put_time_column(struct buffer *out, long long us)
{
    struct buffer text = {0};

    amount_time(&text, us);
    buffer_printf(out, "%*.*s", TIME_COLUMNS, (int)buffer_size(&text), buffer_begin(&text));
    buffer_deinit(&text);
}

static void draw_moment(struct buffer *out, const char *name, long long us)
{
    put_padded(out, slice_str(name), NAME_COLUMNS);
    if (us < 0) {
        buffer_printf(out, "%*s", TIME_COLUMNS, "-");
    } else {
        put_time_column(out, us);
    }
    buffer_append(out, "\n", 1);
}

/* From proposing until the leader knew that the node has it: on the way or queued, then on its
 * disk. */
static void put_long_bar(struct buffer *out, long long from_us, long long disk_us, long long to_us,
                         long long whole_us, const struct style *style)
{
    long long disk_from_us = to_us - disk_us > from_us ? to_us - disk_us : from_us;
    size_t from = cell_of(from_us, whole_us, LONG_BAR_CELLS);
    size_t disk = cell_of(disk_from_us, whole_us, LONG_BAR_CELLS);
    size_t to = cell_of(to_us, whole_us, LONG_BAR_CELLS);

    put_cells(out, from, " ");
    put_cells(out, disk - from, mark_of(WAITING, style));
    put_cells(out, to - disk, mark_of(STORING, style));
    put_cells(out, LONG_BAR_CELLS - to, " ");
}

static void draw_node(struct buffer *out, const redisReply *stages, const redisReply *node,
                      long long whole_us, const struct style *style)
{
    struct slice name = reply_text(reply_element(node, 0));
    long long at_us = reply_number(reply_element(node, 1), -1);
    long long disk_us = reply_number(reply_element(node, 2), 0);

    if (at_us < 0) {
        put_padded(out, name, NAME_COLUMNS);
        buffer_printf(out, "%*s  not stored, as far as is known\n", TIME_COLUMNS, "-");
        return;
    }
    put_padded(out, name, NAME_COLUMNS);
    put_time_column(out, at_us);
    buffer_printf(out, "  ");
    put_long_bar(out, number_of(stages, "proposed_us"), disk_us, at_us, whole_us, style);
    buffer_printf(out, "  disk ");
    amount_time(out, disk_us);
    if (slice_equal(name, text_of(stages, "last"))) {
        buffer_printf(out, "  %slast%s", style_on(style, YELLOW), style_off(style, YELLOW));
    }
    buffer_append(out, "\n", 1);
}

/* Nodes may have stored it long after it was answered. */
static long long end_us(const redisReply *stages)
{
    const redisReply *stored = reply_field(stages, "stored");
    long long end = took_us(stages);

    for (size_t i = 0; i < reply_count(stored); i++) {
        long long us = reply_number(reply_element(reply_element(stored, i), 1), -1);

        end = us > end ? us : end;
    }
    return end;
}

static void draw_one(struct buffer *out, const redisReply *entry, const struct style *style)
{
    const redisReply *stages = stages_of(entry);
    const redisReply *stored = reply_field(stages, "stored");
    const redisReply **nodes = sorted_nodes(stored);
    long long whole_us = end_us(stages);

    buffer_printf(out,
                  "%sentry %lld%s of term %lld, one of %lld in its batch: ", style_on(style, BOLD),
                  reply_number(entry->element[0], 0), style_off(style, BOLD),
                  reply_number(entry->element[1], 0), number_of(stages, "batch_entries"));
    print_line(out, reply_text(entry->element[2]));
    buffer_append(out, " ", 1);
    print_line(out, reply_text(entry->element[3]));
    buffer_printf(out, "\n\n");
    draw_moment(out, "received", 0);
    draw_moment(out, "proposed", number_of(stages, "proposed_us"));
    for (size_t i = 0; i < reply_count(stored); i++) {
        draw_node(out, stages, nodes[i], whole_us, style);
    }
    free(nodes);
    draw_moment(out, "committed", number_of(stages, "committed_us"));
    draw_moment(out, "applied", number_of(stages, "applied_us"));
    draw_moment(out, "answered", number_of(stages, "answered_us"));
    buffer_printf(out, "\n%s%s on its way  %s on the node's disk  last: completed the majority%s\n",
                  style_on(style, DIM), mark_of(WAITING, style), mark_of(STORING, style),
                  style_off(style, DIM));
}

/* --- REQUEST_LOG ------------------------------------------------------------------------- */

static bool is_request_log(const redisReply *reply)
{
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply_count(reply->element[i]) < 4) {
            return false;
        }
    }
    return true;
}

/* Behind the command: proposed, committed, applied, answered, last, and NODE=stored/disk of each
 * node; times in microseconds since the entry was received. */
static void draw_stage_fields(struct buffer *out, const redisReply *stages)
{
    const redisReply *stored = reply_field(stages, "stored");

    buffer_printf(out, "\t%lld\t%lld\t%lld\t%lld\t", number_of(stages, "proposed_us"),
                  number_of(stages, "committed_us"), number_of(stages, "applied_us"),
                  number_of(stages, "answered_us"));
    print_line(out, text_of(stages, "last"));
    for (size_t i = 0; i < reply_count(stored); i++) {
        const redisReply *node = reply_element(stored, i);

        buffer_append(out, "\t", 1);
        print_line(out, reply_text(reply_element(node, 0)));
        buffer_printf(out, "=%lld/%lld", reply_number(reply_element(node, 1), -1),
                      reply_number(reply_element(node, 2), -1));
    }
}

static void draw_log_lines(struct buffer *out, const redisReply *reply)
{
    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *entry = reply->element[i];

        buffer_printf(out, "%lld\t%lld\t", reply_number(entry->element[0], 0),
                      reply_number(entry->element[1], 0));
        print_line(out, reply_text(entry->element[2]));
        buffer_append(out, "\t", 1);
        print_line(out, reply_text(entry->element[3]));
        if (has_stages(stages_of(entry))) {
            draw_stage_fields(out, stages_of(entry));
        }
        buffer_append(out, "\n", 1);
    }
}

bool request_log_draw(struct buffer *out, const redisReply *reply, const struct style *style)
{
    bool is_staged = false;

    if (!is_request_log(reply)) {
        return false;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        is_staged = is_staged || has_stages(stages_of(reply->element[i]));
    }
    if (!style->terminal) {
        draw_log_lines(out, reply);
    } else if (!is_staged) {
        draw_table(out, reply, style);
    } else if (reply->elements == 1) {
        draw_one(out, reply->element[0], style);
    } else {
        draw_staged_table(out, reply, style);
    }
    return true;
}

/* --- RAFT SLOW --------------------------------------------------------------------------- */

static void add_share(struct table *t, long long count, long long total)
{
    struct buffer text = {0};

    buffer_printf(&text, "%lld", count);
    if (total > 0) {
        buffer_printf(&text, " (%lld%%)", count * 100 / total);
    }
    table_add(t, PLAIN, buffer_slice(&text));
    buffer_deinit(&text);
}

static void draw_slow_nodes(struct buffer *out, const redisReply *reply, const struct style *style)
{
    static const struct table_column columns[] = {
        {"NODE", TABLE_LEFT, false},        {"LAST", TABLE_RIGHT, false},
        {"LATE", TABLE_RIGHT, false},       {"STORED P50", TABLE_RIGHT, false},
        {"STORED P99", TABLE_RIGHT, false},
    };
    size_t count = reply_count(reply_field(reply, "nodes"));
    const redisReply **nodes = sorted_nodes(reply_field(reply, "nodes"));
    long long total = number_of(reply, "batches");
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        table_add_text(&t, PLAIN, address_of(nodes[i]));
        add_share(&t, number_of(nodes[i], "last"), total);
        add_share(&t, number_of(nodes[i], "late"), total);
        add_time(&t, PLAIN, number_of(nodes[i], "stored_p50_us"));
        add_time(&t, PLAIN, number_of(nodes[i], "stored_p99_us"));
    }
    table_draw(&t, style, out);
    table_deinit(&t);
    free(nodes);
}

static void add_clock(struct table *t, long long at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm local;
    char text[32] = "";

    if (localtime_r(&at, &local) != NULL) {
        strftime(text, sizeof text, "%H:%M:%S", &local);
    }
    table_add(t, PLAIN, slice_str(text));
}

static void draw_slowest(struct buffer *out, const redisReply *slowest, const struct style *style)
{
    static const struct table_column columns[] = {
        {"TIME", TABLE_LEFT, false},  {"INDEX", TABLE_RIGHT, false}, {"ENTRIES", TABLE_RIGHT, true},
        {"TOOK", TABLE_RIGHT, false}, {"STAGES", TABLE_LEFT, false}, {"LAST", TABLE_LEFT, false},
    };
    long long whole_us = took_us(reply_element(slowest, 0));
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < reply_count(slowest); i++) {
        const redisReply *stages = reply_element(slowest, i);

        add_clock(&t, number_of(stages, "time_ms"));
        table_add_number(&t, PLAIN, number_of(stages, "batch_first"));
        table_add_number(&t, DIM, number_of(stages, "batch_entries"));
        add_time(&t, PLAIN, took_us(stages));
        add_bar(&t, stages, whole_us, style);
        table_add_text(&t, PLAIN, text_of(stages, "last"));
    }
    table_draw(&t, style, out);
    table_deinit(&t);
}

bool slow_draw(struct buffer *out, const redisReply *reply, const struct style *style)
{
    const redisReply *slowest = reply_field(reply, "slowest");

    if (reply_count(reply_field(reply, "nodes")) == 0) {
        return false;
    }
    draw_slow_nodes(out, reply, style);
    if (reply_count(slowest) > 0) {
        buffer_append(out, "\n", 1);
        draw_slowest(out, slowest, style);
    }
    if (style->terminal) {
        draw_legend(out, style);
    }
    return true;
}
