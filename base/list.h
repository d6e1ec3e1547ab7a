/*
 * Intrusive doubly linked lists. A struct that sits in a list embeds a node; a
 * node that sits in none points at itself, so rt_list_remove may be repeated.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct rt_list {
    struct rt_list *next;
    struct rt_list *previous;
};

/* For a list's head and for a node alike. */
static inline void rt_list_init(struct rt_list *node)
{
    node->next = node;
    node->previous = node;
}

static inline bool rt_list_is_empty(const struct rt_list *list)
{
    return list->next == list;
}

static inline void rt_list_append(struct rt_list *list, struct rt_list *node)
{
    node->previous = list->previous;
    node->next = list;
    list->previous->next = node;
    list->previous = node;
}

static inline void rt_list_prepend(struct rt_list *list, struct rt_list *node)
{
    rt_list_append(list->next, node); /* that is, before the first */
}

static inline void rt_list_remove(struct rt_list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    rt_list_init(node);
}

/* Moves all nodes of `from` to the end of the empty list `to`. */
static inline void rt_list_move(struct rt_list *to, struct rt_list *from)
{
    RT_CHECK(rt_list_is_empty(to));
    if (rt_list_is_empty(from)) {
        return;
    }
    *to = *from;
    to->next->previous = to;
    to->previous->next = to;
    rt_list_init(from);
}

/* Puts all nodes of `from` before those of `to`, in their order. */
static inline void rt_list_prepend_all(struct rt_list *to, struct rt_list *from)
{
    if (rt_list_is_empty(from)) {
        return;
    }
    from->next->previous = to;
    from->previous->next = to->next;
    to->next->previous = from->previous;
    to->next = from->next;
    rt_list_init(from);
}

#define RT_LIST_FIRST(list, type, member) \
    RT_CONTAINER((list)->next, type, member)

/* Visits every node; the body may not remove nodes. */
#define RT_LIST_EACH(node, list)                              \
    for (struct rt_list *node = (list)->next; node != (list); \
         node = (node)->next)

#endif
