#include "http/request.h"

#include <string.h>

#include "base/mutant.h"

enum { LENGTH_DIGITS_MAX = 15 };

static const char fault_line[] = "the request line must be METHOD /PATH HTTP/1.1";
static const char fault_field[] = "a header is not NAME: VALUE with a line end of CR and LF";
static const char fault_twice[] = "a header is there twice";
static const char fault_length[] = "Content-Length must be a number";
static const char fault_both[] = "Content-Length and Transfer-Encoding exclude each other";
static const char fault_encoding[] = "Transfer-Encoding is not taken: give Content-Length";

/* --- lines ---------------------------------------------------------------------------------- */

size_t request_head_size(struct slice text)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] != '\n') {
            continue;
        }
        if (text.data[i + 1] == '\n') {
            return i + 2; /* Refused later, but no reason to wait for more. */
        }
        if (i + 2 < text.size && text.data[i + 1] == '\r' && text.data[i + 2] == '\n') {
            return i + 3;
        }
    }
    return 0;
}

/* Takes one line off the front of `rest`, without its end. False: it has not ended as it must. */
static bool take_line(struct slice *rest, struct slice *ret_line)
{
    const char *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? 0 : (size_t)(end - rest->data);
    bool has_return = size > 0 && rest->data[size - 1] == '\r';

    if (end == NULL || (!has_return && !MUTANT(http_bare_line_ends))) {
        return false;
    }
    *ret_line = slice_of(rest->data, has_return ? size - 1 : size);
    *rest = slice_of(end + 1, rest->size - size - 1);
    return true;
}

/* Takes a word off the front of the line, and the blank behind it. */
static struct slice take_word(struct slice *line)
{
    const char *blank = line->size == 0 ? NULL : memchr(line->data, ' ', line->size);
    struct slice word =
        slice_of(line->data, blank == NULL ? line->size : (size_t)(blank - line->data));
    size_t used = word.size + (blank == NULL ? 0 : 1);

    *line = slice_of(line->data + used, line->size - used);
    return word;
}

/* --- the request line ----------------------------------------------------------------------- */

static bool equals(struct slice text, const char *word)
{
    return slice_equal(text, slice_str(word));
}

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!is_letter && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return text.size > 0;
}

static bool is_target(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.size > 0 && text.data[0] == '/';
}

static enum request_method method_of(struct slice word)
{
    return equals(word, "GET")    ? REQUEST_GET
           : equals(word, "HEAD") ? REQUEST_HEAD
           : equals(word, "POST") ? REQUEST_POST
                                  : REQUEST_OTHER;
}

static void split_target(struct slice target, struct request *r)
{
    const char *mark = memchr(target.data, '?', target.size);
    size_t size = mark == NULL ? target.size : (size_t)(mark - target.data);

    r->path = slice_of(target.data, size);
    r->query = mark == NULL ? slice_of("", 0) : slice_of(mark + 1, target.size - size - 1);
}

static int read_request_line(struct slice line, struct request *r, const char **ret_fault)
{
    struct slice method = take_word(&line);
    struct slice target = take_word(&line);

    *ret_fault = fault_line;
    if (!is_token(method) || !is_target(target)) {
        return 400;
    }
    if (!equals(line, "HTTP/1.1") && !equals(line, "HTTP/1.0")) {
        return line.size == 8 && memcmp(line.data, "HTTP/", 5) == 0 ? 505 : 400;
    }
    r->method = method_of(method);
    split_target(target, r);
    return 0;
}

/* --- headers -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"Host", offsetof(struct request, host)},
    {"Authorization", offsetof(struct request, authorization)},
    {"Content-Type", offsetof(struct request, content_type)},
    {"Origin", offsetof(struct request, origin)},
    {"Sec-Fetch-Site", offsetof(struct request, fetch_site)},
    {"Expect", offsetof(struct request, expect)},
    {"Content-Length", offsetof(struct request, length_text)},
    {"Transfer-Encoding", offsetof(struct request, encoding)},
};

/* NULL: it is of no interest. */
static struct slice *place_of(struct request *r, struct slice name)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (slice_is(name, fields[i].name)) {
            return (struct slice *)(void *)((char *)r + fields[i].offset);
        }
    }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trimmed(struct slice text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text = slice_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

static bool is_value(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static const char *read_field(struct slice line, struct request *r)
{
    const char *colon = memchr(line.data, ':', line.size);
    struct slice name = slice_of(line.data, colon == NULL ? 0 : (size_t)(colon - line.data));
    struct slice value;
    struct slice *place;

    if (!is_token(name)) {
        return fault_field;
    }
    value = trimmed(slice_of(colon + 1, line.size - name.size - 1));
    if (!is_value(value)) {
        return fault_field;
    }
    place = place_of(r, name);
    if (place != NULL && place->data != NULL &&
        !(MUTANT(http_lengths_differ) && place == &r->length_text)) {
        return fault_twice;
    }
    if (place != NULL) {
        *place = value;
    }
    return NULL;
}

/* --- the body ------------------------------------------------------------------------------- */

static bool read_length(struct slice text, uint64_t *ret_length)
{
    uint64_t length = 0;

    if (text.size == 0 || text.size > LENGTH_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        length = length * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_length = length;
    return true;
}

static int judge_body(struct request *r, const char **ret_fault)
{
    r->has_length = r->length_text.data != NULL;
    if (r->encoding.data != NULL && !MUTANT(http_encoding_ignored)) {
        *ret_fault = r->has_length ? fault_both : fault_encoding;
        return r->has_length ? 400 : 411;
    }
    if (r->has_length && !read_length(r->length_text, &r->length)) {
        *ret_fault = fault_length;
        return 400;
    }
    return 0;
}

int request_parse(struct slice head, struct request *ret_request, const char **ret_fault)
{
    struct slice line;
    int status;

    *ret_request = (struct request){.method = REQUEST_OTHER};
    *ret_fault = fault_line;
    if (!take_line(&head, &line)) {
        return 400;
    }
    status = read_request_line(line, ret_request, ret_fault);
    for (uint32_t i = 0; status == 0; i++) {
        *ret_fault = fault_field;
        if (!take_line(&head, &line)) {
            return 400;
        }
        if (line.size == 0) {
            break;
        }
        if (i == REQUEST_FIELDS_MAX) {
            *ret_fault = "there are too many headers";
            return 431;
        }
        *ret_fault = read_field(line, ret_request);
        status = *ret_fault == NULL ? 0 : 400;
    }
    return status != 0 ? status : judge_body(ret_request, ret_fault);
}
