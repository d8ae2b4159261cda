// Matrix multiplication in double: scalar and vector floating point, as the compiler makes of a plain triple loop.
#include "program.h"

enum { N = 192, ROUNDS = 24 };

static double a[N][N], b[N][N], c[N][N];

int main(void) {
  uint64_t seed = 2685821657736338717u, sum = 0;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      a[i][j] = (double)(int64_t)next_random(&seed) * 0x1p-63;
      b[i][j] = (double)(int64_t)next_random(&seed) * 0x1p-63;
    }
  double start = now();
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        double s = 0;
        for (int x = 0; x < N; x++) s += a[i][x] * b[x][j];
        c[i][j] = s / N;
      }
    memcpy(a, c, sizeof a);
  }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      uint64_t bits;
      memcpy(&bits, &c[i][j], sizeof bits);
      sum = add_checksum(sum, bits);
    }
  return report("matrix", sum, start);
}
