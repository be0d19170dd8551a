#include "client/login.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "client/client.h"
#include "client/session.h"
#include "client/topology.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "users/commands.h"
#include "users/users.h"

/* What HELLO asks for besides. */
struct login_hello {
    bool is_one; /* Otherwise it is AUTH. */
    int version;
    bool has_name;
    struct slice name; /* Of the connection. */
    bool has_login;
    struct slice user;
    struct slice password;
};

/* One under way. */
struct login {
    struct request request;
    struct list link; /* clients->logins, while it waits. */
    struct reply_slot *slot;
    struct buffer reply;
    struct resp_writer writer;
    struct password_hash hash;
    struct login_hello hello; /* Its texts are in the next two. */
    struct buffer user;
    struct buffer name;
};

/* --- what is replied ------------------------------------------------------------------------- */

static void reply_hello(const struct client *c, struct resp_writer *w)
{
    const struct clients *clients = c->clients;

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

static void succeed(struct client *c, const struct login_hello *hello, struct resp_writer *w)
{
    if (!hello->is_one) {
        resp_ok(w);
        return;
    }
    if (hello->has_name) {
        session_keep_text(&c->name, hello->name);
    }
    c->version = hello->version;
    w->version = hello->version;
    reply_hello(c, w);
}

static void settle(struct client *c, bool is_right, uint64_t id, const struct login_hello *hello,
                   struct resp_writer *w)
{
    if (is_right) {
        attempts_succeed(&c->clients->attempts, c->origin);
        rights_log_in(c, id, hello->user);
        succeed(c, hello, w);
    } else {
        rights_note_failure(c, hello->is_one ? "HELLO" : "AUTH", hello->user);
        resp_error(w, ERROR_WRONG_PASSWORD);
    }
}

/* --- judging --------------------------------------------------------------------------------- */

/* By the users that this node has. */
static void judge_here(struct client *c, const struct password_hash *hash,
                       const struct login_hello *hello, struct resp_writer *w)
{
    struct users *users = replica_users(c->clients->replica);
    const struct user *user = users_named(users, hello->user);
    const struct clients_options *o = &c->clients->options;
    bool is_right = user != NULL && user_has_password(user, hash);

    if (user != NULL && user->id == USER_DEFAULT && !users_have_default(users)) {
        is_right = !o->has_password || password_equal(hash, &o->password);
    }
    settle(c, is_right, user == NULL ? USER_NOBODY : user->id, hello, w);
}

static void begin(struct client *c)
{
    attempts_begin(&c->clients->attempts, c->origin, io_now_ns(c->clients->io));
}

static struct resp_writer *login_reply(struct request *request)
{
    return &container_of(request, struct login, request)->writer;
}

static void settle_asked(struct login *l, struct resp_writer *w)
{
    struct client *c = l->slot->client;
    struct slice reply = buffer_slice(&l->reply);
    const char *end = memchr(reply.data, '\n', reply.size);
    static const char wrong[] = "-WRONGPASS";
    size_t size = sizeof wrong - 1;

    if (reply.size > 0 && reply.data[0] == '$' && end != NULL) {
        settle(c, true, strtoull(end + 1, NULL, 10), &l->hello, w);
    } else if (reply.size >= size && memcmp(reply.data, wrong, size) == 0) {
        settle(c, false, 0, &l->hello, w);
    } else {
        judge_here(c, &l->hash, &l->hello, w); /* Nobody has answered. */
    }
}

/* The reply has been written. */
static void end(struct login *l)
{
    struct reply_slot *slot = l->slot;

    slot->client->held_count--;
    buffer_deinit(&l->reply);
    buffer_deinit(&l->user);
    buffer_deinit(&l->name);
    free(l);
    reply_done(slot);
}

static void login_answered(struct request *request)
{
    struct login *l = container_of(request, struct login, request);

    entry_release(request->entry);
    buffer_append(&l->reply, "", 1); /* Ends the number. */
    settle_asked(l, reply_writer(l->slot));
    end(l);
}

static void ask(struct login *l)
{
    struct client *c = l->slot->client;
    const struct command *command = users_command(USERS_SHOW);
    struct buffer digits = {0};

    password_write(&l->hash, &digits);
    l->writer = (struct resp_writer){.out = &l->reply, .version = 2};
    l->request.received_ns = c->received_ns;
    l->request.resp_version = 2;
    l->request.reply = login_reply;
    l->request.answered = login_answered;

    const struct slice arguments[] = {slice_str(command->name), slice_str("LOGIN"), l->hello.user,
                                      buffer_slice(&digits)};

    request_encode(&l->request, command, 0, 4, arguments);
    buffer_deinit(&digits);
    replica_submit(c->clients->replica, &l->request);
}

/* Whether the users of this node decide: those of the cluster are the same, or can't be asked. */
static bool is_judged_here(const struct client *c, struct slice user)
{
    struct io_address leader;

    return (slice_equal(user, slice_str("default")) &&
            !users_have_default(replica_users(c->clients->replica))) ||
           !replica_leader_address(c->clients->replica, &leader) || MUTANT(login_by_old_users);
}

static bool is_loading(const struct client *c)
{
    struct replica_progress progress;

    return replica_is_loading(c->clients->replica, &progress);
}

static struct login *keep(struct command_call *call, const struct password_hash *hash,
                          const struct login_hello *hello)
{
    struct login *l = memory_take_zeroed(1, sizeof *l);

    list_init(&l->link);
    l->hash = *hash;
    l->hello = *hello;
    buffer_append_slice(&l->user, hello->user);
    buffer_append_slice(&l->name, hello->name);
    l->hello.user = buffer_slice(&l->user);
    l->hello.name = buffer_slice(&l->name);
    l->slot = reply_later(call);
    l->slot->client->held_count++;
    return l;
}

/* Within EXEC there is no time to ask, nor to wait. */
static void log_in(struct command_call *call, struct slice password,
                   const struct login_hello *hello)
{
    struct client *c = call_client(call);
    struct clients *clients = c->clients;
    uint64_t now_ns = io_now_ns(clients->io);
    uint64_t wait_ns = attempts_wait_ns(&clients->attempts, c->origin, now_ns);
    bool can_wait = c->current_slot != NULL;
    struct password_hash hash;

    password_hash(password, &hash);
    if (is_loading(c)) {
        resp_error(call->reply, ERROR_LOGIN_IS_LOADING);
    } else if (wait_ns > 0 && !can_wait) {
        resp_error(call->reply, ERROR_WRONG_PASSWORD);
    } else if (wait_ns > 0) {
        list_append(&clients->logins, &keep(call, &hash, hello)->link);
        io_turn_soon(clients->io); /* Which sets the timer. */
    } else if (!can_wait || is_judged_here(c, hello->user)) {
        begin(c);
        judge_here(c, &hash, hello, call->reply);
    } else {
        begin(c);
        ask(keep(call, &hash, hello));
    }
}

/* --- those that wait -------------------------------------------------------------------------- */

static void login_timer_fired(struct io_timer *timer)
{
    io_turn_soon(container_of(timer, struct clients, login_timer)->io);
}

void logins_init(struct clients *clients)
{
    list_init(&clients->logins);
    clients->login_timer.fired = login_timer_fired;
}

void logins_free(struct clients *clients)
{
    io_timer_stop(clients->io, &clients->login_timer);
    list_for_each(node, &clients->logins)
    {
        struct login *l = container_of(node, struct login, link);

        list_remove(node);
        buffer_deinit(&l->user);
        buffer_deinit(&l->name);
        free(l);
    }
}

/* It has waited; or its client has gone. */
static void go_on(struct login *l)
{
    struct client *c = l->slot->client;

    list_remove(&l->link);
    if (c->end >= CLIENT_CLOSING) {
        resp_error(reply_writer(l->slot), ERROR_WRONG_PASSWORD);
        end(l);
        return;
    }
    begin(c);
    if (is_loading(c) || is_judged_here(c, l->hello.user)) {
        judge_here(c, &l->hash, &l->hello, reply_writer(l->slot));
        end(l);
    } else {
        ask(l);
    }
}

void logins_look(struct clients *clients)
{
    uint64_t now_ns = io_now_ns(clients->io);
    uint64_t next_ns = UINT64_MAX;

    list_for_each(node, &clients->logins)
    {
        struct login *l = container_of(node, struct login, link);
        const struct client *c = l->slot->client;
        uint64_t wait_ns =
            c->end >= CLIENT_CLOSING ? 0 : attempts_wait_ns(&clients->attempts, c->origin, now_ns);

        if (wait_ns == 0) {
            go_on(l);
        } else if (now_ns + wait_ns < next_ns) {
            next_ns = now_ns + wait_ns;
        }
    }
    if (next_ns != UINT64_MAX) {
        io_timer_start(clients->io, &clients->login_timer, next_ns);
    }
}

/* --- AUTH ------------------------------------------------------------------------------------ */

static void auth_command(struct command_call *call)
{
    struct client *c = call_client(call);
    struct login_hello hello = {.version = c->version, .user = slice_str("default")};

    if (call->argument_count > 3) {
        resp_error(call->reply, ERROR_SYNTAX);
        return;
    }
    if (call->argument_count == 2 && rights_are_free(c->clients)) {
        resp_error(call->reply, ERROR_NO_PASSWORD);
        return;
    }
    if (call->argument_count == 3) {
        hello.user = call->arguments[1];
    }
    log_in(call, call->arguments[call->argument_count - 1], &hello);
}

/* --- HELLO ----------------------------------------------------------------------------------- */

static bool refuse_option(struct command_call *call, struct slice option)
{
    resp_errorf(call->reply, ERROR_HELLO_OPTION, (int)(option.size < 64 ? option.size : 64),
                option.size == 0 ? "" : option.data);
    return false;
}

/* Of several, the last one counts. False: an error was replied. */
static bool read_options(struct command_call *call, struct login_hello *hello)
{
    const struct slice *arguments = call->arguments;

    for (uint32_t i = 2; i < call->argument_count;) {
        uint32_t left = call->argument_count - i - 1;

        if (slice_is(arguments[i], "AUTH") && left >= 2) {
            hello->has_login = true;
            hello->user = arguments[i + 1];
            hello->password = arguments[i + 2];
            i += 3;
        } else if (slice_is(arguments[i], "SETNAME") && left >= 1) {
            if (!session_check_text(call, arguments[i + 1], "Client names")) {
                return false;
            }
            hello->has_name = true;
            hello->name = arguments[i + 1];
            i += 2;
        } else {
            return refuse_option(call, arguments[i]);
        }
    }
    return true;
}

static bool is_logged_in(struct client *c)
{
    struct replica_progress progress;

    return c->is_logged_in || rights_are_free(c->clients) ||
           replica_is_loading(c->clients->replica, &progress);
}

static void hello_command(struct command_call *call)
{
    struct client *c = call_client(call);
    struct login_hello hello = {
        .is_one = true, .name = slice_str(""), .user = slice_str("default")};
    int64_t version = c->version;

    if (call->argument_count > 1 && !decimal_read(call->arguments[1], &version)) {
        resp_error(call->reply, ERROR_PROTOCOL_NOT_AN_INTEGER);
        return;
    }
    if (version != 2 && version != 3) {
        resp_error(call->reply, ERROR_NO_SUCH_PROTOCOL);
        return;
    }
    hello.version = (int)version;
    if (!read_options(call, &hello)) {
        return;
    }
    if (hello.has_login) {
        log_in(call, hello.password, &hello);
    } else if (!is_logged_in(c)) {
        resp_error(call->reply, ERROR_HELLO_WITHOUT_LOGIN);
    } else {
        succeed(c, &hello, call->reply);
    }
}

/* --- rows ------------------------------------------------------------------------------------ */

#define LOGIN_FLAGS                                                                                \
    (COMMAND_LOCAL | COMMAND_LOADING | COMMAND_FAST | COMMAND_IN_RESERVE | COMMAND_ASYNC |         \
     COMMAND_NO_LOGIN)

/* clang-format off */
const struct command login_commands[] = {
    {.name = "AUTH", .arity = -2, .flags = LOGIN_FLAGS | COMMAND_QUEUED,
     .handler = auth_command, .group = "connection", .arguments = "[username] password",
     .since = "1.0.0",
     .summary = "Logs this connection in as a user; without a name, as the user default."},
    {.name = "HELLO", .arity = -1, .flags = LOGIN_FLAGS,
     .handler = hello_command, .group = "connection",
     .arguments = "[2 | 3] [AUTH username password] [SETNAME name]",
     .since = "6.0.0",
     .summary = "Selects the protocol, logs in, and describes the server."},
    {.name = NULL},
};
/* clang-format on */
