/* test_succession.c - which configuration may follow which in a log, and that one that may not
 * follow has no effect, on any node and after any restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "raft/quorum.h"
#include "solo.h"

/* Reads one mark, and returns what follows it: "s" stays a learner, "n" never leads, "r3" replaces
 * 3, "p7" has precedence 7. */
static char *read_mark(struct raft_member *member, char *from)
{
    char *rest = from + 1;

    if (*from == 's') {
        member->stays_learner = true;
    } else if (*from == 'n') {
        member->never_leads = true;
    } else if (*from == 'r') {
        member->replaces = strtoull(rest, &rest, 10);
    } else {
        member->precedence = (uint8_t)strtoul(rest, &rest, 10);
    }
    return rest;
}

/* "1 2 3>": "-" is a learner, "<" a voter only in C_old, ">" one only in C_new, "=" one in both:
 * "1= 2= 3< 4> 5-". Outside the joint state voters have no sign. Marks follow: "1n 2 3-s". */
static struct raft_configuration of(const char *text)
{
    struct raft_configuration c = {0};

    while (*text != '\0') {
        char *rest;
        struct raft_member *member = &c.members[c.member_count++];

        member->id = strtoull(text, &rest, 10);
        member->incoming = *rest != '-' && *rest != '<';
        member->outgoing = *rest == '<' || *rest == '=';
        rest += *rest == '-' || *rest == '<' || *rest == '=' || *rest == '>';
        while (*rest != '\0' && *rest != ' ') {
            rest = read_mark(member, rest);
        }
        text = rest + (*rest == ' ');
    }
    return c;
}

static bool may_follow(const char *before, const char *after)
{
    const struct raft_configuration b = of(before);
    const struct raft_configuration c = of(after);

    return raft_configuration_may_follow(&b, &c);
}

static void test_succession__allows_each_step_of_a_leader(void **state)
{
    (void)state;
    assert_true(may_follow("", "1"));
    assert_true(may_follow("", "1 2 3"));
    assert_true(may_follow("1 2 3", "1 2 3")); /* Another address. */
    assert_true(may_follow("1 2 3", "1 2 3 4-"));
    assert_true(may_follow("1 3", "1 2- 3"));
    assert_true(may_follow("1 2- 3", "1 3"));
    assert_true(may_follow("1 2- 3", "1= 2> 3="));
    assert_true(may_follow("1 2- 3-", "1= 2> 3>"));
    assert_true(may_follow("1= 2> 3=", "1 2 3"));
    assert_true(may_follow("1 2 3", "1= 2< 3="));
    assert_true(may_follow("1= 2< 3=", "1 3"));
    assert_true(may_follow("1= 2< 3= 4-", "1 3 4-"));
}

static void test_succession__allows_marks_that_fit(void **state)
{
    (void)state;
    assert_true(may_follow("1 2 3", "1 2 3p5"));
    assert_true(may_follow("1 2 3", "1n 2 3"));
    assert_true(may_follow("1 2 3", "1 2 3 4-sp2"));
    assert_true(may_follow("1 2 3-s", "1 2 3-"));
    assert_true(may_follow("1 2 3-", "1 2 3-s"));
    assert_true(may_follow("1 2 3", "1= 2= 3<s")); /* A voter becomes a learner. */
    assert_true(may_follow("1= 2= 3<s", "1 2 3-s"));
    assert_true(may_follow("1 2 3", "1 2 3 4-r3")); /* One is replaced. */
    assert_true(may_follow("1 2 3 4-", "1 2 3 4-r3"));
    assert_true(may_follow("1 2 3 4-r3", "1 2 3 4-s"));
    assert_true(may_follow("1 2 3 4-r3", "1 2 3"));
    assert_true(may_follow("1 2 3 4-r3", "1= 2= 3< 4>r3"));
    assert_true(may_follow("1= 2= 3< 4>r3", "1 2 4"));
    assert_true(may_follow("1 2 3 4-r3", "1= 2= 3< 4-r3")); /* It is removed before that. */
    assert_true(may_follow("1= 2= 3< 4-r3", "1 2 4-"));
}

static void test_succession__allows_no_marks_that_do_not_fit(void **state)
{
    (void)state;
    assert_false(may_follow("1 2 3-s", "1= 2= 3>"));           /* It is to stay a learner. */
    assert_false(may_follow("1 2 3-s", "1= 2= 3>s"));          /* The same. */
    assert_false(may_follow("1 2 3", "1 2 3s"));               /* A voter is no learner. */
    assert_false(may_follow("1 2 3", "1n 2 3p5"));             /* Two at once. */
    assert_false(may_follow("1n 2n 3", "1n 2n 3n"));           /* Nobody may lead. */
    assert_false(may_follow("1n 2n 3", "1n= 2n= 3<"));         /* The same. */
    assert_false(may_follow("1 2 3", "1 2 3 4-r4"));           /* It replaces itself. */
    assert_false(may_follow("1 2 3", "1 2 3 4-r9"));           /* ... or a stranger, */
    assert_false(may_follow("1 2 3-", "1 2 3- 4-r3"));         /* ... or a learner. */
    assert_false(may_follow("1 2 3 4-r3", "1 2 3 4-r3 5-r3")); /* Two replace one. */
    assert_false(may_follow("1 2 3", "1 2 3 4-sr3"));          /* It is to vote and not to. */
    assert_false(may_follow("1 2 3", "1 2 3r1"));              /* A voter replaces another one. */
    assert_false(may_follow("1 2 3 4-r3", "1= 2= 3= 4>r3"));   /* Only one half of it. */
    assert_false(may_follow("1 2 3 4-r3", "1= 2< 3= 4>r3"));   /* Another one leaves. */
    assert_false(may_follow("1 2 3 4-r3", "1= 2= 3<s 4>r3"));
    assert_false(may_follow("1 2 3 4-r3", "1= 2= 3< 4>"));
    assert_false(may_follow("1= 2= 3< 4>r3", "1 2 4r3"));
    assert_false(may_follow("1= 2= 3<s", "1 2"));
    assert_false(may_follow("1 2 3", "1= 2= 3<p4")); /* Its priority changes, too. */
    /* Node 3 is the only one that will be left to lead. */
    assert_true(may_follow("1n 2 3-r1 4-r2", "1n 2 3-r1 4-nr2"));
    assert_false(may_follow("1n 2 3-r1 4-nr2", "1n 2 4-nr2"));
    assert_false(may_follow("1n 2 3-r1 4-nr2", "1n 2 3-s 4-nr2"));
}

static void test_succession__allows_nothing_else(void **state)
{
    (void)state;
    assert_false(may_follow("1 2 3", "7"));           /* All others are gone. */
    assert_false(may_follow("1 2 3", "1 2"));         /* A voter leaves without a joint state. */
    assert_false(may_follow("1 2 3", "1 2 3-"));      /* A voter becomes a learner without one. */
    assert_false(may_follow("1 2 3", "1 2 3 4"));     /* A voter is added without one. */
    assert_false(may_follow("1 2 3", "1 2 4-"));      /* A voter is replaced by a learner. */
    assert_false(may_follow("1 2 3", "1 2 3 4- 5-")); /* Two learners. */
    assert_false(may_follow("1 2 3 4-", "1 2 3 5-"));
    /* A learner is promoted without a joint state. */
    assert_false(may_follow("1 2 3 4-", "1 2 3 4"));
    assert_false(may_follow("1 2 3", "1= 2= 3= 4>"));    /* The new voter was not a learner. */
    assert_false(may_follow("1 2 3", "1= 2< 3<"));       /* Two leave. */
    assert_false(may_follow("1 2 3 4-", "1= 2= 3< 4>")); /* One leaves, one comes. */
    assert_false(may_follow("1 2 3", "1= 2= 3="));       /* Nothing changes. */
    assert_false(may_follow("1 2 3", "1= 2= 3>"));       /* C_old differs. */
    assert_false(may_follow("1 2 3 4-", "1= 2= 3= 4=")); /* C_new equals C_old. */
    assert_false(may_follow("1= 2= 3<", "1 2 3"));       /* Back to C_old. */
    assert_false(may_follow("1= 2= 3<", "1 2 3-"));      /* To a part of it. */
    assert_false(may_follow("1= 2= 3<", "1= 2< 3<"));    /* On to another joint state. */
    assert_false(may_follow("1= 2= 3<", "1= 2= 3<"));
}

/* --- why: two majorities always meet ---------------------------------------------- */

enum { IDS = 4, KINDS = 5, CONFIGURATIONS = 625, SETS = 1 << IDS };

/* The digits of the number to the base of five say what each id is. Node 4 as a learner, or as one
 * that is only in C_new, replaces node 1, and node 3 becomes a learner if it is only in C_old. */
static bool numbered(uint32_t number, bool is_heir, struct raft_configuration *ret_c)
{
    uint32_t voter_count = 0;

    *ret_c = (struct raft_configuration){0};
    for (raft_id id = 1; id <= IDS; id++) {
        uint32_t kind = number % KINDS;

        number /= KINDS;
        if (kind > 0) {
            ret_c->members[ret_c->member_count++] =
                (struct raft_member){.id = id,
                                     .incoming = kind == 2 || kind == 4,
                                     .outgoing = kind == 3 || kind == 4,
                                     .stays_learner = id == 3 && (kind == 1 || kind == 3),
                                     .replaces = id == 4 && (kind == 1 || is_heir) ? 1 : 0};
        }
        voter_count += kind == 2 || kind == 4;
    }
    return voter_count > 0;
}

/* Bit id - 1 of `ids`: that node has voted yes. */
static bool has_quorum(const struct raft_configuration *c, uint32_t ids)
{
    uint32_t set = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        set |= ((ids >> (c->members[i].id - 1)) & 1) << i;
    }
    return quorum_has(c, set);
}

static void assert_quorums_meet(const struct raft_configuration *b,
                                const struct raft_configuration *c)
{
    for (uint32_t of_b = 0; of_b < SETS; of_b++) {
        /* The remaining nodes are not a quorum of the other configuration. */
        assert_false(has_quorum(b, of_b) && has_quorum(c, (SETS - 1) & ~of_b));
    }
}

/* §6: so there can't be two leaders, whichever of the two configurations nodes use. */
static void test_succession__majorities_before_and_after_share_a_node(void **state)
{
    uint32_t legal_count = 0;

    (void)state;
    for (uint32_t i = 0; i < CONFIGURATIONS; i++) {
        struct raft_configuration b;

        if (!numbered(i, false, &b)) {
            continue;
        }
        for (uint32_t k = 0; k < 2 * CONFIGURATIONS; k++) {
            struct raft_configuration c;

            if (numbered(k / 2, k % 2 == 1, &c) && raft_configuration_may_follow(&b, &c)) {
                assert_quorums_meet(&b, &c);
                legal_count++;
            }
        }
    }
    assert_true(legal_count > CONFIGURATIONS);
}

/* --- in a log --------------------------------------------------------------------- */

static int append(struct solo *s, raft_term term, raft_index prev, raft_term prev_term,
                  const struct raft_configuration *c)
{
    struct raft_message m = solo_append(2, term, prev, prev_term, NULL, 0, 0);
    struct raft_entry entry = {.term = term, .kind = RAFT_CONFIGURATION, .configuration = c};

    m.append_entries.entry_count = 1;
    m.append_entries.entries = &entry;
    return solo_receive(s, m);
}

static void test_succession__an_entry_that_may_not_follow_has_no_effect(void **state)
{
    const struct raft_configuration usurper = of("7");
    const struct raft_configuration four = of("1 2 3 4-");
    struct solo s;

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    /* It is stored, as it may be on other nodes. */
    assert_int_equal(append(&s, 2, 1, 1, &usurper), RAFT_OK);
    assert_int_equal(raft_last_index(s.raft), 2);
    assert_false(s.effects.configuration_changed);
    assert_int_equal(raft_configuration_index(s.raft), 1);
    assert_int_equal(raft_configuration(s.raft)->member_count, 3);
    /* Judged by the configuration in force. */
    assert_int_equal(append(&s, 2, 2, 2, &four), RAFT_OK);
    assert_int_equal(raft_configuration_index(s.raft), 3);

    /* A configuration that was never in force is not restored. */
    assert_int_equal(append(&s, 3, 2, 2, &usurper), RAFT_OK);
    assert_int_equal(raft_configuration_index(s.raft), 1);
    solo_deinit(&s);
}

static void test_succession__a_restart_finds_the_same(void **state)
{
    const struct raft_configuration three = of("1 2 3");
    const struct raft_configuration usurper = of("7");
    const struct raft_configuration four = of("1 2 3 4-");
    const struct raft_configuration *const log[] = {&three, &usurper, &four, &usurper};
    struct solo s;

    (void)state;
    solo_init(&s, 8);
    raft_restore_vote(s.raft, 2, 0);
    for (size_t i = 0; i < sizeof log / sizeof log[0]; i++) {
        const struct raft_entry entry = {
            .term = 1, .kind = RAFT_CONFIGURATION, .configuration = log[i]};

        assert_int_equal(raft_restore_entry(s.raft, &entry), RAFT_OK);
    }
    assert_int_equal(raft_configuration_index(s.raft), 3);
    assert_int_equal(raft_configuration(s.raft)->member_count, 4);
    solo_deinit(&s);
}

/* It leads with such an entry in its log, which is committed like any other. */
static void test_succession__a_leader_goes_on_with_one_in_its_log(void **state)
{
    const struct raft_configuration usurper = of("7");
    struct solo s;
    struct raft_event add = {.kind = RAFT_CHANGE, .change = {.kind = RAFT_ADD_LEARNER, .id = 4}};

    (void)state;
    solo_restore(&s, 3, NULL, 0);
    assert_int_equal(append(&s, 2, 1, 1, &usurper), RAFT_OK);
    solo_settle(&s);
    solo_pass(&s, 2 * SOLO_ELECTION_TIMEOUT);
    solo_become_leader(&s);
    solo_settle(&s);
    assert_int_equal(solo_receive(&s, solo_accept(2, 3, 3)), RAFT_OK);
    assert_int_equal(raft_commit_index(s.raft), 3);
    assert_int_equal(solo_step(&s, add), RAFT_OK);
    assert_int_equal(raft_configuration(s.raft)->member_count, 4);
    solo_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_succession__allows_each_step_of_a_leader),
        cmocka_unit_test(test_succession__allows_nothing_else),
        cmocka_unit_test(test_succession__allows_marks_that_fit),
        cmocka_unit_test(test_succession__allows_no_marks_that_do_not_fit),
        cmocka_unit_test(test_succession__majorities_before_and_after_share_a_node),
        cmocka_unit_test(test_succession__an_entry_that_may_not_follow_has_no_effect),
        cmocka_unit_test(test_succession__a_restart_finds_the_same),
        cmocka_unit_test(test_succession__a_leader_goes_on_with_one_in_its_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
