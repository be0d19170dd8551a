/* user_hash.c - commands about hashes. Their fields are few, and their values short, but some
 * hashes grow beyond what is kept as a list. */
#include <stdio.h>

#include "sim/cluster/user_private.h"

enum { FIELDS = 24, SET_AT_ONCE = 3, FIELD_VALUE_BYTES_MAX = 250 };

bool user_uses_hashes(struct user *u)
{
    return u->options.hash_seed != 0 && prng_chance(&u->hash_prng, 1, 4);
}

static void argument_field(struct user *u)
{
    char name[16];

    snprintf(name, sizeof name, "f%u", (unsigned)prng_below(&u->hash_prng, FIELDS));
    user_argument(u, name);
}

/* Ends with the number of the operation, as that of a key. */
static void argument_field_value(struct user *u)
{
    char value[FIELD_VALUE_BYTES_MAX + 32];
    uint64_t most = prng_chance(&u->hash_prng, 1, 2) ? FIELD_VALUE_BYTES_MAX : 8;
    uint64_t size = prng_below(&u->hash_prng, most);

    memset(value, 'v', size);
    snprintf(value + size, sizeof value - size, "#%llu",
             (unsigned long long)witness_next(u->options.witness));
    user_argument(u, value);
}

static void argument_ms(struct user *u, uint64_t least)
{
    uint64_t most_ms = 1ull << prng_below(&u->hash_prng, 14);

    user_argument_number(u, (uint32_t)prng_between(&u->hash_prng, least, most_ms));
}

static void arguments_pairs(struct user *u, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        argument_field(u);
        argument_field_value(u);
    }
}

/* FIELDS 2, a field, and one that does not exist, which names the operation. */
static void arguments_fields(struct user *u)
{
    user_argument(u, "FIELDS");
    user_argument_number(u, 2);
    argument_field(u);
    user_argument_operation(u);
}

/* Field by field the same as for keys. */
static void make_expiring(struct user *u)
{
    static const char *const conditions[] = {"NX", "XX", "GT", "LT"};
    uint64_t chance = prng_below(&u->hash_prng, 5);

    if (chance < 2) {
        user_argument(u, "HPEXPIRE");
        user_argument_name(u, 'h');
        argument_ms(u, 0);
        if (prng_chance(&u->hash_prng, 1, 2)) {
            user_argument(u, conditions[prng_below(&u->hash_prng, 4)]);
        }
        arguments_fields(u);
    } else if (chance < 3) {
        user_argument(u, "HPERSIST");
        user_argument_name(u, 'h');
        arguments_fields(u);
    } else {
        user_argument(u, "HSETEX");
        user_argument_name(u, 'h');
        if (prng_chance(&u->hash_prng, 1, 3)) {
            user_argument(u, "FXX");
        }
        user_argument(u, "PX");
        argument_ms(u, 1);
        user_argument(u, "FIELDS");
        user_argument_number(u, 1);
        arguments_pairs(u, 1);
    }
}

void user_make_hash_write(struct user *u)
{
    uint64_t chance = prng_below(&u->hash_prng, 20);

    if (chance < 6) {
        make_expiring(u);
        return;
    }
    user_argument(u, chance < 12   ? "HSET"
                     : chance < 13 ? "HSETNX"
                     : chance < 15 ? "HINCRBY"
                     : chance < 17 ? "HGETDEL"
                                   : "HDEL");
    user_argument_name(u, 'h');
    if (chance < 12) {
        arguments_pairs(u, (uint32_t)prng_between(&u->hash_prng, 1, SET_AT_ONCE));
    } else if (chance < 13) {
        arguments_pairs(u, 1);
    } else if (chance < 15) {
        if (prng_chance(&u->hash_prng, 1, 4)) {
            argument_field(u); /* Usually not a number. */
        } else {
            user_argument(u, "n");
        }
        user_argument_number(u, (uint32_t)prng_below(&u->hash_prng, 100));
    } else if (chance < 17) {
        arguments_fields(u);
    } else {
        argument_field(u);
        user_argument_operation(u);
    }
}

/* In a transaction replies are compared byte for byte, and HGETALL may have any order. */
void user_make_hash_read(struct user *u)
{
    static const char *const names[] = {"HGET", "HEXISTS", "HSTRLEN", "HMGET"};
    uint64_t chance = prng_below(&u->hash_prng, 8);

    if (chance < 2) {
        user_argument(u, chance == 0 || u->is_queueing ? "HLEN" : "HGETALL");
        user_argument_name(u, 'h');
    } else if (chance < 3) {
        user_argument(u, "HPEXPIRETIME");
        user_argument_name(u, 'h');
        user_argument(u, "FIELDS");
        user_argument_number(u, 1);
        argument_field(u);
    } else {
        user_argument(u, names[chance % 4]);
        user_argument_name(u, 'h');
        argument_field(u);
    }
}
