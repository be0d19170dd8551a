/* model_once.h - commands under a client's number (ONCE): which are executed, and what those that
 * were executed before reply. */
#ifndef RAKIT_SIM_CHECKS_MODEL_ONCE_H
#define RAKIT_SIM_CHECKS_MODEL_ONCE_H

#include "sim/checks/model.h"

struct model_once {
    struct slice client;
    uint64_t number;
    uint64_t keep_s;
};

enum model_once_verdict {
    MODEL_ONCE_FIRST,   /* It was executed. */
    MODEL_ONCE_ANEW,    /* The client was forgotten, and began again with number 1: it was executed,
                         * and may have been before. */
    MODEL_ONCE_AGAIN,   /* Executed before, with that reply. */
    MODEL_ONCE_GONE,    /* The same, but the reply is not kept. */
    MODEL_ONCE_EXPIRED, /* Not executed, because nothing is known about the number. */
    MODEL_ONCE_STRANGE, /* The model does not know the command. */
};

/* The payload of a log entry; false: it has no number, or is no command of a simulated client. */
bool model_decode_once(struct slice payload, struct model_once *ret_once, uint32_t *ret_database,
                       struct slice *arguments, uint32_t *ret_count);

/* Entry `index` is this command with this number; appends the reply. */
enum model_once_verdict model_write_once(struct model *m, const struct model_once *once,
                                         uint32_t database, uint64_t index,
                                         const struct slice *arguments, uint32_t count,
                                         struct buffer *reply);

/* Private to the files of the model: ONCE client OPEN; false: it is another command. */
struct model_place;
bool model_open_write(struct model *m, struct model_place to, const struct slice *arguments,
                      uint32_t count, struct buffer *reply);
void model_sessions_free(struct model *m);

#endif /* RAKIT_SIM_CHECKS_MODEL_ONCE_H */
