/* user_script.c - scripts: EVAL and its relatives, with scripts that the model knows. */
#include <stdio.h>

#include "sim/checks/model_script.h"
#include "sim/cluster/user_private.h"

bool user_uses_scripts(struct user *u)
{
    return u->options.script_seed != 0 && prng_chance(&u->script_prng, 1, 6);
}

/* An endless one is run by each node, for some milliseconds of real time. */
static const struct model_script *draw_script(struct user *u, bool only_reads)
{
    const struct model_script *script;

    do {
        script = model_script_at((uint32_t)prng_below(&u->script_prng, MODEL_SCRIPTS));
        if (script->is_endless && !only_reads && !u->is_queueing && !u->has_run_endless &&
            u->options.number == 0) {
            u->has_run_endless = true;
            break;
        }
    } while (script->only_reads != only_reads || script->is_endless);
    return script;
}

static void argument_key(struct user *u)
{
    static const char letters[] = {'k', 'k', 'k', 'n', 'h'};

    user_argument_name(u, letters[prng_below(&u->script_prng, sizeof letters)]);
}

static void arguments_run(struct user *u, const struct model_script *script)
{
    user_argument_number(u, script->key_count);
    for (uint32_t i = 0; i < script->key_count; i++) {
        argument_key(u);
    }
    user_argument_value(u);
}

static void make_load(struct user *u)
{
    struct buffer library = {0};

    model_library_write(&library);
    buffer_append(&library, "", 1);
    user_argument(u, "FUNCTION");
    user_argument(u, "LOAD");
    user_argument(u, "REPLACE");
    user_argument(u, buffer_begin(&library));
    buffer_deinit(&library);
}

static void make_call(struct user *u, const struct model_script *script)
{
    char name[8];
    uint32_t number = 0;

    while (model_script_at(number) != script) {
        number++;
    }
    snprintf(name, sizeof name, "f%u", number);
    user_argument(u, "FCALL");
    user_argument(u, name);
    arguments_run(u, script);
}

void user_make_script_write(struct user *u)
{
    const struct model_script *script = draw_script(u, false);
    uint64_t chance = prng_below(&u->script_prng, script->is_endless ? 20 : 30);

    if (chance >= 23) {
        make_call(u, script);
    } else if (chance >= 21) {
        make_load(u);
    } else if (chance >= 20) {
        user_argument(u, "FUNCTION");
        user_argument(u, "FLUSH");
    } else if (chance < 1) {
        user_argument(u, "SCRIPT");
        user_argument(u, "FLUSH");
    } else if (chance < 3) {
        user_argument(u, "SCRIPT");
        user_argument(u, "LOAD");
        user_argument(u, script->body);
    } else {
        user_argument(u, chance < 12 ? "EVAL" : "EVALSHA");
        user_argument(u, chance < 12 ? script->body : script->sha);
        arguments_run(u, script);
    }
}

void user_make_script_read(struct user *u)
{
    const struct model_script *script = draw_script(u, true);

    user_argument(u, "EVAL_RO");
    user_argument(u, script->body);
    arguments_run(u, script);
}
