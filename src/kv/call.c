#include "kv/call.h"

#include "base/mutant.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/kv_private.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum { EXPECTED_KEYS = 16 };

void call_refuse_size(struct command_call *call, const char *advice)
{
    resp_errorf(call->reply, ERROR_REPLY_TOO_LARGE,
                (unsigned long long)kv_reply_bytes_max(call->kv), advice);
}

bool call_value_fits(struct command_call *call, uint64_t size)
{
    if (size > CALL_VALUE_BYTES_MAX) {
        resp_errorf(call->reply, ERROR_LARGE_VALUE, CALL_VALUE_BYTES_MAX);
        return false;
    }
    return true;
}

bool call_read_integer(struct command_call *call, uint32_t index, int64_t *ret_value)
{
    if (!decimal_read(call->arguments[index], ret_value)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
        return false;
    }
    return true;
}

void call_expect_keys(const struct command_call *call, uint32_t index, uint32_t step)
{
    uint64_t hashes[EXPECTED_KEYS];
    uint32_t count = 0;

    if ((index - 1) / step % EXPECTED_KEYS != 0 || call->argument_count - index <= step) {
        return; /* The caller of the handler has prefetched a single key already. */
    }
    for (uint32_t i = index; i < call->argument_count && count < EXPECTED_KEYS; i += step) {
        hashes[count++] = kv_prefetch_bucket(call->kv, call->arguments[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        kv_prefetch_item(call->kv, hashes[i]);
    }
}

uint64_t call_growth(const struct command_call *call, size_t size, uint64_t ahead)
{
    /* The commands before it may delete the value, or replace it. */
    return kv_growth_bytes(ahead > 0 ? NULL : call->kv, call->arguments[1], size);
}

bool call_find(struct command_call *call, uint32_t index, enum value_type type,
               struct slice *ret_value, bool *ret_exists)
{
    struct kv_value value;

    *ret_exists = kv_find(call->kv, call->arguments[index], &value);
    if (!*ret_exists) {
        return true;
    }
    *ret_value = value.bytes;
    if (value.traits.type != type && !MUTANT(any_type_fits)) {
        resp_error(call->reply, ERROR_WRONG_TYPE);
        return false;
    }
    return true;
}

bool call_find_string(struct command_call *call, uint32_t index, struct slice *ret_value)
{
    bool exists;

    *ret_value = slice_of(NULL, 0);
    return call_find(call, index, VALUE_STRING, ret_value, &exists);
}

bool call_reply_value(struct command_call *call)
{
    struct slice value;
    bool exists;

    if (!call_find(call, 1, VALUE_STRING, &value, &exists)) {
        return false;
    }
    if (exists) {
        resp_bulk(call->reply, value);
    } else {
        resp_null(call->reply);
    }
    return true;
}

void call_changed(const struct command_call *call, enum event_class class, const char *name,
                  struct slice key)
{
    keyspace_report(call->keyspace, call->database, class, name, key);
}

void call_replaced(const struct command_call *call, uint32_t database)
{
    const struct keyspace_observer *observer = call->keyspace->common.observer;

    if (observer != NULL && observer->replaced != NULL) {
        observer->replaced(observer->context, database);
    }
}

uint64_t call_published(const struct command_call *call, const struct channel_message *message)
{
    const struct keyspace_observer *observer = call->keyspace->common.observer;

    return observer != NULL && observer->published != NULL
               ? observer->published(observer->context, message)
               : 0;
}
