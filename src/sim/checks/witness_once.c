/* witness_once.c - commands under a number of ONCE. A client sends one until it is answered, so it
 * may be in the log several times: the model says which entry executes it, and what the others
 * reply. Several attempts are one operation. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "sim/checks/model_once.h"
#include "sim/checks/witness_private.h"

struct witness_numbers {
    char *client;
    size_t client_size;
    uint64_t *operations; /* By number; 0: it was not sent. */
    uint64_t capacity;
};

struct witness_numbers *witness_numbers_of(const struct witness *w, struct slice client)
{
    for (uint32_t i = 0; i < w->numbers_count; i++) {
        struct witness_numbers *n = &w->numbers[i];

        if (slice_equal(slice_of(n->client, n->client_size), client)) {
            return n;
        }
    }
    return NULL;
}

void witness_numbers_free(struct witness *w)
{
    for (uint32_t i = 0; i < w->numbers_count; i++) {
        free(w->numbers[i].client);
        free(w->numbers[i].operations);
    }
    free(w->numbers);
}

static struct witness_numbers *add_client(struct witness *w, struct slice client)
{
    w->numbers = memory_resize(w->numbers, (w->numbers_count + 1) * sizeof *w->numbers);
    w->numbers[w->numbers_count] = (struct witness_numbers){
        .client = memory_copy(client.data, client.size), .client_size = client.size};
    return &w->numbers[w->numbers_count++];
}

void witness_number(struct witness *w, uint64_t operation, const char *client, uint64_t number)
{
    struct operation *o = witness_operation(w, operation);
    struct witness_numbers *n = witness_numbers_of(w, slice_str(client));

    if (n == NULL) {
        n = add_client(w, slice_str(client));
    }
    while (number >= n->capacity) {
        uint64_t capacity = n->capacity == 0 ? 64 : 2 * n->capacity;

        n->operations = memory_resize(n->operations, capacity * sizeof *n->operations);
        memset(n->operations + n->capacity, 0, (capacity - n->capacity) * sizeof *n->operations);
        n->capacity = capacity;
    }
    CHECK(n->operations[number] == 0);
    n->operations[number] = operation;
    o->is_once = true;
    o->is_named = true;
}

static void note_verdict(struct witness *w, uint64_t index, uint64_t operation,
                         enum model_once_verdict verdict)
{
    switch (verdict) {
    case MODEL_ONCE_ANEW:
        witness_operation(w, operation)->found_index = 0; /* The latest counts. */
        witness_found(w, index, operation);
        break;
    case MODEL_ONCE_FIRST:
        witness_found(w, index, operation);
        break;
    case MODEL_ONCE_AGAIN:
        w->stats.again_count++;
        break;
    case MODEL_ONCE_GONE:
        w->stats.reply_gone_count++;
        witness_operation(w, operation)->may_be_gone = true;
        break;
    case MODEL_ONCE_EXPIRED:
        w->stats.number_expired_count++;
        break;
    case MODEL_ONCE_STRANGE:
        verdict_broken(w->verdict, "invention", "entry %llu is no command of any user",
                       (unsigned long long)index);
        break;
    }
}

/* Directed tests have clients of their own, and check what comes of their commands. */
void witness_apply_once(struct witness *w, uint64_t index, struct slice payload)
{
    struct slice arguments[MODEL_ARGUMENTS_MAX];
    struct model_once once;
    uint32_t database = 0;
    uint32_t count = 0;
    const struct witness_numbers *n =
        model_decode_once(payload, &once, &database, arguments, &count)
            ? witness_numbers_of(w, once.client)
            : NULL;
    struct outcome *outcome = &w->outcomes[index];

    if (n == NULL) {
        return;
    }
    if (once.number >= n->capacity || n->operations[once.number] == 0) {
        verdict_broken(w->verdict, "invention", "entry %llu has number %llu, which nobody sent",
                       (unsigned long long)index, (unsigned long long)once.number);
        return;
    }
    enum model_once_verdict verdict =
        model_write_once(w->model, &once, database, index, arguments, count, &w->replies);

    outcome->size = w->replies.end - outcome->offset;
    outcome->database = database;
    note_verdict(w, index, n->operations[once.number], verdict);
}
