/* lincheck_main.c - rakit-lincheck: judges histories of real or simulated clusters. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lincheck/lincheck.h"

enum { EXIT_LINEARIZABLE = 0, EXIT_VIOLATION = 1, EXIT_WRONG_USE = 2, EXIT_NOT_KNOWN = 3 };
enum { DEFAULT_TIMEOUT_S = 300, DEFAULT_EXPLANATIONS = 3 };

static const uint64_t default_memory_bytes = UINT64_C(1) << 30;

static const char usage_text[] =
    "Usage: rakit-lincheck [OPTIONS] FILE ...\n"
    "\n"
    "Checks whether what clients of a cluster saw is linearizable. The files together\n"
    "are one history, recorded on one clock; \"-\" is the standard input. Their format\n"
    "is described in docs/HISTORY_FORMAT.md.\n"
    "\n"
    "Options:\n"
    "  --each               judge each file by itself\n"
    "  --timeout SECONDS    give up after this time (default 300; 0: never)\n"
    "  --memory-limit SIZE  give up beyond this memory: bytes, or a number with K, M\n"
    "                       or G (default 1G; 0: no limit)\n"
    "  --explain COUNT      explain so many violations at length (default 3)\n"
    "  --help               show this and end\n"
    "  --version            show the version and end\n"
    "\n"
    "Exit code: 0 linearizable; 1 not linearizable; 2 wrong use, or a file that can't be\n"
    "read or has what is not modelled; 3 not known: time or memory ran out.\n";

struct program {
    struct lincheck_options options;
    bool each;
    bool done; /* Help or version was printed. */
};

static int wrong_use(const char *what, const char *argument)
{
    fprintf(stderr, "rakit-lincheck: %s%s\nTry: rakit-lincheck --help\n", what, argument);
    return -1;
}

static int read_seconds(const char *text, uint64_t *ret_ns)
{
    char *end = NULL;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0) || seconds > 1e9) {
        return wrong_use("not a time in seconds: ", text);
    }
    /* Rounded up, because only 0 means no limit. */
    *ret_ns = (uint64_t)(seconds * 1e9 + 0.999);
    return 0;
}

static int read_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMG";
    char *end = NULL;
    uint64_t number = strtoull(text, &end, 10);
    const char *unit = *end == '\0' ? NULL : strchr(units, *end);
    uint32_t shift = unit == NULL ? 0 : 10 * (uint32_t)(unit - units + 1);

    if (text[0] < '0' || text[0] > '9' || (*end != '\0' && (unit == NULL || end[1] != '\0')) ||
        number > (UINT64_C(1) << 50) >> shift) {
        return wrong_use("not a size: ", text);
    }
    *ret_bytes = number << shift;
    return 0;
}

static int read_option(struct program *p, int c, char **arguments)
{
    uint64_t count;

    switch (c) {
    case 'h':
        fputs(usage_text, stdout);
        p->done = true;
        return 0;
    case 'v':
        puts("rakit-lincheck " RAKIT_VERSION);
        p->done = true;
        return 0;
    case 'e':
        p->each = true;
        return 0;
    case 't':
        return read_seconds(optarg, &p->options.timeout_ns);
    case 'm':
        return read_size(optarg, &p->options.memory_limit_bytes);
    case 'x':
        if (read_size(optarg, &count) < 0 || count > UINT32_MAX) {
            return -1;
        }
        p->options.explanations_max = (uint32_t)count;
        return 0;
    case ':':
        return wrong_use("a value is missing: ", arguments[optind - 1]);
    default:
        return wrong_use("unknown option: ", arguments[optind - 1]);
    }
}

static int read_options(struct program *p, int argument_count, char **arguments)
{
    static const struct option known[] = {
        {"each", no_argument, NULL, 'e'},
        {"explain", required_argument, NULL, 'x'},
        {"help", no_argument, NULL, 'h'},
        {"memory-limit", required_argument, NULL, 'm'},
        {"timeout", required_argument, NULL, 't'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };

    *p = (struct program){
        .options.timeout_ns = DEFAULT_TIMEOUT_S * UINT64_C(1000000000),
        .options.memory_limit_bytes = default_memory_bytes,
        .options.explanations_max = DEFAULT_EXPLANATIONS,
    };
    opterr = 0;
    for (int c;
         !p->done && (c = getopt_long(argument_count, arguments, ":h", known, NULL)) != -1;) {
        if (read_option(p, c, arguments) < 0) {
            return -1;
        }
    }
    if (!p->done && optind == argument_count) {
        return wrong_use("no file was given", "");
    }
    return 0;
}

/* One line with the outcome, after the explanations. */
static void print_summary(const char *name, const struct lincheck_result *r)
{
    static const char *const outcomes[] = {"linearizable", "NOT linearizable",
                                           "NOT KNOWN (out of time)", "NOT KNOWN (out of memory)"};

    printf("%s: %s: %" PRIu32 " operations (%" PRIu32 " open), groups of keys: %" PRIu32
           ", operations in the largest: %" PRIu32,
           name, outcomes[r->outcome], r->operation_count, r->open_count, r->partition_count,
           r->largest_count);
    if (r->violation_count > 0) {
        printf("; not linearizable: %" PRIu32, r->violation_count);
    }
    printf("; %" PRIu64 " steps, %.1f MB\n", r->step_count, (double)r->memory_bytes_max / 1e6);
}

static int judge(const struct program *p, const struct history *h, const char *name)
{
    static const int exit_codes[] = {EXIT_LINEARIZABLE, EXIT_VIOLATION, EXIT_NOT_KNOWN,
                                     EXIT_NOT_KNOWN, EXIT_WRONG_USE};
    struct lincheck_result result;

    lincheck_run(h, &p->options, &result);

    FILE *out = result.outcome == LINCHECK_REFUSED ? stderr : stdout;

    if (buffer_size(&result.text) > 0) {
        fwrite(buffer_begin(&result.text), 1, buffer_size(&result.text), out);
        fputs(result.outcome == LINCHECK_VIOLATION ? "\n" : "", out);
    }
    if (result.outcome != LINCHECK_REFUSED) {
        print_summary(name, &result);
    }
    lincheck_result_deinit(&result);
    return exit_codes[result.outcome];
}

/* Judges files as one history. */
static int judge_files(const struct program *p, char **paths, int count)
{
    struct history *h = history_new();
    struct buffer error = {0};
    int code = EXIT_LINEARIZABLE;

    for (int i = 0; i < count && code == EXIT_LINEARIZABLE; i++) {
        if (history_read_file(h, paths[i], &error) < 0) {
            fprintf(stderr, "rakit-lincheck: %.*s\n", (int)buffer_size(&error),
                    buffer_begin(&error));
            code = EXIT_WRONG_USE;
        }
    }
    if (code == EXIT_LINEARIZABLE) {
        code = judge(p, h, count == 1 ? paths[0] : "all files");
    }
    buffer_deinit(&error);
    history_free(h);
    return code;
}

/* Of several files the worst outcome counts; a violation is certain, whatever the others are. */
static int worse(int a, int b)
{
    static const int ranks[] = {0, 3, 2, 1};

    return ranks[a] > ranks[b] ? a : b;
}

int main(int argument_count, char **arguments)
{
    struct program p;
    int code = EXIT_LINEARIZABLE;

    if (read_options(&p, argument_count, arguments) < 0) {
        return EXIT_WRONG_USE;
    }
    if (p.done) {
        return EXIT_LINEARIZABLE;
    }
    if (!p.each) {
        return judge_files(&p, arguments + optind, argument_count - optind);
    }
    for (int i = optind; i < argument_count; i++) {
        code = worse(code, judge_files(&p, arguments + i, 1));
    }
    return code;
}
