/* retrier.c - see retrier.h. */
#include "sim/cluster/retrier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"

enum { NAME_NUMBERS = 300, LONG_VALUE_BYTES = 1500, VALUE_BYTES_MAX = 30 };

/* --- making calls ----------------------------------------------------------------------- */

/* The arguments of a call that is being made. */
struct maker {
    struct buffer text;
    struct retrier_call *call;
};

static void argument(struct maker *m, const char *text)
{
    CHECK(m->call->argument_count < RETRIER_ARGUMENTS_MAX);
    m->call->sizes[m->call->argument_count++] = (uint32_t)strlen(text);
    buffer_append(&m->text, text, strlen(text));
}

static void argument_number(struct maker *m, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    argument(m, text);
}

static void argument_key(struct retrier *r, struct maker *m, char letter)
{
    char text[24];

    snprintf(text, sizeof text, "%c%u", letter, (unsigned)prng_below(&r->line.prng, r->key_count));
    argument(m, text);
}

/* It ends with the number of the operation, as those of users. Replies with a long one are not
 * kept. */
static void argument_value(struct retrier *r, struct maker *m)
{
    char text[LONG_VALUE_BYTES + 32];
    bool is_long = r->value_bytes_max >= 500 && prng_chance(&r->line.prng, 1, 8);
    uint64_t size = is_long ? LONG_VALUE_BYTES : prng_below(&r->line.prng, VALUE_BYTES_MAX);

    memset(text, 'o', size);
    snprintf(text + size, sizeof text - size, "#%llu",
             (unsigned long long)witness_next(r->witness));
    argument(m, text);
}

static void make_command(struct retrier *r, struct maker *m)
{
    uint64_t chance = prng_below(&r->line.prng, 10);

    if (chance < 4) {
        argument(m, "INCR");
        argument_key(r, m, 'n');
        return;
    }
    argument(m, chance < 7 ? "APPEND" : "SET");
    argument_key(r, m, 'k');
    argument_value(r, m);
    if (chance > 7) {
        argument(m, "GET");
    }
}

static struct slice slice_after(const struct retrier_call *call, uint32_t number)
{
    size_t offset = 0;

    for (uint32_t i = 0; i < number; i++) {
        offset += call->sizes[i];
    }
    return slice_of(call->text + offset, call->sizes[number]);
}

static uint32_t all_arguments(const struct retrier_call *call, struct slice *arguments)
{
    for (uint32_t i = 0; i < call->argument_count; i++) {
        arguments[i] = slice_after(call, i);
    }
    return call->argument_count;
}

/* --- names ------------------------------------------------------------------------------- */

/* A number that comes again after its name was forgotten must not be the first one: such names are
 * opened. */
static void take_name(struct retrier *r)
{
    snprintf(r->name, sizeof r->name, "%s.%u", sim_machine_name(r->line.machine),
             (unsigned)++r->name_count);
    r->keep_s = prng_chance(&r->line.prng, 1, 3) ? 1 + (uint32_t)prng_below(&r->line.prng, 2) : 0;
    r->next_number = r->keep_s > 0 || prng_chance(&r->line.prng, 1, 2) ? 0 : 1;
}

static void argument_keep(struct retrier *r, struct maker *m)
{
    if (r->keep_s > 0) {
        argument(m, "KEEP");
        argument_number(m, r->keep_s);
    }
}

static bool is_opening(const struct retrier *r)
{
    for (uint32_t i = 0; i < RETRIER_CALLS_MAX; i++) {
        if (r->calls[i].is_used && r->calls[i].is_opening) {
            return true;
        }
    }
    return false;
}

/* The witness gets the command without its number; of OPEN, all. */
static void invoke(struct retrier *r, struct retrier_call *call)
{
    struct slice arguments[RETRIER_ARGUMENTS_MAX];
    uint32_t count = all_arguments(call, arguments);
    uint32_t first = call->is_opening ? 0 : r->keep_s > 0 ? 5 : 3;

    call->operation = witness_invoke(r->witness, 0, arguments + first, count - first, true);
    if (!call->is_opening) {
        witness_number(r->witness, call->operation, r->name, r->next_number++);
    }
}

static void make_call(struct retrier *r, struct retrier_call *call)
{
    struct maker m = {.call = call};

    *call = (struct retrier_call){.is_used = true, .is_opening = r->next_number == 0};
    argument(&m, "ONCE");
    argument(&m, r->name);
    if (call->is_opening) {
        argument(&m, "OPEN");
        argument_keep(r, &m);
    } else {
        argument_number(&m, r->next_number);
        argument_keep(r, &m);
        make_command(r, &m);
    }
    call->text = memory_copy(buffer_begin(&m.text), buffer_size(&m.text));
    buffer_deinit(&m.text);
    invoke(r, call);
}

/* --- sending ----------------------------------------------------------------------------- */

static void send_call(struct retrier *r, struct retrier_call *call)
{
    struct slice arguments[RETRIER_ARGUMENTS_MAX];
    uint32_t count = all_arguments(call, arguments);

    line_send(&r->line, arguments, count);
    call->is_sent = true;
    call->ordinal = r->line.sent_count;
    if (sim_is_tracing(r->line.sim)) {
        sim_trace(r->line.sim, sim_machine_name(r->line.machine), "asks %llu: %.*s %.*s",
                  (unsigned long long)call->operation, (int)(arguments[1].size + arguments[2].size),
                  arguments[1].data, (int)arguments[count - 1].size, arguments[count - 1].data);
    }
}

static struct retrier_call *free_place(struct retrier *r)
{
    for (uint32_t i = 0; i < RETRIER_CALLS_MAX; i++) {
        if (!r->calls[i].is_used) {
            return &r->calls[i];
        }
    }
    return NULL;
}

static void start_one(struct retrier *r)
{
    struct retrier_call *call = free_place(r);

    if (call == NULL || is_opening(r)) {
        return;
    }
    if (r->name_count == 0 || r->next_number > NAME_NUMBERS) {
        take_name(r);
    }
    make_call(r, call);
    send_call(r, call);
}

static void retrier_round(struct line *line)
{
    struct retrier *r = container_of(line, struct retrier, line);
    uint64_t now_ns = io_now_ns(line->io);

    for (uint32_t i = 0; i < RETRIER_CALLS_MAX; i++) {
        struct retrier_call *call = &r->calls[i];

        if (call->is_used && !call->is_sent && (now_ns >= call->due_ns || r->is_calm)) {
            send_call(r, call);
        }
    }
    for (uint64_t n = prng_below(&line->prng, 3); n > 0 && !r->is_resting; n--) {
        start_one(r);
    }
    if (prng_chance(&line->prng, 1, 40)) {
        line_leave(line);
    }
}

/* --- answers ----------------------------------------------------------------------------- */

static void finish(struct retrier *r, struct retrier_call *call)
{
    free(call->text);
    *call = (struct retrier_call){.is_used = false};
    r->line.is_needed = !r->is_resting || !retrier_is_idle(r);
}

/* Mostly soon; sometimes when many later numbers were used, or the name was forgotten. */
static void send_again_later(struct retrier *r, struct retrier_call *call)
{
    uint64_t most_ns = prng_chance(&r->line.prng, 1, 4) ? 9 * SIM_S : 300 * SIM_MS;

    call->is_sent = false;
    call->due_ns = io_now_ns(r->line.io) + prng_below(&r->line.prng, most_ns);
}

static bool begins(struct slice text, const char *with)
{
    return text.size >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

static bool is_refusal(struct slice reply)
{
    static const char *const codes[] = {"-CLUSTERDOWN", "-TRYAGAIN", "-OOM ",
                                        "-MISCONF ",    "-LOADING",  "-NOTLEADER"};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (begins(reply, codes[i])) {
            return true;
        }
    }
    return false;
}

/* It is not tried again. */
static void give_up(struct retrier *r, struct retrier_call *call, struct slice reply)
{
    if (call->is_in_doubt || begins(reply, "-INDOUBT") || reply.size == 0) {
        witness_forget(r->witness, call->operation);
    } else {
        witness_return(r->witness, call->operation, reply, 0, sim_now_ns(r->line.sim));
    }
    if (call->is_opening) {
        take_name(r);
    }
    finish(r, call);
}

static void take_answer(struct retrier *r, struct retrier_call *call, struct slice reply)
{
    witness_return(r->witness, call->operation, reply, 0, sim_now_ns(r->line.sim));
    if (call->is_opening && reply.data[0] == ':') {
        r->next_number = strtoull(reply.data + 1, NULL, 10);
    } else if (call->is_opening || (begins(reply, "-EXPIRED") && r->keep_s > 0)) {
        take_name(r);
    }
    finish(r, call);
}

static void retrier_replied(struct line *line, struct slice reply)
{
    struct retrier *r = container_of(line, struct retrier, line);
    struct retrier_call *call = r->calls;

    while (!call->is_used || !call->is_sent || call->ordinal != line->answered_count) {
        call++;
        CHECK(call < r->calls + RETRIER_CALLS_MAX);
    }
    if (sim_is_tracing(line->sim)) {
        sim_trace(line->sim, sim_machine_name(line->machine), "has reply %llu: %.*s",
                  (unsigned long long)call->operation, (int)reply.size - 2, reply.data);
    }
    if (!is_refusal(reply) && !begins(reply, "-INDOUBT")) {
        take_answer(r, call, reply);
    } else if (call->is_opening || r->is_resting) {
        give_up(r, call, reply);
    } else {
        call->is_in_doubt |= begins(reply, "-INDOUBT");
        send_again_later(r, call);
    }
    if (is_refusal(reply) && prng_chance(&line->prng, 1, 2)) {
        line_leave(line); /* Another node may be in a better position. */
    }
}

static void retrier_lost(struct line *line)
{
    struct retrier *r = container_of(line, struct retrier, line);

    for (uint32_t i = 0; i < RETRIER_CALLS_MAX; i++) {
        struct retrier_call *call = &r->calls[i];

        if (call->is_used && call->is_sent && call->is_opening) {
            give_up(r, call, slice_of("", 0));
        } else if (call->is_used && call->is_sent) {
            call->is_in_doubt = true;
            send_again_later(r, call);
        }
    }
}

static void retrier_opened(struct line *line)
{
    (void)line;
}

/* --- life -------------------------------------------------------------------------------- */

void retrier_init(struct retrier *r, struct sim *sim, struct witness *witness)
{
    *r = (struct retrier){.witness = witness};
    line_init(&r->line, sim, "o0");
    r->line.opened = retrier_opened;
    r->line.round = retrier_round;
    r->line.replied = retrier_replied;
    r->line.lost = retrier_lost;
}

void retrier_deinit(struct retrier *r)
{
    line_deinit(&r->line);
    for (uint32_t i = 0; i < RETRIER_CALLS_MAX; i++) {
        free(r->calls[i].text);
    }
}

void retrier_start(struct retrier *r)
{
    line_start(&r->line);
}

void retrier_calm(struct retrier *r)
{
    r->is_calm = true;
}

void retrier_rest(struct retrier *r)
{
    r->is_resting = true;
    r->line.is_needed = !retrier_is_idle(r);
}

bool retrier_is_idle(const struct retrier *r)
{
    for (uint32_t i = 0; i < RETRIER_CALLS_MAX; i++) {
        if (r->calls[i].is_used) {
            return false;
        }
    }
    return true;
}

void retrier_place(struct retrier *r, uint16_t port, uint64_t ordinal, uint64_t index,
                   bool is_write)
{
    if (r->line.talk.phase != TALK_OPEN || r->line.port != port) {
        return; /* From an older connection. */
    }
    for (uint32_t i = 0; i < RETRIER_CALLS_MAX; i++) {
        const struct retrier_call *call = &r->calls[i];

        if (call->is_used && call->is_sent && call->ordinal == ordinal) {
            witness_place(r->witness, call->operation, index, is_write);
            return;
        }
    }
}
