/* lincheck_partition.c - see lincheck_partition.h. */
#include "lincheck/lincheck_partition.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

struct splitter {
    struct lincheck_intern keys; /* The number of the database, then the name. */
    struct buffer name;
    uint32_t *parents; /* By key: another key of its partition, or itself if it is the first. */
    uint32_t *locals;  /* By key: its number within its partition. */
    uint32_t capacity;
};

/* --- which keys belong together ------------------------------------------------------- */

static uint32_t first_of(struct splitter *s, uint32_t key)
{
    while (s->parents[key] != key) {
        s->parents[key] = s->parents[s->parents[key]];
        key = s->parents[key];
    }
    return key;
}

static uint32_t key_number(struct splitter *s, struct lincheck_key k)
{
    uint32_t before = s->keys.count;
    uint32_t key;

    buffer_clear(&s->name);
    buffer_append(&s->name, &k.database, sizeof k.database);
    buffer_append_slice(&s->name, k.name);
    key = lincheck_intern(&s->keys, buffer_slice(&s->name));

    if (key == s->capacity) {
        s->capacity = s->capacity == 0 ? 64 : 2 * s->capacity;
        s->parents = memory_resize(s->parents, s->capacity * sizeof *s->parents);
    }
    if (key == before) {
        s->parents[key] = key;
    }
    return key;
}

static void join_keys(struct splitter *s, const struct lincheck_operation *operation)
{
    uint32_t first = first_of(s, operation->keys[0]);

    for (uint32_t i = 1; i < operation->key_count; i++) {
        uint32_t other = first_of(s, operation->keys[i]);

        /* The older key is the root, so that partitions are in the order of the file. */
        uint32_t older = first < other ? first : other;

        s->parents[first] = older;
        s->parents[other] = older;
        first = older;
    }
}

static int recognise_all(struct lincheck_partitions *p, struct splitter *s, const struct history *h,
                         uint32_t *ret_count, struct buffer *error)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < history_count(h); i++) {
        struct lincheck_operation *operation = &p->operations[count];

        if (lincheck_recognise(history_at(h, i), operation, error) < 0) {
            return -1;
        }
        if (operation->source->return_ns == HISTORY_OPEN) {
            p->open_count++;
            if (operation->is_read) {
                continue;
            }
        }
        operation->keys = arena_take(&p->arena, operation->key_count * sizeof *operation->keys);
        for (uint32_t k = 0; k < operation->key_count; k++) {
            operation->keys[k] = key_number(s, lincheck_key(operation, k));
        }
        join_keys(s, operation);
        count++;
    }
    *ret_count = count;
    return 0;
}

/* --- sorting ---------------------------------------------------------------------------- */

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* By partition, then by time, then by position in the history, which is the order in memory. */
static int compare_operations(const void *a, const void *b)
{
    const struct lincheck_operation *x = a;
    const struct lincheck_operation *y = b;
    int order = compare_u64(x->partition, y->partition);

    if (order == 0) {
        order = compare_u64(x->source->invoke_ns, y->source->invoke_ns);
    }
    return order != 0 ? order : compare_u64((uintptr_t)x->source, (uintptr_t)y->source);
}

/* Numbers the keys of the partition from 0 on. */
static void number_keys(struct splitter *s, struct lincheck_partition *partition)
{
    for (uint32_t i = 0; i < partition->operation_count; i++) {
        struct lincheck_operation *operation = &partition->operations[i];

        for (uint32_t k = 0; k < operation->key_count; k++) {
            uint32_t *local = &s->locals[operation->keys[k]];

            if (*local == UINT32_MAX) {
                *local = partition->key_count++;
            }
            operation->keys[k] = *local;
        }
    }
}

static void cut(struct lincheck_partitions *p, struct splitter *s, uint32_t count)
{
    p->partitions = memory_take_zeroed(s->keys.count + 1, sizeof *p->partitions);
    s->locals = memory_take(s->keys.count * sizeof *s->locals + 1);
    for (uint32_t key = 0; key < s->keys.count; key++) {
        s->locals[key] = UINT32_MAX;
    }
    for (uint32_t start = 0; start < count;) {
        struct lincheck_partition *partition = &p->partitions[p->partition_count++];
        uint32_t end = start;

        while (end < count && p->operations[end].partition == p->operations[start].partition) {
            end++;
        }
        partition->operations = &p->operations[start];
        partition->operation_count = end - start;
        number_keys(s, partition);
        start = end;
    }
}

int lincheck_partitions_init(struct lincheck_partitions *p, const struct history *h,
                             struct buffer *error)
{
    struct splitter s = {0};
    uint32_t count = 0;

    *p = (struct lincheck_partitions){
        .operations = memory_take((history_count(h) + 1) * sizeof *p->operations),
    };

    int rc = recognise_all(p, &s, h, &count, error);

    if (rc == 0) {
        for (uint32_t i = 0; i < count; i++) {
            p->operations[i].partition = first_of(&s, p->operations[i].keys[0]);
        }
        qsort(p->operations, count, sizeof *p->operations, compare_operations);
        cut(p, &s, count);
    } else {
        lincheck_partitions_deinit(p);
    }
    lincheck_intern_reset(&s.keys);
    buffer_deinit(&s.name);
    free(s.parents);
    free(s.locals);
    return rc;
}

void lincheck_partitions_deinit(struct lincheck_partitions *p)
{
    arena_reset(&p->arena);
    free(p->operations);
    free(p->partitions);
    *p = (struct lincheck_partitions){0};
}

uint64_t lincheck_partitions_bytes(const struct lincheck_partitions *p)
{
    uint64_t bytes = p->arena.bytes + p->partition_count * sizeof *p->partitions;

    for (uint32_t i = 0; i < p->partition_count; i++) {
        bytes += p->partitions[i].operation_count * sizeof *p->operations;
    }
    return bytes;
}
