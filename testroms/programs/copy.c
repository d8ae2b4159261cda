// Memory copies of many sizes and alignments through the C library's memcpy, memmove and memset.
#include "program.h"

enum { BUFFER = 4 << 20, SMALL = 3000000, LARGE = 200 };

static uint8_t from[BUFFER], to[BUFFER];

int main(void) {
  uint64_t seed = 7046029254386353131u, sum = 0;
  for (int i = 0; i < BUFFER; i++) from[i] = (uint8_t)next_random(&seed);
  double start = now();
  for (int i = 0; i < SMALL; i++) {
    uint64_t r = next_random(&seed);
    size_t length = r & 255, a = (r >> 8) & 0xffff, b = (r >> 24) & 0xffff;
    memcpy(to + b, from + a, length);
    if ((i & 15) == 0) memmove(to + a, to + b, length);
    if ((i & 63) == 0) memset(to + a, (int)r & 255, length);
  }
  for (int i = 0; i < LARGE; i++) memcpy(to + (i & 15), from + ((i >> 4) & 15), BUFFER - 64);
  for (int i = 0; i < BUFFER; i += 511) sum = add_checksum(sum, to[i]);
  return report("copy", sum, start);
}
