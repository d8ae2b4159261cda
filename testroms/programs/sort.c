// Integer sorting: quicksort and heap sort of arrays that fit no cache.
#include "program.h"

enum { COUNT = 400000, ROUNDS = 8 };

static uint32_t values[COUNT];

static void quick_sort(uint32_t *a, long low, long high) {
  while (low < high) {
    uint32_t pivot = a[(low + high) / 2];
    long i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        uint32_t t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    if (j - low < high - i) {
      quick_sort(a, low, j);
      low = i;
    } else {
      quick_sort(a, i, high);
      high = j;
    }
  }
}

static void sift_down(uint32_t *a, long root, long count) {
  uint32_t value = a[root];
  for (long child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && a[child] < a[child + 1]) child++;
    if (a[child] <= value) break;
    a[root] = a[child];
  }
  a[root] = value;
}

static void heap_sort(uint32_t *a, long count) {
  for (long i = count / 2 - 1; i >= 0; i--) sift_down(a, i, count);
  for (long i = count - 1; i > 0; i--) {
    uint32_t t = a[0];
    a[0] = a[i];
    a[i] = t;
    sift_down(a, 0, i);
  }
}

int main(void) {
  uint64_t seed = 88172645463325252u, sum = 0;
  double start = now();
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < COUNT; i++) values[i] = (uint32_t)next_random(&seed);
    if (round % 2 == 0) quick_sort(values, 0, COUNT - 1);
    else heap_sort(values, COUNT);
    for (int i = 0; i < COUNT; i += 97) sum = add_checksum(sum, values[i]);
  }
  return report("sort", sum, start);
}
