#include "replica/memory.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "kv/codec.h"
#include "store/store.h"

enum {
    ARGUMENT_BYTES = 64, /* An item's header, its share of the table, and the allocator's. */
    ONCE_BYTES = 1024 + 128 + 128, /* A kept reply, a name, a record and an item. */
    GROWTH_ARGUMENTS = 16,         /* Most commands that may take more memory have fewer. */
};

static uint64_t growth_of(const struct memory_survey *s, const struct request *request,
                          struct slice *arguments, uint32_t arguments_max, uint64_t ahead_bytes)
{
    struct slice payload = entry_payload(request->entry);
    struct command_call call = {.command = request->command,
                                .arguments = arguments,
                                .keyspace = s->keyspace,
                                .commands = s->commands};
    struct command_head head;

    if (!command_payload_head(payload, &head) ||
        !command_payload_read(payload, arguments, arguments_max, &call.argument_count)) {
        return 0;
    }
    call.database = head.database;
    call.kv = keyspace_database(s->keyspace, head.database);
    return request->command->growth(&call, ahead_bytes);
}

/* What the command's value may take beyond its arguments. */
static uint64_t extra_bytes(const struct memory_survey *s, const struct request *request,
                            uint64_t ahead_bytes)
{
    struct slice few[GROWTH_ARGUMENTS];
    struct slice *many = NULL;
    struct command_head head;
    uint64_t bytes;

    if (request->command->growth == NULL || MUTANT(growth_by_arguments) ||
        !command_payload_head(entry_payload(request->entry), &head)) {
        return 0;
    }
    if (head.argument_count > GROWTH_ARGUMENTS) {
        many = memory_take(head.argument_count * sizeof *many);
    }
    bytes = growth_of(s, request, many == NULL ? few : many,
                      many == NULL ? GROWTH_ARGUMENTS : head.argument_count, ahead_bytes);
    free(many);
    return bytes;
}

uint64_t memory_growth_bytes(const struct memory_survey *s, const struct request *request)
{
    return store_entry_bytes(request->entry->size) + extra_bytes(s, request, 0);
}

/* For its item or items, and for its entry, which is in memory meanwhile. */
static uint64_t plain_bytes(const struct request *request)
{
    struct command_head head = {0};

    (void)command_payload_head(entry_payload(request->entry), &head);
    return 2 * (uint64_t)request->entry->size + (uint64_t)head.argument_count * ARGUMENT_BYTES +
           (head.once.client.size > 0 ? ONCE_BYTES : 0);
}

/* Commands that are not applied yet may change any value, and may for a moment take more than
 * they add in the end. */
static enum memory_verdict judge_growth(struct memory_survey *s, const struct request *request)
{
    uint64_t plain = plain_bytes(request);
    uint64_t ahead_bytes = s->ahead_bytes > 0 ? s->ahead_bytes : !s->is_settled;
    uint64_t most = plain + extra_bytes(s, request, MUTANT(ahead_not_counted) ? 0 : ahead_bytes);

    if (most + s->ahead_bytes <= s->room_bytes || MUTANT(growth_without_limit)) {
        s->ahead_bytes += most;
        return MEMORY_HAS_ROOM;
    }
    return plain + extra_bytes(s, request, 0) > s->room_bytes + s->cleared_bytes
               ? MEMORY_IS_SPENT
               : MEMORY_IS_AWAITED;
}

enum memory_verdict memory_judge(struct memory_survey *s, const struct request *request)
{
    enum memory_verdict verdict = MEMORY_HAS_ROOM;

    if (s->is_limited && (request->command->flags & COMMAND_DENY_OOM) != 0) {
        /* An earlier leader's commands may still add any amount. */
        verdict = s->is_known ? judge_growth(s, request) : MEMORY_IS_AWAITED;
    }
    if (verdict == MEMORY_HAS_ROOM) {
        s->is_settled = false;
    }
    return verdict;
}
