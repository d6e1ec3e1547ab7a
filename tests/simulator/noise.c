#include "tests/simulator/noise.h"

#include "tests/support/random.h"

#define NOISE_LEN ((size_t)1 << 20)

static char noise[NOISE_LEN + PAYLOAD_MAX];

/* Mostly what needs no escape in any format, or a world takes ten times as
 * long. */
static char random_byte(struct test_random *random)
{
    uint64_t bits = test_random_next(random);
    return (char)(bits % 512 == 0 ? bits >> 16 : 'a' + (bits >> 16) % 26);
}

void noise_init(void)
{
    struct test_random random = {1};
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = random_byte(&random);
    }
}

const char *noise_at(uint32_t at)
{
    return noise + at % NOISE_LEN;
}
