#include "users/selector.h"

#include <stdlib.h>

#include "base/memory.h"
#include "command/access.h"
#include "resp/errors.h"

enum { ACCESS_BOTH = ACCESS_READ | ACCESS_WRITE };

static char *text_of(struct slice s)
{
    char *text = memory_take(s.size + 1);

    if (s.size > 0) {
        memcpy(text, s.data, s.size);
    }
    text[s.size] = '\0';
    return text;
}

static char *lower_text_of(struct slice s)
{
    char *text = text_of(s);

    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    return text;
}

static struct slice behind(struct slice word, size_t size)
{
    return slice_of(word.data + size, word.size - size);
}

/* --- commands -------------------------------------------------------------------------------- */

static void drop_rule(struct selector *s, uint32_t i)
{
    free(s->rules[i].text);
    free(s->rules[i].first_argument);
    s->rule_count--;
    memmove(s->rules + i, s->rules + i + 1, (s->rule_count - i) * sizeof *s->rules);
}

static void drop_rules(struct selector *s)
{
    while (s->rule_count > 0) {
        drop_rule(s, s->rule_count - 1);
    }
    free(s->rules);
    s->rules = NULL;
}

/* The same word, whatever its sign, or one about a part of the command. */
static bool is_covered(const struct command_rule *old, const char *text)
{
    size_t size = strlen(text);

    return strncmp(old->text, text, size) == 0 &&
           (old->text[size] == '\0' || (old->category == 0 && old->text[size] == '|'));
}

static void add_rule(struct selector *s, struct command_rule rule, struct slice text)
{
    rule.text = lower_text_of(text);
    for (uint32_t i = s->rule_count; i > 0; i--) {
        if (is_covered(&s->rules[i - 1], rule.text)) {
            drop_rule(s, i - 1);
        }
    }
    s->rules = memory_resize(s->rules, (s->rule_count + 1) * sizeof *s->rules);
    s->rules[s->rule_count++] = rule;
}

static void begin_commands(struct selector *s, bool with_all)
{
    drop_rules(s);
    s->begins_with_all = with_all;
}

static const struct command *find(const struct rule_words *with, struct slice name)
{
    const struct command *command = command_find_public(with->commands, name);

    return command == NULL || command->since_level > with->level ? NULL : command;
}

/* Of a command without subcommands, an argument may follow it: it is allowed with that alone. */
static const char *apply_part(struct selector *s, const struct rule_words *with, bool allows,
                              struct slice text, size_t name_size)
{
    struct command_rule rule = {.allows = allows};
    struct slice part = behind(text, name_size + 1);
    const char *bar = memchr(part.data, '|', part.size);

    rule.command = find(with, slice_of(text.data, name_size));
    if (rule.command == NULL) {
        return ERROR_RULE_COMMAND;
    }
    if (bar != NULL) {
        struct slice first = slice_of(part.data, (size_t)(bar - part.data));

        return allows && subcommand_named(rule.command, first) != NULL ? ERROR_RULE_PART
                                                                       : ERROR_RULE_COMMAND;
    }
    rule.subcommand = subcommand_named(rule.command, part);
    if (rule.subcommand == NULL) {
        if (rule.command->subcommands != NULL || !allows) {
            return ERROR_RULE_COMMAND;
        }
        if (part.size == 0) {
            return ERROR_RULE_SYNTAX;
        }
        rule.first_argument = text_of(part);
    }
    add_rule(s, rule, text);
    return NULL;
}

static const char *apply_command(struct selector *s, const struct rule_words *with, bool allows,
                                 struct slice text)
{
    struct command_rule rule = {.allows = allows};
    const char *bar = text.size == 0 ? NULL : memchr(text.data, '|', text.size);

    if (text.size > 0 && text.data[0] == '@') {
        rule.category = category_named(behind(text, 1));
        if (rule.category == 0) {
            return ERROR_RULE_COMMAND;
        }
    } else if (bar != NULL) {
        return apply_part(s, with, allows, text, (size_t)(bar - text.data));
    } else {
        rule.command = find(with, text);
        if (rule.command == NULL) {
            return ERROR_RULE_COMMAND;
        }
    }
    add_rule(s, rule, text);
    return NULL;
}

/* --- keys and channels ----------------------------------------------------------------------- */

static bool has_blank(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\0' || text.data[i] == ' ' ||
            (text.data[i] >= '\t' && text.data[i] <= '\r')) {
            return true;
        }
    }
    return false;
}

static void drop_keys(struct selector *s)
{
    for (uint32_t i = 0; i < s->key_count; i++) {
        free(s->keys[i].text);
    }
    free(s->keys);
    s->keys = NULL;
    s->key_count = 0;
}

static void drop_channels(struct selector *s)
{
    for (uint32_t i = 0; i < s->channel_count; i++) {
        free(s->channels[i]);
    }
    free(s->channels);
    s->channels = NULL;
    s->channel_count = 0;
}

/* Reads "%RW~" or "~" off the front of a word. False: it is malformed. */
static bool read_access(struct slice *word, uint8_t *ret_access)
{
    size_t i = 1;

    *ret_access = ACCESS_BOTH;
    if (word->data[0] == '%') {
        uint8_t access = 0;

        for (; i < word->size && word->data[i] != '~'; i++) {
            char c = word->data[i];
            uint8_t bit = c == 'R' || c == 'r'   ? ACCESS_READ
                          : c == 'W' || c == 'w' ? ACCESS_WRITE
                                                 : 0;

            if (bit == 0 || (access & bit) != 0) {
                return false;
            }
            access |= bit;
        }
        *ret_access = access;
        i++;
    }
    if (i > word->size || *ret_access == 0) {
        return false;
    }
    *word = behind(*word, i);
    return true;
}

static const char *apply_key(struct selector *s, struct slice word)
{
    uint8_t access;

    if (s->has_all_keys) {
        return ERROR_RULE_ALL_KEYS;
    }
    if (!read_access(&word, &access) || has_blank(word)) {
        return ERROR_RULE_SYNTAX;
    }
    for (uint32_t i = 0; i < s->key_count; i++) {
        if (slice_equal(slice_str(s->keys[i].text), word)) {
            s->keys[i].access |= access;
            return NULL;
        }
    }
    s->keys = memory_resize(s->keys, (s->key_count + 1) * sizeof *s->keys);
    s->keys[s->key_count++] = (struct key_pattern){.access = access, .text = text_of(word)};
    return NULL;
}

static const char *apply_channel(struct selector *s, struct slice pattern)
{
    if (s->has_all_channels) {
        return ERROR_RULE_ALL_CHANNELS;
    }
    if (has_blank(pattern)) {
        return ERROR_RULE_SYNTAX;
    }
    for (uint32_t i = 0; i < s->channel_count; i++) {
        if (slice_equal(slice_str(s->channels[i]), pattern)) {
            return NULL;
        }
    }
    s->channels = memory_resize(s->channels, (s->channel_count + 1) * sizeof *s->channels);
    s->channels[s->channel_count++] = text_of(pattern);
    return NULL;
}

/* --- words ----------------------------------------------------------------------------------- */

/* The words without a sign. */
static bool apply_plain(struct selector *s, struct slice word)
{
    bool are_keys = slice_is(word, "allkeys") || slice_is(word, "~*");
    bool are_channels = slice_is(word, "allchannels") || slice_is(word, "&*");

    if (are_keys || slice_is(word, "resetkeys")) {
        drop_keys(s);
        s->has_all_keys = are_keys;
    } else if (are_channels || slice_is(word, "resetchannels")) {
        drop_channels(s);
        s->has_all_channels = are_channels;
    } else if (slice_is(word, "allcommands") || slice_is(word, "+@all")) {
        begin_commands(s, true);
    } else if (slice_is(word, "nocommands") || slice_is(word, "-@all")) {
        begin_commands(s, false);
    } else {
        return false;
    }
    return true;
}

/* Each kind is limited by itself: what is written must be readable in any order. */
static bool is_full(const struct selector *s, char sign)
{
    uint32_t count = sign == '~' || sign == '%'   ? s->key_count
                     : sign == '&'                ? s->channel_count
                     : sign == '+' || sign == '-' ? s->rule_count
                                                  : 0;

    return count >= SELECTOR_WORDS_MAX;
}

const char *selector_apply(struct selector *s, const struct rule_words *with, struct slice word)
{
    if (word.size == 0) {
        return ERROR_RULE_SYNTAX;
    }
    if (apply_plain(s, word)) {
        return NULL;
    }
    if (is_full(s, word.data[0])) {
        return ERROR_RULE_MANY;
    }
    switch (word.data[0]) {
    case '~':
    case '%':
        return apply_key(s, word);
    case '&':
        return apply_channel(s, behind(word, 1));
    case '+':
    case '-':
        return has_blank(word) ? ERROR_RULE_COMMAND
                               : apply_command(s, with, word.data[0] == '+', behind(word, 1));
    default:
        return ERROR_RULE_SYNTAX;
    }
}

void selector_deinit(struct selector *s)
{
    drop_rules(s);
    drop_keys(s);
    drop_channels(s);
}

/* --- writing --------------------------------------------------------------------------------- */

void selector_put_commands(const struct selector *s, struct buffer *out)
{
    buffer_printf(out, "%s", s->begins_with_all ? "+@all" : "-@all");
    for (uint32_t i = 0; i < s->rule_count; i++) {
        buffer_printf(out, " %c%s", s->rules[i].allows ? '+' : '-', s->rules[i].text);
    }
}

void selector_put_keys(const struct selector *s, struct buffer *out)
{
    if (s->has_all_keys) {
        buffer_printf(out, "~*");
    }
    for (uint32_t i = 0; i < s->key_count; i++) {
        const char *access = s->keys[i].access == ACCESS_BOTH   ? ""
                             : s->keys[i].access == ACCESS_READ ? "%R"
                                                                : "%W";

        buffer_printf(out, "%s%s~%s", i > 0 ? " " : "", access, s->keys[i].text);
    }
}

void selector_put_channels(const struct selector *s, struct buffer *out)
{
    if (s->has_all_channels) {
        buffer_printf(out, "&*");
    }
    for (uint32_t i = 0; i < s->channel_count; i++) {
        buffer_printf(out, "%s&%s", i > 0 ? " " : "", s->channels[i]);
    }
}

void selector_write(const struct selector *s, struct buffer *out)
{
    size_t before = buffer_size(out);

    selector_put_keys(s, out);
    if (buffer_size(out) > before) {
        buffer_append(out, " ", 1);
    }
    if (!s->has_all_channels) {
        buffer_printf(out, "resetchannels ");
    }
    if (s->has_all_channels || s->channel_count > 0) {
        selector_put_channels(s, out);
        buffer_append(out, " ", 1);
    }
    selector_put_commands(s, out);
}

bool selector_is_unlimited(const struct selector *s)
{
    return s->begins_with_all && s->rule_count == 0 && s->has_all_keys && s->has_all_channels;
}
