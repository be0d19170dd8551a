#include "kv/hash_change.h"

#include "base/mutant.h"
#include "kv/call.h"
#include "kv/digest.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/errors.h"

enum {
    EXPIRED_AT_ONCE = 64,
    SMALL_ENOUGH = 2048, /* Bytes that a small hash may have anyway. */
};

uint64_t hash_now_ms(const struct command_call *call)
{
    MUTANT_DO(field_goes_by_clock, return call->time_us / 1000);
    return keyspace_now_ms(call->keyspace);
}

bool hash_read(struct command_call *call, struct slice *ret_value)
{
    bool exists;

    if (!call_find(call, 1, VALUE_HASH, ret_value, &exists)) {
        return false;
    }
    if (!exists) {
        *ret_value = hash_value_none();
    }
    return true;
}

/* --- changes -------------------------------------------------------------------------------- */

static bool may_grow(struct command_call *call, struct slice value, uint64_t field_count,
                     uint64_t bytes)
{
    if (field_count > 0 &&
        (hash_value_count(value, 0) + field_count > HASH_FIELDS_MAX ||
         hash_value_bytes_after(value, field_count, bytes) > KV_VALUE_BYTES_MAX)) {
        resp_errorf(call->reply, ERROR_HASH_TOO_LARGE, HASH_FIELDS_MAX);
        return false;
    }
    return true;
}

/* Of the table, if one is made: nobody can know it when the names of fields are chosen. */
static uint32_t seed_of(const struct command_call *call)
{
    return (uint32_t)digest_mix(call->index ^ call->time_us << 20);
}

bool hash_change_begin(struct hash_change *c, struct command_call *call, uint64_t field_count,
                       uint64_t bytes)
{
    struct kv_value old = {.traits = {.type = VALUE_HASH}};
    struct slice value;

    if (!hash_read(call, &value) || !may_grow(call, value, field_count, bytes)) {
        return false;
    }
    *c = (struct hash_change){.call = call, .key = call->arguments[1], .now_ms = hash_now_ms(call)};
    c->exists = kv_find(call->kv, c->key, &old);
    c->traits = old.traits;
    if (hash_value_is_large(value)) {
        kv_edit_begin(&c->in_place, call->kv, c->key);
        c->edit = &c->in_place.edit;
    } else {
        memory_edit_init(&c->copy, value);
        c->edit = &c->copy.edit;
    }
    if (hash_value_remove_expired(c->edit, c->now_ms, EXPIRED_AT_ONCE) > 0) {
        call_changed(call, EVENT_HASH, "hexpired", c->key);
    }
    return true;
}

bool hash_change_find(const struct hash_change *c, struct slice name, struct hash_field *ret_field)
{
    return hash_value_find(value_edit_slice(c->edit), name, c->now_ms, ret_field);
}

void hash_change_set(struct hash_change *c, struct slice name, struct slice value,
                     uint64_t expires_ms)
{
    struct hash_field field = {.name = name, .value = value, .expires_ms = expires_ms};

    hash_value_set(c->edit, &field, seed_of(c->call));
}

void hash_change_set_expiry(struct hash_change *c, const struct hash_field *field,
                            uint64_t expires_ms)
{
    if (field->expires_ms != expires_ms) {
        hash_value_set_expiry(c->edit, field, expires_ms, seed_of(c->call));
    }
}

bool hash_change_delete(struct hash_change *c, struct slice name)
{
    struct hash_field field;
    bool is_there = hash_change_find(c, name, &field);

    hash_value_delete(c->edit, name);
    return is_there;
}

/* Returns whether the key is gone. */
static bool store(struct hash_change *c)
{
    struct kv *kv = c->call->kv;
    bool is_empty = hash_value_count(value_edit_slice(c->edit), 0) == 0;

    if (c->edit == &c->in_place.edit) {
        kv_edit_end(&c->in_place);
        if (is_empty) {
            kv_delete(kv, c->key);
        }
        return is_empty;
    }
    if (c->edit->is_changed && !is_empty) {
        kv_put(kv, c->key, c->traits, value_edit_slice(c->edit));
    } else if (c->exists && is_empty) {
        kv_delete(kv, c->key);
    }
    memory_edit_deinit(&c->copy);
    return c->exists && is_empty;
}

void hash_change_end(struct hash_change *c, const char *event)
{
    bool is_gone = store(c);

    if (event != NULL) {
        call_changed(c->call, EVENT_HASH, event, c->key);
    }
    if (is_gone) {
        call_changed(c->call, EVENT_GENERIC, "del", c->key);
    }
}

/* --- sizes ---------------------------------------------------------------------------------- */

bool hash_check_size(struct command_call *call, uint32_t name)
{
    if (call->arguments[name].size + call->arguments[name + 1].size > HASH_FIELD_BYTES_MAX) {
        resp_errorf(call->reply, ERROR_FIELD_TOO_LARGE, HASH_FIELD_BYTES_MAX);
        return false;
    }
    return true;
}

uint64_t hash_growth(const struct command_call *call, uint64_t ahead)
{
    struct kv_value old = {.bytes = hash_value_none(), .traits = {.type = VALUE_HASH}};
    uint64_t bytes = ahead;

    if (kv_find(call->kv, call->arguments[1], &old) && old.traits.type != VALUE_HASH) {
        return 0; /* It will be refused, or the commands before it delete the key. */
    }
    for (uint32_t i = 2; i < call->argument_count; i++) {
        bytes += call->arguments[i].size;
    }

    uint64_t size = hash_value_bytes_after(old.bytes, call->argument_count / 2, bytes);

    if (size <= SMALL_ENOUGH) {
        return 0;
    }
    return call_growth(call, size < KV_VALUE_BYTES_MAX ? size : KV_VALUE_BYTES_MAX, ahead);
}
