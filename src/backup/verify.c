#include "backup/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backup/keys.h"
#include "base/human.h"

struct verifying {
    struct key_count keys;
    void (*progress)(void *context, uint64_t bytes, uint64_t total_bytes);
    void *context;
    bool is_malformed;
};

static int take_chunk(void *context, const struct snapshot_chunk *chunk)
{
    struct verifying *v = context;

    if (strcmp(chunk->section, "items") == 0 && !key_count_take(&v->keys, chunk->content)) {
        v->is_malformed = true;
    }
    return v->is_malformed ? -1 : 0;
}

static int take_end(void *context, const struct store_identity *identity,
                    const struct store_snapshot *snapshot)
{
    struct verifying *v = context;

    v->is_malformed = !key_count_is_whole(&v->keys);
    return v->is_malformed ? -1 : 0;
}

static void note_progress(void *context, uint64_t bytes, uint64_t total_bytes)
{
    const struct verifying *v = context;

    if (v->progress != NULL) {
        v->progress(v->context, bytes, total_bytes);
    }
}

enum backup_verdict
backup_verify(struct io *io, const char *file,
              void (*progress)(void *context, uint64_t bytes, uint64_t total_bytes), void *context,
              struct backup_verified *ret_verified, char *text, size_t text_size)
{
    struct verifying v = {.progress = progress, .context = context};
    struct backup_visitor visitor = {
        .chunk = take_chunk, .snapshot = take_end, .progress = note_progress, .context = &v};
    enum backup_verdict verdict;

    *ret_verified = (struct backup_verified){0};
    verdict = backup_read(io, file, &visitor, &ret_verified->contents, text, text_size);
    ret_verified->keys = v.keys.found;
    key_count_deinit(&v.keys);
    if (v.is_malformed) {
        snprintf(text, text_size,
                 "%s has the right checksums, but does not hold the keys that it declares: it was "
                 "made by a faulty program, or by a newer one",
                 file);
        return BACKUP_DAMAGED;
    }
    return verdict;
}

static void put_time(struct buffer *out, uint64_t time_us)
{
    human_put_utc(out, time_us);
    buffer_printf(out, "\n");
}

void backup_describe(struct buffer *out, const struct backup_verified *verified)
{
    const struct backup_contents *c = &verified->contents;

    buffer_printf(out, "cluster  %016" PRIx64 "\n", c->identity.cluster_id);
    buffer_printf(out, "node     %016" PRIx64 "\n", c->identity.node_id);
    buffer_printf(out, "entry    %" PRIu64 "\n", c->snapshot.index);
    buffer_printf(out, "time     ");
    put_time(out, c->snapshot.time_us);
    buffer_printf(out, "keys     %" PRIu64 "\n", verified->keys);
    if (c->archive_count > 0) {
        buffer_printf(out, "log      entries %" PRIu64 " to %" PRIu64 ", in %u file%s\n",
                      c->snapshot.index + 1, c->last.index, (unsigned)c->archive_count,
                      c->archive_count == 1 ? "" : "s");
        buffer_printf(out, "up to    ");
        put_time(out, c->last.time_us);
    }
    buffer_printf(out, "size     ");
    human_put_bytes(out, c->bytes);
    buffer_printf(out, "\n");
}
