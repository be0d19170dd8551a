/* expect_command.h - a data command, as an inline line, and its reply in RESP2, byte by byte. */
#ifndef RAKIT_TESTS_KV_EXPECT_COMMAND_H
#define RAKIT_TESTS_KV_EXPECT_COMMAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_command.h"

static inline void expect(struct keyspace *k, const char *line, const char *reply)
{
    struct buffer out = {0};

    assert_true(run_line(k, 0, 2, line, &out));
    buffer_append(&out, "", 1);
    assert_string_equal(buffer_begin(&out), reply);
    buffer_deinit(&out);
}

#endif /* RAKIT_TESTS_KV_EXPECT_COMMAND_H */
