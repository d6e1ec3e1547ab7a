#include "tests/support/directory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

void test_directory_make(struct test_directory *directory)
{
    (void)snprintf(directory->path, sizeof(directory->path),
                   "/tmp/ringtail-test-XXXXXX");
    EXPECT(mkdtemp(directory->path) != NULL);
}

void test_directory_remove(struct test_directory *directory)
{
    char path[400];
    struct dirent *entry = NULL;
    DIR *listing = opendir(directory->path);
    EXPECT(listing != NULL);
    while ((entry = readdir(listing)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory->path,
                       entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(listing);
    EXPECT_INT(rmdir(directory->path), 0);
}
