/*
 * Runs claims and counts them. A claim is a function whose name is the sentence that it shows; the
 * first expectation that does not hold ends it.
 */
#ifndef WASM_ARENA_TEST_HARNESS_H
#define WASM_ARENA_TEST_HARNESS_H

#include <stdbool.h>
#include <stdnoreturn.h>

#define CLAIM(function) harness_claim(#function, function)
#define EXPECT(condition) \
  ((condition) ? (void)0 : harness_fail(__FILE__, __LINE__, "expected " #condition))
#define EXPECT_SOUND(sentence) harness_expect_sound(__FILE__, __LINE__, sentence)

void harness_claim(const char *name, void (*run)(void));

/* Ends the claim that runs. */
noreturn void harness_fail(const char *file, int line, const char *what);

/* Takes what `check` returns: the sentence of a broken invariant, or NULL. */
void harness_expect_sound(const char *file, int line, const char *sentence);

/* Prints the count; returns what main is to return. */
int harness_end(void);

#endif
