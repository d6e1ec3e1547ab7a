/* What the core knows of those who read a topic in a format. */
#include "broker/core/fanout.h"
#include "broker/core/follower.h"
#include "broker/core/selection.h"
#include "broker/core/topic.h"
#include "broker/core/view.h"
#include "tests/simulator/reader.h"

static const struct rt_stream *stream_of(struct rt_list *link)
{
    return &RT_CONTAINER(link, struct rt_follower, in_topic)->selection->stream;
}

static bool is_dirty(const struct rt_stream *stream)
{
    return !rt_list_is_empty(&stream->dirty);
}

static bool is_many(const struct rt_stream *stream)
{
    return stream->active_count > RT_FANOUT_SMALL && is_dirty(stream);
}

bool readers_need(const struct rt_topic *found, uint64_t offset)
{
    for (const struct rt_view *view = found->views; view != NULL;
         view = view->next) {
        if (is_dirty(&view->stream) && view->stream.floor < offset) {
            return true;
        }
    }
    RT_LIST_EACH (link, &found->followers) {
        const struct rt_stream *stream = stream_of(link);
        if (is_dirty(stream) &&
            rt_ring_offset_from(&found->ring, stream->floor) < offset) {
            return true;
        }
    }
    return false;
}

bool readers_are_behind(const struct rt_topic *found)
{
    return readers_need(found, UINT64_MAX);
}

bool readers_are_many(const struct rt_topic *found)
{
    for (const struct rt_view *view = found->views; view != NULL;
         view = view->next) {
        if (is_many(&view->stream)) {
            return true;
        }
    }
    RT_LIST_EACH (link, &found->followers) {
        if (is_many(stream_of(link))) {
            return true;
        }
    }
    return false;
}
