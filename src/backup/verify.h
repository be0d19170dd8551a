/* verify.h - reads all of a backup, and reports what is in it, or what is damaged. */
#ifndef RAKIT_BACKUP_VERIFY_H
#define RAKIT_BACKUP_VERIFY_H

#include "backup/reading.h"
#include "base/buffer.h"

struct backup_verified {
    struct backup_contents contents;
    uint64_t keys; /* In the snapshot. */
};

/* `progress` may be NULL; see struct backup_visitor. */
enum backup_verdict
backup_verify(struct io *io, const char *file,
              void (*progress)(void *context, uint64_t bytes, uint64_t total_bytes), void *context,
              struct backup_verified *ret_verified, char *text, size_t text_size);
/* What a good one holds, in lines for a person. */
void backup_describe(struct buffer *out, const struct backup_verified *verified);

#endif /* RAKIT_BACKUP_VERIFY_H */
