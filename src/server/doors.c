/* doors.c - see doors.h. */
#include "server/doors.h"

#include <stdio.h>

#include "client/clients.h"
#include "client/commands.h"
#include "cluster/address.h"
#include "server/server.h"

/* What clients of Sentinel say is short. */
enum { DOOR_BYTES_MAX = 1024 * 1024, DOOR_MEMORY_BYTES = 64 * 1024 * 1024 };

static void put_tls(void *context, struct buffer *out)
{
    const struct server *s = context;

    tls_put_info(&s->tls, out);
}

static struct clients_options clients_options(struct server *s)
{
    const struct server_config *c = &s->config;

    return (struct clients_options){
        .io = s->io,
        .log = s->log,
        .probe = s->probe,
        .replica = s->replica,
        .commands = &s->commands,
        .denials = s->denials,
        .context = s,
        .address = c->address,
        .tls = tls_for_clients(&s->tls),
        .tls_port = c->tls.port,
        .put_tls = put_tls,
        .peer_port = c->peer_port,
        .run_id = s->run_id,
        .started_ns = s->started_ns,
        .clients_max = c->clients_max,
        .request_timeout_ns = c->request_timeout_ns,
        .input_bytes_max = c->client_input_bytes_max,
        .output_bytes_max = c->client_output_bytes_max,
        .input_memory_bytes = c->input_memory_bytes,
        .output_memory_bytes = c->output_memory_bytes,
        .idle_ns = c->client_idle_ns,
        .protected_mode = c->protected_mode,
        .has_password = c->has_password,
        .password = c->password,
        .cluster_mode = c->cluster_mode,
        .followers_are_replicas = c->followers_are_replicas,
    };
}

/* Clients' port first: it is the one that the user named, and if a node is running there
 * already, both ports are in use. */
static bool listen_to_clients(struct doors *d, struct server *s, char *text, size_t text_size)
{
    uint16_t port = 0;
    struct clients_options options = clients_options(s);
    int error = clients_start(&options, &d->plain, &port);

    if (error < 0) {
        snprintf(text, text_size, "cannot listen for clients on %s port %u: %s",
                 s->config.address.host, (unsigned)port, address_listen_fault(error));
        return false;
    }
    return true;
}

static bool open_for_sentinel(struct doors *d, struct server *s, char *text, size_t text_size)
{
    const struct server_config *c = &s->config;
    struct clients_options options = clients_options(s);
    uint16_t port;
    int error;

    if (c->sentinel_port == 0) {
        return true;
    }
    commands_add_sentinel(&d->sentinel_commands, &s->commands);
    options.commands = &d->sentinel_commands;
    options.probe = NULL;
    options.address.port = c->sentinel_port;
    options.tls = tls_config_is_only(c) ? options.tls : NULL;
    options.tls_port = c->sentinel_port;
    options.is_sentinel = true;
    options.sentinel_name = c->sentinel_name;
    options.sentinel_distance = (int32_t)c->sentinel_port - c->address.port;
    options.input_bytes_max = DOOR_BYTES_MAX;
    options.output_bytes_max = DOOR_BYTES_MAX;
    options.input_memory_bytes = DOOR_MEMORY_BYTES;
    options.output_memory_bytes = DOOR_MEMORY_BYTES;
    error = clients_start(&options, &d->sentinel, &port);
    if (error < 0) {
        snprintf(text, text_size,
                 "cannot listen for clients of Sentinel on %s port %u (--sentinel-port): %s",
                 c->address.host, (unsigned)c->sentinel_port, address_listen_fault(error));
        return false;
    }
    log_write(s->log, LOG_INFO, "the Sentinel door is open", "clients=%s:%u", c->address.host,
              (unsigned)c->sentinel_port);
    return true;
}

bool doors_open(struct doors *d, struct server *server, char *text, size_t text_size)
{
    return listen_to_clients(d, server, text, text_size) &&
           open_for_sentinel(d, server, text, text_size);
}

struct io_listener *doors_listener(const struct doors *d)
{
    return clients_listener(d->plain);
}

void doors_set_replica(struct doors *d, struct replica *replica)
{
    clients_set_replica(d->plain, replica);
    if (d->sentinel != NULL) {
        clients_set_replica(d->sentinel, replica);
    }
}

void doors_run(struct doors *d)
{
    clients_run(d->plain);
    if (d->sentinel != NULL) {
        clients_run(d->sentinel);
    }
}

void doors_send(struct doors *d)
{
    clients_send(d->plain);
    if (d->sentinel != NULL) {
        clients_send(d->sentinel);
    }
}

void doors_refuse(struct doors *d)
{
    clients_refuse(d->plain);
    if (d->sentinel != NULL) {
        clients_refuse(d->sentinel);
    }
}

void doors_shut(struct doors *d)
{
    clients_shut(d->plain);
    if (d->sentinel != NULL) {
        clients_shut(d->sentinel);
    }
}

void doors_free(struct doors *d)
{
    if (d->plain != NULL) {
        clients_free(d->plain);
    }
    if (d->sentinel != NULL) {
        clients_free(d->sentinel);
    }
}

bool doors_are_idle(const struct doors *d)
{
    return clients_are_idle(d->plain) && (d->sentinel == NULL || clients_are_idle(d->sentinel));
}
