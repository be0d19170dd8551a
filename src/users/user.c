#include "users/user.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "resp/errors.h"

void user_init(struct user *u)
{
    *u = (struct user){.selector_count = 1};
    u->selectors = memory_take_zeroed(1, sizeof *u->selectors);
}

void user_init_default(struct user *u)
{
    user_init(u);
    u->name = slice_str("default");
    u->is_on = true;
    u->has_any_password = true;
    u->selectors[0].begins_with_all = true;
    u->selectors[0].has_all_keys = true;
    u->selectors[0].has_all_channels = true;
}

static void drop_selectors(struct user *u, uint32_t count)
{
    while (u->selector_count > count) {
        selector_deinit(&u->selectors[--u->selector_count]);
    }
}

static void drop_passwords(struct user *u)
{
    free(u->passwords);
    u->passwords = NULL;
    u->password_count = 0;
}

void user_deinit(struct user *u)
{
    drop_selectors(u, 0);
    drop_passwords(u);
    free(u->selectors);
    u->selectors = NULL;
}

bool user_is_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == ' ' || name.data[i] == '\0' ||
            (name.data[i] >= '\t' && name.data[i] <= '\r')) {
            return false;
        }
    }
    return name.size <= USER_NAME_BYTES_MAX;
}

/* Also as a part of a selector: no rule, but it must not be shown either. */
bool user_word_is_secret(struct slice word)
{
    for (size_t i = 0; i < word.size; i++) {
        bool begins = i == 0 || word.data[i - 1] == ' ' || word.data[i - 1] == '(';

        if (begins && (word.data[i] == '>' || word.data[i] == '<')) {
            return true;
        }
    }
    return false;
}

/* --- passwords ------------------------------------------------------------------------------- */

/* Its place; password_count: it is not there. */
static uint32_t find_password(const struct user *u, const struct password_hash *hash)
{
    uint32_t i = 0;

    while (i < u->password_count && !password_equal(&u->passwords[i], hash)) {
        i++;
    }
    return i;
}

static void add_password(struct user *u, const struct password_hash *hash)
{
    u->has_any_password = false;
    if (find_password(u, hash) == u->password_count) {
        u->passwords = memory_resize(u->passwords, (u->password_count + 1) * sizeof *u->passwords);
        u->passwords[u->password_count++] = *hash;
    }
}

static const char *remove_password(struct user *u, const struct password_hash *hash)
{
    uint32_t i = find_password(u, hash);

    if (i == u->password_count) {
        return ERROR_RULE_NO_PASSWORD;
    }
    u->password_count--;
    memmove(u->passwords + i, u->passwords + i + 1, (u->password_count - i) * sizeof *u->passwords);
    return NULL;
}

bool user_has_password(const struct user *u, const struct password_hash *hash)
{
    bool is_there = u->has_any_password;

    for (uint32_t i = 0; i < u->password_count; i++) {
        is_there |= password_equal(&u->passwords[i], hash);
    }
    return is_there && u->is_on;
}

/* --- words ----------------------------------------------------------------------------------- */

static const char *apply_hash(struct user *u, struct slice word)
{
    struct password_hash hash;

    if (!password_read(slice_of(word.data + 1, word.size - 1), &hash)) {
        return ERROR_RULE_HASH;
    }
    if (word.data[0] == '!') {
        return remove_password(u, &hash);
    }
    add_password(u, &hash);
    return NULL;
}

/* A word in parentheses. */
static const char *apply_selector(struct user *u, const struct rule_words *with, struct slice word)
{
    struct selector s = {0};
    const char *fault = NULL;
    const char *at = word.data + 1;
    const char *end = word.data + word.size - 1;

    if (word.size < 2 || *end != ')') {
        return ERROR_RULE_SYNTAX;
    }
    while (at < end && fault == NULL) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        const char *stop = blank == NULL ? end : blank;

        if (stop > at) { /* One that ended so could not be read again. */
            fault = stop[-1] == ')' ? ERROR_RULE_SYNTAX
                                    : selector_apply(&s, with, slice_of(at, (size_t)(stop - at)));
        }
        at = stop + 1;
    }
    if (fault != NULL) {
        selector_deinit(&s);
        return fault;
    }
    u->selectors = memory_resize(u->selectors, (u->selector_count + 1) * sizeof *u->selectors);
    u->selectors[u->selector_count++] = s;
    return NULL;
}

static void reset(struct user *u)
{
    drop_passwords(u);
    drop_selectors(u, 1);
    selector_deinit(&u->selectors[0]);
    u->selectors[0] = (struct selector){.begins_with_all = false};
    u->is_on = false;
    u->has_any_password = false;
    u->skips_sanitizing = false;
}

/* The words about the user as a whole. */
static bool apply_plain(struct user *u, struct slice word)
{
    if (slice_is(word, "on") || slice_is(word, "off")) {
        u->is_on = word.size == 2;
    } else if (slice_is(word, "nopass") || slice_is(word, "resetpass")) {
        drop_passwords(u);
        u->has_any_password = slice_is(word, "nopass");
    } else if (slice_is(word, "sanitize-payload") || slice_is(word, "skip-sanitize-payload")) {
        u->skips_sanitizing = slice_is(word, "skip-sanitize-payload");
    } else if (slice_is(word, "clearselectors")) {
        drop_selectors(u, 1);
    } else if (slice_is(word, "reset")) {
        reset(u);
    } else {
        return false;
    }
    return true;
}

const char *user_apply_word(struct user *u, const struct rule_words *with, struct slice word)
{
    if (word.size == 0 || apply_plain(u, word)) {
        return NULL;
    }
    switch (word.data[0]) {
    case '#':
    case '!':
        return apply_hash(u, word);
    case '(':
        return apply_selector(u, with, word);
    default:
        return selector_apply(&u->selectors[0], with, word);
    }
}

static bool begins_selector(struct slice word)
{
    return word.size > 0 && word.data[0] == '(' && word.data[word.size - 1] != ')';
}

static void refuse_word(struct resp_writer *reply, struct slice word, const char *fault)
{
    resp_errorf(reply, ERROR_RULE, (int)(word.size < 256 ? word.size : 256),
                word.size == 0 ? "" : word.data, fault);
}

/* Joins the words of a selector from `*i` on; leaves `*i` at the last one. False: it has no end. */
static bool join(uint32_t count, const struct slice *words, uint32_t *i, struct buffer *joined)
{
    buffer_clear(joined);
    buffer_append_slice(joined, words[*i]);
    while (++*i < count) {
        buffer_append(joined, " ", 1);
        buffer_append_slice(joined, words[*i]);
        if (words[*i].size > 0 && words[*i].data[words[*i].size - 1] == ')') {
            return true;
        }
    }
    return false;
}

bool user_apply(struct user *u, const struct rule_words *with, uint32_t count,
                const struct slice *words, struct resp_writer *reply)
{
    struct buffer joined = {0};
    bool is_good = true;

    for (uint32_t i = 0; i < count && is_good; i++) {
        struct slice word = words[i];
        const char *fault;

        if (begins_selector(word)) {
            if (!join(count, words, &i, &joined)) {
                resp_errorf(reply, ERROR_RULE_UNMATCHED, (int)(word.size < 256 ? word.size : 256),
                            word.data);
                is_good = false;
                break;
            }
            word = buffer_slice(&joined);
        }
        fault = user_apply_word(u, with, word);
        if (fault != NULL) {
            refuse_word(reply, word, fault);
            is_good = false;
        }
    }
    buffer_deinit(&joined);
    return is_good;
}

/* --- as words -------------------------------------------------------------------------------- */

void user_write(const struct user *u, struct buffer *out)
{
    buffer_printf(out, "%s%s%s", u->is_on ? "on" : "off", u->has_any_password ? " nopass" : "",
                  u->skips_sanitizing ? " skip-sanitize-payload" : " sanitize-payload");
    for (uint32_t i = 0; i < u->password_count; i++) {
        buffer_printf(out, " #");
        password_write(&u->passwords[i], out);
    }
    buffer_append(out, " ", 1);
    selector_write(&u->selectors[0], out);
    for (uint32_t i = 1; i < u->selector_count; i++) {
        buffer_printf(out, " (");
        selector_write(&u->selectors[i], out);
        buffer_append(out, ")", 1);
    }
}

bool user_read(struct user *u, const struct rule_words *with, struct slice text)
{
    while (text.size > 0) {
        bool is_selector = text.data[0] == '(';
        const char *stop = memchr(text.data, is_selector ? ')' : ' ', text.size);
        size_t size = stop == NULL ? text.size : (size_t)(stop - text.data) + is_selector;

        /* A pattern in a selector may hold a parenthesis itself: it ends before a blank. */
        while (is_selector && size < text.size && text.data[size] != ' ') {
            stop = memchr(text.data + size, ')', text.size - size);
            size = stop == NULL ? text.size : (size_t)(stop - text.data) + 1;
        }
        if (user_apply_word(u, with, slice_of(text.data, size)) != NULL) {
            return false;
        }
        text = size < text.size ? slice_of(text.data + size + 1, text.size - size - 1)
                                : slice_of("", 0);
    }
    return true;
}

bool user_is_unlimited(const struct user *u)
{
    return selector_is_unlimited(&u->selectors[0]);
}
