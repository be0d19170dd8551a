/* request.c - encodes a client's command, and decides which way it takes. */
#include "command/request.h"

#include "base/check.h"
#include "base/mutant.h"
#include "raft/raft.h"

void request_encode(struct request *request, const struct command *command, uint8_t database,
                    uint32_t argument_count, const struct slice *arguments)
{
    struct command_head head = {.database = database, .argument_count = argument_count};

    request_encode_head(request, command, &head, arguments);
}

void request_encode_head(struct request *request, const struct command *command,
                         const struct command_head *head, const struct slice *arguments)
{
    size_t size = command_payload_size(head, arguments);

    CHECK(size <= ENTRY_BYTES_MAX);
    request->command = command;
    request->entry = entry_new(RAFT_COMMAND, (uint32_t)size);
    request->executed_index = 0;
    command_payload_write(request->entry->data, head, arguments);
}

static bool is_logged_read(const struct request *request)
{
    return request->is_logged_read && !MUTANT(logged_read_not_logged);
}

bool request_is_write(const struct request *request)
{
    return (request->command->flags & COMMAND_WRITE) != 0 || is_logged_read(request);
}

bool request_is_read(const struct request *request)
{
    return (request->command->flags & COMMAND_READ) != 0 && !is_logged_read(request);
}

bool request_is_admin(const struct request *request)
{
    return !request_is_read(request) && !request_is_write(request);
}

bool request_changes_nothing(const struct request *request)
{
    return request_is_read(request) || request->is_logged_read || request->is_query;
}

bool request_is_forwarded(const struct request *request)
{
    return request->refused != NULL;
}
