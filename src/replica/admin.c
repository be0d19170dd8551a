#include "replica/admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"
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
    uint32_t others = count - (membership_address(m, t->change.id) != NULL ? 1 : 0);

    resp_array(w, 1 + others);
    resp_bulkf(w, "%016llx%016llx", (unsigned long long)identity->cluster_id,
               (unsigned long long)identity->epoch);
    for (uint32_t i = 0; i < count; i++) {
        const struct member_address *address = &m->addresses[i];

        if (address->id != t->change.id) {
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
    } else if (slice_is(r->arguments[1], "SLOW") && raft_role(r->raft) == RAFT_LEADER) {
        report_slow(r, request->reply(request));
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
    } else if (t->kind == ADMIN_CHANGE) {
        changes_progress(t);
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

    const char *error = admin_read_arguments(t, count, r->arguments);

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
    case ADMIN_CHANGE:
        return changes_are_made(t) && commit_index >= raft_configuration_index(t->replica->raft);
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
    if (count < 2 || admin_read_arguments(&t, count, r->arguments) != NULL || t.kind != ADMIN_ADD ||
        r->committed == NULL) {
        return false;
    }
    const struct member_address *there = membership_address(r->committed, t.change.id);

    if (!changes_are_added(&t, there) || MUTANT(added_confirmed_by_leader_only)) {
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
