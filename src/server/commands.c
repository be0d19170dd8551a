/* commands.c - assembles the table of all commands, and has the one about the server's own
 * settings: CONFIG. */
#include "server/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/clients.h"
#include "client/commands.h"
#include "command/table.h"
#include "command/transaction.h"
#include "kv/commands.h"
#include "kv/glob.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/subcommand.h"
#include "replica/replica.h"
#include "resp/errors.h"
#include "script/commands.h"
#include "script/function_commands.h"
#include "server/server.h"
#include "server/settings.h"
#include "users/commands.h"

#define MS 1000000ull
#define S  1000000000ull

/* Whether a pattern of CONFIG GET matches this name. */
static bool is_asked_for(const struct command_call *call, const char *name)
{
    for (uint32_t i = 2; i < call->argument_count; i++) {
        char pattern[64];
        size_t size = call->arguments[i].size;

        if (size > sizeof pattern) {
            continue;
        }
        for (size_t j = 0; j < size; j++) {
            char letter = call->arguments[i].data[j];

            pattern[j] = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
        }
        if (glob_matches(slice_of(pattern, size), slice_str(name))) {
            return true;
        }
    }
    return false;
}

static void config_get(struct command_call *call)
{
    struct settings_target target = server_settings(call_context(call));
    struct settings p;
    bool asked[SETTINGS_MAX];
    uint32_t count = 0;

    settings_list(&target, &p);
    for (uint32_t i = 0; i < p.count; i++) {
        asked[i] = is_asked_for(call, p.all[i].name);
        count += asked[i] ? 1 : 0;
    }
    resp_map(call->reply, count);
    for (uint32_t i = 0; i < p.count; i++) {
        if (asked[i]) {
            resp_bulk_text(call->reply, p.all[i].name);
            resp_bulk_text(call->reply, p.all[i].value);
        }
    }
}

/* Most settings are fixed at the start. Setting the present value again succeeds nevertheless,
 * because libraries make sure of settings that they need. Errors are Redis's. */
static void config_set(struct command_call *call)
{
    struct settings_target target = server_settings(call_context(call));
    struct changeable_settings changed;
    struct settings present;

    if (call->argument_count % 2 != 0) {
        resp_error(call->reply, ERROR_SYNTAX);
        return;
    }
    if (call->argument_count == 4 && slice_is(call->arguments[2], "requirepass")) {
        acl_require_password(call, call->arguments[3]);
        return;
    }
    settings_list(&target, &present);
    settings_get(&target, &changed);
    for (uint32_t i = 2; i < call->argument_count; i += 2) {
        struct slice name = call->arguments[i];
        const struct setting *setting = settings_find(&present, name);
        int shown = (int)(name.size < 64 ? name.size : 64);
        const char *error = NULL;

        if (setting == NULL) {
            resp_errorf(call->reply, ERROR_UNKNOWN_SETTING, shown, name.size == 0 ? "" : name.data);
            return;
        }
        if (!slice_equal(call->arguments[i + 1], slice_str(setting->value))) {
            error = settings_read(&target, setting->name, call->arguments[i + 1], &changed);
        }
        if (error != NULL) {
            resp_errorf(call->reply, error, setting->name);
            return;
        }
    }
    settings_set(&target, &changed);
    resp_ok(call->reply);
}

static void config_resetstat(struct command_call *call)
{
    clients_reset_stats(call_clients(call));
    resp_ok(call->reply);
}

static void config_rewrite(struct command_call *call)
{
    resp_error(call->reply, ERROR_NO_CONFIG_FILE);
}

static const struct subcommand config_subcommands[] = {
    {"GET", -3, config_get, "pattern [pattern ...]", "Shows settings."},
    {"RESETSTAT", 2, config_resetstat, "", "Begins the counts of INFO anew."},
    {"REWRITE", 2, config_rewrite, "", "Refused: a file of settings is changed by hand."},
    {"SET", -4, config_set, "setting value [setting value ...]",
     "Changes maxmemory, maxdisk, maxclients, timeout, acllog-max-len or notify-keyspace-events, "
     "on this node, until its next start; or requirepass, which is the password of the user "
     "default, on all nodes. Any other setting is fixed at the start."},
    {NULL, 0, NULL, NULL, NULL},
};

static void config_command(struct command_call *call)
{
    subcommand_run(call);
}

/* --- SHUTDOWN ---------------------------------------------------------------------------- */

static bool is_shutdown_option(struct slice word)
{
    return slice_is(word, "NOSAVE") || slice_is(word, "SAVE") || slice_is(word, "NOW") ||
           slice_is(word, "FORCE");
}

/* As SIGTERM does; the options change nothing, since all that was acknowledged is on the disk.
 * There is no reply, as in Redis: the connection ends. */
static void shutdown_command(struct command_call *call)
{
    struct server *server = call_context(call);

    if (call->argument_count == 2 && slice_is(call->arguments[1], "ABORT")) {
        resp_error(call->reply, server->is_stopping ? ERROR_NO_SHUTDOWN_ABORT : ERROR_NO_SHUTDOWN);
        return;
    }
    for (uint32_t i = 1; i < call->argument_count; i++) {
        if (!is_shutdown_option(call->arguments[i])) {
            resp_error(call->reply, ERROR_SYNTAX);
            return;
        }
    }
    call_end_connection(call);
    server->stop(server);
}

/* --- the table of all commands --------------------------------------------------------- */

static const struct command server_commands[] = {
    {.name = "CONFIG",
     .arity = -2,
     .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_QUEUED | COMMAND_ASYNC,
     .handler = config_command,
     .group = "server",
     .arguments = "GET pattern [pattern ...] | RESETSTAT | SET ...",
     .summary = "Shows settings, and changes a few of them.",
     .since = "2.0.0",
     .subcommands = config_subcommands},
    {.name = "SHUTDOWN",
     .arity = -1,
     .flags = COMMAND_LOCAL | COMMAND_ADMIN | COMMAND_LOADING,
     .handler = shutdown_command,
     .group = "server",
     .arguments = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
     .summary = "Stops this node in order, as SIGTERM does: it hands leadership over first.",
     .since = "1.0.0"},
    {.name = NULL},
};

static void add_tables(struct command_table *t, const struct command *const *tables)
{
    for (; *tables != NULL; tables++) {
        command_table_add(t, *tables);
    }
}

void commands_add_all(struct command_table *t)
{
    add_tables(t, kv_command_tables);
    add_tables(t, client_command_tables);
    command_table_add(t, script_commands);
    command_table_add(t, function_commands);
    command_table_add(t, server_commands);
    command_table_add(t, transaction_commands);
    command_table_add(t, users_commands);
}
