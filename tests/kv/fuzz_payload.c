/* fuzz_payload.c - fuzz target: the payload of a log entry with a command. Whatever
 * is read as one is exactly what writing its arguments makes: equal commands have
 * equal payloads, on every node. */
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
    uint32_t announced = 0;
    uint32_t count = 0;
    uint8_t database = 0;

    CHECK(first.size == 0 ||
          (first.data > payload.data && first.data + first.size <= payload.data + size));

    if (!command_payload_head(payload, &database, &announced)) {
        CHECK(!command_payload_read(payload, NULL, 0, &count));
        return 0;
    }
    CHECK(hinted == database || first.size == 0);
    CHECK(announced > 0);
    CHECK(announced <= size);

    /* Room for exactly as many as were announced. */
    struct slice *arguments = memory_take(announced * sizeof *arguments);

    CHECK(!command_payload_read(payload, arguments, announced - 1, &count));
    if (command_payload_read(payload, arguments, announced, &count)) {
        CHECK(count == announced);
        CHECK(command_payload_size(count, arguments) == size);
        CHECK(count < 2 || slice_equal(first, arguments[1]));

        char *again = memory_take(size);

        command_payload_write(again, database, count, arguments);
        CHECK(memcmp(again, data, size) == 0);
        free(again);
    }
    free(arguments);
    return 0;
}
