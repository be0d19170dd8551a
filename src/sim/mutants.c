/* mutants.c - see mutants.h. Each mutant runs in a process of its own, which may abort,
 * crash or hang: all that is noticing. What it says on stderr is where the parent learns
 * which check it was. */
#include "sim/mutants.h"

#include <stdio.h>

#include "base/mutant.h"

#ifdef RAKIT_MUTANTS

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEED_PATIENCE_S = 60, SAID_MAX = 8192 };

struct finding {
    bool is_killed;
    uint64_t seed_count; /* That ran, the failing one included. */
    char check[256];
};

bool mutants_choose(const char *name)
{
    mutant_on = mutant_named(name);
    if (mutant_on == MUTANT_NONE) {
        fprintf(stderr, "rakit-sim: there is no mutant %s; --list-mutants shows them\n", name);
    }
    return mutant_on != MUTANT_NONE;
}

bool mutants_list(void)
{
    for (int m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++) {
        const char *killer = mutant_killer((enum mutant)m);

        printf("%-28s %-8s %-16s %s\n", mutant_name((enum mutant)m), mutant_rule((enum mutant)m),
               killer == NULL ? "simulator" : killer, mutant_meaning((enum mutant)m));
    }
    return true;
}

/* --- the child --------------------------------------------------------------------------- */

/* Reports each seed that is over on `progress`, one byte each; its end tells the rest. */
static _Noreturn void run_seeds(enum mutant m, uint64_t from, uint64_t count,
                                bool (*run_seed)(uint64_t seed), int progress)
{
    mutant_on = m;
    for (uint64_t seed = from; seed < from + count; seed++) {
        alarm(SEED_PATIENCE_S);
        if (!run_seed(seed)) {
            _exit(1);
        }
        if (write(progress, ".", 1) != 1) {
            _exit(2);
        }
    }
    _exit(0);
}

/* --- the parent -------------------------------------------------------------------------- */

/* Copies what stands between `begin` and `end` in `said`. */
static bool quote(const char *said, const char *begin, const char *end, char *check, size_t size)
{
    const char *from = strstr(said, begin);

    if (from == NULL) {
        return false;
    }
    from += strlen(begin);
    snprintf(check, size, "%.*s", (int)strcspn(from, end), from);
    return true;
}

static void name_check(const char *said, int status, struct finding *f)
{
    char rule[128];

    if (quote(said, "CHECK failed: ", "\n", rule, sizeof rule)) {
        char place[64] = "";
        const char *line = strstr(said, "CHECK failed: ");
        const char *begin = line;

        while (begin > said && begin[-1] != '\n') {
            begin--;
        }
        snprintf(place, sizeof place, "%.*s", (int)strcspn(begin, " "), begin);
        const char *file = strrchr(place, '/');

        snprintf(f->check, sizeof f->check, "%s CHECK(%s)", file == NULL ? place : file + 1, rule);
    } else if (quote(said, "breaks a rule at ", "\n", rule, sizeof rule)) {
        const char *name = strstr(rule, " s: ");

        snprintf(f->check, sizeof f->check, "%s", name == NULL ? rule : name + 4);
    } else if (quote(said, "AddressSanitizer: ", " ", rule, sizeof rule)) {
        snprintf(f->check, sizeof f->check, "sanitizer: %s", rule);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        snprintf(f->check, sizeof f->check, "a seed does not end");
    } else if (WIFSIGNALED(status)) {
        snprintf(f->check, sizeof f->check, "signal %d", WTERMSIG(status));
    } else {
        snprintf(f->check, sizeof f->check, "exit status %d", WEXITSTATUS(status));
    }
}

/* Takes what the child says until it has ended. */
static void hear(int words, int progress, char *said, uint64_t *ret_seed_count)
{
    size_t size = 0;
    char rest[1024];
    ssize_t count;

    *ret_seed_count = 0;
    while ((count = read(words, rest, sizeof rest)) > 0) {
        for (ssize_t i = 0; i < count && size < SAID_MAX - 1; i++) {
            said[size++] = rest[i];
        }
    }
    said[size] = '\0';
    while ((count = read(progress, rest, sizeof rest)) > 0) {
        *ret_seed_count += (uint64_t)count;
    }
}

static bool try_mutant(enum mutant m, uint64_t from, uint64_t count,
                       bool (*run_seed)(uint64_t seed), struct finding *f)
{
    char said[SAID_MAX];
    int words[2];
    int progress[2];
    int status = 0;

    if (pipe(words) != 0 || pipe(progress) != 0) {
        perror("pipe");
        return false;
    }
    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        dup2(words[1], STDERR_FILENO);
        close(words[0]);
        close(words[1]);
        close(progress[0]);
        run_seeds(m, from, count, run_seed, progress[1]);
    }
    close(words[1]);
    close(progress[1]);
    hear(words[0], progress[0], said, &f->seed_count);
    close(words[0]);
    close(progress[0]);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        return false;
    }
    f->is_killed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    if (f->is_killed) {
        f->seed_count++;
        name_check(said, status, f);
    }
    return true;
}

/* Whether the seed breaks no rule where no mutant is on. */
static bool is_good_without(uint64_t seed, bool (*run_seed)(uint64_t seed))
{
    struct finding f = {0};

    if (!try_mutant(MUTANT_NONE, seed, 1, run_seed, &f)) {
        return false;
    }
    if (f.is_killed) {
        printf("(seed %" PRIu64 " breaks a rule without any mutant: %s)\n", seed, f.check);
    }
    return !f.is_killed;
}

bool mutants_run(const char *only, uint64_t from, uint64_t count, bool (*run_seed)(uint64_t seed))
{
    uint32_t survivor_count = 0;

    printf("%-28s %5s  %s\n", "mutant", "seeds", "noticed by");
    for (int m = MUTANT_NONE + 1; m < MUTANT_COUNT; m++) {
        struct finding f = {0};

        const char *name = mutant_name((enum mutant)m);

        if (only != NULL ? strcmp(only, name) != 0 : mutant_killer((enum mutant)m) != NULL) {
            continue; /* (For a test to notice, which scripts/mutants runs.) */
        }
        if (!try_mutant((enum mutant)m, from, count, run_seed, &f)) {
            return false;
        }
        if (f.is_killed && !is_good_without(from + f.seed_count - 1, run_seed)) {
            f.is_killed = false; /* That was no achievement. */
        }
        printf("%-28s %5" PRIu64 "  %s\n", name, f.seed_count, f.is_killed ? f.check : "SURVIVED");
        survivor_count += !f.is_killed;
    }
    return survivor_count == 0;
}

#else

static bool refuse(void)
{
    fputs("rakit-sim: this build has no mutants; meson setup -Dmutants=true makes one\n", stderr);
    return false;
}

bool mutants_choose(const char *name)
{
    (void)name;
    return refuse();
}

bool mutants_list(void)
{
    return refuse();
}

bool mutants_run(const char *only, uint64_t from, uint64_t count, bool (*run_seed)(uint64_t seed))
{
    (void)only;
    (void)from;
    (void)count;
    (void)run_seed;
    return refuse();
}

#endif /* RAKIT_MUTANTS */
