#include "replica/admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
#include "cluster/address.h"
#include "cluster/join.h"
#include "command/table.h"
#include "replica/admin_task.h"
#include "replica/report.h"
#include "resp/errors.h"

static const uint64_t ADMIN_TIMEOUT_NS = 10 * 1000 * 1000 * 1000ull;

/* --- ending a task ------------------------------------------------------------------- */

static void task_free(struct admin_task *t)
{
    list_remove(&t->node);
    adding_stop(t);
    buffer_deinit(&t->shown);
    free(t);
}

void admin_task_end(struct admin_task *t)
{
    requests_finish(&t->replica->requests, t->request, 0);
    task_free(t);
}

void admin_task_fail(struct admin_task *t, const char *error)
{
    requests_fail(&t->replica->requests, t->request, error);
    task_free(t);
}

/* Its leader is lost: the next one begins it again. */
void admin_task_wait_again(struct admin_task *t)
{
    struct replica *r = t->replica;

    t->request->deadline_ns = io_now_ns(r->io) + r->options.request_timeout_ns;
    list_append(&r->requests.waiting, &t->request->link);
    task_free(t);
}

/* Which cluster it was added to: its id and epoch, and the addresses of its other members. */
static void reply_added(const struct admin_task *t, const struct membership *m,
                        struct resp_writer *w)
{
    const struct store_identity *identity = &t->replica->recovered.identity;
    uint32_t count = m == NULL ? 0 : m->configuration.member_count;
    uint32_t others = count - (membership_address(m, t->id) != NULL ? 1 : 0);

    resp_array(w, 1 + others);
    resp_bulkf(w, "%016llx%016llx", (unsigned long long)identity->cluster_id,
               (unsigned long long)identity->epoch);
    for (uint32_t i = 0; i < count; i++) {
        const struct member_address *address = &m->addresses[i];

        if (address->id != t->id) {
            resp_bulkf(w, "%s:%u", address->client.host, (unsigned)address->client.port);
        }
    }
}

void admin_task_ok(struct admin_task *t)
{
    struct resp_writer *w = t->request->reply(t->request);

    if (t->kind == ADMIN_ADD) {
        reply_added(t, replica_membership(t->replica), w);
    } else {
        resp_ok(w);
    }
    admin_task_end(t);
}

/* --- reading arguments --------------------------------------------------------------- */

bool admin_parse_number(struct slice text, int base, uint64_t max, uint64_t *ret_value)
{
    char copy[24];
    char *end;

    if (text.size == 0 || text.size >= sizeof copy || text.data[0] == '-' || text.data[0] == '+' ||
        text.data[0] == ' ') {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;

    unsigned long long value = strtoull(copy, &end, base);

    if (*end != 0 || value > max) {
        return false;
    }
    *ret_value = value;
    return true;
}

static const char error_ambiguous[] = ERROR_AMBIGUOUS_ID;

/* Finds a member or a removed node by its id in hex, or the first digits of it, or by its
 * address for clients. Returns NULL, or an error. */
static const char *find_named(const struct replica *r, struct slice name, raft_id *ret_id)
{
    const struct membership *m = replica_membership(r);
    const char *colon = name.size == 0 ? NULL : memrchr(name.data, ':', name.size);
    struct io_address address = {0};
    const struct member_address *member;
    uint64_t port;

    if (admin_parse_number(name, 16, UINT64_MAX, ret_id)) {
        if (membership_address(m, *ret_id) != NULL || membership_was_removed(m, *ret_id)) {
            return NULL;
        }

        uint32_t count = membership_count_alike(m, name, ret_id);

        return count == 1 ? NULL : count == 0 ? ERROR_NO_SUCH_MEMBER : error_ambiguous;
    }
    if (colon == NULL || (size_t)(colon - name.data) >= sizeof address.host ||
        !admin_parse_number(slice_of(colon + 1, (size_t)(name.data + name.size - colon - 1)), 10,
                            UINT16_MAX, &port)) {
        return ERROR_NO_SUCH_MEMBER;
    }
    address_set_host(&address, slice_of(name.data, (size_t)(colon - name.data)));
    address.port = (uint16_t)port;
    member = membership_only_at(m, &address);
    *ret_id = member == NULL ? 0 : member->id;
    return member == NULL ? ERROR_NO_SUCH_MEMBER : NULL;
}

/* --- beginning a task ---------------------------------------------------------------- */

static const char *begin_add(struct admin_task *t, uint32_t count, const struct slice *arguments)
{
    uint64_t port;
    uint64_t peer_port;

    if (count != 4 || !admin_parse_number(arguments[0], 16, UINT64_MAX, &t->id) || t->id == 0 ||
        arguments[1].size == 0 || arguments[1].size >= sizeof t->address.client.host ||
        !admin_parse_number(arguments[2], 10, UINT16_MAX, &port) || port == 0 ||
        !admin_parse_number(arguments[3], 10, UINT16_MAX, &peer_port) || peer_port == 0) {
        return ERROR_RAFT_ADD_SYNTAX;
    }
    address_set_host(&t->address.client, arguments[1]);
    if (address_host_fault(slice_str(t->address.client.host)) != NULL) {
        return ERROR_UNREACHABLE_HOST;
    }
    t->kind = ADMIN_ADD;
    t->address.id = t->id;
    t->address.client.port = (uint16_t)port;
    t->address.peer_port = (uint16_t)peer_port;
    return NULL;
}

static const char *begin_remove(struct admin_task *t, uint32_t count, const struct slice *arguments)
{
    if (count != 1) {
        return ERROR_RAFT_REMOVE_SYNTAX;
    }
    t->kind = ADMIN_REMOVE;
    /* A node that is not a member remains so. */
    return find_named(t->replica, arguments[0], &t->id);
}

static const char *begin_transfer(struct admin_task *t, uint32_t count,
                                  const struct slice *arguments)
{
    if (count > 1) {
        return ERROR_RAFT_TRANSFER_SYNTAX;
    }
    if (count == 1) {
        const char *error = find_named(t->replica, arguments[0], &t->id);

        if (error != NULL) {
            return error;
        }
        if (membership_address(replica_membership(t->replica), t->id) == NULL) {
            return ERROR_NO_SUCH_MEMBER;
        }
        if (t->id == raft_self(t->replica->raft)) {
            return ERROR_LEADS_ALREADY;
        }
    }
    t->kind = ADMIN_TRANSFER;
    return NULL;
}

static const char *begin(struct admin_task *t, uint32_t count, const struct slice *arguments)
{
    if (!slice_is(arguments[0], "RAFT")) {
        return admin_log_begin(t, count - 1, arguments + 1);
    }
    if (slice_is(arguments[1], "LOG")) {
        return admin_log_begin(t, count - 2, arguments + 2);
    }
    if (slice_is(arguments[1], "ADD")) {
        return begin_add(t, count - 2, arguments + 2);
    }
    if (slice_is(arguments[1], "REMOVE")) {
        return begin_remove(t, count - 2, arguments + 2);
    }
    if (slice_is(arguments[1], "TRANSFER")) {
        return begin_transfer(t, count - 2, arguments + 2);
    }
    return ERROR_RAFT_SUBCOMMAND;
}

/* STATUS and MEMBERS need no task. Decoded arguments are in r->arguments. */
static bool answer_report(struct replica *r, struct request *request, uint32_t count)
{
    if (count != 2 || !slice_is(r->arguments[0], "RAFT")) {
        return false;
    }
    if (slice_is(r->arguments[1], "STATUS")) {
        report_status(r, request->reply(request));
    } else if (slice_is(r->arguments[1], "MEMBERS")) {
        report_members(r, request->reply(request));
    } else {
        return false;
    }
    requests_finish(&r->requests, request, 0);
    return true;
}

static void task_progress(struct admin_task *t)
{
    if (t->is_reading) {
        return;
    }
    if (io_now_ns(t->replica->io) > t->begun_ns + ADMIN_TIMEOUT_NS) {
        admin_task_fail(t, t->kind == ADMIN_LOG ? ERROR_LOG_IS_READ : ERROR_CHANGE_UNDER_WAY);
    } else if (t->kind == ADMIN_ADD) {
        changes_progress_add(t);
    } else if (t->kind == ADMIN_REMOVE) {
        changes_progress_remove(t);
    } else if (t->kind == ADMIN_TRANSFER) {
        changes_progress_transfer(t);
    }
}

void admin_init(struct replica *r)
{
    r->admin = memory_take_zeroed(1, sizeof *r->admin);
    list_init(&r->admin->tasks);
}

uint32_t admin_count(const struct replica *r)
{
    uint32_t count = 0;

    list_for_each(node, &r->admin->tasks)
    {
        count++;
    }
    return count;
}

const struct member_address *admin_fresh_address(const struct replica *r)
{
    return r->admin->fresh.id == 0 ? NULL : &r->admin->fresh;
}

void admin_begin(struct replica *r, struct request *request)
{
    uint32_t count;

    CHECK(replica_decode(r, entry_payload(request->entry), &count));
    if (answer_report(r, request, count)) {
        return;
    }

    struct admin_task *t = memory_take_zeroed(1, sizeof *t);

    t->replica = r;
    t->request = request;
    t->begun_ns = io_now_ns(r->io);
    list_append(&r->admin->tasks, &t->node);

    const char *error = begin(t, count, r->arguments);

    if (error != NULL) {
        admin_task_fail(t, error);
    } else if (t->kind == ADMIN_LOG) {
        io_turn_soon(r->io); /* See admin_show_log(). */
    } else {
        task_progress(t);
    }
}

void admin_progress(struct replica *r)
{
    if (raft_role(r->raft) != RAFT_LEADER) {
        return;
    }
    list_for_each(node, &r->admin->tasks)
    {
        task_progress(container_of(node, struct admin_task, node));
        if (raft_role(r->raft) != RAFT_LEADER) {
            return; /* That ended leadership, and admin_abandon() has done the rest. */
        }
    }
}

/* Whether the last commit has already decided the task. */
static bool is_decided(const struct admin_task *t)
{
    raft_index commit_index = raft_commit_index(t->replica->raft);

    switch (t->kind) {
    case ADMIN_ADD:
        return t->is_begun && commit_index >= t->index;
    case ADMIN_REMOVE:
        return membership_address(replica_membership(t->replica), t->id) == NULL &&
               commit_index >= raft_configuration_index(t->replica->raft);
    case ADMIN_TRANSFER:
        return t->is_begun;
    case ADMIN_LOG:
        return false;
    }
    return false;
}

void admin_abandon(struct replica *r)
{
    list_for_each(node, &r->admin->tasks)
    {
        struct admin_task *t = container_of(node, struct admin_task, node);

        if (t->is_reading) {
            continue; /* Ends by itself: what is committed stays. */
        }
        if (is_decided(t)) {
            admin_task_ok(t);
        } else {
            admin_task_wait_again(t);
        }
    }
}

void admin_end(struct replica *r)
{
    list_for_each(node, &r->admin->tasks)
    {
        struct admin_task *t = container_of(node, struct admin_task, node);

        requests_fail(&r->requests, t->request, ERROR_STOPPING);
        t->request = NULL;
    }
}

void admin_deinit(struct replica *r)
{
    list_for_each(node, &r->admin->tasks)
    {
        task_free(container_of(node, struct admin_task, node));
    }
    free(r->admin);
    r->admin = NULL;
}

/* A node that was added, but whose answer was lost, asks again. Each member can confirm that from
 * what is committed, even if answers of the leader are late. */
bool admin_confirm_added(struct replica *r, struct request *request)
{
    struct admin_task t = {.replica = r, .request = request};
    uint32_t count;

    CHECK(replica_decode(r, entry_payload(request->entry), &count));
    if (count < 2 || !slice_is(r->arguments[0], "RAFT") || !slice_is(r->arguments[1], "ADD") ||
        begin_add(&t, count - 2, r->arguments + 2) != NULL || r->committed == NULL) {
        return false;
    }
    const struct member_address *there = membership_address(r->committed, t.id);

    if (there == NULL || !member_address_equal(there, &t.address) ||
        MUTANT(added_confirmed_by_leader_only)) {
        return false;
    }
    list_remove(&request->link);
    reply_added(&t, r->committed, request->reply(request));
    requests_finish(&r->requests, request, 0);
    return true;
}

void admin_answer_locally(struct replica *r, struct request *request)
{
    uint32_t count;

    CHECK(replica_decode(r, entry_payload(request->entry), &count));
    if (count == 2 && slice_is(r->arguments[0], "RAFT") &&
        (slice_is(r->arguments[1], "STATUS") || slice_is(r->arguments[1], "MEMBERS"))) {
        list_remove(&request->link);
        answer_report(r, request, count);
    }
}
