/* history_read.c - reads histories from text; the format is in docs/HISTORY_FORMAT.md. It
 * refuses what it does not understand, because leaving out an operation could make a good
 * history look bad, or a bad one good. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "lincheck/arena.h"
#include "lincheck/history.h"

enum { FILE_BYTES_MAX = 1 << 30 };

struct reader {
    struct history *history;
    const char *name; /* Of the file. */
    uint32_t line;
    bool has_header;
    struct slice rest;   /* Of the line. */
    struct arena arena;  /* The line's words. */
    struct slice *words; /* Arguments. */
    uint32_t word_capacity;
    struct history_reply *elements;
    uint32_t element_capacity;
    struct buffer *error;
};

static int fault(struct reader *r, const char *what)
{
    buffer_printf(r->error, "%s:%" PRIu32 ": %s", r->name, r->line, what);
    return -1;
}

/* --- words ----------------------------------------------------------------------------- */

static void skip(struct reader *r, size_t size)
{
    r->rest = slice_of(r->rest.data + size, r->rest.size - size);
}

static void skip_blanks(struct reader *r)
{
    while (r->rest.size > 0 && (r->rest.data[0] == ' ' || r->rest.data[0] == '\t')) {
        skip(r, 1);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads what follows a backslash. Returns its length, or 0 if it is unknown. */
static size_t read_escape(struct slice s, char *ret_byte)
{
    static const char names[] = "\\\"nrt";
    static const char bytes[] = "\\\"\n\r\t";
    const char *name = s.size == 0 || s.data[0] == '\0' ? NULL : strchr(names, s.data[0]);

    if (name != NULL) {
        *ret_byte = bytes[name - names];
        return 1;
    }
    if (s.size < 3 || s.data[0] != 'x' || hex_digit(s.data[1]) < 0 || hex_digit(s.data[2]) < 0) {
        return 0;
    }
    *ret_byte = (char)(unsigned char)(16 * hex_digit(s.data[1]) + hex_digit(s.data[2]));
    return 3;
}

/* Called after the opening quote. */
static int read_quoted(struct reader *r, struct slice *ret_word)
{
    char *word = arena_take(&r->arena, r->rest.size);
    size_t size = 0;

    while (r->rest.size > 0 && r->rest.data[0] != '"') {
        char c = r->rest.data[0];

        skip(r, 1);
        if (c == '\\') {
            size_t used = read_escape(r->rest, &c);

            if (used == 0) {
                return fault(r, "unknown escape: \\\\, \\\", \\n, \\r, \\t and \\xHH are known");
            }
            skip(r, used);
        }
        word[size++] = c;
    }
    if (r->rest.size == 0) {
        return fault(r, "the closing quote is missing");
    }
    skip(r, 1);
    if (r->rest.size > 0 && r->rest.data[0] != ' ' && r->rest.data[0] != '\t') {
        return fault(r, "a blank must follow the closing quote");
    }
    *ret_word = slice_of(word, size);
    return 0;
}

static int read_word(struct reader *r, struct slice *ret_word)
{
    size_t size = 0;

    if (r->rest.size > 0 && r->rest.data[0] == '"') {
        skip(r, 1);
        return read_quoted(r, ret_word);
    }
    while (size < r->rest.size && r->rest.data[size] != ' ' && r->rest.data[size] != '\t') {
        char c = r->rest.data[size];

        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') {
            return fault(r, "this byte may only stand in quotes");
        }
        size++;
    }
    *ret_word = slice_of(r->rest.data, size);
    skip(r, size);
    return size == 0 ? fault(r, "a word is missing") : 0;
}

static bool parse_integer(struct slice text, int64_t *ret_value)
{
    char copy[24];
    char again[24];

    if (text.size == 0 || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret_value = strtoll(copy, NULL, 10);
    snprintf(again, sizeof again, "%" PRId64, *ret_value);
    return strcmp(copy, again) == 0;
}

/* --- replies ----------------------------------------------------------------------------- */

static int read_array(struct reader *r, struct history_reply *ret_reply);

static int read_reply(struct reader *r, bool may_be_array, struct history_reply *ret_reply)
{
    struct slice word;
    char kind = r->rest.size == 0 ? '\0' : r->rest.data[0];

    *ret_reply = (struct history_reply){0};
    if (kind == '[' && may_be_array) {
        skip(r, 1);
        return read_array(r, ret_reply);
    }
    if (kind == '+' || kind == '-') {
        skip(r, 1);
        ret_reply->kind = kind == '+' ? HISTORY_STATUS : HISTORY_ERROR;
        return read_word(r, &ret_reply->text);
    }
    if (kind == '"') {
        ret_reply->kind = HISTORY_STRING;
        return read_word(r, &ret_reply->text);
    }
    if (read_word(r, &word) < 0) {
        return -1;
    }
    if (slice_equal(word, slice_str("nil"))) {
        ret_reply->kind = HISTORY_NIL;
        return 0;
    }
    ret_reply->kind = HISTORY_INTEGER;
    if (kind != ':' ||
        !parse_integer(slice_of(word.data + 1, word.size - 1), &ret_reply->integer)) {
        return fault(r, "not a reply: +STATUS, -ERROR, :INTEGER, \"STRING\", nil or [ ... ]");
    }
    return 0;
}

/* Called after the opening bracket. */
static int read_array(struct reader *r, struct history_reply *ret_reply)
{
    uint32_t count = 0;

    for (skip_blanks(r); r->rest.size == 0 || r->rest.data[0] != ']'; skip_blanks(r)) {
        if (r->rest.size == 0) {
            return fault(r, "the closing bracket is missing");
        }
        if (count == r->element_capacity) {
            r->element_capacity = count == 0 ? 16 : 2 * count;
            r->elements = memory_resize(r->elements, r->element_capacity * sizeof *r->elements);
        }
        if (read_reply(r, false, &r->elements[count++]) < 0) {
            return -1;
        }
    }
    skip(r, 1);
    ret_reply->kind = HISTORY_ARRAY;
    ret_reply->elements = r->elements;
    ret_reply->element_count = count;
    return 0;
}

/* --- lines ------------------------------------------------------------------------------- */

static int read_time(struct reader *r, uint64_t *ret_time_ns)
{
    struct slice word;
    int64_t value;

    skip_blanks(r);
    if (read_word(r, &word) < 0) {
        return -1;
    }
    if (!parse_integer(word, &value) || value < 0) {
        return fault(r, "not a time in nanoseconds");
    }
    *ret_time_ns = (uint64_t)value;
    return 0;
}

/* "?": the operation is open; "?500": it is open, and settled at 500. */
static int read_open_return(struct reader *r, struct history_operation *operation)
{
    operation->return_ns = HISTORY_OPEN;
    skip(r, 1);
    if (r->rest.data[0] == ' ' || r->rest.data[0] == '\t') {
        return 0;
    }
    if (read_time(r, &operation->settled_ns) < 0) {
        return -1;
    }
    if (operation->settled_ns == 0 || operation->settled_ns < operation->invoke_ns) {
        return fault(r, "it is settled before it is called");
    }
    return 0;
}

static int read_return(struct reader *r, struct history_operation *operation)
{
    if (r->rest.size >= 2 && r->rest.data[0] == '?') {
        return read_open_return(r, operation);
    }
    if (read_time(r, &operation->return_ns) < 0) {
        return -1;
    }
    return operation->return_ns < operation->invoke_ns ? fault(r, "it returns before it is called")
                                                       : 0;
}

/* "[3]": the database, if it is not 0. */
static int read_database(struct reader *r, uint32_t *ret_database)
{
    struct slice word;
    int64_t number = 0;

    skip_blanks(r);
    if (r->rest.size == 0 || r->rest.data[0] != '[') {
        return 0;
    }
    if (read_word(r, &word) < 0) {
        return -1;
    }
    if (word.size < 3 || word.data[word.size - 1] != ']' ||
        !parse_integer(slice_of(word.data + 1, word.size - 2), &number) || number < 0 ||
        number > INT32_MAX) {
        return fault(r, "not the number of a database: [N]");
    }
    *ret_database = (uint32_t)number;
    return 0;
}

/* The command up to the arrow or the end of the line. *ret_arrow: whether there was an arrow. */
static int read_arguments(struct reader *r, struct history_operation *operation, bool *ret_arrow)
{
    *ret_arrow = false;
    for (skip_blanks(r); r->rest.size > 0; skip_blanks(r)) {
        bool is_quoted = r->rest.data[0] == '"';
        uint32_t count = operation->argument_count;

        if (count == r->word_capacity) {
            r->word_capacity = count == 0 ? 16 : 2 * count;
            r->words = memory_resize(r->words, r->word_capacity * sizeof *r->words);
        }
        if (read_word(r, &r->words[count]) < 0) {
            return -1;
        }
        if (!is_quoted && slice_is(r->words[count], "->")) {
            *ret_arrow = true;
            break;
        }
        operation->argument_count++;
    }
    operation->arguments = r->words;
    return operation->argument_count == 0 ? fault(r, "the command is missing") : 0;
}

static int read_operation(struct reader *r)
{
    struct history_operation operation = {.line = r->line, .file = r->name};
    bool has_reply;

    if (read_word(r, &operation.client) < 0 || read_time(r, &operation.invoke_ns) < 0) {
        return -1;
    }
    skip_blanks(r);

    bool is_open = r->rest.size >= 2 && r->rest.data[0] == '?';

    if (read_return(r, &operation) < 0) {
        return -1;
    }
    if (read_database(r, &operation.database) < 0 ||
        read_arguments(r, &operation, &has_reply) < 0) {
        return -1;
    }
    if (has_reply == is_open) {
        return fault(r, is_open ? "an operation with an unknown outcome (?) has no reply"
                                : "the reply is missing (-> REPLY)");
    }
    skip_blanks(r);
    if (has_reply && read_reply(r, true, &operation.reply) < 0) {
        return -1;
    }
    skip_blanks(r);
    if (r->rest.size > 0) {
        return fault(r, "the line goes on behind the reply");
    }
    history_add(r->history, &operation);
    return 0;
}

static int read_line(struct reader *r, struct slice line)
{
    r->line++;
    r->rest = line;
    skip_blanks(r);
    if (r->rest.size == 0 || r->rest.data[0] == '#') {
        return 0;
    }
    /* The header may be repeated, so that files can be joined with cat. */
    if (slice_equal(r->rest, slice_str("rakit-history 1"))) {
        r->has_header = true;
        return 0;
    }
    if (!r->has_header) {
        return fault(r, "not a history: the first line must be \"rakit-history 1\"");
    }

    int rc = read_operation(r);

    arena_reset(&r->arena);
    return rc;
}

static int read_lines(struct reader *r, struct slice text)
{
    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);

        if (end == NULL) {
            r->line++;
            return fault(r, "the last line is cut off: it has no end of line");
        }

        size_t size = (size_t)(end - text.data);

        if (read_line(r, slice_of(text.data, size)) < 0) {
            return -1;
        }
        text = slice_of(text.data + size + 1, text.size - size - 1);
    }
    /* An empty file probably comes from a recorder that failed. */
    return r->has_header ? 0 : fault(r, "not a history: it is empty");
}

int history_read(struct history *h, const char *name, struct slice text, struct buffer *error)
{
    struct reader r = {.history = h, .name = name, .error = error};
    int rc = read_lines(&r, text);

    arena_reset(&r.arena);
    free(r.words);
    free(r.elements);
    return rc;
}

/* --- files ------------------------------------------------------------------------------- */

int history_read_file(struct history *h, const char *path, struct buffer *error)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "rb");
    struct buffer text = {0};
    int rc = -1;

    if (file == NULL) {
        buffer_printf(error, "%s: %s", path, strerror(errno));
        return -1;
    }
    while (!feof(file) && !ferror(file) && buffer_size(&text) <= FILE_BYTES_MAX) {
        size_t room = 1 << 16;

        buffer_commit(&text, fread(buffer_reserve(&text, room), 1, room, file));
    }
    if (ferror(file)) {
        buffer_printf(error, "%s: %s", path, strerror(errno));
    } else if (buffer_size(&text) > FILE_BYTES_MAX) {
        buffer_printf(error, "%s: larger than 1 GB", path);
    } else {
        rc = history_read(h, is_input ? "(input)" : path, buffer_slice(&text), error);
    }
    if (!is_input) {
        fclose(file);
    }
    buffer_deinit(&text);
    return rc;
}
