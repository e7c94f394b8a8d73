/* What the bindings share: the limited API of Python 3.11, reading numbers and buffers. Include first. */
#ifndef AGBOT_BINDING_H
#define AGBOT_BINDING_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Headers of 3.12 and later return these without a new reference, for there they are immortal. A module built with such
 * headers is loaded by 3.11 too, which would count None down to nothing, and abort.
 */
#undef Py_RETURN_NONE
#undef Py_RETURN_TRUE
#undef Py_RETURN_FALSE
#undef Py_RETURN_NOTIMPLEMENTED
#define Py_RETURN_NONE return Py_NewRef(Py_None)
#define Py_RETURN_TRUE return Py_NewRef(Py_True)
#define Py_RETURN_FALSE return Py_NewRef(Py_False)
#define Py_RETURN_NOTIMPLEMENTED return Py_NewRef(Py_NotImplemented)

#define FAST(function) ((PyCFunction)(void (*)(void))(function))

static inline PyObject *wrong_count(const char *usage) {
    PyErr_Format(PyExc_TypeError, "usage: %s", usage);
    return NULL;
}

/* PyLong_AsLong goes digit by digit, PyLong_AsLongLong through a byte array: three times as slow beyond 2^30. */
static inline int int64_get(PyObject *number, int64_t *out) {
#if LONG_MAX == INT64_MAX
    *out = PyLong_AsLong(number);
#else
    *out = PyLong_AsLongLong(number);
#endif
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

/* Whether a struct format means native int64 ('q') or double ('d'). */
static inline bool format_is(const Py_buffer *view, char kind) {
    const uint16_t probe = 1;
    const char native = *(const char *)&probe == 1 ? '<' : '>';
    const char *format = view->format == NULL ? "B" : view->format;
    if (view->itemsize != 8)
        return false;
    if (*format == '@' || *format == '=' || *format == native)
        format++;
    bool known = *format == kind || (kind == 'q' && *format == 'l');
    return known && format[1] == '\0';
}

/* Whether 8-byte loads are allowed at every element; an empty buffer may point anywhere. */
static inline bool aligned(const Py_buffer *view) {
    if (view->len == 0)
        return true;
    return (uintptr_t)view->buf % 8 == 0 && (view->strides == NULL || view->strides[0] % 8 == 0);
}

/*
 * Takes `object`'s buffer as one column of int64 ('q') or double ('d'). One to be written must be contiguous, one to be
 * read need not be. Returns -1 with TypeError, ValueError or BufferError set, and nothing to release.
 */
static inline int column_get(PyObject *object, Py_buffer *view, char kind, bool writable) {
    int flags = writable ? PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS | PyBUF_FORMAT : PyBUF_RECORDS_RO;
    if (PyObject_GetBuffer(object, view, flags) < 0)
        return -1;
    if (view->ndim == 1 && format_is(view, kind) && aligned(view))
        return 0;
    PyErr_Format(PyExc_TypeError, "needs a one-dimensional aligned buffer of %s",
                 kind == 'q' ? "int64" : "float64");
    PyBuffer_Release(view);
    return -1;
}

#endif
