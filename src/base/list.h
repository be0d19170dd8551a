/* list.h - an intrusive, circular, doubly linked list. The node is a member of the item;
 * container_of() gets the item from it. A node is in one list at a time; a node in no list
 * points at itself. */
#ifndef RAKIT_BASE_LIST_H
#define RAKIT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->next = l;
    l->previous = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_append(struct list *l, struct list *node)
{
    node->previous = l->previous;
    node->next = l;
    l->previous->next = node;
    l->previous = node;
}

/* Does nothing if the node is in no list. */
static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* All of `from` to the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (!list_is_empty(from)) {
        from->next->previous = to->previous;
        to->previous->next = from->next;
        from->previous->next = to;
        to->previous = from->previous;
        list_init(from);
    }
}

/* The first node, or NULL if the list is empty. */
static inline struct list *list_first(const struct list *l)
{
    return list_is_empty(l) ? NULL : l->next;
}

/* The body may remove `node`, and no other node. */
#define list_for_each(node, list_head)                                                             \
    for (struct list *node = (list_head)->next, *node##_next = node->next; node != (list_head);    \
         node = node##_next, node##_next = node->next)

#endif /* RAKIT_BASE_LIST_H */
