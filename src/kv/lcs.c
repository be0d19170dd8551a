/* lcs.c - LCS: the longest common subsequence of two strings, by the usual table. Row i and
 * column j of it say how long that of the first i and the first j bytes is. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "kv/call.h"
#include "kv/commands.h"
#include "kv/kv.h"
#include "resp/errors.h"

enum { CELLS_MAX = 16 * 1024 * 1024 }; /* Nothing else runs while the table is filled. */

struct lcs_options {
    bool wants_length;
    bool wants_ranges;
    bool wants_range_lengths;
    int64_t range_bytes_min;
};

struct lcs {
    struct slice a, b;
    uint32_t *cells;
    struct buffer ranges; /* Array of struct range, from the end of the strings on. */
    uint64_t range_count;
    char *text; /* The subsequence. */
};

/* Bytes that are the same in both, one after the other; all ends are included. */
struct range {
    size_t a_first, a_last, b_first, b_last;
};

/* --- options ----------------------------------------------------------------------------- */

/* Replies an error if it returns false. */
static bool read_words(struct command_call *call, struct lcs_options *o)
{
    for (uint32_t i = 3; i < call->argument_count; i++) {
        struct slice word = call->arguments[i];

        if (slice_is(word, "IDX")) {
            o->wants_ranges = true;
        } else if (slice_is(word, "LEN")) {
            o->wants_length = true;
        } else if (slice_is(word, "WITHMATCHLEN")) {
            o->wants_range_lengths = true;
        } else if (slice_is(word, "MINMATCHLEN") && i + 1 < call->argument_count) {
            if (!call_read_integer(call, ++i, &o->range_bytes_min)) {
                return false;
            }
        } else {
            resp_error(call->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

static bool read_options(struct command_call *call, struct lcs_options *ret_options)
{
    *ret_options = (struct lcs_options){0};
    if (!read_words(call, ret_options)) {
        return false;
    }
    if (ret_options->wants_length && ret_options->wants_ranges) {
        resp_error(call->reply, ERROR_LCS_BOTH);
        return false;
    }
    return true;
}

/* --- the table --------------------------------------------------------------------------- */

static uint32_t *cell(const struct lcs *l, size_t i, size_t j)
{
    return &l->cells[i * (l->b.size + 1) + j];
}

static void fill(struct lcs *l)
{
    l->cells = memory_take_zeroed((l->a.size + 1) * (l->b.size + 1), sizeof *l->cells);
    for (size_t i = 1; i <= l->a.size; i++) {
        for (size_t j = 1; j <= l->b.size; j++) {
            uint32_t above = *cell(l, i - 1, j);
            uint32_t before = *cell(l, i, j - 1);
            bool is_equal = l->a.data[i - 1] == l->b.data[j - 1];

            *cell(l, i, j) = is_equal         ? *cell(l, i - 1, j - 1) + 1
                             : above > before ? above
                                              : before;
        }
    }
}

static uint32_t length_of(const struct lcs *l)
{
    return *cell(l, l->a.size, l->b.size);
}

static void end_range(struct lcs *l, struct range *range, bool *has_range, int64_t bytes_min)
{
    size_t size = range->a_last - range->a_first + 1;

    if (*has_range && (bytes_min <= 0 || size >= (uint64_t)bytes_min)) {
        buffer_append(&l->ranges, range, sizeof *range);
        l->range_count++;
    }
    *has_range = false;
}

/* From the ends of both strings back to their beginning. */
static void walk_back(struct lcs *l, int64_t range_bytes_min)
{
    size_t i = l->a.size;
    size_t j = l->b.size;
    size_t left = length_of(l);
    struct range range = {0, 0, 0, 0};
    bool has_range = false;

    l->text = memory_take(left + 1);
    while (i > 0 && j > 0) {
        if (l->a.data[i - 1] == l->b.data[j - 1]) {
            i--;
            j--;
            l->text[--left] = l->a.data[i];
            range = has_range ? (struct range){i, range.a_last, j, range.b_last}
                              : (struct range){i, i, j, j};
            has_range = true;
            continue;
        }
        end_range(l, &range, &has_range, range_bytes_min);
        if (*cell(l, i - 1, j) > *cell(l, i, j - 1)) {
            i--;
        } else {
            j--;
        }
    }
    end_range(l, &range, &has_range, range_bytes_min);
}

/* --- replies ----------------------------------------------------------------------------- */

static void reply_pair(struct resp_writer *w, size_t first, size_t last)
{
    resp_array(w, 2);
    resp_integer(w, (int64_t)first);
    resp_integer(w, (int64_t)last);
}

static void reply_ranges(struct command_call *call, const struct lcs *l,
                         const struct lcs_options *o)
{
    resp_map(call->reply, 2);
    resp_bulk_text(call->reply, "matches");
    resp_array(call->reply, l->range_count);
    for (uint64_t i = 0; i < l->range_count; i++) {
        struct range range;

        memcpy(&range, buffer_begin(&l->ranges) + i * sizeof range, sizeof range);
        resp_array(call->reply, o->wants_range_lengths ? 3 : 2);
        reply_pair(call->reply, range.a_first, range.a_last);
        reply_pair(call->reply, range.b_first, range.b_last);
        if (o->wants_range_lengths) {
            resp_integer(call->reply, (int64_t)(range.a_last - range.a_first + 1));
        }
    }
    resp_bulk_text(call->reply, "len");
    resp_integer(call->reply, length_of(l));
}

static void reply(struct command_call *call, struct lcs *l, const struct lcs_options *o)
{
    fill(l);
    if (o->wants_length) {
        resp_integer(call->reply, length_of(l));
        return;
    }
    walk_back(l, o->range_bytes_min);
    if (o->wants_ranges) {
        reply_ranges(call, l, o);
    } else {
        resp_bulk(call->reply, slice_of(l->text, length_of(l)));
    }
}

/* --- the command ------------------------------------------------------------------------- */

static bool find_string(const struct command_call *call, uint32_t index, struct slice *ret_value)
{
    struct kv_value value = {.bytes = {"", 0}};
    bool is_there = kv_find(call->kv, call->arguments[index], &value);

    *ret_value = value.bytes;
    return !is_there || value.traits.type == VALUE_STRING;
}

static bool check_lcs(struct command_call *call)
{
    struct lcs_options options;

    return read_options(call, &options);
}

static void lcs_command(struct command_call *call)
{
    struct lcs l = {.cells = NULL};
    struct lcs_options options;

    if (!find_string(call, 1, &l.a) || !find_string(call, 2, &l.b)) {
        resp_error(call->reply, ERROR_LCS_TYPE);
        return;
    }
    if (!read_options(call, &options)) {
        return;
    }
    if ((uint64_t)(l.a.size + 1) * (l.b.size + 1) > CELLS_MAX) {
        resp_errorf(call->reply, ERROR_LCS_LONG, CELLS_MAX);
        return;
    }
    reply(call, &l, &options);
    call->work = (l.a.size + 1) * (l.b.size + 1) * sizeof *l.cells;
    buffer_deinit(&l.ranges);
    free(l.text);
    free(l.cells);
}

/* --- rows -------------------------------------------------------------------------------- */

/* clang-format off */
const struct command lcs_commands[] = {
    {.name = "LCS", .arity = -3, .flags = COMMAND_READ | COMMAND_WALKS, .first_key = 1,
     .last_key = 2, .key_step = 1, .handler = lcs_command, .check = check_lcs, .group = "string",
     .arguments = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     .integers = "min-match-len", .since = "7.0.0",
     .summary = "Returns the longest common subsequence of two values. LEN: its length. IDX: where "
                "it is in both."},
    {.name = NULL},
};
/* clang-format on */
