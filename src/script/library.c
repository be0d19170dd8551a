/* library.c - see library.h. A stored library is the number of its functions, the size of their
 * descriptions, these, and the source. One description is the flags, size and bytes of the name,
 * then a byte 0, or a byte 1 with size and bytes of the text. Numbers are varints. */
#include "script/library.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/split.h"
#include "base/varint.h"
#include "resp/errors.h"

enum { SHOWN_BYTES = 128 };

void library_deinit(struct library *library)
{
    buffer_deinit(&library->words);
    buffer_deinit(&library->collected);
    *library = (struct library){.function_count = 0};
}

/* --- names ---------------------------------------------------------------------------------- */

bool library_is_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_') {
            return false;
        }
    }
    return name.size > 0;
}

void library_append_lower(struct buffer *to, struct slice name)
{
    char *lower = buffer_reserve(to, name.size);

    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];

        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    buffer_commit(to, name.size);
}

/* --- the first line ----------------------------------------------------------------------- */

static bool refuse(struct resp_writer *reply, const char *error)
{
    resp_error(reply, error);
    return false;
}

static bool refuse_word(struct resp_writer *reply, const char *format, struct slice word)
{
    resp_errorf(reply, format, (int)(word.size < SHOWN_BYTES ? word.size : SHOWN_BYTES),
                word.size == 0 ? "" : word.data);
    return false;
}

size_t library_head_size(struct slice code)
{
    const char *end = code.size == 0 ? NULL : memchr(code.data, '\n', code.size);

    return end == NULL ? code.size : (size_t)(end - code.data);
}

/* A word after the engine: name=NAME. */
static bool read_word(struct slice word, struct library *to, struct resp_writer *reply)
{
    if (word.size < 5 || strncasecmp(word.data, "name=", 5) != 0) {
        return refuse_word(reply, ERROR_LIBRARY_METADATA_VALUE, word);
    }
    if (to->name.data != NULL) {
        return refuse(reply, ERROR_LIBRARY_NAMES);
    }
    to->name = slice_of(word.data + 5, word.size - 5);
    return true;
}

static bool read_words(struct split *s, struct library *to, struct slice *ret_engine,
                       struct resp_writer *reply)
{
    struct slice words[2];
    enum split_result result;

    *ret_engine = slice_of("", 0);
    for (uint32_t i = 0; (result = split_next(s, &words[i > 0])) == SPLIT_WORD; i++) {
        if (i == 0) {
            *ret_engine = slice_of(words[0].data + 2, words[0].size - 2);
        } else if (!read_word(words[1], to, reply)) {
            return false;
        }
    }
    return result == SPLIT_END || refuse(reply, ERROR_LIBRARY_METADATA);
}

/* Whether all quotes are closed, which Redis looks at first. */
static bool is_quoted_well(struct slice line, struct buffer *room)
{
    struct split s = {line.data, line.data + line.size, buffer_reserve(room, line.size + 1)};
    struct slice word;
    enum split_result result;

    while ((result = split_next(&s, &word)) == SPLIT_WORD) {
    }
    return result == SPLIT_END;
}

bool library_read_head(struct slice code, struct library *ret, struct resp_writer *reply)
{
    struct slice line = slice_of(code.data, library_head_size(code));
    struct slice engine;

    *ret = (struct library){.code = code};
    if (code.size < 2 || memcmp(code.data, "#!", 2) != 0) {
        return refuse(reply, ERROR_LIBRARY_METADATA_MISSING);
    }
    if (line.size == code.size || memchr(line.data, '\0', line.size) != NULL ||
        !is_quoted_well(line, &ret->words)) {
        return refuse(reply, ERROR_LIBRARY_METADATA);
    }

    struct split s = {line.data, line.data + line.size, buffer_reserve(&ret->words, line.size + 1)};

    if (!read_words(&s, ret, &engine, reply)) {
        return false;
    }
    if (ret->name.data == NULL) {
        return refuse(reply, ERROR_LIBRARY_NO_NAME);
    }
    if (!library_is_name(ret->name)) {
        return refuse(reply, ERROR_LIBRARY_NAME);
    }
    return slice_is(engine, "lua") || refuse_word(reply, ERROR_LIBRARY_ENGINE, engine);
}

/* --- functions ------------------------------------------------------------------------------ */

static void put_number(struct buffer *to, uint64_t number)
{
    char bytes[VARINT_BYTES_MAX];

    buffer_append(to, bytes, (size_t)(varint_write(bytes, number) - bytes));
}

static void put_text(struct buffer *to, struct slice text)
{
    put_number(to, text.size);
    buffer_append_slice(to, text);
}

void library_add_function(struct library *library, const struct library_function *function)
{
    struct buffer *to = &library->collected;

    put_number(to, function->flags);
    put_text(to, function->name);
    put_number(to, function->has_description);
    if (function->has_description) {
        put_text(to, function->description);
    }
    library->functions = buffer_slice(to);
    library->function_count++;
}

/* What is stored is sound: it has a checksum. */
static uint64_t take_number(struct slice *rest)
{
    uint64_t number = 0;
    bool is_there = varint_read(rest, &number);

    CHECK(is_there);
    return number;
}

static struct slice take_bytes(struct slice *rest, uint64_t size)
{
    struct slice bytes = slice_of(rest->data, size);

    CHECK(size <= rest->size);
    *rest = slice_of(rest->data + size, rest->size - size);
    return bytes;
}

bool library_take_function(struct slice *rest, struct library_function *ret)
{
    if (rest->size == 0) {
        return false;
    }
    *ret = (struct library_function){.flags = (uint32_t)take_number(rest)};
    ret->name = take_bytes(rest, take_number(rest));
    ret->has_description = take_number(rest) != 0;
    if (ret->has_description) {
        ret->description = take_bytes(rest, take_number(rest));
    }
    return true;
}

uint64_t library_bytes(const struct library *library)
{
    return library->code.size + library->functions.size +
           library->function_count * LIBRARY_FUNCTION_BYTES;
}

/* --- storing --------------------------------------------------------------------------------- */

void library_write(struct buffer *to, const struct library *library)
{
    put_number(to, library->function_count);
    put_text(to, library->functions);
    buffer_append_slice(to, library->code);
}

void library_read(struct slice name, struct slice stored, struct library *ret)
{
    *ret = (struct library){.name = name};
    ret->function_count = take_number(&stored);
    ret->functions = take_bytes(&stored, take_number(&stored));
    ret->code = stored;
}
