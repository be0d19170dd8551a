#include "store/replay.h"

#include <stdlib.h>

#include "base/memory.h"
#include "store/log_reader.h"
#include "store/store_state.h"

enum { WINDOW_BYTES = 256 * 1024 }; /* So much stays in the cache of a processor. */

void store_replay_begin(struct store_replay *replay, struct store *s)
{
    *replay = (struct store_replay){.store = s};
    for (size_t i = 0; i < s->index.count; i++) {
        replay->total_bytes += s->index.runs[i].end - s->index.runs[i].offset;
    }
}

void store_replay_end(struct store_replay *replay)
{
    if (replay->reader != NULL) {
        log_reader_close(replay->reader);
        free(replay->reader);
        replay->reader = NULL;
    }
}

struct lending {
    int (*each)(void *context, struct entry *e);
    void *context;
};

static int lend_entry(void *context, struct entry *e)
{
    struct lending *lending = context;
    int rv = lending->each(lending->context, e);

    entry_release(e);
    return rv;
}

/* Opens the segment that a run is in. */
static int open_segment(struct store_replay *replay, uint64_t segment)
{
    struct store *s = replay->store;

    if (replay->reader != NULL && replay->reader->place.segment == segment) {
        return STORE_OK;
    }
    store_replay_end(replay);
    replay->reader = memory_take_zeroed(1, sizeof *replay->reader);
    return log_reader_open(replay->reader, s->io, s->dir, &s->identity, segment, WINDOW_BYTES) ==
                   FILE_GOOD
               ? STORE_OK
               : STORE_EDAMAGED;
}

int store_replay_step(struct store_replay *replay, int (*each)(void *context, struct entry *e),
                      void *context)
{
    const struct log_index *index = &replay->store->index;
    struct lending lending = {.each = each, .context = context};

    if (replay->run == index->count) {
        return 0;
    }

    const struct log_run *run = &index->runs[replay->run];
    int rv = open_segment(replay, run->segment);

    if (rv == STORE_OK) {
        rv = log_read_run(replay->reader, run, run->first_index, run->first_index + run->count - 1,
                          lend_entry, &lending);
    }
    if (rv != 0) {
        return rv;
    }
    replay->bytes += run->end - run->offset;
    replay->run++;
    return replay->run < index->count ? 1 : 0;
}

int store_replay(struct store *s, int (*each)(void *context, struct entry *e), void *context)
{
    struct store_replay replay;
    int rv = 1;

    store_replay_begin(&replay, s);
    while (rv == 1) {
        rv = store_replay_step(&replay, each, context);
    }
    store_replay_end(&replay);
    return rv;
}
