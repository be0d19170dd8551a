/* user_expiry.c - commands about keys that expire. */
#include "sim/cluster/user_private.h"

/* From a millisecond to some seconds. */
static void argument_ms(struct user *u)
{
    uint64_t most_ms = 1ull << prng_below(&u->expiry_prng, 14);

    user_argument_number(u, (uint32_t)prng_between(&u->expiry_prng, 1, most_ms));
}

static void make_set_with_lifetime(struct user *u)
{
    user_argument(u, "SET");
    user_argument_key(u);
    user_argument_value(u);
    if (prng_chance(&u->expiry_prng, 1, 4)) {
        user_argument(u, "KEEPTTL");
    } else {
        user_argument(u, "PX");
        argument_ms(u);
    }
    if (prng_chance(&u->expiry_prng, 1, 4)) {
        user_argument(u, "NX");
    }
}

void user_make_expiring_write(struct user *u)
{
    static const char *const conditions[] = {"NX", "XX", "GT", "LT"};
    uint64_t chance = prng_below(&u->expiry_prng, 10);

    if (chance < 5) {
        make_set_with_lifetime(u);
    } else if (chance < 8) {
        user_argument(u, "PEXPIRE");
        user_argument_key(u);
        argument_ms(u);
        if (prng_chance(&u->expiry_prng, 1, 2)) {
            user_argument(u, conditions[prng_below(&u->expiry_prng, 4)]);
        }
    } else if (chance < 9) {
        user_argument(u, "PERSIST");
        user_argument_key(u);
    } else {
        user_argument(u, "GETEX");
        user_argument_key(u);
        user_argument(u, "PX");
        argument_ms(u);
    }
}

bool user_lets_expire(struct user *u)
{
    return u->options.expiry_seed != 0 && prng_chance(&u->expiry_prng, 1, 4);
}

/* The witness knows PTTL only by itself. */
void user_make_expiry_read(struct user *u)
{
    bool is_pttl = u->options.exec_seed == 0 && prng_chance(&u->expiry_prng, 1, 2);

    user_argument(u, is_pttl ? "PTTL" : "PEXPIRETIME");
}
