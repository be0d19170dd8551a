/* model.h - what the keyspace must answer: a second implementation of the commands that
 * simulated users send, small and slow, which shares no code with src/kv. It keeps every version
 * of every key, so that a read can be repeated as of any index. */
#ifndef RAKIT_SIM_CHECKS_MODEL_H
#define RAKIT_SIM_CHECKS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { MODEL_ARGUMENTS_MAX = 32, MODEL_DATABASES = 16 };

struct model;

struct model *model_new(void);
void model_free(struct model *m);

/* Decodes a log entry's payload (src/kv/codec.h); false if it is not a command, or is longer
 * than those of users. */
bool model_decode(struct slice payload, uint32_t *ret_database, struct slice *arguments,
                  uint32_t *ret_count);

/* The same as its user has sent it: EXEC, or a command of a connection that watches keys. */
bool model_decode_sent(struct slice payload, uint32_t *ret_database, struct slice *arguments,
                       uint32_t *ret_count);

/* The log time of an entry, before it is executed. */
void model_note_time(struct model *m, uint64_t index, uint64_t time_us);
/* Entry `index` names a key that has expired; false: it has not, by the time of that entry. */
bool model_remove_expired(struct model *m, uint32_t database, uint64_t index, struct slice key);

/* The same for all keys that an entry names, and how many had expired; false: it is malformed. */
bool model_apply_expired(struct model *m, uint64_t index, struct slice payload,
                         uint64_t *ret_count);

/* Fields of hashes that were removed since they had expired. */
uint64_t model_expired_field_count(const struct model *m);

/* Whether the payload is a command under a number of ONCE (model_once.h). */
bool model_is_once(struct slice payload);

/* EXEC has payloads as arguments, of the commands that are executed together. As any command, it
 * is a read if all of them are. */

/* Executes a write as entry `index` (rising) and appends its RESP2 reply. False: users do not
 * send this command. */
bool model_write(struct model *m, uint32_t database, uint64_t index, const struct slice *arguments,
                 uint32_t count, struct buffer *reply);
/* The same for a read, as of entry `index`. */
bool model_read(const struct model *m, uint32_t database, uint64_t index,
                const struct slice *arguments, uint32_t count, struct buffer *reply);

/* Whether a key has the same value and expiry, or does not exist, as of entry `index`, and as of
 * entry `later_index` at the log time of entry `time_index`. */
bool model_is_same(const struct model *m, uint32_t database, struct slice key, uint64_t index,
                   uint64_t later_index, uint64_t time_index);

/* --- model_changes.c: what entries have changed --- */

/* Whether entry `index` has changed the key: it may have the same value as before. */
bool model_has_changed(const struct model *m, uint32_t database, uint64_t index, struct slice key);
/* How many keys with that prefix it has changed. */
uint32_t model_count_changed(const struct model *m, uint32_t database, struct slice prefix,
                             uint64_t index);
/* Whether the database has other keys since then, as a whole; and whether any database may have. */
bool model_is_replaced(const struct model *m, uint32_t database, uint64_t index);
bool model_was_arranged(const struct model *m, uint64_t index);
/* The value of a key as of that entry and its time; false: there is no such key. */
bool model_show(const struct model *m, uint32_t database, uint64_t index, struct slice key,
                struct slice *ret_value, bool *ret_is_hash);
/* How many keys with that prefix there are. */
void model_count_keys(const struct model *m, uint32_t database, uint64_t index, struct slice prefix,
                      uint64_t *ret_count);

#endif /* RAKIT_SIM_CHECKS_MODEL_H */
