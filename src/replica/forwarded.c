#include "replica/forwarded.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "command/table.h"
#include "kv/codec.h"
#include "replica/state.h"
#include "resp/errors.h"

static const uint8_t GROUP = 0; /* The only one. */

/* A command that another node has forwarded. Its reply is written directly into an answer frame
 * on the connection to that node. */
struct forwarded_command {
    struct request request;
    struct replica *replica;
    raft_id from;        /* Which node has sent it. */
    uint64_t connection; /* On which it arrived, and its answer is sent. */
    uint64_t correlation;
    size_t mark;        /* Of the answer's frame in `out`. */
    struct buffer *out; /* While the reply is being written; NULL: that node has gone. */
    struct resp_writer writer;
};

/* Identifies a command when its client has gone. */
struct forwarded_name {
    uint64_t connection;
    uint64_t correlation;
};

static struct resp_writer *forwarded_reply(struct request *request)
{
    struct forwarded_command *c = container_of(request, struct forwarded_command, request);

    c->out = peers_answer(c->replica->peers, c->connection);
    if (c->out != NULL) {
        c->mark = wire_begin_answer(c->out, GROUP, c->correlation);
        c->writer.out = c->out;
    } else {
        buffer_clear(&c->replica->scratch);
        c->writer.out = &c->replica->scratch;
    }
    return &c->writer;
}

static void forwarded_answered(struct request *request)
{
    struct forwarded_command *c = container_of(request, struct forwarded_command, request);

    if (c->out == NULL) {
        buffer_trim(&c->replica->scratch, 0);
        free(c);
        return;
    }
    if (buffer_size(c->out) - c->mark > WIRE_BODY_BYTES_MAX) {
        /* No frame can hold the reply. It was a read: nothing has happened. */
        wire_drop_answer(c->out, c->mark);
        c->mark = wire_begin_answer(c->out, GROUP, c->correlation);
        resp_error(&c->writer, ERROR_REPLY_TOO_LARGE_TO_FORWARD);
    }
    wire_end_answer(c->out, c->mark, WIRE_REPLIED, request->executed_index);
    free(c);
}

static void refuse_forward(struct replica *r, uint64_t connection, uint64_t correlation)
{
    struct buffer *out = peers_answer(r->peers, connection);

    if (out != NULL) {
        wire_end_answer(out, wire_begin_answer(out, GROUP, correlation), WIRE_NOT_LEADER, 0);
    }
}

static void answer_error(struct replica *r, uint64_t connection, uint64_t correlation,
                         const char *error)
{
    struct buffer *out = peers_answer(r->peers, connection);

    if (out != NULL) {
        struct resp_writer w = {.out = out, .version = 2};
        size_t mark = wire_begin_answer(out, GROUP, correlation);

        resp_error(&w, error);
        wire_end_answer(out, mark, WIRE_REPLIED, 0);
    }
}

static void describe_sender(struct request *request, struct buffer *out)
{
    struct forwarded_command *c = container_of(request, struct forwarded_command, request);

    buffer_printf(out, "node=%016llx", (unsigned long long)c->from);
}

/* Its sender should have checked the arguments, but may be faulty: invalid ones must not reach
 * the log, nor calls that their users may not execute. */
static bool answer_misfit(struct replica *r, raft_id from, uint64_t connection,
                          const struct wire_forward *f, const struct command *command,
                          uint32_t count)
{
    struct buffer reply = {0};
    struct resp_writer w = {.out = &reply, .version = f->resp_version};
    struct forwarded_command asked = {.request = {.command = command, .describe = describe_sender},
                                      .from = from};
    bool is_misfit = (!command_judge(command, r->database, count, r->arguments, &w) &&
                      !MUTANT(forward_not_judged)) ||
                     !replica_has_level(r, command, &w) ||
                     !rights_admit_early(r, &asked.request, command, count, &w);
    struct buffer *out = is_misfit ? peers_answer(r->peers, connection) : NULL;

    if (out != NULL) {
        size_t mark = wire_begin_answer(out, GROUP, f->correlation);

        buffer_append_slice(out, buffer_slice(&reply));
        wire_end_answer(out, mark, WIRE_REPLIED, 0);
    }
    buffer_deinit(&reply);
    return is_misfit;
}

static void forwarded_refused(struct request *request)
{
    struct forwarded_command *c = container_of(request, struct forwarded_command, request);

    refuse_forward(c->replica, c->connection, c->correlation);
    free(c);
}

static struct entry *entry_of(struct slice command)
{
    struct entry *e = entry_new(RAFT_COMMAND, (uint32_t)command.size);

    memcpy(e->data, command.data, command.size);
    return e;
}

void forwarded_on_command(void *context, raft_id from, uint64_t connection,
                          const struct wire_forward *f)
{
    struct replica *r = context;
    uint32_t count;

    /* If the command is of another term, its sender has given up commands of that term;
     * executing it would break their order. A removed node is only answered what it asked
     * before. */
    if (!r->is_running || r->is_removed || raft_role(r->raft) != RAFT_LEADER ||
        raft_current_term(r->raft) != f->term || membership_was_removed(r->committed, from) ||
        !replica_decode(r, f->command, &count)) {
        refuse_forward(r, connection, f->correlation);
        return;
    }

    const struct command *command =
        command_for(command_find(r->options.commands, r->arguments[0]), count, r->arguments);

    if (command == NULL || (command->flags & (COMMAND_WRITE | COMMAND_READ | COMMAND_ASYNC)) == 0) {
        answer_error(r, connection, f->correlation, ERROR_UNKNOWN_TO_LEADER);
        return;
    }
    if (answer_misfit(r, from, connection, f, command, count)) {
        return;
    }
    if (replica_refuses_forwarded(r, command)) {
        answer_error(r, connection, f->correlation, ERROR_OVERLOADED);
        return;
    }

    struct forwarded_command *c = memory_take_zeroed(1, sizeof *c);

    c->replica = r;
    c->from = from;
    c->connection = connection;
    c->correlation = f->correlation;
    c->writer.version = f->resp_version;
    c->request.command = command;
    c->request.resp_version = f->resp_version;
    c->request.is_logged_read = f->is_logged_read && (command->flags & COMMAND_READ) != 0;
    c->request.entry = f->whole != NULL ? entry_hold(f->whole) : entry_of(f->command);
    MUTANT_DO(forward_loses_database, c->request.entry->data[COMMAND_DATABASE_AT] = 0);
    c->request.reply = forwarded_reply;
    c->request.describe = describe_sender;
    c->request.answered = forwarded_answered;
    c->request.refused = forwarded_refused;
    c->request.deadline_ns = f->until_ns;
    replica_submit(r, &c->request);
}

/* --- whose clients have gone ------------------------------------------------------------- */

void forwarded_on_abandon(void *context, uint64_t connection, const struct wire_abandon *a)
{
    struct replica *r = context;
    struct forwarded_name name = {.connection = connection, .correlation = a->correlation};

    if (!list_is_empty(&r->requests.waiting)) {
        buffer_append(&r->abandoned, (const char *)&name, sizeof name);
    }
}

static int compare_names(const void *one, const void *other)
{
    const struct forwarded_name *a = one;
    const struct forwarded_name *b = other;

    return a->connection != b->connection
               ? (a->connection < b->connection ? -1 : 1)
               : (a->correlation > b->correlation) - (a->correlation < b->correlation);
}

/* Many clients may go at once while many commands wait, so all are found in one walk. */
void forwarded_note_abandoned(struct replica *r)
{
    size_t size = buffer_size(&r->abandoned);
    size_t count = size / sizeof(struct forwarded_name);
    struct forwarded_name *names;

    if (count == 0) {
        return;
    }
    names = memory_copy(buffer_begin(&r->abandoned), size);
    buffer_trim(&r->abandoned, 0);
    qsort(names, count, sizeof *names, compare_names);
    list_for_each(node, &r->requests.waiting)
    {
        struct request *request = container_of(node, struct request, link);
        const struct forwarded_command *c =
            container_of(request, struct forwarded_command, request);

        if (request_is_forwarded(request)) {
            struct forwarded_name name = {.connection = c->connection,
                                          .correlation = c->correlation};

            request->is_abandoned =
                request->is_abandoned ||
                bsearch(&name, names, count, sizeof *names, compare_names) != NULL;
        }
    }
    free(names);
}

static enum peers_held is_held(struct request *request, uint64_t exact_ns)
{
    struct forwarded_command *c = container_of(request, struct forwarded_command, request);

    return peers_is_held(c->replica->peers, c->connection, c->correlation, exact_ns);
}

bool forwarded_may_begin(struct request *request, uint64_t exact_ns)
{
    return !request_is_forwarded(request) || is_held(request, exact_ns) == PEERS_HELD;
}

bool forwarded_is_given_up(struct request *request, uint64_t exact_ns)
{
    return request_is_forwarded(request) && is_held(request, exact_ns) == PEERS_GIVEN_UP;
}
