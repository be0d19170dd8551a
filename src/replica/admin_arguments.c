/* admin_arguments.c - what a RAFT command asks for: its arguments become a task. */
#include <stdlib.h>

#include "cluster/address.h"
#include "command/table.h"
#include "replica/admin_task.h"
#include "resp/errors.h"

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

/* --- nodes ----------------------------------------------------------------------------- */

static const char error_ambiguous[] = ERROR_AMBIGUOUS_ID;

static const char *find_by_id(const struct membership *m, struct slice text, raft_id *ret_id)
{
    if (membership_address(m, *ret_id) != NULL || membership_was_removed(m, *ret_id)) {
        return NULL;
    }

    uint32_t count = membership_count_alike(m, text, ret_id);

    return count == 1 ? NULL : count == 0 ? ERROR_NO_SUCH_MEMBER : error_ambiguous;
}

static const char *find_by_address(const struct membership *m, struct slice text, raft_id *ret_id)
{
    const char *colon = text.size == 0 ? NULL : memrchr(text.data, ':', text.size);
    struct io_address address = {0};
    const struct member_address *member;
    uint64_t port;

    if (colon == NULL || (size_t)(colon - text.data) >= sizeof address.host ||
        !admin_parse_number(slice_of(colon + 1, (size_t)(text.data + text.size - colon - 1)), 10,
                            UINT16_MAX, &port)) {
        return ERROR_NO_SUCH_MEMBER;
    }
    address_set_host(&address, slice_of(text.data, (size_t)(colon - text.data)));
    address.port = (uint16_t)port;
    member = membership_only_at(m, &address);
    *ret_id = member == NULL ? 0 : member->id;
    return member == NULL ? ERROR_NO_SUCH_MEMBER : NULL;
}

/* Finds a member by its name, a member or a removed node by its id in hex, or the first digits of
 * it, or a member by its address for clients. Returns NULL, or an error. */
static const char *find_node(const struct replica *r, struct slice text, raft_id *ret_id)
{
    const struct membership *m = replica_membership(r);
    const struct member_address *named = membership_named(m, text);

    if (named != NULL) {
        *ret_id = named->id;
        return NULL;
    }
    return admin_parse_number(text, 16, UINT64_MAX, ret_id) ? find_by_id(m, text, ret_id)
                                                            : find_by_address(m, text, ret_id);
}

/* The same for a node that must be a member. */
static const char *find_member(const struct replica *r, struct slice text, raft_id *ret_id)
{
    const char *error = find_node(r, text, ret_id);

    if (error == NULL && membership_address(replica_membership(r), *ret_id) == NULL) {
        return ERROR_NO_SUCH_MEMBER;
    }
    return error;
}

/* --- RAFT ADD --------------------------------------------------------------------------- */

static const char *read_name(struct admin_task *t, struct slice name)
{
    if (member_name_fault(name) != NULL) {
        return ERROR_NAME_SYNTAX;
    }
    memcpy(t->address.name, name.data, name.size);
    return NULL;
}

/* The words after the addresses. */
static const char *read_add_options(struct admin_task *t, uint32_t count, const struct slice *words)
{
    const char *error = NULL;

    for (uint32_t i = 0; i < count && error == NULL; i++) {
        bool has_value = i + 1 < count;

        if (slice_is(words[i], "LEARNER")) {
            t->change.stays_learner = true;
        } else if (slice_is(words[i], "NAME") && has_value) {
            error = read_name(t, words[++i]);
        } else if (slice_is(words[i], "REPLACE") && has_value) {
            error = find_node(t->replica, words[++i], &t->change.replaces);
        } else {
            error = ERROR_RAFT_ADD_SYNTAX;
        }
    }
    return error == NULL && t->change.stays_learner && t->change.replaces != 0
               ? ERROR_RAFT_ADD_SYNTAX
               : error;
}

static const char *begin_add(struct admin_task *t, uint32_t count, const struct slice *arguments)
{
    raft_id id = 0;
    uint64_t port;
    uint64_t peer_port;

    if (count < 4 || !admin_parse_number(arguments[0], 16, UINT64_MAX, &id) || id == 0 ||
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
    t->change = (struct raft_change){.kind = RAFT_ADD_LEARNER, .id = id};
    t->address.id = id;
    t->address.client.port = (uint16_t)port;
    t->address.peer_port = (uint16_t)peer_port;
    return read_add_options(t, count - 4, arguments + 4);
}

/* --- the other changes ------------------------------------------------------------------ */

/* Takes the word FORCE off the end. */
static uint32_t read_force(struct admin_task *t, uint32_t count, const struct slice *arguments)
{
    t->is_forced = count > 1 && slice_is(arguments[count - 1], "FORCE");
    return t->is_forced ? count - 1 : count;
}

static const char *begin_remove(struct admin_task *t, uint32_t count, const struct slice *arguments)
{
    if (read_force(t, count, arguments) != 1) {
        return ERROR_RAFT_REMOVE_SYNTAX;
    }
    t->change.kind = RAFT_REMOVE;
    /* A node that is not a member remains so. */
    return find_node(t->replica, arguments[0], &t->change.id);
}

static const char *begin_replace(struct admin_task *t, uint32_t count,
                                 const struct slice *arguments)
{
    if (count != 2) {
        return ERROR_RAFT_REPLACE_SYNTAX;
    }

    const char *error = find_node(t->replica, arguments[0], &t->change.replaces);

    t->change.kind = RAFT_REPLACE;
    return error != NULL ? error : find_member(t->replica, arguments[1], &t->change.id);
}

static const char *begin_promote(struct admin_task *t, uint32_t count,
                                 const struct slice *arguments)
{
    if (count != 1) {
        return ERROR_RAFT_PROMOTE_SYNTAX;
    }
    t->change.kind = RAFT_PROMOTE;
    return find_member(t->replica, arguments[0], &t->change.id);
}

static const char *begin_demote(struct admin_task *t, uint32_t count, const struct slice *arguments)
{
    if (read_force(t, count, arguments) != 1) {
        return ERROR_RAFT_DEMOTE_SYNTAX;
    }
    t->change.kind = RAFT_DEMOTE;
    return find_member(t->replica, arguments[0], &t->change.id);
}

static const char *begin_priority(struct admin_task *t, uint32_t count,
                                  const struct slice *arguments)
{
    uint64_t priority;

    if (read_force(t, count, arguments) != 2 ||
        !admin_parse_number(arguments[1], 10, MEMBER_PRIORITY_MAX, &priority)) {
        return ERROR_RAFT_PRIORITY_SYNTAX;
    }
    t->change.kind = RAFT_PRIORITIZE;
    member_set_priority(&t->change, (unsigned)priority);
    return find_member(t->replica, arguments[0], &t->change.id);
}

static const char *begin_transfer(struct admin_task *t, uint32_t count,
                                  const struct slice *arguments)
{
    if (count > 1) {
        return ERROR_RAFT_TRANSFER_SYNTAX;
    }
    t->kind = ADMIN_TRANSFER;
    if (count == 0) {
        return NULL;
    }

    const char *error = find_member(t->replica, arguments[0], &t->change.id);

    return error != NULL                                 ? error
           : t->change.id == raft_self(t->replica->raft) ? ERROR_LEADS_ALREADY
                                                         : NULL;
}

const char *admin_read_arguments(struct admin_task *t, uint32_t count,
                                 const struct slice *arguments)
{
    static const struct {
        const char *name;
        const char *(*begin)(struct admin_task *t, uint32_t count, const struct slice *arguments);
    } subcommands[] = {
        {"LOG", admin_log_begin},     {"ADD", begin_add},           {"REMOVE", begin_remove},
        {"REPLACE", begin_replace},   {"PROMOTE", begin_promote},   {"DEMOTE", begin_demote},
        {"PRIORITY", begin_priority}, {"TRANSFER", begin_transfer},
    };

    t->kind = ADMIN_CHANGE;
    if (!slice_is(arguments[0], "RAFT")) {
        return admin_log_begin(t, count - 1, arguments + 1);
    }
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++) {
        if (slice_is(arguments[1], subcommands[i].name)) {
            return subcommands[i].begin(t, count - 2, arguments + 2);
        }
    }
    return ERROR_RAFT_SUBCOMMAND;
}
