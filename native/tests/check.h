/* What the plain C tests share: CHECK, a seeded generator, and an allocator that fails on demand. Include once per main. */
#ifndef AGBOT_CHECK_H
#define AGBOT_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int checks_made;

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        checks_made++;                                                                      \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition);   \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

/* The Makefile compiles the sources with malloc and calloc renamed to these. */
void *ag_test_malloc(size_t size);
void *ag_test_calloc(size_t count, size_t size);

static int allocations_until_failure = -1; /* -1: never */

static int allocation_fails(void) {
    return allocations_until_failure >= 0 && allocations_until_failure-- == 0;
}

void *ag_test_malloc(size_t size) { return allocation_fails() ? NULL : malloc(size); }

void *ag_test_calloc(size_t count, size_t size) { return allocation_fails() ? NULL : calloc(count, size); }

/* xorshift64*: the same numbers on every platform. */
static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t random_next(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(2685821657736338717);
}

static int64_t random_below(int64_t bound) { return (int64_t)(random_next() % (uint64_t)bound); }

#endif
