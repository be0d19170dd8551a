/* docs.c - COMMAND DOCS: help of a command in Redis's format. Its tree of arguments is parsed
 * from the line of syntax in the command's row:
 *
 *   key value        one after the other, in small letters
 *   [x]              x or nothing
 *   x | y            one of them
 *   WORD, WORD x     the word itself; x after the word
 *   x [x ...]        x once or more; [x ...]: any number of times */
#include "command/docs.h"

#include <ctype.h>
#include <string.h>

#include "base/buffer.h"

enum { OPTIONAL = 1, MULTIPLE = 2 };

/* --- reading the line ---------------------------------------------------------------- */

static struct slice trimmed(struct slice text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text = slice_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ') {
        text.size--;
    }
    return text;
}

/* Takes the part up to the first `separator` outside of brackets; `*rest` moves past it. */
static struct slice take_part(struct slice *rest, char separator)
{
    struct slice whole = *rest;
    int depth = 0;

    for (size_t i = 0; i < whole.size; i++) {
        depth += whole.data[i] == '[' ? 1 : 0;
        depth -= whole.data[i] == ']' ? 1 : 0;
        if (depth == 0 && whole.data[i] == separator) {
            *rest = slice_of(whole.data + i + 1, whole.size - i - 1);
            return trimmed(slice_of(whole.data, i));
        }
    }
    *rest = slice_of(NULL, 0);
    return trimmed(whole);
}

static struct slice take_item(struct slice *rest)
{
    *rest = trimmed(*rest);
    return take_part(rest, ' ');
}

static uint32_t count_parts(struct slice text, char separator)
{
    uint32_t count = 0;

    text = trimmed(text);
    while (text.size > 0) {
        take_part(&text, separator);
        text = trimmed(text);
        count++;
    }
    return count;
}

/* Cuts " ..." off the end; false if there was none. */
static bool take_dots(struct slice *text)
{
    bool has_dots = text->size >= 4 && memcmp(text->data + text->size - 4, " ...", 4) == 0;

    text->size -= has_dots ? 4 : 0;
    return has_dots;
}

/* "a b [b ...]": splits off the repeated part and what comes before it. */
static bool split_repeated(struct slice text, struct slice *ret_before, struct slice *ret_part)
{
    struct slice rest = text;
    struct slice last = {NULL, 0};

    while (rest.size > 0) {
        last = take_item(&rest);
    }
    if (last.size < 2 || last.data[0] != '[') {
        return false;
    }

    struct slice part = slice_of(last.data + 1, last.size - 2);
    struct slice before = trimmed(slice_of(text.data, (size_t)(last.data - text.data)));

    if (!take_dots(&part) || before.size < part.size ||
        memcmp(before.data + before.size - part.size, part.data, part.size) != 0) {
        return false;
    }
    *ret_before = trimmed(slice_of(before.data, before.size - part.size));
    *ret_part = part;
    return true;
}

/* --- writing the tree ---------------------------------------------------------------- */

struct tree {
    struct resp_writer *w;
    bool has_keys;
    bool is_flat;         /* Of a subcommand: hiredis before 1.0 can't read deeper nesting. */
    const char *integers; /* Names of arguments. */
};

static uint32_t put_sequence(struct tree *t, struct slice text);

static bool is_token(struct slice word)
{
    return word.size > 0 && !islower((unsigned char)word.data[0]) && word.data[0] != '[';
}

/* Whether `words`, separated by blanks, has that word. */
static bool has_word(const char *words, struct slice word)
{
    struct slice rest = slice_str(words == NULL ? "" : words);

    while (rest.size > 0) {
        if (slice_equal(take_part(&rest, ' '), word)) {
            return true;
        }
    }
    return false;
}

static bool is_pattern(struct slice name)
{
    static const char end[] = "pattern";
    size_t size = sizeof end - 1;

    return name.size >= size && memcmp(name.data + name.size - size, end, size) == 0;
}

static const char *type_of(const struct tree *t, struct slice name)
{
    static const char key_names[] = "key key1 key2 newkey source destination";
    static const char unix_time[] = "unix-time-";
    bool is_instant =
        name.size > sizeof unix_time - 1 && memcmp(name.data, unix_time, sizeof unix_time - 1) == 0;

    return has_word(t->integers, name)                ? "integer"
           : is_instant                               ? "unix-time"
           : has_word("increment float", name)        ? "double"
           : is_pattern(name)                         ? "pattern"
           : t->has_keys && has_word(key_names, name) ? "key"
                                                      : "string";
}

static void put_pair(struct tree *t, const char *key, struct slice value)
{
    resp_bulk_text(t->w, key);
    resp_bulk(t->w, value);
}

/* Begins an argument; `more` pairs follow. */
static void put_head(struct tree *t, struct slice name, const char *type, uint32_t flags,
                     uint32_t more)
{
    char lower[64];
    size_t size = name.size < sizeof lower ? name.size : sizeof lower;
    bool is_multiple = (flags & MULTIPLE) != 0;

    for (size_t i = 0; i < size; i++) {
        lower[i] = t->is_flat ? name.data[i] : (char)tolower((unsigned char)name.data[i]);
    }
    resp_map(t->w, 2u + (flags != 0 ? 1u : 0u) + more);
    put_pair(t, "name", slice_of(lower, size));
    put_pair(t, "type", slice_str(type));
    if (flags != 0) {
        resp_bulk_text(t->w, "flags");
        resp_set(t->w, is_multiple && (flags & OPTIONAL) != 0 ? 2 : 1);
        if (flags & OPTIONAL) {
            resp_simple(t->w, "optional");
        }
        if (is_multiple) {
            resp_simple(t->w, "multiple");
        }
    }
}

static void put_leaf(struct tree *t, struct slice token, struct slice name, uint32_t flags)
{
    const char *type = name.size == 0 ? "pure-token" : type_of(t, name);
    bool is_key = strcmp(type, "key") == 0;

    put_head(t, name.size == 0 ? token : name, type, flags,
             (token.size > 0 ? 1u : 0u) + (is_key ? 1u : 0u));
    if (is_key) {
        resp_bulk_text(t->w, "key_spec_index");
        resp_integer(t->w, 0);
    }
    if (token.size > 0) {
        put_pair(t, "token", token);
    }
}

/* An array whose members `put` writes and counts. */
static void put_members(struct tree *t, struct slice text,
                        uint32_t (*put)(struct tree *t, struct slice text))
{
    struct buffer members = {0};
    struct resp_writer w = {.out = &members, .version = t->w->version};
    struct tree inner = {
        .w = &w, .has_keys = t->has_keys, .is_flat = t->is_flat, .integers = t->integers};
    uint32_t count = put(&inner, text);

    resp_bulk_text(t->w, "arguments");
    resp_array(t->w, count);
    buffer_append_slice(t->w->out, buffer_slice(&members));
    buffer_deinit(&members);
}

/* Whether the text makes a branch of the tree. Takes off outer brackets: "[a | b]" becomes "a | b"
 * with the flag OPTIONAL. */
static bool flatten(struct slice *text, uint32_t *flags)
{
    bool is_branch = count_parts(*text, '|') > 1 || memchr(text->data, '[', text->size) != NULL;
    struct slice inner = *text;

    while (count_parts(inner, ' ') == 1 && inner.size > 2 && inner.data[0] == '[') {
        inner = slice_of(inner.data + 1, inner.size - 2);
        *flags |= OPTIONAL | (take_dots(&inner) ? MULTIPLE : 0);
        *text = inner;
        is_branch = count_parts(inner, ' ') > 1;
    }
    return is_branch;
}

/* One argument: in brackets, a choice, or repeated. */
static void put_group(struct tree *t, struct slice text, uint32_t flags);

static uint32_t put_alternatives(struct tree *t, struct slice text)
{
    uint32_t count = 0;

    while (text.size > 0) {
        put_group(t, take_part(&text, '|'), 0);
        count++;
    }
    return count;
}

static void put_group(struct tree *t, struct slice text, uint32_t flags)
{
    struct slice before;
    struct slice part;
    struct slice rest = text;

    if (take_dots(&text)) {
        put_group(t, text, flags | MULTIPLE);
        return;
    }
    if (split_repeated(text, &before, &part) && before.size == 0) {
        put_group(t, part, flags | MULTIPLE);
        return;
    }
    if (t->is_flat && flatten(&text, &flags)) {
        put_head(t, text, "string", flags, 0);
        return;
    }
    if (count_parts(text, '|') > 1) {
        put_head(t, slice_str("choice"), "oneof", flags, 1);
        put_members(t, text, put_alternatives);
        return;
    }

    uint32_t count = count_parts(text, ' ');
    struct slice first = take_item(&rest);
    struct slice second = trimmed(rest);

    if (count == 1 && first.data[0] == '[') {
        put_group(t, slice_of(first.data + 1, first.size - 2), flags | OPTIONAL);
    } else if (count == 1) {
        put_leaf(t, is_token(first) ? first : second, is_token(first) ? second : first, flags);
    } else if (count == 2 && is_token(first) && islower((unsigned char)second.data[0])) {
        put_leaf(t, first, second, flags);
    } else {
        put_head(t, slice_str("block"), "block", flags, 1);
        put_members(t, text, put_sequence);
    }
}

static uint32_t put_sequence(struct tree *t, struct slice text)
{
    struct slice before;
    struct slice part;
    uint32_t count = 0;

    if (count_parts(text, '|') > 1) {
        put_group(t, text, 0);
        return 1;
    }
    if (split_repeated(text, &before, &part)) {
        count = put_sequence(t, before);
        put_group(t, part, MULTIPLE);
        return count + 1;
    }
    while (trimmed(text).size > 0) {
        put_group(t, take_item(&text), 0);
        count++;
    }
    return count;
}

/* --- a command ------------------------------------------------------------------------ */

static void put_texts(struct tree *t, const char *summary, const struct command *command,
                      const char *syntax)
{
    put_pair(t, "summary", slice_str(summary));
    put_pair(t, "since", slice_str(command->since));
    put_pair(t, "group", slice_str(command->group));
    put_pair(t, "syntax", slice_str(syntax)); /* Not in Redis: for rakit-cli's hints. */
}

static void put_subcommand(struct tree *t, const struct command *command,
                           const struct subcommand *s)
{
    struct tree flat = {
        .w = t->w, .has_keys = t->has_keys, .is_flat = true, .integers = command->integers};
    bool has_arguments = s->arguments[0] != '\0';

    subcommand_reply_name(t->w, command, s);
    resp_map(t->w, has_arguments ? 5 : 4);
    put_texts(t, s->summary, command, s->arguments);
    if (has_arguments) {
        put_members(&flat, slice_str(s->arguments), put_sequence);
    }
}

void command_reply_docs(struct resp_writer *w, const struct command *command)
{
    struct tree t = {.w = w,
                     .has_keys = command->first_key != 0 ||
                                 has_word(command->integers, slice_str("numkeys")),
                     .integers = command->integers};
    const struct subcommand *family = command->subcommands;
    bool has_arguments = family == NULL && command->arguments[0] != '\0';

    resp_map(w, has_arguments || family != NULL ? 5 : 4);
    put_texts(&t, command->summary, command, command->arguments);
    if (has_arguments) {
        put_members(&t, slice_str(command->arguments), put_sequence);
    }
    if (family != NULL) {
        resp_bulk_text(w, "subcommands");
        resp_map(w, subcommand_count(family));
        for (const struct subcommand *s = family; s->name != NULL; s++) {
            put_subcommand(&t, command, s);
        }
    }
}
