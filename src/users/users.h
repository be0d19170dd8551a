/* users.h - all users of the cluster, as the keyspace has them (KEYSPACE_USERS): replicated state,
 * in snapshots and digests, the same on every node from the same index on. This keeps them in a
 * form that can be judged by, and notices by itself when they have changed.
 *
 * An item's key is the user's name; its value is the user's id, as a varint, and its rules as
 * words. A user whose rules this program does not understand may nothing. */
#ifndef RAKIT_USERS_USERS_H
#define RAKIT_USERS_USERS_H

#include "users/judge.h"

enum { USERS_MAX = 4096 };

struct keyspace;
struct users;

struct users *users_new(const struct command_table *commands);
void users_free(struct users *u);

/* Takes note of what has changed; to be called before the functions below. */
void users_look(struct users *u, struct keyspace *keyspace);
/* Changes with each change of users. */
uint64_t users_version(const struct users *u);
/* Nobody has changed the default user, or made another one: everybody may all. */
bool users_are_open(const struct users *u);
/* The default user was changed; otherwise it is as user_init_default() makes it. */
bool users_have_default(const struct users *u);
/* NULL: there is none. Borrowed until the next change. */
const struct user *users_get(struct users *u, uint64_t id);
const struct user *users_named(struct users *u, struct slice name);

/* The guard of a call by that user; NULL: the user may all. */
struct users_guard {
    struct command_guard guard;
    const struct command_table *commands;
    const struct user *user; /* NULL: there is none any more. */
    /* Called when something is refused; or NULL. */
    void (*refused)(struct users_guard *guard, bool in_script, const struct judged *v);
    void *context;
};

struct command_guard *users_guard_begin(struct users_guard *guard, struct users *users,
                                        struct keyspace *keyspace, uint64_t user);

/* --- stored users: for commands, which do not depend on what a node has noted -------------- */

/* Reads the user of that name; false: there is none, and `ret_user` is a new one, which may
 * nothing, or the default user. The name is borrowed; user_deinit() must follow. */
bool users_load(struct keyspace *keyspace, const struct rule_words *with, struct slice name,
                struct user *ret_user);
/* How long its item would be. */
size_t users_stored_bytes(const struct user *user);
void users_store(struct keyspace *keyspace, const struct user *user);
bool users_delete(struct keyspace *keyspace, struct slice name);
uint64_t users_count(const struct keyspace *keyspace);
/* Calls `each` with all names in order; the default user is always among them. */
void users_each_name(struct keyspace *keyspace, void (*each)(void *context, struct slice name),
                     void *context);

#endif /* RAKIT_USERS_USERS_H */
