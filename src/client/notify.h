/* notify.h - the letters of CONFIG SET notify-keyspace-events: which events of keys this node
 * publishes, and in which of two forms. */
#ifndef RAKIT_CLIENT_NOTIFY_H
#define RAKIT_CLIENT_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kv/event.h"

enum { NOTIFY_TEXT_BYTES = 16 };

/* Letters as a set: 0 publishes nothing. */
typedef uint32_t notify_set;

/* False: it has a letter that Redis does not know. */
bool notify_read(struct slice letters, notify_set *ret_set);
/* As Redis shows them. */
void notify_write(notify_set set, char text[NOTIFY_TEXT_BYTES]);
/* Whether events of keys are published at all. */
bool notify_is_on(notify_set set);
bool notify_has(notify_set set, enum event_class class);
/* In channels by key, and in channels by event. */
bool notify_by_key(notify_set set);
bool notify_by_event(notify_set set);

#endif /* RAKIT_CLIENT_NOTIFY_H */
