#include "backup/keys.h"

#include "kv/record.h"

/* Takes whole records off the front of *rest, `max` at the most. */
static bool take_records(struct key_count *k, struct slice *rest, uint64_t max)
{
    struct record record;
    enum record_result result = RECORD_READ;

    for (uint64_t i = 0; i < max && result == RECORD_READ; i++) {
        result = record_read(rest, &record);
        if (result == RECORD_READ) {
            k->declared += record.kind == RECORD_DATABASE ? record.item_count : 0;
            k->found += record.kind == RECORD_ITEM || record.kind == RECORD_LARGE;
        }
    }
    return result != RECORD_MALFORMED;
}

/* Completes the record whose beginning was in earlier bytes, if there are enough now. */
static bool take_rest(struct key_count *k, struct slice *records)
{
    size_t old_size = buffer_size(&k->rest);
    size_t taken = records->size < RECORD_BYTES_MAX ? records->size : RECORD_BYTES_MAX;

    buffer_append(&k->rest, records->data, taken);

    struct slice rest = buffer_slice(&k->rest);
    size_t size = rest.size;
    bool is_good = take_records(k, &rest, 1);

    if (rest.size < size) {
        taken = size - rest.size - old_size;
        buffer_clear(&k->rest);
    }
    *records = slice_of(records->data + taken, records->size - taken);
    return is_good;
}

bool key_count_take(struct key_count *k, struct slice records)
{
    bool is_good = true;

    if (buffer_size(&k->rest) > 0) {
        is_good = take_rest(k, &records);
    }
    if (is_good && records.size > 0) {
        is_good = take_records(k, &records, UINT64_MAX);
        buffer_append_slice(&k->rest, records);
    }
    return is_good;
}

bool key_count_is_whole(const struct key_count *k)
{
    return buffer_size(&k->rest) == 0 && k->found == k->declared;
}

void key_count_deinit(struct key_count *k)
{
    buffer_deinit(&k->rest);
}
