#include "storage/log/overlay.h"

#include <errno.h>

#include "tests/support/test.h"
#include "tests/unit/storage/fake_disk.h"

#define FIRST "00000000000000000001.rtl"
#define THIRD "00000000000000000003.rtl"

static struct fake_disk fake;
static struct rt_log_overlay overlay;
static struct rt_disk *disk = &overlay.disk;

static void make(struct rt_disk *on, const char *name, const char *text)
{
    struct rt_file file;
    struct rt_bytes range = rt_bytes_of(text);
    EXPECT_INT(rt_disk_open(on, name, true, &file), 0);
    EXPECT_INT(rt_disk_write(on, &file, &range, 1, 0), 0);
    EXPECT_INT(rt_disk_sync(on, &file), 0);
    rt_disk_close(on, &file);
}

/* Old segments 1 and 3, of which the overlay has the first. */
static void init(void)
{
    fake_disk_init(&fake, 1);
    make(&fake.disk, FIRST, "one");
    make(&fake.disk, THIRD, "three");
    EXPECT_INT(rt_disk_sync_names(&fake.disk), 0);
    rt_log_overlay_init(&overlay, &fake.disk, 2);
}

static void expect_text(const char *name, const char *text)
{
    const struct fake_image *image = fake_disk_image(&fake, name);
    EXPECT(image != NULL);
    EXPECT_TEXT(((struct rt_bytes){image->bytes, image->len}), text);
}

static void count_name(void *context, const char *name)
{
    int *count = context;
    (void)name;
    (*count)++;
}

static int count_names(void)
{
    int count = 0;
    EXPECT_INT(rt_disk_list(disk, count_name, &count), 0);
    return count;
}

TEST("old segments are seen up to where new ones begin")
{
    struct rt_file file;
    char text[8];
    init();
    EXPECT_INT(count_names(), 1);
    EXPECT_INT(rt_disk_open(disk, THIRD, false, &file), -ENOENT);
    EXPECT_INT(rt_disk_open(disk, FIRST, false, &file), 0);
    EXPECT_INT(rt_disk_read(disk, &file, text, sizeof(text), 0), 3);
    rt_disk_close(disk, &file);
    fake_disk_finish(&fake);
}

TEST("new segments are files beside the old ones")
{
    uint64_t size = 0;
    struct rt_file file;
    init();
    make(disk, THIRD, "new");
    EXPECT_INT(count_names(), 2);
    expect_text(THIRD, "three");
    expect_text(THIRD RT_LOG_NEW, "new");
    EXPECT_INT(rt_disk_open(disk, THIRD, false, &file), 0);
    EXPECT_INT(rt_disk_allocate(disk, &file, 9), 0);
    EXPECT_INT(rt_disk_truncate(disk, &file, 2), 0);
    EXPECT_INT(rt_disk_size(disk, &file, &size), 0);
    EXPECT_INT(size, 2);
    EXPECT_INT(rt_disk_remove(disk, THIRD), 0);
    EXPECT_INT(count_names(), 1);
    expect_text(THIRD, "three");
    fake_disk_finish(&fake);
}

TEST("nothing is synced")
{
    init();
    make(disk, THIRD, "new");
    EXPECT_INT(rt_disk_sync_names(disk), 0);
    fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_ALL);
    expect_text(THIRD RT_LOG_NEW, "");
    fake_disk_finish(&fake);
}

TEST("a name tells the number and the ending")
{
    char name[RT_LOG_FILE_SIZE];
    rt_log_overlay_name(3, RT_LOG_DAMAGED, name);
    EXPECT_TEXT(rt_bytes_of(name), THIRD RT_LOG_DAMAGED);
    EXPECT_INT(rt_log_overlay_number(name, RT_LOG_DAMAGED), 3);
    EXPECT_INT(rt_log_overlay_number(name, RT_LOG_NEW), 0);
    EXPECT_INT(rt_log_overlay_number(THIRD, ""), 3);
    EXPECT_INT(rt_log_overlay_number("3.rtl" RT_LOG_NEW, RT_LOG_NEW), 0);
    EXPECT_INT(rt_log_overlay_number("", RT_LOG_NEW), 0);
}
