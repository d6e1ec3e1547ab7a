/*
 * What the kernel and the allocation counter tell about the server under test.
 * Only the counters are read, never the server asked: measuring costs it
 * nothing.
 */
#ifndef BENCH_LOAD_SERVER_H
#define BENCH_LOAD_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct load_cpu {
    uint64_t run_ns;  /* spent on a processor, all threads */
    uint64_t wait_ns; /* spent runnable while others had the processor */
};

/* Of the process and of all that descend from it: a server may have workers. */
struct load_cpu load_server_cpu(pid_t pid);

/*
 * Private memory that they have written to, in bytes. Clean pages are not
 * counted: they are those of libraries, which are private only as long as no
 * other program happens to use them.
 */
uint64_t load_server_private_bytes(pid_t pid);

/* The count that count_allocations.c keeps in the file; 0 without a file. */
uint64_t load_server_allocations(const char *count_file);

/*
 * Kernel memory for buffers of both ends of our connection `fd`: received and
 * not read, sent and not acknowledged, reserved. False when the server's end
 * is gone.
 */
bool load_server_socket_bytes(int fd, uint64_t *bytes);

#endif
