#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/prng.h"
#include "store/segment.h"

const struct store_key fixture_key = {"the thirty-two bytes of the key."};

/* --- callbacks --- */

static void on_durable(void *context, uint64_t seq)
{
    struct fixture *f = context;

    assert_true(seq > f->durable_seq);
    f->durable_seq = seq;
    if (f->observe != NULL) {
        f->observe(f, seq);
    }
    if (f->awaited_seq != 0 && seq >= f->awaited_seq) {
        io_uv_stop(f->io);
    }
}

static void on_failed(void *context, int error, const char *text)
{
    struct fixture *f = context;

    assert_non_null(text);
    f->failed_count++;
    print_message("failed: %s\n", text);
    f->failed_error = error;
    io_uv_stop(f->io);
}

static void on_room(void *context)
{
    struct fixture *f = context;

    f->room_count++;
    io_uv_stop(f->io);
}

/* --- life --- */

int fixture_setup(void **state)
{
    struct fixture *f = memory_take_zeroed(1, sizeof *f);
    const char *base = getenv("TMPDIR");

    umask(077); /* Files that tests write are as private as a node's. */
    f->io = io_uv_new();
    if (base == NULL) {
        /* Where syncs cost nothing: crashes are simulated from records, not by real syncs. */
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    snprintf(f->root, sizeof f->root, "%s/rakit-store-XXXXXX", base);
    assert_non_null(mkdtemp(f->root));
    snprintf(f->dir, sizeof f->dir, "%s/data", f->root);
    f->segment_bytes = 64 * 1024;
    *state = f;
    return 0;
}

void fixture_remove(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *item;

    while (dir != NULL && (item = readdir(dir)) != NULL) {
        char below[1024];

        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) {
            continue;
        }
        snprintf(below, sizeof below, "%s/%s", path, item->d_name);
        if (unlink(below) != 0) {
            fixture_remove(below);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    rmdir(path);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    if (f->store != NULL) {
        fixture_close(f);
    }
    io_uv_free(f->io);
    fixture_remove(f->root);
    free(f);
    return 0;
}

void fixture_enter(struct fixture *f, const char *name)
{
    snprintf(f->dir, sizeof f->dir, "%s/%s", f->root, name);
    assert_int_equal(mkdir(f->dir, 0700), 0);
}

static void on_log(void *context, enum log_level level, const char *event, const char *fields)
{
    struct fixture *f = context;
    size_t size = strlen(f->logged);

    snprintf(f->logged + size, sizeof f->logged - size, "%s: %s %s\n", log_level_name(level), event,
             fields);
}

static bool may_repair(void *context, uint64_t node_id, struct slice members)
{
    const struct fixture *f = context;

    (void)members;
    assert_int_equal(node_id, FIXTURE_NODE);
    return f->has_peers;
}

int fixture_try_open(struct fixture *f)
{
    struct store_options options = {
        .dir = f->dir,
        .key = f->key,
        .is_joining = f->is_joining,
        .is_new_cluster = f->is_new_cluster,
        .segment_bytes = f->segment_bytes,
        .log = &f->log,
        .durable = on_durable,
        .failed = on_failed,
        .room = on_room,
        .may_repair = may_repair,
        .context = f,
    };

    f->log = (struct log){.level = LOG_INFO, .sink = on_log, .context = f};
    f->logged[0] = '\0';
    return store_open(f->io, &options, FIXTURE_NODE, &f->store, &f->recovered, f->text,
                      sizeof f->text);
}

void fixture_open(struct fixture *f)
{
    int rv = fixture_try_open(f);

    if (rv != 0) {
        fail_msg("store_open: %d, %s", rv, f->text);
    }
    f->seq = 0;
    f->durable_seq = 0;
    if (f->recovered.identity.cluster_id == 0) {
        assert_int_equal(store_set_cluster(f->store, FIXTURE_CLUSTER, 0, &fixture_key), 0);
    }
}

void fixture_check_refused(struct fixture *f, int error, const char *word)
{
    uint64_t before = fixture_digest(f);
    int rv = fixture_try_open(f);

    if (rv == 0) {
        fixture_close(f);
        fail_msg("opened what must be refused");
    }
    assert_int_equal(rv, error);
    if (strstr(f->text, word) == NULL) {
        fail_msg("'%s' does not mention '%s'", f->text, word);
    }
    assert_int_equal(fixture_digest(f), before);
}

void fixture_close(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

/* --- writing --- */

void fixture_fill(const struct fixture *f, uint64_t index, uint64_t term, char *data, uint32_t size)
{
    struct prng p = {.state = index * 1000003 + term + f->salt};
    uint32_t i = 0;

    for (; i + 8 <= size; i += 8) {
        uint64_t bits = prng_next(&p);

        memcpy(data + i, &bits, 8);
    }
    for (; i < size; i++) {
        data[i] = (char)prng_next(&p);
    }
}

uint64_t fixture_time_us(uint64_t index, uint64_t term)
{
    return 1000000 * term + index;
}

static void write_entries(struct fixture *f, uint64_t truncate_from, uint32_t count, uint32_t size)
{
    struct entry **entries = memory_take((count + 1) * sizeof(struct entry *));
    struct store_write w = {
        .seq = ++f->seq,
        .truncate_from = truncate_from,
        .commit_index = f->commit_index,
        .entries = entries,
        .entry_count = count,
    };

    if (f->current_term == 0) {
        f->current_term = 1;
        w.write_vote = true;
        w.current_term = 1;
        w.voted_for = FIXTURE_NODE;
    }
    if (truncate_from != 0) {
        f->last_index = truncate_from - 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct entry *e = entry_new(2, size);

        e->index = ++f->last_index;
        e->term = f->current_term;
        e->time_us = fixture_time_us(e->index, e->term);
        assert_true(e->index <= FIXTURE_LOG_MAX);
        fixture_fill(f, e->index, e->term, e->data, size);
        f->terms[e->index] = e->term;
        f->sizes[e->index] = size;
        entries[i] = e;
    }
    store_write(f->store, &w);
    store_flush(f->store);
    for (uint32_t i = 0; i < count; i++) {
        entry_release(entries[i]);
    }
    free(entries);
}

void fixture_append(struct fixture *f, uint32_t count, uint32_t size)
{
    write_entries(f, 0, count, size);
}

void fixture_truncate(struct fixture *f, uint64_t from, uint32_t count, uint32_t size)
{
    write_entries(f, from, count, size);
}

void fixture_vote(struct fixture *f, uint64_t term, uint64_t voted_for)
{
    struct store_write w = {
        .seq = ++f->seq,
        .write_vote = true,
        .current_term = term,
        .voted_for = voted_for,
        .commit_index = f->commit_index,
    };

    f->current_term = term;
    store_write(f->store, &w);
    store_flush(f->store);
}

void fixture_await(struct fixture *f)
{
    f->awaited_seq = f->seq;
    if (f->durable_seq < f->awaited_seq && f->failed_count == 0) {
        io_uv_run(f->io);
    }
    f->awaited_seq = 0;
}

void fixture_append_durable(struct fixture *f, uint32_t count, uint32_t size)
{
    fixture_append(f, count, size);
    fixture_await(f);
    assert_int_equal(f->durable_seq, f->seq);
}

struct pause {
    struct io_timer timer;
    struct fixture *f;
};

static void pause_over(struct io_timer *timer)
{
    struct pause *pause = (struct pause *)(void *)timer;

    io_uv_stop(pause->f->io);
}

void fixture_run_ms(struct fixture *f, uint64_t ms)
{
    struct pause pause = {.timer = {.fired = pause_over}, .f = f};

    io_timer_start(f->io, &pause.timer, io_now_ns(f->io) + ms * 1000 * 1000);
    io_uv_run(f->io);
    io_timer_stop(f->io, &pause.timer);
}

/* --- snapshots --- */

struct making {
    struct snapshot_making making;
    struct fixture *f;
    bool is_done;
    int error;
};

static void on_wrote(struct snapshot_making *making, int error)
{
    (void)making;
    assert_int_equal(error, 0);
}

static void on_made(struct snapshot_making *making, int error)
{
    struct making *m = (struct making *)(void *)making;

    m->is_done = true;
    m->error = error;
    io_uv_stop(m->f->io);
}

static void remove_older(struct fixture *f, uint64_t index)
{
    const struct store_snapshot *list;

    while (snapshot_list(f->store, &list) > 0 && list[0].index < index &&
           list[0].index < snapshot_newest(f->store).index) {
        snapshot_remove(f->store, list[0].index);
    }
}

void fixture_make_snapshot(struct fixture *f, uint64_t index, uint64_t term)
{
    struct buffer content = {0};
    struct making m = {
        .making = {.index = index,
                   .term = term,
                   .time_us = fixture_time_us(index, term),
                   .wrote = on_wrote,
                   .done = on_made},
        .f = f,
    };

    buffer_append(&content, "content", 7);
    snapshot_begin(f->store, &m.making);
    snapshot_put(&m.making, "items", 0, &content);
    snapshot_finish(&m.making);
    while (!m.is_done) {
        io_uv_run(f->io);
    }
    assert_int_equal(m.error, 0);
}

/* --- moving the origin --- */

struct moving {
    struct store_move move;
    struct fixture *f;
    bool is_done;
    int error;
};

static void on_moved(struct store_move *move, int error)
{
    struct moving *m = (struct moving *)(void *)move;

    m->is_done = true;
    m->error = error;
    io_uv_stop(m->f->io);
}

struct store_origin fixture_origin(const struct fixture *f, uint64_t index)
{
    uint64_t term = index <= f->last_index ? f->terms[index] : f->current_term;

    return (struct store_origin){
        .index = index, .term = term, .time_us = fixture_time_us(index, term)};
}

static void move_origin(struct fixture *f, const struct store_origin *origin, bool drops_log)
{
    struct moving m = {.move = {.origin = *origin, .drops_log = drops_log, .done = on_moved},
                       .f = f};

    if (f->commit_index < origin->index) {
        f->commit_index = origin->index;
    }
    store_move_origin(f->store, &m.move);
    while (!m.is_done && f->failed_count == 0) {
        io_uv_run(f->io);
    }
    assert_int_equal(f->failed_count, 0);
    assert_int_equal(m.error, 0);
    remove_older(f, origin->index);
}

void fixture_replace_log(struct fixture *f, uint64_t index, uint64_t term)
{
    struct store_origin origin = {
        .index = index, .term = term, .time_us = fixture_time_us(index, term)};

    fixture_make_snapshot(f, index, term);
    move_origin(f, &origin, true);
    f->last_index = index;
    f->terms[index] = term;
}

void fixture_move_origin(struct fixture *f, uint64_t index)
{
    struct store_origin origin = fixture_origin(f, index);

    if (snapshot_newest(f->store).index < index) {
        fixture_make_snapshot(f, index, origin.term);
    }
    move_origin(f, &origin, false);
    if (f->last_index < index) {
        f->last_index = index;
        f->terms[index] = origin.term;
    }
}

/* --- looking --- */

static int check_entry(void *context, struct entry *e)
{
    struct fixture *f = context;
    char *expected = memory_take(e->size + 1);

    assert_int_equal(e->index, ++f->replayed_index);
    assert_int_equal(e->term, f->terms[e->index]);
    assert_int_equal(e->time_us, fixture_time_us(e->index, e->term));
    assert_int_equal(e->size, f->sizes[e->index]);
    assert_int_equal(e->kind, 2);
    fixture_fill(f, e->index, e->term, expected, e->size);
    assert_true(memcmp(e->data, expected, e->size) == 0);
    free(expected);
    return 0;
}

void fixture_check_log(struct fixture *f, uint64_t last)
{
    f->replayed_index = f->recovered.origin.index;
    assert_int_equal(f->recovered.last_index, last);
    assert_int_equal(store_replay(f->store, check_entry, f), 0);
    assert_int_equal(f->replayed_index, last);
}

static bool try_read(const char *dir, const char *name, struct image *ret_image)
{
    struct image image = {0};
    char path[1024];
    struct stat info;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    assert_int_equal(fstat(fileno(file), &info), 0);
    image.size = (size_t)info.st_size;
    image.data = memory_take(image.size + 1);
    assert_int_equal(fread(image.data, 1, image.size, file), image.size);
    fclose(file);
    *ret_image = image;
    return true;
}

struct image image_read(const struct fixture *f, const char *name)
{
    struct image image = {0};

    assert_true(try_read(f->dir, name, &image));
    return image;
}

void image_write(const struct fixture *f, const char *name, const struct image *image)
{
    char path[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(image->data, 1, image->size, file), image->size);
    assert_int_equal(fclose(file), 0);
}

void image_free(struct image *image)
{
    free(image->data);
    *image = (struct image){0};
}

char *image_batch(const struct image *segment, uint64_t number)
{
    enum { BATCH_BYTES_AT = 56, NUMBER_AT = 64 }; /* docs/DISK_FORMAT.md, "Batch". */
    char *at = segment->data + SECTOR_BYTES;

    for (uint64_t i = 1; i < number; i++) {
        at += get_u64(at + BATCH_BYTES_AT);
    }
    assert_int_equal(get_u64(at + NUMBER_AT), number);
    return at;
}

void image_forge(struct image *segment, uint64_t batch, uint32_t field, uint64_t value)
{
    enum { SALT_AT = 48, CHECKSUM_AT = 8, HEAD_BYTES_AT = 16 };
    char *at = image_batch(segment, batch);

    put_u64(at + field, value);
    put_u64(at + CHECKSUM_AT,
            checksum_seeded(at + HEAD_BYTES_AT, get_u32(at + HEAD_BYTES_AT) - HEAD_BYTES_AT,
                            get_u64(segment->data + SALT_AT)));
}

void fixture_write_empty_segment(const struct fixture *f, uint64_t number, uint64_t cluster_id)
{
    struct store_identity identity = {.cluster_id = cluster_id, .node_id = FIXTURE_NODE};
    struct segment_head head = {.number = number, .bytes = 8192, .salt = number};
    struct image image = {.data = memory_take_zeroed(1, 8192), .size = 8192};
    char name[NAME_BYTES_MAX];

    segment_head_encode(image.data, &identity, &head);
    segment_name(name, number);
    image_write(f, name, &image);
    image_free(&image);
}

void fixture_crash(struct fixture *f)
{
    static unsigned crashes;
    char from[300];
    struct dirent *item;
    DIR *dir = opendir(f->dir);

    assert_non_null(dir);
    snprintf(from, sizeof from, "%s", f->dir);
    crashes++;
    while ((item = readdir(dir)) != NULL) {
        struct image image;
        size_t size = strlen(f->root);

        if (item->d_name[0] == '.' || strcmp(item->d_name, "lock") == 0 ||
            strcmp(item->d_name, "damaged") == 0) {
            continue;
        }
        if (!try_read(from, item->d_name, &image)) {
            continue; /* It had a temporary name a moment ago. */
        }
        snprintf(f->dir + size, sizeof f->dir - size, "/crash-%u", crashes);
        mkdir(f->dir, 0700);
        image_write(f, item->d_name, &image);
        image_free(&image);
    }
    closedir(dir);
    if (f->store != NULL) {
        fixture_close(f);
    }
    fixture_remove(from);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

uint64_t fixture_digest(const struct fixture *f)
{
    char names[64][64];
    size_t count = 0;
    uint64_t digest = 1;
    DIR *dir = opendir(f->dir);
    struct dirent *item;

    assert_non_null(dir);
    while ((item = readdir(dir)) != NULL) {
        if (item->d_name[0] != '.' && strcmp(item->d_name, "lock") != 0) {
            assert_true(count < 64);
            snprintf(names[count++], sizeof names[0], "%.63s", item->d_name);
        }
    }
    closedir(dir);
    qsort(names, count, sizeof names[0], by_name);
    for (size_t i = 0; i < count; i++) {
        struct image image = image_read(f, names[i]);

        digest = checksum_seeded(names[i], strlen(names[i]), digest);
        digest = checksum_seeded(image.data, image.size, digest);
        image_free(&image);
    }
    return digest;
}

int fixture_has_file(const struct fixture *f, const char *name)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return access(path, F_OK) == 0;
}
