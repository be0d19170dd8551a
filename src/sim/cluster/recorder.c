/* recorder.c - see recorder.h. */
#include "sim/cluster/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "lincheck/history.h"
#include "lincheck/lincheck.h"

enum { ELEMENTS_MAX = 16, ARGUMENTS_MAX = 8 };

/* A limit that is the same on each machine; it never comes close to 1 GB. */
static const struct lincheck_options limits = {
    .step_limit = 20 * 1000 * 1000, .memory_limit_bytes = UINT64_C(1) << 30, .explanations_max = 1};

struct call {
    uint32_t client;
    uint32_t database;
    uint32_t argument_count;
    uint64_t invoke_ns;
    bool is_settled;     /* It is in the history, or does not belong there. */
    uint64_t settled_ns; /* If in doubt: it was executed by then, or never; 0: unknown. */
    char *text;          /* Of all arguments. */
    uint32_t sizes[ARGUMENTS_MAX];
};

struct recorder {
    struct call *calls; /* By operation number, from 1. */
    uint64_t call_count;
    uint64_t call_capacity;
    struct history *history;
    bool is_complete;
};

struct recorder *recorder_new(void)
{
    struct recorder *r = memory_take_zeroed(1, sizeof *r);

    r->history = history_new();
    return r;
}

void recorder_free(struct recorder *r)
{
    if (r == NULL) {
        return;
    }
    for (uint64_t i = 0; i < r->call_count; i++) {
        free(r->calls[i].text);
    }
    free(r->calls);
    history_free(r->history);
    free(r);
}

void recorder_invoke(struct recorder *r, uint64_t operation, uint32_t client, uint64_t now_ns,
                     uint32_t database, const struct slice *arguments, uint32_t count)
{
    size_t size = 0;

    if (r == NULL) {
        return;
    }
    CHECK(operation == r->call_count + 1);
    CHECK(count <= ARGUMENTS_MAX);
    if (r->call_count == r->call_capacity) {
        r->call_capacity = r->call_capacity == 0 ? 1024 : 2 * r->call_capacity;
        r->calls = memory_resize(r->calls, r->call_capacity * sizeof *r->calls);
    }
    struct call *c = &r->calls[r->call_count++];

    *c = (struct call){
        .client = client, .database = database, .argument_count = count, .invoke_ns = now_ns};
    for (uint32_t i = 0; i < count; i++) {
        c->sizes[i] = (uint32_t)arguments[i].size;
        size += arguments[i].size;
    }
    c->text = memory_take(size + 1);
    size = 0;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(c->text + size, arguments[i].data, arguments[i].size);
        size += arguments[i].size;
    }
}

/* --- replies ---------------------------------------------------------------------------- */

/* Reads one reply from the beginning of `text`. */
static struct history_reply read_reply(struct slice *text, struct history_reply *elements)
{
    char kind = text->data[0];
    const char *end = memchr(text->data, '\r', text->size);
    size_t line = (size_t)(end - text->data);
    struct slice rest = slice_of(text->data + 1, line - 1);
    /* strtoll() stops at the end of the line. */
    int64_t number = strtoll(text->data + 1, NULL, 10);

    *text = slice_of(text->data + line + 2, text->size - line - 2);
    switch (kind) {
    case '+':
        return (struct history_reply){.kind = HISTORY_STATUS, .text = rest};
    case '-':
        return (struct history_reply){.kind = HISTORY_ERROR, .text = rest};
    case ':':
        return (struct history_reply){.kind = HISTORY_INTEGER, .integer = number};
    case '$':
        if (number < 0) {
            return (struct history_reply){.kind = HISTORY_NIL};
        }
        rest = slice_of(text->data, (size_t)number);
        *text = slice_of(text->data + number + 2, text->size - (size_t)number - 2);
        return (struct history_reply){.kind = HISTORY_STRING, .text = rest};
    default:
        break;
    }
    CHECK(kind == '*');
    CHECK(elements != NULL);
    CHECK(number <= ELEMENTS_MAX);
    for (int64_t i = 0; i < number; i++) {
        elements[i] = read_reply(text, NULL);
    }
    return (struct history_reply){
        .kind = HISTORY_ARRAY, .element_count = (uint32_t)number, .elements = elements};
}

static bool begins(struct slice text, const char *with)
{
    return text.size >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/* Errors that promise that the command was not executed and never will be. */
static bool is_refusal(struct slice error)
{
    static const char *const codes[] = {"CLUSTERDOWN", "TRYAGAIN", "OOM",
                                        "MISCONF",     "LOADING",  "NOTLEADER"};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (begins(error, codes[i])) {
            return true;
        }
    }
    return false;
}

static void add(struct recorder *r, struct call *c, uint64_t return_ns,
                const struct history_reply *reply)
{
    struct slice arguments[ARGUMENTS_MAX];
    char client[16];
    size_t offset = 0;
    int size = snprintf(client, sizeof client, "c%u", c->client);

    for (uint32_t i = 0; i < c->argument_count; i++) {
        arguments[i] = slice_of(c->text + offset, c->sizes[i]);
        offset += c->sizes[i];
    }
    history_add(r->history, &(struct history_operation){
                                .client = slice_of(client, (size_t)size),
                                .invoke_ns = c->invoke_ns,
                                .return_ns = return_ns,
                                .settled_ns = return_ns == HISTORY_OPEN ? c->settled_ns : 0,
                                .database = c->database,
                                .arguments = arguments,
                                .argument_count = c->argument_count,
                                .reply = *reply,
                            });
    c->is_settled = true;
}

void recorder_return(struct recorder *r, uint64_t operation, uint64_t now_ns, struct slice reply)
{
    struct history_reply elements[ELEMENTS_MAX];

    if (r == NULL) {
        return;
    }
    CHECK(operation <= r->call_count);

    struct call *c = &r->calls[operation - 1];
    struct history_reply read = read_reply(&reply, elements);

    if (read.kind == HISTORY_ERROR && is_refusal(read.text)) {
        c->is_settled = true;
    } else if (read.kind != HISTORY_ERROR || !begins(read.text, "INDOUBT")) {
        add(r, c, now_ns, &read);
    }
}

void recorder_settle(struct recorder *r, uint64_t operation, uint64_t now_ns)
{
    if (r != NULL && r->calls[operation - 1].settled_ns == 0) {
        r->calls[operation - 1].settled_ns = now_ns;
    }
}

/* --- the verdict ------------------------------------------------------------------------ */

static void complete(struct recorder *r)
{
    const struct history_reply nothing = {.kind = HISTORY_NOTHING};

    for (uint64_t i = 0; !r->is_complete && i < r->call_count; i++) {
        if (!r->calls[i].is_settled) {
            add(r, &r->calls[i], HISTORY_OPEN, &nothing);
        }
    }
    r->is_complete = true;
}

void recorder_judge(struct recorder *r, struct verdict *verdict, struct recorder_stats *ret_stats)
{
    static const char *const outcomes[] = {"", "it is not linearizable", "out of steps",
                                           "out of memory", "it has what is not modelled"};
    struct lincheck_result result;

    complete(r);
    lincheck_run(r->history, &limits, &result);
    *ret_stats = (struct recorder_stats){.operation_count = result.operation_count,
                                         .open_count = result.open_count,
                                         .step_count = result.step_count};
    if (result.outcome != LINCHECK_LINEARIZABLE) {
        verdict_broken(verdict, "history", "lincheck on what users saw: %s\n%.*s",
                       outcomes[result.outcome], (int)buffer_size(&result.text),
                       buffer_size(&result.text) == 0 ? "" : buffer_begin(&result.text));
    }
    lincheck_result_deinit(&result);
}
