/* run_command.h - runs data commands written as inline lines, without a server. */
#ifndef RAKIT_TESTS_KV_RUN_COMMAND_H
#define RAKIT_TESTS_KV_RUN_COMMAND_H

#include "kv/commands.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/resp.h"

static inline const struct command *command_named(struct slice name)
{
    for (size_t i = 0; kv_command_tables[i] != NULL; i++) {
        for (const struct command *row = kv_command_tables[i]; row->name != NULL; row++) {
            if (slice_is(name, row->name)) {
                return row;
            }
        }
    }
    return NULL;
}

/* Runs one command, given as arguments, in a database; appends the reply to `out`. */
static inline bool run_arguments(struct keyspace *k, uint32_t database, int version,
                                 uint32_t argument_count, const struct slice *arguments,
                                 struct buffer *out)
{
    struct resp_writer writer = {out, version};
    const struct command *command = command_named(arguments[0]);
    struct command_call call = {.command = command,
                                .argument_count = argument_count,
                                .arguments = arguments,
                                .reply = &writer,
                                .kv = keyspace_database(k, database),
                                .keyspace = k,
                                .database = database,
                                .time_us = keyspace_time_us(k)};

    if (command != NULL) {
        command->handler(&call);
    }
    return command != NULL;
}

/* Runs one command, given as an inline line without its end. */
static inline bool run_line(struct keyspace *k, uint32_t database, int version, const char *line,
                            struct buffer *out)
{
    struct resp_limits limits = resp_limits_default();
    struct resp_parser parser;
    struct buffer input = {0};
    size_t consumed = 0;
    const char *error = NULL;

    buffer_printf(&input, "%s\n", line);
    resp_parser_init(&parser, &limits);

    bool has_run =
        resp_parse(&parser, buffer_slice(&input), &consumed, &error) == RESP_REQUEST &&
        run_arguments(k, database, version, parser.argument_count, parser.arguments, out);

    resp_parser_deinit(&parser);
    buffer_deinit(&input);
    return has_run;
}

#endif /* RAKIT_TESTS_KV_RUN_COMMAND_H */
