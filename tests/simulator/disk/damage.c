/* A disk that has another bit than was written, somewhere. */
#include <string.h>

#include "tests/simulator/disk/world.h"
#include "tests/simulator/expect.h"

#define BEHIND 64 /* the last byte that was written */

static bool is_segment(const struct fake_name *name)
{
    return strstr(name->text, ".rtl") != NULL;
}

static struct fake_file *random_segment(struct world *world)
{
    struct fake_disk *disk = &world->disk;
    const struct fake_name *name;
    do {
        name = &disk->now.names[below(world, (uint32_t)disk->now.count)];
    } while (!is_segment(name));
    return &disk->files[name->file];
}

static uint64_t written_len(const struct fake_image *image)
{
    uint64_t len = image->len;
    while (len > 0 && image->bytes[len - 1] == 0) {
        len--;
    }
    return len;
}

/* In what is read and on the medium, which are the same after a restart. */
static void toggle(const struct flip *flip)
{
    flip->file->now.bytes[flip->at] ^= (char)(1 << flip->bit);
    flip->file->safe.bytes[flip->at] ^= (char)(1 << flip->bit);
}

void damage_flip(struct world *world)
{
    struct flip *flip = &world->flip;
    if (!world->habits.flips || world->is_flipped || one_in(world, 3)) {
        return;
    }
    flip->file = random_segment(world);
    uint64_t len = written_len(&flip->file->now) + BEHIND;
    len = len < flip->file->now.len ? len : flip->file->now.len;
    EXPECT_INT(flip->file->now.len, flip->file->safe.len);
    if (len > 0) {
        flip->at = below(world, (uint32_t)len);
        flip->bit = below(world, 8);
        toggle(flip);
        world->is_flipped = true;
        world_say(world, "bit %d of %" PRIu64 " of file %d flips", flip->bit,
                  flip->at, (int)(flip->file - world->disk.files));
    }
}

void damage_mend(struct world *world)
{
    EXPECT(world->flip.file != NULL);
    toggle(&world->flip);
    world->flip.file = NULL;
}
