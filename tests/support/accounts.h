/*
 * The memory of a host, which the library takes through its hooks, with an
 * account of it; the k-th allocation fails, if that is wanted.
 */
#ifndef TESTS_SUPPORT_ACCOUNTS_H
#define TESTS_SUPPORT_ACCOUNTS_H

#include <stddef.h>
#include <stdint.h>

struct ringtail_config;

struct test_accounts {
    size_t used;
    uint64_t allocations;
    uint64_t fail_at; /* 0: none does */
};

/* A broker with this configuration has its memory from there. */
void test_accounts_apply(struct test_accounts *accounts,
                         struct ringtail_config *config);

#endif
