/* place.c - places for connections: a number for clients, and a few more in reserve, so that
 * administrators and joining nodes get in if all others are taken. The newest connection may
 * always have a place in the reserve. The one there that has been silent longest makes room for
 * it: if possible, one without a command under way. */
#include "base/check.h"
#include "base/mutant.h"
#include "client/client.h"
#include "command/table.h"
#include "io/io_tls.h"
#include "resp/errors.h"

enum {
    RESERVE_MAX = 8,
    LINGERING_MAX = 32, /* Connections that were refused with an error and have not gone. Each
                         * holds a descriptor. */
};

/* How long a client in the reserve may be silent: before its first command, and after. */
static const uint64_t first_silence_ns = 2000000000ull;
static const uint64_t silence_ns = 30000000000ull;

static const char text_full[] = ERROR_MANY_CLIENTS;
static const char text_protected[] = ERROR_PROTECTED;

static void set_place(struct client *c, enum client_place place)
{
    struct clients *clients = c->clients;

    clients->stats.connected_count -= c->place == CLIENT_COUNTED;
    clients->reserve_count -= c->place == CLIENT_IN_RESERVE;
    clients->lingering_count -= c->place == CLIENT_TURNED_AWAY;
    c->place = place;
    clients->stats.connected_count += place == CLIENT_COUNTED;
    clients->reserve_count += place == CLIENT_IN_RESERVE;
    clients->lingering_count += place == CLIENT_TURNED_AWAY;
    list_remove(&c->reserve_link);
    if (place == CLIENT_IN_RESERVE) {
        list_append(&clients->reserve, &c->reserve_link);
    }
}

/* Sends the reason, unless too many connections are being turned away already. */
static void turn_away(struct client *c, const char *text)
{
    bool has_room = c->clients->lingering_count < LINGERING_MAX;

    set_place(c, CLIENT_TURNED_AWAY);
    log_write(c->clients->log, LOG_DEBUG, "client refused", "client=%llu peer=%s why=" LOG_Q,
              (unsigned long long)c->id, c->peer,
              text == text_protected ? "protected mode" : "too many clients");
    if (!has_room) {
        c->clients->stats.refused_count++;
        client_close(c, "too many are being turned away");
    } else if (c->end == CLIENT_OPEN) {
        /* It has as much time as others to read the error. */
        c->active_ns = io_now_ns(c->clients->io);
        client_turn_away(c, text);
    }
}

/* The client in the reserve that has been silent longest, of those with commands under way or of
 * those without. */
static struct client *longest_silent(struct clients *clients, bool is_busy)
{
    struct client *found = NULL;

    list_for_each(node, &clients->reserve)
    {
        struct client *c = container_of(node, struct client, reserve_link);

        if ((c->slot_count > 0) == is_busy && (found == NULL || c->active_ns < found->active_ns)) {
            found = c;
        }
    }
    return found;
}

/* Also ends clients with commands under way: these may wait for a leader, and then an
 * administrator has to get in to see why. */
static void make_room(struct clients *clients)
{
    struct client *c = longest_silent(clients, false);

    if (clients->reserve_count < RESERVE_MAX) {
        return;
    }
    if (c != NULL) {
        turn_away(c, text_full);
    } else if (!MUTANT(reserve_is_held)) {
        client_close(longest_silent(clients, true), "another one needs its place in the reserve");
    }
}

static bool is_full(const struct clients *clients)
{
    return clients->stats.connected_count >= clients->options.clients_max;
}

static void place_in_reserve(struct client *c)
{
    struct clients *clients = c->clients;

    if (!MUTANT(reserve_is_kept)) {
        make_room(clients);
    }
    if (clients->reserve_count < RESERVE_MAX && !MUTANT(no_reserve)) {
        set_place(c, CLIENT_IN_RESERVE);
    } else {
        turn_away(c, text_full);
    }
}

/* Nothing is read from it before it has shown a certificate. */
static bool is_proven(const struct client *c)
{
    return c->stream.tls != NULL && c->stream.tls->trust == IO_TLS_AUTHORITIES;
}

void client_place(struct client *c)
{
    const struct clients *clients = c->clients;

    if (clients->options.protected_mode && !is_proven(c) &&
        !io_stream_is_local(clients->io, &c->stream) && rights_are_free(clients)) {
        turn_away(c, text_protected);
    } else if (!is_full(c->clients)) {
        set_place(c, CLIENT_COUNTED);
    } else {
        place_in_reserve(c);
    }
}

const char *client_refusal(struct client *c, struct slice name)
{
    const struct command *command;

    if (c->place != CLIENT_IN_RESERVE) {
        return NULL;
    }
    if (!is_full(c->clients)) {
        set_place(c, CLIENT_COUNTED); /* There is room now. */
        return NULL;
    }
    command = command_find_public(c->clients->options.commands, name);
    if (command != NULL && (command->flags & (COMMAND_ADMIN | COMMAND_IN_RESERVE)) != 0) {
        return NULL;
    }
    MUTANT_DO(reserve_serves_all, return NULL);
    c->clients->stats.refused_count++;
    return text_full;
}

void client_leave(struct client *c)
{
    set_place(c, CLIENT_NOWHERE);
}

void clients_sweep_reserve(struct clients *clients, uint64_t now_ns)
{
    list_for_each(node, &clients->reserve)
    {
        struct client *c = container_of(node, struct client, reserve_link);

        uint64_t tolerated_ns = c->command_count == 0 ? first_silence_ns : silence_ns;

        if (c->end == CLIENT_OPEN && c->slot_count == 0 && now_ns - c->active_ns >= tolerated_ns) {
            turn_away(c, text_full);
        }
    }
}
