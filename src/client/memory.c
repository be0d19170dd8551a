/* memory.c - limits the memory for requests that clients are sending, and for replies that they
 * have not read, for all clients together.
 *
 * A large request that does not fit beside those of the others is refused before the rest of it
 * is read. Beyond half of the limit for unread replies, a client that has some gets no more;
 * others are served as before. If that is not enough, the connection that holds most is closed. */
#include <stdlib.h>

#include "base/mutant.h"
#include "client/client.h"

static struct client *find_largest(const struct clients *clients)
{
    struct client *largest = NULL;

    list_for_each(node, &clients->all)
    {
        struct client *c = container_of(node, struct client, link);

        if (c->end < CLIENT_CLOSING &&
            (largest == NULL || c->unread_bytes > largest->unread_bytes)) {
            largest = c;
        }
    }
    return largest;
}

static void end_largest(struct clients *clients)
{
    struct client *c = find_largest(clients);

    clients->stats.closed_slow_count++;
    log_write(clients->log, LOG_WARN,
              "unread replies take too much memory: the client that holds most is closed",
              "client=%llu peer=%s unread_bytes=%llu all_unread_bytes=%llu advice=" LOG_Q,
              (unsigned long long)c->id, c->peer, (unsigned long long)c->unread_bytes,
              (unsigned long long)clients->unread_bytes,
              "clients must read what they ask for; --max-output-memory is the limit");
    client_close(c, "unread replies take too much memory");
}

static void count_output(struct client *c, uint64_t bytes)
{
    c->clients->unread_bytes += bytes - c->unread_bytes;
    c->unread_bytes = bytes;
}

static void count_input(struct client *c, uint64_t bytes)
{
    c->clients->input_bytes += bytes - c->input_bytes;
    c->input_bytes = bytes;
}

void client_note_input(struct client *c)
{
    if (c->end < CLIENT_CLOSING) {
        count_input(c, c->input.capacity + transaction_bytes(&c->transaction));
    }
}

bool client_has_input_room(const struct client *c, size_t bytes)
{
    const struct clients *clients = c->clients;
    size_t needed = buffer_size(&c->input) + bytes;

    return needed <= CLIENT_READ_BYTES_MAX || needed <= c->input.capacity ||
           clients->input_bytes - c->input_bytes + transaction_bytes(&c->transaction) + needed <=
               clients->options.input_memory_bytes ||
           MUTANT(input_without_limit);
}

void client_forget_memory(struct client *c)
{
    count_output(c, 0);
    count_input(c, 0);
}

void client_note_output(struct client *c)
{
    struct clients *clients = c->clients;

    if (c->end < CLIENT_CLOSING) {
        count_output(c, client_output_bytes(c));
    }
    while (clients->unread_bytes > clients->options.output_memory_bytes &&
           !MUTANT(output_without_limit)) {
        end_largest(clients);
    }
}

bool client_must_read_first(const struct client *c)
{
    const struct clients *clients = c->clients;

    return clients->unread_bytes > clients->options.output_memory_bytes / 2 &&
           client_output_bytes(c) > 0 && !MUTANT(unread_gets_more);
}
