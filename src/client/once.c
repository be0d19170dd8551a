#include "client/once.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "command/table.h"
#include "kv/commands.h"
#include "kv/once.h"
#include "resp/decimal.h"
#include "resp/errors.h"

/* --- what both forms say --------------------------------------------------------------------- */

static const char *read_client(struct slice text, struct slice *ret_client)
{
    *ret_client = text;
    return text.size >= 1 && text.size <= COMMAND_CLIENT_BYTES_MAX ? NULL : ERROR_ONCE_CLIENT;
}

static const char *read_number(struct slice text, uint64_t *ret_number)
{
    int64_t number = 0;

    if (!decimal_read(text, &number) || number < 1) {
        return ERROR_ONCE_NUMBER;
    }
    *ret_number = (uint64_t)number;
    return NULL;
}

/* KEEP seconds, which may be missing: *ret_used is 2 or 0. */
static const char *read_keep(const struct slice *arguments, uint32_t count, uint32_t *ret_used,
                             uint32_t *ret_keep_s)
{
    int64_t keep_s = 0;

    *ret_used = 0;
    *ret_keep_s = ONCE_KEEP_S;
    if (count < 2 || !slice_is(arguments[0], "KEEP")) {
        return NULL;
    }
    if (!decimal_read(arguments[1], &keep_s) || keep_s < 1 || keep_s > COMMAND_KEEP_S_MAX) {
        return ERROR_ONCE_KEEP;
    }
    *ret_used = 2;
    *ret_keep_s = (uint32_t)keep_s;
    return NULL;
}

/* --- ONCE in front of a command -------------------------------------------------------------- */

/* ONCE client number [KEEP seconds]: reads it, and drops it from the request. */
static const char *drop_wrapper(struct client *c)
{
    struct resp_parser *p = &c->parser;
    struct command_once once = {.resp_version = (uint8_t)c->version};
    uint32_t used = 0;
    const char *fault = read_client(p->arguments[1], &once.client);

    if (fault == NULL) {
        fault = read_number(p->arguments[2], &once.number);
    }
    if (fault == NULL) {
        fault = read_keep(p->arguments + 3, p->argument_count - 3, &used, &once.keep_s);
    }
    used += 3;
    if (fault == NULL && used == p->argument_count) {
        fault = ERROR_ONCE_SYNTAX;
    }
    if (fault == NULL) {
        p->argument_count -= used;
        memmove(p->arguments, p->arguments + used, p->argument_count * sizeof *p->arguments);
        c->once = once;
    }
    return fault;
}

static bool may_write(const struct command *command)
{
    return (command->flags & COMMAND_WRITE) != 0 || transaction_is_exec(command);
}

const struct command *once_unwrap(struct client *c, const struct command *command,
                                  const char **ret_fault)
{
    const struct resp_parser *p = &c->parser;

    c->once = (struct command_once){.number = 0};
    if (command != once_commands || p->argument_count < 4 || slice_is(p->arguments[2], "OPEN")) {
        return command;
    }
    *ret_fault = drop_wrapper(c);
    if (*ret_fault != NULL) {
        return command;
    }
    command = command_for(command_find_public(c->clients->options.commands, p->arguments[0]),
                          p->argument_count, p->arguments);
    if (command == once_commands) {
        *ret_fault = ERROR_ONCE_SYNTAX;
    } else if (command != NULL && !may_write(command)) {
        *ret_fault = ERROR_ONCE_READS;
    }
    return command;
}

/* --- CLIENT ONCE ----------------------------------------------------------------------------- */

/* A number for each, also for those that are refused: so the client can count them, too. */
void once_number(struct client *c, const struct command *command)
{
    if (c->once_client == NULL || command == NULL || !may_write(command) ||
        command == once_commands || c->once.client.size > 0) {
        return;
    }
    c->once = (struct command_once){.client = slice_str(c->once_client),
                                    .number = c->once_next,
                                    .keep_s = c->once_keep_s,
                                    .resp_version = (uint8_t)c->version};
    c->once_next++;
    MUTANT_DO(once_numbers_stay, c->once_next--);
}

void once_forget(struct client *c)
{
    free(c->once_client);
    c->once_client = NULL;
}

static void show(struct command_call *call)
{
    const struct client *c = call_client(call);

    if (c->once_client == NULL) {
        resp_null(call->reply);
        return;
    }
    resp_array(call->reply, 2);
    resp_bulk_text(call->reply, c->once_client);
    resp_integer(call->reply, (int64_t)c->once_next);
}

/* CLIENT ONCE client [number] [KEEP seconds] */
static const char *read_connection(const struct command_call *call, struct slice *ret_client,
                                   uint64_t *ret_number, uint32_t *ret_keep_s)
{
    bool has_number = call->argument_count == 4 || call->argument_count == 6;
    uint32_t at = has_number ? 4 : 3;
    uint32_t used = 0;
    const char *fault = read_client(call->arguments[2], ret_client);

    *ret_number = 1;
    if (fault == NULL && memchr(ret_client->data, '\0', ret_client->size) != NULL) {
        fault = ERROR_ONCE_CLIENT;
    }
    if (fault == NULL && has_number) {
        fault = read_number(call->arguments[3], ret_number);
    }
    if (fault == NULL) {
        fault = read_keep(call->arguments + at, call->argument_count - at, &used, ret_keep_s);
    }
    return fault == NULL && at + used != call->argument_count ? ERROR_ONCE_SYNTAX : fault;
}

void once_of_connection(struct command_call *call)
{
    struct client *c = call_client(call);
    struct slice client = {0};
    uint64_t number = 0;
    uint32_t keep_s = 0;

    if (call->argument_count == 2) {
        show(call);
        return;
    }
    if (call->argument_count == 3 && slice_is(call->arguments[2], "OFF")) {
        once_forget(c);
        resp_ok(call->reply);
        return;
    }

    const char *fault = read_connection(call, &client, &number, &keep_s);

    if (fault != NULL) {
        resp_error(call->reply, fault);
        return;
    }
    once_forget(c);
    c->once_client = memory_take(client.size + 1);
    memcpy(c->once_client, client.data, client.size);
    c->once_client[client.size] = '\0';
    c->once_next = number;
    c->once_keep_s = keep_s;
    resp_ok(call->reply);
}
