/* Rows of int64 from Python: an (n, width) buffer taken as it is, or a sequence of tuples copied. Include binding.h first. */
#ifndef AGBOT_ROWS_H
#define AGBOT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_ON_STACK 48
#define ROWS_MAX_WIDTH 3

typedef struct {
    const int64_t *numbers; /* count * width of them */
    size_t count;
    bool from_buffer;
    Py_buffer view;
    int64_t *heap;
    int64_t stack[ROWS_ON_STACK * ROWS_MAX_WIDTH];
} rows_t;

/* Reads one int. Outside 64 bits it is just another impossible value: ValueError, not OverflowError. 0 or -1. */
int number_get(PyObject *number, int64_t *out);

/* Reads rows of `width` (2 or 3) numbers. 0, or -1 with an error set and nothing to release. */
int rows_get(rows_t *rows, PyObject *given, Py_ssize_t width);

void rows_release(rows_t *rows);

#endif
