/*
 * What a run says at its end: one JSON object on standard output. A run in
 * which anything was lost, reordered or refused ends in load_fail and has no
 * figures: a fast server that drops is not compared.
 */
#ifndef BENCH_LOAD_REPORT_H
#define BENCH_LOAD_REPORT_H

#include <stdint.h>
#include <stdnoreturn.h>

/* Prints {"ok": false, "error": ...} and exits with status 1. */
noreturn void load_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* As load_fail, with the meaning of errno after the words. */
noreturn void load_fail_errno(const char *what);

/* A block of zeroes for the life of the program. */
void *load_allocate(uint64_t count, uint64_t size);

/* The object: begin, then any number of members, then end. */
void load_report_begin(void);
void load_report_u64(const char *name, uint64_t value);
void load_report_double(const char *name, double value);
void load_report_end(void);

#endif
