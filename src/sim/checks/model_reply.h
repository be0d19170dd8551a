/* model_reply.h - how the model writes replies and reads numbers. Private to the files of the
 * model. */
#ifndef RAKIT_SIM_CHECKS_MODEL_REPLY_H
#define RAKIT_SIM_CHECKS_MODEL_REPLY_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/slice.h"

#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

static inline void say(struct buffer *reply, const char *text)
{
    buffer_append(reply, text, strlen(text));
}

static inline void say_integer(struct buffer *reply, int64_t value)
{
    buffer_printf(reply, ":%" PRId64 "\r\n", value);
}

static inline void say_value(struct buffer *reply, bool is_there, struct slice value)
{
    if (!is_there) {
        say(reply, "$-1\r\n");
        return;
    }
    buffer_printf(reply, "$%zu\r\n", value.size);
    buffer_append(reply, value.data, value.size);
    say(reply, "\r\n");
}

static inline bool parse_integer(struct slice text, int64_t *ret_value)
{
    char copy[24];
    char again[24];
    char *end;

    if (text.size == 0 || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret_value = strtoll(copy, &end, 10);
    snprintf(again, sizeof again, "%" PRId64, *ret_value);
    return strcmp(copy, again) == 0; /* No "+1", " 1", "01", nor anything beyond 64 bits. */
}

#endif /* RAKIT_SIM_CHECKS_MODEL_REPLY_H */
