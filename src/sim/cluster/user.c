/* user.c - see user.h. */
#include "sim/cluster/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "command/request.h"
#include "sim/cluster/user_private.h"

/* --- making up commands ------------------------------------------------------------- */

void user_argument(struct user *u, const char *text)
{
    int size = snprintf(u->text + u->text_size, TEXT_MAX - u->text_size, "%s", text);

    CHECK(u->argument_count < ARGUMENTS_MAX);
    u->arguments[u->argument_count++] = slice_of(u->text + u->text_size, (size_t)size);
    u->text_size += (uint32_t)size;
}

/* If lincheck will judge the run, users stop using a key after a while, and sooner if many
 * answers are lost: the search takes long if much happened to a key, above all commands that may
 * or may not have been executed. Returns how often keys were replaced. */
static uint64_t key_generation(const struct user *u)
{
    struct witness_stats stats;

    witness_get_stats(u->options.witness, &stats);
    return (stats.operation_count / RECORDED_KEY_USES + stats.unknown_count / RECORDED_KEY_OPEN) /
           u->options.key_count;
}

/* A letter and a number. */
void user_argument_name(struct user *u, char letter)
{
    unsigned number = (unsigned)prng_below(&u->prng, u->options.key_count);
    char key[48];

    if (u->options.recorder == NULL) {
        snprintf(key, sizeof key, "%c%u", letter, number);
    } else {
        snprintf(key, sizeof key, "%c%u.%llu", letter, number,
                 (unsigned long long)key_generation(u));
    }
    user_argument(u, key);
}

void user_argument_key(struct user *u)
{
    bool is_hash = u->options.hash_seed != 0 && prng_chance(&u->hash_prng, 1, 16);

    user_argument_name(u, is_hash ? 'h' : 'k'); /* Of the wrong type, now and then. */
}

void user_argument_operation(struct user *u)
{
    char text[32];

    snprintf(text, sizeof text, "#%llu", (unsigned long long)witness_next(u->options.witness));
    user_argument(u, text);
}

/* Some letters, and the number of the operation. */
void user_argument_value(struct user *u)
{
    char value[VALUE_BYTES_MAX + 32];
    uint64_t size = prng_below(&u->prng, u->options.value_bytes_max + 1);

    CHECK(size <= VALUE_BYTES_MAX);
    for (uint64_t i = 0; i < size; i++) {
        value[i] = (char)('a' + prng_below(&u->prng, 26));
    }
    snprintf(value + size, sizeof value - size, "#%llu",
             (unsigned long long)witness_next(u->options.witness));
    user_argument(u, value);
}

static uint32_t draw_database(struct user *u)
{
    return (uint32_t)prng_below(&u->prng, u->options.database_count);
}

void user_argument_number(struct user *u, uint32_t number)
{
    char text[16];

    snprintf(text, sizeof text, "%u", (unsigned)number);
    user_argument(u, text);
}

/* Whole databases are too much for lincheck; two dependent ones are enough. */
static void make_database_write(struct user *u)
{
    uint64_t chance = prng_below(&u->prng, u->options.recorder == NULL ? 100 : 50);

    if (chance < 50) {
        user_argument(u, "MOVE");
        user_argument_key(u);
        user_argument_number(u, (u->database ^ 1) % u->options.database_count);
    } else if (chance < 80) {
        user_argument(u, "SWAPDB");
        user_argument_number(u, draw_database(u));
        user_argument_number(u, draw_database(u));
    } else {
        user_argument(u, chance < 95 ? "FLUSHDB" : "FLUSHALL");
    }
}

static void make_write(struct user *u)
{
    static const char *const conditions[] = {"NX", "XX", "GET"};
    uint64_t chance = prng_below(&u->prng, 100);

    if (user_uses_hashes(u)) {
        user_make_hash_write(u);
    } else if (user_uses_scripts(u)) {
        user_make_script_write(u);
    } else if (user_lets_expire(u)) {
        user_make_expiring_write(u);
    } else if (u->options.database_count > 1 && prng_chance(&u->prng, 1, 12)) {
        make_database_write(u);
    } else if (u->options.offset_max > 0 && prng_chance(&u->prng, 1, 6)) {
        user_argument(u, "SETRANGE");
        user_argument_key(u);
        user_argument_number(u, (uint32_t)prng_below(&u->prng, u->options.offset_max));
        user_argument_value(u);
    } else if (chance < 45) {
        user_argument(u, "SET");
        user_argument_key(u);
        user_argument_value(u);
        if (chance < 10) {
            user_argument(u, conditions[chance % 3]);
        }
    } else if (chance < 70) {
        user_argument(u, "APPEND");
        user_argument_key(u);
        user_argument_value(u);
    } else if (chance < 82) {
        user_argument(u, "DEL");
        user_argument_key(u);
        user_argument_operation(u);
    } else if (chance < 94) {
        user_argument(u, "INCR");
        if (chance < 84) {
            user_argument_key(u); /* Usually not a number. */
        } else {
            user_argument_name(u, 'n');
        }
    } else {
        user_argument(u, "MSET");
        user_argument_key(u);
        user_argument_value(u);
        if (u->options.recorder == NULL) {
            /* Lincheck judges dependent keys together, so they are avoided. */
            user_argument_key(u);
            user_argument_value(u);
        }
    }
}

static void make_read(struct user *u)
{
    uint64_t chance = prng_below(&u->prng, 100);

    if (user_uses_hashes(u)) {
        user_make_hash_read(u);
        return;
    }
    if (user_uses_scripts(u)) {
        user_make_script_read(u);
        return;
    }
    if (chance < 5 && u->options.database_count > 1 && u->options.recorder == NULL) {
        user_argument(u, "DBSIZE");
        return;
    }
    if (user_lets_expire(u)) {
        user_make_expiry_read(u);
    } else if (chance < 60) {
        user_argument(u, "GET");
    } else if (chance < 75) {
        user_argument(u, "STRLEN");
    } else {
        user_argument(u, chance < 90 ? "MGET" : "EXISTS");
        if (u->options.recorder == NULL) {
            user_argument_name(u, 'n');
        }
    }
    user_argument_key(u);
}

static struct in_flight *send_begin(struct user *u)
{
    struct in_flight *f = &u->ring[(u->first + u->count) % IN_FLIGHT_MAX];

    CHECK(u->count < IN_FLIGHT_MAX);
    u->text_size = 0;
    u->argument_count = 0;
    *f = (struct in_flight){.ordinal = ++u->ordinal, .since_ns = io_now_ns(u->io)};
    u->count++;
    return f;
}

/* Every connection begins in database 0. */
static void send_select(struct user *u)
{
    u->database = draw_database(u);
    send_begin(u);
    if (u->database == 0 && prng_chance(&u->prng, 1, 4)) {
        user_argument(u, "RESET");
        u->read_mode = READ_LINEARIZABLE;
        u->watch = (struct user_watch){.operation = 0};
    } else {
        user_argument(u, "SELECT");
        user_argument_number(u, u->database);
    }
    talk_command(&u->talk, u->arguments, u->argument_count);
}

/* Lincheck knows nothing of ages. */
static void send_reads(struct user *u)
{
    char age[16];

    u->read_mode = (enum read_mode)prng_below(&u->reads_prng, u->options.recorder == NULL ? 3 : 2);
    send_begin(u);
    user_argument(u, "RAFT");
    user_argument(u, "READS");
    if (u->read_mode == READ_STALE) {
        uint64_t age_ms = 1ull << prng_below(&u->reads_prng, 12);

        u->max_age_ns = age_ms * SIM_MS;
        user_argument(u, "STALE");
        user_argument(u, "MAXAGE");
        snprintf(age, sizeof age, "%u", (unsigned)age_ms);
        user_argument(u, age);
    } else {
        user_argument(u, u->read_mode == READ_LEASE ? "LEASE" : "linearizable");
    }
    talk_command(&u->talk, u->arguments, u->argument_count);
}

/* Nodes go by their own clocks. */
static uint64_t with_drift(uint64_t age_ns)
{
    return age_ns + age_ns / 10;
}

/* Notes what is sent as an operation, and sends it. */
static void send_operation(struct user *u, struct in_flight *f, bool is_write)
{
    f->operation =
        witness_invoke(u->options.witness, u->database, u->arguments, u->argument_count, is_write);
    if (!is_write && u->read_mode == READ_STALE) {
        witness_allow_age(u->options.witness, f->operation, sim_now_ns(u->options.sim),
                          with_drift(u->max_age_ns));
    }
    recorder_invoke(u->options.recorder, f->operation, u->options.number,
                    sim_now_ns(u->options.sim), u->database, u->arguments, u->argument_count);
    u->sent_count++;
    if (slice_is(u->arguments[0], "EXEC")) {
        talk_command(&u->talk, u->arguments, 1); /* The rest is for the witness. */
    } else {
        talk_command(&u->talk, u->arguments, u->argument_count);
    }
    if (sim_is_tracing(u->options.sim)) {
        sim_trace(u->options.sim, sim_machine_name(u->machine), "asks %llu: [%u] %.*s %.*s",
                  (unsigned long long)f->operation, (unsigned)u->database,
                  (int)u->arguments[0].size, u->arguments[0].data,
                  u->argument_count > 1 ? (int)u->arguments[1].size : 0,
                  u->argument_count > 1 ? u->arguments[1].data : "");
    }
}

static void send_one(struct user *u)
{
    bool is_write = !prng_chance(&u->prng, u->options.read_percent, 100);
    struct in_flight *f = send_begin(u);

    if (is_write) {
        make_write(u);
    } else {
        make_read(u);
    }
    send_operation(u, f, is_write);
}

/* --- transactions ----------------------------------------------------------------------- */

static void send_watch(struct user *u)
{
    struct in_flight *f = send_begin(u);
    struct user_watch *w = &u->watch;

    *w = (struct user_watch){.database = u->database,
                             .count = (uint32_t)prng_between(&u->prng, 1, WATCHED_MAX)};
    user_argument(u, "WATCH");
    for (uint32_t i = 0; i < w->count; i++) {
        user_argument_name(u, 'k');
        snprintf(w->names[i], sizeof w->names[i], "%.*s", (int)u->arguments[1 + i].size,
                 u->arguments[1 + i].data);
    }
    send_operation(u, f, false);
    w->operation = f->operation;
}

/* Encodes the command as a log entry would have it, for the witness. */
static void note_payload(struct user *u, struct buffer *to)
{
    buffer_clear(to);
    buffer_append(to, (const char[]){3, 0, (char)u->database, (char)u->argument_count}, 4);
    for (uint32_t i = 0; i < u->argument_count; i++) {
        size_t size = u->arguments[i].size;

        for (; size >= 0x80; size >>= 7) {
            buffer_append(to, (const char[]){(char)(unsigned char)(size | 0x80)}, 1);
        }
        buffer_append(to, (const char[]){(char)size}, 1);
        buffer_append_slice(to, u->arguments[i]);
    }
}

/* The first of a transaction that writes has the number of the operation. */
static void queue_one(struct user *u, uint32_t i, bool is_write)
{
    send_begin(u);
    if (is_write && i == 0) {
        user_argument(u, prng_chance(&u->prng, 1, 2) ? "SET" : "APPEND");
        user_argument_key(u);
        user_argument_value(u);
    } else if (is_write && prng_chance(&u->prng, 2, 3)) {
        make_write(u);
    } else {
        make_read(u);
    }
    note_payload(u, &u->payloads[i]);
    talk_command(&u->talk, u->arguments, u->argument_count);
}

static void send_exec(struct user *u, uint32_t count, bool is_write)
{
    struct in_flight *f = send_begin(u);
    struct slice keys[WATCHED_MAX];

    user_argument(u, "EXEC");
    for (uint32_t i = 0; i < count; i++) {
        u->arguments[u->argument_count++] = buffer_slice(&u->payloads[i]);
    }
    send_operation(u, f, is_write);
    if (u->watch.is_ready) {
        for (uint32_t i = 0; i < u->watch.count; i++) {
            keys[i] = slice_str(u->watch.names[i]);
        }
        witness_watch(u->options.witness, f->operation, u->watch.index, u->watch.database, keys,
                      u->watch.count);
    }
    if (u->watch.has_failed) {
        witness_expect_null(u->options.witness, f->operation);
    }
    u->watch = (struct user_watch){.operation = 0};
}

static void send_transaction(struct user *u)
{
    bool is_write = !prng_chance(&u->prng, u->options.read_percent, 100);
    uint32_t count = (uint32_t)prng_between(&u->prng, 1, INNER_MAX);

    send_begin(u);
    user_argument(u, "MULTI");
    talk_command(&u->talk, u->arguments, u->argument_count);
    u->is_queueing = true;
    for (uint32_t i = 0; i < count; i++) {
        queue_one(u, i, is_write);
    }
    u->is_queueing = false;
    send_exec(u, count, is_write);
}

/* Uses random numbers of its own. Returns whether it has sent anything. */
static bool send_together(struct user *u)
{
    struct prng prng = u->prng;
    uint32_t database_count = u->options.database_count;
    bool is_sent = true;

    if (u->options.exec_seed == 0) {
        return false;
    }
    u->prng = u->exec_prng;
    u->options.database_count = 1; /* Commands about databases are sent alone. */
    if (prng_chance(&u->prng, 1, u->watch.is_ready ? 3 : 8) && u->watch.operation == 0) {
        send_transaction(u);
    } else if (prng_chance(&u->prng, 1, 8) && u->watch.operation == 0 && !u->watch.is_ready &&
               !u->watch.has_failed && !u->options.never_watches) {
        send_watch(u);
    } else {
        is_sent = false;
    }
    u->options.database_count = database_count;
    u->exec_prng = u->prng;
    u->prng = prng;
    return is_sent;
}

static void note_watched(struct user *u, uint64_t operation, struct slice reply)
{
    if (operation == u->watch.operation) {
        u->watch.operation = 0;
        u->watch.is_ready = reply.data[0] != '-';
        u->watch.has_failed = !u->watch.is_ready;
        u->watch.index = u->floor / 2;
    }
}

/* --- the connection --------------------------------------------------------------------- */

static void user_opened(struct talk *talk)
{
    struct user *u = container_of(talk, struct user, talk);

    u->port = sim_stream_port(&talk->stream);
    u->database = 0;
    u->read_mode = READ_LINEARIZABLE;
    u->ordinal = 0;
    u->floor = 0;
    u->doubt_count = 0;
    u->watch = (struct user_watch){.operation = 0};
}

/* A command in doubt was executed before a later reply of its connection, or never will be. */
static void settle_doubts(struct user *u, uint64_t operation, struct slice reply)
{
    static const char in_doubt[] = "-INDOUBT";
    size_t size = sizeof in_doubt - 1;

    if (reply.size > size && memcmp(reply.data, in_doubt, size) == 0) {
        if (u->doubt_count < DOUBTS_MAX) {
            u->doubts[u->doubt_count++] = operation;
        }
        witness_doubted(u->options.witness, operation, sim_now_ns(u->options.sim));
    } else if (reply.data[0] != '-' && !slice_equal(reply, slice_str("*-1\r\n"))) {
        /* EXEC that is answered null may not have been in the log. */
        for (uint32_t i = 0; i < u->doubt_count; i++) {
            witness_settle(u->options.witness, u->doubts[i], u->floor);
            recorder_settle(u->options.recorder, u->doubts[i], sim_now_ns(u->options.sim));
        }
        u->doubt_count = 0;
    }
}

static void check_selected(struct user *u, struct slice reply)
{
    if (reply.data[0] == '-') {
        talk_close(&u->talk); /* It was refused, so commands that follow are not taken. */
    } else if (!slice_equal(reply, slice_str("+OK\r\n")) &&
               !slice_equal(reply, slice_str("+RESET\r\n")) &&
               !slice_equal(reply, slice_str("+QUEUED\r\n"))) {
        verdict_broken(u->options.verdict, "reply", "SELECT, or MULTI, was answered \"%.*s\"",
                       (int)reply.size - 2, reply.data);
    }
}

static void user_replied(struct talk *talk, struct slice reply)
{
    struct user *u = container_of(talk, struct user, talk);

    if (u->count == 0) {
        talk_close(talk); /* A reply without a command: an error before the connection ends. */
        return;
    }
    const struct in_flight *f = &u->ring[u->first];

    u->first = (u->first + 1) % IN_FLIGHT_MAX;
    u->count--;
    if (f->operation == 0) {
        check_selected(u, reply);
        return;
    }
    if (sim_is_tracing(u->options.sim)) {
        sim_trace(u->options.sim, sim_machine_name(u->machine), "has reply %llu: %.*s",
                  (unsigned long long)f->operation, (int)reply.size - 2, reply.data);
    }
    u->floor = witness_return(u->options.witness, f->operation, reply, u->floor,
                              sim_now_ns(u->options.sim));
    note_watched(u, f->operation, reply);
    settle_doubts(u, f->operation, reply);
    recorder_return(u->options.recorder, f->operation, sim_now_ns(u->options.sim), reply);
    if (reply.data[0] != '-') {
        u->success_count++;
    } else if (prng_chance(&u->prng, 1, 2)) {
        talk_close(talk); /* Another node may be in a better position. */
    }
}

static void user_closed(struct talk *talk)
{
    struct user *u = container_of(talk, struct user, talk);

    while (u->count > 0) {
        if (u->ring[u->first].operation != 0) {
            witness_forget(u->options.witness, u->ring[u->first].operation);
        }
        u->first = (u->first + 1) % IN_FLIGHT_MAX;
        u->count--;
    }
}

static bool may_send(const struct user *u)
{
    return u->options.command_max == 0 || u->is_calm || u->sent_count < u->options.command_max;
}

static void user_round(struct io_timer *timer)
{
    struct user *u = container_of(timer, struct user, timer);
    uint64_t now_ns = io_now_ns(u->io);

    if (u->talk.phase == TALK_CLOSED && !u->is_resting) {
        struct io_address address = u->options.pick_node(u->options.context, &u->prng);

        u->connecting_since_ns = now_ns;
        u->is_calm_talk = u->is_calm;
        snprintf(u->node, sizeof u->node, "%.31s", address.host);
        talk_open(&u->talk, &address);
    } else if (u->talk.phase == TALK_CONNECTING &&
               now_ns - u->connecting_since_ns > u->options.patience_ns) {
        talk_close(&u->talk);
    } else if (u->count > 0 && now_ns - u->ring[u->first].since_ns > u->options.patience_ns) {
        if (u->is_calm_talk) {
            verdict_broken(u->options.verdict, "liveness",
                           "%s does not answer operation %llu, with nothing wrong for long",
                           u->node, (unsigned long long)u->ring[u->first].operation);
        }
        talk_close(&u->talk);
    } else if (u->talk.phase == TALK_OPEN && !u->is_resting && u->count <= u->options.backlog_max &&
               may_send(u)) {
        for (uint64_t n = prng_between(&u->prng, 1, u->options.pipeline_max); n > 0 && may_send(u);
             n--) {
            if (u->options.database_count > 1 && prng_chance(&u->prng, 1, 4)) {
                send_select(u);
            }
            if (u->options.reads_seed != 0 && prng_chance(&u->reads_prng, 1, 16)) {
                send_reads(u);
            }
            if (!send_together(u)) {
                send_one(u);
            }
        }
        talk_flush(&u->talk);
    }
    io_timer_start(u->io, timer, now_ns + 1 + prng_below(&u->prng, 2 * u->options.think_ns));
}

/* --- life ---------------------------------------------------------------------------------- */

struct user *user_new(const struct user_options *options)
{
    struct user *u = memory_take_zeroed(1, sizeof *u);
    char name[16];

    CHECK((3 + EXEC_SLOTS) * options->pipeline_max + options->backlog_max <= IN_FLIGHT_MAX);
    u->options = *options;
    u->prng = sim_fork_prng(options->sim);
    u->exec_prng = (struct prng){.state = options->exec_seed + options->number};
    u->expiry_prng = (struct prng){.state = options->expiry_seed + options->number};
    u->hash_prng = (struct prng){.state = options->hash_seed + options->number};
    u->script_prng = (struct prng){.state = options->script_seed + options->number};
    u->reads_prng = (struct prng){.state = options->reads_seed + options->number};
    snprintf(name, sizeof name, "c%u", (unsigned)options->number);
    u->machine = sim_machine_new(options->sim, name);
    u->io = sim_boot(u->machine);
    u->timer.fired = user_round;
    talk_init(&u->talk, u->io);
    u->talk.opened = user_opened;
    u->talk.replied = user_replied;
    u->talk.closed = user_closed;
    return u;
}

void user_free(struct user *u)
{
    sim_die(u->io, SIM_EXITED);
    io_timer_stop(u->io, &u->timer);
    sim_bury(u->io);
    talk_deinit(&u->talk);
    for (uint32_t i = 0; i < INNER_MAX; i++) {
        buffer_deinit(&u->payloads[i]);
    }
    free(u);
}

void user_start(struct user *u)
{
    u->is_resting = false;
    io_timer_start(u->io, &u->timer,
                   io_now_ns(u->io) + prng_below(&u->prng, u->options.think_ns + 1));
}

void user_calm(struct user *u, uint64_t patience_ns)
{
    u->is_calm = true;
    u->options.patience_ns = patience_ns;
}

void user_rest(struct user *u)
{
    u->is_resting = true;
}

bool user_is_idle(const struct user *u)
{
    return u->count == 0;
}

uint64_t user_take_success_count(struct user *u)
{
    uint64_t count = u->success_count;

    u->success_count = 0;
    return count;
}

uint64_t user_sent_count(const struct user *u)
{
    return u->sent_count;
}

void user_place(struct user *u, uint16_t port, uint64_t ordinal, uint64_t index, bool is_write)
{
    if (u->talk.phase != TALK_OPEN || u->port != port) {
        return; /* From an older connection, whose operations are forgotten. */
    }
    for (uint32_t i = 0; i < u->count; i++) {
        const struct in_flight *f = &u->ring[(u->first + i) % IN_FLIGHT_MAX];

        if (f->ordinal == ordinal && f->operation != 0) {
            witness_place(u->options.witness, f->operation, index, is_write);
            return;
        }
    }
}
