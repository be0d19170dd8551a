#include "replica/digests.h"

#include <stddef.h>

#include "base/check.h"
#include "base/mutant.h"
#include "raft/quorum.h"

void digests_init(struct digests *d, raft_index interval)
{
    *d = (struct digests){.interval = interval == 0 ? DIGESTS_INTERVAL : interval};
    CHECK((d->interval & (d->interval - 1)) == 0);
}

/* --- notes --------------------------------------------------------------------------- */

static void put(struct digest_notes *notes, raft_index number, struct digest_note note)
{
    notes->latest[number % DIGESTS_KEPT] = note;
    if (number % DIGESTS_KEPT == 0) {
        notes->older[number / DIGESTS_KEPT % DIGESTS_KEPT] = note;
    }
}

static const struct digest_note *find(const struct digests *d, const struct digest_notes *notes,
                                      raft_index index)
{
    raft_index number = index / d->interval;
    const struct digest_note *latest = &notes->latest[number % DIGESTS_KEPT];
    const struct digest_note *older = &notes->older[number / DIGESTS_KEPT % DIGESTS_KEPT];

    if (latest->index == index || (MUTANT(digest_of_other_index) && latest->index != 0)) {
        return latest;
    }
    return older->index == index ? older : NULL;
}

void digests_note_own(struct digests *d, raft_index index, uint64_t digest)
{
    put(&d->own, index / d->interval, (struct digest_note){index, digest});
}

bool digests_find_own(const struct digests *d, raft_index index, uint64_t *ret_digest)
{
    const struct digest_note *note = find(d, &d->own, index);

    if (note == NULL || index == 0) {
        return false;
    }
    *ret_digest = note->digest;
    return true;
}

void digests_forget_own(struct digests *d)
{
    d->own = (struct digest_notes){0};
}

/* --- other members ------------------------------------------------------------------- */

static const struct digest_source *find_source(const struct digests *d, raft_id id)
{
    for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
        if (d->sources[i].id == id) {
            return &d->sources[i];
        }
    }
    return NULL;
}

/* The place of a member; maybe that of a node that is not a member any more. */
static struct digest_source *place_of(struct digests *d, const struct raft_configuration *c,
                                      raft_id id)
{
    struct digest_source *free_place = NULL;

    for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
        struct digest_source *source = &d->sources[i];

        if (source->id == id) {
            return source;
        }
        if (source->id == 0 || raft_configuration_find(c, source->id) == NULL) {
            free_place = source;
        }
    }
    CHECK(free_place != NULL); /* There are fewer other members. */
    *free_place = (struct digest_source){.id = id};
    return free_place;
}

void digests_note(struct digests *d, const struct raft_configuration *c, raft_id id,
                  raft_index index, uint64_t digest, bool is_isolated)
{
    struct digest_source *source;

    if (raft_configuration_find(c, id) == NULL || index % d->interval != 0) {
        return;
    }
    source = place_of(d, c, id);
    if (is_isolated && !source->is_isolated) {
        source->notes = (struct digest_notes){0}; /* Those were of a wrong state. */
    }
    source->is_isolated = is_isolated;
    if (index != 0) {
        put(&source->notes, index / d->interval, (struct digest_note){index, digest});
    }
}

bool digests_is_isolated(const struct digests *d, raft_id id)
{
    const struct digest_source *source = id == 0 ? NULL : find_source(d, id);

    return source != NULL && source->is_isolated;
}

/* NULL: unknown, or of no account. */
static const struct digest_note *note_of(const struct digests *d, raft_id id, raft_index index)
{
    const struct digest_source *source = find_source(d, id);
    bool counts = source != NULL && (!source->is_isolated || MUTANT(isolated_digest_counts));

    return counts ? find(d, &source->notes, index) : NULL;
}

bool digests_has(const struct digests *d, raft_id id, raft_index index, uint64_t digest)
{
    const struct digest_note *note = id == 0 || index == 0 ? NULL : note_of(d, id, index);

    return note != NULL && note->digest == digest;
}

/* --- comparing ----------------------------------------------------------------------- */

struct votes {
    const struct digest_note *notes[RAFT_MEMBERS_MAX]; /* By member; NULL: unknown. */
    uint32_t count;
};

static uint32_t supporters(const struct votes *votes, uint64_t digest)
{
    uint32_t set = 0;

    for (uint32_t i = 0; i < votes->count; i++) {
        if (votes->notes[i] != NULL && votes->notes[i]->digest == digest) {
            set |= 1u << i;
        }
    }
    return set;
}

/* One node alone, even if it is the only voter, may be the one that is wrong. */
static bool is_majority(const struct raft_configuration *c, uint32_t set)
{
    return quorum_has(c, set) && ((set & (set - 1)) != 0 || MUTANT(sole_voter_is_right));
}

bool digests_has_majority(const struct digests *d, const struct raft_configuration *c, raft_id self,
                          raft_id id)
{
    const struct digest_source *source = id == 0 || id == self ? NULL : find_source(d, id);

    for (uint32_t i = 0; source != NULL && !source->is_isolated && i < DIGESTS_KEPT; i++) {
        const struct digest_note *note = &source->notes.latest[i];
        struct votes votes = {.count = c->member_count};

        for (uint32_t j = 0; note->index != 0 && j < c->member_count; j++) {
            raft_id other = c->members[j].id;

            votes.notes[j] = other == self ? NULL : note_of(d, other, note->index);
        }
        if (note->index != 0 &&
            (is_majority(c, supporters(&votes, note->digest)) || MUTANT(agreement_of_one))) {
            return true;
        }
    }
    return false;
}

static void judge(const struct raft_configuration *c, const struct votes *votes,
                  struct digest_verdict *v)
{
    uint32_t own_set = supporters(votes, v->own);
    bool is_own_right = is_majority(c, own_set);

    v->outcome = is_own_right ? DIGESTS_EQUAL : DIGESTS_UNKNOWN;
    for (uint32_t i = 0; i < votes->count; i++) {
        if (votes->notes[i] == NULL || votes->notes[i]->digest == v->own) {
            continue;
        }
        v->other = c->members[i].id;
        if (!is_own_right && (is_majority(c, supporters(votes, votes->notes[i]->digest)) ||
                              MUTANT(minority_of_digests_wins))) {
            v->outcome = DIGESTS_OWN_WRONG;
            v->right = votes->notes[i]->digest;
            return;
        }
        v->outcome = is_own_right ? DIGESTS_OTHER_WRONG : DIGESTS_DISPUTED;
    }
}

struct digest_verdict digests_compare(struct digests *d, const struct raft_configuration *c,
                                      raft_id self, raft_index index, uint64_t now_ns)
{
    struct digest_verdict v = {.index = index};
    struct votes votes = {.count = c->member_count};

    if (!digests_find_own(d, index, &v.own)) {
        return v;
    }
    for (uint32_t i = 0; i < c->member_count; i++) {
        raft_id id = c->members[i].id;

        votes.notes[i] = id == self ? find(d, &d->own, index) : note_of(d, id, index);
    }
    judge(c, &votes, &v);
    if (v.outcome != DIGESTS_UNKNOWN && index >= d->last.index) {
        d->last = v;
        d->last_ns = now_ns;
    }
    return v;
}

const char *digest_outcome_name(enum digest_outcome outcome)
{
    switch (outcome) {
    case DIGESTS_UNKNOWN:
        break;
    case DIGESTS_EQUAL:
        return "equal";
    case DIGESTS_OTHER_WRONG:
        return "another node differs";
    case DIGESTS_DISPUTED:
        return "disputed";
    case DIGESTS_OWN_WRONG:
        return "this node differs";
    }
    return "not compared";
}
