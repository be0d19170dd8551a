#include "users/users.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "base/varint.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "resp/errors.h"

static const char default_name[] = "default";

/* One user, as it is stored; what its rules mean is read when it is first asked for. */
struct known {
    struct user user;
    bool is_read;
    uint64_t id;
    char *item; /* Owned: the name, then the words. */
    size_t name_size;
    size_t size;
};

struct users {
    struct rule_words with;
    struct user open;   /* The default user, if nobody has changed it. */
    struct user nobody; /* Of connections that are not logged in: a node may ask to join. */
    bool is_open;       /* No user is stored. */
    const struct keyspace *keyspace;
    uint64_t digest;
    uint64_t version;
    struct known *all; /* By rising id: first the default user, if it was changed. */
    uint32_t count;
    uint32_t capacity;
};

/* --- what is stored -------------------------------------------------------------------------- */

static bool read_item(struct slice value, uint64_t *ret_id, struct slice *ret_words)
{
    *ret_words = value;
    return varint_read(ret_words, ret_id);
}

static bool find(struct keyspace *k, struct slice name, struct slice *ret_value)
{
    return keyspace_count(k, KEYSPACE_USERS) > 0 &&
           kv_get(keyspace_database(k, KEYSPACE_USERS), name, ret_value);
}

bool users_load(struct keyspace *k, const struct rule_words *with, struct slice name,
                struct user *ret_user)
{
    struct slice value;
    struct slice words;
    uint64_t id = 0;

    if (!find(k, name, &value) || !read_item(value, &id, &words)) {
        if (slice_equal(name, slice_str(default_name))) {
            user_init_default(ret_user);
        } else {
            user_init(ret_user);
        }
        ret_user->name = name;
        return false;
    }
    user_init(ret_user);
    ret_user->name = name;
    ret_user->id = id;
    if (!user_read(ret_user, with, words)) {
        user_deinit(ret_user);
        user_init(ret_user);
        ret_user->name = name;
        ret_user->id = id;
    }
    return true;
}

static void put_item(const struct user *user, struct buffer *out)
{
    char id[VARINT_BYTES_MAX];

    buffer_append(out, id, (size_t)(varint_write(id, user->id) - id));
    user_write(user, out);
}

size_t users_stored_bytes(const struct user *user)
{
    struct buffer item = {0};
    size_t size;

    put_item(user, &item);
    size = buffer_size(&item);
    buffer_deinit(&item);
    return size;
}

void users_store(struct keyspace *k, const struct user *user)
{
    struct buffer item = {0};

    put_item(user, &item);
    kv_set(keyspace_database(k, KEYSPACE_USERS), user->name, buffer_slice(&item));
    buffer_deinit(&item);
}

bool users_delete(struct keyspace *k, struct slice name)
{
    return keyspace_count(k, KEYSPACE_USERS) > 0 &&
           kv_delete(keyspace_database(k, KEYSPACE_USERS), name);
}

uint64_t users_count(const struct keyspace *k)
{
    return keyspace_count(k, KEYSPACE_USERS);
}

struct names {
    struct slice *all;
    size_t count;
};

static void add_name(struct names *n, struct slice name)
{
    n->all = memory_resize(n->all, (n->count + 1) * sizeof *n->all);
    n->all[n->count++] = name;
}

static void gather(void *context, struct slice key, const struct kv_value *value)
{
    if (!slice_equal(key, slice_str(default_name))) {
        add_name(context, key);
    }
}

static int compare_names(const void *one, const void *other)
{
    const struct slice *a = one;
    const struct slice *b = other;
    size_t size = a->size < b->size ? a->size : b->size;
    int order = size == 0 ? 0 : memcmp(a->data, b->data, size);

    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

void users_each_name(struct keyspace *k, void (*each)(void *context, struct slice name),
                     void *context)
{
    struct names names = {0};

    add_name(&names, slice_str(default_name));
    if (keyspace_count(k, KEYSPACE_USERS) > 0) {
        (void)kv_scan(keyspace_database(k, KEYSPACE_USERS), 0, UINT64_MAX, gather, &names);
    }
    qsort(names.all, names.count, sizeof *names.all, compare_names);
    for (size_t i = 0; i < names.count; i++) {
        each(context, names.all[i]);
    }
    free(names.all);
}

/* --- what is known --------------------------------------------------------------------------- */

struct users *users_new(const struct command_table *commands)
{
    struct users *u = memory_take_zeroed(1, sizeof *u);

    /* Rules that are stored were understood at the level of their entry. */
    u->with = (struct rule_words){.commands = commands, .level = UINT32_MAX};
    u->is_open = true;
    user_init_default(&u->open);
    user_init(&u->nobody);
    u->nobody.id = USER_NOBODY;
    u->nobody.name = slice_str("(nobody)");
    (void)user_apply_word(&u->nobody, &u->with, slice_str("+raft|add"));
    return u;
}

static void forget(struct users *u)
{
    for (uint32_t i = 0; i < u->count; i++) {
        if (u->all[i].is_read) {
            user_deinit(&u->all[i].user);
        }
        free(u->all[i].item);
    }
    u->count = 0;
}

void users_free(struct users *u)
{
    if (u != NULL) {
        forget(u);
        user_deinit(&u->open);
        user_deinit(&u->nobody);
        free(u->all);
        free(u);
    }
}

static void note(void *context, struct slice key, const struct kv_value *value)
{
    struct users *u = context;
    struct known known = {.name_size = key.size};
    struct slice words;

    if (!read_item(value->bytes, &known.id, &words)) {
        return;
    }
    known.size = key.size + words.size;
    known.item = memory_take(known.size + 1);
    memcpy(known.item, key.data, key.size);
    memcpy(known.item + key.size, words.data, words.size);
    if (u->count == u->capacity) {
        u->capacity = u->capacity == 0 ? 16 : 2 * u->capacity;
        u->all = memory_resize(u->all, u->capacity * sizeof *u->all);
    }
    u->all[u->count++] = known;
}

static int compare_ids(const void *one, const void *other)
{
    uint64_t a = ((const struct known *)one)->id;
    uint64_t b = ((const struct known *)other)->id;

    return (a > b) - (a < b);
}

void users_look(struct users *u, struct keyspace *k)
{
    uint64_t count = keyspace_count(k, KEYSPACE_USERS);
    struct kv *kv;

    if (count == 0 && u->is_open) {
        return;
    }
    kv = count == 0 ? NULL : keyspace_database(k, KEYSPACE_USERS);
    if (kv != NULL && u->keyspace == k && u->digest == kv_digest(kv) && u->count == count) {
        return;
    }
    forget(u);
    u->version++;
    u->is_open = count == 0;
    u->keyspace = k;
    u->digest = kv == NULL ? 0 : kv_digest(kv);
    if (kv != NULL) {
        (void)kv_scan(kv, 0, UINT64_MAX, note, u);
        qsort(u->all, u->count, sizeof *u->all, compare_ids);
    }
}

uint64_t users_version(const struct users *u)
{
    return u->version;
}

bool users_are_open(const struct users *u)
{
    return u->is_open;
}

bool users_have_default(const struct users *u)
{
    return u->count > 0 && u->all[0].id == USER_DEFAULT;
}

static const struct user *read(struct users *u, struct known *known)
{
    if (!known->is_read) {
        struct slice words =
            slice_of(known->item + known->name_size, known->size - known->name_size);

        known->is_read = true;
        user_init(&known->user);
        if (!user_read(&known->user, &u->with, words)) {
            user_deinit(&known->user);
            user_init(&known->user);
        }
        known->user.id = known->id;
        known->user.name = slice_of(known->item, known->name_size);
    }
    return &known->user;
}

const struct user *users_get(struct users *u, uint64_t id)
{
    uint32_t first = 0;
    uint32_t end = u->count;

    while (first < end) {
        uint32_t middle = first + (end - first) / 2;

        if (u->all[middle].id == id) {
            return read(u, &u->all[middle]);
        }
        if (u->all[middle].id < id) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return id == USER_DEFAULT ? &u->open : id == USER_NOBODY ? &u->nobody : NULL;
}

const struct user *users_named(struct users *u, struct slice name)
{
    for (uint32_t i = 0; i < u->count; i++) {
        if (slice_equal(slice_of(u->all[i].item, u->all[i].name_size), name)) {
            return read(u, &u->all[i]);
        }
    }
    return slice_equal(name, slice_str(default_name)) ? &u->open : NULL;
}

/* --- guards ---------------------------------------------------------------------------------- */

static bool admits(struct command_guard *guard, bool in_script, const struct command *command,
                   uint32_t argument_count, const struct slice *arguments,
                   struct resp_writer *reply)
{
    struct users_guard *g = (struct users_guard *)guard; /* Its first member. */
    struct judged v;

    if (g->user == NULL) {
        resp_error(reply, ERROR_USER_IS_GONE);
        return false;
    }
    v = user_judge(g->user, g->commands, command, argument_count, arguments, &guard->work);
    if (v.judgement == JUDGED_ALLOWED) {
        return true;
    }
    judged_refuse(&v, g->user, in_script, reply);
    if (g->refused != NULL) {
        g->refused(g, in_script, &v);
    }
    return false;
}

struct command_guard *users_guard_begin(struct users_guard *guard, struct users *users,
                                        struct keyspace *keyspace, uint64_t user)
{
    users_look(users, keyspace);
    if ((user == USER_DEFAULT && users_are_open(users)) || MUTANT(rights_not_judged)) {
        return NULL;
    }
    *guard = (struct users_guard){.guard = {.admits = admits},
                                  .commands = users->with.commands,
                                  .user = users_get(users, user)};
    return guard->user != NULL && user_is_unlimited(guard->user) ? NULL : &guard->guard;
}
