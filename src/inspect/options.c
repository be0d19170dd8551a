#include "inspect/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/files.h"

static const char help_text[] =
    "Usage: rakit-log [OPTIONS] DIR\n"
    "\n"
    "Explains the data directory DIR of a node: its files, its log entry by entry, any\n"
    "damage, what a node started there would make of it, and what to do. It only reads,\n"
    "so the node may be running.\n"
    "\n"
    "Options:\n"
    "  --from INDEX    show entries from this one on\n"
    "  --to INDEX      show entries up to this one\n"
    "  --entry INDEX   show only this entry, in full\n"
    "  --key PATTERN   show only commands about keys that match this pattern, as KEYS has\n"
    "                  it, or about all keys\n"
    "  --verify        judge the directory, and do not show the log\n"
    "  --json          write one JSON object a line, with arguments in full\n"
    "  --no-color      no colours (also: NO_COLOR in the environment)\n"
    "  --help          show this and end\n"
    "  --version       show the version and end\n"
    "\n"
    "Exit code: 0 a node would start there, and nothing is damaged; 1 something is damaged;\n"
    "2 wrong use, no such entry, or DIR cannot be read or is no data directory.\n";

struct parse {
    struct inspect_options *options;
    char *text;
    size_t text_size;
};

static enum inspect_parsed refuse(const struct parse *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum inspect_parsed refuse(const struct parse *p, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(p->text, p->text_size, format, arguments);
    va_end(arguments);
    return INSPECT_WRONG;
}

static enum inspect_parsed read_index(const struct parse *p, const char *name, uint64_t *ret_index)
{
    char *end = NULL;

    errno = 0;
    *ret_index = strtoull(optarg, &end, 10);
    if (optarg[0] < '0' || optarg[0] > '9' || *end != '\0' || errno != 0 || *ret_index == 0) {
        return refuse(p, "--%s takes the index of an entry, 1 or higher, not '%s'", name, optarg);
    }
    return INSPECT_RUN;
}

static enum inspect_parsed read_option(const struct parse *p, int code, char **argv)
{
    struct inspect_options *o = p->options;

    switch (code) {
    case 'h':
        return INSPECT_HELP;
    case 'v':
        return INSPECT_VERSION;
    case 'f':
        return read_index(p, "from", &o->from);
    case 't':
        return read_index(p, "to", &o->to);
    case 'e':
        return read_index(p, "entry", &o->entry);
    case 'k':
        o->key = optarg;
        return INSPECT_RUN;
    case 'j':
        o->is_json = true;
        return INSPECT_RUN;
    case 'y':
        o->is_verdict_only = true;
        return INSPECT_RUN;
    case 'c':
        o->wants_colour = false;
        return INSPECT_RUN;
    case ':':
        return refuse(p, "%s needs a value", argv[optind - 1]);
    default:
        return refuse(p, "there is no option %s", argv[optind - 1]);
    }
}

static enum inspect_parsed check_together(const struct parse *p)
{
    const struct inspect_options *o = p->options;
    bool has_range = o->from != 1 || o->to != UINT64_MAX || o->key != NULL;

    if (o->from > o->to) {
        return refuse(p, "--from must not be higher than --to");
    }
    if (o->entry != 0 && (has_range || o->is_verdict_only)) {
        return refuse(p, "--entry shows one entry: leave out --from, --to, --key and --verify");
    }
    if (o->is_verdict_only && has_range) {
        return refuse(p, "--verify shows no entries: leave out --from, --to and --key");
    }
    return INSPECT_RUN;
}

static enum inspect_parsed read_directory(const struct parse *p, int argc, char **argv)
{
    if (optind >= argc) {
        return refuse(p, "name the data directory of a node");
    }
    if (optind + 1 < argc) {
        return refuse(p, "one directory at a time, not '%s' as well", argv[optind + 1]);
    }
    if (strlen(argv[optind]) == 0 || strlen(argv[optind]) > PATH_BYTES_MAX - NAME_BYTES_MAX) {
        return refuse(p, "the name of the directory is empty or too long");
    }
    p->options->dir = argv[optind];
    return check_together(p);
}

enum inspect_parsed inspect_parse(int argc, char **argv, struct inspect_options *ret_options,
                                  char *text, size_t text_size)
{
    static const struct option known[] = {
        {"from", required_argument, NULL, 'f'},  {"to", required_argument, NULL, 't'},
        {"entry", required_argument, NULL, 'e'}, {"key", required_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},        {"verify", no_argument, NULL, 'y'},
        {"no-color", no_argument, NULL, 'c'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},     {NULL, 0, NULL, 0},
    };
    const struct parse p = {.options = ret_options, .text = text, .text_size = text_size};

    *ret_options = (struct inspect_options){.from = 1, .to = UINT64_MAX, .wants_colour = true};
    optind = 0;
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, ":h", known, NULL)) != -1;) {
        enum inspect_parsed parsed = read_option(&p, code, argv);

        if (parsed != INSPECT_RUN) {
            return parsed;
        }
    }
    return read_directory(&p, argc, argv);
}

const char *inspect_help(void)
{
    return help_text;
}
