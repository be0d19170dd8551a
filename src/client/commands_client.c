/* commands_client.c - CLIENT: a connection about itself, and about others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/once.h"
#include "client/session.h"
#include "client/waits.h"
#include "kv/subcommand.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "users/users.h"

/* --- what a client says of itself ------------------------------------------------------ */

bool session_check_text(struct command_call *call, struct slice text, const char *what)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') {
            resp_errorf(call->reply, ERROR_SPECIAL_CHARACTERS, what);
            return false;
        }
    }
    if (text.size > CLIENT_NAME_BYTES_MAX) {
        resp_errorf(call->reply, ERROR_LONG_NAME, what, CLIENT_NAME_BYTES_MAX);
        return false;
    }
    return true;
}

void session_keep_text(char **place, struct slice text)
{
    free(*place);
    *place = NULL;
    if (text.size > 0) {
        *place = memory_take(text.size + 1);
        memcpy(*place, text.data, text.size);
        (*place)[text.size] = '\0';
    }
}

bool session_set_text(struct command_call *call, char **place, struct slice text, const char *what)
{
    bool is_good = session_check_text(call, text, what);

    if (is_good) {
        session_keep_text(place, text);
    }
    return is_good;
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static char lower(char letter)
{
    return (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

static uint64_t age_s(const struct client *c)
{
    return (io_now_ns(c->clients->io) - c->connected_ns) / 1000000000;
}

static const char *session_flags(const struct client *c)
{
    if (c->transaction.is_open) {
        return c->transaction.is_outdated ? "xd" : "x";
    }
    if (audience_has(c)) {
        return c->never_evict ? "Pe" : "P";
    }
    return c->never_evict ? "e" : "N";
}

/* All fields of Redis 7.0: libraries convert them to numbers and fail if one is missing. Those
 * that do not exist here have Redis's value for "nothing" (fd=-1). */
void session_describe(const struct client *c, struct buffer *out)
{
    const struct clients *clients = c->clients;
    const char *command = c->last_command == NULL ? "NULL" : c->last_command->name;
    uint64_t memory_bytes = sizeof *c + c->input.capacity + c->argument_bytes + c->out.capacity +
                            c->sending.capacity + c->held_bytes;

    buffer_printf(
        out,
        "id=%llu addr=%s laddr=%s:%u fd=-1 name=%s age=%llu idle=%llu flags=%s db=%u "
        "sub=%u psub=%u ssub=%u multi=%d qbuf=%zu qbuf-free=%zu argv-mem=%llu multi-mem=%llu "
        "rbs=%zu rbp=%zu obl=%zu oll=%u omem=%llu tot-mem=%llu events=%s cmd=",
        (unsigned long long)c->id, c->peer, clients->options.address.host,
        clients->options.address.port, text_or_empty(c->name), (unsigned long long)age_s(c),
        (unsigned long long)((io_now_ns(clients->io) - c->active_ns) / 1000000000),
        c->end == CLIENT_OPEN ? session_flags(c) : "c", (unsigned)c->database,
        (unsigned)c->subscriber.count[TOPIC_CHANNEL], (unsigned)c->subscriber.count[TOPIC_PATTERN],
        (unsigned)c->subscriber.count[TOPIC_SHARD],
        c->transaction.is_open ? (int)c->transaction.command_count : -1, buffer_size(&c->input),
        c->input.capacity - buffer_size(&c->input), (unsigned long long)c->argument_bytes,
        (unsigned long long)transaction_bytes(&c->transaction), c->out.capacity, c->out.capacity,
        buffer_size(&c->out), c->slot_count, (unsigned long long)client_output_bytes(c),
        (unsigned long long)memory_bytes, c->is_sending ? "rw" : "r");
    for (; *command != '\0'; command++) {
        char letter = lower(*command);

        buffer_append(out, &letter, 1);
    }
    buffer_printf(out, " user=%s redir=%lld resp=%d lib-name=%s lib-ver=%s tot-cmds=%llu\n",
                  rights_name(c), c->tracker.is_on ? (long long)c->tracker.redirect : -1,
                  c->version, text_or_empty(c->library_name), text_or_empty(c->library_version),
                  (unsigned long long)c->command_count);
}

static void client_id(struct command_call *call)
{
    resp_integer(call->reply, (int64_t)call_client(call)->id);
}

static void client_setname(struct command_call *call)
{
    if (session_set_text(call, &call_client(call)->name, call->arguments[2], "Client names")) {
        resp_ok(call->reply);
    }
}

static void client_getname(struct command_call *call)
{
    const struct client *c = call_client(call);

    if (c->name == NULL) {
        resp_null(call->reply);
    } else {
        resp_bulk_text(call->reply, c->name);
    }
}

static void client_setinfo(struct command_call *call)
{
    struct client *c = call_client(call);
    struct slice what = call->arguments[2];
    bool is_set = false;

    if (slice_is(what, "LIB-NAME")) {
        is_set = session_set_text(call, &c->library_name, call->arguments[3], "lib-name");
    } else if (slice_is(what, "LIB-VER")) {
        is_set = session_set_text(call, &c->library_version, call->arguments[3], "lib-ver");
    } else {
        resp_errorf(call->reply, ERROR_CLIENT_OPTION, (int)(what.size < 64 ? what.size : 64),
                    what.size == 0 ? "" : what.data);
    }
    if (is_set) {
        resp_ok(call->reply);
    }
}

static void client_reply(struct command_call *call)
{
    struct client *c = call_client(call);
    struct slice mode = call->arguments[2];

    if (slice_is(mode, "ON")) {
        c->is_reply_off = false;
        c->skips_this_reply = false;
        resp_ok(call->reply);
    } else if (slice_is(mode, "OFF")) {
        c->is_reply_off = true;
        resp_ok(call->reply); /* CLIENT REPLY OFF silences this reply itself. */
    } else if (slice_is(mode, "SKIP")) {
        c->skips_next_reply = true;
        resp_ok(call->reply);
    } else {
        resp_error(call->reply, ERROR_SYNTAX);
    }
}

static void client_no_evict(struct command_call *call)
{
    bool is_on = slice_is(call->arguments[2], "ON");

    if (!is_on && !slice_is(call->arguments[2], "OFF")) {
        resp_error(call->reply, ERROR_SYNTAX);
        return;
    }
    call_client(call)->never_evict = is_on;
    resp_ok(call->reply);
}

/* Nothing is evicted here, so it does not matter which commands count as activity. */
static void client_no_touch(struct command_call *call)
{
    if (slice_is(call->arguments[2], "ON") || slice_is(call->arguments[2], "OFF")) {
        resp_ok(call->reply);
    } else {
        resp_error(call->reply, ERROR_SYNTAX);
    }
}

/* --- about the others -------------------------------------------------------------------- */

static void reply_text(struct command_call *call, struct buffer *text)
{
    resp_verbatim(call->reply, buffer_slice(text));
    buffer_deinit(text);
}

static void client_info(struct command_call *call)
{
    struct buffer text = {0};

    session_describe(call_client(call), &text);
    reply_text(call, &text);
}

static struct client *find_client(const struct clients *clients, int64_t id)
{
    return id < 1 ? NULL : clients_find(clients, (uint64_t)id);
}

static void list_by_id(struct command_call *call)
{
    struct buffer text = {0};

    for (uint32_t i = 3; i < call->argument_count; i++) {
        int64_t id = 0;

        if (!decimal_read(call->arguments[i], &id) || id < 1) {
            buffer_deinit(&text);
            resp_error(call->reply, ERROR_CLIENT_ID);
            return;
        }
        const struct client *c = find_client(call_client(call)->clients, id);

        if (c != NULL) {
            session_describe(c, &text);
        }
    }
    reply_text(call, &text);
}

/* Every client is of type normal. False: an error was replied. */
static bool read_type(struct command_call *call, struct slice type, bool *ret_is_normal)
{
    *ret_is_normal = slice_is(type, "NORMAL");
    if (!*ret_is_normal && !slice_is(type, "MASTER") && !slice_is(type, "REPLICA") &&
        !slice_is(type, "SLAVE") && !slice_is(type, "PUBSUB")) {
        resp_errorf(call->reply, ERROR_CLIENT_TYPE, (int)(type.size < 64 ? type.size : 64),
                    type.size == 0 ? "" : type.data);
        return false;
    }
    return true;
}

static void client_list(struct command_call *call)
{
    const struct clients *clients = call_client(call)->clients;
    struct buffer text = {0};
    bool shows_all = call->argument_count == 2;

    if (call->argument_count > 3 && slice_is(call->arguments[2], "ID")) {
        list_by_id(call);
        return;
    }
    if (call->argument_count == 4 && slice_is(call->arguments[2], "TYPE")) {
        if (!read_type(call, call->arguments[3], &shows_all)) {
            return;
        }
    } else if (!shows_all) {
        resp_error(call->reply, ERROR_SYNTAX);
        return;
    }
    if (shows_all) {
        list_for_each(node, &clients->all)
        {
            const struct client *c = container_of(node, struct client, link);

            if (c->end < CLIENT_DRAINS) {
                session_describe(c, &text);
            }
        }
    }
    reply_text(call, &text);
}

/* --- KILL ------------------------------------------------------------------------------------ */

struct kill_filter {
    int64_t id;          /* 0: any. */
    int64_t max_age_s;   /* 0: any; otherwise connected for at least so long. */
    bool matches_nobody; /* It asks for a type that no client has. */
    struct slice address;
    struct slice local_address;
    bool has_address;
    bool has_local_address;
    struct slice user;
    bool has_user;
    bool skips_me;
};

/* True if `option` names clients by a word. */
static bool read_kill_words(struct slice option, struct slice value, struct kill_filter *filter)
{
    if (slice_is(option, "ADDR")) {
        filter->address = value;
        filter->has_address = true;
    } else if (slice_is(option, "LADDR")) {
        filter->local_address = value;
        filter->has_local_address = true;
    } else if (slice_is(option, "SKIPME") && (slice_is(value, "YES") || slice_is(value, "NO"))) {
        filter->skips_me = slice_is(value, "YES");
    } else {
        return false;
    }
    return true;
}

/* False: an error was replied. */
static bool read_kill_option(struct command_call *call, struct slice option, struct slice value,
                             struct kill_filter *filter)
{
    bool is_normal = true;

    if (slice_is(option, "ID")) {
        if (!decimal_read(value, &filter->id) || filter->id < 1) {
            resp_error(call->reply, ERROR_CLIENT_ID_RANGE);
            return false;
        }
    } else if (slice_is(option, "MAXAGE")) {
        if (!decimal_read(value, &filter->max_age_s) || filter->max_age_s < 1) {
            resp_error(call->reply, ERROR_MAX_AGE);
            return false;
        }
    } else if (slice_is(option, "TYPE")) {
        if (!read_type(call, value, &is_normal)) {
            return false;
        }
        filter->matches_nobody |= !is_normal;
    } else if (slice_is(option, "USER")) {
        filter->user = value;
        filter->has_user = true;
        if (users_named(replica_users(call_clients(call)->replica), value) == NULL) {
            resp_errorf(call->reply, ERROR_NO_SUCH_USER, (int)(value.size < 64 ? value.size : 64),
                        value.size == 0 ? "" : value.data);
            return false;
        }
    } else if (!read_kill_words(option, value, filter)) {
        resp_error(call->reply, ERROR_SYNTAX);
        return false;
    }
    return true;
}

/* False: an error was replied. */
static bool read_kill_filter(struct command_call *call, struct kill_filter *ret_filter)
{
    *ret_filter = (struct kill_filter){.skips_me = true};
    for (uint32_t i = 2; i < call->argument_count; i += 2) {
        if (i + 1 == call->argument_count) {
            resp_error(call->reply, ERROR_SYNTAX);
            return false;
        }
        if (!read_kill_option(call, call->arguments[i], call->arguments[i + 1], ret_filter)) {
            return false;
        }
    }
    return true;
}

static bool is_matched(const struct client *c, const struct kill_filter *filter)
{
    const struct io_address *here = &c->clients->options.address;
    char local_address[sizeof here->host + 8];

    snprintf(local_address, sizeof local_address, "%s:%u", here->host, here->port);
    return c->end < CLIENT_CLOSING && !filter->matches_nobody &&
           (filter->id == 0 || (int64_t)c->id == filter->id) &&
           (!filter->has_user || slice_equal(slice_str(rights_name(c)), filter->user)) &&
           (filter->max_age_s == 0 || (int64_t)age_s(c) >= filter->max_age_s) &&
           (!filter->has_address || slice_equal(slice_str(c->peer), filter->address)) &&
           (!filter->has_local_address ||
            slice_equal(slice_str(local_address), filter->local_address));
}

static int64_t kill_matching(struct client *self, const struct kill_filter *filter)
{
    int64_t count = 0;

    list_for_each(node, &self->clients->all)
    {
        struct client *c = container_of(node, struct client, link);

        if (!is_matched(c, filter) || (c == self && filter->skips_me)) {
            continue;
        }
        count++;
        if (c == self) {
            c->end = CLIENT_ENDS_AFTER_REPLIES; /* Closed only after it was sent the count. */
            client_make_dirty(c);
        } else {
            client_close(c, "it was killed by a client");
        }
    }
    return count;
}

static void client_kill(struct command_call *call)
{
    struct kill_filter filter = {.address = call->arguments[2], .has_address = true};
    bool is_old_form = call->argument_count == 3;

    if (!is_old_form && !read_kill_filter(call, &filter)) {
        return;
    }
    int64_t count = kill_matching(call_client(call), &filter);

    if (!is_old_form) {
        resp_integer(call->reply, count);
    } else if (count == 0) {
        resp_error(call->reply, ERROR_NO_SUCH_CLIENT);
    } else {
        resp_ok(call->reply);
    }
}

/* --- UNBLOCK --------------------------------------------------------------------------------- */

static void client_unblock(struct command_call *call)
{
    bool with_error = call->argument_count == 4 && slice_is(call->arguments[3], "ERROR");
    int64_t id = 0;
    struct client *c;

    if (call->argument_count > 4 ||
        (call->argument_count == 4 && !with_error && !slice_is(call->arguments[3], "TIMEOUT"))) {
        resp_error(call->reply, ERROR_UNBLOCK_REASON);
    } else if (!decimal_read(call->arguments[2], &id)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else {
        c = find_client(call_client(call)->clients, id);
        resp_integer(call->reply, c != NULL && waits_unblock(c, with_error) ? 1 : 0);
    }
}

static const struct subcommand client_subcommands[] = {
    {"CACHING", 3, client_caching, "YES | NO", "Says whether the next read is remembered."},
    {"GETNAME", 2, client_getname, "", "Shows the name of this connection."},
    {"GETREDIR", 2, client_getredir, "", "The connection that gets the invalidations."},
    {"ID", 2, client_id, "", "Shows the number of this connection."},
    {"INFO", 2, client_info, "", "Describes this connection."},
    {"KILL", -3, client_kill,
     "addr | [ID id] [TYPE type] [USER user] [ADDR addr] [LADDR addr] [SKIPME YES | NO] [MAXAGE s]",
     "Ends connections."},
    {"LIST", -2, client_list, "[TYPE NORMAL] | [ID id [id ...]]",
     "Describes the connections to this node."},
    {"NO-EVICT", 3, client_no_evict, "ON | OFF", "Spares this connection when it is idle."},
    {"NO-TOUCH", 3, client_no_touch, "ON | OFF", "Accepted; nothing depends on it."},
    {"ONCE", -2, once_of_connection, "[client [number] [KEEP seconds] | OFF]",
     "Executes each command that writes once, under the next number: see ONCE."},
    {"PAUSE", -3, client_pause_command, "timeout [WRITE | ALL]",
     "Commands on data wait at this node for so many milliseconds, 10 minutes at most."},
    {"REPLY", 3, client_reply, "ON | OFF | SKIP", "Says which commands are replied to."},
    {"SETINFO", 4, client_setinfo, "LIB-NAME name | LIB-VER version",
     "Says which library this client uses."},
    {"SETNAME", 3, client_setname, "name", "Names this connection."},
    {"TRACKING", -3, client_tracking,
     "ON | OFF [REDIRECT client-id] [PREFIX prefix] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
     "Reports when what this connection has read changes."},
    {"TRACKINGINFO", 2, client_trackinginfo, "", "What CLIENT TRACKING has chosen."},
    {"UNPAUSE", 2, client_unpause_command, "", "Ends a pause."},
    {"UNBLOCK", -3, client_unblock, "client-id [TIMEOUT | ERROR]",
     "Ends the WAIT of a connection."},
    {NULL, 0, NULL, NULL, NULL},
};

static void client_command(struct command_call *call)
{
    subcommand_run(call);
}

/* --- rows ------------------------------------------------------------------------------ */

/* clang-format off */
const struct command client_family_commands[] = {
    {.name = "CLIENT", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_LOADING | COMMAND_IN_RESERVE |
              COMMAND_QUEUED,
     .handler = client_command, .subcommands = client_subcommands, .group = "connection",
     .integers = "timeout id number s seconds client-id",
     .arguments = "ID | GETNAME | SETNAME name | LIST | INFO | KILL ... | HELP", .since = "2.4.0",
     .summary = "Names, lists and ends connections."},
    {.name = NULL},
};
/* clang-format on */
