// Page faults: map, touch every page, write-protect, unmap.
#include <sys/mman.h>

#include "program.h"

enum { PAGES = 1024, ROUNDS = 60, PAGE = 4096 };

int main(void) {
  uint64_t sum = 0;
  double start = now();
  for (int round = 0; round < ROUNDS; round++) {
    uint8_t *p = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || madvise(p, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE) != 0) return 1;
    for (int i = 0; i < PAGES; i++) p[(size_t)i * PAGE] = (uint8_t)(i + round);
    if (mprotect(p, (size_t)PAGES * PAGE, PROT_READ) != 0) return 1;
    for (int i = 0; i < PAGES; i += 7) sum = add_checksum(sum, p[(size_t)i * PAGE]);
    if (munmap(p, (size_t)PAGES * PAGE) != 0) return 1;
  }
  return report("faults", sum, start);
}
