/*
 * Payloads of simulated events are pieces of one long noise, so that their
 * bytes are known by where they begin.
 */
#ifndef TESTS_SIMULATOR_NOISE_H
#define TESTS_SIMULATOR_NOISE_H

#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_MAX ((size_t)300 * 1024) /* more than any block */

/* Makes the noise, always the same. */
void noise_init(void);

/* What begins there: PAYLOAD_MAX bytes. */
const char *noise_at(uint32_t at);

#endif
