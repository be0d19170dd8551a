#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/human.h"
#include "cli/connection.h"

enum { PAUSE_MS = 200, SECONDS_MAX = 120 };

void progress_begin(struct progress *p, const char *what, uint64_t bytes)
{
    *p = (struct progress){.what = what,
                           .is_shown = isatty(STDERR_FILENO) == 1,
                           .begun_ms = connection_now_ms(),
                           .begun_bytes = bytes};
}

static void put_left(struct buffer *out, uint64_t seconds)
{
    if (seconds <= SECONDS_MAX) {
        buffer_printf(out, ", %" PRIu64 " s left", seconds);
    } else {
        buffer_printf(out, ", %" PRIu64 " min left", seconds / 60);
    }
}

void progress_put(struct buffer *out, const struct progress *p, uint64_t bytes,
                  uint64_t total_bytes, uint64_t elapsed_ms)
{
    uint64_t done = bytes > p->begun_bytes ? bytes - p->begun_bytes : 0;
    uint64_t rate = elapsed_ms == 0 ? 0 : done * 1000 / elapsed_ms;

    buffer_printf(out, "%s: ", p->what);
    human_put_bytes(out, bytes);
    if (total_bytes > 0) {
        buffer_printf(out, " of ");
        human_put_bytes(out, total_bytes);
    }
    if (rate > 0) {
        buffer_printf(out, ", ");
        human_put_bytes(out, rate);
        buffer_printf(out, "/s");
    }
    if (rate > 0 && total_bytes > 0) {
        put_left(out, total_bytes > bytes ? (total_bytes - bytes) / rate : 0);
    }
}

void progress_show(struct progress *p, uint64_t bytes, uint64_t total_bytes)
{
    uint64_t now_ms = connection_now_ms();
    struct buffer line = {0};

    if (!p->is_shown || (p->shown_ms != 0 && now_ms - p->shown_ms < PAUSE_MS)) {
        return;
    }
    p->shown_ms = now_ms;
    progress_put(&line, p, bytes, total_bytes, now_ms - p->begun_ms);
    fprintf(stderr, "\r%.*s\x1b[K", (int)buffer_size(&line), buffer_begin(&line));
    buffer_deinit(&line);
}

void progress_end(struct progress *p)
{
    if (p->shown_ms != 0) {
        fputs("\r\x1b[K", stderr);
    }
}
