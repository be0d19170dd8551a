/* log_segments.h - the beginning of each segment of the log. A log with an origin needs no
 * segment before the last one that begins at or below it: everything before was dropped or is
 * not needed. */
#ifndef RAKIT_STORE_LOG_SEGMENTS_H
#define RAKIT_STORE_LOG_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

struct log_segment {
    uint64_t number;
    uint64_t bytes;           /* Of its batches. */
    uint64_t first_index;     /* Of its first batch. */
    uint64_t batch_before;    /* The number of the batch before that. */
    uint64_t checksum_before; /* The checksum of the batch before that. */
};

/* The segments that contain batches, by rising number. */
struct log_segments {
    struct log_segment *list;
    size_t count;
    size_t capacity;
};

void log_segments_deinit(struct log_segments *segments);
void log_segments_add(struct log_segments *segments, const struct log_segment *segment);
/* The last one has so many bytes more. */
void log_segments_grow(struct log_segments *segments, uint64_t bytes);
/* The first segment that a log needs which begins after `index`; NULL: there are none. */
const struct log_segment *log_segments_needed(const struct log_segments *segments, uint64_t index);
/* Their entries are not part of the log any more, so any of them may be its beginning. */
void log_segments_void(struct log_segments *segments);
/* Drops those below `number`; returns how many bytes they contained. */
uint64_t log_segments_drop(struct log_segments *segments, uint64_t number);

#endif /* RAKIT_STORE_LOG_SEGMENTS_H */
