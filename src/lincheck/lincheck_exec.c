/* lincheck_exec.c - EXEC: commands that were executed together, with nothing between them. Each is
 * preceded by the number of its words: EXEC 3 SET x 1 2 GET y. */
#include "lincheck/lincheck_commands.h"

enum { WORDS_MAX = 9999 };

/* --- the commands in it ---------------------------------------------------------------- */

static uint32_t read_count(struct slice text)
{
    uint32_t count = 0;

    for (size_t i = 0; i < text.size && count <= WORDS_MAX; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        count = 10 * count + (uint32_t)(text.data[i] - '0');
    }
    return count > WORDS_MAX ? 0 : count;
}

/* The command at argument *at, which moves behind it, without its reply. False: there is none, or
 * its number is wrong, and then *at is not the end. */
static bool take_inner(const struct history_operation *source, uint32_t *at,
                       struct history_operation *ret_inner)
{
    uint32_t left = source->argument_count - *at;
    uint32_t count = left == 0 ? 0 : read_count(source->arguments[*at]);

    if (count == 0 || count >= left) {
        return false;
    }
    *ret_inner = (struct history_operation){.database = source->database,
                                            .arguments = source->arguments + *at + 1,
                                            .argument_count = count};
    *at += 1 + count;
    return true;
}

/* Commands that reply an array, or touch parts of values, are not modelled here. */
static bool knows_inner(const struct history_operation *inner)
{
    struct lincheck_operation operation;
    struct buffer error = {0};
    bool is_known = lincheck_recognise(inner, &operation, &error) == 0 &&
                    operation.command->keys != LINCHECK_INNER_KEYS &&
                    !operation.command->uses_parts && !slice_is(inner->arguments[0], "MGET");

    buffer_deinit(&error);
    return is_known;
}

static bool knows_reply(const struct history_reply *reply)
{
    for (uint32_t i = 0; reply->kind == HISTORY_ARRAY && i < reply->element_count; i++) {
        if (reply->elements[i].kind == HISTORY_ERROR &&
            !lincheck_knows_error(reply->elements[i].text)) {
            return false;
        }
    }
    return reply->kind == HISTORY_ARRAY || reply->kind == HISTORY_NOTHING;
}

bool lincheck_knows_exec(const struct history_operation *source)
{
    struct history_operation inner;
    uint32_t at = 1;

    while (take_inner(source, &at, &inner)) {
        if (!knows_inner(&inner)) {
            return false;
        }
    }
    return at > 1 && at == source->argument_count && knows_reply(&source->reply);
}

/* Recognised, so there is such a command. */
static struct lincheck_operation operation_of(const struct history_operation *inner)
{
    struct lincheck_operation operation = {.source = inner};

    (void)lincheck_recognise(inner, &operation, NULL);
    return operation;
}

uint32_t lincheck_exec_keys(const struct history_operation *source, bool *ret_is_read)
{
    struct history_operation inner;
    uint32_t count = 0;
    uint32_t at = 1;

    *ret_is_read = true;
    while (take_inner(source, &at, &inner)) {
        struct lincheck_operation operation = operation_of(&inner);

        count += operation.key_count;
        *ret_is_read = *ret_is_read && operation.is_read;
    }
    return count;
}

struct lincheck_key lincheck_exec_key(const struct history_operation *source, uint32_t i)
{
    struct history_operation inner;
    struct lincheck_key key = {.database = source->database};
    uint32_t at = 1;

    while (take_inner(source, &at, &inner)) {
        struct lincheck_operation operation = operation_of(&inner);

        if (i < operation.key_count) {
            return lincheck_key(&operation, i);
        }
        i -= operation.key_count;
    }
    return key;
}

/* --- executing it ---------------------------------------------------------------------- */

/* Executes one of the commands behind those before it. */
static void run_inner(struct lincheck_execution *e, struct lincheck_operation *operation)
{
    struct lincheck_execution one = *e;

    one.operation = operation;
    one.fits = false;
    operation->command->run(&one);
    e->values = one.values;
    e->is_changed = one.is_changed;
    e->fits = one.fits;
}

/* What it would have replied in other states is not shown. */
void lincheck_run_exec(struct lincheck_execution *e)
{
    const struct history_operation *source = e->operation->source;
    struct history_operation inner;
    uint32_t at = 1;
    uint32_t count = 0;
    uint32_t keys = 0;

    e->reply = (struct history_reply){.kind = HISTORY_NOTHING};
    e->fits = !e->is_question;
    while (e->fits && take_inner(source, &at, &inner)) {
        struct lincheck_operation operation = operation_of(&inner);

        e->fits = e->any_reply || count < source->reply.element_count;
        if (e->fits && !e->any_reply) {
            inner.reply = source->reply.elements[count];
        }
        operation.keys = e->operation->keys + keys;
        keys += operation.key_count;
        count++;
        if (e->fits) {
            run_inner(e, &operation);
        }
    }
    e->fits = e->fits && (e->any_reply || count == source->reply.element_count);
}
