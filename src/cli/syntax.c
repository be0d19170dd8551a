/* syntax.c: parses the syntax texts of the catalogue. Items are separated by blanks: a word
 * ("key"), everything between brackets ("[NX | XX]"), or a bar between alternatives ("STATUS |
 * ADD id address"). */
#include <ctype.h>
#include <string.h>

#include "base/slice.h"
#include "cli/catalogue.h"

/* Takes the next item off `*rest`; empty at the end. */
static struct slice next_item(struct slice *rest)
{
    size_t start = 0;
    int depth = 0;

    while (start < rest->size && rest->data[start] == ' ') {
        start++;
    }
    size_t end = start;

    for (; end < rest->size && (depth > 0 || rest->data[end] != ' '); end++) {
        char c = rest->data[end];

        depth += c == '[' || c == '<' || c == '(';
        depth -= c == ']' || c == '>' || c == ')';
    }
    struct slice item = slice_of(rest->data + start, end - start);

    *rest = slice_of(rest->data + end, rest->size - end);
    return item;
}

/* Takes the next alternative, and its bar, off `*rest`. */
static struct slice next_alternative(struct slice *rest)
{
    struct slice whole = *rest;

    for (;;) {
        struct slice item = next_item(rest);

        if (item.size == 0 || slice_is(item, "|")) {
            size_t size = (size_t)(rest->data - whole.data) - item.size;

            return slice_of(whole.data, size);
        }
    }
}

static bool has_alternatives(struct slice syntax)
{
    return next_alternative(&(struct slice){syntax.data, syntax.size}).size < syntax.size;
}

/* The alternative that begins with the word, without the word; empty: none. */
static struct slice choose(struct slice syntax, struct slice word)
{
    while (syntax.size > 0) {
        struct slice alternative = next_alternative(&syntax);
        struct slice first = next_item(&alternative);

        if (first.size == word.size && strncasecmp(first.data, word.data, word.size) == 0) {
            return alternative;
        }
    }
    return slice_str("");
}

/* Whether the word is one of the upper-case keywords of an optional item. */
static bool item_has_keyword(struct slice item, struct slice word)
{
    size_t at = 0;

    while (at < item.size) {
        size_t size = 0;

        while (at + size < item.size && strchr("[]<>()| ", item.data[at + size]) == NULL) {
            size++;
        }
        bool keyword = size > 0 && isupper((unsigned char)item.data[at]);

        if (keyword && size == word.size && strncasecmp(item.data + at, word.data, size) == 0) {
            return true;
        }
        at += size + 1;
    }
    return false;
}

/* Repeated items ("[key ...]") stay as long as words are typed. */
static bool item_repeats(struct slice item)
{
    return item.size >= 3 && memmem(item.data, item.size, "...", 3) != NULL;
}

enum { HINT_ITEMS_MAX = 32 };

/* Removes the items that the word has used. */
static void strike(struct slice *items, size_t count, struct slice word)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].size == 0) {
            continue;
        }
        bool optional = items[i].data[0] == '[';

        if (!optional || item_has_keyword(items[i], word)) {
            items[i].size = 0;
            return;
        }
    }
    /* Not a keyword: it fills the first optional item without keywords. */
    for (size_t i = 0; i < count; i++) {
        if (items[i].size > 1 && !isupper((unsigned char)items[i].data[1])) {
            if (!item_repeats(items[i])) {
                items[i].size = 0;
            }
            return;
        }
    }
}

/* The entry that the first words name, preferring two words to one; NULL: none. */
static const struct catalogue_entry *find_command(const struct catalogue *c, const struct words *w,
                                                  uint32_t *ret_used)
{
    if (w->count >= 2 && w->word[0].size + w->word[1].size < 62) {
        char name[64];

        memcpy(name, w->word[0].data, w->word[0].size);
        name[w->word[0].size] = ' ';
        memcpy(name + w->word[0].size + 1, w->word[1].data, w->word[1].size);

        struct slice both = slice_of(name, w->word[0].size + 1 + w->word[1].size);
        const struct catalogue_entry *entry = catalogue_find(c, both);

        if (entry != NULL) {
            *ret_used = 2;
            return entry;
        }
    }
    *ret_used = 1;
    return w->count == 0 ? NULL : catalogue_find(c, w->word[0]);
}

static void hint_for(const struct catalogue *c, const struct words *w, bool word_ended,
                     struct buffer *out)
{
    struct slice items[HINT_ITEMS_MAX];
    size_t count = 0;
    uint32_t used = 0;
    const struct catalogue_entry *entry = find_command(c, w, &used);

    if (entry == NULL) {
        return;
    }
    struct slice syntax = slice_str(entry->syntax);

    if (has_alternatives(syntax) && w->count > used) {
        syntax = choose(syntax, w->word[used++]);
    }
    for (; count < HINT_ITEMS_MAX; count++) {
        items[count] = next_item(&syntax);
        if (items[count].size == 0) {
            break;
        }
    }
    for (uint32_t i = used; i < w->count; i++) {
        strike(items, count, w->word[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].size > 0) {
            buffer_append(out, " ", word_ended ? 0 : 1);
            buffer_append_slice(out, items[i]);
            word_ended = false;
        }
    }
}

void catalogue_hint(const struct catalogue *c, struct slice line, struct buffer *out)
{
    struct words w;
    bool word_ended = line.size > 0 && line.data[line.size - 1] == ' ';

    if (words_split(line, &w) < 0) {
        return; /* Inside quotes there is no hint. */
    }
    hint_for(c, &w, word_ended, out);
    words_deinit(&w);
}

static bool begins_with(struct slice text, struct slice prefix)
{
    return text.size >= prefix.size &&
           (prefix.size == 0 || strncasecmp(text.data, prefix.data, prefix.size) == 0);
}

/* "RAFT STATUS", "RAFT ADD", … if the alternatives begin with keywords. */
static void complete_alternatives(const struct catalogue_entry *entry, struct slice prefix,
                                  void (*found)(void *context, const char *name), void *context)
{
    struct slice syntax = slice_str(entry->syntax);

    while (syntax.size > 0) {
        struct slice alternative = next_alternative(&syntax);
        struct slice first = next_item(&alternative);
        struct buffer name = {0};

        buffer_printf(&name, "%s %.*s", entry->name, (int)first.size, first.data);
        if (first.size > 0 && isupper((unsigned char)first.data[0]) &&
            begins_with(buffer_slice(&name), prefix)) {
            buffer_append(&name, "", 1);
            found(context, buffer_begin(&name));
        }
        buffer_deinit(&name);
    }
}

void catalogue_complete(const struct catalogue *c, struct slice prefix,
                        void (*found)(void *context, const char *name), void *context)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct catalogue_entry *entry = &c->entries[i];
        struct slice name = slice_str(entry->name);

        if (begins_with(name, prefix)) {
            found(context, entry->name);
        } else if (prefix.size > name.size && prefix.data[name.size] == ' ' &&
                   begins_with(prefix, name) && has_alternatives(slice_str(entry->syntax)) &&
                   !catalogue_has_members(c, entry)) { /* Otherwise its members are found
                                                        * themselves. */
            complete_alternatives(entry, prefix, found, context);
        }
    }
}
