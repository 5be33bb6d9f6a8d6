#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int passes, failures;

/* Each claim runs in a process of its own, so that one that crashes fails alone. */
void harness_claim(const char *name, void (*run)(void)) {
  for (const char *at = name; *at; at++) putchar(*at == '_' ? ' ' : *at);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    run();
    exit(0);
  }
  int status = 1;
  if (child < 0 || waitpid(child, &status, 0) < 0) perror("fork");
  bool passed = status == 0;
  if (WIFSIGNALED(status)) printf("\n    ended by signal %d", WTERMSIG(status));
  puts(passed ? ": yes" : "\n    NO");
  *(passed ? &passes : &failures) += 1;
}

noreturn void harness_fail(const char *file, int line, const char *what) {
  const char *slash = strrchr(file, '/');
  printf("\n    %s:%d: %s", slash ? slash + 1 : file, line, what);
  exit(1);
}

void harness_expect_sound(const char *file, int line, const char *sentence) {
  if (sentence) harness_fail(file, line, sentence);
}

int harness_end(void) {
  printf("%d passed, %d failed\n", passes, failures);
  return failures != 0;
}
