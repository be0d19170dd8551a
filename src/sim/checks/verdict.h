/* verdict.h - the first rule that was found broken in a run, in words. */
#ifndef RAKIT_SIM_CHECKS_VERDICT_H
#define RAKIT_SIM_CHECKS_VERDICT_H

#include <stdbool.h>

struct verdict {
    bool is_guilty;
    char rule[64];      /* The invariant, as in docs/INVARIANTS.md. */
    const char *format; /* Of the text: with the rule it tells one check from another. */
    char text[1024];    /* What happened. */
};

/* Keeps the first one only: what follows is mostly its consequence. */
void verdict_broken(struct verdict *v, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* RAKIT_SIM_CHECKS_VERDICT_H */
