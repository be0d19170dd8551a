/* witness.c - see witness.h. */
#include "sim/checks/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "sim/checks/model.h"
#include "sim/checks/same_reply.h"
#include "sim/checks/witness_private.h"

struct witness *witness_new(struct verdict *verdict)
{
    struct witness *w = memory_take_zeroed(1, sizeof *w);

    w->verdict = verdict;
    w->model = model_new();
    return w;
}

void witness_free(struct witness *w)
{
    for (uint64_t i = 1; i <= w->operation_count; i++) {
        if (w->operations[i]->watch != NULL) {
            buffer_deinit(&w->operations[i]->watch->names);
            free(w->operations[i]->watch);
        }
        free(w->operations[i]->command);
        free(w->operations[i]);
    }
    witness_numbers_free(w);
    model_free(w->model);
    buffer_deinit(&w->replies);
    buffer_deinit(&w->expected);
    buffer_deinit(&w->heights);
    buffer_deinit(&w->changes);
    free(w->operations);
    free(w->outcomes);
    free(w);
}

void witness_get_stats(const struct witness *w, struct witness_stats *ret_stats)
{
    *ret_stats = w->stats;
    ret_stats->operation_count = w->operation_count;
    ret_stats->field_count = model_expired_field_count(w->model);
}

uint64_t witness_next(const struct witness *w)
{
    return w->operation_count + 1;
}

uint64_t witness_applied_index(const struct witness *w)
{
    return w->applied_index;
}

/* --- operations ------------------------------------------------------------------------- */

struct operation *witness_operation(struct witness *w, uint64_t number)
{
    CHECK(number > 0);
    CHECK(number <= w->operation_count);
    return w->operations[number];
}

/* The number after the last '#'; 0: none. */
static uint64_t name_in(struct slice text)
{
    uint64_t number = 0;
    uint64_t place = 1;

    while (text.size > 0 && text.data[text.size - 1] != '#') {
        char digit = text.data[--text.size];

        if (digit < '0' || digit > '9') {
            return 0;
        }
        number += (uint64_t)(digit - '0') * place;
        place *= 10;
    }
    return text.size == 0 ? 0 : number;
}

static uint64_t name_of(const struct slice *arguments, uint32_t count)
{
    struct slice inner[MODEL_ARGUMENTS_MAX];
    uint32_t inner_count = 0;
    uint32_t database;
    uint64_t number = 0;

    for (uint32_t i = 1; slice_is(arguments[0], "EXEC") && number == 0 && i < count; i++) {
        number = model_decode(arguments[i], &database, inner, &inner_count)
                     ? name_of(inner, inner_count)
                     : 0;
    }
    for (uint32_t i = count; number == 0 && i > 1; i--) {
        number = name_in(arguments[i - 1]);
    }
    return number;
}

uint64_t witness_invoke(struct witness *w, uint32_t database, const struct slice *arguments,
                        uint32_t count, bool is_write)
{
    struct operation *o = memory_take_zeroed(1, sizeof *o);
    size_t size = 0;

    CHECK(count <= MODEL_ARGUMENTS_MAX);
    if (w->operation_count + 1 >= w->operation_capacity) {
        w->operation_capacity = w->operation_capacity == 0 ? 1024 : 2 * w->operation_capacity;
        w->operations = memory_resize(w->operations, w->operation_capacity * sizeof *w->operations);
    }
    w->operations[++w->operation_count] = o;
    o->is_write = is_write;
    o->is_suspect = w->is_suspect;
    o->is_named = is_write && name_of(arguments, count) == w->operation_count;
    o->database = database;
    o->floor = w->highest;
    o->stale_floor = w->highest;
    o->argument_count = count;
    for (uint32_t i = 0; i < count; i++) {
        o->sizes[i] = (uint32_t)arguments[i].size;
        size += arguments[i].size;
    }
    o->command = memory_take(size + 1);
    size = 0;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(o->command + size, arguments[i].data, arguments[i].size);
        size += arguments[i].size;
    }
    return w->operation_count;
}

void witness_watch(struct witness *w, uint64_t operation, uint64_t index, uint32_t database,
                   const struct slice *keys, uint32_t count)
{
    struct watch *watch = memory_take_zeroed(1, sizeof *watch);

    CHECK(count <= WATCHED_MAX);
    watch->index = index;
    watch->database = database;
    watch->count = count;
    for (uint32_t i = 0; i < count; i++) {
        buffer_append_slice(&watch->names, keys[i]);
        watch->sizes[i] = (uint32_t)keys[i].size;
    }
    witness_operation(w, operation)->watch = watch;
}

void witness_expect_null(struct witness *w, uint64_t operation)
{
    witness_operation(w, operation)->must_be_null = true;
}

/* Whether a watched key is another one as of entry `index`, at the time of entry `time_index`. */
static bool has_changed(const struct witness *w, const struct operation *o, uint64_t index,
                        uint64_t time_index)
{
    const struct watch *watch = o == NULL ? NULL : o->watch;
    size_t offset = 0;

    for (uint32_t i = 0; watch != NULL && i < watch->count; i++) {
        struct slice key = slice_of(buffer_begin(&watch->names) + offset, watch->sizes[i]);

        if (!model_is_same(w->model, watch->database, key, watch->index, index, time_index)) {
            return true;
        }
        offset += watch->sizes[i];
    }
    return false;
}

/* EXEC was answered null without having been in the log: a watched key must have been another one
 * since WATCH, if only in between. */
static bool has_reason(const struct witness *w, const struct operation *o)
{
    for (uint64_t i = o->watch == NULL ? w->applied_index : o->watch->index; i <= w->applied_index;
         i++) {
        if (has_changed(w, o, i, i)) {
            return true;
        }
    }
    return o->is_suspect || o->must_be_null;
}

/* The highest position that had been returned at that time. */
static uint64_t height_at(const struct witness *w, uint64_t at_ns)
{
    const struct height *heights = (const void *)w->heights.data;
    uint64_t low = 0;
    uint64_t high = w->heights.end / sizeof *heights;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (heights[middle].since_ns <= at_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : heights[low - 1].position;
}

void witness_allow_age(struct witness *w, uint64_t operation, uint64_t now_ns, uint64_t max_age_ns)
{
    struct operation *o = witness_operation(w, operation);

    o->stale_floor = now_ns > max_age_ns ? height_at(w, now_ns - max_age_ns) : 0;
}

static void note_height(struct witness *w, uint64_t position, uint64_t now_ns)
{
    struct height height = {.since_ns = now_ns, .position = position};

    if (position > w->highest) {
        w->highest = position;
        buffer_append(&w->heights, (const char *)&height, sizeof height);
    }
}

void witness_place(struct witness *w, uint64_t operation, uint64_t index, bool is_write)
{
    struct operation *o = witness_operation(w, operation);

    if (index != 0 && o->is_write != is_write) {
        verdict_broken(w->verdict, "reply", "operation %llu was executed as a %s",
                       (unsigned long long)operation, is_write ? "write" : "read");
    }
    o->index = index;
}

void witness_forget(struct witness *w, uint64_t operation)
{
    struct operation *o = witness_operation(w, operation);

    CHECK(o->end == OPEN);
    o->end = UNKNOWN;
    w->stats.unknown_count++;
    if (o->found_index != 0) {
        w->stats.late_count++;
    }
    free(o->command);
    o->command = NULL;
}

static void check_settled(struct witness *w, uint64_t operation)
{
    const struct operation *o = witness_operation(w, operation);

    if (o->settled != 0 && 2 * o->found_index > o->settled) {
        verdict_broken(w->verdict, "doubt is settled",
                       "operation %llu was in doubt, and executed as entry %llu after a later "
                       "one of its connection had been answered at entry %llu",
                       (unsigned long long)operation, (unsigned long long)o->found_index,
                       (unsigned long long)(o->settled / 2));
    }
}

void witness_settle(struct witness *w, uint64_t operation, uint64_t position)
{
    struct operation *o = witness_operation(w, operation);

    CHECK(o->end == UNKNOWN);
    o->settled = o->settled == 0 || position < o->settled ? position : o->settled;
    check_settled(w, operation);
}

void witness_doubted(struct witness *w, uint64_t operation, uint64_t now_ns)
{
    witness_operation(w, operation)->doubted_ns = now_ns;
}

static bool begins(struct slice text, const char *with)
{
    size_t size = strlen(with);

    return text.size >= size && memcmp(text.data, with, size) == 0;
}

void witness_taken(struct witness *w, struct slice payload, uint64_t now_ns, uint64_t limit_ns)
{
    struct slice arguments[MODEL_ARGUMENTS_MAX];
    uint32_t count = 0;
    uint32_t database;
    uint64_t number =
        model_decode_sent(payload, &database, arguments, &count) ? name_of(arguments, count) : 0;
    const struct operation *o =
        number == 0 || number > w->operation_count ? NULL : w->operations[number];

    if (o != NULL && o->is_named && o->doubted_ns != 0 && now_ns > o->doubted_ns + limit_ns) {
        verdict_broken(w->verdict, "doubt has an end",
                       "operation %llu was in doubt, and put into a leader's log %llu ms later",
                       (unsigned long long)number,
                       (unsigned long long)((now_ns - o->doubted_ns) / 1000000));
    }
}

void witness_suspect(struct witness *w, bool is_suspect)
{
    w->is_suspect = is_suspect;
    for (uint64_t i = 1; i <= w->operation_count && is_suspect; i++) {
        w->operations[i]->is_suspect |= w->operations[i]->end == OPEN;
    }
}

/* --- replies ----------------------------------------------------------------------------- */

static bool promises_no_execution(struct slice reply)
{
    static const char *const codes[] = {"-CLUSTERDOWN", "-TRYAGAIN",  "-OOM ",     "-MISCONF ",
                                        "-LOADING",     "-NOTLEADER", "-EXECABORT"};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (begins(reply, codes[i])) {
            return true;
        }
    }
    return false;
}

static void compare(struct witness *w, uint64_t operation, const struct operation *o,
                    struct slice reply, struct slice expected)
{
    if (o->is_suspect) {
        w->stats.suspect_count++;
        return;
    }
    if (!is_same_reply(slice_of(o->command, o->sizes[0]), reply, expected)) {
        verdict_broken(w->verdict, "linearizability",
                       "operation %llu (%.*s) at entry %llu was answered \"%.*s\", not \"%.*s\"",
                       (unsigned long long)operation, (int)(o->sizes[0] + o->sizes[1]), o->command,
                       (unsigned long long)o->index, (int)reply.size, reply.data,
                       (int)expected.size, expected.data);
    }
}

/* A command must be executed in the database that it was meant for. */
static void check_database(struct witness *w, uint64_t operation, uint64_t index)
{
    const struct operation *o = witness_operation(w, operation);

    if (o->database != w->outcomes[index].database) {
        verdict_broken(w->verdict, "databases",
                       "operation %llu was meant for database %u, and entry %llu did it to %u",
                       (unsigned long long)operation, (unsigned)o->database,
                       (unsigned long long)index, (unsigned)w->outcomes[index].database);
    }
}

static void check_write(struct witness *w, uint64_t operation, struct operation *o,
                        struct slice reply)
{
    struct outcome *outcome = &w->outcomes[o->index];

    if (outcome->owner != 0) {
        verdict_broken(w->verdict, "linearizability",
                       "entry %llu was claimed for operations %llu and %llu",
                       (unsigned long long)o->index, (unsigned long long)outcome->owner,
                       (unsigned long long)operation);
    }
    outcome->owner = operation;
    check_database(w, operation, o->index);
    if (o->is_once && begins(reply, "-EXPIRED")) {
        o->end = o->found_index == 0 ? FAILED : ANSWERED;
    } else if (o->is_named && o->found_index != o->index) {
        verdict_broken(w->verdict, "durability",
                       "operation %llu was acknowledged at entry %llu, the log has it at %llu",
                       (unsigned long long)operation, (unsigned long long)o->index,
                       (unsigned long long)o->found_index);
    }
    if (!o->may_be_gone || !begins(reply, "-EXECUTED")) {
        compare(w, operation, o, reply, slice_of(w->replies.data + outcome->offset, outcome->size));
    }
    w->stats.write_count++;
}

static void check_read(struct witness *w, uint64_t operation, struct operation *o,
                       struct slice reply)
{
    struct slice arguments[MODEL_ARGUMENTS_MAX];
    size_t offset = 0;

    for (uint32_t i = 0; i < o->argument_count; i++) {
        arguments[i] = slice_of(o->command + offset, o->sizes[i]);
        offset += o->sizes[i];
    }
    buffer_clear(&w->expected);
    if (has_changed(w, o, o->index, o->index)) {
        buffer_append(&w->expected, "*-1\r\n", 5);
        w->stats.changed_count++;
    } else if (!model_read(w->model, o->database, o->index, arguments, o->argument_count,
                           &w->expected)) {
        verdict_broken(w->verdict, "reply", "the model does not know %.*s", (int)arguments[0].size,
                       arguments[0].data);
        return;
    }
    compare(w, operation, o, reply, buffer_slice(&w->expected));
    w->stats.read_count++;
}

/* A reply from an execution. Returns its position. */
static uint64_t check_executed(struct witness *w, uint64_t operation, struct operation *o,
                               struct slice reply, uint64_t floor, uint64_t now_ns)
{
    uint64_t position = 2 * o->index + (o->is_write ? 0 : 1);

    o->end = ANSWERED;
    if (o->index == 0 && o->is_write) {
        verdict_broken(w->verdict, "reply", "operation %llu was answered \"%.*s\" out of nowhere",
                       (unsigned long long)operation, (int)reply.size, reply.data);
        return floor;
    }
    if (o->index > w->applied_index) {
        verdict_broken(w->verdict, "durability",
                       "operation %llu was answered at entry %llu, but %llu is the last applied",
                       (unsigned long long)operation, (unsigned long long)o->index,
                       (unsigned long long)w->applied_index);
        return floor;
    }
    w->stats.stale_count += position < o->floor;
    if (position < o->stale_floor || position < floor) {
        verdict_broken(w->verdict, "linearizability",
                       "operation %llu (%.*s) at entry %llu does not see what was answered "
                       "before it at entry %llu",
                       (unsigned long long)operation, (int)(o->sizes[0] + o->sizes[1]), o->command,
                       (unsigned long long)o->index,
                       (unsigned long long)((o->stale_floor > floor ? o->stale_floor : floor) / 2));
    }
    if (o->is_write) {
        check_write(w, operation, o, reply);
    } else {
        check_read(w, operation, o, reply);
    }
    note_height(w, position, now_ns);
    return position;
}

uint64_t witness_return(struct witness *w, uint64_t operation, struct slice reply, uint64_t floor,
                        uint64_t now_ns)
{
    struct operation *o = witness_operation(w, operation);
    uint64_t position = floor;

    CHECK(o->end == OPEN);
    if (begins(reply, "-INDOUBT")) {
        w->stats.doubt_count++;
        witness_forget(w, operation);
        return floor;
    }
    bool is_null = begins(reply, "*-1") && o->index == 0;

    if (o->must_be_null && begins(reply, "*") && !is_null) {
        verdict_broken(w->verdict, "watched keys",
                       "operation %llu was executed although its WATCH had failed",
                       (unsigned long long)operation);
    }
    if (is_null && !has_reason(w, o)) {
        verdict_broken(w->verdict, "watched keys",
                       "operation %llu was answered null, and no watched key has changed",
                       (unsigned long long)operation);
    }
    if (promises_no_execution(reply) || is_null) {
        o->end = FAILED;
        w->stats.failed_count += !is_null;
        w->stats.changed_count += is_null;
        w->stats.no_memory_count += begins(reply, "-OOM ");
        if (o->found_index != 0) {
            verdict_broken(w->verdict, "failed is not unknown",
                           "operation %llu was said not to be executed (%.*s), but is entry %llu",
                           (unsigned long long)operation, (int)reply.size, reply.data,
                           (unsigned long long)o->found_index);
        }
    } else {
        position = check_executed(w, operation, o, reply, floor, now_ns);
    }
    free(o->command);
    o->command = NULL;
    return position;
}

/* --- the log -------------------------------------------------------------------------------- */

void witness_found(struct witness *w, uint64_t index, uint64_t number)
{
    if (number == 0 || number > w->operation_count || !w->operations[number]->is_write) {
        verdict_broken(w->verdict, "invention",
                       "entry %llu names operation %llu, which does not exist",
                       (unsigned long long)index, (unsigned long long)number);
        return;
    }
    struct operation *o = w->operations[number];

    if (o->found_index != 0) {
        verdict_broken(w->verdict, "exactly once",
                       "operation %llu was executed at entries %llu and %llu",
                       (unsigned long long)number, (unsigned long long)o->found_index,
                       (unsigned long long)index);
    }
    if (o->end == FAILED) {
        verdict_broken(w->verdict, "failed is not unknown",
                       "operation %llu was said not to be executed, and then was, as entry %llu",
                       (unsigned long long)number, (unsigned long long)index);
    }
    if (o->end == UNKNOWN) {
        w->stats.late_count++;
    }
    o->found_index = index;
    check_database(w, number, index);
    check_settled(w, number);
}

/* Commands that can't contain the number of their operation. */
static bool is_nameless(struct slice command)
{
    static const char *const names[] = {"INCR",   "MOVE",     "SWAPDB",  "FLUSHDB",   "FLUSHALL",
                                        "GETEX",  "PERSIST",  "PEXPIRE", "PEXPIREAT", "HINCRBY",
                                        "SCRIPT", "FUNCTION", "ONCE"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is(command, names[i])) {
            return true;
        }
    }
    return false;
}

/* Executes the entry in the model; false: it is no command of a user. */
static bool write_entry(struct witness *w, uint64_t index, uint32_t database,
                        const struct slice *arguments, uint32_t count)
{
    uint64_t number = slice_is(arguments[0], "EXEC") ? name_of(arguments, count) : 0;
    const struct operation *o =
        number == 0 || number > w->operation_count ? NULL : w->operations[number];

    if (has_changed(w, o, index - 1, index)) {
        buffer_append(&w->replies, "*-1\r\n", 5);
        w->stats.changed_count++;
        return true;
    }
    w->stats.exec_count += slice_is(arguments[0], "EXEC");
    w->stats.unchanged_count += o != NULL && o->watch != NULL;
    return model_write(w->model, database, index, arguments, count, &w->replies);
}

static void count_databases(struct witness *w, uint32_t database, struct slice command,
                            struct slice reply)
{
    w->stats.other_count += database != 0;
    w->stats.move_count += slice_is(command, "MOVE") && begins(reply, ":1");
    w->stats.swap_count += slice_is(command, "SWAPDB");
    w->stats.clear_count += slice_is(command, "FLUSHDB") || slice_is(command, "FLUSHALL");
    w->stats.hash_count += command.data[0] == 'H';
}

static void count_scripts(struct witness *w, struct slice command, struct slice reply)
{
    if (slice_is(command, "FCALL")) {
        w->stats.function_count += !begins(reply, "-");
        w->stats.no_function_count += begins(reply, "-ERR Function not found");
        return;
    }
    if (!slice_is(command, "EVAL") && !slice_is(command, "EVALSHA")) {
        return;
    }
    if (begins(reply, "-NOSCRIPT")) {
        w->stats.unknown_script_count++;
    } else if (begins(reply, "-ERR the script took too many steps")) {
        w->stats.endless_script_count++;
    } else if (begins(reply, "-")) {
        w->stats.failed_script_count++;
    } else {
        w->stats.script_count++;
    }
}

void witness_note_time(struct witness *w, uint64_t time_us)
{
    model_note_time(w->model, w->applied_index + 1, time_us);
}

void witness_apply_expired(struct witness *w, uint64_t index, struct slice payload)
{
    uint64_t removed = 0;

    witness_apply(w, index, false, payload);
    if (!model_apply_expired(w->model, index, payload, &removed)) {
        verdict_broken(w->verdict, "invention", "entry %llu names no expired keys",
                       (unsigned long long)index);
    }
    w->stats.expired_count += removed;
}

void witness_apply(struct witness *w, uint64_t index, bool is_command, struct slice payload)
{
    struct slice arguments[MODEL_ARGUMENTS_MAX];
    struct slice reply;
    uint32_t count = 0;
    uint32_t database = 0;

    CHECK(index == w->applied_index + 1);
    w->applied_index = index;
    if (index >= w->outcome_capacity) {
        w->outcome_capacity = w->outcome_capacity == 0 ? 1024 : 2 * w->outcome_capacity;
        w->outcomes = memory_resize(w->outcomes, w->outcome_capacity * sizeof *w->outcomes);
    }
    struct outcome *outcome = &w->outcomes[index];

    *outcome = (struct outcome){.offset = w->replies.end};
    if (is_command && model_is_once(payload)) {
        witness_apply_once(w, index, payload);
    }
    if (!is_command || model_is_once(payload)) {
        return;
    }
    if (!model_decode_sent(payload, &database, arguments, &count)) {
        count = 0;
    }
    buffer_clear(&w->expected);
    if (count > 0 && model_read(w->model, database, index, arguments, count, &w->expected)) {
        w->stats.logged_read_count++;
        return; /* A read through the log, after writes of its connection. */
    }
    if (count == 0 || !write_entry(w, index, database, arguments, count)) {
        verdict_broken(w->verdict, "invention", "entry %llu is no command of any user",
                       (unsigned long long)index);
        return;
    }
    outcome->size = w->replies.end - outcome->offset;
    outcome->database = database;
    reply = slice_of(w->replies.data + outcome->offset, outcome->size);
    count_databases(w, database, arguments[0], reply);
    count_scripts(w, arguments[0], reply);
    if (!is_nameless(arguments[0])) {
        witness_found(w, index, name_of(arguments, count));
    }
}
