/* request.c - encoding a client's command for its way. */
#include "server/request.h"

#include "base/check.h"
#include "kv/codec.h"
#include "raft/raft.h"

void request_encode(struct request *request, const struct command *command, uint32_t argument_count,
                    const struct slice *arguments)
{
    size_t size = command_payload_size(argument_count, arguments);

    CHECK(size <= ENTRY_BYTES_MAX);
    request->command = command;
    request->entry = entry_new(RAFT_COMMAND, (uint32_t)size);
    request->executed_index = 0;
    command_payload_write(request->entry->data, argument_count, arguments);
}
