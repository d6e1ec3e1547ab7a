#include "storage/log/keys.h"

#include <string.h>

#include "base/error.h"
#include "storage/checksum.h"
#include "storage/log/format.h"

#define HEAD sizeof(struct rt_log_key_head)

_Static_assert(HEAD + RT_LOG_KEY_MAX <= RT_LOG_KEYS_BLOCK, "each fits");
_Static_assert(RT_LOG_KEYS_BLOCK % RT_LOG_GRAIN == 0, "with its padding");

void rt_log_keys_init(struct rt_log_keys *keys,
                      struct rt_heap *heap,
                      const struct rt_log_key_limits *limits)
{
    *keys = (struct rt_log_keys){.heap = heap, .limits = *limits};
    rt_list_init(&keys->blocks);
    rt_list_init(&keys->spares);
}

/* --- blocks --- */

static struct rt_log_keys_block *first_of(const struct rt_list *list)
{
    return RT_LIST_FIRST(list, struct rt_log_keys_block, link);
}

static struct rt_log_keys_block *last_block(const struct rt_log_keys *keys)
{
    return rt_list_is_empty(&keys->blocks)
               ? NULL
               : RT_CONTAINER(keys->blocks.previous, struct rt_log_keys_block,
                              link);
}

static size_t room_of(const struct rt_log_keys_block *block)
{
    return block == NULL ? 0 : sizeof(block->bytes) - block->len;
}

static void drop(struct rt_log_keys *keys, struct rt_log_keys_block *block)
{
    keys->bytes -= block->len;
    rt_list_remove(&block->link);
    rt_heap_free(keys->heap, block, sizeof(*block));
}

static void drop_all(struct rt_log_keys *keys, struct rt_list *list)
{
    while (!rt_list_is_empty(list)) {
        drop(keys, first_of(list));
    }
}

void rt_log_keys_release(struct rt_log_keys *keys)
{
    drop_all(keys, &keys->spares);
    keys->room = room_of(last_block(keys));
}

void rt_log_keys_clear(struct rt_log_keys *keys)
{
    drop_all(keys, &keys->blocks);
    rt_log_keys_release(keys);
}

void rt_log_keys_finish(struct rt_log_keys *keys)
{
    if (keys != NULL && keys->heap != NULL) {
        rt_log_keys_clear(keys);
        *keys = (struct rt_log_keys){0};
    }
}

/* --- adding --- */

static size_t size_of(size_t len)
{
    return (size_t)rt_log_padded(HEAD + len);
}

static struct rt_log_keys_block *add_spare(struct rt_log_keys *keys)
{
    struct rt_log_keys_block *block = rt_heap_alloc(keys->heap, sizeof(*block));
    if (block != NULL) {
        block->wall_ms = 0;
        block->len = 0;
        block->crc = 0;
        rt_list_append(&keys->spares, &block->link);
    }
    return block;
}

int rt_log_keys_reserve(struct rt_log_keys *keys, size_t len)
{
    RT_CHECK(len <= RT_LOG_KEY_MAX);
    size_t size = size_of(len);
    if (size > keys->room) {
        struct rt_log_keys_block *spare = add_spare(keys);
        if (spare == NULL) {
            return RT_ENOMEM;
        }
        keys->room = room_of(spare);
    }
    keys->room -= size;
    return 0;
}

/* The block that room was made in for a key that is so long. */
static struct rt_log_keys_block *block_for(struct rt_log_keys *keys,
                                           size_t size)
{
    struct rt_log_keys_block *block = last_block(keys);
    if (size > room_of(block)) {
        RT_CHECK(!rt_list_is_empty(&keys->spares));
        block = first_of(&keys->spares);
        rt_list_remove(&block->link);
        rt_list_append(&keys->blocks, &block->link);
    }
    return block;
}

static void put(struct rt_log_keys_block *block, const struct rt_log_key *key)
{
    char *at = block->bytes + block->len;
    size_t size = size_of(key->state.len);
    struct rt_log_key_head head = {.wall_ms = key->wall_ms,
                                   .length = (uint32_t)key->state.len};
    memset(at, 0, size);
    memcpy(at, &head, sizeof(head));
    if (key->state.len > 0) {
        memcpy(at + sizeof(head), key->state.data, key->state.len);
    }
    block->crc = rt_checksum(block->crc, at, size);
    block->len += (uint32_t)size;
    if (key->wall_ms > block->wall_ms) {
        block->wall_ms = key->wall_ms;
    }
}

void rt_log_keys_add(struct rt_log_keys *keys, const struct rt_log_key *key)
{
    size_t size = size_of(key->state.len);
    struct rt_log_keys_block *block = block_for(keys, size);
    put(block, key);
    keys->bytes += size;
    while (keys->bytes > keys->limits.bytes &&
           first_of(&keys->blocks) != block) {
        drop(keys, first_of(&keys->blocks));
    }
}

/* --- forgetting --- */

/* What comes from the future was written when the clock was wrong. */
static bool
is_of_use(const struct rt_log_keys *keys, uint64_t key_ms, uint64_t wall_ms)
{
    return key_ms >= wall_ms || wall_ms - key_ms <= keys->limits.age_ms;
}

void rt_log_keys_expire(struct rt_log_keys *keys, uint64_t wall_ms)
{
    while (!rt_list_is_empty(&keys->blocks) &&
           !is_of_use(keys, first_of(&keys->blocks)->wall_ms, wall_ms)) {
        drop(keys, first_of(&keys->blocks));
    }
    rt_log_keys_release(keys);
}

/* --- reading --- */

int rt_log_keys_take(struct rt_bytes *block, struct rt_log_key *key)
{
    struct rt_log_key_head head;
    if (block->len == 0) {
        return 0;
    }
    if (block->len < sizeof(head)) {
        return RT_EDAMAGED;
    }
    memcpy(&head, block->data, sizeof(head));
    if (head.length > RT_LOG_KEY_MAX ||
        head.length > block->len - sizeof(head)) {
        return RT_EDAMAGED;
    }
    *key = (struct rt_log_key){head.wall_ms,
                               {block->data + sizeof(head), head.length}};
    size_t size = size_of(head.length);
    size = size < block->len ? size : block->len; /* or without its padding */
    *block = (struct rt_bytes){block->data + size, block->len - size};
    return 1;
}

/* What a later key tells may depend on those before it: none is left out from
 * the first one on. */
struct telling {
    const struct rt_log_keys *keys;
    uint64_t wall_ms;
    bool has_begun;
    rt_log_keys_fn call;
    void *context;
};

static int tell_block(struct telling *telling, struct rt_bytes block)
{
    struct rt_log_key key;
    int more = rt_log_keys_take(&block, &key);
    while (more > 0) {
        telling->has_begun =
            telling->has_begun ||
            is_of_use(telling->keys, key.wall_ms, telling->wall_ms);
        int err =
            telling->has_begun ? telling->call(telling->context, key.state) : 0;
        if (err != 0) {
            return err;
        }
        more = rt_log_keys_take(&block, &key);
    }
    return more;
}

int rt_log_keys_tell(const struct rt_log_keys *keys,
                     uint64_t wall_ms,
                     rt_log_keys_fn call,
                     void *context)
{
    struct telling telling = {
        .keys = keys, .wall_ms = wall_ms, .call = call, .context = context};
    int err = 0;
    RT_LIST_EACH (link, &keys->blocks) {
        const struct rt_log_keys_block *block =
            RT_CONTAINER(link, struct rt_log_keys_block, link);
        err = err == 0 ? tell_block(&telling,
                                    (struct rt_bytes){block->bytes, block->len})
                       : err;
    }
    return err;
}
