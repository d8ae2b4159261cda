// What every benchmark program shares: a seeded generator, a running checksum, and the line that is printed at the end.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/// The next number of a xorshift generator: the same sequence on every machine.
static inline uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

/// Takes a value into a checksum (FNV-1a by words).
static inline uint64_t add_checksum(uint64_t sum, uint64_t value) { return (sum ^ value) * 0x100000001b3u; }

/// Seconds of the guest's monotonic clock.
static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/// Prints "NAME CHECKSUM SECONDS", the one line of output.
static inline int report(const char *name, uint64_t checksum, double start) {
  printf("%s %016llx %.4f\n", name, (unsigned long long)checksum, now() - start);
  return 0;
}
