/* lincheck_oracle.c - see lincheck_oracle.h. */
#include "lincheck_oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char no_value[] = "?";

enum { ORACLE_ARGUMENTS = 5 };

enum oracle_command {
    ORACLE_GET,
    ORACLE_SET,
    ORACLE_SET_NX,
    ORACLE_SET_GET,
    ORACLE_APPEND,
    ORACLE_INCR,
    ORACLE_DEL,
    ORACLE_GETDEL,
    ORACLE_STRLEN,
    ORACLE_SINGLE_COUNT,
    ORACLE_MSET = ORACLE_SINGLE_COUNT, /* Those from here on use both keys. */
    ORACLE_MGET,
    ORACLE_DEL_BOTH,
    ORACLE_MOVE, /* Of two databases. */
};

/* --- the keyspace ---------------------------------------------------------------------- */

static void quote(char *to, const char *value)
{
    if (strcmp(value, no_value) == 0) {
        strcpy(to, "nil");
    } else {
        snprintf(to, ORACLE_TEXT_BYTES + 2, "\"%s\"", value);
    }
}

static void set_number(char *to, int number)
{
    snprintf(to, ORACLE_TEXT_BYTES, "%d", number);
}

/* Two of the arguments are not numbers. */
static const char *argument_text(const struct oracle_operation *o)
{
    static const char *const texts[] = {"0", "1", "2", "x", "y"};

    return texts[o->argument];
}

static bool is_number(const char *value)
{
    return strpbrk(value, "xy") == NULL && (value[0] != '0' || value[1] == '\0');
}

static void execute_both(struct oracle_keys *k, const struct oracle_operation *o, char *reply)
{
    char first[ORACLE_TEXT_BYTES + 2];
    char second[ORACLE_TEXT_BYTES + 2];

    if (o->command == ORACLE_MSET) {
        strcpy(k->values[0], argument_text(o));
        strcpy(k->values[1], argument_text(o));
        strcpy(reply, "+OK");
    } else if (o->command == ORACLE_MGET) {
        quote(first, k->values[0]);
        quote(second, k->values[1]);
        sprintf(reply, "[ %s %s ]", first, second);
    } else {
        sprintf(reply, ":%d",
                (strcmp(k->values[0], no_value) != 0) + (strcmp(k->values[1], no_value) != 0));
        strcpy(k->values[0], no_value);
        strcpy(k->values[1], no_value);
    }
}

static void execute_move(struct oracle_keys *k, const struct oracle_operation *o, char *reply)
{
    char *from = k->values[o->key];
    char *to = k->values[1 - o->key];
    bool moves = strcmp(from, no_value) != 0 && strcmp(to, no_value) == 0;

    if (moves) {
        strcpy(to, from);
        strcpy(from, no_value);
    }
    sprintf(reply, ":%d", moves);
}

static void execute(struct oracle_keys *k, const struct oracle_operation *o, char *reply)
{
    char *value = k->values[o->key];
    bool is_there = strcmp(value, no_value) != 0;

    switch ((enum oracle_command)o->command) {
    case ORACLE_GET:
        quote(reply, value);
        break;
    case ORACLE_SET:
        strcpy(value, argument_text(o));
        strcpy(reply, "+OK");
        break;
    case ORACLE_SET_NX:
        strcpy(reply, is_there ? "nil" : "+OK");
        if (!is_there) {
            strcpy(value, argument_text(o));
        }
        break;
    case ORACLE_SET_GET:
        quote(reply, value);
        strcpy(value, argument_text(o));
        break;
    case ORACLE_APPEND:
        /* At most seven digits, far from an overflow. */
        strcpy(is_there ? value + strlen(value) : value, argument_text(o));
        sprintf(reply, ":%zu", strlen(value));
        break;
    case ORACLE_INCR:
        if (is_there && !is_number(value)) {
            strcpy(reply, "-\"ERR value is not an integer or out of range\"");
            break;
        }
        set_number(value, is_there ? atoi(value) + 1 : 1);
        sprintf(reply, ":%s", value);
        break;
    case ORACLE_DEL:
        sprintf(reply, ":%d", is_there);
        strcpy(value, no_value);
        break;
    case ORACLE_GETDEL:
        quote(reply, value);
        strcpy(value, no_value);
        break;
    case ORACLE_STRLEN:
        sprintf(reply, ":%zu", is_there ? strlen(value) : 0);
        break;
    case ORACLE_MOVE:
        execute_move(k, o, reply);
        break;
    default:
        execute_both(k, o, reply);
        break;
    }
}

static struct oracle_keys no_keys(void)
{
    struct oracle_keys k;

    strcpy(k.values[0], no_value);
    strcpy(k.values[1], no_value);
    return k;
}

/* --- making histories -------------------------------------------------------------------- */

static int compare_calls(const void *a, const void *b)
{
    return ((const struct oracle_operation *)a)->call - ((const struct oracle_operation *)b)->call;
}

static int compare_points(const void *a, const void *b)
{
    const struct oracle_operation *x = *(struct oracle_operation *const *)a;
    const struct oracle_operation *y = *(struct oracle_operation *const *)b;

    return x->point != y->point ? x->point - y->point : (x > y) - (x < y);
}

static uint32_t draw_command(struct prng *random, enum oracle_kind kind)
{
    uint32_t command;

    if (kind == ORACLE_TWO_KEYS) {
        return (uint32_t)prng_below(random, ORACLE_MOVE);
    }
    command =
        (uint32_t)prng_below(random, ORACLE_SINGLE_COUNT + (kind == ORACLE_TWO_DATABASES ? 4 : 0));
    return command < ORACLE_SINGLE_COUNT ? command : ORACLE_MOVE;
}

static void draw(struct oracle_operation *o, struct prng *random, enum oracle_kind kind)
{
    int length = (int)prng_below(random, 12);

    *o = (struct oracle_operation){
        .call = (int)prng_below(random, 20),
        .command = draw_command(random, kind),
        .key = kind == ORACLE_ONE_KEY ? 0 : (uint32_t)prng_below(random, ORACLE_KEYS),
        .argument = (int)prng_below(random, ORACLE_ARGUMENTS),
    };
    o->end = o->call + length;
    o->point = o->call + (int)prng_below(random, (uint64_t)length + 1);
    if (prng_chance(random, 1, 5)) {
        o->end = ORACLE_OPEN;
        o->point = prng_chance(random, 1, 2) ? ORACLE_OPEN : o->call + (int)prng_below(random, 30);
    }
}

static bool has_one_key(const struct oracle_operation *o)
{
    return o->command < ORACLE_SINGLE_COUNT;
}

/* Settles some of the open operations by one of the same key that returns. */
static void settle(struct oracle_history *h, struct prng *random, uint32_t i)
{
    uint32_t by = (uint32_t)prng_below(random, h->count);
    struct oracle_operation *open = &h->operations[i];
    const struct oracle_operation *settler = &h->operations[by];

    open->settler = ORACLE_OPEN;
    if (open->end != ORACLE_OPEN || settler->end == ORACLE_OPEN || settler->end < open->call ||
        settler->end == 0 || !has_one_key(open) || !has_one_key(settler) ||
        open->key != settler->key) {
        return;
    }
    open->settler = (int)by;
    if (open->point != ORACLE_OPEN && open->point >= settler->point) {
        open->point = ORACLE_OPEN;
    }
}

void oracle_make(struct oracle_history *h, struct prng *random, enum oracle_kind kind)
{
    struct oracle_operation *by_point[ORACLE_OPERATIONS_MAX];
    struct oracle_keys keys = no_keys();

    h->kind = kind;
    h->count = 1 + (uint32_t)prng_below(random, 7);
    for (uint32_t i = 0; i < h->count; i++) {
        draw(&h->operations[i], random, kind);
    }
    qsort(h->operations, h->count, sizeof h->operations[0], compare_calls);
    for (uint32_t i = 0; i < h->count; i++) {
        settle(h, random, i);
        by_point[i] = &h->operations[i];
    }
    qsort(by_point, h->count, sizeof(struct oracle_operation *), compare_points);
    for (uint32_t i = 0; i < h->count; i++) {
        if (by_point[i]->point != ORACLE_OPEN) {
            execute(&keys, by_point[i], by_point[i]->reply);
        }
    }
}

void oracle_spoil(struct oracle_history *h, struct prng *random)
{
    struct oracle_operation *o = &h->operations[prng_below(random, h->count)];
    struct oracle_keys keys = no_keys();

    for (uint32_t k = 0; k < ORACLE_KEYS; k++) {
        if (prng_chance(random, 2, 3)) {
            set_number(keys.values[k], (int)prng_below(random, prng_chance(random, 1, 2) ? 4 : 40));
            if (prng_chance(random, 1, 4)) {
                strcat(keys.values[k], prng_chance(random, 1, 2) ? "x" : "y");
            }
        }
    }
    execute(&keys, o, o->reply);
}

/* --- trying every order -------------------------------------------------------------------- */

struct attempt {
    const struct oracle_history *history;
    bool is_there[ORACLE_OPERATIONS_MAX]; /* It is called within the prefix. */
    bool returns[ORACLE_OPERATIONS_MAX];  /* It returns within the prefix. */
    bool is_placed[ORACLE_OPERATIONS_MAX];
};

/* Its settler is placed, or an operation that was called after the settler's return. */
static bool is_over(const struct attempt *a, uint32_t i)
{
    int settler = a->history->operations[i].settler;
    bool is_over = false;

    for (uint32_t k = 0; settler != ORACLE_OPEN && k < a->history->count; k++) {
        bool is_later = a->history->operations[k].call > a->history->operations[settler].end;

        is_over |= a->is_placed[k] && (is_later || ((int)k == settler && a->returns[k]));
    }
    return is_over;
}

static bool may_be_next(const struct attempt *a, uint32_t i)
{
    for (uint32_t k = 0; k < a->history->count; k++) {
        if (a->returns[k] && !a->is_placed[k] &&
            a->history->operations[k].end < a->history->operations[i].call) {
            return false;
        }
    }
    return a->is_there[i] && !a->is_placed[i] && !is_over(a, i);
}

static bool place_rest(struct attempt *a, const struct oracle_keys *keys)
{
    bool is_done = true;

    for (uint32_t i = 0; i < a->history->count; i++) {
        is_done &= a->is_placed[i] || !a->returns[i];
    }
    for (uint32_t i = 0; i < a->history->count && !is_done; i++) {
        struct oracle_keys after = *keys;
        char reply[2 * ORACLE_TEXT_BYTES];

        if (!may_be_next(a, i)) {
            continue;
        }
        execute(&after, &a->history->operations[i], reply);
        if (a->returns[i] && strcmp(reply, a->history->operations[i].reply) != 0) {
            continue;
        }
        a->is_placed[i] = true;
        is_done = place_rest(a, &after);
        a->is_placed[i] = false;
    }
    return is_done;
}

/* The number of returns up to that of operation `i`, included. */
static uint32_t return_number(const struct oracle_history *h, uint32_t i)
{
    uint32_t number = 0;

    for (uint32_t k = 0; k < h->count; k++) {
        number += h->operations[k].end < h->operations[i].end ||
                  (h->operations[k].end == h->operations[i].end && k <= i);
    }
    return number;
}

bool oracle_explains(const struct oracle_history *h, uint32_t returns)
{
    struct attempt a = {.history = h};
    struct oracle_keys keys = no_keys();
    int last = 0;

    for (uint32_t i = 0; i < h->count; i++) {
        a.returns[i] = h->operations[i].end != ORACLE_OPEN && return_number(h, i) <= returns;
        if (a.returns[i] && h->operations[i].end > last) {
            last = h->operations[i].end;
        }
    }
    for (uint32_t i = 0; i < h->count; i++) {
        a.is_there[i] = h->operations[i].call <= last;
    }
    return place_rest(&a, &keys);
}

uint32_t oracle_return_count(const struct oracle_history *h)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < h->count; i++) {
        count += h->operations[i].end != ORACLE_OPEN;
    }
    return count;
}

/* --- as text --------------------------------------------------------------------------------- */

void oracle_write(const struct oracle_history *h, struct buffer *out)
{
    static const char *const names[] = {"GET",    "SET",    "SET",  "SET",  "APPEND", "INCR", "DEL",
                                        "GETDEL", "STRLEN", "MSET", "MGET", "DEL",    "MOVE"};

    bool has_databases = h->kind == ORACLE_TWO_DATABASES;

    buffer_printf(out, "rakit-history 1\n");
    for (uint32_t i = 0; i < h->count; i++) {
        const struct oracle_operation *o = &h->operations[i];
        char end[16] = "?";
        uint32_t client = i;

        if (o->settler != ORACLE_OPEN) {
            client = (uint32_t)o->settler;
            snprintf(end, sizeof end, "?%d", h->operations[o->settler].end);
        }
        if (o->end != ORACLE_OPEN) {
            snprintf(end, sizeof end, "%d", o->end);
        }
        buffer_printf(out, "c%u %d %s %s%s ", client, o->call, end,
                      has_databases && o->key == 1 ? "[1] " : "", names[o->command]);
        if (o->command == ORACLE_MSET) {
            buffer_printf(out, "a %s b %s", argument_text(o), argument_text(o));
        } else if (o->command == ORACLE_MOVE) {
            buffer_printf(out, "a %u", 1 - o->key);
        } else if (o->command > ORACLE_MSET) {
            buffer_printf(out, "a b");
        } else {
            buffer_printf(out, "%c", has_databases ? 'a' : "ab"[o->key]);
        }
        if (o->command >= ORACLE_SET && o->command <= ORACLE_APPEND) {
            buffer_printf(out, " %s", argument_text(o));
        }
        buffer_printf(out, "%s",
                      o->command == ORACLE_SET_NX    ? " NX"
                      : o->command == ORACLE_SET_GET ? " GET"
                                                     : "");
        if (o->end != ORACLE_OPEN) {
            buffer_printf(out, " -> %s", o->reply);
        }
        buffer_printf(out, "\n");
    }
}
