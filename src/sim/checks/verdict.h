/* verdict.h - the first broken rule of a run, as text. */
#ifndef RAKIT_SIM_CHECKS_VERDICT_H
#define RAKIT_SIM_CHECKS_VERDICT_H

#include <stdbool.h>

struct verdict {
    bool is_guilty;
    char rule[64];      /* The invariant, as in docs/INVARIANTS.md. */
    const char *format; /* Format of the text: together with the rule it identifies the check. */
    char text[1024];    /* What happened. */
};

/* Keeps only the first one, because later ones are mostly its consequences. */
void verdict_broken(struct verdict *v, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* RAKIT_SIM_CHECKS_VERDICT_H */
