#include "users/judge.h"

#include <stdio.h>

#include "base/mutant.h"
#include "command/access.h"
#include "command/transaction.h"
#include "kv/glob.h"
#include "resp/errors.h"
#include "users/commands.h"

enum { PATTERN_WORK = 16 };

/* One call, as it is judged. */
struct matter {
    const struct command *command;
    const struct subcommand *subcommand;
    uint32_t categories;
    uint32_t argument_count;
    const struct slice *arguments;
    const struct selector *selector;
    uint64_t *work;
    uint32_t at;         /* How many keys or channels were allowed. */
    struct slice object; /* The first that was not. */
};

static bool matches(const char *pattern, struct slice text, uint64_t *work)
{
    *work += PATTERN_WORK + text.size;
    return glob_matches(slice_str(pattern), text);
}

/* --- commands -------------------------------------------------------------------------------- */

static bool is_about(const struct command_rule *rule, const struct matter *m)
{
    if (rule->category != 0) {
        return (m->categories & rule->category) != 0;
    }
    /* A command may have several rows of its name: see command_for(). */
    return strcmp(rule->command->name, m->command->name) == 0 &&
           (rule->subcommand == NULL || rule->subcommand == m->subcommand) &&
           (rule->first_argument == NULL ||
            (m->argument_count > 1 && slice_is(m->arguments[1], rule->first_argument)));
}

static bool allows_command(const struct matter *m)
{
    const struct selector *s = m->selector;

    for (uint32_t i = s->rule_count; i > 0; i--) {
        if (is_about(&s->rules[i - 1], m)) {
            return s->rules[i - 1].allows;
        }
    }
    return s->begins_with_all;
}

/* Before a client is logged in it must be able to send these. */
static bool is_for_all(const struct command *command)
{
    return (command->flags & COMMAND_NO_LOGIN) != 0;
}

/* --- keys and channels ----------------------------------------------------------------------- */

/* Whether a pattern matches whatever begins with the prefix: it must be plain text, and a star at
 * its end. */
static bool covers(const char *pattern, struct slice prefix)
{
    size_t size = strlen(pattern);

    if (size == 0 || pattern[size - 1] != '*' || strcspn(pattern, "*?[\\") != size - 1) {
        return false;
    }
    return prefix.size >= size - 1 && memcmp(prefix.data, pattern, size - 1) == 0;
}

static bool allows_key(void *context, const struct key_use *use)
{
    struct matter *m = context;
    const struct selector *s = m->selector;

    for (uint32_t i = 0; i < s->key_count; i++) {
        const struct key_pattern *p = &s->keys[i];

        if ((p->access & use->access) == use->access &&
            (use->is_prefix ? covers(p->text, use->key) : matches(p->text, use->key, m->work))) {
            m->at++;
            return true;
        }
    }
    m->object = use->key;
    return false;
}

static bool allows_keys(struct matter *m)
{
    return m->selector->has_all_keys ||
           access_each_key(m->command, m->argument_count, m->arguments, allows_key, m);
}

/* A pattern of channels must be one that the user has, word for word. */
static bool allows_channel(const struct selector *s, struct slice name, bool is_pattern,
                           uint64_t *work)
{
    for (uint32_t i = 0; i < s->channel_count; i++) {
        if (is_pattern ? slice_equal(slice_str(s->channels[i]), name)
                       : matches(s->channels[i], name, work)) {
            return true;
        }
    }
    return s->has_all_channels;
}

static bool allows_channels(struct matter *m)
{
    struct channel_range range = access_channels(m->command, m->argument_count);

    for (uint32_t i = range.first; range.first > 0 && i <= range.last; i++) {
        if (!allows_channel(m->selector, m->arguments[i], range.are_patterns, m->work)) {
            m->object = m->arguments[i];
            return false;
        }
        m->at++;
    }
    return true;
}

bool user_may_subscribe(const struct user *user, struct slice name, bool is_pattern, uint64_t *work)
{
    for (uint32_t i = 0; i < user->selector_count; i++) {
        if (allows_channel(&user->selectors[i], name, is_pattern, work)) {
            return true;
        }
    }
    return false;
}

/* --- all of it ------------------------------------------------------------------------------- */

static enum judgement judge_by(struct matter *m)
{
    m->at = 0;
    if (!allows_command(m) && !is_for_all(m->command)) {
        return JUDGED_COMMAND;
    }
    if (!allows_keys(m)) {
        return JUDGED_KEY;
    }
    m->at = 0;
    return allows_channels(m) ? JUDGED_ALLOWED : JUDGED_CHANNEL;
}

static struct judged judge(const struct user *user, struct matter *m)
{
    struct judged v = {
        .judgement = JUDGED_COMMAND, .command = m->command, .subcommand = m->subcommand};
    uint32_t farthest = 0;

    for (uint32_t i = 0; i < user->selector_count; i++) {
        m->selector = &user->selectors[i];

        enum judgement judgement = judge_by(m);

        if (judgement == JUDGED_ALLOWED) {
            v.judgement = judgement;
            return v;
        }
        if (judgement > v.judgement || (judgement == v.judgement && m->at > farthest)) {
            v.judgement = judgement;
            v.object = m->object;
            farthest = m->at;
        }
    }
    return v;
}

static struct judged judge_call(const struct user *user, const struct command *command,
                                uint32_t argument_count, const struct slice *arguments,
                                uint64_t *work)
{
    struct matter m = {
        .command = command, .argument_count = argument_count, .arguments = arguments, .work = work};

    if (argument_count > 1 && command->subcommands != NULL) {
        m.subcommand = subcommand_named(command, arguments[1]);
    }
    m.categories = command_categories(command, m.subcommand);
    return judge(user, &m);
}

/* What MULTI and WATCH have made of commands: those within it are judged when they are executed. To
 * learn whether a key has changed, it takes the right to watch it. */
static struct judged judge_transaction(const struct user *user,
                                       const struct command_table *commands,
                                       uint32_t argument_count, const struct slice *arguments,
                                       uint64_t *work)
{
    struct judged v = {.judgement = JUDGED_ALLOWED};
    const struct command *watch = command_find(commands, slice_str("WATCH"));
    struct slice rest = argument_count > 1 ? arguments[1] : slice_of(NULL, 0);
    struct watched watched;

    if (rest.size == 0 || watch == NULL) {
        return v;
    }
    rest = slice_of(rest.data + 1, rest.size - 1); /* The mode. */
    while (v.judgement == JUDGED_ALLOWED && watched_take(&rest, &watched)) {
        const struct slice call[] = {slice_str("WATCH"), watched.key};

        v = judge_call(user, watch, 2, call, work);
    }
    return v;
}

struct judged user_judge(const struct user *user, const struct command_table *commands,
                         const struct command *command, uint32_t argument_count,
                         const struct slice *arguments, uint64_t *work)
{
    struct judged allowed = {.judgement = JUDGED_ALLOWED};

    if (user_is_unlimited(user)) {
        return allowed;
    }
    if ((command->flags & COMMAND_INTERNAL) == 0) {
        return judge_call(user, command, argument_count, arguments, work);
    }
    if (transaction_is(slice_str(command->name))) {
        return MUTANT(watch_not_admitted)
                   ? allowed
                   : judge_transaction(user, commands, argument_count, arguments, work);
    }
    if (users_command_is_login(command, argument_count, arguments)) {
        return allowed;
    }
    if (users_command_is(command)) {
        command = command_find(commands, slice_str("ACL"));
    }
    return command == NULL ? allowed : judge_call(user, command, argument_count, arguments, work);
}

/* --- in words -------------------------------------------------------------------------------- */

void judged_refuse(const struct judged *v, const struct user *user, bool in_script,
                   struct resp_writer *reply)
{
    const char *where = in_script ? RIGHTS_IN_SCRIPT : "";
    char name[COMMAND_FULL_NAME_BYTES];

    if (v->judgement == JUDGED_KEY) {
        resp_errorf(reply, ERROR_RIGHTS_KEY, where);
    } else if (v->judgement == JUDGED_CHANNEL) {
        resp_errorf(reply, ERROR_RIGHTS_CHANNEL, where);
    } else {
        command_full_name(v->command, v->subcommand, name);
        resp_errorf(reply, ERROR_RIGHTS_COMMAND, where, (int)user->name.size, user->name.data,
                    name);
    }
}

void judged_explain(const struct judged *v, const struct user *user, struct buffer *out)
{
    char name[COMMAND_FULL_NAME_BYTES];

    buffer_printf(out, "User ");
    buffer_append_slice(out, user->name);
    if (v->judgement == JUDGED_COMMAND) {
        command_full_name(v->command, v->subcommand, name);
        buffer_printf(out, " has no permissions to run the '%s' command", name);
        return;
    }
    buffer_printf(out, " has no permissions to access the '");
    buffer_append_slice(out, v->object);
    buffer_printf(out, "' %s", v->judgement == JUDGED_KEY ? "key" : "channel");
}
