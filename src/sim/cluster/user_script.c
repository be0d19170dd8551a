/* user_script.c - scripts: EVAL and its relatives, with scripts that the model knows. */
#include "sim/checks/model_script.h"
#include "sim/cluster/user_private.h"

bool user_uses_scripts(struct user *u)
{
    return u->options.script_seed != 0 && prng_chance(&u->script_prng, 1, 6);
}

/* An endless one is run by each node, for some milliseconds of real time. */
static const struct model_script *draw_script(struct user *u, bool only_reads)
{
    const struct model_script *script = NULL;

    while (script == NULL || script->only_reads != only_reads || script->is_endless) {
        script = model_script_at((uint32_t)prng_below(&u->script_prng, MODEL_SCRIPTS));
        if (script->is_endless && !only_reads && !u->is_queueing && !u->has_run_endless &&
            u->options.number == 0) {
            u->has_run_endless = true;
            break;
        }
    }
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

void user_make_script_write(struct user *u)
{
    const struct model_script *script = draw_script(u, false);
    uint64_t chance = prng_below(&u->script_prng, 20);

    if (chance < 1) {
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
