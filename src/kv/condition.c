#include "kv/condition.h"

#include "base/checksum.h"
#include "base/mutant.h"
#include "resp/errors.h"

uint32_t condition_read(const struct command_call *call, uint32_t i, struct condition *condition)
{
    static const char *const names[] = {
        [CONDITION_IFEQ] = "IFEQ",
        [CONDITION_IFNE] = "IFNE",
        [CONDITION_IFDEQ] = "IFDEQ",
        [CONDITION_IFDNE] = "IFDNE",
    };

    if (condition->kind != CONDITION_NONE || i + 1 >= call->argument_count) {
        return 0;
    }
    for (enum condition_kind kind = CONDITION_IFEQ; kind <= CONDITION_IFDNE; kind++) {
        if (slice_is(call->arguments[i], names[kind])) {
            *condition = (struct condition){kind, call->arguments[i + 1]};
            return 2;
        }
    }
    return 0;
}

static bool is_about_digest(const struct condition *condition)
{
    return condition->kind == CONDITION_IFDEQ || condition->kind == CONDITION_IFDNE;
}

static bool is_digest(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return text.size == CONDITION_DIGEST_BYTES;
}

bool condition_check(struct command_call *call, const struct condition *condition)
{
    if (is_about_digest(condition) && !is_digest(condition->operand)) {
        resp_error(call->reply, ERROR_DIGEST);
        return false;
    }
    return true;
}

void condition_write_digest(char to[CONDITION_DIGEST_BYTES], struct slice value)
{
    uint64_t digest = checksum(value.data, value.size);

    for (int i = CONDITION_DIGEST_BYTES - 1; i >= 0; i--) {
        to[i] = "0123456789abcdef"[digest & 15];
        digest >>= 4;
    }
}

static bool is_equal(const struct condition *condition, struct slice value)
{
    char digest[CONDITION_DIGEST_BYTES];

    if (!is_about_digest(condition)) {
        return slice_equal(condition->operand, value);
    }
    condition_write_digest(digest, value);
    return strncasecmp(digest, condition->operand.data, sizeof digest) == 0;
}

bool condition_holds(const struct condition *condition, const struct slice *value)
{
    bool wants_equal = condition->kind == CONDITION_IFEQ || condition->kind == CONDITION_IFDEQ;

    if (condition->kind == CONDITION_NONE || MUTANT(condition_ignored)) {
        return true;
    }
    return value == NULL ? !wants_equal : is_equal(condition, *value) == wants_equal;
}
