/* Room that the file system is given back, beside the committer's thread. */
#include "broker/net/committer.h"
#include "broker/net/thread.h"

static void give(void *context)
{
    struct rt_committer *committer = context;
    rt_disk_discard(&committer->disk.disk, &committer->removed);
}

void rt_committer_end_room(struct rt_committer *committer)
{
    if (committer->is_giving) {
        RT_CHECK(uv_thread_join(&committer->giver) == 0);
        committer->is_giving = false;
    }
}

void rt_committer_give_room(struct rt_committer *committer,
                            struct rt_file removed)
{
    rt_committer_end_room(committer);
    committer->removed = removed;
    committer->is_giving =
        rt_thread_create(&committer->giver, RT_COMMITTER_ROOM_NAME, give,
                         committer) == 0;
    if (!committer->is_giving) {
        give(committer);
    }
}
