#include "names.h"

#include <string.h>

#define CAPACITY_FIRST 64

static uint64_t hash_of(const char *text, size_t length) {
    uint64_t head = 0, tail = 0;
    size_t size = length < 8 ? length : 8;
    memcpy(&head, text, size);
    memcpy(&tail, text + length - size, size);
    uint64_t mixed = (head ^ (tail << 1) ^ length) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed ^ mixed >> 32;
}

static bool is(const name_t *name, uint64_t hash, const char *text, size_t length) {
    Py_ssize_t known = 0;
    const char *its = name->hash == hash ? PyUnicode_AsUTF8AndSize(name->text, &known) : NULL;
    return its != NULL && (size_t)known == length && memcmp(its, text, length) == 0;
}

/* Its slot, or the empty one where it belongs; the table is never full. */
static name_t *probe(const names_t *names, uint64_t hash, const char *text, size_t length) {
    size_t at = hash & (names->capacity - 1);
    while (names->slots[at].text != NULL && !is(&names->slots[at], hash, text, length))
        at = (at + 1) & (names->capacity - 1);
    return &names->slots[at];
}

void names_clear(names_t *names) {
    for (size_t i = 0; i < names->capacity; i++) {
        Py_XDECREF(names->slots[i].text);
        Py_XDECREF(names->slots[i].market);
    }
    PyMem_Free(names->slots);
    *names = (names_t){NULL, 0, 0};
}

/* Makes room for one more; -1 with an error set. */
static int grow(names_t *names) {
    if (names->count >= NAMES_MAX)
        names_clear(names);
    if (2 * names->count < names->capacity)
        return 0;
    names_t larger = {.capacity = names->capacity == 0 ? CAPACITY_FIRST : 2 * names->capacity, .count = names->count};
    larger.slots = PyMem_Calloc(larger.capacity, sizeof(name_t));
    if (larger.slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < names->capacity; i++) {
        if (names->slots[i].text == NULL)
            continue;
        size_t at = names->slots[i].hash & (larger.capacity - 1);
        while (larger.slots[at].text != NULL)
            at = (at + 1) & (larger.capacity - 1);
        larger.slots[at] = names->slots[i];
    }
    PyMem_Free(names->slots);
    *names = larger;
    return 0;
}

/* `object` is the text as a Python string, NULL when there is none yet. */
static name_t *get(names_t *names, const char *text, size_t length, PyObject *object) {
    uint64_t hash = hash_of(text, length);
    name_t *name = names->capacity == 0 ? NULL : probe(names, hash, text, length);
    if (name != NULL && name->text != NULL)
        return name;
    object = object == NULL ? PyUnicode_FromStringAndSize(text, (Py_ssize_t)length) : Py_NewRef(object);
    if (object == NULL || grow(names) < 0) {
        Py_XDECREF(object);
        return NULL;
    }
    name = probe(names, hash, text, length);
    *name = (name_t){.text = object, .hash = hash};
    names->count++;
    return name;
}

name_t *names_get(names_t *names, const char *text, size_t length) { return get(names, text, length, NULL); }

name_t *names_of(names_t *names, PyObject *text) {
    Py_ssize_t length = 0;
    const char *its = PyUnicode_AsUTF8AndSize(text, &length);
    return its == NULL ? NULL : get(names, its, (size_t)length, text);
}

const name_t *names_find(const names_t *names, PyObject *text) {
    Py_ssize_t length = 0;
    const char *its = PyUnicode_AsUTF8AndSize(text, &length);
    if (its == NULL)
        PyErr_Clear();
    if (its == NULL || names->capacity == 0)
        return NULL;
    const name_t *name = probe(names, hash_of(its, (size_t)length), its, (size_t)length);
    return name->text == NULL ? NULL : name;
}
