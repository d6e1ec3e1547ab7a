#include "broker/core/idempotency.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

/* No topic has this byte, so no two pairs have the same name. */
#define SEPARATOR '/'

#define NAME_BYTES_MAX (RT_TOPIC_BYTES_MAX + 1 + RT_IDEMPOTENCY_KEY_BYTES_MAX)

struct rt_idempotency_entry {
    struct rt_tree_leaf leaf; /* the key is `name` */
    struct rt_list link;      /* in window->by_age */
    uint64_t since_ms;
    struct rt_digest body;
    uint32_t receipt_count;
    struct rt_receipt receipts[]; /* and behind them topic, separator, key */
};

static size_t entry_size(uint32_t receipt_count, size_t name_len)
{
    return sizeof(struct rt_idempotency_entry) +
           receipt_count * sizeof(struct rt_receipt) + name_len;
}

static void free_entry(struct rt_idempotency *window,
                       struct rt_idempotency_entry *entry)
{
    rt_heap_free(window->heap, entry,
                 entry_size(entry->receipt_count, entry->leaf.key.len));
}

void rt_idempotency_init(struct rt_idempotency *window,
                         struct rt_heap *heap,
                         const struct rt_idempotency_limits *limits)
{
    *window = (struct rt_idempotency){.heap = heap, .limits = limits};
    rt_tree_init(&window->keys, heap);
    rt_list_init(&window->by_age);
}

static struct rt_idempotency_entry *oldest(const struct rt_idempotency *window)
{
    return RT_LIST_FIRST(&window->by_age, struct rt_idempotency_entry, link);
}

void rt_idempotency_finish(struct rt_idempotency *window)
{
    while (window->count > 0) {
        rt_idempotency_forget(window, oldest(window));
    }
}

/* --- finding --- */

static size_t name_len(const struct rt_idempotency_request *request)
{
    return request->topic.len + 1 + request->key.len;
}

static void write_name(char *name, const struct rt_idempotency_request *request)
{
    size_t len = request->topic.len;
    memcpy(name, request->topic.data, len);
    name[len] = SEPARATOR;
    memcpy(name + len + 1, request->key.data, request->key.len);
}

static struct rt_idempotency_entry *
find(const struct rt_idempotency *window,
     const struct rt_idempotency_request *request)
{
    char memory[NAME_BYTES_MAX];
    RT_CHECK(name_len(request) <= sizeof(memory));
    write_name(memory, request);
    struct rt_bytes name = {memory, name_len(request)};
    struct rt_tree_leaf *leaf = rt_tree_find(&window->keys, name);
    return leaf == NULL ? NULL
                        : RT_CONTAINER(leaf, struct rt_idempotency_entry, leaf);
}

int rt_idempotency_find(const struct rt_idempotency *window,
                        const struct rt_idempotency_request *request,
                        const struct rt_receipt **receipts)
{
    struct rt_idempotency_entry *entry = find(window, request);
    if (entry == NULL) {
        return 0;
    }
    if (!rt_digest_equal(&entry->body, &request->body)) {
        return RT_EEXIST;
    }
    *receipts = entry->receipts;
    return 1;
}

/* --- remembering --- */

static void entry_init(struct rt_idempotency_entry *entry,
                       const struct rt_idempotency_request *request,
                       uint32_t receipt_count,
                       uint64_t now_ms)
{
    *entry = (struct rt_idempotency_entry){.since_ms = now_ms,
                                           .body = request->body,
                                           .receipt_count = receipt_count};
    char *name = (char *)(entry->receipts + receipt_count);
    write_name(name, request);
    entry->leaf.key = (struct rt_bytes){name, name_len(request)};
}

static int insert(struct rt_idempotency *window,
                  struct rt_idempotency_entry *entry)
{
    int err = rt_tree_insert(&window->keys, &entry->leaf);
    if (err < 0) {
        free_entry(window, entry);
        return err;
    }
    rt_list_append(&window->by_age, &entry->link);
    window->count++;
    return 0;
}

uint64_t rt_idempotency_bytes_max(const struct rt_idempotency *window)
{
    uint64_t part = window->heap->limit / RT_IDEMPOTENCY_PART;
    uint64_t bytes_max = window->limits->bytes_max;
    return bytes_max < part ? bytes_max : part;
}

/* Drops the oldest ones until what is left is within the limits. */
static void trim(struct rt_idempotency *window)
{
    uint64_t bytes_max = rt_idempotency_bytes_max(window);
    while (window->count > window->limits->count_max ||
           window->bytes > bytes_max) {
        rt_idempotency_forget(window, oldest(window));
    }
}

static struct rt_idempotency_entry *
remember(struct rt_idempotency *window,
         const struct rt_idempotency_request *request,
         uint32_t receipt_count,
         uint64_t now_ms)
{
    size_t size = entry_size(receipt_count, name_len(request));
    size_t used = window->heap->used;
    if (rt_heap_is_low(window->heap, size)) {
        return NULL;
    }
    struct rt_idempotency_entry *entry = rt_heap_alloc(window->heap, size);
    if (entry == NULL) {
        return NULL;
    }
    entry_init(entry, request, receipt_count, now_ms);
    if (insert(window, entry) < 0) {
        return NULL;
    }
    window->bytes += window->heap->used - used;
    return entry;
}

struct rt_idempotency_entry *
rt_idempotency_remember(struct rt_idempotency *window,
                        const struct rt_idempotency_request *request,
                        uint32_t receipt_count,
                        uint64_t now_ms)
{
    struct rt_idempotency_entry *entry =
        remember(window, request, receipt_count, now_ms);
    if (entry == NULL) {
        return NULL;
    }
    trim(window);
    return window->count > 0 ? entry : NULL; /* more than its part alone */
}

int rt_idempotency_restore(struct rt_idempotency *window,
                           const struct rt_idempotency_request *request,
                           const struct rt_receipt *receipts,
                           uint32_t receipt_count,
                           uint64_t since_ms)
{
    struct rt_idempotency_entry *known = find(window, request);
    if (known != NULL) {
        rt_idempotency_forget(window, known);
    }
    struct rt_idempotency_entry *entry =
        remember(window, request, receipt_count, since_ms);
    if (entry == NULL) {
        return RT_ENOMEM;
    }
    rt_idempotency_settle(entry, receipts);
    trim(window);
    return 0;
}

void rt_idempotency_settle(struct rt_idempotency_entry *entry,
                           const struct rt_receipt *receipts)
{
    for (uint32_t i = 0; i < entry->receipt_count; i++) {
        entry->receipts[i] = receipts[i];
        entry->receipts[i].is_congested = false; /* that was then */
    }
}

/* --- forgetting --- */

void rt_idempotency_forget(struct rt_idempotency *window,
                           struct rt_idempotency_entry *entry)
{
    size_t used = window->heap->used;
    rt_tree_remove(&window->keys, &entry->leaf);
    rt_list_remove(&entry->link);
    free_entry(window, entry);
    window->count--;
    window->bytes -= used - window->heap->used;
}

static bool is_of_topic(const struct rt_idempotency_entry *entry,
                        struct rt_bytes topic)
{
    return rt_bytes_starts_with(entry->leaf.key, topic) &&
           entry->leaf.key.data[topic.len] == SEPARATOR;
}

void rt_idempotency_forget_topic(struct rt_idempotency *window,
                                 struct rt_bytes topic)
{
    struct rt_list *link = window->by_age.next;
    while (link != &window->by_age) {
        struct rt_idempotency_entry *entry =
            RT_CONTAINER(link, struct rt_idempotency_entry, link);
        link = link->next;
        if (is_of_topic(entry, topic)) {
            rt_idempotency_forget(window, entry);
        }
    }
}

static bool has_lost(const struct rt_idempotency_entry *entry,
                     rt_idempotency_fn is_lost,
                     const void *context)
{
    uint32_t number = 0;
    while (number < entry->receipt_count &&
           !is_lost(context, &entry->receipts[number])) {
        number++;
    }
    return number < entry->receipt_count;
}

void rt_idempotency_forget_lost(struct rt_idempotency *window,
                                rt_idempotency_fn is_lost,
                                const void *context)
{
    struct rt_list *link = window->by_age.next;
    while (link != &window->by_age) {
        struct rt_idempotency_entry *entry =
            RT_CONTAINER(link, struct rt_idempotency_entry, link);
        link = link->next;
        if (has_lost(entry, is_lost, context)) {
            rt_idempotency_forget(window, entry);
        }
    }
}

void rt_idempotency_expire(struct rt_idempotency *window, uint64_t now_ms)
{
    while (window->count > 0 &&
           now_ms - oldest(window)->since_ms >= window->limits->keep_ms) {
        rt_idempotency_forget(window, oldest(window));
    }
}
