#include "kv/codec.h"

#include "base/check.h"
#include "base/varint.h"

enum {
    FORMAT = 3, /* Format 1 had no database, format 2 no ONCE. */
    HAS_ONCE = 1,
    HAS_RESP3 = 2,
    HAS_USER = 4,
    FORMAT_BYTES = 3, /* With flags and database. */
};

size_t command_payload_size(const struct command_head *head, const struct slice *arguments)
{
    size_t size = FORMAT_BYTES + varint_size(head->argument_count);

    if (head->once.client.size > 0) {
        size += varint_size(head->once.client.size) + head->once.client.size +
                varint_size(head->once.number) + varint_size(head->once.keep_s);
    }
    if (head->user != 0) {
        size += varint_size(head->user);
    }
    for (uint32_t i = 0; i < head->argument_count; i++) {
        size += varint_size(arguments[i].size) + arguments[i].size;
    }
    return size;
}

static char *once_write(char *to, const struct command_once *once)
{
    CHECK(once->client.size <= COMMAND_CLIENT_BYTES_MAX);
    CHECK(once->number > 0);
    CHECK(once->keep_s > 0 && once->keep_s <= COMMAND_KEEP_S_MAX);
    to = varint_write(to, once->client.size);
    memcpy(to, once->client.data, once->client.size);
    to = varint_write(to + once->client.size, once->number);
    return varint_write(to, once->keep_s);
}

static unsigned flags_of(const struct command_head *head)
{
    const struct command_once *once = &head->once;
    unsigned flags =
        once->client.size == 0 ? 0 : HAS_ONCE | (once->resp_version == 3 ? HAS_RESP3 : 0);

    return flags | (head->user != 0 ? HAS_USER : 0);
}

static char *head_write(char *to, const struct command_head *head)
{
    *to++ = FORMAT;
    *to++ = (char)flags_of(head);
    *to++ = (char)head->database;
    if (head->once.client.size > 0) {
        to = once_write(to, &head->once);
    }
    if (head->user != 0) {
        to = varint_write(to, head->user);
    }
    return varint_write(to, head->argument_count);
}

void command_payload_write(char *to, const struct command_head *head, const struct slice *arguments)
{
    CHECK(head->argument_count > 0);
    CHECK(head->argument_count <= COMMAND_ARGUMENTS_MAX);
    to = head_write(to, head);
    for (uint32_t i = 0; i < head->argument_count; i++) {
        to = varint_write(to, arguments[i].size);
        if (arguments[i].size > 0) {
            memcpy(to, arguments[i].data, arguments[i].size);
        }
        to += arguments[i].size;
    }
}

static bool read_once(struct slice *rest, unsigned flags, struct command_once *ret_once)
{
    uint64_t size = 0;
    uint64_t keep_s = 0;

    if (!varint_read(rest, &size) || size == 0 || size > COMMAND_CLIENT_BYTES_MAX ||
        size > rest->size) {
        return false;
    }
    ret_once->client = slice_of(rest->data, (size_t)size);
    *rest = slice_of(rest->data + size, rest->size - (size_t)size);
    if (!varint_read(rest, &ret_once->number) || ret_once->number == 0 ||
        !varint_read(rest, &keep_s) || keep_s == 0 || keep_s > COMMAND_KEEP_S_MAX) {
        return false;
    }
    ret_once->keep_s = (uint32_t)keep_s;
    ret_once->resp_version = (flags & HAS_RESP3) != 0 ? 3 : 2;
    return true;
}

static bool are_flags(unsigned flags)
{
    return (flags & ~(unsigned)(HAS_ONCE | HAS_RESP3 | HAS_USER)) == 0 &&
           (flags & (HAS_ONCE | HAS_RESP3)) != HAS_RESP3;
}

static bool read_user(struct slice *rest, struct command_head *head)
{
    if (!varint_read(rest, &head->user) || head->user == 0) {
        return false;
    }
    head->once.user = head->user;
    return true;
}

/* Reads what precedes the first argument. */
static bool read_head(struct slice *rest, struct command_head *ret_head)
{
    struct command_head head = {0};
    uint64_t count = 0;

    if (rest->size < FORMAT_BYTES || rest->data[0] != FORMAT ||
        !are_flags((unsigned char)rest->data[1])) {
        return false;
    }

    unsigned flags = (unsigned char)rest->data[1];

    head.database = (uint8_t)rest->data[COMMAND_DATABASE_AT];
    *rest = slice_of(rest->data + FORMAT_BYTES, rest->size - FORMAT_BYTES);
    if (((flags & HAS_ONCE) != 0 && !read_once(rest, flags, &head.once)) ||
        ((flags & HAS_USER) != 0 && !read_user(rest, &head)) || !varint_read(rest, &count) ||
        count == 0 || count > COMMAND_ARGUMENTS_MAX || count > rest->size) {
        return false;
    }
    head.argument_count = (uint32_t)count;
    *ret_head = head;
    return true;
}

bool command_payload_head(struct slice payload, struct command_head *ret_head)
{
    return read_head(&payload, ret_head);
}

bool command_payload_read(struct slice payload, struct slice *arguments, uint32_t arguments_max,
                          uint32_t *ret_argument_count)
{
    struct slice rest = payload;
    struct command_head head;

    if (!read_head(&rest, &head) || head.argument_count > arguments_max) {
        return false;
    }
    for (uint32_t i = 0; i < head.argument_count; i++) {
        uint64_t size = 0;

        if (!varint_read(&rest, &size) || size > rest.size) {
            return false;
        }
        arguments[i] = slice_of(rest.data, (size_t)size);
        rest = slice_of(rest.data + size, rest.size - (size_t)size);
    }
    if (rest.size != 0) {
        return false;
    }
    *ret_argument_count = head.argument_count;
    return true;
}

struct slice command_payload_first(struct slice payload, uint8_t *ret_database)
{
    struct command_head head;
    uint64_t size = 0;

    if (!read_head(&payload, &head) || head.argument_count < 2) {
        return slice_of(NULL, 0);
    }
    *ret_database = head.database;
    for (int i = 0; i < 2; i++) {
        payload = slice_of(payload.data + size, payload.size - size);
        if (!varint_read(&payload, &size) || size > payload.size) {
            return slice_of(NULL, 0);
        }
    }
    return slice_of(payload.data, size);
}
