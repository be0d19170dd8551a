#include "users/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "resp/errors.h"
#include "users/users.h"

static struct rule_words words_of(const struct command_call *call)
{
    return (struct rule_words){.commands = call->commands, .level = call->level};
}

/* What is stored already was understood once. */
static struct rule_words stored_words(const struct command_call *call)
{
    return (struct rule_words){.commands = call->commands, .level = UINT32_MAX};
}

static bool refuse(struct command_call *call, const char *error)
{
    resp_error(call->reply, error);
    return false;
}

static int shown(struct slice s)
{
    return (int)(s.size < 128 ? s.size : 128);
}

/* --- changes --------------------------------------------------------------------------------- */

static bool check_setuser(struct command_call *call)
{
    if (!user_is_name(call->arguments[2])) {
        if (call->arguments[2].size > USER_NAME_BYTES_MAX) {
            resp_errorf(call->reply, ERROR_USER_NAME_LONG, USER_NAME_BYTES_MAX);
            return false;
        }
        return refuse(call, ERROR_USER_NAME);
    }
    /* A password itself must never be in the log. */
    for (uint32_t i = 3; i < call->argument_count; i++) {
        if (user_word_is_secret(call->arguments[i]) && !MUTANT(password_is_logged)) {
            return refuse(call, ERROR_RULE_SECRET);
        }
    }
    return true;
}

static bool check_change(struct command_call *call)
{
    if (slice_is(call->arguments[1], "SETUSER")) {
        return check_setuser(call);
    }
    return slice_is(call->arguments[1], "DELUSER") || refuse(call, ERROR_NOT_UNDERSTOOD);
}

static void set_user(struct command_call *call)
{
    struct rule_words stored = stored_words(call);
    struct rule_words with = words_of(call);
    struct user user;
    bool is_new = !users_load(call->keyspace, &stored, call->arguments[2], &user);

    if (is_new && !slice_equal(user.name, slice_str("default"))) {
        user.id = call->index;
    }
    if (is_new && users_count(call->keyspace) >= USERS_MAX) {
        resp_errorf(call->reply, ERROR_MANY_USERS, USERS_MAX);
    } else if (user_apply(&user, &with, call->argument_count - 3, call->arguments + 3,
                          call->reply)) {
        if (users_stored_bytes(&user) > USER_BYTES_MAX) {
            resp_errorf(call->reply, ERROR_USER_TOO_LARGE, USER_BYTES_MAX);
        } else {
            users_store(call->keyspace, &user);
            resp_ok(call->reply);
        }
    }
    user_deinit(&user);
}

static void delete_users(struct command_call *call)
{
    int64_t count = 0;

    for (uint32_t i = 2; i < call->argument_count; i++) {
        if (slice_equal(call->arguments[i], slice_str("default"))) {
            resp_error(call->reply, ERROR_DEFAULT_USER_STAYS);
            return;
        }
    }
    for (uint32_t i = 2; i < call->argument_count; i++) {
        count += users_delete(call->keyspace, call->arguments[i]) ? 1 : 0;
    }
    resp_integer(call->reply, count);
}

static void change_command(struct command_call *call)
{
    if (!check_change(call)) {
        return;
    }
    if (slice_is(call->arguments[1], "SETUSER")) {
        set_user(call);
    } else {
        delete_users(call);
    }
}

/* --- what is shown --------------------------------------------------------------------------- */

/* The names, or the users in whole, as one reply. */
struct listing {
    struct command_call *call;
    struct buffer lines;
    uint64_t count;
    bool in_whole;
};

static void list_one(void *context, struct slice name)
{
    struct listing *l = context;
    struct resp_writer w = {.out = &l->lines, .version = l->call->reply->version};
    struct rule_words with = stored_words(l->call);
    struct buffer line = {0};
    struct user user;

    l->count++;
    if (!l->in_whole) {
        resp_bulk(&w, name);
        return;
    }
    (void)users_load(l->call->keyspace, &with, name, &user);
    buffer_printf(&line, "user ");
    buffer_append_slice(&line, name);
    buffer_append(&line, " ", 1);
    user_write(&user, &line);
    resp_bulk(&w, buffer_slice(&line));
    buffer_deinit(&line);
    user_deinit(&user);
}

static void list(struct command_call *call, bool in_whole)
{
    struct listing l = {.call = call, .in_whole = in_whole};

    users_each_name(call->keyspace, list_one, &l);
    resp_array(call->reply, l.count);
    buffer_append_slice(call->reply->out, buffer_slice(&l.lines));
    call->work += buffer_size(&l.lines);
    buffer_deinit(&l.lines);
}

static void reply_part(struct resp_writer *w, const char *name, const struct selector *s,
                       void (*put)(const struct selector *s, struct buffer *out))
{
    struct buffer text = {0};

    put(s, &text);
    resp_bulk_text(w, name);
    resp_bulk(w, buffer_slice(&text));
    buffer_deinit(&text);
}

static void reply_parts(struct resp_writer *w, const struct selector *s)
{
    reply_part(w, "commands", s, selector_put_commands);
    reply_part(w, "keys", s, selector_put_keys);
    reply_part(w, "channels", s, selector_put_channels);
}

static void reply_passwords(struct resp_writer *w, const struct user *user)
{
    struct buffer digits = {0};

    resp_array(w, user->password_count);
    for (uint32_t i = 0; i < user->password_count; i++) {
        buffer_clear(&digits);
        password_write(&user->passwords[i], &digits);
        resp_bulk(w, buffer_slice(&digits));
    }
    buffer_deinit(&digits);
}

static void reply_user(struct resp_writer *w, const struct user *user)
{
    resp_map(w, 6);
    resp_bulk_text(w, "flags");
    resp_set(w, user->has_any_password ? 3 : 2);
    resp_bulk_text(w, user->is_on ? "on" : "off");
    if (user->has_any_password) {
        resp_bulk_text(w, "nopass");
    }
    resp_bulk_text(w, user->skips_sanitizing ? "skip-sanitize-payload" : "sanitize-payload");
    resp_bulk_text(w, "passwords");
    reply_passwords(w, user);
    reply_parts(w, &user->selectors[0]);
    resp_bulk_text(w, "selectors");
    resp_array(w, user->selector_count - 1);
    for (uint32_t i = 1; i < user->selector_count; i++) {
        resp_map(w, 3);
        reply_parts(w, &user->selectors[i]);
    }
}

/* False: there is none of that name; user_deinit() must follow in any case. */
static bool load(struct command_call *call, struct slice name, struct user *ret_user)
{
    struct rule_words with = stored_words(call);

    return users_load(call->keyspace, &with, name, ret_user) ||
           slice_equal(name, slice_str("default"));
}

static void get_user(struct command_call *call)
{
    struct user user;

    if (load(call, call->arguments[2], &user)) {
        reply_user(call->reply, &user);
    } else {
        resp_null(call->reply);
    }
    user_deinit(&user);
}

static void dry_run_as(struct command_call *call, const struct user *user)
{
    struct slice name = call->arguments[3];
    uint32_t count = call->argument_count - 3;
    const struct command *command = command_find_public(call->commands, name);
    struct buffer text = {0};
    struct judged v;

    if (command == NULL) {
        resp_errorf(call->reply, ERROR_COMMAND_NOT_FOUND, shown(name), name.data);
        return;
    }
    if (command->arity >= 0 ? count != (uint32_t)command->arity
                            : count < (uint32_t)-command->arity) {
        subcommand_refuse_count(call->reply, command, NULL);
        return;
    }
    v = user_judge(user, call->commands, command, count, call->arguments + 3, &call->work);
    if (v.judgement == JUDGED_ALLOWED) {
        resp_ok(call->reply);
        return;
    }
    judged_explain(&v, user, &text);
    resp_bulk(call->reply, buffer_slice(&text));
    buffer_deinit(&text);
}

static void dry_run(struct command_call *call)
{
    struct slice name = call->arguments[2];
    struct user user;

    if (load(call, name, &user)) {
        dry_run_as(call, &user);
    } else {
        resp_errorf(call->reply, ERROR_USER_NOT_FOUND, shown(name), name.data);
    }
    user_deinit(&user);
}

static void log_in(struct command_call *call)
{
    struct password_hash hash;
    struct user user;
    bool is_known = load(call, call->arguments[2], &user);

    if (password_read(call->arguments[3], &hash) && user_has_password(&user, &hash) && is_known) {
        resp_bulkf(call->reply, "%llu", (unsigned long long)user.id);
    } else {
        resp_error(call->reply, ERROR_WRONG_PASSWORD);
    }
    user_deinit(&user);
}

/* --- rows ------------------------------------------------------------------------------------ */

static void list_in_whole(struct command_call *call)
{
    list(call, true);
}

static void list_names(struct command_call *call)
{
    list(call, false);
}

static const struct showing {
    const char *name;
    uint32_t count; /* Of arguments, at least. */
    void (*show)(struct command_call *call);
} showings[] = {
    {"LIST", 2, list_in_whole}, {"USERS", 2, list_names}, {"GETUSER", 3, get_user},
    {"DRYRUN", 4, dry_run},     {"LOGIN", 4, log_in},
};

static const struct showing *find_showing(const struct command_call *call)
{
    for (size_t i = 0; i < sizeof showings / sizeof showings[0]; i++) {
        if (slice_is(call->arguments[1], showings[i].name) &&
            call->argument_count >= showings[i].count) {
            return &showings[i];
        }
    }
    return NULL;
}

static bool check_show(struct command_call *call)
{
    return find_showing(call) != NULL || refuse(call, ERROR_NOT_UNDERSTOOD);
}

static void show_command(struct command_call *call)
{
    const struct showing *showing = find_showing(call);

    if (showing == NULL) {
        refuse(call, ERROR_NOT_UNDERSTOOD);
    } else {
        showing->show(call);
    }
}

/* clang-format off */
const struct command users_commands[] = {
    {.name = USERS_CHANGE, .arity = -3,
     .flags = COMMAND_WRITE | COMMAND_OUTERMOST | COMMAND_INTERNAL | COMMAND_HIDDEN,
     .handler = change_command, .check = check_change, .group = "server",
     .arguments = "subcommand name [rule ...]", .since = "0.1.0",
     .summary = "What ACL SETUSER and ACL DELUSER put into the log."},
    {.name = USERS_SHOW, .arity = -2,
     .flags = COMMAND_READ | COMMAND_OUTERMOST | COMMAND_INTERNAL | COMMAND_HIDDEN,
     .handler = show_command, .check = check_show, .group = "server",
     .arguments = "subcommand [argument ...]", .since = "0.1.0",
     .summary = "What ACL and AUTH ask about users."},
    {.name = NULL},
};
/* clang-format on */

const struct command *users_command(const char *name)
{
    return strcmp(name, USERS_CHANGE) == 0 ? &users_commands[0] : &users_commands[1];
}

bool users_command_is(const struct command *command)
{
    return command == &users_commands[0] || command == &users_commands[1];
}

bool users_command_is_login(const struct command *command, uint32_t argument_count,
                            const struct slice *arguments)
{
    return command == &users_commands[1] && argument_count > 1 && slice_is(arguments[1], "LOGIN");
}
