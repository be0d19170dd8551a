/* table.h - the table of all commands, and users made of words, for these tests. */
#ifndef RAKIT_TESTS_USERS_TABLE_H
#define RAKIT_TESTS_USERS_TABLE_H

#include "users/users.h"

enum { WORDS_MAX = 32 };

const struct command_table *table(void);
/* At the newest level. */
struct rule_words table_words(void);
/* Divides a line at its blanks; returns how many words there are. */
uint32_t table_split(const char *line, struct slice words[WORDS_MAX]);
/* A user made by ACL SETUSER with these words. */
void table_make_user(struct user *user, const char *rules);

#endif /* RAKIT_TESTS_USERS_TABLE_H */
