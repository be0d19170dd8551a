#include "script/shebang.h"

#include "resp/errors.h"
#include "script/flags.h"

size_t shebang_size(struct slice body)
{
    const char *end;

    if (body.size < 2 || memcmp(body.data, "#!", 2) != 0) {
        return 0;
    }
    end = memchr(body.data, '\n', body.size);
    return end == NULL ? body.size : (size_t)(end - body.data);
}

/* Takes the text up to `separator` from the front. */
static struct slice take(struct slice *rest, char separator)
{
    const char *end = rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);
    struct slice word = *rest;

    if (end == NULL) {
        *rest = slice_of(NULL, 0);
    } else {
        word.size = (size_t)(end - rest->data);
        *rest = slice_of(end + 1, rest->size - word.size - 1);
    }
    return word;
}

static bool refuse(struct resp_writer *reply, const char *format, struct slice word)
{
    resp_errorf(reply, format, (int)(word.size < 128 ? word.size : 128),
                word.size == 0 ? "" : word.data);
    return false;
}

static bool read_flags(struct slice flags, struct shebang *s, struct resp_writer *reply)
{
    uint32_t read = 0;

    while (flags.size > 0) {
        struct slice flag = take(&flags, ',');

        if (!flags_add(flag, &read)) {
            return refuse(reply, ERROR_SHEBANG_FLAG, flag);
        }
    }
    s->no_writes = s->no_writes || (read & SCRIPT_NO_WRITES) != 0;
    return true;
}

bool shebang_read(struct slice body, struct shebang *ret, struct resp_writer *reply)
{
    struct slice rest = slice_of(body.data, shebang_size(body));
    struct slice engine;

    *ret = (struct shebang){.is_there = rest.size > 0};
    if (!ret->is_there) {
        return true;
    }
    rest = slice_of(rest.data + 2, rest.size - 2);
    engine = take(&rest, ' ');
    if (!slice_is(engine, "lua")) {
        return refuse(reply, ERROR_SHEBANG_ENGINE, engine);
    }
    while (rest.size > 0) {
        struct slice word = take(&rest, ' ');

        if (word.size >= 6 && memcmp(word.data, "flags=", 6) == 0) {
            if (!read_flags(slice_of(word.data + 6, word.size - 6), ret, reply)) {
                return false;
            }
        } else if (word.size > 0) {
            return refuse(reply, ERROR_SHEBANG_OPTION, word);
        }
    }
    return true;
}
