// Processes: fork, exec of this same program, exit status, wait.
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

enum { FORKS = 150, EXECS = 100 };

int main(int argc, char **argv) {
  if (argc > 1) return atoi(argv[1]);
  uint64_t sum = 0;
  double start = now();
  for (int i = 0; i < FORKS + EXECS; i++) {
    pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) {
      if (i < FORKS) _exit(i & 127);
      char status[16];
      snprintf(status, sizeof status, "%d", i & 127);
      execl(argv[0], argv[0], status, (char *)NULL);
      _exit(255);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 1;
    sum = add_checksum(sum, (uint64_t)WEXITSTATUS(status));
  }
  return report("processes", sum, start);
}
