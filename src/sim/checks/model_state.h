/* model_state.h - what the model knows: every version of every key, by database, and the log time
 * of each entry. Private to the files of the model. */
#ifndef RAKIT_SIM_CHECKS_MODEL_STATE_H
#define RAKIT_SIM_CHECKS_MODEL_STATE_H

#include "sim/checks/model.h"

struct model_version {
    uint64_t index; /* Of the entry that made it. */
    char *value;    /* Owned; NULL: no such key. */
    size_t size;
    uint64_t expires_ms; /* 0: never. */
    bool is_hash;        /* The value is its fields (model_hash.h). */
};

struct model_key {
    char *name;
    size_t size;
    struct model_version *versions; /* By rising index. */
    uint32_t version_count;
    uint32_t version_capacity;
};

struct model_table {
    struct model_key *keys;
    uint32_t key_count;
    uint32_t key_capacity;
    uint64_t expired_field_count; /* Removed from its hashes. */
};

/* The table of each database from an entry on. */
struct model_arrangement {
    uint64_t index;
    uint32_t tables[MODEL_DATABASES];
};

struct model {
    struct model_table *tables;
    uint32_t table_count;
    uint32_t table_capacity;
    struct model_arrangement *arrangements; /* By rising index; the first is of index 0. */
    uint32_t arrangement_count;
    uint32_t arrangement_capacity;
    uint64_t index;
    uint64_t *times_us; /* Log time, by index. */
    uint64_t time_capacity;
    struct model_session *sessions; /* Of clients that number their commands. */
    uint32_t session_count;
    uint32_t known_scripts; /* A bit for each that EVALSHA finds. */
    bool has_library;       /* Of the functions that FCALL finds. */
};

/* A table as of an entry and its time; what a write changes, too. */
struct model_place {
    struct model_table *table;
    uint64_t index;
    uint64_t now_ms;
    uint64_t now_us;
};

struct model_place model_place_at(const struct model *m, uint32_t database, uint64_t index);
struct model_place model_place_now(const struct model *m, uint32_t database);

/* model_commands.c: commands within one database; false: it is none. */
bool model_write_in_one(struct model_place to, const struct slice *arguments, uint32_t count,
                        struct buffer *reply);
bool model_read_in_one(struct model_place at, const struct slice *arguments, uint32_t count,
                       struct buffer *reply);

/* The number of a new, empty table. */
uint32_t model_table_new(struct model *m);
/* A copy of the last arrangement, as of the present entry; the caller changes it. */
struct model_arrangement *model_arrange(struct model *m);

/* A key's version as of an index, expired or not; NULL if there was none. */
const struct model_version *model_version_at(const struct model_key *key, uint64_t index);
const struct model_version *model_find(struct model_place at, struct slice name);
/* NULL if it has expired, too. */
const struct model_version *model_find_live(struct model_place at, struct slice name);
/* A string; false: there is none. */
bool model_value(struct model_place at, struct slice name, struct slice *ret_value);
/* 0: never, or there is no such key. */
uint64_t model_expiry(struct model_place at, struct slice name);
/* There is a hash. */
bool model_is_hash(struct model_place at, struct slice name);

/* Add the key's next version; this one takes over `value`. */
void model_set_take(struct model_place to, struct slice name, char *value, size_t size,
                    uint64_t expires_ms);
void model_set_until(struct model_place to, struct slice name, struct slice value,
                     uint64_t expires_ms);
void model_set(struct model_place to, struct slice name, struct slice value);
void model_set_hash(struct model_place to, struct slice name, struct slice fields,
                    uint64_t expires_ms);
/* The value of `v`, under this name, with that expiry. */
void model_copy(struct model_place to, struct slice name, const struct model_version *v,
                uint64_t expires_ms);
/* Whether there was such a key; what has expired goes as well. */
bool model_delete(struct model_place to, struct slice name);

#endif /* RAKIT_SIM_CHECKS_MODEL_STATE_H */
