/* hash_change.h - the hash of a key while a command changes it, and what commands on hashes share.
 * Private to the hash commands. */
#ifndef RAKIT_KV_HASH_CHANGE_H
#define RAKIT_KV_HASH_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"
#include "kv/edit.h"
#include "kv/hash_value.h"
#include "kv/traits.h"

struct hash_change {
    struct command_call *call;
    struct slice key;
    struct traits traits;
    uint64_t now_ms;
    bool exists;             /* Before the change. */
    struct value_edit *edit; /* Of one of these. */
    struct kv_edit in_place;
    struct memory_edit copy;
};

/* The log time that hides fields: that of the state, as for keys. The time of a read may be later,
 * and another one at each node. */
uint64_t hash_now_ms(const struct command_call *call);
/* The hash of the key in argument 1; without such a key, an empty one. False: an error was
 * replied. */
bool hash_read(struct command_call *call, struct slice *ret_value);

/* Begins a change of the key in argument 1, which sets up to `field_count` fields of so many bytes
 * in all. Fields that have expired are removed, a few at a time. False: an error was replied. */
bool hash_change_begin(struct hash_change *c, struct command_call *call, uint64_t field_count,
                       uint64_t bytes);
bool hash_change_find(const struct hash_change *c, struct slice name, struct hash_field *ret_field);
void hash_change_set(struct hash_change *c, struct slice name, struct slice value,
                     uint64_t expires_ms);
void hash_change_set_expiry(struct hash_change *c, const struct hash_field *field,
                            uint64_t expires_ms);
/* Whether there was such a field. */
bool hash_change_delete(struct hash_change *c, struct slice name);
/* Reports `event`, if any; a hash without fields is removed. */
void hash_change_end(struct hash_change *c, const char *event);

/* Checks the size of the field in arguments `name` and `name` + 1, or replies an error. */
bool hash_check_size(struct command_call *call, uint32_t name);
/* For rows of commands that set fields (command_growth). */
uint64_t hash_growth(const struct command_call *call, uint64_t ahead);

#endif /* RAKIT_KV_HASH_CHANGE_H */
