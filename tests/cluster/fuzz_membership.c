/* fuzz_membership.c - fuzz target: the payload of a configuration entry. What is decoded,
 * encoded and decoded again is the same, and keeps the promises that other code relies on. */
#include "base/check.h"
#include "cluster/members.h"
#include "fuzz_input.h"

static void check_promises(const struct membership *m)
{
    raft_id before = 0;

    CHECK(m->configuration.member_count > 0);
    CHECK(m->configuration.member_count <= RAFT_MEMBERS_MAX);
    CHECK(m->removed_count <= MEMBERS_REMOVED_MAX);
    for (uint32_t i = 0; i < m->configuration.member_count; i++) {
        const struct member_address *address = &m->addresses[i];

        CHECK(address->id == m->configuration.members[i].id);
        CHECK(address->id > before);
        CHECK(memchr(address->client.host, 0, sizeof address->client.host) != NULL);
        CHECK(memchr(address->name, 0, sizeof address->name) != NULL);
        CHECK(membership_address(m, address->id) == address);
        before = address->id;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct membership *m = membership_decode(slice_of(data, size));

    if (m == NULL) {
        return 0;
    }
    check_promises(m);

    struct entry *first = membership_encode(m);
    struct membership *again = membership_decode(entry_payload(first));

    CHECK(first->size == size);
    CHECK(again != NULL);

    struct entry *second = membership_encode(again);

    CHECK(slice_equal(entry_payload(first), entry_payload(second)));
    entry_release(first);
    entry_release(second);
    membership_free(membership_copy(m));
    membership_free(membership_next(m, &m->configuration, NULL));
    membership_free(again);
    membership_free(m);
    return 0;
}
