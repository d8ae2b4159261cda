// The same work on one thread, then on two at once: how much more two vCPUs do.
#include <pthread.h>

#include "program.h"

// Long enough that what the host does beside it for a moment does not count.
enum { STEPS = 240000000 };

static void *work(void *argument) {
  uint64_t seed = *(uint64_t *)argument, sum = 0, table[1024] = {0};
  for (int i = 0; i < STEPS; i++) {
    uint64_t r = next_random(&seed);
    table[r & 1023] += r;
    sum += table[(r >> 10) & 1023];
  }
  *(uint64_t *)argument = sum;
  return NULL;
}

int main(void) {
  uint64_t warm = 4101842887655102017u, one = warm, two[2] = {warm, warm};
  pthread_t threads[2];
  work(&warm);
  double start = now();
  work(&one);
  double alone = now() - start;
  start = now();
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, work, &two[i]) != 0) return 1;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  double together = now() - start;
  int status = report("scaling", one == two[0] && one == two[1] ? one : 0, start);
  printf("scaling-factor %.3f\n", 2 * alone / together);
  return status;
}
