#include "client/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "client/client.h"
#include "command/table.h"
#include "command/transaction.h"
#include "kv/codec.h"
#include "kv/keyspace.h"
#include "resp/decimal.h"
#include "resp/errors.h"

_Static_assert(TRANSACTION_ARGUMENTS_MAX == 131072 && TRANSACTION_BYTES_MAX == 64 * 1024 * 1024 &&
                   TRANSACTION_WATCHED_MAX == 1024 &&
                   TRANSACTION_WATCHED_KEY_BYTES_MAX == 1024 * 1024 &&
                   TRANSACTION_WATCHED_BYTES_MAX == 16 * 1024 * 1024,
               "the texts say so");

/* In the queue, before the payload of a command. */
struct queued {
    uint32_t size;
    bool is_local;
};

static void exec_command(struct command_call *call);
static void watch_command(struct command_call *call);

/* --- what is kept ---------------------------------------------------------------------- */

void transaction_deinit(struct transaction *t)
{
    buffer_deinit(&t->queue);
    buffer_deinit(&t->watched);
}

uint64_t transaction_bytes(const struct transaction *t)
{
    return t->queue.capacity + t->watched.capacity;
}

static void empty_queue(struct client *c)
{
    struct transaction *t = &c->transaction;

    t->command_count = 0;
    t->local_count = 0;
    t->argument_count = 0;
    t->work = 0;
    t->writes = false;
    t->may_grow = false;
    buffer_deinit(&t->queue);
    client_note_input(c);
}

static void unwatch(struct client *c)
{
    struct transaction *t = &c->transaction;

    t->watched_count = 0;
    t->watched_bytes = 0;
    t->is_outdated = false;
    t->generation++;
    buffer_deinit(&t->watched);
}

enum { LOCAL_WORK = 4 * 1024 * 1024, LOCAL_REPLY_BYTES_MAX = 64 * 1024 * 1024 };

void transaction_reset(struct client *c)
{
    c->transaction.is_open = false;
    c->transaction.is_spoiled = false;
    unwatch(c);
    MUTANT_DO(queue_kept, return );
    empty_queue(c);
}

void transaction_spoil(struct client *c)
{
    if (c->transaction.is_open) {
        c->transaction.is_spoiled = true;
        empty_queue(c);
    }
}

/* --- the queue ------------------------------------------------------------------------- */

bool transaction_takes(const struct client *c, const struct command *command)
{
    return c->transaction.is_open && (command == NULL || (command->flags & COMMAND_UNQUEUED) == 0);
}

static bool has_room(const struct client *c, size_t size, uint64_t work)
{
    const struct transaction *t = &c->transaction;
    const struct clients *clients = c->clients;

    return t->argument_count + c->parser.argument_count <= TRANSACTION_ARGUMENTS_MAX &&
           buffer_size(&t->queue) + size <= TRANSACTION_BYTES_MAX &&
           t->work + work <= KV_VALUE_BYTES_MAX + (uint64_t)TRANSACTION_BYTES_MAX &&
           clients->input_bytes + size <= clients->options.input_memory_bytes;
}

/* A database that the queue selects is that of the commands after it. */
static void note_selected(struct transaction *t, const struct resp_parser *p)
{
    int64_t database;

    if (slice_is(p->arguments[0], "SELECT") && p->argument_count == 2 &&
        decimal_read(p->arguments[1], &database) && database >= 0 &&
        database < KEYSPACE_DATABASES) {
        t->database = (uint8_t)database;
    }
}

static void append_command(struct client *c, size_t size, bool is_local)
{
    struct transaction *t = &c->transaction;
    const struct resp_parser *p = &c->parser;
    struct command_head head = {.argument_count = p->argument_count, .database = t->database};
    struct queued queued = {.size = (uint32_t)size, .is_local = is_local};

    buffer_append(&t->queue, &queued, sizeof queued);
    command_payload_write(buffer_reserve(&t->queue, size), &head, p->arguments);
    buffer_commit(&t->queue, size);
}

const char *transaction_queue(struct client *c, const struct command *command, uint64_t work)
{
    struct transaction *t = &c->transaction;
    bool is_local = (command->flags & (COMMAND_READ | COMMAND_WRITE)) == 0;
    struct command_head head = {.argument_count = c->parser.argument_count};
    size_t size = command_payload_size(&head, c->parser.arguments);
    const char *fault = NULL;

    if (is_local && (command->flags & COMMAND_FAST) == 0) {
        work += LOCAL_WORK; /* All of them are executed in one turn. */
    }
    if ((is_local && (command->flags & COMMAND_QUEUED) == 0) ||
        (command->flags & COMMAND_OUTERMOST) != 0 || c->once.client.size > 0) {
        fault = ERROR_NOT_IN_MULTI;
    } else if (!t->is_spoiled && !has_room(c, size, work)) {
        fault = ERROR_TRANSACTION_TOO_LARGE;
    }
    if (fault != NULL) {
        transaction_spoil(c);
        return fault;
    }
    if (t->is_spoiled) {
        return NULL; /* It will not be executed. */
    }
    append_command(c, size, is_local);
    note_selected(t, &c->parser);
    t->command_count++;
    t->local_count += is_local;
    t->argument_count += c->parser.argument_count;
    t->work += work;
    t->writes = t->writes || (command->flags & COMMAND_WRITE) != 0;
    t->may_grow = t->may_grow || (command->flags & COMMAND_DENY_OOM) != 0;
    client_note_input(c);
    return NULL;
}

/* Takes the next command off the front of what is left of a queue. */
static bool take_queued(struct slice *rest, struct queued *ret_queued, struct slice *ret_payload)
{
    if (rest->size == 0) {
        return false;
    }
    memcpy(ret_queued, rest->data, sizeof *ret_queued);
    *ret_payload = slice_of(rest->data + sizeof *ret_queued, ret_queued->size);
    *rest = slice_of(ret_payload->data + ret_payload->size,
                     rest->size - sizeof *ret_queued - ret_payload->size);
    return true;
}

/* --- what is sent ---------------------------------------------------------------------- */

bool transaction_is_exec(const struct command *command)
{
    return command->handler == exec_command;
}

static bool is_watch(const struct command *command)
{
    return command->handler == watch_command;
}

bool transaction_ends_by(struct client *c, const struct command *command)
{
    if (!c->transaction.is_open || !transaction_is_exec(command)) {
        return false;
    }
    transaction_reset(c);
    return true;
}

static bool exec_is_sent(const struct transaction *t)
{
    return t->is_open && !t->is_spoiled && !t->is_outdated &&
           (t->command_count > t->local_count || t->watched_count > 0);
}

static size_t key_bytes(const struct resp_parser *p)
{
    size_t bytes = 0;

    for (uint32_t i = 1; i < p->argument_count; i++) {
        bytes += p->arguments[i].size;
    }
    return bytes;
}

static bool watch_is_sent(const struct client *c)
{
    const struct transaction *t = &c->transaction;

    return !t->is_open &&
           t->watched_count + c->parser.argument_count - 1 <= TRANSACTION_WATCHED_MAX &&
           buffer_size(&t->watched) + key_bytes(&c->parser) <= TRANSACTION_WATCHED_KEY_BYTES_MAX;
}

const struct command *transaction_sends(const struct client *c, const struct command *command)
{
    const struct transaction *t = &c->transaction;

    if (transaction_is_exec(command) && exec_is_sent(t)) {
        return transaction_command(!t->writes, t->may_grow);
    }
    return is_watch(command) && watch_is_sent(c) ? transaction_command(true, false) : NULL;
}

uint64_t transaction_work(const struct client *c, const struct command *command, uint64_t work)
{
    return work + c->transaction.watched_bytes +
           (transaction_is_exec(command) ? c->transaction.work : 0);
}

static void send(struct client *c, struct reply_slot *slot, bool only_reads, bool may_grow,
                 uint32_t count, struct slice *arguments)
{
    const struct command *command = transaction_command(only_reads, may_grow);
    struct command_head head = {
        .database = c->database, .argument_count = count, .user = rights_user(c)};

    if (!only_reads) {
        head.once = c->once;
    }
    arguments[0] = slice_str(command->name);
    request_encode_head(&slot->request, command, &head, arguments);
}

static void begin_head(struct buffer *head, enum transaction_mode mode)
{
    char byte = (char)mode;

    buffer_append(head, &byte, 1);
}

/* It is kept until its answer decides whether it is executed. */
static void keep(struct reply_slot *slot, struct buffer *bytes, enum transaction_purpose purpose)
{
    slot->purpose = (uint8_t)purpose;
    slot->kept = memory_take(sizeof *slot->kept);
    *slot->kept = *bytes;
    *bytes = (struct buffer){0};
    slot->client->transaction.settling_count++;
}

static void send_watch(struct client *c, struct reply_slot *slot)
{
    struct buffer head = {0};
    struct slice arguments[2];
    struct watched w = {.database = c->database};

    begin_head(&head, TRANSACTION_VERSIONS);
    for (uint32_t i = 1; i < c->parser.argument_count; i++) {
        w.key = c->parser.arguments[i];
        watched_append(&head, &w);
    }
    arguments[1] = buffer_slice(&head);
    send(c, slot, true, false, 2, arguments);
    keep(slot, &head, TRANSACTION_WATCHES);
}

static void send_exec(struct client *c, struct reply_slot *slot)
{
    struct transaction *t = &c->transaction;
    uint32_t count = 2 + t->command_count - t->local_count;
    struct slice *arguments = memory_take(count * sizeof *arguments);
    struct slice rest = buffer_slice(&t->queue);
    struct buffer head = {0};
    struct queued queued;
    struct slice payload;

    begin_head(&head, TRANSACTION_IF_UNCHANGED);
    if (!MUTANT(watch_not_sent)) {
        buffer_append_slice(&head, buffer_slice(&t->watched));
    }
    arguments[1] = buffer_slice(&head);
    for (uint32_t i = 2; take_queued(&rest, &queued, &payload);) {
        if (!queued.is_local) {
            arguments[i++] = payload;
        }
    }
    send(c, slot, !t->writes, t->may_grow, count, arguments);
    if (t->local_count > 0) {
        keep(slot, &t->queue, TRANSACTION_EXECUTES);
    }
    buffer_deinit(&head);
    free(arguments);
    transaction_reset(c);
}

/* Data commands of a connection that watches. Some can't be within others, or are too large:
 * whether they show a change is unknown then. */
static bool is_compared(struct client *c, const struct command *command, size_t size)
{
    struct transaction *t = &c->transaction;

    if (t->watched_count == 0 || t->is_outdated || MUTANT(reads_not_compared)) {
        return false;
    }
    if ((command->flags & COMMAND_OUTERMOST) != 0 || c->once.client.size > 0 ||
        size > TRANSACTION_BYTES_MAX) {
        t->is_outdated = true;
        return false;
    }
    return true;
}

static void send_compared(struct client *c, struct reply_slot *slot, const struct command *command,
                          const struct command_head *command_head, size_t size)
{
    bool only_reads = (command->flags & COMMAND_READ) != 0;
    char *payload = memory_take(size);
    struct buffer head = {0};
    struct slice arguments[3];

    command_payload_write(payload, command_head, c->parser.arguments);
    begin_head(&head, TRANSACTION_AND_COMPARE);
    buffer_append_slice(&head, buffer_slice(&c->transaction.watched));
    arguments[1] = buffer_slice(&head);
    arguments[2] = slice_of(payload, size);
    send(c, slot, only_reads, (command->flags & COMMAND_DENY_OOM) != 0, 3, arguments);
    slot->purpose = TRANSACTION_COMPARES;
    buffer_deinit(&head);
    free(payload);
}

void transaction_encode(struct client *c, struct reply_slot *slot, const struct command *command)
{
    struct command_head head = {.argument_count = c->parser.argument_count,
                                .database = c->database};
    size_t size;

    slot->generation = c->transaction.generation;
    if (transaction_is_exec(command)) {
        send_exec(c, slot);
        return;
    }
    if (is_watch(command)) {
        send_watch(c, slot);
        return;
    }
    size = c->transaction.watched_count == 0 ? 0 : command_payload_size(&head, c->parser.arguments);
    if (is_compared(c, command, size)) {
        send_compared(c, slot, command, &head, size);
    } else {
        head.once = c->once;
        head.user = rights_user(c);
        request_encode_head(&slot->request, command, &head, c->parser.arguments);
    }
}

/* --- what is answered ------------------------------------------------------------------ */

/* The reply that has just been written to the slot. */
static struct slice reply_of(const struct reply_slot *slot)
{
    const struct buffer *out = slot->writer.out;

    CHECK(out->data != NULL); /* Something was written. */
    return slice_of(buffer_begin(out) + slot->written_before,
                    buffer_size(out) - slot->written_before);
}

static void replace_reply(struct reply_slot *slot, struct slice reply)
{
    struct buffer *out = slot->writer.out;

    out->end -= buffer_size(out) - slot->written_before;
    buffer_append_slice(out, reply);
}

static bool is_watched(const struct transaction *t, const struct watched *w)
{
    struct slice rest = buffer_slice(&t->watched);
    struct watched other;

    while (watched_take(&rest, &other)) {
        if (other.database == w->database && slice_equal(other.key, w->key)) {
            return true;
        }
    }
    return false;
}

/* As in Redis, a key is watched since it was first named. */
static void watch(struct transaction *t, const struct watched *w)
{
    if (!is_watched(t, w)) {
        watched_append(&t->watched, w);
        t->watched_count++;
        t->watched_bytes += w->version.value_bytes;
    }
}

static void settle_watch(struct client *c, struct reply_slot *slot)
{
    struct slice reply = reply_of(slot);
    struct slice keys = buffer_slice(slot->kept);
    const char *end = memchr(reply.data, '\n', reply.size);
    struct watched w;

    if (reply.data[0] != '$' || end == NULL) {
        c->transaction.is_outdated = true; /* The client may not have read the error. */
        return;
    }
    reply = slice_of(end + 1, reply.size - (size_t)(end + 1 - reply.data));
    keys = slice_of(keys.data + 1, keys.size - 1);
    while (watched_take(&keys, &w) && watched_take_version(&reply, &w.version)) {
        watch(&c->transaction, &w);
    }
    if (c->transaction.watched_bytes > TRANSACTION_WATCHED_BYTES_MAX) {
        unwatch(c);
        c->transaction.is_outdated = true; /* The client may not have read the error. */
        replace_reply(slot, slice_str("-" ERROR_WATCHED_BYTES "\r\n"));
    } else {
        replace_reply(slot, slice_str("+OK\r\n"));
    }
}

static void settle_compared(struct client *c, struct reply_slot *slot)
{
    struct slice reply = reply_of(slot);
    char mark = reply.size == 0 ? '\n' : reply.data[reply.size - 1];

    if (mark != TRANSACTION_CHANGED && mark != TRANSACTION_UNCHANGED) {
        return; /* An error instead. */
    }
    slot->writer.out->end--;
    if (mark == TRANSACTION_CHANGED && slot->generation == c->transaction.generation) {
        c->transaction.is_outdated = true;
    }
}

static void run_local(struct client *c, struct slice payload, struct resp_writer *reply)
{
    struct command_head head;
    struct command_call call = {.reply = reply, .session = c};
    struct slice *arguments;

    CHECK(command_payload_head(payload, &head));
    arguments = memory_take(head.argument_count * sizeof *arguments);
    CHECK(command_payload_read(payload, arguments, head.argument_count, &call.argument_count));
    call.arguments = arguments;
    call.command = command_find(c->clients->options.commands, arguments[0]);
    CHECK(call.command != NULL);
    if (rights_admit_call(c, &call)) {
        call.command->handler(&call);
    }
    free(arguments);
}

/* Writes all replies of the queue: those of data commands are in `replies`, one after the other. */
static void reply_queue(struct client *c, struct slice queue, struct slice replies,
                        struct resp_writer *w)
{
    struct queued queued;
    struct slice payload;
    size_t before = buffer_size(w->out);

    while (take_queued(&queue, &queued, &payload)) {
        if (queued.is_local && buffer_size(w->out) - before > LOCAL_REPLY_BYTES_MAX) {
            resp_error(w, ERROR_TRANSACTION_REPLIES);
        } else if (queued.is_local) {
            run_local(c, payload, w);
        } else {
            size_t size = resp_reply_size(replies);

            buffer_append(w->out, replies.data, size);
            replies = slice_of(replies.data + size, replies.size - size);
        }
    }
}

static uint32_t count_queue(struct slice queue)
{
    struct queued queued;
    struct slice payload;
    uint32_t count = 0;

    while (take_queued(&queue, &queued, &payload)) {
        count++;
    }
    return count;
}

static uint32_t count_data(struct slice queue)
{
    struct queued queued;
    struct slice payload;
    uint32_t count = 0;

    while (take_queued(&queue, &queued, &payload)) {
        count += !queued.is_local;
    }
    return count;
}

/* Local commands are executed only now, since it is certain that the others were. */
static void settle_exec(struct client *c, struct reply_slot *slot)
{
    struct slice reply = reply_of(slot);
    const char *end = memchr(reply.data, '\n', reply.size);
    struct slice queue = buffer_slice(slot->kept);
    struct buffer all = {0};
    struct resp_writer w = {.out = &all, .version = slot->writer.version};

    if (reply.data[0] != '*' || reply.data[1] == '-' || end == NULL) {
        return; /* Nothing was executed, or it is in doubt. */
    }
    if (strtoull(reply.data + 1, NULL, 10) != count_data(queue)) {
        return; /* By ONCE, of another transaction: its reply as it was, and nothing local. */
    }
    reply = slice_of(end + 1, reply.size - (size_t)(end + 1 - reply.data));
    resp_array(&w, count_queue(queue));
    reply_queue(c, queue, reply, &w);
    replace_reply(slot, buffer_slice(&all));
    buffer_deinit(&all);
}

void transaction_settle(struct reply_slot *slot)
{
    struct client *c = slot->client;

    if (slot->purpose == TRANSACTION_NOT) {
        return;
    }
    if (slot->purpose == TRANSACTION_COMPARES) {
        settle_compared(c, slot);
        return;
    }
    CHECK(c->transaction.settling_count > 0);
    c->transaction.settling_count--;
    if (c->end < CLIENT_CLOSING) {
        if (slot->purpose == TRANSACTION_WATCHES) {
            settle_watch(c, slot);
        } else {
            settle_exec(c, slot);
        }
    }
    buffer_deinit(slot->kept);
    free(slot->kept);
    slot->kept = NULL;
}

/* --- the commands ---------------------------------------------------------------------- */

static void multi_command(struct command_call *call)
{
    struct client *c = call_client(call);

    if (c->transaction.is_open) {
        resp_error(call->reply, ERROR_NESTED_MULTI);
        return;
    }
    c->transaction.is_open = true;
    c->transaction.database = c->database;
    resp_ok(call->reply);
}

static void discard_command(struct command_call *call)
{
    struct client *c = call_client(call);

    if (!c->transaction.is_open) {
        resp_error(call->reply, ERROR_DISCARD_WITHOUT_MULTI);
        return;
    }
    transaction_reset(c);
    resp_ok(call->reply);
}

/* A transaction that is not sent: it is refused, or has nothing to send. */
static void exec_command(struct command_call *call)
{
    struct client *c = call_client(call);
    struct transaction *t = &c->transaction;
    struct buffer queue = t->queue;
    uint32_t count = t->command_count;

    if (!t->is_open) {
        resp_error(call->reply, ERROR_EXEC_WITHOUT_MULTI);
        return;
    }
    if (t->is_spoiled) {
        resp_error(call->reply, ERROR_EXEC_ABORT);
    } else if (t->is_outdated) {
        resp_null_array(call->reply);
    } else {
        t->queue = (struct buffer){0};
        transaction_reset(c);
        resp_array(call->reply, count);
        reply_queue(c, buffer_slice(&queue), slice_of(NULL, 0), call->reply);
        buffer_deinit(&queue);
        return;
    }
    transaction_reset(c);
}

/* One that is not sent. */
static void watch_command(struct command_call *call)
{
    struct transaction *t = &call_client(call)->transaction;

    t->is_outdated = t->is_outdated || !t->is_open;
    resp_error(call->reply, t->is_open ? ERROR_WATCH_IN_MULTI : ERROR_WATCHED_KEYS);
}

static void unwatch_command(struct command_call *call)
{
    unwatch(call_client(call));
    resp_ok(call->reply);
}

/* clang-format off */
const struct command transaction_client_commands[] = {
    {.name = "DISCARD", .arity = 1,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_UNQUEUED,
     .handler = discard_command, .group = "transactions", .arguments = "", .since = "2.0.0",
     .summary = "Forgets the commands since MULTI, and what is watched."},
    {.name = "EXEC", .arity = 1,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_UNQUEUED,
     .handler = exec_command, .group = "transactions", .arguments = "", .since = "1.2.0",
     .summary = "Executes the commands since MULTI, all or none: none if a watched key changed."},
    {.name = "MULTI", .arity = 1,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_UNQUEUED,
     .handler = multi_command, .group = "transactions", .arguments = "", .since = "1.2.0",
     .summary = "Queues the commands that follow, up to EXEC."},
    {.name = "UNWATCH", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED,
     .handler = unwatch_command, .group = "transactions", .arguments = "", .since = "2.2.0",
     .summary = "Watches no key any more."},
    {.name = "WATCH", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_UNQUEUED,
     COMMAND_KEYS, .handler = watch_command, .group = "transactions", .arguments = "key [key ...]",
     .since = "2.2.0",
     .summary = "Lets EXEC execute nothing if one of the keys has changed by then."},
    {.name = NULL},
};
/* clang-format on */
