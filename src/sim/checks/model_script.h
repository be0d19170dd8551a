/* model_script.h - the scripts that simulated users send, and what each of them does, written out
 * in C. */
#ifndef RAKIT_SIM_CHECKS_MODEL_SCRIPT_H
#define RAKIT_SIM_CHECKS_MODEL_SCRIPT_H

#include "sim/checks/model.h"

struct model_place;

enum { MODEL_SCRIPTS = 10 };

struct model_script {
    const char *body;
    const char *sha; /* Of the body, as sha1sum has it. */
    uint32_t key_count;
    bool only_reads;
    bool is_endless; /* It is ended at the limit of its steps. */
};

const struct model_script *model_script_at(uint32_t number);
/* The source of a library that has each script as a function, "f" and its number, but those that
 * are endless. */
void model_library_write(struct buffer *to);

/* Private to the files of the model. Append the reply of EVAL, EVALSHA, SCRIPT, FCALL or FUNCTION,
 * or of EVAL_RO; false: it is none of them. */
bool model_script_write(struct model *m, struct model_place to, const struct slice *arguments,
                        uint32_t count, struct buffer *reply);
bool model_script_read(struct model_place at, const struct slice *arguments, uint32_t count,
                       struct buffer *reply);

#endif /* RAKIT_SIM_CHECKS_MODEL_SCRIPT_H */
