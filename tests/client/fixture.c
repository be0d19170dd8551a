#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/durations.h"
#include "base/memory.h"
#include "cluster/members.h"
#include "io/io_uv.h"
#include "kv/codec.h"
#include "replica/replica.h"
#include "replica/stages.h"
#include "resp/errors.h"
#include "server/commands.h"
#include "users/users.h"

#define PATIENCE_NS 30000000000ull /* For a whole test. */

/* --- the replica's other kind -------------------------------------------------------------- */

void replica_submit(struct replica *r, struct request *request)
{
    CHECK(r->count < FAKE_REQUESTS_MAX);
    r->requests[r->count] = request;
    r->count++;
    if (r->count > r->most_count) {
        r->most_count = r->count;
    }
}

uint64_t replica_count_slow(const struct replica *r, uint64_t after_us)
{
    return after_us == 0 ? 1 : 0;
}

void replica_list_slow(const struct replica *r, uint64_t after_us, uint64_t count_max,
                       struct resp_writer *w)
{
    resp_array(w, 0);
}

void replica_get_digest_stats(const struct replica *r, struct replica_digest_stats *ret_stats)
{
    *ret_stats = (struct replica_digest_stats){
        .outcome = "not compared", .quarantine = "no", .reason = "none"};
}

void replica_get_snapshot_stats(const struct replica *r, struct replica_snapshot_stats *ret_stats)
{
    *ret_stats = (struct replica_snapshot_stats){.made_count = r->executed_count};
}

void replica_get_scrub_stats(const struct replica *r, struct replica_scrub_stats *ret_stats)
{
    *ret_stats = (struct replica_scrub_stats){.pass_count = r->executed_count};
}

const char *replica_scrub(struct replica *r, struct request *request)
{
    return ERROR_NOT_RUNNING;
}

void replica_list_backups(const struct replica *r, struct resp_writer *w)
{
    resp_array(w, 0);
}

const char *replica_backup(struct replica *r, struct request *request, uint32_t count,
                           const struct slice *arguments)
{
    return ERROR_BACKUP_SYNTAX;
}

const char *replica_snapshot(struct replica *r, struct request *request)
{
    return ERROR_NOT_RUNNING;
}

bool replica_has_level(const struct replica *r, const struct command *command,
                       struct resp_writer *reply)
{
    (void)r;
    (void)command;
    (void)reply;
    return true;
}

uint32_t replica_level(const struct replica *r)
{
    (void)r;
    return 1;
}

/* The fake one executes no entries again, so it needs no care for restarts. */
void replica_set_audience(struct replica *r, const struct replica_audience *audience)
{
    r->audience = audience == NULL ? (struct replica_audience){.published = NULL} : *audience;
    r->observer = (struct keyspace_observer){
        .context = r->audience.context,
        .changed = r->audience.wants_keys ? r->audience.changed : NULL,
        .replaced = r->audience.wants_keys ? r->audience.replaced : NULL,
        .published = r->audience.published,
    };
    keyspace_observe(r->keyspace, audience == NULL ? NULL : &r->observer);
}

bool replica_is_congested(const struct replica *r)
{
    return r->is_congested || (r->room > 0 && r->count >= r->room);
}

bool replica_has_room_again(const struct replica *r)
{
    return r->has_room_again;
}

void replica_note_client_bytes(struct replica *r, uint64_t bytes)
{
    r->client_bytes = bytes;
}

uint64_t replica_memory_bytes(const struct replica *r)
{
    return keyspace_memory_bytes(r->keyspace) + r->client_bytes;
}

uint64_t replica_memory_max(const struct replica *r)
{
    return r->memory_max;
}

void replica_limit_disk(struct replica *r, uint64_t bytes_max)
{
}

void replica_limit_memory(struct replica *r, uint64_t bytes_max)
{
    r->memory_max = bytes_max;
}

struct raft *replica_raft(const struct replica *r)
{
    return r->raft;
}

struct users *replica_users(struct replica *r)
{
    if (r->users == NULL) {
        r->users = users_new(r->commands);
    }
    users_look(r->users, r->keyspace);
    return r->users;
}

struct keyspace *replica_keyspace(const struct replica *r)
{
    return r->keyspace;
}

const struct feed *replica_feed(const struct replica *r)
{
    return &r->feed;
}

bool replica_is_isolated(const struct replica *r)
{
    return false;
}

struct store *replica_store(const struct replica *r)
{
    return NULL;
}

void store_get_stats(const struct store *s, struct store_stats *ret_stats)
{
    *ret_stats = (struct store_stats){.last_index = 7};
}

const struct store_key *replica_cluster_key(const struct replica *r)
{
    static const struct store_key key = {"the thirty-two bytes of the key."};

    return r->has_not_joined ? NULL : &key;
}

uint64_t replica_epoch(const struct replica *r)
{
    return 0;
}

uint64_t replica_cluster_id(const struct replica *r)
{
    return 0xc1;
}

uint64_t replica_node_id(const struct replica *r)
{
    return 1;
}

uint64_t replica_applied_index(const struct replica *r)
{
    return r->executed_count + r->ahead_count;
}

uint64_t replica_told_index(const struct replica *r)
{
    return replica_applied_index(r);
}

const struct membership *replica_membership(const struct replica *r)
{
    static const struct membership without_others;

    if (r->has_not_joined) {
        return NULL;
    }
    return r->membership == NULL ? &without_others : r->membership;
}

bool replica_reaches(const struct replica *r, raft_id id)
{
    return id != r->unreached;
}

bool replica_leader_address(const struct replica *r, struct io_address *ret_address)
{
    if (r->membership != NULL) {
        const struct member_address *leader =
            membership_address(r->membership, raft_leader(r->raft));

        if (leader != NULL) {
            *ret_address = leader->client;
        }
        return leader != NULL;
    }
    *ret_address = (struct io_address){.host = "leader.example", .port = 8001};
    return true;
}

bool replica_is_serving(const struct replica *r)
{
    return !r->has_not_joined && !r->is_removed;
}

bool replica_is_loading(const struct replica *r, struct replica_progress *ret_progress)
{
    *ret_progress = (struct replica_progress){
        .bytes = 420, .total_bytes = 1000, .left_ns = 2500000000, .percent = 42};
    return r->is_loading;
}

bool replica_is_removed(const struct replica *r)
{
    return r->is_removed;
}

const struct stages *replica_stages(const struct replica *r)
{
    static const struct stages none;

    return &none;
}

uint32_t stages_place(const struct stages *s, raft_id id)
{
    return STAGES_NODES;
}

const struct durations *store_sync_times(const struct store *s)
{
    static const struct durations none;

    return &none;
}

void replica_get_figures(const struct replica *r, struct figures *ret_figures)
{
    *ret_figures = (struct figures){0};
}

void replica_get_stats(const struct replica *r, struct replica_stats *ret_stats)
{
    *ret_stats = (struct replica_stats){.applied_count = r->executed_count};
}

static void execute(struct replica *r, struct request *request)
{
    struct slice payload = entry_payload(request->entry);
    struct command_head head = {0};
    uint32_t count = 0;
    bool is_whole = command_payload_head(payload, &head);
    struct slice *arguments = memory_take_zeroed(head.argument_count, sizeof *arguments);

    is_whole = is_whole && command_payload_read(payload, arguments, head.argument_count, &count);
    assert_true(is_whole);

    struct command_call call = {
        .command = request->command,
        .argument_count = count,
        .arguments = arguments,
        .reply = request->reply(request),
        .kv = keyspace_database(r->keyspace, head.database),
        .keyspace = r->keyspace,
        .commands = r->commands,
        .database = head.database,
        .index = r->executed_count + 1,
        .user = head.user,
    };
    struct users_guard guard;

    call.guard = users_guard_begin(&guard, replica_users(r), r->keyspace, head.user);
    if (call.guard != NULL &&
        !call.guard->admits(call.guard, false, request->command, count, arguments, call.reply)) {
        r->executed_count++;
        request->executed_index = r->executed_count;
    } else if (request->command->flags & (COMMAND_READ | COMMAND_WRITE)) {
        request->command->handler(&call);
        r->executed_count++;
        request->executed_index = r->executed_count;
    } else {
        resp_simple(call.reply, "ADMIN");
    }
    free(arguments);
}

void fake_answer(struct client_fixture *f, uint32_t i)
{
    struct replica *r = &f->replica;
    struct request *request = r->requests[i];
    /* The maker releases its own requests itself; those of RAFT have no owner here. */
    struct entry *entry = request->command->flags & COMMAND_LOCAL ? request->entry : NULL;

    CHECK(i < r->count);
    memmove(&r->requests[i], &r->requests[i + 1], (r->count - i - 1) * sizeof r->requests[0]);
    r->count--;
    execute(r, request);
    request->answered(request);
    entry_release(entry);
}

void fake_answer_all(struct client_fixture *f)
{
    while (f->replica.count > 0) {
        fake_answer(f, 0);
    }
}

void fixture_flush(struct client_fixture *f)
{
    clients_run(f->clients);
    if (!f->replica.holds) {
        fake_answer_all(f);
    }
    clients_send(f->clients);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void on_turn(void *context)
{
    struct client_fixture *f = context;

    fixture_flush(f);
    if (f->runs_until_turn) {
        f->runs_until_turn = false;
        io_uv_stop(f->io);
    }
}

static void on_patience_over(struct io_timer *timer)
{
    struct client_fixture *f = container_of(timer, struct client_fixture, patience);

    f->has_lost_patience = true;
}

void fixture_run(struct client_fixture *f)
{
    f->runs_until_turn = true;
    io_uv_run(f->io);
    assert_false(f->has_lost_patience);
}

/* --- the other side ------------------------------------------------------------------ */

int fixture_connect(struct client_fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void fixture_send(struct client_fixture *f, int fd, struct slice bytes)
{
    size_t sent = 0;

    while (sent < bytes.size) {
        ssize_t count = send(fd, bytes.data + sent, bytes.size - sent, MSG_NOSIGNAL);

        if (count > 0) {
            sent += (size_t)count;
        } else {
            assert_int_equal(errno, EAGAIN);
            fixture_run(f);
        }
    }
}

void fixture_say(struct client_fixture *f, int fd, const char *text)
{
    fixture_send(f, fd, slice_str(text));
}

bool fixture_receive(struct client_fixture *f, int fd, struct buffer *to, size_t size)
{
    size_t wanted = buffer_size(to) + size;

    while (buffer_size(to) < wanted) {
        size_t missing = wanted - buffer_size(to);
        ssize_t count = recv(fd, buffer_reserve(to, missing), missing, 0);

        if (count > 0) {
            buffer_commit(to, (size_t)count);
        } else if (count == 0 || errno != EAGAIN) {
            return false;
        } else {
            fixture_run(f);
        }
    }
    return true;
}

void fixture_expect(struct client_fixture *f, int fd, const char *text)
{
    struct buffer got = {0};
    bool is_whole = fixture_receive(f, fd, &got, strlen(text));

    buffer_append(&got, "", 1);
    assert_string_equal(buffer_begin(&got), text);
    assert_true(is_whole);
    buffer_deinit(&got);
}

void fixture_expect_end(struct client_fixture *f, int fd)
{
    struct buffer got = {0};
    bool has_more = fixture_receive(f, fd, &got, 1);

    assert_false(has_more);
    buffer_deinit(&got);
    close(fd);
}

void fixture_talk(struct client_fixture *f, int fd, const char *text, const char *reply)
{
    fixture_say(f, fd, text);
    fixture_expect(f, fd, reply);
}

void fixture_await_requests(struct client_fixture *f, uint32_t count)
{
    while (f->replica.count < count) {
        fixture_run(f);
    }
    assert_int_equal(f->replica.count, count);
}

void fixture_await_clients(struct client_fixture *f, uint64_t count)
{
    struct clients_stats stats;

    clients_get_stats(f->clients, &stats);
    while (stats.connected_count != count) {
        fixture_run(f);
        clients_get_stats(f->clients, &stats);
    }
}

void fixture_limit_clients(struct client_fixture *f, uint32_t clients_max)
{
    f->server.config.clients_max = clients_max;
    f->clients->options.clients_max = clients_max;
}

struct client *fixture_client(struct client_fixture *f)
{
    struct list *node = list_first(&f->clients->all);

    assert_non_null(node);
    return container_of(node, struct client, link);
}

/* --- up and down --------------------------------------------------------------------- */

static void note_reply(void *context, const char *peer, uint64_t ordinal, uint64_t index,
                       uint32_t order, bool is_write)
{
    struct client_fixture *f = context;

    buffer_printf(&f->probed, "%llu/%llu%s ", (unsigned long long)ordinal,
                  (unsigned long long)index, is_write ? "w" : "");
}

static void make_replica(struct client_fixture *f)
{
    struct raft_options options = {
        .id = 1,
        .election_timeout_ns = 300000000,
        .heartbeat_interval_ns = 50000000,
        .seed = 1,
        .runs_max = 16,
    };
    struct replica *r = &f->replica;

    r->io = f->io;
    r->keyspace = keyspace_new(1);
    r->raft_memory = memory_take_zeroed(1, raft_size(&options));
    r->raft = raft_init(r->raft_memory, &options, io_now_ns(f->io));
}

static void start_clients(struct client_fixture *f)
{
    const struct server_config *c = &f->server.config;
    struct clients_options options = {
        .io = f->io,
        .log = f->server.log,
        .probe = &f->probe,
        .replica = &f->replica,
        .commands = &f->server.commands,
        .context = &f->server,
        .address = c->address,
        .peer_port = c->peer_port,
        .run_id = "0000000000000000000000000000000000000007",
        .started_ns = io_now_ns(f->io),
        .clients_max = c->clients_max,
        .request_timeout_ns = c->request_timeout_ns,
        .input_bytes_max = c->client_input_bytes_max,
        .output_bytes_max = c->client_output_bytes_max,
        .input_memory_bytes = c->input_memory_bytes,
        .output_memory_bytes = c->output_memory_bytes,
        .idle_ns = c->client_idle_ns,
        .protected_mode = c->protected_mode,
        .cluster_mode = c->cluster_mode,
        .followers_are_replicas = c->followers_are_replicas,
    };

    assert_int_equal(clients_start(&options, &f->clients, &f->port), 0);
    f->server.doors.plain = f->clients;
}

int fixture_up(void **state)
{
    struct client_fixture *f = memory_take_zeroed(1, sizeof *f);
    struct server *s = &f->server;

    f->io = io_uv_new();
    f->patience.fired = on_patience_over;
    io_timer_start(f->io, &f->patience, io_now_ns(f->io) + PATIENCE_NS);
    f->probe.context = f;
    f->probe.replied = note_reply;
    make_replica(f);
    server_config_defaults(&s->config);
    snprintf(s->config.address.host, sizeof s->config.address.host, "127.0.0.1");
    s->config.data_dir = "rakit-0";
    s->replica = &f->replica;
    commands_add_all(&s->commands);
    f->replica.commands = &s->commands;
    io_set_turn(f->io, on_turn, f);
    start_clients(f);
    *state = f;
    return 0;
}

static bool is_closing(const struct client_fixture *f)
{
    list_for_each(node, &f->clients->all)
    {
        if (container_of(node, struct client, link)->end == CLIENT_CLOSING) {
            return true;
        }
    }
    return false;
}

int fixture_down(void **state)
{
    struct client_fixture *f = *state;

    f->replica.holds = true; /* Requests that still wait are never answered. */
    while (is_closing(f)) {
        fixture_run(f);
    }
    clients_free(f->clients);
    io_timer_stop(f->io, &f->patience);
    io_uv_free(f->io);
    users_free(f->replica.users);
    keyspace_free(f->replica.keyspace);
    free(f->replica.raft_memory);
    buffer_deinit(&f->probed);
    free(f);
    return 0;
}
