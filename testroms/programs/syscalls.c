// System calls that do little: what entering and leaving the kernel costs.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "program.h"

enum { CALLS = 200000, READS = 80000, PIPES = 30000 };

int main(void) {
  uint64_t sum = 0;
  char buffer[64];
  int ends[2], zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
  if (zero < 0 || null < 0 || pipe(ends) != 0) return 1;
  double start = now();
  for (int i = 0; i < CALLS; i++) sum += syscall(SYS_getppid) > 0;
  for (int i = 0; i < READS; i++) {
    sum = add_checksum(sum, (uint64_t)read(zero, buffer, sizeof buffer));
    sum = add_checksum(sum, (uint64_t)write(null, buffer, sizeof buffer));
  }
  for (int i = 0; i < PIPES; i++) {
    buffer[0] = (char)i;
    if (write(ends[1], buffer, 32) != 32 || read(ends[0], buffer, 32) != 32) return 1;
    sum = add_checksum(sum, (uint8_t)buffer[0]);
  }
  return report("syscalls", sum, start);
}
