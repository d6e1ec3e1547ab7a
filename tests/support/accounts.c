#include "tests/support/accounts.h"

#include <stdlib.h>

#include "ringtail/ringtail.h"
#include "tests/support/test.h"

static void *
resize(void *context, void *memory, size_t old_size, size_t new_size)
{
    struct test_accounts *accounts = context;
    EXPECT((memory == NULL) == (old_size == 0));
    EXPECT(accounts->used >= old_size);
    if (new_size == 0) {
        free(memory);
        accounts->used -= old_size;
        return NULL;
    }
    if (++accounts->allocations == accounts->fail_at) {
        return NULL;
    }
    void *moved = realloc(memory, new_size);
    EXPECT(moved != NULL);
    accounts->used += new_size - old_size;
    return moved;
}

void test_accounts_apply(struct test_accounts *accounts,
                         struct ringtail_config *config)
{
    config->resize = resize;
    config->resize_context = accounts;
}
