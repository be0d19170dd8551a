/* mutant.h - mistakes on demand. Where a rule is enforced, MUTANT(name) in its condition, or a
 * line MUTANT_DO(name, statement), breaks it on purpose, so that a test can show that such a
 * mistake would be noticed. The names are those of base/mutants.def.
 *
 * Without meson's option `mutants`, MUTANT() is a constant false and leaves no code. With
 * it, which mutant is on is a process-wide switch: the one exception to the rule against
 * mutable globals, and in test builds only. No program that serves anybody has it. */
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
/* Set once, before the code under test runs: by rakit-sim, or, in any other program of
 * such a build, from the environment (RAKIT_MUTANT=name) before main(). */
extern enum mutant mutant_on;
#define MUTANT(name) (__builtin_expect(mutant_on == MUTANT_##name, 0))

/* MUTANT_NONE: there is no such name. */
enum mutant mutant_named(const char *name);
const char *mutant_name(enum mutant m);
/* What it breaks, who must notice (NULL: the simulator), what it does. */
const char *mutant_rule(enum mutant m);
const char *mutant_killer(enum mutant m);
const char *mutant_meaning(enum mutant m);
#else
#define MUTANT(name) (MUTANT_##name == MUTANT_NONE)
#endif

/* One statement that is a mistake, in one line of the code that it breaks. A bare return brings
 * its own semicolon, for clang-format's sake. */
#define MUTANT_DO(name, ...)                                                                       \
    if (MUTANT(name)) {                                                                            \
        __VA_ARGS__;                                                                               \
    } else                                                                                         \
        (void)0

#endif /* RAKIT_BASE_MUTANT_H */
