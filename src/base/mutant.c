/* mutant.c - the table of mutants and the switch, only in test builds; see mutant.h. */
#include "base/mutant.h"

#ifdef RAKIT_MUTANTS

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mutant mutant_on = MUTANT_NONE;

struct description {
    const char *name;
    const char *rule;
    const char *killer;
    const char *meaning;
};

#define SIMULATOR NULL
static const struct description descriptions[MUTANT_COUNT] = {
#define MUTANT_DEFINE(name, rule, killer, meaning) [MUTANT_##name] = {#name, rule, killer, meaning},
#include "base/mutants.def" /* NOLINT(bugprone-suspicious-include) */
#undef MUTANT_DEFINE
};

enum mutant mutant_named(const char *name)
{
    for (int m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++) {
        if (strcmp(descriptions[m].name, name) == 0) {
            return (enum mutant)m;
        }
    }
    return MUTANT_NONE;
}

const char *mutant_name(enum mutant m)
{
    return descriptions[m].name;
}

const char *mutant_rule(enum mutant m)
{
    return descriptions[m].rule;
}

const char *mutant_killer(enum mutant m)
{
    return descriptions[m].killer;
}

const char *mutant_meaning(enum mutant m)
{
    return descriptions[m].meaning;
}

/* Unit tests do not know about mutants. */
__attribute__((constructor)) static void choose_from_environment(void)
{
    const char *name = getenv("RAKIT_MUTANT");

    if (name == NULL || name[0] == '\0') {
        return;
    }
    mutant_on = mutant_named(name);
    if (mutant_on == MUTANT_NONE) {
        fprintf(stderr, "RAKIT_MUTANT: there is no mutant %s\n", name);
        exit(2);
    }
}

#endif /* RAKIT_MUTANTS */
