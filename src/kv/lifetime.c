#include "kv/lifetime.h"

#include "kv/call.h"
#include "kv/traits.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum { NAME_BYTES = 16 };

static const char *const names[] = {
    [LIFETIME_EX] = "EX",     [LIFETIME_PX] = "PX",           [LIFETIME_EXAT] = "EXAT",
    [LIFETIME_PXAT] = "PXAT", [LIFETIME_KEEPTTL] = "KEEPTTL", [LIFETIME_PERSIST] = "PERSIST",
};

bool lifetime_is_set(const struct lifetime *l)
{
    return l->kind >= LIFETIME_EX && l->kind <= LIFETIME_PXAT;
}

bool lifetime_is_absolute(const struct lifetime *l)
{
    return l->kind == LIFETIME_EXAT || l->kind == LIFETIME_PXAT;
}

static enum lifetime_kind kind_named(struct slice word, enum lifetime_kind other)
{
    for (enum lifetime_kind kind = LIFETIME_EX; kind <= LIFETIME_PXAT; kind++) {
        if (slice_is(word, names[kind])) {
            return kind;
        }
    }
    return slice_is(word, names[other]) ? other : LIFETIME_NONE;
}

uint32_t lifetime_read(const struct command_call *call, uint32_t i, enum lifetime_kind other,
                       struct lifetime *l)
{
    enum lifetime_kind kind = kind_named(call->arguments[i], other);

    if (kind == LIFETIME_NONE || (l->kind != LIFETIME_NONE && l->kind != kind)) {
        return 0;
    }
    l->kind = kind;
    if (!lifetime_is_set(l)) {
        return 1;
    }
    if (i + 1 == call->argument_count) {
        return 0;
    }
    l->number = call->arguments[i + 1];
    return 2;
}

void call_refuse_expire_time(struct command_call *call)
{
    char name[NAME_BYTES];
    size_t i = 0;

    for (; i < sizeof name - 1 && call->command->name[i] != '\0'; i++) {
        char letter = call->command->name[i];

        name[i] = (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
    }
    name[i] = '\0';
    resp_errorf(call->reply, ERROR_EXPIRE_TIME, name);
}

static bool read_ms(struct command_call *call, const struct lifetime *l, int64_t *ret_ms)
{
    bool is_seconds = l->kind == LIFETIME_EX || l->kind == LIFETIME_EXAT;
    int64_t number = 0;

    if (!decimal_read(l->number, &number)) {
        resp_error(call->reply, ERROR_NOT_AN_INTEGER);
        return false;
    }
    if (number <= 0 || (is_seconds && number > INT64_MAX / 1000)) {
        call_refuse_expire_time(call);
        return false;
    }
    *ret_ms = is_seconds ? number * 1000 : number;
    return true;
}

bool lifetime_check(struct command_call *call, const struct lifetime *l)
{
    int64_t ms = 0;

    return !lifetime_is_set(l) || read_ms(call, l, &ms);
}

bool lifetime_expiry(struct command_call *call, const struct lifetime *l, uint64_t *ret_expires_ms)
{
    int64_t from_ms = lifetime_is_absolute(l) ? 0 : call_now_ms(call);
    int64_t ms = 0;

    *ret_expires_ms = 0;
    if (!lifetime_is_set(l)) {
        return true;
    }
    if (!read_ms(call, l, &ms)) {
        return false;
    }
    if (ms > INT64_MAX - from_ms) {
        call_refuse_expire_time(call);
        return false;
    }
    *ret_expires_ms = lifetime_trait(from_ms + ms);
    return true;
}

uint64_t lifetime_trait(int64_t at_ms)
{
    return at_ms > (int64_t)EXPIRES_MS_MAX ? EXPIRES_MS_MAX : (uint64_t)at_ms;
}
