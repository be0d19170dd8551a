/* lincheck.c - judges a history, partition by partition; see lincheck.h. */
#include "lincheck/lincheck.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "lincheck/lincheck_report.h"
#include "lincheck/lincheck_search.h"

/* --- the shortest prefix ----------------------------------------------------------------- */

static uint32_t return_from(const struct lincheck_event *events, uint32_t i)
{
    while (!events[i].is_return) {
        i++;
    }
    return i;
}

static uint32_t return_until(const struct lincheck_event *events, uint32_t i)
{
    while (!events[i].is_return) {
        i--;
    }
    return i;
}

/* Finds the shortest prefix of the history that can't be explained: sets the event where it
 * ends, from `blocked` to `last`. The prefix up to `last` can't be explained. If a search got no
 * further than a return, everything before that return can be explained; the reverse does not
 * hold, because the search also used replies that come after the end of a shorter history.
 * Returns false if the limits were reached. */
static bool shorten(const struct lincheck_partition *partition, const struct lincheck_event *events,
                    uint32_t blocked, uint32_t *last, struct lincheck_limits *limits)
{
    uint32_t first = blocked;
    uint32_t middle = blocked; /* Usually `blocked` is the end already. */

    while (first < *last) {
        switch (lincheck_search(partition, events, middle + 1, limits, &blocked, NULL)) {
        case LINCHECK_FOUND_ORDER:
            first = return_from(events, middle + 1);
            break;
        case LINCHECK_FOUND_NONE:
            *last = middle;
            first = blocked > first ? blocked : first;
            break;
        default:
            return false;
        }
        middle = return_until(events, first + (*last - first) / 2);
    }
    return true;
}

/* Keeps the answers with which the history up to here would be linearizable. */
static void keep_good_answers(const struct lincheck_partition *partition,
                              const struct lincheck_event *events, uint32_t last,
                              struct lincheck_limits *limits, struct lincheck_finding *finding)
{
    struct lincheck_operation *culprit = &partition->operations[events[last].operation];
    const struct history_operation *source = culprit->source;
    struct history_operation changed = *source;
    uint32_t count = finding->answer_count;
    uint32_t blocked;

    finding->answer_count = 0;
    culprit->source = &changed;
    for (uint32_t i = 0; i < count; i++) {
        changed.reply = finding->answers[i];
        if (lincheck_search(partition, events, last + 1, limits, &blocked, NULL) ==
            LINCHECK_FOUND_ORDER) {
            finding->answers[finding->answer_count++] = changed.reply;
        }
    }
    culprit->source = source;
}

static void explain(const struct lincheck_partition *partition, const struct lincheck_event *events,
                    uint32_t event_count, uint32_t blocked, struct lincheck_limits *limits,
                    struct buffer *out)
{
    struct lincheck_finding finding = {0};
    uint32_t last = return_until(events, event_count - 1);
    bool is_shortest = shorten(partition, events, blocked, &last, limits);

    if (is_shortest) {
        lincheck_search(partition, events, last + 1, limits, &blocked, &finding);
        keep_good_answers(partition, events, last, limits, &finding);
    }

    struct lincheck_violation violation = {
        .partition = partition,
        .events = events,
        .event_count = last + 1,
        .is_shortest = is_shortest,
        .finding = &finding,
    };

    if (buffer_size(out) > 0) {
        buffer_append(out, "\n", 1);
    }
    lincheck_report(&violation, out);
    lincheck_finding_deinit(&finding);
}

/* --- partitions ---------------------------------------------------------------------------- */

static void ran_out(const struct lincheck_partition *partition, const char *of_what,
                    struct buffer *out)
{
    buffer_printf(out, "Not known: out of %s at %" PRIu32 " operations on key ", of_what,
                  partition->operation_count);
    lincheck_report_keys(partition, out);
    buffer_append(out, "\n", 1);
}

/* Returns false if the limits were reached. */
static bool judge(const struct lincheck_partition *partition,
                  const struct lincheck_options *options, struct lincheck_limits *limits,
                  struct lincheck_result *result)
{
    uint32_t event_count;
    uint32_t blocked = 0;
    struct lincheck_event *events = lincheck_events(partition, &event_count);
    enum lincheck_found found =
        lincheck_search(partition, events, event_count, limits, &blocked, NULL);

    switch (found) {
    case LINCHECK_FOUND_ORDER:
        break;
    case LINCHECK_FOUND_NONE:
        result->outcome = LINCHECK_VIOLATION;
        result->violation_count++;
        if (result->violation_count <= options->explanations_max) {
            explain(partition, events, event_count, blocked, limits, &result->text);
        }
        break;
    case LINCHECK_RAN_OUT_OF_TIME:
    case LINCHECK_RAN_OUT_OF_MEMORY:
        ran_out(partition, found == LINCHECK_RAN_OUT_OF_TIME ? "time" : "memory", &result->text);
        if (result->outcome == LINCHECK_LINEARIZABLE) {
            result->outcome =
                found == LINCHECK_RAN_OUT_OF_TIME ? LINCHECK_TIMEOUT : LINCHECK_MEMORY;
        }
        break;
    }
    free(events);
    return found != LINCHECK_RAN_OUT_OF_TIME;
}

void lincheck_run(const struct history *h, const struct lincheck_options *options,
                  struct lincheck_result *ret_result)
{
    struct lincheck_partitions p;
    struct lincheck_limits limits = {
        .deadline_ns =
            options->timeout_ns == 0 ? UINT64_MAX : lincheck_now_ns() + options->timeout_ns,
        .step_limit = options->step_limit == 0 ? UINT64_MAX : options->step_limit,
        .memory_limit_bytes = UINT64_MAX,
    };

    *ret_result = (struct lincheck_result){.operation_count = history_count(h)};
    if (lincheck_partitions_init(&p, h, &ret_result->text) < 0) {
        buffer_append(&ret_result->text, "\n", 1);
        ret_result->outcome = LINCHECK_REFUSED;
        return;
    }

    uint64_t fixed_bytes = history_bytes(h) + lincheck_partitions_bytes(&p);

    if (options->memory_limit_bytes > 0) {
        limits.memory_limit_bytes = options->memory_limit_bytes > fixed_bytes
                                        ? options->memory_limit_bytes - fixed_bytes
                                        : 0;
    }
    ret_result->open_count = p.open_count;
    ret_result->partition_count = p.partition_count;
    for (uint32_t i = 0; i < p.partition_count; i++) {
        if (p.partitions[i].operation_count > ret_result->largest_count) {
            ret_result->largest_count = p.partitions[i].operation_count;
        }
    }
    for (uint32_t i = 0; i < p.partition_count; i++) {
        if (!judge(&p.partitions[i], options, &limits, ret_result)) {
            break;
        }
    }
    ret_result->step_count = limits.step_count;
    ret_result->memory_bytes_max = fixed_bytes + limits.memory_bytes_max;
    lincheck_partitions_deinit(&p);
}

void lincheck_result_deinit(struct lincheck_result *result)
{
    buffer_deinit(&result->text);
}
