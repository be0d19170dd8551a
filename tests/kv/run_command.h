/* run_command.h - runs data commands written as inline lines, without a server: a
 * small table of names and handlers stands in for the real one. */
#ifndef RAKIT_TESTS_KV_RUN_COMMAND_H
#define RAKIT_TESTS_KV_RUN_COMMAND_H

#include "kv/commands.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/resp.h"

static inline command_handler *handler_named(struct slice name)
{
    static const struct {
        const char *name;
        command_handler *handler;
    } handlers[] = {
        {"GET", kv_command_get},           {"SET", kv_command_set},
        {"SETNX", kv_command_setnx},       {"GETSET", kv_command_getset},
        {"GETDEL", kv_command_getdel},     {"MGET", kv_command_mget},
        {"MSET", kv_command_mset},         {"MSETNX", kv_command_msetnx},
        {"STRLEN", kv_command_strlen},     {"STRLN", kv_command_strlen},
        {"APPEND", kv_command_append},     {"GETRANGE", kv_command_getrange},
        {"SUBSTR", kv_command_getrange},   {"SETRANGE", kv_command_setrange},
        {"INCR", kv_command_incr},         {"DECR", kv_command_decr},
        {"INCRBY", kv_command_incrby},     {"DECRBY", kv_command_decrby},
        {"DEL", kv_command_del},           {"UNLINK", kv_command_del},
        {"EXISTS", kv_command_exists},     {"TOUCH", kv_command_exists},
        {"TYPE", kv_command_type},         {"DBSIZE", kv_command_dbsize},
        {"FLUSHALL", kv_command_flushall}, {"FLUSHDB", kv_command_flushdb},
        {"KEYS", kv_command_keys},         {"RANDOMKEY", kv_command_randomkey},
        {"SCAN", kv_command_scan},         {"MOVE", kv_command_move},
        {"SWAPDB", kv_command_swapdb},
    };

    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (slice_is(name, handlers[i].name)) {
            return handlers[i].handler;
        }
    }
    return NULL;
}

/* Runs one command given as its arguments in a database; the reply goes behind what is in
 * `out`. */
static inline bool run_arguments(struct keyspace *k, uint32_t database, int version,
                                 uint32_t argument_count, const struct slice *arguments,
                                 struct buffer *out)
{
    struct resp_writer writer = {out, version};
    command_handler *handler = handler_named(arguments[0]);
    struct command_call call = {.argument_count = argument_count,
                                .arguments = arguments,
                                .reply = &writer,
                                .kv = keyspace_database(k, database),
                                .keyspace = k,
                                .database = database};

    if (handler != NULL) {
        handler(&call);
    }
    return handler != NULL;
}

/* Runs one command given as an inline line without its end. */
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
