#include "client/pushes.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/mutant.h"
#include "client/topics.h"
#include "kv/event.h"
#include "resp/resp.h"

enum { KEEP_BYTES = 64 * 1024 };

void pushes_init(struct pushes *p)
{
    *p = (struct pushes){.last_number = 0};
    list_init(&p->queue);
}

struct push *pushes_first(const struct pushes *p)
{
    struct list *node = list_first(&p->queue);

    return node == NULL ? NULL : container_of(node, struct push, link);
}

static uint64_t push_bytes(const struct push *push)
{
    return sizeof *push + push->channel.size + push->payload.size;
}

void pushes_drop_first(struct pushes *p)
{
    struct push *push = pushes_first(p);

    p->bytes -= push_bytes(push);
    p->has_begun = false;
    list_remove(&push->link);
    free(push);
}

void pushes_deinit(struct pushes *p)
{
    while (pushes_first(p) != NULL) {
        pushes_drop_first(p);
    }
    buffer_deinit(&p->forms[0]);
    buffer_deinit(&p->forms[1]);
}

uint64_t pushes_memory_bytes(const struct pushes *p)
{
    return p->bytes + p->forms[0].capacity + p->forms[1].capacity;
}

static struct push *add(struct pushes *p, enum push_kind kind, struct slice channel,
                        struct slice payload)
{
    struct push *push = memory_take(sizeof *push + channel.size + payload.size);
    char *at = (char *)(push + 1);

    *push = (struct push){
        .number = ++p->last_number,
        .kind = kind,
        .channel = slice_of(at, channel.size),
        .payload = slice_of(at + channel.size, payload.size),
    };
    if (channel.size > 0) {
        memcpy(at, channel.data, channel.size);
    }
    if (payload.size > 0) {
        memcpy(at + channel.size, payload.data, payload.size);
    }
    list_init(&push->link);
    list_append(MUTANT(messages_cross) ? p->queue.next : &p->queue, &push->link);
    p->bytes += push_bytes(push);
    return push;
}

void pushes_add_message(struct pushes *p, const struct channel_message *message)
{
    struct push *push = add(p, PUSH_MESSAGE, message->channel, message->payload);

    push->is_sharded = message->is_sharded;
}

void pushes_add_invalidation(struct pushes *p, struct slice key, const uint64_t *ids,
                             uint32_t id_count)
{
    add(p, PUSH_INVALIDATION, key, slice_of(ids, id_count * sizeof *ids));
}

void pushes_add_flush(struct pushes *p)
{
    const struct push *last = container_of(p->queue.previous, struct push, link);

    if (list_is_empty(&p->queue) || last->kind != PUSH_FLUSH ||
        (p->has_begun && last == pushes_first(p))) {
        add(p, PUSH_FLUSH, slice_str(""), slice_str(""));
    }
}

/* --- one message ------------------------------------------------------------------------- */

/* In RESP2 it looks like a message of a channel. */
static void write_invalidation(struct resp_writer *w, const struct push *push)
{
    if (w->version >= 3) {
        resp_push(w, 2);
        resp_bulk_text(w, "invalidate");
    } else {
        resp_array(w, 3);
        resp_bulk_text(w, "message");
        resp_bulk_text(w, "__redis__:invalidate");
    }
    if (push->kind == PUSH_FLUSH) {
        resp_null(w);
    } else {
        resp_array(w, 1);
        resp_bulk(w, push->channel);
    }
}

static void write_form(struct buffer *out, int version, const struct topic *topic,
                       const struct push *push)
{
    struct resp_writer w = {.out = out, .version = version};

    if (push->kind != PUSH_MESSAGE) {
        write_invalidation(&w, push);
        return;
    }
    if (topic->kind == TOPIC_PATTERN) {
        resp_push(&w, 4);
        resp_bulk_text(&w, "pmessage");
        resp_bulk(&w, topic->name);
    } else {
        resp_push(&w, 3);
        resp_bulk_text(&w, topic->kind == TOPIC_SHARD ? "smessage" : "message");
    }
    resp_bulk(&w, push->channel);
    resp_bulk(&w, push->payload);
}

void pushes_forget_forms(struct pushes *p)
{
    buffer_trim(&p->forms[0], KEEP_BYTES);
    buffer_trim(&p->forms[1], KEEP_BYTES);
}

struct slice pushes_form(struct pushes *p, int version, const struct topic *topic,
                         const struct push *push)
{
    struct buffer *form = &p->forms[version >= 3 ? 1 : 0];

    if (buffer_size(form) == 0) {
        write_form(form, version, topic, push);
    }
    return buffer_slice(form);
}
