/* lincheck_model.c - states and steps of the checker's model; see lincheck_model.h. */
#include "lincheck/lincheck_model.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "lincheck/lincheck_commands.h"

enum { NO_VALUE = 0, LARGE_VALUE_BYTES = 1 << 16 };

/* --- recognition ------------------------------------------------------------------------ */

static int refuse(const struct history_operation *source, const char *why, struct buffer *error)
{
    if (source->file != NULL) {
        buffer_printf(error, "%s:%u: ", source->file, source->line);
    }
    buffer_printf(error, "%s: ", why);
    history_write_command(error, source);
    if (source->reply.kind != HISTORY_NOTHING) {
        buffer_append_slice(error, slice_str(" -> "));
        history_write_reply(error, &source->reply);
    }
    return -1;
}

static uint32_t key_count(const struct lincheck_command *command, uint32_t argument_count)
{
    switch (command->keys) {
    case LINCHECK_ALL_KEYS:
        return argument_count - 1;
    case LINCHECK_KEY_PAIRS:
        return (argument_count - 1) / 2;
    case LINCHECK_MOVED_KEY:
        return 2;
    case LINCHECK_INNER_KEYS: /* See lincheck_exec_keys(). */
    case LINCHECK_ONE_KEY:
        break;
    }
    return 1;
}

int lincheck_recognise(const struct history_operation *source,
                       struct lincheck_operation *ret_operation, struct buffer *error)
{
    const struct lincheck_command *command = lincheck_find_command(source->arguments[0]);
    uint32_t count = source->argument_count;

    if (command == NULL) {
        return refuse(source, "this command is not modelled", error);
    }
    if (count < command->arguments_min ||
        (command->arguments_max > 0 && count > command->arguments_max) ||
        (command->keys == LINCHECK_KEY_PAIRS && count % 2 == 0)) {
        return refuse(source, "wrong number of arguments", error);
    }
    if (command->knows != NULL && !command->knows(source)) {
        return refuse(source, "these options are not modelled", error);
    }
    if (source->reply.kind == HISTORY_ERROR && !lincheck_knows_error(source->reply.text)) {
        return refuse(source,
                      "this error is not modelled (leave the operation out if it was certainly "
                      "not executed, and make it open (?) if that is unknown)",
                      error);
    }
    *ret_operation = (struct lincheck_operation){
        .source = source,
        .command = command,
        .is_read = command->is_read,
        .key_count = key_count(command, count),
    };
    if (command->keys == LINCHECK_INNER_KEYS) {
        ret_operation->key_count = lincheck_exec_keys(source, &ret_operation->is_read);
    }
    return 0;
}

struct lincheck_key lincheck_key(const struct lincheck_operation *operation, uint32_t i)
{
    const struct history_operation *source = operation->source;
    enum lincheck_keys keys = operation->command->keys;
    struct lincheck_key key = {.database = source->database};

    if (keys == LINCHECK_INNER_KEYS) {
        return lincheck_exec_key(source, i);
    }
    if (keys == LINCHECK_MOVED_KEY) {
        key.name = source->arguments[1];
        if (i == 1) {
            lincheck_read_database(source->arguments[2], &key.database);
        }
    } else {
        key.name = source->arguments[1 + i * (keys == LINCHECK_KEY_PAIRS ? 2 : 1)];
    }
    return key;
}

/* --- states ------------------------------------------------------------------------------- */

uint32_t lincheck_model_init(struct lincheck_model *m, uint32_t key_count,
                             uint64_t memory_limit_bytes)
{
    *m = (struct lincheck_model){
        .key_count = key_count,
        .after = memory_take_zeroed(key_count, sizeof *m->after),
        .memory_limit_bytes = memory_limit_bytes,
    };

    /* Number 0 is the string of a missing key. No value equals it, because values end with a
     * mark; see lincheck_put(). */
    uint32_t none = lincheck_intern(&m->values, slice_of("", 0));

    CHECK(none == NO_VALUE);
    return lincheck_intern(&m->states, slice_of(m->after, key_count * sizeof *m->after));
}

void lincheck_model_hide(struct lincheck_model *m, const struct lincheck_operation *operations,
                         uint32_t count)
{
    lincheck_seen_init(&m->seen, operations, count);
}

void lincheck_model_deinit(struct lincheck_model *m)
{
    lincheck_seen_deinit(&m->seen);
    lincheck_intern_reset(&m->values);
    lincheck_intern_reset(&m->states);
    buffer_deinit(&m->value);
    free(m->after);
    free(m->elements);
}

uint64_t lincheck_model_bytes(const struct lincheck_model *m)
{
    return lincheck_intern_bytes(&m->values) + lincheck_intern_bytes(&m->states) +
           lincheck_seen_bytes(&m->seen) + m->value.capacity + m->key_count * sizeof *m->after;
}

/* --- steps -------------------------------------------------------------------------------- */

static struct lincheck_execution execute(struct lincheck_model *m, uint32_t state,
                                         const struct lincheck_operation *operation, bool any_reply,
                                         bool is_question)
{
    struct lincheck_execution e = {
        .model = m,
        .operation = operation,
        .values = (const uint32_t *)(const void *)lincheck_interned(&m->states, state).data,
        .any_reply = any_reply,
        .is_question = is_question,
    };

    operation->command->run(&e);
    return e;
}

bool lincheck_step(struct lincheck_model *m, uint32_t state,
                   const struct lincheck_operation *operation, bool any_reply, uint32_t *ret_state)
{
    struct lincheck_execution e = execute(m, state, operation, any_reply, false);

    if (!e.fits) {
        return false;
    }
    *ret_state = state;
    if (e.is_changed) {
        CHECK(!operation->is_read);
        *ret_state =
            lincheck_intern(&m->states, slice_of(m->after, m->key_count * sizeof *m->after));
    }
    return true;
}

struct history_reply lincheck_reply(struct lincheck_model *m, uint32_t state,
                                    const struct lincheck_operation *operation)
{
    return execute(m, state, operation, false, true).reply;
}

bool lincheck_answer(struct lincheck_execution *e, struct history_reply reply)
{
    e->reply = reply;
    e->fits = !e->is_question &&
              (e->any_reply || history_reply_equal(&reply, &e->operation->source->reply));
    return e->fits;
}

/* --- values ------------------------------------------------------------------------------- */

bool lincheck_value(const struct lincheck_execution *e, uint32_t i, struct slice *ret_value)
{
    uint32_t number = e->values[e->operation->keys[i]];

    if (number == NO_VALUE) {
        return false;
    }

    struct slice marked = lincheck_interned(&e->model->values, number);

    *ret_value = slice_of(marked.data, marked.size - 1);
    return true;
}

static void change(struct lincheck_execution *e, uint32_t i, uint32_t number)
{
    struct lincheck_model *m = e->model;

    if (!e->is_changed) {
        memcpy(m->after, e->values, m->key_count * sizeof *m->after);
        e->values = m->after;
        e->is_changed = true;
    }
    m->after[e->operation->keys[i]] = number;
}

bool lincheck_has_room(struct lincheck_execution *e, uint64_t size)
{
    struct lincheck_model *m = e->model;

    /* The search accounts for small values soon enough. Counts the value and its copy. */
    if (size < LARGE_VALUE_BYTES) {
        return true;
    }
    if (2 * size + lincheck_model_bytes(m) <= m->memory_limit_bytes) {
        return true;
    }
    m->is_full = true;
    e->fits = false;
    return false;
}

/* The number of the value in m->value. The mark at its end distinguishes the empty value from a
 * missing key. */
static uint32_t number_value(struct lincheck_model *m)
{
    struct slice value = buffer_slice(&m->value);
    uint32_t *representative = NULL;
    uint32_t number = NO_VALUE;

    if (lincheck_seen_hides(&m->seen, value)) {
        representative = lincheck_seen_representative(&m->seen, value);
        number = *representative;
    }
    if (number == NO_VALUE) {
        buffer_append(&m->value, ".", 1);
        number = lincheck_intern(&m->values, buffer_slice(&m->value));
    }
    if (representative != NULL) {
        *representative = number;
    }
    return number;
}

/* `value` may be m->value itself, or bytes anywhere else. */
void lincheck_put(struct lincheck_execution *e, uint32_t i, struct slice value)
{
    struct buffer *made = &e->model->value;

    if (!lincheck_has_room(e, value.size)) {
        return;
    }
    if (value.data != buffer_slice(made).data) {
        buffer_clear(made);
        buffer_append_slice(made, value);
    }
    change(e, i, number_value(e->model));
    buffer_clear(made);
}

void lincheck_remove(struct lincheck_execution *e, uint32_t i)
{
    change(e, i, NO_VALUE);
}
