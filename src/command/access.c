/* access.c - the keys of most calls are where the row of the command says, and are read or written
 * as its flags say. The others are named. */
#include "command/access.h"

#include <string.h>

#include "command/table.h"
#include "resp/decimal.h"

enum { ACCESS_BOTH = ACCESS_READ | ACCESS_WRITE };

/* The stream of changes of all keys with the prefix that follows (client/commands_changes.c). */
static const char changes[] = "rakit:changes:";

struct walk {
    bool (*each)(void *context, const struct key_use *use);
    void *context;
    uint32_t count;
    const struct slice *arguments;
};

/* What a command does with its keys, if that is not what its flags say: one that writes may read,
 * and one that reads may show only whether there is a key, or how large its value is. */
static const struct special {
    const char *name;
    uint8_t first; /* Access to its first key, */
    uint8_t rest;  /* and to the others. */
} specials[] = {
    {"COPY", ACCESS_READ, ACCESS_WRITE},
    {"DECR", ACCESS_BOTH, ACCESS_BOTH},
    {"DECRBY", ACCESS_BOTH, ACCESS_BOTH},
    {"DELEX", ACCESS_BOTH, ACCESS_BOTH},
    {"DELIFEQ", ACCESS_BOTH, ACCESS_BOTH},
    {"EXISTS", 0, 0},
    {"GETDEL", ACCESS_BOTH, ACCESS_BOTH},
    {"GETEX", ACCESS_BOTH, ACCESS_BOTH},
    {"GETSET", ACCESS_BOTH, ACCESS_BOTH},
    {"HEXISTS", 0, 0},
    {"HGETDEL", ACCESS_BOTH, ACCESS_BOTH},
    {"HGETEX", ACCESS_BOTH, ACCESS_BOTH},
    {"HINCRBY", ACCESS_BOTH, ACCESS_BOTH},
    {"HINCRBYFLOAT", ACCESS_BOTH, ACCESS_BOTH},
    {"HLEN", 0, 0},
    {"HSTRLEN", 0, 0},
    {"INCR", ACCESS_BOTH, ACCESS_BOTH},
    {"INCRBY", ACCESS_BOTH, ACCESS_BOTH},
    {"INCRBYFLOAT", ACCESS_BOTH, ACCESS_BOTH},
    {"INCREX", ACCESS_BOTH, ACCESS_BOTH},
    {"MEMORY", 0, 0},
    {"MOVE", ACCESS_BOTH, ACCESS_BOTH},
    {"OBJECT", 0, 0},
    {"RENAME", ACCESS_BOTH, ACCESS_WRITE},
    {"RENAMENX", ACCESS_BOTH, ACCESS_WRITE},
    {"SETBIT", ACCESS_BOTH, ACCESS_BOTH},
    {"SORT", ACCESS_READ, ACCESS_WRITE},
    {"STRLEN", 0, 0},
    {"STRLN", 0, 0},
    {"TOUCH", 0, 0},
    {"TYPE", 0, 0},
    {"WATCH", 0, 0},
    {"XLEN", 0, 0},
};

static bool is(const struct command *command, const char *name)
{
    return strcmp(command->name, name) == 0;
}

static bool use(const struct walk *w, struct slice key, uint8_t access)
{
    return w->each(w->context, &(struct key_use){.key = key, .access = access});
}

static bool use_prefix(const struct walk *w, struct slice prefix, uint8_t access)
{
    return w->each(w->context,
                   &(struct key_use){.key = prefix, .access = access, .is_prefix = true});
}

/* --- where the row says ---------------------------------------------------------------------- */

/* SET, SETEX and the like return what was there if GET is among their options. */
static bool has_get(const struct command *command, const struct walk *w)
{
    for (uint32_t i = 3; is(command, "SET") && i < w->count; i++) {
        if (slice_is(w->arguments[i], "GET")) {
            return true;
        }
    }
    return false;
}

/* Options that compare the value with others show what it is. */
static bool has_condition(const struct command *command, const struct walk *w)
{
    static const char *const options[] = {"IFEQ", "IFNE", "IFDEQ", "IFDNE"};

    for (uint32_t i = 3; is(command, "SET") && i < w->count; i++) {
        for (size_t j = 0; j < sizeof options / sizeof options[0]; j++) {
            if (slice_is(w->arguments[i], options[j])) {
                return true;
            }
        }
    }
    return false;
}

static struct special special_of(const struct command *command, const struct walk *w)
{
    bool writes = (command->flags & COMMAND_WRITE) != 0;
    bool reads = !writes || has_get(command, w) || has_condition(command, w);
    uint8_t access = (uint8_t)((reads ? ACCESS_READ : 0) | (writes ? ACCESS_WRITE : 0));

    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        if (is(command, specials[i].name)) {
            return specials[i];
        }
    }
    return (struct special){.first = access, .rest = access};
}

static bool walk_range(const struct command *command, const struct walk *w)
{
    uint32_t first = 0;
    uint32_t last = 0;
    struct special special = special_of(command, w);

    if (!command_key_range(command, w->count, w->arguments, &first, &last)) {
        return true;
    }
    for (uint32_t i = first; i <= last; i += (uint32_t)command->key_step) {
        if (!use(w, w->arguments[i], i == first ? special.first : special.rest)) {
            return false;
        }
    }
    return true;
}

/* --- elsewhere ------------------------------------------------------------------------------- */

/* BY and GET read keys whose names are made of elements. */
static bool walk_sort(const struct command *command, const struct walk *w)
{
    if (!walk_range(command, w)) {
        return false;
    }
    for (uint32_t i = 2; i + 1 < w->count; i++) {
        struct slice word = w->arguments[i];

        if (slice_is(word, "LIMIT")) {
            i += 2;
        } else if (slice_is(word, "BY") || slice_is(word, "GET")) {
            i++;
            if (!use_prefix(w, slice_str(""), ACCESS_READ)) {
                return false;
            }
        } else if (slice_is(word, "STORE")) {
            i++;
            if (!use(w, w->arguments[i], ACCESS_WRITE)) {
                return false;
            }
        }
    }
    return true;
}

/* EVAL, FCALL and the like: their keys are counted. */
static bool walk_script(const struct command *command, const struct walk *w)
{
    uint8_t access = strstr(command->name, "_RO") != NULL ? ACCESS_READ : ACCESS_BOTH;
    int64_t count = 0;

    if (w->count < 4 || !decimal_read(w->arguments[2], &count) || count > (int64_t)w->count - 3) {
        return true;
    }
    for (int64_t i = 0; i < count; i++) {
        if (!use(w, w->arguments[3 + i], access)) {
            return false;
        }
    }
    return true;
}

static bool use_stream(const struct walk *w, struct slice stream)
{
    size_t size = sizeof changes - 1;

    return stream.size >= size && memcmp(stream.data, changes, size) == 0
               ? use_prefix(w, slice_of(stream.data + size, stream.size - size), ACCESS_READ)
               : use(w, stream, ACCESS_READ);
}

static bool walk_streams(const struct command *command, const struct walk *w)
{
    uint32_t at = 1;

    if (!is(command, "XREAD")) {
        at = is(command, "XINFO") ? 2 : 1;
        return at >= w->count || use_stream(w, w->arguments[at]);
    }
    while (at < w->count && !slice_is(w->arguments[at], "STREAMS")) {
        at++;
    }
    for (uint32_t i = at + 1; i < w->count; i++) {
        /* The second half are ids: names are judged even if there are too many of them. */
        if (i <= at + (w->count - at) / 2 && !use_stream(w, w->arguments[i])) {
            return false;
        }
    }
    return true;
}

/* CLIENT TRACKING with BCAST reports the names of all keys with these prefixes. */
static bool walk_tracking(const struct walk *w)
{
    bool is_broadcast = false;
    bool has_prefix = false;

    for (uint32_t i = 2; i < w->count; i++) {
        is_broadcast = is_broadcast || slice_is(w->arguments[i], "BCAST");
    }
    for (uint32_t i = 2; is_broadcast && i + 1 < w->count; i++) {
        if (slice_is(w->arguments[i], "PREFIX")) {
            has_prefix = true;
            if (!use_prefix(w, w->arguments[++i], 0)) {
                return false;
            }
        }
    }
    return !is_broadcast || has_prefix || use_prefix(w, slice_str(""), 0);
}

static bool is_script(const struct command *command)
{
    return strcmp(command->group, "scripting") == 0 &&
           (strncmp(command->name, "EVAL", 4) == 0 || strncmp(command->name, "FCALL", 5) == 0);
}

bool access_each_key(const struct command *command, uint32_t argument_count,
                     const struct slice *arguments,
                     bool (*each)(void *context, const struct key_use *use), void *context)
{
    struct walk w = {each, context, argument_count, arguments};

    if (is(command, "SORT") || is(command, "SORT_RO")) {
        return walk_sort(command, &w);
    }
    if (is_script(command)) {
        return walk_script(command, &w);
    }
    if (strcmp(command->group, "stream") == 0) {
        return walk_streams(command, &w);
    }
    if (is(command, "CLIENT") && argument_count > 2 && slice_is(arguments[1], "TRACKING")) {
        return walk_tracking(&w);
    }
    if (is(command, "RAFT") && argument_count > 2 && slice_is(arguments[1], "SCAN")) {
        return use_prefix(&w, arguments[2], ACCESS_READ);
    }
    return walk_range(command, &w);
}

struct channel_range access_channels(const struct command *command, uint32_t argument_count)
{
    struct channel_range none = {0};

    if (argument_count < 2) {
        return none;
    }
    if (is(command, "PUBLISH") || is(command, "SPUBLISH")) {
        return (struct channel_range){.first = 1, .last = 1};
    }
    if (is(command, "SUBSCRIBE") || is(command, "SSUBSCRIBE") || is(command, "PSUBSCRIBE")) {
        return (struct channel_range){
            .first = 1, .last = argument_count - 1, .are_patterns = is(command, "PSUBSCRIBE")};
    }
    return none;
}
