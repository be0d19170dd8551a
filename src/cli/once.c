#include "cli/once.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/memory.h"
#include "cli/reply.h"

#define KEEP_S "3600" /* So many programs may run in a day, each of them a client. */

/* Whether this is its name, which is of two words in a family: FUNCTION|LIST. */
static bool is_named(const struct words *command, const char *name)
{
    struct slice first = command->word[0];
    const char *bar = strchr(name, '|');

    if (bar == NULL) {
        return slice_is(first, name);
    }
    return command->count > 1 && first.size == (size_t)(bar - name) &&
           strncasecmp((const char *)first.data, name, first.size) == 0 &&
           slice_is(command->word[1], bar + 1);
}

bool once_is_known(const struct once *o, const struct words *command, bool *ret_takes_once)
{
    for (uint32_t i = 0; i < o->known_count; i++) {
        if (is_named(command, o->known[i].name)) {
            *ret_takes_once = o->known[i].takes_once;
            return true;
        }
    }
    return false;
}

static bool writes(const redisReply *info)
{
    const redisReply *flags = reply_element(info, 2);

    for (size_t i = 0; i < reply_count(flags); i++) {
        if (slice_is(reply_text(reply_element(flags, i)), "write")) {
            return true;
        }
    }
    return false;
}

/* What describes the command: of a family, its member; NULL: there is no such member. */
static const redisReply *info_of(const struct words *command, const redisReply *info)
{
    const redisReply *members = reply_element(info, 9);

    for (size_t i = 0; i < reply_count(members); i++) {
        const redisReply *member = reply_element(members, i);
        struct slice text = reply_text(reply_element(member, 0));
        char name[ONCE_NAME_BYTES] = "";

        if (text.size < sizeof name) {
            memcpy(name, text.data, text.size);
        }
        if (is_named(command, name)) {
            return member;
        }
    }
    return reply_count(members) > 0 ? NULL : info;
}

void once_learn(struct once *o, const struct words *command, const redisReply *reply)
{
    const redisReply *whole = reply_element(reply, 0);
    const redisReply *info = info_of(command, whole);
    struct slice name = info == whole ? command->word[0] : reply_text(reply_element(info, 0));
    struct once_known *k = &o->known[o->known_count % ONCE_KNOWN_MAX];

    if (info == NULL || name.size >= sizeof k->name || o->known_count == ONCE_KNOWN_MAX) {
        return;
    }
    *k = (struct once_known){.takes_once = writes(info) && writes(reply_element(reply, 1))};
    memcpy(k->name, name.data, name.size);
    o->known_count++;
}

static void choose_name(struct once *o)
{
    uint64_t chance[2] = {0};
    ssize_t size = getrandom(chance, sizeof chance, 0);

    CHECK(size == (ssize_t)sizeof chance);
    snprintf(o->client, sizeof o->client, "cli-%013" PRIx64 "%013" PRIx64, chance[0] >> 12,
             chance[1] >> 12);
    o->next = 1;
}

struct words once_wrap(struct once *o, const struct words *command)
{
    struct words w = {.count = command->count + 5};
    char *number;

    if (o->client[0] == '\0') {
        choose_name(o);
    }
    w.word = memory_take(w.count * sizeof *w.word);
    w.bytes = memory_take(sizeof o->client + 24);
    memcpy(w.bytes, o->client, sizeof o->client);
    number = w.bytes + sizeof o->client;
    snprintf(number, 24, "%" PRIu64, o->next++);
    w.word[0] = slice_str("ONCE");
    w.word[1] = slice_str(w.bytes);
    w.word[2] = slice_str(number);
    w.word[3] = slice_str("KEEP");
    w.word[4] = slice_str(KEEP_S);
    memcpy(w.word + 5, command->word, command->count * sizeof *w.word);
    return w;
}

bool once_is_wrapped(const struct words *command)
{
    return command->count > 3 && slice_is(command->word[0], "ONCE");
}

void once_forget(struct once *o)
{
    o->client[0] = '\0';
}

void once_note(struct once *o, const struct words *command, const redisReply *reply)
{
    if (slice_is(command->word[0], "MULTI")) {
        o->is_in_multi = o->is_in_multi || !reply_is_error(reply);
    } else if (slice_is(command->word[0], "EXEC") || slice_is(command->word[0], "DISCARD") ||
               slice_is(command->word[0], "RESET")) {
        o->is_in_multi = false;
    }
}
