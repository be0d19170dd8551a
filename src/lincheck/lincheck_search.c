/* lincheck_search.c - the search of Wing and Gong (Testing and verifying concurrent objects,
 * 1993) with the memory of visited configurations that Lowe added (Testing for linearizability,
 * 2017), without recursion.
 *
 * Calls and returns are in a linked list, sorted by time. An operation can be next in the order
 * if its call comes before the first return in the list. Placing it removes both its entries
 * from the list (lift). If nothing fits any more, the operation placed last is put back
 * (unlift), and the next candidate is tried.
 *
 * Four rules shorten the search and lose no order:
 *
 * - A read that fits is placed for good. Any order that explains the rest and has this read
 *   later still works with the read moved here, because it changes nothing. (The exception: an
 *   open operation that could not be placed after it any more, because the read settles that
 *   operation, or was called after its bound.)
 * - The search is over when all operations that returned are placed. Open ones are in a list of
 *   their own, are tried last, and need not be placed at all.
 * - An open operation that makes no difference is not placed: neither one that leaves the state
 *   as it is, nor one whose successor would have fitted without it and led to the same state.
 *   The same order works without it, and the search tries that, too. (Proof: of all visited
 *   configurations that lead to success, take one with the fewest operations left to place, and
 *   of these one with the fewest placed. This rule cannot have skipped its next operation,
 *   because the configuration without the open operation was visited too, leads to success in as
 *   many steps, and has fewer placed.)
 * - Values that no reply can distinguish count as equal: lincheck_seen.h. */
#include "lincheck/lincheck_search.h"

#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"
#include "lincheck/lincheck_memo.h"

enum { LOOK_AT_LIMITS_EACH = 256 };

#define NOBODY UINT32_MAX

/* Entries are events by number + 1. List heads are 0 and the entry after the last one. */
struct list_entry {
    uint32_t next;
    uint32_t previous;
};

struct placed {
    uint32_t operation;
    uint32_t state;          /* State before it was placed. */
    uint64_t latest_call_ns; /* latest_call_ns before it was placed. */
    bool is_final;           /* No alternative has to be tried. */
};

/* What the search knows about an operation. */
struct subject {
    uint32_t call;    /* Entries of the list. */
    uint32_t returns; /* 0: it is open. */
    uint32_t number;  /* In its set. */
    uint32_t settler; /* Of an open one: it is executed before this operation, or never. */
};

struct search {
    const struct lincheck_partition *partition;
    const struct lincheck_event *events;
    uint32_t event_count;
    struct lincheck_limits *limits;
    struct lincheck_model model;
    struct subject *subjects; /* By operation. */
    struct list_entry *list;
    uint32_t open_head; /* The other head is 0. */
    uint32_t known_left;
    uint32_t known_count;
    uint32_t open_count;
    uint32_t state;
    uint64_t latest_call_ns;   /* The latest call of those placed: what comes next is executed
                                * after it. */
    struct lincheck_set known; /* Placed, of those that returned. */
    struct lincheck_set open;  /* Placed, of the open ones. */
    struct lincheck_memo memo;
    struct placed *order;
    uint32_t order_count;
    uint32_t blocked; /* The latest return that stopped the search, as an entry. */
    struct lincheck_finding *finding;
};

uint64_t lincheck_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- events ---------------------------------------- */

static int compare_events(const void *a, const void *b)
{
    const struct lincheck_event *x = a;
    const struct lincheck_event *y = b;

    if (x->time_ns != y->time_ns) {
        return x->time_ns < y->time_ns ? -1 : 1;
    }
    if (x->is_return != y->is_return) {
        return x->is_return ? 1 : -1;
    }
    return (x->operation > y->operation) - (x->operation < y->operation);
}

struct lincheck_event *lincheck_events(const struct lincheck_partition *partition,
                                       uint32_t *ret_count)
{
    uint32_t count = 0;
    struct lincheck_event *events =
        memory_take((2 * (size_t)partition->operation_count + 1) * sizeof *events);

    for (uint32_t i = 0; i < partition->operation_count; i++) {
        const struct history_operation *source = partition->operations[i].source;

        events[count++] = (struct lincheck_event){source->invoke_ns, i, false};
        if (source->return_ns != HISTORY_OPEN) {
            events[count++] = (struct lincheck_event){source->return_ns, i, true};
        }
    }
    qsort(events, count, sizeof *events, compare_events);
    *ret_count = count;
    return events;
}

/* --- the lists ---------------------------------------- */

static void list_append(struct search *s, uint32_t head, uint32_t entry)
{
    uint32_t last = s->list[head].previous;

    s->list[entry] = (struct list_entry){.next = head, .previous = last};
    s->list[last].next = entry;
    s->list[head].previous = entry;
}

static void list_take_out(struct search *s, uint32_t entry)
{
    s->list[s->list[entry].previous].next = s->list[entry].next;
    s->list[s->list[entry].next].previous = s->list[entry].previous;
}

/* Puts the entry that was removed last back into its place. */
static void list_put_back(struct search *s, uint32_t entry)
{
    s->list[s->list[entry].previous].next = entry;
    s->list[s->list[entry].next].previous = entry;
}

static const struct lincheck_operation *operation_at(const struct search *s, uint32_t operation)
{
    return &s->partition->operations[operation];
}

static bool is_open(const struct search *s, uint32_t operation)
{
    return s->subjects[operation].returns == 0;
}

static void lift(struct search *s, uint32_t operation)
{
    const struct subject *subject = &s->subjects[operation];

    list_take_out(s, subject->call);
    if (subject->returns != 0) {
        list_take_out(s, subject->returns);
        s->known_left--;
    }
}

static void unlift(struct search *s, uint32_t operation)
{
    const struct subject *subject = &s->subjects[operation];

    if (subject->returns != 0) {
        list_put_back(s, subject->returns);
        s->known_left++;
    }
    list_put_back(s, subject->call);
}

static uint64_t call_ns(const struct search *s, uint32_t operation)
{
    return operation_at(s, operation)->source->invoke_ns;
}

/* Whether an open operation can't be executed any more: its settler is placed, or an operation
 * that was called after settled_ns. */
static bool is_over(const struct search *s, uint32_t operation)
{
    uint64_t settled_ns = operation_at(s, operation)->source->settled_ns;
    uint32_t settler = s->subjects[operation].settler;

    return settled_ns > 0 &&
           (settled_ns < s->latest_call_ns ||
            (settler != NOBODY && lincheck_set_has(&s->known, s->subjects[settler].number)));
}

/* Whether placing `operation` excludes an open one that could be placed now. */
static bool shuts_out(const struct search *s, uint32_t operation)
{
    for (uint32_t entry = s->list[s->open_head].next; entry != s->open_head;
         entry = s->list[entry].next) {
        uint32_t open = s->events[entry - 1].operation;
        uint64_t settled_ns = operation_at(s, open)->source->settled_ns;

        if (settled_ns > 0 && !is_over(s, open) &&
            (settled_ns < call_ns(s, operation) || s->subjects[open].settler == operation)) {
            return true;
        }
    }
    return false;
}

static struct lincheck_set *set_of(struct search *s, uint32_t operation)
{
    return is_open(s, operation) ? &s->open : &s->known;
}

/* --- beginning and end ---------------------------------------- */

static void fill_lists(struct search *s)
{
    for (uint32_t i = 0; i < s->event_count; i++) {
        if (s->events[i].is_return) {
            s->subjects[s->events[i].operation].returns = i + 1;
        } else {
            s->subjects[s->events[i].operation].call = i + 1;
        }
    }
    s->open_head = s->event_count + 1;
    s->list[0] = (struct list_entry){0, 0};
    s->list[s->open_head] = (struct list_entry){s->open_head, s->open_head};
    for (uint32_t i = 0; i < s->event_count; i++) {
        uint32_t operation = s->events[i].operation;
        struct subject *subject = &s->subjects[operation];

        if (subject->returns != 0) {
            list_append(s, 0, i + 1);
            if (!s->events[i].is_return) {
                subject->number = s->known_count++;
            }
        } else if (!operation_at(s, operation)->is_read) {
            list_append(s, s->open_head, i + 1);
            subject->number = s->open_count++;
        }
    }
}

/* The operation that settles an open one: of those of its client that returned at its
 * settled_ns, the last in the history. NOBODY if that uses other keys or returns after the end
 * of this history. */
static uint32_t settler_of(const struct search *s, uint32_t open)
{
    const struct history_operation *source = operation_at(s, open)->source;
    uint32_t found = NOBODY;

    for (uint32_t i = 0; source->settled_ns > 0 && i < s->partition->operation_count; i++) {
        const struct history_operation *other = operation_at(s, i)->source;

        if (!is_open(s, i) && other->return_ns == source->settled_ns &&
            slice_equal(other->client, source->client) &&
            (found == NOBODY || other > operation_at(s, found)->source)) {
            found = i;
        }
    }
    return found;
}

static void search_init(struct search *s)
{
    uint32_t count = s->partition->operation_count;

    s->subjects = memory_take_zeroed(count + 1, sizeof *s->subjects);
    s->list = memory_take((s->event_count + 2) * sizeof *s->list);
    s->order = memory_take((count + 1) * sizeof *s->order);
    fill_lists(s);
    for (uint32_t i = 0; i < count; i++) {
        s->subjects[i].settler = is_open(s, i) ? settler_of(s, i) : NOBODY;
    }
    s->known_left = s->known_count;
    lincheck_set_init(&s->known, s->known_count);
    lincheck_set_init(&s->open, s->open_count);
    s->state =
        lincheck_model_init(&s->model, s->partition->key_count, s->limits->memory_limit_bytes);
    if (s->finding == NULL) { /* A finding needs the real answers. */
        lincheck_model_hide(&s->model, s->partition->operations, count);
    }
}

static uint64_t search_bytes(const struct search *s)
{
    uint64_t fixed =
        (s->partition->operation_count + 1) * (sizeof *s->subjects + sizeof *s->order) +
        (s->event_count + 2) * (sizeof *s->list + sizeof *s->events) + s->known_count / 8 +
        s->open_count / 8;

    return fixed + lincheck_model_bytes(&s->model) + lincheck_memo_bytes(&s->memo);
}

static void search_deinit(struct search *s)
{
    uint64_t bytes = search_bytes(s);

    if (s->limits->memory_bytes_max < bytes) {
        s->limits->memory_bytes_max = bytes;
    }
    lincheck_model_deinit(&s->model);
    lincheck_memo_reset(&s->memo);
    lincheck_set_deinit(&s->known);
    lincheck_set_deinit(&s->open);
    free(s->subjects);
    free(s->list);
    free(s->order);
}

/* --- findings ---------------------------------------- */

/* Notes the reply that an operation would have got, if it is the one to be explained. */
static void note_answer(struct search *s, uint32_t operation)
{
    struct lincheck_finding *f = s->finding;

    if (f == NULL || s->subjects[operation].returns != s->event_count ||
        f->answer_count == LINCHECK_ANSWERS_MAX) {
        return;
    }

    struct history_reply answer = lincheck_reply(&s->model, s->state, operation_at(s, operation));

    for (uint32_t i = 0; i < f->answer_count; i++) {
        if (history_reply_equal(&f->answers[i], &answer)) {
            return;
        }
    }
    f->answers[f->answer_count++] = history_reply_copy(&f->arena, &answer);
}

/* Nothing fits before this return. If it is the last one, everything before it has been
 * explained. */
static void note_blocked(struct search *s, uint32_t entry)
{
    if (entry > s->blocked) {
        s->blocked = entry;
    }
    if (s->finding == NULL || entry != s->event_count) {
        return;
    }
    if (s->finding->order == NULL) {
        s->finding->order = memory_take((s->order_count + 1) * sizeof *s->finding->order);
        s->finding->order_count = s->order_count;
        for (uint32_t i = 0; i < s->order_count; i++) {
            s->finding->order[i] = s->order[i].operation;
        }
    }
}

void lincheck_finding_deinit(struct lincheck_finding *finding)
{
    free(finding->order);
    arena_reset(&finding->arena);
}

/* --- trying ---------------------------------------- */

enum attempt { ATTEMPT_FAILED, ATTEMPT_PLACED, ATTEMPT_HOPELESS };

/* Whether the operation placed last is open and useless: without it this one would have fitted
 * as well, and led to the same state. */
static bool makes_last_useless(struct search *s, uint32_t operation, uint32_t after)
{
    uint32_t without;

    if (s->order_count == 0 || !is_open(s, s->order[s->order_count - 1].operation)) {
        return false;
    }
    return lincheck_step(&s->model, s->order[s->order_count - 1].state, operation_at(s, operation),
                         is_open(s, operation), &without) &&
           without == after;
}

static enum attempt attempt(struct search *s, uint32_t operation)
{
    const struct lincheck_operation *o = operation_at(s, operation);
    bool open = is_open(s, operation);
    uint32_t after;

    s->limits->step_count++;
    if (open && is_over(s, operation)) {
        return ATTEMPT_FAILED;
    }
    if (!lincheck_step(&s->model, s->state, o, open, &after) || (open && after == s->state) ||
        makes_last_useless(s, operation, after)) {
        note_answer(s, operation);
        return ATTEMPT_FAILED;
    }

    struct lincheck_set *set = set_of(s, operation);
    bool is_final = o->is_read && !shuts_out(s, operation);

    lincheck_set_add(set, s->subjects[operation].number);
    if (!lincheck_memo_add(&s->memo, after, &s->known, &s->open)) {
        lincheck_set_remove(set, s->subjects[operation].number);
        return is_final ? ATTEMPT_HOPELESS : ATTEMPT_FAILED;
    }
    lift(s, operation);
    s->order[s->order_count++] = (struct placed){operation, s->state, s->latest_call_ns, is_final};
    s->state = after;
    if (call_ns(s, operation) > s->latest_call_ns) {
        s->latest_call_ns = call_ns(s, operation);
    }
    return ATTEMPT_PLACED;
}

/* Takes back the operation placed last that another may replace; false if there is none. */
static bool go_back(struct search *s, uint32_t *ret_operation)
{
    while (s->order_count > 0) {
        struct placed last = s->order[--s->order_count];

        s->state = last.state;
        s->latest_call_ns = last.latest_call_ns;
        unlift(s, last.operation);
        lincheck_set_remove(set_of(s, last.operation), s->subjects[last.operation].number);
        if (!last.is_final) {
            *ret_operation = last.operation;
            return true;
        }
    }
    return false;
}

/* --- searching ---------------------------------------- */

static enum lincheck_found look_at_limits(struct search *s)
{
    if (s->model.is_full || search_bytes(s) > s->limits->memory_limit_bytes) {
        return LINCHECK_RAN_OUT_OF_MEMORY;
    }
    if (s->limits->step_count > s->limits->step_limit ||
        (s->limits->deadline_ns != UINT64_MAX && lincheck_now_ns() > s->limits->deadline_ns)) {
        return LINCHECK_RAN_OUT_OF_TIME;
    }
    return LINCHECK_FOUND_NONE;
}

static uint32_t first_return(const struct search *s)
{
    uint32_t entry = s->list[0].next;

    while (!s->events[entry - 1].is_return) {
        entry = s->list[entry].next;
    }
    return entry;
}

/* Tries the candidates for the next place, from `entry` on: first the operations that return,
 * then the open ones. HOPELESS: nothing can be placed any more. */
static enum attempt place_next(struct search *s, uint32_t entry)
{
    enum attempt result = ATTEMPT_FAILED;
    uint32_t stop = first_return(s);

    if (entry != s->open_head && !is_open(s, s->events[entry - 1].operation)) {
        for (; entry != stop && result == ATTEMPT_FAILED; entry = s->list[entry].next) {
            result = attempt(s, s->events[entry - 1].operation);
        }
        entry = s->list[s->open_head].next;
    }
    for (; result == ATTEMPT_FAILED && entry != s->open_head && entry < stop;
         entry = s->list[entry].next) {
        result = attempt(s, s->events[entry - 1].operation);
    }
    if (result == ATTEMPT_FAILED) {
        note_blocked(s, stop);
    }
    return result;
}

static enum lincheck_found search_all(struct search *s)
{
    uint32_t entry = s->list[0].next;
    uint32_t ticks = 0;

    while (s->known_left > 0) {
        uint32_t last;

        if (place_next(s, entry) == ATTEMPT_PLACED) {
            entry = s->list[0].next;
        } else if (go_back(s, &last)) {
            entry = s->list[s->subjects[last].call].next;
        } else {
            return s->model.is_full ? LINCHECK_RAN_OUT_OF_MEMORY : LINCHECK_FOUND_NONE;
        }
        if (++ticks % LOOK_AT_LIMITS_EACH == 0 || s->model.is_full) {
            enum lincheck_found found = look_at_limits(s);

            if (found != LINCHECK_FOUND_NONE) {
                return found;
            }
        }
    }
    return LINCHECK_FOUND_ORDER;
}

enum lincheck_found lincheck_search(const struct lincheck_partition *partition,
                                    const struct lincheck_event *events, uint32_t event_count,
                                    struct lincheck_limits *limits, uint32_t *ret_blocked,
                                    struct lincheck_finding *finding)
{
    struct search s = {
        .partition = partition,
        .events = events,
        .event_count = event_count,
        .limits = limits,
        .finding = finding,
    };

    search_init(&s);

    enum lincheck_found found = search_all(&s);

    if (found == LINCHECK_FOUND_NONE) {
        CHECK(s.blocked > 0);
        *ret_blocked = s.blocked - 1;
    }
    search_deinit(&s);
    return found;
}
