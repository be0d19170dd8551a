/* user.h - one user: passwords and rights. It is read from words in the language of ACL SETUSER,
 * and written as words, which is how it is stored. */
#ifndef RAKIT_USERS_USER_H
#define RAKIT_USERS_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "users/password.h"
#include "users/selector.h"

enum { USER_NAME_BYTES_MAX = 256, USER_BYTES_MAX = 64 * 1024, USER_WORDS_MAX = 1024 };

#define USER_DEFAULT 0ull       /* Each cluster has it. */
#define USER_NOBODY  UINT64_MAX /* Not logged in. */

struct user {
    uint64_t id;       /* The index of the entry that made it, so never used again. */
    struct slice name; /* Borrowed. */
    bool is_on;
    bool has_any_password; /* nopass */
    bool skips_sanitizing; /* A word that Redis has, without effect here. */
    uint32_t password_count;
    uint32_t selector_count;         /* At least 1. */
    struct password_hash *passwords; /* Owned. */
    struct selector *selectors;      /* Owned. */
};

/* One that may nothing. */
void user_init(struct user *u);
/* The default user, as long as nobody has changed it: it may all, without a password. */
void user_init_default(struct user *u);
void user_deinit(struct user *u);

/* What can be a name. */
bool user_is_name(struct slice name);
/* Applies words; a selector in parentheses may be several of them. True, or writes the error; then
 * some of them may have been applied. Passwords must be hashed already. */
bool user_apply(struct user *u, const struct rule_words *with, uint32_t count,
                const struct slice *words, struct resp_writer *reply);
/* Whether a word holds a password itself, rather than its hash. */
bool user_word_is_secret(struct slice word);
/* Applies one word; NULL, or why it can't be. */
const char *user_apply_word(struct user *u, const struct rule_words *with, struct slice word);
/* All of it as words with blanks between them, and back. */
void user_write(const struct user *u, struct buffer *out);
bool user_read(struct user *u, const struct rule_words *with, struct slice text);

bool user_is_unlimited(const struct user *u);
/* Takes as long whether it is the first or none. */
bool user_has_password(const struct user *u, const struct password_hash *hash);

#endif /* RAKIT_USERS_USER_H */
