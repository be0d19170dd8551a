/* fuzz_history.c - fuzz target: a file with a history of operations. What is read, written and
 * read again, is the same; a refusal says where. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "fuzz_input.h"
#include "lincheck/history.h"

static void write_all(const struct history *h, struct buffer *out)
{
    history_write_header(out);
    for (uint32_t i = 0; i < history_count(h); i++) {
        const struct history_operation *o = history_at(h, i);

        CHECK(o->argument_count > 0);
        CHECK((o->return_ns == HISTORY_OPEN) == (o->reply.kind == HISTORY_NOTHING));
        CHECK(history_reply_equal(&o->reply, &o->reply));
        history_write(out, o);
    }
}

static void check_again(const struct history *h)
{
    struct history *again = history_new();
    struct buffer first = {0};
    struct buffer second = {0};
    struct buffer error = {0};

    write_all(h, &first);
    CHECK(history_read(again, "again", buffer_slice(&first), &error) == 0);
    CHECK(history_count(again) == history_count(h));
    for (uint32_t i = 0; i < history_count(h); i++) {
        CHECK(history_reply_equal(&history_at(h, i)->reply, &history_at(again, i)->reply));
    }
    write_all(again, &second);
    CHECK(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    buffer_deinit(&first);
    buffer_deinit(&second);
    buffer_deinit(&error);
    history_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history *h = history_new();
    struct buffer error = {0};
    char *text = memory_copy(data, size);

    if (history_read(h, "input", slice_of(text, size), &error) == 0) {
        CHECK(buffer_size(&error) == 0);
        check_again(h);
    } else {
        CHECK(buffer_size(&error) > 0);
    }
    free(text);
    buffer_deinit(&error);
    history_free(h);
    return 0;
}
