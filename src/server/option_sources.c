/* option_sources.c - see option_sources.h. */
#include "server/option_sources.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/split.h"
#include "server/options.h"

enum {
    FILE_BYTES_MAX = 1024 * 1024,
    NAME_BYTES_MAX = 64,
    NAME_SHOWN_MAX = 40,
};

static bool __attribute__((format(printf, 3, 4)))
refuse(char *text, size_t text_size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, text_size, format, arguments);
    va_end(arguments);
    return false;
}

/* --- words ------------------------------------------------------------------------------ */

static void add_word(struct option_sources *s, struct option_word word)
{
    if (s->count == s->room) {
        s->room = s->room * 2 + 32;
        s->words = memory_resize(s->words, s->room * sizeof s->words[0]);
    }
    s->words[s->count++] = word;
}

/* Adds "--name=value", or for an option without a value "--name" if the value is "yes". Returns
 * NULL, or what is wrong with it. */
static const char *add_setting(struct option_sources *s, const char *name, const char *value,
                               struct option_word word)
{
    bool is_flag = !options_takes_value(name);
    size_t size = strlen(name) + strlen(value) + 4;

    if (is_flag && strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        return "takes yes or no";
    }
    if (is_flag && strcmp(value, "no") == 0) {
        return NULL;
    }
    word.text = memory_take(size);
    snprintf(word.text, size, is_flag ? "--%s" : "--%s=%s", name, value);
    add_word(s, word);
    return NULL;
}

/* --- the file --------------------------------------------------------------------------- */

/* What Redis calls some of our options. */
static const char *our_name(const char *name)
{
    static const char *const pairs[][2] = {
        {"dir", "data"},
        {"loglevel", "log-level"},
        {"maxclients", "max-clients"},
        {"timeout", "idle-timeout"},
        {"cluster-announce-ip", "announce"},
        {"replica-announce-ip", "announce"},
        {"cluster-node-timeout", "election-timeout"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strcmp(name, pairs[i][0]) == 0) {
            return pairs[i][1];
        }
    }
    return NULL;
}

static bool refuse_name(const struct option_sources *s, uint32_t line, const char *name, char *text,
                        size_t text_size)
{
    if (options_is_known(name)) {
        return refuse(text, text_size,
                      "%s, line %u: '%s' is for the command line: it says what to do at one start",
                      s->file, line, name);
    }
    if (our_name(name) != NULL) {
        return refuse(text, text_size, "%s, line %u: '%s' is called '%s' here", s->file, line, name,
                      our_name(name));
    }
    return refuse(text, text_size,
                  "%s, line %u: there is no setting '%.*s'; the settings are the options that "
                  "--help lists, without the dashes",
                  s->file, line, NAME_SHOWN_MAX, name);
}

/* The next word of a line as a string. */
static enum split_result next_word(struct split *split, char **ret_word)
{
    struct slice word;
    enum split_result result = split_next(split, &word);

    if (result == SPLIT_WORD) {
        if (memchr(word.data, 0, word.size) != NULL) {
            return SPLIT_QUOTES;
        }
        *ret_word = memory_take(word.size + 1);
        memcpy(*ret_word, word.data, word.size);
        (*ret_word)[word.size] = '\0';
    }
    return result;
}

static bool take_words(struct option_sources *s, uint32_t line, char *const *words, uint32_t count,
                       char *text, size_t text_size)
{
    const char *fault;

    for (char *c = words[0]; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    if (!options_is_setting(words[0])) {
        return refuse_name(s, line, words[0], text, text_size);
    }
    if (count != 2) {
        return refuse(text, text_size, "%s, line %u: '%s' takes one value%s", s->file, line,
                      words[0], count > 2 ? "; put quotes around it if it has blanks" : "");
    }
    fault = add_setting(s, words[0], words[1], (struct option_word){.line = line});
    return fault == NULL || refuse(text, text_size, "%s, line %u: '%s' %s, not '%s'", s->file, line,
                                   words[0], fault, words[1]);
}

static bool take_line(struct option_sources *s, uint32_t line, struct slice content, char *text,
                      size_t text_size)
{
    char *room = memory_take(content.size + 1);
    struct split split = {.at = content.data, .end = content.data + content.size, .to = room};
    char *words[3] = {NULL, NULL, NULL};
    enum split_result result = SPLIT_WORD;
    uint32_t count = 0;
    bool is_right = true;

    while (count < 3 && result == SPLIT_WORD) {
        result = next_word(&split, &words[count]);
        if (result == SPLIT_WORD && count == 0 && words[0][0] == '#') {
            result = SPLIT_END;
            break;
        }
        count += result == SPLIT_WORD ? 1 : 0;
    }
    if (result == SPLIT_QUOTES) {
        is_right = refuse(text, text_size, "%s, line %u: a quote is not closed, or a byte is zero",
                          s->file, line);
    } else if (count > 0) {
        is_right = take_words(s, line, words, count, text, text_size);
    }
    for (int i = 0; i < 3; i++) {
        free(words[i]);
    }
    free(room);
    return is_right;
}

static bool take_lines(struct option_sources *s, const char *content, size_t size, char *text,
                       size_t text_size)
{
    uint32_t line = 1;

    for (size_t at = 0; at < size; line++) {
        const char *end = memchr(content + at, '\n', size - at);
        size_t length = end == NULL ? size - at : (size_t)(end - content) - at;

        if (!take_line(s, line, slice_of(content + at, length), text, text_size)) {
            return false;
        }
        at += length + 1;
    }
    return true;
}

static bool take_file(struct option_sources *s, char *text, size_t text_size)
{
    FILE *f = fopen(s->file, "rbe");
    char *content = memory_take(FILE_BYTES_MAX + 1);
    size_t size = f == NULL ? 0 : fread(content, 1, FILE_BYTES_MAX + 1, f);
    bool is_right;

    if (f == NULL || ferror(f) != 0) {
        is_right = refuse(text, text_size, "the settings in %s could not be read: %s", s->file,
                          strerror(errno));
    } else if (size > FILE_BYTES_MAX) {
        is_right =
            refuse(text, text_size, "%s has more than 1 MB: is it a file of settings?", s->file);
    } else {
        is_right = take_lines(s, content, size, text, text_size);
    }
    if (f != NULL) {
        fclose(f);
    }
    free(content);
    return is_right;
}

/* --- the environment -------------------------------------------------------------------- */

static bool take_variable(struct option_sources *s, const char *variable, char *text,
                          size_t text_size)
{
    const char *begin = variable + sizeof OPTION_VARIABLE_PREFIX - 1;
    const char *value = strchr(begin, '=') + 1;
    size_t size = (size_t)(value - 1 - begin);
    char name[NAME_BYTES_MAX];
    const char *fault;

    for (size_t i = 0; i < size && i < sizeof name - 1; i++) {
        name[i] = begin[i] == '_' ? '-' : (char)tolower((unsigned char)begin[i]);
    }
    name[size < sizeof name ? size : sizeof name - 1] = '\0';
    if (!options_is_setting(name)) {
        return refuse(text, text_size,
                      "the environment has %.*s, and there is no setting '%s': unset it, or "
                      "correct its name (--help lists the options)",
                      (int)(value - 1 - variable), variable, name);
    }
    fault = add_setting(s, name, value, (struct option_word){.variable = variable});
    return fault == NULL || refuse(text, text_size, "%.*s in the environment %s",
                                   (int)(value - 1 - variable), variable, fault);
}

static bool take_environment(struct option_sources *s, char *const *environment, char *text,
                             size_t text_size)
{
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, OPTION_VARIABLE_PREFIX, sizeof OPTION_VARIABLE_PREFIX - 1) == 0 &&
            strchr(*environment, '=') != NULL && !take_variable(s, *environment, text, text_size)) {
            return false;
        }
    }
    return true;
}

/* --- all of them ------------------------------------------------------------------------ */

static void make_argv(struct option_sources *s, char *const *argv)
{
    uint32_t own_count = 0;

    while (argv[0] != NULL && argv[own_count + 1] != NULL) {
        own_count++;
    }
    for (uint32_t i = 1; i <= own_count; i++) {
        add_word(s, (struct option_word){.text = memory_copy(argv[i], strlen(argv[i]) + 1)});
    }
    s->argv = memory_take(((size_t)s->count + 2) * sizeof s->argv[0]);
    s->argv[0] = argv[0];
    for (uint32_t i = 0; i < s->count; i++) {
        s->argv[i + 1] = s->words[i].text;
    }
    s->argv[s->count + 1] = NULL;
}

bool option_sources_read(struct option_sources *ret_sources, char *const *argv,
                         char *const *environment, char *text, size_t text_size)
{
    struct option_sources *s = ret_sources;

    *s = (struct option_sources){.file = options_config_file(argv)};
    if (s->file != NULL && !take_file(s, text, text_size)) {
        return false;
    }
    if (!take_environment(s, environment, text, text_size)) {
        return false;
    }
    make_argv(s, argv);
    return true;
}

void option_sources_deinit(struct option_sources *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        free(s->words[i].text);
    }
    free(s->words);
    free(s->argv);
    *s = (struct option_sources){0};
}

void option_sources_place(const struct option_sources *s, uint32_t position, char *text,
                          size_t text_size)
{
    const struct option_word *word =
        position >= 1 && position <= s->count ? &s->words[position - 1] : NULL;

    text[0] = '\0';
    if (word != NULL && word->line > 0) {
        snprintf(text, text_size, "%s, line %u: ", s->file, word->line);
    } else if (word != NULL && word->variable != NULL) {
        snprintf(text, text_size,
                 "%.*s in the environment: ", (int)(strchr(word->variable, '=') - word->variable),
                 word->variable);
    }
}

/* --- comparing -------------------------------------------------------------------------- */

static bool is_setting(const struct option_word *word)
{
    return word->line > 0 || word->variable != NULL;
}

/* Of "--name=value", or of "--name". */
static size_t name_size(const struct option_word *word)
{
    return strcspn(word->text, "=");
}

/* The last word, which is the strongest, for the same option; NULL: there is none. */
static const struct option_word *find_same(const struct option_sources *s,
                                           const struct option_word *word)
{
    for (uint32_t i = s->count; i > 0; i--) {
        const struct option_word *other = &s->words[i - 1];

        if (is_setting(other) && name_size(other) == name_size(word) &&
            memcmp(other->text, word->text, name_size(word)) == 0) {
            return other;
        }
    }
    return NULL;
}

/* Reports what `s` has, and the others have differently, or do not have if `only_missing`. */
static void compare_words(const struct option_sources *s, const struct option_sources *others,
                          bool only_missing, void (*each)(void *context, const char *name),
                          void *context)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct option_word *word = &s->words[i];
        const struct option_word *other = is_setting(word) ? find_same(others, word) : NULL;
        char name[NAME_BYTES_MAX + 2];

        if (!is_setting(word) || find_same(s, word) != word ||
            (other != NULL && (only_missing || strcmp(other->text, word->text) == 0))) {
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)name_size(word) - 2, word->text + 2);
        each(context, name);
    }
}

void option_sources_compare(const struct option_sources *before, const struct option_sources *now,
                            void (*each)(void *context, const char *name), void *context)
{
    compare_words(now, before, false, each, context);
    compare_words(before, now, true, each, context);
}

enum options_result options_parse_sources(struct option_sources *sources,
                                          struct options *ret_options, char *text, size_t text_size)
{
    char why[512] = "";
    char place[512];
    enum options_result result =
        options_parse((int)sources->count + 1, sources->argv, ret_options, why, sizeof why);

    if (result == OPTIONS_REFUSED) {
        option_sources_place(sources, (uint32_t)ret_options->refused_position, place, sizeof place);
        snprintf(text, text_size, "%s%s", place, why);
    }
    return result;
}
