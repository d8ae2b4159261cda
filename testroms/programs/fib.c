// Recursive calls: call, return, stack frames and little else.
#include "program.h"

static __attribute__((noinline)) uint64_t fib(uint64_t n) {
  if (n < 2) return n;
  uint64_t before = fib(n - 1);
  // Between the two calls: keeps the compiler from turning either into a loop.
  __asm__ volatile("" : "+r"(before) : : "memory");
  return before + fib(n - 2);
}

int main(int argc, char **argv) {
  (void)argv;
  double start = now();
  uint64_t sum = add_checksum(0, fib(39u + (uint64_t)argc - 1));
  return report("fib", sum, start);
}
