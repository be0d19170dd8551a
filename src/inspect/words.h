/* words.h - numbers, times and changes of members in words. */
#ifndef RAKIT_INSPECT_WORDS_H
#define RAKIT_INSPECT_WORDS_H

#include "base/buffer.h"
#include "cluster/members.h"
#include "store/files.h"

/* "512 bytes", "4.0 MB". */
void words_bytes(struct buffer *out, uint64_t bytes);
/* "2026-11-30 16:40:01.123456", local time with so many digits of a second. */
void words_local_time(struct buffer *out, uint64_t time_us, int digits);
/* "2026-11-30T15:40:01.123456Z". */
void words_utc_time(struct buffer *out, uint64_t time_us);
/* 16 hexadecimal digits; "nobody" for 0. */
void words_id(struct buffer *out, uint64_t id);
/* "127.0.0.1:8000"; quoted if it is not like that. */
void words_address(struct buffer *out, const struct member_address *a);
/* "good", "missing", "damaged", ... */
const char *words_file_state(enum file_state state);
/* "voter", "learner"; in a joint state also "joining" and "leaving". */
const char *words_part(const struct membership *m, uint32_t i);
/* What a configuration entry changes: "adds 127.0.0.1:8001 as a learner". Without `before` (NULL:
 * not known) it lists the members. */
void words_change(struct buffer *out, const struct membership *before, const struct membership *m);
/* Appends `text`, broken at blanks so that no line is longer than `columns` (0: no limit). The
 * first line begins after `at` columns that are already taken, the others at that column. */
void words_wrap(struct buffer *out, struct slice text, size_t at, size_t columns);

#endif /* RAKIT_INSPECT_WORDS_H */
