#include "command/describe.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "command/transaction.h"
#include "kv/codec.h"

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

/* Needs no quotes. */
static bool is_plain(struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char c = bytes.data[i];

        if (!is_printable(c) || c == ' ' || c == '"' || c == '\\') {
            return false;
        }
    }
    return bytes.size > 0;
}

static void put_quoted(struct buffer *out, struct slice bytes)
{
    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < bytes.size; i++) {
        char c = bytes.data[i];

        if (c == '"' || c == '\\') {
            buffer_append(out, (const char[]){'\\', c}, 2);
        } else if (is_printable(c)) {
            buffer_append(out, &c, 1);
        } else {
            buffer_printf(out, "\\x%02x", (unsigned char)c);
        }
    }
    buffer_append(out, "\"", 1);
}

void command_describe_argument(struct buffer *out, struct slice argument, size_t bytes_max)
{
    struct slice shown =
        slice_of(argument.data, argument.size < bytes_max ? argument.size : bytes_max);

    if (is_plain(shown)) {
        buffer_append_slice(out, shown);
    } else {
        put_quoted(out, shown);
    }
    if (shown.size < argument.size) {
        buffer_printf(out, "...(%zu bytes)", argument.size);
    }
}

struct slice command_shown_argument(const struct slice *arguments, uint32_t i)
{
    static const char change_of_users[] = "ACL_CHANGE"; /* users/commands.h */
    bool is_hash = i > 2 && arguments[i].size > 0 &&
                   (arguments[i].data[0] == '#' || arguments[i].data[0] == '!');

    return is_hash && slice_is(arguments[0], change_of_users) && !MUTANT(hashes_are_shown)
               ? slice_str("#(hidden)")
               : arguments[i];
}

static void put_arguments(struct buffer *out, uint32_t count, const struct slice *arguments,
                          uint32_t arguments_max, size_t argument_bytes_max)
{
    for (uint32_t i = 0; i < count && i < arguments_max; i++) {
        buffer_append(out, " ", i > 0 ? 1 : 0);
        command_describe_argument(out, command_shown_argument(arguments, i), argument_bytes_max);
    }
    if (count > arguments_max) {
        buffer_printf(out, " ...(%u arguments)", (unsigned)count);
    }
}

static void describe(struct buffer *out, struct slice payload, uint32_t arguments_max,
                     size_t argument_bytes_max, bool is_within);

/* A transaction: its commands in parentheses, and how many keys are watched. */
static void put_transaction(struct buffer *out, uint32_t count, const struct slice *arguments,
                            uint32_t arguments_max, size_t argument_bytes_max)
{
    struct slice rest = arguments[1].size > 0
                            ? slice_of(arguments[1].data + 1, arguments[1].size - 1)
                            : arguments[1];
    struct watched watched;
    unsigned watched_count = 0;

    command_describe_argument(out, arguments[0], argument_bytes_max);
    while (watched_take(&rest, &watched)) {
        watched_count++;
    }
    if (watched_count > 0) {
        buffer_printf(out, " watching %u", watched_count);
    }
    for (uint32_t i = TRANSACTION_FIRST; i < count && i < arguments_max + TRANSACTION_FIRST; i++) {
        buffer_printf(out, " (");
        describe(out, arguments[i], arguments_max, argument_bytes_max, true);
        buffer_printf(out, ")");
    }
    if (count > arguments_max + TRANSACTION_FIRST) {
        buffer_printf(out, " ...(%u commands)", (unsigned)(count - TRANSACTION_FIRST));
    }
}

static void describe(struct buffer *out, struct slice payload, uint32_t arguments_max,
                     size_t argument_bytes_max, bool is_within)
{
    struct command_head head;
    uint32_t count = 0;

    if (!command_payload_head(payload, &head)) {
        buffer_printf(out, "(unreadable)");
        return;
    }

    struct slice *arguments = memory_take(head.argument_count * sizeof *arguments);

    if (!command_payload_read(payload, arguments, head.argument_count, &count)) {
        buffer_printf(out, "(unreadable)");
    } else {
        if (head.database != 0) {
            buffer_printf(out, "[%u] ", (unsigned)head.database);
        }
        if (head.once.client.size > 0) {
            buffer_append(out, "ONCE ", 5);
            command_describe_argument(out, head.once.client, argument_bytes_max);
            buffer_printf(out, " %llu ", (unsigned long long)head.once.number);
        }
        if (count > 1 && transaction_is(arguments[0]) && !is_within) {
            put_transaction(out, count, arguments, arguments_max, argument_bytes_max);
        } else {
            put_arguments(out, count, arguments, arguments_max, argument_bytes_max);
        }
    }
    free(arguments);
}

void command_describe(struct buffer *out, struct slice payload, uint32_t arguments_max,
                      size_t argument_bytes_max)
{
    describe(out, payload, arguments_max, argument_bytes_max, false);
}
