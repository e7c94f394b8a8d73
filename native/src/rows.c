#include "binding.h"
#include "rows.h"

int number_get(PyObject *number, int64_t *out) {
    if (int64_get(number, out) == 0)
        return 0;
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
        PyErr_Clear();
        PyErr_Format(PyExc_ValueError, "%R does not fit into 64 bits", number);
    }
    return -1;
}

void rows_release(rows_t *rows) {
    if (rows->from_buffer)
        PyBuffer_Release(&rows->view);
    PyMem_Free(rows->heap);
}

static int rows_from_buffer(rows_t *rows, PyObject *given, Py_ssize_t width) {
    if (PyObject_GetBuffer(given, &rows->view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        return -1;
    rows->from_buffer = true;
    if (rows->view.ndim != 2 || rows->view.shape[1] != width || !format_is(&rows->view, 'q') ||
        !aligned(&rows->view)) {
        PyErr_Format(PyExc_TypeError, "needs an aligned int64 buffer of shape (n, %zd)", width);
        return -1;
    }
    rows->numbers = rows->view.buf;
    rows->count = (size_t)rows->view.shape[0];
    return 0;
}

static int row_get(PyObject *row, Py_ssize_t width, int64_t *out) {
    PyObject *tuple = PyTuple_CheckExact(row) ? Py_NewRef(row) : PySequence_Tuple(row);
    int result = -1;
    if (tuple == NULL)
        return -1;
    if (PyTuple_Size(tuple) != width) {
        PyErr_Format(PyExc_ValueError, "needs rows of %zd numbers, got %zd", width, PyTuple_Size(tuple));
        goto done;
    }
    for (Py_ssize_t i = 0; i < width; i++)
        if (number_get(PyTuple_GetItem(tuple, i), &out[i]) < 0)
            goto done;
    result = 0;
done:
    Py_DECREF(tuple);
    return result;
}

/* `tuple` is ours alone or immutable, so user code that a conversion runs cannot pull rows away. */
static int rows_from_tuple(rows_t *rows, PyObject *tuple, Py_ssize_t width) {
    Py_ssize_t count = PyTuple_Size(tuple);
    int64_t *numbers = rows->stack;
    if (count > ROWS_ON_STACK) {
        rows->heap = PyMem_Malloc((size_t)count * (size_t)width * sizeof(int64_t));
        if (rows->heap == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        numbers = rows->heap;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (row_get(PyTuple_GetItem(tuple, i), width, numbers + i * width) < 0)
            return -1;
    rows->numbers = numbers;
    rows->count = (size_t)count;
    return 0;
}

int rows_get(rows_t *rows, PyObject *given, Py_ssize_t width) {
    rows->from_buffer = false;
    rows->heap = NULL;
    int result = -1;
    if (PyObject_CheckBuffer(given)) {
        result = rows_from_buffer(rows, given, width);
    } else {
        PyObject *tuple = PyTuple_CheckExact(given) ? Py_NewRef(given) : PySequence_Tuple(given);
        if (tuple == NULL)
            return -1;
        result = rows_from_tuple(rows, tuple, width);
        Py_DECREF(tuple);
    }
    if (result < 0)
        rows_release(rows);
    return result;
}
