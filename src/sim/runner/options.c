/* options.c - see options.h. */
#include "sim/runner/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cluster/cluster.h"
#include "sim/runner/crew.h"

const char options_usage[] =
    "Usage: rakit-sim [OPTIONS]\n"
    "\n"
    "Runs whole clusters in simulated time, with faults drawn from a seed, and checks the\n"
    "rules of docs/INVARIANTS.md at every event. The same seed is the same run.\n"
    "\n"
    "What is run:\n"
    "  --seed N               this seed\n"
    "  --seeds N              this many seeds (100) ...\n"
    "  --from N               ... beginning with this one (1)\n"
    "  --file FILE            the seeds in FILE, one per line\n"
    "  --time S               seeds for this many real seconds\n"
    "  --jobs N               this many at a time (1)\n"
    "  --keep-going           after failures too\n"
    "  --twice                each seed twice; the two runs must be the same\n"
    "\n"
    "What happens in a run (without these: what the seed draws):\n"
    "  --nodes N              this many nodes at first, 1 to 9\n"
    "  --clients N            at most this many of the clients\n"
    "  --commands N           at most this many from each, during faults\n"
    "  --seconds S            how long faults last, in simulated time (20)\n"
    "  --only-faults LIST     only faults of these kinds; \"none\": no faults\n"
    "  --without-faults LIST  all faults but those of these kinds\n"
    "  --strikes LIST         only these faults, by number: 3,7,12-15; \"none\"\n"
    "  --beyond               damage more disks than a cluster can survive: it may stop, but\n"
    "                         not lie\n"
    "  --judge-every N        in every Nth seed, lincheck also judges what clients saw\n"
    "                         (16; 0: in none)\n"
    "\n"
    "Output:\n"
    "  --trace                every event of the run, on standard output\n"
    "  --quiet                only failures and one line at the end\n"
    "  --progress             a line that shows how far it is, even without a terminal\n"
    "  --json FILE            figures and failures for programs (\"-\": standard output)\n"
    "\n"
    "Other things to do:\n"
    "  --shrink               find a smaller run in which the same check fails\n"
    "  --list-faults          the kinds of faults\n"
    "  --help, --version      show this, or the version\n"
    "\n"
    "In builds with -Dmutants=true:\n"
    "  --mutant NAME          with that mistake in the code\n"
    "  --mutants              with each mistake, until a seed notices it (--seeds at most)\n"
    "  --list-mutants         show all mistakes\n"
    "\n"
    "Exit code: 0 no rule was broken; 1 one was; 2 wrong use.\n";

static int wrong_use(const char *what, const char *text)
{
    fprintf(stderr, "rakit-sim: %s%s\nTry: rakit-sim --help\n", what, text);
    return -1;
}

/* --- values ----------------------------------------------------------------------------- */

static bool take_number(const char *text, const char **ret_rest, uint64_t *ret_number)
{
    char *end;

    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    *ret_rest = end;
    return *text >= '0' && *text <= '9' && errno == 0;
}

static int read_number(const char *name, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    const char *rest;

    if (!take_number(optarg, &rest, ret_number) || *rest != '\0') {
        fprintf(stderr, "rakit-sim: --%s takes a number, not \"%s\"\n", name, optarg);
        return -1;
    }
    if (*ret_number < least || *ret_number > most) {
        fprintf(stderr, "rakit-sim: --%s must be from %llu to %llu\n", name,
                (unsigned long long)least, (unsigned long long)most);
        return -1;
    }
    return 0;
}

static int read_seconds(const char *name, uint64_t *ret_ns)
{
    char *end = NULL;
    double seconds = strtod(optarg, &end);

    if (end != optarg && strcmp(end, "s") == 0) {
        end++;
    }
    if (end == optarg || *end != '\0' || !(seconds >= 0) || seconds > 1e9) {
        fprintf(stderr, "rakit-sim: --%s takes seconds, not \"%s\"\n", name, optarg);
        return -1;
    }
    *ret_ns = (uint64_t)(seconds * 1e9 + 0.5);
    return 0;
}

static int read_kinds(uint64_t *ret_kinds)
{
    char *rest = optarg;

    *ret_kinds = 0;
    if (strcmp(optarg, "none") == 0) {
        return 0;
    }
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        enum fault fault;

        if (!fault_find(word, &fault)) {
            fprintf(stderr,
                    "rakit-sim: there is no kind of fault \"%s\"; --list-faults shows them\n",
                    word);
            return -1;
        }
        *ret_kinds |= UINT64_C(1) << fault;
    }
    return 0;
}

static int read_strikes(struct trial_limits *limits)
{
    const char *text = optarg;
    uint64_t before = 0;

    limits->picks_strikes = true;
    limits->strike_count = 0;
    if (strcmp(text, "none") == 0) {
        return 0;
    }
    for (;; text++) {
        uint64_t first;
        uint64_t last;

        if (!take_number(text, &text, &first)) {
            return wrong_use("--strikes takes numbers like 3,7,12-15, not ", optarg);
        }
        last = first;
        if (*text == '-' && !take_number(text + 1, &text, &last)) {
            return wrong_use("--strikes takes numbers like 3,7,12-15, not ", optarg);
        }
        if (first <= before || last < first ||
            last - first >= TRIAL_STRIKES_MAX - limits->strike_count) {
            return wrong_use("--strikes takes rising numbers, 4096 at most, not ", optarg);
        }
        for (uint64_t i = first; i <= last; i++) {
            limits->strikes[limits->strike_count++] = (uint32_t)i;
        }
        before = last;
        if (*text != ',') {
            return *text == '\0' ? 0 : wrong_use("--strikes takes numbers, not ", optarg);
        }
    }
}

/* --- options ---------------------------------------------------------------------------- */

enum option_id {
    OPTION_SEED = 256,
    OPTION_SEEDS,
    OPTION_FROM,
    OPTION_FILE,
    OPTION_TIME,
    OPTION_JOBS,
    OPTION_NODES,
    OPTION_CLIENTS,
    OPTION_COMMANDS,
    OPTION_SECONDS,
    OPTION_ONLY_FAULTS,
    OPTION_WITHOUT_FAULTS,
    OPTION_STRIKES,
    OPTION_JUDGE_EVERY,
    OPTION_JSON,
    OPTION_MUTANT,
    OPTION_KEEP_GOING,
    OPTION_TWICE,
    OPTION_TRACE,
    OPTION_QUIET,
    OPTION_PROGRESS,
    OPTION_BEYOND,
    OPTION_MODE,
};

static const struct option known[] = {
    {"seed", required_argument, NULL, OPTION_SEED},
    {"seeds", required_argument, NULL, OPTION_SEEDS},
    {"from", required_argument, NULL, OPTION_FROM},
    {"file", required_argument, NULL, OPTION_FILE},
    {"time", required_argument, NULL, OPTION_TIME},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"nodes", required_argument, NULL, OPTION_NODES},
    {"clients", required_argument, NULL, OPTION_CLIENTS},
    {"commands", required_argument, NULL, OPTION_COMMANDS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"only-faults", required_argument, NULL, OPTION_ONLY_FAULTS},
    {"without-faults", required_argument, NULL, OPTION_WITHOUT_FAULTS},
    {"strikes", required_argument, NULL, OPTION_STRIKES},
    {"judge-every", required_argument, NULL, OPTION_JUDGE_EVERY},
    {"json", required_argument, NULL, OPTION_JSON},
    {"mutant", required_argument, NULL, OPTION_MUTANT},
    {"keep-going", no_argument, NULL, OPTION_KEEP_GOING},
    {"twice", no_argument, NULL, OPTION_TWICE},
    {"trace", no_argument, NULL, OPTION_TRACE},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"beyond", no_argument, NULL, OPTION_BEYOND},
    {"shrink", no_argument, NULL, OPTION_MODE + OPTIONS_SHRINK},
    {"mutants", no_argument, NULL, OPTION_MODE + OPTIONS_MUTANTS},
    {"list-mutants", no_argument, NULL, OPTION_MODE + OPTIONS_LIST_MUTANTS},
    {"list-faults", no_argument, NULL, OPTION_MODE + OPTIONS_LIST_FAULTS},
    {"help", no_argument, NULL, OPTION_MODE + OPTIONS_HELP},
    {"version", no_argument, NULL, OPTION_MODE + OPTIONS_VERSION},
    {NULL, 0, NULL, 0},
};

static void read_flag(struct options *o, int c)
{
    switch (c) {
    case OPTION_KEEP_GOING:
        o->keep_going = true;
        break;
    case OPTION_TWICE:
        o->twice = true;
        break;
    case OPTION_TRACE:
        o->trace = true;
        break;
    case OPTION_QUIET:
        o->quiet = true;
        break;
    case OPTION_PROGRESS:
        o->progress = true;
        break;
    case OPTION_BEYOND:
        o->limits.is_beyond = true;
        break;
    default:
        o->mode = (enum options_mode)(c - OPTION_MODE);
        break;
    }
}

/* Options about what happens in a run. */
static int read_limit(struct trial_limits *limits, int c, const char *name)
{
    uint64_t number = 0;
    int rv = -1;

    switch (c) {
    case OPTION_NODES:
        rv = read_number(name, 1, 9, &number);
        limits->node_count = (uint32_t)number;
        break;
    case OPTION_CLIENTS:
        rv = read_number(name, 0, CLUSTER_USERS_MAX, &number);
        limits->user_max = (uint32_t)number;
        break;
    case OPTION_COMMANDS:
        rv = read_number(name, 1, UINT32_MAX, &limits->command_max);
        break;
    case OPTION_SECONDS:
        rv = read_seconds(name, &limits->fault_ns);
        break;
    case OPTION_ONLY_FAULTS:
        rv = read_kinds(&number);
        limits->forbidden = FAULTS_ALL & ~number;
        break;
    case OPTION_WITHOUT_FAULTS:
        rv = read_kinds(&number);
        limits->forbidden |= number;
        break;
    case OPTION_STRIKES:
        rv = read_strikes(limits);
        break;
    default:
        rv = read_number(name, 0, UINT64_MAX, &limits->judge_every);
        break;
    }
    return rv;
}

static int read_value(struct options *o, int c, const char *name)
{
    uint64_t number = 0;
    int rv = 0;

    switch (c) {
    case OPTION_SEED:
        rv = read_number(name, 0, UINT64_MAX, &o->from);
        o->count = 1;
        o->has_count = true;
        break;
    case OPTION_SEEDS:
        rv = read_number(name, 1, UINT64_MAX, &o->count);
        o->has_count = true;
        break;
    case OPTION_FROM:
        rv = read_number(name, 0, UINT64_MAX, &o->from);
        break;
    case OPTION_TIME:
        rv = read_seconds(name, &o->for_ns);
        break;
    case OPTION_JOBS:
        rv = read_number(name, 1, CREW_WORKERS_MAX, &number);
        o->jobs = (uint32_t)number;
        break;
    case OPTION_FILE:
        o->seeds_file = optarg;
        break;
    case OPTION_JSON:
        o->json_file = optarg;
        break;
    case OPTION_MUTANT:
        o->mutant = optarg;
        break;
    default:
        rv = read_limit(&o->limits, c, name);
        break;
    }
    return rv;
}

/* Refuses options that exclude each other. */
static int check(const struct options *o)
{
    bool is_one = o->has_count && o->count == 1 && o->seeds_file == NULL;

    if (o->mode == OPTIONS_SHRINK && !is_one) {
        return wrong_use("--shrink takes one --seed", "");
    }
    if (o->mode == OPTIONS_SHRINK && (o->trace || o->json_file != NULL || o->twice)) {
        return wrong_use("--shrink does not go with --trace, --json or --twice", "");
    }
    if (o->trace && (o->jobs > 1 || o->twice || o->json_file != NULL || o->seeds_file != NULL)) {
        return wrong_use("--trace does not go with --file, --jobs, --twice or --json", "");
    }
    return 0;
}

int options_read(struct options *o, int count, char **words)
{
    int index = 0;

    *o = (struct options){
        .limits = {.user_max = CLUSTER_USERS_MAX,
                   .fault_ns = OPTIONS_FAULT_NS,
                   .judge_every = OPTIONS_JUDGE_EVERY},
        .from = 1,
        .count = 100,
        .jobs = 1,
    };
    opterr = 0;
    for (int c; (c = getopt_long(count, words, ":", known, &index)) != -1;) {
        if (c == ':') {
            return wrong_use("a value is missing after ", words[optind - 1]);
        }
        if (c == '?') {
            return wrong_use("unknown option: ", words[optind - 1]);
        }
        if (c >= OPTION_KEEP_GOING) {
            read_flag(o, c);
        } else if (read_value(o, c, known[index].name) < 0) {
            return -1;
        }
        if (o->mode == OPTIONS_HELP || o->mode == OPTIONS_VERSION) {
            return 0;
        }
    }
    if (optind < count) {
        return wrong_use("it takes options only, not ", words[optind]);
    }
    if (o->for_ns > 0 && !o->has_count) {
        o->count = UINT64_MAX - o->from;
    }
    return check(o);
}
