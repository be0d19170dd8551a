/* members.c - configuration entries: encoding, decoding, history. */
#include "cluster/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/mutant.h"

enum {
    MEMBERS_FORMAT = 1,
    MEMBERS_HEADER_BYTES = 16, /* u16 format, u16 members, u32 removed, u64 epoch. */
    /* u64 id, u8 flags, u8 host size, u16 port, u16 peer port, u8 precedence, u8 name size, u64
     * id of the member that it replaces; then host and name. */
    MEMBER_BYTES = 24,
    MEMBER_INCOMING = 1,
    MEMBER_OUTGOING = 2,
    MEMBER_STAYS_LEARNER = 4,
    MEMBER_NEVER_LEADS = 8,
    MEMBER_FLAGS = 15,
    ID_DIGITS_MIN = 4,
};

_Static_assert(sizeof((struct io_address *)NULL)->host == 256, "a host's size fits one byte");

struct membership *membership_copy(const struct membership *m)
{
    struct membership *copy = memory_copy(m, sizeof *m);

    copy->removed = memory_copy(m->removed, m->removed_count * sizeof(raft_id));
    return copy;
}

void membership_free(struct membership *m)
{
    if (m != NULL) {
        free(m->removed);
        free(m);
    }
}

bool member_address_equal(const struct member_address *a, const struct member_address *b)
{
    return a->peer_port == b->peer_port && a->client.port == b->client.port &&
           strcmp(a->client.host, b->client.host) == 0;
}

const struct member_address *membership_address(const struct membership *m, raft_id id)
{
    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        if (m->addresses[i].id == id) {
            return &m->addresses[i];
        }
    }
    return NULL;
}

/* The first address from position `i` on that matches. */
static const struct member_address *find_at(const struct membership *m, uint32_t i,
                                            const struct io_address *client)
{
    for (; m != NULL && i < m->configuration.member_count; i++) {
        if (m->addresses[i].client.port == client->port &&
            strcasecmp(m->addresses[i].client.host, client->host) == 0) {
            return &m->addresses[i];
        }
    }
    return NULL;
}

const struct member_address *membership_at(const struct membership *m,
                                           const struct io_address *client)
{
    return find_at(m, 0, client);
}

const struct member_address *membership_only_at(const struct membership *m,
                                                const struct io_address *client)
{
    const struct member_address *found = find_at(m, 0, client);

    if (found == NULL || find_at(m, (uint32_t)(found - m->addresses) + 1, client) != NULL) {
        return NULL;
    }
    return found;
}

/* Whether it has the name of the member that it replaces. */
static bool inherits_name(const struct membership *m, uint32_t i)
{
    const struct member_address *replaced =
        membership_address(m, m->configuration.members[i].replaces);

    return replaced != NULL &&
           member_name_equal(slice_str(replaced->name), slice_str(m->addresses[i].name));
}

const struct member_address *membership_named(const struct membership *m, struct slice name)
{
    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        if (member_name_equal(slice_str(m->addresses[i].name), name) && !inherits_name(m, i)) {
            return &m->addresses[i];
        }
    }
    return NULL;
}

bool membership_may_name(const struct membership *m, raft_id id, raft_id replaced,
                         struct slice name)
{
    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        raft_id other = m->addresses[i].id;

        if (other != id && other != replaced &&
            member_name_equal(slice_str(m->addresses[i].name), name)) {
            return MUTANT(names_not_unique);
        }
    }
    return true;
}

unsigned member_priority(const struct raft_member *member)
{
    return member->never_leads ? 0 : MEMBER_PRIORITY_DEFAULT + member->precedence;
}

void member_set_priority(struct raft_change *change, unsigned priority)
{
    change->never_leads = priority == 0;
    change->precedence = priority == 0 ? 0 : (uint8_t)(priority - MEMBER_PRIORITY_DEFAULT);
}

bool membership_was_removed(const struct membership *m, raft_id id)
{
    for (uint32_t i = 0; m != NULL && i < m->removed_count; i++) {
        if (m->removed[i] == id) {
            return true;
        }
    }
    return false;
}

static bool begins_with(raft_id id, struct slice digits)
{
    char text[17];

    snprintf(text, sizeof text, "%016llx", (unsigned long long)id);
    return digits.size < sizeof text && strncasecmp(text, digits.data, digits.size) == 0;
}

uint32_t membership_count_alike(const struct membership *m, struct slice digits, raft_id *ret_id)
{
    uint32_t count = 0;

    if (m == NULL || (digits.size < ID_DIGITS_MIN && !MUTANT(any_short_id_taken))) {
        return 0;
    }
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        if (begins_with(m->addresses[i].id, digits)) {
            *ret_id = m->addresses[i].id;
            count++;
        }
    }
    for (uint32_t i = 0; i < m->removed_count && !MUTANT(removed_id_forgotten); i++) {
        if (begins_with(m->removed[i], digits)) {
            *ret_id = m->removed[i];
            count++;
        }
    }
    return count;
}

static uint8_t flags_of(const struct raft_member *member)
{
    return (uint8_t)((member->incoming ? MEMBER_INCOMING : 0) |
                     (member->outgoing ? MEMBER_OUTGOING : 0) |
                     (member->stays_learner ? MEMBER_STAYS_LEARNER : 0) |
                     (member->never_leads ? MEMBER_NEVER_LEADS : 0));
}

static void encode_member(struct buffer *out, const struct raft_member *member,
                          const struct member_address *address)
{
    char bytes[MEMBER_BYTES];
    size_t host_size = strlen(address->client.host);
    size_t name_size = strlen(address->name);

    CHECK(address->id == member->id);
    put_u64(bytes, member->id);
    bytes[8] = (char)flags_of(member);
    bytes[9] = (char)host_size;
    put_u16(bytes + 10, address->client.port);
    put_u16(bytes + 12, address->peer_port);
    bytes[14] = (char)member->precedence;
    bytes[15] = (char)name_size;
    put_u64(bytes + 16, member->replaces);
    buffer_append(out, bytes, sizeof bytes);
    buffer_append(out, address->client.host, host_size);
    buffer_append(out, address->name, name_size);
}

struct entry *membership_encode(const struct membership *m)
{
    struct buffer out = {0};
    char header[MEMBERS_HEADER_BYTES];

    put_u16(header, MEMBERS_FORMAT);
    put_u16(header + 2, (uint16_t)m->configuration.member_count);
    put_u32(header + 4, m->removed_count);
    put_u64(header + 8, m->configuration.epoch);
    buffer_append(&out, header, sizeof header);
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        encode_member(&out, &m->configuration.members[i], &m->addresses[i]);
    }
    for (uint32_t i = 0; i < m->removed_count; i++) {
        char id[8];

        put_u64(id, m->removed[i]);
        buffer_append(&out, id, sizeof id);
    }

    struct entry *e = entry_new(RAFT_CONFIGURATION, (uint32_t)buffer_size(&out));

    memcpy(e->data, buffer_slice(&out).data, e->size);
    buffer_deinit(&out);
    return e;
}

/* No real host or name has such characters. They could insert lines into output for people and
 * programs, so each is replaced by a question mark; the host can't be found either way. The entry
 * remains valid, because its bytes decide who is a member. */
static void clean(char *text)
{
    for (; *text != 0 && !MUTANT(any_host_logged); text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

/* Takes a text of that size off the start of `rest`. */
static bool take_text(struct slice *rest, size_t size, char *ret_text)
{
    if (rest->size < size || memchr(rest->data, 0, size) != NULL) {
        return false;
    }
    memcpy(ret_text, rest->data, size);
    ret_text[size] = 0;
    clean(ret_text);
    rest->data += size;
    rest->size -= size;
    return true;
}

static void decode_flags(struct raft_member *member, uint8_t flags)
{
    member->incoming = (flags & MEMBER_INCOMING) != 0;
    member->outgoing = (flags & MEMBER_OUTGOING) != 0;
    member->stays_learner = (flags & MEMBER_STAYS_LEARNER) != 0;
    member->never_leads = (flags & MEMBER_NEVER_LEADS) != 0;
}

/* Decodes one member from `rest` to position `i`. */
static bool decode_member(struct membership *m, uint32_t i, struct slice *rest)
{
    struct raft_member *member = &m->configuration.members[i];
    struct member_address *address = &m->addresses[i];
    const char *from = rest->data;

    if (rest->size < MEMBER_BYTES || (uint8_t)from[8] > MEMBER_FLAGS ||
        (uint8_t)from[15] > MEMBER_NAME_MAX) {
        return false;
    }
    member->id = get_u64(from);
    decode_flags(member, (uint8_t)from[8]);
    member->precedence = (uint8_t)from[14];
    member->replaces = get_u64(from + 16);
    address->id = member->id;
    address->client.port = get_u16(from + 10);
    address->peer_port = get_u16(from + 12);
    rest->data += MEMBER_BYTES;
    rest->size -= MEMBER_BYTES;
    /* Ids rise, so none appears twice and none is 0. */
    return take_text(rest, (uint8_t)from[9], address->client.host) &&
           take_text(rest, (uint8_t)from[15], address->name) &&
           member->id > (i == 0 ? 0 : m->configuration.members[i - 1].id);
}

struct membership *membership_decode(struct slice payload)
{
    if (payload.size < MEMBERS_HEADER_BYTES || get_u16(payload.data) != MEMBERS_FORMAT) {
        return NULL;
    }

    uint32_t member_count = get_u16(payload.data + 2);
    uint32_t removed_count = get_u32(payload.data + 4);
    struct slice rest =
        slice_of(payload.data + MEMBERS_HEADER_BYTES, payload.size - MEMBERS_HEADER_BYTES);

    if (member_count == 0 || member_count > RAFT_MEMBERS_MAX ||
        removed_count > MEMBERS_REMOVED_MAX) {
        return NULL;
    }

    struct membership *m = memory_take_zeroed(1, sizeof *m);

    m->configuration.member_count = member_count;
    m->configuration.epoch = get_u64(payload.data + 8);
    for (uint32_t i = 0; i < member_count; i++) {
        if (!decode_member(m, i, &rest)) {
            membership_free(m);
            return NULL;
        }
    }
    if (rest.size != removed_count * sizeof(raft_id)) {
        membership_free(m);
        return NULL;
    }
    m->removed_count = removed_count;
    m->removed = memory_copy(rest.data, rest.size);
    return m;
}

/* A member that also counts as removed would be shut out of a cluster that needs it. */
static bool removes_nobody_who_stays(const struct membership *m)
{
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        if (membership_was_removed(m, m->configuration.members[i].id) &&
            !MUTANT(removed_in_office)) {
            return false;
        }
    }
    return true;
}

bool membership_names_others(struct slice payload, raft_id id)
{
    struct membership *m = payload.size == 0 ? NULL : membership_decode(payload);
    bool names_others = m == NULL;

    for (uint32_t i = 0; m != NULL && i < m->configuration.member_count; i++) {
        names_others = names_others || m->configuration.members[i].id != id;
    }
    membership_free(m);
    return names_others;
}

bool membership_may_follow(const struct membership *before, const struct membership *m)
{
    static const struct raft_configuration nobody = {0};

    return removes_nobody_who_stays(m) &&
           raft_configuration_may_follow(before == NULL ? &nobody : &before->configuration,
                                         &m->configuration);
}

struct raft_entry membership_core_entry(const struct entry *e, const struct membership *m)
{
    struct raft_entry entry = {.term = e->term, .kind = (enum raft_entry_kind)e->kind};

    if (m != NULL && removes_nobody_who_stays(m)) {
        entry.configuration = &m->configuration;
    } else if (m != NULL) {
        entry.kind = RAFT_NOOP; /* The core only needs to know that it has no effect. */
    }
    return entry;
}

static void forget_oldest_removed(struct membership *m)
{
    if (m->removed_count == MEMBERS_REMOVED_MAX) {
        memmove(m->removed, m->removed + 1, (m->removed_count - 1) * sizeof(raft_id));
        m->removed_count--;
    }
}

/* A learner that was to replace a member and had its name, but is not to do so any more. */
static void drop_doubled_names(struct membership *m)
{
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        const struct raft_member *member = &m->configuration.members[i];

        if (!membership_may_name(m, member->id, member->replaces,
                                 slice_str(m->addresses[i].name)) &&
            !member->incoming) {
            m->addresses[i].name[0] = 0;
        }
    }
}

struct membership *membership_next(const struct membership *m,
                                   const struct raft_configuration *configuration,
                                   const struct member_address *fresh)
{
    struct membership *next = memory_take_zeroed(1, sizeof *next);
    uint32_t old_count = m == NULL ? 0 : m->configuration.member_count;

    next->configuration = *configuration;
    for (uint32_t i = 0; i < configuration->member_count; i++) {
        raft_id id = configuration->members[i].id;
        const struct member_address *address =
            fresh != NULL && fresh->id == id ? fresh : membership_address(m, id);

        CHECK(address != NULL);
        next->addresses[i] = *address;
    }
    drop_doubled_names(next);
    next->removed_count = m == NULL ? 0 : m->removed_count;
    next->removed = memory_take((next->removed_count + old_count) * sizeof(raft_id));
    if (next->removed_count > 0) {
        memcpy(next->removed, m->removed, next->removed_count * sizeof(raft_id));
    }
    for (uint32_t i = 0; i < old_count; i++) {
        raft_id id = m->configuration.members[i].id;

        if (raft_configuration_find(configuration, id) == NULL) {
            forget_oldest_removed(next);
            next->removed[next->removed_count++] = id;
        }
    }
    return next;
}

static void forget_removed(struct membership *m, raft_id id)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < m->removed_count; i++) {
        if (m->removed[i] != id) {
            m->removed[kept_count++] = m->removed[i];
        }
    }
    m->removed_count = kept_count;
}

struct membership *membership_alone(const struct membership *m, const struct member_address *self,
                                    uint64_t epoch)
{
    struct raft_configuration alone = {
        .member_count = 1, .members = {{.id = self->id, .incoming = true}}, .epoch = epoch};
    struct membership *next = membership_next(m, &alone, self);

    forget_removed(next, self->id); /* It may go on though the others had removed it. */
    return next;
}

void members_deinit(struct members *m)
{
    while (m->count > 0) {
        membership_free(m->history[--m->count]);
    }
}

void members_append_take(struct members *m, struct membership *membership)
{
    const struct membership *newest = m->count == 0 ? NULL : m->history[m->count - 1];

    if (!membership_may_follow(newest, membership) ||
        (newest != NULL && membership->index <= newest->index)) {
        membership_free(membership);
        return;
    }
    if (m->count == RAFT_CONFIGURATIONS_MAX) {
        membership_free(m->history[0]);
        memmove(m->history, m->history + 1, (m->count - 1) * sizeof m->history[0]);
        m->count--;
    }
    m->history[m->count++] = membership;
}

void members_truncate(struct members *m, raft_index from)
{
    while (m->count > 0 && m->history[m->count - 1]->index >= from &&
           !MUTANT(addresses_not_rolled_back)) {
        membership_free(m->history[--m->count]);
    }
}

const struct membership *members_current(const struct members *m, raft_index index)
{
    if (m->count == 0) {
        CHECK(index == 0);
        return NULL;
    }
    CHECK(m->history[m->count - 1]->index == index); /* Both histories are truncated alike. */
    return m->history[m->count - 1];
}
