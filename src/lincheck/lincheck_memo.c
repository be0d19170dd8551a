/* lincheck_memo.c - see lincheck_memo.h. */
#include "lincheck/lincheck_memo.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/memory.h"

enum { SLOTS_MIN = 64, WORD_BITS = 64 };

/* --- sets ------------------------------------------------------------------------------- */

void lincheck_set_init(struct lincheck_set *s, uint32_t capacity)
{
    /* One word more than needed, which is never full, so counting full words ends there. */
    *s = (struct lincheck_set){
        .words = memory_take_zeroed(capacity / WORD_BITS + 2, sizeof *s->words),
    };
}

void lincheck_set_deinit(struct lincheck_set *s)
{
    free(s->words);
}

void lincheck_set_add(struct lincheck_set *s, uint32_t number)
{
    uint32_t word = number / WORD_BITS;

    s->words[word] |= UINT64_C(1) << number % WORD_BITS;
    while (s->words[s->full_count] == UINT64_MAX) {
        s->full_count++;
    }
    if (s->end <= word) {
        s->end = word + 1;
    }
}

bool lincheck_set_has(const struct lincheck_set *s, uint32_t number)
{
    return (s->words[number / WORD_BITS] >> number % WORD_BITS & 1) != 0;
}

void lincheck_set_remove(struct lincheck_set *s, uint32_t number)
{
    uint32_t word = number / WORD_BITS;

    s->words[word] &= ~(UINT64_C(1) << number % WORD_BITS);
    if (s->full_count > word) {
        s->full_count = word;
    }
    while (s->end > 0 && s->words[s->end - 1] == 0) {
        s->end--;
    }
}

static uint32_t window_size(const struct lincheck_set *s)
{
    return s->end - s->full_count;
}

/* --- the table ---------------------------------------------------------------------------- */

/* Followed by the stored words of both sets. */
struct entry {
    uint32_t state;
    uint32_t known_full;
    uint32_t known_size;
    uint32_t open_full;
    uint32_t open_size;
    uint64_t words[];
};

/* Without the padding at the end. */
#define HEAD_BYTES (offsetof(struct entry, open_size) + sizeof(uint32_t))

struct lincheck_memo_slot {
    uint64_t hash;
    const struct entry *entry; /* NULL: free. */
};

static bool is_entry(const struct entry *e, const struct entry *head,
                     const struct lincheck_set *known, const struct lincheck_set *open)
{
    return e->state == head->state && e->known_full == head->known_full &&
           e->known_size == head->known_size && e->open_full == head->open_full &&
           e->open_size == head->open_size &&
           memcmp(e->words, known->words + known->full_count, 8 * (size_t)e->known_size) == 0 &&
           memcmp(e->words + e->known_size, open->words + open->full_count,
                  8 * (size_t)e->open_size) == 0;
}

static void grow(struct lincheck_memo *m)
{
    struct lincheck_memo_slot *old = m->slots;
    uint32_t old_count = m->slot_count;

    CHECK(old_count < UINT32_MAX / 2);
    m->slot_count = old_count == 0 ? SLOTS_MIN : 2 * old_count;
    m->slots = memory_take_zeroed(m->slot_count, sizeof *m->slots);
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i].entry != NULL) {
            uint32_t place = (uint32_t)old[i].hash & (m->slot_count - 1);

            while (m->slots[place].entry != NULL) {
                place = (place + 1) & (m->slot_count - 1);
            }
            m->slots[place] = old[i];
        }
    }
    free(old);
}

bool lincheck_memo_add(struct lincheck_memo *m, uint32_t state, const struct lincheck_set *known,
                       const struct lincheck_set *open)
{
    struct entry head = {state, known->full_count, window_size(known), open->full_count,
                         window_size(open)};
    size_t known_bytes = 8 * (size_t)head.known_size;
    size_t open_bytes = 8 * (size_t)head.open_size;
    uint64_t hash = checksum(&head, HEAD_BYTES);

    hash = checksum_seeded(known->words + known->full_count, known_bytes, hash);
    hash = checksum_seeded(open->words + open->full_count, open_bytes, hash);
#ifdef LINCHECK_WEAK_HASH
    hash &= 3; /* Lets tests show that verdicts do not depend on the hash. */
#endif
    if (m->count >= m->slot_count / 2) {
        grow(m);
    }

    uint32_t place = (uint32_t)hash & (m->slot_count - 1);

    for (; m->slots[place].entry != NULL; place = (place + 1) & (m->slot_count - 1)) {
        if (m->slots[place].hash == hash && is_entry(m->slots[place].entry, &head, known, open)) {
            return false;
        }
    }

    struct entry *entry = arena_take(&m->arena, sizeof *entry + known_bytes + open_bytes);

    *entry = head;
    memcpy(entry->words, known->words + known->full_count, known_bytes);
    memcpy(entry->words + head.known_size, open->words + open->full_count, open_bytes);
    m->slots[place] = (struct lincheck_memo_slot){hash, entry};
    m->count++;
    return true;
}

uint64_t lincheck_memo_bytes(const struct lincheck_memo *m)
{
    return m->arena.bytes + m->slot_count * sizeof *m->slots;
}

void lincheck_memo_reset(struct lincheck_memo *m)
{
    arena_reset(&m->arena);
    free(m->slots);
    *m = (struct lincheck_memo){0};
}
