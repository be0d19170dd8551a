#include "cli/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backup/names.h"
#include "backup/verify.h"
#include "base/human.h"
#include "cli/download.h"
#include "cli/progress.h"

enum { TEXT_BYTES = 3 * PATH_BYTES_MAX };

/* The name of a file in the command. Complains and returns false if there is none. */
static bool take_name(const struct session *s, const struct words *command, char *file)
{
    bool is_good = command->count == 2 && command->word[1].size > 0 &&
                   command->word[1].size <= BACKUP_NAME_MAX &&
                   memchr(command->word[1].data, '\0', command->word[1].size) == NULL;

    if (is_good) {
        memcpy(file, command->word[1].data, command->word[1].size);
        file[command->word[1].size] = '\0';
    } else {
        session_complain(s, command->count == 2 ? "The name of the file is empty or too long."
                                                : "Name one file: backup FILE, or verify FILE");
    }
    return is_good;
}

/* --- verify --- */

static void show_progress(void *context, uint64_t bytes, uint64_t total_bytes)
{
    progress_show(context, bytes, total_bytes);
}

enum session_outcome backup_verify_file(struct io *io, const char *file)
{
    struct backup_verified verified;
    struct progress progress;
    struct buffer out = {0};
    char text[TEXT_BYTES] = "";
    enum backup_verdict verdict;

    progress_begin(&progress, "verifying", 0);
    verdict = backup_verify(io, file, show_progress, &progress, &verified, text, sizeof text);
    progress_end(&progress);
    if (verdict != BACKUP_GOOD) {
        fflush(stdout);
        fprintf(stderr, "%s\n", text);
        return verdict == BACKUP_DAMAGED ? SESSION_FAILED : SESSION_UNREACHABLE;
    }
    backup_describe(&out, &verified);
    buffer_printf(&out, "good: every checksum fits\n");
    fwrite(buffer_begin(&out), 1, buffer_size(&out), stdout);
    buffer_deinit(&out);
    return SESSION_DONE;
}

enum session_outcome backup_run_verify(const struct session *s, const struct words *command)
{
    char file[PATH_BYTES_MAX];

    return take_name(s, command, file) ? backup_verify_file(s->io, file) : SESSION_FAILED;
}

/* --- backup --- */

static void print_snapshot(const char *file, const struct store_snapshot *snapshot)
{
    struct buffer out = {0};

    buffer_printf(&out, "%s: the state after entry %" PRIu64 " (", file, snapshot->index);
    human_put_utc(&out, snapshot->time_us);
    buffer_printf(&out, "), ");
    human_put_bytes(&out, snapshot->bytes);
    buffer_printf(&out, "\n");
    fwrite(buffer_begin(&out), 1, buffer_size(&out), stdout);
    buffer_deinit(&out);
}

static void print_entries(const char *file, const struct download *d)
{
    struct buffer out = {0};

    if (d->last.index == d->end.link.entry.index) {
        buffer_printf(&out, "%s: nothing is newer than entry %" PRIu64 "\n", file, d->last.index);
    } else {
        buffer_printf(&out, "%s.%u: entries %" PRIu64 " to %" PRIu64 " (", file,
                      (unsigned)d->end.number + 1, d->end.link.entry.index + 1, d->last.index);
        human_put_utc(&out, d->last.time_us);
        buffer_printf(&out, ")\n");
    }
    fwrite(buffer_begin(&out), 1, buffer_size(&out), stdout);
    buffer_deinit(&out);
}

static bool exists(struct io *io, const char *path)
{
    struct io_file *file = NULL;
    int rv = io_file_open(io, path, IO_READ_ONLY, &file);

    if (rv == 0) {
        io_file_close(file);
    }
    return rv != -ENOENT;
}

enum session_outcome backup_run(struct session *s, const struct words *command)
{
    struct download d;
    char file[PATH_BYTES_MAX];
    bool is_new = true;
    int rv;

    if (!take_name(s, command, file)) {
        return SESSION_FAILED;
    }
    download_init(&d, s->io, s->client, file);
    if (exists(s->io, file)) {
        rv = download_entries(&d);
        is_new = false;
    } else {
        rv = download_snapshot(&d);
    }
    if (rv != 0) {
        session_complain(s, d.text);
    } else if (is_new) {
        print_snapshot(file, &d.snapshot);
    } else {
        print_entries(file, &d);
    }
    download_deinit(&d);
    return rv == 0                     ? SESSION_DONE
           : rv == CLIENT_EUNREACHABLE ? SESSION_UNREACHABLE
                                       : SESSION_FAILED;
}
