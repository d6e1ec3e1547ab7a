/* What the tests of the log rely on. */
#include "tests/unit/storage/fake_disk.h"

#include <string.h>

#include "base/error.h"
#include "tests/support/test.h"

#define SEEDS   200
#define WRITTEN (3 * FAKE_PAGE + 100) /* four pages, begun at START */
#define START   1000

static struct fake_disk fake;
static struct rt_disk *disk = &fake.disk;
static char text[WRITTEN]; /* no byte is 0 */

static void init(uint64_t seed)
{
    fake_disk_init(&fake, seed);
    for (size_t i = 0; i < WRITTEN; i++) {
        text[i] = (char)(1 + i % 101);
    }
}

static struct rt_file make(const char *name)
{
    struct rt_file file;
    EXPECT_INT(rt_disk_open(disk, name, true, &file), 0);
    return file;
}

static struct rt_file make_safe(const char *name)
{
    struct rt_file file = make(name);
    EXPECT_INT(rt_disk_sync_names(disk), 0);
    return file;
}

static int put(struct rt_file *file, const char *bytes, size_t len, uint64_t at)
{
    struct rt_bytes ranges[2] = {{bytes, len / 2},
                                 {bytes + len / 2, len - len / 2}};
    return rt_disk_write(disk, file, ranges, 2, at);
}

static struct rt_bytes content(const char *name)
{
    const struct fake_image *image = fake_disk_image(&fake, name);
    EXPECT(image != NULL);
    return (struct rt_bytes){image->bytes, image->len};
}

static bool is_there(const char *name)
{
    return fake_disk_image(&fake, name) != NULL;
}

/* --- bytes --- */

TEST("what is not synced is read all the same, until the power goes")
{
    init(1);
    struct rt_file file = make_safe("a");
    char bytes[8];
    EXPECT_INT(put(&file, "safe", 4, 0), 0);
    EXPECT_INT(rt_disk_sync(disk, &file), 0);
    EXPECT_INT(put(&file, "lost", 4, 2), 0);
    EXPECT_INT(rt_disk_read(disk, &file, bytes, 8, 0), 6);
    EXPECT_BYTES(((struct rt_bytes){bytes, 6}), RT_BYTES("salost"));
    fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
    EXPECT_TEXT(content("a"), "safe");
    fake_disk_finish(&fake);
}

TEST("all that was not synced may be there")
{
    init(1);
    struct rt_file file = make_safe("a");
    EXPECT_INT(put(&file, "hello", 5, 0), 0);
    EXPECT_INT(rt_disk_truncate(disk, &file, 3), 0);
    EXPECT_INT(rt_disk_allocate(disk, &file, 5), 0);
    fake_disk_restart(&fake, FAKE_BYTES_ALL, FAKE_NAMES_NONE);
    EXPECT_BYTES(content("a"), RT_BYTES("hel\0\0"));
    fake_disk_finish(&fake);
}

/* Writes the text to a file of zeros, and has the power go. */
static struct rt_bytes torn(uint64_t seed, enum fake_bytes bytes)
{
    init(seed);
    struct rt_file file = make_safe("a");
    EXPECT_INT(rt_disk_allocate(disk, &file, START + WRITTEN), 0);
    EXPECT_INT(rt_disk_sync(disk, &file), 0);
    EXPECT_INT(put(&file, text, WRITTEN, START), 0);
    fake_disk_restart(&fake, bytes, FAKE_NAMES_NONE);
    struct rt_bytes left = content("a");
    EXPECT_INT(left.len, START + WRITTEN);
    return left;
}

/* How many places there are with the text, or with zeros, on their left and the
 * other on their right; all in between is one of the two. */
static size_t edges(struct rt_bytes left, size_t grain)
{
    size_t count = 0;
    for (size_t i = START; i < left.len; i++) {
        bool is_text = left.data[i] == text[i - START];
        EXPECT(is_text || left.data[i] == '\0');
        bool was_text = i > START && left.data[i - 1] != '\0';
        if (i > START && is_text != was_text) {
            EXPECT_INT(i % grain, 0);
            count++;
        }
    }
    return count;
}

TEST("the first bytes of what was not synced may be there")
{
    size_t cut = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rt_bytes left = torn(seed, FAKE_BYTES_PREFIX);
        size_t count = edges(left, 1);
        EXPECT(count <= 1);
        EXPECT(count == 0 || left.data[START] != '\0');
        cut += count;
        fake_disk_finish(&fake);
    }
    EXPECT(cut > SEEDS / 2);
}

TEST("the second page of what was not synced may be there")
{
    struct rt_bytes left = torn(1, FAKE_BYTES_SECOND_PAGE);
    EXPECT_INT(edges(left, FAKE_PAGE), 2);
    EXPECT(left.data[FAKE_PAGE - 1] == '\0' && left.data[FAKE_PAGE] != '\0');
    EXPECT(left.data[2 * FAKE_PAGE] == '\0');
    fake_disk_finish(&fake);
}

static void expect_blocks(enum fake_bytes bytes, size_t grain)
{
    size_t edges_in_all = 0;
    size_t later_ones = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rt_bytes left = torn(seed, bytes);
        edges_in_all += edges(left, grain);
        later_ones += left.data[START] == '\0' && left.data[left.len - 1];
        fake_disk_finish(&fake);
    }
    EXPECT(edges_in_all > SEEDS);
    EXPECT(later_ones > SEEDS / 8);
}

TEST("any pages of what was not synced may be there")
{
    expect_blocks(FAKE_BYTES_PAGES, FAKE_PAGE);
}

TEST("any sectors of what was not synced may be there")
{
    expect_blocks(FAKE_BYTES_SECTORS, FAKE_SECTOR);
}

/* --- names --- */

/* A file that was made, one that has another's name, and one less. */
static void change_names(void)
{
    init(1);
    struct rt_file file = make("old");
    file = make("other");
    file = make_safe("gone");
    EXPECT_INT(put(&file, "gone", 4, 0), 0);
    EXPECT_INT(rt_disk_sync(disk, &file), 0);
    file = make("new");
    EXPECT_INT(rt_disk_rename(disk, "other", "old"), 0);
    EXPECT_INT(rt_disk_remove(disk, "gone"), 0);
    EXPECT(is_there("new") && is_there("old"));
    EXPECT(!is_there("other") && !is_there("gone"));
}

TEST("names that were not synced are as they were")
{
    change_names();
    fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
    EXPECT(is_there("old") && is_there("other") && !is_there("new"));
    EXPECT_TEXT(content("gone"), "gone");
    fake_disk_finish(&fake);
}

TEST("names that were not synced may have changed")
{
    change_names();
    fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_ALL);
    EXPECT(is_there("new") && is_there("old"));
    EXPECT(!is_there("other") && !is_there("gone"));
    fake_disk_finish(&fake);
}

TEST("some names may have changed, and earlier ones not")
{
    size_t later_alone = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        change_names();
        fake.random.state = seed;
        fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_SOME);
        later_alone += !is_there("new") && !is_there("gone");
        fake_disk_finish(&fake);
    }
    EXPECT(later_alone > SEEDS / 8 && later_alone < SEEDS / 2);
}

TEST("a sync of names is kept, if it is not forgotten")
{
    for (int forgets = 0; forgets <= 1; forgets++) {
        change_names();
        fake.forgets_names = forgets == 1;
        EXPECT_INT(rt_disk_sync_names(disk), 0);
        fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
        EXPECT_INT(is_there("new"), 1 - forgets);
        fake_disk_finish(&fake);
    }
}

/* --- faults --- */

TEST("the call that is to fail does, and no other one")
{
    init(1);
    struct rt_file file = make("a");
    fake_disk_fault_at(&fake, 2, FAKE_ENOSPC);
    EXPECT_INT(put(&file, "one", 3, 0), 0);
    EXPECT_INT(put(&file, "two", 3, 3), -ENOSPC);
    EXPECT_INT(put(&file, "ten", 3, 3), 0);
    EXPECT_TEXT(content("a"), "oneten");
    fake_disk_finish(&fake);
}

TEST("a part of a write that fails may be written")
{
    size_t parts = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        init(seed);
        struct rt_file file = make("a");
        fake_disk_fault_at(&fake, 1, FAKE_PARTIAL);
        EXPECT_INT(put(&file, "hello", 5, 0), RT_EIO);
        EXPECT(rt_bytes_starts_with(RT_BYTES("hello"), content("a")));
        parts += content("a").len % 5 > 0;
        fake_disk_finish(&fake);
    }
    EXPECT(parts > SEEDS / 2);
}

TEST("when the power goes, nothing works until the restart")
{
    init(1);
    struct rt_file file = make_safe("a");
    fake_disk_fault_at(&fake, 2, FAKE_CRASH);
    EXPECT_INT(put(&file, "one", 3, 0), 0);
    EXPECT_INT(rt_disk_sync(disk, &file), RT_EIO);
    EXPECT_INT(rt_disk_sync(disk, &file), RT_EIO);
    EXPECT_INT(rt_disk_sync_names(disk), RT_EIO);
    EXPECT_INT(rt_disk_open(disk, "b", true, &file), RT_EIO);
    fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_ALL);
    EXPECT(!is_there("b"));
    EXPECT_INT(content("a").len, 0);
    file = make("b");
    fake_disk_finish(&fake);
}

TEST("a write during which the power goes may have been done")
{
    init(1);
    struct rt_file file = make_safe("a");
    fake_disk_fault_at(&fake, 1, FAKE_CRASH);
    EXPECT_INT(put(&file, "one", 3, 0), RT_EIO);
    fake_disk_restart(&fake, FAKE_BYTES_ALL, FAKE_NAMES_NONE);
    EXPECT_TEXT(content("a"), "one");
    fake_disk_finish(&fake);
}

TEST("what a failed sync left unwritten no later one writes")
{
    size_t lost = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        init(seed);
        struct rt_file file = make_safe("a");
        EXPECT_INT(put(&file, text, WRITTEN, 0), 0);
        fake_disk_fault_at(&fake, 1, FAKE_EIO);
        EXPECT_INT(rt_disk_sync(disk, &file), RT_EIO);
        EXPECT_INT(content("a").len, WRITTEN);
        EXPECT_INT(rt_disk_sync(disk, &file), 0);
        fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
        lost += !rt_bytes_equal(content("a"), (struct rt_bytes){text, WRITTEN});
        fake_disk_finish(&fake);
    }
    EXPECT(lost > SEEDS / 2);
}

TEST("a full disk refuses what it has no room for")
{
    init(1);
    struct rt_file file = make("a");
    uint64_t left = 0;
    fake.capacity = 5;
    EXPECT_INT(rt_disk_allocate(disk, &file, 6), -ENOSPC);
    EXPECT_INT(put(&file, "one", 3, 0), 0);
    EXPECT_INT(put(&file, "two", 3, 3), -ENOSPC);
    EXPECT_INT(put(&file, "two", 3, 0), 0);
    EXPECT_INT(rt_disk_free_bytes(disk, &left), 0);
    EXPECT_INT(left, 2);
    fake_disk_finish(&fake);
}

TEST("a copy goes its own way")
{
    static struct fake_disk copy;
    init(1);
    struct rt_file file = make_safe("a");
    EXPECT_INT(put(&file, "one", 3, 0), 0);
    fake_disk_copy(&copy, &fake);
    fake_disk_restart(&copy, FAKE_BYTES_ALL, FAKE_NAMES_NONE);
    fake_disk_restart(&fake, FAKE_BYTES_NONE, FAKE_NAMES_NONE);
    EXPECT_INT(content("a").len, 0);
    EXPECT_INT(fake_disk_image(&copy, "a")->len, 3);
    fake_disk_finish(&copy);
    fake_disk_finish(&fake);
}
