/* reply.c - replies in the order of their commands. The reply whose turn it is goes straight
 * into the output; one that comes early waits in its slot. */
#include "client/client.h"
#include "client/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "command/probe.h"
#include "replica/replica.h"

enum {
    SPARE_SLOTS_MAX = 16 * 1024,
    SPARE_SLOT_KEEP_BYTES = 1024,
    SWAP_BYTES = 16 * 1024, /* Below this, copying is cheaper than swapping buffers. */
};

uint64_t client_output_bytes(const struct client *c)
{
    return buffer_size(&c->out) + (c->is_sending ? buffer_size(&c->sending) : 0) + c->held_bytes;
}

/* --- slots ------------------------------------------------------------------------ */

static void slot_answered(struct request *request);

static struct resp_writer *slot_reply(struct request *request)
{
    return reply_writer(container_of(request, struct reply_slot, request));
}

static void slot_describe(struct request *request, struct buffer *out)
{
    session_describe(container_of(request, struct reply_slot, request)->client, out);
}

struct reply_slot *client_take_slot(struct client *c)
{
    struct clients *clients = c->clients;
    struct reply_slot *slot = clients->spare_slots;

    if (slot != NULL) {
        clients->spare_slots = slot->next;
        clients->spare_count--;
    } else {
        slot = memory_take_zeroed(1, sizeof *slot);
    }
    list_init(&slot->request.link);
    slot->request.resp_version = (uint8_t)c->version;
    slot->request.reply = slot_reply;
    slot->request.describe = slot_describe;
    slot->request.answered = slot_answered;
    slot->client = c;
    slot->ordinal = c->command_count;
    slot->named = c->taken_command;
    slot->is_refused = c->is_refused;
    slot->taken_ns = io_now_ns(clients->io);
    slot->writer.version = c->version;
    if (c->last_slot == NULL) {
        c->first_slot = slot;
    } else {
        c->last_slot->next = slot;
    }
    slot->next = NULL;
    c->last_slot = slot;
    c->slot_count++;
    return slot;
}

void client_abandon(struct client *c)
{
    for (struct reply_slot *slot = c->first_slot; slot != NULL; slot = slot->next) {
        slot->request.is_abandoned = !MUTANT(abandoned_waits_on);
    }
    waits_end(c->clients, c);
}

static void give_slot_back(struct clients *clients, struct reply_slot *slot)
{
    struct buffer out = slot->out;

    if (clients->spare_count >= SPARE_SLOTS_MAX) {
        buffer_deinit(&slot->out);
        free(slot);
        return;
    }
    buffer_trim(&out, SPARE_SLOT_KEEP_BYTES);
    *slot = (struct reply_slot){.out = out, .next = clients->spare_slots};
    clients->spare_slots = slot;
    clients->spare_count++;
}

void clients_free_spare_slots(struct clients *clients)
{
    while (clients->spare_slots != NULL) {
        struct reply_slot *slot = clients->spare_slots;

        clients->spare_slots = slot->next;
        buffer_deinit(&slot->out);
        free(slot);
    }
    clients->spare_count = 0;
}

/* --- answering ----------------------------------------------------------------------- */

struct reply_slot *reply_later(struct command_call *call)
{
    struct reply_slot *slot = call_client(call)->current_slot;

    CHECK(slot != NULL); /* Of a command with COMMAND_ASYNC. */
    slot->is_deferred = true;
    return slot;
}

struct resp_writer *reply_writer(struct reply_slot *slot)
{
    struct client *c = slot->client;
    bool is_first = c->first_slot == slot || MUTANT(replies_out_of_turn);
    bool is_its_turn = is_first && buffer_size(&slot->out) == 0;
    bool is_heard = c->end < CLIENT_CLOSING && !slot->is_silent;

    CHECK(!slot->is_answered);
    slot->writer.out = is_its_turn && is_heard ? &c->out : &slot->out;
    slot->written_before = buffer_size(slot->writer.out);
    return &slot->writer;
}

/* The size of the next read's reply is guessed from the previous ones: a large reply raises the
 * guess at once, small ones lower it step by step. */
static void learn_reply_bytes(struct client *c, uint64_t bytes)
{
    if (bytes >= c->read_reply_bytes) {
        c->read_reply_bytes = bytes;
    } else {
        c->read_reply_bytes -= (c->read_reply_bytes - bytes) / 8;
    }
}

static void slot_answered(struct request *request)
{
    struct reply_slot *slot = container_of(request, struct reply_slot, request);

    entry_release(request->entry);
    request->entry = NULL;
    reply_done(slot);
}

/* A command is in doubt until one that was sent later, and went through the log, has been
 * executed. Terms never fall along a log, and a leader takes what a node forwards in the order
 * sent, so the former is in the log before the latter, or never. */
static void note_doubt(struct client *c, const struct reply_slot *slot, uint64_t reply_bytes)
{
    static const char in_doubt[] = "-INDOUBT";
    size_t size = sizeof in_doubt - 1;
    const char *reply = buffer_begin(slot->writer.out) + slot->written_before;

    if (reply_bytes >= size && memcmp(reply, in_doubt, size) == 0) {
        c->doubt_ordinal = c->command_count;
    } else if (slot->request.executed_index > 0 && slot->ordinal > c->doubt_ordinal) {
        c->doubt_ordinal = 0;
    }
}

/* Not the highest index: a command that ONCE repeats has the one of its first execution. */
static void note_written(struct client *c, const struct reply_slot *slot)
{
    bool is_write = (slot->flags & COMMAND_WRITE) != 0 || MUTANT(index_of_reads);

    if (is_write && slot->request.executed_index > 0 && slot->ordinal > c->written_ordinal) {
        c->written_index = slot->request.executed_index;
        c->written_ordinal = slot->ordinal;
    }
}

/* Removes the slot's command from those under way. Returns the size of its reply. */
static uint64_t settle(struct client *c, struct reply_slot *slot)
{
    size_t size = buffer_size(slot->writer.out);
    uint64_t reply_bytes = size > slot->written_before ? size - slot->written_before : 0;

    if (slot->flags & COMMAND_READ) {
        learn_reply_bytes(c, reply_bytes);
    }
    if (slot->request.executed_index > c->seen_index) {
        c->seen_index = slot->request.executed_index;
    }
    note_written(c, slot);
    if ((slot->flags & COMMAND_WRITE) || slot->request.is_logged_read) {
        CHECK(c->write_count > 0);
        c->write_count--;
        c->logged_count -= slot->request.is_logged_read ? 1 : 0;
        note_doubt(c, slot, reply_bytes);
    } else if (slot->flags & COMMAND_READ) {
        CHECK(c->read_count > 0);
        c->read_count--;
    }
    c->argument_bytes -= slot->argument_bytes;
    c->work_under_way -= slot->work;
    if (slot->is_silent || c->end >= CLIENT_CLOSING) {
        buffer_trim(&slot->out, SPARE_SLOT_KEEP_BYTES);
    }
    c->held_bytes += buffer_size(&slot->out);
    return reply_bytes;
}

static void count_reply(struct client *c, const struct reply_slot *slot)
{
    const struct buffer *out = slot->writer.out;
    size_t before = slot->written_before;
    size_t size = buffer_size(out) > before ? buffer_size(out) - before : 0;

    call_counts_note_reply(&c->clients->call_counts, slot->named, slot->is_refused,
                           slice_of(size == 0 ? NULL : buffer_begin(out) + before, size),
                           io_now_ns(c->clients->io) - slot->taken_ns);
}

void reply_done(struct reply_slot *slot)
{
    struct client *c = slot->client;

    CHECK(!slot->is_answered);
    CHECK(slot->writer.out != NULL); /* reply_writer() was called. */
    transaction_settle(slot);
    slot->is_answered = true;
    count_reply(c, slot);

    uint64_t reply_bytes = settle(c, slot);

    trackers_settle(slot);

    uint64_t backlog_bytes = client_output_bytes(c) - (slot->is_silent ? 0 : reply_bytes);

    /* The newest reply may have any size, but the replies before it are limited. */
    if (c->end < CLIENT_CLOSING && backlog_bytes > c->clients->options.output_bytes_max) {
        c->clients->stats.closed_slow_count++;
        log_write(c->clients->log, LOG_WARN, "a client does not read its replies: closed",
                  "client=%llu peer=%s unread_bytes=%llu", (unsigned long long)c->id, c->peer,
                  (unsigned long long)backlog_bytes);
        client_close(c, "it does not read its replies");
    }
    client_note_output(c);
    client_advance(c);
}

static void emit(struct client *c, struct reply_slot *slot)
{
    const struct server_probe *probe = c->clients->options.probe;
    size_t size = buffer_size(&slot->out);

    c->held_bytes -= size;
    if (c->end >= CLIENT_CLOSING) {
        return;
    }
    if (size >= SWAP_BYTES && buffer_size(&c->out) == 0) {
        struct buffer out = c->out;

        c->out = slot->out;
        slot->out = out;
    } else {
        buffer_append_slice(&c->out, buffer_slice(&slot->out));
    }
    probe_call(probe, replied, c->peer, slot->ordinal, slot->request.executed_index,
               slot->request.executed_order,
               slot->request.command != NULL && (slot->request.command->flags & COMMAND_WRITE));
}

void client_advance(struct client *c)
{
    while (c->first_slot != NULL && c->first_slot->is_answered) {
        struct reply_slot *slot = c->first_slot;

        emit(c, slot);
        c->first_slot = slot->next;
        if (c->first_slot == NULL) {
            c->last_slot = NULL;
        }
        c->slot_count--;
        give_slot_back(c->clients, slot);
    }
    if (c->end >= CLIENT_CLOSING) {
        client_free_if_over(c);
        return;
    }
    client_reconsider(c);
    client_make_dirty(c);
}

/* --- out --------------------------------------------------------------------------------- */

static void end_if_done(struct client *c)
{
    bool is_done = c->slot_count == 0 && !c->is_sending && buffer_size(&c->out) == 0;

    if (!is_done || (c->end != CLIENT_ENDS_AFTER_REPLIES && c->end != CLIENT_DRAINS)) {
        return;
    }
    if (c->has_ended || MUTANT(ends_with_a_reset)) {
        client_close(c, "done");
    } else if (c->end == CLIENT_ENDS_AFTER_REPLIES) {
        c->end = CLIENT_DRAINS;
        io_stream_shut(c->clients->io, &c->stream);
    }
}

static void note_sent(struct client *c, size_t size)
{
    c->clients->stats.output_bytes += size;
    c->active_ns = io_now_ns(c->clients->io);
    client_note_output(c);
    if (c->wait == CLIENT_WAITS_FOR_READER &&
        client_output_bytes(c) <= CLIENT_OUTPUT_PAUSE_BYTES / 2) {
        client_make_ready(c);
    }
}

void client_send(struct client *c)
{
    size_t size = buffer_size(&c->out);

    if (c->end >= CLIENT_CLOSING) {
        return;
    }
    if (c->is_sending) {
        if (!MUTANT(direct_replies_uncounted)) {
            client_note_output(c); /* Replies written directly are counted nowhere else. */
        }
        return;
    }
    if (size > 0) {
        int status = io_stream_write(c->clients->io, &c->stream, buffer_begin(&c->out), size);

        if (status < 0) {
            client_close(c, "it went away");
            return;
        }
        if (status == 0) {
            struct buffer spare = c->sending;

            /* Only the struct is moved; the bytes stay in place, as io requires. */
            c->sending = c->out;
            c->out = spare;
            c->is_sending = true;
            client_note_output(c);
            return;
        }
        buffer_trim(&c->out, CLIENT_KEEP_BYTES);
        note_sent(c, size);
    }
    end_if_done(c);
}

void client_sent(struct io_stream *stream, int status)
{
    struct client *c = client_of_stream(stream);
    size_t size = buffer_size(&c->sending);

    CHECK(c->is_sending);
    c->is_sending = false;
    buffer_trim(&c->sending, CLIENT_KEEP_BYTES);
    if (status < 0) {
        client_close(c, "it went away");
        return;
    }
    note_sent(c, size);
    client_make_dirty(c);
}
