/*
 * Counts heap allocations of the program it is preloaded into (LD_PRELOAD). The
 * count is a 64-bit number at the start of the file that COUNT_ALLOCATIONS
 * names, mapped shared, so that another process reads it at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* glibc's own names for its allocator: dlsym() would allocate. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

EXPORT void *memalign(size_t alignment, size_t size);

static _Atomic uint64_t before_mapping;
static _Atomic uint64_t *count = &before_mapping;

__attribute__((constructor)) static void map_count(void)
{
    const char *path = getenv("COUNT_ALLOCATIONS");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(*count)) != 0) {
        return;
    }
    void *memory =
        mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (memory != MAP_FAILED) {
        count = memory;
    }
}

static void count_one(void)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

EXPORT void *malloc(size_t size)
{
    count_one();
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t number, size_t size)
{
    count_one();
    return __libc_calloc(number, size);
}

EXPORT void *realloc(void *memory, size_t size)
{
    count_one();
    return __libc_realloc(memory, size);
}

EXPORT void *reallocarray(void *memory, size_t number, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(number, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(memory, total);
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    count_one();
    return __libc_memalign(alignment, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

EXPORT int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *aligned = memalign(alignment, size);
    if (aligned == NULL) {
        return ENOMEM;
    }
    *memory = aligned;
    return 0;
}
