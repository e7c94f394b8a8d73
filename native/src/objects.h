/* The Python objects that one binding reads from another: what stands behind their heads. Include binding.h first. */
#ifndef AGBOT_OBJECTS_H
#define AGBOT_OBJECTS_H

#include "agbot/ag_book.h"
#include "agbot/ag_condition.h"

/* agbot._book.Book */
typedef struct {
    PyObject_HEAD
    ag_book_t *book;
} book_t;

/* agbot._condition.Condition */
typedef struct {
    PyObject_HEAD
    ag_condition_t *condition;
} condition_t;

#endif
