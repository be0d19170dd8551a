/* monitors.c - MONITOR: connections that are shown every command that this node takes. It costs
 * nothing while there are none, and one that does not read is closed. */
#include <string.h>

#include "base/mutant.h"
#include "client/client.h"
#include "client/commands.h"

enum {
    MONITOR_UNREAD_BYTES_MAX = 1024 * 1024,
    MONITOR_ARGUMENTS_MAX = 64,
    MONITOR_ARGUMENT_BYTES_MAX = 1024,
};

/* As Redis quotes it. */
static void put_quoted(struct buffer *out, struct slice argument)
{
    static const char escaped[] = "\"\\\n\r\t\a\b";
    static const char letters[] = "\"\\nrtab";
    size_t size =
        argument.size < MONITOR_ARGUMENT_BYTES_MAX ? argument.size : MONITOR_ARGUMENT_BYTES_MAX;

    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        char c = argument.data[i];
        const char *found = c == '\0' ? NULL : strchr(escaped, c);

        if (found != NULL) {
            buffer_append(out, (const char[]){'\\', letters[found - escaped]}, 2);
        } else if (c >= ' ' && c <= '~') {
            buffer_append(out, &c, 1);
        } else {
            buffer_printf(out, "\\x%02x", (unsigned char)c);
        }
    }
    buffer_append_slice(out, slice_str(size < argument.size ? "...\"" : "\""));
}

static void put_line(const struct client *c, struct buffer *out)
{
    uint64_t now_us = io_wall_ns(c->clients->io) / 1000;
    uint32_t count = c->parser.argument_count;

    buffer_printf(out, "+%llu.%06llu [%u %s]", (unsigned long long)(now_us / 1000000),
                  (unsigned long long)(now_us % 1000000), (unsigned)c->database, c->peer);
    for (uint32_t i = 0; i < count && i < MONITOR_ARGUMENTS_MAX; i++) {
        buffer_append(out, " ", 1);
        put_quoted(out, c->parser.arguments[i]);
    }
    if (count > MONITOR_ARGUMENTS_MAX) {
        buffer_printf(out, " ... (%u more arguments)", count - MONITOR_ARGUMENTS_MAX);
    }
    buffer_append(out, "\r\n", 2);
}

static void show(struct client *monitor, struct slice line)
{
    struct clients *clients = monitor->clients;

    buffer_append_slice(&monitor->out, line);
    client_make_dirty(monitor);
    if (client_output_bytes(monitor) > MONITOR_UNREAD_BYTES_MAX && !MUTANT(monitor_unbounded)) {
        clients->stats.closed_slow_count++;
        log_write(clients->log, LOG_WARN, "a client that monitors does not read: closed",
                  "client=%llu peer=%s", (unsigned long long)monitor->id, monitor->peer);
        client_close(monitor, "it monitors and does not read");
    }
}

/* Passwords, and administration, are shown to nobody, as in Redis. */
static bool is_shown(const struct command *command)
{
    return (command->flags & COMMAND_ADMIN) == 0 && !slice_is(slice_str(command->name), "AUTH") &&
           !slice_is(slice_str(command->name), "HELLO");
}

void client_note_taken(struct client *c)
{
    struct clients *clients = c->clients;
    struct buffer line = {0};

    if (c->last_command == NULL) {
        return; /* There is no such command. */
    }
    if (!c->is_refused) {
        call_counts_note(&clients->call_counts, c->last_command);
    }
    if (list_is_empty(&clients->monitors) || !is_shown(c->last_command)) {
        return;
    }
    put_line(c, &line);
    list_for_each(node, &clients->monitors)
    {
        show(container_of(node, struct client, monitor_link), buffer_slice(&line));
    }
    buffer_deinit(&line);
}

void monitor_command(struct command_call *call)
{
    struct client *c = call_client(call);

    list_remove(&c->monitor_link);
    list_append(&c->clients->monitors, &c->monitor_link);
    resp_ok(call->reply);
}
