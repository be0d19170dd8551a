#include "kv/call.h"

#include "kv/kv.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum { EXPECTED_KEYS = 16 };

void call_refuse_size(struct command_call *call, const char *advice)
{
    resp_errorf(call->reply, ERROR_REPLY_TOO_LARGE,
                (unsigned long long)kv_reply_bytes_max(call->kv), advice);
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

void call_reply_value(struct command_call *call)
{
    struct slice value;

    if (kv_get(call->kv, call->arguments[1], &value)) {
        resp_bulk(call->reply, value);
    } else {
        resp_null(call->reply);
    }
}
