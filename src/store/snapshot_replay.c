#include "store/snapshot_replay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/snapshot_reader.h"
#include "store/store_state.h"

void snapshot_replay_begin(struct snapshot_replay *replay, struct store *s,
                           const struct store_snapshot *snapshot)
{
    *replay = (struct snapshot_replay){.store = s, .snapshot = *snapshot};
}

void snapshot_replay_end(struct snapshot_replay *replay)
{
    if (replay->reader != NULL) {
        snapshot_reader_close(replay->reader);
        free(replay->reader);
        replay->reader = NULL;
    }
}

static int open_reader(struct snapshot_replay *replay, const char *path)
{
    struct store *s = replay->store;

    replay->reader = memory_take_zeroed(1, sizeof *replay->reader);
    switch (snapshot_reader_open(replay->reader, s->io, path, &s->identity)) {
    case FILE_GOOD:
        return 0;
    case FILE_MISSING:
        return -ENOENT;
    case FILE_UNREADABLE:
        return replay->reader->error;
    default:
        return -EBADMSG;
    }
}

static int explain(const struct snapshot_replay *replay, const char *path, int error,
                   struct complaint *c)
{
    if (error == -EBADMSG) {
        return complain(c, STORE_EDAMAGED,
                        "the snapshot %s is damaged at byte %llu; " RESTORE_ADVICE, path,
                        (unsigned long long)replay->reader->at);
    }
    return complain(c, STORE_EIO, "cannot read the snapshot %s (error %d)", path, -error);
}

static int explain_refusal(const char *path, int refusal, struct complaint *c)
{
    return refusal != STORE_EFORMAT
               ? refusal
               : complain(c, refusal,
                          "the snapshot %s has a section that this program does not know; nothing "
                          "was changed; start the node with the program that wrote it, or a newer "
                          "one",
                          path);
}

int snapshot_replay_step(struct snapshot_replay *replay,
                         int (*each)(void *context, const struct snapshot_chunk *chunk),
                         void *context, char *text, size_t text_size)
{
    struct complaint c = {.text = text, .size = text_size};
    struct snapshot_chunk chunk;
    char path[PATH_BYTES_MAX];

    if (text_size > 0) {
        text[0] = '\0';
    }
    snapshot_path(replay->store->dir, replay->snapshot.index, path);

    int rv = replay->reader == NULL ? open_reader(replay, path) : 0;

    if (rv == 0) {
        rv = snapshot_reader_next(replay->reader, &chunk);
    }
    replay->bytes = replay->reader->at;
    if (rv < 0) {
        return explain(replay, path, rv, &c);
    }
    if (rv == SNAPSHOT_AT_END) {
        return snapshot_is_same(&replay->reader->snapshot, &replay->snapshot)
                   ? 0
                   : explain(replay, path, -EBADMSG, &c);
    }

    int refusal = each(context, &chunk);

    return refusal == 0 ? 1 : explain_refusal(path, refusal, &c);
}

int snapshot_load_now(struct store *s, const struct store_snapshot *snapshot,
                      int (*each)(void *context, const struct snapshot_chunk *chunk), void *context,
                      char *text, size_t text_size)
{
    struct snapshot_replay replay;
    int rv = 1;

    snapshot_replay_begin(&replay, s, snapshot);
    while (rv == 1) {
        rv = snapshot_replay_step(&replay, each, context, text, text_size);
    }
    snapshot_replay_end(&replay);
    return rv;
}
