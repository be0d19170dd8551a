/* fuzz_payload.c - fuzz target: the payload of a log entry with a command. Whatever is accepted
 * is exactly what encoding its arguments gives: equal commands have equal payloads on every
 * node. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "fuzz_input.h"
#include "kv/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice payload = slice_of(data, size);
    uint8_t hinted = 0;
    struct slice first = command_payload_first(payload, &hinted);
    struct command_head head = {0};
    uint32_t count = 0;

    CHECK(first.size == 0 ||
          (first.data > payload.data && first.data + first.size <= payload.data + size));

    if (!command_payload_head(payload, &head)) {
        CHECK(!command_payload_read(payload, NULL, 0, &count));
        return 0;
    }
    CHECK(hinted == head.database || first.size == 0);
    CHECK(head.argument_count > 0);
    CHECK(head.argument_count <= size);

    /* Room for exactly as many as announced. */
    struct slice *arguments = memory_take(head.argument_count * sizeof *arguments);

    CHECK(!command_payload_read(payload, arguments, head.argument_count - 1, &count));
    if (command_payload_read(payload, arguments, head.argument_count, &count)) {
        CHECK(count == head.argument_count);
        CHECK(command_payload_size(&head, arguments) == size);
        CHECK(count < 2 || slice_equal(first, arguments[1]));

        char *again = memory_take(size);

        command_payload_write(again, &head, arguments);
        CHECK(memcmp(again, data, size) == 0);
        free(again);
    }
    free(arguments);
    return 0;
}
