/* What a broker sends on a connection, held to its form. */
#ifndef TESTS_FUZZ_ANSWERS_H
#define TESTS_FUZZ_ANSWERS_H

#include <stdbool.h>

#include "base/bytes.h"

/*
 * Aborts unless the bytes are HTTP/1.1 answers, each with the length that it
 * says, and after a 101 a server's WebSocket frames. `asks_head`: some answers
 * may be without the body they speak of. `may_be_cut`: the last one may end in
 * the middle.
 */
void fuzz_check_answers(struct rt_bytes bytes, bool asks_head, bool may_be_cut);

#endif
