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

/* The sum of a block is kept with it, for there may be many. */
static void make_keys(struct piece *piece,
                      const struct rt_log_keys_block *block)
{
    piece->head = (struct rt_log_part_head){
        .kind = RT_LOG_KEY, .crc = block->crc, .length = block->len};
    piece->body = (struct rt_bytes){block->bytes, block->len};
}

static void make_node(struct piece *piece, struct rt_bytes node)
{
    piece->head = (struct rt_log_part_head){.kind = RT_LOG_NODE};
    piece->body = node;
    sign(piece);
}

/* A topic that is new belongs to a batch that has not been written. */
static void each_topic(const struct rt_log_index *index,
                       struct piece *piece,
                       piece_fn visit,
                       void *context)
{
    for (uint32_t i = 0; i < index->shelf_count; i++) {
        if (index->shelves[i]->state != RT_LOG_SHELF_NEW) {
            make_topic(piece, index->shelves[i]);
            visit(context, piece);
        }
    }
}

static void each_piece(const struct rt_log *log, piece_fn visit, void *context)
{
    struct piece piece;
    if (log->node_len > 0) {
        make_node(&piece, rt_log_node(log));
        visit(context, &piece);
    }
    RT_LIST_EACH (link, &log->keys.blocks) {
        make_keys(&piece, RT_CONTAINER(link, struct rt_log_keys_block, link));
        visit(context, &piece);
    }
    each_topic(&log->index, &piece, visit, context);
}

static void count(void *context, const struct piece *piece)
{
    struct rt_log_batch_head *head = context;
    head->part_count++;
    head->length += sizeof(piece->head) + rt_log_padded(piece->head.length);
}

uint64_t rt_log_snapshot_length(const struct rt_log *log)
{
    struct rt_log_batch_head head = {.length = sizeof(head)};
    each_piece(log, count, &head);
    return head.length;
}

static void add_crc(void *context, const struct piece *piece)
{
    uint32_t *crc = context;
    *crc = rt_log_batch_crc_add(*crc, &piece->head);
}

void rt_log_snapshot_begin(struct rt_log_batch_head *head,
                           const struct rt_log *log)
{
    head->length = sizeof(*head);
    head->part_count = 0;
    head->flags = RT_LOG_FLAG_SNAPSHOT;
    each_piece(log, count, head);
    uint32_t crc = rt_log_batch_crc_begin(head);
    each_piece(log, add_crc, &crc);
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
                           const struct rt_log *log,
                           struct rt_log_stage *stage)
{
    rt_log_stage_add(stage, head, sizeof(*head));
    each_piece(log, add_head, stage);
    each_piece(log, add_body, stage);
}
