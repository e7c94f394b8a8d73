/* Python face of ag_keccak: one function over a buffer. */
#include "binding.h"

#include "agbot/ag_keccak.h"

static PyObject *keccak256(PyObject *Py_UNUSED(module), PyObject *given) {
    Py_buffer data;
    uint8_t hash[AG_KECCAK256_BYTES];
    if (PyObject_GetBuffer(given, &data, PyBUF_SIMPLE) < 0)
        return NULL;
    ag_keccak256(data.buf, (size_t)data.len, hash);
    PyBuffer_Release(&data);
    return PyBytes_FromStringAndSize((const char *)hash, sizeof hash);
}

static PyMethodDef module_methods[] = {
    {"keccak256", keccak256, METH_O,
     PyDoc_STR("keccak256(data, /)\n--\n\nReturn the 32-byte Keccak-256 of a contiguous buffer, as Ethereum hashes.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "agbot._keccak",
    .m_doc = "Keccak-256 in C.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__keccak(void) { return PyModuleDef_Init(&module_def); }
