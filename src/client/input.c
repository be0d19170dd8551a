/* input.c - bytes into commands, and how far a client may run ahead of its replies. Memory for
 * input is allocated as bytes arrive, never because they were announced. Nothing is read from a
 * client that must wait, so the network slows it down.
 *
 * No other callback runs between room() and the received() that follows it. */
#include "client/client.h"
#include "client/once.h"
#include "client/redirect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mutant.h"
#include "client/transaction.h"
#include "command/probe.h"
#include "command/table.h"
#include "replica/replica.h"
#include "resp/errors.h"

/* The time of a command's arrival is known to this fraction of the request timeout. */
enum { ARRIVAL_SHARE = 8 };

static const char text_too_many[] = ERROR_MANY_ARGUMENTS;
_Static_assert(CLIENT_ARGUMENTS_TAKEN_MAX == 131072, "the text says so");

static const char text_too_many_local[] = ERROR_MANY_LOCAL_ARGUMENTS;
_Static_assert(CLIENT_LOCAL_ARGUMENTS_MAX == 1024, "the text says so");

/* --- reading ------------------------------------------------------------------------- */

static bool is_held_up(const struct client *c)
{
    return c->wait != CLIENT_RUNS || !list_is_empty(&c->ready_link);
}

static void refuse_for_good(struct client *c, const char *error);

static bool takes_no_more(const struct client *c)
{
    return c->end == CLIENT_ENDS_AFTER_REPLIES || c->end == CLIENT_DRAINS;
}

/* Bytes to make room for: more if one request is large, but never more than three times what it
 * has already sent. Growing in such large steps keeps the cost of moving low. */
static size_t room_wanted(const struct client *c)
{
    size_t used = buffer_size(&c->input);
    size_t wanted = c->read_bytes;

    if (used > 0 && c->wait == CLIENT_RUNS) {
        uint64_t missing = resp_parser_wanted(&c->parser, used);

        if (missing > wanted) {
            size_t step = 3 * used > wanted ? 3 * used : wanted;

            wanted = missing < step ? (size_t)missing : step;
        }
    }
    return wanted;
}

char *client_room(struct io_stream *stream, size_t *ret_size)
{
    struct client *c = client_of_stream(stream);

    if (!takes_no_more(c) && !client_has_input_room(c, room_wanted(c))) {
        refuse_for_good(c, ERROR_INPUT_MEMORY);
        c->read_bytes = CLIENT_READ_BYTES;
    }
    if (takes_no_more(c)) {
        buffer_trim(&c->input, CLIENT_READ_BYTES_MAX);
    } else if (is_held_up(c) && buffer_size(&c->input) >= CLIENT_READ_AHEAD_BYTES) {
        c->is_paused = true;
        *ret_size = 0;
        return NULL;
    }

    size_t wanted = room_wanted(c);
    char *room = buffer_reserve(&c->input, wanted);

    client_note_input(c);

    *ret_size = wanted;
    return room;
}

static void resume_reading(struct client *c)
{
    if (c->is_paused &&
        (takes_no_more(c) || !is_held_up(c) || buffer_size(&c->input) < CLIENT_READ_AHEAD_BYTES)) {
        c->is_paused = false;
        io_stream_resume(c->clients->io, &c->stream);
    }
}

/* Throws away bytes that come after the last command. */
static void discard(struct client *c, uint64_t size)
{
    c->discarded_bytes += size;
    if (c->discarded_bytes > CLIENT_DISCARD_BYTES_MAX) {
        client_close(c, "it sends on and on behind its last command");
        return;
    }
    if (c->end == CLIENT_LINGERS) {
        c->end = CLIENT_ENDS_AFTER_REPLIES;
    }
    client_make_dirty(c);
}

void client_received(struct io_stream *stream, int64_t size)
{
    struct client *c = client_of_stream(stream);

    if (size < 0) {
        client_close(c, "it went away");
        return;
    }
    if (size == 0) {
        c->has_ended = true;
        client_abandon(c);
    }
    if (c->end != CLIENT_OPEN) {
        discard(c, (uint64_t)size);
        return;
    }
    if (size > 0) {
        arrivals_note(&c->arrivals, (uint64_t)size, buffer_size(&c->input),
                      io_now_ns(c->clients->io),
                      c->clients->options.request_timeout_ns / ARRIVAL_SHARE);
        buffer_commit(&c->input, (size_t)size);
        c->clients->stats.input_bytes += (uint64_t)size;
        c->active_ns = io_now_ns(c->clients->io);
        if ((size_t)size >= c->read_bytes && c->read_bytes < CLIENT_READ_BYTES_MAX) {
            c->read_bytes *= 2; /* It sends more than fits. */
        }
    }
    rights_limit_input(c);
    if (is_held_up(c)) {
        return;
    }
    if (io_spent_ns(c->clients->io) >= CLIENTS_TURN_NS && !MUTANT(turns_without_end)) {
        client_make_ready(c);
    } else {
        client_run(c);
    }
}

/* --- refusing ------------------------------------------------------------------------- */

/* Returns the writer for a reply that is ready now; end_reply() must follow. */
static struct resp_writer *begin_reply(struct client *c, uint32_t flags, struct resp_writer *direct)
{
    c->current_slot = NULL;
    if (c->first_slot == NULL && !(flags & COMMAND_ASYNC)) {
        *direct = (struct resp_writer){.out = &c->out, .version = c->version};
        return direct;
    }
    c->current_slot = client_take_slot(c);
    if (flags & COMMAND_ASYNC) {
        /* The reply may be written straight into the output; others wait in their slots. CLIENT
         * REPLY may change this. */
        c->current_slot->is_silent = c->is_reply_off || c->skips_this_reply;
    }
    return reply_writer(c->current_slot);
}

static void end_reply(struct client *c, uint32_t flags, size_t size_before)
{
    struct reply_slot *slot = c->current_slot;
    /* CLIENT REPLY OFF and SKIP are not answered themselves. */
    bool is_silent = (c->is_reply_off || c->skips_this_reply || c->skips_next_reply) &&
                     (flags & COMMAND_PUSHES) == 0;

    c->current_slot = NULL;
    if (slot != NULL) {
        slot->is_silent = is_silent;
        if (!slot->is_deferred) {
            reply_done(slot);
        }
        return;
    }
    call_counts_note_reply(
        &c->clients->call_counts, c->taken_command, c->is_refused,
        slice_of(buffer_begin(&c->out) + size_before, buffer_size(&c->out) - size_before), 0);
    if (is_silent) {
        c->out.end -= buffer_size(&c->out) - size_before;
    }
    probe_call(c->clients->options.probe, replied, c->peer, c->command_count, 0, 0, false);
    client_make_dirty(c);
}

static void refuse(struct client *c, const char *text)
{
    size_t size_before = buffer_size(&c->out);
    struct resp_writer direct;

    c->is_refused = true;
    resp_error(begin_reply(c, 0, &direct), text);
    end_reply(c, 0, size_before);
}

static void refuse_unknown(struct client *c)
{
    char text[CLIENT_UNKNOWN_TEXT_BYTES];

    client_describe_unknown(c, text);
    refuse(c, text);
}

static void refuse_arguments(struct client *c, struct slice error)
{
    size_t size_before = buffer_size(&c->out);
    struct resp_writer direct;
    struct resp_writer *w = begin_reply(c, 0, &direct);

    buffer_append_slice(w->out, error);
    end_reply(c, 0, size_before);
}

static void refuse_count(struct client *c, const struct command *command)
{
    char name[32];
    char text[96];

    client_lower_name(command, name, sizeof name);
    if (transaction_ends_by(c, command)) {
        refuse(c, ERROR_EXEC_ARITY);
        return;
    }
    snprintf(text, sizeof text, ERROR_ARITY, name);
    refuse(c, text);
}

/* --- taking commands ------------------------------------------------------------------- */

static void run_local(struct client *c, const struct command *command)
{
    size_t size_before = buffer_size(&c->out);
    struct resp_writer direct;
    struct command_call call = {
        .command = command,
        .argument_count = c->parser.argument_count,
        .arguments = c->parser.arguments,
        .reply = begin_reply(c, command->flags, &direct),
        .session = c,
    };

    command->handler(&call);
    end_reply(c, command->flags, size_before);
    if (!(command->flags & COMMAND_FAST)) {
        time_share_use(&c->clients->share, TIME_SHARE_LOOK_WORK);
    }
}

static bool wait_for(struct client *c, enum client_wait wait)
{
    c->wait = wait;
    if (wait == CLIENT_WAITS_FOR_REPLICA) {
        list_append(&c->clients->congested, &c->ready_link);
    } else if (wait == CLIENT_WAITS_FOR_PAUSE) {
        list_append(&c->clients->paused, &c->ready_link);
    }
    return false;
}

/* Whether a read goes through the log. A read that follows unanswered writes would have to wait
 * for them; through the log it follows them at once, and writes can follow it. For a long run of
 * reads it is better to wait, and to keep them out of the log. The same holds for a read that
 * may take long: in the log, everybody's writes would wait behind it.
 *
 * After INDOUBT any read goes through the log, even one that may take long: only after the
 * command in doubt, if that is in the log, can it show what became of it. Beside the log it
 * could show that nothing had happened, and the command could be executed after that. */
static bool is_logged_read(const struct client *c, const struct command *command)
{
    if (c->doubt_ordinal > 0 && !MUTANT(doubt_left_open)) {
        return (command->flags & COMMAND_READ) != 0;
    }
    return (command->flags & (COMMAND_READ | COMMAND_WALKS)) == COMMAND_READ &&
           c->write_count > 0 && c->reads_in_a_row < CLIENT_LOGGED_READS_MAX &&
           !MUTANT(lanes_overtake);
}

/* Nobody overtakes clients that wait for room: otherwise one that keeps asking would leave them
 * none. */
static bool is_congested(const struct clients *c)
{
    bool others_wait = !c->is_relieved && !list_is_empty(&c->congested);

    return replica_is_congested(c->replica) || (others_wait && !MUTANT(room_for_the_loudest));
}

/* The replica executes what waits with it in order of arrival, so others would wait behind
 * everything that one client had sent at once. The cost of a command is estimated from its
 * arguments, which is `work`, and from the size of its reply. If it looks at many keys, the cost
 * is known only once it is executed. */
static bool exceeds_its_share(const struct client *c, const struct command *command, uint64_t work)
{
    if (c->read_count + c->write_count == 0 || MUTANT(all_at_once)) {
        return false;
    }
    return (command->flags & COMMAND_WALKS) != 0 ||
           c->work_under_way + work > CLIENT_WORK_UNDER_WAY_MAX;
}

/* Whether the command may be given to the replica now. */
static bool may_submit(struct client *c, const struct command *command, uint64_t work)
{
    bool is_read = (command->flags & COMMAND_READ) != 0;
    bool is_logged = !is_read || is_logged_read(c, command);
    uint64_t reads = c->read_count + c->logged_count;

    if (client_is_paused(c, command)) {
        return wait_for(c, CLIENT_WAITS_FOR_PAUSE);
    }
    if ((is_logged ? c->read_count > 0 : c->write_count > 0) && !MUTANT(lanes_overtake)) {
        return wait_for(c, CLIENT_WAITS_FOR_ORDER);
    }
    if (exceeds_its_share(c, command, work)) {
        return wait_for(c, CLIENT_WAITS_FOR_SLOTS);
    }
    if (is_read && reads > 0 && (reads + 1) * c->read_reply_bytes > CLIENT_READ_WINDOW_BYTES) {
        return wait_for(c, CLIENT_WAITS_FOR_SLOTS);
    }
    if (is_congested(c->clients)) {
        return wait_for(c, CLIENT_WAITS_FOR_REPLICA);
    }
    return true;
}

/* An administrator's command begins only when all before it are answered. Each may cost the
 * leader much, so a pipeline of them must not be under way at once, nor outlive its connection. */
static bool may_administer(struct client *c)
{
    return c->first_slot == NULL || MUTANT(administration_at_once) ||
           wait_for(c, CLIENT_WAITS_FOR_SLOTS);
}

static void count(struct client *c, const struct reply_slot *slot)
{
    bool is_read = (slot->flags & COMMAND_READ) != 0;

    c->reads_in_a_row = is_read ? c->reads_in_a_row + 1 : 0;
    if (!is_read || slot->request.is_logged_read) {
        c->write_count++;
        c->logged_count += is_read ? 1 : 0;
    } else {
        c->read_count++;
    }
}

/* `sent` is what becomes of the command: it has its flags, and no others. */
static void submit(struct client *c, const struct command *command, const struct command *sent,
                   size_t size, uint64_t work)
{
    struct clients *clients = c->clients;
    struct reply_slot *slot = client_take_slot(c);

    slot->is_silent = c->is_reply_off || c->skips_this_reply;
    slot->argument_bytes = size;
    slot->work = work;
    slot->flags = sent->flags & (COMMAND_READ | COMMAND_WRITE);
    slot->request.is_logged_read = is_logged_read(c, sent);
    slot->request.is_abandoned = c->has_ended;
    slot->request.received_ns = c->received_ns;
    slot->request.read_mode = (uint8_t)c->read_mode;
    slot->request.max_age_ns = c->max_age_ns;
    slot->request.seen_index = c->seen_index;
    c->argument_bytes += size;
    c->work_under_way += work;
    count(c, slot);
    trackers_begin(c, slot, sent);
    transaction_encode(c, slot, command);
    replica_submit(clients->replica, &slot->request);
}

/* Whether the command can be executed; if not, `fault` gets the error. Adds to its work what the
 * size of its arguments does not show. */
static bool is_sound(struct client *c, const struct command *command, struct buffer *fault,
                     uint64_t *work)
{
    struct resp_writer w = {.out = fault, .version = c->version};
    struct command_call call = {.command = command,
                                .argument_count = c->parser.argument_count,
                                .arguments = c->parser.arguments,
                                .reply = &w,
                                .database = c->database};
    bool is_sound = command->check == NULL || command->check(&call);

    *work += call.work;
    return is_sound && client_serves(c, command, &w) &&
           replica_has_level(c->clients->replica, command, &w);
}

/* Why a command with so many arguments is not executed; NULL if it is. Commands that a node
 * answers by itself may take much longer for each argument. */
static const char *length_fault(const struct command *command, uint32_t count)
{
    if (count > CLIENT_ARGUMENTS_TAKEN_MAX) {
        return text_too_many;
    }
    if ((command->flags & COMMAND_LOCAL) && count > CLIENT_LOCAL_ARGUMENTS_MAX &&
        !MUTANT(local_of_any_length)) {
        return text_too_many_local;
    }
    return NULL;
}

/* Errors in the command itself come later: it has not been parsed yet. */
static bool is_too_early(const struct client *c, const struct command *command)
{
    struct replica_progress progress;

    return command != NULL && !(command->flags & COMMAND_LOADING) &&
           replica_is_loading(c->clients->replica, &progress) && !MUTANT(serves_while_loading);
}

static void refuse_as_loading(struct client *c)
{
    enum { UNKNOWN_S = 10 };
    char text[160];
    struct replica_progress progress;

    (void)replica_is_loading(c->clients->replica, &progress);

    uint64_t left_s =
        progress.left_ns == UINT64_MAX ? UNKNOWN_S : progress.left_ns / 1000000000 + 1;

    snprintf(text, sizeof text, ERROR_LOADING, progress.percent, (unsigned long long)left_s);
    refuse(c, text);
}

/* Why a command can't be taken at all, whatever it would do. False: it can be. */
static bool refuse_at_once(struct client *c, const struct command *command, bool fits,
                           const char *fault)
{
    if (command == NULL) {
        refuse_unknown(c);
    } else if (is_too_early(c, command)) {
        refuse_as_loading(c);
    } else if (!fits) {
        refuse_count(c, command);
    } else if (fault != NULL) {
        refuse(c, fault);
    } else {
        return false;
    }
    return true;
}

/* MULTI was taken, and EXEC was not. */
static void queue_command(struct client *c, const struct command *command, uint64_t work)
{
    struct buffer fault = {0};
    struct resp_writer w = {.out = &fault, .version = c->version};
    size_t size_before = buffer_size(&c->out);
    struct resp_writer direct;
    const char *error;

    if (!client_serves(c, command, &w)) {
        transaction_spoil(c);
        refuse_arguments(c, buffer_slice(&fault));
        buffer_deinit(&fault);
        return;
    }
    if ((command->flags & (COMMAND_READ | COMMAND_WRITE)) != 0) {
        (void)is_sound(c, command, &fault, &work); /* EXEC shows what is wrong. */
        buffer_deinit(&fault);
    }
    error = transaction_queue(c, command, work);
    if (error != NULL) {
        refuse(c, error);
    } else {
        c->taken_command = NULL; /* It is EXEC that executes it. */
        resp_simple(begin_reply(c, 0, &direct), "QUEUED");
        end_reply(c, 0, size_before);
    }
}

static void begin_command(struct client *c, const struct command *command)
{
    c->command_count++;
    if (!transaction_takes(c, command)) {
        once_number(c, command);
    }
    c->clients->stats.commands_count++;
    c->skips_this_reply = c->skips_next_reply;
    c->skips_next_reply = false;
    c->last_command = command == NULL ? c->last_command : command;
    c->taken_command = command;
    c->is_refused = false;
}

/* Whether the command, as it is sent, may be taken now. */
static bool may_take(struct client *c, const struct command *command, const struct command *sent,
                     uint64_t work)
{
    if (sent != NULL) {
        return may_submit(c, sent, work);
    }
    return (command->flags & (COMMAND_ASYNC | COMMAND_ALONE)) == 0 || may_administer(c);
}

/* The way of a command that can be taken. False: it has to wait. */
static bool take_command(struct client *c, const struct command *command, size_t size,
                         uint64_t work)
{
    bool is_data = (command->flags & (COMMAND_READ | COMMAND_WRITE)) != 0;
    struct buffer fault = {0};
    struct resp_writer w = {.out = &fault, .version = c->version};
    const struct command *sent = is_data ? command : transaction_sends(c, command);

    if (is_data ? !is_sound(c, command, &fault, &work)
                : sent != NULL && !client_serves(c, command, &w)) {
        begin_command(c, command);
        refuse_arguments(c, buffer_slice(&fault));
        buffer_deinit(&fault);
        return true;
    }
    work = sent != NULL ? transaction_work(c, command, work) : work;
    if (!may_take(c, command, sent, work)) {
        return false;
    }
    begin_command(c, command);
    if (sent != NULL) {
        submit(c, command, sent, size, work);
    } else {
        run_local(c, command);
    }
    return true;
}

/* Whether its user may do that; otherwise replies the error. */
static bool is_admitted(struct client *c, const struct command *command)
{
    struct buffer fault = {0};
    struct resp_writer w = {.out = &fault, .version = c->version};

    c->last_command = command; /* As ACL LOG shows it. */
    if (rights_admit(c, command, &w)) {
        return true;
    }
    begin_command(c, command);
    c->is_refused = true;
    transaction_spoil(c);
    refuse_arguments(c, buffer_slice(&fault));
    buffer_deinit(&fault);
    return false;
}

/* Takes the request that the parser has read, of `size` bytes. False: it has to wait. */
static bool take_request(struct client *c, size_t size)
{
    const char *fault = NULL;
    char text[160];
    const struct command *command = once_unwrap(
        c, command_find_public(c->clients->options.commands, c->parser.arguments[0]), &fault);
    uint32_t count = c->parser.argument_count;

    command = command_for(command, count, c->parser.arguments);

    bool fits = command != NULL && (command->arity >= 0 ? count == (uint32_t)command->arity
                                                        : count >= (uint32_t)-command->arity);
    uint64_t work = COMMAND_WORK + count * ARGUMENT_WORK + size;

    if (c->transaction.settling_count > 0 && !MUTANT(watch_not_awaited)) {
        return wait_for(c, CLIENT_WAITS_FOR_SLOTS);
    }
    fault = fault == NULL && command != NULL ? length_fault(command, count) : fault;
    fault = fault == NULL && command != NULL ? audience_bars(c, command, text, sizeof text) : fault;
    if (fits && !is_too_early(c, command) && fault == NULL && !is_admitted(c, command)) {
        return true;
    }
    if (fits && !is_too_early(c, command) && fault == NULL && !transaction_takes(c, command)) {
        return take_command(c, command, size, work);
    }
    begin_command(c, command);
    if (refuse_at_once(c, command, fits, fault)) {
        transaction_spoil(c);
    } else {
        queue_command(c, command, work);
    }
    return true;
}

static bool has_room(struct client *c)
{
    if (client_output_bytes(c) > CLIENT_OUTPUT_PAUSE_BYTES || client_must_read_first(c)) {
        return wait_for(c, CLIENT_WAITS_FOR_READER);
    }
    if (c->slot_count >= CLIENT_SLOTS_MAX || (c->held_count > 0 && !MUTANT(wait_is_overtaken))) {
        return wait_for(c, CLIENT_WAITS_FOR_SLOTS);
    }
    return true;
}

/* Replies the error, and takes no further command. */
static void refuse_for_good(struct client *c, const char *error)
{
    c->command_count++;
    c->taken_command = NULL;
    refuse(c, error);
    if (c->end == CLIENT_OPEN) {
        c->end = CLIENT_ENDS_AFTER_REPLIES;
        client_make_dirty(c);
    }
}

/* False: it has to wait. */
static bool take_and_note(struct client *c, size_t size)
{
    const struct command *before = c->last_command;

    c->last_command = NULL; /* If there is no such command, it stays so. */
    if (!take_request(c, size)) {
        c->last_command = before;
        return false;
    }
    client_note_taken(c);
    return true;
}

/* Takes one step through the input. False: no further step is possible now. */
static bool take_next(struct client *c)
{
    const char *error = NULL;
    size_t consumed = 0;
    size_t out_before = buffer_size(&c->out);

    switch (resp_parse(&c->parser, buffer_slice(&c->input), &consumed, &error)) {
    case RESP_MORE:
        if (c->has_ended) {
            c->end = CLIENT_ENDS_AFTER_REPLIES;
            client_make_dirty(c);
        }
        return false;
    case RESP_REQUEST:
        c->received_ns = arrivals_of(&c->arrivals, consumed, buffer_size(&c->input));
        if (c->received_ns < c->clients->resumed_ns) {
            c->received_ns = c->clients->resumed_ns; /* A pause takes nothing of its time. */
        }
        error = client_refusal(c, c->parser.arguments[0]);
        if (error != NULL) {
            refuse_for_good(c, error);
            return false;
        }
        if (!take_and_note(c, consumed)) {
            return false;
        }
        break;
    case RESP_EMPTY:
        break;
    case RESP_ERROR:
        refuse_for_good(c, error);
        return false;
    case RESP_HTTP:
        client_close(c, "it speaks HTTP");
        return false;
    }
    buffer_consume(&c->input, consumed);
    time_share_use(&c->clients->share, COMMAND_WORK + c->parser.argument_count * ARGUMENT_WORK +
                                           consumed + (buffer_size(&c->out) - out_before));
    return true;
}

void client_run(struct client *c)
{
    int left = CLIENT_COMMANDS_A_TURN;

    CHECK(c->wait == CLIENT_RUNS);
    CHECK(list_is_empty(&c->ready_link));
    time_share_begin(&c->clients->share, c->clients->io, c->clients->options.probe, CLIENT_TURN_NS);
    while (c->end == CLIENT_OPEN && has_room(c) && take_next(c)) {
        left--;
        if ((left == 0 || c->clients->share.is_over) && c->end == CLIENT_OPEN) {
            client_make_ready(c);
            break;
        }
    }
    if (c->end >= CLIENT_CLOSING) {
        return;
    }
    if (buffer_size(&c->input) == 0) {
        buffer_trim(&c->input, CLIENT_READ_BYTES_MAX);
        client_note_input(c);
    }
    resume_reading(c);
}

void client_reconsider(struct client *c)
{
    if (c->end != CLIENT_OPEN) {
        return;
    }
    if (c->wait == CLIENT_WAITS_FOR_SLOTS ||
        (c->wait == CLIENT_WAITS_FOR_ORDER && c->read_count + c->write_count == 0)) {
        client_make_ready(c);
    }
}
