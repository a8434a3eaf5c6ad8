// What the C programs share that measure themselves: random numbers, the same ones in every peer, and the report.
#ifndef SOLO_H
#define SOLO_H
#include <stdint.h>

static uint64_t random_state = 88172645463325252ULL;

static inline uint64_t random_next(void) { // xorshift64 of Marsaglia
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}
#endif
