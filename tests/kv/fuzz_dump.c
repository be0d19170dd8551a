/* fuzz_dump.c - fuzz target: a dump for RESTORE, as it is, and with a footer that fits. What is
 * restored is dumped and restored again, and is the same. */
#include "base/check.h"
#include "fuzz_input.h"
#include "kv/rdb.h"
#include "run_command.h"

static bool restore(struct keyspace *k, const char *key, struct slice dump)
{
    const struct slice arguments[] = {slice_str("RESTORE"), slice_str(key), slice_str("0"), dump};
    struct buffer out = {0};

    CHECK(run_arguments(k, 0, 2, 4, arguments, &out));

    bool is_restored = slice_equal(buffer_slice(&out), slice_str("+OK\r\n"));

    CHECK(is_restored || buffer_begin(&out)[0] == '-');
    buffer_deinit(&out);
    return is_restored;
}

/* The dump in a reply: behind the line with its size, and before the last line end. */
static struct slice dump_in(const struct buffer *reply)
{
    struct slice all = buffer_slice(reply);
    const char *end = memchr(all.data, '\n', all.size);

    CHECK(end != NULL);

    size_t head = (size_t)(end + 1 - all.data);

    return slice_of(all.data + head, all.size - head - 2);
}

static void dump_again(struct keyspace *k)
{
    const struct slice arguments[] = {slice_str("DUMP"), slice_str("a")};
    struct kv_value first;
    struct kv_value second;
    struct buffer out = {0};

    CHECK(run_arguments(k, 0, 2, 2, arguments, &out));
    CHECK(restore(k, "b", dump_in(&out)));
    CHECK(kv_find(keyspace_database(k, 0), slice_str("a"), &first));
    CHECK(kv_find(keyspace_database(k, 0), slice_str("b"), &second));
    CHECK(slice_equal(first.bytes, second.bytes));
    CHECK(first.traits.type == second.traits.type);
    buffer_deinit(&out);
}

static void try(struct slice dump)
{
    struct keyspace *k = keyspace_new(1);

    if (restore(k, "a", dump)) {
        dump_again(k);
    }
    CHECK(keyspace_digest(k) == keyspace_digest_recomputed(k));
    keyspace_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer dump = {0};

    try(slice_of(data, size));
    buffer_append(&dump, data, size);
    rdb_write_footer(&dump, RDB_VERSION);
    try(buffer_slice(&dump));
    buffer_deinit(&dump);
    return 0;
}
