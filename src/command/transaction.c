#include "command/transaction.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "base/varint.h"
#include "command/execute.h"
#include "command/table.h"
#include "kv/codec.h"
#include "kv/keyspace.h"
#include "resp/errors.h"

enum {
    ARGUMENT_BYTES = 64,                     /* Of memory, besides what it holds. */
    READ_WORK_MAX = 256 * 1024 * 1024,       /* Then no further read is executed. */
    REPLY_BYTES_MAX = 512 * 1024 * 1024 - 1, /* Of all replies; the messages of nodes hold it. */
};

/* --- what is watched ------------------------------------------------------------------- */

static void append_number(struct buffer *to, uint64_t number)
{
    char bytes[VARINT_BYTES_MAX];

    buffer_append(to, bytes, (size_t)(varint_write(bytes, number) - bytes));
}

static void append_version(struct buffer *to, struct kv_version version)
{
    char bytes[TRANSACTION_VERSION_BYTES];

    put_u64(bytes, version.digest);
    put_u32(bytes + sizeof version.digest, version.value_bytes);
    buffer_append(to, bytes, sizeof bytes);
}

void watched_append(struct buffer *to, const struct watched *w)
{
    append_number(to, w->database);
    append_number(to, w->key.size);
    buffer_append_slice(to, w->key);
    append_version(to, w->version);
}

bool watched_take_version(struct slice *rest, struct kv_version *ret_version)
{
    if (rest->size < TRANSACTION_VERSION_BYTES) {
        return false;
    }
    *ret_version = (struct kv_version){.digest = get_u64(rest->data),
                                       .value_bytes = get_u32(rest->data + sizeof(uint64_t))};
    *rest =
        slice_of(rest->data + TRANSACTION_VERSION_BYTES, rest->size - TRANSACTION_VERSION_BYTES);
    return true;
}

bool watched_take(struct slice *rest, struct watched *ret_watched)
{
    uint64_t database = 0;
    uint64_t size = 0;

    if (!varint_read(rest, &database) || database >= KEYSPACE_DATABASES ||
        !varint_read(rest, &size) || size > rest->size) {
        return false;
    }
    ret_watched->database = (uint32_t)database;
    ret_watched->key = slice_of(rest->data, (size_t)size);
    *rest = slice_of(rest->data + size, rest->size - (size_t)size);
    return watched_take_version(rest, &ret_watched->version);
}

/* The mode; *ret_watched: the keys behind it. */
static enum transaction_mode read_head(const struct command_call *call, struct slice *ret_watched)
{
    struct slice head = call->arguments[1];

    *ret_watched = slice_of(head.data + 1, head.size - 1);
    return (enum transaction_mode)head.data[0];
}

/* Whether any of the keys has changed. */
static bool has_changed(struct command_call *call, struct slice watched)
{
    struct watched w;
    bool has_changed = false;

    while (!has_changed && watched_take(&watched, &w)) {
        call->work += w.version.value_bytes;
        has_changed =
            !kv_has_version(keyspace_database(call->keyspace, w.database), w.key, w.version);
    }
    return has_changed && !MUTANT(watch_ignored);
}

/* --- what is executed ------------------------------------------------------------------ */

/* Room for the arguments of one command after the other. */
struct reader {
    struct slice *arguments;
    uint32_t capacity;
};

/* False if it is not exactly a command with a database and arguments, and nothing else. */
static bool read_inner(struct reader *r, struct slice payload, struct command_inner *ret_inner)
{
    struct command_head head;
    uint32_t count = 0;

    if (!command_payload_head(payload, &head)) {
        return false;
    }
    if (head.argument_count > r->capacity) {
        r->capacity = head.argument_count;
        r->arguments = memory_resize(r->arguments, r->capacity * sizeof *r->arguments);
    }
    CHECK(r->arguments != NULL); /* There is a name at least. */
    if (!command_payload_read(payload, r->arguments, r->capacity, &count)) {
        return false;
    }

    struct command_head plain = {.argument_count = count, .database = head.database};

    *ret_inner = (struct command_inner){
        .database = head.database, .argument_count = count, .arguments = r->arguments};
    return command_payload_size(&plain, r->arguments) == payload.size;
}

static bool is_read(const struct command_call *call, const struct command_inner *inner)
{
    const struct command *command = command_for(command_find(call->commands, inner->arguments[0]),
                                                inner->argument_count, inner->arguments);

    return command != NULL && (command->flags & COMMAND_READ) != 0;
}

/* Executes argument `i`. Replies have been written from `start` on. What reads does not change
 * the state, so nodes may differ in whether they execute it. */
static void run_inner(struct command_call *call, struct reader *reader, uint32_t i, size_t start)
{
    struct buffer *out = call->reply->out;
    size_t before = buffer_size(out) - start;
    struct command_inner inner;

    if (!read_inner(reader, call->arguments[i], &inner)) {
        resp_error(call->reply, ERROR_NOT_UNDERSTOOD); /* It was judged, so this can't be. */
        return;
    }
    inner.only_reads = (call->command->flags & COMMAND_READ) != 0;
    if (before + call->work > READ_WORK_MAX && is_read(call, &inner)) {
        resp_error(call->reply, ERROR_TRANSACTION_READS);
        return;
    }
    command_execute_inner(call, &inner, call->reply);
    if (buffer_size(out) - start > REPLY_BYTES_MAX) {
        out->end -= buffer_size(out) - start - before;
        resp_error(call->reply, ERROR_TRANSACTION_REPLY);
    }
}

static void run_all(struct command_call *call)
{
    struct reader reader = {0};
    uint32_t end = call->argument_count;
    size_t start = buffer_size(call->reply->out);

    resp_array(call->reply, end - TRANSACTION_FIRST);
    for (uint32_t i = TRANSACTION_FIRST; i < end; i++) {
        if (MUTANT(transaction_half_done) && i > TRANSACTION_FIRST && i + 1 == end) {
            resp_ok(call->reply);
        } else {
            run_inner(call, &reader, i, start);
        }
    }
    free(reader.arguments);
}

static void run_and_compare(struct command_call *call, struct slice watched)
{
    struct reader reader = {0};
    bool had_changed = has_changed(call, watched);
    char mark;

    run_inner(call, &reader, TRANSACTION_FIRST, buffer_size(call->reply->out));
    mark = had_changed || has_changed(call, watched) ? TRANSACTION_CHANGED : TRANSACTION_UNCHANGED;
    buffer_append(call->reply->out, &mark, 1);
    free(reader.arguments);
}

static void reply_versions(struct command_call *call, struct slice watched)
{
    struct buffer versions = {0};
    uint64_t bytes = 0;
    struct watched w;

    while (bytes <= TRANSACTION_WATCHED_BYTES_MAX && watched_take(&watched, &w)) {
        const struct kv *kv = keyspace_database(call->keyspace, w.database);
        struct slice value = {0};

        (void)kv_get(kv, w.key, &value);
        bytes += value.size;
        if (bytes <= TRANSACTION_WATCHED_BYTES_MAX) {
            append_version(&versions, kv_version(kv, w.key));
        }
    }
    call->work += bytes;
    if (bytes > TRANSACTION_WATCHED_BYTES_MAX) {
        resp_error(call->reply, ERROR_WATCHED_BYTES);
    } else {
        resp_bulk(call->reply, buffer_slice(&versions));
    }
    buffer_deinit(&versions);
}

static void transaction_handler(struct command_call *call)
{
    struct slice watched;

    switch (read_head(call, &watched)) {
    case TRANSACTION_IF_UNCHANGED:
        if (has_changed(call, watched)) {
            resp_null_array(call->reply);
        } else {
            run_all(call);
        }
        break;
    case TRANSACTION_AND_COMPARE:
        run_and_compare(call, watched);
        break;
    case TRANSACTION_VERSIONS:
        reply_versions(call, watched);
        break;
    }
}

/* --- what is judged -------------------------------------------------------------------- */

static bool fits_mode(const struct command_call *call, char mode)
{
    bool only_reads = (call->command->flags & COMMAND_READ) != 0;

    switch (mode) {
    case TRANSACTION_IF_UNCHANGED:
        return true;
    case TRANSACTION_AND_COMPARE:
        return call->argument_count == TRANSACTION_FIRST + 1;
    case TRANSACTION_VERSIONS:
        return call->argument_count == TRANSACTION_FIRST && only_reads;
    default:
        return false;
    }
}

static bool is_sound_head(const struct command_call *call)
{
    struct slice head = call->arguments[1];
    struct slice watched;
    struct watched w;
    uint64_t bytes = 0;
    uint32_t count = 0;

    if (head.size == 0 || !fits_mode(call, head.data[0])) {
        return false;
    }
    for (read_head(call, &watched); watched.size > 0; count++) {
        if (count == TRANSACTION_WATCHED_MAX || !watched_take(&watched, &w)) {
            return false;
        }
        bytes += w.version.value_bytes;
    }
    return bytes <= TRANSACTION_WATCHED_BYTES_MAX;
}

static bool are_sound_inners(const struct command_call *call)
{
    struct reader reader = {0};
    struct command_inner inner;
    bool are_sound = true;

    for (uint32_t i = TRANSACTION_FIRST; are_sound && i < call->argument_count; i++) {
        are_sound = read_inner(&reader, call->arguments[i], &inner);
    }
    free(reader.arguments);
    return are_sound;
}

/* Whether it is made as nodes make it. What the commands in it are is judged one by one where they
 * are executed: each that can't be executed has its error in the array, as in Redis. */
static bool check_transaction(struct command_call *call)
{
    if ((!is_sound_head(call) || !are_sound_inners(call)) && !MUTANT(transaction_not_judged)) {
        resp_error(call->reply, ERROR_NOT_UNDERSTOOD);
        return false;
    }
    return true;
}

static uint64_t growth_of_inner(const struct command_call *call, const struct command_inner *inner,
                                uint64_t ahead)
{
    struct buffer errors = {0};
    struct resp_writer nobody = {.out = &errors, .version = 2};
    const struct command *command = command_inner_find(call->commands, inner, &nobody);
    struct command_call one = *call;

    buffer_deinit(&errors);
    if (command == NULL || command->growth == NULL) {
        return 0;
    }
    one.command = command;
    one.argument_count = inner->argument_count;
    one.arguments = inner->arguments;
    one.database = inner->database;
    one.kv = keyspace_database(call->keyspace, inner->database);
    return command->growth(&one, ahead);
}

/* Each command may change what the later ones find. */
static uint64_t transaction_growth(const struct command_call *call, uint64_t ahead)
{
    struct reader reader = {0};
    struct command_inner inner;
    uint64_t bytes = 0;

    for (uint32_t i = TRANSACTION_FIRST; i < call->argument_count; i++) {
        if (read_inner(&reader, call->arguments[i], &inner)) {
            bytes += (uint64_t)inner.argument_count * ARGUMENT_BYTES;
            bytes += growth_of_inner(call, &inner,
                                     ahead > 0 || i > TRANSACTION_FIRST ? ahead + bytes : 0);
        }
    }
    free(reader.arguments);
    return bytes;
}

/* --- rows ------------------------------------------------------------------------------ */

enum { GROWING, LEAN, READING };

/* clang-format off */
const struct command transaction_commands[] = {
    [GROWING] = {.name = "TRANSACTION", .arity = -2,
     .flags = COMMAND_WRITE | COMMAND_DENY_OOM | COMMAND_OUTERMOST | COMMAND_INTERNAL |
              COMMAND_HIDDEN,
     .handler = transaction_handler, .check = check_transaction, .growth = transaction_growth,
     .group = "transactions", .arguments = "watched [command ...]", .since = "0.1.0",
     .summary = "What MULTI and EXEC put into the log."},
    [LEAN] = {.name = "TRANSACT_LEAN", .arity = -2,
     .flags = COMMAND_WRITE | COMMAND_OUTERMOST | COMMAND_INTERNAL | COMMAND_HIDDEN,
     .handler = transaction_handler, .check = check_transaction,
     .group = "transactions", .arguments = "watched [command ...]", .since = "0.1.0",
     .summary = "The same without commands that may take memory."},
    [READING] = {.name = "TRANSACT_READ", .arity = -2,
     .flags = COMMAND_READ | COMMAND_OUTERMOST | COMMAND_INTERNAL | COMMAND_HIDDEN,
     .handler = transaction_handler, .check = check_transaction,
     .group = "transactions", .arguments = "watched [command ...]", .since = "0.1.0",
     .summary = "The same with commands that read only, which is not in the log."},
    {.name = NULL},
};
/* clang-format on */

const struct command *transaction_command(bool only_reads, bool may_grow)
{
    return &transaction_commands[only_reads ? READING : may_grow ? GROWING : LEAN];
}

bool transaction_is(struct slice name)
{
    for (const struct command *row = transaction_commands; row->name != NULL; row++) {
        if (slice_is(name, row->name)) {
            return true;
        }
    }
    return false;
}
