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

/* Whether `object` is of that type; TypeError, or what the import says, when it is not. */
static inline bool is_a(PyObject *object, const char *module_name, const char *type_name) {
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *type = module == NULL ? NULL : PyObject_GetAttrString(module, type_name);
    int same = type == NULL ? -1 : PyObject_IsInstance(object, type);
    Py_XDECREF(type);
    Py_XDECREF(module);
    if (same == 0)
        PyErr_Format(PyExc_TypeError, "needs a %s.%s", module_name, type_name);
    return same > 0;
}

#endif
