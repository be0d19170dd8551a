/* commands_connection.c - commands about the client's own connection. */
#include <stdlib.h>

#include "base/mutant.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/once.h"
#include "client/session.h"
#include "client/topology.h"
#include "kv/commands.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"

static const char text_no_password[] = ERROR_NO_PASSWORD;

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

/* The only user, `default`, has no password, so any password is accepted, as in Redis: clients
 * get a URL with a name and a password in it, and must not fail only because of that. False: an
 * error was replied. */
static bool log_in(struct command_call *call, struct slice user)
{
    if (slice_equal(user, slice_str("default"))) {
        return true;
    }
    resp_error(call->reply, ERROR_WRONG_PASSWORD);
    return false;
}

static void auth_command(struct command_call *call)
{
    if (call->argument_count > 3) {
        resp_error(call->reply, ERROR_SYNTAX);
    } else if (call->argument_count == 2) {
        resp_error(call->reply, text_no_password);
    } else if (log_in(call, call->arguments[1])) {
        resp_ok(call->reply);
    }
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

/* --- HELLO ---------------------------------------------------------------------------- */

static void reply_hello(struct command_call *call)
{
    struct client *c = call_client(call);
    struct resp_writer *w = call->reply;
    const struct clients *clients = call_clients(call);

    resp_map(w, clients->options.is_sentinel ? 6 : 7);
    resp_bulk_text(w, "server");
    resp_bulk_text(w, "redis"); /* Clients expect this name; INFO shows the real one. */
    resp_bulk_text(w, "version");
    resp_bulk_text(w, REDIS_VERSION);
    resp_bulk_text(w, "proto");
    resp_integer(w, c->version);
    resp_bulk_text(w, "id");
    resp_integer(w, (int64_t)c->id);
    resp_bulk_text(w, "mode");
    resp_bulk_text(w, topology_mode_name(clients));
    if (!clients->options.is_sentinel) {
        resp_bulk_text(w, "role");
        resp_bulk_text(w, topology_is_master(clients) ? "master" : "replica");
    }
    resp_bulk_text(w, "modules");
    resp_array(w, 0);
}

/* False: an error was replied. */
static bool read_hello_options(struct command_call *call, const struct slice **ret_name)
{
    const struct slice *arguments = call->arguments;
    uint32_t i = 2;

    while (i < call->argument_count) {
        uint32_t left = call->argument_count - i - 1;

        if (slice_is(arguments[i], "AUTH") && left >= 2) {
            if (!log_in(call, arguments[i + 1])) {
                return false;
            }
            i += 3;
            continue;
        }
        if (!slice_is(arguments[i], "SETNAME") || left < 1) {
            resp_errorf(call->reply, ERROR_HELLO_OPTION,
                        (int)(arguments[i].size < 64 ? arguments[i].size : 64),
                        arguments[i].size == 0 ? "" : arguments[i].data);
            return false;
        }
        *ret_name = &arguments[i + 1];
        i += 2;
    }
    return true;
}

static void hello_command(struct command_call *call)
{
    struct client *c = call_client(call);
    const struct slice *name = NULL;
    int64_t version = c->version;

    if (call->argument_count > 1 && !decimal_read(call->arguments[1], &version)) {
        resp_error(call->reply, ERROR_PROTOCOL_NOT_AN_INTEGER);
        return;
    }
    if (version != 2 && version != 3) {
        resp_error(call->reply, ERROR_NO_SUCH_PROTOCOL);
        return;
    }
    if (!read_hello_options(call, &name) ||
        (name != NULL && !session_set_text(call, &c->name, *name, "Client names"))) {
        return;
    }
    c->version = (int)version;
    call->reply->version = c->version;
    reply_hello(call);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command connection_commands[] = {
    {.name = "ASKING", .arity = 1, .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_HIDDEN,
     .handler = accept_command, .group = "cluster", .arguments = "", .since = "3.0.0",
     .summary = "Accepted; any node answers any command."},
    {.name = "AUTH", .arity = -2,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_HIDDEN | COMMAND_IN_RESERVE |
              COMMAND_QUEUED,
     .handler = auth_command, .group = "connection", .arguments = "[username] password",
     .since = "1.0.0",
     .summary = "Accepted for the user default, which has no password."},
    {.name = "ECHO", .arity = 2,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_QUEUED,
     .handler = echo_command, .group = "connection", .arguments = "message", .since = "1.0.0",
     .summary = "Returns the message."},
    {.name = "HELLO", .arity = -1,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_IN_RESERVE | COMMAND_ALONE,
     .handler = hello_command, .group = "connection", .arguments = "[2 | 3] [SETNAME name]",
     .since = "6.0.0",
     .summary = "Selects the protocol and describes the server."},
    {.name = "PING", .arity = -1,
     .flags = COMMAND_LOCAL | COMMAND_FAST | COMMAND_QUEUED | COMMAND_WHILE_SUBSCRIBED,
     .handler = ping_command,
     .group = "connection", .arguments = "[message]", .since = "1.0.0",
     .summary = "Returns PONG, or the message."},
    {.name = "QUIT", .arity = -1,
     .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_UNQUEUED |
              COMMAND_IN_RESERVE | COMMAND_WHILE_SUBSCRIBED,
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
              COMMAND_WHILE_SUBSCRIBED,
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
