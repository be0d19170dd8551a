/* tap_model.c - builds what a crash, or the death of the process alone, leaves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/memory.h"
#include "tap_state.h"

struct model_file {
    struct content durable;
    struct content current;
};

struct model {
    struct model_file files[FILES_MAX];
    int names[NAMES_MAX];      /* Durable: file of name i, -1 for none. */
    char texts[NAMES_MAX][64]; /* All names that ever existed. */
    int text_count;
    const struct operation *pending[FILES_MAX]; /* Of names, not synced. */
    int pending_count;
    struct operation start_changes[NAMES_MAX];
};

static int text_of(struct model *m, const char *name)
{
    for (int i = 0; i < m->text_count; i++) {
        if (strcmp(m->texts[i], name) == 0) {
            return i;
        }
    }
    CHECK(m->text_count < NAMES_MAX);
    snprintf(m->texts[m->text_count], 64, "%s", name);
    m->names[m->text_count] = -1;
    return m->text_count++;
}

static void resize(struct content *c, size_t size)
{
    if (size > c->size) {
        c->data = memory_resize(c->data, size);
        memset(c->data + c->size, 0, size - c->size);
    }
    c->size = size;
}

static void apply_name(struct model *m, const struct operation *o)
{
    m->names[text_of(m, o->name)] = o->kind == CREATE ? o->file : -1;
    if (o->kind == RENAME) {
        m->names[text_of(m, o->to)] = o->file;
    }
}

static void apply(struct model *m, const struct operation *o)
{
    struct model_file *f = o->file < 0 ? NULL : &m->files[o->file];

    switch (o->kind) {
    case WRITE:
        if (f->current.size < o->offset + o->size) {
            resize(&f->current, o->offset + o->size);
        }
        memcpy(f->current.data + o->offset, o->data, o->size);
        break;
    case TRUNCATE:
        resize(&f->current, o->size);
        break;
    case SYNC:
        resize(&f->durable, f->current.size);
        if (f->current.size > 0) {
            memcpy(f->durable.data, f->current.data, f->current.size);
        }
        break;
    case CREATE:
    case RENAME:
    case UNLINK:
        CHECK(m->pending_count < FILES_MAX);
        m->pending[m->pending_count++] = o;
        break;
    case DIR_SYNC:
        for (int i = 0; i < m->pending_count; i++) {
            apply_name(m, m->pending[i]);
        }
        m->pending_count = 0;
        break;
    }
}

static bool survives(enum tap_luck luck, struct prng *p)
{
    return luck == TAP_EVERYTHING || (luck == TAP_SOME && prng_chance(p, 1, 2));
}

static void write_out(const struct model_file *f, const char *path, enum tap_luck luck,
                      struct prng *p)
{
    size_t size = survives(luck, p) ? f->current.size : f->durable.size;
    char *data = memory_take_zeroed(1, size + SECTOR);
    FILE *file = fopen(path, "wb");

    for (size_t at = 0; at < size; at += SECTOR) {
        bool is_new = at < f->current.size && survives(luck, p);
        const struct content *c = is_new ? &f->current : &f->durable;

        if (at < c->size) {
            memcpy(data + at, c->data + at, c->size - at < SECTOR ? c->size - at : SECTOR);
        }
    }
    CHECK(file != NULL);
    CHECK(fwrite(data, 1, size, file) == size);
    CHECK(fclose(file) == 0);
    free(data);
}

/* The state after the first `position` operations. */
static struct model *build_model(uint32_t position)
{
    struct model *m = memory_take_zeroed(1, sizeof *m);

    CHECK(position <= tap.operation_count);
    CHECK(tap.file_count <= FILES_MAX);
    for (int i = 0; i < tap.start_count; i++) {
        m->files[i].durable = tap_copy(tap.start[i].durable.data, tap.start[i].durable.size);
        m->files[i].current = tap_copy(tap.start[i].current.data, tap.start[i].current.size);
    }
    for (int i = 0; i < tap.start_name_count; i++) {
        int name = text_of(m, tap.start_names[i].name);
        struct operation *change = &m->start_changes[i];

        m->names[name] = tap.start_names[i].durable;
        if (tap.start_names[i].durable != tap.start_names[i].current) {
            change->file = tap.start_names[i].current;
            change->kind = change->file < 0 ? UNLINK : CREATE;
            memcpy(change->name, tap.start_names[i].name, sizeof change->name);
            m->pending[m->pending_count++] = change;
        }
    }
    for (uint32_t i = 0; i < position; i++) {
        apply(m, &tap.operations[i]);
    }
    return m;
}

static void free_model(struct model *m)
{
    for (int i = 0; i < FILES_MAX; i++) {
        free(m->files[i].durable.data);
        free(m->files[i].current.data);
    }
    free(m);
}

/* Writes out all files that have a name. */
static void write_out_names(const struct model *m, enum tap_luck luck, struct prng *p,
                            const char *to)
{
    mkdir(to, 0700);
    for (int i = 0; i < m->text_count; i++) {
        char path[1024];

        if (m->names[i] >= 0 && strcmp(m->texts[i], "lock") != 0) {
            snprintf(path, sizeof path, "%s/%s", to, m->texts[i]);
            write_out(&m->files[m->names[i]], path, luck, p);
        }
    }
}

void tap_crash(uint32_t position, enum tap_luck luck, struct prng *p, const char *to)
{
    struct model *m = build_model(position);

    for (int i = 0; i < m->pending_count; i++) {
        if (survives(luck, p)) {
            apply_name(m, m->pending[i]);
        }
    }
    write_out_names(m, luck, p, to);
    free_model(m);
}

/* Copies a file into a new recording, once; returns its number there. */
static int carry(const struct model *m, int file, int *numbers)
{
    if (file < 0) {
        return -1;
    }
    if (numbers[file] < 0) {
        const struct model_file *f = &m->files[file];
        int i = tap.start_count++;

        numbers[file] = i;
        tap.start[i].durable = tap_copy(f->durable.data, f->durable.size);
        tap.start[i].current = tap_copy(f->current.data, f->current.size);
    }
    return numbers[file];
}

void tap_kill(uint32_t position, const char *to)
{
    struct model *m = build_model(position);
    int durable_names[NAMES_MAX];
    int durable_count = m->text_count;
    int numbers[FILES_MAX];

    memcpy(durable_names, m->names, sizeof durable_names);
    memset(numbers, -1, sizeof numbers);
    for (int i = 0; i < m->pending_count; i++) {
        apply_name(m, m->pending[i]);
    }
    write_out_names(m, TAP_EVERYTHING, NULL, to);
    tap_stop();
    snprintf(tap.dir, sizeof tap.dir, "%s", to);
    for (int i = 0; i < m->text_count; i++) {
        int durable = i < durable_count ? durable_names[i] : -1;

        if (strcmp(m->texts[i], "lock") != 0 && (durable >= 0 || m->names[i] >= 0)) {
            tap_start_name(m->texts[i], carry(m, durable, numbers), carry(m, m->names[i], numbers));
        }
    }
    tap.file_count = tap.start_count;
    tap.is_recording = true;
    free_model(m);
}
