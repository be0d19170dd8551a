/* json_read.c - reads the objects that callers send: flat, so that nothing in them can be deep. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "http/base64.h"
#include "http/json.h"

static const char fault_text[] = "this is not JSON";
static const char fault_object[] = "an object is expected";
static const char fault_member[] = "the object has a member that is not known";
static const char fault_twice[] = "the object has a member twice";
static const char fault_word[] = "a string, a number or {\"base64\": \"...\"} is expected";
static const char fault_list[] = "an array is expected";
static const char fault_string[] = "a string is not as JSON wants it";
static const char fault_base64[] = "this is not base64";
static const char fault_many[] = "there are more than 4096 arguments";

struct reader {
    const char *at;
    const char *end;
};

/* --- words ---------------------------------------------------------------------------------- */

struct slice json_word(const struct json_words *w, uint32_t i)
{
    struct json_word word = w->words[i];

    return word.size == 0 ? slice_of("", 0)
                          : slice_of(buffer_begin(&w->bytes) + word.at, word.size);
}

void json_words_deinit(struct json_words *w)
{
    buffer_deinit(&w->bytes);
    free(w->words);
    *w = (struct json_words){.count = 0};
}

/* The bytes behind `at` are another word. */
static const char *add_word(struct json_words *w, size_t at)
{
    if (w->count == JSON_WORDS_MAX) {
        return fault_many;
    }
    if (w->count == w->capacity) {
        w->capacity = w->capacity == 0 ? 16 : 2 * w->capacity;
        w->words = memory_resize(w->words, w->capacity * sizeof *w->words);
    }
    w->words[w->count++] = (struct json_word){.at = at, .size = buffer_size(&w->bytes) - at};
    return NULL;
}

/* --- letters -------------------------------------------------------------------------------- */

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0') {
        r->at++;
    }
}

/* Takes that letter, with the blanks before it. */
static bool take(struct reader *r, char letter)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != letter) {
        return false;
    }
    r->at++;
    return true;
}

static char next(struct reader *r)
{
    skip_blanks(r);
    return r->at == r->end ? '\0' : *r->at;
}

/* --- strings -------------------------------------------------------------------------------- */

static bool take_hex(struct reader *r, uint32_t *ret_code)
{
    uint32_t code = 0;

    if (r->end - r->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        char c = *r->at++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;

        if (digit == 16) {
            return false;
        }
        code = code << 4 | digit;
    }
    *ret_code = code;
    return true;
}

static void put_character(struct buffer *out, uint32_t code)
{
    char text[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    if (size == 1) {
        text[0] = (char)code;
    }
    for (size_t i = size - 1; size > 1 && i > 0; i--) {
        text[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    if (size > 1) {
        text[0] = (char)((0xf00u >> size & 0xff) | code);
    }
    buffer_append(out, text, size);
}

/* Behind "\u": one half of a pair must have the other. */
static bool take_code(struct reader *r, struct buffer *out)
{
    uint32_t code = 0;
    uint32_t low = 0;

    if (!take_hex(r, &code) || (code >= 0xdc00 && code <= 0xdfff)) {
        return false;
    }
    if (code >= 0xd800 && code <= 0xdbff) {
        if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u') {
            return false;
        }
        r->at += 2;
        if (!take_hex(r, &low) || low < 0xdc00 || low > 0xdfff) {
            return false;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put_character(out, code);
    return true;
}

static bool take_escape(struct reader *r, struct buffer *out)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char c = r->at == r->end ? '\0' : *r->at++;
    const char *place = c == '\0' ? NULL : strchr(names, c);

    if (c == 'u') {
        return take_code(r, out);
    }
    if (place == NULL) {
        return false;
    }
    buffer_append(out, &meanings[place - names], 1);
    return true;
}

/* Appends what the string means. */
static const char *read_string(struct reader *r, struct buffer *out)
{
    if (!take(r, '"')) {
        return fault_string;
    }
    while (r->at < r->end) {
        unsigned char c = (unsigned char)*r->at++;

        if (c == '"') {
            return NULL;
        }
        if (c < ' ' || (c == '\\' && !take_escape(r, out))) {
            return fault_string;
        }
        if (c != '\\') {
            buffer_append(out, &c, 1);
        }
    }
    return fault_string;
}

/* --- values --------------------------------------------------------------------------------- */

static size_t take_digits(struct reader *r)
{
    const char *begin = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    return (size_t)(r->at - begin);
}

static bool skip_fraction(struct reader *r)
{
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        return take_digits(r) > 0;
    }
    return true;
}

static bool skip_exponent(struct reader *r)
{
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '-' || *r->at == '+')) {
            r->at++;
        }
        return take_digits(r) > 0;
    }
    return true;
}

static bool skip_number(struct reader *r)
{
    bool has_zero;
    size_t digits;

    if (r->at < r->end && *r->at == '-') {
        r->at++;
    }
    has_zero = r->at < r->end && *r->at == '0';
    digits = take_digits(r);
    return digits > 0 && !(has_zero && digits > 1) && skip_fraction(r) && skip_exponent(r);
}

bool json_is_number(struct slice text)
{
    struct reader r = {.at = text.data, .end = text.data + text.size};

    return text.size > 0 && skip_number(&r) && r.at == r.end;
}

/* The number as it is written. */
static const char *read_number(struct reader *r, struct buffer *out)
{
    const char *begin = r->at;

    if (!skip_number(r)) {
        return fault_word;
    }
    buffer_append(out, begin, (size_t)(r->at - begin));
    return NULL;
}

static const char *read_base64(struct reader *r, struct buffer *out)
{
    struct buffer text = {0};
    const char *fault = NULL;
    size_t size = 0;

    if (!take(r, '{') || read_string(r, &text) != NULL ||
        !slice_equal(buffer_slice(&text), slice_str("base64")) || !take(r, ':')) {
        fault = fault_word;
    }
    buffer_clear(&text);
    if (fault == NULL) {
        fault = read_string(r, &text);
    }
    if (fault == NULL && !take(r, '}')) {
        fault = fault_word;
    }
    if (fault == NULL) {
        char *to = buffer_reserve(out, buffer_size(&text) / 4 * 3 + 1);

        fault = base64_read(buffer_slice(&text), to, &size) ? NULL : fault_base64;
        buffer_commit(out, fault == NULL ? size : 0);
    }
    buffer_deinit(&text);
    return fault;
}

static const char *read_word(struct reader *r, struct json_words *into)
{
    size_t at = buffer_size(&into->bytes);
    char first = next(r);
    const char *fault = first == '"'   ? read_string(r, &into->bytes)
                        : first == '{' ? read_base64(r, &into->bytes)
                                       : read_number(r, &into->bytes);

    return fault != NULL ? fault : add_word(into, at);
}

static const char *read_list(struct reader *r, struct json_words *into)
{
    if (!take(r, '[')) {
        return fault_list;
    }
    if (take(r, ']')) {
        return NULL;
    }
    do {
        const char *fault = read_word(r, into);

        if (fault != NULL) {
            return fault;
        }
    } while (take(r, ','));
    return take(r, ']') ? NULL : fault_text;
}

/* --- objects -------------------------------------------------------------------------------- */

static struct json_member *find(struct json_member *members, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (slice_equal(name, slice_str(members[i].name))) {
            return &members[i];
        }
    }
    return NULL;
}

static const char *read_member(struct reader *r, struct json_member *members, uint32_t count)
{
    struct buffer name = {0};
    const char *fault = read_string(r, &name);
    struct json_member *m = fault != NULL ? NULL : find(members, count, buffer_slice(&name));

    buffer_deinit(&name);
    if (fault != NULL || m == NULL) {
        return fault != NULL ? fault : fault_member;
    }
    if (m->is_there || !take(r, ':')) {
        return m->is_there ? fault_twice : fault_text;
    }
    m->is_there = true;
    return m->is_list ? read_list(r, m->into) : read_word(r, m->into);
}

const char *json_read(struct slice text, struct json_member *members, uint32_t count)
{
    struct reader r = {.at = text.data, .end = text.data + text.size};

    if (!json_is_text(text)) {
        return "the text is not UTF-8";
    }
    if (!take(&r, '{')) {
        return fault_object;
    }
    if (next(&r) != '}') {
        do {
            const char *fault = read_member(&r, members, count);

            if (fault != NULL) {
                return fault;
            }
        } while (take(&r, ','));
    }
    if (!take(&r, '}')) {
        return fault_text;
    }
    return next(&r) == '\0' && r.at == r.end ? NULL : fault_text;
}
