/* lincheck_model.h - what each command replies and changes, for the keys of one partition.
 * States are numbers; equal states have equal numbers. */
#ifndef RAKIT_LINCHECK_LINCHECK_MODEL_H
#define RAKIT_LINCHECK_LINCHECK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "lincheck/history.h"
#include "lincheck/lincheck_intern.h"
#include "lincheck/lincheck_seen.h"

enum { LINCHECK_VALUE_BYTES_MAX = 512 * 1024 * 1024 };

struct lincheck_command;

/* An operation that the model understands. */
struct lincheck_operation {
    const struct history_operation *source;
    const struct lincheck_command *command;
    uint32_t *keys; /* Numbers of its keys; within its partition from 0 on. */
    uint32_t key_count;
    uint32_t partition; /* Only to sort by. */
    bool is_read;       /* Changes nothing in any state. */
};

/* Recognises command and reply. Leaves `keys` to the caller: see lincheck_key(). On -1, `error`
 * says what is not modelled. */
int lincheck_recognise(const struct history_operation *source,
                       struct lincheck_operation *ret_operation, struct buffer *error);

/* The same name in two databases is two keys. */
struct lincheck_key {
    uint32_t database;
    struct slice name;
};

/* Key `i` of a recognised operation, from its arguments. */
struct lincheck_key lincheck_key(const struct lincheck_operation *operation, uint32_t i);

struct lincheck_model {
    uint32_t key_count;
    struct lincheck_intern values; /* Number 0: no such key. */
    struct lincheck_seen seen;     /* One value number stands for all hidden values of a kind. */
    struct lincheck_intern states; /* Arrays of value numbers, one for each key. */
    uint32_t *after;               /* The state after the step. */
    struct buffer value;           /* The value that the step makes. */
    struct history_reply *elements;
    uint32_t element_capacity;
    uint64_t memory_limit_bytes;
    bool is_full; /* A value had no room, so the step's result is void. */
};

/* Returns the first state, in which no key exists. */
uint32_t lincheck_model_init(struct lincheck_model *m, uint32_t key_count,
                             uint64_t memory_limit_bytes);
/* From now on, values that no reply of these operations can distinguish count as equal.
 * lincheck_reply() is then right for one of them only. */
void lincheck_model_hide(struct lincheck_model *m, const struct lincheck_operation *operations,
                         uint32_t count);
void lincheck_model_deinit(struct lincheck_model *m);
uint64_t lincheck_model_bytes(const struct lincheck_model *m);

/* Executes an operation in a state. False if the reply that its client saw does not fit;
 * `any_reply`: its client saw none. */
bool lincheck_step(struct lincheck_model *m, uint32_t state,
                   const struct lincheck_operation *operation, bool any_reply, uint32_t *ret_state);
/* The reply that the operation gets in that state; borrowed until the next call. */
struct history_reply lincheck_reply(struct lincheck_model *m, uint32_t state,
                                    const struct lincheck_operation *operation);

#endif /* RAKIT_LINCHECK_LINCHECK_MODEL_H */
