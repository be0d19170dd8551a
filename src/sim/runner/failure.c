/* failure.c - see failure.h. */
#include "sim/runner/failure.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "sim/cluster/cluster.h"
#include "sim/runner/options.h"

enum { TAIL_BYTES = 256 * 1024, LINES_MAX = 40, LINE_MAX_BYTES = 160 };

/* --- naming ----------------------------------------------------------------------------- */

/* Copies the text between `begin` and the end of its line. */
static bool quote(const char *said, const char *begin, const char *end, char *out, size_t size)
{
    const char *from = strstr(said, begin);

    if (from == NULL) {
        return false;
    }
    from += strlen(begin);
    snprintf(out, size, "%.*s", (int)strcspn(from, end), from);
    return true;
}

/* Makes "raft.c:92: CHECK(a > b)" from ".../src/raft/raft.c:92: CHECK failed: a > b". */
static bool name_check(struct crew_failure *f)
{
    char condition[192];
    char place[96];
    const char *at = strstr(f->said, "CHECK failed: ");

    if (!quote(f->said, "CHECK failed: ", "\n", condition, sizeof condition)) {
        return false;
    }
    while (at > f->said && at[-1] != '\n') {
        at--;
    }
    snprintf(place, sizeof place, "%.*s", (int)strcspn(at, " "), at);

    const char *file = strrchr(place, '/');

    snprintf(f->name, sizeof f->name, "%s CHECK(%s)", file == NULL ? place : file + 1, condition);
    return true;
}

void failure_name(struct crew_failure *f, int status)
{
    char text[192];

    if (f->outcome.is_guilty) {
        snprintf(f->name, sizeof f->name, "%s", f->outcome.rule);
        snprintf(f->check, sizeof f->check, "%s", f->outcome.check);
        return;
    }
    if (name_check(f)) {
        /* A name was found. */
    } else if (strstr(f->said, "ERROR: LeakSanitizer") != NULL) {
        snprintf(f->name, sizeof f->name, "memory leak, by this seed or one before it");
    } else if (quote(f->said, "AddressSanitizer: ", " ", text, sizeof text)) {
        snprintf(f->name, sizeof f->name, "address sanitizer: %s", text);
    } else if (quote(f->said, "runtime error: ", "\n", text, sizeof text)) {
        snprintf(f->name, sizeof f->name, "undefined behaviour: %s", text);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) {
        snprintf(f->name, sizeof f->name, "the seed does not end");
    } else if (WIFSIGNALED(status)) {
        snprintf(f->name, sizeof f->name, "signal %d", WTERMSIG(status));
    } else {
        snprintf(f->name, sizeof f->name, "exit status %d: %.200s", WEXITSTATUS(status), f->said);
    }
    snprintf(f->check, sizeof f->check, "%.255s", f->name);
}

/* --- the command ------------------------------------------------------------------------ */

static void add_kinds(struct buffer *out, uint64_t kinds)
{
    const char *comma = "";

    for (int i = 0; i < FAULT_COUNT; i++) {
        if ((kinds >> i & 1) != 0) {
            buffer_printf(out, "%s%s", comma, fault_name((enum fault)i));
            comma = ",";
        }
    }
}

/* Uses the shorter of the two options. */
static void add_faults(struct buffer *out, uint64_t forbidden)
{
    uint64_t allowed = FAULTS_ALL & ~forbidden;

    if (allowed == 0) {
        buffer_printf(out, " --only-faults none");
    } else if (__builtin_popcountll(allowed) <= __builtin_popcountll(forbidden)) {
        buffer_printf(out, " --only-faults ");
        add_kinds(out, allowed);
    } else if (forbidden != 0) {
        buffer_printf(out, " --without-faults ");
        add_kinds(out, forbidden);
    }
}

static void add_strikes(struct buffer *out, const struct trial_limits *limits)
{
    buffer_printf(out, " --strikes %s", limits->strike_count == 0 ? "none" : "");
    for (uint32_t i = 0; i < limits->strike_count;) {
        uint32_t last = i;

        while (last + 1 < limits->strike_count &&
               limits->strikes[last + 1] == limits->strikes[last] + 1) {
            last++;
        }
        buffer_printf(out, "%s%u", i == 0 ? "" : ",", limits->strikes[i]);
        if (last > i) {
            buffer_printf(out, "%s%u", last == i + 1 ? "," : "-", limits->strikes[last]);
        }
        i = last + 1;
    }
}

void failure_command(struct buffer *out, const struct trial_limits *limits, uint64_t seed,
                     const char *mutant)
{
    buffer_printf(out, "--seed %" PRIu64, seed);
    if (mutant != NULL) {
        buffer_printf(out, " --mutant %s", mutant);
    }
    if (limits->node_count > 0) {
        buffer_printf(out, " --nodes %u", limits->node_count);
    }
    if (limits->user_max < CLUSTER_USERS_MAX) {
        buffer_printf(out, " --clients %u", limits->user_max);
    }
    if (limits->command_max > 0) {
        buffer_printf(out, " --commands %" PRIu64, limits->command_max);
    }
    if (limits->fault_ns != OPTIONS_FAULT_NS) {
        buffer_printf(out, " --seconds %.12g", (double)limits->fault_ns / 1e9);
    }
    if (limits->judge_every != OPTIONS_JUDGE_EVERY && limits->judge_every != 0 &&
        seed % limits->judge_every == 0) {
        buffer_printf(out, " --judge-every %" PRIu64, limits->judge_every);
    }
    if (limits->is_beyond) {
        buffer_printf(out, " --beyond");
    }
    add_faults(out, limits->forbidden);
    if (limits->picks_strikes && (limits->forbidden | FAULTS_CONDITIONS) != FAULTS_ALL) {
        add_strikes(out, limits);
    }
}

/* --- the account ------------------------------------------------------------------------ */

/* Lines of the trace that a person does not need first. */
static bool is_noise(const char *line)
{
    static const char *const noise[] = {" heartbeat", "says [debug]", "] role role=", ", left out"};
    const char *who = line + strspn(line, " 0123456789.");
    const char *what = who + strcspn(who, " ");

    what += strspn(what, " ");
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
        if (strstr(what, noise[i]) != NULL) {
            return true;
        }
    }
    return *what == '#' || strncmp(what, "disk write", 10) == 0;
}

static void print_last_lines(char *text)
{
    char *lines[LINES_MAX] = {0};
    uint64_t count = 0;

    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (!is_noise(line)) {
            lines[count++ % LINES_MAX] = line;
        }
    }
    for (uint64_t i = count > LINES_MAX ? count - LINES_MAX : 0; i < count; i++) {
        const char *line = lines[i % LINES_MAX];

        fprintf(stderr, "%.*s%s\n", LINE_MAX_BYTES, line,
                strlen(line) > LINE_MAX_BYTES ? "..." : "");
    }
}

/* If the run ended at the failure, the trace after it shows only the end. */
void failure_print_events(const struct crew_failure *f, const struct trial_limits *limits)
{
    static struct crew_failure again;
    static char text[TAIL_BYTES + 1];
    FILE *file = tmpfile();

    if (file == NULL) {
        return;
    }
    if (!crew_try(limits, f->outcome.seed, file, &again)) {
        fprintf(stderr, "(it does not fail when it is run again)\n");
    }
    fseek(file, 0, SEEK_END);

    long end = ftell(file);

    fseek(file, end > TAIL_BYTES ? end - TAIL_BYTES : 0, SEEK_SET);

    size_t size = fread(text, 1, TAIL_BYTES, file);

    text[size] = '\0';
    fprintf(stderr, "\nlast events, without heartbeats and packets:\n");
    print_last_lines(end > TAIL_BYTES ? text + strcspn(text, "\n") : text);
    fclose(file);
}

void failure_print(const struct crew_failure *f, const struct trial_limits *limits,
                   const char *mutant)
{
    const struct trial_outcome *o = &f->outcome;
    struct buffer command = {0};

    fprintf(stderr, "\nseed %" PRIu64 " breaks a rule at %.6f s: %s\n", o->seed,
            (double)o->at_ns / 1e9, f->name);
    if (o->is_guilty) {
        fprintf(stderr, "  %s\n", o->text);
    }
    fputs(f->said, stderr);
    failure_command(&command, limits, o->seed, mutant);
    fprintf(stderr, "replay: rakit-sim %.*s --trace\n", (int)buffer_size(&command),
            buffer_begin(&command));
    buffer_deinit(&command);
}

void failure_print_strikes(const struct crew_failure *f)
{
    for (uint32_t i = 0; i < f->outcome.strike_count; i++) {
        const struct fault_strike *strike = &f->outcome.strikes[i];

        fprintf(stderr, "  strike %u at %.6f s: %s\n", strike->number, (double)strike->at_ns / 1e9,
                fault_name(strike->fault));
    }
}
