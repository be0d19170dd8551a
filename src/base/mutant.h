/* mutant.h - deliberate mistakes. MUTANT(name) in the condition that enforces a rule, or a line
 * MUTANT_DO(name, statement), breaks the rule on purpose, so that tests can show that they
 * notice the mistake. The names are in base/mutants.def.
 *
 * Without meson's option `mutants`, MUTANT() is a constant false and leaves no code. With it, a
 * process-wide switch selects the mutant: the only mutable global, and only in test builds,
 * which nobody deploys. */
#ifndef RAKIT_BASE_MUTANT_H
#define RAKIT_BASE_MUTANT_H

enum mutant {
    MUTANT_NONE,
#define MUTANT_DEFINE(name, rule, killer, meaning) MUTANT_##name,
#include "base/mutants.def" /* NOLINT(bugprone-suspicious-include) */
#undef MUTANT_DEFINE
    MUTANT_COUNT
};

#ifdef RAKIT_MUTANTS
/* Set once, before the code under test runs: by rakit-sim, or in any other program from the
 * environment (RAKIT_MUTANT=name) before main(). */
extern enum mutant mutant_on;
#define MUTANT(name) (__builtin_expect(mutant_on == MUTANT_##name, 0))

/* MUTANT_NONE: there is no such name. */
enum mutant mutant_named(const char *name);
const char *mutant_name(enum mutant m);
/* The rule that it breaks; the test that must notice it (NULL: the simulator); what it does. */
const char *mutant_rule(enum mutant m);
const char *mutant_killer(enum mutant m);
const char *mutant_meaning(enum mutant m);
#else
#define MUTANT(name) (MUTANT_##name == MUTANT_NONE)
#endif

/* A statement that is a mistake, on one line in the code that it breaks. A bare return needs its
 * own semicolon, for clang-format. */
#define MUTANT_DO(name, ...)                                                                       \
    if (MUTANT(name)) {                                                                            \
        __VA_ARGS__;                                                                               \
    } else                                                                                         \
        (void)0

#endif /* RAKIT_BASE_MUTANT_H */
