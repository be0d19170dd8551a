/* model_payload.c - reads payloads of log entries (src/kv/codec.h), with no code of src/kv. */
#include "sim/checks/model.h"
#include "sim/checks/model_once.h"

#include <string.h>

static bool take_varint(struct slice *rest, uint64_t *ret_value)
{
    *ret_value = 0;
    for (uint32_t shift = 0; shift < 63 && rest->size > 0; shift += 7) {
        unsigned char byte = (unsigned char)*rest->data;

        *rest = slice_of(rest->data + 1, rest->size - 1);
        *ret_value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            return true;
        }
    }
    return false;
}

/* Without a number of ONCE. */
static bool take_head(struct slice *rest, uint32_t *ret_database, uint64_t *ret_count)
{
    if (rest->size < 3 || rest->data[0] != 3 || rest->data[1] != 0) {
        return false;
    }
    *ret_database = (unsigned char)rest->data[2];
    *rest = slice_of(rest->data + 3, rest->size - 3);
    return take_varint(rest, ret_count) && *ret_count >= 1;
}

static bool take_argument(struct slice *rest, struct slice *ret_argument)
{
    uint64_t size;

    if (!take_varint(rest, &size) || size > rest->size) {
        return false;
    }
    *ret_argument = slice_of(rest->data, size);
    *rest = slice_of(rest->data + size, rest->size - size);
    return true;
}

bool model_is_once(struct slice payload)
{
    return payload.size >= 3 && payload.data[0] == 3 && (payload.data[1] & 1) != 0;
}

/* The rest of a payload. */
static bool take_arguments(struct slice payload, uint64_t count, struct slice *arguments,
                           uint32_t *ret_count)
{
    if (count > MODEL_ARGUMENTS_MAX) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!take_argument(&payload, &arguments[i])) {
            return false;
        }
    }
    *ret_count = (uint32_t)count;
    return payload.size == 0;
}

bool model_decode(struct slice payload, uint32_t *ret_database, struct slice *arguments,
                  uint32_t *ret_count)
{
    uint64_t count;

    return take_head(&payload, ret_database, &count) && *ret_database < MODEL_DATABASES &&
           take_arguments(payload, count, arguments, ret_count);
}

bool model_decode_once(struct slice payload, struct model_once *ret_once, uint32_t *ret_database,
                       struct slice *arguments, uint32_t *ret_count)
{
    uint64_t count;

    if (!model_is_once(payload)) {
        return false;
    }
    *ret_database = (unsigned char)payload.data[2];
    payload = slice_of(payload.data + 3, payload.size - 3);
    return *ret_database < MODEL_DATABASES && take_argument(&payload, &ret_once->client) &&
           take_varint(&payload, &ret_once->number) && take_varint(&payload, &ret_once->keep_s) &&
           take_varint(&payload, &count) && count >= 1 &&
           take_arguments(payload, count, arguments, ret_count);
}

bool model_apply_expired(struct model *m, uint64_t index, struct slice payload, uint64_t *ret_count)
{
    struct slice key;
    uint32_t database;
    uint64_t count;

    *ret_count = 0;
    if (!take_head(&payload, &database, &count) || !take_argument(&payload, &key)) {
        return false;
    }
    while (payload.size > 0) {
        if (!take_argument(&payload, &key)) {
            return false;
        }
        if (database < MODEL_DATABASES) {
            *ret_count += model_remove_expired(m, database, index, key) ? 1 : 0;
        }
    }
    return true;
}

/* What a node has made of a command: EXEC, or a command of a connection that watches. Returns
 * whether it goes on as a command of a user. */
static bool unwrap(uint32_t *database, struct slice *arguments, uint32_t *count)
{
    static const char name[] = {'T', 'R', 'A', 'N', 'S', 'A', 'C', 'T'};
    struct slice inner;
    char mode;

    if (*count < 2 || arguments[0].size < sizeof name ||
        memcmp(arguments[0].data, name, sizeof name) != 0) {
        return true;
    }
    mode = arguments[1].size == 0 ? 0 : arguments[1].data[0];
    if (mode == 2 && *count == 3) {
        inner = arguments[2];
        return model_decode(inner, database, arguments, count);
    }
    arguments[1] = slice_str(mode == 3 ? "WATCH" : "EXEC");
    memmove(arguments, arguments + 1, (*count - 1) * sizeof *arguments);
    *count -= 1;
    if (mode == 3) {
        arguments[1] = arguments[0]; /* Which keys does not matter. */
        *count = 2;
    }
    return mode == 1 || mode == 3;
}

bool model_decode_sent(struct slice payload, uint32_t *ret_database, struct slice *arguments,
                       uint32_t *ret_count)
{
    return model_decode(payload, ret_database, arguments, ret_count) &&
           unwrap(ret_database, arguments, ret_count);
}
