/* table.c - all commands of a node, by name: a hash with open addressing. */
#include "command/table.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/mutant.h"
#include "kv/keyspace.h"
#include "kv/kv.h"
#include "kv/subcommand.h"
#include "resp/decimal.h"
#include "resp/errors.h"

enum { NAME_BYTES_MAX = 15 }; /* Of a command. */

_Static_assert(COMMANDS_MAX < COMMAND_PLACES, "a search ends at an empty place");
_Static_assert((COMMAND_PLACES & (COMMAND_PLACES - 1)) == 0, "a power of two");

static inline unsigned upper(char letter)
{
    return (unsigned char)(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
}

static uint32_t first_place(struct slice name)
{
    uint32_t hash = (uint32_t)name.size;

    for (size_t i = 0; i < name.size; i++) {
        hash = hash * 0x01000193 + upper(name.data[i]);
    }
    return (hash * 0x9e3779b1 >> 16) & (COMMAND_PLACES - 1);
}

static uint32_t next_place(uint32_t place)
{
    return (place + 1) & (COMMAND_PLACES - 1);
}

static bool is_named(const struct command *command, struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        /* Stops at the end of a shorter name too, unless `name` has a zero byte there. */
        if (upper(name.data[i]) != (unsigned char)command->name[i] || name.data[i] == '\0') {
            return false;
        }
    }
    return command->name[name.size] == '\0';
}

const struct command *command_find(const struct command_table *t, struct slice name)
{
    if (name.size > NAME_BYTES_MAX) {
        return NULL;
    }

    uint32_t place = first_place(name);

    while (t->places[place] != NULL && !is_named(t->places[place], name)) {
        place = next_place(place);
    }
    return t->places[place];
}

const struct command *command_find_public(const struct command_table *t, struct slice name)
{
    const struct command *command = command_find(t, name);

    return command == NULL || (command->flags & COMMAND_INTERNAL) != 0 ? NULL : command;
}

const struct command *command_for(const struct command *command, uint32_t argument_count,
                                  const struct slice *arguments)
{
    return command == NULL || command->choose == NULL || MUTANT(subcommands_are_alike)
               ? command
               : command->choose(argument_count, arguments);
}

/* --- putting it together ---------------------------------------------------------------- */

static void add_place(struct command_table *t, const struct command *command)
{
    uint32_t place = first_place(slice_str(command->name));

    while (t->places[place] != NULL) {
        place = next_place(place);
    }
    t->places[place] = command;
}

static void add_row(struct command_table *t, const struct command *command)
{
    uint32_t i = t->count;

    CHECK(t->count < COMMANDS_MAX);
    CHECK(strlen(command->name) <= NAME_BYTES_MAX);
    CHECK(command_find(t, slice_str(command->name)) == NULL);
    for (; i > 0 && strcmp(t->rows[i - 1]->name, command->name) > 0; i--) {
        t->rows[i] = t->rows[i - 1];
    }
    t->rows[i] = command;
    t->count++;
    add_place(t, command);
}

void command_table_add(struct command_table *t, const struct command *rows)
{
    for (; rows->name != NULL; rows++) {
        add_row(t, rows);
    }
}

void command_table_share(struct command_table *t, const struct command_table *from,
                         const char *name)
{
    const struct command *command = command_find(from, slice_str(name));

    if (command != NULL) {
        add_row(t, command);
    }
}

/* --- keys -------------------------------------------------------------------------------- */

bool command_key_range(const struct command *command, uint32_t argument_count,
                       const struct slice *arguments, uint32_t *ret_first, uint32_t *ret_last)
{
    int64_t first = command->first_key;
    int64_t last =
        command->last_key < 0 ? (int64_t)argument_count + command->last_key : command->last_key;
    int64_t count = 0;

    if (first == 0) {
        return false;
    }
    if (command->key_count_at > 0) {
        if (command->key_count_at >= (int64_t)argument_count ||
            !decimal_read(arguments[command->key_count_at], &count) || count < 1 ||
            count > argument_count) {
            return false;
        }
        last = first + (count - 1) * command->key_step;
    }
    if (last < first || last >= (int64_t)argument_count) {
        return false;
    }
    *ret_first = (uint32_t)first;
    *ret_last = (uint32_t)last;
    return true;
}

/* --- judging arguments ------------------------------------------------------------------- */

static bool fits_arity(int arity, uint32_t argument_count)
{
    return arity >= 0 ? argument_count == (uint32_t)arity : argument_count >= (uint32_t)-arity;
}

/* NULL if there is none. */
static const struct subcommand *named_subcommand(const struct command *command,
                                                 uint32_t argument_count,
                                                 const struct slice *arguments)
{
    const struct subcommand *s = command->subcommands;

    for (; s != NULL && argument_count > 1 && s->name != NULL; s++) {
        if (slice_is(arguments[1], s->name)) {
            return s;
        }
    }
    return NULL;
}

/* Each subcommand has its own arity. */
static bool fits(const struct command *command, uint32_t argument_count,
                 const struct slice *arguments, struct resp_writer *reply)
{
    const struct subcommand *s = named_subcommand(command, argument_count, arguments);

    if (!fits_arity(command->arity, argument_count) ||
        (s != NULL && !fits_arity(s->arity, argument_count))) {
        subcommand_refuse_count(reply, command, s);
        return false;
    }
    return true;
}

bool command_judge(const struct command *command, uint32_t database, uint32_t argument_count,
                   const struct slice *arguments, struct resp_writer *reply)
{
    struct command_call call = {.command = command,
                                .argument_count = argument_count,
                                .arguments = arguments,
                                .reply = reply,
                                .database = database};

    if (database >= KEYSPACE_DATABASES && !MUTANT(any_database_taken)) {
        resp_error(reply, ERROR_NO_DATABASE);
        return false;
    }
    if (!fits(command, argument_count, arguments, reply)) {
        return false;
    }
    for (uint32_t i = 0; i < argument_count; i++) {
        if (arguments[i].size > KV_VALUE_BYTES_MAX) {
            resp_error(reply, ERROR_VALUE_TOO_LARGE);
            return false;
        }
    }
    return command->check == NULL || command->check(&call);
}
