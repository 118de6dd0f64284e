// SPDX-License-Identifier: MIT
//
// What the C tests share: checks that count, and a main.
//
//   test_x [SEED]              run everything
//   test_x --list              print the names of the tests
//   test_x --run NAME [SEED]   run one

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned checks;
static unsigned failures;
static unsigned long seed = 645;

#define CHECK(condition)                                                                          \
    do {                                                                                          \
        checks++;                                                                                 \
        if (!(condition)) {                                                                       \
            failures++;                                                                           \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                        \
        }                                                                                         \
    } while (0)

#define CHECK_EQUAL(got, wanted)                                                                  \
    do {                                                                                          \
        long got_ = (long)(got);                                                                  \
        long wanted_ = (long)(wanted);                                                            \
        checks++;                                                                                 \
        if (got_ != wanted_) {                                                                    \
            failures++;                                                                           \
            printf("%s:%d: failed: %s is %ld, not %ld\n", __FILE__, __LINE__, #got, got_,         \
                   wanted_);                                                                      \
        }                                                                                         \
    } while (0)

typedef struct {
    const char *name;
    void (*run)(void);
} test_t;

// clang-format off
#define TEST(name) {#name, name}
// clang-format on

static int run_tests(const test_t *tests, size_t n, int argc, char **argv) {
    const char *only = NULL;
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < n; i++) {
            puts(tests[i].name);
        }
        return 0;
    }
    if (argc > 2 && strcmp(argv[1], "--run") == 0) {
        only = argv[2];
        argc -= 2;
        argv += 2;
    }
    if (argc > 1) {
        seed = strtoul(argv[1], NULL, 0);
    }
    unsigned ran = 0;
    for (size_t i = 0; i < n; i++) {
        if (only == NULL || strcmp(only, tests[i].name) == 0) {
            unsigned before = failures;
            tests[i].run();
            printf("%s %s\n", failures == before ? "ok    " : "FAILED", tests[i].name);
            ran++;
        }
    }
    printf("%u tests, %u checks, %u failures\n", ran, checks, failures);
    // A name that matches nothing is a failure, not a pass.
    return ran == 0 || failures > 0;
}

#endif // CHECK_H
