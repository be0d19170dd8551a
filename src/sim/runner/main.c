/* main.c - rakit-sim: runs seeds, or another task that was asked for, and ends with status 1 if
 * a rule was broken. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "sim/runner/crew.h"
#include "sim/runner/failure.h"
#include "sim/runner/mutants.h"
#include "sim/runner/options.h"
#include "sim/runner/shrink.h"

enum { EXIT_GOOD = 0, EXIT_BROKEN = 1, EXIT_WRONG_USE = 2 };
enum { ACCOUNTS_MAX = 10 }; /* Failures reported in full. */

struct session {
    const struct options *options;
    double began_s;
    bool shows_progress;
    bool line_is_open; /* The progress line is on the screen. */
    uint64_t failure_count;
    struct buffer failures; /* JSON, appended as they occur. */
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Processor time of the workers that have ended. */
static double worker_cpu_s(void)
{
    struct rusage u;

    getrusage(RUSAGE_CHILDREN, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- failures --------------------------------------------------------------------------- */

static void add_json_text(struct buffer *out, const char *text)
{
    buffer_printf(out, "\"");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            buffer_printf(out, "\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            buffer_printf(out, "\\u%04x", (unsigned)c);
        } else {
            buffer_append(out, text, 1);
        }
    }
    buffer_printf(out, "\"");
}

static void note_failure(struct session *s, const struct crew_failure *f)
{
    struct buffer command = {0};

    buffer_printf(&s->failures, "%s\n    {\"seed\": %" PRIu64 ", \"at\": %.6f, \"check\": ",
                  s->failure_count > 0 ? "," : "", f->outcome.seed, (double)f->outcome.at_ns / 1e9);
    add_json_text(&s->failures, f->name);
    buffer_printf(&s->failures, ", \"text\": ");
    add_json_text(&s->failures, f->outcome.is_guilty ? f->outcome.text : f->said);
    buffer_printf(&s->failures, ", \"replay\": ");
    buffer_printf(&command, "rakit-sim ");
    failure_command(&command, &s->options->limits, f->outcome.seed, s->options->mutant);
    buffer_append(&command, "", 1);
    add_json_text(&s->failures, buffer_begin(&command));
    buffer_printf(&s->failures, "}");
    buffer_deinit(&command);
}

static void end_line(struct session *s)
{
    if (s->line_is_open) {
        fputc('\n', stderr);
        s->line_is_open = false;
    }
}

static void failed(void *context, const struct crew_failure *f)
{
    struct session *s = context;
    const struct options *o = s->options;

    note_failure(s, f);
    end_line(s);
    if (s->failure_count++ >= ACCOUNTS_MAX) {
        fprintf(stderr, "seed %" PRIu64 " breaks a rule too: %s\n", f->outcome.seed, f->name);
        return;
    }
    if (!o->quiet) {
        failure_print_events(f, &o->limits);
    }
    failure_print(f, &o->limits, o->mutant);
    fprintf(stderr, "        (with --shrink instead of --trace it looks for a smaller run)\n");
}

/* --- progress and figures --------------------------------------------------------------- */

static void passing(void *context, const struct tally *t, uint64_t seed)
{
    struct session *s = context;
    double took_s = now_s() - s->began_s;

    if (!s->shows_progress) {
        return;
    }
    fprintf(stderr,
            "\r%6.0f s  seed %" PRIu64 "  %" PRIu64
            " runs (%.1f/s)  %.0f simulated s (%.0f/s)  %" PRIu64 " failed\033[K",
            took_s, seed, t->run_count, (double)t->run_count / took_s,
            (double)t->simulated_ns / 1e9, (double)t->simulated_ns / 1e9 / took_s,
            s->failure_count);
    s->line_is_open = true;
}

static bool write_json(const struct session *s, const struct crew_result *r, double took_s,
                       double cpu_s)
{
    const struct options *o = s->options;
    bool is_stdout = strcmp(o->json_file, "-") == 0;
    FILE *file = is_stdout ? stdout : fopen(o->json_file, "w");

    if (file == NULL) {
        fprintf(stderr, "rakit-sim: cannot write %s: %s\n", o->json_file, strerror(errno));
        return false;
    }
    fprintf(file, "{\n  \"from\": %" PRIu64 ",\n  \"next\": %" PRIu64 ",\n", o->from,
            o->from + r->begun_count);
    fprintf(file, "  \"wall_seconds\": %.3f,\n  \"cpu_seconds\": %.3f,\n", took_s, cpu_s);
    fprintf(file, "  \"interrupted\": %s,\n", r->is_interrupted ? "true" : "false");
    tally_write_json(&r->tally, file);
    fprintf(file, ",\n  \"failures\": [%.*s%s]\n}\n", (int)buffer_size(&s->failures),
            buffer_size(&s->failures) == 0 ? "" : buffer_begin(&s->failures),
            s->failure_count > 0 ? "\n  " : "");
    if (is_stdout ? fflush(file) != 0 : fclose(file) != 0) {
        fprintf(stderr, "rakit-sim: cannot write %s: %s\n", o->json_file, strerror(errno));
        return false;
    }
    return true;
}

/* --- running ---------------------------------------------------------------------------- */

/* The seeds in a file, one per line; what follows on a line is for people. */
static uint64_t *read_seeds(const char *path, uint64_t *ret_count)
{
    FILE *file = fopen(path, "r");
    uint64_t *seeds = memory_take(sizeof *seeds);
    char line[512];

    *ret_count = 0;
    if (file == NULL) {
        fprintf(stderr, "rakit-sim: cannot read %s: %s\n", path, strerror(errno));
        free(seeds);
        return NULL;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] >= '0' && line[0] <= '9') {
            seeds = memory_resize(seeds, (*ret_count + 1) * sizeof *seeds);
            seeds[(*ret_count)++] = strtoull(line, NULL, 10);
        }
    }
    fclose(file);
    return seeds;
}

static int run_seeds(const struct options *o)
{
    struct session s = {.options = o, .began_s = now_s()};
    struct crew_options crew = {
        .limits = &o->limits,
        .from = o->from,
        .seed_count = o->count,
        .for_ns = o->for_ns,
        .worker_count = o->jobs,
        .goes_on = o->keep_going,
        .is_twice = o->twice,
        .failed = failed,
        .passing = passing,
        .context = &s,
    };
    struct crew_result r;
    uint64_t *seeds = NULL;
    bool is_written = true;

    s.shows_progress = o->progress || (!o->quiet && isatty(STDERR_FILENO));
    if (o->seeds_file != NULL) {
        seeds = read_seeds(o->seeds_file, &crew.seed_count);
        if (seeds == NULL) {
            return EXIT_WRONG_USE;
        }
        crew.seeds = seeds;
    }
    crew_run(&crew, &r);
    end_line(&s);

    double took_s = now_s() - s.began_s;
    double cpu_s = worker_cpu_s();

    if (o->json_file != NULL) {
        is_written = write_json(&s, &r, took_s, cpu_s);
    }
    if (o->quiet && (o->json_file == NULL || strcmp(o->json_file, "-") != 0)) {
        tally_print_short(&r.tally, took_s, cpu_s, stdout);
    } else if (!o->quiet && (r.failure_count == 0 || o->keep_going)) {
        FILE *file = o->json_file != NULL && strcmp(o->json_file, "-") == 0 ? stderr : stdout;

        tally_print(&r.tally, took_s, cpu_s, file);
        fprintf(file, "%" PRIu64 " run%s broke a rule\n", r.failure_count,
                r.failure_count == 1 ? "" : "s");
    }
    if (r.failure_count > 0 && o->keep_going) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " seeds failed\n", r.failure_count,
                r.tally.run_count);
    }
    buffer_deinit(&s.failures);
    free(seeds);
    return r.failure_count > 0 || !is_written ? EXIT_BROKEN : EXIT_GOOD;
}

/* In this process, so that a debugger can be used: standard output gets only the trace. */
static int trace_seeds(const struct options *o)
{
    static struct trial_outcome outcome;

    for (uint64_t i = 0; i < o->count; i++) {
        trial_run(&o->limits, o->from + i, stdout, &outcome, NULL);
        fflush(stdout);
        if (outcome.is_guilty) {
            fprintf(stderr, "\nseed %" PRIu64 " breaks a rule at %.6f s: %s\n  %s\n", outcome.seed,
                    (double)outcome.at_ns / 1e9, outcome.rule, outcome.text);
            return EXIT_BROKEN;
        }
    }
    return EXIT_GOOD;
}

static int list_faults(void)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        puts(fault_name((enum fault)i));
    }
    return EXIT_GOOD;
}

int main(int argument_count, char **arguments)
{
    static struct options o;

    if (options_read(&o, argument_count, arguments) < 0) {
        return EXIT_WRONG_USE;
    }
    if (o.mode == OPTIONS_HELP) {
        fputs(options_usage, stdout);
        return EXIT_GOOD;
    }
    if (o.mode == OPTIONS_VERSION) {
        puts("rakit-sim " RAKIT_VERSION);
        return EXIT_GOOD;
    }
    if (o.mode == OPTIONS_LIST_FAULTS) {
        return list_faults();
    }
    if (o.mode == OPTIONS_LIST_MUTANTS) {
        return mutants_list() ? EXIT_GOOD : EXIT_WRONG_USE;
    }
    if (o.mode == OPTIONS_MUTANTS) {
        return mutants_run(o.mutant, &o.limits, o.from, o.count) ? EXIT_GOOD : EXIT_BROKEN;
    }
    if (o.mutant != NULL && !mutants_choose(o.mutant)) {
        return EXIT_WRONG_USE;
    }
    if (o.mode == OPTIONS_SHRINK) {
        if (shrink_run(&o.limits, o.from, o.mutant, o.quiet)) {
            return EXIT_BROKEN;
        }
        fprintf(stderr, "seed %" PRIu64 " breaks no rule\n", o.from);
        return EXIT_GOOD;
    }
    return o.trace && o.seeds_file == NULL ? trace_seeds(&o) : run_seeds(&o);
}
