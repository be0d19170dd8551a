/* log_segments.h - what each segment of the log begins with. A log that begins behind some entry
 * needs no segment before the last one that begins at or below it: whatever stands before was
 * dropped or is not needed. */
#ifndef RAKIT_STORE_LOG_SEGMENTS_H
#define RAKIT_STORE_LOG_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

struct log_segment {
    uint64_t number;
    uint64_t bytes;           /* Of its batches. */
    uint64_t first_index;     /* Of its first batch. */
    uint64_t batch_before;    /* The batch before that, */
    uint64_t checksum_before; /* and its checksum. */
};

/* Those that hold batches, by rising number. */
struct log_segments {
    struct log_segment *list;
    size_t count;
    size_t capacity;
};

void log_segments_deinit(struct log_segments *segments);
void log_segments_add(struct log_segments *segments, const struct log_segment *segment);
/* The last one holds so many bytes more. */
void log_segments_grow(struct log_segments *segments, uint64_t bytes);
/* The first one that a log needs which begins behind `index`; NULL: there are none. */
const struct log_segment *log_segments_needed(const struct log_segments *segments, uint64_t index);
/* What they hold is no part of the log any more: each is as good a beginning as any. */
void log_segments_void(struct log_segments *segments);
/* Forgets those below `number`; returns how many bytes they held. */
uint64_t log_segments_drop(struct log_segments *segments, uint64_t number);

#endif /* RAKIT_STORE_LOG_SEGMENTS_H */
