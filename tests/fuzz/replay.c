/*
 * Runs a fuzz target over files, and over the files of folders, and reports in
 * the Test Anything Protocol:
 *
 *     fuzz_TARGET FILE|FOLDER...
 *
 * An input that the target fails aborts the program; the last line names it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define PATH_BYTES_MAX 4096

static unsigned count;

/* In a block of exactly its size, so that a sanitizer sees the end. */
static bool run_stream(FILE *file, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    bool is_read = data != NULL && fread(data, 1, size, file) == size;
    if (is_read) {
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return is_read;
}

static bool run_file(const char *path, size_t size)
{
    (void)printf("# %s\n", path);
    (void)fflush(stdout);
    FILE *file = fopen(path, "rb");
    bool is_read = file != NULL && run_stream(file, size);
    if (file != NULL) {
        (void)fclose(file);
    }
    (void)printf("%s %u - %s\n", is_read ? "ok" : "not ok", ++count, path);
    return is_read;
}

static bool run(const char *path);

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool run_folder(const char *folder)
{
    char path[PATH_BYTES_MAX];
    struct dirent **entries = NULL;
    bool is_fine = true;
    int found = scandir(folder, &entries, is_visible, alphasort);
    for (int i = 0; i < found; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        is_fine = run(path) && is_fine;
        free(entries[i]);
    }
    free(entries);
    return is_fine && found > 0;
}

static bool run(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        (void)printf("not ok %u - %s: not there\n", ++count, path);
        return false;
    }
    return S_ISDIR(status.st_mode) ? run_folder(path)
                                   : run_file(path, (size_t)status.st_size);
}

int main(int argument_count, char **arguments)
{
    bool is_fine = argument_count > 1;
    for (int i = 1; i < argument_count; i++) {
        is_fine = run(arguments[i]) && is_fine;
    }
    (void)printf("1..%u\n", count);
    return is_fine ? 0 : 1;
}
