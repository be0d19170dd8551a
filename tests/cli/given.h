/* given.h - what tests of the client start with: replies, written as the server sends them, and
 * the styles of a terminal and of a pipe. */
#ifndef RAKIT_TESTS_CLI_GIVEN_H
#define RAKIT_TESTS_CLI_GIVEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "base/style.h"

static const struct style terminal = {.terminal = true};
static const struct style colourful = {.terminal = true, .colour = true};
static const struct style plain_pipe = {.terminal = false};

/* Free it with freeReplyObject(). */
static inline redisReply *given_reply(const char *wire, size_t size)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    assert_int_equal(redisReaderFeed(reader, wire, size), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

/* For literals, which may contain NUL. */
#define GIVEN(wire) given_reply((wire), sizeof(wire) - 1)

/* Compares, and empties the buffer. */
static inline void assert_text(struct buffer *out, const char *expected)
{
    buffer_append(out, "", 1);
    assert_string_equal(buffer_begin(out), expected);
    buffer_deinit(out);
}

#define TEST(name) cmocka_unit_test(name)

#endif /* RAKIT_TESTS_CLI_GIVEN_H */
