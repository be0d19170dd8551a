/* trial.c - see trial.h. */
#include "sim/runner/trial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cluster/cluster.h"

struct trial {
    const struct trial_limits *limits;
    struct trial_outcome *outcome;
};

/* Only for the handler of SIGABRT. */
static struct cluster *running;
static struct trial_outcome *running_outcome;

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static bool is_picked(void *context, uint32_t number)
{
    const struct trial_limits *limits = ((struct trial *)context)->limits;

    return !limits->picks_strikes || bsearch(&number, limits->strikes, limits->strike_count,
                                             sizeof number, compare_numbers) != NULL;
}

static void note_strike(void *context, const struct fault_strike *strike)
{
    struct trial_outcome *outcome = ((struct trial *)context)->outcome;

    if (outcome->strike_count < TRIAL_STRIKES_MAX) {
        outcome->strikes[outcome->strike_count++] = *strike;
    }
}

static void note_verdict(struct trial_outcome *outcome, const struct cluster *c)
{
    const struct verdict *v = &c->verdict;

    outcome->is_guilty = v->is_guilty;
    if (!v->is_guilty) {
        return;
    }
    memcpy(outcome->rule, v->rule, sizeof outcome->rule);
    memcpy(outcome->text, v->text, sizeof outcome->text);
    snprintf(outcome->check, sizeof outcome->check, "%s: %s", v->rule, v->format);
    cluster_describe(c, stderr);
}

static void note_size(struct trial_outcome *outcome, const struct cluster *c)
{
    outcome->node_count = c->founder_count;
    outcome->user_count = c->user_count < c->options.user_max ? c->user_count : c->options.user_max;
    for (uint32_t i = 0; i < c->user_count; i++) {
        uint64_t count = user_sent_count(c->users[i]);

        outcome->command_count = count > outcome->command_count ? count : outcome->command_count;
    }
}

void trial_run(const struct trial_limits *limits, uint64_t seed, FILE *trace,
               struct trial_outcome *outcome, struct tally *tally)
{
    struct trial trial = {.limits = limits, .outcome = outcome};
    struct cluster_options options = {
        .seed = seed,
        .node_count = limits->node_count,
        .fault_ns = limits->fault_ns,
        .trace = trace,
        .forbidden = limits->forbidden,
        .is_recorded = limits->judge_every > 0 && seed % limits->judge_every == 0,
        .is_beyond = limits->is_beyond,
        .user_max = limits->user_max,
        .command_max = limits->command_max,
        .faults = {.strikes = is_picked, .struck = note_strike, .context = &trial},
    };

    *outcome = (struct trial_outcome){.seed = seed};

    struct cluster *c = cluster_new(&options);

    running = c;
    running_outcome = outcome;
    cluster_run(c);
    if (c->recorder != NULL && !c->verdict.is_guilty) {
        recorder_judge(c->recorder, &c->verdict, &c->recorded);
    }
    outcome->at_ns = sim_now_ns(c->sim);
    outcome->hash = sim_hash(c->sim);
    note_size(outcome, c);
    note_verdict(outcome, c);
    if (tally != NULL) {
        tally_add(tally, c);
    }
    running = NULL;
    sim_trace_to(c->sim, NULL); /* What follows is only cleaning up. */
    cluster_free(c);
    outcome->is_over = true;
}

void trial_note_abort(void)
{
    if (running != NULL) {
        running_outcome->at_ns = sim_now_ns(running->sim);
        note_size(running_outcome, running);
        cluster_describe(running, stderr);
    }
}
