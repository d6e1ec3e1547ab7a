#include "base/list.h"

#include "tests/support/test.h"

struct item {
    int value;
    struct rt_list node;
};

TEST("a list keeps the order of its appends")
{
    struct rt_list list;
    rt_list_init(&list);
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    for (int i = 0; i < 3; i++) {
        rt_list_append(&list, &items[i].node);
    }
    int expected = 1;
    RT_LIST_EACH (node, &list) {
        EXPECT_INT(RT_CONTAINER(node, struct item, node)->value, expected++);
    }
    EXPECT_INT(expected, 4);
}

TEST("a node may be removed twice")
{
    struct rt_list list;
    rt_list_init(&list);
    struct item item = {.value = 1};
    rt_list_append(&list, &item.node);
    rt_list_remove(&item.node);
    rt_list_remove(&item.node);
    EXPECT(rt_list_is_empty(&list));
}

TEST("moving a list takes all its nodes")
{
    struct rt_list from;
    struct rt_list to;
    rt_list_init(&from);
    rt_list_init(&to);
    struct item items[2] = {{.value = 1}, {.value = 2}};
    rt_list_append(&from, &items[0].node);
    rt_list_append(&from, &items[1].node);
    rt_list_move(&to, &from);
    EXPECT(rt_list_is_empty(&from));
    EXPECT_INT(RT_LIST_FIRST(&to, struct item, node)->value, 1);
    rt_list_remove(&items[0].node);
    rt_list_remove(&items[1].node);
    EXPECT(rt_list_is_empty(&to));
}
