/* commands_connection.c - commands about the client's own connection. */
#include <stdlib.h>

#include "base/mutant.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/once.h"
#include "kv/commands.h"
#include "resp/errors.h"

/* A reply that a subscriber in RESP2 can tell from a message. */
static void ping_subscriber(struct command_call *call)
{
    resp_array(call->reply, 2);
    resp_bulk_text(call->reply, "pong");
    resp_bulk(call->reply, call->argument_count == 2 ? call->arguments[1] : slice_str(""));
}

static void ping_command(struct command_call *call)
{
    if (call->argument_count <= 2 && call->reply->version == 2 && call->session != NULL &&
        audience_has(call_client(call))) {
        ping_subscriber(call);
    } else if (call->argument_count > 2) {
        resp_error(call->reply, ERROR_ARITY_OF_PING);
    } else if (call->argument_count == 2) {
        resp_bulk(call->reply, call->arguments[1]);
    } else {
        resp_simple(call->reply, "PONG");
    }
}

static void echo_command(struct command_call *call)
{
    resp_bulk(call->reply, call->arguments[1]);
}

static void select_command(struct command_call *call)
{
    struct client *c = call_client(call);
    uint32_t database;

    if (kv_read_database(call, 1, &database)) {
        MUTANT_DO(select_for_another,
                  c = container_of(c->clients->all.previous, struct client, link));
        c->database = (uint8_t)database;
        resp_ok(call->reply);
    }
}

static void quit_command(struct command_call *call)
{
    struct client *c = call_client(call);

    resp_ok(call->reply);
    c->end = CLIENT_ENDS_AFTER_REPLIES;
    client_make_dirty(c);
}

static void reset_command(struct command_call *call)
{
    struct client *c = call_client(call);

    audience_leave(c);
    rights_log_out(c);
    c->version = 2;
    call->reply->version = 2;
    if (!MUTANT(reset_keeps_database)) {
        c->database = 0;
    }
    c->read_mode = READ_LINEARIZABLE;
    once_forget(c);
    c->is_reply_off = false;
    c->skips_this_reply = false;
    transaction_reset(c);
    c->never_evict = false;
    list_remove(&c->monitor_link);
    c->redirects = c->clients->options.cluster_mode == CLUSTER_REDIRECTS;
    c->reads_replicas = false;
    free(c->name);
    c->name = NULL;
    resp_simple(call->reply, "RESET");
}

static void accept_command(struct command_call *call)
{
    resp_ok(call->reply);
}

static void readonly_command(struct command_call *call)
{
    call_client(call)->reads_replicas = true;
    resp_ok(call->reply);
}

static void readwrite_command(struct command_call *call)
{
    call_client(call)->reads_replicas = false;
    resp_ok(call->reply);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command connection_commands[] = {
    {.name = "ASKING", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_HIDDEN,
     .handler = accept_command, .group = "cluster", .arguments = "", .since = "3.0.0",
     .summary = "Accepted; any node answers any command."},
    {.name = "ECHO", .arity = 2,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_QUEUED,
     .handler = echo_command, .group = "connection", .arguments = "message", .since = "1.0.0",
     .summary = "Returns the message."},
    {.name = "PING", .arity = -1,
     .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED | COMMAND_WHILE_SUBSCRIBED,
     .handler = ping_command,
     .group = "connection", .arguments = "[message]", .since = "1.0.0",
     .summary = "Returns PONG, or the message."},
    {.name = "QUIT", .arity = -1,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_UNQUEUED |
              COMMAND_IN_RESERVE | COMMAND_WHILE_SUBSCRIBED | COMMAND_NO_LOGIN,
     .handler = quit_command, .group = "connection", .arguments = "", .since = "1.0.0",
     .summary = "Ends the connection."},
    {.name = "READONLY", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED,
     .handler = readonly_command, .group = "cluster", .arguments = "", .since = "3.0.0",
     .summary = "Reads of this connection are answered here, even after RAFT REDIRECT ON."},
    {.name = "READWRITE", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED,
     .handler = readwrite_command, .group = "cluster", .arguments = "", .since = "3.0.0",
     .summary = "Ends READONLY."},
    {.name = "RESET", .arity = 1,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_UNQUEUED |
              COMMAND_WHILE_SUBSCRIBED | COMMAND_NO_LOGIN,
     .handler = reset_command, .group = "connection", .arguments = "", .since = "6.2.0",
     .summary = "Resets the connection to its initial state."},
    {.name = "SELECT", .arity = 2,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_QUEUED,
     .handler = select_command, .group = "connection",
     .arguments = "index", .integers = "index", .since = "1.0.0",
     .summary = "Selects the database, 0 to 15, for this connection."},
    {.name = NULL},
};
/* clang-format on */
