/* scrubber.c - see scrubber.h. */
#include "replica/scrubber.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mutant.h"

enum { NS_A_SECOND = 1000 * 1000 * 1000, SPREAD = 4 };

/* --- when ---------------------------------------------------------------------------- */

/* Between three and five quarters of a period, so that not all nodes read at once. */
static void wait_for_next(struct scrubber *s)
{
    uint64_t period_ns = s->options.period_ns;
    uint64_t chance;

    if (period_ns == 0) {
        return;
    }
    io_random(s->options.io, &chance, sizeof chance);
    io_timer_start(s->options.io, &s->timer,
                   io_now_ns(s->options.io) + period_ns - period_ns / SPREAD +
                       chance % (period_ns / (SPREAD / 2) + 1));
}

/* --- the end of a pass --------------------------------------------------------------- */

static void answer(struct scrubber *s)
{
    struct list *node;

    while ((node = list_first(&s->waiting)) != NULL) {
        struct request *request = container_of(node, struct request, link);
        struct resp_writer *w = request->reply(request);

        list_remove(node);
        resp_map(w, 3);
        resp_bulk_text(w, "bytes");
        resp_integer(w, (int64_t)s->last_bytes);
        resp_bulk_text(w, "milliseconds");
        resp_integer(w, (int64_t)(s->last_ns / 1000000));
        resp_bulk_text(w, "damaged");
        resp_bulk_text(w, s->file);
        request->answered(request);
    }
}

static void end_pass(struct scrubber *s)
{
    s->is_running = false;
    store_scrub_end(&s->scrub);
    s->pass_count++;
    s->last_bytes = s->bytes;
    s->last_ns = io_now_ns(s->options.io) - s->begun_ns;
    s->last_wall_ns = io_wall_ns(s->options.io);
    log_write(s->options.log, LOG_INFO, "everything on the disk was read",
              "bytes=%" PRIu64 " ms=%" PRIu64 " damaged=" LOG_Q, s->last_bytes,
              s->last_ns / 1000000, s->file);
    answer(s);
    wait_for_next(s);
    if (s->file[0] != '\0' && !MUTANT(scrub_repairs_nothing)) {
        s->options.damaged(s->options.context, s->file);
    }
}

/* --- a pass -------------------------------------------------------------------------- */

static void note_damage(struct scrubber *s)
{
    const struct store_scrub *scrub = &s->scrub;

    s->damage_count++;
    log_write(s->options.log, LOG_ERROR,
              scrub->is_mended ? "a file was damaged, and has been written again"
                               : "a file is damaged",
              "file=" LOG_Q " reason=" LOG_Q, scrub->file,
              scrub->error == -EBADMSG ? "its content is not what was written"
                                       : "the disk does not read it");
    if (s->file[0] == '\0' && !scrub->is_mended) {
        memcpy(s->file, scrub->file, sizeof s->file);
    }
}

static void piece_done(struct store_scrub *scrub)
{
    struct scrubber *s = container_of(scrub, struct scrubber, scrub);
    uint64_t pause_ns =
        s->options.rate_bytes == 0 ? 0 : scrub->piece_bytes * NS_A_SECOND / s->options.rate_bytes;

    s->bytes += scrub->piece_bytes;
    if (scrub->error != 0) {
        note_damage(s);
    }
    if (scrub->phase == SCRUB_OVER || s->file[0] != '\0') {
        end_pass(s); /* A repair begins with a start, which reads the rest. */
    } else {
        io_timer_start(s->options.io, &s->timer, io_now_ns(s->options.io) + pause_ns);
    }
}

static void begin_pass(struct scrubber *s)
{
    s->is_running = true;
    s->begun_ns = io_now_ns(s->options.io);
    s->bytes = 0;
    s->file[0] = '\0';
    s->scrub = (struct store_scrub){.done = piece_done, .key = s->options.key};
    store_scrub_begin(s->options.store, &s->scrub);
}

static void timer_fired(struct io_timer *timer)
{
    struct scrubber *s = container_of(timer, struct scrubber, timer);

    if (s->is_running) {
        store_scrub_next(&s->scrub);
    } else {
        begin_pass(s);
    }
}

/* --- life ---------------------------------------------------------------------------- */

void scrubber_begin(struct scrubber *s, const struct scrubber_options *options)
{
    *s = (struct scrubber){.options = *options, .timer.fired = timer_fired};
    list_init(&s->waiting);
    wait_for_next(s);
}

void scrubber_deinit(struct scrubber *s)
{
    if (s->options.io != NULL) {
        io_timer_stop(s->options.io, &s->timer);
        store_scrub_end(&s->scrub);
    }
}

void scrubber_ask(struct scrubber *s, struct request *request)
{
    list_append(&s->waiting, &request->link);
    if (!s->is_running) {
        io_timer_stop(s->options.io, &s->timer);
        begin_pass(s);
    }
}

void scrubber_end(struct scrubber *s, const char *error)
{
    struct list *node;

    while (s->options.io != NULL && (node = list_first(&s->waiting)) != NULL) {
        struct request *request = container_of(node, struct request, link);

        list_remove(node);
        resp_error(request->reply(request), error);
        request->answered(request);
    }
}
