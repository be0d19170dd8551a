/* lincheck_report.c - see lincheck_report.h. */
#include "lincheck/lincheck_report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { ROWS_MAX = 16, ORDER_SHOWN = 10, TEXT_BYTES_MAX = 70, KEYS_SHOWN = 5, NEIGHBOURS = 6 };

static const struct history_operation *source_of(const struct lincheck_violation *v, uint32_t i)
{
    return v->partition->operations[i].source;
}

/* The operation that can't be explained. */
static uint32_t culprit_of(const struct lincheck_violation *v)
{
    return v->events[v->event_count - 1].operation;
}

/* --- pieces of text ---------------------------------------------------------------------- */

/* Long values are cut; they only have to identify the operation. */
static void say_cut(struct buffer *out, struct slice text)
{
    if (text.size <= TEXT_BYTES_MAX) {
        buffer_append_slice(out, text);
        return;
    }
    buffer_append(out, text.data, TEXT_BYTES_MAX / 2 - 2);
    buffer_append_slice(out, slice_str(" .. "));
    buffer_append(out, text.data + text.size - (TEXT_BYTES_MAX / 2 - 2), TEXT_BYTES_MAX / 2 - 2);
}

static void say_operation(struct buffer *out, const struct history_operation *operation)
{
    struct buffer text = {0};

    history_write_command(&text, operation);
    say_cut(out, buffer_slice(&text));
    buffer_append_slice(out, slice_str(" -> "));
    buffer_clear(&text);
    history_write_reply(&text, &operation->reply);
    say_cut(out, buffer_slice(&text));
    buffer_deinit(&text);
}

static void say_place(struct buffer *out, const struct history_operation *operation)
{
    if (operation->file != NULL) {
        buffer_printf(out, "%s:%" PRIu32, operation->file, operation->line);
    }
}

/* Without the name of the file if there is only one. */
static void say_place_in(struct buffer *out, const struct lincheck_violation *v,
                         const struct history_operation *operation)
{
    bool is_one_file = true;

    for (uint32_t i = 0; i < v->partition->operation_count; i++) {
        is_one_file &= source_of(v, i)->file == operation->file;
    }
    if (is_one_file && operation->file != NULL) {
        buffer_printf(out, "line %" PRIu32, operation->line);
    } else {
        say_place(out, operation);
    }
}

static void say_padded(struct buffer *out, struct slice text, size_t width)
{
    buffer_append_slice(out, text);
    for (size_t i = text.size; i < width; i++) {
        buffer_append(out, " ", 1);
    }
}

static void say_key(struct buffer *out, struct lincheck_key key)
{
    if (key.database != 0) {
        buffer_printf(out, "[%" PRIu32 "] ", key.database);
    }
    history_write_word(out, key.name);
}

/* Looks for each key in the operations, whose order gives the keys their numbers. */
void lincheck_report_keys(const struct lincheck_partition *partition, struct buffer *out)
{
    uint32_t shown = 0;

    for (uint32_t i = 0; i < partition->operation_count && shown < KEYS_SHOWN; i++) {
        const struct lincheck_operation *operation = &partition->operations[i];

        for (uint32_t k = 0; k < operation->key_count && shown < KEYS_SHOWN; k++) {
            /* Keys of a partition are numbered in order of appearance. */
            if (operation->keys[k] == shown) {
                buffer_append_slice(out, slice_str(shown == 0 ? "" : ", "));
                say_key(out, lincheck_key(operation, k));
                shown++;
            }
        }
    }
    if (partition->key_count > shown) {
        buffer_printf(out, " and %" PRIu32 " more", partition->key_count - shown);
    }
}

/* --- the story ----------------------------------------------------------------------------- */

static void say_answers(const struct lincheck_finding *f, struct buffer *out)
{
    struct buffer text = {0};

    if (f->answer_count == 0) {
        return;
    }
    buffer_append_slice(out, slice_str("\nAll replies before it can be explained. It could have "
                                       "been\n\n"));
    for (uint32_t i = 0; i < f->answer_count; i++) {
        buffer_clear(&text);
        history_write_reply(&text, &f->answers[i]);
        buffer_append_slice(out, slice_str("    "));
        say_cut(out, buffer_slice(&text));
        buffer_append(out, "\n", 1);
    }
    if (f->answer_count == LINCHECK_ANSWERS_MAX) {
        buffer_append_slice(out, slice_str("    or still another\n"));
    }
    buffer_deinit(&text);
}

static void say_order(const struct lincheck_violation *v, struct buffer *out)
{
    const struct lincheck_finding *f = v->finding;
    uint32_t start = f->order_count > ORDER_SHOWN ? f->order_count - ORDER_SHOWN : 0;

    if (f->order_count == 0) {
        return;
    }
    buffer_append_slice(out, slice_str("\nAn order of execution that explains what was before"));
    if (start > 0) {
        buffer_printf(out, " (the last %d of %" PRIu32 ")", ORDER_SHOWN, f->order_count);
    }
    buffer_append_slice(out, slice_str(":\n\n"));
    for (uint32_t i = start; i < f->order_count; i++) {
        buffer_printf(out, "  %4" PRIu32 ". ", i + 1);
        say_operation(out, source_of(v, f->order[i]));
        buffer_append(out, "\n", 1);
    }
}

/* --- the timeline ---------------------------------------------------------------------------- */

struct timeline {
    uint32_t rows[ROWS_MAX]; /* Operations, by time of call. */
    uint32_t row_count;
    uint64_t times[2 * ROWS_MAX]; /* Of calls and returns, rising, each once. */
    uint32_t time_count;
    uint64_t end_ns; /* Of the prefix. */
};

static bool is_shown(const struct timeline *t, uint32_t operation)
{
    for (uint32_t i = 0; i < t->row_count; i++) {
        if (t->rows[i] == operation) {
            return true;
        }
    }
    return false;
}

static void show(struct timeline *t, uint32_t operation)
{
    if (t->row_count < ROWS_MAX && !is_shown(t, operation)) {
        t->rows[t->row_count++] = operation;
    }
}

/* Whether an operation sent the value that the culprit was answered. */
static bool is_source(const struct lincheck_violation *v, uint32_t operation)
{
    const struct history_operation *source = source_of(v, operation);
    const struct history_reply *reply = &source_of(v, culprit_of(v))->reply;

    for (uint32_t i = 2; i < source->argument_count; i++) {
        if (reply->kind == HISTORY_STRING && slice_equal(source->arguments[i], reply->text)) {
            return true;
        }
    }
    return false;
}

static int compare_rows(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Chooses the culprit, the writers of what it saw, operations at the same time, and those placed
 * last, as far as there is room. Operations are numbered by time of call. */
static void choose_rows(const struct lincheck_violation *v, struct timeline *t)
{
    const struct history_operation *culprit = source_of(v, culprit_of(v));
    const struct lincheck_finding *f = v->finding;

    show(t, culprit_of(v));
    for (uint32_t i = 0; i < v->partition->operation_count; i++) {
        if (source_of(v, i)->invoke_ns <= t->end_ns && is_source(v, i)) {
            show(t, i);
        }
    }
    for (uint32_t i = 0; i < NEIGHBOURS && i < f->order_count; i++) {
        show(t, f->order[f->order_count - 1 - i]);
    }
    for (uint32_t i = v->partition->operation_count; i > 0; i--) {
        const struct history_operation *other = source_of(v, i - 1);

        if (other->invoke_ns <= t->end_ns && other->return_ns >= culprit->invoke_ns) {
            show(t, i - 1);
        }
    }
    qsort(t->rows, t->row_count, sizeof t->rows[0], compare_rows);
}

static void add_time(struct timeline *t, uint64_t time_ns)
{
    uint32_t i = t->time_count;

    if (time_ns > t->end_ns) {
        return;
    }
    for (uint32_t k = 0; k < t->time_count; k++) {
        if (t->times[k] == time_ns) {
            return;
        }
    }
    for (; i > 0 && t->times[i - 1] > time_ns; i--) {
        t->times[i] = t->times[i - 1];
    }
    t->times[i] = time_ns;
    t->time_count++;
}

/* Columns show the order of calls and returns, not durations. */
static uint32_t column_of(const struct timeline *t, uint64_t time_ns)
{
    uint32_t i = 0;

    while (i < t->time_count && t->times[i] != time_ns) {
        i++;
    }
    return 2 * i;
}

static void say_bar(const struct timeline *t, const struct history_operation *operation,
                    struct buffer *out)
{
    uint32_t width = 2 * t->time_count;
    bool goes_on = operation->return_ns > t->end_ns;
    uint32_t from = column_of(t, operation->invoke_ns);
    uint32_t to = goes_on ? width : column_of(t, operation->return_ns);

    for (uint32_t i = 0; i <= width; i++) {
        char c = i == from || (i == to && !goes_on) ? '|' : i == to ? '>' : '-';

        buffer_append(out, i < from || i > to ? " " : &c, 1);
    }
}

static void say_row(const struct lincheck_violation *v, const struct timeline *t, uint32_t row,
                    size_t place_width, size_t client_width, struct buffer *out)
{
    const struct history_operation *operation = source_of(v, t->rows[row]);
    struct buffer word = {0};

    say_place_in(&word, v, operation);
    buffer_append(out, "  ", 2);
    say_padded(out, buffer_slice(&word), place_width + 1);
    buffer_clear(&word);
    history_write_word(&word, operation->client);
    say_padded(out, buffer_slice(&word), client_width + 1);
    say_bar(t, operation, out);
    buffer_append(out, "  ", 2);
    say_operation(out, operation);
    buffer_append_slice(out, slice_str(t->rows[row] == culprit_of(v) ? "   <== this\n" : "\n"));
    buffer_deinit(&word);
}

static void say_timeline(const struct lincheck_violation *v, struct buffer *out)
{
    struct timeline t = {.end_ns = v->events[v->event_count - 1].time_ns};
    struct buffer word = {0};
    size_t place_width = 0;
    size_t client_width = 0;

    choose_rows(v, &t);
    for (uint32_t i = 0; i < t.row_count; i++) {
        const struct history_operation *operation = source_of(v, t.rows[i]);

        add_time(&t, operation->invoke_ns);
        add_time(&t, operation->return_ns);
        buffer_clear(&word);
        say_place_in(&word, v, operation);
        place_width = buffer_size(&word) > place_width ? buffer_size(&word) : place_width;
        buffer_clear(&word);
        history_write_word(&word, operation->client);
        client_width = buffer_size(&word) > client_width ? buffer_size(&word) : client_width;
    }
    buffer_append_slice(
        out,
        slice_str("\nOperations around it, from call to return (not to scale; > goes on):\n\n"));
    for (uint32_t i = 0; i < t.row_count; i++) {
        say_row(v, &t, i, place_width, client_width, out);
    }
    buffer_deinit(&word);
}

void lincheck_report(const struct lincheck_violation *v, struct buffer *out)
{
    const struct history_operation *culprit = source_of(v, culprit_of(v));
    uint32_t returned = 0;
    uint64_t start_ns = v->events[0].time_ns;

    for (uint32_t i = 0; i < v->event_count; i++) {
        returned += v->events[i].is_return;
    }
    buffer_append_slice(out, slice_str("Not linearizable: key "));
    lincheck_report_keys(v->partition, out);
    buffer_printf(out,
                  "\n\nThe first %" PRIu32 " replies%s can't be explained; the last of them is\n\n",
                  returned, v->is_shortest ? "" : " (fewer, perhaps: the limits were reached)");
    buffer_append_slice(out, slice_str("    "));
    say_operation(out, culprit);
    buffer_printf(out, "\n    client ");
    history_write_word(out, culprit->client);
    buffer_printf(out, ", called at %.9f s, returned at %.9f s",
                  (double)(culprit->invoke_ns - start_ns) / 1e9,
                  (double)(culprit->return_ns - start_ns) / 1e9);
    if (culprit->file != NULL) {
        buffer_append_slice(out, slice_str(", "));
        say_place(out, culprit);
    }
    buffer_append(out, "\n", 1);
    say_answers(v->finding, out);
    say_order(v, out);
    say_timeline(v, out);
}
