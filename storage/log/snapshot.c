#include "storage/log/snapshot.h"

#include <string.h>

#include "storage/checksum.h"
#include "storage/log/draft.h"

/* A part on its way: its head and its body. */
struct piece {
    struct rt_log_part_head head;
    struct rt_bytes body;
    char description[RT_LOG_DESCRIPTION_MAX];
};

/* What is done with each of them. */
typedef void (*piece_fn)(void *context, const struct piece *piece);

static void sign(struct piece *piece)
{
    piece->head.length = piece->body.len;
    piece->head.crc = rt_checksum(0, piece->body.data, piece->body.len);
}

static void make_topic(struct piece *piece, const struct rt_log_shelf *shelf)
{
    struct rt_log_topic topic = {.name = {shelf->name, shelf->name_len},
                                 .floor = shelf->floor,
                                 .retention = shelf->retention,
                                 .state = {shelf->opaque, shelf->state_len}};
    uint32_t flags =
        shelf->state == RT_LOG_SHELF_DAMAGED ? RT_LOG_TOPIC_FLAG_DAMAGED : 0;
    size_t len = rt_log_describe(&topic, shelf->end, flags, piece->description);
    piece->head = (struct rt_log_part_head){.kind = RT_LOG_TOPIC,
                                            .topic = shelf->topic,
                                            .offset = shelf->next_offset};
    piece->body = (struct rt_bytes){piece->description, len};
    sign(piece);
}

static void make_node(struct piece *piece, struct rt_bytes node)
{
    piece->head = (struct rt_log_part_head){.kind = RT_LOG_NODE};
    piece->body = node;
    sign(piece);
}

/* A topic that is new belongs to a batch that has not been written, and number
 * 0 is none. */
static bool belongs(const struct rt_log_shelf *shelf)
{
    return shelf->topic > 0 && shelf->state != RT_LOG_SHELF_NEW;
}

static void each_piece(const struct rt_log_index *index,
                       struct rt_bytes node,
                       piece_fn visit,
                       void *context)
{
    struct piece piece;
    if (node.len > 0) {
        make_node(&piece, node);
        visit(context, &piece);
    }
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        if (belongs(index->shelves[i])) {
            make_topic(&piece, index->shelves[i]);
            visit(context, &piece);
        }
    }
}

static void count(void *context, const struct piece *piece)
{
    struct rt_log_batch_head *head = context;
    head->part_count++;
    head->length += sizeof(piece->head) + rt_log_padded(piece->head.length);
}

uint64_t rt_log_snapshot_length(const struct rt_log_index *index,
                                struct rt_bytes node)
{
    struct rt_log_batch_head head = {.length = sizeof(head)};
    each_piece(index, node, count, &head);
    return head.length;
}

static void add_crc(void *context, const struct piece *piece)
{
    uint32_t *crc = context;
    *crc = rt_log_batch_crc_add(*crc, &piece->head);
}

void rt_log_snapshot_begin(struct rt_log_batch_head *head,
                           const struct rt_log_index *index,
                           struct rt_bytes node)
{
    head->length = sizeof(*head);
    head->part_count = 0;
    head->flags = RT_LOG_FLAG_SNAPSHOT;
    each_piece(index, node, count, head);
    uint32_t crc = rt_log_batch_crc_begin(head);
    each_piece(index, node, add_crc, &crc);
    rt_log_batch_head_sign(head, crc);
}

static void add_head(void *context, const struct piece *piece)
{
    rt_log_stage_add(context, &piece->head, sizeof(piece->head));
}

static void add_body(void *context, const struct piece *piece)
{
    rt_log_stage_add(context, piece->body.data, piece->body.len);
    rt_log_stage_pad(context);
}

void rt_log_snapshot_write(const struct rt_log_batch_head *head,
                           const struct rt_log_index *index,
                           struct rt_bytes node,
                           struct rt_log_stage *stage)
{
    rt_log_stage_add(stage, head, sizeof(*head));
    each_piece(index, node, add_head, stage);
    each_piece(index, node, add_body, stage);
}
