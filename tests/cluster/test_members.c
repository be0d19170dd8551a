/* Configuration entries: their contents, and how truncation restores earlier ones (§6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/members.h"

static struct raft_configuration configuration_of(uint32_t count)
{
    struct raft_configuration c = {.member_count = count};

    for (uint32_t i = 0; i < count; i++) {
        c.members[i] = (struct raft_member){.id = 10 * (i + 1), .incoming = true};
    }
    return c;
}

static struct member_address address_of(raft_id id)
{
    struct member_address a = {.id = id, .client = {.host = "host", .port = (uint16_t)id}};

    a.peer_port = (uint16_t)(10000 + id);
    return a;
}

/* Members 10, 20, ...; each is added by a change of its own. */
static struct membership *membership_of(uint32_t count)
{
    struct membership *m = NULL;

    for (uint32_t i = 1; i <= count; i++) {
        struct raft_configuration c = configuration_of(i);
        struct member_address fresh = address_of(10 * i);
        struct membership *next = membership_next(m, &c, &fresh);

        membership_free(m);
        m = next;
    }
    return m;
}

static void test_membership__comes_out_as_it_went_in(void **state)
{
    struct membership *in = membership_of(3);
    struct entry *e;
    struct membership *out;

    in->configuration.members[1].outgoing = true;
    in->configuration.members[2].incoming = false;
    in->configuration.epoch = UINT64_C(0x0001aabbccddeeff);
    e = membership_encode(in);
    out = membership_decode(entry_payload(e));
    assert_non_null(out);
    assert_int_equal(out->configuration.epoch, in->configuration.epoch);
    assert_int_equal(out->configuration.member_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(out->configuration.members[i].id, 10 * (i + 1));
        assert_int_equal(out->configuration.members[i].incoming, i != 2);
        assert_int_equal(out->configuration.members[i].outgoing, i == 1);
        assert_string_equal(out->addresses[i].client.host, "host");
        assert_int_equal(out->addresses[i].client.port, 10 * (i + 1));
        assert_int_equal(out->addresses[i].peer_port, 10000 + 10 * (i + 1));
    }
    entry_release(e);
    membership_free(in);
    membership_free(out);
}

/* Otherwise a host with a line end could insert lines into INFO. */
static void test_membership__hosts_can_not_insert_lines(void **state)
{
    struct membership *in = membership_of(2);
    struct entry *e;
    struct membership *out;

    (void)state;
    strcpy(in->addresses[1].client.host, "a b\r\nrole:slave\x7f");
    e = membership_encode(in);
    out = membership_decode(entry_payload(e));
    assert_non_null(out); /* It is a member, whatever its address. */
    assert_string_equal(out->addresses[0].client.host, "host");
    assert_string_equal(out->addresses[1].client.host, "a?b??role:slave?");
    entry_release(e);
    membership_free(in);
    membership_free(out);
}

static void test_membership__cut_or_changed_is_never_read_beyond_its_end(void **state)
{
    struct membership *in = membership_of(3);
    struct entry *e = membership_encode(in);

    for (uint32_t size = 0; size < e->size; size++) {
        assert_null(membership_decode(slice_of(e->data, size)));
    }
    for (uint32_t i = 0; i < e->size; i++) {
        for (int value = 0; value < 256; value++) {
            char old = e->data[i];

            e->data[i] = (char)value;
            membership_free(membership_decode(entry_payload(e)));
            e->data[i] = old;
        }
    }
    entry_release(e);
    membership_free(in);
}

static void test_membership__remembers_removed_members(void **state)
{
    struct membership *three = membership_of(3);
    struct raft_configuration c = configuration_of(2);
    struct membership *two = membership_next(three, &c, NULL);
    struct entry *e = membership_encode(two);
    struct membership *read = membership_decode(entry_payload(e));

    assert_false(membership_was_removed(three, 30));
    assert_true(membership_was_removed(two, 30));
    assert_true(membership_was_removed(read, 30));
    assert_false(membership_was_removed(read, 20));
    assert_null(membership_address(read, 30));
    entry_release(e);
    membership_free(three);
    membership_free(two);
    membership_free(read);
}

static void test_membership__takes_a_new_address_for_an_old_member(void **state)
{
    struct membership *m = membership_of(2);
    struct member_address moved = address_of(20);
    struct membership *next;

    moved.client.port = 999;
    next = membership_next(m, &m->configuration, &moved);
    assert_int_equal(membership_address(next, 20)->client.port, 999);
    assert_int_equal(membership_address(next, 10)->client.port, 10);
    assert_int_equal(next->removed_count, 0);
    membership_free(m);
    membership_free(next);
}

static void test_membership__an_address_of_two_members_names_neither(void **state)
{
    struct membership *m = membership_of(3);
    struct member_address taken = address_of(20);
    struct membership *next;

    assert_int_equal(membership_only_at(m, &m->addresses[2].client)->id, 30);
    taken.client.port = 30; /* The address of a member that has gone. */
    next = membership_next(m, &m->configuration, &taken);
    assert_non_null(membership_at(next, &taken.client));
    assert_null(membership_only_at(next, &taken.client));
    assert_int_equal(membership_only_at(next, &m->addresses[0].client)->id, 10);
    assert_null(membership_only_at(next, &m->addresses[1].client));
    membership_free(m);
    membership_free(next);
}

static uint32_t count_alike(const struct membership *m, const char *digits, raft_id *ret_id)
{
    *ret_id = 0;
    return membership_count_alike(m, slice_str(digits), ret_id);
}

static void test_membership__unique_first_digits_name_a_member(void **state)
{
    struct membership *m = membership_of(3);
    raft_id id;

    m->addresses[0].id = 0x12345678aaaaaaaa;
    m->addresses[1].id = 0x12345679bbbbbbbb;
    m->addresses[2].id = 0xabcdef0000000000;
    assert_int_equal(count_alike(m, "12345678", &id), 1);
    assert_int_equal(id, m->addresses[0].id);
    assert_int_equal(count_alike(m, "12345679bbbbbbbb", &id), 1);
    assert_int_equal(id, m->addresses[1].id);
    assert_int_equal(count_alike(m, "ABCD", &id), 1);
    assert_int_equal(id, m->addresses[2].id);
    assert_int_equal(count_alike(m, "1234567", &id), 2);
    assert_int_equal(count_alike(m, "abc", &id), 0); /* Too few digits. */
    assert_int_equal(count_alike(m, "", &id), 0);
    assert_int_equal(count_alike(m, "bbbb", &id), 0); /* It matches only at its end. */
    assert_int_equal(count_alike(m, "abcdef00000000000", &id), 0);
    assert_int_equal(count_alike(NULL, "abcd", &id), 0);
    membership_free(m);
}

static void test_membership__first_digits_of_a_removed_node_name_no_member(void **state)
{
    struct membership *m = membership_of(2);
    struct raft_configuration left = {.member_count = 1};
    struct membership *next;
    raft_id id;

    m->addresses[0].id = m->configuration.members[0].id = 0x12345678aaaaaaaa;
    m->addresses[1].id = m->configuration.members[1].id = 0x12345679bbbbbbbb;
    left.members[0] = m->configuration.members[1];
    next = membership_next(m, &left, NULL);
    assert_int_equal(count_alike(next, "12345678", &id), 1);
    assert_int_equal(id, m->addresses[0].id);
    assert_int_equal(count_alike(next, "1234567", &id), 2);
    membership_free(m);
    membership_free(next);
}

static void test_membership__marks_and_names_come_out_as_they_went_in(void **state)
{
    struct membership *in = membership_of(3);
    struct entry *e;
    struct membership *out;

    (void)state;
    in->configuration.members[0].never_leads = true;
    in->configuration.members[1] =
        (struct raft_member){.id = 20, .stays_learner = true, .precedence = 9};
    in->configuration.members[2] = (struct raft_member){.id = 30, .replaces = 10};
    strcpy(in->addresses[1].name, "rack-2");
    strcpy(in->addresses[2].name, "a\nb");
    e = membership_encode(in);
    out = membership_decode(entry_payload(e));
    assert_non_null(out);
    assert_true(out->configuration.members[0].never_leads);
    assert_true(out->configuration.members[1].stays_learner);
    assert_int_equal(out->configuration.members[1].precedence, 9);
    assert_int_equal(out->configuration.members[2].replaces, 10);
    assert_string_equal(out->addresses[0].name, "");
    assert_string_equal(out->addresses[1].name, "rack-2");
    assert_string_equal(out->addresses[2].name, "a?b"); /* It inserts no line. */
    assert_int_equal(member_priority(&out->configuration.members[0]), 0);
    assert_int_equal(member_priority(&out->configuration.members[1]), 10);
    assert_int_equal(member_priority(&out->configuration.members[2]), MEMBER_PRIORITY_DEFAULT);
    entry_release(e);
    membership_free(in);
    membership_free(out);
}

static bool may_name(const struct membership *m, raft_id id, raft_id replaced, const char *name)
{
    return membership_may_name(m, id, replaced, slice_str(name));
}

static void test_membership__a_name_is_of_one_member(void **state)
{
    struct membership *m = membership_of(3);

    (void)state;
    strcpy(m->addresses[0].name, "one");
    strcpy(m->addresses[1].name, "two");
    assert_int_equal(membership_named(m, slice_str("TWO"))->id, 20);
    assert_null(membership_named(m, slice_str("three")));
    assert_null(membership_named(m, slice_str("")));
    assert_false(may_name(m, 30, 0, "Two"));
    assert_false(may_name(m, 40, 0, "two"));
    assert_true(may_name(m, 20, 0, "two"));
    assert_true(may_name(m, 30, 0, "three"));
    assert_true(may_name(m, 30, 0, "")); /* No name. */
    membership_free(m);
}

/* A node that replaces another one may have its name, which means the other one until then. */
static void test_membership__a_name_is_inherited(void **state)
{
    struct membership *m = membership_of(3);
    struct membership *next;

    (void)state;
    strcpy(m->addresses[0].name, "one");
    m->configuration.members[2] = (struct raft_member){.id = 30, .replaces = 10};
    assert_true(may_name(m, 30, 10, "one"));
    strcpy(m->addresses[2].name, "one");
    assert_int_equal(membership_named(m, slice_str("one"))->id, 10);
    next = membership_next(m, &m->configuration, NULL);
    assert_string_equal(next->addresses[2].name, "one");
    membership_free(next);
    m->configuration.members[2].replaces = 0; /* It does not replace it any more. */
    next = membership_next(m, &m->configuration, NULL);
    assert_string_equal(next->addresses[2].name, "");
    assert_string_equal(next->addresses[0].name, "one");
    membership_free(next);
    membership_free(m);
}

static bool is_name(const char *name)
{
    return member_name_fault(slice_str(name)) == NULL;
}

static void test_member_name__is_told_from_ids_and_addresses(void **state)
{
    (void)state;
    assert_true(is_name("berlin-1"));
    assert_true(is_name("n"));
    assert_true(is_name("a.b_C"));
    assert_false(is_name(""));
    assert_false(is_name("cafe")); /* An id in hex may begin so. */
    assert_false(is_name("1234"));
    assert_false(is_name("host:8000"));
    assert_false(is_name("two words"));
    assert_true(is_name("abcdefghijklmnopqrstuvwxyz012345"));
    assert_false(is_name("abcdefghijklmnopqrstuvwxyz0123456"));
}

static void test_members__go_back_exactly_when_the_log_is_cut(void **state)
{
    struct members members = {0};

    for (raft_index index = 1; index <= 3; index++) {
        struct membership *m = membership_of((uint32_t)index);

        m->index = index * 5;
        for (uint32_t i = 1; i < index; i++) {
            m->configuration.members[i].incoming = false; /* A learner. */
        }
        members_append_take(&members, m);
    }
    assert_int_equal(members_current(&members, 15)->configuration.member_count, 3);
    members_truncate(&members, 15);
    assert_int_equal(members.count, 2);
    assert_int_equal(members_current(&members, 10)->configuration.member_count, 2);
    members_truncate(&members, 6);
    assert_int_equal(members_current(&members, 5)->configuration.member_count, 1);
    members_truncate(&members, 1);
    assert_null(members_current(&members, 0));
    members_deinit(&members);
}

/* The core and the addresses must decide alike, though only the addresses know removed nodes. */
static void test_membership__without_effect_has_none_for_the_core(void **state)
{
    struct members members = {0};
    struct membership *m = membership_of(3);
    struct entry *e;

    (void)state;
    e = membership_encode(m);
    assert_int_equal(membership_core_entry(e, m).kind, RAFT_CONFIGURATION);
    assert_ptr_equal(membership_core_entry(e, m).configuration, &m->configuration);
    entry_release(e);
    m->index = 5;
    members_append_take(&members, membership_copy(m));
    assert_int_equal(members_current(&members, 5)->configuration.member_count, 3);

    m->removed = realloc(m->removed, sizeof m->removed[0]); /* It would be shut out. */
    m->removed[0] = 20;
    m->removed_count = 1;
    m->index = 6;
    e = membership_encode(m);
    assert_false(membership_may_follow(NULL, m));
    assert_int_equal(membership_core_entry(e, m).kind, RAFT_NOOP);
    members_append_take(&members, m);
    assert_int_equal(members_current(&members, 5)->configuration.member_count, 3);
    entry_release(e);

    m = membership_of(2); /* A voter was removed without a joint state. */
    m->index = 7;
    assert_true(membership_may_follow(NULL, m));
    assert_false(membership_may_follow(members_current(&members, 5), m));
    members_append_take(&members, m);
    assert_non_null(members_current(&members, 5));
    members_deinit(&members);
}

static void test_membership__of_one_survivor_removes_all_others(void **state)
{
    struct membership *three = membership_of(3);
    struct member_address self = address_of(20);
    struct membership *alone;
    struct membership *again;

    (void)state;
    self.client.port = 99;
    alone = membership_alone(three, &self, 7);
    assert_int_equal(alone->configuration.epoch, 7);
    assert_int_equal(alone->configuration.member_count, 1);
    assert_true(alone->configuration.members[0].incoming);
    assert_int_equal(membership_address(alone, 20)->client.port, 99);
    assert_true(membership_was_removed(alone, 10));
    assert_true(membership_was_removed(alone, 30));
    assert_true(membership_may_follow(three, alone));

    self = address_of(30); /* It was removed, and goes on nevertheless. */
    again = membership_alone(alone, &self, 8);
    assert_false(membership_was_removed(again, 30));
    assert_true(membership_was_removed(again, 20));
    assert_true(membership_may_follow(alone, again));
    membership_free(three);
    membership_free(alone);
    membership_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_membership__comes_out_as_it_went_in),
        cmocka_unit_test(test_membership__hosts_can_not_insert_lines),
        cmocka_unit_test(test_membership__cut_or_changed_is_never_read_beyond_its_end),
        cmocka_unit_test(test_membership__remembers_removed_members),
        cmocka_unit_test(test_membership__takes_a_new_address_for_an_old_member),
        cmocka_unit_test(test_membership__an_address_of_two_members_names_neither),
        cmocka_unit_test(test_membership__unique_first_digits_name_a_member),
        cmocka_unit_test(test_membership__first_digits_of_a_removed_node_name_no_member),
        cmocka_unit_test(test_membership__without_effect_has_none_for_the_core),
        cmocka_unit_test(test_members__go_back_exactly_when_the_log_is_cut),
        cmocka_unit_test(test_membership__of_one_survivor_removes_all_others),
        cmocka_unit_test(test_membership__marks_and_names_come_out_as_they_went_in),
        cmocka_unit_test(test_membership__a_name_is_of_one_member),
        cmocka_unit_test(test_membership__a_name_is_inherited),
        cmocka_unit_test(test_member_name__is_told_from_ids_and_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
