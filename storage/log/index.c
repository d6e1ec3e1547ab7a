#include "storage/log/index.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

int rt_log_index_init(struct rt_log_index *index, struct rt_heap *heap)
{
    *index = (struct rt_log_index){.heap = heap};
    return -pthread_mutex_init(&index->mutex, NULL);
}

static void destroy(struct rt_log_index *index, struct rt_log_shelf *shelf)
{
    rt_heap_free(index->heap, shelf->places,
                 shelf->place_capacity * sizeof(struct rt_log_place));
    rt_heap_free(index->heap, shelf, sizeof(*shelf) + shelf->name_len);
}

void rt_log_index_finish(struct rt_log_index *index)
{
    if (index == NULL || index->heap == NULL) {
        return;
    }
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        destroy(index, index->shelves[i]);
    }
    rt_heap_free(index->heap, index->shelves,
                 index->shelf_capacity * sizeof(struct rt_log_shelf *));
    rt_heap_free(index->heap, index->volumes,
                 index->volume_capacity * sizeof(struct rt_log_volume));
    RT_CHECK(pthread_mutex_destroy(&index->mutex) == 0);
    *index = (struct rt_log_index){0};
}

void rt_log_index_lock(struct rt_log_index *index)
{
    RT_CHECK(pthread_mutex_lock(&index->mutex) == 0);
}

void rt_log_index_unlock(struct rt_log_index *index)
{
    RT_CHECK(pthread_mutex_unlock(&index->mutex) == 0);
}

/* Room for one more in an array: 0 or RT_ENOMEM. There may be very many arrays
 * of places, so not much more room than that. Under the lock. */
static int grow(struct rt_heap *heap,
                void **array,
                uint32_t count,
                uint32_t *capacity,
                size_t size)
{
    if (count < *capacity) {
        return 0;
    }
    uint32_t more = *capacity + *capacity / 4 + 1;
    void *grown = rt_heap_resize(heap, *array, *capacity * size, more * size);
    if (grown == NULL) {
        return RT_ENOMEM;
    }
    *array = grown;
    *capacity = more;
    return 0;
}

/* --- shelves --- */

/* How many shelves have a lower number. */
static uint32_t shelf_rank(const struct rt_log_index *index, uint64_t topic)
{
    uint32_t low = 0;
    uint32_t high = index->shelf_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->shelves[middle]->topic < topic) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct rt_log_shelf *rt_log_index_shelf(const struct rt_log_index *index,
                                        uint64_t topic)
{
    uint32_t rank = shelf_rank(index, topic);
    bool is_there =
        rank < index->shelf_count && index->shelves[rank]->topic == topic;
    return is_there ? index->shelves[rank] : NULL;
}

static int reserve_shelf(struct rt_log_index *index)
{
    void *shelves = index->shelves;
    int err = grow(index->heap, &shelves, index->shelf_count,
                   &index->shelf_capacity, sizeof(struct rt_log_shelf *));
    index->shelves = shelves;
    return err;
}

static struct rt_log_shelf *
create(struct rt_log_index *index, uint64_t topic, struct rt_bytes name)
{
    struct rt_log_shelf *shelf =
        rt_heap_zalloc(index->heap, sizeof(*shelf) + name.len);
    if (shelf == NULL) {
        return NULL;
    }
    shelf->topic = topic;
    shelf->next_offset = 1;
    shelf->end = 1;
    shelf->floor = 1;
    shelf->retention =
        (struct rt_retention){UINT64_MAX, UINT64_MAX, UINT64_MAX};
    shelf->name_len = (uint8_t)name.len;
    if (name.len > 0) {
        memcpy(shelf->name, name.data, name.len);
    }
    return shelf;
}

static int append(struct rt_log_index *index, struct rt_log_shelf *shelf)
{
    rt_log_index_lock(index);
    RT_CHECK(shelf_rank(index, shelf->topic) == index->shelf_count);
    int err = reserve_shelf(index);
    if (err == 0) {
        index->shelves[index->shelf_count++] = shelf;
    }
    rt_log_index_unlock(index);
    return err;
}

struct rt_log_shelf *rt_log_index_add(struct rt_log_index *index,
                                      uint64_t topic,
                                      struct rt_bytes name)
{
    RT_CHECK(name.len <= RT_LOG_TOPIC_NAME_MAX);
    struct rt_log_shelf *shelf = create(index, topic, name);
    if (shelf != NULL && append(index, shelf) < 0) {
        destroy(index, shelf);
        return NULL;
    }
    return shelf;
}

void rt_log_index_remove(struct rt_log_index *index, struct rt_log_shelf *shelf)
{
    uint32_t rank = shelf_rank(index, shelf->topic);
    RT_CHECK(rank < index->shelf_count && index->shelves[rank] == shelf);
    index->shelf_count--;
    memmove(index->shelves + rank, index->shelves + rank + 1,
            (index->shelf_count - rank) * sizeof(struct rt_log_shelf *));
    destroy(index, shelf);
}

int rt_log_index_reserve(struct rt_log_index *index, struct rt_log_shelf *shelf)
{
    rt_log_index_lock(index);
    void *places = shelf->places;
    int err = grow(index->heap, &places, shelf->place_count,
                   &shelf->place_capacity, sizeof(struct rt_log_place));
    shelf->places = places;
    rt_log_index_unlock(index);
    return err;
}

/* The place that events in a batch there belong to, if it has been begun. */
static struct rt_log_place *place_for(const struct rt_log_shelf *shelf,
                                      uint64_t segment,
                                      const struct rt_log_span *span)
{
    if (shelf->place_count == 0) {
        return NULL;
    }
    struct rt_log_place *newest = &shelf->places[shelf->place_count - 1];
    bool is_next =
        newest->segment == segment && newest->span.last + 1 == span->first;
    bool is_near =
        span->position - newest->span.position < RT_LOG_PLACE_BYTES ||
        newest->span.bytes < RT_LOG_PLACE_BYTES_OWN;
    return is_next && is_near ? newest : NULL;
}

bool rt_log_shelf_add(struct rt_log_shelf *shelf,
                      uint64_t segment,
                      const struct rt_log_span *span)
{
    struct rt_log_place *place = place_for(shelf, segment, span);
    shelf->bytes += span->bytes;
    shelf->events += span->last - span->first + 1;
    shelf->end = span->last + 1;
    shelf->next_offset = shelf->end;
    if (place != NULL) {
        place->span.last = span->last;
        place->span.bytes += span->bytes;
        place->span.wall_ms = span->wall_ms;
        place->span.sequence = span->sequence;
        return false;
    }
    RT_CHECK(shelf->place_count < shelf->place_capacity);
    shelf->places[shelf->place_count++] =
        (struct rt_log_place){.segment = segment, .span = *span};
    return true;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void rt_log_shelf_lose(struct rt_log_shelf *shelf,
                       const struct rt_log_span *span)
{
    struct rt_log_loss *loss = &shelf->loss;
    loss->sequence = greater(loss->sequence, span->sequence);
    loss->wall_ms = greater(loss->wall_ms, span->wall_ms);
    loss->end = greater(loss->end, span->last + 1);
}

/* Forgets the first places. */
static void forget(struct rt_log_shelf *shelf, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct rt_log_span *span = &shelf->places[i].span;
        shelf->bytes -= span->bytes;
        shelf->events -= span->last - span->first + 1;
        rt_log_shelf_lose(shelf, span);
    }
    shelf->place_count -= count;
    memmove(shelf->places, shelf->places + count,
            shelf->place_count * sizeof(struct rt_log_place));
}

void rt_log_shelf_raise(struct rt_log_shelf *shelf, uint64_t floor)
{
    uint32_t count = 0;
    if (floor > shelf->floor) {
        shelf->floor = floor;
    }
    while (count < shelf->place_count &&
           shelf->places[count].span.last < shelf->floor) {
        count++;
    }
    if (count > 0) {
        forget(shelf, count);
    }
}

uint64_t rt_log_shelf_earliest(const struct rt_log_shelf *shelf)
{
    if (shelf->place_count == 0) {
        return shelf->next_offset;
    }
    uint64_t first = shelf->places[0].span.first;
    return first > shelf->floor ? first : shelf->floor;
}

/* --- segments --- */

static int reserve_volume(struct rt_log_index *index)
{
    void *volumes = index->volumes;
    int err = grow(index->heap, &volumes, index->volume_count,
                   &index->volume_capacity, sizeof(struct rt_log_volume));
    index->volumes = volumes;
    return err;
}

void rt_log_volume_count(struct rt_log_volume *volume,
                         const struct rt_log_span *span)
{
    volume->events += span->last - span->first + 1;
    if (span->wall_ms > volume->wall_ms) {
        volume->wall_ms = span->wall_ms;
    }
}

int rt_log_index_begin(struct rt_log_index *index,
                       const struct rt_log_volume *volume)
{
    rt_log_index_lock(index);
    int err = reserve_volume(index);
    if (err == 0) {
        index->volumes[index->volume_count++] = *volume;
        index->bytes += volume->end + volume->seal;
        index->events += volume->events;
    }
    rt_log_index_unlock(index);
    return err;
}

struct rt_log_volume *rt_log_index_volume(const struct rt_log_index *index,
                                          uint64_t segment)
{
    uint32_t low = 0;
    uint32_t high = index->volume_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->volumes[middle].segment < segment) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there =
        low < index->volume_count && index->volumes[low].segment == segment;
    return is_there ? &index->volumes[low] : NULL;
}

struct rt_log_volume *rt_log_index_newest(const struct rt_log_index *index)
{
    RT_CHECK(index->volume_count > 0);
    return &index->volumes[index->volume_count - 1];
}

void rt_log_index_extend(struct rt_log_index *index,
                         uint64_t end,
                         uint64_t events,
                         uint64_t wall_ms)
{
    struct rt_log_volume *newest = rt_log_index_newest(index);
    index->bytes += end - newest->end;
    index->events += events;
    newest->events += events;
    newest->end = end;
    if (wall_ms > newest->wall_ms) {
        newest->wall_ms = wall_ms;
    }
}

void rt_log_index_seal(struct rt_log_index *index,
                       uint64_t segment,
                       uint64_t bytes)
{
    struct rt_log_volume *volume = rt_log_index_volume(index, segment);
    RT_CHECK(volume != NULL);
    index->bytes += bytes - volume->seal;
    volume->seal = bytes;
}

/* Forgets what a topic has in a segment and before it. */
static void forget_until(struct rt_log_index *index,
                         struct rt_log_shelf *shelf,
                         uint64_t segment)
{
    uint32_t count = 0;
    while (count < shelf->place_count &&
           shelf->places[count].segment <= segment) {
        count++;
    }
    if (count > 0) {
        rt_log_index_lock(index);
        rt_log_shelf_raise(shelf, shelf->places[count - 1].span.last + 1);
        rt_log_index_unlock(index);
    }
}

void rt_log_index_empty(struct rt_log_index *index)
{
    RT_CHECK(index->volume_count > 1);
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        forget_until(index, index->shelves[i], index->volumes[0].segment);
    }
}

void rt_log_index_drop(struct rt_log_index *index)
{
    RT_CHECK(index->volume_count > 1);
    rt_log_index_lock(index);
    index->bytes -= index->volumes[0].end + index->volumes[0].seal;
    index->events -= index->volumes[0].events;
    index->volume_count--;
    memmove(index->volumes, index->volumes + 1,
            index->volume_count * sizeof(struct rt_log_volume));
    rt_log_index_unlock(index);
}

/* --- looking for an event --- */

/* The last place that begins at or before the offset. */
static uint32_t last_place(const struct rt_log_shelf *shelf, uint64_t offset)
{
    uint32_t low = 0;
    uint32_t high = shelf->place_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (shelf->places[middle].span.first <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first place with the event, or with those behind it: some offsets are
 * given to no event. */
static const struct rt_log_place *place_of(const struct rt_log_shelf *shelf,
                                           uint64_t offset)
{
    uint32_t place = last_place(shelf, offset);
    return &shelf->places[place +
                          (shelf->places[place].span.last < offset ? 1 : 0)];
}

static int find(const struct rt_log_index *index,
                uint64_t topic,
                uint64_t offset,
                struct rt_log_spot *spot)
{
    const struct rt_log_shelf *shelf = rt_log_index_shelf(index, topic);
    if (shelf == NULL || shelf->state == RT_LOG_SHELF_NEW ||
        offset < rt_log_shelf_earliest(shelf)) {
        return RT_ENOENT;
    }
    if (offset >= shelf->end) {
        return RT_EAGAIN;
    }
    const struct rt_log_place *place = place_of(shelf, offset);
    const struct rt_log_volume *volume =
        rt_log_index_volume(index, place->segment);
    RT_CHECK(volume != NULL);
    uint64_t first = place->span.first;
    *spot = (struct rt_log_spot){.offset = offset > first ? offset : first,
                                 .segment = place->segment,
                                 .position = place->span.position,
                                 .last = place->span.last,
                                 .end = volume->end};
    return 0;
}

int rt_log_index_find(struct rt_log_index *index,
                      uint64_t topic,
                      uint64_t offset,
                      struct rt_log_spot *spot)
{
    rt_log_index_lock(index);
    int err = find(index, topic, offset, spot);
    rt_log_index_unlock(index);
    return err;
}
