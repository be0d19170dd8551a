/* rights.c - which user a connection is logged in as, and what it may do at this node.
 *
 * Commands on data are judged where they are executed (replica/rights.c), since this node may not
 * have heard of a change of rights yet. Here is judged what this node answers by itself, what MULTI
 * queues, and, if this node leads, what would enter the log. */
#include "client/client.h"
#include "users/denials.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "client/session.h"
#include "client/waits.h"
#include "command/table.h"
#include "kv/subcommand.h"
#include "replica/replica.h"
#include "resp/errors.h"
#include "users/users.h"

enum {
    /* Of one request before login. */
    EARLY_ARGUMENTS_MAX = 10,
    EARLY_BYTES_MAX = 16 * 1024,
    LOOK_NS = 2 * 1000 * 1000,
};

static struct users *users_of(const struct clients *clients)
{
    return replica_users(clients->replica);
}

static bool is_loading(const struct clients *clients)
{
    struct replica_progress progress;

    return replica_is_loading(clients->replica, &progress);
}

/* --- who it is ------------------------------------------------------------------------------- */

bool rights_are_free(const struct clients *clients)
{
    struct users *users = users_of(clients);
    const struct user *user = users_get(users, USER_DEFAULT);

    if (!users_have_default(users)) {
        return !clients->options.has_password;
    }
    return user->is_on && user->has_any_password;
}

uint64_t rights_user(const struct client *c)
{
    return MUTANT(user_not_sent) ? USER_DEFAULT : c->is_logged_in ? c->user : USER_NOBODY;
}

const char *rights_name(const struct client *c)
{
    return c->is_logged_in && c->user_name != NULL ? c->user_name : "default";
}

static struct resp_limits limits_of(const struct clients *clients, bool is_known)
{
    struct resp_limits limits = client_limits(clients);

    if (!is_known) {
        limits.arguments_max = EARLY_ARGUMENTS_MAX;
        limits.bulk_bytes_max = EARLY_BYTES_MAX;
        limits.request_bytes_max = EARLY_BYTES_MAX;
        limits.inline_bytes_max = EARLY_BYTES_MAX;
        limits.is_early = true;
    }
    return limits;
}

static void set_name(struct client *c, struct slice name)
{
    free(c->user_name);
    c->user_name = NULL;
    if (!slice_equal(name, slice_str("default"))) {
        c->user_name = memory_take(name.size + 1);
        memcpy(c->user_name, name.data, name.size);
        c->user_name[name.size] = '\0';
    }
}

void rights_log_in(struct client *c, uint64_t user, struct slice name)
{
    c->is_logged_in = true;
    c->user = user;
    set_name(c, name);
    c->parser.limits = limits_of(c->clients, true);
}

void rights_log_out(struct client *c)
{
    c->is_logged_in = false;
    c->user = USER_DEFAULT;
    set_name(c, slice_str("default"));
}

/* Whether it is logged in. As long as that needs no password, each connection is; but a node that
 * loads does not know yet whether it does. */
static bool is_known(struct client *c)
{
    bool may_be_free = !is_loading(c->clients) || MUTANT(logged_in_while_loading);

    if (!c->is_logged_in && may_be_free && rights_are_free(c->clients)) {
        rights_log_in(c, USER_DEFAULT, slice_str("default"));
    }
    return c->is_logged_in || MUTANT(login_not_needed);
}

/* While a node loads, it does not know its users. */
void rights_limit_input(struct client *c)
{
    bool may_all;

    if (c->is_logged_in) {
        return;
    }
    may_all = is_loading(c->clients) ? !c->clients->options.has_password : is_known(c);
    c->parser.limits = limits_of(c->clients, may_all);
}

/* --- judging --------------------------------------------------------------------------------- */

static void note(struct client *c, const struct judged *v, const struct user *user)
{
    struct denials *denials = c->clients->options.denials;
    struct buffer info = {0};

    if (denials == NULL) {
        return;
    }
    session_describe(c, &info);
    denials_add_judged(denials, v, c->transaction.is_open ? DENIAL_IN_TRANSACTION : DENIAL_ALONE,
                       user->name, buffer_slice(&info), io_wall_ns(c->clients->io) / 1000000);
    buffer_deinit(&info);
}

void rights_note_failure(struct client *c, const char *command, struct slice user)
{
    struct denials *denials = c->clients->options.denials;
    struct buffer info = {0};
    struct denial denial = {.reason = DENIAL_LOGIN,
                            .place = c->transaction.is_open ? DENIAL_IN_TRANSACTION : DENIAL_ALONE,
                            .object = slice_str(command),
                            .user = user};

    if (denials == NULL) {
        return;
    }
    session_describe(c, &info);
    denial.client = buffer_slice(&info);
    denials_add(denials, &denial, io_wall_ns(c->clients->io) / 1000000);
    buffer_deinit(&info);
}

static bool judge(struct client *c, const struct command *command, uint32_t argument_count,
                  const struct slice *arguments, struct resp_writer *fault)
{
    struct clients *clients = c->clients;
    const struct user *user = users_get(users_of(clients), c->user);
    uint64_t work = 0;
    struct judged v;

    if (user == NULL) {
        resp_error(fault, c->user > replica_applied_index(clients->replica) ? ERROR_USER_IS_NOT_HERE
                                                                            : ERROR_USER_IS_GONE);
        return false;
    }
    v = user_judge(user, clients->options.commands, command, argument_count, arguments, &work);
    time_share_use(&clients->share, work);
    if (v.judgement == JUDGED_ALLOWED) {
        return true;
    }
    judged_refuse(&v, user, false, fault);
    note(c, &v, user);
    return false;
}

/* To log in; or from a node that joins, which proves itself by the key of the cluster, or that
 * looks for its cluster. */
static bool needs_no_login(const struct client *c, const struct command *command)
{
    const struct slice *arguments = c->parser.arguments;

    return (command->flags & COMMAND_NO_LOGIN) != 0 ||
           (strcmp(command->name, "RAFT") == 0 && c->parser.argument_count > 1 &&
            (slice_is(arguments[1], "ADD") || slice_is(arguments[1], "KEY") ||
             slice_is(arguments[1], "HERE")));
}

/* Who is shown something from now on, without having logged in, would be shown it afterwards. */
static bool is_tracking(const struct command *command, uint32_t argument_count,
                        const struct slice *arguments)
{
    return strcmp(command->name, "CLIENT") == 0 && argument_count > 1 &&
           slice_is(arguments[1], "TRACKING") && !MUTANT(tracked_while_loading);
}

/* Nobody can log in then, so administration is for this machine only. */
static bool admit_while_loading(struct client *c, const struct command *command,
                                uint32_t argument_count, const struct slice *arguments,
                                struct resp_writer *fault)
{
    const struct subcommand *subcommand =
        argument_count > 1 ? subcommand_named(command, arguments[1]) : NULL;
    bool is_admin = (command_categories(command, subcommand) & CATEGORY_ADMIN) != 0;

    if (!is_tracking(command, argument_count, arguments) &&
        (!is_admin || io_stream_is_local(c->clients->io, &c->stream))) {
        return true;
    }
    resp_error(fault, ERROR_LOGIN_IS_LOADING);
    return false;
}

static bool is_judged_elsewhere(const struct client *c, const struct command *command)
{
    const struct raft *raft = replica_raft(c->clients->replica);

    return (command->flags & (COMMAND_READ | COMMAND_WRITE)) != 0 &&
           !transaction_takes(c, command) && raft_leader(raft) != raft_self(raft);
}

bool rights_admit(struct client *c, const struct command *command, struct resp_writer *fault)
{
    bool is_served_early = (command->flags & COMMAND_LOADING) != 0;

    if (c->is_logged_in && c->user == USER_DEFAULT && !is_served_early &&
        users_are_open(users_of(c->clients))) {
        return true;
    }
    if (needs_no_login(c, command)) {
        return true;
    }
    if (is_served_early && is_loading(c->clients)) {
        return admit_while_loading(c, command, c->parser.argument_count, c->parser.arguments,
                                   fault);
    }
    if (!is_known(c)) {
        resp_error(fault, ERROR_NO_LOGIN);
        return false;
    }
    return is_judged_elsewhere(c, command) || MUTANT(local_not_judged) ||
           judge(c, command, c->parser.argument_count, c->parser.arguments, fault);
}

bool rights_admit_call(struct client *c, const struct command_call *call)
{
    if (is_loading(c->clients) && !MUTANT(logged_in_while_loading)) {
        return admit_while_loading(c, call->command, call->argument_count, call->arguments,
                                   call->reply);
    }
    if (!is_known(c)) {
        resp_error(call->reply, ERROR_NO_LOGIN);
        return false;
    }
    return (c->user == USER_DEFAULT && users_are_open(users_of(c->clients))) ||
           judge(c, call->command, call->argument_count, call->arguments, call->reply);
}

/* --- when users change ----------------------------------------------------------------------- */

static void end_client(struct client *c, const char *why)
{
    waits_end(c->clients, c);
    audience_leave(c); /* It receives nothing more, however long its end takes. */
    list_remove(&c->monitor_link);
    if (c->slot_count == 0 && buffer_size(&c->out) == 0 && !c->is_sending) {
        client_close(c, why);
        return;
    }
    c->end = CLIENT_ENDS_AFTER_REPLIES;
    client_make_dirty(c);
}

static bool keeps_topics(const struct client *c, const struct user *user, enum topic_kind kind,
                         uint64_t *work)
{
    list_for_each(node, &c->subscriber.all[kind])
    {
        struct slice name = container_of(node, struct subscription, subscriber_link)->topic->name;

        if (!user_may_subscribe(user, name, kind == TOPIC_PATTERN, work)) {
            return false;
        }
    }
    return true;
}

static bool may_call(const struct client *c, const struct user *user, uint32_t count,
                     const struct slice *arguments, uint64_t *work)
{
    const struct command_table *commands = c->clients->options.commands;
    const struct command *command = command_find(commands, arguments[0]);

    return command == NULL ||
           user_judge(user, commands, command, count, arguments, work).judgement == JUDGED_ALLOWED;
}

static bool keeps_prefixes(const struct client *c, const struct user *user, uint64_t *work)
{
    list_for_each(node, &c->subscriber.all[TOPIC_PREFIX])
    {
        struct slice name = container_of(node, struct subscription, subscriber_link)->topic->name;
        const struct slice call[] = {slice_str("CLIENT"), slice_str("TRACKING"), slice_str("ON"),
                                     slice_str("BCAST"),  slice_str("PREFIX"),   name};

        if (!may_call(c, user, 6, call, work)) {
            return false;
        }
    }
    return true;
}

static bool keeps_monitor(const struct client *c, const struct user *user, uint64_t *work)
{
    const struct slice call[] = {slice_str("MONITOR")};

    return list_is_empty(&c->monitor_link) || may_call(c, user, 1, call, work);
}

static void look_at(struct client *c, struct users *users)
{
    const struct user *user = users_get(users, c->user);
    uint64_t work = 0;

    if (c->end != CLIENT_OPEN || !c->is_logged_in || MUTANT(lost_rights_stay)) {
        return;
    }
    if (user == NULL) {
        if (c->user <= replica_applied_index(c->clients->replica)) {
            end_client(c, "its user was deleted");
        }
    } else if (!user_is_unlimited(user) &&
               (!keeps_topics(c, user, TOPIC_CHANNEL, &work) ||
                !keeps_topics(c, user, TOPIC_PATTERN, &work) ||
                !keeps_topics(c, user, TOPIC_SHARD, &work) || !keeps_prefixes(c, user, &work) ||
                !keeps_monitor(c, user, &work))) {
        end_client(c, "its user has lost the rights for what it receives");
    }
}

void rights_look(struct clients *clients)
{
    struct users *users;
    struct time_share share;
    bool is_over = false;

    if (is_loading(clients)) {
        return;
    }
    users = users_of(clients);
    if (clients->users_version == users_version(users)) {
        return;
    }
    time_share_begin(&share, clients->io, clients->options.probe, LOOK_NS);
    list_for_each(node, &clients->all)
    {
        struct client *c = container_of(node, struct client, link);

        if (c->users_version == users_version(users) || is_over) {
            continue;
        }
        c->users_version = users_version(users);
        look_at(c, users);
        is_over = time_share_look(&share);
    }
    if (is_over) {
        io_turn_soon(clients->io);
    } else {
        clients->users_version = users_version(users);
    }
}
