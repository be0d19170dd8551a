/* commands_acl.c - ACL: what is about users goes to the replica, as a write or a read in a form of
 * its own (users/commands.h), so that all nodes show and do the same. Passwords become hashes here,
 * before anything else sees them. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "client/client.h"
#include "client/commands.h"
#include "kv/subcommand.h"
#include "replica/replica.h"
#include "resp/decimal.h"
#include "resp/errors.h"
#include "users/commands.h"
#include "users/denials.h"
#include "users/users.h"

enum { PASSWORD_BITS = 256, PASSWORD_BITS_MAX = 4096 };

/* --- to the replica and back ----------------------------------------------------------------- */

struct acl_request {
    struct request request;
    struct reply_slot *slot;
};

static struct resp_writer *acl_reply(struct request *request)
{
    return reply_writer(container_of(request, struct acl_request, request)->slot);
}

static void acl_answered(struct request *request)
{
    struct acl_request *a = container_of(request, struct acl_request, request);

    entry_release(request->entry);
    reply_done(a->slot);
    free(a);
}

/* `name` is that of a command of users/commands.h. */
static void submit(struct command_call *call, const char *name, uint32_t count,
                   struct slice *arguments)
{
    struct client *c = call_client(call);
    struct acl_request *a = memory_take_zeroed(1, sizeof *a);
    struct command_head head = {.argument_count = count, .user = rights_user(c)};

    a->request.received_ns = c->received_ns;
    a->request.reply = acl_reply;
    a->request.answered = acl_answered;
    a->request.resp_version = (uint8_t)call->reply->version;
    arguments[0] = slice_str(name);
    request_encode_head(&a->request, users_command(name), &head, arguments);
    a->slot = reply_later(call);
    replica_submit(c->clients->replica, &a->request);
}

static void submit_as_it_is(struct command_call *call, const char *name)
{
    struct slice *arguments =
        memory_copy(call->arguments, call->argument_count * sizeof *call->arguments);

    submit(call, name, call->argument_count, arguments);
    free(arguments);
}

static void show(struct command_call *call)
{
    submit_as_it_is(call, USERS_SHOW);
}

static void delete_users(struct command_call *call)
{
    submit_as_it_is(call, USERS_CHANGE);
}

/* --- SETUSER --------------------------------------------------------------------------------- */

/* What is hashed is kept in `room`, which has place for all of it. */
static struct slice hash_word(struct slice word, char **room)
{
    struct password_hash hash;
    struct buffer digits = {0};
    char *text = *room;

    password_hash(slice_of(word.data + 1, word.size - 1), &hash);
    password_write(&hash, &digits);
    text[0] = word.data[0] == '>' ? '#' : '!';
    memcpy(text + 1, buffer_begin(&digits), PASSWORD_DIGITS);
    buffer_deinit(&digits);
    *room += PASSWORD_DIGITS + 1;
    return slice_of(text, PASSWORD_DIGITS + 1);
}

static void submit_words(struct command_call *call, struct slice user, uint32_t count,
                         const struct slice *words)
{
    uint32_t head = 3;
    struct slice *arguments = memory_take((head + count) * sizeof *arguments);
    char *hashes = memory_take((count + 1) * (PASSWORD_DIGITS + 1));
    char *room = hashes;

    arguments[0] = slice_str(USERS_CHANGE);
    arguments[1] = slice_str("SETUSER");
    arguments[2] = user;
    for (uint32_t i = 0; i < count; i++) {
        bool is_password =
            words[i].size > 0 && (words[i].data[0] == '>' || words[i].data[0] == '<');

        arguments[head + i] = is_password ? hash_word(words[i], &room) : words[i];
    }

    struct command_call made = {.command = users_command(USERS_CHANGE),
                                .argument_count = head + count,
                                .arguments = arguments,
                                .reply = call->reply};

    if (made.command->check(&made)) {
        submit(call, USERS_CHANGE, head + count, arguments);
    }
    free(hashes);
    free(arguments);
}

static void set_user(struct command_call *call)
{
    submit_words(call, call->arguments[2], call->argument_count - 3, call->arguments + 3);
}

void acl_require_password(struct command_call *call, struct slice password)
{
    struct buffer word = {0};
    struct slice words[] = {slice_str("resetpass"), slice_str("nopass")};

    if (call_client(call)->current_slot == NULL) {
        resp_error(call->reply, ERROR_NOT_IN_MULTI);
        return;
    }
    if (password.size > 0) {
        buffer_append(&word, ">", 1);
        buffer_append_slice(&word, password);
        words[1] = buffer_slice(&word);
    }
    submit_words(call, slice_str("default"), 2, words);
    buffer_deinit(&word);
}

/* --- what this node answers ------------------------------------------------------------------ */

static void whoami(struct command_call *call)
{
    resp_bulk_text(call->reply, rights_name(call_client(call)));
}

static void list_categories(struct resp_writer *w)
{
    resp_array(w, CATEGORY_COUNT);
    for (unsigned i = 0; i < CATEGORY_COUNT; i++) {
        resp_bulk_text(w, category_name(i));
    }
}

static void add_name(struct resp_writer *names, uint64_t *count, const struct command *command,
                     const struct subcommand *subcommand)
{
    char name[COMMAND_FULL_NAME_BYTES];

    command_full_name(command, subcommand, name);
    resp_bulk_text(names, name);
    ++*count;
}

static void list_commands(struct command_call *call, uint32_t category)
{
    const struct command_table *table = call_clients(call)->options.commands;
    struct buffer text = {0};
    struct resp_writer names = {.out = &text, .version = call->reply->version};
    uint64_t count = 0;

    for (uint32_t i = 0; i < table->count; i++) {
        const struct command *command = table->rows[i];

        if ((command->flags & COMMAND_INTERNAL) != 0) {
            continue;
        }
        if ((command_categories(command, NULL) & category) != 0) {
            add_name(&names, &count, command, NULL);
        }
        for (const struct subcommand *s = command->subcommands; s != NULL && s->name != NULL; s++) {
            if ((command_categories(command, s) & category) != 0) {
                add_name(&names, &count, command, s);
            }
        }
    }
    resp_array(call->reply, count);
    buffer_append_slice(call->reply->out, buffer_slice(&text));
    buffer_deinit(&text);
}

static void refuse_count(struct command_call *call)
{
    struct slice name = call->arguments[1];
    char text[16] = "";

    memcpy(text, name.data, name.size < sizeof text ? name.size : sizeof text - 1);
    resp_errorf(call->reply, ERROR_ACL_SUBCOMMAND, text);
}

static void cat(struct command_call *call)
{
    uint32_t category;

    if (call->argument_count == 2) {
        list_categories(call->reply);
        return;
    }
    if (call->argument_count > 3) {
        refuse_count(call);
        return;
    }
    category = category_named(call->arguments[2]);
    if (category == 0) {
        resp_errorf(call->reply, ERROR_NO_SUCH_CATEGORY,
                    (int)(call->arguments[2].size < 64 ? call->arguments[2].size : 64),
                    call->arguments[2].data);
    } else {
        list_commands(call, category);
    }
}

static void genpass(struct command_call *call)
{
    unsigned char random[PASSWORD_BITS_MAX / 8];
    struct buffer digits = {0};
    int64_t bits = PASSWORD_BITS;

    if (call->argument_count > 3) {
        refuse_count(call);
        return;
    }
    if (call->argument_count == 3 && !decimal_read(call->arguments[2], &bits)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
        return;
    }
    if (bits < 1 || bits > PASSWORD_BITS_MAX) {
        resp_error(call->reply, ERROR_PASSWORD_BITS);
        return;
    }
    io_random(call_clients(call)->io, random, sizeof random);
    for (int64_t i = 0; i < (bits + 3) / 4; i++) {
        unsigned half = i % 2 == 0 ? random[i / 2] >> 4 : random[i / 2] & 15u;

        buffer_printf(&digits, "%x", half);
    }
    resp_bulk(call->reply, buffer_slice(&digits));
    buffer_deinit(&digits);
}

static void log_command(struct command_call *call)
{
    const struct clients *c = call_clients(call);
    struct denials *denials = c->options.denials;
    int64_t count = 10;

    if (call->argument_count > 3) {
        refuse_count(call);
    } else if (denials == NULL) {
        resp_array(call->reply, 0);
    } else if (call->argument_count == 3 && slice_is(call->arguments[2], "RESET")) {
        denials_reset(denials);
        resp_ok(call->reply);
    } else if (call->argument_count == 3 && !decimal_read(call->arguments[2], &count)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
    } else {
        denials_reply(denials, count < 0 ? 0 : (uint64_t)count, io_wall_ns(c->io) / 1000000,
                      call->reply);
    }
}

/* There is no file of users. */
static void refuse_file(struct command_call *call)
{
    resp_error(call->reply, ERROR_NO_USERS_FILE);
}

/* --- rows ------------------------------------------------------------------------------------ */

static const struct subcommand acl_subcommands[] = {
    {"CAT", -2, cat, "[category]", "The categories of commands, or the commands of one."},
    {"DELUSER", -3, delete_users, "username [username ...]",
     "Deletes users on all nodes, and ends their connections."},
    {"DRYRUN", -4, show, "username command [arg ...]",
     "Whether a user may execute a command, without executing it."},
    {"GENPASS", -2, genpass, "[bits]", "Makes up a password that nobody can guess."},
    {"GETUSER", 3, show, "username", "The passwords, as hashes, and the rights of a user."},
    {"LIST", 2, show, "", "All users, each as the words that make it."},
    {"LOAD", 2, refuse_file, "", "Refused: users are not in a file."},
    {"LOG", -2, log_command, "[count | RESET]", "What this node has refused, the newest first."},
    {"SAVE", 2, refuse_file, "", "Refused: users are stored as soon as SETUSER has replied."},
    {"SETUSER", -3, set_user, "username [rule [rule ...]]",
     "Makes a user on all nodes, or changes one. A new user may nothing."},
    {"USERS", 2, show, "", "The names of all users."},
    {"WHOAMI", 2, whoami, "", "The user of this connection."},
    {NULL, 0, NULL, NULL, NULL},
};

static void acl_command(struct command_call *call)
{
    subcommand_run(call);
}

/* clang-format off */
const struct command acl_commands[] = {
    {.name = "ACL", .arity = -2, .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_ASYNC,
     .handler = acl_command, .subcommands = acl_subcommands, .group = "server", .since = "6.0.0",
     .integers = "bits count",
     .arguments = "LIST | GETUSER username | SETUSER username [rule ...] | DELUSER username "
                  "[username ...] | USERS | WHOAMI | CAT [category] | DRYRUN username command "
                  "[arg ...] | GENPASS [bits] | LOG [count | RESET] | HELP",
     .summary = "Shows and changes users and their rights."},
    {.name = NULL},
};
/* clang-format on */
