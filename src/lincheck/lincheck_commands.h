/* lincheck_commands.h - one execution of one command by the checker's model. Private to
 * lincheck_model.c and lincheck_commands.c.
 *
 * A command first gives its reply, with one of the lincheck_answer() functions. If that returns
 * true, the reply is the one that the client saw, and the command then makes its changes. */
#ifndef RAKIT_LINCHECK_LINCHECK_COMMANDS_H
#define RAKIT_LINCHECK_LINCHECK_COMMANDS_H

#include "lincheck/lincheck_model.h"

struct lincheck_execution {
    struct lincheck_model *model;
    const struct lincheck_operation *operation;
    const uint32_t *values; /* Current values of the keys; m->after once changed. */
    bool is_changed;
    bool any_reply;
    bool is_question; /* Only the reply is asked for. */
    bool fits;
    struct history_reply reply;
};

/* Which of a command's arguments are keys. */
enum lincheck_keys {
    LINCHECK_ONE_KEY,    /* Argument 1. */
    LINCHECK_ALL_KEYS,   /* From argument 1 on. */
    LINCHECK_KEY_PAIRS,  /* Key, value, key, value ... */
    LINCHECK_MOVED_KEY,  /* MOVE: a key, and the database of the second key. */
    LINCHECK_INNER_KEYS, /* EXEC: those of the commands in it. */
};

struct lincheck_command {
    const char *name;
    uint32_t arguments_min; /* With the name. */
    uint32_t arguments_max; /* 0: any number. */
    enum lincheck_keys keys;
    bool is_read;
    bool uses_parts; /* It reads or writes in the middle of a value. */
    void (*run)(struct lincheck_execution *e);
    bool (*knows)(const struct history_operation *source); /* NULL: any arguments. */
};

/* NULL if it is not modelled. */
const struct lincheck_command *lincheck_find_command(struct slice name);
/* Whether the model can give this error in some state. */
bool lincheck_knows_error(struct slice text);
/* Whether the error says that a value would have become too long. */
bool lincheck_is_too_long(struct slice error);

/* Reads the number of a database; false if `text` is not one. */
bool lincheck_read_database(struct slice text, uint32_t *ret_database);

/* The value of key `i` of the operation; false if it does not exist. */
bool lincheck_value(const struct lincheck_execution *e, uint32_t i, struct slice *ret_value);
void lincheck_put(struct lincheck_execution *e, uint32_t i, struct slice value);
void lincheck_remove(struct lincheck_execution *e, uint32_t i);
bool lincheck_answer(struct lincheck_execution *e, struct history_reply reply);
/* Whether there is memory to make a value of that size. If not, the step is void. */
bool lincheck_has_room(struct lincheck_execution *e, uint64_t size);

/* lincheck_exec.c: EXEC, with the commands in it as arguments. */
bool lincheck_knows_exec(const struct history_operation *source);
uint32_t lincheck_exec_keys(const struct history_operation *source, bool *ret_is_read);
struct lincheck_key lincheck_exec_key(const struct history_operation *source, uint32_t i);
void lincheck_run_exec(struct lincheck_execution *e);

#endif /* RAKIT_LINCHECK_LINCHECK_COMMANDS_H */
