/* A directory of a test's own, for files that are gone when it ends. */
#ifndef TESTS_SUPPORT_DIRECTORY_H
#define TESTS_SUPPORT_DIRECTORY_H

struct test_directory {
    char path[64];
};

/* Makes an empty one. */
void test_directory_make(struct test_directory *directory);

/* Removes it with all files in it. */
void test_directory_remove(struct test_directory *directory);

#endif
